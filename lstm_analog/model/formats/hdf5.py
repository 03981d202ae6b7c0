"""Read HDF5 files as h5py, and so Keras, writes them by default, in pure Python.

The HDF5 library itself is not safe for untrusted files: of mutated files one in a few thousand crashes it, and about as
many cause an endless loop (HDF5 2.0.0 under h5py 3.16). This module reads the part of the format that weights need
(superblock 0, object headers 1, symbol tables, contiguous and compact data; numbers and texts) from bytes, checks each
address and visits each object once. Links, chunks, filters, virtual and external data are refused by name.

HDF5 File Format Specification 3.0, The HDF Group; sections in brackets.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from lstm_analog.errors import FileFormatError
from lstm_analog.model.formats.hdf5_values import space_of, texts_of, type_of
from lstm_analog.model.formats.refusals import format_error
from lstm_analog.model.formats.tensor import LONGEST_NAME, Tensor, TensorMap, count_of, from_bytes

SIGNATURE = b"\x89HDF\r\n\x1a\n"
MOST_OBJECTS = 20_000
"""Largest number of groups and datasets in a file."""

MOST_MESSAGES = 4_000
"""Largest number of messages of an object; each attribute is a message."""

DEEPEST = 32
"""Largest depth of nested groups, and of a tree of names."""

MOST_READING = 16
"""Largest number of bytes read in total, over the size of the file, beyond `FREE_READING`: it ends every loop."""

FREE_READING = 2**20
_ROOT = 64
_SOFT_LINK = 2
_SHARED = 0x2
_SPACE, _TYPE, _LAYOUT, _ATTRIBUTE, _CONTINUED, _TABLE = 0x01, 0x03, 0x08, 0x0C, 0x10, 0x11
_NOTHING = frozenset({0x00, 0x04, 0x05, 0x0D, 0x0E, 0x12, 0x16})
"""Messages to ignore: padding, fill values, comments, times, reference counts."""
_FOREIGN = MappingProxyType(
    {0x02: "new-style links", 0x06: "new-style links", 0x07: "numbers in another file", 0x0B: "filters (compression)"}
    | {0x0A: "new-style groups", 0x15: "new-style attributes", 0x0F: "a shared table"}
)
_ADVICE = "save it with Keras' model.save, or with h5py's own settings"

Texts = str | tuple[str, ...]
Message = tuple[int, bytes]


@dataclass(frozen=True, kw_only=True, eq=False)
class Tree:
    """The datasets of a file by path, and the text attributes of its groups: `words["layers/lstm/vars"]["name"]`."""

    tensors: TensorMap
    words: Mapping[str, Mapping[str, Texts]]


class Hdf5Image:
    """The bytes `content` of a file; it records the addresses visited and counts the bytes that may still be read."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.visited: set[int] = set()
        self.left = FREE_READING + MOST_READING * len(content)

    def at(self, address: int, size: int) -> bytes:
        """Return `size` bytes from `address`; raise `FileFormatError` if they are not all in the file."""
        if not 0 <= address <= address + size <= len(self.content):
            must, do = f"lie in the file of {len(self.content)} bytes", "the file is damaged: save or fetch it again"
            raise format_error("HDF5 address", must, f"{address} + {size}", do)
        self.left -= size
        if self.left < 0:
            raise format_error("HDF5 file", f"need no more than {MOST_READING} times its own bytes", "more", _ADVICE)
        return self.content[address : address + size]

    def visit(self, address: int) -> None:
        """Record a visit to the object at `address`; raise `FileFormatError` if it was visited before."""
        if address in self.visited or len(self.visited) > MOST_OBJECTS:
            got = f"the one at byte {address} again" if address in self.visited else "more"
            raise format_error("HDF5 file", f"reach each of at most {MOST_OBJECTS} objects once", got, _ADVICE)
        self.visited.add(address)


