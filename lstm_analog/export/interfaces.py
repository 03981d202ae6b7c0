"""What of a network is wired from outside when it becomes a subcircuit or a module: pins and their names."""

from collections import Counter
from dataclasses import dataclass

from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.export.courses import clock_node
from lstm_analog.network.graph import Network
from lstm_analog.network.labels import check_label
from lstm_analog.network.parts import DATUM

GROUND = "0"
"""The node that all simulators hold at 0 V, in every subcircuit."""


@checked_record
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
    supplies : tuple of pairs of str
        Likewise for supplies and clocks that are no lines, at the end; a bank of one node gets no number.
    datum : str
        What node 0 is called within: with another name than 0 it is a pin too, the last.
    """

    name: str
    inputs: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, str], ...]
    supplies: tuple[tuple[str, str], ...] = ()
    datum: str = GROUND

    def __post_init__(self) -> None:
        """Check that names can stand in a netlist and that nothing has two pins."""
        led = (*self.inputs, *self.outputs, *self.supplies)
        for label in (self.name, *(pin for pin, _ in led)):
            check_label(label)
        if self.datum != GROUND:
            check_label(self.datum)
        twice = [label for label, times in Counter(label for _, label in led).items() if times > 1]
        if twice:
            got, do = ", ".join(twice), "drop one, or wire it outside"
            raise InvalidValueError(explain("pins", must="lead out a group once", got=got, do=do))


@dataclass(frozen=True, kw_only=True)
class SubcircuitInterface:
    """The subcircuit's `name`, its `pins` in order, the `names` of all unknowns within, and the banks `outside`."""

    name: str
    pins: tuple[str, ...]
    names: tuple[str, ...]
    outside: frozenset[str]


def wire(network: Network, interface: Interface, reserved: frozenset[str]) -> SubcircuitInterface:
    """Return the wires of `network` through its `interface`: inputs, outputs, clock lines, supplies, datum.

    Raises `InvalidValueError` if two pins, a pin and a node inside or one of the `reserved` words have one name.
    """
    names, unknowns = network.unknowns.names(), network.unknowns
    names[DATUM] = interface.datum

    def lead(pin: str, group: str, *, numbered: bool) -> list[str]:
        nodes = unknowns[group]
        for number, node in enumerate(nodes):
            names[node] = f"{pin}{number}" if numbered or nodes.size > 1 else pin
        return [names[node] for node in nodes]

    signals = [name for pair in (*interface.inputs, *interface.outputs) for name in lead(*pair, numbered=True)]
    supplies = [name for pair in interface.supplies for name in lead(*pair, numbered=False)]
    supplies += [interface.datum] if interface.datum != GROUND else []
    clocks = [clock_node(line) for line in network.lines]
    ordered = (*signals, *clocks, *supplies)
    _check_names([*names, *clocks, interface.name], reserved)
    return SubcircuitInterface(
        name=interface.name,
        pins=ordered,
        names=tuple(names),
        outside=frozenset(label for _, label in (*interface.inputs, *interface.supplies)),
    )


def _check_names(taken: list[str], reserved: frozenset[str]) -> None:
    repeated = sorted(pin for pin, times in Counter(taken).items() if times > 1)
    words = sorted(set(taken) & reserved)
    if repeated or words:
        must, do = "differ from each other, nodes inside, the subcircuit and reserved words", "rename one"
        raise InvalidValueError(explain("pins", must=must, got=", ".join(repeated or words), do=do))
