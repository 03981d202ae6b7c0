"""Constants of nature, and checks of the fields of records: numbers above zero, whole counts, the right kind."""

from dataclasses import fields
from numbers import Integral, Real
from typing import Any, get_args, get_origin

import numpy as np

from lstm_analog.errors import InvalidTypeError, InvalidValueError, explain

BOLTZMANN, CHARGE = 1.380649e-23, 1.602176634e-19
"""k (J/K) and q (C), exact (SI 2019)."""


def check_fields(record: object, what: str, signed: tuple[str, ...] = ()) -> None:
    """Raise for the first field of `record`, called `what`, that is not of its annotated kind or not above zero.

    Numbers named in `signed` may have any sign. A count is whole; of a tuple each number is checked. Raises
    `InvalidTypeError` or `InvalidValueError`.
    """
    for entry in fields(record):  # type: ignore[arg-type]
        value, name = getattr(record, entry.name), f"{what} {entry.name}"
        if get_origin(entry.type) is tuple:
            _check_kind(name, value, tuple)
            for number in value if entry.name not in signed else ():
                check_number(name, number)
        elif entry.type is int:
            check_count(name, value)
        elif entry.type is not float:
            _check_kind(name, value, entry.type)
        elif entry.name not in signed:
            check_number(name, value)


def _check_kind(what: str, value: object, kind: Any) -> None:
    if not isinstance(value, kind):
        wanted = " or ".join(each.__name__ for each in get_args(kind) or (kind,))
        got, do = ascii(value)[:60], "take one of a preset, or make your own"
        raise InvalidTypeError(explain(what, must=f"be of kind {wanted}", got=got, do=do))


def check_count(what: str, value: object) -> None:
    """Raise unless `value`, called `what`, is a whole number above zero."""
    check_number(what, value)
    if not isinstance(value, Integral):
        raise InvalidValueError(explain(what, must="be whole", got=value, do="count them"))


def check_number(what: str, value: object) -> None:
    """Raise unless `value`, called `what`, is a finite number above zero."""
    if isinstance(value, bool) or not isinstance(value, Real):
        got, do = ascii(value)[:60], "give SI units above zero"
        raise InvalidTypeError(explain(what, must="be a number", got=got, do=do))
    try:
        number = float(value)
    except OverflowError:  # of a whole number
        number = np.inf
    check_positive(what, number, "give SI units above zero")


def check_positive(what: str, value: float, do: str) -> None:
    """Raise `InvalidValueError` unless `value` > 0 is finite; the message calls it `what`, tells what to `do`."""
    if not 0.0 < value < np.inf:
        raise InvalidValueError(explain(what, must="be positive", got=value, do=do))
