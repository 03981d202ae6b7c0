"""Hostile files: nothing is executed, nothing is written, nothing else is opened, and each is refused by name."""

import json
import os
import pickle
import re
import stat
import struct
import subprocess
import sys
import time
import zipfile
from io import BytesIO
from pathlib import Path

import h5py
import msgpack
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import lstm_analog as la
from lstm_analog.errors import FileAccessError, FileFormatError, LibraryMissingError, LstmAnalogError, UnsupportedError
from lstm_analog.model import LINEAR, STEEP_HARD_SIGMOID, load

FOLDER = Path(__file__).parent / "golden" / "frameworks"
MAGIC = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2)
MAGIC += pickle.dumps({"little_endian": True, "protocol_version": 1001}, 2)


@pytest.fixture
def refused(tmp_path):
    """Return a function that writes a file, loads it and returns the refusal; nothing else may be made."""

    def check(content, name="model.bin", **options):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        before = sorted(tmp_path.rglob("*"))
        begun = time.monotonic()
        with pytest.raises(LstmAnalogError) as refusal:
            load(path, **options)
        assert time.monotonic() - begun < 20
        assert sorted(tmp_path.rglob("*")) == before
        assert str(path) in str(refusal.value)
        return str(refusal.value).removeprefix(f"file '{path}': ")

    return check


def zipped(members, compression=zipfile.ZIP_STORED):
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def torch_zip(pickled, **storages):
    return zipped({"m/data.pkl": pickled, **{f"m/data/{key}": data for key, data in storages.items()}})


# Pickles.


class Calls:
    """A value whose pickle calls a function with arguments."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
@pytest.mark.parametrize("wrap", [torch_zip, lambda data: MAGIC + data])
@pytest.mark.parametrize(
    ("function", "argument", "named"),
    [(os.system, "touch {}", "system"), (eval, "open({!r}, 'w')", "eval"), (exec, "open({!r}, 'w')", "exec")],
)
def test_a_pickle_that_calls_is_refused_and_not_run(tmp_path, refused, wrap, protocol, function, argument, named):
    marker = tmp_path / "marker"
    text = refused(wrap(pickle.dumps({"lstm": Calls(function, argument.format(str(marker)))}, protocol)))
    assert not marker.exists()
    assert "pickle at byte" in text
    assert named in text or "instruction" in text or "end with" in text
    assert "nothing was executed; save the weights alone: torch.save(module.state_dict(), path)" in text


def tensors(entries, data=bytes(64)):
    """Return a safetensors file whose header says `entries` of the numbers in `data`."""
    header = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return struct.pack("<Q", len(header)) + header + data


OLD = "InvalidHeaderDeserialization"
"""What safetensors said before 0.6 of any header that it could not take."""


def entry(shape, begin=0, end=32):
    return {"dtype": "F64", "shape": shape, "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (tensors({"weight_ih_l0": entry([4, 1]), "weight_hh_l0": entry([4, 1])}), "invalid offset|InvalidOffset"),
        (tensors({"weight_ih_l0": entry([-4, -1])}), f"invalid value: integer `-4`|{OLD}"),
        (tensors({"weight_ih_l0": entry([4, True])}), f"invalid type: boolean `true`|{OLD}"),
        (tensors({"weight_ih_l0": entry([1 << 32, 1 << 32], 0, 0)}, b""), "overflow|Overflow"),
        (tensors({"weight_ih_l0": entry([4, 1])}, bytes(96)), "metadata|Metadata"),
        (tensors(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"), f"recursion limit exceeded|{OLD}"),
        (tensors(b'{"a":{"dtype":"F64","shape":[4,1],"data_offsets":[0,1e999]}}'), f"number out of range|{OLD}"),
        (tensors({"weight_ih_l0": entry([1 << 40, 1 << 40], 0, 8)}, bytes(8)), ""),
        (tensors({"weight_ih_l0": entry([4, 1], 0, 1 << 62)}, bytes(32)), ""),
        (tensors({"a": entry([4]), "__metadata__": 3}, bytes(32)), ""),
        (tensors({"__metadata__": {"name": 3}}, b""), ""),
        (tensors([], b""), ""),
        (struct.pack("<Q", 10**5) + b"[" * 10**5, ""),
        (struct.pack("<Q", 1 << 62) + b"{}", "content must be"),
        (struct.pack("<Q", 2**64 - 1), ""),
        (struct.pack("<Q", 10**8) + b"{}", ""),
        (bytes(7), ""),
        (bytes(8), ""),
        (b"not a safetensors file at all", ""),
        (tensors({"weight_ih_l0": entry([4, 1]), "weight_hh_l0": entry([4, 1], 32, 64)}, b"\xff" * 64), "be finite"),
    ],
)
def test_safetensors_tricks(refused, content, message):
    said = refused(content, "model.safetensors")
    assert re.match(r"(content|tensor '.*') must .*, got .*: ", said)
    assert re.search(message, said)


@pytest.mark.parametrize("shape", [[2**40, 0], [0], [], [1] * 100])
def test_safetensors_of_strange_shapes(refused, shape):
    size = 8 * int(np.prod(shape))
    said = refused(tensors({"weight_ih_l0": entry(shape, 0, size)}, bytes(size)))
    assert re.search(r"layer 0 must have both|at most 8 axes", said)


def keras(change, **more):
    """Return a copy of a good model whose configuration went through `change`, with `more` members."""
    with zipfile.ZipFile(FOLDER / "gru_after.keras") as golden:
        members = {name: golden.read(name) for name in golden.namelist()}
    config = json.loads(members["config.json"])
    change(config["config"]["layers"])
    return zipped(members | {"config.json": json.dumps(config).encode()} | more, zipfile.ZIP_DEFLATED)


LAMBDA = {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "f", "function": "4wAAAA=="}}


def functional(answers):
    """Return a good model as a functional one that answers with these outputs of its layers."""
    with zipfile.ZipFile(FOLDER / "lstm_f32.keras") as golden:
        members = {name: golden.read(name) for name in golden.namelist()}
    first, lstm = json.loads(members["config.json"])["config"]["layers"]
    layers = [first | {"inbound_nodes": []}, lstm | {"inbound_nodes": [[[first["config"]["name"], 0, 0, {}]]]}]
    config = {"class_name": "Functional", "config": {"layers": layers, "output_layers": answers}}
    return zipped(members | {"config.json": json.dumps(config).encode()})


@pytest.mark.parametrize("answers", [[["lstm", 0, 0]], ["lstm", 0, 0], [["lstm", 0, 0], ["lstm", 0, 2]], []])
def test_keras_models_that_answer_with_h(tmp_path, answers):
    (tmp_path / "m.keras").write_bytes(functional(answers))
    assert load(tmp_path / "m.keras").digest == load(FOLDER / "lstm_f32.keras").digest


@pytest.mark.parametrize(("answers", "fine"), [(["lstm", "c"], True), (["c"], True), (["b", "c"], False)])
def test_keras_models_of_several_answers_are_refused(tmp_path, answers, fine):
    """Of an LSTM, a tanh `b` and a relu `c` one after the other; h beside the answer is the LSTM's own."""
    with zipfile.ZipFile(FOLDER / "lstm_f32.keras") as golden:
        members = {name: golden.read(name) for name in golden.namelist()}
    layers = json.loads(members["config.json"])["config"]["layers"]
    kinds = {"b": "tanh", "c": "relu"}
    layers += [
        {"class_name": "Activation", "config": {"name": name, "activation": kind}} for name, kind in kinds.items()
    ]
    names = [layer["config"]["name"] for layer in layers]
    for layer, below in zip(layers, [None, *names], strict=False):
        layer["inbound_nodes"] = [[[below, 0, 0, {}]]] if below else []
    config = {"layers": layers, "output_layers": [[name, 0, 0] for name in answers]}
    members["config.json"] = json.dumps({"class_name": "Functional", "config": config}).encode()
    (tmp_path / "m.keras").write_bytes(zipped(members))
    if fine:
        assert len(la.load_model(tmp_path / "m.keras").after) == 2
    else:
        with pytest.raises(UnsupportedError, match="the model's answers must be one, got 'b', 'c': save a model with"):
            la.load_model(tmp_path / "m.keras")


