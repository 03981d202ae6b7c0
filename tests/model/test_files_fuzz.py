"""The short version of the fuzz (`make fuzz` is the long one), and hypothesis on names, shapes and kinds of number."""

import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import msgpack
import numpy as np
import today
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save as serialize

from lstm_analog.errors import LstmAnalogError
from lstm_analog.model import load

ROOT = Path(__file__).parents[2]
HARNESS = Path(__file__).with_name("fuzzing.py")


def test_mutated_files_are_loaded_or_refused_within_a_memory_bound():
    """Mutations of the day."""
    command = [sys.executable, str(HARNESS), "500", str(today.SEED)]
    environment = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PATH": ""}
    result = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "loaded" in result.stdout
    assert "refused" in result.stdout


PARTS = st.sampled_from(["weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr", "weight", "bias"])
NAMES = st.builds(
    lambda module, part, layer, way: f"{module}{part}{layer}{way}",
    st.sampled_from(["", "lstm.", "a.b.", "head.", "0.", "fc."]),
    PARTS,
    st.sampled_from(["", "_l0", "_l1", "_l00", "_l7"]),
    st.sampled_from(["", "_reverse"]),
)
SHAPES = st.one_of(
    st.sampled_from([(12, 3), (12, 2), (12,), (9, 3), (9,), (8, 2), (2, 3), (1, 3)]),
    st.lists(st.integers(0, 5), max_size=4).map(tuple),
)
KINDS = st.sampled_from(["f2", "f4", "f8", "i4", "i8", "u1", "?"])


@settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(entries=st.dictionaries(NAMES, st.tuples(SHAPES, KINDS), max_size=8), as_npz=st.booleans())
def test_any_names_shapes_and_kinds_are_loaded_or_refused(tmp_path, entries, as_npz):
    arrays = {name: np.ones(shape, kind) for name, (shape, kind) in entries.items()}
    path = tmp_path / "m"
    if as_npz:
        np.savez(path.with_suffix(".npz"), **arrays)
        path = path.with_suffix(".npz")
    else:
        path.write_bytes(serialize(arrays))
    said = f"file '{path}'"
    try:
        assert load(path).layers
    except LstmAnalogError as error:
        said = str(error)
    assert said.startswith(f"file '{path}'")


BOMBS = {
    "nodes": lambda n: b"\x08\x08\x3a" + _varint(2 * n) + b"\x0a\x00" * n,
    "lists": lambda n: _zip({"m/data.pkl": b"\x80\x02(" + b"]" * min(n, 4_000_000) + b"t."}),
    "members": lambda n: _zip({str(k): b"" for k in range(n // 100)}),
    "maps": lambda n: b"\xdf" + (n // 2).to_bytes(4, "big") + b"\xa0\x80" * (n // 2),
    "names": lambda n: _tree("x" * (n // 2), [str(k) for k in range(n // 40)]),
    "features": lambda n: _graph(["time", "batch", 30_000], 2),
    "steps": lambda n: _graph([2000, 2000, 1], 1),
    "arrays": lambda n: b"\x81\xa1a\xdd" + n.to_bytes(4, "big") + b"\x90" * n,
}


def _tree(path, names):
    """Return a flax file of as many arrays as `names`, below one `path`."""
    array = msgpack.ExtType(1, msgpack.packb([[1], "float32", bytes(4)]))
    return msgpack.packb({path: dict.fromkeys(names, array)})


def _graph(axes, features):
    """Return an ONNX graph of a few bytes whose LSTM reads the first `features` of an input of these `axes`."""
    weights = {"W": np.ones((1, 8, features), "f4"), "R": np.ones((1, 8, 2), "f4"), "end": np.array([features])}
    weights |= {"start": np.array([0]), "axis": np.array([2])}
    nodes = [helper.make_node("Slice", ["x", "start", "end", "axis"], ["v"])]
    nodes += [helper.make_node("LSTM", ["v", "W", "R"], ["y", "h"], hidden_size=2)]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, axes if name == "x" else None) for name in "xh"]
    stored = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    return helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:], stored)).SerializeToString()


def _varint(number):
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def _zip(members):
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


MEASURE = """
import os, resource, sys
import numpy, onnx, msgpack
from lstm_analog.model import load
from lstm_analog.errors import LstmAnalogError
for path in sys.argv[1:]:
    if os.fork():
        sys.exit(1) if os.wait()[1] else None
        continue
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        load(path)
    except LstmAnalogError:
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
    break
"""
"""Each file in a process of its own, with a peak of its own; imported is once."""


def test_memory_is_bounded(tmp_path):
    """256 MiB + 64 n, as `formats.content` says, for files of n = 4 MB made to swell."""
    paths = [tmp_path / bomb for bomb in BOMBS]
    for path in paths:
        path.write_bytes(BOMBS[path.name](2_000_000))
    command = [sys.executable, "-c", MEASURE, *map(str, paths)]
    result = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=120)
    for path, used in zip(paths, result.stdout.split(), strict=True):
        assert int(used) <= 256 * 2**20 + 64 * path.stat().st_size, path.name
