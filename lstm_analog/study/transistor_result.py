"""The results of `transistor_noise`: simulated, by hand, on terminals while the clock stands, and in transients.

A table of it has a row for each clock state, part and mechanism (`NoiseRow`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked_record
from lstm_analog.engines.noise.devices import devices_of
from lstm_analog.engines.noise.noisy_transient import NoisyRuns
from lstm_analog.network.quantities import check_number
from lstm_analog.study.noise import NoisySignal, PathCount
from lstm_analog.study.run import Run
from lstm_analog.study.sampled_noise import SampledNoise
from lstm_analog.study.transistor_states import ClockStates
from lstm_analog.summaries import Rows, Summarised
from lstm_analog.tables import write_rows

RowKey = tuple[str, str, str]
"""Clock state, part, mechanism."""


@dataclass(frozen=True, kw_only=True)
class NoiseRow:
    """The noise of one `part` by one mechanism, its `kind`, in one clock `state`: a row of the table of noise.

    Numbers are standard deviations in signal units, root mean square over units.

    Attributes
    ----------
    state, part, kind : str
        The clock state, of all steps; the part; "shot", "thermal" or "1/f".
    c, h : float
        The part of the noise held after the last step, simulated.
    c_by_hand, h_by_hand : float
        The same by hand.
    c_standing, h_standing : float
        The noise on the terminals of c and h while the clock stands in that state, which no capacitor holds.
    """

    state: str
    part: str
    kind: str
    c: float
    h: float
    c_by_hand: float
    h_by_hand: float
    c_standing: float
    h_standing: float


def rows_of(
    simulated: SampledNoise, estimated: SampledNoise, standing: Mapping[RowKey, Floats]
) -> tuple[NoiseRow, ...]:
    """Return the rows of noise `simulated` and `estimated` after the last step, and of what is `standing`.

    The last are variances of c and h, (2,), by state, part and mechanism. Rows come by state, as they follow in a run,
    the largest part of h first.
    """
    held = [dict(_held(each, signal)) for each in (simulated, estimated) for signal in (NoisySignal.C, NoisySignal.H)]
    keys = dict.fromkeys(key for found in (*held, standing) for key in found)
    states = list(dict.fromkeys((*simulated.intervals, *(state for state, _, _ in keys))))
    none = np.zeros(2)
    variances = np.array([[*(found.get(key, 0.0) for found in held), *standing.get(key, none)] for key in keys])
    sigmas = np.sqrt(np.maximum(variances, 0.0)).tolist()
    names = [entry.name for entry in fields(NoiseRow)]
    pairs = zip(keys, sigmas, strict=True)
    rows = [NoiseRow(**dict[str, Any](zip(names, (*key, *sigma), strict=True))) for key, sigma in pairs if any(sigma)]
    return tuple(sorted(rows, key=lambda row: (states.index(row.state), -max(row.h, row.h_by_hand), -row.h_standing)))


def largest_of(rows: tuple[NoiseRow, ...]) -> tuple[NoiseRow, ...]:
    """Return those of `rows` that make a hundredth of the largest variance in a column, or more."""
    sigmas = np.array([[value for value in astuple(row) if isinstance(value, float)] for row in rows])
    chosen = (sigmas >= 0.1 * sigmas.max(axis=0)).any(axis=1)
    return tuple(row for row, is_large in zip(rows, chosen.tolist(), strict=True) if is_large)


def _held(found: SampledNoise, signal: NoisySignal) -> Iterator[tuple[RowKey, float]]:
    """Yield state, part and mechanism with the variance of `signal` after the last step, intervals of a name summed."""
    variance = found.origins(signal).variance
    names = np.array(found.intervals[: len(variance)])
    for state in dict.fromkeys(names.tolist()):
        by_part = variance[names == state].sum(axis=0).tolist()
        yield from (
            ((state, part, kind), value) for part, kind, value in zip(found.parts, found.kinds, by_part, strict=True)
        )


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class StandingNoise(Summarised):
    """Noise on the terminals of c and h while the clock stands still, over a whole band of frequencies.

    Attributes
    ----------
    parts, kinds : tuple of str, (parts,)
        The part that makes each contribution, and its mechanism: "shot", "thermal" or "1/f".
    intervals : tuple of str, (intervals,)
        The clock states.
    variance : float array, (intervals, parts, 2, units)
        Of c and of h, signal units squared.
    """

    parts: tuple[str, ...]
    kinds: tuple[str, ...]
    intervals: tuple[str, ...]
    variance: Floats

    def summary(self) -> Rows:
        """Return sigma of c and h in each clock state, the mean over units."""
        return tuple(
            (name, f"c {c:.3g}, h {h:.3g}") for name, (c, h) in zip(self.intervals, self.sigma.tolist(), strict=True)
        )

    @property
    def sigma(self) -> Floats:
        """The standard deviation of c and of h in each state, (intervals, 2), root mean square over units."""
        result: Floats = np.sqrt(self.variance.sum(axis=1).mean(axis=-1))
        return result


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TransientNoise(Summarised):
    """The `c` and `h` held after each step in transients with noise, (runs, steps, units), in signal units."""

    c: Floats
    h: Floats

    def summary(self) -> Rows:
        """Return the number of runs, and sigma of c and h over all steps and units."""
        return (("runs", len(self.h)), *((name, f"{_root_mean(of):.3g}") for name, of in self.sigma.items()))

    @property
    def sigma(self) -> Mapping[str, Floats]:
        """Standard deviation of "c" and of "h" over the runs, (steps, units)."""
        return {"c": self.c.std(axis=0, ddof=1), "h": self.h.std(axis=0, ddof=1)}


def _root_mean(sigma: Floats) -> float:
    return float(np.sqrt(np.mean(sigma**2)))


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TransistorNoise(Summarised):
    """The noise of a machine of transistor cells along a `run` without noise, as `transistor_noise` found it.

    Attributes
    ----------
    run : Run
        The run of the machine without noise.
    simulated : SampledNoise
        From ngspice's `.noise` with the models of its transistors.
    estimated : SampledNoise
        By hand: kT/C, pairs, resistors.
    standing : StandingNoise
        The noise on the terminals in each clock state of the last step, which no capacitor holds.
    states : ClockStates
        The machine in its clock states, from which the noise of other nodes can be computed.
    """

    run: Run
    simulated: SampledNoise
    estimated: SampledNoise
    standing: StandingNoise
    states: ClockStates

    def summary(self) -> Rows:
        """Return the largest sigma of h and c, simulated and estimated, and what is on the terminals beside."""
        rows = [
            (f"largest sigma of {name}", f"{simulated.max():.3g} simulated, {estimated.max():.3g} estimated")
            for name, simulated, estimated in (
                ("h", self.simulated.h, self.estimated.h),
                ("c", self.simulated.c, self.estimated.c),
            )
        ]
        return (*rows, ("standing", self.standing), *self.run.summary())

    @property
    def h(self) -> Floats:
        """Standard deviation of the h that is held after each step, (steps, units), by the simulator."""
        return self.simulated.h

    @property
    def c(self) -> Floats:
        """Standard deviation of the c that is held after each step, (steps, units), by the simulator."""
        return self.simulated.c

    @cached_property
    def rows(self) -> tuple[NoiseRow, ...]:
        """The table of the noise after the last step, by clock state, part and mechanism."""
        keys = [
            (state, part, kind)
            for state in self.standing.intervals
            for part, kind in zip(self.standing.parts, self.standing.kinds, strict=True)
        ]
        variance = self.standing.variance.mean(axis=-1).reshape(-1, 2)
        return rows_of(self.simulated, self.estimated, dict(zip(keys, variance, strict=True)))

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> Iterator[str]:
        """Yield the lines of a report: sigma step by step, and the parts with a hundredth or more of the last."""
        yield f"noise of transistor cells, {self.states.band.low:g} to {self.states.band.high:g} Hz, signal units"
        for name in ("h", "c"):
            for step, (found, by_hand) in enumerate(
                zip(getattr(self.simulated, name), getattr(self.estimated, name), strict=True)
            ):
                yield f"  {name} after step {step}: {_root_mean(found):.3g}, by hand {_root_mean(by_hand):.3g}"
        for row in largest_of(self.rows):
            yield (
                f"  {row.state:<9} {row.part:<21} {row.kind:<8} h {row.h:.2e}, by hand {row.h_by_hand:.2e};"
                f" c {row.c:.2e}, by hand {row.c_by_hand:.2e}; standing h {row.h_standing:.2e}, c {row.c_standing:.2e}"
            )

    def write_csv(self, path: str | Path) -> None:
        """Write `rows` to a table at `path`, a header first; raise `FileAccessError` if it cannot be written."""
        told = ([f"{each:.6g}" if isinstance(each, float) else each for each in astuple(row)] for row in self.rows)
        write_rows(path, ([entry.name for entry in fields(NoiseRow)], *told))

    def transients(self, count: PathCount, *, seed: int, period: float) -> TransientNoise:
        """Return c and h in `count` transients of ngspice with a noise source beside every device.

        Densities are those of textbooks at the operating points of the clock states (`engines.noise.devices`), white.
        Each source holds a number for `period` (s), a tenth or less of the time constants of loads and hold capacitors:
        2 ns for `BICMOS`. Seeds count from `seed`. A step of one unit takes some seconds. Raises
        `SimulationError` if ngspice does not come to an end.
        """
        check_number("period", period)
        states, reads = self.states, self.simulated.reads
        devices = devices_of(states.network)
        runs = NoisyRuns(
            network=states.network,
            schedule=states.schedule,
            devices=devices,
            noise=tuple(states.operating_noise(number, devices) for number in range(len(states.schedule.names))),
            efforts=states.efforts,
            period=period,
            engine=states.engine,
        )
        weights = states.held_signals
        nodes = np.array([list(each) for each in weights])
        gains = np.array([list(each.values()) for each in weights])
        ends = runs.ends(nodes.ravel(), range(seed, seed + count))[:, reads]
        signals = (ends.reshape(count, reads.size, *nodes.shape) * gains).sum(axis=-1)
        c, h = np.split(signals, 2, axis=-1)
        return TransientNoise(c=c, h=h)