@pytest.mark.parametrize(
    "nodes",
    [
        [[["input_layer", 0, 0, {"training": True}]]],
        [{"args": [{"config": {"keras_history": ["input_layer", 0, 0]}}], "kwargs": {"training": True}}],
        [{"args": [{"config": {"keras_history": ["input_layer", 0, 0]}}, None, None, True], "kwargs": {}}],
    ],
)
def test_a_keras_layer_that_is_called_as_in_training_is_refused(refused, nodes):
    """A batch normalisation so called takes mean and variance of the batch."""
    with zipfile.ZipFile(FOLDER / "lstm_f32.keras") as golden:
        members = {name: golden.read(name) for name in golden.namelist()}
    first, lstm = json.loads(members["config.json"])["config"]["layers"]
    layers = [first | {"inbound_nodes": []}, lstm | {"inbound_nodes": nodes}]
    config = {"class_name": "Functional", "config": {"layers": layers}}
    message = refused(zipped(members | {"config.json": json.dumps(config).encode()}))
    assert "layer 'lstm' must compute as after training, got a call with training=True" in message


@pytest.mark.parametrize(
    ("answers", "got"), [([["lstm", 0, 2]], "output 2 of 'lstm'"), ({"a": ["x", 0, 0]}, "0 of 'x'")]
)
def test_keras_models_that_answer_with_something_else_are_refused(refused, answers, got):
    message = refused(functional(answers))
    assert message.startswith("the model's answer must be what 'lstm' puts out, got ")
    assert got in message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (keras(lambda layers: layers.append(LAMBDA)), "layer 'f' ('Lambda') must be one of LSTM"),
        (
            keras(lambda layers: layers[1].update(module="os", class_name="system")),
            "CuDNNGRU, got layer 'gru' ('system')",
        ),
        (
            keras(lambda layers: layers[1]["config"].update(units=10**9)),
            "must have 1000000000 units, as it says, got arr",
        ),
        (
            keras(lambda layers: layers[1]["config"].update(units=None)),
            "must have None units, as it says, got arrays of 3",
        ),
        (keras(lambda layers: layers[2]["config"]["layer"]["config"].update(units=7)), "must have 7 units, as it says"),
        (keras(lambda layers: layers.append(layers[1])), "layers must have names of their own, got one twice"),
        (keras(lambda layers: layers[1]["config"].update(time_major=True)), "known here, got 'time_major'"),
        (keras(lambda layers: layers.reverse()), "('TimeDistributed') must be one of LSTM, "),
        (keras(list, **{"config.json": b" " * (1 << 25)}), "a zip bomb"),
        (
            keras(list, **{"config.json": b" " * (7 << 20)}),
            "configuration must have at most 6291456 bytes, got 7340032",
        ),
        (keras(list, **{"config.json": b"{" * 100_000}), "be JSON"),
        (keras(list, **{"model.weights.h5": b"\x89HDF\r\n\x1a\n" + bytes(99)}), "HDF5"),
    ],
)
def test_keras_tricks(refused, content, message):
    assert message in refused(content)


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02.",
        b"\x80\x02",
        b"\x80\x02(.",
        b"\x80\x02(ccollections\nOrderedDict\nR.",
        b"\x80\x02ctorch\nload\n.",
        b"\x80\x02cbuiltins\neval\nq\x00X\x01\x00\x00\x001\x85R.",
        b"\x80\x02\x8c\x05posix\x8c\x06system\x93.",
        b"(S'echo'\nios\nsystem\n.",
        b"\x80\x02P1\n.",
        b"\x80\x02\x82\x01.",
        b"\x80\x02}K\x01K\x02\x81.",
        b"\x80\x02h\x07.",
        b"\x80\x02r\xff\xff\xff\xff.",
        b"\x80\x02]r\xff\xff\xff\xff.",
        b"\x80\x02]q\x00h\x00a" + b"h\x00h\x00a" * 1000 + b".",
        b"\x80\x02" + b"]q\x00" + b"h\x00\x86" * 1000 + b".",
        b"\x80\x02" + b"N" * 600_000 + b".",
        b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b".",
        b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b"x.",
        b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"x.",
        b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"x.",
        b"\x80\x02X" + struct.pack("<I", 2**32 - 1) + b"x.",
        b"\x80\x02}("
        + b"".join(b"\x8a\x10" + ((2**61 - 1) * n).to_bytes(16, "little") + b"N" for n in range(3))
        + b"u.",
        b"\x80\x02}]N}s.",
        b"\x80\x02L" + b"9" * 10_000 + b"L\n.",
    ],
)
def test_pickle_tricks(refused, content):
    for wrapped in (torch_zip(content), MAGIC + content):
        refused(wrapped)


