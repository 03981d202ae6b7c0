"""Draws of imperfections as changes of the parameters of a machine, and what these make of results to first order.

`parameter_changes` are the differences that imperfections make, `with_changes` adds a multiple of them to a network.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Generic

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.errors import InvalidValueError, UnsupportedError, explain
from lstm_analog.imperfections import Streams
from lstm_analog.imperfections.applying import records_in
from lstm_analog.network.bank import entries
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import lever_values
from lstm_analog.network.parts import Part
from lstm_analog.network.varying import IN_TIME
from lstm_analog.study.lots import AnyDesign
from lstm_analog.study.run_slopes import RunSensitivities

Changes = Mapping[tuple[str, str], Floats]
"""Changes (chips, *own) of parameters (*own), by the label of the bank and the name of the parameter."""


def parameter_changes(network: Network, altered: Network, chips: int) -> Changes:
    """Return by how much the parameters of `altered`, which are those of `chips`, differ from those of `network`.

    Those that do not differ are left out.

    Raises `UnsupportedError` if `altered` has other parts or changes in time, or has parts with an effect that those of
    `network` do not have: so far from an ideal part, nothing is of first order.
    """
    causes = altered.said(IN_TIME)
    if causes:
        must, do = "stand still in a run", "hold it as in one step: imperfections.AtStep"
        raise UnsupportedError(explain("an imperfection in a budget", must=must, got=", ".join(causes), do=do))
    if [_form(part) for part in network.parts] != [_form(part) for part in altered.parts]:
        must, do = "change parameters of parts, not parts", "build it in first, and budget what is left"
        raise UnsupportedError(explain("an imperfection in a budget", must=must, got="other parts", do=do))
    found: dict[tuple[str, str], Floats] = {}
    for part, other in zip(network.parts, altered.parts, strict=True):
        values = lever_values(other) if other is not part else {}
        for name, value in lever_values(part).items() if other is not part else ():
            change = _difference(value, values[name], f"{part.label}.{name}")
            if change.any():
                found[part.label, name] = np.broadcast_to(change, (chips, *value.shape))
    return found


def _form(part: Part) -> tuple[str, type, int, tuple[int, ...]]:
    sizes = tuple(len(inner) for _, inner in entries(part))
    return part.label, type(part), sum(value.shape[-1] for value in lever_values(part).values()), sizes


def _difference(value: Floats, other: Floats, what: str) -> Floats:
    same = value == other
    change = np.where(same, 0.0, other) - np.where(same, 0.0, value)
    if not np.isfinite(change).all():
        must, got = "have what the imperfection changes", "an ideal one, without that effect"
        do = "choose a technology that has it, as electrical.OPAMP"
        raise UnsupportedError(explain(f"part {what}", must=must, got=got, do=do))
    return change


def with_changes(network: Network, changes: Changes, strength: float) -> Network:
    """Return `network` with `strength` times the `changes` added to its parameters, with an axis of chips.

    Raises `InvalidValueError` if a parameter leaves its range.
    """
    by_label: dict[str, dict[str, Floats]] = {}
    for (label, name), value in changes.items():
        by_label.setdefault(label, {})[name] = strength * value
    parts = (_changed(part, by_label[part.label]) if part.label in by_label else part for part in network.parts)
    return replace(network, parts=tuple(parts))


def _changed(bank: Any, changes: Mapping[str, Floats]) -> Any:
    """Return the `bank` with `changes` added to its parameters, those of its k-th entry by names that end in k."""
    own = {field.name for field in fields(bank)}
    made = {name: getattr(bank, name) + value for name, value in changes.items() if name in own}
    others = {name: value for name, value in changes.items() if name not in own}
    for name, inner in entries(bank):
        made[name] = tuple(
            _changed(one, {key.removesuffix(str(k)): value for key, value in others.items() if key.endswith(str(k))})
            for k, one in enumerate(inner, start=1)
        )
    return replace(bank, **made)


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
