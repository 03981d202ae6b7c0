"""The result of `epanet_check`: errors of steady pressures, measured conductances, and Reynolds numbers."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked_record
from lstm_analog.export.epanet import LAMINAR
from lstm_analog.export.epanet_links import EpanetLinks
from lstm_analog.model import Head, LayerTrace
from lstm_analog.network.fluids import Fluid
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import Inertances, Switches
from lstm_analog.study.chain_run import ChainRun
from lstm_analog.study.epanet_walk import PipeReading
from lstm_analog.study.report import plain

SEEN = 1e-3
"""Least pressure drop of a tube, over the pressure unit, at which its conductance counts as confirmed."""

CHECKED = (
    "steady pressures of every settled phase, tubes by bore, length and viscosity; not checked: settling times, "
    "seat leak, relays, the law of the trim, sizes of tank lines, a head in a pass of its own"
)


@dataclass(frozen=True, kw_only=True)
class StaticErrors:
    """Largest errors of a layer's pre-activations, cells and outputs against the digital LSTM, in signal units."""

    z: float
    c: float
    h: float


@dataclass(frozen=True, kw_only=True)
class Gauges:
    """Conductances and Reynolds numbers of the capillaries by EPANET's flows and pressure drops.

    * `tubes`, `confirmed`: the number of tubes, and of those with a drop of at least `SEEN` pressure units.
    * `conductance_error`, `conductance_at`: largest relative difference of flow over drop from the network's
      conductance, each tube at its largest drop, and the tube with it.
    * `least_bore`, `largest_bore`: the least and the largest bore of all tubes (m).
    * `reynolds`, `reynolds_at`: the largest Reynolds number, 4 rho q/(pi mu d), and the tube with it.
    """

    tubes: int
    confirmed: int
    conductance_error: float
    conductance_at: str
    least_bore: float
    largest_bore: float
    reynolds: float
    reynolds_at: str


