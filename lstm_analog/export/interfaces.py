"""The pins of a network that is written as a subcircuit or a module, and their names."""

from dataclasses import dataclass

from lstm_analog.arrays import Indices
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.export.source_waveforms import clock_node
from lstm_analog.network.graph import Network
from lstm_analog.network.labels import check_label, repeated
from lstm_analog.network.parts import DATUM, Sources

GROUND = "0"
"""The node at 0 V in all simulators, global to every subcircuit."""


@checked_record
@dataclass(frozen=True, kw_only=True)
class Interface:
    """The pins of a network that is written as a subcircuit or a module.

    * `name`: the name of the subcircuit.
    * `inputs`: the name of the pins, and the bank of sources that they replace: ("x", "x") makes x0, x1, ...
    * `outputs`: the name of the pins, and the group of nodes that they lead out: ("h", "l0_h").
    * `supplies`: the same for supplies, and for clocks that are ordinary sources, at the end; a bank of one node
      has no number.
    * `datum`: the name of node 0 inside; unless it is "0", it is a pin, the last one.
    """

    name: str
    inputs: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, str], ...]
    supplies: tuple[tuple[str, str], ...] = ()
    datum: str = GROUND

    def __post_init__(self) -> None:
        """Check that names are labels and that no group is led out twice."""
        led = (*self.inputs, *self.outputs, *self.supplies)
        for label in (self.name, *(pin for pin, _ in led)):
            check_label(label)
        if self.datum != GROUND:
            check_label(self.datum)
        if twice := repeated(label for _, label in led):
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
    """Return the pins of `network` by its `interface`: inputs, outputs, clock lines, supplies, datum.

    Raises `InvalidValueError` if a pin has the name of another pin, a node inside or one of the `reserved` words, or is
    to replace what is no bank of sources, and `NetworkError` for a bank or a group that is not there.
    """
    names, unknowns = network.unknowns.names(), network.unknowns
    names[DATUM] = interface.datum

    led = set[int]()

    def lead(pin: str, nodes: Indices, *, numbered: bool) -> list[str]:
        if not led.isdisjoint(nodes.tolist()):
            do = "drop one, or wire it outside"
            raise InvalidValueError(explain("pins", must="lead out a node once", got=f"{pin} for the second", do=do))
        led.update(nodes.tolist())
        for number, node in enumerate(nodes):
            names[node] = f"{pin}{number}" if numbered or nodes.size > 1 else pin
        return [names[node] for node in nodes]

    signals = [name for pin, bank in interface.inputs for name in lead(pin, _fed(network, bank), numbered=True)]
    signals += [name for pin, group in interface.outputs for name in lead(pin, unknowns[group], numbered=True)]
    supplies = [name for pin, bank in interface.supplies for name in lead(pin, _fed(network, bank), numbered=False)]
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


def _fed(network: Network, label: str) -> Indices:
    part = network.part(label)
    if not isinstance(part, Sources):
        must, do = "replace a bank of sources", "lead it out as an output"
        raise InvalidValueError(explain("a pin", must=must, got=f"{type(part).__name__} {label}", do=do))
    return part.nodes


def _check_names(taken: list[str], reserved: frozenset[str]) -> None:
    wrong = repeated(taken) or sorted(set(taken) & reserved)
    if wrong:
        must, do = "differ from each other, nodes inside, the subcircuit and reserved words", "rename one"
        raise InvalidValueError(explain("pins", must=must, got=", ".join(wrong), do=do))
