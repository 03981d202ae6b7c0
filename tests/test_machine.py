import json
import re
from dataclasses import replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import today
from faulty_machines import with_banks

import lstm_analog as la
from lstm_analog.compiler.electrical import Behavioural
from lstm_analog.errors import (
    FileAccessError,
    FileFormatError,
    InvalidShapeError,
    InvalidTypeError,
    InvalidValueError,
    LstmAnalogError,
    NetworkError,
    UnsupportedError,
)
from lstm_analog.network.parts import Part
from lstm_analog.study.run import PassRun

SETTLED = 2e-6
"""What 20 time constants and three equal poles leave of full scale (`study.settling`), and a little more."""
TIMINGS = pytest.mark.parametrize("timing", list(la.compiler.Timing))


def lstm(hidden: int = 3, layers: int = 1, inputs: int = 2) -> la.LSTM:
    return la.random_lstm(np.random.default_rng(7), inputs, hidden, layers=layers, scale=2.0)


def x(*shape: int) -> np.ndarray:
    return np.random.default_rng(8).uniform(-1.5, 1.5, shape)


def machine(model: la.LSTM, timing: la.compiler.Timing = la.CLOCKED, settling: float = 20.0) -> la.Machine:
    return la.compile(model, la.electrical.BEHAVIOURAL, timing=timing, settling=settling)


def h_error(run: la.Run, model: la.LSTM) -> float:
    return float(np.abs(run.h - model(run.x, run.initial_state).h).max())


@pytest.fixture(scope="module")
def small() -> la.Machine:
    return machine(lstm())


# Running.


@TIMINGS
@pytest.mark.parametrize("layers", [1, 2])
def test_a_machine_computes_its_lstm(timing, layers):
    model = lstm(layers=layers)
    run = machine(model, timing).run(x(4, 2))
    assert (run.h.shape, run.c.shape, run.gates.shape) == ((4, 3), (4, 3), (4, 4, 3))
    for analog, digital in zip(run.layers, model.trace(run.x).layers, strict=True):
        for name in ("z", "gates", "c", "h"):
            assert np.abs(getattr(analog, name) - getattr(digital, name)).max() < 5 * SETTLED, name


def test_probes_by_label_find_groups_and_name_them_when_they_do_not(small):
    trajectory = small.run(x(2, 2)).trajectory
    assert trajectory["l0_h"].shape == (trajectory.time.size, 3)
    with pytest.raises(NetworkError, match=r"label must be one of x, l0_rows_one, l0_zi.*got 'L0_H': probe another"):
        trajectory["L0_H"]


# Two layers.


def test_layer_1_reads_layer_0_settled():
    """z of layer 1 is W h0 + U h1 + b of the h0 measured in the same step, as far from the step before as that is."""
    model = lstm(layers=2)
    built = machine(model)
    run = built.run(x(4, 2))
    ends = built.compiled.cycle.ends("hold0", 4)
    h0 = run.trajectory.at_ends("l0_h_new", ends)
    assert np.abs(h0 - run.layers[0].h).max() < SETTLED, "settled before layer 1 computes, and still what is copied"
    cell = model.layers[1].forward
    held = np.vstack((np.zeros(3), run.layers[1].h[:-1]))

    def z(below: np.ndarray) -> np.ndarray:
        return np.einsum("guj,tj->tgu", cell.input, below) + np.einsum("guj,tj->tgu", cell.recurrent, held) + cell.bias

    assert np.abs(run.layers[1].z - z(h0)).max() < 5 * SETTLED
    assert np.abs(run.layers[1].z - z(np.vstack((np.zeros(3), h0[:-1])))).max() > 0.1


@pytest.mark.parametrize("layer", [0, 1])
def test_each_layer_needs_its_own_time(layer):
    """Taking the time away from one layer's phase spoils that layer, and not the one below."""
    model = lstm(layers=2)
    built, inputs = machine(model), x(3, 2)
    planned = built.schedule(inputs)
    hurried = [name == f"compute{layer}" for name in planned.names]
    short = replace(planned, durations=np.where(hurried, planned.durations / 10, planned.durations))
    trajectory = la.engines.Waveform().run(built.network, short)
    rest = la.State.zeros(model.state_sizes, ())
    made = PassRun(compiled=built.compiled, x=inputs, initial_state=rest, lengths=None, trajectory=trajectory)
    run = la.Run(passes=(made,), x=inputs, initial_state=rest)
    digital = model.trace(inputs).layers
    errors = [np.abs(analog.h - true.h).max() for analog, true in zip(run.layers, digital, strict=True)]
    assert errors[layer] > 1e-2
    assert all(error < 5 * SETTLED for error in errors[:layer])


