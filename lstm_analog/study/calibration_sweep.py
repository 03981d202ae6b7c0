"""What each block of a transistor cell does: nested sweeps of one clocked step, and the gains that fit them.

A sweep runs the very network that is compiled, with an LSTM whose four pre-activations are its four inputs: every point
resets c, takes one step and reads c and h as any run does, so that the gains include what switches inject and followers
lose. A sweep through transparent switches, with nothing clocked, misses 0.4 % of c a step: cells calibrated by it are
0.0026 off in h at PyTorch's weights and 0.0057 at three times those (6 steps, worst of six LSTMs; 0.0155 in 60), cells
calibrated by clocked steps 0.0011 and 0.0038 (0.0066): `benchmarks/tried_bicmos.py static`. A sweep of 105 points takes
ten seconds.
"""

from dataclasses import dataclass, fields
from math import prod

import numpy as np
import scipy

from lstm_analog.arrays import Floats
from lstm_analog.compiler.bicmos import Bicmos
from lstm_analog.compiler.compiled import Compiled, Spot, lower, schedule
from lstm_analog.compiler.passes import signal_network
from lstm_analog.compiler.timing import CLOCKED, READ_OUT
from lstm_analog.engines import Engine
from lstm_analog.model import LSTM, Cell, Gate, Layer, State
from lstm_analog.network.schedule import Imposed, Schedule
from lstm_analog.network.trajectory import Trajectory

REACH = 4.0
"""The z that x = 1 stands for; f is open there."""
_GATE = np.array([-3.0, -1.5, -0.5, 0.0, 0.5, 1.5, 3.0])
_CANDIDATE = np.array([0.25, 0.5, 1.0, 1.5, 2.0])
_CELL = np.array([0.1, 0.25, 0.4, 0.6, 0.8])
"""Points of gates, of g, and of c as shares of the linear range: the other halves are the same, as is the circuit."""
_HELD_H = 0.25
"""The imposed h, its sign alternating from point to point: the master's follower feels what the slave held before,
about 0.2 % of it, which an odd number of points a row averages out."""


@dataclass(frozen=True, kw_only=True)
class Gains:
    """What a cell multiplies its signals by; 1 is right for all.

    `input`, `forget`, `candidate`, `output` and `tanh` are of arguments: z_i, z_f, z_g, z_o and c; `add`, `keep` and
    `hidden` of the products i g, f c and o tanh(c); `cell_reset`, `hidden_reset` of imposed states. `residual` is the
    largest error that remains in c or h when all gains are allowed for.
    """

    input: float
    forget: float
    candidate: float
    output: float
    tanh: float
    add: float
    keep: float
    hidden: float
    cell_reset: float
    hidden_reset: float
    residual: float

    @property
    def worst(self) -> float:
        """The largest deviation of a gain from 1."""
        return max(abs(float(getattr(self, entry.name)) - 1.0) for entry in fields(self) if entry.name != "residual")


@dataclass(frozen=True, kw_only=True, eq=False)
class CalibrationSweep:
    """Points of a nested sweep, p of them, and what a cell made of them.

    `z` (p, 4) in the order of `Gate`, `imposed` (p,) of c; then (p,) each: c and |h| as the reset left them, c and h
    after the step.
    """

    z: Floats
    imposed: Floats
    held_c: Floats
    held_h: Floats
    c: Floats
    h: Floats


def measure_gains(technology: Bicmos, engine: Engine, settling: float) -> Gains:
    """Return the gains of a cell of `technology`, swept by `engine`, phases of `settling` time constants."""
    return fit(sweep(technology, engine, settling))


def sweep(technology: Bicmos, engine: Engine, settling: float) -> CalibrationSweep:
    """Return what a cell of `technology` does, by `engine`, phases of `settling` time constants: i g, f c, o tanh(c).

    The points are those of `points`.
    """
    compiled = lower(technology, signal_network(probe()), CLOCKED, settling)
    z, imposed = points(technology)
    signs = np.where(np.arange(imposed.size) % 2, -1.0, 1.0)
    start = State(h=(_HELD_H * signs[:, None],), c=(imposed[:, None],))
    course = end_to_end(schedule(compiled, z[:, None, :] / REACH, start))
    trajectory = engine.run(compiled.network, course)
    layer = compiled.layout.layers[0]
    held_c, c = (_read(compiled, trajectory, layer.cell, name) for name in ("setup", READ_OUT))
    held_h, h = (_read(compiled, trajectory, layer.h, name) for name in ("setup", READ_OUT))
    return CalibrationSweep(z=z, imposed=imposed, held_c=held_c, held_h=held_h * signs, c=c, h=h)


