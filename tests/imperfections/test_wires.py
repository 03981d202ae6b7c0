"""A crossbar with its wires as one matrix, against the network of every segment, solved here and by ngspice."""

import re
import subprocess

import by_hand
import numpy as np
import pytest

from lstm_analog.compiler.electrical import BEHAVIOURAL
from lstm_analog.compiler.hydraulic import OIL
from lstm_analog.errors import InvalidValueError, NetworkError
from lstm_analog.imperfections import Streams, WireResistance, apply, seen_conductances
from lstm_analog.machine import compile
from lstm_analog.model import random_lstm
from lstm_analog.network.parts import Crossbars, Junctions, Sources


def devices(columns, drivers, *lead, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 1e-4, (*lead, columns, drivers)) * (rng.uniform(size=(*lead, columns, drivers)) < 0.6)


def segments(conductance, line, column):
    """Yield the resistors of a crossbar as (name, node, node, ohm); nodes are names, `d<i>` drivers, `g<j>` ends."""
    columns, drivers = conductance.shape
    for j in range(columns):
        for i in range(drivers):
            yield f"l{i}_{j}", f"u{i}_{j - 1}" if j else f"d{i}", f"u{i}_{j}", line
            yield f"c{i}_{j}", f"w{i}_{j}", f"w{i + 1}_{j}" if i + 1 < drivers else f"g{j}", column
            if conductance[j, i]:
                yield f"x{i}_{j}", f"u{i}_{j}", f"w{i}_{j}", 1.0 / conductance[j, i]


def by_nodes(conductance, line, column):
    """Return the currents at the ends by nodal analysis of all segments, dense."""
    columns, drivers = conductance.shape
    parts = list(segments(conductance, line, column))
    fixed = [f"d{i}" for i in range(drivers)] + [f"g{j}" for j in range(columns)]
    names = fixed + sorted({node for _, a, b, _ in parts for node in (a, b)} - set(fixed))
    place = {name: k for k, name in enumerate(names)}
    matrix = np.zeros((len(names), len(names)))
    for _, a, b, ohm in parts:
        p, q = place[a], place[b]
        matrix[[p, q], [p, q]] += 1.0 / ohm
        matrix[[p, q], [q, p]] -= 1.0 / ohm
    f = len(fixed)
    seen = matrix[:f, :f] - matrix[:f, f:] @ np.linalg.solve(matrix[f:, f:], matrix[f:, :f])
    return -seen[drivers:, :drivers]


@pytest.mark.parametrize(("columns", "drivers"), [(1, 1), (1, 5), (6, 1), (7, 4), (10, 13)])
@pytest.mark.parametrize(("line", "column"), [(1.0, 1.0), (300.0, 20.0), (5.0, 1e4)])
def test_the_reduction_is_exact(columns, drivers, line, column):
    conductance = devices(columns, drivers)
    exact = by_nodes(conductance, line, column)
    assert np.abs(seen_conductances(conductance, line=line, column=column) - exact).max() < 1e-13 * exact.max()


def test_ngspice_sees_the_same(tmp_path):
    """Every segment of a crossbar of 4 x 6 as a resistor: the currents into the ends for three drives."""
    conductance, line, column = devices(6, 4, seed=3), 40.0, 25.0
    matrix = seen_conductances(conductance, line=line, column=column)
    drive = np.random.default_rng(5).uniform(-1, 1, (3, 4))
    for number, volts in enumerate(drive):
        cards = [f"R{name} {a} {b} {float(ohm)!r}" for name, a, b, ohm in segments(conductance, line, column)]
        cards += [f"Vd{i} d{i} 0 {float(v)!r}" for i, v in enumerate(volts)] + [f"Vg{j} g{j} 0 0" for j in range(6)]
        printed = "\n".join(f"print i(vg{j})" for j in range(6))
        deck = "\n".join(("crossbar", *cards, ".control", "set numdgt=14", "op", printed, ".endc", ".end", ""))
        path = tmp_path / f"{number}.cir"
        path.write_text(deck, encoding="ascii")
        out = subprocess.run(["ngspice", "-b", str(path)], capture_output=True, text=True, check=False).stdout
        currents = [float(row.split("=")[1]) for row in out.splitlines() if row.startswith("i(vg")]
        np.testing.assert_allclose(currents, matrix @ volts, rtol=1e-8, atol=1e-13)