@pytest.mark.parametrize("engine", [la.engines.Ngspice, 3])
def test_an_engine_is_an_object_with_settings(engine):
    text = r"^engine must be an engine, got .*: give e\.g\. Waveform\(\), Settle\(\) or Ngspice\(\)$"
    with pytest.raises(InvalidTypeError, match=text):
        machine(lstm()).run(x(1, 2), engine=engine)


# Schedule and netlist.


def test_the_schedule_is_a_reset_and_the_same_intervals_every_step(small):
    schedule = small.schedule(x(2, 3, 2))
    step = ("setup", "compute0", "hold0", "copy", "readout")
    assert schedule.names == ("reset", *step * 3)
    assert schedule.lead == (2,)
    assert schedule.durations[[0, 2, 4]] == pytest.approx(20e-6)
    assert schedule.ends[-1] == pytest.approx(20e-6 + 3 * small.compiled.cycle.step_time)
    overlapping = schedule.high[1:, [small.network.lines.index(line) for line in ("compute0", "copy")]].all(axis=1)
    assert not overlapping.any()
    assert la.electrical.BEHAVIOURAL.gap > 0


def test_inputs_change_between_steps_only(small):
    inputs = x(3, 2)
    (imposed,) = (entry for entry in small.schedule(inputs).imposed if entry.label == "x")
    assert np.array_equal(imposed.efforts[1:].reshape(3, 5, 2), np.repeat(inputs[:, None], 5, axis=1))
    assert np.array_equal(imposed.efforts[0], inputs[0])


def test_write_spice_takes_one_sequence_with_or_without_a_batch_axis(small, tmp_path):
    inputs = x(3, 2)
    small.write.spice(tmp_path / "a.cir", inputs)
    small.write.spice(tmp_path / "b.cir", inputs[None])
    a, b = ((tmp_path / name).read_text().replace(name, "") for name in ("a.cir", "b.cir"))
    assert a == b
    assert la.read_spice(tmp_path / "a.cir").network.equals(small.network, rtol=0.0)


def test_write_spice_refuses_a_batch(small, tmp_path):
    with pytest.raises(InvalidShapeError, match=r"a netlist must have one sequence, got batch \(2,\): .*x\[:1\]"):
        small.write.spice(tmp_path / "a.cir", x(2, 3, 2))
    assert list(tmp_path.iterdir()) == []


def test_write_spice_says_where_it_cannot_write(small, tmp_path):
    with pytest.raises(FileAccessError, match=r"must be writable.*nothing was written"):
        small.write.spice(tmp_path / "none" / "a.cir", x(3, 2))


# Compiling.


@pytest.mark.parametrize(
    ("changes", "kind", "text"),
    [
        *(
            ({"settling": each}, InvalidValueError, f"settling must be positive, got {float(each)}: give time")
            for each in (0, 0.0, -3.0, np.nan, np.inf)
        ),
        *(({"settling": each}, InvalidTypeError, "settling must be a number, got") for each in ("20", None, True)),
        *(
            ({"technology": each}, UnsupportedError, "technology must be a technology .*BEHAVIOURAL")
            for each in (None, la.electrical, {"volts_per_unit": 1.0}, Behavioural)
        ),
        *(
            ({"timing": each}, InvalidTypeError, "timing must be CLOCKED or GATED_LEAK, got")
            for each in ("clocked", None, 0)
        ),
        *(({"lstm": each}, InvalidTypeError, "lstm must be an LSTM, got") for each in (None, "airline.safetensors", 3)),
    ],
)
def test_compile_refuses_what_is_no_argument_of_its(changes, kind, text):
    with pytest.raises(kind, match=text):
        la.compile(**({"lstm": lstm(), "technology": la.electrical.BEHAVIOURAL} | changes))


def test_a_settling_of_any_kind_of_number_is_the_float():
    """A Fraction was admitted and then stopped in the text of the clock."""
    assert machine(lstm(), settling=Fraction(41, 2)).compiled.cycle == machine(lstm(), settling=20.5).compiled.cycle