def points(technology: Bicmos) -> tuple[Floats, Floats]:
    """Return the points of a sweep of a cell of `technology`: z (p, 4) in the order of `Gate`, and c (p,).

    Each product is swept with the other at rest: i by g with c = 0; f by c with g = 0; o by c with f open.
    """
    cell = technology.linear_range * technology.state_scale * _CELL
    blocks = (
        _nested({Gate.INPUT: _GATE, Gate.CELL: _CANDIDATE}, np.zeros(1)),
        _nested({Gate.FORGET: _GATE}, cell),
        _nested({Gate.FORGET: np.array([REACH]), Gate.OUTPUT: _GATE}, cell),
    )
    z, imposed = (np.concatenate([block[k] for block in blocks]) for k in (0, 1))
    return z, imposed


def fit(swept: CalibrationSweep) -> Gains:
    """Return the gains with which the LSTM's equations come closest, by least squares, to what was `swept`."""

    def errors(gains: Floats) -> Floats:
        add, keep, hidden, tanh = gains[:4]
        zi, zf, zg, zo = (swept.z * gains[4:]).T
        c = keep * scipy.special.expit(zf) * swept.held_c + add * scipy.special.expit(zi) * np.tanh(zg)
        h = hidden * scipy.special.expit(zo) * np.tanh(tanh * swept.c)
        return np.concatenate((swept.c - c, swept.h - h))

    found = scipy.optimize.least_squares(errors, np.ones(8))
    add, keep, hidden, tanh, input_, forget, candidate, output = (float(gain) for gain in found.x)
    driven = swept.imposed != 0.0
    return Gains(
        input=input_,
        forget=forget,
        candidate=candidate,
        output=output,
        tanh=tanh,
        add=add,
        keep=keep,
        hidden=hidden,
        cell_reset=float(np.mean(swept.held_c[driven] / swept.imposed[driven])),
        hidden_reset=float(np.mean(swept.held_h)) / _HELD_H,
        residual=float(np.abs(found.fun).max()),
    )


def end_to_end(course: Schedule) -> Schedule:
    """Return a `course` with a batch as one that does the sequences of the batch one after the other."""
    count = prod(course.lead)
    shape = (*course.lead, len(course.names))
    return Schedule(
        names=course.names * count,
        high=np.tile(course.high, (count, 1)),
        durations=np.tile(course.durations, count),
        imposed=tuple(
            Imposed(
                label=entry.label,
                efforts=np.broadcast_to(entry.efforts, (*shape, entry.efforts.shape[-1])).reshape(
                    -1, entry.efforts.shape[-1]
                ),
            )
            for entry in course.imposed
        ),
    )


def probe() -> LSTM:
    """Return an LSTM of 1 unit whose pre-activations are its four inputs, times `REACH`."""
    cell = Cell(input=REACH * np.eye(4)[:, None, :], recurrent=np.zeros((4, 1, 1)), bias=None)
    return LSTM(layers=(Layer(forward=cell),), name="probe")


def _nested(gates: dict[Gate, Floats], cell: Floats) -> tuple[Floats, Floats]:
    """Return z (p, 4) and c (p,) at every combination of the values of `gates` and of `cell`."""
    axes = np.meshgrid(*gates.values(), cell, indexing="ij")
    z = np.zeros((axes[0].size, len(Gate)))
    z[:, list(gates)] = np.stack([axis.ravel() for axis in axes[:-1]], axis=1)
    return z, axes[-1].ravel()


def _read(compiled: Compiled, trajectory: Trajectory, spot: Spot, interval: str) -> Floats:
    """Return the signal at `spot` at the end of each `interval` of that name, in units, (p,)."""
    ends = np.flatnonzero([name == interval for name in trajectory.schedule.names])
    minus = spot.against
    volts = trajectory.at_ends(spot.group, ends) - (0.0 if minus is None else trajectory.at_ends(minus, ends))
    unknowns = compiled.network.unknowns
    units: Floats = volts[:, 0] / unknowns.scales()[unknowns[spot.group]][0]
    return units