@checked_record
@dataclass(frozen=True, kw_only=True)
class EpanetReport:
    """The comparison of steady pressures by EPANET with the digital LSTM, and of conductances with the network.

    * `model`, `technology`, `fluid`: the LSTM, the technology, and the liquid in EPANET.
    * `steps`, `solves`: number of steps of the sequence, and of files that EPANET solved.
    * `layers`: the errors of the layers, bottom first.
    * `y`: the largest error of the output of the head by an error of 1 in every h; None without a head in this pass.
    * `gauges`: conductances and Reynolds numbers.
    * `tolerance`: largest accepted error of z, c, h and y, and of a conductance.
    """

    model: str
    technology: str
    fluid: str
    steps: int
    solves: int
    layers: tuple[StaticErrors, ...]
    y: float | None
    gauges: Gauges
    tolerance: float

    @property
    def worst(self) -> float:
        """The largest error of any z, c, h or y."""
        return max(self.y or 0.0, *(error for layer in self.layers for error in (layer.z, layer.c, layer.h)))

    @property
    def laminar(self) -> bool:
        """Whether every tube stays below the Reynolds number up to which EPANET uses Hagen-Poiseuille's law."""
        return self.gauges.reynolds <= LAMINAR

    @property
    def findings(self) -> tuple[str, ...]:
        """Descriptions of what is wrong; empty if nothing is."""
        gauges, found = self.gauges, []
        if self.worst > self.tolerance:
            found.append(f"z, c, h and y must be within {self.tolerance:.3g} of the digital LSTM, got {self.worst:.3g}")
        if gauges.conductance_error > self.tolerance:
            got = f"{gauges.conductance_error:.3g} at {gauges.conductance_at}"
            found.append(f"flow over drop must be the conductance within {self.tolerance:.3g}, got {got}")
        if not self.laminar:
            got = f"{gauges.reynolds:.4g} at {gauges.reynolds_at}"
            found.append(f"flow must be laminar, Reynolds number at most {LAMINAR:.0f}, got {got}")
        return tuple(found)

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def __str__(self) -> str:
        gauges = self.gauges
        lines = [f"{self.model} in {self.technology} by EPANET: {'holds' if self.holds else 'does not hold'}"]
        lines += [f"  {finding}" for finding in self.findings]
        lines.append(f"  checks       {CHECKED}")
        lines.append(f"  fluid        {self.fluid}; {self.steps} steps, {self.solves} files solved")
        for number, layer in enumerate(self.layers):
            lines.append(f"  layer {number}      max error z {layer.z:.2e}, c {layer.c:.2e}, h {layer.h:.2e}")
        if self.y is not None:
            lines.append(f"  head         max error y {self.y:.2e}")
        seen = f"{gauges.confirmed} of {gauges.tubes} tubes gauged, {gauges.conductance_error:.2e} off at most"
        lines.append(f"  conductance  {seen} ({gauges.conductance_at})")
        lines.append(f"  bores        {1e3 * gauges.least_bore:.4g} to {1e3 * gauges.largest_bore:.4g} mm")
        lines.append(f"  Reynolds     {gauges.reynolds:.4g} at most ({gauges.reynolds_at}); laminar to {LAMINAR:.0f}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as dicts, lists, strings and numbers."""
        told = {"holds": self.holds, "findings": [*self.findings], "worst": self.worst, "checks": CHECKED}
        return {**told, **plain(self)}


def static_errors(analog: ChainRun, digital: LayerTrace) -> StaticErrors:
    """Return the errors of a chain of a machine, `analog`, against the `digital` one."""
    pairs = ((analog.z, digital.z), (analog.c, digital.c), (analog.h, digital.h))
    z, c, h = (float(np.abs(ours - theirs).max(initial=0.0)) for ours, theirs in pairs)
    return StaticErrors(z=z, c=c, h=h)


def head_error(analog: Floats | None, head: Head | None, digital: Floats | None) -> float | None:
    """Return the largest error of `analog` y against the `digital` one by an error of 1 in every h; None without one.

    `head` has that gain.
    """
    if head is None or analog is None or digital is None:
        return None
    return float(np.abs(analog - digital).max(initial=0.0)) / head.gain


def gauged(network: Network, readings: list[PipeReading], fluid: Fluid, unit: float) -> Gauges:
    """Return conductances and Reynolds numbers by `readings` of the capillaries of `network` filled with `fluid`.

    `unit` is the pressure unit (Pa). Tank lines are left out, because at rest nothing flows in them.
    """
    tubes = [number for number, part in enumerate(network.parts) if not isinstance(part, Switches | Inertances)]
    each = [vars(reading.pipes) for reading in readings]
    pipes = EpanetLinks(**{e.name: np.concatenate([one[e.name] for one in each]) for e in fields(EpanetLinks)})
    drop, flow, bore = (np.concatenate([getattr(r, name) for r in readings]) for name in ("drop", "flow", "bore"))
    wanted = np.flatnonzero(np.isin(pipes.bank, tubes))
    # Each tube at its largest drop: sorted by it, the last reading of a tube is kept.
    order = wanted[np.lexsort((np.abs(drop[wanted]), pipes.element[wanted], pipes.bank[wanted]))]
    same = (np.diff(pipes.bank[order]) == 0) & (np.diff(pipes.element[order]) == 0)
    last = order[np.append(~same, True)]
    error = _conductance_errors(pipes.take(last), drop[last], flow[last], SEEN * unit)
    reynolds = 4.0 * fluid.density * np.abs(flow[wanted]) / (np.pi * fluid.viscosity * bore[wanted])
    worst, fastest = int(np.nanargmax(np.append(error, 0.0))), int(reynolds.argmax())
    return Gauges(
        tubes=last.size,
        confirmed=int(np.isfinite(error).sum()),
        conductance_error=float(np.append(error, 0.0)[worst]),
        conductance_at=_place(network, pipes, int(np.append(last, last[-1])[worst])),
        least_bore=float(bore[last].min()),
        largest_bore=float(bore[last].max()),
        reynolds=float(reynolds[fastest]),
        reynolds_at=_place(network, pipes, int(wanted[fastest])),
    )


def _conductance_errors(pipes: EpanetLinks, drop: Floats, flow: Floats, least: float) -> Floats:
    """Return relative errors (m,) of the conductance by flow over drop less end loss; NaN below the `least` drop."""
    seen = np.abs(drop) >= least
    driving = np.where(seen, drop - pipes.square * flow * np.abs(flow), 1.0)
    return np.where(seen, np.abs(flow / driving / pipes.conductance - 1.0), np.nan)


def _place(network: Network, pipes: EpanetLinks, number: int) -> str:
    names = network.unknowns.names()
    bank = network.parts[int(pipes.bank[number])].label
    return f"{bank}, {names[int(pipes.a[number])]} to {names[int(pipes.b[number])]}"
