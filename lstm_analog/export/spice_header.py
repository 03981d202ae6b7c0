"""Write the header of a deck: how to run it, and the marks (`*|`) that its reader needs."""

from collections.abc import Iterator

from lstm_analog.export.accuracy import TOLERANCES, Accuracy
from lstm_analog.export.cells import MARK
from lstm_analog.export.dialects import Dialect
from lstm_analog.export.emit import fill
from lstm_analog.export.numbers import number_text
from lstm_analog.export.source_waveforms import wrapped
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import Cells
from lstm_analog.network.schedule import Schedule


def header(
    network: Network, schedule: Schedule, dialect: Dialect, accuracy: Accuracy, name: str, measured: bool = False
) -> Iterator[str]:
    """Yield the header of the deck `name`: how to run it, and the marks that its reader needs.

    They are those of `network` under `schedule`, and in `dialect` those of the tolerances in `accuracy`. A deck with
    probes is `measured`.
    """
    domain, end, name = network.domain, schedule.ends[-1], safe_name(name)
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
    yield from _intervals(network, schedule)


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
