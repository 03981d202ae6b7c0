"""Design rules of op-amps: rails, settling, stability, slew rate, currents and droop."""

from collections.abc import Iterator

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.compiled import Compiled
from lstm_analog.compiler.opamp import HEADROOM
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import Conductors, Crossbars, OpAmps, Storages, Switches
from lstm_analog.study.comparison import SETTLED
from lstm_analog.study.findings import Bound, Finding, Rule, Severity, judge, place_of
from lstm_analog.study.run import Run
from lstm_analog.study.settling import settling_error

STABLE = 45.0
"""Phase margin (degrees) below which a step overshoots by more than a fifth."""
POLES = 4
"""Number of op-amps in a chain that settle in a phase: two of the row, the sum, the follower."""
SLEWING = 0.2
"""Largest fraction of a phase that an op-amp may slew, from one end of its range to the other."""


def opamp_findings(compiled: Compiled, run: Run | None) -> Iterator[Finding]:
    """Yield the findings on op-amps of `compiled`, at the voltages of `run`, or with every input and state at 1."""
    network = compiled.network
    total = _conductance(network)
    for part in network.parts:
        if isinstance(part, OpAmps):
            yield from _speed(compiled, part, _share(network, part, total), total)
            yield from _swing(compiled, part, run)
        elif isinstance(part, Crossbars):
            yield from _rows(network, part, run, total)
    yield from _droop(compiled, total)


def _conductance(network: Network) -> Floats:
    """Return the conductance of resistors at each unknown (S), (..., unknowns)."""
    found = []
    for part in network.parts:
        if isinstance(part, Conductors):
            found += [(part.a, part.conductance), (part.b, part.conductance)]
        elif isinstance(part, Crossbars):
            found += [pair for nodes, own, load in part.sides for pair in ((nodes, own.sum(axis=-1)), (nodes, load))]
    return _sums(network, found)


def _capacitance(network: Network) -> Floats:
    """Return the capacitance at each unknown (F), (..., unknowns)."""
    return _sums(network, [(part.nodes, part.capacitance) for part in network.parts if isinstance(part, Storages)])


def _sums(network: Network, found: list[tuple[Indices, Floats]]) -> Floats:
    """Return the sums (..., unknowns) at each unknown of the values `found` (..., k) at nodes (k,)."""
    lead = np.broadcast_shapes(*(amount.shape[:-1] for _, amount in found))
    total = np.zeros((*lead, network.unknowns.size))
    for nodes, amount in found:
        np.add.at(total.T, nodes, np.broadcast_to(amount, (*lead, nodes.size)).T)
    return total


def _share(network: Network, part: OpAmps, total: Floats) -> Floats:
    """Return the feedback factor of `part`: conductance of feedback over the `total`; 1 for a follower."""
    if np.array_equal(part.out, part.minus):
        return np.ones(part.out.size)
    banks = (bank for bank in network.parts if isinstance(bank, Conductors))
    back = next(b for b in banks if np.array_equal(b.a, part.out) and np.array_equal(b.b, part.minus))
    return back.conductance / total[..., part.minus]


def _speed(compiled: Compiled, part: OpAmps, share: Floats, total: Floats) -> Iterator[Finding]:
    """Yield the findings on settling at the end of a phase, and on the phase margin.

    The loop gain is w0/s / (1 + s tau): w0 = 2 pi GBW `share`, the feedback `share` being one over the noise gain, and
    tau that of the capacitance at the inverting input against the `total` conductance there. It crosses 1 where
    (w tau)^2 (1 + (w tau)^2) = (w0 tau)^2.
    """
    network, place = compiled.network, place_of(compiled.network.unknowns.names(), part.out)
    bandwidth = part.transconductance / part.capacitance * share
    phase = min(interval.duration for interval in compiled.cycle.step if interval.settles)
    left = np.array([settling_error(float(phase * rate), POLES) for rate in bandwidth.flat])
    yield judge(Rule.SETTLING, left.reshape(bandwidth.shape), SETTLED, part=part.label, place=place)
    lag = _capacitance(network)[..., part.minus] / np.maximum(total[..., part.minus], np.finfo(np.float64).tiny)
    turned = 0.5 * (np.sqrt(1.0 + 4.0 * (bandwidth * lag) ** 2) - 1.0)
    margin = 90.0 - np.degrees(np.arctan(np.sqrt(turned)))
    yield judge(Rule.PHASE_MARGIN, margin, STABLE, part=part.label, place=place, bound=Bound.AT_LEAST)


