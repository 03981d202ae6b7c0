"""Write certificates as JSON and read them. Numbers keep their last bit; a foreign file is refused with the place.

The file holds the certificate and the SHA-256 of its content, so that a change of a single digit is detected.
"""

import json
from collections.abc import Callable
from dataclasses import fields
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from lstm_analog.compiler import Timing
from lstm_analog.compiler.saved import PIECES
from lstm_analog.doors import checked
from lstm_analog.errors import FileFormatError, LstmAnalogError, explain
from lstm_analog.files import read_bytes, whole_file
from lstm_analog.model import State
from lstm_analog.records import record_of, tree_of
from lstm_analog.study.certificate import Bank, Certificate, Export, ModelFile, ShownSignal
from lstm_analog.study.report import Versions, plain

_Kind = TypeVar("_Kind")
_LARGEST = 1 << 28
"""The largest size of a certificate (bytes): about 20 million numbers."""


def save_certificate(certificate: Certificate, path: str | Path) -> None:
    """Write `certificate` to `path` as JSON, whole or not at all.

    Raises `FileAccessError` if it cannot be written, `UnsupportedError` if its technology is no record of this package.
    """
    technology, timing = tree_of(certificate.technology), certificate.timing.value
    content = plain(certificate) | {"technology": technology, "timing": timing}
    text = json.dumps({"certificate": content, "digest": _digest(content)}, indent=1)
    with whole_file(path) as stream:
        stream.write(f"{text}\n".encode())


@checked
def load_certificate(path: str | Path) -> Certificate:
    """Return the certificate that was written to `path`.

    Raises `FileFormatError` for a damaged or foreign file, `FileAccessError` for one that cannot be read.
    """
    content = read_bytes(path)
    try:
        if len(content) > _LARGEST:
            raise _refusal("it", f"be {_LARGEST} bytes at most", len(content))
        said = _fields("file", json.loads(content), ("certificate", "digest"))
        if said["digest"] != _digest(said["certificate"]):
            raise _refusal("its digest", "be that of its content", "another: it was changed")
        return _certificate(said["certificate"])
    except (LstmAnalogError, ArithmeticError, LookupError, TypeError, ValueError, RecursionError) as error:
        do = "take the file that was written beside the export"
        what, got = f"file {str(path)!r}", ascii(str(error))[:300]
        raise FileFormatError(explain(what, must="hold a certificate", got=got, do=do)) from error


def _refusal(what: str, must: str, got: object) -> FileFormatError:
    return FileFormatError(explain(what, must=must, got=got, do="restore it"))


def _digest(content: Any) -> str:
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _certificate(content: Any) -> Certificate:
    return _record(
        Certificate,
        content,
        source=lambda source: (
            None if source is None else _record(ModelFile, source, only=lambda names: tuple(map(_text, _list(names))))
        ),
        technology=lambda tree: record_of(tree, PIECES),
        timing=Timing,
        settling=_number,
        as_compiled=_flag,
        x=_same,
        start=_state,
        seed=lambda seed: None if seed is None else _whole(seed),
        tolerance=_number,
        error=_number,
        errors=lambda errors: {label: _number(error) for label, error in _exactly(dict)(errors).items()},
        versions=lambda versions: _record(Versions, versions),
        exports=lambda exports: tuple(map(_export, _list(exports))),
    )


def _state(content: Any) -> State:
    said = _fields("start", content, ("h", "c"))
    return State(h=tuple(_list(said["h"])), c=tuple(_list(said["c"])))


def _export(content: Any) -> Export:
    return _record(
        Export,
        content,
        imperfections=lambda texts: tuple(map(_text, _list(texts))),
        banks=lambda banks: tuple(_record(Bank, bank) for bank in _list(banks)),
        signals=lambda signals: tuple(map(_signal, _list(signals))),
    )


def _signal(content: Any) -> ShownSignal:
    return _record(
        ShownSignal,
        content,
        against=lambda name: None if name is None else _text(name),
        gain=_same,
        unit=_number,
        ends=lambda ends: tuple(map(_whole, _list(ends))),
        values=_same,
    )


def _record(kind: type[_Kind], content: Any, **readers: Callable[[Any], Any]) -> _Kind:
    """Return a record of `kind` from its plain `content`; fields without one of the `readers` are text."""
    names = tuple(entry.name for entry in fields(kind))  # type: ignore[arg-type]
    said = _fields(kind.__name__, content, names)
    return kind(**{name: readers.get(name, _text)(said[name]) for name in names})


def _fields(what: str, content: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """Return `content` if it is a mapping whose keys are exactly `names`, the fields of a record called `what`."""
    if not isinstance(content, dict) or content.keys() != set(names):
        got = ", ".join(content) if isinstance(content, dict) else type(content).__name__
        raise _refusal(what, f"have the fields {', '.join(names)}", got)
    return content


def _same(value: Any) -> object:
    return value


def _exactly(*kinds: type) -> Callable[[Any], Any]:
    """Return a reader that accepts only values of `kinds`: no truth value for a number, no number for a text."""

    def read(value: Any) -> Any:
        if type(value) not in kinds:
            raise _refusal("a field", f"be of type {kinds[0].__name__}", type(value).__name__)
        return value

    return read


_list, _text, _whole, _flag = _exactly(list), _exactly(str), _exactly(int), _exactly(bool)


def _number(value: Any) -> float:
    return float(_exactly(float, int)(value))
