"""Divides a level of a phase into stages, and finds how fast the storages of a stage come to rest.

A stage is some components of a level that the same banks feed, so that the same calls find the efforts of all of them.
"""

from dataclasses import dataclass, replace
from enum import Enum
from typing import cast

import numpy as np

from lstm_analog.arrays import Array, Floats, Indices, numbered, span
from lstm_analog.engines.phase.couplings import Couplings
from lstm_analog.engines.phase.structure import Level, Structure
from lstm_analog.engines.phase.wiring import Load, Places, Wiring, wiring
from lstm_analog.network.laws import High, Order, bank_of, blocks, is_on
from lstm_analog.network.parts import OpAmps, Ports, line_of

Key = tuple[object, ...]
"""What tells a stage from all others: its mode, members, duration, coefficients and banks."""
EFFORTS = 1
"""The number of the field that is the array of all efforts, in the wiring of a stage: places in it are unknowns."""
OWN = 2
"""The number of the field of the first member of each component; those of the other members follow."""
_LARGEST_CONTROL = 30.0
"""Largest control of a port, dimensionless, at which its conductance is sampled; beyond it is open, shut, limited."""
_POINTS = 241
"""Controls at which the conductance of a port is sampled; larger: the least found is less than a percent too large."""


class Mode(Enum):
    """How the efforts of a stage are found.

    LINEAR: the flows are linear in the members' own efforts, which come to rest at inflow over conductance.
    EXPONENTIAL: the flows are linear, but the storages among the members do not settle. NEWTON: the flows are not
    linear in the members' own efforts.
    """

    LINEAR = "linear"
    EXPONENTIAL = "exponential"
    NEWTON = "newton"


@dataclass(frozen=True, kw_only=True, eq=False)
class ComponentStage:
    """Components that are solved side by side by the same calls.

    Attributes
    ----------
    mode : Mode
        How they are solved.
    couplings, order : Couplings, Structure
        What the wiring was made of.
    level : Level
        The components: some of a level of the `order`.
    wiring : Wiring
        The flow into them.
    nodes : index array
        The unknowns that are set: all members, but for EXPONENTIAL those with storage only.
    inputs : index array
        The unknowns that are read.
    duration : float
        For EXPONENTIAL the time (s) of the phase; else infinite.
    gain : float
        Bound on the change of a node, in units of signal, by one unit of signal at an input. It is less than 1 only for
        storages that leak through open switches, and 1 where it is not known.
    settles : bool
        Whether the members come to rest in the phase. If not, their efforts change in each phase, even if those that
        they read do not.
    key : tuple
        Stages of equal key compute the same, also in another phase.
    """

    mode: Mode
    couplings: Couplings
    order: Structure
    level: Level
    wiring: Wiring
    nodes: Indices
    inputs: Indices
    duration: float
    gain: float
    settles: bool
    key: Key

    @property
    def storages(self) -> Indices:
        """The members with storage, (m, dynamic)."""
        return self.level.members[:, : self.level.dynamic]


def stages(couplings: Couplings, order: Structure, level: Level, duration: float) -> list[ComponentStage]:
    """Return the stages of a `level` of the phase of `couplings`, solved in `order`, in a phase of `duration` (s).

    A level with storages is one that does not settle. Components that Newton's method solves are one stage, the others
    as many as there are different sets of banks that feed them.
    """
    whole = component_stage(couplings, order, level, duration)
    if whole.mode is Mode.NEWTON:
        return [whole]
    parts = (replace(level, members=members) for members in _fed_alike(couplings, order, level.members))
    return [component_stage(couplings, order, part, duration) for part in parts]


def refitted(stage: ComponentStage, now: Couplings) -> ComponentStage:
    """Return `stage` with the parameters that the couplings `now` have, those of the same clock lines.

    What settles, what is negligible and the order stay as the network decided them that the run was begun with.
    """
    couplings = replace(now, imposed=stage.couplings.imposed, dynamic=stage.couplings.dynamic)
    found = component_stage(couplings, stage.order.refreshed(couplings), stage.level, stage.duration)
    return replace(found, inputs=stage.inputs, settles=stage.settles, key=stage.key)


def lasting(stage: ComponentStage, ratio: float) -> ComponentStage:
    """Return `stage` for a phase `ratio` times as long: exponentials take that time, all else settles as before."""
    if stage.mode is not Mode.EXPONENTIAL:
        return stage
    return replace(stage, duration=stage.duration * ratio, key=(*stage.key, ratio))


