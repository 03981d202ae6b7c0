"""A run held against the numeric LSTM, gate by gate, and a slow clock, a coarse technology told from a defect."""

from dataclasses import replace
from numbers import Real
from types import MappingProxyType

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked
from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError, explain
from lstm_analog.model import LSTM, Head, LayerTrace
from lstm_analog.model.lstm import Trace
from lstm_analog.network.chips import check_one_chip
from lstm_analog.study.attribution import shares
from lstm_analog.study.chain_run import ChainRun
from lstm_analog.study.digest import networks_digest
from lstm_analog.study.lag import lagging, travel
from lstm_analog.study.ranges import beyond
from lstm_analog.study.report import Report, versions
from lstm_analog.study.run import Run
from lstm_analog.study.settling import settling
from lstm_analog.study.spread import HeadErrors, LayerErrors, errors

ENGINE_TOLERANCE = 1e-5
"""Error of h, full scale being 1, that is left to the engine: each engine as preset keeps it at the sampling instants
at 20 time constants or more (ngspice in a gated leak comes closest to it, `Integrate` stays below 1e-8)."""
SETTLED = 1e-3
"""Largest error of h that passes without a `tolerance`: a clock that leaves more is too slow, whatever it explains."""
FULL_SCALE = 1.0
"""What h goes up to: an error of that says nothing of the LSTM."""
BY_DESIGN = 0.02
"""Largest error of h that passes without a `tolerance` as what parts cost by design: what is asked of transistor cells
at weights three times PyTorch's over 60 steps. A technology that costs more is too coarse, whatever it explains."""


@checked
def compare(
    run: Run, lstm: LSTM, *, tolerance: float | None = None, seed: int | None = None, causes: bool = False
) -> Report:
    """Return how far `run` is from what `lstm` computes for the same inputs from the same state.

    The clock explains the error that the LSTM itself makes of late signals: its memories are set back, after each step,
    by what a step leaves of a unit (`settling`) times the travel, the farthest that any z, c or h moves in a step; then
    it goes on from there, so that its own recurrence passes the error on, damps or multiplies it. That is a bound:
    random LSTMs (1 to 48 units, 1 to 3 layers, scales 1 to 6, up to 60 steps, 5 to 12 time constants) came to 1 to 15 %
    of it, and to half of it where it had left the range of h. It explains no error that is larger than h.

    Where clock and engine do not explain the error, the networks run again, with the engine of the run: as compiled,
    with ideal parts, and without each cause that the parts have (`study.shares`). What is left then must be the clock's
    or the engine's; else it is a defect, however small it is beside what the technology costs.

    Parameters
    ----------
    run : Run
        What a machine compiled from `lstm` did.
    lstm : LSTM
        The numbers it was compiled from.
    tolerance : float, optional
        The largest error of h, in any layer, to accept. Unless given it is what the clock and the engine
        (`ENGINE_TOLERANCE`) explain, `SETTLED` at most, and what the technology costs by design, `BY_DESIGN` at most.
        What imperfections cost is explained, and not accepted.
    seed : int, optional
        Of the random numbers behind `lstm` or the inputs, to be kept in the report.
    causes : bool
        Whether to look for what technology and imperfections cost even where clock and engine explain the error.

    Raises
    ------
    InvalidValueError
        If the run is of another LSTM, or the tolerance is not above zero.
    InvalidTypeError
        If `run` is no run, `lstm` no LSTM or the tolerance no number.
    InvalidShapeError
        If the layers of the run are not those of the LSTM, or it is one of several chips.
    """
    if tolerance is not None:
        _check_tolerance(tolerance)
    if seed is not None and seed < 0:
        raise InvalidValueError(explain("seed", must="be at least 0", got=seed, do="give that of the inputs"))
    _check_kinds(run, lstm)
    for each in run.passes:
        check_one_chip(each.compiled.network)
    _check_origin(dict(run.passes[0].compiled.network.provenance), lstm)
    trace = lstm.trace(run.x, run.state, run.lengths)
    _check_shapes(run.layers, trace.layers)
    found = _report(run, lstm, trace, seed)
    unexplained = found.defective and not (tolerance is not None and found.worst <= tolerance)
    if causes or unexplained:
        found = replace(found, shares=shares(run, lstm, trace, found.by_clock + found.by_engine))
    return replace(found, tolerance=_accepted(found) if tolerance is None else float(tolerance))


def granted(report: Report) -> float:
    """Return the largest tolerance that the comparison of `report` bears out: what it explains, up to full scale.

    `SETTLED` at least: an error up to that passes where it is explained at all.
    """
    return min(max(report.explained, SETTLED), FULL_SCALE)


def _accepted(report: Report) -> float:
    """Return the tolerance of a `report` to which none was given: a defect is granted nothing for the technology."""
    design = 0.0 if report.defective else min(report.by_technology, BY_DESIGN)
    return min(report.by_clock + report.by_engine, SETTLED) + design


