"""The analogies in the living page: networks of nerve cells, rectifiers and heavy balls, and closed forms.

The page computes no closed form of its own: for each place of a slider it has what Python found.
"""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.optimize import curve_fit

from lstm_analog.analogies import (
    COILS,
    NERVE,
    SIPHON,
    UTUBES,
    Coils,
    Descent,
    NerveCell,
    Quadratic,
    UTubes,
    cells_of,
    descent,
    rectifier,
)
from lstm_analog.arrays import Floats
from lstm_analog.engines import start_efforts
from lstm_analog.export import Driven, write_json
from lstm_analog.network.domain import ELECTRICAL, HYDRAULIC
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import CheckValves, Diodes
from lstm_analog.network.schedule import Schedule
from lstm_analog.study.epanet import tubes_in


def graph_text(network: Network, fed: Schedule, technology: object = None) -> str:
    """Return the text of the graph file of `network` driven by `fed`, as `write_json` writes it.

    If a `technology` is given, tubes have bores and lengths.
    """
    driven = Driven(schedule=fed, once=min(1, len(fed.names) - 1), start=start_efforts(network, fed))
    tubes = tubes_in(technology, network)
    return text_of(lambda path: write_json(path, network, driven=driven, tubes=tubes))


def text_of(write: Callable[[Path], None]) -> str:
    """Return the text of the file that `write` writes to a path."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lstm"
        write(path)
        return path.read_text(encoding="ascii")


def still(network: Network, duration: float = 1.0) -> Schedule:
    """Return the schedule of a `network` without clock: one interval of `duration` (s)."""
    high = np.zeros((1, len(network.lines)), dtype=bool)
    return Schedule(names=("rest",), high=high, durations=np.array([duration]), imposed=())


DRIVES = np.linspace(-1.0, 3.0, 81)
"""The places of the slider that drives a cell; 1 just reaches the threshold."""
NOISES = (0.1, 0.15, 0.25)
"""The noises that a cell may have, as standard deviations at rest without a threshold, in upper thresholds."""
_TAUS = 8.0
"""How long a cell is seen, in time constants."""
_WALK = 1000
"""Pieces of a time constant in which noise is constant; larger: nearer to white, slower. A path between two pieces may
cross the threshold unseen: at 200 cells fire up to 9 % too seldom, and that falls as the root of the number."""
_SEALED = 1e-6
"""What leaks out of a cell without leak, as a share of what leaks out of it else."""

LOSS = Quadratic(hessian=np.diag([1.0, 8.0]), pull=np.array([0.5, 0.0]))
"""The loss that the balls of the page roll down; diagonal, as U-tubes need it."""
START, FRICTION, LASTING = np.array([-1.2, 0.8]), 1.5, 12.0
"""Where they start, the friction that they are exported with, and how long they roll, in units of time."""
_FRICTIONS = np.linspace(0.1, 4.0, 79)


def analogies() -> tuple[dict[str, object], tuple[Network, ...]]:
    """Return what the screens of the analogies show, as plain data, and the networks in it."""
    cells, gates = {"membrane": NERVE, "siphon": SIPHON}, {"diode": diode(), "valve": check_valve()}
    balls = {"coils": ball(COILS), "utubes": ball(UTUBES)}
    told: dict[str, object] = {
        "nerve": {name: _cell(cell) for name, cell in cells.items()},
        "rectifier": {name: graph_text(network, still(network)) for name, network in gates.items()},
        "descent": _descent(balls),
    }
    made = (*(one_cell(cell) for cell in cells.values()), *gates.values(), *(each.network for each in balls.values()))
    return told, made


def threshold(cell: NerveCell) -> float:
    """Return the flow that just brings `cell` to its upper threshold (flow unit)."""
    return cell.upper * (cell.leak + cell.seal)


def one_cell(cell: NerveCell) -> Network:
    """Return a single `cell`, a drive of 1 being its `threshold`."""
    return cells_of(cell, np.ones((1, 1)), np.zeros(1), threshold(cell))


def sealed(cell: NerveCell) -> NerveCell:
    """Return `cell` without its leak, but for a trace."""
    return replace(cell, leak=_SEALED * cell.leak)


def diode() -> Network:
    """Return a silicon diode of 1 pA that feeds 100 kohm, as in notebooks/what_you_know.ipynb."""
    saturation, slope = np.array([1e-12]), np.array([0.0258])
    part = Diodes(label="rectifier", a=np.array([1]), b=np.array([2]), saturation=saturation, slope=slope)
    return rectifier(part, ELECTRICAL, 1e-5)


def check_valve() -> Network:
    """Return a check valve that cracks at 30 kPa and feeds a tube of a hundredth of its conductance."""
    conductance, cracking, leak = np.array([1e-9]), np.array([3e4]), np.array([1e-18])
    ends = {"a": np.array([1]), "b": np.array([2])}
    part = CheckValves(label="rectifier", **ends, conductance=conductance, cracking=cracking, leak=leak)
    return rectifier(part, HYDRAULIC, 1e-11)


def slowest(friction: float) -> float:
    """Return how fast what is left of the way dies with `friction`, along the axis on which it lives longest.

    In e-folds in a unit of time: a/2 - Re sqrt(a^2/4 - k), the least over the curvatures k of `LOSS`.
    """
    half = 0.5 * friction
    return float((half - np.sqrt(half**2 - LOSS.curvature + 0j).real).min())


def ball(sizes: Coils | UTubes) -> Descent:
    """Return the ball of `sizes` that rolls down `LOSS` in the page, before its friction or its start is changed."""
    return descent(LOSS, START, friction=FRICTION, duration=LASTING, pieces=1, sizes=sizes)


def _cell(cell: NerveCell) -> dict[str, object]:
    """Return what the screen of nerve cells shows of `cell`: its file, its closed forms, times and levels."""
    network, one = one_cell(cell), threshold(cell)
    tau = cell.capacitance / (cell.leak + cell.seal)
    walk, spread = tau / _WALK, cell.capacitance * np.sqrt(2.0 * _WALK) / tau
    return {
        "file": graph_text(network, still(network, _TAUS * tau)),
        "one": one,
        "upper": cell.upper,
        "lower": cell.lower,
        "window": _TAUS * tau,
        "sealed": _SEALED,
        "walk": walk,
        "noises": [{"sigma": share, "drive": float(share * cell.upper * spread / one)} for share in NOISES],
        "drives": DRIVES.tolist(),
        "block": cell.lower * cell.emptying / one,
        "curves": {name: _short(values) for name, values in _rates(cell).items()},
    }


def _short(values: Floats) -> object:
    """Return `values` as lists of numbers of nine digits, which take half of the room."""
    rounded = [float(f"{value:.9g}") for value in values.ravel().tolist()]
    return np.array(rounded).reshape(values.shape).tolist()


def _rates(cell: NerveCell) -> dict[str, Floats]:
    """Return spikes a second of `cell` at `DRIVES` in closed form, without and with leak and noise, and their likeness.

    `relu` is the line that the rate of a leaky cell joins, `sealed_relu` the rectifier that a cell without leak is, and
    `softplus` that of height, place and width fitted to the rate with noise: a row (drives,) for each of `NOISES`.
    """
    flow, charge = DRIVES * threshold(cell), cell.capacitance * (cell.upper - cell.lower)
    joined = flow - 0.5 * (cell.upper + cell.lower) * (cell.leak + cell.seal)
    noisy = np.stack([cell.noisy_rate(flow, share * cell.upper) for share in NOISES])
    return {
        "rate": cell.rate(flow),
        "relu": np.maximum(joined, 0.0) / charge,
        "sealed_rate": sealed(cell).rate(flow),
        "sealed_relu": np.maximum(flow, 0.0) / charge,
        "noisy": noisy,
        "softplus": np.stack([_softplus_like(rate) for rate in noisy]),
    }


def _softplus_like(rate: Floats) -> Floats:
    """Return the softplus of `DRIVES` that comes nearest to `rate` (drives,), at the same places."""

    def softplus(x: Floats, height: float, place: float, width: float) -> Floats:
        found: Floats = height * np.logaddexp(0.0, (x - place) / width)
        return found

    most = float(rate.max())
    fitted, _ = curve_fit(softplus, DRIVES, rate / most, p0=(0.1, 0.5, 0.2))
    return most * softplus(DRIVES, *fitted)


def _descent(balls: dict[str, Descent]) -> dict[str, object]:
    """Return what the screen of descent shows of the `balls`, by name."""
    return {
        "curvature": LOSS.curvature.tolist(),
        "minimum": LOSS.minimum.tolist(),
        "start": START.tolist(),
        "friction": FRICTION,
        "duration": LASTING,
        "decay": [[a, slowest(a)] for a in _FRICTIONS.tolist()],
        "machines": {
            name: {"file": graph_text(each.network, each.schedule), "one": each.one, "unit": each.unit}
            for name, each in balls.items()
        },
    }
