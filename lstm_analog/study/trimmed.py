"""Trim chips by their measured outputs: the biases of each are turned until it answers as the machine it is a copy of.

What each bias does to the outputs is measured once, on the machine without imperfections; all chips are corrected by
this one Jacobian J. So a chip needs as many runs as there are rounds and one, and nothing is known of its devices.
"""

from dataclasses import dataclass, replace
from typing import Generic

import numpy as np
from numpy.typing import ArrayLike

from lstm_analog.arrays import Floats, Indices, floats, indices
from lstm_analog.compiler import Compiled
from lstm_analog.doors import checked_record
from lstm_analog.engines import Engine, EngineLike
from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError, explain
from lstm_analog.imperfections import Streams
from lstm_analog.model.sequences import StateLike
from lstm_analog.network.chips import of_chips
from lstm_analog.network.varying import check_steady
from lstm_analog.study.biases import BiasColumn, add_to_biases, read_biases
from lstm_analog.study.keeping import Keep
from lstm_analog.study.lots import AnyDesign, Design, beside
from lstm_analog.study.metrics import Answer
from lstm_analog.study.run import Run
from lstm_analog.summaries import Rows, Summarised

TRIMMED = "trimmed"
"""The key under which the provenance of a network says that its biases were trimmed."""
_RELAXATION = 0.7
"""Share of the computed correction that a round makes. Larger: faster, but chips far from the nominal machine diverge,
as the derivatives are not theirs (the chord method of Kelley 1995); measured in docs/trimming.md#what-it-gains."""


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Trimmed(Summarised, Generic[AnyDesign]):
    """Chips after trimming.

    Attributes
    ----------
    machine : Machine
        The trimmed chips, with the axis of chips that was given.
    names : tuple of str, (K,)
        The rows whose biases were turned, as `l0_zg_3` for unit 3 of the candidate gate of layer 0.
    trims : float array, (chips, K)
        What was added to each bias, in the conductance unit of the domain: S, or m3/(s Pa).
    errors : float array, (rounds + 1, chips)
        Root mean square difference of the answers to those of the machine without imperfections, before the first round
        and after each.
    kept : index array, (chips,)
        The round after which each chip had its least error, 0 for none: its trims are those of that round.
    """

    machine: AnyDesign
    names: tuple[str, ...]
    trims: Floats
    errors: Floats
    kept: Indices

    def __post_init__(self) -> None:
        """Freeze the arrays."""
        for name in ("trims", "errors"):
            object.__setattr__(self, name, floats(getattr(self, name), name))
        object.__setattr__(self, "kept", indices(self.kept, "kept"))

    @property
    def before(self) -> Floats:
        """The error of each chip as it came, (chips,)."""
        first: Floats = self.errors[0]
        return first

    @property
    def after(self) -> Floats:
        """The error of each chip as it is in `machine`, (chips,), on the inputs that it was trimmed by."""
        least: Floats = self.errors.min(axis=0)
        return least

    def chip(self, number: int) -> AnyDesign:
        """Return trimmed chip `number` as a machine without an axis of chips, to run it or to write its netlists.

        Raises `InvalidValueError` for a chip that there is not.
        """
        if not 0 <= number < self.kept.size:
            must, do = f"be 0 to {self.kept.size - 1}", "count from zero"
            raise InvalidValueError(explain("chip", must=must, got=number, do=do))
        if not self.machine.chips:
            return self.machine
        one = (replace(each, network=of_chips(each.network, number)) for each in self.machine.passes)
        return _with_passes(self.machine, tuple(one))

    def summary(self) -> Rows:
        """Return rows with the number of chips and of biases, and the median error before and after."""
        middle = [f"{float(np.median(errors)):.3g}" for errors in (self.before, self.after)]
        return (
            ("chips", self.kept.size),
            ("biases", len(self.names)),
            ("median error", f"{middle[0]} before, {middle[1]} after {len(self.errors) - 1} rounds"),
        )


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class Trimmer(Generic[AnyDesign]):
    """A way to trim copies of a `machine`, made by `trimmer`; `trim` trims chips.

    Attributes
    ----------
    machine : Machine
        The machine without imperfections.
    x : float array, (batch, time, inputs) or (time, inputs)
        The inputs that chips are measured with.
    expected : float array, (n,)
        The answers of the machine to them, in one row.
    columns : tuple of BiasColumn
        The biases that are turned, K in all.
    correction : float array, (K, n)
        (J^T J + damping I)^-1 J^T: turns of the biases, in shares of Gmax, for one unit of each answer.
    largest, resolution : float
        As in `trimmer`.
    rounds : int
        Number of corrections.
    answer : Answer
        As in `trimmer`.
    engine : Engine
        The engine that runs the chips.
    """

    machine: AnyDesign
    x: Floats
    expected: Floats
    columns: tuple[BiasColumn, ...]
    correction: Floats
    largest: float
    resolution: float
    rounds: int
    answer: Answer
    engine: Engine

    def __post_init__(self) -> None:
        """Freeze the arrays."""
        for name in ("x", "expected", "correction"):
            object.__setattr__(self, name, floats(getattr(self, name), name))

    @property
    def design(self) -> "TrimmedDesign[AnyDesign]":
        """The machine whose chips are trimmed as they are drawn: give it to `yield_of` in place of the machine."""
        return TrimmedDesign(machine=self.machine, trimmer=self)

    def trim(self, chips: AnyDesign) -> Trimmed[AnyDesign]:
        """Return `chips`, copies of the machine with imperfections, with the biases of each trimmed in `rounds`.

        A round runs all chips over `x` and turns the biases of each by the share `_RELAXATION` of `correction` times
        its error, to the nearest step of `resolution` and no further than `largest`. Each chip keeps the trims of the
        round with its least error. A device is taken to be exactly where it is turned to, and answers to be measured
        without noise.

        Raises
        ------
        InvalidTypeError
            If `chips` are no machine.
        InvalidShapeError
            If they are no copies of the machine.
        NetworkError, UnsupportedError
            If an imperfection has replaced the devices, or changes the chips from step to step.
        SimulationError
            If a chip cannot be solved.
        """
        self._check(chips)
        own = np.atleast_2d(read_biases(chips.passes, self.columns))
        wanted = np.zeros((max(chips.chips, 1), own.shape[-1]))
        turned, errors = [], []
        for _ in range(self.rounds + 1):
            machine = turn_biases(chips, self.columns, wanted)
            wrong = answers_of(machine, self.x, self.answer, self.engine) - self.expected
            errors.append(np.sqrt(np.mean(wrong**2, axis=-1)))
            turned.append(wanted)
            wanted = self._possible(own, wanted - _RELAXATION * wrong @ self.correction.T)
        kept = np.argmin(errors, axis=0)
        trims = np.array(turned)[kept, np.arange(kept.size)]
        names = tuple(name for each in self.columns for name in each.names)
        return Trimmed(
            machine=_recorded(turn_biases(chips, self.columns, trims), len(names)),
            names=names,
            trims=trims * np.concatenate([np.full(each.rows.size, each.largest) for each in self.columns]),
            errors=np.array(errors),
            kept=kept,
        )

    def _possible(self, own: Floats, wanted: Floats) -> Floats:
        """Return the nearest to the `wanted` trims (chips, K) to which devices of values `own` (..., K) can be set."""
        steps = self.resolution * np.rint(wanted / self.resolution) if self.resolution else wanted
        lowest, highest = np.minimum(-self.largest - own, 0.0), np.maximum(self.largest - own, 0.0)
        return np.clip(steps, lowest, highest)

    def _check(self, chips: object) -> None:
        if not isinstance(chips, type(self.machine)):
            got, do = ascii(chips)[:80], "give machine.with_imperfection(...)"
            raise InvalidTypeError(explain("chips", must="be copies of the machine", got=got, do=do))
        known, given = ([each.network.unknowns.groups for each in some.passes] for some in (self.machine, chips))
        begun = [groups[: len(own)] for groups, own in zip(given, known, strict=False)]  # imperfections append groups
        if len(given) != len(known) or begun != known:
            got, do = f"{sum(map(len, given))} groups of unknowns", "give machine.with_imperfection(...)"
            raise InvalidShapeError(explain("chips", must="be copies of the machine", got=got, do=do))
        for each in chips.passes:
            check_steady(each.network)


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class TrimmedDesign(Generic[AnyDesign]):
    """A `machine` whose chips `trimmer` trims as they are drawn; `yield_of` takes it in place of the machine."""

    machine: AnyDesign
    trimmer: Trimmer[AnyDesign]

    @property
    def passes(self) -> tuple[Compiled, ...]:
        """The networks of the machine."""
        return self.machine.passes

    @property
    def chips(self) -> int:
        """The number of chips of the machine; 0 for one without an axis of chips."""
        return self.machine.chips

    def with_imperfection(self, imperfection: object, streams: Streams) -> "TrimmedDesign[AnyDesign]":
        """Return the machine with an `imperfection`, or several, drawn from `streams` and then trimmed."""
        chips = self.machine.with_imperfection(imperfection, streams)
        return replace(self, machine=self.trimmer.trim(chips).machine)

    def run(
        self,
        x: ArrayLike,
        *,
        state: StateLike | None = None,
        lengths: ArrayLike | None = None,
        engine: EngineLike = None,
        keep: Keep | None = None,
    ) -> Run:
        """Return its run with input `x` from `state` over `lengths` steps, by `engine`; `keep` says what to store."""
        return self.machine.run(x, state=state, lengths=lengths, engine=engine, keep=keep)


