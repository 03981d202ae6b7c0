"""Certificate <-> JSON. Numbers keep their last bit; a file that is not a certificate is refused with the place."""

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from lstm_analog.compiler import Timing
from lstm_analog.errors import FileFormatError, LstmAnalogError, explain
from lstm_analog.files import read_bytes, whole_file
from lstm_analog.model import State
from lstm_analog.study.certificate import Bank, Certificate, Export, Signal
from lstm_analog.study.report import Versions, plain

_Kind = TypeVar("_Kind")
_LARGEST = 1 << 28
"""Bytes: what a certificate may be, 20 million numbers or so."""


def save_certificate(certificate: Certificate, path: str | Path) -> None:
    """Write `certificate` to `path` as JSON, whole or not at all; raises `FileAccessError` if it cannot be written."""
    content = plain(certificate) | {"timing": certificate.timing.value}
    with whole_file(path) as stream:
        stream.write(f"{json.dumps(content, indent=1, allow_nan=False)}\n".encode())


def load_certificate(path: str | Path) -> Certificate:
    """Return the certificate that `save_certificate` wrote to `path`.

    Raises `FileFormatError` for a damaged or foreign file, `FileAccessError` for one that cannot be read.
    """
    content = read_bytes(path)
    try:
        if len(content) > _LARGEST:
            raise ValueError(f"{len(content)} bytes")
        return _certificate(json.loads(content, parse_constant=_refuse_constant))
    except (LstmAnalogError, KeyError, TypeError, ValueError, RecursionError) as error:
        got = f"no field {error}" if isinstance(error, KeyError) else error
        do = "take the file that was written beside the export"
        raise FileFormatError(explain(f"file {str(path)!r}", must="hold a certificate", got=got, do=do)) from error


def _refuse_constant(name: str) -> float:
    raise ValueError(f"the number {name}")


def _certificate(content: Any) -> Certificate:
    return _record(
        Certificate,
        content,
        timing=Timing,
        settling=float,
        as_compiled=_flag,
        x=_same,
        start=lambda state: State(h=tuple(state["h"]), c=tuple(state["c"])),
        tolerance=float,
        error=float,
        errors=lambda errors: {_text(label): float(error) for label, error in errors.items()},
        seed=lambda seed: None if seed is None else int(seed),
        versions=lambda versions: _record(Versions, versions),
        exports=lambda exports: tuple(map(_export, exports)),
    )


def _export(content: Any) -> Export:
    return _record(
        Export,
        content,
        banks=lambda banks: tuple(_record(Bank, bank) for bank in banks),
        signals=lambda signals: tuple(map(_signal, signals)),
    )


def _signal(content: Any) -> Signal:
    return _record(
        Signal,
        content,
        against=lambda name: None if name is None else _text(name),
        gain=_same,
        ends=lambda ends: tuple(map(int, ends)),
        values=_same,
    )


def _record(kind: type[_Kind], content: Any, **readers: Callable[[Any], object]) -> _Kind:
    """Return a record of `kind` from its plain `content`; fields without one of the `readers` are text."""
    names = [entry.name for entry in fields(kind)]  # type: ignore[arg-type]
    return kind(**{name: readers.get(name, _text)(content[name]) for name in names})


def _same(value: Any) -> object:
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} where a text should be")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{type(value).__name__} where true or false should be")
    return value
