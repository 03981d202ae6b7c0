"""What the living page holds besides its program: networks in graph files, where to read them, the digital LSTM."""

from dataclasses import dataclass, replace

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.compiler import CLOCKED, Compiled, Drive, LayerLayout, Spot, drives_of, lower, schedule, signal_network
from lstm_analog.compiler.bicmos import Bicmos
from lstm_analog.compiler.electrical import BEHAVIOURAL
from lstm_analog.compiler.hydraulic import Detail, Hydraulic
from lstm_analog.compiler.technologies import TECHNOLOGIES
from lstm_analog.errors import InvalidShapeError, UnsupportedError, explain
from lstm_analog.export import NGSPICE, suited, write_spice
from lstm_analog.model import LSTM, Layer, State
from lstm_analog.model.activations import SIGMOID, TANH
from lstm_analog.model.weights import Cell, GRUCell
from lstm_analog.network.domain import HYDRAULIC
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule
from lstm_analog.show.living.analogies import analogies, graph_text, still, text_of
from lstm_analog.show.living.demonstrations import PLUMBING, channel_crowd, one_memory, transistor_pair, valve_pair
from lstm_analog.show.living.layers import layers
from lstm_analog.show.reading import digital
from lstm_analog.show.reports.repeat import left_out
from lstm_analog.study import Run
from lstm_analog.study.settling import settling

