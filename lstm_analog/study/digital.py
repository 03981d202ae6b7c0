"""The digital alternative: time and energy of a step of an LSTM on processors, from published figures."""

from dataclasses import dataclass
from math import nan

import numpy as np

from lstm_analog.doors import checked, checked_record
from lstm_analog.model import LSTM
from lstm_analog.study.figures import SourcedValue


@checked_record
@dataclass(frozen=True, kw_only=True)
class Processor:
    """A digital processor, by what it takes for a product of a weight and a signal, added to a sum.

    * `energy`, `time`: energy (J) and time (s) for a product; None if the time was not published.
    """

    name: str
    energy: SourcedValue
    time: SourcedValue | None


@checked_record
@dataclass(frozen=True, kw_only=True)
class DigitalCost:
    """What a step takes on the processor called `name`: the `products` in it, its `energy` (J) and `time` (s, or NaN).

    `source` says where the figures come from.
    """

    name: str
    products: int
    energy: float
    time: float
    source: str

    def __str__(self) -> str:
        told = "time not known" if np.isnan(self.time) else f"{self.time:.3g} s"
        return f"{self.name}: {self.energy:.3g} J a step of {self.products} products, {told} ({self.source})"


_PRODUCT_TIME = 362.2378e-3 / 2_702_400
"""Time of a product in the LSTM of EdgeMark (s)."""
_CORE_POWER = 100e-6 * 120 * 3.3
"""Power of the core at 120 MHz (W)."""

MICROCONTROLLER = Processor(
    name="Cortex-M4 (STM32L4R5, 120 MHz)",
    energy=SourcedValue(
        value=_PRODUCT_TIME * _CORE_POWER,
        unit="J",
        source="that time at 100 uA/MHz in run mode (Zephyr's page of the board NUCLEO-L4R5ZI; read) x 120 MHz x 3.3 V "
        "(assumed)",
    ),
    time=SourcedValue(
        value=_PRODUCT_TIME,
        unit="s",
        source="measured: an LSTM of 26,912 numbers and 2,702,400 products, float32, TensorFlow Lite Micro, 362.2 ms "
        "on NUCLEO-L4R5ZI (EdgeMark, its page RNN, LSTM, GRU; read; that its clock was 120 MHz is assumed)",
    ),
)
"""A microcontroller with a floating-point unit; the call of the interpreter, 0.1 ms there, does not count."""

ACCELERATOR = Processor(
    name="LSTM accelerator (Chipmunk, 65 nm)",
    energy=SourcedValue(
        value=2.0 / 3.08e12,
        unit="J",
        source="3.08 Gop/s/mW at its most efficient, two operations a product, measured; fixed point; weights on the "
        "chip (arXiv:1711.05734; only the abstract was read)",
    ),
    time=SourcedValue(value=2.0 / (3.08e9 * 1.24), unit="s", source="that efficiency at its peak power, 1.24 mW"),
)
"""A chip made for LSTMs of up to 96 units a tile, less than 1 mm2; a bound, as a small LSTM does not fill it."""

ARITHMETIC = Processor(
    name="arithmetic alone (45 nm, float32)",
    energy=SourcedValue(
        value=(3.7 + 0.9 + 5.0) * 1e-12,
        unit="J",
        source="product 3.7 pJ, sum 0.9 pJ, and one operand from a cache of 8 kB, 5 pJ (M. Horowitz, as cited by "
        "PMC8934428, Table 3; that table was read, his paper was not)",
    ),
    time=None,
)
"""A lower bound of any processor in that process: no instruction, no clock."""

PROCESSORS = (MICROCONTROLLER, ACCELERATOR, ARITHMETIC)
"""The processors that `digital_costs` compares."""


@checked
def digital_costs(lstm: LSTM, processors: tuple[Processor, ...] = PROCESSORS) -> tuple[DigitalCost, ...]:
    """Return what a step of `lstm` takes on each of the `processors`, by its products of weights and signals.

    Activations, and products of gates and states, are not counted: some 10 a unit.
    """
    products = count_products(lstm)
    return tuple(
        DigitalCost(
            name=each.name,
            products=products,
            energy=products * each.energy.value,
            time=nan if each.time is None else products * each.time.value,
            source=each.energy.source if each.time is None else f"{each.energy.source}; time {each.time.source}",
        )
        for each in processors
    )


def count_products(lstm: LSTM) -> int:
    """Return the number of products of weights and signals in a step of `lstm`, those of its head included."""
    names = ("input", "recurrent", "peephole", "projection")
    cells = [cell for layer in lstm.layers for cell in layer.cells]
    weights = [getattr(cell, name, None) for cell in cells for name in names]
    head = [] if lstm.head is None else [lstm.head.weights]
    return sum(int(array.size) for array in (*weights, *head) if array is not None)