SIZES = [entry for entry in Behavioural.__dataclass_fields__ if entry not in ("name", "provenance")]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("value", [0.0, -1e-12, np.nan, np.inf])
def test_a_technology_refuses_a_size_that_is_not_positive(size, value):
    text = rf"BEHAVIOURAL {size} must be positive, got {re.escape(str(value))}: give SI units above zero"
    with pytest.raises(InvalidValueError, match=text):
        replace(la.electrical.BEHAVIOURAL, **{size: value})


def test_the_origin_of_the_network_is_on_record(small):
    origin = dict(small.network.provenance)
    assert origin["model"] == "random"
    assert origin["digest"] == lstm().digest
    assert (origin["technology"], origin["timing"]) == ("BEHAVIOURAL", "clocked")


@pytest.mark.parametrize("size", SIZES)
def test_what_is_computed_does_not_depend_on_the_sizes(size):
    """A scale of voltages, of currents or of time changes the circuit and leaves the numbers alone."""
    model, inputs = lstm(), x(2, 2)
    technology = replace(la.electrical.BEHAVIOURAL, **{size: 0.6 * getattr(la.electrical.BEHAVIOURAL, size)})
    run = la.compile(model, technology).run(inputs)
    assert h_error(run, model) < 5 * SETTLED


# Planted faults: each must be noticed by holding the run against the LSTM.


def without_row(part: Part, row: int) -> Part:
    return replace(part, transconductance=np.where(np.arange(12)[:, None] == row, 0.0, part.transconductance))


def one_sign_turned(part: Part) -> np.ndarray:
    weights = part.transconductance.copy()
    weights[3, 2] *= -1.0
    return weights


