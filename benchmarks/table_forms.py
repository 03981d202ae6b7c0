"""Every form of LSTM x file x technology: `python benchmarks/table_forms.py > benchmarks/forms.md`.

A number is the worst error: of a file, how far the LSTM that `load` returns is from what the file's own framework
answered (stored in tests/model/golden/frameworks, where the scripts that made them are); of a technology, how far the
machine is from the numeric LSTM, after two steps. A text in quotes is the refusal. State dicts are one set of weights
in three containers; the weights of Keras alone are read by the names of their layers where all else is as Keras presets
it. "our own" is `save` and `load` again: 0 is the same digest. Needs torch, onnx and msgpack.
"""

import re
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from lstm_analog.compiler import CLOCKED, GATED_LEAK, electrical, hydraulic
from lstm_analog.engines import Integrate
from lstm_analog.errors import LibraryMissingError, LstmAnalogError
from lstm_analog.machine import compile
from lstm_analog.model import Form, State, load, random_lstm, save
from lstm_analog.model.formats.npz import read_npz
from lstm_analog.model.formats.safetensor import read_safetensors, write_safetensors
from lstm_analog.model.formats.torch_file import read_stream, read_zip
from lstm_analog.study import compare

GOLDEN = Path(__file__).parents[1] / "tests" / "model" / "golden" / "frameworks"
SINGLE, DOUBLE = 1e-6, 1e-12
"""Largest errors of what a framework computed in float32 and in float64."""
SETTLING, ENGINE = 24.0, Integrate(rtol=1e-7, atol=1e-9)
TECHNOLOGIES = {
    f"{technology.name}, {timing.value}": (technology, timing)
    for technology in (electrical.BEHAVIOURAL, hydraulic.OIL)
    for timing in (CLOCKED, GATED_LEAK)
}
FILES = (".pt, .pth", "safetensors", "npz", "from_torch", "ONNX", ".keras, .h5", ".weights.h5", "flax", "our own")


@dataclass(frozen=True, kw_only=True)
class Row:
    """A form: the golden files that hold it, or the reason why a framework has none."""

    form: str
    torch: str
    onnx: str
    keras: str
    weights: str
    flax: str


TORCH, ONNX, KERAS, FLAX = (f"{name} has no such form" for name in ("PyTorch", "ONNX", "Keras", "flax"))
CALL = "an argument of the call, not of the file"
ALONE = "parameters alone do not say it"
NOT_OURS = "no form of `LSTM`: its outputs are in the order of time"
LAST = "a state dict does not say it: taken for a read-out of every step"
NAMED = ("lstm_f32", "stacked", "gru_after", "alone")
"""Weights of Keras that need but the names of their layers, all else being as Keras presets it."""
ROWS = (
    Row(
        form="plain",
        torch="lstm_f64.pt",
        onnx="plain.onnx",
        keras="lstm_f32.keras",
        weights="lstm_f32",
        flax="flax_lstm.msgpack",
    ),
    Row(
        form="several layers",
        torch="lstm_legacy.pth",
        onnx="state_legacy.onnx",
        keras="stacked.keras",
        weights="stacked",
        flax=ALONE,
    ),
    Row(
        form="both directions",
        torch="stacked_bidirectional.pt",
        onnx="stacked_dynamo.onnx",
        keras="bidirectional.keras",
        weights="bidirectional",
        flax=ALONE,
    ),
    Row(
        form="projection",
        torch="projection_f32.pt",
        onnx="projection_dynamo.onnx",
        keras=KERAS,
        weights=KERAS,
        flax=FLAX,
    ),
    Row(
        form="no bias",
        torch="no_bias.npz",
        onnx="no_bias.onnx",
        keras="hard_sigmoid.keras",
        weights="hard_sigmoid",
        flax=FLAX,
    ),
    Row(form="peepholes", torch=TORCH, onnx="peephole.onnx", keras=KERAS, weights=KERAS, flax=FLAX),
    Row(
        form="coupled input and forget gates",
        torch=TORCH,
        onnx="input_forget.onnx",
        keras=KERAS,
        weights=KERAS,
        flax=FLAX,
    ),
    Row(form="initial state", torch="lstm_f64.pt", onnx="state_dynamo.onnx", keras=CALL, weights=CALL, flax=CALL),
    Row(form="lengths", torch="lengths_lstm.pt", onnx="lengths.onnx", keras=CALL, weights=CALL, flax=CALL),
    Row(
        form="backward only",
        torch=TORCH,
        onnx="reverse.onnx",
        keras="backwards.h5",
        weights="last_backwards",
        flax=ALONE,
    ),
    Row(form="backward, not turned", torch=TORCH, onnx=ONNX, keras="reversed.keras", weights="reversed", flax=ALONE),
    Row(
        form="hard sigmoid",
        torch=TORCH,
        onnx="hard_sigmoid.onnx",
        keras="hard_sigmoid.keras",
        weights="hard_sigmoid",
        flax=ALONE,
    ),
    Row(
        form="GRU, reset after",
        torch="gru_f64.safetensors",
        onnx="gru_after.onnx",
        keras="gru_after.keras",
        weights="gru_after",
        flax="flax_gru.msgpack",
    ),
    Row(
        form="GRU, reset before",
        torch=TORCH,
        onnx="gru_before.onnx",
        keras="gru_before.h5",
        weights=ALONE,
        flax=FLAX,
    ),
    Row(form="minimal gated unit", torch=TORCH, onnx=ONNX, keras=KERAS, weights=KERAS, flax="flax_mgu.msgpack"),
    Row(
        form="read-out of every step",
        torch="sequential.pt",
        onnx="stacked_legacy.onnx",
        keras="gru_after.keras",
        weights="alone",
        flax="flax_lstm.msgpack",
    ),
    Row(
        form="read-out of the last",
        torch=LAST,
        onnx="last_dynamo.onnx",
        keras="last_backwards.keras",
        weights="last_backwards",
        flax=ALONE,
    ),
)


