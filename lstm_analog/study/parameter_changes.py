"""What imperfections do to the parameters of a network, as differences, and networks with a multiple of them."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.network.bank import entries
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import lever_values
from lstm_analog.network.parts import Part
from lstm_analog.network.varying import IN_TIME

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
    """Return the label, kind, size and numbers of entries of `part`."""
    sizes = tuple(len(inner) for _, inner in entries(part))
    return part.label, type(part), sum(value.shape[-1] for value in lever_values(part).values()), sizes


def _difference(value: Floats, other: Floats, what: str) -> Floats:
    same = value == other
    change = np.where(same, 0.0, other) - np.where(same, 0.0, value)
    if not np.isfinite(change).all():
        must, got = "have what the imperfection changes", "an ideal one, without that effect"
        do = "choose a technology that has it, as electrical.OPAMP"
        raise UnsupportedError(explain(f"part {what}", must=must, got=got, do=do))
    result: Floats = change
    return result


def with_changes(network: Network, changes: Changes, strength: float) -> Network:
    """Return `network` with `strength` times the `changes` added to its parameters, with an axis of chips.

    Raises `InvalidValueError` if a parameter leaves its range.
    """
    labels = {label for label, _ in changes}
    return replace(
        network,
        parts=tuple(
            _changed(part, {name: strength * value for (label, name), value in changes.items() if label == part.label})
            if part.label in labels
            else part
            for part in network.parts
        ),
    )


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
