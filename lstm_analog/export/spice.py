"""Write a network and its schedule as a SPICE deck, piece by piece; `spice_reader` reads equal ones back.

A deck has a title, how to run it, a header (`*|` lines, comments that the reader needs), parameters, the subcircuits of
devices, a section for each part bank, clocks, and the analysis. Values that a whole bank shares stand once, as `.param`
called `<bank>_<value>`; edit them there or on a single card. Never start a comment with `*#`: ngspice runs it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lstm_analog.doors import checked, checked_record
from lstm_analog.errors import InvalidValueError, UnsupportedError, explain
from lstm_analog.export.accuracy import TOLERANCES, Accuracy
from lstm_analog.export.cards import Cards
from lstm_analog.export.cells import MARK, temperature_lines
from lstm_analog.export.devices import device_texts
from lstm_analog.export.dialects import DeckLanguage, Dialect
from lstm_analog.export.emit import fill
from lstm_analog.export.netlist import Netlist, checked_netlist
from lstm_analog.export.numbers import number_text, number_texts
from lstm_analog.export.source_waveforms import clock_node, clocks, sources, wrapped
from lstm_analog.export.spice_header import header, row_remarks
from lstm_analog.export.vacask import in_vacask
from lstm_analog.files import write_texts
from lstm_analog.network.graph import Network
from lstm_analog.network.labels import check_label
from lstm_analog.network.parts import ALWAYS, Cells, Junctions, Part, Sources, Transconductors
from lstm_analog.network.schedule import Schedule


@checked_record
@dataclass(frozen=True, kw_only=True)
class Probe:
    """A measurement of the unknown `node` at `time` (s), which the simulator prints under the name `label`."""

    label: str
    node: int
    time: float

    def __post_init__(self) -> None:
        """Check that the label is a name in any simulator."""
        check_label(self.label)


def _check_probes(probes: Sequence[Probe], unknowns: int, end: float) -> None:
    """Raise `InvalidValueError` unless `probes` are of `unknowns`, by number, up to `end` (s), each called apart."""
    seen = set[str]()
    for probe in probes:
        if probe.label in seen or not (0 <= probe.node < unknowns and 0.0 <= probe.time <= end):
            must = f"have a label of its own, an unknown below {unknowns}, and a time from 0 to {end:.6g} s"
            got, do = f"unknown {probe.node} at {probe.time} s", "take them from the network and its schedule"
            raise InvalidValueError(explain(f"probe {probe.label}", must=must, got=got, do=do))
        seen.add(probe.label)


def _probe_lines(made: Netlist, probes: Sequence[Probe]) -> Iterator[str]:
    if probes and not made.dialect.measure:
        must, do = "have a statement that measures", "read the waveforms that it keeps, or take another dialect"
        raise UnsupportedError(explain(f"dialect {made.dialect.name}", must=must, got="none that is common", do=do))
    for probe in probes:
        words = {"name": probe.label, "node": made.names[probe.node], "time": number_text(probe.time)}
        yield fill(made.dialect.measure, words) + "\n"


_BLOCK = 4096


@checked
def write_spice(
    path: str | Path,
    network: Network,
    schedule: Schedule,
    dialect: Dialect,
    accuracy: Accuracy,
    probes: Sequence[Probe] = (),
) -> None:
    """Write `network` under `schedule` to `path` in `dialect`, with the settings `accuracy`, measuring the `probes`.

    ngspice prints measurements in batch mode only if it writes no raw file (`ngspice -b -n <deck>`). What fills a
    network of plumbing (`Network.filling`) is not in a deck.

    Raises
    ------
    InvalidShapeError
        If the schedule imposes a batch of sequences, a part has chip axes, or a bank is empty: a deck is one circuit
        with one input.
    NetworkError
        If the network is not well formed or the schedule is not for it.
    InvalidValueError
        If a probe is of no unknown, beyond the schedule, or called like another.
    UnsupportedError
        If there are probes and `dialect` has no statement for them, a model has no counterpart in VACASK, an interval
        is too short beside the others, a finite number is as large as what stands for infinity, or parameters of two
        banks get one name.
    UnsupportedPartError
        If a part has no law, or names in the law of your own part are words of the simulator.
    FileAccessError
        If the file cannot be written; nothing is left behind then.
    """
    made = checked_netlist(network, schedule, dialect, accuracy)
    _check_probes(probes, network.unknowns.size, float(schedule.ends[-1]))
    texts = deck(made, accuracy, Path(path).name, probes)
    write_texts(path, in_vacask(texts) if dialect.language is DeckLanguage.VACASK else texts)


def deck(made: Netlist, accuracy: Accuracy, name: str, probes: Sequence[Probe] = ()) -> Iterator[str]:
    """Yield the text of `made` as the deck `name` with `accuracy`, piece by piece; `probes` are the measurements."""
    yield from header(made, accuracy, name, measured=bool(probes))
    yield "\n* ---- parameters: what a whole bank shares\n"
    yield from (line for part, read in made.banks for line in parameters(part, read))
    yield "\n* ---- devices\n"
    yield from device_texts(made.network, made.dialect)
    for part, read in made.banks:
        yield from part_head(made, part, read)
        yield from bank(made, part, read)
    yield f"\n{MARK} clocks\n"
    yield from clocks(made)
    saved = [*made.names[1:], *(clock_node(line) for line in made.network.lines)]
    yield f"\n{MARK} analysis\n"
    yield from _probe_lines(made, probes)
    yield from analysis(made, accuracy, saved)


def parameters(part: Part, read: Cards) -> Iterator[str]:
    """Yield a `.param` for each value that all cards `read` of `part` share."""
    if not isinstance(part, Sources | Transconductors):
        yield from (f".param {part.label}_{key}={text}\n" for key, text in _shared(read).items())


def bank(made: Netlist, part: Part, read: Cards) -> Iterator[str]:
    """Yield the text of the cards `read` of the bank `part` of `made`, with comments that name rows of weights."""
    if isinstance(part, Sources):
        yield from sources(made, part)
    elif isinstance(part, Transconductors):
        yield from _dense(part, made.names, row_remarks(part, made.network))
    elif read.letter:
        yield from _rows(made, part.label, read, row_remarks(part, made.network))


def part_head(made: Netlist, part: Part, read: Cards) -> Iterator[str]:
    """Yield what stands before the cards `read` of the bank `part` of `made`.

    That is its mark and purpose, the library of cells, the nodes of junctions.
    """
    driven = " driven=yes" if any(part.label == entry.label for entry in made.schedule.imposed) else ""
    options = _options(made.network, read)
    yield f"\n{MARK} part {type(part).__name__} {part.label} {read.pins[0].size}{options}{driven}\n"
    purpose = (type(part).__doc__ or "").splitlines()[0].replace("`", "")
    yield f"* {purpose}\n"
    if isinstance(part, Cells):
        yield from (f"{line}\n" for line in temperature_lines(made.network, made.dialect))
    if isinstance(part, Junctions):
        yield from wrapped(f"{MARK} nodes", [made.names[node] for node in part.nodes])
    yield from (f"{line}\n" for line in read.library)


def _shared(read: Cards) -> dict[str, str]:
    return {key: number_text(value.flat[0]) for key, value in read.values.items() if (value == value.flat[0]).all()}


def _options(network: Network, read: Cards) -> str:
    line = "" if read.line == ALWAYS else f" line={network.lines[read.line]}"
    rest = [number_text(value) for value in read.values.get("rest", ())]
    shown = f" rest={','.join(rest if len(set(rest)) > 1 else rest[:1])}" if rest else ""
    return line + shown + "".join(f" {key}={text}" for key, text in read.options.items())


def heads(
    label: str, read: Cards, names: Sequence[str], lines: tuple[str, ...], dialect: Dialect, first: int = 0
) -> Iterator[str]:
    """Yield the beginning of each card of the bank `label`, before its values: its name, pins, clock and device.

    `read` are the cards, numbered from `first`, `names` the names of all unknowns, `lines` the clock lines; `dialect`
    has the word between device and values.
    """
    passing = f" {dialect.passing.strip()}" if dialect.passing and read.values else ""
    fixed = [f" {clock_node(lines[read.line])}"] if read.line != ALWAYS else []
    end = "".join([*fixed, f" {read.device}{passing}" if read.device else ""])
    start, columns = f"{read.letter}{label}_", [[names[node] for node in pin.tolist()] for pin in read.pins]
    for number, pins in enumerate(zip(*columns, strict=True), start=first):
        yield f"{start}{number} {' '.join(pins)}{end}"


def _rows(made: Netlist, label: str, read: Cards, remarks: Mapping[int, str]) -> Iterator[str]:
    size = read.pins[0].size
    texts = {key: fill(made.dialect.parameter, {"name": f"{label}_{key}"}) for key in _shared(read)}
    starts = np.array(sorted(remarks), dtype=np.int64)
    for start in range(0, size, _BLOCK):
        block = slice(start, min(start + _BLOCK, size))
        chosen = replace(
            read,
            pins=tuple(pin[block] for pin in read.pins),
            values={key: value[block] for key, value in read.values.items()},
        )
        named = heads(label, chosen, made.names, made.network.lines, made.dialect, first=start)
        columns = [_column(chosen, key, texts.get(key)) for key in read.values]
        texts_of_block = [f"{' '.join(row)}\n" for row in zip(named, *columns, strict=True)]
        for number in starts[np.searchsorted(starts, start) : np.searchsorted(starts, start + _BLOCK)].tolist():
            texts_of_block[number - start] = remarks[number] + texts_of_block[number - start]
        yield "".join(texts_of_block)


def _column(read: Cards, key: str, shared: str | None) -> list[str]:
    """Return the word for the value `key` on each of the cards `read`: its number, or the parameter `shared`."""
    assign = f"{key}=" if read.device else ""
    if shared is not None:
        return [f"{assign}{shared}"] * read.pins[0].size
    texts = number_texts(read.values[key])
    return [assign + text for text in texts] if assign else texts


def _dense(part: Transconductors, names: Sequence[str], remarks: Mapping[int, str]) -> Iterator[str]:
    """Yield a g card for each weight, row by row: the current g v(input) flows from the datum into the row."""
    inputs = [f" {names[node]} 0 " for node in part.inputs]
    head = f"g{part.label}_"
    for number, (node, weights) in enumerate(zip(part.rows, part.transconductance, strict=True)):
        start, row = f"{head}{number}_", f" 0 {names[node]}"
        yield remarks[number * part.inputs.size]
        yield "".join(
            [f"{start}{i}{row}{pin}{w!r}\n" for i, (pin, w) in enumerate(zip(inputs, weights.tolist(), strict=True))]
        )


def analysis(made: Netlist, accuracy: Accuracy, saved: Iterable[str]) -> Iterator[str]:
    """Yield the statements that run the deck of `made` with `accuracy` and keep the nodes `saved`."""
    step, end = float(made.schedule.durations.max()) / accuracy.steps, float(made.schedule.ends[-1])
    values = {name: repr(value) for name, value in vars(accuracy).items() if name in TOLERANCES}
    values |= {"step": number_text(step), "end": number_text(end)}
    for template in made.dialect.settings:
        text = fill(template, values)
        if text.endswith("<nodes>"):
            yield text.removesuffix(" <nodes>") + "\n"
            yield from wrapped("+", [fill(made.dialect.saved, {"name": name}) for name in saved])
        else:
            yield f"{text}\n"
