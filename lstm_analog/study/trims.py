"""The results of trimming: chips with turned biases (`Trimmed`), and the turns for a board (`Correction`)."""

from dataclasses import dataclass, replace
from typing import Generic

import numpy as np

from lstm_analog.arrays import Floats, Indices, floats, indices
from lstm_analog.compiler import Compiled
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.network.chips import of_chips
from lstm_analog.study.biases import Adjustable, add_to_biases
from lstm_analog.study.lots import AnyDesign
from lstm_analog.summaries import Rows, Summarised

TRIMMED = "trimmed"
"""The key under which the provenance of a network says that its biases were trimmed."""


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Trimmed(Summarised, Generic[AnyDesign]):
    """Chips after trimming.

    Attributes
    ----------
    machine : Machine
        The trimmed chips, with the axis of chips that was given.
    names : tuple of str, (K,)
        The rows whose biases were turned, as `l0_zg_3` for unit 3 of the candidate gate of layer 0; then, if gains
        were turned, `l0_zg_3 gain` and so on, and if offsets were, `l0_c_3 sum` and `l0_c_3 reading`.
    trims : float array, (chips, K)
        What was added to each bias, in the conductance unit of the domain: S, or m3/(s Pa); to each gain of 1, and to
        each offset (A).
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
        return with_passes(self.machine, tuple(one))

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
class Correction:
    """What to turn the biases of a board to, found from measured answers.

    Attributes
    ----------
    names : tuple of str, (K,)
        The rows whose biases are turned, as in `Trimmed`.
    trims : float array, (K,)
        What each bias is to have added in all, in the conductance unit of the domain: S, or m3/(s Pa).
    error : float
        Root mean square difference of the measured answers to those of the machine without imperfections, before.
    """

    names: tuple[str, ...]
    trims: Floats
    error: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "trims", floats(self.trims, "trims"))


def turn_biases(machine: AnyDesign, columns: tuple[Adjustable, ...], trims: Floats) -> AnyDesign:
    """Return `machine` with `trims` (chips, K) of its biases and gains in `columns`, in shares of their `largest`.

    A machine without an axis of chips gets one, but for one row of trims.
    """
    alone = not machine.chips and len(trims) == 1
    return with_passes(machine, add_to_biases(machine.passes, columns, trims[0] if alone else trims))


def recorded_trims(machine: AnyDesign, count: int) -> AnyDesign:
    """Return `machine` with the trimming of `count` biases in the provenance of its networks."""
    entry = (TRIMMED, f"{count} biases, by measured outputs")
    networks = (replace(each.network, provenance=(*each.network.provenance, entry)) for each in machine.passes)
    pairs = zip(machine.passes, networks, strict=True)
    return with_passes(machine, tuple(replace(each, network=network) for each, network in pairs))


def with_passes(machine: AnyDesign, passes: tuple[Compiled, ...]) -> AnyDesign:
    """Return `machine` with other `passes`."""
    return replace(machine, passes=passes)  # type: ignore[type-var]
