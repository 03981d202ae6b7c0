"""What must hold of any plumbing: volume is kept, viscosity only slows, shut valves do what the picture says."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import simpson

from lstm_analog.arrays import Floats
from lstm_analog.compiler import Compiled
from lstm_analog.compiler.hydraulic import OIL, Detail, Hydraulic
from lstm_analog.engines import Integrate, Waveform
from lstm_analog.imperfections import Streams, ViscosityChange
from lstm_analog.machine import Machine, compile
from lstm_analog.model import LSTM, Gate, State, random_lstm
from lstm_analog.network.laws import flow, rows
from lstm_analog.network.parts import Storages

MODEL = random_lstm(np.random.default_rng(1), 2, 3, scale=3.0)
X = np.random.default_rng(2).uniform(-1.0, 1.0, (3, 2))
STREAMS = Streams(seed=1)
SHUT = -14.0
"""A pre-activation at which sigmoid is 8e-7: one port conducts 1e3 times less than at rest, its opposite 1e3 more."""


def plumbing(lstm: LSTM = MODEL, detail: Detail = Detail.IDEAL, settling: float = 24.0) -> Machine:
    technology: Hydraulic = replace(OIL, detail=detail)
    return compile(lstm, technology, settling=settling)


def biased(gate: Gate, bias: float) -> LSTM:
    """Return the model with one gate driven by nothing but a `bias`."""
    (layer,) = MODEL.layers
    cell = layer.forward
    parts = {"input": cell.input.copy(), "recurrent": cell.recurrent.copy(), "bias": cell.bias.copy()}
    for name, values in parts.items():
        values[gate] = bias if name == "bias" else 0.0
    return replace(MODEL, layers=(replace(layer, forward=replace(cell, **parts)),))


def test_what_tanks_gain_is_what_flowed_into_them() -> None:
    """d(volume)/dt = sum of the flows of all parts, integrated over a step by an independent quadrature."""
    machine = plumbing(detail=Detail.FULL, settling=6.0)
    points, unit = 401, OIL.pressure_unit
    run = machine.run(X[:1], engine=Integrate(rtol=1e-11, atol=1e-13, points=points))
    trajectory, network = run.trajectory, machine.network
    stores = [part for part in network.parts if isinstance(part, Storages)]
    nodes = np.concatenate([part.nodes for part in stores])
    volume = np.concatenate([np.broadcast_to(part.capacitance, part.nodes.shape) for part in stores])
    for interval in range(1, len(trajectory.schedule.names)):
        span = slice(1 + interval * points, 1 + (interval + 1) * points)
        time, efforts = trajectory.time[span], trajectory.efforts[span]
        into = np.zeros_like(efforts)
        for part in network.parts:
            passed = flow(part, efforts, trajectory.schedule.phase(interval))
            for target, values in zip(rows(part), np.moveaxis(passed, -2, 0), strict=True):
                np.add.at(into, (slice(None), target), values)
        gained = volume * (efforts[-1] - efforts[0])[nodes]
        np.testing.assert_allclose(gained, quadrature(time, into[:, nodes]), atol=3e-6 * unit * volume.max())


def quadrature(time: Floats, values: Floats) -> Floats:
    """Return the integral by Simpson's rule over points that are even but for the first, (n,)."""
    step = (time[-1] - time[1]) / (time.size - 2)
    head = 0.5 * (values[0] + values[1]) * (time[1] - time[0])
    return head + simpson(values[1:], dx=step, axis=0)


def test_volume_that_leaves_one_end_arrives_at_the_other() -> None:
    machine = plumbing(detail=Detail.FULL)
    effort = np.random.default_rng(3).uniform(-1e4, 1e4, (5, machine.network.unknowns.size))
    two_ended = 0
    for part in machine.network.parts:
        passed = flow(part, effort, tuple(True for _ in machine.network.lines))
        if passed.shape[-2] == 2 and hasattr(part, "a"):
            np.testing.assert_array_equal(passed[:, 0], -passed[:, 1])
            two_ended += 1
    assert two_ended >= 10


@pytest.mark.parametrize("detail", [Detail.IDEAL, Detail.FULL])
def test_uniform_viscosity_changes_time_constants_only(detail: Detail) -> None:
    """Twice as viscous at half the pace of the clock: the same machine, point for point.

    What has mass is damped by friction: in dynamic detail a thicker fluid rings less, and only where it rests is alike.
    """
    thin = plumbing(detail=detail, settling=8.0)
    thick = thin.with_imperfection(ViscosityChange(factor=2.0), STREAMS)
    slow = replace(thick, passes=(slowed(thick, 2.0),))
    engine = Waveform(rtol=1e-9, atol=1e-11, points=11)
    fast, same = (machine.run(X[:2], engine=engine) for machine in (thin, slow))
    np.testing.assert_allclose(same.trajectory.time, 2.0 * fast.trajectory.time, rtol=1e-12)
    np.testing.assert_allclose(same.trajectory.efforts, fast.trajectory.efforts, atol=1e-7 * OIL.pressure_unit)
    hurried = thick.run(X[:2], engine=engine)
    assert np.abs(hurried.c - fast.c).max() > 1e-3


def slowed(machine: Machine, factor: float) -> Compiled:
    cycle = machine.compiled.cycle
    reset, *step = (replace(entry, duration=factor * entry.duration) for entry in (cycle.reset, *cycle.step))
    return replace(machine.compiled, cycle=replace(cycle, reset=reset, step=tuple(step)))


@pytest.mark.parametrize("detail", Detail)
def test_shutting_the_output_valve_makes_h_zero_and_keeps_c(detail: Detail) -> None:
    lstm = biased(Gate.OUTPUT, SHUT)
    run = plumbing(lstm, detail).run(X)
    assert np.abs(run.h).max() < 1e-6
    # h no longer comes back through the rows; else c goes its way.
    np.testing.assert_allclose(run.c, lstm.trace(X).layers[0].c, atol=2e-8)
    assert np.abs(run.c).min() > 1e-2


@pytest.mark.parametrize("detail", Detail)
def test_shutting_the_forget_valve_loses_the_memory(detail: Detail) -> None:
    """Two machines that remember different things agree from the first step on; unshut, they do not."""
    rng = np.random.default_rng(4)
    state, x = State(h=(np.zeros((2, 3)),), c=(rng.uniform(-2.0, 2.0, (2, 3)),)), np.stack((X[:1], X[:1]))
    shut, unshut = (plumbing(lstm, detail).run(x, state=state).c for lstm in (biased(Gate.FORGET, SHUT), MODEL))
    np.testing.assert_allclose(shut[0], shut[1], atol=1e-5)
    assert np.abs(unshut[0] - unshut[1]).max() > 0.1