MOST_STEPS = 200
"""The largest number of steps of a sequence; more: the page takes minutes to compute them."""
_FEW = 60
"""Numbers of a sequence up to which they stand in the Python lines; more are read from a file there."""
_VALVES = {
    Cell: (("forget", "c_keep"), ("input", "c_add"), ("output", "h_add")),
    GRUCell: (("update of the old", "h_keep"), ("update by the new", "h_add")),
}
"""The gates that pass a product, by the stem of their label in `compiler.cells`."""
_PARTS = (("_top", "conductance"), ("", "current"), ("_mult", "current"))
"""What passes the product of a gate, in each kind of technology, and the parameter that is zero when it is shut."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DrivenMachine:
    """A network with its layout, built in a `technology`, and the schedule `fed` that drives it over a sequence."""

    compiled: Compiled
    technology: object
    fed: Schedule


def contents(run: Run, lstm: LSTM, title: str) -> tuple[dict[str, object], tuple[Network, ...]]:
    """Return all that the page of `run` shows, as plain data, and the networks in it; `title` is its heading.

    Raises `UnsupportedError` if `lstm` or the machine of `run` is of a form that the page does not know;
    `InvalidShapeError` if there are several sequences, or too many steps.
    """
    technology, (passed,) = check(run, lstm), run.passes
    fed = passed.trajectory.schedule.sequence(0)
    ours = DrivenMachine(compiled=passed.compiled, technology=technology, fed=fed)
    wet = ours.compiled.network.domain is HYDRAULIC
    other = _of_lstm(lstm, run, BEHAVIOURAL if wet else PLUMBING)
    plumbing, circuit = (ours, other) if wet else (other, ours)
    cell, rest = one_memory(), State(h=(np.zeros(1),), c=(np.zeros(1),))
    memory = DrivenMachine(compiled=cell, technology=PLUMBING, fed=schedule(cell, np.zeros((1, 4)), rest))
    machines = {"plumbing": plumbing, "circuit": circuit, "memory": memory}
    pairs = {"valves": valve_pair(), "transistors": transistor_pair(), "channels": channel_crowd()}
    analogous, others = analogies()
    told: dict[str, object] = {
        "title": title,
        "name": lstm.name,
        "netlist": _netlist(circuit),
        "python": _python(run, lstm, ours.technology),
        "ours": "plumbing" if wet else "circuit",
        "machines": {name: _told(each) for name, each in machines.items()},
        "pairs": {name: graph_text(each, still(each)) for name, each in pairs.items()},
        "settling": _settling(run),
        "lstm": [_cell(layer.cells[0]) for layer in lstm.layers],
        "x": one_sequence(run).tolist(),
        "start": [{"h": h.tolist(), "c": c.tolist()} for h, c in zip(_state(run).h, _state(run).c, strict=True)],
        "digital": _digital(run, lstm),
        "analogies": analogous | {"layers": layers()},
    }
    return told, (*(each.compiled.network for each in machines.values()), *pairs.values(), *others)


def _settling(run: Run) -> dict[str, object]:
    """Return the number of equal poles and the ratio T/tau in the law of settling; no poles where there is no law.

    There is none for a machine whose shut valves leak so much that nothing is held.
    """
    try:
        found = settling(run)
    except UnsupportedError:
        return {"poles": None, "ratio": run.passes[0].compiled.settling}
    return {"poles": found.poles, "ratio": found.ratio}


def check(run: Run, lstm: LSTM) -> object:
    """Return the technology of `run`, a run of a machine of `lstm`, if the page can show it.

    Raises `UnsupportedError` or `InvalidShapeError` if it cannot.
    """
    do = "draw it by the other functions of show"
    for got in filter(None, map(_unknown, lstm.layers)):
        must = "be of forward LSTM or GRU cells with sigmoid and tanh, without peepholes or projection"
        raise UnsupportedError(explain("a living page's LSTM", must=must, got=got, do=do))
    if lstm.head is not None and lstm.head.final:  # a pass of its own
        must, without = "have no head, or one that reads every step", "compile it without: replace(lstm, head=None)"
        raise UnsupportedError(explain("a living page's LSTM", must=must, got="a head of the last step", do=without))
    if run.setup is None:
        raise UnsupportedError(explain("a living page's run", must="be of a machine", got="one without setup", do=do))
    several = {"passes": len(run.passes) > 1, "chips": run.passes[0].chips, "lengths": run.lengths is not None}
    several["transistor cells"] = isinstance(run.setup.technology, Bicmos)
    for got in (name for name, there in several.items() if there):
        must = "have one pass and one chip, one sequence of full length, and no transistor cells"
        raise UnsupportedError(explain("a living page's run", must=must, got=got, do=do))
    if run.passes[0].compiled.timing is not CLOCKED:
        got = run.passes[0].compiled.timing.value
        raise UnsupportedError(explain("a living page's clock", must="be CLOCKED", got=got, do="compile it so"))
    if (run.x.ndim == 3 and len(run.x) > 1) or run.x.shape[-2] > MOST_STEPS:
        must = f"be one sequence of at most {MOST_STEPS} steps"
        raise InvalidShapeError(explain("a living page's x", must=must, got=run.x.shape, do="run a part of it"))
    return run.setup.technology


def _unknown(layer: Layer) -> str:
    """Return what there is in `layer` that the page's digital LSTM does not know, "" if nothing."""
    cell = layer.cells[0]
    if layer.bidirectional or layer.backward is not None:
        return "a backward direction"
    if not isinstance(cell, Cell | GRUCell):
        return type(cell).__name__
    odd = {"other activations": (cell.gate, cell.candidate) != (SIGMOID, TANH)}
    if isinstance(cell, Cell):
        odd["other activations"] |= cell.hidden != TANH
        odd |= {"peepholes": cell.peephole is not None, "a projection": cell.projection is not None}
        odd["coupled gates"] = cell.coupled
    return ", ".join(name for name, there in odd.items() if there)


def one_sequence(run: Run) -> Floats:
    """Return the only sequence of `run`, (time, inputs)."""
    sequence: Floats = run.x.reshape(run.x.shape[-2:])
    return sequence


def _of_lstm(lstm: LSTM, run: Run, technology: object) -> DrivenMachine:
    compiled = lower(technology, signal_network(lstm), CLOCKED, run.passes[0].compiled.settling)
    fed = schedule(compiled, one_sequence(run), _state(run))
    return DrivenMachine(compiled=compiled, technology=technology, fed=fed)


def _state(run: Run) -> State:
    """Return the initial state of `run` without a batch axis."""
    h, c = (tuple(a.reshape(a.shape[-1:]) for a in some) for some in (run.initial_state.h, run.initial_state.c))
    return State(h=h, c=c)


def _netlist(circuit: DrivenMachine) -> str:
    """Return the netlist of `circuit` for ngspice, driven by its sequence."""
    network = circuit.compiled.network
    return text_of(lambda path: write_spice(path, network, circuit.fed, NGSPICE, suited(network)))


