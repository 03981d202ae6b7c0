"""Attribute the error of a run to changes, to imperfections, to the parts of its technology, and to the rest.

`Shares` has the contributions; each is found by running a changed network with the engine of the run. Two errors by
design cannot be taken out of a network, so the technology is asked for them: that of resistors rounded to a series
(`unrounded`), and what the calibration of transistor cells leaves (`residual`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import singledispatch

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.compiler import Compiled
from lstm_analog.compiler.bicmos import Bicmos
from lstm_analog.compiler.opamp_sizes import OpAmpCircuit
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


@singledispatch
def unrounded(technology: object) -> object:
    """Return `technology` with resistors of any value if it takes those of a series (E96), else unchanged."""
    return technology


@unrounded.register
def _(technology: OpAmpCircuit) -> OpAmpCircuit:
    exact = replace(technology.crossbar, series=0)
    return replace(technology, crossbar=exact) if technology.crossbar.series else technology


@singledispatch
def residual(technology: object) -> float:
    """Return the error of h and c after a step, full scale being 1, of the calibrated cells of `technology`.

    0 for a technology without such cells: its network can be run with ideal parts to find their errors.
    """
    return 0.0


@residual.register
def _(technology: Bicmos) -> float:
    return technology.trims.residual


SERIES = "values of a series of resistors"
"""The name in a report of the error that `unrounded` removes."""
CALIBRATED = "what the calibration of the cells leaves"
"""The name in a report of the error in `residual`."""

Answers = tuple[Floats, ...]
"""h of every chain, then y over the gain of the head, if there is one."""
Passes = tuple[Compiled, ...]
"""The networks of a machine, one for each pass through time."""


def shares(run: Run, lstm: LSTM, trace: Trace, allowed: float) -> Shares | None:
    """Return the contributions to the error of `run` against `lstm`, whose `trace` is for the same inputs.

    Return None if the run has no setup. Networks are run in this order: with the imperfections in their provenance, as
    compiled, with ideal parts, and without each single cause. It ends early, at a defect, if the rest exceeds what
    clock and engine explain, `allowed`.
    """
    if run.setup is None:
        return None
    rerun = _Rerun(run=run, setup=run.setup, lstm=lstm)
    texts = tuple(dict.fromkeys(text for each in run.passes for text in each.compiled.network.said(IMPERFECTION)))
    designed, found = rerun.designed(run.setup.technology), rerun.own
    named = _with_records(run, designed) if texts else designed
    changed = tuple(dict.fromkeys(_changed(run, named)))
    trials, bound = _trials(rerun, designed), _by_calibration(rerun, trace)
    pairs = zip((each.compiled for each in run.passes), designed, strict=True)
    same = not (changed or trials) and all((a.layout, a.cycle) == (b.layout, b.cycle) for a, b in pairs)
    again = found if same else rerun.answers(named)
    result = Shares(by_changes=_apart(found, again), changed=changed, imperfections=texts)
    if result.rest > allowed:
        return result
    plain = rerun.answers(designed) if texts else again
    exact = _without(rerun.designed(unrounded(run.setup.technology)), _causes(designed)) if trials else ()
    ideal = rerun.answers(exact) if trials else plain
    result = replace(
        result,
        by_imperfections=_apart(again, plain),
        by_technology=_apart(plain, ideal) + bound,
        left=max(_apart(ideal, _collected(trace.layers, trace.outputs.y, lstm)) - bound, 0.0),
    )
    if result.rest > allowed:
        return result
    single = len(trials) == 1  # then the outputs without it are `ideal`
    alone = [(name, _apart(plain, ideal if single else rerun.answers(passes))) for name, passes in trials.items()]
    costs = [Share(cause=name, error=error) for name, error in (*alone, (CALIBRATED, bound)) if error]
    return replace(result, causes=tuple(sorted(costs, key=lambda cost: -cost.error)))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Rerun:
    """Runs other networks of `lstm` under the inputs and the `setup` of `run`."""

    run: Run
    setup: Setup
    lstm: LSTM

    @property
    def own(self) -> Answers:
        """The outputs of the run itself."""
        return _collected(self.run.layers, self.run.y, self.lstm)

    def designed(self, technology: object) -> Passes:
        """Return the networks of the LSTM compiled in `technology`, clocked as in the run."""
        first = self.run.passes[0].compiled
        return compiled_passes(self.lstm, technology, first.timing, first.settling)

    def answers(self, passes: Passes) -> Answers:
        """Return the outputs of `passes` for the inputs of the run."""
        run, engine = self.run, self.setup.engine
        again = run_through(
            passes, run.x, run.initial_state, run.lengths, lambda made, fed: engine.run(made.network, fed)
        )
        return _collected(again.layers, again.y, self.lstm)


def _with_records(run: Run, designed: Passes) -> Passes:
    """Return the networks `designed` with the imperfections in the provenance of `run`.

    Return the networks of the run itself if one of the imperfections is not of this package, so that its text does not
    suffice to make it.
    """
    try:
        return with_imperfections(designed, (each.compiled.network.said(IMPERFECTION) for each in run.passes))
    except FileFormatError:
        return tuple(each.compiled for each in run.passes)


def _changed(run: Run, named: Passes) -> Iterator[str]:
    """Yield the labels of the banks of `run` that differ from those in the passes `named`."""
    for each, made in zip(run.passes, named, strict=True):
        now, then = (
            {part.label: digest_of(part) for part in one.parts} for one in (each.trajectory.network, made.network)
        )
        yield from (label for label in {**now, **then} if now.get(label) != then.get(label))


def _trials(rerun: _Rerun, designed: Passes) -> dict[str, Passes]:
    """Return the networks `designed` with one cause of error removed, by the name of the cause."""
    exact = unrounded(rerun.setup.technology)
    rounded = {} if exact is rerun.setup.technology else {SERIES: rerun.designed(exact)}
    return rounded | {cause.value: _without(designed, (cause,)) for cause in _causes(designed)}


def _causes(passes: Passes) -> tuple[Cause, ...]:
    return tuple(dict.fromkeys(cause for each in passes for cause in causes_of(each.network)))


def _without(passes: Passes, causes: tuple[Cause, ...]) -> Passes:
    return tuple(replace(each, network=idealise(each.network, causes)) for each in passes)


def _by_calibration(rerun: _Rerun, trace: Trace) -> float:
    """Return the error that calibrated cells may cause in the LSTM whose `trace` is for the same inputs.

    They have an error of `residual` after each step, which the recurrence propagates like a signal that is late.
    """
    run, late = rerun.run, residual(rerun.setup.technology)
    if not late:
        return 0.0
    behind = lagging(rerun.lstm, run.x, run.initial_state, run.lengths, late)
    return _apart(behind, tuple(layer.h for layer in trace.layers))


def _collected(layers: Iterable[ChainRun | LayerTrace], y: Floats | None, lstm: LSTM) -> Answers:
    h = tuple(layer.h for layer in layers)
    return h if y is None or lstm.head is None else (*h, y / lstm.head.gain)


def _apart(one: Answers, other: Answers) -> float:
    return max(float(np.abs(a - b).max(initial=0.0)) for a, b in zip(one, other, strict=True))
