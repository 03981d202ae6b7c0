"""Hostile content for `table_doors.py`: bombs and forged sizes in the form of each kind of file that is read."""

import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from pathlib import Path

import h5py
import numpy as np
from onnx import TensorProto, helper

HUGE = 2**40
"""A size that is declared and not there."""
LONG = 1_000_000
"""Bytes or so of text that is long, deep or many."""


def zipped(members: Mapping[str, bytes]) -> bytes:
    """Return a zip of the `members`, deflated."""
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def replaced(good: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    """Return the zip `good` whose members went through `change`."""
    with zipfile.ZipFile(BytesIO(good)) as old:
        return zipped({name: change(name, old.read(name)) for name in old.namelist()})


def lying(content: bytes) -> bytes:
    """Return the zip `content` whose directory declares other sizes than there are."""
    at, data = content.rindex(b"PK\x01\x02"), bytearray(content)
    data[at + 20 : at + 28] = struct.pack("<II", 2**31 - 1, 2**32 - 2)
    return bytes(data)


def npy(shape: tuple[int, ...], data: bytes = bytes(64)) -> bytes:
    """Return an npy that declares `shape`."""
    head = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + data


def tensors(header: object) -> bytes:
    """Return a safetensors file with this `header`."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(64)


def hdf5(shape: tuple[int, int], *, good: bool) -> bytes:
    """Return weights of Keras whose kernel has `shape`, in a chunk that zlib packs: all of it, or a few bytes."""
    stream = BytesIO()
    with h5py.File(stream, "w") as file:
        group = file.create_group("layers/lstm/cell/vars")
        options = {"chunks": shape if good else (1, 1), "compression": "gzip", "fillvalue": 0.0}
        kernel = group.create_dataset("0", shape, dtype="f4", **options)
        if good:
            kernel.id.write_direct_chunk((0, 0), zlib.compress(bytes(4 * shape[0] * shape[1]), 9))
        group.create_dataset("1", data=np.zeros((1, 4), "f4"))
        group.create_dataset("2", data=np.zeros(4, "f4"))
    return stream.getvalue()


def onnx(dims: list[int]) -> bytes:
    """Return a graph of one LSTM whose weight has these `dims` and 16 numbers."""
    weight = TensorProto(name="W", data_type=TensorProto.FLOAT, dims=dims, raw_data=bytes(64))
    recurrent = helper.make_tensor("R", TensorProto.FLOAT, [1, 4, 1], [0.0] * 4)
    node = helper.make_node("LSTM", ["x", "W", "R"], ["y"], hidden_size=1)
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "xy")
    graph = helper.make_graph([node], "g", [x], [y], [weight, recurrent])
    return helper.make_model(graph).SerializeToString()


def onnx_loop() -> bytes:
    """Return a graph that makes a weight of 2^40 numbers from a few bytes: a constant of that shape."""
    shape = helper.make_tensor("s", TensorProto.INT64, [3], [1, 4, HUGE // 4])
    nodes = [helper.make_node("ConstantOfShape", ["s"], ["W"]), helper.make_node("LSTM", ["x", "W", "W"], ["y"])]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "xy")
    return helper.make_model(helper.make_graph(nodes, "g", [x], [y], [shape])).SerializeToString()


def doubling_pickle() -> bytes:
    """Return a pickle of lists in lists: 2^60 items when it is walked through."""
    nested: list[object] = [0, 0]
    for _ in range(60):
        nested = [nested, nested]
    return zipped({"m/data.pkl": pickle.dumps({"lstm.weight_ih_l0": nested}, 2)})


def storage(count: int) -> bytes:
    """Return a checkpoint whose one tensor declares `count` numbers."""

    class Tensor:
        def __reduce__(self) -> tuple[object, ...]:
            return _rebuild, (("storage", "FloatStorage", "0", "cpu", count), 0, (count,), (1,))

    text = pickle.dumps({"weight_ih_l0": Tensor()}, 2).replace(__name__.encode(), b"torch._utils")
    return zipped({"m/data.pkl": text, "m/data/0": bytes(64)})


def _rebuild(*_: object) -> None:
    """Stand in the pickle for torch's function."""


ENTITIES = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))


