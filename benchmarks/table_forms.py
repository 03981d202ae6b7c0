"""Every form of LSTM x file x technology: `python benchmarks/table_forms.py > benchmarks/forms.md`.

A number is the worst error. Of a file it is how far the LSTM that `load` returns is from what the file's own framework
answered (stored in tests/model/golden/frameworks, where the scripts that made them are); "our own" is `save` and `load`
again: 0 is the same digest. Of a technology it is how far the machine is from the numeric LSTM after two steps:
`static` by `Settle`, `transient` by `Integrate`, of transistors by ngspice.

A text in quotes is the refusal, word for word. For a form that a framework does not have it is that of the nearest that
its user would bring (`stand_ins.py`): a module, layer or operator of one's own, its parameters alone. "read as" says
what `load` makes of parameters that are those of another form to the last name and shape.

State dicts are one set of weights in three containers. The weights of Keras alone, and flax cells one on another, are
read by the names of their layers. Needs torch, onnx, msgpack and ngspice; five minutes.
"""

import re
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import stand_ins

from lstm_analog.compiler import CLOCKED, GATED_LEAK, electrical, hydraulic
from lstm_analog.engines import Integrate, Ngspice, Settle
from lstm_analog.errors import LstmAnalogError
from lstm_analog.machine import compile
from lstm_analog.model import Form, State, load, random_lstm, save
from lstm_analog.model.formats.loading import read_npz
from lstm_analog.model.formats.safetensor import read_safetensors, write_safetensors
from lstm_analog.model.formats.torch_file import read_stream, read_zip
from lstm_analog.model.weights import Cell, GRUCell
from lstm_analog.study import compare

GOLDEN = stand_ins.GOLDEN
SINGLE, DOUBLE = 1e-6, 1e-12
"""Largest errors of what a framework computed in float32 and in float64."""


@dataclass(frozen=True, kw_only=True)
class Built:
    """A column of machines: in what, how clocked and how long a phase, run by which engine, the largest error."""

    technology: object
    timing: object
    engine: object
    bound: float
    settling: float = 24.0


TIGHT, LOOSE = Integrate(rtol=1e-7, atol=1e-9), Integrate(rtol=1e-5, atol=1e-7)
TECHNOLOGIES = {
    f"{technology.name}, {timing.value}, {way}": Built(technology=technology, timing=timing, engine=engine, bound=bound)
    for technology in (electrical.BEHAVIOURAL, hydraulic.OIL)
    for timing in (CLOCKED, GATED_LEAK)
    for way, engine, bound in (("static", Settle(), DOUBLE), ("transient", TIGHT, SINGLE))
}
TECHNOLOGIES |= {
    f"OPAMP_IDEAL, {timing.value}, {way}": Built(
        technology=electrical.OPAMP_IDEAL, timing=timing, engine=engine, bound=1e-5
    )
    for timing, way, engine in (
        (CLOCKED, "static", Settle()),
        (CLOCKED, "transient", LOOSE),
        (GATED_LEAK, "static and transient", Settle()),
    )
}
TECHNOLOGIES["BICMOS, clocked, transient"] = Built(
    technology=electrical.BICMOS, timing=CLOCKED, engine=Ngspice(), bound=0.01, settling=12.0
)
FILES = (".pt, .pth", "safetensors", "npz", "from_torch", "ONNX", ".keras, .h5", ".weights.h5", "flax", "our own")
OWN = "own"
"""For a file: the stand-in of the form."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A form: the golden files that hold it, or `OWN` where a framework has none; the machine is made of the first."""

    form: str
    torch: str = OWN
    onnx: str = OWN
    keras: str = OWN
    weights: str = OWN
    flax: str = OWN
    machine: str = OWN


