"""Compute the steady states of a hydraulic network phase by phase, each stage solved from an exported file.

EPANET 2.2 is run as wntr ships it (`run_epanet`); wntr's own model of a network is not used.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.engines.external import temporary_folder
from lstm_analog.engines.stage import AlgebraicStage
from lstm_analog.engines.system import system
from lstm_analog.errors import SimulationError, SimulatorMissingError, UnsupportedError, explain
from lstm_analog.export.epanet import LITRE, EpanetTubes, Statics, pipe_sizes, statics, write_epanet
from lstm_analog.export.epanet_links import EpanetLinks, links
from lstm_analog.files import read_file
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import High, Kind, is_on
from lstm_analog.network.parts import Followers, Junctions, Part, Sources, Stops, Storages, Switches
from lstm_analog.network.roles import without_mass
from lstm_analog.network.schedule import Schedule, imposed_efforts

_HEAD, _FLOW = 10, 8
"""The codes of head and flow in EPANET's toolkit."""


@dataclass(frozen=True, kw_only=True, eq=False)
class EpanetResult:
    """The result of EPANET: `heads` (m) of nodes, (k,), and `flows` (m3/s) through links, (m,)."""

    heads: Floats
    flows: Floats


Simulator = Callable[[Path, Sequence[str], Sequence[str]], EpanetResult]
"""Function from the path of an input file and the names of nodes and links to their heads and flows."""


def run_epanet(path: str | Path, nodes: Sequence[str], links: Sequence[str]) -> EpanetResult:
    """Return heads and flows by EPANET from the input file at `path`, of the `nodes` and `links` of these names.

    Raises `SimulatorMissingError` if wntr is not installed, `SimulationError` if EPANET refuses the file or does not
    converge; the message contains its own.
    """
    toolkit, exceptions = _wntr("toolkit"), _wntr("exceptions")
    with temporary_folder() as folder:
        report = folder / "out.rpt"
        project = toolkit.ENepanet(version=2.2)
        answer, complaints = None, []
        try:
            project.ENopen(str(path), str(report), str(folder / "out.bin"))
            answer = _solved(project, nodes, links)
        except exceptions.EpanetException as error:
            complaints.append(str(error))
        finally:
            project.ENclose()
        complaints += project.errcodelist
        if answer is None or complaints:
            got = " | ".join(_said(report) or complaints)[:500]
            raise SimulationError(explain("EPANET", must="solve the file", got=got, do=f"look at {Path(path).name}"))
    return answer


def _solved(project: Any, nodes: Sequence[str], links: Sequence[str]) -> EpanetResult:
    project.ENopenH()
    project.ENinitH(0)
    project.ENrunH()
    heads = [project.ENgetnodevalue(project.ENgetnodeindex(name), _HEAD) for name in nodes]
    flows = [project.ENgetlinkvalue(project.ENgetlinkindex(name), _FLOW) for name in links]
    project.ENcloseH()
    return EpanetResult(heads=np.array(heads), flows=LITRE * np.array(flows))


def _wntr(module: str) -> Any:
    try:
        return import_module(f"wntr.epanet.{module}")
    except ImportError as error:
        do = "pip install wntr six"
        raise SimulatorMissingError(explain("EPANET", must="be installed with wntr", got=error, do=do)) from error


def _said(report: Path) -> list[str]:
    lines = read_file(report).decode("latin-1").splitlines() if report.exists() else []
    return [line.strip() for line in lines if "error" in line.lower() or "warning" in line.lower()]


@dataclass(frozen=True, kw_only=True, eq=False)
class EpanetSetup:
    """The tubes of a network, the `folder` for its input files, and the `simulator` that solves them."""

    tubes: EpanetTubes
    folder: Path
    simulator: Simulator


@dataclass(frozen=True, kw_only=True, eq=False)
class PipeReading:
    """EPANET's results for the `pipes` of a file: `drop` (Pa) from a to b and `flow` (m3/s), in tubes of `bore` (m)."""

    pipes: EpanetLinks
    drop: Floats
    flow: Floats
    bore: Floats


def steady_states(
    network: Network, schedule: Schedule, settles: list[bool], setup: EpanetSetup
) -> tuple[Floats, list[PipeReading]]:
    """Return the efforts of `network` at the end of each interval of `schedule`, and the results of each file.

    Efforts have the shape (intervals, unknowns); in an interval that does not settle, by `settles`, they stay. `setup`
    says how files are made and solved.

    Raises `UnsupportedError` if a clock line is high in an interval that does not settle, chambers act on their own
    relays, or a tank would pass its stops.
    """
    network = without_mass(network)
    effort, ends = np.zeros(network.unknowns.size), []
    phases: dict[High, list[AlgebraicStage]] = {}
    readings: list[PipeReading] = []
    for number, name in enumerate(schedule.names):
        high = schedule.phase(number)
        for part, value in imposed_efforts(network, schedule, number):
            effort[part.nodes] = value
        if not settles[number] and any(high):
            must, do = "settle while a clock line is high", "check machines with CLOCKED timing"
            raise UnsupportedError(explain(f"interval {name} for EPANET", must=must, got="a timed flow", do=do))
        if settles[number]:
            stages = phases.setdefault(high, phases.get(high) or _stages(network, effort, high))
            for count, stage in enumerate(stages):
                readings += _solve(network, effort, high, stage, setup, f"{number:04d}_{name}_{count:02d}.inp")
            _check_stops(network, effort)
        ends.append(effort.copy())
    return np.array(ends), readings


