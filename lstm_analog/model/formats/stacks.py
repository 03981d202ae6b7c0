"""The stack of layers that every format is read into, and the choice of modules of a file by name."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations

from lstm_analog.errors import InvalidTypeError, InvalidValueError, LstmAnalogError, explain
from lstm_analog.model.formats.refusals import LONGEST_SHOWN, SHOWN, format_error, listed
from lstm_analog.model.layers import Head, Layer
from lstm_analog.model.lstm import LSTM

_MOST_TRIED = 4 * SHOWN
"""Largest number of modules to try for an advice; each takes the time to read it."""

Only = str | Sequence[str] | None
"""The modules of a file to read, in the order in which they follow each other; None for all, if the order is clear."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Stack:
    """The layers in a file, bottom first, and the linear head after them, without a name."""

    layers: tuple[Layer, ...]
    head: Head | None = None

    @property
    def output_size(self) -> int:
        """The number of outputs of the top layer."""
        return self.layers[-1].output_size

    def lstm(self, name: str) -> LSTM:
        """Return the LSTM of these layers and this head, called `name`."""
        return LSTM(layers=self.layers, head=self.head, name=name)


def chosen(modules: Sequence[str], others: Sequence[str], only: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names in `only`, checked against the recurrent `modules` and the `others` of a file.

    Raises `InvalidTypeError` if it is no name or sequence of names, `InvalidValueError` if a name is not in the file,
    or none is that of a recurrent module.
    """
    given: object = (only,) if isinstance(only, str) else only
    if not isinstance(given, Sequence) or not all(isinstance(name, str) for name in given):
        do = f"those there are {listed(modules)}"
        raise InvalidTypeError(explain("only", must="be a name or several in order", got=ascii(given)[:80], do=do))
    names = tuple(given)
    missing = [name for name in names if name not in (*modules, *others)]
    recurrent = set(names) & set(modules)
    if missing or not recurrent:
        must = "name modules of the file, a recurrent one among them"
        do = f"those there are {listed((*modules, *others) if recurrent else modules)}"
        raise InvalidValueError(explain("only", must=must, got=listed(missing or names), do=do))
    return names


def check_one(modules: Sequence[str], take: Callable[[str | tuple[str, ...]], Stack]) -> None:
    """Raise `FileFormatError` if there are several recurrent `modules`; `take` reads those of a name or of names."""
    if len(modules) > 1:
        do = f"say which: {alone(modules, take)}"
        if any(_stands(pair, take) for pair in permutations(_standing(modules, take)[:SHOWN], 2)):
            do += ", or name several in the order in which they follow each other"
        raise format_error("recurrent modules", "be one, or be chosen", listed(modules), do)


def check_order(names: Sequence[str], heads: Sequence[str]) -> None:
    """Raise `FileFormatError` unless `names` have at most one of the `heads`, at their end."""
    if list(heads) not in ([], [names[-1]]):
        do = "name the recurrent modules, then one linear layer"
        raise format_error("only", "end with the linear layer", listed(heads), do)


def alone(modules: Iterable[str], take: Callable[[str | tuple[str, ...]], Stack]) -> str:
    """Return the advice to read one of the recurrent `modules` alone, of those for which `take` succeeds.

    A linear layer is never advised, because names and sizes do not show that it reads the outputs of a module.
    """
    works = _standing(modules, take)
    if not works:
        return f"find out by only={min(modules)[:LONGEST_SHOWN]!a} why no recurrent part of it can be taken"
    more = f" (or {listed(works[1:])})" if works[1:] else ""
    return f"take a recurrent part alone, only={works[0]!a}{more}"


def _standing(modules: Iterable[str], take: Callable[[str | tuple[str, ...]], Stack]) -> list[str]:
    """Return those of the `modules` for which `take` succeeds, and whose names can be printed."""
    return [name for name in sorted(modules)[:_MOST_TRIED] if len(name) <= LONGEST_SHOWN and _stands(name, take)]


def _stands(names: str | tuple[str, ...], take: Callable[[str | tuple[str, ...]], Stack]) -> bool:
    return works(lambda: take(names).lstm("trial"))


def works(make: Callable[[], object]) -> bool:
    """Return whether `make` runs without an error of this package, for advice that has been tried."""
    try:
        make()
    except LstmAnalogError:
        return False
    return True