def text(word):
    return b"X" + struct.pack("<I", len(word)) + word.encode()


def number(value):
    return pickle.dumps(value, 2)[2:-1]


def tensor(*, kind="FloatStorage", key="0", count=6, offset=0, shape=(2, 3), stride=(3, 1), marks=b""):
    """Return the instructions by which torch makes a tensor."""
    storage = (
        b"(" + text("storage") + b"ctorch\n" + kind.encode() + b"\n" + text(key) + text("cpu") + number(count) + b"tQ"
    )
    body = number(offset) + number(shape) + number(stride) + b"\x89ccollections\nOrderedDict\n)R" + marks
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + body + b"tR"


def state(name="weight_hh_l0", **options):
    return b"\x80\x02}(" + text(name) + tensor(**options) + b"u."


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 7}, r"storage of tensor 'weight_hh_l0' must have 28 bytes for 7 of float32, got 24 bytes"),
        ({"count": 2**61}, "must have .* bytes for .* of float32, got 24 bytes"),
        ({"count": -1}, "must refer to storages of tensors, got another note"),
        ({"kind": "DoubleStorage"}, "must have 48 bytes for 6 of float64, got 24 bytes"),
        ({"kind": "UntypedStorage"}, "must be float16, .* got UntypedStorage"),
        ({"offset": 1}, "must lie inside its storage of 6, got 6 elements, 1 to 6"),
        ({"offset": -1}, "must lie inside its storage of 6, got 6 elements, -1 to 4"),
        ({"offset": 2**70}, "must lie inside its storage"),
        ({"offset": 0.5}, "must have whole sizes and strides"),
        ({"shape": (2, 3), "stride": (1, 1)}, "strides of tensor 'weight_hh_l0' must not overlap"),
        ({"shape": (2, 3), "stride": (0, 1)}, "must not overlap"),
        ({"shape": (2**40, 3), "stride": (0, 1)}, "must not overlap"),
        ({"shape": (2, 3), "stride": (-3, 1), "offset": 3}, "must not overlap"),
        ({"shape": (2, 3), "stride": (3, 2**80)}, "must lie inside its storage"),
        ({"shape": (2**29, 2**29), "stride": (2**29, 1)}, "must lie inside its storage"),
        ({"shape": (2**31, 2**31), "stride": (2**31, 1)}, "must have at most 8 axes of whole sizes"),
        ({"shape": (2**62, 4)}, "must have at most 8 axes of whole sizes"),
        ({"shape": (1,) * 100, "stride": (1,) * 100}, "must have at most 8 axes"),
        ({"shape": (-2, 3)}, "must have at most 8 axes of whole sizes"),
        ({"shape": (0, 3)}, "must have both weight_ih and weight_hh"),
        ({"shape": (0, 2**61)}, "must have at most 8 axes of whole sizes"),
        ({"shape": (2, 3, 1)}, "must have whole sizes and strides"),
        ({"shape": 5}, "must have whole sizes and strides"),
        ({"key": "../../etc/passwd"}, "archive must have a member 'm/data/../../etc/passwd', got none"),
        ({"key": "1"}, "archive must have a member 'm/data/1', got none"),
        ({"marks": b"}" + text("neg") + b"\x88s"}, r"must be float16, .* got a tensor with marks \['neg'\]"),
    ],
)
def test_tensors_that_are_not_where_they_say(refused, options, message):
    assert re.search(message, refused(torch_zip(state(**options), **{"0": bytes(24)})))


