"""Mutated files: thousands of damaged copies of all that is read are loaded, or refused by name, in bounded memory.

`python tests/model/fuzzing.py 100000` (`make fuzz`) runs in this process and prints what it met. Nothing but an
`LstmAnalogError` may come out of `load`, no file may take longer than `LONGEST` seconds, and the memory of the whole
run may not exceed `MOST_MEMORY` bytes, which the operating system enforces.
"""

import copy
import json
import resource
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

import lstm_analog as la
from lstm_analog.errors import LstmAnalogError
from lstm_analog.model import load, load_model
from lstm_analog.tables import read_table, write_table

FOLDER = Path(__file__).parent / "golden" / "frameworks"
OTHERS = Path(__file__).parent / "others"
SEEDS = (
    *("lstm_f32.pt", "stacked_bidirectional.pt", "checkpoint.pt", "lstm_legacy.pth", "sequential.pt"),
    *("projection.safetensors", "bfloat.safetensors", "gru_no_bias.npz", "no_bias.npz"),
    *("stacked_legacy.onnx", "stacked_dynamo.onnx", "peephole.onnx", "gru_after.onnx", "state_legacy.onnx"),
    *("stacked.keras", "bidirectional.keras", "gru_before.h5", "backwards.h5", "alone.weights.h5"),
    *("flax_lstm.msgpack", "flax_gru.msgpack", "flax_mgu.msgpack", "flax_rnn.msgpack"),
    *("nnx_bidirectional.msgpack", "nnx_optimized.npz"),
    *(f"../../others/{path.name}" for path in sorted(OTHERS.glob("*")) if path.suffix in (".onnx", ".h5", ".keras")),
)
LONGEST = 10.0
"""Seconds that one file may take; those of a few kB take milliseconds."""

MOST_MEMORY = 2 * 2**30
"""Bytes of address space for the run: that of Python with its libraries, and 256 MiB + 64 n for files of n < 100 kB."""

HUGE = (0, 1, 0x7F, 0x80, 0xFF)
ODD = (b"\xff" * 8, b"\x00" * 8, (2**31).to_bytes(8, "little"), (2**63 - 1).to_bytes(8, "little"), b"9" * 12, b"-1")
"""What declared sizes are overwritten with."""

WORDS = (
    None,
    True,
    -1,
    0,
    2,
    10**12,
    1.5,
    float("inf"),
    "",
    "x",
    "linear",
    [],
    [None],
    [[1]],
    {},
    {"class_name": "GRU"},
)
"""What values in JSON are replaced by."""


def mutants(content: bytes, others: list[bytes], rng: np.random.Generator) -> Iterator[bytes]:
    """Yield one mutated copy of `content` of each kind."""
    yield flipped(content, rng)
    yield content[: rng.integers(len(content))]
    yield spliced(content, others[rng.integers(len(others))], rng)
    yield overwritten(content, rng)
    yield flipped(overwritten(content, rng), rng)
    if content.startswith(b'{"'):
        yield reworded(content, rng)
        yield reworded(content, rng)
    if content.startswith(b"PK"):
        yield repacked(content, others, rng)
        yield repacked(content, others, rng)


def flipped(content: bytes, rng: np.random.Generator) -> bytes:
    """Return `content` with a few bytes changed, half of them near an end, where headers and directories are."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 6)):
        near = min(400, len(data))
        at = (
            rng.choice([rng.integers(len(data)), rng.integers(near), len(data) - 1 - rng.integers(near)]) if data else 0
        )
        if data:
            data[at] = rng.integers(256) if rng.random() < 0.5 else data[at] ^ (1 << rng.integers(8))
    return bytes(data)


def overwritten(content: bytes, rng: np.random.Generator) -> bytes:
    """Return `content` with a number in it replaced by a huge or odd one."""
    piece = ODD[rng.integers(len(ODD))][: rng.integers(1, 9)]
    at = int(rng.integers(max(len(content) - len(piece), 1)))
    return content[:at] + piece + content[at + len(piece) :]


def spliced(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """Return the start of `content`, a stretch of another file or of itself, and the rest."""
    source = other if rng.random() < 0.5 else content
    start, at = int(rng.integers(len(source))), int(rng.integers(len(content)))
    stretch = source[start : start + int(rng.integers(1, 200))]
    return content[:at] + stretch + content[at + int(rng.integers(2)) * len(stretch) :]


def reworded(content: bytes, rng: np.random.Generator) -> bytes:
    """Return JSON with one value in it replaced by another value of it, or by an odd one; damaged text as it is."""
    try:
        tree = json.loads(content)
    except ValueError:
        return content
    places = list(places_in(tree))
    inner, key = places[rng.integers(len(places))]
    other, name = places[rng.integers(len(places))]
    inner[key] = copy.deepcopy(other[name]) if rng.random() < 0.5 else WORDS[rng.integers(len(WORDS))]
    return json.dumps(tree).encode()


def places_in(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each dictionary or list in a JSON `tree` with each of its keys or places."""
    for key in tree if isinstance(tree, dict) else range(len(tree)):
        yield tree, key
        if isinstance(tree[key], dict | list) and tree[key]:
            yield from places_in(tree[key])