ALONE = {
    "lstm_f32": ["lstm"],
    "stacked": ["lstm", "lstm_1"],
    "gru_after": ["gru", "time_distributed"],
    "state": ["lstm"],
    "gru_before_alone": ["gru"],
    "alone": ["lstm", "dense"],
}
"""Weights of Keras that need but the names of their layers, all else being as Keras presets it."""
CHOSEN = {"flax_stack.msgpack": ("cells_0", "cells_1", "Dense_0")}
"""What to take of a flax file, in order."""
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
        flax="flax_stack.msgpack",
    ),
    Row(
        form="both directions",
        torch="stacked_bidirectional.pt",
        onnx="double_dynamo.onnx",
        keras="bidirectional.keras",
        weights="bidirectional",
    ),
    Row(form="projection", torch="projection_f32.pt", onnx="projection_dynamo.onnx"),
    Row(form="no bias", torch="no_bias.npz", onnx="no_bias.onnx", keras="hard_sigmoid.keras", weights="hard_sigmoid"),
    Row(form="peepholes", onnx="peephole.onnx"),
    Row(form="coupled input and forget gates", onnx="input_forget.onnx"),
    Row(
        form="initial state",
        torch="lstm_f64.pt",
        onnx="state_dynamo.onnx",
        keras="state.keras",
        weights="state",
        flax="flax_state.msgpack",
    ),
    Row(
        form="lengths",
        torch="lengths_lstm.pt",
        onnx="lengths.onnx",
        keras="lengths.keras",
        weights="lengths",
        flax="flax_lengths.msgpack",
    ),
    Row(form="backward only", onnx="reverse.onnx", keras="backwards.h5", weights="last_backwards"),
    Row(form="backward, not turned", keras="reversed.keras", weights="reversed"),
    Row(form="hard sigmoid", onnx="hard_sigmoid.onnx", keras="hard_sigmoid.keras", weights="hard_sigmoid"),
    Row(form="relu", onnx="relu.onnx", keras="relu.keras", weights="relu", machine="relu.keras"),
    Row(
        form="GRU, reset after",
        torch="gru_f64.safetensors",
        onnx="gru_after.onnx",
        keras="gru_after.keras",
        weights="gru_after",
        flax="flax_gru.msgpack",
    ),
    Row(form="GRU, reset before", onnx="gru_before.onnx", keras="gru_before.h5", weights="gru_before_alone"),
    Row(form="minimal gated unit"),
    Row(form="minimal gated unit, reset after", flax="flax_mgu.msgpack"),
    Row(
        form="read-out of every step",
        torch="sequential.pt",
        onnx="stacked_legacy.onnx",
        keras="gru_after.keras",
        weights="alone",
        flax="flax_lstm.msgpack",
    ),
    Row(form="read-out of the last", onnx="last_dynamo.onnx", keras="last_backwards.keras", weights="last_backwards"),
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
    """Return the error against Keras or flax, of every step within its length or of the last."""
    state = State(h=(given["h0"],), c=(given["c0"],)) if "h0" in given else None
    outputs, y = lstm(given["x"].astype(float), state, given.get("lengths")), given["y"]
    ours = outputs.h if outputs.y is None else outputs.y
    if ours.ndim > y.ndim:
        ours = np.concatenate(outputs.state.h[-len(lstm.layers[-1].cells) :], axis=-1)
    inside = np.ones(y.shape[:2], dtype=bool)
    if "lengths" in given and y.ndim > 2:
        inside = np.arange(y.shape[1]) < given["lengths"][:, None]
    return float(abs(ours - y)[inside].max())


def read_as(lstm):
    """Return what an LSTM is that was read from parameters of another form."""
    cell, words = lstm.layers[0].cells[0], []
    words.append({Cell: "LSTM", GRUCell: "GRU"}.get(type(cell), "MGU"))
    if isinstance(cell, GRUCell):
        words.append(f"reset {'after' if cell.reset_after else 'before'}")
    words.append("backward" if lstm.layers[0].forward is None else "forward")
    words.append(f"{cell.gate.curve.value} and {cell.candidate.curve.value}")
    words += ["without bias"] if cell.bias is None else []
    words += [] if lstm.head is None else [f"read-out of {'the last' if lstm.head.final else 'every step'}"]
    return f"read as: {', '.join(words)}"


