"""Divides a level of a phase into stages: components that the same parts feed, and how their efforts are found."""

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from lstm_analog.arrays import Floats, Indices, numbered, span
from lstm_analog.engines.phase.couplings import Couplings
from lstm_analog.engines.phase.structure import Level, Structure
from lstm_analog.engines.phase.wiring import Places, Wiring, wiring
from lstm_analog.engines.settle.ports import is_controlled
from lstm_analog.network.graph import line_of
from lstm_analog.network.laws import High, Order, blocks, is_on

Key = tuple[object, ...]
EFFORTS = 1
"""The number of the field that stands for all efforts, in the wiring of a stage: places in it are unknowns."""
OWN = 2
"""The number of the field of the first member of each component; the others follow."""


class Mode(Enum):
    """How the efforts of a stage are found.

    LINEAR: the flows are linear in the members' own efforts, which are inflow over conductance. EXPONENTIAL: so they
    are, but the storages among the members do not settle. NEWTON: the flows are not linear in the own efforts.
    TRANSIENT: all unknowns at once, over time.
    """

    LINEAR = "linear"
    EXPONENTIAL = "exponential"
    NEWTON = "newton"
    TRANSIENT = "transient"


@dataclass(frozen=True, kw_only=True, eq=False)
class ComponentStage:
    """Components of a `level` solved side by side, and the flow into them, `wiring`.

    Attributes
    ----------
    mode : Mode
        How they are solved.
    couplings, order : Couplings, Structure
        What the wiring was made of.
    nodes : index array
        The unknowns that are set: all members, but for EXPONENTIAL those with storage only.
    inputs : index array
        The unknowns that are read.
    scales : float array, (m, k)
        Units of signal of the members of the m components.
    duration : float
        For EXPONENTIAL the time (s) of the phase; else infinite.
    gain : float
        Bound on what a unit of signal at one of the inputs does to a node, where it is less than 1: of an exponential
        that leaks through open switches.
    settles : bool
        Whether the members come to rest in the phase; if not, they move in each, whatever they read.
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
    scales: Floats
    duration: float
    gain: float
    settles: bool
    key: Key


def stages(couplings: Couplings, order: Structure, level: Level, duration: float) -> list[ComponentStage]:
    """Return the stages of a `level` of the phase of `couplings`, solved in `order`, in a phase of `duration` (s).

    Components with storage are taken not to settle, and become exponentials. Those that Newton's method solves are one
    stage, the others as many as there are ways in which they are fed.
    """
    whole = _stage(couplings, order, level, duration)
    if whole.mode is Mode.NEWTON:
        return [whole]
    found = []
    for members in _fed_alike(couplings, order, level.members):
        part = replace(level, members=members)
        found.append(_stage(couplings, order, part, duration))
    return found


def over_time(couplings: Couplings, order: Structure, duration: float) -> ComponentStage:
    """Return the stage that runs the whole phase of `couplings`, whose `order` is not used, over its `duration` (s)."""
    still = couplings.imposed
    nodes = np.flatnonzero(~still)
    none = np.empty((1, 0))
    return ComponentStage(
        mode=Mode.TRANSIENT,
        couplings=couplings,
        order=order,
        level=Level(members=nodes[None], dynamic=0, order=Order.NONLINEAR, sweep=0),
        wiring=Wiring(wires=(), sheets=(), loads=(), own=none, offset=none, capacity=none),
        nodes=nodes,
        inputs=np.flatnonzero(couplings.dynamic | still),
        scales=couplings.scales[nodes[None]],
        duration=duration,
        gain=1.0,
        settles=False,
        key=(Mode.TRANSIENT, couplings.high, duration),
    )


def refitted(stage: ComponentStage, now: Couplings) -> ComponentStage:
    """Return `stage` with the parameters that the couplings `now` have, those of the same clock lines.

    What was decided by the parameters before stays decided: what settles, what is negligible, in which order.
    """
    if stage.mode is Mode.TRANSIENT:
        return stage
    couplings = replace(now, imposed=stage.couplings.imposed, dynamic=stage.couplings.dynamic)
    found = _stage(couplings, stage.order.refreshed(couplings), stage.level, stage.duration)
    return replace(found, inputs=stage.inputs, settles=stage.settles, key=stage.key)


def lasting(stage: ComponentStage, ratio: float) -> ComponentStage:
    """Return `stage` for a phase `ratio` times as long: slow storages move on, what settles stays so."""
    if stage.mode not in (Mode.EXPONENTIAL, Mode.TRANSIENT):
        return stage
    return replace(stage, duration=stage.duration * ratio, key=(*stage.key, ratio))


def _fed_alike(couplings: Couplings, order: Structure, members: Indices) -> list[Indices]:
    """Return the components `members` (m, k) in parts of which each is fed by the same banks.

    Where the unknowns of a part do not lie side by side it is divided by their groups, in which they mostly do.
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
    """Return the components `members` (m, k) in parts whose unknowns have the same `traits`, (N, traits)."""
    table = traits[members].reshape(len(members), -1)
    kinds = np.unique(table, axis=0, return_inverse=True)[1].reshape(-1)
    return [members[kinds == kind] for kind in range(int(kinds.max(initial=-1)) + 1)]