def _python(run: Run, lstm: LSTM, made: object) -> str:
    """Return the lines that make the page of `run`, of a machine `made` in a technology, again, from its files.

    An own technology is `technology`. A comment names what else was done to the machine, or that its state was not zero
    at the start.
    """
    compiled, x = run.passes[0].compiled, one_sequence(run)
    detail = made.detail if isinstance(made, Hydraulic) else Detail.IDEAL
    plain = replace(made, detail=Detail.IDEAL) if isinstance(made, Hydraulic) else made
    name = next((name for name, preset in TECHNOLOGIES.items() if preset in (made, plain)), None)
    preset, lines = repr(name), ["import lstm_analog as la", "import numpy as np", ""]
    if name is None:
        preset = "technology"
    elif TECHNOLOGIES[name] != made:
        preset = f"replace(la.hydraulic.{name.upper()}, detail=la.hydraulic.Detail.{detail.name})"
        lines = ["from dataclasses import replace", "", *lines]
    numbers = f"np.array({x.tolist()})" if x.size <= _FEW else 'np.loadtxt("x.csv", delimiter=",", ndmin=2)'
    lines += [f'lstm = la.load("{lstm.name}.safetensors")  # the file of the model', f"x = {numbers}"]
    lines += [f"machine = la.compile(lstm, {preset}, settling={compiled.settling!r})"]
    lines += [f"# then, not done here: {text}" for text in left_out(run)]
    return "\n".join([*lines, 'la.show.page(machine.run(x), lstm, "page.html")', ""])


def _told(machine: DrivenMachine) -> dict[str, object]:
    compiled = machine.compiled
    unknowns = compiled.network.unknowns
    words = dict(compiled.network.provenance)
    return {
        "technology": words.get("technology", type(machine.technology).__name__),
        "domain": compiled.network.domain.name,
        "file": graph_text(compiled.network, machine.fed, machine.technology),
        "timeConstant": compiled.time_constant,
        "settling": compiled.settling,
        "settles": [interval.name for interval in (compiled.cycle.reset, *compiled.cycle.step) if interval.settles],
        "inputs": [_bank(drive) for drive in drives_of(compiled, compiled.layout.inputs[0].label)],
        "layers": [_layer(compiled.network, place) for place in compiled.layout.layers],
        "sizes": [unknowns[place.h.group].size for place in compiled.layout.layers],
    }


def _bank(drive: Drive) -> dict[str, object]:
    """Return how an input becomes the effort of a source bank: offset + gain x."""
    return {"label": drive.label, "gain": drive.gain, "offset": drive.offset}


def _layer(network: Network, place: LayerLayout) -> dict[str, object]:
    kind = GRUCell if place.c is None else Cell
    chain = place.h.group.removesuffix("_p").removesuffix("_h")
    banks = {part.label for part in network.parts}
    valves = [
        {"name": name, "bank": f"{chain}_{stem}{end}", "parameter": parameter}
        for name, stem in _VALVES[kind]
        for end, parameter in _PARTS
        if f"{chain}_{stem}{end}" in banks
    ]
    labels = {group.label for group in network.unknowns.groups}
    return {
        "h": _spot(place.h),
        "c": None if place.c is None else _spot(place.c),
        "gates": [{"name": g.name.lower(), **_spot(z)} for g, z in zip(place.gates, place.z, strict=True)],
        "valves": valves,
        "masters": {name: f"{chain}_{name}_new" for name in ("c", "h") if f"{chain}_{name}_new" in labels},
    }


def _spot(spot: Spot) -> dict[str, object]:
    return {"group": spot.group, "against": spot.against, "gain": list(spot.gain), "interval": spot.interval}


def _cell(cell: object) -> dict[str, object]:
    """Return the weights of `cell` for the equations of the digital LSTM in the page."""
    names = ("input", "recurrent", "bias", "recurrent_bias")
    arrays = {name: getattr(cell, name, None) for name in names}
    plain: dict[str, object] = {key: None if array is None else array.tolist() for key, array in arrays.items()}
    if isinstance(cell, GRUCell):
        return {"kind": "GRU", "reset_after": cell.reset_after, **plain}
    return {"kind": "LSTM", **plain}


def _digital(run: Run, lstm: LSTM) -> list[dict[str, object]]:
    """Return h and c of each layer after each step, computed by Python."""
    steps = run.x.shape[-2]
    traces = digital(run, lstm)
    return [{name: getattr(one, name).reshape(steps, -1).tolist() for name in ("h", "c")} for one in traces]