def turn_biases(machine: AnyDesign, columns: tuple[BiasColumn, ...], trims: Floats) -> AnyDesign:
    """Return `machine` with `trims` (chips, K) of its biases in `columns`, in shares of Gmax.

    A machine without an axis of chips gets one, but for one row of trims.
    """
    alone = not machine.chips and len(trims) == 1
    return _with_passes(machine, add_to_biases(machine.passes, columns, trims[0] if alone else trims))


def _recorded(machine: AnyDesign, count: int) -> AnyDesign:
    """Return `machine` with the trimming of so many biases in the provenance of its networks."""
    entry = (TRIMMED, f"{count} biases, by measured outputs")
    networks = (replace(each.network, provenance=(*each.network.provenance, entry)) for each in machine.passes)
    pairs = zip(machine.passes, networks, strict=True)
    return _with_passes(machine, tuple(replace(each, network=network) for each, network in pairs))


def _with_passes(machine: AnyDesign, passes: tuple[Compiled, ...]) -> AnyDesign:
    return replace(machine, passes=passes)  # type: ignore[type-var]


def answers_of(machine: Design, x: Floats, answer: Answer, engine: Engine) -> Floats:
    """Return the `answer` of each chip of `machine` to `x`, run by `engine`, in one row: (chips, n).

    A machine without an axis of chips is one. Raises `InvalidShapeError` if the answer does not begin with chips.
    """
    run = machine.run(x, engine=engine, keep=Keep.OUTPUTS)
    outputs = run.outputs if machine.chips else beside(run.outputs)
    given = floats(answer(outputs), "answer")
    count = max(machine.chips, 1)
    if given.shape[:1] != (count,):
        must, do = f"begin with an axis of {count} chips", "return y or h of the outputs, or what follows from them"
        raise InvalidShapeError(explain("answer", must=must, got=f"shape {given.shape}", do=do))
    return given.reshape(count, -1)
