"""Draws of imperfections as changes of the parameters of a machine, and what these make of results to first order."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.errors import InvalidValueError, UnsupportedError, explain
from lstm_analog.imperfections import Streams
from lstm_analog.imperfections.applying import records_in
from lstm_analog.study.lots import AnyDesign
from lstm_analog.study.parameter_changes import Changes, parameter_changes
from lstm_analog.study.run_slopes import RunSensitivities

_TOGETHER = 100
"""Draws at a time; more: faster, and more memory."""

PassChanges = tuple[Changes, ...]
"""The changes of the parameters of each pass."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ChipLot:
    """What some chips have different: by each cause alone, and by all `together`."""

    each: Mapping[str, PassChanges]
    together: PassChanges


@dataclass(frozen=True, kw_only=True, eq=False)
class ChipSource(Generic[AnyDesign]):
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

    def lot(self, first: int, count: int) -> ChipLot:
        """Return `count` chips from number `first` on; raise `UnsupportedError` for a cause that changes nothing."""
        each = {name: self.changes((name,), first, count) for name in self.causes}
        for name, changes in each.items():
            if not any(changes):
                do = "leave it out: it acts on the clock, the inputs or the outputs, or has no strength"
                raise UnsupportedError(explain(name, must="change a parameter of a part", got="no change", do=do))
        together = next(iter(each.values())) if len(each) == 1 else self.changes(self.causes, first, count)
        return ChipLot(each=each, together=together)

    def lots(self, draws: int) -> Iterator[ChipLot]:
        """Yield so many `draws` in lots."""
        for first in range(0, draws, _TOGETHER):
            yield self.lot(first, min(_TOGETHER, draws - first))


def named_causes(imperfections: object) -> dict[str, object]:
    """Return the `imperfections` by the name of their kind."""
    records = records_in(imperfections)
    names = [type(record).__name__ for record in records]
    if not names or len(set(names)) != len(names):
        do = "give one or more, of different kinds"
        raise InvalidValueError(explain("imperfections", must="be of each kind once", got=", ".join(names), do=do))
    return dict(zip(names, records, strict=True))


def first_order(changes: PassChanges, found: RunSensitivities) -> Floats:
    """Return the deviations (chips, n) that `changes` make to first order, by the derivatives `found`."""
    return sum(
        (
            change.reshape(len(change), -1) @ each.parameters[label][name].reshape(len(found.x), -1).T
            for each, one in zip(found.passes, changes, strict=True)
            for (label, name), change in one.items()
        ),
        np.zeros((1, len(found.x))),
    )
