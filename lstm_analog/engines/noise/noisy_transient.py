"""Transients of transistor cells with noise: a random source of ngspice beside every transistor and resistor.

A source holds a Gaussian number of deviation a for T seconds, then another: its one-sided density is 2 a^2 T far below
1/T, and a pole of time constant tau makes 1 - T/(6 tau) of the sigma that it makes of white noise (its autocorrelation
is a triangle of mean distance T/3). They are `trrandom` sources: the numbers of `trnoise` heed no seed in ngspice 39.

Noise of closed switches goes to zero with their conductance, else what is left of it would stay on the capacitor that
was just cut off.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.engines.guest import own_folder
from lstm_analog.engines.ngspice import Ngspice
from lstm_analog.engines.noise.devices import Device, OperatingNoise
from lstm_analog.engines.noise.spectra import deck_without_analysis
from lstm_analog.engines.raw import read_raw
from lstm_analog.errors import SimulationError, explain
from lstm_analog.export import Accuracy
from lstm_analog.export.source_waveforms import rise_time
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule

_ACCURACY = Accuracy(reltol=1e-4, vntol=1e-6, abstol=1e-11, chgtol=1e-14, steps=1)
_LOOSE = 50
"""ngspice's `trtol`: the sources set the steps, and steps that are tried again would draw other numbers."""
_SAME = 1e-3
"""Change of a density over a run, as a share of its largest, below which the source is constant."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NoisyRuns:
    """Runs of a network with noise.

    Attributes
    ----------
    network, schedule : Network, Schedule
        What runs, one sequence.
    devices : tuple of Device
        What fluctuates.
    noise : tuple of OperatingNoise, (intervals,)
        How much in each interval.
    efforts : float array, (intervals, unknowns)
        At the end of each interval, without noise.
    period : float
        Seconds between the numbers of a source, and the longest step of time.
    engine : Ngspice
        Whose program and time limit are used, for each run.
    """

    network: Network
    schedule: Schedule
    devices: tuple[Device, ...]
    noise: tuple[OperatingNoise, ...]
    efforts: Floats
    period: float
    engine: Ngspice

    def ends(self, nodes: Indices, seeds: Sequence[int]) -> Floats:
        """Return the efforts of `nodes` (m,) at the ends of intervals, a run for each of `seeds`: (runs, intervals, m).

        Raises `SimulationError` if ngspice does not come to the end of one; the message carries its own words.
        """
        names = [self.network.unknowns.names()[node] for node in nodes.tolist()]
        text = "".join(self._lines(names))
        return np.stack([self._end(text, names, seed) for seed in seeds])

    def _end(self, text: str, names: list[str], seed: int) -> Floats:
        """Return what the nodes of these `names` have at the end of each interval, (intervals, m), with a `seed`."""
        with own_folder() as folder:
            path, raw = folder / "noisy.cir", folder / "run.raw"
            order = f"setseed {seed}\ntran {self.period:.9g} {self.schedule.ends[-1]:.12g} 0 {self.period:.9g}\n"
            end = f"write {raw.name} all\nquit\n.endc\n.end\n"
            path.write_text(f"{text}{order}{end}", encoding="ascii")
            words = self.engine.call(path)
            time, efforts = read_raw(raw, names) if raw.exists() else (np.empty(0), np.empty((0, 0)))
        if not time.size or time[-1] < self.schedule.ends[-1] * (1.0 - 1e-6):
            raise SimulationError(explain("ngspice", must="run with noise", got=words, do="read its message"))
        return np.stack([np.interp(self.schedule.ends, time, column) for column in efforts.T], axis=-1)

    def _lines(self, names: Sequence[str]) -> Iterator[str]:
        yield deck_without_analysis(self.network, self.schedule, _ACCURACY)
        yield f".options reltol={_ACCURACY.reltol} vntol={_ACCURACY.vntol} abstol={_ACCURACY.abstol}\n"
        yield f".options chgtol={_ACCURACY.chgtol} trtol={_LOOSE}\n"
        yield from self._sources()
        yield f".control\nset filetype=binary\nsave {' '.join(f'v({name})' for name in names)}\n"

    def _sources(self) -> Iterator[str]:
        density = np.stack([each.density for each in self.noise])
        switch = np.stack([each.is_switch for each in self.noise])
        nodes = {name: node for node, name in enumerate(self.network.unknowns.names())}
        for number, device in enumerate(self.devices):
            amplitude = np.sqrt(density[:, number] / (2.0 * self.period))
            gate = nodes.get(device.nodes[1])
            if switch[:, number].any() and gate is not None:
                on = int(np.argmax(amplitude))
                share = self._share(self.noise[on].overdrive[number], device.nodes[1], self.efforts[on, gate])
                yield from self._modulated(number, device, f"{amplitude[on]:.9g}*sqrt({share})")
            elif np.ptp(density[:, number]) <= _SAME * density[:, number].max():
                drawn = f"trrandom(2 {self.period:.9g} 0 {amplitude.max():.9g} 0)"
                yield f"inoise{number} {' '.join(device.ends)} dc 0 {drawn}\n"
            else:
                yield from self._modulated(number, device, f"pwl(time, {self._steps(amplitude)})")

    @staticmethod
    def _share(overdrive: float, gate: str, high: float) -> str:
        """Return the share of its conductance that a switch has; its `gate` at `high` is `overdrive` (V) above none."""
        return f"max(0, 1-abs(v({gate})-{high:.9g})/{overdrive:.9g})"

    def _modulated(self, number: int, device: Device, factor: str) -> Iterator[str]:
        yield f"vnoise{number} noise{number} 0 dc 0 trrandom(2 {self.period:.9g} 0 1 0)\n"
        yield f"bnoise{number} {' '.join(device.ends)} i=v(noise{number})*{factor}\n"

    def _steps(self, amplitude: Floats) -> str:
        """Return the points of a staircase of `amplitude` (intervals,), as steep as clocks are."""
        rise = rise_time(self.network, self.schedule)
        starts = self.schedule.ends - self.schedule.durations
        points = [(0.0, amplitude[0])]
        for start, before, after in zip(starts[1:], amplitude[:-1], amplitude[1:], strict=True):
            points += [(start, before), (start + rise, after)]
        points.append((float(self.schedule.ends[-1]) * 2.0, amplitude[-1]))
        return ", ".join(f"{time:.12g}, {value:.9g}" for time, value in points)
