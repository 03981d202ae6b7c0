"""Find the ranges of an LSTM's signals, the ranges that a technology allows, and units with which they fit.

Ranges are measured with inputs like those in operation (`measuring`), or `bounded` from the weights alone: that holds
for any sequence and is often far larger than what occurs.
"""

from dataclasses import dataclass, replace
from enum import Enum
from functools import singledispatch
from numbers import Real

import numpy as np

from lstm_analog.compiler.electrical import Behavioural, Channels
from lstm_analog.compiler.hydraulic import Hydraulic
from lstm_analog.doors import checked, checked_record
from lstm_analog.errors import InvalidTypeError, InvalidValueError, UnsupportedError, explain
from lstm_analog.model import LSTM, Cell, Gate, Head
from lstm_analog.model.activations import SIGMOID, TANH, sigmoid
from lstm_analog.model.weights import RecurrentCell

MARGIN = 1.25
"""Range provided over range measured. Larger: other inputs clip less, and offsets and noise count more."""

_FOREVER = 700.0
"""The largest exponent z at which 1/(1 - sigmoid(z)) = 1 + e^z does not overflow."""


class Fit(Enum):
    """How to choose the units of a technology; the value is the text in the report of a `Scaling`.

    KEEP: leave them, and report what clips. SHRINK: make units smaller where signals would clip. FILL: also make them
    larger where there is room, so that offsets and noise count less.
    """

    KEEP = "units kept"
    SHRINK = "units shrunk where signals would clip"
    FILL = "units made to fill the range"


@checked_record
@dataclass(frozen=True, kw_only=True)
class Ranges:
    """The largest magnitudes of signals, in units of the LSTM.

    Attributes
    ----------
    x, z, c : float
        Inputs, pre-activations, and the cells c of all layers.
    h : float
        The memories h and the products that have no memory, such as r q of a GRU. h goes beyond 1 only where no bounded
        curve makes it, as in a plain RNN of ReLUs, or after a projection.
    rows : float
        Sums over the positive weights alone or over the negative weights alone; z is their difference. A circuit that
        forms both sums has to represent each. Sums that are no z count whole, too: a projection, a head.
    """

    x: float
    z: float
    c: float
    rows: float
    h: float = 1.0

    def __post_init__(self) -> None:
        """Check that no range is below zero."""
        for name, value in vars(self).items():
            if not value >= 0.0:
                raise InvalidValueError(explain(f"range of {name}", must="be >= 0", got=value, do="give a magnitude"))


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """The result of choosing units by the rule `fit`: signals have `ranges`, the technology allows `reach`."""

    ranges: Ranges
    reach: Ranges
    fit: Fit

    @property
    def clips(self) -> tuple[str, ...]:
        """The names of the ranges that exceed what the technology allows."""
        return tuple(name for name, value in vars(self.ranges).items() if value > vars(self.reach)[name])

    def __str__(self) -> str:
        """Return one line with each range, what the technology allows, and which signals clip."""
        reach = vars(self.reach)
        sizes = ", ".join(f"{name} {value:.3g} of {reach[name]:.3g}" for name, value in vars(self.ranges).items())
        return f"{self.fit.value}: {sizes}; clips: {', '.join(self.clips) or 'none'}"


@checked
def bounded(lstm: LSTM, x: float) -> Ranges:
    """Return ranges that `lstm` never leaves for inputs within ±`x`, in a sequence of any length.

    Interval arithmetic: |z| <= sum |w| |input| + |b|, and |c| <= max(i) max|g| / (1 - max(f)) of each unit, where f and
    i are the sigmoids of the largest z: the limit of the geometric series; |h| <= 1. Raises `UnsupportedError` for
    other forms than the plain LSTM, `InvalidTypeError` or `InvalidValueError` unless x is a finite number >= 0.
    """
    largest, found = _magnitude(x), list[tuple[float, float]]()
    for layer in lstm.layers:
        for cell in map(_plain, layer.cells):
            z = largest * np.abs(cell.input).sum(axis=2) + np.abs(cell.recurrent).sum(axis=2)
            z = z + (0.0 if cell.bias is None else np.abs(cell.bias))
            written = sigmoid(z[Gate.INPUT]) * np.tanh(z[Gate.CELL])
            c = written * (1.0 + np.exp(np.minimum(z[Gate.FORGET], _FOREVER)))
            found.append((float(z.max()), float(c.max())))
        largest = 1.0
    z_most, c_most = (max(each) for each in zip(*found, strict=True))
    return Ranges(x=_magnitude(x), z=z_most, c=c_most, h=1.0, rows=max(z_most, _largest_output(lstm.head)))


