"""Write the statics of a hydraulic network as EPANET input: some chambers between known pressures.

EPANET 2.2 (Rossman et al., EPA/600/R-20/133) computes heads from reservoir heads; it knows neither relays nor pilots.
A network is therefore solved by a series of EPANET problems: nodes whose pressure is known become reservoirs, the
chambers of the problem junctions, tubes pipes with bore and length (Darcy-Weisbach, laminar up to a Reynolds number of
2000), two opposed ports throttle control valves. A valve loses K v2/2g where a laminar port obeys a linear law; K is
proportional to the inverse of the port's conductance, so that two valves divide a pressure as the ports do if nothing
else draws flow between them. Shut solenoid valves and their seat leak are left out.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lstm_analog.arrays import Floats, Indices, floats, indices
from lstm_analog.doors import checked, checked_record
from lstm_analog.errors import InvalidShapeError, InvalidValueError, UnsupportedError, explain
from lstm_analog.export.epanet_links import EpanetLinks, links
from lstm_analog.files import write_texts
from lstm_analog.network.bank import put_plain
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import High, Kind, is_on
from lstm_analog.network.parts import Ports
from lstm_analog.network.roles import is_tank_line

GRAVITY = 32.2 * 0.3048
"""EPANET's acceleration of gravity (m/s2)."""
WATER_VISCOSITY = 1.1e-5 * 0.3048**2
"""The unit of kinematic viscosity (m2/s) in EPANET's option VISCOSITY; EPANET reads numbers up to 1e-3 as m2/s."""
LITRE = 0.3048**3 / 28.317
"""EPANET's litre (m3), of which 28.317 make a cubic foot."""
MINOR_LOSS = 8.0 / (32.2 * np.pi**2) / 0.02517
"""Correction of loss coefficients, because EPANET uses 0.02517 s2/ft for 8/(g pi2)."""
LAMINAR = 2000.0
"""The Reynolds number up to which EPANET uses Hagen-Poiseuille's law."""

_ROUGHNESS = 1e-6
_STUB = "0.01 1000"
"""Length (m) and bore (mm) of a pipe of negligible loss between a reservoir and a valve, which EPANET keeps apart."""
_VALVE = 0.01
"""Bore of the valves (m), to which their K refers."""
_LONGEST_NAME = 31
_CLOSEST = 1e-12
"""Error of a head over the highest head at which EPANET stops."""


Sizes = Callable[[Floats], tuple[Floats, Floats]]
"""Function from conductances (m3/(s Pa)), (k,), to the bores and lengths (m) of tubes that have them, (k,) each."""


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class EpanetTubes:
    """The round tubes of a network and the liquid in them.

    * `density`, `viscosity`: density (kg/m3) and dynamic viscosity (Pa s) of the liquid.
    * `datum`: pressure of the datum above the atmosphere (Pa).
    * `line_count`: number of parallel tubes in a tank line.
    * `line`, `capillary`: the sizes of each tube of a tank line, and of all other tubes.
    """

    density: float
    viscosity: float
    datum: float
    line_count: int
    line: Sizes
    capillary: Sizes

    def __post_init__(self) -> None:
        """Check that the numbers are positive and that EPANET can tell the viscosity from one in m2/s.

        They become numbers of Python.
        """
        put_plain(self)
        for entry in fields(self):
            value = getattr(self, entry.name)
            if not callable(value) and not (np.isfinite(value) and value > 0):
                raise InvalidValueError(
                    explain(f"tubes {entry.name}", must="be positive", got=value, do="give SI units")
                )
        if self.relative_viscosity <= 1e-3:
            must, do = "exceed a thousandth of water's", "give a liquid"
            raise InvalidValueError(explain("kinematic viscosity", must=must, got=self.relative_viscosity, do=do))

    @property
    def relative_viscosity(self) -> float:
        """The kinematic viscosity in EPANET's unit, that of water."""
        return self.viscosity / self.density / WATER_VISCOSITY

    def head(self, pressure: Floats) -> Floats:
        """Return the head (m) above atmosphere of a `pressure` (Pa) above the datum."""
        return (self.datum + pressure) / (self.density * GRAVITY)

    def pressure(self, head: Floats) -> Floats:
        """Return the pressure (Pa) above the datum of a `head` (m) above atmosphere."""
        return head * (self.density * GRAVITY) - self.datum


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class Statics:
    """A steady problem: the `chambers` (k,) have unknown pressure, other unknowns of `network` are at `effort` (Pa).

    `pipes` are its tubes and open solenoids, `valves` its ports.
    """

    network: Network
    chambers: Indices
    effort: Floats
    pipes: EpanetLinks
    valves: EpanetLinks

    def pipe_names(self) -> list[str]:
        """Return the name of each pipe in EPANET."""
        return [f"p{number}" for number in range(self.pipes.a.size)]

    def node_names(self, nodes: Indices) -> list[str]:
        """Return the names of `nodes` (k,) in EPANET: their own, or `n<number>` if that is too long."""
        every = self.network.unknowns.names()
        return [every[n] if len(every[n]) <= _LONGEST_NAME else f"n{n}" for n in nodes]


