import numpy as np
import pytest

from lstm_analog.errors import InvalidShapeError, InvalidValueError, NetworkError
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import Save, Trajectory


@pytest.fixture
def trajectory(rc):
    def make(time=(0.0, 1.0, 3.0), efforts=None):
        schedule = Schedule(names=("on", "off"), high=[[True], [False]], durations=[1.0, 2.0], imposed=())
        values = np.array(time)[:, None] * [0.0, 1.0, 10.0, 100.0] if efforts is None else efforts
        return Trajectory(network=rc(), schedule=schedule, time=np.array(time), efforts=values, engine="by hand")

    return make


def test_efforts_by_label(trajectory):
    assert trajectory()["c"].tolist() == [[0.0, 0.0], [10.0, 100.0], [30.0, 300.0]]
    with pytest.raises(NetworkError, match=r"^label must be one of s, c"):
        trajectory()["z"]


def test_samples_are_linear_and_held_outside(trajectory):
    got = trajectory().sample(np.array([-1.0, 0.5, 2.0, 3.0, 9.0]), np.array([1, 2]))
    np.testing.assert_allclose(got, [[0.0, 0.0], [0.5, 5.0], [2.0, 20.0], [3.0, 30.0], [3.0, 30.0]])


def test_samples_keep_leading_axes(trajectory):
    efforts = np.random.default_rng(0).normal(size=(2, 5, 3, 4))
    assert trajectory(efforts=efforts).sample(np.array([0.5]), np.array([1, 2])).shape == (2, 5, 1, 2)


def test_values_at_the_ends_of_intervals(trajectory):
    np.testing.assert_allclose(trajectory().at_ends("c", np.array([1, 0])), [[30.0, 300.0], [10.0, 100.0]])


@pytest.mark.parametrize("time", [(0.0, 0.0, 1.0), (0.0, 2.0, 1.0)])
def test_time_increases(trajectory, time):
    with pytest.raises(InvalidShapeError, match=r"^trajectory must have shape \(\.\.\., 3, 4\) over increasing times"):
        trajectory(time=time, efforts=np.zeros((3, 4)))


def test_efforts_cover_time_and_unknowns(trajectory):
    with pytest.raises(InvalidShapeError, match=r"^trajectory must have shape .*, got \(3, 5\): rerun the engine$"):
        trajectory(efforts=np.zeros((3, 5)))
    with pytest.raises(InvalidValueError, match=r"^trajectory efforts must be finite"):
        trajectory(efforts=np.full((3, 4), np.nan))


def test_a_moment_counts_as_a_vector_of_one(trajectory):
    assert trajectory().sample(0.5, [1]).shape == (1, 1)


@pytest.mark.parametrize(("times", "nodes", "said"), [([np.nan], [1], "got NaN"), ([0.5], [4], "got 4 to 4")])
def test_what_there_is_not_is_not_sampled(trajectory, times, nodes, said):
    with pytest.raises(InvalidValueError, match=said):
        trajectory().sample(np.array(times), np.array(nodes))


def test_one_point_is_held_and_none_is_no_trajectory(trajectory):
    assert trajectory(time=(1.0,)).sample(np.array([0.0, 2.0]), np.array([2])).ravel().tolist() == [10.0, 10.0]
    with pytest.raises(InvalidShapeError, match=r"^trajectory must have shape \(\.\.\., 0, 4\) over .* at least one"):
        trajectory(time=(), efforts=np.zeros((0, 4)))


def test_what_is_kept_is_counted_and_listed_in_any_way():
    save = Save(groups=["c"], last=np.int64(1), more=[Save()])
    assert hash(save) == hash(Save(groups=("c",), last=1, more=(Save(),)))
    assert save.points(("on", "off")).tolist() == [False, False, True]
    with pytest.raises(
        InvalidValueError, match=r"^save must keep a point, got on among the last 1 intervals: raise last"
    ):
        Save(intervals=("on",), last=1).points(("on", "off"))