def nested_tuples(levels):
    """Return the instructions that make a tuple of the tuple below twice, and so on: 2**levels empty ones."""
    return b")" + b"".join(
        b"q" + bytes([level]) + b"h" + bytes([level]) + b"\x86" for level in range(100, 100 + levels)
    )


@pytest.mark.parametrize("place", ["shape", "stride"])
def test_tuples_of_tuples_are_not_printed(refused, place):
    pickled = state(shape=(7, 3), stride=(7, 5)).replace(
        number((7, 3) if place == "shape" else (7, 5)), nested_tuples(60)
    )
    assert nested_tuples(60) in pickled
    assert "must have whole sizes and strides, got others" in refused(torch_zip(pickled, **{"0": bytes(24)}))


@pytest.mark.parametrize("key", [b"K\x00", nested_tuples(60)], ids=["a number", "tuples of tuples"])
def test_keys_of_storages_are_texts(refused, key):
    content = MAGIC + b"\x80\x02" + state()[2:] + b"\x80\x02]" + key + b"a." + (6).to_bytes(8, "little") + bytes(24)
    assert "keys must list the storages, got another list" in refused(content)


def script(name, inner):
    """Return the instructions of a TorchScript module with one entry, `inner`."""
    return b"c__torch__\nM\n)\x81}(" + text(name) + inner + b"ub"


@pytest.mark.parametrize(
    ("name", "depth", "entries", "message"),
    [("x" * 1000, 1, 9, "must have names of at most 1000 letters"), ("x", 60, 5000, "of at most 200000 entries")],
)
def test_modules_of_a_script_share_no_names_without_end(refused, name, depth, entries, message):
    """A name before those of many entries takes as much memory again for each."""
    inner = b"c__torch__\nM\n)\x81}(" + b"".join(text(f"entry {n}") + b"N" for n in range(entries)) + b"ub"
    for _ in range(depth):
        inner = script(name, inner)
    assert message in refused(torch_zip(b"\x80\x02" + inner + b"."))


def test_one_storage_described_in_two_ways(refused):
    pickled = b"\x80\x02}(" + text("a") + tensor() + text("b") + tensor(count=5, shape=(5,), stride=(1,)) + b"u."
    assert "must describe a storage in one way" in refused(torch_zip(pickled, **{"0": bytes(24)}))


def test_dictionaries_within_dictionaries_are_not_unfolded(refused):
    """Each level holds the one below ten times: unfolded, 10**40 entries."""
    doubled = b"\x80\x02}q\x00"
    for level in range(40):
        doubled += (
            b"}(" + b"".join(text(str(n)) + b"h" + bytes([level]) for n in range(10)) + b"uq" + bytes([level + 1])
        )
    assert "must hold a recurrent module's state dict" in refused(torch_zip(doubled + b"."))


# Zip archives.


def with_flag(content, flag):
    start = content.index(b"PK\x01\x02")
    return content[: start + 8] + struct.pack("<H", flag) + content[start + 10 :]


def symlink():
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        info = zipfile.ZipInfo("m/data.pkl")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return stream.getvalue()


def doubled():
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("m/data.pkl", b"a")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("m/data.pkl", b"b")
    return stream.getvalue()


