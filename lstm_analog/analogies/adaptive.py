"""RMSProp and Adam as a circuit: RC filters of the gradient and of its square, and a multiplier in a feedback loop.

No part divides or takes roots. A loop does: r settles where (v + epsilon^2) r^2 = 1, with the time constant `lag`, as
analog computers divided by a multiplier in the feedback of an amplifier (Korn and Korn 1956). So w' = -m r follows
w' = -m/sqrt(v + epsilon^2) up to that lag. Two things have no part and are not here: Adam's correction of the bias is a
gain that changes with time, instead of which the filters begin at the first gradient; and an epsilon outside the root.
"""

from dataclasses import dataclass

import numpy as np

from lstm_analog.analogies.descent import Descent, timed
from lstm_analog.analogies.losses import DescentLoss, checked_start
from lstm_analog.analogies.slopes import SlopeCircuit, add_slope
from lstm_analog.arrays import Floats, Indices
from lstm_analog.doors import checked, checked_record
from lstm_analog.network.quantities import check_count, check_fields


@checked_record
@dataclass(frozen=True, kw_only=True)
class Filters:
    """Sizes: `load` (S) of the junctions, `unit` (s) a unit of time, `volt` (V) one of signals, `lag` in units of time.

    `lag` is the time constant of the loop of roots, for v near 1.
    """

    name: str
    provenance: str
    load: float
    unit: float
    volt: float
    lag: float

    def __post_init__(self) -> None:
        check_fields(self, self.name)


FILTERS = Filters(
    name="FILTERS",
    provenance="chosen: 1 kohm; 1 uF filters over one unit of time, 1 ms; not built",
    load=1e-3,
    unit=1e-3,
    volt=1.0,
    lag=1e-4,
)


@checked
def adaptive_descent(
    loss: DescentLoss,
    start: Floats,
    *,
    first: float | None,
    second: float,
    epsilon: float,
    duration: float,
    pieces: int,
    sizes: Filters = FILTERS,
) -> Descent:
    """Return the circuit of `sizes` that follows Adam down `loss` from the weights `start` (n,).

    Parameters
    ----------
    loss : DescentLoss
        Quadratic, Logistic or OnlineSquares.
    start : float array, (n,)
        Where it starts.
    first, second : float or None, float
        Times over which gradients and their squares are averaged; without `first` it is RMSProp.
    epsilon, duration : float
        Below the root, see the module; how long it runs. A step of the optimiser takes its rate of time.
    pieces : int
        At how many moments, evenly, it is read; OnlineSquares is shown one sample in each.
    sizes : Filters
        What it is built of.

    Raises `InvalidValueError` or `InvalidShapeError` for numbers not above zero or of another shape than the loss.
    """
    times = {"first": 1.0 if first is None else first, "second": second, "epsilon": epsilon, "duration": duration}
    check_count("pieces", pieces)
    begin = checked_start(loss, start, times)
    circuit, size, unit = SlopeCircuit(sizes.volt, sizes.load), begin.size, sizes.unit
    capacitance = np.full(size, sizes.load * unit)
    nodes = circuit.weights(begin, capacitance, 1e3 * sizes.load, 1e-9 * sizes.load)
    slope = circuit.balances("slope", size)
    add_slope(loss, circuit, nodes, slope, 0.0, np.ones(size))
    mean = slope if first is None else _mean(circuit, slope, capacitance * first)
    root = _inverse_root(circuit, slope, capacitance, second, epsilon, sizes.lag)
    factors = (circuit.factor(mean), circuit.factor(root))
    circuit.multiply("moves", nodes, -capacitance * sizes.volt / unit, factors, line=1)
    origin = (("descent", f"{sizes.name}, {'RMSProp' if first is None else 'Adam'}, {size} weights"),)
    network = circuit.network(origin)
    return timed(network, loss, one=sizes.volt, unit=unit, duration=duration, pieces=pieces)


def _filter(circuit: SlopeCircuit, label: str, size: int, capacitance: Floats) -> Indices:
    """Return storages (`size`,) of `capacitance` (F) that leak through the load of `circuit`."""
    nodes = circuit.nodes(label, size)
    circuit.storages(f"{label}_storage", nodes, capacitance)
    circuit.to_datum(f"{label}_leak", nodes, circuit.load)
    return nodes


def _mean(circuit: SlopeCircuit, slope: Indices, capacitance: Floats) -> Indices:
    nodes = _filter(circuit, "mean", slope.size, capacitance)
    circuit.add("averaging", nodes, slope, np.eye(slope.size))
    return nodes


def _inverse_root(
    circuit: SlopeCircuit, slope: Indices, capacitance: Floats, second: float, epsilon: float, lag: float
) -> Indices:
    """Return the nodes (n,) of 1/sqrt(v + epsilon^2), v being the average of the `slope` squared over `second`."""
    current = np.full(slope.size, circuit.load * circuit.volt)
    square = _filter(circuit, "square", slope.size, capacitance * second)
    circuit.multiply("squares", square, current, (circuit.factor(slope), circuit.factor(slope)))
    root = circuit.nodes("root", slope.size)
    circuit.storages("root_storage", root, 2.0 * lag * capacitance)
    circuit.add("ones", root, circuit.one, np.ones((slope.size, 1)))
    factors = (circuit.factor(square, offset=epsilon**2), circuit.factor(root), circuit.factor(root))
    circuit.multiply("feedback", root, -current, factors)
    return root
