"""Whose the error of a run is: what was done to its network, what its parts cost by design, and what is left.

`Shares` has the links of the chain; each is found by running a network again, with the engine of the run.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.compiler import Compiled
from lstm_analog.compiler.design_cost import residual, unrounded
from lstm_analog.errors import FileFormatError
from lstm_analog.imperfections import IMPERFECTION
from lstm_analog.imperfections.ideal import Cause, causes_of, idealise
from lstm_analog.model import LSTM, LayerTrace
from lstm_analog.model.lstm import Trace
from lstm_analog.study.certificate import compiled_passes, with_imperfections
from lstm_analog.study.chain_run import ChainRun
from lstm_analog.study.digest import digest_of
from lstm_analog.study.lag import lagging
from lstm_analog.study.run import Run, Setup, run_through
from lstm_analog.study.shares import Share, Shares

SERIES = "values of a series of resistors"
"""What `unrounded` takes away, as a report calls it."""
CALIBRATED = "what the calibration of the cells leaves"
"""What `residual` says, as a report calls it."""

Answers = tuple[Floats, ...]
"""h of every chain, then y over the gain of the head, if there is one."""
Passes = tuple[Compiled, ...]
"""A machine, one network a pass through time."""


def shares(run: Run, lstm: LSTM, trace: Trace, allowed: float) -> Shares | None:
    """Return whose the error of `run` is against `lstm`, which made `trace` of the same inputs.

    None if the run does not say how it came about. Else networks run again, link by link, until more is found than is
    `allowed` to be left: as the records say, as compiled, with ideal parts, and without each cause that the parts have.
    """
    if run.setup is None:
        return None
    bench, texts = _Bench(run=run, setup=run.setup, lstm=lstm), _texts(run)
    designed, found = bench.designed(run.setup.technology), bench.own
    named = _with_records(run, designed) if texts else designed
    changed = tuple(dict.fromkeys(_changed(run, named)))
    trials, bound = _trials(bench, designed), _by_calibration(bench, trace)
    same = not (changed or trials or _is_read_otherwise(run, designed))
    again = found if same else bench.answers(named)
    result = Shares(by_changes=_apart(found, again), changed=changed, imperfections=texts)
    if result.rest > allowed:
        return result
    plain = bench.answers(designed) if texts else again
    ideal = bench.answers(_ideal(bench, designed)) if trials else plain
    result = replace(
        result,
        by_imperfections=_apart(again, plain),
        by_technology=_apart(plain, ideal) + bound,
        left=max(_apart(ideal, _collected(trace.layers, trace.outputs.y, lstm)) - bound, 0.0),
    )
    if result.rest > allowed:
        return result
    alone = [(name, _apart(plain, each)) for name, each in _alone(bench, trials, ideal)]
    costs = [Share(cause=name, error=error) for name, error in (*alone, (CALIBRATED, bound)) if error]
    return replace(result, causes=tuple(sorted(costs, key=lambda cost: -cost.error)))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Bench:
    """Where a `run` of `lstm` runs again, as its `setup` says."""

    run: Run
    setup: Setup
    lstm: LSTM

    @property
    def own(self) -> Answers:
        """The answers of the run itself."""
        return _collected(self.run.layers, self.run.y, self.lstm)

    def designed(self, technology: object) -> Passes:
        """Return what the LSTM compiles to in `technology`, clocked as in the run."""
        first = self.run.passes[0].compiled
        return compiled_passes(self.lstm, technology, first.timing, first.settling)

    def answers(self, passes: Passes) -> Answers:
        """Return what `passes` answer to the inputs of the run."""
        run, engine = self.run, self.setup.engine
        again = run_through(passes, run.x, run.state, run.lengths, lambda made, fed: engine.run(made.network, fed))
        return _collected(again.layers, again.y, self.lstm)


def _texts(run: Run) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for each in run.passes for text in each.compiled.network.said(IMPERFECTION)))


def _with_records(run: Run, designed: Passes) -> Passes:
    """Return what was `designed` with the imperfections that the networks of `run` name.

    What was run itself, where a record is none of this package: its text alone does not make it.
    """
    try:
        return with_imperfections(designed, (each.compiled.network.said(IMPERFECTION) for each in run.passes))
    except FileFormatError:
        return tuple(each.compiled for each in run.passes)


def _changed(run: Run, named: Passes) -> Iterator[str]:
    """Yield the labels of the banks of `run` that are not as in the passes `named`."""
    for each, made in zip(run.passes, named, strict=True):
        now, then = (
            {part.label: digest_of(part) for part in one.parts} for one in (each.trajectory.network, made.network)
        )
        yield from (label for label in {**now, **then} if now.get(label) != then.get(label))


def _is_read_otherwise(run: Run, designed: Passes) -> bool:
    """Return whether the signals of `run` are read, or clocked, otherwise than `designed`."""
    pairs = [(each.compiled, made) for each, made in zip(run.passes, designed, strict=True)]
    return any((ran.layout, ran.cycle) != (made.layout, made.cycle) for ran, made in pairs)


def _trials(bench: _Bench, designed: Passes) -> dict[str, Passes]:
    """Return what was `designed` without each cause that its parts have, by the name of the cause."""
    exact = unrounded(bench.setup.technology)
    rounded = {} if exact is bench.setup.technology else {SERIES: bench.designed(exact)}
    return rounded | {cause.value: _without(designed, (cause,)) for cause in _causes(designed)}


def _alone(bench: _Bench, trials: dict[str, Passes], ideal: Answers) -> Iterator[tuple[str, Answers]]:
    """Yield the name of each cause and the answers without it: the `ideal` ones where it is the only cause."""
    for name, passes in trials.items():
        yield name, ideal if len(trials) == 1 else bench.answers(passes)


def _ideal(bench: _Bench, designed: Passes) -> Passes:
    """Return what was `designed` without all causes, in parts of any value."""
    return _without(bench.designed(unrounded(bench.setup.technology)), _causes(designed))


def _causes(passes: Passes) -> tuple[Cause, ...]:
    return tuple(dict.fromkeys(cause for each in passes for cause in causes_of(each.network)))


def _without(passes: Passes, causes: tuple[Cause, ...]) -> Passes:
    return tuple(replace(each, network=idealise(each.network, causes)) for each in passes)


def _by_calibration(bench: _Bench, trace: Trace) -> float:
    """Return how far calibrated cells may carry off the LSTM of `bench`, which made `trace` of the inputs.

    They are off by the `residual` after each step; the recurrence passes that on, as it does a signal that is late.
    """
    run, late = bench.run, residual(bench.setup.technology)
    if not late:
        return 0.0
    behind = lagging(bench.lstm, run.x, run.state, run.lengths, late)
    return _apart(behind, tuple(layer.h for layer in trace.layers))


def _collected(layers: Iterable[ChainRun | LayerTrace], y: Floats | None, lstm: LSTM) -> Answers:
    h = tuple(layer.h for layer in layers)
    return h if y is None or lstm.head is None else (*h, y / lstm.head.gain)


def _apart(one: Answers, other: Answers) -> float:
    """Return the largest difference between the answers `one` and `other`."""
    return max(float(np.abs(a - b).max(initial=0.0)) for a, b in zip(one, other, strict=True))