def repacked(content: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    """Return a good zip with one member mutated, doubled, emptied or replaced by a whole other file."""
    stream = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as old, zipfile.ZipFile(stream, "w") as new:
        names = old.namelist()
        struck, way = names[rng.integers(len(names))], rng.integers(5)
        struck = "config.json" if "config.json" in names and rng.random() < 0.5 else struck
        for name in names:
            data = old.read(name)
            if name == struck == "config.json" and way < 3:
                data = reworded(data, rng)
            elif name == struck:
                data = (flipped(data, rng), b"", others[rng.integers(len(others))], overwritten(data, rng), data * 3)[
                    way
                ]
            new.writestr(name, data)
    return stream.getvalue()


def model_at(path: Path) -> object:
    """Return the recurrent part of a model file, the whole model where that is refused."""
    try:
        return load(path)
    except LstmAnalogError:
        return load_model(path)


def outcome(path: Path, reader: Callable[[Path], object] = model_at) -> str:
    """Return what comes of `reader` on the file at `path`: "loaded", "refused", or the failure."""
    begun = time.monotonic()
    try:
        reader(path)
        result = "loaded"
    except LstmAnalogError as error:
        named = reader is not model_at or str(error).startswith(f"file '{path}'")
        result = "refused" if named else f"refused without a place: {error}"
    except Exception as error:  # noqa: BLE001 - any other exception is what is looked for
        result = f"FAILED {type(error).__name__}: {str(error)[:100]}"
    spent = time.monotonic() - begun
    return result if spent < LONGEST else f"FAILED: {spent:.1f} s"


def models(folder: Path) -> list[tuple[str, bytes, Callable[[Path], object]]]:
    """Return model files that are read in other ways than alone: their kind, content and reader."""
    weights, words, whole = OTHERS / "keras_text.weights.h5", OTHERS / "keras_text.json", folder / "whole.safetensors"
    la.save_model(load_model(OTHERS / "keras_sleep.keras"), whole)
    graph, given = graph_of_inputs()
    return [
        ("weights.h5 with config=", weights.read_bytes(), lambda path: load_model(path, config=words)),
        ("config=", words.read_bytes(), lambda path: load_model(weights, config=path)),
        ("save_model", whole.read_bytes(), load_model),
        ("onnx with weights=", graph, lambda path: load(path, weights=given)),
    ]


def graph_of_inputs() -> tuple[bytes, dict[str, np.ndarray]]:
    """Return an ONNX graph that takes the weights of its LSTM as inputs, and weights for it."""
    from onnx import TensorProto, helper

    shapes = {"X": (5, 2, 3), "W": (1, 8, 3), "R": (1, 8, 2), "B": (1, 16)}
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    output = helper.make_tensor_value_info("Y", TensorProto.FLOAT, None)
    node = helper.make_node("LSTM", list(shapes), ["Y"], hidden_size=2)
    model = helper.make_model(helper.make_graph([node], "g", inputs, [output]))
    return model.SerializeToString(), {name: np.ones(shapes[name]) for name in "WRB"}


def others(folder: Path) -> list[tuple[str, bytes, Callable[[Path], object]]]:
    """Return what else is read, a good file of each kind made in `folder`: its kind, content and reader."""
    lstm = la.random_lstm(np.random.default_rng(0), 2, 1)
    machine, x = la.compile(lstm, la.electrical.BEHAVIOURAL), np.zeros((1, 2))
    machine.save(folder / "machine.npz")
    machine.certify(lstm, x, folder / "deck.cir")
    machine.write.json(folder / "graph.json", x)
    machine.write.graphml(folder / "graph.graphml", x)
    write_table(folder / "table.csv", ["a", "b"], np.ones((3, 2)))
    write_table(folder / "table.npy", [], np.ones((3, 2)))
    found = {
        "machine.npz": la.load_machine,
        "deck.cir": la.read_spice,
        "deck.certificate.json": la.load_certificate,
        "graph.json": la.export.read_json,
        "graph.graphml": la.export.read_graphml,
        "table.csv": read_table,
        "table.npy": read_table,
    }
    return [(name, (folder / name).read_bytes(), reader) for name, reader in found.items()]


def fuzz(count: int, seed: int, folder: Path) -> Counter[str]:
    """Load at least `count` mutants, `seed` deciding which, and count outcomes by format; failures stay in `folder`."""
    rng = np.random.default_rng(seed)
    seeds = [(name, (FOLDER / name).read_bytes(), model_at) for name in SEEDS] + models(folder) + others(folder)
    contents = [content for _, content, _ in seeds]
    outcomes: Counter[str] = Counter()
    done = 0
    while done < count:
        for name, content, reader in seeds:
            for mutant in mutants(content, contents, rng):
                path = folder / "mutant.bin"
                path.write_bytes(mutant)
                result = outcome(path, reader)
                if result not in ("loaded", "refused"):
                    (folder / f"failure_{done}.bin").write_bytes(mutant)
                outcomes[f"{name if reader is not model_at else Path(name).suffix} {result}"] += 1
                done += 1
    return outcomes


def main() -> int:
    """Run as a script: `fuzzing.py [count] [seed]`."""
    count, seed = (int(sys.argv[n]) if len(sys.argv) > n else preset for n, preset in ((1, 100_000), (2, 0)))
    outcome(FOLDER / "peephole.onnx")  # libraries are loaded before memory is limited
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    begun = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    outcomes = fuzz(count, seed, folder)
    for name, number in sorted(outcomes.items()):
        sys.stdout.write(f"{number:8} {name}\n")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    spent = time.monotonic() - begun
    sys.stdout.write(
        f"{sum(outcomes.values())} files in {spent:.0f} s, peak memory {peak:.0f} MiB, failures in {folder}\n"
    )
    return any("FAILED" in name or "without" in name for name in outcomes)


if __name__ == "__main__":
    sys.exit(main())
