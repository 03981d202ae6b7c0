"""Who got to which stop in a trajectory: of several chips, sequences and ends."""

from dataclasses import replace

import by_hand
import numpy as np
import pytest

from lstm_analog.engines import Integrate, Settle, Waveform, portions
from lstm_analog.engines.record import keep_only
from lstm_analog.errors import InvalidValueError
from lstm_analog.network.domain import HYDRAULIC
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import Sources, Stops, Storages, Switches
from lstm_analog.network.trajectory import Save, Trajectory
from lstm_analog.study.ranges import beyond_stops

ENDS = Stops(label="ends", nodes=[2, 3], low=-1.0, high=2.0, conductance=20.0, band=0.1)


def tanks(ends: Stops = ENDS) -> Network:
    """Two tanks of 100 Pa a unit, one behind the other, that stop at -1 and 2 Pa."""
    return by_hand.network(
        {"drive": 1, "e": 2},
        Sources(label="drive", nodes=[1], effort=0.0),
        Switches(label="line", line=0, a=[1, 2], b=[2, 3], closed=1.0, opened=1e-30),
        Storages(label="tank", nodes=[2, 3], capacitance=0.01),
        ends,
        lines=("on",),
        domain=HYDRAULIC,
        scale=100.0,
    )


def driven(network: Network, levels: list[float], save: Save = Save()) -> Trajectory:  # noqa: B008 - it is frozen
    """Run a batch of sequences of one interval at the `levels`."""
    return Settle(save=save).run(network, by_hand.schedule([1.0], [True], drive=np.array(levels)[:, None, None]))


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([0.5, 1.99, -0.99], []),
        ([0.5, 5.0, 1.0], ["e_0 at 0.0218355 units (stop at 0.02)", "e_1 at 0.0203813 units (stop at 0.02)"]),
        ([0.5, -5.0, 1.0], ["e_0 at -0.0122923 units (stop at -0.01)", "e_1 at -0.0104314 units (stop at -0.01)"]),
    ],
)
def test_a_stop_is_told_with_its_place(levels: list[float], expected: list[str]) -> None:
    assert list(beyond_stops(driven(tanks(), levels))) == expected


def test_every_chip_has_its_own_stops() -> None:
    """Two chips, three sequences: only the second sequence gets to a stop, and only on the first chip."""
    high = np.array([[2.0, 7.0], [6.0, 7.0]])
    found = driven(tanks(replace(ENDS, high=high)), [0.5, 5.0, 1.0])
    assert found.efforts.shape[:2] == (2, 3)
    assert [text.split()[0] for text in beyond_stops(found)] == ["e_0"]


@pytest.mark.parametrize("engine", [Settle(), Waveform()], ids=repr)
def test_stops_are_told_of_runs_in_portions(engine: Settle | Waveform, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_EFFORTS", "_LEAST", "_WORK"):
        monkeypatch.setattr(portions, name, 1)
    for high, chips in ((np.array([[2.0, 7.0], [6.0, 7.0]]), 2), ([2.0, 7.0], 0)):
        network, efforts = tanks(replace(ENDS, high=high)), [[[0.5]], [[5.0]], [[1.0]]]
        fed = by_hand.schedule([1.0], [True], drive=efforts)
        assert len(portions.divided(network, fed, threads=2, most=2).slices) == 2
        found = replace(engine, threads=2).run(network, fed)
        assert [extremes.highest.shape for extremes in found.extremes] == [(2, 2) if chips else (2,)]
        assert [text.split()[0] for text in beyond_stops(found)] == ["e_0"]


def test_of_several_chips_the_farthest_counts_with_its_own_stop() -> None:
    high = np.array([[2.0, 7.0], [3.0, 7.0]])
    found = driven(tanks(replace(ENDS, high=high)), [3.05, 5.0])
    over = found["e"][..., 0].max(axis=(1, 2)) - high[:, 0]
    chip = int(over.argmax())
    far, stop = (value / 100.0 for value in (found["e"][chip, ..., 0].max(), high[chip, 0]))
    assert next(beyond_stops(found)) == f"e_0 at {far:.6g} units (stop at {stop:.6g})"


@pytest.mark.parametrize("engine", [Settle(), Waveform(), Integrate(), Integrate(points=3)], ids=repr)
def test_a_stop_is_told_whatever_is_kept(engine: Settle | Waveform | Integrate) -> None:
    """Far out in the first interval, back in the second, of which alone the tanks are kept."""
    fed = by_hand.schedule([1.0, 1.0], [True, True], drive=[[[5.0], [0.5]], [[0.5], [-5.0]]])
    whole = engine.run(tanks(), fed)
    some = replace(engine, save=Save(groups=("e",), intervals=("part1",))).run(tanks(), fed)
    told = [text.split()[0] for text in beyond_stops(some)]
    assert told == ["e_0", "e_1", "e_0", "e_1"]
    assert list(beyond_stops(some)) == list(beyond_stops(whole))
    assert list(beyond_stops(replace(whole, extremes=()))) == list(beyond_stops(whole))
    assert list(beyond_stops(keep_only(replace(whole, extremes=()), some.saved))) == list(beyond_stops(whole))
    with pytest.raises(InvalidValueError, match=r"^the run must keep what has stops, got e in part1: run it again"):
        list(beyond_stops(replace(some, extremes=())))


def test_what_nothing_kept_comes_from_is_not_computed() -> None:
    found = driven(tanks(), [5.0], Save(groups=("drive",)))
    assert list(beyond_stops(found)) == []
