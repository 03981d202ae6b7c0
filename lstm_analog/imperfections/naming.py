"""Imperfections by what a user types: `DeviceSpread(share=0.03)`, a near miss being answered with what was meant."""

import ast
from collections.abc import Iterable
from dataclasses import MISSING, fields
from difflib import get_close_matches

from lstm_analog.doors import checked
from lstm_analog.errors import InvalidValueError, LstmAnalogError, explain
from lstm_analog.imperfections.applying import value_of
from lstm_analog.imperfections.order import ORDER
from lstm_analog.imperfections.presets import PRESETS

_FORM = "read like DeviceSpread(share=0.03)"


@checked
def imperfection_of(text: str) -> object:
    """Return the imperfection or the preset that a `text` says, as Python would make it.

    >>> imperfection_of("DeviceSpread(share=0.03)")
    DeviceSpread(share=0.03)
    >>> imperfection_of("RRAM").name
    'RRAM'

    Raises
    ------
    InvalidValueError
        If it is none, lacks a field or has another; with the nearest name where one is near.
    """
    tree = _tree(text)
    if isinstance(tree, ast.Name):
        if tree.id not in PRESETS:
            raise _unknown("preset", tree.id, PRESETS)
        return PRESETS[tree.id]
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
        raise InvalidValueError(explain("imperfection", must=_FORM, got=ascii(text)[:80], do="quote it in a shell"))
    return _made(tree, tree.func.id, text)


def _tree(text: str) -> ast.expr | None:
    """Return the syntax of `text`, None if it has none."""
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _made(tree: ast.Call, name: str, text: str) -> object:
    """Return the imperfection that `tree` makes, a call of the kind `name` written as `text`."""
    kinds = {kind.__name__: kind for kind in ORDER}
    known = [entry for kind in ORDER if kind.__name__ == name for entry in fields(kind)]
    if name not in kinds:
        raise _unknown("imperfection", name, kinds)
    for keyword in tree.keywords:
        if str(keyword.arg) not in [entry.name for entry in known]:
            raise _unknown(f"field of {name}", str(keyword.arg), (entry.name for entry in known))
    given = {keyword.arg for keyword in tree.keywords}
    missing = [e.name for e in known if e.default is MISSING and e.default_factory is MISSING and e.name not in given]
    if missing or tree.args:
        must, got = f"name its fields {', '.join(entry.name for entry in known)}", ascii(text)[:80]
        raise InvalidValueError(explain(name, must=must, got=got, do=f"give {missing[0] if missing else 'names'}=..."))
    try:
        return value_of(tree)
    except LstmAnalogError:
        raise
    except (LookupError, TypeError, ValueError) as error:
        got = ascii(text)[:80]
        raise InvalidValueError(
            explain(name, must="be made of numbers and records", got=got, do="write e.g. DeviceSpread(share=0.03)")
        ) from error


def _unknown(what: str, word: str, known: Iterable[str]) -> InvalidValueError:
    """Return the error that `word` is none of the `known`, with that which was meant."""
    by_key = {name.lower(): name for name in known}
    near = get_close_matches(word.lower(), by_key, n=1)
    do = f"did you mean {by_key[near[0]]!r}?" if near else "choose one of them"
    return InvalidValueError(explain(what, must=f"be one of {', '.join(by_key.values())}", got=ascii(word)[:80], do=do))