@checked
def statics(network: Network, effort: Floats, high: High, chambers: Indices, *, settled: bool = False) -> Statics:
    """Return the steady problem of the `chambers` (k,) of `network` with the clock lines `high`.

    `effort` (unknowns,) in Pa holds the known pressures, of all but the chambers. If it is `settled`, it holds the
    solution for the chambers, too, and these may then be pilots of ports.

    Raises `UnsupportedPartError` if a part has no counterpart in EPANET; `UnsupportedError` if a pilot of a port is one
    of the chambers, a port shares its chamber with more than one other port, or tubes obey the law of orifices;
    `InvalidShapeError` if the efforts are a batch, a part has chip axes, or there is not a flag for each clock line;
    `InvalidValueError` if a chamber is no junction or storage of the network.
    """
    known = floats(effort, "effort")
    if known.shape != (network.unknowns.size,):
        must, do = "be one state of the network", "write one sequence"
        raise InvalidShapeError(explain("effort", must=must, got=f"shape {known.shape}", do=do))
    if len(high) != len(network.lines):
        must, do = f"be a flag for each of {', '.join(network.lines) or 'no lines'}", "take schedule.phase(number)"
        raise InvalidShapeError(explain("high", must=must, got=f"{len(high)} of them", do=do))
    inside = np.zeros(network.unknowns.size, dtype=bool)
    inside[_unknown(network, chambers)] = True
    found = links(network, known, high)
    pipes, valves = (link.take(np.flatnonzero(inside[link.a] | inside[link.b])) for link in found)
    for part in network.parts:
        if not settled and isinstance(part, Ports) and is_on(part.line, high):
            _check_pilots(part, inside)
    _check_bridges(network, np.flatnonzero(inside), pipes, valves)
    return Statics(network=network, chambers=np.flatnonzero(inside), effort=known, pipes=pipes, valves=valves)


def _unknown(network: Network, chambers: Indices) -> Indices:
    """Return `chambers` (k,) if all are nodes of `network` whose pressure the flows through them decide."""
    places = indices(chambers, "chambers")
    kinds = network.kinds()
    decided = np.concatenate((kinds[Kind.BALANCED], kinds[Kind.STORED]))
    wrong = np.setdiff1d(places, decided)
    if wrong.size:
        do = "leave out the datum, sources and what relays set"
        must = "be junctions and storages of the network, by number"
        raise InvalidValueError(explain("chambers", must=must, got=wrong[0], do=do))
    return places


@checked
def write_epanet(path: str | Path, problem: Statics, tubes: EpanetTubes) -> None:
    """Write `problem` to `path` as an EPANET 2.2 input file, its pipes made of `tubes`; whole or not at all."""
    write_texts(path, _text(problem, tubes))


def _check_pilots(part: Ports, inside: NDArray[np.bool_]) -> None:
    if ((inside[part.a] | inside[part.b]) & (inside[part.p] | inside[part.n])).any():
        must, do = "be known before its valve is", "solve them in an earlier stage"
        raise UnsupportedError(explain(f"a pilot of {part.label}", must=must, got="a chamber of the stage", do=do))


def _check_bridges(network: Network, chambers: Indices, pipes: EpanetLinks, valves: EpanetLinks) -> None:
    size = network.unknowns.size
    ports, others = (np.bincount(np.concatenate((link.a, link.b)), minlength=size) for link in (valves, pipes))
    wrong = chambers[(ports[chambers] > 0) & ((ports[chambers] != 2) | (others[chambers] > 0))]
    if wrong.size:
        got = f"{ports[wrong[0]]} ports and {others[wrong[0]]} pipes"
        must, do = "be between two ports and nothing else", "put a relay between"
        raise UnsupportedError(explain(f"chamber {network.unknowns.names()[wrong[0]]}", must=must, got=got, do=do))


