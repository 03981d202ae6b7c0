"""Plumbing in ngspice, by the electrical analogy: agreement to 1e-4 of a unit is asked (z is S times a difference)."""

from dataclasses import replace

import numpy as np
import pytest
from by_hand import network, schedule

import lstm_analog as la
from lstm_analog.errors import UnsupportedPartError
from lstm_analog.imperfections import EndLoss, Streams
from lstm_analog.network.analogy import as_circuit
from lstm_analog.network.parts import Conductors, Sources, Stops, Storages


def oil(detail=la.hydraulic.Detail.FULL, technology=la.hydraulic.OIL):
    lstm = la.random_lstm(np.random.default_rng(1), 2, 3, scale=3.0)
    return lstm, la.compile(lstm, replace(technology, detail=detail), settling=14.0)


@pytest.mark.parametrize(
    "technology", [la.hydraulic.OIL, la.hydraulic.WATER, la.hydraulic.GLYCEROL], ids=lambda tech: tech.name
)
@pytest.mark.parametrize("detail", la.hydraulic.Detail)
def test_ngspice_agrees_with_scipy(detail, technology):
    """Without its least pivot lowered ngspice fails at clock edges: shut valves are 1e-22 S."""
    lstm, machine = oil(detail, technology)
    x = np.random.default_rng(2).uniform(-1, 1, (3, 2))
    ours, theirs = machine.run(x), machine.run(x, engine=la.engines.Ngspice())
    for one, other in zip((*ours.layers[0].z, ours.c, ours.h), (*theirs.layers[0].z, theirs.c, theirs.h), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-4)
    assert np.abs(theirs.h - lstm(x).h).max() < 3e-5


def test_a_tank_far_beyond_its_stops_stands_where_its_valve_carries_all():
    """Beyond the band b a stop at s lets g (|e - s| - b/2) through: e where that is what the tube brings from ±3."""
    tube, g, stop, band, drive = 1.0, 5.0, 0.1, 0.4, 3.0
    parts = (
        Sources(label="drive", nodes=[1, 2], effort=[drive, -drive]),
        Conductors(label="tube", a=[1, 2], b=[3, 4], conductance=[tube, tube]),
        Storages(label="tank", nodes=[3, 4], capacitance=[0.01, 0.01]),
        Stops(label="ends", nodes=[3, 4], low=-stop, high=stop, conductance=g, band=band),
    )
    level = (tube * drive + g * (stop + band / 2)) / (tube + g)
    assert level - stop > 1.5 * band
    run = la.engines.Ngspice().run(network({"drive": 2, "e": 2}, *parts), schedule([1.0]))
    np.testing.assert_allclose(run["e"][-1], [level, -level], rtol=1e-5)


def test_a_tube_changed_by_one_per_cent_in_the_file_is_detected(tmp_path):
    _, machine = oil()
    x = np.random.default_rng(2).uniform(-1, 1, (2, 2))
    deck = tmp_path / "oil.cir"
    machine.write.spice(deck, x)
    lines = deck.read_text().splitlines()
    place = next(k for k, line in enumerate(lines) if line.startswith("rl0_rows_1 "))
    *head, value = lines[place].split()
    lines[place] = " ".join([*head, repr(1.01 * float(value))])
    (tmp_path / "edited.cir").write_text("\n".join([*lines, ""]))
    engine = la.engines.Integrate(rtol=1e-9, atol=1e-11)
    plain, edited = (la.read_spice(tmp_path / name) for name in ("oil.cir", "edited.cir"))
    assert plain.network.equals(as_circuit(machine.network, machine.schedule(x)).network, rtol=1e-15)
    h = [engine.run(deck.network, deck.schedule)["l0_h"][-1] for deck in (plain, edited)]
    assert np.abs(h[0] - h[1]).max() > 1e-6


def test_tubes_with_end_losses_are_refused_by_name(tmp_path):
    _, machine = oil()
    flawed = machine.with_imperfection(EndLoss(share=0.01, flow=1e-7), Streams(seed=0))
    with pytest.raises(UnsupportedPartError, match=r"^part l0_rows must be laminar tubes, got end losses"):
        flawed.write.spice(tmp_path / "a.cir", [[0.1, 0.2]])
    assert not list(tmp_path.iterdir())
