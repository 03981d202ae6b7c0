import json
import zipfile
from dataclasses import dataclass
from enum import Enum
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lstm_analog.arrays import Floats, Indices
from lstm_analog.errors import FileAccessError, FileFormatError, UnsupportedError
from lstm_analog.records import load_record, save_record


class Metal(Enum):
    COPPER = "cu"
    TIN = "sn"


@dataclass(frozen=True, kw_only=True, eq=False)
class Wire:
    metal: Metal
    length: float
    strands: int
    ends: Indices


@dataclass(frozen=True, kw_only=True, eq=False)
class Loom:
    wires: tuple[Wire, ...]
    marks: frozenset[str]
    owner: str | None
    loads: Floats
    spare: bool


KINDS = {kind.__name__: kind for kind in (Metal, Wire, Loom)}


def loom() -> Loom:
    wires = tuple(
        Wire(metal=metal, length=length, strands=7, ends=np.array([0, 3]))
        for metal, length in zip(Metal, (0.1, np.pi), strict=True)
    )
    loads = np.array([[1.0, np.inf], [5e-324, -0.0]])
    return Loom(wires=wires, marks=frozenset({"b", "a"}), owner=None, loads=loads, spare=True)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_record(loom(), tmp_path / "loom.npz")
    return tmp_path / "loom.npz"


def contents(path: Path) -> tuple[Any, dict[str, np.ndarray]]:
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    return json.loads(bytes(arrays.pop("tree"))), arrays


def write(path: Path, tree: Any, arrays: dict[str, np.ndarray]) -> None:
    text = tree if isinstance(tree, str) else json.dumps(tree)
    buffer = BytesIO()
    np.savez(buffer, **arrays, tree=np.frombuffer(text.encode(), dtype=np.uint8))
    path.write_bytes(buffer.getvalue())


def refused(path: Path, text: str = "must hold") -> None:
    with pytest.raises(FileFormatError, match=text) as caught:
        load_record(path, Loom, KINDS)
    assert str(caught.value).startswith(f"file {str(path)!r} must hold a Loom, got ")
    assert str(caught.value).endswith(": give a file that this package saved")


def test_a_record_comes_back_as_it_was(saved):
    loaded, given = load_record(saved, Loom, KINDS), loom()
    assert (loaded.marks, loaded.owner, loaded.spare) == (given.marks, given.owner, given.spare)
    assert loaded.loads.dtype == np.float64
    assert loaded.loads.tobytes() == given.loads.tobytes(), "to the last bit, signs of zero included"
    for got, wire in zip(loaded.wires, given.wires, strict=True):
        assert (got.metal, got.length, got.strands) == (wire.metal, wire.length, wire.strands)
        assert got.ends.dtype == np.int64
        assert np.array_equal(got.ends, wire.ends)


def test_a_file_is_the_same_whatever_the_order_of_a_set(tmp_path, saved):
    save_record(load_record(saved, Loom, KINDS), tmp_path / "again.npz")
    (tree, arrays), (again, others) = contents(saved), contents(tmp_path / "again.npz")
    assert tree == again
    assert tree["fields"]["marks"] == {"frozenset": ["a", "b"]}
    assert all(np.array_equal(arrays[name], others[name]) for name in arrays)


