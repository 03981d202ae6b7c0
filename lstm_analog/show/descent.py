"""Draw how weights move down a loss: a machine over time, and the steps of an optimiser."""

from matplotlib.figure import Figure

from lstm_analog.analogies import Descent
from lstm_analog.arrays import Floats
from lstm_analog.doors import checked
from lstm_analog.errors import InvalidShapeError, explain
from lstm_analog.network.trajectory import Trajectory
from lstm_analog.show.style import COLOURS, label_ends, line, logarithmic, panels, roomy, si, styled

_MOST_DOTS = 60
"""Steps of an optimiser that are drawn as dots; more would run together."""


@checked
@styled
def descent(machine: Descent, trajectory: Trajectory, path: Floats) -> Figure:
    """Return a picture of the weights of `machine` in a `trajectory` of it, with the `path` (k, n) of an optimiser.

    The steps of the path are those at the times at which the machine is read. Below, the largest difference.

    Raises `InvalidShapeError` if the path has not as many moments and weights.
    """
    weights = machine.weights(trajectory)
    if path.shape != weights.shape:
        must, do = f"have shape {weights.shape}", "take every so many steps: path[::m]"
        raise InvalidShapeError(explain("path", must=must, got=path.shape, do=do))
    figure, (above, below) = panels([3.4, 1.5])
    unit = si(float(machine.time[-1]) * machine.unit, "s")
    seconds = machine.time * machine.unit / unit.factor
    lines = [line(above, seconds, one, number, f"w{number}") for number, one in enumerate(weights.T)]
    roomy(above, weights, path)
    shown = slice(None, None, 1 + (seconds.size - 1) // _MOST_DOTS)
    for number, one in enumerate(path.T):
        above.plot(seconds[shown], one[shown], "o", markersize=3, color=COLOURS[number % len(COLOURS)])
    label_ends(above, lines, 3.4)
    above.set_ylabel("weight (dimensionless)")
    apart = abs(path - weights).max(axis=1)
    below.plot(seconds, apart, color=COLOURS[0])
    logarithmic(below, apart[1:])
    below.set_ylabel("largest difference")
    below.set_xlabel(f"time of the machine ({unit.unit})")
    figure.suptitle("Descent: lines are the machine, dots the optimiser's own steps")
    return figure