def edited(good: bytes, old: str, new: str) -> bytes:
    """Return the text `good` with the first `old` of it as `new`."""
    assert old.encode() in good, old
    return good.replace(old.encode(), new.encode(), 1)


def _deep(text: str, depth: int = LONG // 2) -> bytes:
    return (text[0] * depth + text[1] * depth).encode()


def _raw(points: int) -> bytes:
    head = f"Title: x\nFlags: real\nNo. Variables: 2\nNo. Points: {points}\nVariables:\n"
    return f"{head}\t0\ttime\ttime\n\t1\tv(a)\tvoltage\n".encode() + b"Binary:\n" + bytes(64)


BOMBS: Mapping[str, Callable[[bytes], Iterator[bytes]]] = {
    "safetensors": lambda good: iter(
        [tensors({"a": {"dtype": "F64", "shape": [1] * (LONG // 3), "data_offsets": [0, 64]}})]
    ),
    "pt": lambda good: iter(
        [replaced(good, lambda name, data: bytes(2**28) if name.endswith("/0") else data), doubling_pickle()]
    ),
    "npz": lambda good: iter([replaced(good, lambda name, data: bytes(2**28))]),
    "onnx": lambda good: iter([onnx_loop()]),
    "keras": lambda good: iter(
        [
            replaced(good, lambda name, data: _deep("[]") if name == "config.json" else data),
            replaced(good, lambda name, data: hdf5((2**13, 2**13), good=True) if name.endswith("h5") else data),
        ]
    ),
    "h5": lambda good: iter([hdf5((2**13, 2**13), good=True)]),
    "config": lambda good: iter([_deep("[]"), b'{"a":' * LONG]),
    "msgpack": lambda good: iter([b"\x81\xa1a" + b"\x91" * LONG, b"\x81\xa1a" * (LONG // 3)]),
    "machine": lambda good: iter(
        [
            replaced(good, lambda name, data: bytes(2**28) if name == "array0.npy" else data),
            zipped({"tree.npy": npy((LONG,), _deep("[]")).replace(b"<f8", b"|u1")}),
        ]
    ),
    "deck": lambda good: iter(
        [
            edited(good, "\n* ---- devices", "\n.param q=" + "(" * 100_000 + "1" + ")" * 100_000 + "\n* ---- devices"),
            edited(good, "\n* ---- devices", "\n.param q=1" + "\n+ *2" * (LONG // 5) + "\n* ---- devices"),
            edited(good, "\n* ---- devices", "\n.param q={" * (LONG // 11) + "\n* ---- devices"),
            edited(good, "\n* ---- devices", "\n.param q=" + "{'" * (LONG // 2) + "\n* ---- devices"),
            edited(good, "\n* ---- devices", "\n.param q=9" + "**9" * 40 + "\n* ---- devices"),
            edited(good, ".end\n", "\n" * LONG),
        ]
    ),
    "certificate": lambda good: iter([_deep("[]"), b'{"certificate":' + b"9" * LONG + b',"digest":"a"}']),
    "json": lambda good: iter([_deep("[]"), b'{"graph":{"network":' + b"1" * LONG + b"}}"]),
    "graphml": lambda good: iter(
        [
            f"<!DOCTYPE g [<!ENTITY e0 'lol'>{ENTITIES}]><graphml>&e11;</graphml>".encode(),
            b"<a>" * (LONG // 3),
            b"\xff\xfe" + "<!DOCTYPE g [<!ENTITY a 'b'>]><graphml>&a;</graphml>".encode("utf-16-le"),
        ]
    ),
    "csv": lambda good: iter([b"," * LONG, b"1e9999\n" * (LONG // 7), b'"' + b"1," * LONG, b"\n" * LONG]),
    "npy": lambda good: iter([b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65535]),
    "raw": lambda good: iter(
        [b"Title: x\n" * (LONG // 9), b"No. Points: " + b"9" * LONG + b"\nFlags: real\nBinary:\n"]
    ),
}
"""What unpacks, unfolds or nests to far more than its size, by kind of file; made from a good one."""

FORGED: Mapping[str, Callable[[bytes], Iterator[bytes]]] = {
    "safetensors": lambda good: iter(
        [
            struct.pack("<Q", HUGE) + good[8:],
            tensors({"weight_ih_l0": {"dtype": "F64", "shape": [2**20, 2**20], "data_offsets": [0, 64]}}),
        ]
    ),
    "pt": lambda good: iter([lying(good), storage(HUGE)]),
    "npz": lambda good: iter([lying(good), replaced(good, lambda name, data: npy((2**20, 2**20)))]),
    "onnx": lambda good: iter([onnx([1, 4, HUGE]), onnx([1, 4, -1])]),
    "keras": lambda good: iter(
        [replaced(good, lambda name, data: hdf5((2**20, 2**20), good=False) if name.endswith("h5") else data)]
    ),
    "h5": lambda good: iter([hdf5((2**20, 2**20), good=False)]),
    "config": lambda good: iter([edited(good, '"units": ', '"units": 99999999999')]),
    "msgpack": lambda good: iter(
        [b"\xdf\xff\xff\xff\xff", b"\x81\xa1a\xc6\xff\xff\xff\xff", b"\x81\xa1a\xdd\xff\xff\xff\xff"]
    ),
    "machine": lambda good: iter(
        [lying(good), replaced(good, lambda name, data: npy((2**20, 2**20)) if name == "array0.npy" else data)]
    ),
    "deck": lambda good: iter(
        [
            edited(good, "*| group x 2", "*| group x 999999999"),
            edited(good, "*| group x 2", f"*| group x {'9' * 5000}"),
            edited(good, "*| order 0 1", "*| order 0 " + "1 " * 400_000),
            edited(good, "Transconductors l0_rows 8", "Transconductors l0_rows 99999999999"),
        ]
    ),
    "certificate": lambda good: iter([edited(good, '"digest": "', '"digest": "0')]),
    "json": lambda good: iter(
        [edited(good, '"size": 2', '"size": 99999999999'), edited(good, '"nodes": [', '"nodes": [' + "{}," * LONG)]
    ),
    "graphml": lambda good: iter([edited(good, '"size": 2', '"size": 99999999999')]),
    "csv": lambda good: iter([b"1,2\n1\n", b"1,2\n" * 3 + b"1,2,3\n"]),
    "npy": lambda good: iter([npy((2**20, 2**20)), npy((0, HUGE)), npy((-1, 8))]),
    "raw": lambda good: iter([_raw(HUGE), _raw(-1), _raw(10**30)]),
}
"""What declares sizes that are not there, by kind of file."""


def good_files(folder: Path, stored: Path) -> None:
    """Copy model files of all frameworks, stored beside the tests, into `folder` as `good.<kind>`."""
    golden, others = stored / "golden" / "frameworks", stored / "others"
    for kind, source in {
        "safetensors": golden / "projection.safetensors",
        "pt": golden / "lstm_f32.pt",
        "npz": golden / "no_bias.npz",
        "onnx": golden / "plain.onnx",
        "keras": golden / "lstm_f32.keras",
        "whole.keras": others / "keras_text.keras",
        "h5": golden / "gru_before.h5",
        "weights.h5": others / "keras_text.weights.h5",
        "config": others / "keras_text.json",
        "msgpack": golden / "flax_lstm.msgpack",
    }.items():
        (folder / f"good.{kind}").write_bytes(source.read_bytes())
