"""Make the error budget of a machine: from the derivatives of what deviates by all parameters, and from sampled chips."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from types import MappingProxyType
from typing import Generic

import numpy as np
from numpy.typing import ArrayLike

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked, checked_record
from lstm_analog.engines import EngineLike, Settle
from lstm_analog.engines.choosing import chosen_engine
from lstm_analog.engines.sensitivity import Parameters
from lstm_analog.errors import InvalidValueError, SimulationError, UnsupportedError, explain
from lstm_analog.imperfections import Streams
from lstm_analog.imperfections.applying import records_in
from lstm_analog.model.sequences import Outputs, StateLike
from lstm_analog.network.laws import lever_values
from lstm_analog.network.parts import Part
from lstm_analog.study.budget_result import ErrorBudget, Interaction, StrengthRow
from lstm_analog.study.element_names import column_names, element_names
from lstm_analog.study.keeping import Keep
from lstm_analog.study.lot_study import check_count
from lstm_analog.study.lots import AnyDesign, beside, check_design
from lstm_analog.study.metric_slopes import answer_slopes, metric_slopes
from lstm_analog.study.metrics import Answer, Metric, measured, y_or_h
from lstm_analog.study.parameter_changes import Changes, parameter_changes, with_changes
from lstm_analog.study.run import Run
from lstm_analog.study.run_slopes import OutputSlopes, RunSensitivities, run_sensitivities

STRENGTHS = (0.1, 0.3, 1.0, 3.0)
"""Multiples of the imperfections at which the prediction is compared with samples."""
DRAWS = 1000
"""Draws of all parameters that shares are means of. More: shares less by chance, off by about 1/sqrt(draws)."""
CHIPS = 100
"""Chips that are run at each strength. More: takes longer, and sees interactions better."""
_TOGETHER = 100
"""Draws at a time; more: faster, and more memory."""
_MOST_ANSWERS = 4096
"""Numbers of an answer up to which each has a derivative by every parameter; larger: memory, numbers x parameters."""
_LARGEST = 10
"""Single parameters that are listed."""


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class RootMeanSquareDeviation:
    """The root mean square deviation of the `answer` of a chip from that of the machine as compiled.

    `answer` is y, or h without a head, unless given.
    """

    answer: Answer = y_or_h


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class LargestDeviation:
    """The deviation of that number of the `answer` which deviates most over the chips, root mean square.

    `answer` is y, or h without a head, unless given.
    """

    answer: Answer = y_or_h


@dataclass(frozen=True, kw_only=True, eq=False)
class _Subject(Generic[AnyDesign]):
    """What is budgeted: a `machine` fed as in its `run`, and the n numbers that are `read` of the outputs of chips.

    `nominal` (n,) are those of the machine, `weights` (n,) what the square of each counts.
    """

    machine: AnyDesign
    run: Run
    read: Callable[[Outputs], Floats]
    nominal: Floats
    weights: Floats

    def deviations(self, machine: AnyDesign) -> Floats:
        """Return the deviations (chips, n) of the chips that `machine` is."""
        run, engine = self.run, None if self.run.setup is None else self.run.setup.engine
        made = machine.run(run.x, state=run.state, lengths=run.lengths, engine=engine, keep=Keep.OUTPUTS)
        return self.read(made.outputs) - self.nominal


@checked
def budget(
    machine: AnyDesign,
    imperfections: object,
    x: ArrayLike,
    *,
    of: Metric | RootMeanSquareDeviation | LargestDeviation = RootMeanSquareDeviation(),  # noqa: B008 - frozen
    seed: int,
    state: StateLike | None = None,
    lengths: ArrayLike | None = None,
    engine: EngineLike = None,
    draws: int = DRAWS,
    chips: int = CHIPS,
    strengths: tuple[float, ...] = STRENGTHS,
) -> ErrorBudget:
    """Return the error budget of copies of `machine` with `imperfections`: which of them, and of its parts, make how much.

    A reverse pass gives the derivatives by all parameters of all parts; imperfections are drawn, not run, and what they
    do to each parameter is multiplied by them. A few chips are run to tell how far that is true.

    Parameters
    ----------
    machine : Machine
        The machine without imperfections and without an axis of chips.
    imperfections : record or tuple of records
        As in `Machine.with_imperfection`; each kind once. They are to change parameters of parts.
    x : (batch, time, inputs) or (time, inputs)
        Input of every chip.
    of : Metric, RootMeanSquareDeviation or LargestDeviation
        What deviates: a number that is a smooth function of `Outputs` with a leading axis of chips; or all numbers of
        an answer, by default y, or h without a head.
    seed : int
        Seed of the imperfections; chip k is drawn by `Streams(seed=seed, first=k)`.
    state, lengths
        Initial state and number of valid steps of each sequence, as in `Machine.run`.
    engine : Settle, optional
        The engine, `Settle()` unless given; no other has derivatives.
    draws : int
        Number of draws that shares are means of.
    chips : int
        Number of chips that are run at each strength, at most `draws`.
    strengths : tuple of float
        Multiples of the imperfections to run chips at.

    Raises
    ------
    InvalidTypeError, InvalidShapeError, InvalidValueError
        If an argument is wrong, or the machine has an axis of chips.
    UnsupportedError
        If an imperfection changes no parameter, or changes in time or with parts; if the machine cannot be
        differentiated, as a storage that neither settles nor is single; if there are too many numbers in an answer.
    """
    check_design(machine)
    for name, count in (("draws", draws), ("chips", chips)):
        check_count(name, count)
    run = machine.run(x, state=state, lengths=lengths, engine=chosen_engine(engine, Settle()), keep=Keep.EVERYTHING)
    subject, slopes = _subject(machine, run, of)
    source = _Source(machine=machine, causes=_causes(imperfections), seed=int(seed))
    found = run_sensitivities(run, slopes)
    totals = np.concatenate([_deviations(lot.together, found) for lot in source.lots(draws)])
    if isinstance(of, LargestDeviation):
        place = int((totals**2).mean(axis=0).argmax())
        subject = replace(subject, weights=np.eye(1, totals.shape[1], place)[0])
    many = min(chips, draws)
    sample = source.lot(0, many)
    interactions, together = _interactions(subject, source, sample)
    return ErrorBudget(
        of=_name(of),
        predicted=_rms(totals, subject.weights),
        draws=draws,
        chips=many,
        shares=MappingProxyType(_shares(subject, found, slopes, source, totals)),
        ladder=tuple(_row(subject, sample, strength, totals[:many]) for strength in sorted(strengths)),
        interactions=interactions,
        together=together,
    )


PassChanges = tuple[Changes, ...]
"""The changes of the parameters of each pass."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _ChipLot:
    """What some chips have different: by each cause alone, and by all `together`."""

    each: Mapping[str, PassChanges]
    together: PassChanges