def _check_stops(network: Network, effort: Floats) -> None:
    for part in network.parts:
        if isinstance(part, Stops):
            level = effort[part.nodes]
            beyond = np.flatnonzero((level < part.low) | (level > part.high))
            if beyond.size:
                tank = int(beyond[0])
                what = f"tank {network.unknowns.names()[part.nodes[tank]]} for EPANET"
                must = f"stay between its stops, {part.low[tank]:.6g} and {part.high[tank]:.6g} Pa"
                raise UnsupportedError(explain(what, must=must, got=f"{level[tank]:.6g} Pa", do="see its check()"))


def chambers_of(network: Network, effort: Floats, high: High) -> Indices:
    """Return the chambers of `network` with flow into or out of them at `effort` while the lines `high` are high."""
    pipes, valves = links(network, effort, high)
    fed = np.unique(np.concatenate((pipes.a, pipes.b, valves.a, valves.b)))
    kinds = network.kinds()
    return fed[np.isin(fed, np.concatenate((kinds[Kind.BALANCED], kinds[Kind.STORED])))]


def _stages(network: Network, effort: Floats, high: High) -> list[AlgebraicStage]:
    """Return the stages of a phase in their order; tanks without flow keep their effort, all others settle."""
    stored, fed = network.kinds()[Kind.STORED], chambers_of(network, effort, high)
    settled, held = stored[np.isin(stored, fed)], stored[~np.isin(stored, fed)]
    parts: list[Part] = [part for part in network.parts if not isinstance(part, Storages)]
    parts = [part for part in parts if not isinstance(part, Switches) or is_on(part.line, high)]
    parts.append(Junctions(label="settled", nodes=settled))
    parts.append(Sources(label="held", nodes=held, effort=np.array(0.0)))
    stages = system(replace(network, parts=tuple(parts)), high).stages
    for stage in stages:
        _check_order(network, stage)
    return list(stages)


def _check_order(network: Network, stage: AlgebraicStage) -> None:
    for part in stage.inflow.parts:
        if isinstance(part, Followers):
            own = [n for term in part.terms for n in term.inputs.tolist() if n in set(stage.nodes.tolist())]
            if own:
                what, must = f"relay {part.label}", "read what is solved before it"
                got, do = network.unknowns.names()[own[0]], "check its statics by another simulator"
                raise UnsupportedError(explain(what, must=must, got=f"a loop through {got}", do=do))


def _solve(
    network: Network, effort: Floats, high: High, stage: AlgebraicStage, setup: EpanetSetup, name: str
) -> list[PipeReading]:
    """Write the efforts of a `stage` to `effort` (unknowns,): relays by their law, chambers by EPANET."""
    is_relay = np.isin(stage.nodes, network.kinds()[Kind.FOLLOWED])
    relays, chambers = stage.nodes[is_relay], stage.nodes[~is_relay]
    if relays.size:
        trial = effort[None].copy()
        stage.solve(trial)
        effort[relays] = trial[0, relays]
    if not chambers.size:
        return []
    problem, path = statics(network, effort, high, chambers), setup.folder / name
    write_epanet(path, problem, setup.tubes)
    return [_read(problem, effort, path, setup)]


def _read(problem: Statics, effort: Floats, path: Path, setup: EpanetSetup) -> PipeReading:
    pipes, tubes = problem.pipes, setup.tubes
    nodes = np.concatenate((problem.chambers, pipes.a, pipes.b))
    answer = setup.simulator(path, problem.node_names(nodes), problem.pipe_names())
    if not (np.isfinite(answer.heads).all() and np.isfinite(answer.flows).all()):
        do = f"look at {path.name}"
        raise SimulationError(explain("heads and flows of EPANET", must="be finite", got="NaN or infinity", do=do))
    chambers, a, b = np.split(answer.heads, np.cumsum([problem.chambers.size, pipes.a.size]))
    effort[problem.chambers] = tubes.pressure(chambers)
    drop = tubes.pressure(a) - tubes.pressure(b)
    return PipeReading(pipes=pipes, drop=drop, flow=answer.flows, bore=pipe_sizes(problem, tubes)[0])
