"""Write the remarks of a deck: its header, with how to run it and the marks that its reader needs, and names of rows.

Marks begin with `*|`. Remarks name the weights of a bank row by row: the signal of the row, and its inputs. Signals
have the names in the network's provenance (`network.labels.SIGNAL`); a group without one has its label.
"""

from collections.abc import Iterator, Mapping
from functools import singledispatch

import numpy as np

from lstm_analog.arrays import Indices
from lstm_analog.export.accuracy import TOLERANCES, Accuracy
from lstm_analog.export.cells import MARK
from lstm_analog.export.crossbars import crossbar_tubes
from lstm_analog.export.dialects import Dialect
from lstm_analog.export.emit import fill
from lstm_analog.export.netlist import Netlist
from lstm_analog.export.numbers import number_text
from lstm_analog.export.source_waveforms import wrapped
from lstm_analog.network.graph import Network
from lstm_analog.network.labels import SIGNAL, signals_of
from lstm_analog.network.parts import DATUM, Cells, Crossbars, OpAmps, Part, Transconductors
from lstm_analog.network.schedule import Schedule


def header(made: Netlist, accuracy: Accuracy, name: str, measured: bool = False) -> Iterator[str]:
    """Yield the header of `made` as the deck `name`: how to run it, and the marks that its reader needs.

    Those of tolerances are of `accuracy`. A deck with probes is `measured`.
    """
    network, dialect = made.network, made.dialect
    domain, end, name = network.domain, made.schedule.ends[-1], safe_name(name)
    yield f"* {name}: {domain.name} network, {end:.6g} s, written by lstm_analog for {dialect.name}\n"
    yield dialect.preamble
    words = {"deck": name}
    yield f"* run in batch:  {fill(dialect.run, words)}\n"
    yield f"* or look at it: {fill(dialect.look, words)}\n"
    ngspice = "ngspice" in dialect.run
    if measured and ngspice:
        yield "* ngspice prints what is measured without -r out.raw only\n"
    if ngspice and any(isinstance(part, Cells) and part.library.files for part in network.parts):
        yield "* set OMP_THREAD_LIMIT=1 in the environment: ngspice's threads make BSIM4 transistors far slower\n"
    yield "* SI units: in subcircuits r is in ohm, c in F, g in S, i in A; k and o make a control dimensionless\n"
    yield f"* group lines: label, number of nodes <label>_<number>, {domain.effort_unit} a unit of signal\n"
    yield f"{MARK} dialect {dialect.name}\n{MARK} domain {domain.name}\n"
    yield from (f"{MARK} tolerance {name} {getattr(accuracy, name)!r}\n" for name in unsaid(dialect))
    yield from (f"{MARK} provenance {key} {value}\n" for key, value in network.provenance)
    yield f"{MARK} lines {' '.join(network.lines)}\n"
    yield from (f"{MARK} group {g.label} {g.size} {number_text(g.scale)}\n" for g in network.unknowns.groups)
    yield from _intervals(network, made.schedule)


def _intervals(network: Network, schedule: Schedule) -> Iterator[str]:
    """Yield each distinct interval once (name, duration in s, high clock lines), then their order by number."""
    numbers: dict[str, int] = {}
    order = []
    for name, duration, flags in zip(schedule.names, schedule.durations, schedule.high, strict=True):
        high = ",".join(line for line, on in zip(network.lines, flags, strict=True) if on)
        order.append(numbers.setdefault(f"{name} {number_text(duration)} {high or '-'}", len(numbers)))
    yield from (f"{MARK} interval {text}\n" for text in numbers)
    yield from wrapped(f"{MARK} order", [str(number) for number in order])


def unsaid(dialect: Dialect) -> list[str]:
    """Return the names of tolerances for which `dialect` has no option; the header of a deck holds them."""
    return [name for name in TOLERANCES if not any(f"<{name}>" in text for text in dialect.settings)]


def safe_name(name: str) -> str:
    """Return `name` with an underscore for each character other than ASCII letters, digits, point, dash, underscore."""
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "_.-") else "_" for letter in name)


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
    rows = _headed(_rows((part.plus, part.minus), network), part.inputs, network)
    for tubes in crossbar_tubes(part):
        side = {"p": "plus", "n": "minus"}[tubes.side]
        if tubes.columns is not None:
            for row, first in zip(*np.unique(tubes.rows, return_index=True), strict=True):
                place = names[tubes.heads[first]]
                found[start + int(first)] = f"{rows[row].rstrip()}, {side} side at {place}\n"
        elif tubes.rows.size:
            found[start] = f"* what loads the rows of the {side} side, to the datum\n"
        start += tubes.rows.size
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