@cache
def answers(group):
    return dict(np.load(GOLDEN / f"{group}.npz"))


def answer(group, file):
    case = file.split(".", maxsplit=1)[0]
    found = {key.partition(".")[2]: value for key, value in answers(group).items() if key.startswith(f"{case}.")}
    return found | {"dtype": next(iter(found.values())).dtype}


def of_torch(lstm, given):
    state = None
    if "h0" in given:
        cells = given.get("c0", np.zeros((*given["h0"].shape[:2], 0)))
        state = State(h=tuple(given["h0"].astype(float)), c=tuple(cells.astype(float)))
    outputs = lstm(given["x"].astype(float), state, given.get("lengths"))
    pairs = [(outputs.h, given["h"])] + ([(outputs.y, given["y"])] if "y" in given else [])
    return max(float(abs(ours - theirs).max()) for ours, theirs in pairs)


def of_onnx(lstm, given, file):
    x, y = given["feed0"].astype(float), given["y"]
    if "legacy" in file or "dynamo" in file:
        starts = [tuple(given[key].astype(float)) for key in ("feed1", "feed2") if key in given]
        outputs = lstm(x, State(h=starts[0], c=starts[1]) if file.startswith("state") else None)
        return float(abs((outputs.h if outputs.y is None else outputs.y) - y).max())
    ours = lstm(x.transpose(1, 0, 2), lengths=given.get("feed1")).h
    return float(abs(ours - y.transpose(2, 0, 1, 3).reshape(ours.shape)).max())


def of_arrays(lstm, given):
    outputs = lstm(given["x"].astype(float))
    return float(abs((outputs.h if outputs.y is None else outputs.y) - given["y"]).max())


def state_dict(file):
    """Return the arrays of a PyTorch file by name."""
    content = (GOLDEN / file).read_bytes()
    read = {".pt": read_zip, ".pth": read_stream, ".npz": read_npz, ".safetensors": lambda c: read_safetensors(c)[0]}
    return {name: tensor.numbers() for name, tensor in read[Path(file).suffix](content).items()}


def torch_cells(file, folder):
    """Return the errors of one state dict in each container, and through a module."""
    if "." not in file:
        return dict.fromkeys(FILES[:4], file)
    given, arrays = answer("torch", file), state_dict(file)
    np.savez(folder / "m.npz", **arrays)
    write_safetensors(folder / "m.safetensors", arrays, {})
    paths = dict(zip(FILES[:3], (GOLDEN / file, folder / "m.safetensors", folder / "m.npz"), strict=True))
    cells = {name: of_torch(load(path), given) for name, path in paths.items()}
    if not file.endswith((".pt", ".pth")):
        cells[".pt, .pth"] = of_torch(load(repacked(arrays, folder)), given)
    return cells | {"from_torch": through_a_module(file, arrays, given)}


def repacked(arrays, folder):
    """Return a file as `torch.save` writes it of `arrays`; without torch the safetensors file that stands for it."""
    try:
        import torch
    except ImportError:
        return folder / "m.safetensors"
    torch.save({name: torch.tensor(np.array(array)) for name, array in arrays.items()}, folder / "m.pt")
    return folder / "m.pt"


def through_a_module(file, arrays, given):
    """Return the error of `from_torch` of a module that holds the weights of `file`."""
    try:
        import torch

        from lstm_analog.torch import from_torch
    except (ImportError, LibraryMissingError):
        return "torch is not installed"
    sys.path.insert(0, str(GOLDEN))
    from make_torch import CASES

    kind, options, *_ = CASES.get(file.split(".", maxsplit=1)[0], (torch.nn.LSTM, {}))
    module = kind(2, 3, batch_first=True, dtype=torch.float64, **options)
    if file.startswith("sequential"):
        module = torch.nn.Sequential(module, torch.nn.Identity(), torch.nn.Linear(3, 2, dtype=torch.float64))
    module.load_state_dict({name: torch.tensor(np.array(array)) for name, array in arrays.items()})
    return of_torch(from_torch(module), given)


def attempt(measure):
    """Return what `measure` returns, or the refusal that it meets, without the folder."""
    try:
        return measure()
    except LstmAnalogError as error:
        text = str(error).partition("': ")[2] or str(error)
        return f'"{text}"'.replace("|", "/")