def _report(run: Run, lstm: LSTM, trace: Trace, seed: int | None) -> Report:
    """Return the report on `run` against the `trace` of `lstm`, with `seed`, before anything has run again."""
    first, settled = run.passes[0], settling(run)
    provenance = dict(first.compiled.network.provenance)
    technology, scaling = (None, None) if run.setup is None else (run.setup.technology, run.setup.scaling)
    return Report(
        model=lstm.name,
        layers=tuple(
            _layer(chain.label, a, d) for chain, a, d in zip(lstm.chains, run.layers, trace.layers, strict=True)
        ),
        head=_head(run, lstm.head, trace.outputs.y),
        tolerance=SETTLED,
        by_clock=_by_clock(run, lstm, trace, settled.error),
        by_engine=ENGINE_TOLERANCE,
        shares=None,
        beyond=beyond(technology, scaling, lstm, x=run.x, state=run.state, lengths=run.lengths, layers=trace.layers),
        settling=settled,
        seed=None if seed is None else int(seed),
        versions=versions(),
        lstm_digest=lstm.digest,
        network_digest=networks_digest(tuple(each.trajectory.network for each in run.passes)),
        engine=first.trajectory.engine,
        technology=provenance.get("technology", "unnamed"),
        timing=first.compiled.timing.value,
    )


def _by_clock(run: Run, lstm: LSTM, trace: Trace, left: float) -> float:
    """Return the error of h that the clock of `run` explains if it leaves `left` of a unit: at most h itself.

    `trace` is what `lstm` makes of the same inputs.
    """
    late = left * travel(lstm, trace.layers, run.state, run.lengths)
    behind = lagging(lstm, run.x, run.state, run.lengths, late)
    by_clock = max(float(np.abs(h - layer.h).max()) for h, layer in zip(behind, trace.layers, strict=True))
    largest = max(float(np.abs(h).max(initial=0.0)) for h in (*(layer.h for layer in trace.layers), *run.state.h))
    return min(by_clock, largest)


def _check_tolerance(tolerance: object) -> None:
    if isinstance(tolerance, bool) or not isinstance(tolerance, Real):
        got = ascii(tolerance)[:80]
        raise InvalidTypeError(explain("tolerance", must="be a number", got=got, do="give units of h"))
    if not 0.0 < float(tolerance) < np.inf:
        raise InvalidValueError(explain("tolerance", must="be positive", got=tolerance, do="give units of h"))


def _check_kinds(run: object, lstm: object) -> None:
    for what, value, kind, do in (
        ("run", run, Run, "give what Machine.run returned, then the LSTM"),
        ("lstm", lstm, LSTM, "give the LSTM that the machine was compiled from"),
    ):
        if not isinstance(value, kind):
            raise InvalidTypeError(explain(what, must=f"be of type {kind.__name__}", got=type(value).__name__, do=do))


def _check_origin(provenance: dict[str, str], lstm: LSTM) -> None:
    digest = provenance.get("digest", "none")
    if digest != lstm.digest:
        got = f"{digest[:12]} of {provenance.get('model', 'an unnamed model')!r}"
        must = f"have the digest of LSTM {lstm.name!r}, {lstm.digest[:12]}"
        raise InvalidValueError(
            explain("the run", must=must, got=got, do="compare it with the LSTM it was compiled from")
        )


def _check_shapes(analog: tuple[ChainRun, ...], digital: tuple[LayerTrace, ...]) -> None:
    expected, got = ([layer.z.shape for layer in layers] for layers in (digital, analog))
    if expected != got:
        do = "rerun the machine"
        raise InvalidShapeError(explain("z of the layers of the run", must=f"have shapes {expected}", got=got, do=do))


def _layer(label: str, analog: ChainRun, digital: LayerTrace) -> LayerErrors:
    pairs = {"z": (analog.z, digital.z)}
    pairs |= {gate.letter: (_of(analog, gate), _of(digital, gate)) for gate in digital.order}
    pairs |= {"c": (_alone(analog.c), _alone(digital.c)), "h": (_alone(analog.h), _alone(digital.h))}
    signals = {name: errors(_with_batch(a), _with_batch(d)) for name, (a, d) in pairs.items() if d.size}
    return LayerErrors(chain=label, signals=MappingProxyType(signals))


def _head(run: Run, head: Head | None, digital: Floats | None) -> HeadErrors | None:
    """Return the errors of y; they count by the largest that an error of 1 in every h could make in one of them."""
    analog = run.y
    if head is None or analog is None or digital is None:
        return None
    if head.final:
        analog, digital = analog[..., None, :], digital[..., None, :]
    found = errors(_with_batch(_alone(analog)), _with_batch(_alone(digital)))
    return HeadErrors(y=found, gain=head.gain)


def _of(layer: ChainRun | LayerTrace, gate: int) -> Floats:
    return layer.gates[..., gate : gate + 1, :]


def _alone(signal: Floats) -> Floats:
    return signal[..., None, :]


def _with_batch(signal: Floats) -> Floats:
    return signal.reshape(-1, *signal.shape[-3:])
