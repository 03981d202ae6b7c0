"""The white noise of the transistors and resistors of a network, as currents with densities of textbooks.

2 q I of a collector and 4 k T/G behind a base resistance, seen as a collector current; 4 k T gamma (gm + gmbs) of a
channel in saturation, gamma = 2/3, and 4 k T gds of one that is a closed switch (van der Ziel 1962); 4 k T/R of a
resistor. gm + gmbs is the conductance of the channel without voltage; in weak inversion, where 2 q I is exact, that of
SKY130's models makes 0.9 of it. The operating point is ngspice's.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lstm_analog.arrays import Flags, Floats, Indices
from lstm_analog.engines.guest import own_folder
from lstm_analog.engines.ngspice import Ngspice
from lstm_analog.engines.noise.spectra import deck_without_analysis, operating_lines
from lstm_analog.engines.raw import read_columns
from lstm_analog.errors import SimulationError, UnsupportedPartError, explain
from lstm_analog.export.cards import cards
from lstm_analog.files import read_bytes
from lstm_analog.network.cells import Cells, Library, called, nodes_of
from lstm_analog.network.device_models import ModelLibrary, library_files
from lstm_analog.network.graph import Network
from lstm_analog.network.properties import KELVIN
from lstm_analog.network.quantities import BOLTZMANN, CHARGE
from lstm_analog.network.schedule import Schedule

_ASKED = {"q": ("ic", "gm", "gx"), "m": ("gm", "gds", "vdsat", "gmbs")}
"""What ngspice is asked of a device at its operating point, by the letter of its card."""
_SUBCIRCUIT = re.compile(r"(?im)^[ \t]*\.subckt[ \t]+(\S+).*\n(?=(?:[^a-z\n].*\n|\n)*([a-z]\S*))")
"""The head of a subcircuit in a file of models: its name, and that of its first card."""


@dataclass(frozen=True, kw_only=True)
class Device:
    """A transistor or resistor of a deck: its `name` and `nodes` as ngspice calls them, its `resistance` (ohm) or 0."""

    name: str
    nodes: tuple[str, ...]
    resistance: float = 0.0

    @property
    def letter(self) -> str:
        """The kind of card: q, m or r."""
        return self.name[0]

    @property
    def ends(self) -> tuple[str, str]:
        """The nodes between which its noise current flows: collector and emitter, drain and source."""
        return (self.nodes[0], self.nodes[1 if self.letter == "r" else 2])


@dataclass(frozen=True, kw_only=True, eq=False)
class OperatingNoise:
    """The noise of devices at an operating point.

    Attributes
    ----------
    density : float array, (devices,)
        One-sided, A squared per Hz.
    is_switch : bool array, (devices,)
        Whether it is a transistor that conducts without voltage, so that its gate says how much.
    overdrive : float array, (devices,)
        How far such a gate stands above where it would no longer conduct (V).
    """

    density: Floats
    is_switch: Flags
    overdrive: Floats


def devices_of(network: Network) -> tuple[Device, ...]:
    """Return all transistors and resistors of `network`, those inside its cells included."""
    return tuple(_devices(network))


def operating_noise(
    network: Network, state: Schedule, devices: Sequence[Device], *, efforts: Floats, held: Indices, engine: Ngspice
) -> OperatingNoise:
    """Return the noise of `devices` of `network` while the clock stands in `state`.

    `efforts` (unknowns,) are where the operating point lies, those of the unknowns `held` (m,) are kept. `engine` finds
    it. Raises `SimulationError` if it does not.
    """
    asked = [f"@{device.name}[{word}]" for device in devices for word in _ASKED.get(device.letter, ())]
    with own_folder() as folder:
        path, raw = folder / "point.cir", folder / "point.raw"
        lines = operating_lines(network.unknowns.names(), efforts, held)
        saves = "".join(f"save {word}\n" for word in asked)
        end = f".control\nset filetype=binary\n{saves}op\nwrite {raw.name} all\nquit\n.endc\n.end\n"
        path.write_text("".join((deck_without_analysis(network, state), *lines, end)), encoding="ascii")
        words = engine.call(path)
        if not raw.exists():
            raise SimulationError(explain("ngspice", must="find an operating point", got=words, do="read its message"))
        columns = read_columns(raw).items()
    found = {name[name.find("@") :].removesuffix(")"): float(value[0]) for name, value in columns if "@" in name}
    kelvin = KELVIN + next(part.temperature for part in network.parts if isinstance(part, Cells))
    each = [_noise(device, found, 4.0 * BOLTZMANN * kelvin) for device in devices]
    density, overdrive = (np.array(column) for column in zip(*each, strict=True))
    return OperatingNoise(density=density, is_switch=overdrive > 0.0, overdrive=overdrive)


def _noise(device: Device, found: Mapping[str, float], thermal: float) -> tuple[float, float]:
    """Return the density of a `device` (A squared per Hz) and its overdrive, 0 unless it is a switch.

    `found` are the values at the operating point, `thermal` is 4 k T.
    """
    if device.letter == "r":
        return thermal / device.resistance, 0.0
    first, second, third, *body = (found[f"@{device.name}[{word}]"] for word in _ASKED[device.letter])
    if device.letter == "q":
        behind_base = thermal * second**2 / third if third else 0.0
        return 2.0 * CHARGE * abs(first) + behind_base, 0.0
    saturated = 2.0 / 3.0 * abs(first + sum(body))
    return thermal * max(saturated, second), abs(third) if second > saturated else 0.0


def _devices(network: Network) -> Iterator[Device]:
    names = network.unknowns.names()
    for part in network.parts:
        read = cards(part)
        if isinstance(part, Cells):
            for number, pins in enumerate(part.pins.T.tolist()):
                wires = dict(zip(part.circuit.terminals, (names[pin] for pin in pins), strict=True))
                yield from _inside(part.library, part.device, f"x{part.label}_{number}", wires)
        elif read.letter == "r":
            ends = zip(*(pin.tolist() for pin in read.pins), read.values["r"].tolist(), strict=True)
            for number, (a, b, resistance) in enumerate(ends):
                yield Device(name=f"r{part.label}_{number}", nodes=(names[a], names[b]), resistance=resistance)


def _inside(library: Library, name: str, path: str, wires: Mapping[str, str]) -> Iterator[Device]:
    """Yield the devices of the subcircuit `name` at `path`, whose terminals are the `wires`."""
    for card in library[name].cards:
        head, *words = card.split()
        nodes = tuple("0" if node == "0" else wires.get(node, f"{path}.{node}") for node in nodes_of(card))
        if head.startswith("x"):
            yield from _called(library, called(card)[2], f"{path}.{head}", nodes)
        elif head[0] in "qmr":
            resistance = float(words[len(nodes)]) if head[0] == "r" else 0.0
            yield Device(name=f"{head[0]}.{path}.{head}", nodes=nodes, resistance=resistance)


def _called(library: Library, name: str, path: str, nodes: tuple[str, ...]) -> Iterator[Device]:
    """Yield the devices of the subcircuit `name` at `path` and `nodes`, which may be one of a process."""
    process = {device.name: device.terminals for device in library.devices}
    if name not in process:
        yield from _inside(library, name, path, dict(zip(library[name].terminals, nodes, strict=True)))
        return
    card = _first_cards(library.files).get(name, "")
    if not card:
        must, do = "be defined in its files of models", "restore the files that it was compiled with"
        raise UnsupportedPartError(explain(f"device {name}", must=must, got="none of that name", do=do))
    ends = dict(zip(process[name], nodes, strict=True))
    if card[0] != "q" or not {"c", "b", "e"} <= ends.keys():
        must, do = "be a bipolar transistor with terminals c, b, e", "ask for .noise alone, without transients"
        raise UnsupportedPartError(explain(f"device {name} of a process", must=must, got=card, do=do))
    yield Device(name=f"q.{path}.{card}", nodes=tuple(ends[end] for end in "cbe"))


@lru_cache(maxsize=8)
def _first_cards(models: tuple[ModelLibrary, ...]) -> Mapping[str, str]:
    """Return the name of the first card in each subcircuit that the files of `models` define, all in lower case."""
    found = dict[str, str]()
    for file in (each for model in models for each in library_files(model.path)):
        for name, card in _SUBCIRCUIT.findall(read_bytes(file).decode("utf-8", errors="replace")):
            found.setdefault(name.lower(), card.lower())
    return found
