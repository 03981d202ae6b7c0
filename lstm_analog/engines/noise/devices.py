"""The white noise of transistors and resistors, as current sources with the densities of textbooks.

One-sided densities by the small-signal parameters of ngspice's operating point:

* bipolar transistor: shot noise 2 q I of the collector current, and 4 k T gm^2/gx, the thermal noise of the base
  resistance 1/gx as a collector current;
* MOS transistor: 4 k T times the larger of 2/3 (gm + gmbs), a channel in saturation, and gds, a closed switch
  (van der Ziel 1962). In weak inversion, where 2 q I is exact, this is 0.9 of it with SKY130's models;
* resistor: 4 k T/R.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.engines.external import reading_results, temporary_folder
from lstm_analog.engines.ngspice import Ngspice
from lstm_analog.engines.noise.spectra import deck_without_analysis, operating_lines
from lstm_analog.engines.raw import read_columns
from lstm_analog.errors import UnsupportedPartError, explain
from lstm_analog.export.cards import cards
from lstm_analog.files import read_bytes
from lstm_analog.network.cells import Cells, Library, called, nodes_of
from lstm_analog.network.device_models import library_files
from lstm_analog.network.graph import Network
from lstm_analog.network.properties import KELVIN
from lstm_analog.network.quantities import BOLTZMANN, CHARGE
from lstm_analog.network.schedule import Schedule

_ASKED = {"q": ("ic", "gm", "gx"), "m": ("gm", "gds", "vdsat", "gmbs")}
"""Parameters that are read of a device at its operating point, in ngspice's names, by the letter of its card."""


@dataclass(frozen=True, kw_only=True)
class Device:
    """A transistor or resistor: its `name` and `nodes` in ngspice's flattened deck, its `resistance` (ohm, else 0)."""

    name: str
    nodes: tuple[str, ...]
    resistance: float = 0.0

    @property
    def letter(self) -> str:
        """The kind of device: q (bipolar), m (MOS) or r (resistor)."""
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
    overdrive : float array, (devices,)
        By how much the gate of a closed switch exceeds the threshold (vdsat, V); else 0. A closed switch is a MOS
        transistor whose gds is above 2/3 (gm + gmbs).
    """

    density: Floats
    overdrive: Floats


def devices_of(network: Network) -> tuple[Device, ...]:
    """Return all transistors and resistors of `network`, those inside its cells included."""
    return tuple(_devices(network))


def operating_noise(
    network: Network, state: Schedule, devices: Sequence[Device], *, efforts: Floats, held: Indices, engine: Ngspice
) -> OperatingNoise:
    """Return the noise of `devices` of `network` while the clock stands in `state`, by the operating point of `engine`.

    `efforts` (unknowns,) are a guess of it; the unknowns `held` (m,) keep theirs. Raises `SimulationError` if ngspice
    finds none.
    """
    asked = [f"@{device.name}[{word}]" for device in devices for word in _ASKED.get(device.letter, ())]
    with temporary_folder() as folder:
        path, raw = folder / "point.cir", folder / "point.raw"
        lines = operating_lines(network.unknowns.names(), efforts, held)
        saves = "".join(f"save {word}\n" for word in asked)
        end = f".control\nset filetype=binary\n{saves}op\nwrite {raw.name} all\nquit\n.endc\n.end\n"
        path.write_text("".join((deck_without_analysis(network, state), *lines, end)), encoding="ascii")
        complaints = engine.call(path)
        with reading_results("ngspice", [raw], complaints, must="find an operating point"):
            columns = read_columns(raw).items()
    found = {name[name.find("@") :].removesuffix(")"): float(value[0]) for name, value in columns if "@" in name}
    kelvin = KELVIN + next(part.temperature for part in network.parts if isinstance(part, Cells))
    each = [_noise(device, found, 4.0 * BOLTZMANN * kelvin) for device in devices]
    density, overdrive = (np.array(column) for column in zip(*each, strict=True))
    return OperatingNoise(density=density, overdrive=overdrive)


def _noise(device: Device, found: Mapping[str, float], thermal: float) -> tuple[float, float]:
    """Return the density of a `device` (A squared per Hz) and its overdrive (V), 0 unless it is a closed switch.

    `found` are the values at the operating point by ngspice's names, `thermal` is 4 k T.
    """
    if device.letter == "r":
        return thermal / device.resistance, 0.0
    of = {word: found[f"@{device.name}[{word}]"] for word in _ASKED[device.letter]}
    if device.letter == "q":
        behind_base = thermal * of["gm"] ** 2 / of["gx"] if of["gx"] else 0.0
        return 2.0 * CHARGE * abs(of["ic"]) + behind_base, 0.0
    saturated = 2.0 / 3.0 * abs(of["gm"] + of["gmbs"])
    return thermal * max(saturated, of["gds"]), abs(of["vdsat"]) if of["gds"] > saturated else 0.0


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
    """Yield the devices of the subcircuit `name` at `path` and `nodes`; that of a foundry counts as one device."""
    process = {device.name: device.terminals for device in library.devices}
    if name not in process:
        yield from _inside(library, name, path, dict(zip(library[name].terminals, nodes, strict=True)))
        return
    card = _card_of(library, name)
    ends = dict(zip(process[name], nodes, strict=True))
    if card[0] != "q" or not {"c", "b", "e"} <= ends.keys():
        must, do = "be a bipolar transistor with terminals c, b, e", "ask for .noise alone, without transients"
        raise UnsupportedPartError(explain(f"device {name} of a process", must=must, got=card, do=do))
    yield Device(name=f"q.{path}.{card}", nodes=tuple(ends[end] for end in "cbe"))


def _card_of(library: Library, name: str) -> str:
    """Return the name of the first card in the subcircuit `name` that files of models define, in lower case."""
    first = re.compile(rf"(?im)^[ \t]*\.subckt[ \t]+{re.escape(name)}\b.*\n(?:[^a-z\n].*\n|\n)*([a-z]\S*)")
    for file in (each for model in library.files for each in library_files(model.path)):
        found = first.search(read_bytes(file).decode("utf-8", errors="replace"))
        if found:
            return found[1].lower()
    must, do = "be defined in its files of models", "restore the files that it was compiled with"
    raise UnsupportedPartError(explain(f"device {name}", must=must, got="none of that name", do=do))
