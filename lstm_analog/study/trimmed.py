"""Trim chips by their measured outputs: the biases of each are turned until it answers as the machine it is a copy of.

What each bias does to the outputs is measured once, on the machine without imperfections; all chips are corrected by
this one Jacobian J. So a chip needs as many runs as there are rounds and one, and nothing is known of its devices.
"""

from dataclasses import dataclass, replace
from typing import Generic

import numpy as np
from numpy.typing import ArrayLike

from lstm_analog.arrays import Floats, floats
from lstm_analog.compiler import Compiled
from lstm_analog.doors import checked_record
from lstm_analog.engines import Engine, EngineLike
from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError, explain
from lstm_analog.imperfections import Streams
from lstm_analog.model.sequences import StateLike
from lstm_analog.model.weights import check_shape
from lstm_analog.network.varying import check_steady
from lstm_analog.study.biases import Adjustable, SumGains, read_biases
from lstm_analog.study.keeping import Keep
from lstm_analog.study.lots import AnyDesign, Design, as_one_chip, chip_outputs
from lstm_analog.study.measured import Measured
from lstm_analog.study.metrics import Answer, y_or_h
from lstm_analog.study.run import Run
from lstm_analog.study.trims import Correction, Trimmed, recorded_trims, turn_biases

_RELAXATION = 0.7
"""Share of the computed correction that a round makes. Larger: faster, but chips far from the nominal machine diverge,
as the derivatives are not theirs (the chord method of Kelley 1995); measured in docs/trimming.md#what-it-gains."""


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
    columns : tuple of BiasColumn, SumGains and CellOffsets
        The biases, gains and offsets that are turned, K in all.
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
    columns: tuple[Adjustable, ...]
    correction: Floats
    largest: float
    resolution: float
    rounds: int
    answer: Answer
    engine: Engine

    def __post_init__(self) -> None:
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

        Raises `InvalidTypeError` if `chips` are no machine, `InvalidShapeError` if they are no copies of the machine,
        `NetworkError` or `UnsupportedError` if an imperfection has replaced the devices, or changes the chips from step
        to step, `SimulationError` if a chip cannot be solved.
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
            wanted = self._corrected(own, wanted, wrong)
        kept = np.argmin(errors, axis=0)
        trims = np.array(turned)[kept, np.arange(kept.size)]
        return Trimmed(
            machine=recorded_trims(turn_biases(chips, self.columns, trims), len(self.names)),
            names=self.names,
            trims=trims * self.units,
            errors=np.array(errors),
            kept=kept,
        )

    def correct(self, answers: Measured, so_far: Floats | None = None) -> Correction:
        """Return what to turn each bias of a board to, whose `answers` to `x` were measured with its trims `so_far`.

        It is one round of `trim` for a chip on a bench: turn the biases, measure again, and give the trims so far. The
        devices of the board are taken to stand where they were programmed to, but for these trims.

        Parameters
        ----------
        answers : Measured
            What `measured` returned for the inputs `x`.
        so_far : float array, (K,), optional
            The trims with which it was measured, as `Correction.trims`; none unless given.

        Raises
        ------
        InvalidShapeError
            If the trims are not one a bias, or other answers were measured.
        InvalidValueError
            If the board was fed something else than `x`.
        """
        before = np.zeros(len(self.names)) if so_far is None else floats(so_far, "so_far")
        check_shape(before, "so_far", (len(self.names),))
        if answers.run.x.shape != self.x.shape or (answers.run.x != self.x).any():
            do = "feed the board the inputs that the trimmer was made with"
            raise InvalidValueError(explain("x of the board", must="be that of the trimmer", got="other inputs", do=do))
        outputs = answers.outputs
        found = floats(self.answer(as_one_chip(outputs)), "answer").reshape(1, -1)
        no_y = outputs.y is None and self.answer is y_or_h and answers.run.compiled.layout.head is not None
        if no_y or found.shape[1:] != self.expected.shape:
            must, do = f"be {self.expected.size} numbers", "measure y if the machine has a head"
            got = f"{found.size}{' of h' if no_y else ''}"
            raise InvalidShapeError(explain("measured answers", must=must, got=got, do=do))
        wrong, own = found - self.expected, np.atleast_2d(read_biases(self.machine.passes, self.columns))
        turned = self._corrected(own, (before / self.units)[None], wrong)[0]
        return Correction(names=self.names, trims=turned * self.units, error=float(np.sqrt(np.mean(wrong**2))))

    def with_trims(self, chips: AnyDesign, trims: Floats) -> AnyDesign:
        """Return `chips` with the same `trims` (K,) of their biases, in the conductance unit, as in `Correction`.

        Raises `InvalidShapeError` if they are not one a bias, else as `trim`.
        """
        self._check(chips)
        given = floats(trims, "trims")
        check_shape(given, "trims", (len(self.names),))
        rows = np.broadcast_to(given / self.units, (max(chips.chips, 1), given.size))
        return recorded_trims(turn_biases(chips, self.columns, rows), given.size)

    @property
    def names(self) -> tuple[str, ...]:
        """The rows whose biases are turned, (K,)."""
        return tuple(name for each in self.columns for name in each.names)

    @property
    def units(self) -> Floats:
        """Gmax of the bank of each bias, in the conductance unit of the domain, 1 for each gain, (K,).

        For each offset of a transistor cell, its reference current (A).
        """
        return np.concatenate([np.full(each.rows.size, each.largest) for each in self.columns])

    def _corrected(self, own: Floats, turned: Floats, wrong: Floats) -> Floats:
        """Return the next trims (chips, K) after those `turned`, with which answers are `wrong` (chips, n).

        They are the nearest to which devices of values `own` (..., K) can be set; a gain is never below 0.
        """
        wanted = turned - _RELAXATION * wrong @ self.correction.T
        steps = self.resolution * np.rint(wanted / self.resolution) if self.resolution else wanted
        least = np.concatenate(
            [np.full(each.rows.size, 0.0 if isinstance(each, SumGains) else -self.largest) for each in self.columns]
        )
        lowest, highest = np.minimum(least - own, 0.0), np.maximum(self.largest - own, 0.0)
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


def answers_of(machine: Design, x: Floats, answer: Answer, engine: Engine) -> Floats:
    """Return the `answer` of each chip of `machine` to `x`, run by `engine`, in one row: (chips, n).

    A machine without an axis of chips is one. Raises `InvalidShapeError` if the answer does not begin with chips.
    """
    run = machine.run(x, engine=engine, keep=Keep.OUTPUTS)
    given, count = floats(answer(chip_outputs(machine, run)), "answer"), max(machine.chips, 1)
    if given.shape[:1] != (count,):
        must, do = f"begin with an axis of {count} chips", "return y or h of the outputs, or what follows from them"
        raise InvalidShapeError(explain("answer", must=must, got=f"shape {given.shape}", do=do))
    return given.reshape(count, -1)
