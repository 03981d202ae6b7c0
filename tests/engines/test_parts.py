"""Batches that are divided into parts, and waveforms in single precision."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.compiler.hydraulic import Detail
from lstm_analog.engines import Precision, Waveform
from lstm_analog.engines.native import compiled, library, programs
from lstm_analog.engines.waveform import build
from lstm_analog.errors import InvalidValueError, UnsupportedError
from lstm_analog.expressions import EachPart, PartCopy
from lstm_analog.imperfections import ProgrammingError, Streams
from lstm_analog.network.parts import Conductors, Sources, Storages

BEHAVIOURAL = la.electrical.BEHAVIOURAL
LEAKY = replace(BEHAVIOURAL, off_conductance=1e-4 / BEHAVIOURAL.copy_resistance)
BATCH = 7


def case(technology, layers=1, units=6, steps=50, settling=20.0):
    """Return a machine of its own network, and a batch of sequences."""
    rng = np.random.default_rng(5)
    lstm = la.random_lstm(rng, inputs=2, hidden=units, layers=layers)
    return la.compile(lstm, technology, settling=settling), rng.uniform(-1.5, 1.5, (BATCH, steps, 2))


def efforts(technology, engine=None, **options):
    machine, x = case(technology, **options)
    return (engine or Waveform()).run(machine.network, machine.schedule(x)).efforts


@pytest.fixture
def made(monkeypatch):
    """Return the parts that the kernel was given, of three sequences where a batch is divided."""
    found, before, size = [], programs._each_part, build._part_size

    def each_part(call):
        encoded = before(call)
        found.append((call.count, encoded.words is not None))
        return encoded

    monkeypatch.setattr(programs, "_each_part", each_part)
    monkeypatch.setattr(build, "_PART", 0)
    monkeypatch.setattr(build, "_part_size", lambda *given: 3 if size(*given) == 1 else size(*given))
    return found


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("options", [{}, {"layers": 2}, {"settling": 6.0}])
def test_parts_of_a_batch_are_what_the_whole_is(made, monkeypatch, options):
    """Sequences do not act on each other; seven of them in parts of three, of which the last begins earlier."""
    parts = efforts(BEHAVIOURAL, **options)
    assert made
    assert set(made) == {(3, True)}
    monkeypatch.setenv(library.SWITCH, "0")
    np.testing.assert_allclose(parts, efforts(BEHAVIOURAL, **options), rtol=0, atol=1e-13)


@pytest.mark.parametrize("place", [0, 3, BATCH - 1])
def test_an_error_in_one_part_refines_all(made, place, monkeypatch):
    """One sequence with inputs far beyond the others is resolved, wherever it lies."""
    machine, x = case(BEHAVIOURAL, steps=12)
    x[place] *= 30.0
    found = Waveform().run(machine.network, machine.schedule(x))
    assert made
    monkeypatch.setenv(library.SWITCH, "0")
    machine, _ = case(BEHAVIOURAL)
    exact = Waveform(rtol=1e-10, atol=1e-12).run(machine.network, machine.schedule(x))
    scale = np.maximum(machine.network.unknowns.scales(), np.abs(exact.efforts))
    assert np.max(np.abs(found.efforts - exact.efforts) / scale) < 2e-6


def test_only_what_can_be_divided_is(made):
    """Newton's method keeps what it knows of each sequence, guesses are looked at after a sweep, chips are many."""
    efforts(replace(la.hydraulic.OIL, detail=Detail.IDEAL), steps=2, units=2)
    efforts(LEAKY, steps=2)
    machine, x = case(BEHAVIOURAL, steps=2)
    chips = machine.with_imperfection(ProgrammingError(sigma=0.03), Streams(seed=1, chips=2))
    Waveform().run(chips.network, chips.schedule(x))
    assert not made