def _swing(compiled: Compiled, part: OpAmps, run: Run | None) -> Iterator[Finding]:
    """Yield the findings on the range, slewing and current of outputs; without a run only the worst slewing."""
    place = place_of(compiled.network.unknowns.names(), part.out)
    phase = min(interval.duration for interval in compiled.cycle.step if interval.settles)
    slew = part.current_limit / part.capacitance
    if run is None:
        time = 2.0 * HEADROOM * part.swing / slew
        yield judge(Rule.SLEW, time / phase, SLEWING, part=part.label, place=place, worst=Severity.NOTE)
        return
    efforts = run.trajectory.efforts.reshape(-1, compiled.network.unknowns.size)
    out, x = efforts[:, part.out], efforts[:, part.state]
    yield judge(Rule.RAIL, np.abs(out).max(axis=0) / part.swing, HEADROOM, part=part.label, place=place)
    yield judge(Rule.SLEW, np.ptp(out, axis=0) / slew / phase, SLEWING, part=part.label, place=place)
    if not part.unlimited:
        given = np.abs(part.swing * np.tanh(x / part.swing) - out).max(axis=0) * part.output_conductance
        yield judge(Rule.OUTPUT, given / part.output_limit, 1.0, part=part.label, place=place)


def _rows(network: Network, part: Crossbars, run: Run | None, total: Floats) -> Iterator[Finding]:
    """Yield the findings on voltages of rows, for inputs and states of 1, and on the current of their drivers.

    `total` are the conductances of the nodes, by `_conductance`.
    """
    scales = network.unknowns.scales()[part.inputs]
    volts = scales if run is None else np.abs(run.trajectory.efforts[..., part.inputs]).reshape(-1, scales.size).max(0)
    current = volts * (part.positive + part.negative).sum(axis=-2)
    amplifiers = [bank for bank in network.parts if isinstance(bank, OpAmps)]
    most = min(float(bank.output_limit.min()) for bank in amplifiers)
    if np.isfinite(most):
        place = place_of(network.unknowns.names(), part.inputs)
        yield judge(Rule.LINE, 1e3 * current, 1e3 * most, part=part.label, place=place)
    second = next((bank for bank in amplifiers if np.array_equal(bank.minus, part.minus)), None)
    if run is None and second is not None:
        share = _share(network, second, total)
        reach = np.abs(part.positive - part.negative) @ volts / (share * total[..., second.minus])
        place = place_of(network.unknowns.names(), second.out)
        yield judge(Rule.RAIL, reach / second.swing, HEADROOM, part=part.label, place=place, worst=Severity.NOTE)


def _droop(compiled: Compiled, total: Floats) -> Iterator[Finding]:
    """Yield the finding on the share of a held voltage that leaks away in a step; none if nothing is held.

    It leaks through resistors at the capacitor, and through the switches in front of it, which are taken as open.
    """
    network = compiled.network
    switches = [part for part in network.parts if isinstance(part, Switches)]
    behind = [node for part in switches for node in part.b.tolist()]
    held = [part for part in network.parts if isinstance(part, Storages) and np.isin(part.nodes, behind).all()]
    if not held:
        return
    nodes = np.concatenate([part.nodes for part in held])
    leak = total + _sums(network, [(part.b, part.opened) for part in switches])
    lost = compiled.cycle.step_time * leak[..., nodes] / _capacitance(network)[..., nodes]
    yield judge(Rule.DROOP, lost, SETTLED, part="holds", place=place_of(network.unknowns.names(), nodes))
