"""Certificate <-> JSON. Numbers keep their last bit; a file that is not a certificate is refused with the place.

The file holds the certificate and the SHA-256 of what it says, so a slip of one digit is seen.
"""

import json
from collections.abc import Callable
from dataclasses import fields
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from lstm_analog.compiler import Timing
from lstm_analog.compiler.saved import PIECES
from lstm_analog.errors import FileFormatError, LstmAnalogError, explain
from lstm_analog.files import read_bytes, whole_file
from lstm_analog.model import State
from lstm_analog.records import record_of, tree_of
from lstm_analog.study.certificate import Bank, Certificate, Export, ModelFile, Signal
from lstm_analog.study.report import Versions, plain

_Kind = TypeVar("_Kind")
_LARGEST = 1 << 28
"""Bytes: what a certificate may be, 20 million numbers or so."""


def save_certificate(certificate: Certificate, path: str | Path) -> None:
    """Write `certificate` to `path` as JSON, whole or not at all.

    Raises `FileAccessError` if it cannot be written, `UnsupportedError` if its technology is no record of this package.
    """
    technology, timing = tree_of(certificate.technology), certificate.timing.value
    content = plain(certificate) | {"technology": technology, "timing": timing}
    text = json.dumps({"certificate": content, "digest": _digest(content)}, indent=1)
    with whole_file(path) as stream:
        stream.write(f"{text}\n".encode())


def load_certificate(path: str | Path) -> Certificate:
    """Return the certificate that was written to `path`.

    Raises `FileFormatError` for a damaged or foreign file, `FileAccessError` for one that cannot be read.
    """
    content = read_bytes(path)
    try:
        if len(content) > _LARGEST:
            raise ValueError(f"{len(content)} bytes")
        said = json.loads(content)
        if said["digest"] != _digest(said["certificate"]):
            raise ValueError("another digest than it states: it was changed")
        return _certificate(said["certificate"])
    except (LstmAnalogError, ArithmeticError, LookupError, TypeError, ValueError, RecursionError) as error:
        got = f"no field {error}" if isinstance(error, KeyError) else ascii(str(error))[:300]
        do = "take the file that was written beside the export"
        raise FileFormatError(explain(f"file {str(path)!r}", must="hold a certificate", got=got, do=do)) from error


def _digest(content: Any) -> str:
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _certificate(content: Any) -> Certificate:
    return _record(
        Certificate,
        content,
        source=lambda source: None if source is None else _record(ModelFile, source, only=_texts),
        technology=lambda tree: record_of(tree, PIECES),
        timing=Timing,
        settling=_number,
        as_compiled=_flag,
        x=_same,
        start=lambda state: State(h=tuple(state["h"]), c=tuple(state["c"])),
        seed=lambda seed: None if seed is None else _whole(seed),
        tolerance=_number,
        error=_number,
        errors=lambda errors: {label: _number(error) for label, error in errors.items()},
        versions=lambda versions: _record(Versions, versions),
        exports=lambda exports: tuple(map(_export, _list(exports))),
    )


def _export(content: Any) -> Export:
    return _record(
        Export,
        content,
        banks=lambda banks: tuple(_record(Bank, bank) for bank in _list(banks)),
        signals=lambda signals: tuple(map(_signal, _list(signals))),
    )


def _signal(content: Any) -> Signal:
    return _record(
        Signal,
        content,
        against=lambda name: None if name is None else _text(name),
        gain=_same,
        unit=_number,
        ends=lambda ends: tuple(map(_whole, _list(ends))),
        values=_same,
    )


def _record(kind: type[_Kind], content: Any, **readers: Callable[[Any], object]) -> _Kind:
    """Return a record of `kind` from its plain `content`; fields without one of the `readers` are text."""
    names = [entry.name for entry in fields(kind)]  # type: ignore[arg-type]
    if not isinstance(content, dict):
        raise TypeError(f"{type(content).__name__} where a {kind.__name__} should be")
    strange = sorted(content.keys() - set(names))
    if strange:
        raise ValueError(f"{kind.__name__} with the strange field {strange[0]!r}")
    return kind(**{name: readers.get(name, _text)(content[name]) for name in names})


def _same(value: Any) -> object:
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{type(value).__name__} where a list should be")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} where a text should be")
    return value


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(map(_text, _list(values)))


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{type(value).__name__} where a number should be")
    return float(value)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{type(value).__name__} where a whole number should be")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{type(value).__name__} where true or false should be")
    return value
