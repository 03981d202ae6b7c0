"""Resistors, capacitors and wells as a process draws them, instead of ideal ones.

A resistor is strips of polysilicon of a legal width, in series and in parallel, their length on the grid; it drifts
with the temperature and has half of its capacitance to the substrate at each end, as in the model of the foundry. A
capacitor is a square of metal on the grid. The p-well of a transistor in a well of its own hangs on its source with a
junction to the deep n-well around it, which is at the supply. That of an NPN transistor is in its model.

Sizes are in um, as in the rules of processes.
"""

from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.network.quantities import check_fields

_DRAWN_AT = 27.0
"""The temperature (C) at which a strip has the resistance that it was drawn for."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Strips:
    """How n resistors are drawn, (n,) each: `width` and `length` of a strip (um), strips in `series` and `parallel`."""

    width: Floats
    length: Floats
    series: Floats
    parallel: Floats


@checked_record
@dataclass(frozen=True, kw_only=True)
class PolyResistor:
    """A material of resistors: body `sheet l/w`, and a head at each end of a strip.

    Attributes
    ----------
    name : str
        The name of the device in the process.
    sheet, head : float
        Resistance of a square of the body (ohm); that of a head times its width (ohm um).
    widths : tuple of floats
        The legal widths (um), ascending.
    grid, shortest, longest : float
        Lengths are multiples of the grid, within these (um). Shorter: more of it is heads, and more field in the body.
    narrower, shorter, wider : float
        What the drawn width and length of the body are too large by, and what is added to the width of a head (um).
    body_drift, head_drift : tuple of two floats
        First and second temperature coefficient (1/K, 1/K2) from 25 C.
    end, area_capacitance, edge_capacitance : float
        Length of a contact beyond the body (um); capacitance to the substrate (F/um2, F/um).
    space : float
        Distance from one strip to the next (um).
    weakest : float
        The largest resistance (ohm) of a weight. A smaller weight is the difference of two, the lesser of which has it.
    """

    name: str
    sheet: float
    head: float
    widths: tuple[float, ...]
    grid: float
    shortest: float
    longest: float
    narrower: float
    shorter: float
    wider: float
    body_drift: tuple[float, float]
    head_drift: tuple[float, float]
    end: float
    area_capacitance: float
    edge_capacitance: float
    space: float
    weakest: float

    def __post_init__(self) -> None:
        """Check that every size is positive, and that there are widths, in order."""
        check_fields(self, self.name, signed=("body_drift", "head_drift"))
        if not self.widths or list(self.widths) != sorted(self.widths):
            do = "give the legal ones in um"
            raise InvalidValueError(explain(f"{self.name} widths", must="ascend", got=self.widths, do=do))

    def strips(self, ohms: Floats) -> Strips:
        """Return how resistors of `ohms` (n,) are drawn: of the least width that leaves a strip `shortest` at least.

        Raises `InvalidValueError` for one that is so small that it would be mostly heads.
        """
        sizes = np.asarray(ohms, dtype=np.float64)
        width = np.full(sizes.shape, self.widths[-1])
        for each in reversed(self.widths):
            width = np.where(self._length(sizes, np.full(sizes.shape, each)) >= self.shortest, each, width)
        parallel = np.maximum(1.0, np.ceil(self.shortest / np.maximum(self._length(sizes, width), self.grid)))
        parallel = np.where(self._length(sizes, width) >= self.shortest, 1.0, parallel)
        series = np.maximum(1.0, np.ceil(self._length(sizes * parallel, width) / self.longest))
        length = self.grid * np.round(self._length(sizes * parallel / series, width) / self.grid)
        if length.size and not length.min() >= self.shortest / 2.0:
            least, do = float(sizes.min()), "choose a larger one"
            must = f"leave a strip of {self.name} {self.shortest:g} um of length"
            raise InvalidValueError(explain("resistor", must=must, got=f"{least:.4g} ohm", do=do))
        return Strips(width=width, length=length, series=series, parallel=parallel)

    def resistance(self, strips: Strips, celsius: float) -> Floats:
        """Return the resistance (ohm) of `strips` at `celsius`, (n,)."""
        body, head = self._parts(strips.width)
        one = body * (strips.length - self.shorter) * _drift(self.body_drift, celsius)
        return (one + 2.0 * head * _drift(self.head_drift, celsius)) * strips.series / strips.parallel

    def capacitance(self, strips: Strips) -> Floats:
        """Return the capacitance (F) of `strips` to the substrate, (n,)."""
        length = strips.length + 2.0 * self.end
        one = self.area_capacitance * length * strips.width
        return (one + 2.0 * self.edge_capacitance * (length + strips.width)) * strips.series * strips.parallel

    def area(self, strips: Strips) -> Floats:
        """Return the area (um2) of `strips` with the space around them, (n,)."""
        length, width = strips.length + 2.0 * self.end + self.space, strips.width + self.space
        return length * width * strips.series * strips.parallel

    def _length(self, ohms: Floats, width: Floats) -> Floats:
        """Return the length (um) at which a strip of `width` (um) has `ohms`, not on the grid; it may be negative."""
        body, head = self._parts(width)
        body, head = body * _drift(self.body_drift, _DRAWN_AT), head * _drift(self.head_drift, _DRAWN_AT)
        return (ohms - 2.0 * head) / body + self.shorter

    def _parts(self, width: Floats) -> tuple[Floats, Floats]:
        """Return the resistance of 1 um of a body of `width` (um), and that of a head (ohm), at 25 C."""
        effective = width - self.narrower
        return self.sheet / effective, self.head / (effective + self.wider)


@checked_record
@dataclass(frozen=True, kw_only=True)
class PlateCapacitor:
    """A capacitor between two layers of metal, a square on the `grid` of at most `largest` a side (um).

    `area_capacitance` and `edge_capacitance` are in F/um2 and F/um, `narrower` is what the drawn side is too large by,
    `space` what a square takes to the next (um). Its lower plate is at vss.
    """

    name: str
    area_capacitance: float
    edge_capacitance: float
    grid: float
    largest: float
    narrower: float
    space: float

    def __post_init__(self) -> None:
        """Check that every size is positive, and that a square may be large enough to be a capacitor."""
        check_fields(self, self.name)
        if not self.largest > self.narrower:
            must, do = f"be above narrower, {self.narrower:g} um", "give the largest side"
            raise InvalidValueError(explain(f"{self.name} largest", must=must, got=self.largest, do=do))

    def squares(self, farads: float) -> tuple[int, float]:
        """Return as how many squares of which side (um) a capacitor of `farads` is drawn."""
        count = 1
        while (side := self._side(farads / count)) > self.largest:
            count += 1
        return count, self.grid * round(side / self.grid)

    def capacitance(self, count: int, side: float) -> float:
        """Return the capacitance (F) of `count` squares of `side` (um)."""
        plate = side - self.narrower
        return count * (self.area_capacitance * plate**2 + 4.0 * self.edge_capacitance * plate)

    def area(self, farads: float) -> float:
        """Return the area (um2) of a capacitor of `farads` with the space around it."""
        count, side = self.squares(farads)
        return count * (side + self.space) ** 2

    def _side(self, farads: float) -> float:
        """Return the side (um) of a square of `farads`, not on the grid."""
        edge = 2.0 * self.edge_capacitance / self.area_capacitance
        return float(np.sqrt(edge**2 + farads / self.area_capacitance)) - edge + self.narrower


@checked_record
@dataclass(frozen=True, kw_only=True)
class DeepWell:
    """The junction between the p-well of transistors in a well of their own and the deep n-well around it.

    `area_capacitance` (F/um2) and `edge_capacitance` (F/um) are those without voltage; `potential` (V) and `grading` of
    bottom and edge (exponents) make less of them under `reverse` volts, C = C0 (1 + V/potential)^-grading. `margin` is
    the distance (um) from a transistor to the edge of the well; those in it are `apart` (um), diffusions included.
    """

    area_capacitance: float
    edge_capacitance: float
    potential: tuple[float, float]
    grading: tuple[float, float]
    reverse: float
    margin: float
    apart: float

    def __post_init__(self) -> None:
        check_fields(self, "well")

    def capacitance(self, sizes: tuple[tuple[float, float, float], ...]) -> float:
        """Return the capacitance (F) of a well around transistors of `sizes`: width, length (um) and their number."""
        width = max(size[0] for size in sizes) + 2.0 * self.margin
        height = sum(count * (length + self.apart) for _, length, count in sizes) + 2.0 * self.margin
        bottom, edge = (
            (1.0 + self.reverse / volts) ** -power for volts, power in zip(self.potential, self.grading, strict=True)
        )
        return float(
            self.area_capacitance * bottom * width * height + 2.0 * self.edge_capacitance * edge * (width + height)
        )


@checked_record
@dataclass(frozen=True, kw_only=True)
class Passives:
    """What resistors, capacitors and wells of a process are made of."""

    resistor: PolyResistor
    capacitor: PlateCapacitor
    well: DeepWell

    def warming(self, celsius: float) -> float:
        """Return the resistance of a long strip at `celsius` over that for which it was drawn."""
        drift = self.resistor.body_drift
        return _drift(drift, celsius) / _drift(drift, _DRAWN_AT)


def _drift(coefficients: tuple[float, float], celsius: float) -> float:
    """Return the factor of a resistance at `celsius` over that at 25 C."""
    kelvin = celsius - 25.0
    return 1.0 + coefficients[0] * kelvin + coefficients[1] * kelvin**2
