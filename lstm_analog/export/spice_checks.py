"""Check a deck that is read back: everything but its values must be as `spice.write_spice` wrote it.

A reader that skipped unknown text would return another network than the one that the simulator runs.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.errors import FileFormatError, explain
from lstm_analog.export.accuracy import TOLERANCES, Accuracy
from lstm_analog.export.cards import cards
from lstm_analog.export.cells import MARK
from lstm_analog.export.devices import device_texts
from lstm_analog.export.dialects import Dialect
from lstm_analog.export.lines import card_words, words_of
from lstm_analog.export.numbers import number_text, parse_number
from lstm_analog.export.source_waveforms import clock_node, staircase
from lstm_analog.export.spice import heads
from lstm_analog.export.spice_header import unsaid
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import Part, Transconductors
from lstm_analog.network.schedule import Schedule

PiecewiseLinear = tuple[Floats, Floats]
"""A piecewise linear waveform: times (s) and values, each (points,)."""

_MARKS = frozenset({"dialect", "tolerance", "domain", "provenance", "lines", "group", "interval", "order"})


def refusal(what: str, must: str, got: object, do: str) -> FileFormatError:
    """Return the error that `what` in a deck must `must` and got `got`, with the advice `do`."""
    return FileFormatError(explain(what, must=must, got=ascii(str(got))[:200], do=do))


def check_size(text: str, header: Iterable[str]) -> None:
    """Refuse a `header` that declares more unknowns than the deck `text` has letters."""
    sizes = [words[3] for line in header if len(words := line.split()) > 3 and words[:2] == [MARK, "group"]]
    if not all(size.isdecimal() and len(size) < 10 for size in sizes) or sum(map(int, sizes)) > len(text):
        must, do = "have whole sizes, not more than this file can name", "restore the group lines"
        raise refusal("groups", must, ", ".join(sizes), do)


def check_marks(marks: dict[str, list[list[str]]], heads_of_sections: list[tuple[str, ...]]) -> None:
    """Refuse a header whose `marks` are incomplete or unknown, and sections (`heads_of_sections`) out of order."""
    needed = _MARKS - {"provenance", "tolerance"}
    single = [name for name in ("dialect", "domain", "lines") if len(marks.get(name, [])) != 1]
    if not needed <= set(marks) or single:
        got = f"no {', '.join(sorted(needed - set(marks))) or 'single ' + single[0]}"
        raise refusal("netlist", "carry the marks of write_spice", got, "give a deck written by this package")
    if not set(marks) <= _MARKS:
        raise refusal("mark", f"be one of {', '.join(sorted(_MARKS))}", sorted(set(marks) - _MARKS), "remove it")
    _, *parts, clocks, analysis = [*heads_of_sections, (), ()][: max(len(heads_of_sections), 3)]
    if clocks != ("clocks",) or analysis != ("analysis",) or {head[:1] for head in parts} != {("part",)}:
        do = "give the whole file"
        raise refusal("netlist", "have parts, then clocks, then analysis", "others, or not all of them", do)


def check_cards(part: Part, found: list[list[str]], names: list[str], lines: tuple[str, ...], dialect: Dialect) -> None:
    """Refuse cards whose words, except for the values, are not those of `part`.

    `found` are the words of each card, `names` the names of all unknowns, `lines` the clock lines of the deck, which is
    in `dialect`.
    """
    keys = [] if isinstance(part, Transconductors) else list(cards(part).values)
    device = "" if isinstance(part, Transconductors) else cards(part).device
    for words, head in zip(found, _heads(part, names, lines, dialect), strict=True):
        expected, rest = head.split(), words[len(head.split()) :]
        if words[: len(expected)] != expected:
            do = "a value may change, its place may not"
            raise refusal(f"card of part {part.label}", f"begin with {head!r}", " ".join(words), do)
        if device and [word.partition("=")[0] for word in rest] != keys:
            raise refusal(f"card {words[0]}", f"give {', '.join(keys)}", " ".join(rest), "restore them")
        if not device and len(rest) != 1 and rest[:1] != ["pwl("]:
            raise refusal(f"card {words[0]}", "give one value", " ".join(rest), "restore it")


def _heads(part: Part, names: list[str], lines: tuple[str, ...], dialect: Dialect) -> Iterator[str]:
    if not isinstance(part, Transconductors):
        yield from heads(part.label, cards(part), names, lines, dialect)
        return
    for row, target in enumerate(part.rows):
        for column, source in enumerate(part.inputs):
            yield f"g{part.label}_{row}_{column} 0 {names[target]} {names[source]} 0"


def check_devices(network: Network, found: list[str], dialect: Dialect, by_unit: bool) -> None:
    """Refuse lines of device subcircuits, `found` in the header, that are not those of `network` in `dialect`.

    In a deck `by_unit` op-amps have supplies.
    """
    texts = [dialect.preamble, *device_texts(network, dialect, by_unit=by_unit)]
    expected = [line.lower().split() for text in texts for line in text.splitlines()]
    for number, words in enumerate(map(str.split, found)):
        if words != (expected[number] if number < len(expected) else []):
            do = "restore it, an equation of a part is no value; if another version wrote it, write it again"
            raise refusal("device line", "stand as written", " ".join(words), do)
    if len(found) < len(expected):
        raise refusal("device lines", "all stand", f"no {' '.join(expected[len(found)])}", "restore the missing")


def check_settings(found: tuple[str, ...], dialect: Dialect) -> None:
    """Refuse lines `found` in the last section that are not the settings of `dialect`, in order, up to `.end`."""
    known = [template.split()[0] for template in dialect.settings]
    commands = [line.split()[0] for line in found]
    for line, command in zip(found, commands, strict=True):
        if command not in known:
            raise refusal("analysis line", f"be one of {', '.join(known)}", line, "a part belongs to a bank")
    if commands.count(".end") != 1 or commands[-1] != ".end":
        raise refusal("netlist", "end with .end", commands[-1:] or "nothing", "give the whole file")
    if commands != known:
        must = f"have one {', '.join(known[:-1])} and {known[-1]}, in this order"
        raise refusal("netlist", must, commands, "restore or remove")


def accuracy_of(found: tuple[str, ...], schedule: Schedule, dialect: Dialect, marked: dict[str, float]) -> Accuracy:
    """Return the settings in the lines `found` in the last section of a deck with this `schedule`.

    Tolerances for which `dialect` has no option stand in the header: `marked`. Raises `FileFormatError` for others.
    """
    end = float(schedule.ends[-1])
    if list(marked) != unsaid(dialect):
        raise refusal("tolerance lines", f"give {', '.join(unsaid(dialect)) or 'none'}", list(marked), "restore them")
    values = dict(marked)
    for template, line in zip(dialect.settings, found, strict=True):
        for name, value in _settings(template, words_of(line), end):
            if values.setdefault(name, value) != value:
                raise _strange_run(template, line, end)
        if "<end>" in template and not (values["step"] > 0.0 and np.isclose(values["end"], end, rtol=1e-9, atol=0.0)):
            raise _strange_run(template, line, end)
    steps = max(1, round(float(schedule.durations.max()) / values["step"]))
    return Accuracy(**{name: values[name] for name in TOLERANCES}, steps=steps)


def _settings(template: str, words: list[str], end: float) -> Iterator[tuple[str, float]]:
    """Yield the numbers in a statement of `words` by the names in angle brackets of its `template`."""
    expected = template.split()
    if expected[-1] == "<nodes>":
        return
    keys, given = ([word.partition("=")[0] for word in text if "=" in word] for text in (expected, words))
    if keys != given:
        raise refusal(words[0], f"give {', '.join(keys)}", " ".join(given) or "none", "restore them")
    values = [word.partition("=")[2] or word for word in words]
    if len(expected) != len(words):
        numbers = [parse_number(value, {}) for value in values[1:]]
        raise _strange_run(template, " ".join(map(number_text, numbers)), end)
    for place, value in zip((word.partition("=")[2] or word for word in expected), values, strict=True):
        if place.startswith("<"):
            yield place[1:-1], parse_number(value, {})
        elif _differ(place, value):
            raise _strange_run(template, " ".join(words), end)


def _differ(place: str, value: str) -> bool:
    return parse_number(value, {}) != parse_number(place, {}) if place.isdecimal() else value != place


def _strange_run(template: str, got: str, end: float) -> FileFormatError:
    command, *rest = template.replace("<end>", number_text(end)).replace("<step>", "step").split()
    do = "change the interval and order lines of the header, and write the deck anew"
    return refusal(command, f"be '{' '.join(rest)}'", got, do)


def check_clocks(found: tuple[str, ...], lines: tuple[str, ...], schedule: Schedule, rise: float) -> None:
    """Refuse clock cards `found` whose waveforms are not those of the `lines` in `schedule`; edges take `rise` (s)."""
    if len(found) != len(lines):
        raise refusal("clocks", f"be {len(lines)} sources", len(found), "restore the missing or remove the new")
    for number, (line, card) in enumerate(zip(lines, found, strict=True)):
        words, node = card_words(card), clock_node(line)
        wave = schedule.high[:, number].astype(float)
        if words[:3] != [f"v{node}", node, "0"] or not _agree(points(words, {}), _waveform(wave, schedule, rise)):
            do = "change the interval and order lines of the header, and write the deck anew"
            raise refusal(f"clock {line}", "say what the interval lines say", "another waveform", do)


def check_driven(card: str, waveform: PiecewiseLinear, values: Floats, schedule: Schedule, rise: float) -> None:
    """Refuse a source `card` whose `waveform` is not that of `values`, one for each interval of the `schedule`.

    Edges take `rise` (s).
    """
    if not _agree(waveform, _waveform(values, schedule, rise)):
        must, do = "hold one value an interval", "change both points that bound the interval"
        raise refusal(f"source {card.split(maxsplit=1)[0]}", must, "another waveform", do)


def points(words: list[str], parameters: dict[str, float]) -> PiecewiseLinear:
    """Return the waveform on a source card of `words`, its `pwl(` points or its constant; `parameters` are by name."""
    if words[3:4] != ["pwl("]:
        return np.zeros(1), np.array([parse_number(words[3], parameters)])
    if words[-1] != ")":
        raise refusal(f"source {words[0]}", "close its bracket", words[-1], "restore it")
    table = np.array([parse_number(word, parameters) for word in words[4:-1]]).reshape(-1, 2)
    if not table.size or (np.diff(table[:, 0]) <= 0.0).any():
        raise refusal(f"source {words[0]}", "have points in order of time", "others", "restore the times")
    return table[:, 0], table[:, 1]


def _waveform(values: Floats, schedule: Schedule, rise: float) -> PiecewiseLinear:
    return points(["", "", "", *staircase(values, schedule, rise).replace("\n+", " ").split()], {})


def _agree(a: PiecewiseLinear, b: PiecewiseLinear) -> bool:
    times = np.union1d(a[0], b[0])
    return bool(np.allclose(np.interp(times, *a), np.interp(times, *b), rtol=1e-9, atol=1e-12))
