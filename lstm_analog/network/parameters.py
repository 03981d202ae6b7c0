"""The parameters of part banks, and the axis of chips that may lead them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from typing import TypeVar

from lstm_analog.arrays import Floats
from lstm_analog.errors import InvalidShapeError, explain
from lstm_analog.network.bank import Role, element_fields, entries
from lstm_analog.network.parts import Part

_Bank = TypeVar("_Bank")


def chip_parameters(parts: tuple[Part, ...]) -> Iterator[tuple[str, str, tuple[int, ...], int]]:
    """Yield label of the bank, name, shape and number of own axes of each parameter of `parts` with a chip axis."""
    for part in parts:
        for record in chain((part,), *(tiers for _, tiers in entries(part))):
            for name, array, own in _parameters(record):
                if array.ndim > own:
                    yield part.label, name, array.shape, own


def count_chips(parts: tuple[Part, ...]) -> int:
    """Return how many chips the parameters of `parts` describe, 0 if they carry no chip axis.

    Raises `InvalidShapeError` if they do not all describe as many, or one has two axes before its own.
    """
    counts: dict[int, str] = {}
    for label, name, shape, own in chip_parameters(parts):
        counts.setdefault(shape[0], label)
        if not shape[0]:
            do = "draw all imperfections from Streams of at least one"
            raise InvalidShapeError(explain(f"part {label}", must="have a chip", got=f"{name} of shape {shape}", do=do))
        if len(shape) > own + 1 or len(counts) > 1:
            first, known = next(iter(counts.items()))
            must, got = f"have one axis of {first} chips, as part {known} has", f"{name} of shape {shape}"
            do = "draw all imperfections from Streams of as many chips"
            raise InvalidShapeError(explain(f"part {label}", must=must, got=got, do=do))
    return next(iter(counts), 0)


def change_chips(record: _Bank, by: Callable[[Floats, int], Floats]) -> _Bank:
    """Return the bank `record` with the function `by` applied to each parameter that has a chip axis.

    The function takes the parameter and the number of axes behind that of the chips.
    """
    changes: dict[str, object] = {name: by(array, own) for name, array, own in _parameters(record) if array.ndim > own}
    for name, tiers in entries(record):
        if tiers:
            changes[name] = tuple(change_chips(item, by) for item in tiers)
    return replace(record, **changes) if changes else record  # type: ignore[type-var]


def _parameters(record: object) -> list[tuple[str, Floats, int]]:
    """Return name, array and number of own axes of the parameters of a bank, those of its tiers left out."""
    nodes = (Role.NODES, Role.INPUTS)
    return [
        (name, getattr(record, name), 2 if role is Role.MATRIX else 1)
        for name, role in element_fields(record)
        if role not in nodes
    ]