@dataclass(frozen=True, kw_only=True, eq=False)
class _Source(Generic[AnyDesign]):
    """Draws of the `causes`, imperfections by name, on a `machine`."""

    machine: AnyDesign
    causes: Mapping[str, object]
    seed: int

    def changes(self, causes: Iterable[str], first: int, count: int) -> PassChanges:
        """Return what the `causes` change together on `count` chips from number `first` on."""
        streams = Streams(seed=self.seed, chips=count, first=first)
        made = self.machine.with_imperfection(tuple(self.causes[name] for name in causes), streams)
        pairs = zip(self.machine.passes, made.passes, strict=True)
        return tuple(parameter_changes(plain.network, other.network, count) for plain, other in pairs)

    def lot(self, first: int, count: int) -> _ChipLot:
        """Return `count` chips from number `first` on; raise `UnsupportedError` for a cause that changes nothing."""
        each = {name: self.changes((name,), first, count) for name in self.causes}
        for name, changes in each.items():
            if not any(changes):
                do = "leave it out: it acts on the clock, the inputs or the outputs, or has no strength"
                raise UnsupportedError(explain(name, must="change a parameter of a part", got="no change", do=do))
        together = next(iter(each.values())) if len(each) == 1 else self.changes(self.causes, first, count)
        return _ChipLot(each=each, together=together)

    def lots(self, draws: int) -> Iterator[_ChipLot]:
        """Yield so many `draws` in lots."""
        for first in range(0, draws, _TOGETHER):
            yield self.lot(first, min(_TOGETHER, draws - first))


def _causes(imperfections: object) -> dict[str, object]:
    """Return the `imperfections` by the name of their kind."""
    records = records_in(imperfections)
    names = [type(record).__name__ for record in records]
    if not names or len(set(names)) != len(names):
        do = "give one or more, of different kinds"
        raise InvalidValueError(explain("imperfections", must="be of each kind once", got=", ".join(names), do=do))
    return dict(zip(names, records, strict=True))


