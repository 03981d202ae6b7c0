from dataclasses import replace

import numpy as np
import pytest

from lstm_analog.errors import InvalidShapeError, InvalidValueError, NetworkError
from lstm_analog.network.schedule import Imposed, Schedule, imposed_efforts
from lstm_analog.network.varying import VaryingParameters


def drive(*lead, sources=1, label="drive"):
    return Imposed(label=label, efforts=np.arange(np.prod((*lead, 2, sources)), dtype=float).reshape(*lead, 2, sources))


def schedule(**changes):
    fields = {"names": ("on", "off"), "high": [[True], [False]], "durations": [1.0, 2.0], "imposed": (drive(),)}
    return Schedule(**(fields | changes))


def test_intervals_follow_each_other():
    assert schedule().ends.tolist() == [1.0, 3.0]
    assert (schedule().phase(0), schedule().phase(1)) == ((True,), (False,))
    assert not schedule().high.flags.writeable


@pytest.mark.parametrize(
    ("leads", "expected"), [(((),), ()), (((3,),), (3,)), (((3,), ()), (3,)), (((2, 1), (3,)), (2, 3))]
)
def test_leading_axes_are_broadcast(leads, expected):
    imposed = tuple(drive(*lead, label=f"d{k}") for k, lead in enumerate(leads))
    assert schedule(imposed=imposed).lead == expected


def test_nothing_imposed_has_no_batch():
    assert schedule(imposed=()).lead == ()


@pytest.mark.parametrize(
    ("changes", "kind", "text"),
    [
        ({"durations": [1.0, 0.0]}, InvalidValueError, r"^durations must be positive, got 0\.0"),
        ({"durations": [1.0, -1.0]}, InvalidValueError, r"^durations must be positive, got -1\.0"),
        ({"durations": [1.0, np.nan]}, InvalidValueError, r"^durations must be finite"),
        ({"durations": [1.0] * 3}, InvalidShapeError, r"^durations must have shape \(2,\)"),
        ({"high": [[True]]}, InvalidShapeError, r"^schedule high must cover 2 intervals"),
        (
            {"high": [True, False]},
            InvalidShapeError,
            r"^schedule high must be an array \(intervals, lines\), got 1 axes",
        ),
        (
            {"high": [[True], [True, False]]},
            InvalidShapeError,
            r"^schedule high must be an array, got rows of different length",
        ),
        (
            {"imposed": (Imposed(label="drive", efforts=np.ones((3, 1))),)},
            InvalidShapeError,
            r"^schedule drive must cover 2",
        ),
        (
            {"imposed": (drive(), drive())},
            InvalidValueError,
            r"^imposed must name a bank once, got \['drive', 'drive'\]",
        ),
        ({"imposed": (drive(2), drive(3, label="b"))}, InvalidShapeError, r"^imposed must have leading axes that fit"),
        ({"imposed": (drive(0),)}, InvalidShapeError, r"^imposed must have leading axes .* none of them empty"),
        ({"names": ("on", "a\n.control\nshell id\n.endc")}, InvalidValueError, r"^label must be a lower-case letter"),
        (
            {"chips": 2},
            InvalidShapeError,
            r"^imposed must lead with an axis of 2 chips, got leading axes \(\): give one",
        ),
        ({"chips": 2, "imposed": (drive(3),)}, InvalidShapeError, r"^imposed must lead with an axis of 2 chips, got"),
        ({"names": ("on", "o f")}, InvalidValueError, r"^label must be a lower-case letter"),
        ({"high": [[0.3], [1]]}, InvalidValueError, r"^schedule high must be True or False, got others"),
        ({"high": [["0"], ["1"]]}, InvalidValueError, r"^schedule high must be True or False, got others"),
        (
            {"durations": [1.0, 1e-20]},
            InvalidValueError,
            r"^durations must add up to times that increase, got 1e-20 s b",
        ),
        ({"durations": [1e308, 1e308]}, InvalidValueError, r"^durations must add up to times that increase"),
        (
            {"varying": VaryingParameters(first=[0, 2], draw=lambda: iter(()))},
            InvalidShapeError,
            r"^stretches must begin in one of the 2 intervals, got one from interval 2 on",
        ),
    ],
)
def test_bad_schedules_are_refused(changes, kind, text):
    with pytest.raises(kind, match=text):
        schedule(**changes)


def test_no_interval_is_refused():
    with pytest.raises(InvalidShapeError, match=r"must cover 0 intervals, at least one"):
        Schedule(names=(), high=np.empty((0, 1)), durations=np.empty(0), imposed=())


def test_imposed_efforts_are_finite_and_have_their_axes():
    with pytest.raises(
        InvalidShapeError, match=r"^imposed a must have shape \(\.\.\., intervals, sources\), got \(2,\)"
    ):
        Imposed(label="a", efforts=[1.0, 2.0])
    with pytest.raises(InvalidValueError, match=r"^imposed a must be finite, got inf at index \(0, 0\)"):
        Imposed(label="a", efforts=[[np.inf]])


