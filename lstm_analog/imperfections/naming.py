"""Read an imperfection typed by a user, as `DeviceSpread(share=0.03)`; errors suggest the nearest name."""

import ast
from dataclasses import MISSING, fields

from lstm_analog.doors import checked, named
from lstm_analog.errors import InvalidValueError, LstmAnalogError, explain
from lstm_analog.imperfections.applying import value_of
from lstm_analog.imperfections.order import ORDER
from lstm_analog.imperfections.presets import PRESETS

_FORM = "read like DeviceSpread(share=0.03)"


@checked
def imperfection_of(text: str) -> object:
    """Return the imperfection or the preset that `text`, a Python expression, constructs.

    >>> imperfection_of("DeviceSpread(share=0.03)")
    DeviceSpread(share=0.03)
    >>> imperfection_of("RRAM").name
    'RRAM'

    Raises
    ------
    InvalidValueError
        If it is no imperfection, or a field is missing or unknown; the message suggests the nearest name.
    """
    tree = _tree(text)
    if isinstance(tree, ast.Name):
        return named("preset", tree.id, PRESETS, any_case=False)
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
    known = fields(named("imperfection", name, {kind.__name__: kind for kind in ORDER}, any_case=False))
    for keyword in tree.keywords:
        named(f"field of {name}", str(keyword.arg), {entry.name: entry for entry in known}, any_case=False)
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
