"""The noise of transistor cells by ngspice's `.noise`: in one clock state, at an operating point that is given.

A capacitor behind an open switch has no operating point of its own. It is held at its voltage by a source behind an
inductance of 1e9 H, a short circuit at rest and an open one above some hertz. To give the operating point, all nodes
inside the cells are made unknowns of the network (`expose_nodes`), and one interval is held for ever (`alone`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.engines.external import reading_results, temporary_folder
from lstm_analog.engines.ngspice import Ngspice
from lstm_analog.engines.raw import read_columns
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.export import NGSPICE, Accuracy
from lstm_analog.export.netlist import netlist
from lstm_analog.export.spice import deck
from lstm_analog.network.cells import Cells, flat, nodes_of
from lstm_analog.network.graph import Group, Network, Unknowns
from lstm_analog.network.schedule import Schedule

_CHOKE = 1e9
"""Inductance (H) between a held node and its source: it resonates with 2 pF at 4 Hz, below which noise is shorted."""
_ITERATIONS = 1000
"""Steps of Newton's method for an operating point; with ngspice's 100, cells of BSIM4 transistors find none."""
_ANALYSIS = "*| analysis"
"""The comment by which a deck of this package begins what is to be computed; the lines before are the circuit."""


def expose_nodes(network: Network) -> Network:
    """Return `network` with its cells flattened, all nodes inside them being unknowns in groups `<bank>_<node>`.

    A transient then has the voltages of all nodes, from which ngspice finds the operating point; without them it does
    not find that of a cell of 5 V transistors. Raises `InvalidValueError` unless there is exactly one bank of cells: a
    chip with mismatch, or with circuits for its reference, bias row and clocks, has several.
    """
    banks = [part for part in network.parts if isinstance(part, Cells)]
    if len(banks) != 1:
        do = "compile in transistor cells without services, and without mismatch"
        raise InvalidValueError(explain("the network", must="have one bank of cells", got=len(banks), do=do))
    (part,) = banks
    circuit = flat(part.library, part.device)
    inside = dict.fromkeys(node for card in circuit.cards for node in nodes_of(card) if node != "0")
    nodes = tuple(node for node in inside if node not in circuit.terminals)
    size, first = part.pins.shape[1], network.unknowns.size
    added = tuple(Group(label=f"{part.label}_{node}", size=size, scale=1.0) for node in nodes)
    whole = replace(circuit, terminals=(*circuit.terminals, *nodes), outputs=(*circuit.outputs, *nodes))
    pins = first + np.arange(len(nodes) * size).reshape(len(nodes), size)
    opened = replace(part, library=replace(part.library, subcircuits=(whole,)), pins=np.concatenate((part.pins, pins)))
    return replace(
        network,
        unknowns=Unknowns(groups=(*network.unknowns.groups, *added)),
        parts=tuple(opened if each is part else each for each in network.parts),
    )


def alone(schedule: Schedule, interval: int) -> Schedule:
    """Return the schedule of a single interval, number `interval` of `schedule`."""
    chosen = slice(interval, interval + 1)
    return Schedule(
        names=schedule.names[chosen],
        high=schedule.high[chosen],
        durations=schedule.durations[chosen],
        imposed=tuple(replace(each, efforts=each.efforts[..., chosen, :]) for each in schedule.imposed),
    )


STANDING = Accuracy(reltol=1e-5, vntol=1e-7, abstol=1e-12, chgtol=1e-17, steps=1)
"""Tolerances of ngspice for operating points and noise; larger: less accurate. `chgtol` and `steps` are unused."""
_SOURCE = re.compile(r"(onoise[_.](.+))[_.]([a-z0-9]+)")
"""ngspice's name of a noise density: of a device (group 2) by a mechanism (group 3). BSIM4 has a point between them."""
_SHOT = {"q": ("ic", "ib"), "d": ("id",), "m": ("igs", "igd", "igb")}
"""ngspice's names of mechanisms that are shot noise, by the letter of the device."""


@dataclass(frozen=True, kw_only=True)
class Band:
    """Frequencies from `low` to `high` (Hz), `points` a decade, over which noise is integrated.

    At 10 points the integral over a pole is exact to 1e-6. Of a pole at f the share (2/pi) low/f lies below the band.
    """

    low: float
    high: float
    points: int


@dataclass(frozen=True, kw_only=True)
class NoiseSource:
    """A source of noise as ngspice names it.

    Attributes
    ----------
    bank : str
        The label of the bank of the device.
    card : str
        The card inside a cell, subcircuits separated by points; empty for a device outside.
    mechanism : str
        "shot", "thermal" or "1/f".
    """

    bank: str
    card: str
    mechanism: str


