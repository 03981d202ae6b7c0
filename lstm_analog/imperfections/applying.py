"""Apply imperfections to a network, record them as text in its provenance, and read that text back exactly.

A user types such texts, too (`imperfection_of`); errors then suggest the nearest name.
"""

import ast
from contextlib import suppress
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from enum import Enum
from itertools import count
from types import MappingProxyType
from typing import Any

import numpy as np

from lstm_analog.doors import checked, checked_record, named
from lstm_analog.errors import (
    FileFormatError,
    InvalidShapeError,
    InvalidTypeError,
    InvalidValueError,
    LstmAnalogError,
    explain,
)
from lstm_analog.imperfections.base import Streams, alter
from lstm_analog.imperfections.order import ORDER, cause_of, place_of
from lstm_analog.imperfections.presets import PRESETS, Preset
from lstm_analog.imperfections.tubes import Tubes
from lstm_analog.network.graph import Network

IMPERFECTION = "imperfection"
"""The key under which the provenance of a network names each imperfection that it has, in the order applied."""
_DRAWN = " drawn from "
"""Text between the imperfection and its streams in the provenance."""
_KINDS = MappingProxyType({kind.__name__: kind for kind in (*ORDER, Streams, Tubes)})


@checked_record
@dataclass(frozen=True, kw_only=True)
class Applied:
    """An `imperfection` that a network has, and the `streams` that it was drawn from.

    As text it is `DeviceSpread(share=0.03) drawn from Streams(seed=5)`: fields at their defaults are left out.
    """

    imperfection: object
    streams: Streams

    def __post_init__(self) -> None:
        if not is_dataclass(self.imperfection) or isinstance(self.imperfection, type):
            got, do = ascii(self.imperfection)[:80], "give e.g. DeviceSpread(share=0.03)"
            raise InvalidTypeError(explain("imperfection", must="be a record", got=got, do=do))

    def __str__(self) -> str:
        return f"{_text(self.imperfection)}{_DRAWN}{_text(self.streams)}"


@checked
def apply(imperfection: object, network: Network, streams: Streams) -> Network:
    """Return a copy of `network` with an `imperfection`, a preset, or a tuple or list, drawn from `streams`.

    The network given is left as it is, and the one returned names in its provenance what was done to it (`recorded`).
    Several act in the `ORDER` in which they come about, however they are listed; those of one kind in the order of
    their texts. A cause that is drawn again from the same seed gives other errors, independent of the first
    (`Streams.repeat`). What changes no value, as any imperfection of strength zero, returns the network itself, and
    leaves no record.

    Raises
    ------
    InvalidTypeError
        If it is no imperfection.
    InvalidShapeError
        If the network has chips side by side, and the streams draw another number of them.
    NetworkError
        If the network has not the parts concerned.
    """
    for each in sorted(records_in(imperfection), key=lambda each: (place_of(each), _text(each))):
        network = _apply_one(each, network, streams)
    return network


@checked
def recorded(network: Network) -> tuple[Applied, ...]:
    """Return the imperfections applied to `network`, in order; applying them again gives the same values.

    Raises `FileFormatError` for an entry that names no record of `lstm_analog.imperfections`.
    """
    return tuple(parsed(text) for text in network.said(IMPERFECTION))


@checked
def parsed(text: str) -> Applied:
    """Return the imperfection and streams in `text`, made by `str(Applied)`; raises as `recorded` does."""
    imperfection, _, _ = text.rpartition(_DRAWN)
    return Applied(imperfection=_read(imperfection, text, ORDER), streams=_streams_of(text))


@checked
def reapply(texts: tuple[str, ...], network: Network) -> Network:
    """Return `network` with the imperfections in `texts` applied in turn; raises as `recorded` and `apply` do."""
    for applied in map(parsed, texts):
        network = apply(applied.imperfection, network, applied.streams)
    return network


def _streams_of(text: str) -> Streams:
    streams: Streams = _read(text.rpartition(_DRAWN)[2], text, (Streams,))
    return streams


