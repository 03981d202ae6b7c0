"""The columns of a chip: crossbars of resistor pairs and their terminations, which make the pre-activations.

The total conductance of a column is fixed, G_t = G_u (1 unit)/(kT/q), so that 1 of z makes kT/q between its two sides,
2 kT/q at a tanh. The termination is what the weights leave of G_t, which limits sum |w|.

Throughout, `builder` is the chip under construction; `technology` has the sizes; `columns` are the signals of the
layer, `target` one of them; `label` names a group, `volts` are those of one unit.
"""

from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.bicmos import Bicmos
from lstm_analog.compiler.bicmos_builder import SIDES, VCC, TransistorBuilder, Wires
from lstm_analog.compiler.signals import Memory, Product, Signal, SignalOperation, Sum, Tap
from lstm_analog.errors import InvalidValueError, UnsupportedError, explain
from lstm_analog.network.parts import DATUM, Crossbars
from lstm_analog.network.shapes import Shape


@dataclass(frozen=True, kw_only=True, eq=False)
class Columns:
    """The signals of an LSTM layer by their role in the cell: pre-activations of the four gates, c and h.

    `rows` is the weighted sum that computes the pre-activations.
    """

    rows: Sum
    input: Signal
    forget: Signal
    candidate: Signal
    output: Signal
    c: Signal
    h: Signal


_CELL = [Shape.SIGMOID, Shape.TANH, Shape.SIGMOID, Shape.TANH, Shape.SIGMOID]
"""The curves of i, g, o, c and f that a cell computes, in this order."""


def columns_of(operations: tuple[SignalOperation, ...]) -> Columns:
    """Return the signals of a layer's `operations` by their role in a cell; `UnsupportedError` unless a plain LSTM."""
    match operations:
        case (Sum(diagonals=()) as rows, Memory(keep=Tap() as keep) as c, Memory(keep=None) as h):
            taps = (*c.add, *h.add, keep)
            straight = all((tap.slope, tap.offset) == (1.0, 0.0) for tap in taps)
            if straight and [tap.shape for tap in taps] == _CELL and taps[3].reading.signal == c.target:
                zi, zg, zo, _, zf = (tap.reading.signal for tap in taps)
                return Columns(rows=rows, input=zi, forget=zf, candidate=zg, output=zo, c=c.target, h=h.target)
    must, do = "be one LSTM, sigmoid(f) c + sigmoid(i) tanh(g), then sigmoid(o) tanh(c)", "use BEHAVIOURAL"
    raise UnsupportedError(explain("a layer in transistor cells", must=must, got=_missing(operations), do=do))


def _missing(operations: tuple[SignalOperation, ...]) -> str:
    """Return what of the `operations` of a layer a cell does not have."""
    memories = [operation for operation in operations if isinstance(operation, Memory)]
    taps = [tap for memory in memories for tap in (*memory.add, *(() if memory.keep is None else (memory.keep,)))]
    found = {
        "a product before a sum": any(isinstance(operation, Product) for operation in operations),
        "the complement of a gate": any(tap.shape is Shape.SIGMOID and tap.slope < 0.0 for tap in taps),
        "a weight of a unit for itself alone, as a peephole": any(
            isinstance(operation, Sum) and operation.diagonals for operation in operations
        ),
        "another memory than c and h": len(memories) != 2,
    }
    return ", ".join(what for what, there in found.items() if there) or "other activations"


def bias_row(builder: TransistorBuilder, label: str, volts: float) -> Wires:
    """Return the nodes of the bias row, which stands at 1: two sources, unless its driver is on the chip."""
    if builder.technology.services is not None:
        builder.bias_rows.append(label)
        return builder.pair(label, 1, volts)
    for side, share in SIDES.items():
        builder.sources(label + side, np.full(1, builder.technology.row_level + share * volts), volts)
    return builder.pair(label, 1, volts)


def add_columns(builder: TransistorBuilder, columns: Columns, drivers: list[Wires], weights: Floats) -> None:
    """Add the columns: their nodes, the crossbar of `weights` (4 H, drivers) from the `drivers`, the terminations."""
    technology, targets = builder.technology, columns.rows.targets
    pairs = [
        builder.pair(target.label, target.size, technology.sensed_volts * fold)
        for target in targets
        for fold in (2.0 if target == columns.candidate else 1.0,)
    ]
    _add_crossbar(builder, columns.rows.label, drivers, pairs, weights)
    rows = np.split(_totals(technology, weights), len(pairs))
    for target, pair, total in zip(targets, pairs, rows, strict=True):
        rail = technology.tanh_rail if target == columns.candidate else technology.sigmoid_rail
        rest = termination(technology, target, column_conductance(technology, columns, target), total)
        _terminate(builder, target, pair, rail, rest, technology.unit_conductance * total)


def add_head(builder: TransistorBuilder, head: Sum, drivers: list[Wires], weights: Floats) -> None:
    """Add the columns of `head`, of `weights` (outputs, drivers) from `drivers`; 1 of y makes kT/q, unloaded."""
    technology, (target,) = builder.technology, head.targets
    pair = builder.pair(target.label, target.size, technology.thermal_volts * technology.warmth)
    _add_crossbar(builder, head.label, drivers, [pair], weights)
    total = technology.unit_conductance * technology.volts_per_unit / technology.thermal_volts
    rest = termination(technology, target, total, _totals(technology, weights))
    _terminate(builder, target, pair, technology.sigmoid_rail, rest, total - rest)