def _text(problem: Statics, tubes: EpanetTubes) -> Iterator[str]:
    pipes, valves = problem.pipes, problem.valves
    ends = np.unique(np.concatenate((pipes.a, pipes.b, valves.a, valves.b)))
    fixed = np.setdiff1d(ends, problem.chambers)
    nodes = np.concatenate((fixed, problem.chambers))
    names = dict(zip(nodes.tolist(), problem.node_names(nodes), strict=True))
    heads = tubes.head(problem.effort[fixed])
    yield "[TITLE]\nSteady pressures of one stage of a hydraulic network, written by lstm_analog\n"
    yield f"{tubes.density:.6g} kg/m3, {tubes.viscosity:.6g} Pa s; head = pressure above atmosphere / (rho g)\n"
    yield "\n[RESERVOIRS]\n;id head(m)\n"
    yield from (f"{names[int(n)]} {float(head)!r}\n" for n, head in zip(fixed, heads, strict=True))
    yield "\n[JUNCTIONS]\n;id elevation(m)\n"
    yield from (f"{names[int(n)]} 0\n" for n in problem.chambers)
    stubs = list(_stubs(valves, set(fixed.tolist())))
    yield from (f"{stub} 0\n" for _, _, stub in stubs)
    yield "\n[PIPES]\n;id from to length(m) bore(mm) roughness(mm) minor-loss status ; bank\n"
    yield from _pipes(problem, tubes, names)
    yield from (f"{stub} {names[node]} {stub} {_STUB} {_ROUGHNESS!r} 0 OPEN\n" for _, node, stub in stubs)
    yield "\n[VALVES]\n;id from to bore(mm) type K minor-loss ; bank\n"
    yield from _valves(problem, tubes, names, {(number, node): stub for number, node, stub in stubs})
    highest = max(1.0, float(np.abs(heads).max(initial=0.0)))
    yield "\n[TIMES]\nDURATION 0\n\n[OPTIONS]\nUNITS LPS\nHEADLOSS D-W\n"
    yield f"VISCOSITY {tubes.relative_viscosity!r}\nTRIALS 200\nACCURACY 1e-5\nHEADERROR {_CLOSEST * highest!r}\n"
    yield "UNBALANCED STOP\n\n[REPORT]\nSTATUS NO\nSUMMARY NO\n\n[END]\n"


def _stubs(valves: EpanetLinks, fixed: set[int]) -> Iterator[tuple[int, int, str]]:
    """Yield (valve, node, name) of each stub, a pipe between a valve and a reservoir among the `fixed` nodes."""
    for number, ends in enumerate(zip(valves.a.tolist(), valves.b.tolist(), strict=True)):
        yield from ((number, node, f"s{number}{side}") for node, side in zip(ends, "ab", strict=True) if node in fixed)


def pipe_sizes(problem: Statics, tubes: EpanetTubes) -> tuple[Floats, Floats]:
    """Return bores and lengths (m), (k,), of the pipes of `problem`, made of `tubes`.

    The N tubes of a tank line are one pipe of N^(1/4) times the bore, which has the conductance of all.
    """
    conductance, parts = problem.pipes.conductance, problem.network.parts
    lines = [k for k in np.unique(problem.pipes.bank).tolist() if is_tank_line(problem.network, parts[k])]
    bores, lengths = tubes.capillary(conductance)
    line_bores, line_lengths = tubes.line(conductance / tubes.line_count)
    bundled = np.isin(problem.pipes.bank, lines)
    return np.where(bundled, line_bores * tubes.line_count**0.25, bores), np.where(bundled, line_lengths, lengths)


def _pipes(problem: Statics, tubes: EpanetTubes, names: dict[int, str]) -> Iterator[str]:
    pipes, (bores, lengths) = problem.pipes, pipe_sizes(problem, tubes)
    loss = _loss_coefficients(pipes, bores, tubes).tolist()
    sizes = (lengths.tolist(), (1e3 * bores).tolist(), loss)
    columns = (pipes.a.tolist(), pipes.b.tolist(), *sizes, _banks(problem, pipes))
    for name, a, b, length, bore, k, bank in zip(problem.pipe_names(), *columns, strict=True):
        yield f"{name} {names[a]} {names[b]} {length!r} {bore!r} {_ROUGHNESS!r} {k!r} OPEN ; {bank}\n"


def _valves(
    problem: Statics, tubes: EpanetTubes, names: dict[int, str], stubs: dict[tuple[int, int], str]
) -> Iterator[str]:
    valves = problem.valves
    loss = _loss_coefficients(valves, np.full(valves.a.size, _VALVE), tubes).tolist()
    for number, (a, b, k, bank) in enumerate(
        zip(valves.a.tolist(), valves.b.tolist(), loss, _banks(problem, valves), strict=True)
    ):
        start, end = stubs.get((number, a), names[a]), stubs.get((number, b), names[b])
        yield f"v{number} {start} {end} {1e3 * _VALVE!r} TCV {k!r} 0 ; {bank}\n"


def _loss_coefficients(paths: EpanetLinks, bores: Floats, tubes: EpanetTubes) -> Floats:
    """Return K (m,) of K rho v2/2 = square q |q| for round `bores` (m), `square` being that of `paths`."""
    areas = 0.25 * np.pi * bores**2
    result: Floats = MINOR_LOSS * 2.0 * areas**2 * paths.square / tubes.density
    return result


def _banks(problem: Statics, paths: EpanetLinks) -> list[str]:
    return [problem.network.parts[bank].label for bank in paths.bank]