def state_dict(file):
    """Return the arrays of a PyTorch file by name."""
    content = (GOLDEN / file).read_bytes()
    read = {".pt": read_zip, ".pth": read_stream, ".npz": read_npz, ".safetensors": lambda c: read_safetensors(c)[0]}
    return {name: tensor.numbers() for name, tensor in read[Path(file).suffix](content).items()}


def torch_cells(row, folder):
    """Return the errors of one state dict in each container, and through a module; or what is said of them."""
    file = row.torch
    if file == OWN:
        given, arrays, measure = None, stand_ins.STATE_DICTS[row.form](), read_as
    else:
        given, arrays = answer("torch", file), state_dict(file)
        measure = partial(of_torch, given=given)
    np.savez(folder / "m.npz", **arrays)
    write_safetensors(folder / "m.safetensors", arrays, {})
    golden = GOLDEN / file if file.endswith((".pt", ".pth")) else repacked(arrays, folder)
    paths = dict(zip(FILES[:3], (golden, folder / "m.safetensors", folder / "m.npz"), strict=True))
    cells = {name: attempt(lambda path=path: measure(load(path))) for name, path in paths.items()}
    module = own_module(row.form) if file == OWN else partial(through_a_module, file, arrays, given)
    return cells | {"from_torch": with_torch(module)}


def repacked(arrays, folder):
    """Return a file as `torch.save` writes it of `arrays`; without torch the safetensors file that stands for it."""
    try:
        import torch
    except ImportError:
        return folder / "m.safetensors"
    torch.save({name: torch.tensor(np.array(array)) for name, array in arrays.items()}, folder / "m.pt")
    return folder / "m.pt"


def with_torch(measure):
    """Return what `measure` returns or the refusal that it meets, if torch is installed."""
    try:
        import torch
    except ImportError:
        return "torch is not installed"
    torch.manual_seed(1)
    return attempt(measure)


def own_module(form):
    """Return what measures `from_torch` of a module of one's own."""

    def measure():
        import torch

        from lstm_analog.torch import from_torch

        module = stand_ins.module(form)
        lstm, x = from_torch(module), np.random.default_rng(8).normal(size=(2, 5, stand_ins.INPUTS))
        return float(abs(lstm(x).y - module(torch.tensor(x)).detach().numpy()).max())

    return measure


def through_a_module(file, arrays, given):
    """Return the error of `from_torch` of a module that holds the weights of `file`."""
    import torch

    from lstm_analog.torch import from_torch

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
        text = re.sub(r"^file '[^']*': ", "", str(error))
        return f'"{text}"'.replace("|", "/")


def weights_alone(row, folder):
    """Return the error or refusal of the weights that Keras saves without their layers."""
    path, name = folder / "model.weights.h5", row.weights
    if (GOLDEN / f"{name}.weights.h5").exists():
        path = GOLDEN / f"{name}.weights.h5"
    else:
        keras = stand_ins.keras(row.form, folder) if name == OWN else GOLDEN / f"{name}.keras"
        path.write_bytes(zipfile.ZipFile(keras).read("model.weights.h5"))
    if name not in ALONE:
        return attempt(lambda: read_as(load(path)))
    return attempt(lambda: of_arrays(load(path, only=named_in(path, ALONE[name])), answer("keras", name)))


def named_in(path, kinds):
    """Return the layers of the weights at `path` of the given `kinds`, in order, as the file numbers them."""
    found = re.findall(r"'(\w+)'", attempt(lambda: load(path)).partition("weights alone, of ")[2].partition(":")[0])
    wanted = [re.sub(r"_\d+$", "", kind) for kind in kinds]
    left, names = sorted(found, key=lambda name: [int(n) for n in re.findall(r"\d+", name)]), []
    for kind in wanted:
        names.append(next(name for name in left if re.sub(r"_\d+$", "", name) == kind))
        left.remove(names[-1])
    return names