def read_hdf5(content: bytes) -> Tree:
    """Return the datasets and texts of the HDF5 file `content`; raise `FileFormatError` if damaged or unsupported."""
    image, tensors, words = Hdf5Image(content), dict[str, Tensor](), dict[str, dict[str, Texts]]()
    try:
        (root,) = struct.unpack("<Q", _checked_superblock(image)[_ROOT : _ROOT + 8])
        waiting = [("", root)]
        while waiting:
            path, address = waiting.pop()
            image.visit(address)
            messages = _messages(image, address, path)
            words[path] = dict(_attribute(image, body) for kind, body in messages if kind == _ATTRIBUTE)
            for name, inner in _members(image, messages, path):
                if len(path) + len(name) > LONGEST_NAME:
                    raise _refused(path, f"have paths of at most {LONGEST_NAME} letters", "longer ones")
                waiting.append((f"{path}/{name}" if path else name, inner))
            if any(kind == _LAYOUT for kind, _ in messages):
                tensors[path] = _tensor(image, path, dict(messages))
    except (struct.error, ValueError, LookupError, OverflowError) as error:
        if isinstance(error, FileFormatError):
            raise
        got, do = ascii(str(error))[:120], "the file is damaged: save or fetch it again"
        raise format_error("HDF5 file", "be whole", got, do) from error
    _check_total(tensors, len(content))
    return Tree(tensors=tensors, words=words)


def _checked_superblock(image: Hdf5Image) -> bytes:
    """[II.A] Return the superblock; it must have version 0, with addresses and lengths of 8 bytes."""
    block = image.at(0, 96)
    if not block.startswith(SIGNATURE) or block[8] != 0 or block[13:15] != b"\x08\x08" or any(block[24:32]):
        got = f"version {block[8]}, sizes {block[13]} and {block[14]}"
        raise format_error("HDF5 superblock", "be version 0, sizes 8", got, _ADVICE)
    return block


def _messages(image: Hdf5Image, address: int, path: str) -> list[Message]:
    """[IV.A.1.a] Return the messages of the object header at `address`: kind and body."""
    version, _, count, _, size = struct.unpack("<BBHII", image.at(address, 12))
    if version != 1 or count > MOST_MESSAGES:
        raise _refused(path, "have an object header of version 1", f"version {version} with {count} messages")
    blocks, messages = [(address + 16, size)], list[Message]()
    for start, length in blocks:
        block = image.at(start, length)
        at = 0
        while at + 8 <= length and len(messages) < count:
            kind, long, flags = struct.unpack_from("<HHB", block, at)
            body = block[at + 8 : at + 8 + long]
            if len(body) != long:
                raise _refused(path, "have whole messages", "one cut short")
            if kind == _CONTINUED:
                blocks.append(struct.unpack("<QQ", body[:16]))
            messages.append((_checked_kind(kind, flags, path), body))
            at += 8 + long
    return messages


def _checked_kind(kind: int, flags: int, path: str) -> int:
    known = kind in (_SPACE, _TYPE, _LAYOUT, _ATTRIBUTE, _CONTINUED, _TABLE) or kind in _NOTHING
    if not known or (flags & _SHARED and kind not in _NOTHING):
        got = "a shared message" if known else _FOREIGN.get(kind, f"message {kind:#x}")
        raise _refused(path, "be a plain group or dataset", got)
    return kind


def _refused(path: str, must: str, got: str) -> FileFormatError:
    return format_error(f"HDF5 object {'/' + path[:80]!a}", must, got, _ADVICE)


def _members(image: Hdf5Image, messages: list[Message], path: str) -> Iterator[tuple[str, int]]:
    """[III.A] Yield names and addresses of the members of a group; a group has one symbol table, a dataset none."""
    for kind, body in messages:
        if kind == _TABLE:
            if path.count("/") >= DEEPEST:
                raise _refused(path, f"be at most {DEEPEST} deep", "more")
            tree, heap = struct.unpack("<QQ", body[:16])
            signature, _, size, _, names = struct.unpack("<4sIQQQ", image.at(heap, 32))
            if signature != b"HEAP":
                raise _refused(path, "have a heap of names", ascii(signature))
            yield from _entries(image, tree, image.at(names, size), path, DEEPEST)


