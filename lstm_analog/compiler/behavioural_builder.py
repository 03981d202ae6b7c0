"""The banks of the behavioural circuit, with the sizes of its technology, added to a network under construction."""

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.electrical import Behavioural
from lstm_analog.compiler.network_builder import NetworkBuilder
from lstm_analog.compiler.signals import Quantity, Reading, Tap
from lstm_analog.compiler.timing import Timing
from lstm_analog.network.domain import ELECTRICAL
from lstm_analog.network.parts import ALWAYS, DATUM, Factor, Pairs


class BehaviouralBuilder(NetworkBuilder):
    """A circuit of `technology` under construction, clocked by `timing` on the clock `lines`.

    `leak_time` (s) is the length of a gated leak, `single` names the memories with a single storage. Throughout,
    `label` names a bank of parts; `nodes`, `a`, `b` and `out` are unknowns, `line` is a clock line; `resistance` is in
    ohm; `readings` are signals as operands, `taps` are factors of products.
    """

    domain = ELECTRICAL

    def __init__(
        self, technology: Behavioural, timing: Timing, lines: tuple[str, ...], leak_time: float, single: frozenset[str]
    ) -> None:
        """Start a circuit of `technology` without parts."""
        NetworkBuilder.__init__(self, technology.volts_per_unit, lines)
        self.technology, self.timing = technology, timing
        self.leak_time, self.single = leak_time, single

    def places(self, *readings: Reading) -> Indices:
        """Return the unknowns of `readings`, one after the other: of a memory computed in this step, its master."""
        return np.concatenate([self.nodes(self._group(reading), reading.signal.size) for reading in readings])

    def _group(self, reading: Reading) -> str:
        label, memory = reading.signal.label, reading.signal.quantity is Quantity.MEMORY
        return f"{label}_new" if memory and not reading.held and label not in self.single else label

    def capacitors(self, label: str, nodes: Indices) -> None:
        """Add capacitors from `nodes` to the datum."""
        self.storages(label, nodes, self.technology.capacitance)

    def loads(self, label: str, nodes: Indices) -> None:
        """Add the loads of currents that make products at `nodes`, which have no time constant."""
        self.to_datum(f"{label}_load", nodes, 1.0 / self.technology.load_resistance)
        self.junctions(f"{label}_node", nodes)

    def transistors(self, label: str, line: str, a: Indices, b: Indices, resistance: float) -> None:
        """Add switches of `resistance` from `a` to `b`, closed while `line` is high."""
        self.switches(label, line, a, b, closed=1.0 / resistance, opened=self.technology.off_conductance)

    def pairs(self, label: str, out: Indices, taps: tuple[Tap, ...], resistance: float, share: float | Floats) -> None:
        """Add stacked pairs that feed `out`, loaded by `resistance`, with `share` times the product of `taps`."""
        current = np.asarray(self.technology.volts_per_unit / resistance * share)
        factors = tuple(map(self.factor, taps))
        self.parts.append(Pairs(label=label, line=ALWAYS, out=out, current=current, factors=factors))

    def factor(self, tap: Tap) -> Factor:
        """Return `tap` as one factor of a stack of pairs, whose inputs are swapped if the slope is negative."""
        nodes, slope = self.places(tap.reading), abs(tap.slope) / self.technology.volts_per_unit
        datum = np.full_like(nodes, DATUM)
        p, n = (nodes, datum) if tap.slope >= 0.0 else (datum, nodes)
        return Factor(shape=tap.shape, p=p, n=n, scale=np.array(slope), offset=np.array(tap.offset))
