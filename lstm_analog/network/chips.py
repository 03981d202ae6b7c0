"""Chips side by side: parameters that lead with an axis of chips, and the refusal of what takes one chip only."""

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import TypeVar

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.errors import InvalidShapeError, explain
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import Crossbars, Transconductors

Bank = TypeVar("Bank")


def chips(network: Network) -> int:
    """Return how many chips the parameters of `network` describe, 0 if they carry no chip axis."""
    return max((shape[0] for _, _, shape in _leading(network)), default=0)


def check_one_chip(network: Network) -> None:
    """Raise `InvalidShapeError` if a parameter of `network` carries a chip axis."""
    for label, name, shape in _leading(network):
        must, got = "have no chip axis", f"{name} of shape {shape}"
        do = "take one chip, which Streams(seed=..., first=k) draws"
        raise InvalidShapeError(explain(f"part {label}", must=must, got=got, do=do))


def _leading(network: Network) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Yield label of the bank, name and shape of each parameter with a chip axis."""
    for part in network.parts:
        for record in (part, *_tiers(part)):
            yield from ((part.label, name, array.shape) for name, array, own in _parameters(record) if array.ndim > own)


def beside_batches(record: Bank) -> Bank:
    """Return the bank `record` with a batch axis of one behind the chip axis of each parameter that has one."""
    changes: dict[str, object] = {
        name: array.reshape(*array.shape[:-own], 1, *array.shape[-own:])
        for name, array, own in _parameters(record)
        if array.ndim > own
    }
    for name, value in _values(record):
        if isinstance(value, tuple) and value:
            changes[name] = tuple(beside_batches(item) for item in value)
    return replace(record, **changes) if changes else record  # type: ignore[type-var]


def _values(record: object) -> list[tuple[str, object]]:
    return [(entry.name, getattr(record, entry.name)) for entry in fields(record)]  # type: ignore[arg-type]


def _tiers(record: object) -> list[object]:
    return [item for _, value in _values(record) if isinstance(value, tuple) for item in value]


def _parameters(record: object) -> list[tuple[str, Floats, int]]:
    """Return name, array and number of own axes of the parameters of a bank, those of its tiers left out."""
    matrices = ("transconductance", "positive", "negative") if isinstance(record, Transconductors | Crossbars) else ()
    return [
        (name, value, 2 if name in matrices else 1)
        for name, value in _values(record)
        if isinstance(value, np.ndarray) and value.dtype == np.float64
    ]
