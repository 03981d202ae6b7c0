"""The electrical circuit and the plumbing of one LSTM are one machine, divided by their units and time constants.

What corresponds (label in both networks):

    electrical BEHAVIOURAL                      hydraulic, ideal detail
    volt, second / RC                           p_unit, second / (C/G)
    capacitors l0_c_new, l0_c, l0_h_new, l0_h   tanks of the same labels: masters and slaves
    l0_c_sum, a junction                        l0_c_sum, a totalizing relay
    row l0_zf, a capacitor: the pole of z       l0_zf_pos - l0_zf_neg, massless: no counterpart
    stacked pairs, currents into one load       half-bridges, pressures added by a relay
    gated leak: port drain, pairs fill          valves drain and fill, the same parts

So the plumbing is the circuit whose rows settle at once. Asserted, the strongest that is true:
1. Clocked, with rows so fast (R_row = R/1000) that they settle in the pause before the masters open: the waveforms of
   all masters and slaves over the whole run are the same at the same T/tau to solver tolerance (measured 4e-10 of a
   unit at rtol 1e-10). With the rows as they are, they are not: by more than 0.05 of a unit while the masters fill.
2. Gated leak, the rows as they are: once gates have settled, the store of c has the same waveform while the leak is
   open to 1e-8, and c and h are the same at the end of each step to 1e-9. Drain and fill have the same numbers.
"""

from dataclasses import replace

import numpy as np
import pytest

from lstm_analog.compiler.electrical import BEHAVIOURAL
from lstm_analog.compiler.hydraulic import OIL, Detail
from lstm_analog.compiler.timing import CLOCKED, GATED_LEAK, Timing
from lstm_analog.engines import Waveform
from lstm_analog.machine import compile
from lstm_analog.model import random_lstm
from lstm_analog.study import Run

LSTM = random_lstm(np.random.default_rng(1), 2, 3, scale=3.0)
X = np.random.default_rng(2).uniform(-1.0, 1.0, (2, 2))
ENGINE = Waveform(rtol=1e-10, atol=1e-12, points=41)
MEMORIES = ("l0_c_new", "l0_c", "l0_h_new", "l0_h")


def run(technology: object, timing: Timing, settling: float) -> Run:
    return compile(LSTM, technology, timing=timing, settling=settling).run(X, engine=ENGINE)


def signal(result: Run, label: str) -> np.ndarray:
    """Return the efforts of a group over time, in signal units."""
    (scale,) = {group.scale for group in result.trajectory.network.unknowns.groups if group.label == label}
    return result.trajectory[label] / scale


def clock(result: Run) -> np.ndarray:
    return result.trajectory.time / result.compiled.time_constant


def alike(technology: object) -> object:
    """Return the circuit `technology` with the pauses of the plumbing, so that the clocks are the same."""
    return replace(technology, gap=OIL.gap)


@pytest.fixture(scope="module")
def plumbing() -> Run:
    return run(replace(OIL, detail=Detail.IDEAL), CLOCKED, 10.0)


def apart(one: Run, other: Run) -> float:
    """Return the largest difference of any memory at any time, in signal units."""
    return max(float(np.abs(signal(one, label) - signal(other, label)).max()) for label in MEMORIES)


def test_waveforms_of_all_memories_are_those_of_the_plumbing_when_rows_are_fast(plumbing: Run) -> None:
    circuit = run(replace(alike(BEHAVIOURAL), row_resistance=1e-3 * BEHAVIOURAL.row_resistance), CLOCKED, 10.0)
    np.testing.assert_allclose(clock(circuit), clock(plumbing), rtol=1e-12)
    assert apart(circuit, plumbing) < 1e-8
    assert min(np.ptp(signal(plumbing, label)) for label in MEMORIES) > 0.1


def test_the_pole_of_z_has_no_counterpart(plumbing: Run) -> None:
    """Without it in the plumbing, the masters of the circuit as it is lag behind by a time constant's worth."""
    circuit = run(alike(BEHAVIOURAL), CLOCKED, 10.0)
    assert apart(circuit, plumbing) > 0.05


def test_open_leaks_are_the_same_valve() -> None:
    circuit, water = (run(tech, GATED_LEAK, 30.0) for tech in (alike(BEHAVIOURAL), OIL))
    np.testing.assert_allclose(clock(circuit), clock(water), rtol=1e-12)
    open_line = circuit.trajectory.network.lines.index("leak0")
    schedule = circuit.trajectory.schedule
    interval = np.searchsorted(schedule.ends, circuit.trajectory.time * (1.0 - 1e-12), side="left")
    leaking = schedule.high[np.minimum(interval, len(schedule.names) - 1), open_line]
    assert leaking.sum() >= 80
    stores = [signal(result, "l0_c") for result in (circuit, water)]
    assert np.ptp(stores[0][leaking], axis=0).min() > 0.05
    np.testing.assert_allclose(stores[0][leaking], stores[1][leaking], atol=1e-8)
    np.testing.assert_allclose(circuit.c, water.c, atol=1e-9)
    np.testing.assert_allclose(circuit.h, water.h, atol=1e-9)


def test_memories_have_the_same_parts_number_by_number() -> None:
    circuit, water = (compile(LSTM, tech, timing=GATED_LEAK) for tech in (alike(BEHAVIOURAL), OIL))
    for label in ("l0_c_drain", "l0_c_fill"):
        assert type(circuit.network.part(label)) is type(water.network.part(label))
    rates = [
        m.network.part("l0_c_drain").conductance / m.network.part("l0_c_store").capacitance for m in (circuit, water)
    ]
    leak_times = [m.compiled.settling * m.compiled.time_constant for m in (circuit, water)]
    np.testing.assert_allclose(rates[0] * leak_times[0], rates[1] * leak_times[1], rtol=1e-12)
