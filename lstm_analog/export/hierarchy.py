"""Write a network and its schedule as a deck of subcircuits: for the unit of each layer and each bank of weights.

Every unit is an instance with parameters of the same subcircuit; clocks have one of their own. Op-amps have supplies.
What stands at the top are sources, supplies and the few elements that belong to no unit.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np

from lstm_analog.doors import checked
from lstm_analog.errors import InvalidValueError, UnsupportedError, explain
from lstm_analog.export.accuracy import Accuracy
from lstm_analog.export.cards import Cards
from lstm_analog.export.cells import MARK, definitions
from lstm_analog.export.devices import RAILS, SWING, device_texts
from lstm_analog.export.dialects import DeckLanguage, Dialect
from lstm_analog.export.emit import fill
from lstm_analog.export.netlist import Netlist, checked_netlist
from lstm_analog.export.numbers import number_text
from lstm_analog.export.source_waveforms import clock_node, clocks, sources, wrapped
from lstm_analog.export.spice import analysis, bank, heads, parameters, part_head
from lstm_analog.export.spice_header import header
from lstm_analog.export.units import WEIGHTS, Hierarchy, UnitCards, UnitCircuit, sorted_banks
from lstm_analog.files import write_texts
from lstm_analog.network.graph import Network
from lstm_analog.network.labels import repeated
from lstm_analog.network.parts import DATUM, OpAmps, Part, Sources
from lstm_analog.network.schedule import Schedule

CLOCK = "clock"
"""The subcircuit of all clocks."""
UNITS, CIRCUIT, TOP = "units", "circuit", "top"
"""Marks: the number of units of a layer; before a subcircuit of units, weights or clocks; before what uses them."""


@checked
def write_hierarchy(
    path: str | Path,
    network: Network,
    schedule: Schedule,
    dialect: Dialect,
    accuracy: Accuracy,
    hierarchy: Hierarchy,
) -> None:
    """Write `network` under `schedule` to `path` as a deck of subcircuits by `hierarchy`, in `dialect`.

    It computes what the deck of `write_spice` does, with the settings `accuracy`, and keeps the nodes at pins and
    those of `hierarchy.kept`; `read_spice` reads the same network back. Raises `UnsupportedError` if the units of a
    layer are not alike, op-amps differ in their swing, a circuit has the name of a device, or the dialect is VACASK's,
    `InvalidValueError` for clocks that are no sources; otherwise as `write_spice`.
    """
    if dialect.language is DeckLanguage.VACASK:
        do = "write the flat deck, or a dialect of SPICE"
        raise UnsupportedError(explain("a deck by units", must="be in a dialect of SPICE", got=dialect.name, do=do))
    made = checked_netlist(network, schedule, dialect, accuracy)
    write_texts(path, _deck(made, hierarchy, accuracy, Path(path).name))


def _deck(made: Netlist, hierarchy: Hierarchy, accuracy: Accuracy, name: str) -> Iterator[str]:
    network, names = made.network, made.names
    layers, rest = sorted_banks(made, hierarchy)
    weights = [entry for entry in rest if isinstance(entry[0], WEIGHTS)]
    _check_circuits(made, [CLOCK, *(f"{each.label}_unit" for each in layers), *(f"{w.label}_bank" for w, _ in weights)])
    clocked = _clock_sources(network, hierarchy)
    yield from header(made, accuracy, name)
    yield from (f"{MARK} {UNITS} {layer.label} {layer.pins.shape[1]}\n" for layer in layers)
    yield "\n* ---- parameters: what a whole bank shares\n"
    yield from chain.from_iterable(parameters(part, _fed(read)) for part, read in made.banks)
    yield "\n* ---- devices\n"
    yield from device_texts(network, made.dialect, by_unit=True)
    yield "\n* ---- the banks, whose cards stand in the circuits below\n"
    yield from chain.from_iterable(part_head(made, part, read) for part, read in made.banks)
    for layer in layers:
        yield from _unit(layer, made)
    for part, read in weights:
        yield from _weights(part, read, made)
    yield from _clock(made, clocked)
    yield f"\n{MARK} {TOP}\n"
    yield from _top(made, clocked, layers, [entry for entry in rest if entry not in weights])
    yield from (text for part, read in weights for text in _instance(part, read, names))
    seen = [*(layer.pins.ravel() for layer in layers), *(network.unknowns[label] for label in hierarchy.kept)]
    saved = [names[node] for node in np.unique(np.concatenate(seen)).tolist()]
    yield f"\n{MARK} analysis\n"
    yield from analysis(made, accuracy, [*saved, *map(clock_node, network.lines)])


def _check_circuits(made: Netlist, circuits: list[str]) -> None:
    """Raise `UnsupportedError` if the names of `circuits` are not apart from each other and those of devices."""
    taken = {name for _, read in made.banks for name in (read.device, *dict(definitions(read.library)))}
    taken |= {part.label for part, _ in made.banks if part.label.endswith("_unit")}  # its cards are xl0_unit_0, too
    wrong = sorted({name for name in circuits if name in taken or circuits.count(name) > 1})
    if wrong:
        must, do = (
            "have names of their own",
            "rename the device, the subcircuit of a cell or the bank, or write the flat deck",
        )
        raise UnsupportedError(explain("circuits of a deck by units", must=must, got=", ".join(wrong), do=do))


def _fed(read: Cards) -> Cards:
    """Return the cards `read` without the swing of op-amps, which their supplies give."""
    return replace(read, values={key: value for key, value in read.values.items() if key != SWING})


def _unit(layer: UnitCircuit, made: Netlist) -> Iterator[str]:
    """Yield the subcircuit of a unit of `layer`, with a parameter for each value in which units differ."""
    network, inside = made.network, [*made.names]
    for node, name in layer.inner.items():
        inside[node] = name
    own = [name for body in layer.bodies for name in _own(body).values()]
    used = {node for body in layer.bodies for pin in body.read.pins for node in pin.tolist()} - {DATUM}
    names_within = [*(inside[node] for node in used), *_common(layer, network)]
    if wrong := repeated(names_within) + repeated(own):
        must, do = "differ without the numbers of units", "rename a group of nodes, a clock line or a bank"
        raise UnsupportedError(explain(f"names in a unit of {layer.label}", must=must, got=", ".join(wrong), do=do))
    yield f"\n{MARK} {CIRCUIT} {layer.label}_unit\n.subckt {layer.label}_unit\n"
    yield from wrapped("+", [*(inside[node] for node in layer.pins[:, 0].tolist()), *_common(layer, network)])
    yield from wrapped(f"+ {made.dialect.passing}".rstrip(), sorted(f"{name}=1" for name in own)) if own else ()
    for body in layer.bodies:
        yield from _body(body, replace(made, names=inside))
    yield f".ends {layer.label}_unit\n"


def _common(layer: UnitCircuit, network: Network) -> list[str]:
    """Return the pins of `layer` that are the same in all units: clock lines, and the supplies of op-amps."""
    rails = RAILS if any(_is_supplied(body.read) for body in layer.bodies) else ()
    return [*(clock_node(network.lines[line]) for line in layer.lines), *rails]


def _is_supplied(read: Cards) -> bool:
    return SWING in read.values


def _own(body: UnitCards) -> dict[tuple[str, int], str]:
    """Return the parameters of a unit in `body`, those in which units differ, by the value on the card and card."""
    return {
        (key, number): f"{body.label}_{key}{number or ''}"
        for key, values in body.values.items()
        if key != SWING
        for number in np.flatnonzero((values != values[:1]).any(axis=0)).tolist()
    }


def _body(body: UnitCards, made: Netlist) -> Iterator[str]:
    """Yield the cards of `body` in a unit, in which nodes have the names of `made`."""
    own, read = _own(body), body.read
    rails = f" {' '.join(RAILS)}" if _is_supplied(read) else ""
    keys = [key for key in read.values if not (rails and key == SWING)]
    for number, head in enumerate(heads(body.label, read, made.names, made.network.lines, made.dialect)):
        before, device, after = head.rpartition(f" {read.device}") if read.device else (head, "", "")
        ends = before.partition(" ")[2]
        words = [f"{read.letter}{body.label}_{body.numbers[number]} {ends}{rails}{device}{after}"]
        for key in keys:
            text = _value(body, key, number, own, made.dialect)
            words.append(f"{key}={text}" if read.device else text)
        yield f"{' '.join(words)}\n"


def _value(body: UnitCards, key: str, number: int, own: Mapping[tuple[str, int], str], dialect: Dialect) -> str:
    """Return the value `key` of card `number` in a unit: a parameter of the unit or of the bank, or a number."""
    values = body.values[key]
    if (key, number) in own:
        return fill(dialect.parameter, {"name": own[key, number]})
    if (values == values.flat[0]).all():
        return fill(dialect.parameter, {"name": f"{body.label}_{key}"})
    return number_text(values[0, number])


def _weights(part: Part, read: Cards, made: Netlist) -> Iterator[str]:
    yield f"\n{MARK} {CIRCUIT} {part.label}_bank\n.subckt {part.label}_bank\n"
    yield from wrapped("+", [made.names[node] for node in _met(read)])
    yield from bank(made, part, read)
    yield f".ends {part.label}_bank\n"


def _instance(part: Part, read: Cards, names: Sequence[str]) -> Iterator[str]:
    yield f"x{part.label}_bank\n"
    yield from wrapped("+", [*(names[node] for node in _met(read)), f"{part.label}_bank"])


def _met(read: Cards) -> list[int]:
    nodes: list[int] = np.unique(np.concatenate(read.pins)).tolist()
    return [node for node in nodes if node != DATUM]


def _clock(made: Netlist, own: Sequence[Sources]) -> Iterator[str]:
    """Yield the subcircuit of all clocks: those of lines, and the sources `own`."""
    yield f"\n{MARK} {CIRCUIT} {CLOCK}\n.subckt {CLOCK}\n"
    yield from wrapped("+", _clock_pins(made, own))
    yield from clocks(made)
    yield from (text for part in own for text in sources(made, part))
    yield f".ends {CLOCK}\n"


def _clock_sources(network: Network, hierarchy: Hierarchy) -> list[Sources]:
    """Return the banks of sources that are clocks; raise `InvalidValueError` for a label of no such bank."""
    known = {part.label: part for part in network.parts if isinstance(part, Sources)}
    wrong = [label for label in hierarchy.clocks if label not in known]
    if wrong:
        raise InvalidValueError(explain("clocks", must="be banks of sources", got=wrong[0], do="leave it out"))
    return [part for label, part in known.items() if label in hierarchy.clocks]


def _clock_pins(made: Netlist, own: Sequence[Sources]) -> list[str]:
    nodes = (made.names[node] for part in own for node in part.nodes.tolist())
    return [*map(clock_node, made.network.lines), *nodes]


def _top(
    made: Netlist, clocked: Sequence[Sources], layers: Sequence[UnitCircuit], rest: Sequence[tuple[Part, Cards]]
) -> Iterator[str]:
    """Yield sources, supplies, the elements `rest` that belong to no unit, clocks and units."""
    network, passing = made.network, made.dialect.passing.strip()
    for part in network.parts:
        if isinstance(part, Sources) and part not in clocked:
            yield from sources(made, part)
    yield from _supplies(network)
    for part, read in rest:
        yield from _body(_whole(part, read), made) if _is_supplied(read) else bank(made, part, read)
    yield f"x{CLOCK}\n"
    yield from wrapped("+", [*_clock_pins(made, clocked), CLOCK])
    for layer in layers:
        for unit in range(layer.pins.shape[1]):
            own = [
                f"{name}={number_text(body.values[key][unit, number])}"
                for body in layer.bodies
                for (key, number), name in _own(body).items()
            ]
            pins = [*(made.names[node] for node in layer.pins[:, unit].tolist()), *_common(layer, network)]
            yield f"x{layer.label}_unit_{unit}\n"
            yield from wrapped("+", [*pins, f"{layer.label}_unit", *([passing] if own else []), *own])


def _whole(part: Part, read: Cards) -> UnitCards:
    """Return the cards `read` of all of `part` as those of one unit."""
    size = read.pins[0].size
    values = {key: np.broadcast_to(value, (1, size)) for key, value in read.values.items()}
    return UnitCards(label=part.label, read=read, numbers=np.arange(size), values=values)


def _supplies(network: Network) -> Iterator[str]:
    """Yield the sources of the supplies of op-amps; `UnsupportedError` if these differ in swing."""
    swings = {float(value) for part in network.parts if isinstance(part, OpAmps) for value in part.swing.flat}
    if len(swings) > 1:
        got = ", ".join(f"{value:g} V" for value in sorted(swings))
        raise UnsupportedError(explain("op-amps", must="swing alike", got=got, do="write the flat deck"))
    for value in swings:
        yield from (
            f"v{rail} {rail} 0 {sign}{number_text(value)}\n" for rail, sign in zip(RAILS, ("", "-"), strict=True)
        )