def _add_crossbar(
    builder: TransistorBuilder, label: str, drivers: list[Wires], pairs: list[Wires], weights: Floats
) -> None:
    """Add the crossbar `label` of `weights` (columns, drivers) from `drivers` to the columns at `pairs`.

    A weight of zero is no resistor, so weights of zeros, as of a head before training, are no bank.
    """
    plus, minus = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1))
    builder.junctions(f"{label}_nodes", np.concatenate((plus, minus)))
    if not weights.any():
        return
    inputs = np.concatenate([pair[side] for side in (0, 1) for pair in drivers])
    own, crossed = (builder.technology.unit_conductance * each for each in branches(builder.technology, weights))
    none = np.array(0.0)
    builder.parts.append(
        Crossbars(
            label=label,
            inputs=inputs,
            plus=plus,
            minus=minus,
            positive=np.hstack((own, crossed)),
            negative=np.hstack((crossed, own)),
            plus_load=none,
            minus_load=none,
        )
    )


def branches(technology: Bicmos, weights: Floats) -> tuple[Floats, Floats]:
    """Return the straight and the crossed resistors of `weights`, each as the weight that it would be alone.

    Of a weight there is one of both; of a weight too small to be drawn there are two, of which it is the difference.
    """
    own, crossed = (np.maximum(sign * weights, 0.0) for sign in (1.0, -1.0))
    if technology.passives is None:
        return own, crossed
    least = 1.0 / (technology.passives.resistor.weakest * technology.unit_conductance)
    both = least * ((weights != 0.0) & (np.abs(weights) < least))
    return own + both, crossed + both


def _totals(technology: Bicmos, weights: Floats) -> Floats:
    """Return the sum of |w| that the resistors of each column of `weights` (columns, drivers) make, (columns,)."""
    own, crossed = branches(technology, weights)
    return np.asarray((own + crossed).sum(axis=1))


def _terminate(
    builder: TransistorBuilder, target: Signal, pair: Wires, rail: float, rest: Floats, weighted: Floats
) -> None:
    """Add the terminations of conductance `rest` (H,) from the columns of `target` at `pair` to its `rail` (V).

    `weighted` (H,) is the conductance of all weights of a column, from which the current of a rail on the chip follows.
    """
    current = 2.0 * (rail - builder.technology.row_level) * rest * weighted / (rest + weighted)
    nodes = rail_nodes(builder, f"{target.label}_rail", rail, current)
    for side, ends in zip(("p", "n"), pair, strict=True):
        builder.conductors(f"{target.label}_term_{side}", ends, nodes, rest)


def rail_nodes(builder: TransistorBuilder, label: str, volts: float, current: Floats) -> Indices:
    """Return the nodes (H,) of the rails `label` at `volts`, which give `current` (H,) (A): one source for all of them.

    On the chip each is a node of its own, between a resistor to the supply and one to ground; in the lesser of both
    flows the reference current. Raises `InvalidValueError` unless `volts` lie between the two.
    """
    technology, size = builder.technology, current.size
    if technology.services is None:
        return np.repeat(builder.sources(label, np.full(1, volts)), size)
    if not 0.0 < volts < technology.nominal_supply:
        must, do = "lie between ground and the supply where it is on the chip", "choose a state_scale of 1"
        raise InvalidValueError(explain(f"{label}, V", must=must, got=f"{volts:.3g}", do=do))
    nodes = builder.nodes(label, size, 1.0)
    builder.junctions(f"{label}_nodes", nodes)
    least = technology.reference_current
    upper = (least + np.maximum(current, 0.0)) / (technology.nominal_supply - volts)
    lower = (least + np.maximum(-current, 0.0)) / volts
    builder.conductors(f"{label}_upper", np.repeat(builder.nodes(VCC, 1, 1.0), size), nodes, upper)
    builder.conductors(f"{label}_lower", nodes, np.full(size, DATUM), lower)
    return nodes


def termination(technology: Bicmos, target: Signal, conductance: float, total: Floats) -> Floats:
    """Return the termination (S), (H,), of the columns of `target`, whose weights have the sums `total` (H,) of |w|.

    `conductance` is what a column has in all (S). Raises `InvalidValueError` if a sum exceeds it.
    """
    limit = conductance / technology.unit_conductance
    worst = int(total.argmax())
    if not total[worst] < limit:
        do = "scale the weights down, or choose a smaller unit_conductance with larger volts_per_unit"
        must, got = f"have sum |w| below {limit:.3g}", f"{total[worst]:.3g} at unit {worst}"
        raise InvalidValueError(explain(f"column {target.label}", must=must, got=got, do=do))
    return conductance - technology.unit_conductance * total


def column_conductance(technology: Bicmos, columns: Columns, target: Signal) -> float:
    """Return the total conductance (S) of a column of `target`: 1 of z makes kT/q there, 2 kT/q at a tanh."""
    c = technology.trims
    trims = {columns.input: c.input_gain, columns.forget: c.forget_gain, columns.output: c.output_gain}
    folds = 2.0 if target == columns.candidate else 1.0
    textbook = technology.unit_conductance * technology.volts_per_unit / (folds * technology.pair_volts)
    return trims.get(target, c.candidate_gain) * textbook