FAULTS = {
    "the last row is dropped": ("l0_rows", lambda part: without_row(part, 11)),
    "the last row is unconnected": (
        "l0_rows",
        lambda part: replace(part, rows=part.rows[:-1], transconductance=part.transconductance[:-1]),
    ),
    "a capacitor is in nF instead of pF": (
        "l0_rows_cap",
        lambda part: replace(part, capacitance=part.capacitance * [1e3, *[1.0] * 11]),
    ),
    "a master is ten times too large": (
        "l0_c_master",
        lambda part: replace(part, capacitance=part.capacitance * [1, 1, 10]),
    ),
    "input and forget gate are swapped": (
        "l0_rows",
        lambda part: replace(part, rows=part.rows[[3, 4, 5, 0, 1, 2, *range(6, 12)]]),
    ),
    "cell and output gate are swapped": (
        "l0_rows",
        lambda part: replace(part, rows=part.rows[[*range(6), 9, 10, 11, 6, 7, 8]]),
    ),
    "a bias is missing": (
        "l0_rows",
        lambda part: replace(part, transconductance=part.transconductance * [*[1.0] * 5, 0.0]),
    ),
    "one weight has the wrong sign": ("l0_rows", lambda part: replace(part, transconductance=one_sign_turned(part))),
    "units are crossed on the way to h": ("l0_h_copy", lambda part: replace(part, a=part.a[[1, 0, 2]])),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_noticed(small, fault):
    model, inputs = lstm(), x(4, 2)
    assert h_error(small.run(inputs), model) < SETTLED
    label, edit = FAULTS[fault]
    wrong = with_banks(small, edit(small.network.part(label))).run(inputs)
    assert h_error(wrong, model) > 1e-3
    assert la.compare(wrong, model).verdict is not la.study.Verdict.WITHIN


# Saving.


@TIMINGS
@pytest.mark.parametrize("layers", [1, 2])
def test_a_saved_machine_is_the_same_machine(tmp_path, timing, layers):
    model, inputs = lstm(layers=layers), x(2, 2)
    built = machine(model, timing)
    built.save(tmp_path / "m.npz")
    loaded = la.load_machine(tmp_path / "m.npz")
    assert loaded.network.equals(built.network, rtol=0.0)
    assert (loaded.sizes, loaded.input_size) == (built.sizes, built.input_size)
    for name in ("cycle", "layout", "timing", "settling", "time_constant"):
        assert getattr(loaded.compiled, name) == getattr(built.compiled, name)
    assert np.array_equal(loaded.run(inputs).h, built.run(inputs).h)


def test_a_machine_is_saved_the_same_way_twice(small, tmp_path):
    small.save(tmp_path / "a.npz")
    la.load_machine(tmp_path / "a.npz").save(tmp_path / "b.npz")
    with np.load(tmp_path / "a.npz") as a, np.load(tmp_path / "b.npz") as b:
        assert a.files == b.files
        assert all(np.array_equal(a[name], b[name]) for name in a.files)


def test_load_machine_refuses_the_weights_of_an_lstm_by_name(tmp_path):
    la.save(lstm(), tmp_path / "weights.safetensors")
    with pytest.raises(FileFormatError, match=r"weights\.safetensors' must hold a Machine, got .*this package saved"):
        la.load_machine(tmp_path / "weights.safetensors")


def test_load_machine_says_what_it_could_not_read(tmp_path):
    with pytest.raises(FileAccessError, match=r"none\.npz' must be readable, got No such file"):
        la.load_machine(tmp_path / "none.npz")


def tree_and_arrays(path: Path) -> tuple[dict, dict[str, np.ndarray]]:
    with np.load(path) as content:
        arrays = {name: content[name] for name in content.files}
    return json.loads(bytes(arrays.pop("tree"))), arrays


def places(tree: object, path: tuple = ()) -> list[tuple]:
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [path, *(place for key, value in inner for place in places(value, (*path, key)))]


NONSENSE = [
    *(None, True, 0, -1, 1e999, "x", [], {}),
    {"tuple": []},
    {"array": "array0"},
    {"array": "none"},
    {"record": "Machine", "fields": {}},
    {"record": "Path", "fields": {}},
    {"enum": "Timing", "name": "__class__"},
    {"enum": "Machine", "name": "run"},
]


def test_a_machine_file_that_says_nonsense_anywhere_is_refused_or_is_a_machine(small, tmp_path):
    """Something else in places of the description, of the day: no error but ours, and what loads is well formed."""
    path, draw = tmp_path / "m.npz", np.random.default_rng(today.SEED)
    small.save(path)
    tree, arrays = tree_and_arrays(path)
    text, spots = json.dumps(tree), places(tree)[1:]
    refused = 0
    for _ in range(100):
        changed = json.loads(text)
        *way, last = spots[draw.integers(len(spots))]
        inner = changed
        for key in way:
            inner = inner[key]
        inner[last] = NONSENSE[draw.integers(len(NONSENSE))]
        buffer = BytesIO()
        np.savez(buffer, **arrays, tree=np.frombuffer(json.dumps(changed).encode(), dtype=np.uint8))
        path.write_bytes(buffer.getvalue())
        try:
            la.load_machine(path).network.verify()
        except LstmAnalogError:
            refused += 1
    assert refused > 50


# Graph.


def test_the_graph_of_one_unit_is_there_where_the_whole_is_too_large():
    large = machine(lstm(hidden=128))
    with pytest.raises(UnsupportedError, match=r"graph must have at most 50000 edges, got \d+: .*one unit"):
        large.graph()
    around = large.graph(layer=0, unit=127)
    assert {"l0_zi_127", "l0_c_127", "l0_h_127"} <= set(around.nodes)
    weights = [data for _, head, data in around.edges(data=True) if head == "l0_zi_127" and data["label"] == "l0_rows"]
    assert len(weights) == 2 + 128 + 1


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"layer": 2}, "layer must be 0 to 1, got 2"),
        ({"layer": -1}, "layer must be 0 to 1, got -1"),
        ({"layer": 1, "unit": 3}, "unit must be 0 to 2, got 3"),
        ({"unit": -1}, "unit must be 0 to 2, got -1"),
    ],
)
def test_the_graph_of_a_unit_that_is_not_there_is_refused(asked, text):
    with pytest.raises(InvalidValueError, match=text):
        machine(lstm(layers=2)).graph(**asked)


CHIPS = la.imperfections.Streams(seed=1, chips=2)