@pytest.mark.parametrize("value", [[1, 2], {"a": 1}, 1j, b"x", Path("x"), Wire, len])
def test_what_cannot_come_back_is_not_saved(tmp_path, value):
    wire = Wire(metal=Metal.TIN, length=value, strands=1, ends=np.array([0]))
    with pytest.raises(UnsupportedError, match=r"saved value must be a record, array, tuple or plain value, got \w+:"):
        save_record(wire, tmp_path / "wire.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [np.float32(1.5), np.float64(0.1), np.int64(3)])
def test_a_number_of_numpy_is_saved_as_a_number(tmp_path, value):
    """A bank counts 3 elements, and says so as numpy does."""
    save_record(Wire(metal=Metal.TIN, length=value, strands=np.int64(2), ends=np.array([0])), tmp_path / "wire.npz")
    again = load_record(tmp_path / "wire.npz", Wire, KINDS)
    assert (again.length, again.strands) == (value, 2)


def test_an_array_of_objects_is_neither_saved_nor_left_behind(tmp_path):
    wire = Wire(metal=Metal.TIN, length=1.0, strands=1, ends=np.array([object()], dtype=object))
    with pytest.raises(UnsupportedError, match=r"saved value must be a record, array, .*got ndarray"):
        save_record(wire, tmp_path / "wire.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_cannot_be_used_is_named(tmp_path):
    with pytest.raises(FileAccessError, match=r"none/x\.npz' must be writable"):
        save_record(loom(), tmp_path / "none" / "x.npz")
    with pytest.raises(FileAccessError, match=r"x\.npz' must be readable"):
        load_record(tmp_path / "x.npz", Loom, KINDS)
    with pytest.raises(FileAccessError, match=r"must be readable"):
        load_record(tmp_path, Loom, KINDS)


def test_only_the_kind_asked_for_is_returned(saved):
    with pytest.raises(FileFormatError, match=r"must hold a Wire, got 'Loom'"):
        load_record(saved, Wire, KINDS)


class Bomb:
    """Leaves a file behind if it is ever unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["array0", "tree", "extra"])
def test_a_pickle_in_a_file_is_never_executed(saved, tmp_path, name):
    tree, arrays = contents(saved)
    bomb = np.array([Bomb(tmp_path / "boom")], dtype=object)
    arrays["tree"] = np.frombuffer(json.dumps(tree).encode(), dtype=np.uint8)
    buffer = BytesIO()
    np.savez(buffer, **{**arrays, name: bomb})
    saved.write_bytes(buffer.getvalue())
    refused(saved, "must hold a Loom, got 'pickled objects': give a file")
    assert not (tmp_path / "boom").exists()
    with np.load(saved, allow_pickle=True) as file:
        assert file[name].size == 1
    assert (tmp_path / "boom").exists(), "the bomb does work"


def changed(saved: Path, edit: Any) -> Path:
    tree, arrays = contents(saved)
    write(saved, edit(tree) or tree, arrays)
    return saved


UNKNOWN = {
    "an unknown record": lambda tree: tree.update(record="Popen"),
    "a record that is no name": lambda tree: tree.update(record=["Loom"]),
    "an enum made as a record": lambda tree: tree.update(record="Metal"),
    "a record read as an enum": lambda tree: tree["fields"]["wires"]["tuple"][0]["fields"]["metal"].update(enum="Wire"),
    "an attribute for a member": lambda tree: tree["fields"]["wires"]["tuple"][0]["fields"]["metal"].update(name="mro"),
    "an unknown field": lambda tree: tree["fields"].update(colour="red"),
    "a missing field": lambda tree: tree["fields"].pop("spare") and None,
    "fields that are a list": lambda tree: tree.update(fields=[]),
    "no record at all": lambda _tree: {"tuple": []},
    "a bare number": lambda _tree: "17",
    "a dictionary of nothing": lambda _tree: {"fields": {}},
    "an array that is not there": lambda tree: tree["fields"].update(loads={"array": "array99"}),
    "no JSON": lambda _tree: "{",
    "no text": lambda _tree: "\x00\x01",
    "an array of unhashables in a set": lambda tree: tree["fields"].update(marks={"frozenset": [{"array": "array0"}]}),
    "lists without end": lambda _tree: "[" * 100_000,
    "tuples without end": lambda _tree: '{"tuple":[' * 5000 + "]}" * 5000,
    "a text for a tuple of records": lambda tree: tree["fields"].update(wires="ab"),
    "a text among the records": lambda tree: tree["fields"]["wires"]["tuple"].append("ab"),
    "a number for an array": lambda tree: tree["fields"].update(loads=3.0),
    "a text for a number": lambda tree: tree["fields"]["wires"]["tuple"][0]["fields"].update(length="long"),
    "a number for a truth": lambda tree: tree["fields"].update(spare=3),
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_a_file_that_says_something_else_is_refused(saved, what):
    refused(changed(saved, UNKNOWN[what]))


@pytest.mark.parametrize("content", [b"", b"PK", b"\x80\x04N.", b"\x93NUMPY\x01\x00", b"{}", bytes(1000)])
def test_a_file_of_another_kind_is_refused(tmp_path, content):
    (tmp_path / "other.npz").write_bytes(content)
    said = {b"": "'an empty file'", b"PK": ""}.get(content, "'no npz file'")
    refused(tmp_path / "other.npz", f"must hold a Loom, got .*{said}.*: give a file that this package saved")


def test_a_lone_array_is_refused(tmp_path):
    buffer = BytesIO()
    np.save(buffer, np.zeros(3))
    (tmp_path / "other.npz").write_bytes(buffer.getvalue())
    refused(tmp_path / "other.npz")


def test_a_file_without_the_tree_is_refused(saved):
    _, arrays = contents(saved)
    np.savez(saved, **arrays)
    refused(saved, "tree")


def test_an_array_that_claims_to_be_huge_is_refused(saved):
    with zipfile.ZipFile(saved) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000,), }".ljust(117) + b"\n"
    members["array2.npy"] = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    with zipfile.ZipFile(saved, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    refused(saved)


def test_a_truncated_file_is_refused_at_any_length(saved):
    whole = saved.read_bytes()
    for length in sorted({*range(0, len(whole), 37), *range(len(whole) - 30, len(whole))}):
        saved.write_bytes(whole[:length])
        refused(saved)


@pytest.mark.parametrize("compressed", [False, True])
def test_a_flipped_bit_is_refused_or_harmless(saved, compressed):
    """Every content has a check sum, so what loads is what was saved; no error comes through but ours."""
    if compressed:
        tree, arrays = contents(saved)
        text = np.frombuffer(json.dumps(tree).encode(), dtype=np.uint8)
        np.savez_compressed(saved, **arrays, tree=text)
    whole, draw, given = saved.read_bytes(), np.random.default_rng(3), loom()
    caught = 0
    for position in draw.integers(len(whole), size=500):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << int(draw.integers(8))
        saved.write_bytes(damaged)
        try:
            loaded = load_record(saved, Loom, KINDS)
        except FileFormatError:
            caught += 1
        else:
            assert np.array_equal(loaded.loads, given.loads)
            assert [wire.length for wire in loaded.wires] == [wire.length for wire in given.wires]
    assert caught > 250


def test_a_bomb_is_refused_before_it_is_unpacked(saved):
    with zipfile.ZipFile(saved, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("tree.npy", b"\0" * 2**27)
    assert saved.stat().st_size < 2**18
    refused(saved, "must unpack to at most .* a zip bomb")


@pytest.mark.parametrize("shape", [(0, 2**61), (2**40,), (2**62, 2**62), (-1,)])
def test_a_forged_shape_is_refused(saved, shape):
    content, header = BytesIO(), BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(content, "w") as new:
        for name in old.namelist():
            new.writestr(name, header.getvalue() if name == "array0.npy" else old.read(name))
    saved.write_bytes(content.getvalue())
    refused(saved, "must hold the numbers that it declares|must be in npy format")