def _entries(image: Hdf5Image, address: int, names: bytes, path: str, deepest: int) -> Iterator[tuple[str, int]]:
    """[III.A.1, III.B] Yield the entries of the tree of names below the node at `address`."""
    image.visit(address)
    signature = image.at(address, 4)
    if signature == b"SNOD":
        _, _, count = struct.unpack("<BBH", image.at(address + 4, 4))
        for entry in struct.iter_unpack("<QQII16x", image.at(address + 8, 40 * count)):
            offset, header, cached, _ = entry
            end = names.find(b"\0", offset, offset + LONGEST_NAME + 1)
            if end < 0:
                raise _refused(path, f"have names of at most {LONGEST_NAME} letters", "a longer one")
            name = names[offset:end].decode()
            if cached == _SOFT_LINK or not name or "/" in name or name == "..":
                raise _refused(path, "hold hard links only", f"a soft link or bad name {name[:40]!a}")
            yield name, header
        return
    if signature != b"TREE" or not deepest:
        raise _refused(path, "have a tree of names", ascii(signature))
    kind, _, count, _, _ = struct.unpack("<BBHQQ", image.at(address + 4, 20))
    if kind != 0:
        raise _refused(path, "have a tree of names", f"a tree of kind {kind}")
    for _, child in struct.iter_unpack("<QQ", image.at(address + 24, 16 * count)):
        yield from _entries(image, child, names, path, deepest - 1)


def _attribute(image: Hdf5Image, body: bytes) -> tuple[str, Texts]:
    """[IV.A.2.m] Return the name and the texts of an attribute; no texts if it is of another type."""
    version, flags, *sizes = struct.unpack_from("<BBHHH", body)
    if version not in (1, 2, 3) or (version > 1 and flags):
        raise _refused("", "have plain attributes", f"version {version}, flags {flags}")
    at, parts = 9 if version == 3 else 8, []
    for size in sizes:
        parts.append(body[at : at + size])
        at += (size + 7) // 8 * 8 if version == 1 else size
    name = parts[0].rstrip(b"\0").decode()
    return name, texts_of(image.at, type_of(parts[1]), space_of(parts[2]), body[at:])


def _tensor(image: Hdf5Image, path: str, messages: Mapping[int, bytes]) -> Tensor:
    """[IV.A.2.i] Return the dataset with these `messages`."""
    if _SPACE not in messages or _TYPE not in messages:
        raise _refused(path, "have a type and a shape", "one of them or none")
    kind, shape = type_of(messages[_TYPE]), space_of(messages[_SPACE])
    if not kind.number:
        raise _refused(path, "hold little-endian numbers", kind.text)
    size = count_of(path, shape) * kind.size
    return from_bytes(path, kind.number, shape, _contents(image, path, messages[_LAYOUT], size))


def _contents(image: Hdf5Image, path: str, layout: bytes, size: int) -> bytes:
    version, way = layout[0], layout[1]
    if version == 3 and way == 1:
        address, length = struct.unpack("<QQ", layout[2:18])
        if length == size:
            return image.at(address, size)
        raise _refused(path, f"have {size} bytes", str(length))
    if version == 3 and way == 0:
        return layout[4 : 4 + size]
    got = {2: "chunks", 3: "a virtual dataset"}.get(way, f"layout {version}.{way}")
    raise _refused(path, "lie in the file in one piece", got)


def _check_total(tensors: TensorMap, size: int) -> None:
    total = sum(tensor.stored.nbytes for tensor in tensors.values())
    if total > size:
        raise _refused("", f"hold at most its own {size} bytes of numbers", f"{total}: datasets overlap")
