"""The biases and gains of weighted sums in compiled networks: find them, read them, set them, in both domains.

A bias is the device between a source that no schedule drives and a row of a weighted sum. In a bank of transconductors
it is one signed value, in a crossbar the difference of the devices in the positive and in the negative bank. Where
signals are differences of two wires, as in transistor cells, it is two such pairs of devices, crossed, at two sources.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler import Compiled, fed_by
from lstm_analog.compiler.bicmos_builder import SIDES
from lstm_analog.compiler.manifolds import plus
from lstm_analog.errors import InvalidValueError, UnsupportedError, explain
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import Crossbars, Part, Sources, Transconductors
from lstm_analog.study.cell_offsets import CellOffsets, with_offsets

_Bank = Transconductors | Crossbars
_SUMMING = "_plus"
"""Ends the label of the summing nodes of op-amps for the positive weights of a sum."""


@dataclass(frozen=True, kw_only=True, eq=False)
class BiasColumn:
    """Biases that stand in one `column` of the bank `label` of weights, in the network of pass `number`.

    The same devices, crossed, stand in the column `opposite` of the other wire, if there is one. `rows` (k,) are theirs
    in the bank, with `names` (k,), as `l0_zg_3` for unit 3 of the candidate gate of layer 0. `largest` is Gmax, the
    largest conductance of the bank as compiled (conductance unit of the domain).
    """

    number: int
    label: str
    column: int
    opposite: int | None
    rows: Indices
    names: tuple[str, ...]
    largest: float


@dataclass(frozen=True, kw_only=True, eq=False)
class SumGains:
    """Gains of weighted sums in a bank, 1 unless turned: what follows a row multiplies all of its devices.

    `number`, `label`, `rows` and `names` are as in `BiasColumn`; trims are shares of `largest`, 1.
    """

    number: int
    label: str
    rows: Indices
    names: tuple[str, ...]
    largest: float = 1.0


Adjustable = BiasColumn | SumGains | CellOffsets
"""What trimming turns."""


def gains_of(column: BiasColumn) -> SumGains:
    """Return the gains of the weighted sums whose biases stand in `column`.

    Raises `UnsupportedError` where signals have two wires: their columns are terminated, and no one resistor is a gain.
    """
    if column.opposite is not None:
        must, do = "have one wire for its gains to be turned", "turn the offsets of its cells instead: offsets=True"
        raise UnsupportedError(explain(f"weighted sums {column.label}", must=must, got="two", do=do))
    names = tuple(f"{name} gain" for name in column.names)
    return SumGains(number=column.number, label=column.label, rows=column.rows, names=names)


def bias_columns(passes: tuple[Compiled, ...], sums: tuple[str, ...] | None) -> tuple[BiasColumn, ...]:
    """Return the biases of `passes` in the weighted sums of the labels `sums`, of all if None.

    Raises `UnsupportedError` if there are no biases: the LSTM has none, or the technology has no column of them;
    `InvalidValueError` if a label is that of no weighted sum with a bias.
    """
    found = [each for number, compiled in enumerate(passes) for each in _columns(number, compiled)]
    if not found:
        must = "have biases, each one device between a constant source and a row of Transconductors or Crossbars"
        got = ", ".join(dict.fromkeys(str(compiled.network.said("technology")[0]) for compiled in passes))
        do = "compile an LSTM with biases, in a technology that has no bias row on the chip"
        raise UnsupportedError(explain("the machine", must=must, got=f"none in {got}", do=do))
    labels = dict.fromkeys(_label(name) for each in found for name in each.names)
    unknown = [label for label in sums or () if label not in labels]
    if unknown or sums == ():
        got = ", ".join(map(ascii, unknown)) or "none"
        do = "name weighted sums of the machine that have biases, or leave it out for all"
        raise InvalidValueError(explain("sums", must=f"be among {', '.join(labels)}", got=got, do=do))
    chosen = (_chosen(each, sums) for each in found)
    return tuple(each for each in chosen if each.rows.size)


def read_biases(passes: tuple[Compiled, ...], columns: Iterable[Adjustable]) -> Floats:
    """Return the biases in `columns` of `passes`, (..., K) in shares of Gmax; K are all rows. Gains are 1, offsets 0.

    Raises `NetworkError` or `UnsupportedError` if a network has no longer the bank or the column.
    """
    read = [
        _signed(_bank(passes[each.number].network, each), each) / each.largest
        if isinstance(each, BiasColumn)
        else np.full(each.rows.size, float(isinstance(each, SumGains)))
        for each in columns
    ]
    lead = np.broadcast_shapes(*(values.shape[:-1] for values in read))
    return np.concatenate([np.broadcast_to(values, (*lead, values.shape[-1])) for values in read], axis=-1)


def add_to_biases(passes: tuple[Compiled, ...], columns: tuple[Adjustable, ...], trims: Floats) -> tuple[Compiled, ...]:
    """Return `passes` with `trims` (..., K) added to what `columns` are, in shares of their `largest`."""
    result, ends = list(passes), np.cumsum([each.rows.size for each in columns])[:-1]
    for column, each in zip(columns, np.split(trims, ends, axis=-1), strict=True):
        compiled = result[column.number]
        if isinstance(column, CellOffsets):
            result[column.number] = replace(compiled, network=with_offsets(compiled.network, column, each))
            continue
        part = _bank(compiled.network, column)
        changed = _turned(part, column, each) if isinstance(column, BiasColumn) else _amplified(part, column, each)
        parts = tuple(changed if other is part else other for other in compiled.network.parts)
        result[column.number] = replace(compiled, network=replace(compiled.network, parts=parts))
    return tuple(result)


def _columns(number: int, compiled: Compiled) -> Iterator[BiasColumn]:
    """Yield the column of biases of each bank of pass `number`."""
    constant, names = _constant_nodes(compiled), compiled.network.unknowns.names()
    for part in compiled.network.parts:
        columns = np.flatnonzero(np.isin(part.inputs, constant)) if isinstance(part, _Bank) else np.empty(0)
        if isinstance(part, _Bank) and (columns.size == 1 or _are_wires(names, part.inputs[columns])):
            nodes = part.rows if isinstance(part, Transconductors) else part.plus
            column, *opposite = map(int, columns)
            yield BiasColumn(
                number=number,
                label=part.label,
                column=column,
                opposite=opposite[0] if opposite else None,
                rows=np.arange(nodes.size),
                names=tuple(_row_name(names[node]) for node in nodes),
                largest=_largest(part),
            )


def _are_wires(names: Sequence[str], nodes: Indices) -> bool:
    """Return whether `nodes` are the two wires of one signal, plus before minus."""
    suffixes = tuple(f"{side}_0" for side in SIDES)
    ends = [names[node].removesuffix(suffix) for node, suffix in zip(nodes, suffixes, strict=False)]
    return nodes.size == len(suffixes) and len(set(ends)) == 1 and names[nodes[0]] != ends[0]


def _constant_nodes(compiled: Compiled) -> Indices:
    """Return the nodes of the sources that no schedule drives."""
    layout = compiled.layout
    signals = [bank.label for bank in layout.inputs]
    signals += [label for place in layout.layers for label in (place.reset_h, place.reset_c) if label is not None]
    driven = {label for signal in signals for label in fed_by(compiled, signal)}
    driven |= {drive.label for drive in compiled.drives}
    sources = (part for part in compiled.network.parts if isinstance(part, Sources) and part.label not in driven)
    return np.concatenate([np.empty(0, np.int64), *(part.nodes for part in sources)])


def _row_name(node: str) -> str:
    """Return the name of the row whose positive devices end at `node`: `l0_zg_3` of the manifold `l0_zg_pos_3`."""
    label, _, unit = node.rpartition("_")
    for suffix in (plus(""), _SUMMING, *SIDES):
        label = label.removesuffix(suffix)
    return f"{label}_{unit}"


def _label(name: str) -> str:
    """Return the label of the weighted sum that the row `name` is one of."""
    return name.rpartition("_")[0]


def _chosen(column: BiasColumn, sums: tuple[str, ...] | None) -> BiasColumn:
    """Return `column` with the rows of `sums` alone."""
    rows = np.array([row for row, name in enumerate(column.names) if sums is None or _label(name) in sums], np.int64)
    return replace(column, rows=rows, names=tuple(column.names[row] for row in rows))


def _largest(part: _Bank) -> float:
    banks = (part.transconductance,) if isinstance(part, Transconductors) else (part.positive, part.negative)
    return float(max(np.abs(bank).max(initial=0.0) for bank in banks)) or 1.0


def _bank(network: Network, column: BiasColumn | SumGains) -> _Bank:
    part = network.part(column.label)
    if not isinstance(part, _Bank):
        must, got = "be of Transconductors or Crossbars", type(part).__name__
        do = "trim it before what replaces its devices, or leave that out"
        raise UnsupportedError(explain(f"part {column.label}", must=must, got=got, do=do))
    return part


def _signed(part: _Bank, column: BiasColumn) -> Floats:
    """Return the biases (..., k) in the conductance unit."""
    if isinstance(part, Transconductors):
        return part.transconductance[..., column.rows, column.column]
    return part.positive[..., column.rows, column.column] - part.negative[..., column.rows, column.column]


def _turned(part: _Bank, column: BiasColumn, trims: Floats) -> Part:
    """Return `part` with `trims` (..., k), in shares of Gmax, added to the biases of `column`."""
    if isinstance(part, Transconductors):
        at, signed = (..., column.rows, column.column), _signed(part, column) + trims * column.largest
        return replace(part, transconductance=_put(part.transconductance, at, signed))
    turned = _split(part, column, trims)
    return turned if column.opposite is None else _split(turned, replace(column, column=column.opposite), -trims)


def _split(part: Crossbars, column: BiasColumn, trims: Floats) -> Crossbars:
    """Return `part` with `trims` (..., k) added to the biases in the one `column`."""
    at, signed = (..., column.rows, column.column), _signed(part, column) + trims * column.largest
    both = np.minimum(part.positive[at], part.negative[at])  # what both sides conduct, as devices that are off
    positive, negative = both + np.maximum(signed, 0.0), both + np.maximum(-signed, 0.0)
    return replace(part, positive=_put(part.positive, at, positive), negative=_put(part.negative, at, negative))


def _amplified(part: _Bank, gains: SumGains, trims: Floats) -> Part:
    """Return `part` with the devices of the rows of `gains` multiplied by 1 + `trims` (..., k), never below zero."""
    at, factor = (..., gains.rows, slice(None)), np.maximum(1.0 + trims, 0.0)[..., None]
    if isinstance(part, Transconductors):
        return replace(part, transconductance=_put(part.transconductance, at, part.transconductance[at] * factor))
    positive, negative = (_put(bank, at, bank[at] * factor) for bank in (part.positive, part.negative))
    return replace(part, positive=positive, negative=negative)


def _put(matrix: Floats, at: tuple[Any, ...], values: Floats) -> Floats:
    """Return `matrix` (..., m, n) with `values` in place of `matrix[at]`, of which they are made; read-only."""
    own = matrix[at].ndim - (matrix.ndim - 2)  # axes of `values` after those of chips
    result = np.broadcast_to(matrix, (*values.shape[: values.ndim - own], *matrix.shape[-2:])).copy()
    result[at] = values
    result.flags.writeable = False
    return result
