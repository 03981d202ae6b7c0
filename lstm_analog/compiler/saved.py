"""The kinds of record in a saved machine."""

from dataclasses import is_dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any, get_args, get_type_hints

from lstm_analog.compiler.compiled import Compiled
from lstm_analog.compiler.scaling import Scaling
from lstm_analog.compiler.technologies import TECHNOLOGIES
from lstm_analog.network.properties import LAWS


def _kinds_within(*roots: type) -> dict[str, type]:
    """Return by name the records and enums among `roots` and all that their fields may hold, by their annotations."""
    found: dict[str, type] = {}
    waiting: list[Any] = [*roots]
    while waiting:
        hint = waiting.pop()
        waiting += get_args(hint)
        if isinstance(hint, type) and hint not in found.values() and (is_dataclass(hint) or issubclass(hint, Enum)):
            found[hint.__name__] = hint
            waiting += get_type_hints(hint).values() if is_dataclass(hint) else ()
    return found


PIECES = MappingProxyType(_kinds_within(Compiled, Scaling, *map(type, TECHNOLOGIES.values()), *LAWS))
"""The kinds of record in a compiled network, its technology and its layout, by name."""