def _fed_alike(couplings: Couplings, order: Structure, members: Indices) -> list[Indices]:
    """Return the components `members` (m, k) in parts, so that the same banks feed all components of a part.

    A part whose unknowns do not lie side by side is divided by their groups, within which they mostly do: calls then
    work on slices.
    """
    size = couplings.dynamic.size
    traits = [np.bincount(order.links.rows, minlength=size)]
    traits += [np.isin(np.arange(size), dense.rows).astype(np.int64) for dense in couplings.dense]
    traits += [np.bincount(curved.fed[curved.fed >= 0], minlength=size) for curved in couplings.curved]
    found = []
    for part in _divided(np.stack(traits, axis=-1), members):
        neighbours = all(isinstance(span(column), slice) for column in part.T)
        found += [part] if neighbours else _divided(couplings.groups[:, None], part)
    return found


def _divided(traits: Indices, members: Indices) -> list[Indices]:
    """Return the components `members` (m, k) in parts, in each of which all have the same `traits`, (N, traits)."""
    table = traits[members].reshape(len(members), -1)
    kinds = np.unique(table, axis=0, return_inverse=True)[1].reshape(-1)
    return [members[kinds == kind] for kind in range(int(kinds.max(initial=-1)) + 1)]


def places_among_all(size: int) -> Places:
    """Return the places of `size` unknowns in the array of all efforts, field number `EFFORTS`: their numbers."""
    return Places(field=np.full(size, EFFORTS), place=np.arange(size))


def places_beside(level: Level, size: int) -> Places:
    """Return the field and place of each of `size` unknowns for a stage: members of `level` in fields from `OWN` on.

    All others lie in the array of all efforts.
    """
    places = places_among_all(size)
    for row, nodes in enumerate(level.members.T):
        places.field[nodes], places.place[nodes] = OWN + row, np.arange(nodes.size)
    return places


def component_stage(couplings: Couplings, order: Structure, level: Level, duration: float) -> ComponentStage:
    """Return a `level` of the phase of `couplings` as one stage, solved in `order`, in a phase of `duration` (s).

    Guesses that torn links read are the efforts as they are.
    """
    size = couplings.dynamic.size
    whole = replace(couplings, groups=np.zeros_like(couplings.groups))  # efforts are one array: no matrix is divided
    wires = wiring(whole, order, level, OWN, places_beside(level, size), places_among_all(size))
    curved = level.order is not Order.CONSTANT or any(load.own for load in wires.loads)
    linear = Mode.EXPONENTIAL if level.dynamic else Mode.LINEAR
    mode = Mode.NEWTON if curved and not _is_controlled(level, wires) else linear
    nodes = level.members[:, : level.dynamic or None].T.ravel()
    inputs, lasts = _inputs(wires, couplings.high), duration if level.dynamic else np.inf
    return ComponentStage(
        mode=mode,
        couplings=couplings,
        order=order,
        level=level,
        wiring=wires,
        nodes=nodes,
        inputs=np.union1d(inputs, nodes) if level.dynamic else np.setdiff1d(inputs, level.members),
        duration=lasts,
        gain=_leak(couplings, level, wires, duration) if mode is Mode.EXPONENTIAL else 1.0,
        settles=not level.dynamic,
        key=(mode, level.members.tobytes(), lasts, *_content(wires, couplings.high)),
    )


def _is_controlled(level: Level, wires: Wiring) -> bool:
    """Return whether `level` is of single unknowns, linear in themselves, whose conductance is that of laminar ports.

    Other unknowns control these. `wires` are the flow into the level.
    """
    own = [load for load in wires.loads if load.own]
    single = level.members.shape[1] == 1 and level.order is not Order.NONLINEAR
    return single and all(isinstance(load.part, Ports) and load.part.laminar for load in own)


def _leak(couplings: Couplings, level: Level, wires: Wiring, duration: float) -> float:
    """Return the most that a unit of signal elsewhere moves single storages within `duration` (s), in units of signal.

    It is 1 at most. It is 1, too, where components have several members or more than `wires` feeds them.
    """
    if wires.sheets or wires.loads or level.members.shape[1] > 1:
        return 1.0
    pace = duration / (wires.capacity[..., 0] * couplings.scales[level.members[:, 0]])
    moves = [np.abs(wire.values * couplings.scales[wire.places] * pace[..., wire.into]) for wire in wires.wires]
    return min(1.0, max((float(move.max()) for move in moves), default=0.0))


