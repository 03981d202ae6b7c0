"""Write comments that name the weights of a bank row by row: the signal of the row, and its inputs.

Signals have the names in the network's provenance (`network.labels.SIGNAL`); a group without one has its label.
"""

from collections.abc import Mapping
from functools import singledispatch

import numpy as np

from lstm_analog.arrays import Indices
from lstm_analog.network.graph import Network
from lstm_analog.network.labels import SIGNAL, signals_of
from lstm_analog.network.parts import DATUM, Crossbars, OpAmps, Part, Transconductors


@singledispatch
def row_remarks(part: Part, network: Network) -> Mapping[int, str]:
    """Return the comments before cards of `part` in `network`, by the number of the card; most parts have none."""
    return {}


@row_remarks.register
def _(part: Transconductors, network: Network) -> Mapping[int, str]:
    rows = _rows((part.rows,), network)
    return {n * part.inputs.size: text for n, text in enumerate(_headed(rows, part.inputs, network))}


@row_remarks.register
def _(part: Crossbars, network: Network) -> Mapping[int, str]:
    found: dict[int, str] = {}
    start, names = 0, network.unknowns.names()
    sides = ((part.plus, part.positive, part.plus_load, "plus"), (part.minus, part.negative, part.minus_load, "minus"))
    rows = _headed(_rows((part.plus, part.minus), network), part.inputs, network)
    for manifold, weights, load, side in sides:
        counts = np.count_nonzero(weights, axis=1)
        first = start + np.cumsum(counts) - counts
        for n in np.flatnonzero(counts).tolist():
            found[int(first[n])] = f"{rows[n].rstrip()}, {side} side at {names[manifold[n]]}\n"
        start += int(counts.sum())
        loads = int(np.count_nonzero(load))
        if loads:
            found[start] = f"* what loads the rows of the {side} side, to the datum\n"
        start += loads
    return found


def _rows(sides: tuple[Indices, ...], network: Network) -> list[str]:
    """Return a comment for each row, with the signal at one of its nodes on `sides`, or at the output of its op-amp."""
    after: dict[int, int] = {}
    for bank in network.parts:
        if isinstance(bank, OpAmps):
            pins = np.concatenate((bank.plus, bank.minus)).tolist()
            after |= dict(zip(pins, np.tile(bank.out, 2).tolist(), strict=True))
    after.pop(DATUM, None)
    names, words = network.unknowns.names(), signals_of(network.said(SIGNAL))
    found = []
    for nodes in zip(*(side.tolist() for side in sides), strict=True):
        places = [names[node] for node in (*nodes, *(after[node] for node in nodes if node in after))]
        name = next((each for each in places if each.rpartition("_")[0] in words), places[0])
        label, _, number = name.rpartition("_")
        found.append(f"* w[{words[label]}, {number}, ...] of {name}\n" if label in words else f"* w[{name}, ...]\n")
    return found


def _headed(rows: list[str], inputs: Indices, network: Network) -> list[str]:
    """Return the comments of `rows`, with a line before the first that names the signals at the `inputs`."""
    words, names = signals_of(network.said(SIGNAL)), network.unknowns.names()
    labels = dict.fromkeys(names[node].rpartition("_")[0] for node in inputs.tolist())
    known = [f"{label}_<k> is {words[label]}[<k>]" for label in labels if label in words]
    return [f"* from {'; '.join(known)}\n{rows[0]}", *rows[1:]] if known and rows else rows