def far_away():
    """Return an archive whose directory puts its member beyond any file, in a zip64 field."""
    content = bytearray(zipped({"m/data.pkl": b"\x80\x02}."}))
    start, name = content.index(b"PK\x01\x02"), len("m/data.pkl")
    content[start + 30 : start + 32] = struct.pack("<H", 12)
    content[start + 42 : start + 46] = b"\xff" * 4
    at = start + 46 + name
    content[at:at] = struct.pack("<HHQ", 1, 8, 2**63 + 1)
    end = content.index(b"PK\x05\x06")
    content[end + 12 : end + 16] = struct.pack("<I", end - start)
    return bytes(content)


def lying(size):
    """Return an archive whose directory declares another size for its member."""
    content = bytearray(zipped({"m/data.pkl": b"\x80\x02}."}, zipfile.ZIP_DEFLATED))
    start = content.index(b"PK\x01\x02")
    content[start + 24 : start + 28] = struct.pack("<I", size)
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zipped({"m/data.pkl": b"", "../evil": b""}), "have no member that leads out of it, got '../evil'"),
        (zipped({"m/data.pkl": b"", "/etc/cron.d/x": b""}), "have no member that leads out of it, got '/etc/cron.d/x'"),
        (zipped({"m/data.pkl": b"", "C:\\x": b""}), "have no member that leads out of it"),
        (symlink(), "archive must have no links, got 'm/data.pkl'"),
        (doubled(), "archive must name each member once, got a name twice"),
        (with_flag(zipped({"m/data.pkl": b""}), 1), "archive must ask for no password"),
        (
            zipped({"m/data.pkl": b"x" * 999}, zipfile.ZIP_BZIP2),
            "archive must be stored or deflated, got compression 12",
        ),
        (
            zipped({"m/data.pkl": b"x" * 999}, zipfile.ZIP_LZMA),
            "archive must be stored or deflated, got compression 14",
        ),
        (zipped({"m/data.pkl": bytes(2**26)}, zipfile.ZIP_DEFLATED), "bytes, a zip bomb"),
        (zipped({str(n): b"" for n in range(20_001)}), "archive must have at most 20000 members, got 20001"),
        (lying(2**32 - 2), "bytes, a zip bomb"),
        (lying(2**20), "must be readable, got '4 bytes where 1048576 were declared'"),
        (far_away(), "archive member 'm/data.pkl' must be readable"),
        (zipped({"m/data.pkl": b"", "m/constants.pkl": b""}), "pickle at byte 0 must"),
        (zipped({"inner.zip": zipped({"m/data.pkl": b""})}), "got a zip with 'inner.zip'"),
        (zipped({}), "got a zip with nothing"),
        (b"PK\x05\x06" + bytes(3), "must be readable, got 'File is not a zip file'"),
    ],
)
def test_zip_tricks(refused, content, message):
    assert message in refused(content)


def test_a_machine_is_no_model(tmp_path):
    path = tmp_path / "machine.npz"
    la.compile(la.random_lstm(np.random.default_rng(0), inputs=1, hidden=1), la.electrical.BEHAVIOURAL).save(path)
    with pytest.raises(FileFormatError, match=r"got a Machine that this package saved: read it with load_machine"):
        load(path)
    assert la.load_machine(path).sizes == (1,)


def npy(header, data=b""):
    head = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + data


@pytest.mark.parametrize(
    "content",
    [
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 4)}"),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (100000000,)}", bytes(8)),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}", bytes(8)),
        npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", pickle.dumps([Calls(os.system, "touch x")])),
        npy("{'descr': '>f8', 'fortran_order': False, 'shape': (1,)}", bytes(8)),
        npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}", bytes(8)),
        npy("(" * 3000 + ")" * 3000),
        npy("__import__('os').system('touch x')"),
        npy("x" * 60_000),
        b"\x93NUMPY\x09\x00",
        b"",
    ],
)
def test_npz_tricks(refused, content):
    assert "'weight_ih_l0'" in refused(zipped({"weight_ih_l0.npy": content}))


# ONNX.


def onnx_model(folder, location, offset="0", length=None):
    """Return a copy of a good model whose weights W lie in a side file at `location`."""
    model = onnx.load(str(FOLDER / "plain.onnx"))
    (weights,) = (each for each in model.graph.initializer if each.name == "W")
    data = weights.raw_data
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    entries = {"location": location, "offset": offset} | ({} if length is None else {"length": length})
    for key, value in entries.items():
        weights.external_data.add(key=key, value=value)
    return model.SerializeToString(), data


@pytest.mark.parametrize(
    "location",
    ["../w.data", "/etc/passwd", "folder/w.data", "..", ".", "", "w\x00.data", "C:w.data", "a\\..\\b", "link.data"],
)
def test_onnx_side_files_lie_beside_the_model(tmp_path, refused, location):
    content, data = onnx_model(tmp_path, location)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "w.data").write_bytes(data)
    (tmp_path / "link.data").symlink_to(tmp_path / "folder" / "w.data")
    assert "side file must be a file beside the model, not reached by a link" in refused(content)


