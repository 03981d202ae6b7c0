"""What every format ends in: recurrent modules by name, of which one chain is taken."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations

from lstm_analog.errors import FileFormatError, InvalidTypeError, InvalidValueError, LstmAnalogError, explain
from lstm_analog.model.layers import Head, Layer
from lstm_analog.model.lstm import LSTM

SHOWN = 8
"""Names listed in a message before it says how many more."""

_LONGEST = 80
"""Characters of a name that a message shows."""

_MOST_TRIED = 4 * SHOWN
"""How many modules are tried for an advice: each takes as long as reading it."""

Only = str | Sequence[str] | None
"""Which modules of a file to take, in the order in which they follow each other; None is all, where that is clear."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Stack:
    """The layers of a file, bottom first, and the linear read-out after them; not yet named."""

    layers: tuple[Layer, ...]
    head: Head | None = None

    @property
    def output_size(self) -> int:
        """Number of outputs a step of the top layer."""
        return self.layers[-1].output_size


def chosen(modules: Sequence[str], others: Sequence[str], only: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names that `only` asks for of the recurrent `modules` and the `others` of a file.

    Raises
    ------
    InvalidTypeError
        If it is no name or sequence of names.
    InvalidValueError
        If it names what is not there, or no recurrent module.
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
    """Raise `FileFormatError` if there are several recurrent `modules`; `take` returns one of them."""
    if len(modules) > 1:
        do = f"say which: {alone(modules, take)}"
        if any(_stands(pair, take) for pair in permutations(_standing(modules, take)[:SHOWN], 2)):
            do += ", or name several in the order in which they follow each other"
        raise FileFormatError(explain("recurrent modules", must="be one, or be chosen", got=listed(modules), do=do))


def check_order(names: Sequence[str], heads: Sequence[str]) -> None:
    """Raise `FileFormatError` unless the `names` that `only` asks for have at most one of the `heads`, at their end."""
    if list(heads) not in ([], [names[-1]]):
        do = "name the recurrent modules, then one linear layer"
        raise FileFormatError(explain("only", must="end with the linear layer", got=listed(heads), do=do))


def alone(modules: Iterable[str], take: Callable[[str | tuple[str, ...]], Stack]) -> str:
    """Return the advice to take one of the recurrent `modules` alone, at least one: of those that `take` does return.

    A linear layer is never advised: names and sizes do not say that it reads the outputs of a module.
    """
    works = _standing(modules, take)
    if not works:
        return f"find out by only={min(modules)[:_LONGEST]!a} why no recurrent part of it can be taken"
    more = f" (or {listed(works[1:])})" if works[1:] else ""
    return f"take a recurrent part alone, only={works[0]!a}{more}"


def _standing(modules: Iterable[str], take: Callable[[str | tuple[str, ...]], Stack]) -> list[str]:
    """Return those of the `modules` that can be taken, and can be named in a message as they are."""
    return [name for name in sorted(modules)[:_MOST_TRIED] if len(name) <= _LONGEST and _stands(name, take)]


def _stands(names: str | tuple[str, ...], take: Callable[[str | tuple[str, ...]], Stack]) -> bool:
    try:
        stack = take(names)
        LSTM(layers=stack.layers, head=stack.head, name="trial")
    except LstmAnalogError:
        return False
    return True


def listed(names: Iterable[str]) -> str:
    """Return `names` for a message: sorted, printable, the first few."""
    ordered = sorted(names)
    shown = ", ".join(ascii(name[:_LONGEST]) for name in ordered[:SHOWN])
    return (shown + (f" and {len(ordered) - SHOWN} more" if len(ordered) > SHOWN else "")) or "none"
