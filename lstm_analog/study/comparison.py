"""Compare a run with the numeric LSTM by signal, and tell a slow clock or a coarse technology from a defect."""

from collections.abc import Set
from dataclasses import replace
from types import MappingProxyType
from typing import Annotated

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.doors import checked
from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError, explain
from lstm_analog.imperfections.base import AboveZero, InRange
from lstm_analog.model import LSTM, Head, LayerTrace
from lstm_analog.model.lstm import Trace
from lstm_analog.network.chips import check_one_chip
from lstm_analog.study.attribution import shares
from lstm_analog.study.chain_run import ChainRun
from lstm_analog.study.digest import networks_digest
from lstm_analog.study.lag import lagging, travel
from lstm_analog.study.measured import Measured
from lstm_analog.study.ranges import beyond
from lstm_analog.study.report import Report, versions
from lstm_analog.study.run import Run
from lstm_analog.study.settling import settling
from lstm_analog.study.spread import HeadErrors, LayerErrors, errors, gate_error

ENGINE_TOLERANCE = 1e-5
"""Error of h, full scale being 1, that is attributed to the engine. Each engine with its default settings stays below
it at 20 time constants or more (ngspice in a gated leak comes closest, `Integrate` stays below 1e-8)."""
SETTLED = 1e-3
"""Largest error of h that is accepted without a `tolerance`: a clock with a larger error is too slow."""
FULL_SCALE = 1.0
"""The full scale of h, and the largest tolerance."""
BY_DESIGN = 0.02
"""Largest error of h by the design of parts that is accepted without a `tolerance`: that of transistor cells with
weights three times PyTorch's over 60 steps. A technology with a larger error is too coarse."""


@checked
def compare(
    run: Run | Measured,
    lstm: LSTM,
    *,
    tolerance: Annotated[float, AboveZero("tolerance", "give units of h")] | None = None,
    seed: Annotated[int, InRange("seed", 0, np.inf, "give that of the inputs")] | None = None,
    causes: bool = False,
) -> Report:
    """Return the errors of `run` against `lstm` for the same inputs from the same state.

    The error explained by the clock is computed with the LSTM itself: after each step its memories are set back by the
    part of a unit that a step leaves unsettled (`settling`), times the largest change of any z, c or h in a step. Its
    own recurrence then damps or amplifies that error. This is a bound: random LSTMs (1 to 48 units, 1 to 3 layers,
    scales 1 to 6, up to 60 steps, 5 to 12 time constants) reached 1 to 15 % of it, and half of it where it exceeded the
    range of h. It never explains an error larger than h.

    If clock and engine do not explain the error, the networks are run again with the engine of the run: as compiled,
    with ideal parts, and without each single cause (`study.shares`). The remaining error must be explained by clock or
    engine; otherwise it is a defect, however small it is compared with the errors of the technology.

    Parameters
    ----------
    run : Run or Measured
        The run of a machine compiled from `lstm`. Of a measured one the signals that were measured are compared, and an
        error beyond clock and engine is not attributed: what is on a bench cannot be run again with ideal parts.
    lstm : LSTM
        The LSTM from which it was compiled.
    tolerance : float, optional
        The largest error of h, in any layer, to accept. By default it is the error explained by clock and engine
        (`ENGINE_TOLERANCE`), at most `SETTLED`, plus the error of the technology by design, at most `BY_DESIGN`.
        Errors of imperfections are explained, but not accepted.
    seed : int, optional
        The seed of the random numbers in `lstm` or the inputs, for the report.
    causes : bool
        Whether to find the errors of technology and imperfections even if clock and engine explain the error.

    Raises
    ------
    InvalidValueError
        If `run` is of another LSTM, or `tolerance` is not above zero.
    InvalidTypeError
        If `run` is no run, `lstm` no LSTM or `tolerance` no number.
    InvalidShapeError
        If the layers of the run are not those of the LSTM, or it is one of several chips.
    """
    _check_kinds(run, lstm)
    own = run.own if isinstance(run, Measured) else run
    for each in own.passes:
        check_one_chip(each.compiled.network)
    _check_origin(dict(own.passes[0].compiled.network.provenance), lstm)
    trace = lstm.trace(own.x, own.initial_state, own.lengths)
    found = _report(run, lstm, trace, seed)
    unexplained = found.defective and not (tolerance is not None and found.worst <= tolerance)
    if (causes or unexplained) and isinstance(run, Run):
        found = replace(found, shares=shares(run, lstm, trace, found.by_clock + found.by_engine))
    return replace(found, tolerance=_accepted(found) if tolerance is None else float(tolerance))


def granted(report: Report) -> float:
    """Return the largest tolerance that the comparison in `report` supports: the error it explains, up to full scale.

    It is at least `SETTLED`, because an explained error up to that is always accepted.
    """
    return min(max(report.explained, SETTLED), FULL_SCALE)


def _accepted(report: Report) -> float:
    """Return the default tolerance of a `report`; with a defect, nothing is added for the technology."""
    design = 0.0 if report.defective else min(report.by_technology, BY_DESIGN)
    return min(report.by_clock + report.by_engine, SETTLED) + design