@pytest.mark.parametrize("technology", [la.electrical.BEHAVIOURAL, la.hydraulic.OIL, la.electrical.OPAMP_IDEAL])
def test_what_takes_one_chip_says_so(technology, tmp_path):
    model, path, steps = lstm(2), tmp_path / "chips", x(2, 2)
    made = la.compile(model, technology).with_imperfection(la.imperfections.DeviceSpread(share=0.01), CHIPS)
    run = made.run(steps)
    assert run.h.shape == (2, 2, 2)
    calls = (
        lambda: made.write.spice(path, steps),
        lambda: made.write.spice(path, steps, as_subckt=True),
        lambda: made.write.modelica(path, steps),
        lambda: made.write.verilog_a(path),
        lambda: made.write.json(path),
        lambda: made.write.graphml(path),
        made.graph,
        lambda: made.run(steps, engine=la.engines.Integrate()),
        lambda: made.run(steps, engine=la.engines.Ngspice()),
        lambda: la.compare(run, model),
        lambda: made.certify(model, steps, path),
        *((lambda: made.check(run), lambda: made.bill_of_materials(run)) if technology is la.hydraulic.OIL else ()),
        *((lambda: made.write.epanet(path, steps),) if technology is la.hydraulic.OIL else ()),
    )
    for call in calls:
        with pytest.raises(
            InvalidShapeError, match=r"^part \w+ must have no chip axis, got \w+ of shape .*: take one chip, "
        ):
            call()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("ask", "text"),
    [
        (lambda m: m.graph(unit="a"), "unit must be a whole number, got 'a': count from zero"),
        (lambda m: m.graph(layer=0.5), r"layer must be a whole number, got 0\.5: count from zero"),
        (lambda m: m.graph(layer=0, unit=True), "unit must be a whole number, got True: count from zero"),
        (lambda m: m.alone(0.5), r"pass must be a whole number, got 0\.5: count from zero"),
        (lambda m: m.alone(False), "pass must be a whole number, got False: count from zero"),
    ],
)
def test_layers_units_and_passes_are_counted(ask, text):
    with pytest.raises(InvalidTypeError, match=f"^{text}$"):
        ask(machine(lstm()))


def test_a_place_may_be_a_number_of_numpy():
    built = machine(lstm())
    assert built.graph(unit=np.int64(1)).number_of_nodes() == built.graph(unit=1).number_of_nodes()
    assert built.alone(np.int64(0)).sizes == built.sizes


MASKED = np.ma.array(np.full((4, 2), 0.5), mask=np.eye(4, 2, dtype=bool))
DOORS = {
    "the digital answer": lambda lstm, machine: lstm(MASKED),
    "lengths": lambda lstm, machine: lstm(np.full((2, 4, 2), 0.5), lengths=np.ma.array([4, 4], mask=[False, True])),
    "a state": lambda lstm, machine: la.State(h=(MASKED[0],), c=(MASKED[0],)),
    "ranges": lambda lstm, machine: la.compile(lstm, la.electrical.BEHAVIOURAL, inputs=MASKED),
    "a schedule": lambda lstm, machine: machine.schedule(MASKED),
    "a run": lambda lstm, machine: machine.run(MASKED),
    "a Modelica model": lambda lstm, machine: machine.write.modelica("never.mo", MASKED),
    "a netlist": lambda lstm, machine: machine.write.spice("never.cir", MASKED),
    "weights": lambda lstm, machine: replace(lstm.layers[0].forward, recurrent=MASKED[:, :1]),
    "parts": lambda lstm, machine: replace(machine.network.part("l0_rows_load"), conductance=MASKED[:, 0]),
}


@pytest.mark.parametrize("door", DOORS)
def test_a_masked_array_is_refused_at_every_door(door, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lstm = la.random_lstm(np.random.default_rng(0), 2, 1)
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL)
    with pytest.raises(
        LstmAnalogError, match=r"^\S+( \S+)* must have no masked element, got a masked array: drop what"
    ):
        DOORS[door](lstm, machine)
    assert not list(tmp_path.iterdir())


def test_what_wrote_files_in_0_2_says_its_new_name(tmp_path):
    machine, x = la.compile(la.random_lstm(np.random.default_rng(0), 2, 1), "behavioural"), np.zeros((2, 2))
    with pytest.warns(DeprecationWarning, match=r"^Machine.write_spice is Machine.write.spice now"):
        machine.write_spice(tmp_path / "a.cir", x)
    old = (tmp_path / "a.cir").read_bytes()
    machine.write.spice(tmp_path / "a.cir", x)
    assert (tmp_path / "a.cir").read_bytes() == old
    assert not [name for name in dir(machine) if name.startswith("write_")]
    assert {"write", "run", "check"} <= set(dir(machine))


def test_a_run_in_two_pieces_is_the_run_of_both(small):
    """What a run leaves is `outputs.state`. That from which it began was called `state`, as what an LSTM leaves is."""
    given = x(4, 2)
    whole, first = small.run(given), small.run(given[:2])
    second = small.run(given[2:], state=first.outputs.state)
    assert np.abs(second.h - whole.h[2:]).max() < SETTLED
    with pytest.warns(DeprecationWarning, match=r"initial_state now, .*; what the run has left is outputs\.state"):
        assert second.state is second.initial_state