@pytest.mark.usefixtures("kernel")
def test_each_part_does_what_numpy_does():
    given, found, room = np.arange(24.0).reshape(4, 6), np.zeros((4, 6)), np.zeros((4, 2))
    shares = tuple(given[:, k : k + 2] for k in (0, 2, 4))
    outs = tuple(found[:, k : k + 2] for k in (0, 2, 4))
    call = EachPart(
        reads=(PartCopy(room=room, shares=shares),),
        calls=(partial(np.multiply, room, 2.0, room),),
        writes=(PartCopy(room=room, shares=outs),),
    )
    (by_kernel,) = compiled([call])
    assert by_kernel is not call
    by_kernel()
    np.testing.assert_array_equal(found, 2.0 * given)
    found[...] = 0.0
    call()
    np.testing.assert_array_equal(found, 2.0 * given)


@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("rows", "depth", "columns"), [(21, 22, 250), (1, 3, 40), (48, 48, 32), (2, 9, 12), (33, 40, 61), (70, 17, 13)]
)
def test_tiles_of_products_cover_all(rows, depth, columns, kind):
    """Small matrices times wide ones, and ones that lie column by column, of sizes that tiles do not divide."""
    rng = np.random.default_rng(rows)
    left, right = rng.normal(size=(rows, depth + 3)).astype(kind)[:, :depth], rng.normal(size=(depth, columns))
    for matrix in (right.astype(kind), np.asfortranarray(right.astype(kind))):
        out = np.zeros((rows + 1, columns + 5), kind)
        for call in compiled([partial(np.matmul, left, matrix, out[:rows, :columns])]):
            call()
        exact = left.astype(np.float64) @ matrix.astype(np.float64)
        np.testing.assert_allclose(out[:rows, :columns], exact, rtol=0, atol=30 * np.finfo(kind).eps * depth)
        assert not out[rows].any()
        assert not out[:, columns:].any()


@pytest.mark.parametrize("native", ["1", "0"])
@pytest.mark.parametrize("technology", [BEHAVIOURAL, LEAKY])
def test_single_precision_is_within_its_bound(technology, native, monkeypatch):
    """1e-5 of full scale; more than double precision leaves, so that single it is."""
    monkeypatch.setenv(library.SWITCH, native)
    exact = efforts(technology, Waveform(rtol=1e-9, atol=1e-11))
    found = efforts(technology, Waveform(precision=Precision.SINGLE))
    assert 2e-8 < np.max(np.abs(found - exact) / np.maximum(1.0, np.abs(exact))) < 1e-5


def test_single_precision_starts_at_rest_where_that_is_not_found_level_by_level(circuit, driven):
    """Thirty storages in a row divide a voltage; at rest they all act on each other, in an interval hardly at all."""
    rows = np.arange(2, 32)
    network = circuit(
        {"drive": 1, "c": 30},
        Sources(label="drive", nodes=[1], effort=0.0),
        Conductors(label="r", a=rows - 1, b=rows, conductance=1.0),
        Conductors(label="end", a=rows[-1:], b=[0], conductance=1.0),
        Storages(label="c", nodes=rows, capacitance=1.0),
    )
    run = Waveform(precision=Precision.SINGLE).run(network, driven([0.9, 0.9], [1e-3, 1e-3]))
    assert run.engine.startswith("Waveform(")
    np.testing.assert_allclose(run["c"], np.tile(0.9 * np.arange(30, 0, -1) / 31, (3, 1)), rtol=0, atol=1e-6)


def test_single_precision_is_refused_where_newtons_method_is_needed():
    with pytest.raises(UnsupportedError, match=r"in single precision, got a flow that is not: take Precision\.DOUBLE"):
        efforts(la.electrical.OPAMP_IDEAL, Waveform(precision=Precision.SINGLE), steps=2, units=2)


def test_single_precision_has_a_tightest_tolerance():
    with pytest.raises(InvalidValueError, match=r"^rtol must be at least 1e-06 in single precision, got 1e-07"):
        Waveform(rtol=1e-7, precision=Precision.SINGLE)