@pytest.mark.parametrize(
    ("offset", "length"),
    [("-8", None), ("8", None), ("0", "999999999999"), ("0", "8"), ("x", None), ("9" * 5000, None)],
)
def test_onnx_side_files_hold_what_is_said(tmp_path, refused, offset, length):
    content, data = onnx_model(tmp_path, "w.data", offset, length)
    (tmp_path / "w.data").write_bytes(data)
    assert "tensor 'W' must" in refused(content)


def test_a_good_onnx_side_file_is_read(tmp_path):
    content, data = onnx_model(tmp_path, "w.data")
    (tmp_path / "w.data").write_bytes(data)
    (tmp_path / "m.onnx").write_bytes(content)
    assert load(tmp_path / "m.onnx").digest == load(FOLDER / "plain.onnx").digest
    (tmp_path / "w.data").unlink()
    with pytest.raises(FileAccessError, match="No such file"):
        load(tmp_path / "m.onnx")


def one_node(operation="LSTM", weights=(), extra=(), shape=(5, 2, 2), outputs=("y",), **attributes):
    """Return a graph of a recurrent node (its weights drawn, or as given) and `extra` nodes."""
    rng = np.random.default_rng(1)
    gates = 4 if operation == "LSTM" else 3
    made = {"W": rng.normal(size=(1, gates * 3, 2)), "R": rng.normal(size=(1, gates * 3, 3))} | dict(weights)
    node = helper.make_node(operation, ["x", "W", "R"], ["y", "y_h"], name="node", **({"hidden_size": 3} | attributes))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    opened = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    stored = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in made.items()]
    return helper.make_model(helper.make_graph([node, *extra], "g", [x], opened, stored)).SerializeToString()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (one_node(clip=3.0), "node 'node' (LSTM) must have options known here, got 'clip': export it"),
        (one_node(activations=["Sigmoid", "Elu", "Tanh"]), "must have activations among sigmoid, tanh"),
        (one_node(direction="sideways"), "must run forward, reverse, bidirectional, got 'sideways'"),
        (one_node(direction="bidirectional"), "must have shape (2, 12, 2), got (1, 12, 2)"),
        (one_node(hidden_size=4), "hidden_size of node 'node' (LSTM) must be 3, as R says, got 4"),
        (
            one_node(weights={"W": np.ones((1, 12, 3))}),
            "input of node 'node' (LSTM) must have 3 features, as W says, got 2",
        ),
        (one_node(weights={"W": np.full((1, 12, 2), np.nan)}), "tensor 'W' must be finite, got NaN or infinity"),
        (one_node(weights={"W": np.ones((12, 2))}), "W of node 'node' (LSTM) must have an axis of directions"),
        (one_node(shape=(2**31, 2**31, 2)), "input 'x' must have 1 to 4194304 elements"),
        (one_node("Tanh"), "graph must have a recurrent node, got node 'node' (Tanh)"),
        (
            one_node(extra=[helper.make_node("Softmax", ["y"], ["z"], name="soft")], outputs=["z"]),
            "graph output 'z' must be h, a state or a linear read-out, got node 'soft' (Softmax): take a ",
        ),
        (
            one_node(extra=[helper.make_node("Transpose", ["y"], ["z"], perm=[0, 1, 3, 2])], outputs=["z"]),
            "graph output 'z' must be h, a state or a linear read-out as they are, got another arrangement of them",
        ),
        (
            one_node(extra=[helper.make_node("LSTM", ["z", "W", "R"], ["q"]), helper.make_node("Relu", ["y"], ["z"])]),
            "must read what is made before it, and make new values, got 'z'",
        ),
    ],
)
def test_onnx_graphs(refused, content, message):
    assert message in refused(content)


def test_onnx_layers_that_are_rearranged_on_the_way_are_refused(refused):
    nodes = [
        helper.make_node("Constant", [], ["one"], value_ints=[1]),
        helper.make_node("Squeeze", ["y", "one"], ["s"]),
        helper.make_node("Constant", [], ["last"], value_ints=[-1]),
        helper.make_node("Constant", [], ["first"], value_ints=[-(2**62)]),
        helper.make_node("Constant", [], ["zero"], value_ints=[0]),
        helper.make_node("Slice", ["s", "last", "first", "zero", "last"], ["back"]),
        helper.make_node("LSTM", ["back", "R", "R"], ["z"], name="second"),
    ]
    message = "node 'second' (LSTM) must read the graph's input as it is, or the outputs of the node before, got"
    assert message in refused(one_node(extra=nodes, outputs=["z"]))
    message = "graph output 'back' must be h, a state or a linear read-out as they are, got another arrangement of them"
    assert message in refused(one_node(extra=nodes[:-1], outputs=["back"]))


