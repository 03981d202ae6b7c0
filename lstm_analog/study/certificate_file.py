"""Write certificates as JSON and read them. Numbers keep their last bit; a foreign file is refused with the place.

The file holds the certificate and the SHA-256 of its content, so that a change of a single digit is detected.
"""

import json
from dataclasses import fields, is_dataclass
from hashlib import sha256
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from lstm_analog.compiler import Timing
from lstm_analog.compiler.saved import PIECES
from lstm_analog.doors import checked
from lstm_analog.errors import FileFormatError, LstmAnalogError, explain
from lstm_analog.files import read_bytes, write_texts
from lstm_analog.model import State
from lstm_analog.records import record_of, tree_of
from lstm_analog.study.certificate import Certificate
from lstm_analog.study.report import plain

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
    write_texts(path, [f"{text}\n"])


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
        return _record(Certificate, said["certificate"])
    except (LstmAnalogError, ArithmeticError, LookupError, TypeError, ValueError, RecursionError) as error:
        do = "take the file that was written beside the export"
        what, got = f"file {str(path)!r}", ascii(str(error))[:300]
        raise FileFormatError(explain(what, must="hold a certificate", got=got, do=do)) from error


def _refusal(what: str, must: str, got: object) -> FileFormatError:
    return FileFormatError(explain(what, must=must, got=got, do="restore it"))


def _digest(content: Any) -> str:
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _record(kind: type[_Kind], content: Any, called: str = "") -> _Kind:
    """Return the record of `kind` with its plain `content`, read by its annotations; `called` so in messages."""
    names, hints = tuple(entry.name for entry in fields(kind)), get_type_hints(kind)  # type: ignore[arg-type]
    said = _fields(called or kind.__name__, content, names)
    return kind(**{name: _value(hints[name], said[name], name) for name in names})


def _fields(what: str, content: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """Return `content` if it is a mapping whose keys are exactly `names`, the fields of a record called `what`."""
    if not isinstance(content, dict) or content.keys() != set(names):
        got = ", ".join(content) if isinstance(content, dict) else type(content).__name__
        raise _refusal(what, f"have the fields {', '.join(names)}", got)
    return content


def _value(hint: Any, value: Any, name: str) -> Any:
    """Return the `value` of a field `name` as its annotation `hint` says: no truth value or text for a number.

    Arrays are left to the record, which checks them; what may be any object is a technology.
    """
    kind, inner = get_origin(hint) or hint, get_args(hint)
    if kind is object:
        return record_of(value, PIECES)
    if kind is UnionType:
        return None if value is None else _value(inner[0], value, name)
    if kind is tuple:
        return tuple(_value(inner[0], item, name) for item in _exactly(value, list))
    if kind is dict:
        return {label: _value(inner[1], item, name) for label, item in _exactly(value, dict).items()}
    if isinstance(kind, type) and is_dataclass(kind):
        return _record(kind, value, name if kind is State else "")
    if kind is Timing:
        return Timing(value)
    if kind is float:
        return float(_exactly(value, float, int))
    return _exactly(value, kind) if kind in (str, int, bool) else value


def _exactly(value: Any, *kinds: type) -> Any:
    if type(value) not in kinds:
        raise _refusal("a field", f"be of type {kinds[0].__name__}", type(value).__name__)
    return value
