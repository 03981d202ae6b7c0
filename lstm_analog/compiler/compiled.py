"""What a compiler returns: a network, the clock that drives it, and where each LSTM signal lives in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import singledispatch

import numpy as np

from lstm_analog.arrays import Floats
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


@dataclass(frozen=True, kw_only=True)
class Drive:
    """How the source bank `label` is driven by `signal`: `offset` + `gain` s, in the effort unit.

    s is in signal units for the inputs and the resets of the layout, 0 or 1 for a clock line.
    """

    label: str
    signal: str
    gain: float
    offset: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Compiled:
    """A network with its clock and layout; `settling` is the phase length in units of `time_constant` (s).

    A signal that one of `drives` names is imposed as it says; any other on the sources of its own label.
    """

    network: Network
    cycle: Cycle
    layout: Layout
    timing: Timing
    settling: float
    time_constant: float
    drives: tuple[Drive, ...] = ()


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
    intervals, cycle = compiled.cycle.intervals(steps), compiled.cycle
    repeats = np.full(steps, len(cycle.step))
    repeats[0] += 1
    signals = {compiled.layout.inputs: np.repeat(x, repeats, axis=-2)}
    for place, h, c in zip(compiled.layout.layers, state.h, state.c, strict=True):
        for label, start in ((place.reset_h, h), (place.reset_c, c)):
            signals[label] = np.repeat(start[..., None, :], len(intervals), axis=-2)
    flags = cycle.flags(steps)
    wired = {drive.signal for drive in compiled.drives} & set(cycle.lines)
    clocks = {line: flags[:, [number]].astype(float) for number, line in enumerate(cycle.lines) if line in wired}
    return Schedule(
        names=tuple(interval.name for interval in intervals),
        high=flags[:, [cycle.lines.index(line) for line in compiled.network.lines]],
        durations=np.array([interval.duration for interval in intervals]),
        imposed=tuple(
            entry for label, signal in (signals | clocks).items() for entry in _imposed(compiled, label, signal)
        ),
    )


def _imposed(compiled: Compiled, label: str, signal: Floats) -> Iterator[Imposed]:
    drives = [drive for drive in compiled.drives if drive.signal == label]
    for drive in drives:
        yield Imposed(label=drive.label, efforts=drive.offset + drive.gain * signal)
    if not drives:
        scale = compiled.network.unknowns.scales()[compiled.network.unknowns[label]]
        yield Imposed(label=label, efforts=signal * scale)


def decode(compiled: Compiled, trajectory: Trajectory, spot: Spot, steps: int) -> Floats:
    """Return the signal at `spot` of each of `steps` steps in a `trajectory` of `compiled`, in units (..., time, n)."""
    unknowns = compiled.network.unknowns
    ends = compiled.cycle.ends(spot.interval, steps)
    efforts = trajectory.at_ends(spot.group, ends)
    if spot.against is not None:
        efforts = efforts - trajectory.at_ends(spot.against, ends)
    return efforts * (np.array(spot.gain) if spot.gain else 1.0) / unknowns.scales()[unknowns[spot.group]]
