"""The runs of a machine: inputs, signals, outputs and final state."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from warnings import warn

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.compiled import Compiled
from lstm_analog.compiler.passes import number_of_chips, only
from lstm_analog.compiler.scaling import Scaling
from lstm_analog.doors import checked_record
from lstm_analog.engines import Engine
from lstm_analog.errors import InvalidTypeError, InvalidValueError, UnsupportedError, explain
from lstm_analog.imperfections import read_out
from lstm_analog.model import Outputs, State
from lstm_analog.model.sequences import dataset, in_time
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import Trajectory
from lstm_analog.study.chain_run import ChainRun, read_signal
from lstm_analog.study.feeding import feeding
from lstm_analog.study.keeping import check_whole
from lstm_analog.summaries import Rows, Summarised

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PassRun(Summarised):
    """The run of one pass of a machine through time.

    Attributes
    ----------
    compiled : Compiled
        The compiled network that was run.
    x : float array, (batch, time, inputs) or (time, inputs)
        Its input in time order: in a later pass the output of the earlier one, with a leading axis of chips if they
        differ.
    initial_state : State
        That from which its chains start.
    lengths : index array, (batch,), or None
        Number of valid steps of each sequence; None for all.
    trajectory : Trajectory
        The result of the engine, as far as it was kept.
    chips : int
        Number of chips, whose axis leads all signals, or 0 for one machine without that axis.
    """

    compiled: Compiled
    x: Floats
    initial_state: State
    lengths: Indices | None
    trajectory: Trajectory
    chips: int = 0

    def summary(self) -> Rows:
        """Return the shape of the input, the initial state and the engine."""
        some = () if self.lengths is None else (("lengths", self.lengths),)
        last = (("engine", self.trajectory.engine), ("points", self.trajectory.time.size))
        return (("x", self.x), ("initial state", self.initial_state), *some, *last)

    @cached_property
    def layers(self) -> tuple[ChainRun, ...]:
        """The signals of each chain."""
        return tuple(
            ChainRun(
                compiled=self.compiled,
                place=place,
                trajectory=self.trajectory,
                steps=self._steps,
                lengths=self.lengths,
                chips=self.chips,
            )
            for place in self.compiled.layout.layers
        )

    @property
    def state_after(self) -> State:
        """The final state of its chains."""
        left = [layer.last for layer in self.layers]
        return State(h=tuple(h for h, _ in left), c=tuple(c for _, c in left))

    @property
    def top(self) -> tuple[ChainRun, ...]:
        """The chains of its top layer."""
        return self.layers[self.compiled.layout.top]

    @property
    def h(self) -> Floats:
        """The outputs of its top layer, forward before backward, shape (..., time, outputs)."""
        return np.concatenate([layer.h for layer in self.top], axis=-1)

    @property
    def final(self) -> Floats:
        """The outputs of its top layer after the last step of each direction, shape (..., outputs)."""
        return np.concatenate([layer.last[0] for layer in self.top], axis=-1)

    @cached_property
    def y(self) -> Floats | None:
        """The outputs of the head, None without one: (..., time, K), or (..., K) for one output per sequence."""
        head = self.compiled.layout.head
        if head is None:
            return None
        y = read_signal(self.compiled, self.trajectory, head.y, self._steps, self.chips, last=False)
        y = in_time(y, self.lengths, backward=self.compiled.layout.backward)
        return y[..., 0, :] if head.final else y

    @property
    def _steps(self) -> int:
        return int(self.x.shape[-2])


@dataclass(frozen=True, kw_only=True, eq=False)
class Setup:
    """How a run was made: the `technology` of the machine, the `scaling` of its units if any, and the `engine`."""

    technology: object
    scaling: Scaling | None
    engine: Engine


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Run(Summarised):
    """The run of a machine with input `x` from an initial state over `lengths` steps of each sequence, by its `passes`.

    `x` has shape (batch, time, inputs) or (time, inputs); `h`, `c` and `layers` have the same leading axes. If the
    machine is several chips, an axis of chips leads all outputs. `compare` can repeat the run from its `setup`, None if
    unknown.
    """

    passes: tuple[PassRun, ...]
    x: Floats
    initial_state: State
    lengths: Indices | None = None
    setup: Setup | None = None

    def __post_init__(self) -> None:
        if not self.passes:
            raise InvalidValueError(explain("passes of a run", must="be there", got="none", do="take Machine.run"))

    def summary(self) -> Rows:
        """Return the shape of the input and the passes."""
        provenance = self.passes[0].compiled.network.provenance
        named = tuple((key, value) for key, value in provenance if key in ("model", "technology"))
        rows = tuple((f"pass {number}", each) for number, each in enumerate(self.passes))
        return (*named, ("x", self.x), *rows) if len(self.passes) > 1 else (*named, *self.passes[0].summary())

    @property
    def compiled(self) -> Compiled:
        """The compiled network of the only pass; raises `UnsupportedError` if there are several."""
        return self._only.compiled

    @property
    def trajectory(self) -> Trajectory:
        """The trajectory of the only pass; raises `UnsupportedError` if there are several."""
        return self._only.trajectory

    @cached_property
    def layers(self) -> tuple[ChainRun, ...]:
        """The signals of every chain after each step, bottom layer first, forward before backward."""
        return tuple(layer for each in self.passes for layer in each.layers)

    @property
    def h(self) -> Floats:
        """The outputs of the top layer, forward before backward, shape (..., time, outputs)."""
        return np.concatenate([layer.h for layer in self._top], axis=-1)

    @property
    def c(self) -> Floats:
        """The cells of the top layer, shape (..., time, units); a GRU has none."""
        return np.concatenate([layer.c for layer in self._top], axis=-1)

    @property
    def gates(self) -> Floats:
        """The gates of the top layer, shape (..., time, gates, units), in the order of its kind of cell."""
        return np.concatenate([layer.gates for layer in self._top], axis=-1)

    @property
    def y(self) -> Floats | None:
        """The outputs of the head, None without one: (..., time, K), or (..., K) for one output per sequence."""
        return self.passes[-1].y

    @property
    def state(self) -> State:
        """The former name of `initial_state`: it warns, and 0.4 removes it."""
        now, after = "Run.state is Run.initial_state now, and goes with 0.4", "what the run has left is outputs.state"
        warn(f"{now}; {after}", DeprecationWarning, 2)
        return self.initial_state

    @property
    def outputs(self) -> Outputs:
        """The outputs in the form that calling the LSTM returns; a next run can start from `outputs.state`.

        y, or h where there is no head, is what converters at the output read, if the machine has some
        (`imperfections.OutputConverter`); `h` and `y` of the run are what stands before them.
        """
        states = [each.state_after for each in self._recurrent]
        h, c = tuple(a for s in states for a in s.h), tuple(a for s in states for a in s.c)
        h_read, y_read = (self._read(self.h), None) if self.y is None else (self.h, self._read(self.y))
        return Outputs(h=h_read, state=State(h=h, c=c), y=y_read, c=self._kept_c)

    def _read(self, answer: Floats) -> Floats:
        """Return the `answer` as converters at the output read it, and 0 beyond the end of each sequence."""
        last = self.passes[-1]
        head, read = last.compiled.layout.head, read_out(last.compiled.network, answer)
        return read if head is not None and head.final else in_time(read, last.lengths, backward=False)

    def to_xarray(self) -> "xarray.Dataset":
        """Return h, c and y with named axes; needs xarray: `pip install 'lstm_analog[xarray]'`."""
        return dataset(self.outputs)

    @property
    def _kept_c(self) -> Floats | None:
        try:
            return self.c
        except InvalidValueError:  # only outputs were kept
            return None

    @property
    def _recurrent(self) -> list[PassRun]:
        """The passes that have chains, as the last may be only a head."""
        return [each for each in self.passes if each.layers]

    @property
    def _top(self) -> tuple[ChainRun, ...]:
        if not self._recurrent:
            raise UnsupportedError(explain("the run", must="have h, c and gates", got="a head alone", do="take its y"))
        return self._recurrent[-1].top

    @property
    def _only(self) -> PassRun:
        return only(self.passes, "run")


PassEngine = Callable[[Compiled, Schedule], Trajectory]
"""An engine with its options bound, which runs one pass."""


def run_through(
    passes: tuple[Compiled, ...], x: Floats, state: State, lengths: Indices | None, solve: PassEngine
) -> Run:
    """Return the run of `passes` in turn by `solve`, with input `x` from `state` over `lengths` steps.

    The input of each later pass is the output of the previous one, sampled at the end of each step, on each chip.
    """
    done: list[PassRun] = []
    first, signal, batch = 0, x, x.shape[-3:-2]
    chips = number_of_chips(passes)
    for compiled in passes:
        count = len(compiled.layout.layers)
        start = State(h=state.h[first : first + count], c=state.c[first : first + count])
        first, within = first + count, lengths
        if done and compiled.layout.head is not None and compiled.layout.head.final:
            signal, within = done[-1].final[..., None, :], None
        trajectory = solve(compiled, feeding(compiled, signal, start, within, batch, chips))
        done.append(
            PassRun(
                compiled=compiled, x=signal, initial_state=start, lengths=within, trajectory=trajectory, chips=chips
            )
        )
        signal = done[-1].h if count else signal
    return Run(passes=tuple(done), x=x, initial_state=state, lengths=lengths)


def check_run(compiled: Compiled, run: object) -> None:
    """Raise an error unless `run` is None or a complete run of a machine like `compiled`.

    Raises `InvalidTypeError` if it is no `Run`; `InvalidValueError` if its network has other unknowns, or it kept only
    some of the unknowns or intervals; `UnsupportedError` if it has several passes.
    """
    if run is None:
        return
    if not isinstance(run, Run):
        got, do = type(run).__name__, "give what Machine.run returned"
        raise InvalidTypeError(explain("the run", must="be of type Run", got=got, do=do))
    if run.trajectory.network.unknowns != compiled.network.unknowns:
        do = "give a run of this machine"
        raise InvalidValueError(explain("the run", must="have the unknowns of the machine", got="others", do=do))
    check_whole(run.trajectory)
