"""The reverse pass through a run of `Settle`: derivatives of results by all parameters of all parts and by the inputs.

`Settle` makes a program for the efforts that the results read. Each of its instructions is linearised at all its points
at once. The pass then goes over the points from the last to the first, and over the stages of each backward.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.engines.phase.couplings import fed_rows
from lstm_analog.engines.record import Record, Watch, within
from lstm_analog.engines.sensitivity.instructions import linear_stages
from lstm_analog.engines.sensitivity.linearised import LinearStage
from lstm_analog.engines.sensitivity.records import Parameters, Sensitivities, Slope, joined
from lstm_analog.engines.settle.program import RunProgram, program
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.network.chips import check_one_chip
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import High, Kind, lever_flows, lever_sums, lever_values
from lstm_analog.network.parts import Sources, Storages
from lstm_analog.network.trajectory import EVERYTHING, Trajectory

_MOST_NUMBERS = 2**25
"""Adjoint weights (unknowns x points x results) that a pass keeps; larger: more memory, fewer passes."""

_Sums = dict[str, dict[str, Floats]]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Linear:
    """An instruction with the clock lines `high`, linearised at its `points` (k,).

    `load` are the labels of the sources that are set at these points, and `weights` the adjoint weights of the balances
    of each of the `stages`, (k, members, r, batch), which the pass fills.
    """

    high: High
    points: Indices
    load: tuple[str, ...]
    stages: list[LinearStage]
    weights: list[Floats]


def sensitivities(
    trajectory: Trajectory, slopes: tuple[Slope, ...], *, settled: float, changes: Parameters | None = None
) -> Sensitivities:
    """Return the derivatives of the results whose `slopes` are given, of a `trajectory` that `Settle` computed.

    The trajectory must have kept everything; `settled` is that of the engine. With `changes` of parameters, each
    (r, *own), their first-order effect on each result is told by interval (`Sensitivities.by_interval`).

    The derivatives are exact to rounding, also those by the capacities of storages that do not settle. The clock counts
    as constant.

    Raises
    ------
    InvalidShapeError
        If parameters have an axis of chips.
    UnsupportedError
        If parameters change from step to step; if an interval was run over time, or has storages that do not settle and
        act on each other.
    """
    pieces = _pieces(trajectory, slopes, changes)
    if len(pieces) > 1:
        return joined([sensitivities(trajectory, one, settled=settled, changes=some) for one, some in pieces])
    network = _checked_network(trajectory)
    kept = tuple(_record(trajectory, each) for each in slopes)
    made = program(network, trajectory.schedule, settled=settled, kept=kept)
    efforts = np.moveaxis(trajectory.efforts.reshape(-1, *trajectory.efforts.shape[-2:]), 0, 1)
    results = len(slopes[0].values)
    sources = network.kinds()[Kind.IMPOSED]
    linear = [_linear(made, number, efforts, results, sources) for number in range(len(made.instructions))]
    sums, imposed = _go_back(made, linear, slopes, (efforts.shape[-1], results, efforts.shape[1]))
    parameters: _Sums = {
        part.label: {name: np.zeros((results, *value.shape)) for name, value in lever_values(part).items()}
        for part in trajectory.network.parts  # stops that no tank reached have derivatives of zero
    }
    _add_levers(parameters, network, linear)
    for each in linear:
        for stage, weights in zip(each.stages, each.weights, strict=True):
            if stage.rates is not None:
                _add_capacities(parameters, network, stage.nodes, -(weights * stage.rates).sum(axis=(0, 3)).T)
    for part in network.parts:
        if isinstance(part, Sources) and part.label not in made.changed:
            parameters[part.label]["effort"] = sums[part.nodes].sum(axis=-1).T
    frozen = {label: MappingProxyType(values) for label, values in parameters.items() if values}
    return Sensitivities(
        parameters=MappingProxyType(frozen),
        imposed=MappingProxyType(imposed),
        by_interval=None if changes is None else _by_interval(network, linear, changes, (results, made.order.size)),
    )


def _pieces(
    trajectory: Trajectory, slopes: tuple[Slope, ...], changes: Parameters | None
) -> list[tuple[tuple[Slope, ...], Parameters | None]]:
    """Return `slopes` and `changes` split by results, so that the weights of each pass fit into `_MOST_NUMBERS`."""
    results = len(slopes[0].values)
    many = max(1, int(_MOST_NUMBERS // max(trajectory.efforts.size, 1)))
    cuts = [slice(first, first + many) for first in range(0, results, many)]
    return [
        (
            tuple(replace(slope, values=slope.values[some]) for slope in slopes),
            None
            if changes is None
            else {label: {name: value[some] for name, value in of.items()} for label, of in changes.items()},
        )
        for some in cuts
    ]


def _checked_network(trajectory: Trajectory) -> Network:
    """Return the network that was solved, without the stops of tanks if none was reached; refuse chips and varying."""
    network, free = trajectory.network, within(trajectory.network)
    check_one_chip(network)
    if trajectory.schedule.varying is not None:
        got, do = "some that change from step to step", "hold them as in one step: Machine.at_step(number)"
        raise UnsupportedError(explain("parameters", must="stand still", got=got, do=do))
    seen = zip(free.ranges, trajectory.extremes, strict=True)
    inside = all(Watch(limits=limits, lowest=far.lowest, highest=far.highest).inside for limits, far in seen)
    return free.network if inside else network


def _record(trajectory: Trajectory, slope: Slope) -> Record:
    """Return the record, without arrays, by which `program` knows the efforts that a `slope` reads."""
    places = np.full(1 + len(trajectory.schedule.names), -1)
    places[1 + slope.intervals] = 0
    none = np.empty(0)
    return Record(save=EVERYTHING, nodes=slope.nodes, time=none, efforts=none, places=places)


def _linear(made: RunProgram, number: int, efforts: Floats, results: int, sources: Indices) -> _Linear:
    """Return instruction `number` linearised along the `efforts` (points, batch, unknowns)."""
    instruction, points = made.instructions[number], np.flatnonzero(made.order == number)
    before = np.where((points == 0)[:, None, None], 0.0, efforts[np.maximum(points - 1, 0)])
    stages = linear_stages(instruction, before, efforts[points], sources)
    return _Linear(
        high=instruction.phase.couplings.high,
        points=points,
        load=instruction.load,
        stages=stages,
        weights=[np.empty((points.size, stage.nodes.size, results, efforts.shape[1])) for stage in stages],
    )


def _go_back(
    made: RunProgram, linear: list[_Linear], slopes: tuple[Slope, ...], shape: tuple[int, int, int]
) -> tuple[Floats, dict[str, Floats]]:
    """Go from the last point to the first, and fill the weights of all instructions, `linear`.

    Returns the derivatives by the efforts before the first point, (unknowns, r, batch) as `shape` says, and by what the
    schedule imposes.
    """
    sums = np.zeros(shape)
    read = _by_point(slopes)
    sources = {part.label: part.nodes for part in made.network.parts if isinstance(part, Sources)}
    imposed = {
        label: np.zeros((*shape[1:], flags.size - 1, sources[label].size)) for label, flags in made.changed.items()
    }
    place = np.zeros(made.order.size, dtype=np.int64)
    for each in linear:
        place[each.points] = np.arange(each.points.size)
    for point, number, turn in zip(
        range(made.order.size - 1, -1, -1), made.order[::-1].tolist(), place[::-1].tolist(), strict=True
    ):
        for nodes, values in read.get(point, ()):
            sums[nodes] += values
        each = linear[number]
        for stage, weights in zip(reversed(each.stages), reversed(each.weights), strict=True):
            weights[turn] = stage.weigh(turn, sums)
        for label in each.load:
            nodes = sources[label]
            imposed[label][..., max(point - 1, 0), :] += np.moveaxis(sums[nodes], 0, -1)
            sums[nodes] = 0.0
    return sums, imposed


def _by_point(slopes: tuple[Slope, ...]) -> dict[int, list[tuple[Indices, Floats]]]:
    """Return the nodes and derivatives (n, r, batch) of `slopes` by the point at which they are read."""
    found: dict[int, list[tuple[Indices, Floats]]] = {}
    for slope in slopes:
        turned = np.ascontiguousarray(slope.values.transpose(2, 3, 0, 1))
        for interval, values in zip(slope.intervals.tolist(), turned, strict=True):
            found.setdefault(interval + 1, []).append((slope.nodes, values))
    return found


def _balances(linear: _Linear, size: int) -> Iterator[tuple[Floats, Floats]]:
    """Yield efforts (k batch, unknowns) of an instruction, and the weights by unknown, (r, k batch, unknowns + 1).

    Stages linearised at the same efforts are taken together. The last weight is zero, for flows into none: row -1.
    """
    groups: dict[int, list[int]] = {}
    for number, stage in enumerate(linear.stages):
        groups.setdefault(id(stage.effort), []).append(number)
    for numbers in groups.values():
        points, _, results, batch = linear.weights[numbers[0]].shape
        whole = np.zeros((results, points, batch, size + 1))
        for number in numbers:
            whole[..., linear.stages[number].nodes] += linear.weights[number].transpose(2, 0, 3, 1)
        yield linear.stages[numbers[0]].effort, whole.reshape(results, -1, size + 1)


def _add_levers(parameters: _Sums, network: Network, linear: list[_Linear]) -> None:
    """Add the derivatives by the parameters of `network`, w F_p of all instructions, `linear`, to `parameters`."""
    kinds, size = network.kinds(), network.unknowns.size
    fed = [(part, rows) for part in network.parts if (rows := fed_rows(network, kinds, part)).size]
    for high in dict.fromkeys(each.high for each in linear):
        found = [pair for each in linear if each.high == high for pair in _balances(each, size)]
        if not found:
            continue
        effort, weights = np.concatenate([pair[0] for pair in found]), np.concatenate([pair[1] for pair in found], 1)
        active = np.asarray(weights.any(axis=(0, 1)))
        for part, rows in fed:
            if active[rows].any():
                for name, value in lever_sums(part, effort, high, weights[..., rows]).items():
                    parameters[part.label][name] += value


def _by_interval(network: Network, linear: list[_Linear], changes: Parameters, shape: tuple[int, int]) -> Floats:
    """Return the first-order effect of `changes` of parameters of `network` at each point, of `shape` (r, points)."""
    kinds, size = network.kinds(), network.unknowns.size
    fed = [
        (part, rows)
        for part in network.parts
        if part.label in changes and (rows := fed_rows(network, kinds, part)).size
    ]
    result: Floats = np.zeros(shape)
    for each in linear:
        for effort, weights in _balances(each, size):
            for number, one in enumerate(weights):
                added = np.zeros(len(effort))
                for part, rows in fed:
                    mine = {name: value[number] for name, value in changes[part.label].items()}
                    added += (lever_flows(part, effort, each.high, mine) * one[:, rows]).sum(axis=(-1, -2))
                result[number, each.points] += added.reshape(each.points.size, -1).sum(axis=-1)
    return result


def _add_capacities(parameters: _Sums, network: Network, nodes: Indices, sums: Floats) -> None:
    """Add the derivatives `sums` (r, n) by the capacities of storages at `nodes` (n,) to `parameters`."""
    by_node = np.zeros((len(sums), network.unknowns.size))
    by_node[:, nodes] = sums
    for part in network.parts:
        if isinstance(part, Storages):
            parameters[part.label]["capacitance"] += by_node[:, part.nodes]
