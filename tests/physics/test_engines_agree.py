"""The engines agree: on networks made by hand, and on every technology, detail, timing and form of LSTM."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.compiler.hydraulic import Detail
from lstm_analog.engines import Integrate, Settle, Waveform
from lstm_analog.model import Form, random_lstm

POINTS = 40
OIL = la.hydraulic.OIL
TECHNOLOGIES = {
    "behavioural": la.electrical.BEHAVIOURAL,
    "oil": OIL,
    "oil in full detail": replace(OIL, detail=Detail.FULL),
    "oil with spools and lines": replace(OIL, detail=Detail.DYNAMIC),
}
FORMS = {
    **{form.value: {"form": form} for form in Form},
    "two layers": {"layers": 2},
    "both directions": {"bidirectional": True},
}
CASES = [
    (technology, form)
    for technology in TECHNOLOGIES
    for form in FORMS
    if technology in ("behavioural", "oil") or form in (Form.LSTM.value, Form.GRU.value)
]
ENGINES = {"waveform": Waveform(rtol=1e-7, atol=1e-9), "settle": Settle()}
"""Settle where a phase has its 30 time constants, which leave 30^4/4! exp(-30) = 3e-9."""
WRONG = 1e-7


@cache
def reference(technology, form, timing):
    """Return a machine with a head, what it is fed, and what `Integrate` finds of it."""
    lstm = random_lstm(np.random.default_rng(3), 2, 2, scale=2.0, outputs=1, **FORMS[form])
    machine = la.compile(lstm, TECHNOLOGIES[technology], timing=timing, settling=30.0)
    x = np.random.default_rng(4).uniform(-1.0, 1.0, (2, 2))
    return machine, x, machine.run(x, engine=Integrate(rtol=1e-9, atol=1e-11))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("timing", [la.CLOCKED, la.GATED_LEAK])
@pytest.mark.parametrize(("technology", "form"), CASES)
def test_every_engine_finds_the_same_efforts(technology, form, timing, engine):
    """Of every unknown, at the ends of the intervals, in units of signal or of the effort where that is larger."""
    machine, x, exact = reference(technology, form, timing)
    run = machine.run(x, engine=ENGINES[engine])
    for found, wanted, compiled in zip(run.passes, exact.passes, machine.passes, strict=True):
        ours, theirs = found.trajectory, wanted.trajectory
        assert "instead of" not in ours.engine
        settling = [interval.name for interval in compiled.cycle.step if interval.settles]
        names = np.array(["start", *ours.schedule.names])
        chosen = np.isin(names, settling) if engine == "settle" else np.ones(names.size, dtype=bool)
        assert chosen.any()
        scale = np.maximum(ours.network.unknowns.scales(), np.abs(theirs.efforts))
        assert (np.abs(ours.efforts - theirs.efforts) / scale)[chosen].max() < WRONG


def error(case, **settings):
    """Return the largest difference of `Waveform` from a tight `Integrate`, in units of signal or of the effort."""
    exact = Integrate(rtol=1e-11, atol=1e-13, points=POINTS).run(case.network, case.schedule)
    ours = Waveform(points=POINTS, **settings).run(case.network, case.schedule)
    assert "instead of" not in ours.engine
    np.testing.assert_array_equal(ours.time, exact.time)
    scale = np.maximum(case.network.unknowns.scales(), np.abs(exact.efforts))
    return float((np.abs(ours.efforts - exact.efforts) / scale).max()), ours.error


@pytest.mark.parametrize("rtol", [1e-5, 1e-7, 1e-9])
def test_ladder(ladder, rtol):
    wrong, estimate = error(ladder, rtol=rtol, atol=rtol / 100)
    assert estimate <= 1.0
    assert wrong <= 2 * rtol


@pytest.mark.parametrize("rtol", [1e-5, 1e-7, 1e-9])
def test_bridge(bridge, rtol):
    wrong, estimate = error(bridge, rtol=rtol, atol=rtol / 100)
    assert estimate <= 1.0
    assert wrong <= 2 * rtol


@pytest.mark.parametrize(
    ("levels", "durations", "changes"),
    [
        ([0.0, 1e-3], [1e-8, 4e-6], {}),
        ([0.0, 1.0], [1e-8, 1e-6], {"gain_bandwidth": 1e8}),
        ([0.0, 1.0, 0.0], [1e-8, 1e-6, 3e-6], {"gain_bandwidth": 2e6}),
        ([0.0, 1e-3], [1e-8, 1e-6], {"offset": -2e-3}),
    ],
)
def test_inverter(inverter, levels, durations, changes):
    """An op-amp with its summing junction: one nonlinear component of three unknowns, solved as a whole."""
    case = inverter(levels, durations, **changes)
    wrong, estimate = error(case)
    assert estimate <= 1.0
    assert wrong <= 1e-6
