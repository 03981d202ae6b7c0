"""Write a network and its schedule as self-contained Modelica, piece by piece; no library is needed to run it.

A file has a header, the model of each kind of part, the clock, and a section for each part bank: components, then
`connect` clauses. Every tube, port and weight is a component. Unknowns are named after the components that set them, so
`l0_c_0.pin.e` is the effort of the unknown `l0_c_0`; a spool, which sets two, is named after its position.
The ends of the intervals stand in `ends`, the efforts of a source in `.._values`.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from lstm_analog.arrays import Floats, floats_of_shape
from lstm_analog.doors import checked
from lstm_analog.errors import InvalidShapeError, InvalidValueError, NetworkError, UnsupportedPartError, explain
from lstm_analog.export.modelica_models import (
    DATUM_MODEL,
    RESERVED,
    ModelicaModel,
    connector_text,
    model_text,
    quoted,
    units,
)
from lstm_analog.export.modelica_parts import Components, components
from lstm_analog.export.numbers import number_text
from lstm_analog.files import write_texts
from lstm_analog.network.chips import check_one_chip
from lstm_analog.network.graph import Network
from lstm_analog.network.labels import check_label
from lstm_analog.network.laws import Kind
from lstm_analog.network.parts import ALWAYS, DATUM, Crossbars, Part, Sources
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.varying import check_steady

_WIDTH = 110


@checked
def write_modelica(path: str | Path, network: Network, schedule: Schedule, *, name: str, start: Floats) -> None:
    """Write `network` under `schedule` to `path` as the Modelica model `name`, which starts at the efforts `start`.

    `start` (..., unknowns) in the effort unit, leading axes of size 1: initial values of storages and internal states,
    first guesses of junctions.

    Raises
    ------
    InvalidShapeError
        If the schedule imposes a batch of sequences, a part has chip axes, or `start` does not fit.
    InvalidValueError
        If `name` is no label, or a word of Modelica.
    NetworkError
        If the network is not well formed, the schedule is not for it, or an input of a crossbar is no source or
        follower, so that the crossbar would load it.
    UnsupportedPartError
        If a kind of part has no Modelica components.
    FileAccessError
        If the file cannot be written; nothing is left behind then.
    """
    schedule.fit(network.verify())
    _check(network, schedule, name)
    begin = floats_of_shape(start, "start", (1, network.unknowns.size))
    if begin.ndim > 2:
        do = "give the start of one chip"
        raise InvalidShapeError(explain("start", must="have no chip axis", got=begin.shape, do=do))
    begin = begin[0]
    write_texts(path, modelica(network, schedule, name, begin, Path(path).name))


@checked
def model_name(path: str | Path) -> str:
    """Return a name for the model in the file at `path`: its stem in lower case, other letters made underscores.

    >>> model_name("runs/2 Airline-OIL.mo")
    'm_2_airline_oil'
    """
    stem = re.sub(r"[^a-z0-9_]", "_", Path(path).stem.lower())[:60]
    return stem if re.match(r"[a-z]", stem) and stem not in RESERVED else f"m_{stem}"


@checked
def effort_names(network: Network) -> list[str]:
    """Return the name of the Modelica variable for the effort of each unknown of `network`, the datum first."""
    banks = [(part, components(part)) for part in network.parts]
    return [f"{pin}.e" for pin in _pins(banks, network.unknowns.names())]


def modelica(network: Network, schedule: Schedule, name: str, start: Floats, file: str) -> Iterator[str]:
    """Yield the text of `network` under `schedule` as the model `name` with `start` values, for a `file`, in pieces."""
    banks = [(part, tuple(entry for entry in components(part) if entry.count)) for part in network.parts]
    names = network.unknowns.names()
    pins = _pins(banks, names)
    yield from _header(network, schedule, name, file)
    yield connector_text(network.domain)
    yield from (model_text(model, network.domain) for model in _models(banks))
    yield from _clock(network, schedule)
    yield "  Datum datum;\n"
    for part, bank in banks:
        yield f"  // ---- {type(part).__name__} {part.label}\npublic\n"
        held = _held(part, names, schedule) if isinstance(part, Sources) else []
        for entry in bank:
            yield from _declarations(entry, _labels(part, entry, names), network, start, held)
        connects = chain(*(_connects(entry, _labels(part, entry, names), pins) for entry in bank))
        yield from (line if number else f"equation\n{line}" for number, line in enumerate(connects))
    yield _footer(schedule, name)


def _models(banks: list[tuple[Part, tuple[Components, ...]]]) -> Iterable[ModelicaModel]:
    """Return the models of all components in `banks`; `UnsupportedPartError` if two that differ have one name."""
    used = {"Pin": None, DATUM_MODEL.name: DATUM_MODEL}
    for model in (entry.model for _, bank in banks for entry in bank):
        if used.setdefault(model.name, model) != model:
            must, do = "be one in the whole file", "rename the kind of part"
            raise UnsupportedPartError(explain(f"model {model.name}", must=must, got="two that differ", do=do))
    return [model for model in used.values() if model is not None]


def _check(network: Network, schedule: Schedule, name: str) -> None:
    check_label(name)
    if name in RESERVED:
        raise InvalidValueError(explain("model name", must="be no word of Modelica", got=name, do="rename it"))
    schedule.single("a Modelica file")
    check_one_chip(network)
    check_steady(network)
    kinds = network.kinds()
    driving = np.concatenate(([DATUM], kinds[Kind.IMPOSED], kinds[Kind.FOLLOWED]))
    for part in network.parts:
        if isinstance(part, Crossbars) and not np.isin(part.inputs, driving).all():
            names, wrong = network.unknowns.names(), part.inputs[~np.isin(part.inputs, driving)]
            must, do = "be sources or followers, for tubes draw from what drives them", "put a follower between"
            raise NetworkError(explain(f"{part.label}.inputs", must=must, got=names[wrong[0]], do=do))


def _header(network: Network, schedule: Schedule, name: str, file: str) -> Iterator[str]:
    unit, last, end = units(network.domain), network.unknowns.groups[-1], number_text(schedule.ends[-1])
    safe = re.sub(r"[^A-Za-z0-9_.-]", "_", file)
    yield f"// {safe}: {network.domain.name} network, {len(schedule.names)} intervals, {schedule.ends[-1]:.6g} s\n"
    yield "// written by lstm_analog; Modelica 3, needs no library\n"
    yield f"// units: effort {unit['effort']}, flow {unit['flow']}, conductance {unit['conductance']}, time s\n"
    atol = number_text(1e-11 * network.unknowns.scales()[1:].min())
    yield "// run, in Python (rumoca 0.10.2 reads every .mo file of the folder: leave this one alone there):\n"
    yield f"//   import rumoca; model = rumoca.Session().load('{safe}', model='{name}')\n"
    yield f"//   settings = rumoca.SimConfig(solver='rk-like', rtol=1e-10, atol={atol}, dt={end})\n"
    yield f"//   result = model.simulate(t=(0.0, {end}), config=settings)\n"
    yield f'// or, in an OpenModelica script: loadFile("{safe}"); simulate({name});\n'
    yield f"// look at: {last.label}_0.pin.e and the other unknowns; their units of signal, in {unit['effort']}:\n"
    yield from _wrapped("//  ", [f"{g.label} {number_text(g.scale)}," for g in network.unknowns.groups])
    yield from (f"// {key}: {value}\n" for key, value in network.provenance)
    yield f"model {name} {quoted(f'{network.domain.name} network')}\n"


def _clock(network: Network, schedule: Schedule) -> Iterator[str]:
    """Yield a counter of intervals, with an event at the end of each, and the state of every clock line in them."""
    count = len(schedule.names)
    yield f"\n  // ---- clock: {count} intervals\n"
    yield from _table("Real", "ends", [number_text(end) for end in schedule.ends], "s")
    yield "  Integer interval(start = 1, fixed = true);\n"
    for number, line in enumerate(network.lines):
        yield from _table("Boolean", f"{line}_high", [str(bool(on)).lower() for on in schedule.high[:, number]])
        yield f"  Boolean {line}_clk = {line}_high[interval];\n"
    yield f"equation\n  when pre(interval) < {count} and time >= ends[pre(interval)] then\n"
    yield "    interval = pre(interval) + 1;\n  end when;\npublic\n"


def _table(kind: str, name: str, values: list[str], unit: str = "") -> Iterator[str]:
    yield f"  parameter {kind} {name}[{len(values)}]" + (f"(each unit = {quoted(unit)})" if unit else "") + " = {\n"
    yield from _wrapped("   ", [*(f"{value}," for value in values[:-1]), values[-1] + "};"])


def _pins(banks: list[tuple[Part, tuple[Components, ...]]], names: list[str]) -> list[str]:
    """Return the pin of each unknown, by the components that set it."""
    pins = ["datum.pin"] * len(names)
    for entry in (entry for _, bank in banks for entry in bank):
        for pin, nodes in entry.sets:
            for node, first in zip(nodes, entry.sets[0][1], strict=True):
                pins[node] = f"{names[first]}.{pin}"
    return pins


def _labels(part: Part, entry: Components, names: list[str]) -> list[str]:
    if entry.sets:
        return [names[node] for node in entry.sets[0][1]]
    return [f"{part.label}_{suffix}" for suffix in entry.suffixes]


def _held(part: Sources, names: list[str], schedule: Schedule) -> list[tuple[str, Floats]]:
    """Return for each source the name of its table and its efforts, (intervals,), or (1,) if they are constant."""
    driven = {entry.label: entry.efforts for entry in schedule.imposed}
    values = driven.get(part.label, part.effort).reshape(-1, part.nodes.size)
    columns = [values[:1, k] if (values[:, k] == values[0, k]).all() else values[:, k] for k in range(part.nodes.size)]
    return [(f"{names[node]}_values", column) for node, column in zip(part.nodes, columns, strict=True)]


def _declarations(
    entry: Components, labels: list[str], network: Network, start: Floats, held: list[tuple[str, Floats]]
) -> Iterator[str]:
    values = {key: [number_text(value) for value in column] for key, column in entry.values.items()}
    for number, (pin, nodes) in enumerate(entry.sets):
        name = f"start_{pin}" if number else "start"
        if name in dict(entry.model.parameters):
            values[name] = [number_text(value) for value in start[nodes]]
    if held:
        values["effort"] = []
        for name, column in held:
            values["effort"].append(f"{name}[interval]" if column.size > 1 else number_text(column[0]))
            if column.size > 1:
                yield from _table("Real", name, [number_text(value) for value in column])
    if entry.line != ALWAYS:
        values["on"] = [f"{network.lines[entry.line]}_clk"] * len(labels)
    for number, label in enumerate(labels):
        given = ", ".join([f"{key} = {column[number]}" for key, column in values.items()])
        yield f"  {entry.model.name} {label}({given});\n"


def _connects(entry: Components, labels: list[str], pins: list[str]) -> Iterator[str]:
    columns = [(pin, nodes.tolist()) for pin, nodes in entry.pins.items()]
    for number, label in enumerate(labels):
        if columns:
            yield "  " + " ".join(f"connect({label}.{pin}, {pins[nodes[number]]});" for pin, nodes in columns) + "\n"


def _wrapped(prefix: str, words: Iterable[str]) -> Iterator[str]:
    line = prefix
    for word in words:
        if len(line) + len(word) >= _WIDTH and line != prefix:
            yield f"{line}\n"
            line = prefix
        line += f" {word}"
    yield f"{line}\n"


def _footer(schedule: Schedule, name: str) -> str:
    end, step = number_text(schedule.ends[-1]), number_text(float(schedule.durations.max()) / 100)
    experiment = f"StartTime = 0, StopTime = {end}, Interval = {step}, Tolerance = 1e-10"
    return f"  annotation(experiment({experiment}));\nend {name};\n"
