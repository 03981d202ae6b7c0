"""Gradient descent with momentum as a machine: a ball with mass, friction and springs, of coils or of liquid columns.

A weight w moves as w'' + a w' + grad f(w) = 0, from rest, and SGD with momentum takes steps of sqrt(rate) of that time
(Qian 1999). A capacitor holds w, and a coil drives it to where its own spring would be at rest, the others held still:
to w - (df/dw)/k, k being the curvature. So L C = u^2/k and R = a L/u, u being the seconds that a unit of time takes.
"""

from dataclasses import dataclass
from functools import singledispatch
from math import pi

import numpy as np

from lstm_analog.analogies.losses import DescentLoss, OnlineSquares, Quadratic, checked_start
from lstm_analog.analogies.slopes import LINES, WEIGHTS, SlopeCircuit, add_slope
from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.hardware import GRAVITY
from lstm_analog.compiler.network_builder import DomainBuilder
from lstm_analog.doors import checked, checked_record
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.network.domain import HYDRAULIC
from lstm_analog.network.fluids import GLYCEROL_60, Filling, Fluid
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import Inertances
from lstm_analog.network.quantities import check_count, check_fields
from lstm_analog.network.schedule import Imposed, Schedule
from lstm_analog.network.trajectory import Trajectory

_FAST = 1e-3
"""Time constant of what sets the weights, in units of time; it does not touch the motion."""
_LEAK = 1e-9
"""What an open switch leaks, as a share of what fills a weight's storage in a unit of time; larger: less exact."""


@checked_record
@dataclass(frozen=True, kw_only=True)
class Coils:
    """Sizes of a circuit: `inductance` (H) of every coil, `unit` (s) a unit of time, `volt` (V) a unit of weight."""

    name: str
    provenance: str
    inductance: float
    unit: float
    volt: float

    def __post_init__(self) -> None:
        check_fields(self, self.name)


@checked_record
@dataclass(frozen=True, kw_only=True)
class UTubes:
    """Sizes of U-tubes: a capillary of `bore` and `length` (m) between two legs, filled with `fluid`.

    `head` (m) is the level in a leg that stands for one unit of weight.
    """

    name: str
    provenance: str
    fluid: Fluid
    bore: float
    length: float
    head: float

    def __post_init__(self) -> None:
        check_fields(self, self.name)

    @property
    def conductance(self) -> float:
        """Of the capillary, Hagen-Poiseuille (m3/(s Pa))."""
        return pi * self.bore**4 / (128.0 * self.fluid.viscosity * self.length)

    @property
    def inertance(self) -> float:
        """Of the liquid in it, its profile being parabolic (Pa s/(m3/s)); see `Inertances`."""
        return 4.0 / 3.0 * self.fluid.density * self.length / (pi * self.bore**2 / 4.0)


COILS = Coils(
    name="COILS",
    provenance="chosen: 100 mH with 100 ohm is what a ferrite core gives; 10 uF a unit of curvature; not built",
    inductance=0.1,
    unit=1e-3,
    volt=1.0,
)
UTUBES = UTubes(
    name="UTUBES",
    provenance="chosen: legs of 0.02 m2 a unit of curvature and 2.4 s a unit of time at a friction of 1.5; not built",
    fluid=GLYCEROL_60,
    bore=19e-3,
    length=1.0,
    head=5e-3,
)


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class Descent:
    """A `network` that descends a loss, its `schedule`, and the `time` (k,), from 0 on, at which it is read.

    `one` (effort unit) stands for one unit of weight, and `unit` (s) for one of time.
    """

    network: Network
    schedule: Schedule
    time: Floats
    one: float
    unit: float

    def weights(self, trajectory: Trajectory) -> Floats:
        """Return the weights (k, n) at `time` in the `trajectory` of an engine that ran `network` by `schedule`."""
        found: Floats = trajectory.at_ends(WEIGHTS, np.arange(self.time.size)) / self.one
        return found


@checked
def descent(
    loss: DescentLoss, start: Floats, *, friction: float, duration: float, pieces: int, sizes: Coils | UTubes = COILS
) -> Descent:
    """Return the machine of `sizes` that rolls down `loss` with `friction` a from rest at the weights `start` (n,).

    Parameters
    ----------
    loss : DescentLoss
        Quadratic, Logistic or OnlineSquares; U-tubes take a Quadratic without coupling, one column a weight.
    start : float array, (n,)
        Where it starts.
    friction, duration : float
        a, and how long it rolls, in units of time.
    pieces : int
        At how many moments, evenly, it is read; OnlineSquares is shown one sample in each.
    sizes : Coils or UTubes
        What it is built of. In U-tubes the friction is that of the capillary, and it makes the unit of time.

    Raises
    ------
    InvalidShapeError, InvalidValueError
        If there is not one weight a row of the loss, or a number is not above zero.
    UnsupportedError
        If no machine of these sizes is known for that loss.
    """
    check_count("pieces", pieces)
    begin = checked_start(loss, start, {"friction": friction, "duration": duration})
    network, one, unit = _built(sizes, loss, begin, friction)
    return timed(network, loss, one=one, unit=unit, duration=duration, pieces=pieces)


