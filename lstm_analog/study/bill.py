"""The bill of materials of a hydraulic machine: parts by size, and the flow and power that it needs."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from lstm_analog.compiler.compiled import Compiled
from lstm_analog.compiler.hardware import DESIGN_UNITS, GRAVITY, SpringPiston
from lstm_analog.doors import checked, checked_record
from lstm_analog.network import parts
from lstm_analog.network.roles import is_filling, move_relays, tanks
from lstm_analog.network.shapes import Shape
from lstm_analog.study.flows import Supply, added, supply
from lstm_analog.study.operation import Plant, plant
from lstm_analog.study.pipeline import pipeline
from lstm_analog.study.run import Run, by_pass
from lstm_analog.study.tubes import Cuts, cuts
from lstm_analog.tables import write_rows


@checked_record
@dataclass(frozen=True, kw_only=True)
class Item:
    """One row of a bill: `count` equal parts of a `size`, and the banks `where` they are used."""

    part: str
    size: str
    count: int
    where: str


CUT_LIST = ("tube", "from", "to", "bore (m)", "length (m)", "in parallel", "use", "bank", "viscosity (Pa s)")
"""The columns of a cut list, the list of tubes to saw."""


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class Bill:
    """The parts of a hydraulic machine, and the flow and power that it needs.

    * `technology`, `basis`: its name; the pressures and the liquid for which flow and power were computed.
    * `items`: the parts. A tube has the next larger bore of the series R40 (ISO 3) and a length at which its
      conductance is exact (`tubes.cut`); its size has the least and the largest length, the cut list that of each tube.
    * `cuts`: the tubes, bank by bank, without the channels of ports.
    * `step_time`, `supply`: time of one step of the recurrence (s); flow and power of the pump.
    """

    technology: str
    basis: str
    items: tuple[Item, ...]
    cuts: tuple[Cuts, ...]
    step_time: float
    supply: Supply

    @property
    def tubes(self) -> int:
        """The number of tubes."""
        return sum(bank.number for bank in self.cuts)

    @property
    def tube_length(self) -> float:
        """The length of all tubes (m)."""
        return sum(bank.total for bank in self.cuts)

    @property
    def totals(self) -> tuple[tuple[str, str], ...]:
        """Names and values, with units, of the totals of the machine."""
        flow = f"{self.supply.mean * 6e4:.3g} L/min, at most {self.supply.peak * 6e4:.3g}"
        power = f"{self.supply.mean_power:.3g} W, at most {self.supply.peak_power:.3g}"
        return (
            ("tubes", f"{self.tubes}"),
            ("tube length", f"{self.tube_length:.4g} m"),
            ("step time", f"{self.step_time:.4g} s"),
            (f"pump flow at {self.basis}", flow),
            (f"hydraulic power at {self.supply.pressure:.4g} Pa", power),
        )

    def __str__(self) -> str:
        lines = [f"{self.technology}: bill of materials", f"{'count':>7}  {'part':<22} {'size':<52} where"]
        lines += [f"{i.count:7}  {i.part:<22} {i.size:<52} {i.where}" for i in self.items]
        return "\n".join([*lines, *(f"{name}: {value}" for name, value in self.totals)])

    def to_dict(self) -> dict[str, Any]:
        """Return the bill as dicts, lists, strings and numbers."""
        return {
            "technology": self.technology,
            "basis": self.basis,
            "items": [asdict(item) for item in self.items],
            "tubes": self.tubes,
            "tube_length": self.tube_length,
            "step_time": self.step_time,
            "mean_flow": self.supply.mean,
            "peak_flow": self.supply.peak,
            "supply_pressure": self.supply.pressure,
            "mean_power": self.supply.mean_power,
            "peak_power": self.supply.peak_power,
        }

    def write(self, path: str | Path) -> None:
        """Write the bill as CSV to the file `path`, whole or not at all: the parts, then the totals.

        Raises `FileAccessError` if it cannot be written.
        """
        bought = ((item.part, item.size, item.count, item.where) for item in self.items)
        totals = ((name, value, "", "total") for name, value in self.totals)
        write_rows(path, chain([("part", "size", "count", "where")], bought, totals))

    def write_cut_list(self, path: str | Path) -> None:
        """Write every tube as CSV to the file `path`, whole or not at all: its ends, bore and length in full precision.

        Nodes have the names of the graph, whose edges have the same sizes. A row may stand for several equal tubes "in
        parallel". The conductance of each is pi d^4/(128 mu L), where mu is the viscosity for which it is made. Inputs
        and rails are those of the pass that the bank belongs to. Raises `FileAccessError` if it cannot be written.
        """
        write_rows(path, chain([CUT_LIST], chain.from_iterable(map(_cut_rows, self.cuts))))


def _cut_rows(bank: Cuts) -> Iterator[tuple[object, ...]]:
    columns = zip(bank.starts, bank.ends, bank.bores.tolist(), bank.lengths.tolist(), strict=True)
    for number, sizes in enumerate(columns):
        yield (f"{bank.label}_{number}", *sizes, bank.count, bank.use.value, bank.label, bank.fluid.viscosity)


@checked
def bill_of_materials(compiled: Compiled | tuple[Compiled, ...], technology: object, run: Run | None = None) -> Bill:
    """Return the bill of `compiled`, one network or those of several passes, with flow and power as in `run`.

    It is built in `technology`. Without a run every tube is taken to have 2 pressure units across it, which
    overestimates both: see `Supply`. Of several chips on an axis the bill has the widest of their tubes. The plumbing
    of each pass stands there by itself: its parts, flow and power add up, and a step takes as long as they take one
    after the other.

    Raises `UnsupportedError` if the machine is not hydraulic; `InvalidTypeError` if `run` is no run;
    `InvalidValueError` if the run is of another machine, or did not keep everything.
    """
    passes = compiled if isinstance(compiled, tuple) else (compiled,)
    judged = [plant(one, technology, part) for one, part in by_pass(passes, run)]
    found = [(one, cuts(one)) for one in judged]
    tubes = (item for one, banks in found for bank in banks for item in _tube_items(one, bank))
    pressures = f"{DESIGN_UNITS:g} pressure units" if run is None else "the pressures of the run"
    return Bill(
        technology=judged[0].technology.name,
        basis=f"{pressures}, {judged[0].liquid}",
        items=_merge((*tubes, *(item for one in judged for item in _part_items(one)))),
        cuts=tuple(bank for _, banks in found for bank in banks),
        step_time=1.0 / pipeline(passes).throughput,
        supply=added([supply(one) for one in judged]),
    )


def _tube_items(judged: Plant, bank: Cuts) -> Iterator[Item]:
    hardware = judged.technology.hardware
    for size in np.unique(bank.bores):
        lengths = bank.lengths[bank.bores == size]
        sold = hardware.least_bore <= size <= hardware.largest_bore
        text = f"bore {size * 1e3:.4g} mm, length {lengths.min():.3f} to {lengths.max():.3f} m"
        yield Item(
            part=bank.use.value,
            size=text if sold else f"{text}, not for sale",
            count=lengths.size * bank.count,
            where=bank.label,
        )


def _part_items(judged: Plant) -> Iterator[Item]:
    technology, network = judged.technology, judged.compiled.network
    vessels = {part.label for part in tanks(network)}
    for part in network.parts:
        if isinstance(part, parts.Ports):
            equal = part.shape is Shape.EXP
            rest = float(part.conductance.max())
            size, kind = f"{rest:.3g} m3/(s Pa) at rest", "equal-percentage port" if equal else "drain valve"
            yield Item(part=kind, size=size, count=part.a.size, where=part.label)
        elif isinstance(part, parts.Pairs):
            size = f"{float(np.abs(part.current).max()):.3g} m3/s"
            yield Item(part="flow-control valve", size=size, count=part.out.size, where=part.label)
        elif isinstance(part, parts.Followers):
            size = f"{len(part.terms)} input{'s' if len(part.terms) > 1 else ''}"
            yield Item(part="relay", size=size, count=part.nodes.size, where=part.label)
        elif isinstance(part, parts.Switches | parts.Inertances):
            filling = is_filling(network, part)
            kind, size = ("filling cock", "bubble-tight") if filling else ("solenoid valve", "2/2 way")
            yield Item(part=kind, size=size, count=part.a.size, where=part.label)
        elif isinstance(part, parts.Sources):
            known = part.nodes.size == 1 and part.effort.any()
            size = f"{float(part.effort.max()):+.4g} Pa" if known else "set from outside"
            yield Item(part="pressure rail", size=size, count=part.nodes.size, where=part.label)
        elif isinstance(part, parts.Storages) and part.label in vessels:
            yield Item(part="tank", size=_vessel(judged), count=part.nodes.size, where=part.label)
        elif isinstance(part, parts.Stops) or (isinstance(part, parts.Spools) and not move_relays(network, part)):
            yield _moving(judged, part)
        elif isinstance(part, parts.Storages | parts.Junctions):
            size = f"at most {technology.pilot:.3g} m3/Pa"
            yield Item(part="manifold or chamber", size=size, count=part.nodes.size, where=part.label)


def _moving(judged: Plant, part: parts.Spools | parts.Stops) -> Item:
    """Return the item of valves at the stops of tanks, or of spools with spring k = A^2/C and mass k/w^2, stiffest."""
    if isinstance(part, parts.Stops):
        size = f"{part.low.max():.4g} and {part.high.min():+.4g} Pa"
        return Item(part="relief or overflow", size=size, count=part.nodes.size, where=part.label)
    area = judged.technology.hardware.pilot_area
    rate = area**2 / float(part.capacitance.min())
    mass = rate / float(part.frequency.min()) ** 2
    size = f"pilot {area * 1e4:.3g} cm2, spring {rate:.4g} N/m, mass {mass * 1e3:.3g} g"
    return Item(part="spool", size=size, count=part.p.size, where=part.label)


def _vessel(judged: Plant) -> str:
    technology, vessel = judged.technology, judged.technology.vessel
    if isinstance(vessel, SpringPiston):
        rate = vessel.area**2 / technology.tank
        return f"piston {vessel.area * 1e4:.3g} cm2, spring {rate:.4g} N/m, stroke +-{vessel.stroke * 1e3:.3g} mm"
    bore = np.sqrt(4.0 * technology.tank * technology.fluid.density * GRAVITY / np.pi)
    return f"open tube, bore {bore * 1e3:.3g} mm, height {vessel.height:.3g} m"


def _merge(items: Iterable[Item]) -> tuple[Item, ...]:
    """Return `items` with those of equal part and size merged, their counts added and their banks joined."""
    found: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        found.setdefault((item.part, item.size), []).append(item)
    return tuple(
        Item(part=part, size=size, count=sum(item.count for item in same), where=_joined(item.where for item in same))
        for (part, size), same in found.items()
    )


def _joined(labels: Iterable[str]) -> str:
    """Return `labels` with commas between, each once: rails and inputs have the same in every pass."""
    return ", ".join(dict.fromkeys(labels))