def test_a_schedule_fits_its_network(rc):
    fitting = schedule()
    assert fitting.fit(rc()) is fitting


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"high": np.ones((2, 2))}, r"^schedule must have the 1 clock lines of the network, got 2: rebuild it$"),
        ({"imposed": (drive(sources=2),)}, r"^imposed drive must name a bank of 2 sources, got 1: check the label$"),
        ({"imposed": (drive(label="caps"),)}, r"^imposed caps must name a bank of 1 sources, got None"),
        ({"imposed": (drive(label="none"),)}, r"^part must be one of drive, wire, caps, got 'none'"),
    ],
)
def test_a_schedule_of_another_network_is_refused(rc, changes, text):
    with pytest.raises(NetworkError, match=text):
        schedule(**changes).fit(rc())


def test_sources_hold_what_is_imposed_else_their_own(rc):
    ((part, value),) = imposed_efforts(rc(), schedule(), 1)
    assert (part.label, value.tolist()) == ("drive", [1.0])
    ((_, value),) = imposed_efforts(rc(), schedule(imposed=()), 1)
    assert value.tolist() == [1.0]
    ((_, value),) = imposed_efforts(rc(), schedule(imposed=(drive(3),)), 0)
    assert value.tolist() == [[0.0], [2.0], [4.0]]


def test_what_is_broadcast_along_the_intervals_is_held_once():
    once = np.array([[1.0, 2.0]])
    entry = Imposed(label="drive", efforts=np.broadcast_to(once, (10**9, 2)))
    once[0, 0] = 9.0
    assert entry.steady
    assert entry.efforts.shape == (10**9, 2)
    np.testing.assert_array_equal(entry.efforts[-1], [1.0, 2.0])
    assert not Imposed(label="drive", efforts=np.ones((3, 2))).steady
    with pytest.raises(InvalidValueError, match="imposed drive must be finite"):
        Imposed(label="drive", efforts=np.broadcast_to(np.array([np.nan, 1.0]), (5, 2)))


def test_the_first_axis_may_count_chips():
    """What leads with it differs from chip to chip, what does not is the same for all; the rest is the batch."""
    own, same = drive(2, 3), drive(3, label="b")
    many = schedule(imposed=(own, same), chips=2)
    assert (many.lead, many.batch) == ((2, 3), (3,))
    np.testing.assert_array_equal(many.side_by_side(own), own.efforts)
    np.testing.assert_array_equal(many.side_by_side(same), same.efforts)
    plain = schedule(imposed=(drive(2),), chips=2)
    assert (plain.batch, plain.side_by_side(plain.imposed[0]).shape) == ((), (2, 1, 2, 1))


def test_a_chip_of_a_schedule_has_its_own_efforts():
    own, same = drive(2, 3), drive(3, label="b")
    many = schedule(imposed=(own, same), chips=2)
    one, both = many.of_chips(1), many.of_chips(np.array([1, 0]))
    np.testing.assert_array_equal(one.imposed[0].efforts, own.efforts[1])
    np.testing.assert_array_equal(both.imposed[0].efforts, own.efforts[::-1])
    assert (one.chips, one.lead, both.chips, both.lead) == (0, (3,), 2, (2, 3))
    np.testing.assert_array_equal(one.imposed[1].efforts, same.efforts)
    assert schedule(imposed=(same,)).of_chips(1).lead == (3,)
    assert many.sequence(4).chips == 0


def test_a_schedule_for_other_chips_is_refused(rc):
    network = rc(parts=(*rc().parts[:2], replace(rc().part("caps"), capacitance=np.ones((3, 1)))))
    assert schedule(imposed=(drive(3),), chips=3).fit(network)
    with pytest.raises(InvalidShapeError, match=r"^schedule must be for the 3 chips of the network, got 2 chips: rebu"):
        schedule(imposed=(drive(2),), chips=2).fit(network)


def test_a_number_of_numpy_is_a_chip_and_one_that_there_is_not_is_refused():
    many = schedule(chips=3, imposed=(drive(3),))
    assert many.of_chips(np.int64(1)).lead == many.of_chips(1).lead == ()
    np.testing.assert_array_equal(many.of_chips(np.int64(1)).imposed[0].efforts, drive(3).efforts[1])
    for chosen, got in ((-1, "-1 to -1"), (3, "3 to 3"), (np.array([0, 7]), "0 to 7"), ([], "none")):
        with pytest.raises(InvalidValueError, match=rf"^chips must be 0 to 2, got {got}: count chips from zero"):
            many.of_chips(chosen)


def test_one_sequence_is_single_whatever_its_axes():
    for lead in ((), (1,), (1, 1)):
        assert schedule(imposed=(drive(*lead),)).single("a deck").lead == ()


def test_lists_become_tuples_that_nobody_changes():
    names = ["on", "off"]
    made = schedule(names=names, imposed=[drive()])
    names[0] = "other"
    assert (made.names, type(made.imposed)) == (("on", "off"), tuple)


def test_fewer_networks_than_stretches_are_refused(rc):
    varying = VaryingParameters(first=[0, 1], draw=lambda: iter((rc(),)))
    with pytest.raises(InvalidShapeError, match=r"^draw must give 2 networks, got fewer: draw one a stretch"):
        list(schedule(varying=varying).stretches(rc()))
