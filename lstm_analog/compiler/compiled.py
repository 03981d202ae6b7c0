"""The result of a compiler: a network, the clock that drives it, and where to read each LSTM signal in it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import singledispatch

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.signals import GateMembers, Memory, OperationChain, SignalNetwork, Tap
from lstm_analog.compiler.timing import GATED_LEAK, READ_OUT, Cycle, Timing
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.model import Activation, State
from lstm_analog.model.sequences import StateSizes, in_time
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Imposed, Schedule
from lstm_analog.network.shapes import Shape
from lstm_analog.network.trajectory import Trajectory


@dataclass(frozen=True, kw_only=True)
class Spot:
    """Where and when to read a signal: at the end of the interval called `interval` in each step.

    The signal is `gain` times the difference of the efforts of `group` and `against`, or the effort of `group` if
    `against` is None, over the group's scale. `gain` has a number for each unit, or is empty for 1.
    """

    group: str
    interval: str
    against: str | None = None
    gain: tuple[float, ...] = ()

    @property
    def groups(self) -> tuple[str, ...]:
        """The labels of the groups that it reads."""
        return (self.group,) if self.against is None else (self.group, self.against)


@dataclass(frozen=True, kw_only=True)
class LayerLayout:
    """Where to read the signals of a chain, which is one direction of a layer.

    Attributes
    ----------
    layer, backward : int, bool
        The number of the layer, from 0, and whether the chain is the backward one.
    gates, activations : tuple of enum members, tuple of Activation
        Its gates in order, and their activations.
    z : tuple of Spot
        The pre-activations of the gates.
    c, h : Spot or None, Spot
        The states c and h; only an LSTM has c.
    reset_c, reset_h : str or None, str
        The labels of the sources that set c and h before the first step.
    """

    layer: int
    backward: bool
    gates: GateMembers
    activations: tuple[Activation, ...]
    z: tuple[Spot, ...]
    c: Spot | None
    h: Spot
    reset_c: str | None
    reset_h: str

    @property
    def cell(self) -> Spot:
        """Where to read c; `UnsupportedError` for a chain that has none."""
        if self.c is None:
            raise UnsupportedError(explain("the chain", must="have cells c", got="none", do="take one of LSTM cells"))
        return self.c


@dataclass(frozen=True, kw_only=True)
class InputLayout:
    """The bank `label` of sources for the inputs; if `backward`, it is given each sequence in reverse."""

    label: str
    backward: bool


@dataclass(frozen=True, kw_only=True)
class HeadLayout:
    """Where to read the outputs `y` of the head; `final` if it has one output for each sequence, not each step."""

    y: Spot
    final: bool


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where to read every signal of a pass."""

    inputs: tuple[InputLayout, ...]
    layers: tuple[LayerLayout, ...]
    head: HeadLayout | None

    @property
    def backward(self) -> bool:
        """Whether the pass has backward chains only; its head then runs backward, too."""
        return all(bank.backward for bank in self.inputs)

    @property
    def top(self) -> slice:
        """The slice of `layers` that holds the chains of the top layer."""
        return slice(-sum(place.layer == self.layers[-1].layer for place in self.layers) or None, None)

    @property
    def final(self) -> bool:
        """Whether the pass is a head that reads the final state once: a single step after the other passes."""
        return self.head is not None and self.head.final

    def with_rows(self, change: Callable[[Spot], Spot]) -> "Layout":
        """Return the layout with `change` applied to the spot of each weighted sum: every z, and y."""
        layers = tuple(replace(layer, z=tuple(map(change, layer.z))) for layer in self.layers)
        head = None if self.head is None else replace(self.head, y=change(self.head.y))
        return replace(self, layers=layers, head=head)


