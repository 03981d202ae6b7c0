"""The part banks of the behavioural circuit, with the sizes of its technology."""

from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.electrical import Behavioural
from lstm_analog.compiler.signals import Quantity, Reading, Tap
from lstm_analog.compiler.timing import Timing
from lstm_analog.network.graph import Unknowns
from lstm_analog.network.parts import DATUM, Conductors, Factor, Pairs, Part, Sources, Storages, Switches


def master(label: str) -> str:
    """Return the label of the group of the master of the memory `label`, which this step computes."""
    return f"{label}_new"


@dataclass(frozen=True, kw_only=True)
class BehaviouralParts:
    """Makes part banks of `technology` between `unknowns`, clocked by `timing` on the clock `lines`.

    `leak_time` (s) is the length of a gated leak, `single` names the memories with a single storage. Throughout,
    `label` names a bank of parts; `nodes`, `a`, `b`, `inputs` and `out` are unknowns, `line` is a clock line;
    `resistance` is in ohm, `effort` in V, `current` in A; `readings` are signals as operands, `taps` are factors of
    products.
    """

    technology: Behavioural
    timing: Timing
    lines: tuple[str, ...]
    unknowns: Unknowns
    leak_time: float
    single: frozenset[str]

    def line(self, name: str) -> int:
        """Return the number of the clock line `name`."""
        return self.lines.index(name)

    def nodes(self, *readings: Reading) -> Indices:
        """Return the unknowns of `readings`, one after the other."""
        return np.concatenate([self.unknowns[self._group(reading)] for reading in readings])

    def _group(self, reading: Reading) -> str:
        signal = reading.signal
        doubled = signal.quantity is Quantity.MEMORY and signal.label not in self.single
        return master(signal.label) if doubled and not reading.held else signal.label

    def sources(self, label: str, effort: Floats) -> Part:
        """Return sources at `effort` (m,) on the group of their label."""
        return Sources(label=label, nodes=self.unknowns[label], effort=effort)

    def capacitors(self, label: str, nodes: Indices) -> Part:
        """Return capacitors from `nodes` to the datum."""
        return Storages(label=label, nodes=nodes, capacitance=np.array(self.technology.capacitance))

    def to_datum(self, label: str, nodes: Indices, resistance: float) -> Part:
        """Return resistors from `nodes` to the datum."""
        return Conductors(label=label, a=nodes, b=np.full_like(nodes, DATUM), conductance=np.array(1.0 / resistance))

    def switches(self, label: str, line: str, a: Indices, b: Indices, resistance: float) -> Part:
        """Return switches from `a` to `b`, closed while `line` is high."""
        closed, opened = np.array(1.0 / resistance), np.array(self.technology.off_conductance)
        return Switches(label=label, line=self.line(line), a=a, b=b, closed=closed, opened=opened)

    def pairs(self, label: str, line: int, out: Indices, current: float | Floats, taps: tuple[Tap, ...]) -> Part:
        """Return stacked pairs that feed `out` with `current` times the product of `taps`."""
        factors = tuple(self.factor(tap) for tap in taps)
        return Pairs(label=label, line=line, out=out, current=np.asarray(current), factors=factors)

    def factor(self, tap: Tap) -> Factor:
        """Return `tap` as one factor of a stack of pairs, whose inputs are swapped if the slope is negative."""
        nodes, slope = self.nodes(tap.reading), abs(tap.slope) / self.technology.volts_per_unit
        datum = np.full_like(nodes, DATUM)
        p, n = (nodes, datum) if tap.slope >= 0.0 else (datum, nodes)
        return Factor(shape=tap.shape, p=p, n=n, scale=np.array(slope), offset=np.array(tap.offset))
