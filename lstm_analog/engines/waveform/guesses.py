"""Makes the guesses of a segment: waveforms at torn edges, which levels read before they are found."""

from functools import partial

import numpy as np

from lstm_analog.arrays import Floats, Indices, span
from lstm_analog.engines.native import compiled
from lstm_analog.engines.native.judging import largest
from lstm_analog.engines.phase.structure import Structure
from lstm_analog.engines.waveform import chebyshev
from lstm_analog.engines.waveform.analysis import Outline
from lstm_analog.engines.waveform.chebyshev import Grid
from lstm_analog.engines.waveform.fields import Field, constant_field
from lstm_analog.engines.waveform.levels import Frame
from lstm_analog.engines.waveform.segment import SWEEP_SHARE, Guess, LevelSweep, Segment, Tolerance, values_of
from lstm_analog.expressions import Call, putting, reading, widened


def guesses(
    plan: Outline, fields: list[Field], frame: Frame, still: bool, scales: Floats, effect: Floats | None
) -> dict[int, Guess]:
    """Return the guess of each sweep of `plan` with torn edges, by sweep number, and append its field to `fields`.

    The fields have the points of `frame`. Guesses are that all stands `still`, or waveforms; errors count in units of
    signal, `scales` (N,), by their `effect` (points - 1, points - 1), or themselves if that is None.
    """
    found = {}
    for sweep, nodes in plan.guessed.items():
        shape = (*frame.lead, nodes.size)
        if still:
            fields.append(constant_field(nodes, np.zeros(shape, frame.dtype), frame.count, held=False))
        else:
            values = np.zeros((frame.count, *shape), frame.dtype)
            fields.append(Field(nodes=nodes, start=values[0], end=values[-1], values=values, terms=None))
        found[sweep] = _guess(plan, fields, nodes, 1.0 / scales[nodes], effect)
    return found


def _guess(plan: Outline, fields: list[Field], nodes: Indices, weights: Floats, effect: Floats | None) -> Guess:
    """Return the guess of the unknowns `nodes` (m,), which is the last of `fields`.

    `weights` (m,) are one over their units of signal. `effect` (points - 1, points - 1) makes of an error at all points
    but the first what it does: its integral, if torn edges act on slow storages only; None if the error itself counts.
    """
    own, beginning, gathering, judging = fields[-1], list[Call](), list[Call](), list[Call]()
    guessed, target = values_of(own), own.start if own.terms else values_of(own)
    waves, apart, moved = np.empty(guessed.shape, guessed.dtype), np.empty(guessed.shape, guessed.dtype), np.empty(1)
    for number, some in plan.places.by_field(nodes):
        places = span(plan.places.place[nodes[some]])
        start, fetching = reading(fields[number].start, places)
        beginning += [*fetching, putting(target, span(some), start)]
        part, fetching = reading(values_of(fields[number]), places)
        gathering += [*fetching, putting(waves, span(some), part)]
    change, widening = widened(apart)
    judging += [*gathering, partial(np.subtract, waves, guessed, apart), *widening]
    judging.append(partial(np.multiply, change, weights, change))
    worked = change.reshape(len(change), -1)
    if effect is not None:
        worked = np.empty((len(effect), worked.shape[1]))
        judging.append(partial(np.matmul, effect, change[1:].reshape(len(effect), -1), worked))
    judging.append(partial(largest, moved, worked.reshape(1, -1), np.ones(1)))
    if not own.terms:
        judging.append(partial(np.copyto, guessed, waves))
    return Guess(
        field=own,
        beginning=compiled(beginning),
        gathering=compiled(gathering),
        waves=waves,
        judging=compiled(judging),
        moved=moved,
    )


def starting(found: dict[int, Guess], first: Segment | None, grid: Grid) -> tuple[Call, ...]:
    """Return the calls that make the first guesses `found`: that nothing moves, or what the segment `first` finds.

    That one is coarser than the segment with the points of `grid`.
    """
    if first is None:
        return compiled(call for guess in found.values() for call in guess.beginning)
    evaluation = chebyshev.refinement(first.grid, grid)
    coarse = [sweep.guess for sweep in first.sweeps if sweep.guess]
    calls: list[Call] = []
    for guess, before in zip((found[key] for key in sorted(found)), coarse, strict=True):
        waves, values = before.waves.reshape(len(before.waves), -1), values_of(guess.field)
        calls += [
            *before.gathering,
            partial(np.matmul, evaluation.astype(waves.dtype), waves, values.reshape(len(values), -1)),
        ]
    return compiled(calls)


def level_sweep(steps: list[Call], guess: Guess | None, order: Structure, tolerance: Tolerance) -> LevelSweep:
    """Return the sweep of levels that `steps` solve and that read `guess`, torn as `order` says, within `tolerance`."""
    return LevelSweep(
        steps=compiled(steps),
        guess=guess,
        limit=SWEEP_SHARE * tolerance.units / order.weakness if order.weakness else np.inf,
    )