def _inputs(wires: Wiring, high: High) -> Indices:
    """Return the unknowns that the flow through `wires` depends on; of a nonlinear part all, whatever flow is taken."""
    linear = (*(wire.places for wire in wires.wires), *(sheet.places for sheet in wires.sheets))
    found = [numbered(places) for places in linear]
    found += [block.columns for load in wires.loads for block in blocks(load.part, high)]
    return np.unique(np.concatenate([np.empty(0, np.int64), *found]))


def _content(wires: Wiring, high: High) -> list[object]:
    """Return what tells `wires` from others: coefficients, places, banks and whether the lines of these are high."""
    found: list[object] = [array.tobytes() for array in (wires.own, wires.offset, wires.capacity)]
    for wire in wires.wires:
        found += [wire.row, _bytes(wire.into), _bytes(wire.places), wire.values.tobytes()]
    for sheet in wires.sheets:
        found += [sheet.row, _bytes(sheet.into), _bytes(sheet.places), sheet.name]
    for load in wires.loads:
        found += [load.part.label, is_on(line_of(load.part), high)]
    return found


def _bytes(places: slice | Indices) -> object:
    return (places.start, places.stop) if isinstance(places, slice) else places.tobytes()


def slowest_rates(stage: ComponentStage, efforts: Array) -> Floats:
    """Return the rate (1/s) of the slowest mode of each component of `stage`, (..., m), by its eigenvalues.

    Flows are linearised at `efforts` (..., unknowns), members without storage eliminated. The rate is negative where a
    mode grows, and nan where a slope is not finite.
    """
    slopes, states = stage.wiring.slopes(efforts, stage.couplings.high), stage.level.dynamic
    kept, cross = slopes[..., :states, :states], slopes[..., :states, states:]
    if slopes.shape[-1] > states:
        kept = kept - cross @ np.linalg.solve(slopes[..., states:, states:], slopes[..., states:, :states])
    if not np.isfinite(kept).all():
        return np.full(kept.shape[:-2], np.nan)
    rates = -np.linalg.eigvals(kept / stage.wiring.capacity[..., None]).real.max(axis=-1)
    return np.asarray(rates, dtype=np.float64)


def least_rate(stage: ComponentStage) -> float:
    """Return a lower bound (1/s) on the rates of components of `stage`, whatever their efforts and controls.

    It is infinite where flows are linear in the components' own efforts but for those of op-amps, whose rates at
    efforts of zero are those within their range. It is 0, no bound, where other flows are not linear, or components
    with ports have several members. Ports with the same control add up before the least is taken: of two that open
    against each other one is always open.
    """
    wires, count = stage.wiring, len(stage.storages)
    own = [load for load in wires.loads if load.own and not isinstance(load.part, OpAmps)]
    if not own:
        return np.inf
    if wires.own.shape[-1] > 1 or not all(isinstance(load.part, Ports) and load.part.laminar for load in own):
        return 0.0
    conductance = -wires.own[..., 0, 0].reshape(-1, count).max(axis=0)
    found = [_openings(load, stage.couplings.high) for load in own]
    ends = np.concatenate([ends for ends, _ in found])
    each, which = np.unique(ends, axis=0, return_inverse=True)
    total = np.zeros((len(each), _POINTS))
    np.add.at(total, which.reshape(-1), np.concatenate([values for _, values in found]))
    np.add.at(conductance, each[:, 0], total.min(axis=1))
    largest = wires.capacity[..., 0].reshape(-1, count).max(axis=0)
    return float((conductance / largest).min())


def _openings(load: Load, high: High) -> tuple[Indices, Floats]:
    """Return component, p and n of each of k ports of `load`, (k, 3), and conductances that it gives, (k, points).

    These are sampled over the range of its control; of many chips they are the least.
    """
    part, own = cast(Ports, load.part), load.own
    scale, offset = (np.abs(each).max(initial=0.0) for each in (part.scale, part.offset))
    control = np.linspace(-1.0, 1.0, _POINTS)[:, None] * (_LARGEST_CONTROL + offset) / (scale or 1.0)
    nothing = np.zeros((1, 1))
    slopes = bank_of(part).evaluator(high).partials(lambda name: control if name == "p" else nothing)
    ends, values = [], []
    for each in own:
        value = np.broadcast_to(-slopes[each.block], (*np.shape(slopes[each.block])[:-2], _POINTS, part.p.size))
        values.append(value[..., each.elements].reshape(-1, _POINTS, each.elements.size).min(axis=0).T)
        ends.append(np.column_stack((each.into, part.p[each.elements], part.n[each.elements])))
    return np.concatenate(ends), np.concatenate(values)
