"""What a compiler returns: a network, the clock that drives it, and where each LSTM signal lives in it."""

from dataclasses import dataclass
from functools import singledispatch

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.signals import Quantity, SignalNetwork
from lstm_analog.compiler.timing import READ_OUT, Cycle, Timing
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.model import State
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Imposed, Schedule
from lstm_analog.network.trajectory import Trajectory


@dataclass(frozen=True, kw_only=True)
class Spot:
    """Where a signal can be read at the end of the `interval` of each step.

    It is `gain` times the effort of `group`, less that of `against` if there is one, in units of the group's scale;
    `gain` has one number a unit, or is empty for 1.
    """

    group: str
    interval: str
    against: str | None = None
    gain: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LayerLayout:
    """Where the signals of a layer live: `z` in the order of `Gate`, and `c`, `h`; and the sources of its reset."""

    z: tuple[Spot, ...]
    c: Spot
    h: Spot
    reset_c: str
    reset_h: str


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where every LSTM signal lives; the scale of its group is its unit."""

    inputs: str
    layers: tuple[LayerLayout, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Compiled:
    """A network with its clock and layout; `settling` is the phase length in units of `time_constant` (s)."""

    network: Network
    cycle: Cycle
    layout: Layout
    timing: Timing
    settling: float
    time_constant: float


@singledispatch
def lower(technology: object, signals: SignalNetwork, timing: Timing, settling: float) -> Compiled:
    """Return `signals` built in `technology`, clocked by `timing` with phases of `settling` time constants.

    Raises `UnsupportedError` for an unknown kind of technology.
    """
    must, got = "be a technology that a compiler is registered for", type(technology).__name__
    raise UnsupportedError(explain("technology", must=must, got=got, do="take a preset, e.g. electrical.BEHAVIOURAL"))


def layout(signals: SignalNetwork, timing: Timing) -> Layout:
    """Return the layout of a machine built from `signals`: held groups bear the label of their signal.

    Pre-activations are read when their stage has computed, c and h at the end of the step; so it is with any `timing`.
    """
    layers = []
    for number, stage in enumerate(signals.stages):
        c, h = stage.memory[Quantity.CELL].target.label, stage.memory[Quantity.HIDDEN].target.label
        moment = f"hold{number}"
        layers.append(
            LayerLayout(
                z=tuple(Spot(group=target.label, interval=moment) for target in stage.sum.targets),
                c=Spot(group=c, interval=READ_OUT),
                h=Spot(group=h, interval=READ_OUT),
                reset_c=reset_label(c),
                reset_h=reset_label(h),
            )
        )
    return Layout(inputs=signals.inputs.label, layers=tuple(layers))


def reset_label(label: str) -> str:
    """Return the label of the sources that set the memory `label` before the first step."""
    return f"{label}_start"


def schedule(compiled: Compiled, x: Floats, state: State) -> Schedule:
    """Return the schedule that runs `compiled` over `x` (..., time, inputs) from `state`, arrays (..., H) a layer."""
    steps = x.shape[-2]
    intervals = compiled.cycle.intervals(steps)
    repeats = np.full(steps, len(compiled.cycle.step))
    repeats[0] += 1
    imposed = [_imposed(compiled, compiled.layout.inputs, x, repeats)]
    for place, h, c in zip(compiled.layout.layers, state.h, state.c, strict=True):
        for label, start in ((place.reset_h, h), (place.reset_c, c)):
            imposed.append(_imposed(compiled, label, start[..., None, :], np.array([len(intervals)])))
    return Schedule(
        names=tuple(interval.name for interval in intervals),
        high=compiled.cycle.flags(steps),
        durations=np.array([interval.duration for interval in intervals]),
        imposed=tuple(imposed),
    )


def _imposed(compiled: Compiled, label: str, signal: Floats, repeats: Indices) -> Imposed:
    """Return the `signal` (..., k, n) as efforts of the sources `label`, each of the k values held `repeats` times."""
    scaled = signal * compiled.network.unknowns.scales()[compiled.network.unknowns[label]]
    if repeats.size == 1:
        shape = (*signal.shape[:-2], int(repeats[0]), signal.shape[-1])
        return Imposed(label=label, efforts=np.broadcast_to(scaled, shape))
    efforts = np.repeat(scaled, repeats, axis=-2)
    efforts.flags.writeable = False  # or the record would take a copy
    return Imposed(label=label, efforts=efforts)


def decode(compiled: Compiled, trajectory: Trajectory, spot: Spot, steps: int) -> Floats:
    """Return the signal at `spot` of each of `steps` steps in a `trajectory` of `compiled`, in units (..., time, n)."""
    unknowns = compiled.network.unknowns
    ends = compiled.cycle.ends(spot.interval, steps)
    efforts = trajectory.at_ends(spot.group, ends)
    if spot.against is not None:
        efforts = efforts - trajectory.at_ends(spot.against, ends)
    return efforts * (np.array(spot.gain) if spot.gain else 1.0) / unknowns.scales()[unknowns[spot.group]]