def test_wires_of_no_resistance_are_none_and_little_wires_change_little():
    conductance = devices(8, 5)
    np.testing.assert_array_equal(seen_conductances(conductance, line=0.0, column=0.0), conductance)
    for line, column in ((1e-3, 0.0), (0.0, 1e-3)):
        nearly = seen_conductances(conductance, line=line, column=column)
        np.testing.assert_allclose(nearly, conductance, rtol=1e-5, atol=1e-11)
        assert (nearly.sum(axis=1) < conductance.sum(axis=1)).all()


def test_chips_are_reduced_side_by_side():
    conductance = devices(6, 4, 3)
    together = seen_conductances(conductance, line=2.0, column=3.0)
    apart = [seen_conductances(chip, line=2.0, column=3.0) for chip in conductance]
    np.testing.assert_allclose(together, apart, rtol=1e-14)


def test_a_signed_weight_is_the_difference_of_two_columns():
    machine = compile(random_lstm(np.random.default_rng(0), 3, 4), BEHAVIOURAL)
    weights = machine.network.part("l0_rows").transconductance
    columns = np.stack((np.maximum(weights, 0), np.maximum(-weights, 0)), axis=1).reshape(-1, weights.shape[1])
    exact = by_nodes(columns, 3.0, 2.0)
    wired = apply(WireResistance(line=3.0, column=2.0), machine.network, Streams(seed=0))
    np.testing.assert_allclose(wired.part("l0_rows").transconductance, exact[0::2] - exact[1::2], atol=1e-17)
    assert apply(WireResistance(line=0.0, column=0.0), machine.network, Streams(seed=0)) is machine.network


def test_a_crossbar_of_pairs_keeps_its_banks_apart():
    positive, negative = devices(3, 2), devices(3, 2, seed=1)
    bank = Crossbars(
        label="bank", inputs=[1, 2], plus=[3, 4, 5], minus=[6, 7, 8], positive=positive, negative=negative,
        plus_load=1e-3, minus_load=1e-3,
    )  # fmt: skip
    sources, joined = Sources(label="drive", nodes=[1, 2], effort=0.0), Junctions(label="j", nodes=np.arange(3, 9))
    made = by_hand.network({"drive": 2, "rows": 6}, sources, joined, bank)
    wired = apply(WireResistance(line=3.0, column=2.0), made, Streams(seed=0)).part("bank")
    exact = by_nodes(np.stack((positive, negative), axis=1).reshape(-1, 2), 3.0, 2.0)
    np.testing.assert_allclose(wired.positive, exact[0::2], atol=1e-17)
    np.testing.assert_allclose(wired.negative, exact[1::2], atol=1e-17)
    np.testing.assert_array_equal(wired.plus_load, bank.plus_load)


def test_wires_are_refused_where_they_make_no_sense():
    plumbing = compile(random_lstm(np.random.default_rng(0), 2, 2), OIL).network
    with pytest.raises(NetworkError, match="the network must be electrical, got hydraulic"):
        apply(WireResistance(line=1.0, column=1.0), plumbing, Streams(seed=0))
    text = "wire resistance, line must be at least 0, got -1.0: give ohms a cell"
    with pytest.raises(InvalidValueError, match=re.escape(text)):
        WireResistance(line=-1.0, column=0.0)
    with pytest.raises(InvalidValueError, match=re.escape(text)):
        seen_conductances(np.ones((2, 2)), line=-1.0, column=0.0)