STATES = {
    "as it is": ([], "y_h", True),
    "of its direction": ([helper.make_node("Squeeze", ["y_h", "zero"], ["z"])], "z", True),
    "batch first": ([helper.make_node("Transpose", ["y_h"], ["z"], perm=[1, 0, 2])], "z", True),
    "units turned": ([helper.make_node("Gather", ["y_h", "order"], ["z"], axis=2)], "z", [2, 1, 0]),
    "one unit": ([helper.make_node("Gather", ["y_h", "zero"], ["z"], axis=2)], "z", [0]),
    "one sequence": ([helper.make_node("Gather", ["y_h", "zero"], ["z"], axis=1)], "z", False),
    "sequences turned": ([helper.make_node("Gather", ["y_h", "turned"], ["z"], axis=1)], "z", False),
    "all in a row": ([helper.make_node("Reshape", ["y_h", "row"], ["z"])], "z", False),
}


@pytest.mark.parametrize("case", STATES)
def test_onnx_states_are_handed_out_whole_or_refused(refused, tmp_path, case):
    nodes, output, whole = STATES[case]
    given = {"zero": [0], "order": [2, 1, 0], "turned": [1, 0], "row": [-1]}
    constants = [helper.make_node("Constant", [], [name], value_ints=value) for name, value in given.items()]
    content = one_node(extra=[*constants, *nodes], outputs=[output])
    if whole:
        (tmp_path / "m.onnx").write_bytes(content)
        lstm = load(tmp_path / "m.onnx")
        assert lstm.hidden_size == 3
        if whole is not True:  # a choice of units is a linear read-out
            outputs = lstm(np.ones((2, 4, lstm.input_size)))
            np.testing.assert_array_equal(outputs.y, outputs.state.h[0][:, whole])
    else:
        message = (
            f"graph output '{output}' must be h, a state or a linear read-out as they are, got another arrangement"
        )
        assert message in refused(content)


# HDF5.


def h5(write):
    stream = BytesIO()
    with h5py.File(stream, "w") as file:
        file.attrs["keras_version"], file.attrs["model_config"] = "3.0", '{"class_name": "Sequential"}'
        write(file)
    return stream.getvalue()


def virtual(file):
    layout = h5py.VirtualLayout(shape=(4,), dtype="f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "data", shape=(4,))
    file.create_virtual_dataset("v", layout)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda f: f.__setitem__("a", h5py.ExternalLink("/etc/passwd", "/")), "HDF5 "),
        (lambda f: f.__setitem__("a", h5py.SoftLink("/b")), "must hold hard links only"),
        (lambda f: f.create_dataset("a", (4,), "f4", external=[("/etc/passwd", 0, 16)]), "got numbers in another file"),
        (virtual, "HDF5 object "),
        (lambda f: f.create_dataset("a", data=np.zeros(99), compression="gzip"), "got filters (compression)"),
        (
            lambda f: f.create_dataset("a", (2**40,), "f8", chunks=(2**10,)),
            "must lie in the file in one piece, got chunks",
        ),
        (lambda f: f.create_dataset("a", (2**40,), "f8"), "HDF5 "),
        (lambda f: f.create_dataset("a", data=["text"]), "must hold little-endian numbers, got text"),
        (
            lambda f: f.create_dataset("a", data=np.zeros(3, ">f4")),
            "must hold little-endian numbers, got big-endian float of 4",
        ),
        (
            lambda f: f.__setitem__("loop", f["/"]),
            "must reach each of at most 20000 objects once, got the one at byte 96",
        ),
        (lambda f: f.require_group("/".join(["g"] * 40)), "must be at most 32 deep"),
        (lambda f: f.require_group("g" * 1001), "must have names of at most 1000 letters, got a longer one"),
        (lambda f: f.require_group("g" * 600 + "/" + "h" * 600), "must have paths of at most 1000 letters, got longer"),
    ],
)
def test_hdf5_tricks(refused, write, message):
    assert message in refused(h5(write))


def test_hdf5_of_another_make_is_refused(refused):
    stream = BytesIO()
    with h5py.File(stream, "w", libver="latest") as file:
        file["a"] = np.zeros(3)
    assert "HDF5 superblock must be version 0, sizes 8, got version" in refused(stream.getvalue())


# The rest.


@pytest.mark.parametrize(
    "content",
    [
        b"\x81" * 100_000,
        b"\x81\xa1a" * 50 + b"\x80",
        b"\xdf\xff\xff\xff\xff",
        b"\x81\xa1a\xc9\xff\xff\xff\xff\x01",
        b"\x81\xa1a\xdd\xff\xff\xff\xff",
        msgpack.packb({"a": msgpack.ExtType(2, b"x")}),
        msgpack.packb({"a": msgpack.ExtType(1, msgpack.packb([[2**40, 2**40], "float32", b"1234"]))}),
        msgpack.packb({"a": msgpack.ExtType(1, msgpack.packb([[1], "object", b"1234"]))}),
        msgpack.packb({"a": msgpack.ExtType(1, b"\x93")}),
        msgpack.packb({"a": "text"}),
    ],
)
def test_msgpack_tricks(refused, content):
    refused(content)