def _report(given: Run | Measured, lstm: LSTM, trace: Trace, seed: int | None) -> Report:
    """Return the report on the `given` run against the `trace` of `lstm`, with `seed`, without running networks again.

    Of a measured run, clock and ranges are those of the machine itself.
    """
    run, own, y = (given.run, given.own, given.outputs.y) if isinstance(given, Measured) else (given, given, given.y)
    first, settled = run.passes[0], settling(own)
    technology, scaling = (None, None) if own.setup is None else (own.setup.technology, own.setup.scaling)
    return Report(
        model=lstm.name,
        layers=_layers(given, lstm, trace),
        head=_head(y, lstm.head, trace.outputs.y, own.lengths),
        tolerance=SETTLED,
        by_clock=_by_clock(own, lstm, trace, settled.error),
        by_engine=ENGINE_TOLERANCE,
        shares=None,
        beyond=beyond(
            technology, scaling, lstm, x=own.x, state=own.initial_state, lengths=own.lengths, layers=trace.layers
        ),
        settling=settled,
        seed=None if seed is None else int(seed),
        versions=versions(),
        lstm_digest=lstm.digest,
        network_digest=networks_digest(tuple(each.trajectory.network for each in run.passes)),
        engine=first.trajectory.engine,
        technology=dict(first.compiled.network.provenance).get("technology", "unnamed"),
        timing=first.compiled.timing.value,
    )


def _by_clock(run: Run, lstm: LSTM, trace: Trace, left: float) -> float:
    """Return the error of h that the clock of `run` explains if it leaves `left` of a unit unsettled; at most h."""
    late = left * travel(lstm, trace.layers, run.initial_state, run.lengths)
    behind = lagging(lstm, run.x, run.initial_state, run.lengths, late)
    by_clock = max(float(np.abs(h - layer.h).max()) for h, layer in zip(behind, trace.layers, strict=True))
    every = (*(layer.h for layer in trace.layers), *run.initial_state.h)
    largest = max(float(np.abs(h).max(initial=0.0)) for h in every)
    return min(by_clock, largest)


def _check_kinds(run: object, lstm: object) -> None:
    for what, value, kind, do in (
        ("run", run, Measured if isinstance(run, Measured) else Run, "give what Machine.run returned, then the LSTM"),
        ("lstm", lstm, LSTM, "give the LSTM that the machine was compiled from"),
    ):
        if not isinstance(value, kind):
            raise InvalidTypeError(explain(what, must=f"be of type {kind.__name__}", got=type(value).__name__, do=do))


def _check_origin(provenance: dict[str, str], lstm: LSTM) -> None:
    digest = provenance.get("digest", "none")
    if digest != lstm.digest:
        got = f"{digest[:12]} of {provenance.get('model', 'an unnamed model')!r}"
        must = f"have the digest of LSTM {lstm.name!r}, {lstm.digest[:12]}"
        do = "compare it with the LSTM it was compiled from"
        raise InvalidValueError(explain("the run", must=must, got=got, do=do))


def _layers(given: Run | Measured, lstm: LSTM, trace: Trace) -> tuple[LayerErrors, ...]:
    """Return the errors of the signals of each chain: all, or those that were measured."""
    if isinstance(given, Measured):
        layers, known = given.run.layers, [given.signals(layer.place) for layer in given.run.layers]
    else:
        layers, known = given.layers, [{"z", "c", "h"} for _ in given.layers]
        expected, got = ([layer.z.shape for layer in each] for each in (trace.layers, layers))
        if expected != got:
            what, do = "z of the layers of the run", "rerun the machine"
            raise InvalidShapeError(explain(what, must=f"have shapes {expected}", got=got, do=do))
    chains = zip(lstm.chains, known, layers, trace.layers, strict=True)
    found = (_errors_of(chain.label, names, analog, digital) for chain, names, analog, digital in chains)
    return tuple(each for each in found if each.signals)


def _errors_of(label: str, names: Set[str], analog: ChainRun, digital: LayerTrace) -> LayerErrors:
    """Return the errors of the signals `names`, among z, c and h; the gates follow from z."""
    pairs = {}
    if "z" in names:
        pairs["z"] = analog.z, digital.z
        gates = {gate_error(each): each for each in digital.order}
        pairs |= {name: (analog.gates[..., [k], :], digital.gates[..., [k], :]) for name, k in gates.items()}
    pairs |= {"c": (_alone(analog.c), _alone(digital.c))} if "c" in names else {}
    pairs |= {"h": (_alone(analog.h), _alone(digital.h))} if "h" in names else {}
    signals = {name: errors(ours, theirs, analog.lengths) for name, (ours, theirs) in pairs.items() if theirs.size}
    return LayerErrors(chain=label, signals=MappingProxyType(signals))


def _head(
    analog: Floats | None, head: Head | None, digital: Floats | None, lengths: Indices | None
) -> HeadErrors | None:
    """Return the errors of `analog` y, with the gain of the head; None without a head."""
    if head is None or analog is None or digital is None:
        return None
    if head.final:
        analog, digital, lengths = _alone(analog), _alone(digital), None
    return HeadErrors(y=errors(_alone(analog), _alone(digital), lengths), gain=head.gain)


def _alone(signal: Floats) -> Floats:
    return signal[..., None, :]