def _largest_output(head: Head | None) -> float:
    """Return the largest |y| of `head` for |h| up to 1; 0 without a head."""
    if head is None:
        return 0.0
    return float((np.abs(head.weights).sum(axis=1) + (0.0 if head.bias is None else np.abs(head.bias))).max())


def _magnitude(x: object) -> float:
    """Return `x` if it is a finite number >= 0."""
    do = "give the largest magnitude of the inputs"
    if isinstance(x, bool) or not isinstance(x, Real):
        raise InvalidTypeError(explain("x", must="be a number", got=ascii(x)[:80], do=do))
    try:
        value = float(x)
    except OverflowError:  # of a whole number
        value = np.inf
    if not 0.0 <= value < np.inf:
        raise InvalidValueError(explain("x", must="be finite and >= 0", got=ascii(x)[:80], do=do))
    return value


def _plain(cell: RecurrentCell) -> Cell:
    """Return `cell` if it is an LSTM without variations."""
    if isinstance(cell, Cell):
        same = (cell.gate, cell.candidate, cell.hidden) == (SIGMOID, TANH, TANH)
        if same and not cell.coupled and cell.peephole is None and cell.projection is None:
            return cell
    must, do = "be a plain LSTM, whose bounds are known", "measure the ranges with inputs"
    raise UnsupportedError(explain("a layer", must=must, got=type(cell).__name__, do=do))


@singledispatch
def reach(technology: object) -> Ranges:
    """Return the largest signals that `technology` allows, infinity where it has no limit.

    Raises `UnsupportedError` for a technology whose limits are not known.
    """
    must, got = "be a technology whose ranges are known", type(technology).__name__
    raise UnsupportedError(explain("technology", must=must, got=got, do="leave inputs out: its ranges are fixed"))


@singledispatch
def fit_ranges(technology: object, ranges: Ranges, fit: Fit) -> object:
    """Return `technology` with units chosen for signals of `ranges` by the rule `fit`.

    A technology without units to choose stays as it is; `Scaling.clips` names what then does not fit.
    """
    return technology


def scaled(technology: object, ranges: Ranges, fit: Fit) -> tuple[object, Scaling]:
    """Return `technology` with units chosen for signals of `ranges` by the rule `fit`, and a record of the choice.

    Raises `InvalidValueError` for an infinite range for which `technology` has a limit.
    """
    for name, value in vars(ranges).items():
        if value == np.inf and vars(reach(technology))[name] < np.inf:
            must, do = "be finite where a technology has limits", "give the largest that is met"
            raise InvalidValueError(explain(f"range of {name}", must=must, got=value, do=do))
    chosen = fit_ranges(technology, ranges, fit)
    return chosen, Scaling(ranges=ranges, reach=reach(chosen), fit=fit)


def factor(range_: float, limit: float, fit: Fit) -> float:
    """Return the factor for the size of a unit by which a signal of `range_` units fits below `limit` units.

    It leaves `MARGIN`, and is at most 1 unless `fit` is FILL.
    """
    if fit is Fit.KEEP or not range_ or not np.isfinite(limit):
        return 1.0
    wanted = limit / (MARGIN * range_)
    return wanted if fit is Fit.FILL else min(wanted, 1.0)


@reach.register
def _(technology: Behavioural | Channels) -> Ranges:
    return Ranges(x=np.inf, z=np.inf, c=np.inf, h=np.inf, rows=np.inf)


@reach.register
def _(technology: Hydraulic) -> Ranges:
    """Return the stops of the tanks as the range of c and h, half the trim of the ports, ln(R)/2, as that of z.

    A sigmoid could take ln(R), a tanh takes half. Manifolds settle at means of their inputs and never exceed them.
    """
    stop = min(abs(pressure) for pressure in technology.reach()) / technology.pressure_unit
    trim = 0.5 * float(np.log(technology.hardware.rangeability))
    return Ranges(x=np.inf, z=trim, c=stop, h=stop, rows=np.inf)


@fit_ranges.register
def _(technology: Hydraulic, ranges: Ranges, fit: Fit) -> Hydraulic:
    """Return `technology` with a pressure unit chosen for c and h; the trim is a ratio and does not depend on it."""
    change = factor(max(ranges.c, ranges.h), reach(technology).c, fit)
    return replace(technology, pressure_unit=technology.pressure_unit * change)
