"""Turn crossbars into resistor cards, one for each conductance, and back."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.errors import FileFormatError, UnsupportedPartError, explain
from lstm_analog.export.numbers import inverse
from lstm_analog.network.parts import DATUM, Crossbars


@dataclass(frozen=True, kw_only=True, eq=False)
class CrossbarTubes:
    """Conductances above zero of one `side` of a crossbar, p or n, from `tails` to `heads` in its `rows`, (k,) each.

    `columns` (k,) are those of weights; of loads, which end at the datum, it is None.
    """

    side: str
    rows: Indices
    columns: Indices | None
    tails: Indices
    heads: Indices
    conductance: Floats


def crossbar_tubes(part: Crossbars) -> Iterator[CrossbarTubes]:
    """Yield the conductances of `part` above zero: the weights of a side by row, then its loads."""
    sides = (("p", part.plus, part.positive, part.plus_load), ("n", part.minus, part.negative, part.minus_load))
    for side, manifold, weights, load in sides:
        rows, columns = np.nonzero(weights)
        tails, size = part.inputs[columns], weights[rows, columns]
        yield CrossbarTubes(side=side, rows=rows, columns=columns, tails=tails, heads=manifold[rows], conductance=size)
        rows = np.flatnonzero(load)
        datum = np.full(rows.size, DATUM)
        yield CrossbarTubes(
            side=side, rows=rows, columns=None, tails=manifold[rows], heads=datum, conductance=load[rows]
        )


def crossbar_columns(part: Crossbars) -> tuple[tuple[Indices, Indices], Mapping[str, Floats], Mapping[str, str]]:
    """Return pins, values and options of the cards of `part`, in the order of `crossbar_tubes`."""
    if not part.linear:
        do = "use an engine that knows its law: Integrate or Rumoca"
        raise UnsupportedPartError(explain(f"part {part.label}", must="be laminar tubes", got="end losses", do=do))
    tubes = list(crossbar_tubes(part))
    options = {name: ",".join(map(str, getattr(part, name))) for name in ("inputs", "plus", "minus")}
    pins = np.concatenate([each.tails for each in tubes]), np.concatenate([each.heads for each in tubes])
    return pins, {"r": inverse(np.concatenate([each.conductance for each in tubes]))}, options


def crossbars_of(label: str, pins: tuple[Indices, ...], resistance: Floats, options: Mapping[str, str]) -> Crossbars:
    """Return the bank `label` of cards with `pins` and `resistance`, its nodes listed in `options`.

    Raises `FileFormatError` if a card leads from no input to no manifold.
    """
    inputs, plus, minus = (np.array(options[name].split(","), dtype=np.int64) for name in ("inputs", "plus", "minus"))
    sides: dict[str, Floats] = {}
    conductance = inverse(resistance)
    placed = np.zeros(resistance.size, dtype=bool)
    for bank, dummies, manifold in (("positive", "plus_load", plus), ("negative", "minus_load", minus)):
        weights, load = np.zeros((manifold.size, inputs.size)), np.zeros(manifold.size)
        tube = np.isin(pins[1], manifold) & np.isin(pins[0], inputs)
        dummy = np.isin(pins[0], manifold) & (pins[1] == DATUM)
        rows = _place(manifold, pins[1][tube])
        weights[rows, _place(inputs, pins[0][tube], _turns(rows, pins[0][tube]))] = conductance[tube]
        load[_place(manifold, pins[0][dummy])] = conductance[dummy]
        sides |= {bank: weights, dummies: load}
        placed |= tube | dummy
    if not placed.all():
        do = "restore the card"
        must, got = "lead from an input to a manifold, or from one to the datum", f"{(~placed).sum()} others"
        raise FileFormatError(explain(f"cards of part {label}", must=must, got=got, do=do))
    return Crossbars(label=label, inputs=inputs, plus=plus, minus=minus, **sides)


def _place(among: Indices, nodes: Indices, turns: Indices | int = 0) -> Indices:
    """Return the place of each of `nodes` (k,) in the unordered array `among` (n,), which may hold a node repeatedly.

    Of a repeated node the place number `turns` (k,) is taken, from 0. If there are fewer, the place is that of another
    node, which `spice_checks` refuses.
    """
    order = np.argsort(among, kind="stable")
    places: Indices = order[np.minimum(np.searchsorted(among, nodes, sorter=order) + turns, among.size - 1)]
    return places


def _turns(rows: Indices, nodes: Indices) -> Indices:
    """Return for each card how many earlier ones have its row and node, (k,): an input may feed a row twice."""
    keys = rows * (nodes.max(initial=0) + 1) + nodes
    order = np.argsort(keys, kind="stable")
    ranks = np.empty(keys.size, dtype=np.int64)
    ranks[order] = np.arange(keys.size) - np.searchsorted(keys, keys[order], sorter=order)
    return ranks
