"""Measure the gains of each block of a transistor cell by nested sweeps of one clocked step.

A sweep runs the network that `compile` makes, of an LSTM whose four pre-activations are its four inputs. Every point
resets c, takes one step and reads c and h as any run does, so that the gains include charge injection of switches and
losses of followers. A sweep without a clock, through closed switches, misses 0.4 % of c a step: cells so calibrated are
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
from lstm_analog.compiler.compiled import Compiled, Spot, decode, lower, schedule
from lstm_analog.compiler.passes import signal_network
from lstm_analog.compiler.timing import CLOCKED, READ_OUT
from lstm_analog.engines import Engine
from lstm_analog.model import LSTM, Cell, Gate, Layer, State
from lstm_analog.network.schedule import Imposed, Schedule
from lstm_analog.network.trajectory import Trajectory

REACH = 4.0
"""The pre-activation z of an input of 1; the forget gate is open there."""
_GATE = np.array([-3.0, -1.5, -0.5, 0.0, 0.5, 1.5, 3.0])
_CANDIDATE = np.array([0.25, 0.5, 1.0, 1.5, 2.0])
_CELL = np.array([0.1, 0.25, 0.4, 0.6, 0.8])
"""Points of gates, of g, and of c over the linear range; negative values are left out, for the circuit is symmetric."""
_HELD_H = 0.25
"""The imposed h, whose sign alternates from point to point: the master's follower is disturbed by 0.2 % of the value
that the slave held before, which an odd number of points in a row averages out."""


@dataclass(frozen=True, kw_only=True)
class Gains:
    """The measured gains of a cell, each over its correct value, so that 1 is right.

    `input`, `forget`, `candidate`, `output` and `tanh` are gains of arguments: z_i, z_f, z_g, z_o and c; `add`, `keep`
    and `hidden` those of the products i g, f c and o tanh(c); `cell_reset`, `hidden_reset` those of imposed states.
    `residual` is the largest error of c or h that remains with these gains.
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
    """The p points of a nested sweep, and the results of a cell.

    `z` (p, 4) are in the order of `Gate`, `imposed` (p,) is the imposed c; `held_c` and `held_h` (p,) are c and |h|
    after the reset, `c` and `h` (p,) those after the step.
    """

    z: Floats
    imposed: Floats
    held_c: Floats
    held_h: Floats
    c: Floats
    h: Floats


def measure_gains(technology: Bicmos, engine: Engine, settling: float) -> Gains:
    """Return the gains of a cell of `technology`, measured by `engine` with phases of `settling` time constants."""
    return fit(sweep(technology, engine, settling))


def sweep(technology: Bicmos, engine: Engine, settling: float) -> CalibrationSweep:
    """Return a sweep of a cell of `technology` by `engine` with phases of `settling` time constants.

    The products i g, f c and o tanh(c) are swept at the points of `points`.
    """
    compiled = lower(technology, signal_network(probe()), CLOCKED, settling)
    z, imposed = points(technology)
    signs = np.where(np.arange(imposed.size) % 2, -1.0, 1.0)
    start = State(h=(_HELD_H * signs[:, None],), c=(imposed[:, None],))
    trajectory = engine.run(compiled.network, end_to_end(schedule(compiled, z[:, None, :] / REACH, start)))
    layer = compiled.layout.layers[0]
    held_c, c = (_read(compiled, trajectory, layer.cell, name) for name in ("setup", READ_OUT))
    held_h, h = (_read(compiled, trajectory, layer.h, name) for name in ("setup", READ_OUT))
    return CalibrationSweep(z=z, imposed=imposed, held_c=held_c, held_h=held_h * signs, c=c, h=h)


def points(technology: Bicmos) -> tuple[Floats, Floats]:
    """Return the points of a sweep of a cell of `technology`: z (p, 4) in the order of `Gate`, and imposed c (p,).

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
    """Return the gains with which the LSTM's equations fit the results `swept` by least squares."""
    names = ("add", "keep", "hidden", "tanh", "input", "forget", "candidate", "output")

    def errors(gains: Floats) -> Floats:
        add, keep, hidden, tanh = gains[:4]
        zi, zf, zg, zo = (swept.z * gains[4:]).T
        c = keep * scipy.special.expit(zf) * swept.held_c + add * scipy.special.expit(zi) * np.tanh(zg)
        h = hidden * scipy.special.expit(zo) * np.tanh(tanh * swept.c)
        return np.concatenate((swept.c - c, swept.h - h))

    found = scipy.optimize.least_squares(errors, np.ones(len(names)))
    driven = swept.imposed != 0.0
    return Gains(
        **dict(zip(names, found.x.tolist(), strict=True)),
        cell_reset=float(np.mean(swept.held_c[driven] / swept.imposed[driven])),
        hidden_reset=float(np.mean(swept.held_h)) / _HELD_H,
        residual=float(np.abs(found.fun).max()),
    )


def end_to_end(batched: Schedule) -> Schedule:
    """Return the schedule that runs the sequences of a `batched` one after the other, without a batch axis."""
    count = prod(batched.lead)

    def all_of(efforts: Floats) -> Floats:
        size = efforts.shape[-1]
        return np.broadcast_to(efforts, (*batched.lead, len(batched.names), size)).reshape(-1, size)

    return Schedule(
        names=batched.names * count,
        high=np.tile(batched.high, (count, 1)),
        durations=np.tile(batched.durations, count),
        imposed=tuple(Imposed(label=each.label, efforts=all_of(each.efforts)) for each in batched.imposed),
    )


def probe() -> LSTM:
    """Return an LSTM of 1 unit whose pre-activations are its four inputs, times `REACH`."""
    cell = Cell(input=REACH * np.eye(4)[:, None, :], recurrent=np.zeros((4, 1, 1)), bias=None)
    return LSTM(layers=(Layer(forward=cell),), name="probe")


def _nested(gates: dict[Gate, Floats], cell: Floats) -> tuple[Floats, Floats]:
    """Return z (p, 4) and c (p,) for every combination of the values of `gates` and of `cell`."""
    axes = np.meshgrid(*gates.values(), cell, indexing="ij")
    z = np.zeros((axes[0].size, len(Gate)))
    z[:, list(gates)] = np.stack([axis.ravel() for axis in axes[:-1]], axis=1)
    return z, axes[-1].ravel()


def _read(compiled: Compiled, trajectory: Trajectory, spot: Spot, interval: str) -> Floats:
    """Return the signal at `spot` at the end of each `interval` of that name, in units, (p,)."""
    ends = np.flatnonzero([name == interval for name in trajectory.schedule.names])
    return decode(compiled, trajectory, spot, ends)[:, 0]
