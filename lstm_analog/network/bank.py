"""Declare the arrays of a part bank: each field has a role, by which it is checked, sliced and compared."""

from collections.abc import Callable, Iterator
from dataclasses import MISSING, field, fields, replace
from enum import Enum
from functools import cache
from typing import Any, TypeVar

import numpy as np

from lstm_analog.arrays import (
    Indices,
    floats_of_shape,
    indices,
    limits_of_shape,
    positive_limits_of_shape,
    positive_of_shape,
)
from lstm_analog.errors import InvalidShapeError, InvalidTypeError, explain


class Role(Enum):
    """What a field holds: nodes of the elements, or inputs of a dense bank, which are shared by all its elements.

    Or parameters: a matrix of them with a column an input, finite numbers, numbers above zero, bounds, or limits above
    zero.
    """

    NODES = "nodes"
    INPUTS = "inputs"
    MATRIX = "matrix"
    VALUES = "values"
    POSITIVE = "positive"
    LIMITS = "limits"
    POSITIVE_LIMITS = "positive limits"


_CHECKS: dict[Role, Callable[[Any, str, tuple[int, ...]], Any]] = {
    Role.MATRIX: floats_of_shape,
    Role.VALUES: floats_of_shape,
    Role.POSITIVE: positive_of_shape,
    Role.LIMITS: limits_of_shape,
    Role.POSITIVE_LIMITS: positive_limits_of_shape,
}

_Bank = TypeVar("_Bank")


def node_array() -> Any:
    """Declare a field of node indices, shape (m,)."""
    return field(metadata={"role": Role.NODES})


def input_array() -> Any:
    """Declare a field of node indices that all elements share, shape (n,)."""
    return field(metadata={"role": Role.INPUTS})


def matrix_array() -> Any:
    """Declare a field of finite numbers, one an element and input, shape (..., m, n)."""
    return field(metadata={"role": Role.MATRIX})


def value_array(default: Any = MISSING) -> Any:
    """Declare a field of finite numbers, shape (..., m), with a `default` or none."""
    return field(default=default, metadata={"role": Role.VALUES})


def positive_array() -> Any:
    """Declare a field of numbers above zero, shape (..., m)."""
    return field(metadata={"role": Role.POSITIVE})


def limit_array() -> Any:
    """Declare a field of bounds, shape (..., m); infinity is a bound that never binds."""
    return field(metadata={"role": Role.LIMITS})


def positive_limit_array() -> Any:
    """Declare a field of limits above zero, shape (..., m); infinity, which is the default, is one that never binds."""
    return field(default=np.inf, metadata={"role": Role.POSITIVE_LIMITS})


def element_fields(bank: Any) -> tuple[tuple[str, Role], ...]:
    """Return name and role of each field of `bank` that is an array."""
    kind: Any = type(bank)
    return _roles(kind)


