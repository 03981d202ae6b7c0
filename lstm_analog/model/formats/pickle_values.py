"""Records of the tensors and plain values that a pickle holds, made for the names in it. Nothing is imported or run.

The names are those that `torch.load(path, weights_only=True)` accepts, and the modules of a TorchScript archive. A
value without weights is skipped; a tensor whose numbers are not simply those stored is marked as unreadable, and
refused by name if it is needed.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from lstm_analog.errors import FileFormatError
from lstm_analog.model.formats.refusals import format_error
from lstm_analog.model.formats.tensor import LONGEST_NAME


@dataclass(frozen=True, kw_only=True)
class Name:
    """The name of a function or class in a pickle; it is never imported."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(frozen=True, kw_only=True)
class Storage:
    """A block of numbers in a file: the `kind` of storage, its `key` and its `count` of numbers."""

    kind: str
    key: str
    count: int


@dataclass(frozen=True, kw_only=True)
class View:
    """A tensor whose numbers are `storage[offset + sum(i * stride)]`; the fields are not yet checked."""

    storage: Storage
    offset: object
    shape: object
    stride: object


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A value without weights, such as a device or a set; `what` is its kind."""

    what: str


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """A tensor of `shape` whose numbers are not simply those stored; `what` is its kind, such as sparse."""

    what: str
    shape: object


STORAGES = MappingProxyType(
    {
        "HalfStorage": "float16",
        "BFloat16Storage": "bfloat16",
        "FloatStorage": "float32",
        "DoubleStorage": "float64",
        "CharStorage": "int8",
        "ShortStorage": "int16",
        "IntStorage": "int32",
        "LongStorage": "int64",
        "ByteStorage": "uint8",
        "BoolStorage": "bool",
    }
)
"""The dtype of numbers in each of torch's classes of storage."""


@dataclass(frozen=True, kw_only=True)
class Pickle:
    """The `value` of a pickle, the index `end` of the byte after it, and the storages to which it refers, by key."""

    value: Any
    end: int
    storages: Mapping[str, Storage]


ADVICE = "save the weights alone: torch.save(module.state_dict(), path)"

LARGEST_KEY = 2**31
"""Largest whole number that may be a key; larger ones could be chosen to share one hash."""

MOST_ENTRIES = 200_000
"""Largest number of entries of all modules in a TorchScript archive, those of an inner one counted each time."""

MODULES = MappingProxyType({"__builtin__": "builtins", "copy_reg": "copyreg"})
"""Modules by their names in pickles of protocol 2."""

SCRIPT = "__torch__"
"""The beginning of the names of classes in a TorchScript archive."""

_PLAIN_TYPES = ("Size", "device", "Tensor", "ScriptObject")
_SCHEMES = ("per_tensor_affine", "per_tensor_symmetric", "per_channel_affine", "per_channel_symmetric")
_KINDS = ("bool", "bfloat16", "half", "float", "double", "short", "int", "long", "chalf", "cfloat", "cdouble")
_SIZED_KINDS = ("int", "uint", "qint", "quint", "float", "complex", "bits")
"""Beginnings of names of torch's dtypes that are followed by a number of bits, as `float32` or `float8_e5m2`."""


class _MisfitError(Exception):
    """A name was called with values that torch never passes."""


def refused(place: int, must: str, got: str) -> FileFormatError:
    """Return the error that the content at byte `place` of a pickle `must` be something and is `got`."""
    return format_error(f"pickle at byte {place}", must, got, f"nothing was executed; {ADVICE}")


def entry_name(key: object, number: int) -> Hashable:
    """Return the key under which to store an entry with `key`, the `number`-th of its dictionary.

    Only texts and small whole numbers are used as keys; others could be chosen to share one hash.
    """
    if isinstance(key, str) or (isinstance(key, int) and abs(key) < LARGEST_KEY):
        return key
    return f"<{type(key).__name__} {number}>"


class ScriptModule(dict[str, Any]):
    """The attributes of a TorchScript module by name, those of inner modules as `outer.inner`."""

    def take(self, state: object, place: int, left: int) -> int:
        """Add the attributes in the `state` of the module, which is at byte `place` of the pickle.

        Return how many entries modules may still have, of `left` before.
        """
        for name, value in state.items() if isinstance(state, dict) else ():
            inner = value if isinstance(value, ScriptModule) else {"": value}
            left -= len(inner)
            if left < 0:
                raise refused(place, f"have modules of at most {MOST_ENTRIES} entries", "more")
            if len(str(name)) + max(map(len, inner), default=0) > LONGEST_NAME:
                raise refused(place, f"have names of at most {LONGEST_NAME} letters", "longer ones")
            self.update({f"{name}.{rest}" if rest else str(name): each for rest, each in inner.items()})
        return left


def is_known(name: Name) -> bool:
    """Return whether a pickle may contain `name`."""
    if name.module == "torch":
        sized = name.name.startswith(_SIZED_KINDS) and any(letter.isdigit() for letter in name.name)
        return sized or name.name in (*_PLAIN_TYPES, *_SCHEMES, *_KINDS) or name.name.endswith("Storage")
    return name in _MAKERS or (name.module.split(".")[0] == SCRIPT)


