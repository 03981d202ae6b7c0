"""A network as one `.subckt` for someone else's testbench, and a testbench of ours beside it.

Inside, nothing has a name that could meet another: parameters and nodes are local, devices bear the subcircuit's name.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.export.accuracy import Accuracy
from lstm_analog.export.cards import cards
from lstm_analog.export.dialects import Dialect
from lstm_analog.export.rules import RULES
from lstm_analog.export.spice import (
    analysis,
    bank,
    check_single,
    clock_node,
    clocks,
    device_texts,
    parameters,
    prefixed,
    safe_name,
    sources,
    wrapped,
)
from lstm_analog.files import whole_file
from lstm_analog.network.graph import Network
from lstm_analog.network.labels import check_label
from lstm_analog.network.parts import Junctions, Sources
from lstm_analog.network.schedule import Schedule


@dataclass(frozen=True, kw_only=True)
class Interface:
    """What of a network is wired from outside.

    Attributes
    ----------
    name : str
        The subcircuit's name.
    inputs : tuple of pairs of str
        What a pin is called, and the bank of sources in its place in an ordinary deck: ("x", "x") makes x0, x1, ...
    outputs : tuple of pairs of str
        What a pin is called, and the group of nodes that it leads out: ("h", "l0_h").
    supplies : tuple of str
        Banks of sources whose nodes are fed from outside, under their own name.
    """

    name: str
    inputs: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, str], ...]
    supplies: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that names can stand in a netlist."""
        for label in (self.name, *(pin for pin, _ in (*self.inputs, *self.outputs)), *self.supplies):
            check_label(label)


def bench_path(path: str | Path) -> Path:
    """Return where the testbench of the subcircuit at `path` stands: beside it, `_tb` after its name.

    >>> bench_path("cell.cir").name
    'cell_tb.cir'
    """
    return Path(path).with_name(f"{Path(path).stem}_tb{Path(path).suffix}")


def write_subcircuit(
    path: str | Path,
    network: Network,
    schedule: Schedule,
    dialect: Dialect,
    accuracy: Accuracy,
    interface: Interface,
) -> None:
    """Write `network` to `path` as one subcircuit in `dialect`, and a testbench beside it (`bench_path`).

    The `interface` says what is wired from outside; clock lines are, as `<line>_clk`, 0 V and 1 V. What else `schedule`
    imposes must not change with time and stays inside. The testbench includes the file, drives it as `schedule` says
    and runs with `accuracy`.

    Raises
    ------
    InvalidValueError
        If two pins or a pin and a reserved word have one name, or what stays inside changes with time.
    InvalidShapeError, NetworkError, FileAccessError
        As `write_spice`.
    """
    schedule.fit(network.verify())
    check_single(network, schedule)
    place = Path(path)
    if safe_name(place.name) != place.name:
        must, do = "be letters, digits, point, dash and underscore, for the testbench includes it", "rename the file"
        raise InvalidValueError(explain("file name", must=must, got=ascii(place.name)[:80], do=do))
    wiring = _wire(network, schedule, dialect, interface)
    _check_pins(wiring)
    _check_inside(wiring)
    bench = _testbench(wiring, accuracy, place.name)
    for file, lines in ((place, _subcircuit(wiring)), (bench_path(place), bench)):
        with whole_file(file) as stream:
            for text in lines:
                stream.write(text.encode("ascii"))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Wiring:
    """A network with what is wired from outside: `outside` are banks of sources, `names` those of all unknowns."""

    network: Network
    schedule: Schedule
    dialect: Dialect
    name: str
    outside: frozenset[str]
    names: list[str]
    pins: tuple[str, ...]


def _wire(network: Network, schedule: Schedule, dialect: Dialect, interface: Interface) -> _Wiring:
    names, unknowns, pins = network.unknowns.names(), network.unknowns, []
    for pin, group in (*interface.inputs, *interface.outputs, *((name, name) for name in interface.supplies)):
        nodes = unknowns[group]
        single = pin in interface.supplies and nodes.size == 1
        for number, node in enumerate(nodes):
            names[node] = pin if single else f"{pin}{number}"
        pins += [names[node] for node in nodes]
    supplied = sum(unknowns[name].size for name in interface.supplies)
    first = len(pins) - supplied
    return _Wiring(
        network=network,
        schedule=schedule,
        dialect=dialect,
        name=interface.name,
        outside=frozenset({label for _, label in interface.inputs} | set(interface.supplies)),
        names=names,
        pins=(*pins[:first], *map(clock_node, network.lines), *pins[first:]),
    )


def _check_pins(wiring: _Wiring) -> None:
    taken = [*wiring.pins, wiring.name]
    repeated = sorted(pin for pin, times in Counter(taken).items() if times > 1)
    reserved = sorted(set(taken) & RULES[wiring.dialect.name].reserved)
    if repeated or reserved:
        must, do = "differ from each other, the subcircuit and reserved words", "rename one"
        raise InvalidValueError(explain("pins", must=must, got=", ".join(repeated or reserved), do=do))


def _check_inside(wiring: _Wiring) -> None:
    for entry in wiring.schedule.imposed:
        values = entry.efforts.reshape(len(wiring.schedule.names), -1)
        if entry.label not in wiring.outside and (values != values[:1]).any():
            must, do = "not change with time, for it stays inside", "make it an input"
            raise InvalidValueError(explain(f"source {entry.label}", must=must, got="a waveform", do=do))


def _subcircuit(wiring: _Wiring) -> Iterator[str]:
    network, dialect, name = wiring.network, wiring.dialect, wiring.name
    banks = [(part, prefixed(cards(part), f"{name}_")) for part in network.parts]
    yield f"* {name}: {network.domain.name} network as a subcircuit, written by lstm_analog for {dialect.name}\n"
    yield dialect.preamble
    yield from (f"* {key}: {value}\n" for key, value in network.provenance)
    yield "* pins: inputs and outputs in V, clock lines of 0 V and 1 V, supplies; the datum is node 0\n"
    yield from device_texts(network, dialect, f"{name}_")
    yield f".subckt {name}\n"
    yield from wrapped("+", wiring.pins)
    yield from (line for part, read in banks for line in parameters(part, read))
    for part, read in banks:
        if isinstance(part, Sources):
            yield from () if part.label in wiring.outside else sources(part, wiring.names, wiring.schedule)
        elif not isinstance(part, Junctions):
            yield from bank(part, read, wiring.names, network.lines, dialect)
    yield f".ends {name}\n"


def _testbench(wiring: _Wiring, accuracy: Accuracy, file: str) -> Iterator[str]:
    schedule, dialect = wiring.schedule, wiring.dialect
    yield f"* testbench of {wiring.name}, {schedule.ends[-1]:.6g} s, written by lstm_analog for {dialect.name}\n"
    yield dialect.preamble
    yield f'.include "{file}"\n'
    for part in wiring.network.parts:
        if isinstance(part, Sources) and part.label in wiring.outside:
            yield from sources(part, wiring.names, schedule)
    yield from clocks(wiring.network, schedule)
    yield "xdut\n"
    yield from wrapped("+", [*wiring.pins, wiring.name])
    yield from analysis(schedule, dialect, accuracy, wiring.pins)