def places_beside(level: Level, size: int) -> Places:
    """Return the field and place of each of `size` unknowns for a stage: members of `level` in fields from `OWN` on.

    All others are in the field `EFFORTS`, which is all efforts: their places are their numbers.
    """
    places = Places(field=np.full(size, EFFORTS), place=np.arange(size))
    for row, nodes in enumerate(level.members.T):
        places.field[nodes], places.place[nodes] = OWN + row, np.arange(nodes.size)
    return places


def wired(couplings: Couplings, order: Structure, level: Level) -> Wiring:
    """Return the flow into a `level` of the `order` of `couplings`, its fields numbered as `places_beside` says."""
    size = couplings.dynamic.size
    everything = Places(field=np.full(size, EFFORTS), place=np.arange(size))
    whole = replace(couplings, groups=np.zeros_like(couplings.groups))  # efforts are one array: no matrix is divided
    return wiring(whole, order, level, OWN, places_beside(level, size), everything)


def _stage(couplings: Couplings, order: Structure, level: Level, duration: float) -> ComponentStage:
    wires = wired(couplings, order, level)
    curved = level.order is not Order.CONSTANT or any(load.own for load in wires.loads)
    linear = Mode.EXPONENTIAL if level.dynamic else Mode.LINEAR
    mode = Mode.NEWTON if curved and not is_controlled(level, wires) else linear
    nodes = level.members[:, : level.dynamic or None].T.ravel()
    inputs = _inputs(wires, couplings.high)
    inputs = np.union1d(inputs, nodes) if level.dynamic else np.setdiff1d(inputs, level.members)
    return ComponentStage(
        mode=mode,
        couplings=couplings,
        order=order,
        level=level,
        wiring=wires,
        nodes=nodes,
        inputs=inputs,
        scales=couplings.scales[level.members],
        duration=duration if level.dynamic else np.inf,
        gain=_leak(couplings, level, wires, duration) if mode is Mode.EXPONENTIAL else 1.0,
        settles=not level.dynamic,
        key=(mode, level.members.tobytes(), duration if level.dynamic else np.inf, *_content(wires, couplings.high)),
    )


def _leak(couplings: Couplings, level: Level, wires: Wiring, duration: float) -> float:
    """Return the most that a unit of signal elsewhere moves single storages within `duration` (s), in units of signal.

    It is 1 at most, and where more than constant coefficients feed them.
    """
    if wires.sheets or wires.loads or level.members.shape[1] > 1:
        return 1.0
    pace = duration / (wires.capacity[..., 0] * couplings.scales[level.members[:, 0]])
    moves = [np.abs(wire.values * couplings.scales[wire.places] * pace[..., wire.into]) for wire in wires.wires]
    return min(1.0, max((float(move.max()) for move in moves), default=0.0))


def _inputs(wires: Wiring, high: High) -> Indices:
    """Return the unknowns that the flow through `wires` depends on; loads read all of theirs."""
    linear = (*(wire.places for wire in wires.wires), *(sheet.places for sheet in wires.sheets))
    found = [numbered(places) for places in linear]
    found += [block.columns for load in wires.loads for block in blocks(load.part, high)]
    return np.unique(np.concatenate([np.empty(0, np.int64), *found]))


def _content(wires: Wiring, high: High) -> list[object]:
    """Return what tells `wires` from others: numbers, places, and which parts with their clock line high or low."""
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