def made(name: Name, arguments: tuple[Any, ...], place: int) -> object:
    """Return the record for a call of `name` with these `arguments`, at byte `place` of the pickle."""
    if name.module.split(".")[0] == SCRIPT:
        return ScriptModule()
    if name.module == "torch":
        return (
            Unreadable(what=str(name), shape=()) if name.name in ("Tensor", "ScriptObject") else Skipped(what=str(name))
        )
    try:
        return _MAKERS[name](*arguments)
    except (_MisfitError, TypeError, ValueError, LookupError):
        got = f"{str(name)[:80]} of {len(arguments)} values"
        raise refused(place, "make tensors and dictionaries as torch does", got) from None


def _dictionary(items: object = ()) -> dict[Hashable, Any]:
    """Return the dictionary for an OrderedDict or a Counter, made of nothing, of pairs, or of a dictionary."""
    pairs = list(items.items()) if isinstance(items, dict) else list(items)  # type: ignore[call-overload]
    return {entry_name(key, number): value for number, (key, value) in enumerate(pairs)}


def _tensor(storage: object, offset: object, shape: object, stride: object, *more: object) -> View | Unreadable:
    """Return `_rebuild_tensor(storage, offset, size, stride)`, or `_v2` with requires_grad, hooks and marks after it.

    Marks such as {"neg": True} say that the numbers are to be turned round.
    """
    marks = more[2] if len(more) > 2 else None
    if not isinstance(storage, Storage) or len(more) > 3:
        raise _MisfitError
    if storage.kind not in STORAGES.values() or marks:
        what = f"a tensor with marks {ascii(list(marks))[:80]}" if isinstance(marks, dict) and marks else storage.kind
        return Unreadable(what=what[:LONGEST_NAME], shape=shape)
    return View(storage=storage, offset=offset, shape=shape, stride=stride)


def _untyped(storage: object, offset: object, shape: object, *more: object) -> Unreadable:
    """Return the record of `_rebuild_tensor_v3`: a tensor of a dtype that has no class of storage."""
    kinds = [str(each)[:LONGEST_NAME] for each in more if isinstance(each, Name)]
    return Unreadable(what=kinds[0] if kinds else "a tensor of another kind", shape=shape)


def _first(data: object, *more: object) -> object:
    """Return the tensor in a parameter or in a copy from another device."""
    if not isinstance(data, View | Unreadable):
        raise _MisfitError
    return data


def _from_type(rebuild: Name, kind: object, arguments: tuple[Any, ...], state: object) -> object:
    """Return the record of `_rebuild_from_type_v2`: a tensor with attributes, which do not affect its numbers."""
    return _MAKERS[rebuild](*arguments)


def _other(what: str) -> Callable[..., object]:
    return lambda *arguments: Unreadable(what=what, shape=())


def _quantised(storage: object, offset: object, shape: object, *more: object) -> Unreadable:
    return Unreadable(what="a quantised tensor", shape=shape)


def _skip(what: str) -> Callable[..., object]:
    return lambda *arguments: Skipped(what=what)


def _named(module: str, makers: Mapping[str, Callable[..., Any]]) -> dict[Name, Callable[..., object]]:
    return {Name(module=module, name=name): maker for name, maker in makers.items()}


_TENSORS: Mapping[str, Callable[..., object]] = MappingProxyType(
    {
        "_rebuild_tensor": _tensor,
        "_rebuild_tensor_v2": _tensor,
        "_rebuild_tensor_v3": _untyped,
        "_rebuild_parameter": _first,
        "_rebuild_parameter_with_state": _first,
        "_rebuild_device_tensor_from_cpu_tensor": _first,
        "_rebuild_qtensor": _quantised,
        "_rebuild_sparse_tensor": _other("a sparse tensor"),
        "_rebuild_nested_tensor": _other("a nested tensor"),
        "_rebuild_meta_tensor_no_storage": _other("a tensor without numbers (device meta)"),
        "_rebuild_wrapper_subclass": _other("a tensor of a class of its own"),
    }
)

_MAKERS: Mapping[Name, Callable[..., object]] = MappingProxyType(
    _named("collections", {"OrderedDict": _dictionary, "Counter": _dictionary})
    | _named("builtins", {"set": _skip("a set"), "complex": _skip("a number"), "bytearray": _skip("bytes")})
    | _named("_codecs", {"encode": _skip("bytes")})
    | _named("torch.serialization", {"_get_layout": _skip("a layout")})
    | _named("torch.storage", {"UntypedStorage": _skip("a storage"), "TypedStorage": _skip("a storage")})
    | _named("torch.nn.parameter", {"Parameter": _first})
    | _named("torch._tensor", {"_rebuild_from_type_v2": _from_type})
    | _named("torch._utils", _TENSORS)
    | _named(
        "torch.jit._pickle",
        {f"build_{each}list": _skip("a list") for each in ("int", "double", "bool", "tensor")}
        | {"restore_type_tag": _skip("a list"), "build_tensor_from_id": _other("a tensor elsewhere")},
    )
)
"""Functions that make the record for a call, by name; torch's dtypes and the modules of scripts are known, too."""