def _name(of: Metric | RootMeanSquareDeviation | LargestDeviation) -> str:
    return getattr(of, "__name__", type(of).__name__)


def _subject(
    machine: AnyDesign, run: Run, of: Metric | RootMeanSquareDeviation | LargestDeviation
) -> tuple[_Subject[AnyDesign], OutputSlopes]:
    """Return what is budgeted, and the derivatives of its numbers by the outputs of the `run`."""
    outputs = run.outputs
    if not isinstance(of, RootMeanSquareDeviation | LargestDeviation):
        metric = of
        read = _metric_reader(metric)
        nominal, slopes = read(beside(outputs))[0], metric_slopes(metric, outputs)
    else:
        read = _answer_reader(of.answer)
        nominal = read(beside(outputs))[0]
        if nominal.size > _MOST_ANSWERS:
            do = "give answer= a function that returns those of interest"
            must = f"be at most {_MOST_ANSWERS}"
            raise UnsupportedError(explain("numbers in an answer", must=must, got=nominal.size, do=do))
        slopes = answer_slopes(of.answer, outputs, np.eye(nominal.size))
    weights = np.full(nominal.size, 1.0 / nominal.size)
    return _Subject(machine=machine, run=run, read=read, nominal=nominal, weights=weights), slopes


def _metric_reader(metric: Metric) -> Callable[[Outputs], Floats]:
    return lambda outputs: measured(metric, outputs, len(outputs.h))[:, None]


def _answer_reader(answer: Answer) -> Callable[[Outputs], Floats]:
    return lambda outputs: np.asarray(answer(outputs)).reshape(len(outputs.h), -1)


def _deviations(changes: PassChanges, found: RunSensitivities) -> Floats:
    """Return the deviations (chips, n) that `changes` make to first order, by the derivatives `found`."""
    return sum(
        (
            change.reshape(len(change), -1) @ each.parameters[label][name].reshape(len(found.x), -1).T
            for each, one in zip(found.passes, changes, strict=True)
            for (label, name), change in one.items()
            if label in each.parameters
        ),
        np.zeros((1, len(found.x))),
    )


def _rms(deviations: Floats, weights: Floats) -> float:
    """Return the root mean square of `deviations` (chips, n) whose squares count `weights` (n,)."""
    return float(np.sqrt(np.mean(deviations**2 @ weights)))


def _shares(
    subject: _Subject[AnyDesign],
    found: RunSensitivities,
    slopes: OutputSlopes,
    source: _Source[AnyDesign],
    totals: Floats,
) -> dict[str, Mapping[str, float]]:
    """Return the shares of the mean square deviation by kind and name; `totals` (draws, n) are the deviations."""
    draws, whole = len(totals), _rms(totals, subject.weights) ** 2 or 1.0
    pulled = totals * (subject.weights / (draws * whole))
    causes = dict.fromkeys(source.causes, 0.0)
    taken: list[dict[tuple[str, str], Floats]] = [{} for _ in found.passes]
    first = 0
    for lot in source.lots(draws):
        chips = len(next(value for one in lot.together for value in one.values()))
        some = pulled[first : first + chips]
        first += chips
        for name, changes in lot.each.items():
            causes[name] += float((_deviations(changes, found) * some).sum())
        for sums, one in zip(taken, lot.together, strict=True):
            for key, change in one.items():
                sums[key] = sums.get(key, 0.0) + np.tensordot(some, change, axes=(0, 0))
    by_element = [
        {key: (each.parameters[key[0]][key[1]] * value).sum(axis=0) for key, value in sums.items()}
        for each, sums in zip(found.passes, taken, strict=True)
    ]
    return {
        "imperfection": _sorted(causes),
        **_by_place(subject.machine, by_element),
        "step": _by_step(subject, slopes, taken),
    }


def _sorted(shares: Mapping[str, float]) -> Mapping[str, float]:
    return MappingProxyType({name: shares[name] for name in sorted(shares, key=lambda name: -abs(shares[name]))})


