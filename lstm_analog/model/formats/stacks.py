"""What every format ends in: recurrent modules by name, of which one chain is taken."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lstm_analog.errors import FileFormatError, InvalidValueError, explain
from lstm_analog.model.layers import Head, Layer

SHOWN = 8
"""Names listed in a message before it says how many more."""

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


def chosen(modules: Sequence[str], others: Sequence[str], only: Only) -> tuple[str, ...]:
    """Return the names that `only` asks for of the recurrent `modules` and the `others` of a file.

    Raises
    ------
    InvalidValueError
        If it names what is not there.
    FileFormatError
        If it is None and there are several recurrent modules; the message lists them.
    """
    if only is not None:
        names = (only,) if isinstance(only, str) else tuple(only)
        missing = [name for name in names if name not in (*modules, *others)]
        if missing or not set(names) & set(modules):
            must, do = (
                "name modules of the file, a recurrent one among them",
                f"choose of {listed((*modules, *others))}",
            )
            raise InvalidValueError(explain("only", must=must, got=listed(missing or names), do=do))
        return names
    if len(modules) > 1:
        must, example = "be one, or be chosen", ascii(min(modules)[:40])
        do = f"say which, or several in the order in which they follow: load(path, only={example})"
        raise FileFormatError(explain("recurrent modules", must=must, got=listed(modules), do=do))
    return tuple(modules)


def listed(names: Iterable[str]) -> str:
    """Return `names` for a message: sorted, printable, the first few."""
    ordered = sorted(names)
    shown = ", ".join(ascii(name[:80]) for name in ordered[:SHOWN])
    return (shown + (f" and {len(ordered) - SHOWN} more" if len(ordered) > SHOWN else "")) or "none"