def weights_alone(name, folder):
    """Return the error or refusal of the weights that Keras saves without their layers."""
    path = GOLDEN / "alone.weights.h5"
    if name != "alone":
        path = folder / "model.weights.h5"
        path.write_bytes(zipfile.ZipFile(GOLDEN / f"{name}.keras").read("model.weights.h5"))
    refusal = attempt(lambda: of_arrays(load(path), answer("keras", name)))
    if name not in NAMED:
        return refusal
    names = re.findall(r"'(\w+)'", refusal.partition("weights alone, of ")[2].partition(":")[0])
    chain = sorted(names, key=lambda layer: ("dense" in layer or "distributed" in layer, layer))
    return attempt(lambda: of_arrays(load(path, only=chain), answer("keras", name)))


def own_cell(row, folder):
    """Return the error of the first file of a form after it was saved and loaded here; exact, or it is said."""
    lstm = form_of(row)
    if lstm is None:
        return NOT_OURS
    save(lstm, folder / "own.safetensors")
    again = load(folder / "own.safetensors")
    return 0.0 if again.digest == lstm.digest else "ANOTHER DIGEST"


def file_cells(row):
    """Return the cells of a `row` by column, files alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cells = torch_cells(row.torch, folder)
        for column, group, file in (
            ("ONNX", "onnx", row.onnx),
            (".keras, .h5", "keras", row.keras),
            ("flax", "flax", row.flax),
        ):
            if not file.endswith((".onnx", ".keras", ".h5", ".msgpack")):
                cells[column] = file
            elif group == "onnx":
                cells[column] = attempt(lambda file=file: of_onnx(load(GOLDEN / file), answer("onnx", file), file))
            else:
                cells[column] = attempt(
                    lambda file=file, group=group: of_arrays(load(GOLDEN / file), answer(group, file))
                )
        keras = row.weights if " " in row.weights else weights_alone(row.weights, folder)
        return cells | {".weights.h5": keras, "our own": own_cell(row, folder)}


def form_of(row):
    """Return an LSTM of the form: the first golden file that can be loaded; of a minimal gated unit a random one."""
    for file in (row.torch, row.onnx, row.keras, row.flax):
        if "." in file and " " not in file and (GOLDEN / file).exists():
            try:
                return load(GOLDEN / file)
            except LstmAnalogError:
                continue
    if row.form == "minimal gated unit":
        return random_lstm(np.random.default_rng(3), 2, 3, form=Form.MGU)
    return None


def technology_cell(row, technology, timing):
    """Return the worst error of h and y of a machine, two steps of one sequence, two of lengths 1 and 2."""
    lstm, rng = form_of(row), np.random.default_rng(7)
    if lstm is None:
        return NOT_OURS
    x = rng.uniform(-1.0, 1.0, (2, 2, lstm.input_size))
    state = lengths = None
    if row.form == "initial state":
        arrays = [
            [rng.uniform(-0.5, 0.5, (2, size)) for size in sizes] for sizes in zip(*lstm.state_sizes, strict=True)
        ]
        state = State(h=tuple(arrays[0]), c=tuple(arrays[1]))
    if row.form == "lengths":
        lengths = [1, 2]
    machine = compile(lstm, technology, timing=timing, settling=SETTLING)
    report = compare(machine.run(x, state=state, lengths=lengths, engine=ENGINE), lstm)
    return report.worst if report.holds else f"ABOVE {report.tolerance:.1e}: {report.worst:.1e}"


def bound(column, row):
    """Return the largest error allowed in a cell."""
    if column in TECHNOLOGIES:
        return 1e-6
    group = {"ONNX": "onnx", ".keras, .h5": "keras", ".weights.h5": "keras", "flax": "flax"}.get(column, "torch")
    file = {"onnx": row.onnx, "keras": row.keras, "flax": row.flax, "torch": row.torch}[group]
    if group != "torch" or column == "our own":
        return DOUBLE if group == "flax" else SINGLE
    return DOUBLE if answer("torch", file)["dtype"] == np.float64 else SINGLE


def markdown(columns, cells):
    """Return a table: a row for each form, a column for each of `columns`."""
    lines = [["form", *columns], ["---"] * (len(columns) + 1)]
    lines += [[form, *(_text(found[column]) for column in columns)] for form, found in cells.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _text(cell):
    return f"{cell:.1e}" if isinstance(cell, float) else cell


def main():
    files, machines = {}, {}
    for row in ROWS:
        files[row.form] = file_cells(row)
        machines[row.form] = {
            name: attempt(lambda row=row, built=built: technology_cell(row, *built))
            for name, built in TECHNOLOGIES.items()
        }
        print(row.form, file=sys.stderr)
    print("# Every form x file x technology\n")
    print("Made by `python benchmarks/table_forms.py`; its docstring says what a cell is.\n")
    print(f"## Files: against the framework's own answer\n\n{markdown(FILES, files)}\n")
    print(f"## Technologies: against the numeric LSTM\n\n{markdown(TECHNOLOGIES, machines)}")


if __name__ == "__main__":
    main()
