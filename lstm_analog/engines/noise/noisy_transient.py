"""Transients of transistor cells with noise: a random current source beside every transistor and resistor, by ngspice.

A source holds a Gaussian number of standard deviation a for T seconds, then draws another. Its one-sided density is
2 a^2 T far below 1/T. Behind a pole of time constant tau it makes 1 - T/(6 tau) of the standard deviation that white
noise of this density makes. The sources are `trrandom`: those of ngspice 39's `trnoise` do not obey `setseed`.

The noise of a switch is scaled by its conductance while it opens. If it were cut off at once instead, the number drawn
last would stay on the capacitor behind the switch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.engines.external import check_end, reading_results, temporary_folder
from lstm_analog.engines.ngspice import Ngspice
from lstm_analog.engines.noise.devices import Device, OperatingNoise
from lstm_analog.engines.noise.spectra import deck_without_analysis
from lstm_analog.engines.raw import read_raw
from lstm_analog.export import Accuracy
from lstm_analog.export.netlist import rise_time
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule

_ACCURACY = Accuracy(reltol=1e-4, vntol=1e-6, abstol=1e-11, chgtol=1e-14, steps=1)
_LOOSE = 50
"""ngspice's `trtol`, so large that it rejects no step: one tried again would draw other numbers. T bounds the steps."""
_SAME = 1e-3
"""Change of a density over a run, as a share of its largest value, up to which a source has constant amplitude."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NoisyRuns:
    """A network of transistor cells under a schedule, to be run by ngspice with noise as often as seeds are given.

    Attributes
    ----------
    network, schedule : Network, Schedule
        The network, and its clock and inputs, of one sequence.
    devices : tuple of Device
        The transistors and resistors that fluctuate.
    noise : tuple of OperatingNoise, (intervals,)
        Their noise in each interval.
    efforts : float array, (intervals, unknowns)
        The efforts at the end of each interval, without noise.
    period : float
        T, the seconds for which a source holds a number; also the longest step of ngspice.
    engine : Ngspice
        The engine whose program and time limit are used for each run.
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
        """Run the deck `text` with a `seed`; return the efforts of `names` at the ends of intervals, (intervals, m)."""
        with temporary_folder() as folder:
            path, raw = folder / "noisy.cir", folder / "run.raw"
            order = f"setseed {seed}\ntran {self.period:.9g} {self.schedule.ends[-1]:.12g} 0 {self.period:.9g}\n"
            end = f"write {raw.name} all\nquit\n.endc\n.end\n"
            path.write_text(f"{text}{order}{end}", encoding="ascii")
            complaints = self.engine.call(path)
            with reading_results("ngspice", [raw], complaints, must="run with noise"):
                time, efforts = read_raw(raw, names)
        check_end(time, self.schedule, "ngspice", complaints)
        return np.stack([np.interp(self.schedule.ends, time, column) for column in efforts.T], axis=-1)

    def _lines(self, names: Sequence[str]) -> Iterator[str]:
        yield deck_without_analysis(self.network, self.schedule, _ACCURACY)
        yield f".options reltol={_ACCURACY.reltol} vntol={_ACCURACY.vntol} abstol={_ACCURACY.abstol}\n"
        yield f".options chgtol={_ACCURACY.chgtol} trtol={_LOOSE}\n"
        yield from self._sources()
        yield f".control\nset filetype=binary\nsave {' '.join(f'v({name})' for name in names)}\n"

    def _sources(self) -> Iterator[str]:
        """Yield the lines of all sources: with the conductance of a switch, of constant amplitude, or in steps."""
        density = np.stack([each.density for each in self.noise])
        overdrive = np.stack([each.overdrive for each in self.noise])
        nodes = {name: node for node, name in enumerate(self.network.unknowns.names())}
        for number, device in enumerate(self.devices):
            amplitude = np.sqrt(density[:, number] / (2.0 * self.period))
            gate = nodes.get(device.nodes[1])
            if overdrive[:, number].any() and gate is not None:
                on = int(np.argmax(amplitude))
                share = self._share(overdrive[on, number], device.nodes[1], self.efforts[on, gate])
                yield from self._modulated(number, device, f"{amplitude[on]:.9g}*sqrt({share})")
            elif np.ptp(density[:, number]) <= _SAME * density[:, number].max():
                drawn = f"trrandom(2 {self.period:.9g} 0 {amplitude.max():.9g} 0)"
                yield f"inoise{number} {' '.join(device.ends)} dc 0 {drawn}\n"
            else:
                yield from self._modulated(number, device, f"pwl(time, {self._steps(amplitude)})")

    @staticmethod
    def _share(overdrive: float, gate: str, high: float) -> str:
        """Return the relative conductance of a switch, by its `gate`: 1 at `high` (V), 0 from `overdrive` (V) off."""
        return f"max(0, 1-abs(v({gate})-{high:.9g})/{overdrive:.9g})"

    def _modulated(self, number: int, device: Device, factor: str) -> Iterator[str]:
        """Yield the lines of source `number`, at `device`: random numbers of deviation 1 times the `factor` (A)."""
        yield f"vnoise{number} noise{number} 0 dc 0 trrandom(2 {self.period:.9g} 0 1 0)\n"
        yield f"bnoise{number} {' '.join(device.ends)} i=v(noise{number})*{factor}\n"

    def _steps(self, amplitude: Floats) -> str:
        """Return the points, for `pwl`, of a staircase of `amplitude` (intervals,) with the rise time of clocks."""
        rise = rise_time(self.network, self.schedule)
        starts = self.schedule.ends - self.schedule.durations
        points = [(0.0, amplitude[0])]
        for start, before, after in zip(starts[1:], amplitude[:-1], amplitude[1:], strict=True):
            points += [(start, before), (start + rise, after)]
        points.append((float(self.schedule.ends[-1]) * 2.0, amplitude[-1]))
        return ", ".join(f"{time:.12g}, {value:.9g}" for time, value in points)