def own_cell(row, folder):
    """Return whether a form is the same after it was saved and loaded here: 0 if it is."""
    lstm = form_of(row)
    save(lstm, folder / "own.safetensors")
    again = load(folder / "own.safetensors")
    return 0.0 if again.digest == lstm.digest else "ANOTHER DIGEST"


def file_cells(row):
    """Return the cells of a `row` by column, files alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cells = torch_cells(row, folder)
        cells["ONNX"] = attempt(
            lambda: (
                read_as(load(stand_ins.onnx(row.form, folder)))
                if row.onnx == OWN
                else of_onnx(load(GOLDEN / row.onnx), answer("onnx", row.onnx), row.onnx)
            )
        )
        for column, group, file in ((".keras, .h5", "keras", row.keras), ("flax", "flax", row.flax)):
            cells[column] = attempt(lambda group=group, file=file: _of_arrays(row, folder, group, file))
        cells[".weights.h5"] = weights_alone(row, folder)
        return cells | {"our own": attempt(lambda: own_cell(row, folder))}


def _of_arrays(row, folder, group, file):
    if file == OWN:
        return read_as(load({"keras": stand_ins.keras, "flax": stand_ins.flax}[group](row.form, folder)))
    return of_arrays(load(GOLDEN / file, only=CHOSEN.get(file)), answer(group, file))


def form_of(row):
    """Return an LSTM of the form: the first golden file that can be loaded, or else the refusal of the last.

    That no framework has is a random one.
    """
    files = [file for file in (row.machine, row.torch, row.onnx, row.keras, row.flax) if file != OWN]
    if not files:
        return random_lstm(np.random.default_rng(3), stand_ins.INPUTS, stand_ins.UNITS, form=Form.MGU)
    for file in files[:-1]:
        try:
            return load(GOLDEN / file, only=CHOSEN.get(file))
        except LstmAnalogError:
            continue
    return load(GOLDEN / files[-1], only=CHOSEN.get(files[-1]))


def technology_cell(row, built):
    """Return the worst error of h and y of a machine, two steps of two sequences, of lengths 1 and 2."""
    lstm, rng = form_of(row), np.random.default_rng(7)
    x = rng.uniform(-1.0, 1.0, (2, 2, lstm.input_size))
    state = lengths = None
    if row.form == "initial state":
        arrays = [
            [rng.uniform(-0.5, 0.5, (2, size)) for size in sizes] for sizes in zip(*lstm.state_sizes, strict=True)
        ]
        state = State(h=tuple(arrays[0]), c=tuple(arrays[1]))
    if row.form == "lengths":
        lengths = [1, 2]
    machine = compile(lstm, built.technology, timing=built.timing, settling=built.settling)
    run = machine.run(x, state=state, lengths=lengths, engine=built.engine)
    worst = compare(run, lstm, tolerance=built.bound).worst
    return worst if worst <= built.bound else f"ABOVE {built.bound:.1e}: {worst:.1e}"


def bound(column, row):
    """Return the largest error allowed in a cell."""
    if column in TECHNOLOGIES:
        return TECHNOLOGIES[column].bound
    columns = {"ONNX": row.onnx, ".keras, .h5": row.keras, ".weights.h5": row.weights, "flax": row.flax}
    groups = {"ONNX": "onnx", ".keras, .h5": "keras", ".weights.h5": "keras", "flax": "flax"}
    file = columns.get(column, row.torch)
    if column == "our own" or file == OWN:
        return DOUBLE
    return DOUBLE if answer(groups.get(column, "torch"), file)["dtype"] == np.float64 else SINGLE


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
            name: attempt(lambda row=row, built=built: technology_cell(row, built))
            for name, built in TECHNOLOGIES.items()
        }
        print(row.form, file=sys.stderr)
    print("# Every form x file x technology\n")
    print("Made by `python benchmarks/table_forms.py`; its docstring says what a cell is.\n")
    print(f"## Files: against the framework's own answer\n\n{markdown(FILES, files)}\n")
    print(f"## Technologies: against the numeric LSTM\n\n{markdown(TECHNOLOGIES, machines)}")


if __name__ == "__main__":
    main()
