"""Write the measurements of a deck: the voltage of a node at an instant, printed by the simulator after the run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lstm_analog.doors import checked_record
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.export.dialects import Dialect
from lstm_analog.export.emit import fill
from lstm_analog.export.numbers import number_text
from lstm_analog.network.labels import check_label


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


def probe_lines(probes: Sequence[Probe], names: Sequence[str], dialect: Dialect) -> Iterator[str]:
    """Yield the statements in `dialect` that measure `probes`; `names` are the names of all unknowns.

    Raises `UnsupportedError` for a dialect that has no such statement.
    """
    if probes and not dialect.measure:
        must, do = "have a statement that measures", "read the waveforms that it keeps, or take another dialect"
        raise UnsupportedError(explain(f"dialect {dialect.name}", must=must, got="none that is common", do=do))
    for probe in probes:
        words = {"name": probe.label, "node": names[probe.node], "time": number_text(probe.time)}
        yield fill(dialect.measure, words) + "\n"
