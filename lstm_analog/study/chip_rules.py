"""Design rules of transistor cells, checked with their weights and the voltages of a run."""

from collections.abc import Iterator
from math import log

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.bicmos import LINEAR_TAIL, Bicmos
from lstm_analog.compiler.compiled import Compiled, LayerLayout, Spot
from lstm_analog.network.parts import Crossbars, parameters_of
from lstm_analog.study.findings import Bound, Finding, Rule, judge
from lstm_analog.study.run import Run

SATURATED = -0.3
"""Collector-base voltage (V) below which the collector junction of a transistor conducts."""
STEERED = 0.8
"""Fraction of its tail current up to which the pair of f c is linear: V_T atanh(0.8) is 28 mV."""


def chip_findings(compiled: Compiled, technology: Bicmos, run: Run | None, largest: float | None) -> Iterator[Finding]:
    """Yield the findings on `compiled`, built in `technology`, at the voltages of `run`.

    Without a run |c| is the `largest` found with the inputs for which it was compiled; if that is None, the limit.
    """
    crossbars = [part for part in compiled.network.parts if isinstance(part, Crossbars)]
    pairs = zip(compiled.layout.layers, crossbars, strict=False)  # a head has one more
    for number, (layer, crossbar) in enumerate(pairs):
        yield _columns(compiled, layer, crossbar)
        yield _row_drivers(compiled, technology, layer, crossbars, run)
        yield from _pairs(technology, layer, None if run is None else run.layers[number].c, largest)


def _pairs(technology: Bicmos, layer: LayerLayout, met: Floats | None, largest: float | None) -> Iterator[Finding]:
    """Yield the findings on the pairs of f c of `layer`, whose c `met` (..., H) in a run, and on their voltages."""
    reach = technology.linear_range * technology.state_scale
    c, place = np.full(1, reach if largest is None else largest), lambda _: "any unit"
    if met is not None:
        c, place = np.abs(met).reshape(-1, met.shape[-1]).max(axis=0), _unit
    if met is not None or largest is not None:
        yield judge(Rule.CELL_RANGE, c, reach, part=layer.cell.group, place=place)
    volts = c * technology.unit_of_c
    full = LINEAR_TAIL * technology.reference_current * technology.warmth * technology.trims.emitter_resistance
    yield judge(Rule.STEERED, volts / full, STEERED, part=layer.cell.group, place=place)
    least = _collectors(technology, volts)
    yield judge(Rule.HEADROOM, least, SATURATED, part=layer.cell.group, place=place, bound=Bound.AT_LEAST)


def _unit(number: int) -> str:
    return f"unit {number}"


def _columns(compiled: Compiled, layer: LayerLayout, crossbar: Crossbars) -> Finding:
    """Return the finding on the conductance of weights in a column, as a fraction of the column's total."""
    weights = crossbar.positive.sum(axis=-1)
    ends = (compiled.network.part(f"{_signal(spot)}_term_p") for spot in layer.z)
    rest = np.concatenate([parameters_of(end)["conductance"] for end in ends], axis=-1)
    size = rest.shape[-1] // len(layer.z)
    names = [f"{_signal(spot)} of unit {unit}" for spot in layer.z for unit in range(size)]
    return judge(Rule.COLUMN, weights / (weights + rest), 1.0, part=crossbar.label, place=lambda n: names[n])


def _row_drivers(
    compiled: Compiled, technology: Bicmos, layer: LayerLayout, crossbars: list[Crossbars], run: Run | None
) -> Finding:
    """Return the finding on the largest current (uA) that columns push into a row driver, a sink of class A.

    The rows of a layer lead to its own columns and to those of the layer above, among the `crossbars`.
    """
    nodes = np.concatenate([compiled.network.unknowns[label] for label in layer.h.groups])
    fed = [crossbar for crossbar in crossbars if np.isin(nodes, crossbar.inputs).all()]
    weights = np.concatenate([_into(crossbar, nodes) for crossbar in fed], axis=-2)
    columns = np.concatenate([side for crossbar in fed for side in (crossbar.plus, crossbar.minus)])
    if run is None:
        gates = crossbars[: len(compiled.layout.layers)]
        level = np.concatenate([np.tile(_rails(technology, each, each in gates), 2) for each in fed])
        lowest = technology.row_level - 0.5 * technology.unit_of_h
        sink = (level - lowest) @ weights
    else:
        efforts = run.trajectory.efforts.reshape(-1, compiled.network.unknowns.size)
        into = efforts[:, columns] @ weights - efforts[:, nodes] * weights.sum(axis=-2, keepdims=True)
        sink = into.reshape(-1, nodes.size).max(axis=0)
    limit = technology.row_current * technology.warmth * 1e6
    half = nodes.size // 2
    return judge(Rule.ROW_SINK, 1e6 * sink, limit, part=layer.h.group, place=lambda n: _unit(n % half))


def _into(crossbar: Crossbars, nodes: Indices) -> Floats:
    """Return the conductances (S) from `nodes` (k,) to the columns of `crossbar`, (..., columns, k)."""
    places = np.array([int(np.flatnonzero(crossbar.inputs == node)[0]) for node in nodes])
    return np.concatenate((crossbar.positive, crossbar.negative), axis=-2)[..., places]


def _collectors(technology: Bicmos, volts: Floats) -> Floats:
    """Return the least collector-base voltages (V) of the steering pairs and of the pairs below them."""
    current = technology.reference_current * technology.warmth
    base_emitter = (
        technology.thermal_volts * log(current / technology.devices.npn.saturation_current)
        if technology.pairs is None
        else technology.pairs.gate_source
    )
    common = 0.5 * (1.0 / technology.state_scale + 2.0 * LINEAR_TAIL) * current * technology.cell_load
    load = technology.conditions.supply - common - 0.5 * volts
    follower = technology.cell_level + 0.5 * volts
    return np.minimum(load - technology.sigmoid_rail, technology.sigmoid_rail - base_emitter - follower)


def _rails(technology: Bicmos, crossbar: Crossbars, gates: bool) -> Floats:
    """Return the rail voltage (V) of each column of `crossbar`: of `gates` those of i, f, g, o, else of a head."""
    rails = np.full(crossbar.plus.size, technology.sigmoid_rail)
    if gates:
        size = rails.size // 4
        rails[2 * size : 3 * size] = technology.tanh_rail
    return rails


def _signal(spot: Spot) -> str:
    return spot.group.removesuffix("_p")