@dataclass(frozen=True, kw_only=True)
class Drive:
    """The source bank `label` is driven by the signal s called `signal`: `offset` + `gain` s, in the effort unit.

    s is in signal units for the inputs and the resets of the layout, 0 or 1 for a clock line.
    """

    label: str
    signal: str
    gain: float
    offset: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Compiled:
    """A network with its clock and layout; `settling` is the phase length in units of `time_constant` (s).

    `drives` say how signals become efforts of sources; a signal not named there drives the sources of its own label.
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
    """Return the network of `signals` in `technology`, clocked by `timing` with phases of `settling` time constants.

    Raises `UnsupportedError` for an unknown kind of technology.
    """
    must, got = "be a technology that a compiler is registered for", type(technology).__name__
    do = "take a preset, e.g. electrical.BEHAVIOURAL, or register your own for compiler.lower"
    raise UnsupportedError(explain("technology", must=must, got=got, do=do))


def layout(signals: SignalNetwork) -> Layout:
    """Return the layout of a network built from `signals` in which each group bears the label of its signal.

    Weighted sums are read when their stage has computed, c and h at the end of the step.
    """
    layers, head = [], None
    for number, stage in enumerate(signals.stages):
        moment = f"hold{number}"
        layers += [_layer(chain, moment) for chain in stage.chains]
        if stage.head is not None:
            (target,) = stage.head.sum.targets
            head = HeadLayout(y=Spot(group=target.label, interval=moment), final=stage.head.final)
    inputs = tuple(InputLayout(label=feed.signal.label, backward=feed.backward) for feed in signals.feeds)
    return Layout(inputs=inputs, layers=tuple(layers), head=head)


def _layer(chain: OperationChain, moment: str) -> LayerLayout:
    c, h = chain.cell, chain.hidden.label
    return LayerLayout(
        layer=chain.layer,
        backward=chain.backward,
        gates=chain.gates,
        activations=chain.activations,
        z=tuple(Spot(group=row.label, interval=moment) for row in chain.rows),
        c=None if c is None else Spot(group=c.label, interval=READ_OUT),
        h=Spot(group=h, interval=READ_OUT),
        reset_c=None if c is None else reset_label(c.label),
        reset_h=reset_label(h),
    )


def leaks(memory: Memory, timing: Timing) -> bool:
    """Return whether `memory` is a gated leak under `timing`; one that keeps nothing of its old value never is."""
    return timing is GATED_LEAK and memory.keep is not None


def single_storages(signals: SignalNetwork, timing: Timing) -> frozenset[str]:
    """Return the labels of the memories of `signals` that need a single storage, no slave, under `timing`."""
    memories = {op.target.label: op for op in signals.operations if isinstance(op, Memory)}
    return frozenset(label for label in signals.single if leaks(memories[label], timing))


def leaking_tap(memory: Memory) -> Tap:
    """Return the forget gate of a `memory` that leaks.

    Raises `UnsupportedError` unless its curve is a sigmoid: a softplus drain keeps exp(-softplus(-z)) = sigmoid(z).
    """
    tap = memory.keep
    if tap is None or tap.shape is not Shape.SIGMOID:
        got, do = "none" if tap is None else tap.shape.value, "use CLOCKED and an electrical technology"
        raise UnsupportedError(
            explain(f"{memory.target.label} keep", must="be a sigmoid in a gated leak", got=got, do=do)
        )
    return tap


def reset_label(label: str) -> str:
    """Return the label of the sources that set the memory `label` before the first step."""
    return f"{label}_start"


def fed_by(compiled: Compiled, signal: str) -> tuple[str, ...]:
    """Return the labels of the source banks of `compiled` that the `signal` drives."""
    return tuple(drive.label for drive in drives_of(compiled, signal))


def drives_of(compiled: Compiled, signal: str) -> tuple[Drive, ...]:
    """Return the drives of the `signal`; one that `compiled` names none for drives the sources of its own label."""
    if named := tuple(drive for drive in compiled.drives if drive.signal == signal):
        return named
    unknowns = compiled.network.unknowns
    return (Drive(label=signal, signal=signal, gain=float(unknowns.scales()[unknowns[signal][0]]), offset=0.0),)


def state_sizes(compiled: Compiled) -> StateSizes:
    """Return the number of h and of c of each chain of `compiled`."""
    unknowns = compiled.network.unknowns
    return tuple(
        (unknowns[place.h.group].size, 0 if place.c is None else unknowns[place.c.group].size)
        for place in compiled.layout.layers
    )


def schedule(
    compiled: Compiled, x: Floats, state: State, lengths: Indices | None = None, *, chips: int = 0
) -> Schedule:
    """Return the schedule that runs `compiled` over `x` (..., time, inputs) from `state`, arrays (..., H) a chain.

    A backward bank of inputs is given each sequence reversed over its own length of `lengths` (batch,). Unless `chips`
    is 0, `x` or `state` has a leading axis of so many chips, before the batch.
    """
    steps, cycle = x.shape[-2], compiled.cycle
    names, flags, durations = cycle.clock(steps)
    repeats = len(cycle.step) + (np.arange(steps) == 0)  # the reset is of the first step
    imposed: list[Imposed] = []
    for bank in compiled.layout.inputs:
        imposed += _imposed(compiled, bank.label, in_time(x, lengths, backward=bank.backward), repeats)
    for place, h, c in zip(compiled.layout.layers, state.h, state.c, strict=True):
        for label, start in ((place.reset_h, h), (place.reset_c, c)):
            if label is not None:
                imposed += _imposed(compiled, label, start[..., None, :], np.array([len(names)]))
    for line in dict.fromkeys(drive.signal for drive in compiled.drives if drive.signal in cycle.lines):
        high = flags[:, [cycle.lines.index(line)]].astype(float)
        imposed += _imposed(compiled, line, high, np.ones(len(names), dtype=np.int64))
    return Schedule(
        names=names,
        high=flags.take([cycle.lines.index(line) for line in compiled.network.lines], axis=1),  # row by row
        durations=durations,
        imposed=tuple(imposed),
        chips=chips,
    )


def _imposed(compiled: Compiled, label: str, signal: Floats, repeats: Indices) -> Iterator[Imposed]:
    """Yield the efforts of the sources that the `signal` (..., k, n) drives, each of its k values `repeats` times."""
    for drive in drives_of(compiled, label):
        yield Imposed(label=drive.label, efforts=_held(drive.offset + drive.gain * signal, repeats))


def _held(values: Floats, repeats: Indices) -> Floats:
    """Return each of the k `values` (..., k, n) repeated `repeats` (k,) times, read-only; a view if k is 1."""
    if repeats.size == 1:
        return np.broadcast_to(values, (*values.shape[:-2], int(repeats[0]), values.shape[-1]))
    efforts = np.repeat(values, repeats, axis=-2)
    efforts.flags.writeable = False  # or the record would take a copy
    return efforts


def decode(compiled: Compiled, trajectory: Trajectory, spot: Spot, ends: Indices) -> Floats:
    """Return the signal at `spot` from a `trajectory` of `compiled` at the `ends` of intervals, units (..., ends, n).

    `ends` (k,) are numbers of intervals; `compiled.cycle.ends(spot.interval, steps)` are those of all steps.
    """
    unknowns = compiled.network.unknowns
    efforts = trajectory.at_ends(spot.group, ends)
    if spot.against is not None:
        efforts = efforts - trajectory.at_ends(spot.against, ends)
    gain: Floats = np.array(spot.gain or 1.0)
    return efforts * gain / unknowns.scales()[unknowns[spot.group]]