def test_things_that_are_no_files(tmp_path, refused):
    (tmp_path / "folder").mkdir()
    assert "must be readable, got Is a directory: check the path" in refused(None, "folder")
    os.mkfifo(tmp_path / "pipe")
    assert "must be a file, got a device or pipe" in refused(None, "pipe")
    with (tmp_path / "huge").open("wb") as stream:
        stream.truncate(2**31 + 1)
    assert "must have at most 2147483648 bytes, got 2147483649 bytes" in refused(None, "huge")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "got an empty file"),
        (b"\x93NUMPY\x01\x00", "got one bare array (npy)"),
        (b"\x1f\x8b\x08", "got a compressed file"),
        (bytes(257) + b"ustar" + bytes(300), "got a tar archive: PyTorch before 0.2"),
        (b"hello", "got a file that begins with b'hello'"),
    ],
)
def test_unknown_content_is_named(refused, content, message):
    assert message in refused(content)


@pytest.mark.parametrize("library", ["onnx", "msgpack"])
def test_a_missing_library_is_named(monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    file, extra = {"onnx": ("plain.onnx", "onnx"), "msgpack": ("flax_lstm.msgpack", "flax")}[library]
    with pytest.raises(LibraryMissingError, match=rf"got no {library}.*: pip install 'lstm_analog\[{extra}\]'"):
        load(FOLDER / file)


AUDIT = """
import sys, pathlib
import numpy, onnx, msgpack, h5py
import lstm_analog.model.formats.keras_file, lstm_analog.model.formats.onnx_file, lstm_analog.model.formats.torch_file
import lstm_analog.model.formats.loading, lstm_analog.model.formats.flax
from lstm_analog.model import load
from lstm_analog.errors import LstmAnalogError
bad = ("os.system", "subprocess.Popen", "pickle.find_class", "exec", "os.exec", "os.remove", "os.rename")
def watch(event, arguments):
    written = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if event == "exec" and arguments[0].co_filename != "<string>" and not arguments[0].co_filename.startswith("<"):
        return  # an import of a module that is loaded when first needed
    if event in bad or written:
        sys.stderr.write(f"{event} {getattr(arguments[0], 'co_filename', arguments)}"[:300])
        sys.exit(3)
folder = sorted(pathlib.Path(sys.argv[1]).iterdir())
sys.addaudithook(watch)
for path in folder:
    try:
        load(path)
    except LstmAnalogError:
        pass
"""


def test_no_file_makes_python_execute_or_write(tmp_path):
    calls = pickle.dumps({"lstm": Calls(os.system, f"touch {tmp_path}/marker")}, 2)
    (tmp_path / "a").write_bytes(torch_zip(calls))
    (tmp_path / "b").write_bytes(MAGIC + calls)
    (tmp_path / "c").write_bytes(
        zipped({"a.npy": npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", calls)})
    )
    for number, path in enumerate(sorted(FOLDER.iterdir())):
        (tmp_path / f"good{number}").write_bytes(path.read_bytes())
    command = [sys.executable, "-c", AUDIT, str(tmp_path)]
    root = Path(__file__).parents[2]
    result = subprocess.run(command, cwd=root, check=False, capture_output=True, text=True, timeout=120)
    assert (result.returncode, result.stderr) == (0, "")
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize(
    "file",
    [
        *("lstm_f32.pt", "stacked.keras", "stacked_legacy.onnx", "gru_before.h5", "flax_gru.msgpack"),
        "projection.safetensors",
    ],
)
def test_no_truncation_is_loaded(tmp_path, file):
    content = (FOLDER / file).read_bytes()
    rng = np.random.default_rng(3)
    for end in rng.integers(len(content) - 200, size=60):
        (tmp_path / "m").write_bytes(content[:end])
        with pytest.raises((FileFormatError, UnsupportedError)):
            load(tmp_path / "m")


def test_views_of_one_storage_are_read_where_they_lie(tmp_path):
    """Weights flattened into one storage, one of them transposed."""
    values = np.arange(12 * 2 + 12 * 3, dtype="f4") / 64
    parts = text("weight_ih_l0") + tensor(count=60, offset=36, shape=(12, 2), stride=(1, 12))
    parts += text("weight_hh_l0") + tensor(count=60, shape=(12, 3), stride=(3, 1))
    path = tmp_path / "m.pt"
    path.write_bytes(torch_zip(b"\x80\x02}(" + parts + b"u.", **{"0": values.tobytes()}))
    cell = load(path).layers[0].forward
    np.testing.assert_array_equal(cell.recurrent.reshape(12, 3), values[:36].reshape(12, 3))
    np.testing.assert_array_equal(cell.input.reshape(12, 2), values[36:].reshape(2, 12).T)


def test_the_hard_sigmoid_of_onnx_is_the_steep_one_unless_told(tmp_path):
    (tmp_path / "m.onnx").write_bytes(one_node(activations=["HardSigmoid", "Affine", "Tanh"]))
    cell = load(tmp_path / "m.onnx").layers[0].forward
    assert (cell.gate, cell.candidate) == (STEEP_HARD_SIGMOID, LINEAR)