def _read(call: str, text: str, kinds: tuple[type, ...]) -> Any:
    """Return the record that the `call`, a part of the whole `text`, constructs; it must be one of `kinds`."""
    with suppress(SyntaxError, ValueError, TypeError, LookupError, AttributeError, RecursionError, MemoryError):
        record = _value_of(ast.parse(call, mode="eval").body)
        if type(record) in kinds:
            return record
    must, do = "name a record of lstm_analog.imperfections and its Streams", "restore it as it was written"
    raise FileFormatError(explain("an imperfection", must=must, got=ascii(text)[:200], do=do))


def records_in(imperfection: object) -> list[object]:
    """Return the records that `imperfection` is, or lists, presets taken apart."""
    listed = imperfection if isinstance(imperfection, tuple | list) else (imperfection,)
    return [record for each in listed for record in (each.imperfections if isinstance(each, Preset) else (each,))]


def _apply_one(imperfection: object, network: Network, streams: Streams) -> Network:
    _check_streams(streams, network)
    drawn = _not_yet_drawn(_text(imperfection), network, streams)
    changed = alter(imperfection, network, drawn)
    if changed is network or changed.equals(network, rtol=0.0):
        return network
    entry = (IMPERFECTION, str(Applied(imperfection=imperfection, streams=drawn)))
    return replace(changed, provenance=(*changed.provenance, entry))


def _not_yet_drawn(new: str, network: Network, streams: Streams) -> Streams:
    """Return `streams` at the first repeat, from their own on, not yet used by an imperfection that shares its cause.

    `new` is the new imperfection as text.
    """
    taken = set()
    for text in network.said(IMPERFECTION):
        drawn = _streams_of(text)
        if cause_of(text) == cause_of(new) and drawn.seed == streams.seed:
            taken.add(drawn.repeat)
    repeat = next(number for number in count(streams.repeat) if number not in taken)
    return replace(streams, repeat=repeat)


def _check_streams(streams: Streams, network: Network) -> None:
    there = network.chips
    if there and streams.chips not in (None, there):
        must = f"be {there}, as many as the network has side by side, or None"
        do = "draw as many, or None for the same errors on all"
        raise InvalidShapeError(explain("streams chips", must=must, got=streams.chips, do=do))


def _text(value: Any) -> str:
    """Return the Python expression that constructs the record `value`, without fields at their defaults."""
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if is_dataclass(value) and not isinstance(value, type):
        told = ((entry.name, getattr(value, entry.name), entry.default) for entry in fields(value))
        words = (f"{name}={_text(held)}" for name, held, default in told if default is MISSING or held != default)
        return f"{type(value).__name__}({', '.join(words)})"
    if isinstance(value, tuple):
        return f"({''.join(f'{_text(item)}, ' for item in value).strip()})"
    if isinstance(value, np.generic):
        return ascii(value.item())
    return ascii(value)


def _value_of(tree: ast.expr) -> Any:
    """Return the value of the syntax `tree` of such an expression; only known records and plain values are allowed."""
    match tree:
        case ast.Call(func=ast.Name(id=name), args=[], keywords=keywords) if _each_once(keywords):
            return _KINDS[name](**{str(entry.arg): _value_of(entry.value) for entry in keywords})
        case ast.Attribute(value=ast.Name(id=name), attr=member):
            return _KINDS[name][member]  # type: ignore[index]
        case ast.Name(id="inf"):
            return float("inf")
        case ast.Tuple(elts=items):
            return tuple(map(_value_of, items))
        case _:
            return ast.literal_eval(tree)


def _each_once(keywords: list[ast.keyword]) -> bool:
    return len({entry.arg for entry in keywords}) == len(keywords)


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
    if missing or tree.args or not _each_once(tree.keywords):
        names = [entry.name for entry in known]
        must, got = f"name its fields {', '.join(names)}", ascii(text)[:80]
        do = f"give {(missing or names)[0]}=..., each once"
        raise InvalidValueError(explain(name, must=must, got=got, do=do))
    try:
        return _value_of(tree)
    except LstmAnalogError:
        raise
    except (LookupError, TypeError, ValueError) as error:
        must, do = "be made of numbers and records", "write e.g. DeviceSpread(share=0.03)"
        raise InvalidValueError(explain(name, must=must, got=ascii(text)[:80], do=do)) from error