def timed(network: Network, loss: DescentLoss, *, one: float, unit: float, duration: float, pieces: int) -> Descent:
    """Return the `network` that descends `loss` with a schedule that sets it and lets it run over `duration`.

    It is read after each of `pieces`; a loss that sees samples is given one in each. `one` and `unit` as in `Descent`.
    """
    high = np.arange(1 + pieces)[:, None] > 0
    schedule = Schedule(
        names=("set", *("run" for _ in range(pieces))),
        high=np.column_stack((~high, high)),
        durations=np.append(unit, np.full(pieces, unit * duration / pieces)),
        imposed=_imposed(loss, one, pieces),
    )
    time: Floats = np.linspace(0.0, duration, 1 + pieces)
    return Descent(network=network, schedule=schedule, time=time, one=one, unit=unit)


def _imposed(loss: DescentLoss, one: float, pieces: int) -> tuple[Imposed, ...]:
    """Return the samples that `loss` sees in each piece, the first one also while the weights are set."""
    if not isinstance(loss, OnlineSquares):
        return ()
    turn = np.append(0, np.arange(pieces) % len(loss.targets))
    seen = {"features": loss.features[turn], "target": loss.targets[turn, None]}
    return tuple(Imposed(label=name, efforts=one * rows) for name, rows in seen.items())


@singledispatch
def _built(sizes: object, loss: DescentLoss, start: Floats, friction: float) -> tuple[Network, float, float]:
    """Return the network of `sizes`, the effort of a unit of weight, and the seconds of a unit of time."""
    do = "take COILS or UTUBES, or replace some of their sizes"
    raise UnsupportedError(explain("sizes", must="be Coils or UTubes", got=type(sizes).__name__, do=do))


@_built.register
def _(sizes: Coils, loss: DescentLoss, start: Floats, friction: float) -> tuple[Network, float, float]:
    curvature, unit, size = loss.curvature, sizes.unit, start.size
    conductance = 2.0 * unit / (friction * sizes.inductance)  # half the friction in the coil, half in what drives it
    capacitance = unit**2 / (sizes.inductance * curvature)
    circuit = SlopeCircuit(sizes.volt, conductance)
    nodes = circuit.weights(start, capacitance, float(capacitance.max()) / (_FAST * unit), _leak(capacitance, unit))
    rest, state = circuit.balances("rest", size), circuit.nodes("coil", size)
    add_slope(loss, circuit, nodes, rest, 1.0, -1.0 / curvature)
    coils = Inertances(
        label="coils",
        line=1,
        a=rest,
        b=nodes,
        state=state,
        inertance=np.array(sizes.inductance),
        closed=np.array(conductance),
        opened=np.array(_leak(capacitance, unit)),
        closing=np.array(_FAST * unit),
    )
    circuit.parts.append(coils)
    return circuit.network(_origin(sizes, loss)), sizes.volt, unit


@_built.register
def _(sizes: UTubes, loss: DescentLoss, start: Floats, friction: float) -> tuple[Network, float, float]:
    if not isinstance(loss, Quadratic) or np.diag(loss.curvature).tolist() != loss.hessian.tolist():
        must, got = "be Quadratic with a diagonal Hessian in U-tubes", f"another {type(loss).__name__}"
        raise UnsupportedError(explain("loss", must=must, got=got, do="turn it to its principal axes, or take COILS"))
    unit = friction * sizes.inertance * sizes.conductance
    one = sizes.fluid.density * GRAVITY * sizes.head
    leg = 2.0 * unit**2 / (sizes.inertance * loss.curvature)  # two in a row are a spring of half of one
    leak = _leak(leg, unit)
    plumbing = DomainBuilder(HYDRAULIC, one, LINES)
    ends = {WEIGHTS: start, "other_leg": 2.0 * loss.minimum - start}
    left, right = (_leg(plumbing, label, one * level, leg, unit) for label, level in ends.items())
    columns = Inertances(
        label="columns",
        line=1,
        a=right,
        b=left,
        state=plumbing.nodes("column", start.size),
        inertance=np.array(sizes.inertance),
        closed=np.array(sizes.conductance),
        opened=np.array(leak),
        closing=np.array(_FAST * unit),
    )
    plumbing.parts.append(columns)
    filling = Filling(fluid=sizes.fluid, datum=0.0, open_tanks=tuple(f"{label}_tank" for label in ends))
    return plumbing.network(_origin(sizes, loss), filling), one, unit


def _leg(plumbing: DomainBuilder, label: str, pressure: Floats, leg: Floats, unit: float) -> Indices:
    """Return the nodes (n,) of legs of capacitance `leg` (n,), m3/Pa, held at `pressure` (n,) while line 0 is high."""
    nodes, held = plumbing.nodes(label, leg.size), plumbing.sources(f"{label}_start", pressure)
    closed = float(leg.max()) / (_FAST * unit)
    plumbing.storages(f"{label}_tank", nodes, leg)
    plumbing.switches(f"{label}_hold", LINES[0], held, nodes, closed=closed, opened=_leak(leg, unit))
    return nodes


def _leak(capacitance: Floats, unit: float) -> float:
    return _LEAK * float(capacitance.min()) / unit


def _origin(sizes: Coils | UTubes, loss: DescentLoss) -> tuple[tuple[str, str], ...]:
    return (("descent", f"{sizes.name}, {type(loss).__name__}, {loss.curvature.size} weights"),)
