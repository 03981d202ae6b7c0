"""Noise of transistor cells: by the simulator in each clock state, carried through the steps, and by hand."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from lstm_analog.arrays import Floats
from lstm_analog.compiler.bicmos import Bicmos
from lstm_analog.compiler.compiled import Compiled
from lstm_analog.compiler.passes import only
from lstm_analog.compiler.timing import READ_OUT, compute_line
from lstm_analog.doors import checked
from lstm_analog.engines import Ngspice
from lstm_analog.engines.noise.spectra import Band
from lstm_analog.errors import InvalidShapeError, UnsupportedError, explain
from lstm_analog.model.sequences import StateLike
from lstm_analog.network.parts import Crossbars, parameters_of
from lstm_analog.study.keeping import Keep
from lstm_analog.study.lots import Design
from lstm_analog.study.run import Run
from lstm_analog.study.sampled_noise import SampledNoise, StepSignals
from lstm_analog.study.transistor_estimate import CellEstimate, NoiseCause
from lstm_analog.study.transistor_result import StandingNoise, TransistorNoise
from lstm_analog.study.transistor_states import ClockStates

WIDE = Band(low=1e3, high=1e11, points=10)
"""From below the slowest step of a chip to beyond the poles of transistors."""


class BuiltDesign(Design, Protocol):
    """A machine that has the technology it is built in; `la.Machine` is one."""

    @property
    def technology(self) -> object:
        """The technology."""
        ...


@checked
def transistor_noise(
    machine: BuiltDesign,
    x: ArrayLike,
    *,
    state: StateLike | None = None,
    band: Band = WIDE,
    engine: Ngspice | None = None,
) -> TransistorNoise:
    """Return how much noise is on c and h of a `machine` of transistor cells after each step, while it runs over `x`.

    ngspice finds the operating point of each clock state along the run and, with the models of its transistors, the
    noise that the capacitors take when the switches open (`.noise`, thermal, shot and 1/f as far as the models have
    it). The LSTM carries it on, by the slopes of its equations at the signals of the run. Beside it the same by hand.
    Units are independent but for the recurrence: what they share, rows and supply, correlates them by 1e-5.

    Parameters
    ----------
    machine : Machine
        One machine of transistor cells, without an axis of chips.
    x : (time, inputs)
        Its input, one sequence.
    state : State or pair of arrays, optional
        The initial state; zero unless given.
    band : Band
        Frequencies of noise that count. Slower noise than `band.low`, as 1/f of many steps, is an offset.
    engine : Ngspice, optional
        The simulator; ngspice with the usual tolerances unless given.

    Raises
    ------
    UnsupportedError
        If the machine is not of transistor cells, or has several layers or both directions.
    InvalidShapeError
        If it is several chips, or `x` several sequences.
    SimulatorMissingError, SimulationError
        If ngspice is not installed, or fails.
    """
    compiled, technology = only(machine.passes, "machine"), machine.technology
    if not isinstance(technology, Bicmos):
        must, do = "be one of transistor cells", "ask study.noise_of"
        raise UnsupportedError(explain("technology", must=must, got=type(technology).__name__, do=do))
    chains = len(compiled.layout.layers)
    if chains > 1:
        must, do = "have one layer of one direction", "compile its layers as machines of their own"
        raise UnsupportedError(explain("the machine", must=must, got=f"{chains} chains", do=do))
    simulator = Ngspice() if engine is None else engine
    run = machine.run(x, state=state, engine=simulator, keep=Keep.EVERYTHING)
    if machine.chips or run.x.ndim != 2:
        got, do = f"{machine.chips} chips, x of shape {run.x.shape}", "take one chip and one sequence"
        raise InvalidShapeError(explain("noise of transistors", must="be of a single run", got=got, do=do))
    states = ClockStates(compiled=compiled, schedule=run.trajectory.schedule, engine=simulator, band=band)
    of_h, columns = _columns(compiled)
    signals = _signals(run, of_h / technology.unit_conductance)
    estimate = CellEstimate(technology=technology, signals=signals, columns=columns)
    names = states.schedule.names
    numbers = range(len(names))
    by_hand = [_estimated(estimate, compiled, number, names[number]) for number in numbers]
    return TransistorNoise(
        run=run,
        simulated=_sampled(compiled, names, signals, [states.added(number) for number in numbers]),
        estimated=_sampled(compiled, names, signals, by_hand),
        standing=_standing(states, (0, *numbers[-len(compiled.cycle.step) :])),
        states=states,
    )


def _signals(run: Run, weights: Floats) -> StepSignals:
    """Return the signals of `run`, with the `weights` of h, (4, units, units)."""
    chain = run.layers[0]
    before = np.concatenate((run.initial_state.c[0].reshape(1, -1), chain.c[:-1]))
    return StepSignals(gates=chain.gates, before=before, c=chain.c, weights=weights)


def _columns(compiled: Compiled) -> tuple[Floats, Floats]:
    """Return the conductances (S) of the columns of each gate: from the rows of h, (4, units, units), and in total.

    The first are negative for negative weights; the total, (4, units), is that of one side, termination included.
    """
    layer, unknowns = compiled.layout.layers[0], compiled.network.unknowns
    crossbar = next(part for part in compiled.network.parts if isinstance(part, Crossbars))
    nodes = np.stack([unknowns[spot.group] for spot in layer.z])
    rows = np.argsort(crossbar.plus)[np.searchsorted(np.sort(crossbar.plus), nodes)]
    own, crossed = np.split(crossbar.positive, 2, axis=-1)
    of_h = np.flatnonzero(np.isin(crossbar.inputs[: own.shape[-1]], unknowns[layer.h.group]))
    ends = (compiled.network.part(f"{spot.group.removesuffix('_p')}_term_p") for spot in layer.z)
    rest = np.stack([np.broadcast_to(parameters_of(end)["conductance"], rows.shape[1:]) for end in ends])
    return (own - crossed)[rows][..., of_h], crossbar.positive.sum(axis=-1)[rows] + rest


def _estimated(estimate: CellEstimate, compiled: Compiled, number: int, name: str) -> Mapping[NoiseCause, Floats]:
    """Return what interval `number`, called `name`, adds by hand."""
    step = max(number - 1, 0) // len(compiled.cycle.step)
    return {cause: added[step] for cause, added in estimate.added(name).items()}


def _sampled(
    compiled: Compiled, names: Sequence[str], signals: StepSignals, added: Sequence[Mapping[NoiseCause, Floats]]
) -> SampledNoise:
    """Return the noise with what each interval has `added`, (units, 2, 2) by cause, carried through a run."""
    units = signals.c.shape[-1]
    causes = list(dict.fromkeys(cause for each in added for cause in each))
    whole = np.zeros((len(added), len(causes), 2, units, 2, units))
    every = np.arange(units)
    for number, each in enumerate(added):
        for cause, matrix in each.items():
            whole[number, causes.index(cause)][:, every, :, every] = matrix
    slopes = np.tile(np.eye(2 * units), (len(added), 1, 1))
    slopes[0] = 0.0
    slopes[compiled.cycle.ends(compute_line(0), len(signals.c))] = signals.slopes
    return SampledNoise(
        parts=tuple(part for part, _ in causes),
        kinds=tuple(kind for _, kind in causes),
        intervals=tuple(names),
        reads=compiled.cycle.ends(READ_OUT, len(signals.c)),
        slopes=slopes,
        added=whole.reshape(len(added), len(causes), 2 * units, 2 * units),
    )


def _standing(states: ClockStates, intervals: Sequence[int]) -> StandingNoise:
    found = [states.standing(number) for number in intervals]
    causes = list(found[0])
    return StandingNoise(
        parts=tuple(part for part, _ in causes),
        kinds=tuple(kind for _, kind in causes),
        intervals=tuple(states.schedule.names[number] for number in intervals),
        variance=np.stack([np.stack([each[cause] for cause in causes]) for each in found]),
    )