@dataclass(frozen=True, kw_only=True, eq=False)
class NoiseSpectra:
    """One-sided noise densities of some signals, source by source.

    Attributes
    ----------
    frequency : float array, (points,)
        In Hz.
    sources : tuple of NoiseSource, (sources,)
        The mechanisms in the devices, each of which adds its density.
    density : float array, (signals, sources, points)
        Effort squared per Hz.
    """

    frequency: Floats
    sources: tuple[NoiseSource, ...]
    density: Floats

    @cached_property
    def variance(self) -> Floats:
        """The variance of each signal by source, (signals, sources): the integral over the frequencies."""
        result: Floats = np.trapezoid(self.density * self.frequency, np.log(self.frequency), axis=-1)
        return result


def noise_spectra(
    network: Network,
    state: Schedule,
    *,
    efforts: Floats,
    held: Indices,
    signals: Sequence[Mapping[int, float]],
    band: Band,
    engine: Ngspice,
) -> NoiseSpectra:
    """Return the spectra that ngspice finds of `signals` of `network` while the clock stands in `state`.

    Parameters
    ----------
    network, state : Network, Schedule
        With transistor cells, and one interval.
    efforts : (unknowns,)
        Guess of the operating point.
    held : (m,)
        The unknowns that no closed switch determines: they stay at their `efforts`.
    signals : sequence of mappings
        The signals, each a weighted sum of efforts: the weights by the numbers of the unknowns.
    band : Band
        The frequencies.
    engine : Ngspice
        The engine whose program and time limit are used.

    Raises
    ------
    SimulatorMissingError, SimulationError
        If ngspice is not installed, or does not find the spectra; the message carries its own words.
    """
    with temporary_folder() as folder:
        path = folder / "noise.cir"
        text = "".join(_lines(network, state, efforts, held, signals, band))
        path.write_text(text, encoding="ascii")
        complaints = engine.call(path)
        files = [folder / f"signal{number}.raw" for number in range(len(signals))]
        with reading_results("ngspice", files, complaints, must="find the noise"):
            return _read(files)


def deck_without_analysis(network: Network, schedule: Schedule, accuracy: Accuracy = STANDING) -> str:
    """Return the deck of `network` under `schedule` up to its analysis; a comment in it records the `accuracy`."""
    whole = "".join(deck(netlist(network, schedule, NGSPICE), accuracy, "noise.cir"))
    return whole[: whole.index(_ANALYSIS)]


def _lines(
    network: Network,
    state: Schedule,
    efforts: Floats,
    held: Indices,
    signals: Sequence[Mapping[int, float]],
    band: Band,
) -> Iterator[str]:
    names = network.unknowns.names()
    yield deck_without_analysis(network, state)
    yield from operating_lines(names, efforts, held)
    yield "vprobe probe 0 dc 0 ac 1\n"
    for number, weights in enumerate(signals):
        sum_of = "".join(f"{weight:+.17g}*v({names[node]})" for node, weight in weights.items())
        yield f"bsignal{number} signal{number} 0 v='{sum_of}'\n"
    yield ".control\nset filetype=binary\n"
    for number in range(len(signals)):
        yield f"noise v(signal{number}) vprobe dec {band.points} {band.low:.9g} {band.high:.9g} 1\n"
        # without the reset the next analysis would start from this one's state
        yield f"setplot previous\nwrite signal{number}.raw all\ndestroy all\nreset\n"
    yield "quit\n.endc\n.end\n"


def operating_lines(names: Sequence[str], efforts: Floats, held: Indices) -> Iterator[str]:
    """Yield the lines that hold the unknowns `held` (m,) at their `efforts` (unknowns,) and guess those of all others.

    `names` are those of all unknowns. Stepping of gmin and of the sources is switched off: by these ngspice found
    operating points far from the guess, in which pairs carry no current.
    """
    yield f".options reltol={STANDING.reltol} vntol={STANDING.vntol} abstol={STANDING.abstol}"
    yield f" gmin=1e-12 itl1={_ITERATIONS} gminsteps=0 srcsteps=0\n"
    for place, node in enumerate(held.tolist()):
        yield f"vheld{place} held{place} 0 {efforts[node]:.17g}\nlheld{place} held{place} {names[node]} {_CHOKE}\n"
    for name, effort in zip(names[1:], efforts[1:], strict=True):
        yield f".nodeset v({name})={effort:.9g}\n"


def _read(files: Sequence[Path]) -> NoiseSpectra:
    found = [read_columns(file) for file in files]
    columns = found[0]
    split = {name: named for name in columns if (named := _SOURCE.fullmatch(name)) and named[1] in columns}
    density = np.stack([np.stack([each[name] for name in split]) for each in found]) ** 2
    sources = tuple(_source(each[2], each[3]) for each in split.values())
    return NoiseSpectra(frequency=columns["frequency"], sources=sources, density=density)


def _source(device: str, mechanism: str) -> NoiseSource:
    """Return the source of a `device` and a `mechanism` as ngspice names them."""
    letter, path = device[0], device[2:] if device[1] == "." else device
    head, _, card = path.partition(".")
    bank = head[1:].rpartition("_")[0]
    kind = "1/f" if mechanism == "1overf" else "shot" if mechanism in _SHOT.get(letter, ()) else "thermal"
    return NoiseSource(bank=bank, card=card, mechanism=kind)
