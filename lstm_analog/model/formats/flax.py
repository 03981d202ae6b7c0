"""Read flax msgpack (`flax.serialization.to_bytes`): a tree of dictionaries with arrays at its leaves."""

from collections.abc import Iterator
from typing import Any

from lstm_analog.errors import FileFormatError, LibraryMissingError, explain
from lstm_analog.model.formats.tensor import DTYPES, Tensor, TensorMap, from_bytes

DEEPEST = 16
"""Largest depth of nested dictionaries."""

MOST_TENSORS = 20_000
"""Largest number of arrays in a tree."""

_ALONE = "save the parameters of the recurrent module alone"
_ARRAY = 1
"""flax's extension type of an array: shape, name of the numbers, bytes."""


def read_flax(content: bytes) -> TensorMap:
    """Return the arrays of the flax file `content` by their path in the tree, joined by dots.

    Raises `FileFormatError` if it is damaged or holds anything other than arrays, `LibraryMissingError` if the
    `msgpack` package is missing.
    """
    tree = _unpacked("content", content)
    tensors = {}
    for name, leaf in _leaves(tree, "", DEEPEST):
        if name in tensors:
            raise FileFormatError(explain(f"entry {name[:80]!a}", must="be there once", got="two", do=_ALONE))
        tensors[name] = _tensor(name, leaf)
        if len(tensors) > MOST_TENSORS:
            raise FileFormatError(explain("tree", must=f"have at most {MOST_TENSORS} arrays", got="more", do=_ALONE))
    return tensors


def _leaves(tree: Any, path: str, deepest: int) -> Iterator[tuple[str, Any]]:
    if not isinstance(tree, dict):
        yield path, tree
    elif not deepest:
        raise FileFormatError(explain("tree", must=f"be at most {DEEPEST} deep", got="more", do=_ALONE))
    else:
        for key, inner in tree.items():
            if not isinstance(key, str | int):  # the numbers are those of modules in a list
                must, do = "have names or numbers as keys", _ALONE
                raise FileFormatError(explain("tree", must=must, got=type(key).__name__, do=do))
            yield from _leaves(inner, f"{path}.{key}" if path else str(key), deepest - 1)


def _tensor(name: str, leaf: Any) -> Tensor:
    from msgpack import ExtType

    what, do = f"entry {name[:80]!a}", _ALONE
    if not isinstance(leaf, ExtType) or leaf.code != _ARRAY:
        raise FileFormatError(explain(what, must="be an array", got=type(leaf).__name__, do=do))
    match _unpacked(what, leaf.data):
        case [list(shape), str(kind), bytes(data)] if kind in DTYPES:
            return from_bytes(name, kind, tuple(shape), data)
        case [list(), str(kind), bytes()]:
            raise FileFormatError(explain(what, must="be an array of numbers", got=ascii(kind)[:60], do="convert it"))
        case _:
            raise FileFormatError(explain(what, must="be an array of numbers", got="another", do=do))


def _unpacked(what: str, content: bytes) -> Any:
    try:
        from msgpack import exceptions, unpackb
    except ImportError:
        do = "pip install 'lstm_analog[flax]'"
        raise LibraryMissingError(explain("flax file", must="be read by msgpack", got="no msgpack", do=do)) from None
    try:
        return unpackb(content, raw=False, strict_map_key=False)
    except (ValueError, TypeError, LookupError, exceptions.UnpackException) as error:
        got, do = ascii(str(error))[:120] or type(error).__name__, "save it with flax.serialization.to_bytes"
        raise FileFormatError(explain(what, must="be msgpack", got=got, do=do)) from error