def entries(bank: Any) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield name and value of each field of `bank` that is a tuple: the factors of pairs, the terms of followers."""
    kind: Any = type(bank)
    for name in _others(kind):
        value = getattr(bank, name)
        if isinstance(value, tuple):
            yield name, value


@cache
def _roles(kind: Any) -> tuple[tuple[str, Role], ...]:
    return tuple((entry.name, entry.metadata["role"]) for entry in fields(kind) if "role" in entry.metadata)


@cache
def _others(kind: Any) -> tuple[str, ...]:
    return tuple(entry.name for entry in fields(kind) if "role" not in entry.metadata)


@cache
def _options(kind: Any) -> tuple[tuple[str, Any], ...]:
    """Return name and kind of each field of a bank that is a whole number or of an enum: its clock line, its shape."""
    kinds = ((entry.name, entry.type) for entry in fields(kind) if isinstance(entry.type, type))
    return tuple((name, each) for name, each in kinds if each is int or issubclass(each, Enum))


def freeze(bank: object, what: str) -> None:
    """Check every field of the frozen record `bank`, called `what` in messages, and make its arrays read-only.

    Raises
    ------
    InvalidShapeError
        If the node fields differ in length or a parameter does not fit them.
    InvalidTypeError
        If a field that is to be a whole number or of an enum is something else.
    """
    _check_options(bank, what)
    roles = dict(element_fields(bank))
    inputs = 0
    for name in (name for name, role in roles.items() if role not in _CHECKS):
        put(bank, name, indices(getattr(bank, name), f"{what}.{name}"))
        inputs = getattr(bank, name).size if roles[name] is Role.INPUTS else inputs
    size = count(bank)
    for name, role in roles.items():
        if role is Role.NODES:
            _check_size(getattr(bank, name), f"{what}.{name}", size)
        elif role in _CHECKS:
            shape = (size, inputs) if role is Role.MATRIX else (size,)
            put(bank, name, _CHECKS[role](getattr(bank, name), f"{what}.{name}", shape))


def _check_options(bank: object, what: str) -> None:
    record: Any = type(bank)
    for name, kind in _options(record):
        value = getattr(bank, name)
        if kind is int:
            right, must = isinstance(value, int | np.integer) and not isinstance(value, bool), "be a whole number"
            do = "number a clock line, or take ALWAYS"
        else:
            right, must, do = (
                isinstance(value, kind),
                f"be a {kind.__name__}",
                f"take one of {', '.join(map(str, kind))}",
            )
        if not right:
            raise InvalidTypeError(explain(f"{what}.{name}", must=must, got=ascii(value)[:60], do=do))


def count(bank: object) -> int:
    """Return the number m of elements of `bank`, the length of its first node field."""
    first = next(name for name, role in element_fields(bank) if role is Role.NODES)
    return int(getattr(bank, first).size)


def take_elements(bank: _Bank, elements: Indices) -> _Bank:
    """Return `bank` with only the given `elements` (k,), in their order, also of its factors and terms."""
    axes = {Role.INPUTS: ..., Role.MATRIX: (..., elements, slice(None))}
    return changed_fields(bank, lambda _, role, array: array[axes.get(role, (..., elements))])


def changed_fields(bank: _Bank, change: Callable[[str, Role, Any], Any], number: str = "") -> _Bank:
    """Return `bank` with each array of nodes or parameters replaced by `change` of its name, its role and itself.

    Also those of its factors and terms: their names, as in a law, end in the `number` of the entry, counted from 1.
    """
    changed = {name: change(f"{name}{number}", role, getattr(bank, name)) for name, role in element_fields(bank)}
    for name, value in entries(bank):
        changed[name] = tuple(changed_fields(item, change, str(k)) for k, item in enumerate(value, start=1))
    return replace(bank, **changed)  # type: ignore[type-var]


def put(record: object, name: str, value: object) -> None:
    """Set field `name` of a frozen `record` to its checked `value`; for `__post_init__` only."""
    object.__setattr__(record, name, value)


def put_plain(record: object) -> None:
    """Make a Python number of each number of numpy in a field of the frozen `record`, to be written as one in files."""
    for name, value in vars(record).items():
        if isinstance(value, np.generic):
            put(record, name, value.item())


def _check_size(array: Indices, what: str, size: int) -> None:
    if array.size != size:
        raise InvalidShapeError(explain(what, must=f"have {size} nodes", got=array.size, do="give one an element"))


def same_bank(a: object, b: object, rtol: float) -> bool:
    """Return whether the banks `a` and `b` are of one kind and equal, their numbers within the relative `rtol`."""
    if type(a) is not type(b):
        return False
    bank: Any = a
    return all(_same_value(getattr(a, entry.name), getattr(b, entry.name), rtol) for entry in fields(bank))


def _same_value(a: object, b: object, rtol: float) -> bool:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        nodes = a.dtype == np.int64
        return a.shape == b.shape and np.allclose(a, b, rtol=0.0 if nodes else rtol, atol=0.0)
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(same_bank(x, y, rtol) for x, y in zip(a, b, strict=True))
    return bool(a == b)
