"""A run held against the numeric LSTM, gate by gate, and a slow clock told from a defect."""

from types import MappingProxyType

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError, explain
from lstm_analog.model import LSTM, Head, LayerTrace
from lstm_analog.network.chips import check_one_chip
from lstm_analog.study.digest import networks_digest
from lstm_analog.study.lag import lagging, travel
from lstm_analog.study.report import HeadErrors, LayerErrors, Report, errors, versions
from lstm_analog.study.run import ChainRun, Run
from lstm_analog.study.settling import settling

ENGINE_TOLERANCE = 1e-5
"""Error of h, full scale being 1, that is left to the engine: each engine as preset keeps it at the sampling instants
at 20 time constants or more (ngspice in a gated leak comes closest to it, `Integrate` stays below 1e-8)."""
SETTLED = 1e-3
"""Largest error of h that passes without a `tolerance`: a clock that leaves more is too slow, whatever it explains."""


def compare(run: Run, lstm: LSTM, *, tolerance: float | None = None, seed: int | None = None) -> Report:
    """Return how far `run` is from what `lstm` computes for the same inputs from the same state.

    The clock explains the error that the LSTM itself makes of late signals: its memories are set back, after each step,
    by what a step leaves of a unit (`settling`) times the travel, the farthest that any z, c or h moves in a step; then
    it goes on from there, so that its own recurrence passes the error on, damps or multiplies it. That is a bound:
    random LSTMs (1 to 48 units, 1 to 3 layers, scales 1 to 6, up to 60 steps, 5 to 12 time constants) came to 1 to 15 %
    of it, and to half of it where it had left the range of h.

    Parameters
    ----------
    run : Run
        What a machine compiled from `lstm` did.
    lstm : LSTM
        The numbers it was compiled from.
    tolerance : float, optional
        The largest error of h, in any layer, to accept. Unless given it is what the clock and the engine
        (`ENGINE_TOLERANCE`) explain, `SETTLED` at most.
    seed : int, optional
        Of the random numbers behind `lstm` or the inputs, to be kept in the report.

    Raises
    ------
    InvalidValueError
        If the run is of another LSTM, or the tolerance is not above zero.
    InvalidTypeError
        If `run` is no run or `lstm` no LSTM.
    InvalidShapeError
        If the layers of the run are not those of the LSTM, or it is one of several chips.
    """
    if tolerance is not None and not (np.isfinite(tolerance) and tolerance > 0):
        raise InvalidValueError(explain("tolerance", must="be positive", got=tolerance, do="give units of h"))
    _check_kinds(run, lstm)
    for each in run.passes:
        check_one_chip(each.compiled.network)
    first = run.passes[0]
    provenance = dict(first.compiled.network.provenance)
    _check_origin(provenance, lstm)
    trace = lstm.trace(run.x, run.state, run.lengths)
    digital = trace.layers
    _check_shapes(run.layers, digital)
    settled = settling(run)
    late = settled.error * travel(lstm, digital, run.state, run.lengths)
    behind = lagging(lstm, run.x, run.state, run.lengths, late)
    by_clock = max(float(np.abs(h - layer.h).max()) for h, layer in zip(behind, digital, strict=True))
    return Report(
        model=lstm.name,
        layers=tuple(_layer(chain.label, a, d) for chain, a, d in zip(lstm.chains, run.layers, digital, strict=True)),
        head=_head(run, lstm.head, trace.outputs.y),
        tolerance=min(by_clock + ENGINE_TOLERANCE, SETTLED) if tolerance is None else float(tolerance),
        by_clock=by_clock,
        by_engine=ENGINE_TOLERANCE,
        settling=settled,
        seed=None if seed is None else int(seed),
        versions=versions(),
        lstm_digest=lstm.digest,
        network_digest=networks_digest(tuple(each.trajectory.network for each in run.passes)),
        engine=first.trajectory.engine,
        technology=provenance.get("technology", "unnamed"),
        timing=first.compiled.timing.value,
    )


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