def _by_place(machine: AnyDesign, shares: list[dict[tuple[str, str], Floats]]) -> dict[str, Mapping[str, float]]:
    """Return the shares by part, gate, unit and largest parameter, given those of all parameters of each pass."""
    sums: dict[str, dict[str, float]] = {kind: {} for kind in ("part", "gate", "unit")}
    largest: dict[str, float] = {}
    for compiled, found in zip(machine.passes, shares, strict=True):
        for (label, name), share in found.items():
            part = compiled.network.part(label)
            names, rows = element_names(compiled, part), share if share.ndim == 1 else share.sum(axis=1)
            _add(sums["part"], [label], [float(share.sum())])
            _add(sums["gate"], names.gates, rows.tolist())
            _add(sums["unit"], names.units, rows.tolist())
            places = np.argsort(-np.abs(share), axis=None)[:_LARGEST]
            columns = column_names(compiled, part)
            for place in zip(*np.unravel_index(places, share.shape), strict=True):
                driver = f" from {columns[place[1]]}" if share.ndim > 1 else ""
                largest[f"{name} of {names.names[place[0]]}{driver}"] = float(share[place])
    single = dict(list(_sorted(largest).items())[:_LARGEST])
    return {kind: _sorted(found) for kind, found in sums.items()} | {"parameter": MappingProxyType(single)}


def _add(sums: dict[str, float], names: Iterable[str], values: Iterable[float]) -> None:
    for name, value in zip(names, values, strict=True):
        sums[name] = sums.get(name, 0.0) + value


def _by_step(
    subject: _Subject[AnyDesign], slopes: OutputSlopes, taken: list[dict[tuple[str, str], Floats]]
) -> Mapping[str, float]:
    """Return the share of each step in which parameters act, given the changes that count for each number, `taken`."""
    changes = tuple(_nested(sums, {part.label: part for part in compiled.network.parts}) for sums, compiled in zip(taken, subject.machine.passes, strict=True))
    found = run_sensitivities(subject.run, slopes, changes)
    steps: dict[str, float] = {}
    for each, compiled in zip(found.passes, subject.machine.passes, strict=True):
        by_point = np.zeros(0) if each.by_interval is None else each.by_interval.sum(axis=0)[2:]
        by_step = by_point.reshape(-1, len(compiled.cycle.step)).sum(axis=1)
        _add(steps, map(str, range(by_step.size)), by_step.tolist())
    return MappingProxyType(steps)


def _nested(changes: Mapping[tuple[str, str], Floats], parts: Mapping[str, Part]) -> Parameters:
    """Return `changes` (n, *own) by the label of the bank and the name, with zeros for the other parameters of a bank."""
    results = {label: len(value) for (label, _), value in changes.items()}
    return {
        label: {
            name: changes.get((label, name), np.zeros((count, *value.shape)))
            for name, value in lever_values(parts[label]).items()
        }
        for label, count in results.items()
    }


def _row(subject: _Subject[AnyDesign], sample: _ChipLot, strength: float, totals: Floats) -> StrengthRow:
    """Return the deviations at a `strength` of the chips that `sample` is, whose predicted ones are `totals` at 1."""
    predicted = strength * _rms(totals, subject.weights)
    try:
        sampled = _rms(subject.deviations(_altered(subject.machine, sample.together, strength)), subject.weights)
    except (InvalidValueError, SimulationError):  # a parameter left its range, or a chip cannot be run
        sampled = float("nan")
    return StrengthRow(strength=strength, predicted=predicted, sampled=sampled)


def _altered(machine: AnyDesign, changes: PassChanges, strength: float = 1.0) -> AnyDesign:
    """Return `machine` with `strength` times the `changes` of its parameters."""
    passes = tuple(
        replace(compiled, network=with_changes(compiled.network, one, strength))
        for compiled, one in zip(machine.passes, changes, strict=True)
    )
    return replace(machine, passes=passes)  # type: ignore[type-var]


def _interactions(
    subject: _Subject[AnyDesign], source: _Source[AnyDesign], sample: _ChipLot
) -> tuple[tuple[Interaction, ...], float]:
    """Return the interactions of each pair of causes, and the mean square of all over the sum of that of each alone."""
    if len(sample.each) == 1:
        return (), 1.0
    alone = {name: subject.deviations(_altered(subject.machine, each)) for name, each in sample.each.items()}
    every = subject.deviations(_altered(subject.machine, sample.together))
    whole, count = _rms(every, subject.weights), len(every)
    found = []
    for first, second in combinations(sample.each, 2):
        pair = sample.together if len(alone) == 2 else source.changes((first, second), 0, count)
        both = subject.deviations(_altered(subject.machine, pair))
        beyond = _rms(both - alone[first] - alone[second], subject.weights)
        found.append(Interaction(first=first, second=second, share=beyond / whole if whole else 0.0))
    parts = sum(_rms(each, subject.weights) ** 2 for each in alone.values())
    return tuple(found), whole**2 / parts if parts else 1.0
