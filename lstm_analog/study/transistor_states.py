"""The noise of transistor cells clock state by clock state, as ngspice finds it, in signal units and by part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.bicmos_cell import MASTERS, PURPOSES, SLAVES
from lstm_analog.compiler.compiled import Compiled, Spot
from lstm_analog.compiler.timing import COPY, RESET, compute_line
from lstm_analog.engines import Ngspice
from lstm_analog.engines.noise.devices import Device, OperatingNoise, operating_noise
from lstm_analog.engines.noise.spectra import Band, NoiseSource, NoiseSpectra, alone, expose_nodes, noise_spectra
from lstm_analog.network.cells import SHUNT, Cells
from lstm_analog.network.graph import Network, Unknowns
from lstm_analog.network.schedule import Schedule
from lstm_analog.study.transistor_estimate import NoiseCause

_DIVIDER = ("_upper_", "_lower_")
"""Parts of the labels by which resistors of the divider are known."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ClockStates:
    """A machine of transistor cells along a run, whose noise `engine` finds within the `band`.

    Attributes
    ----------
    compiled : Compiled
        The machine.
    schedule : Schedule
        Its clock and inputs, one sequence.
    """

    compiled: Compiled
    schedule: Schedule
    engine: Ngspice
    band: Band

    def added(self, interval: int) -> Mapping[NoiseCause, Floats]:
        """Return the noise that the capacitors connected in `interval` hold afterwards, by cause: (units, 2, 2).

        These are variances of c and h of each unit and their covariance, signal units squared; empty where all switches
        are open.
        """
        name = self.schedule.names[interval]
        if name not in (RESET, COPY, compute_line(0)):
            return {}
        computed = name == compute_line(0)
        nodes = MASTERS if computed else SLAVES
        c, h = self._between(nodes)
        both = [{**one, **other} for one, other in zip(c, h, strict=True)] if computed else []
        causes, variance = self._found(interval, [*c, *h, *both])
        c_and_h = variance[:, : 2 * len(c)].reshape(len(causes), 2, -1)
        matrix = np.zeros((len(causes), len(c), 2, 2))
        matrix[..., 0, 0], matrix[..., 1, 1] = c_and_h[:, 0], c_and_h[:, 1]
        if computed:
            shared = 0.5 * (variance[:, 2 * len(c) :] - c_and_h.sum(axis=1))
            matrix[..., 0, 1] = matrix[..., 1, 0] = shared
        return dict(zip(causes, matrix, strict=True))

    def standing(self, interval: int) -> Mapping[NoiseCause, Floats]:
        """Return the noise on c and h themselves while the clock stands as in `interval`, by cause: (2, units).

        Variances in signal units squared, over the whole band: what a sample of the terminals adds to what is held.
        """
        unknowns = self.network.unknowns
        c, h = (
            _differences(unknowns, unknowns[spot.groups[0]], unknowns[spot.groups[1]], spot) for spot in self._spots
        )
        causes, variance = self._found(interval, [*c, *h])
        return dict(zip(causes, variance.reshape(len(causes), 2, -1), strict=True))

    def spectra(self, interval: int, signals: Sequence[Mapping[int, float]]) -> NoiseSpectra:
        """Return the spectra of `signals`, sums of efforts of `network`, while the clock stands as in `interval`."""
        return noise_spectra(
            self.network,
            alone(self.schedule, interval),
            efforts=self.efforts[interval],
            held=self.held(interval),
            signals=signals,
            band=self.band,
            engine=self.engine,
        )

    def operating_noise(self, interval: int, devices: Sequence[Device]) -> OperatingNoise:
        """Return the noise of `devices` of `network` while the clock stands as in `interval`."""
        return operating_noise(
            self.network,
            alone(self.schedule, interval),
            devices,
            efforts=self.efforts[interval],
            held=self.held(interval),
            engine=self.engine,
        )

    @property
    def master_signals(self) -> list[dict[int, float]]:
        """The signals that the masters take, c of all units, then h, as weights of unknowns of `network`."""
        return [each for signals in self._between(MASTERS) for each in signals]

    @property
    def held_signals(self) -> list[dict[int, float]]:
        """The signals that the slaves hold, c of all units, then h, as weights of unknowns of `network`."""
        return [each for signals in self._between(SLAVES) for each in signals]

    def held(self, interval: int) -> Indices:
        """Return the unknowns at capacitors whose switches are all open in `interval`."""
        cycle, name = self.compiled.cycle, self.schedule.names[interval]
        high = next(each.high for each in (cycle.reset, *cycle.step) if each.name == name)
        nodes = (*(() if compute_line(0) in high else MASTERS), *(() if high & {COPY, RESET} else SLAVES))
        found = [_group(self.network, node) for node in nodes]
        return np.concatenate([np.empty(0, dtype=np.int64), *found])

    @cached_property
    def network(self) -> Network:
        """The network with the nodes inside its cells as unknowns."""
        return expose_nodes(self.compiled.network)

    @cached_property
    def efforts(self) -> Floats:
        """The efforts at the end of each interval, (intervals, unknowns), by a transient without noise."""
        run = self.engine.run(self.network, self.schedule)
        return run.sample(self.schedule.ends, np.arange(self.network.unknowns.size))

    @property
    def _spots(self) -> tuple[Spot, Spot]:
        place = self.compiled.layout.layers[0]
        return place.cell, place.h

    def _found(self, interval: int, signals: Sequence[Mapping[int, float]]) -> tuple[list[NoiseCause], Floats]:
        """Return the causes of noise, and the variances of `signals` by cause, (causes, signals)."""
        spectra = self.spectra(interval, signals)
        each = [(part_of(source), source.mechanism) for source in spectra.sources]
        causes = list(dict.fromkeys(each))
        places = np.array([causes.index(cause) for cause in each])
        variance = np.zeros((len(causes), len(signals)))
        np.add.at(variance, places, spectra.variance.T)
        return causes, variance

    def _between(self, nodes: Sequence[str]) -> list[list[dict[int, float]]]:
        """Return the signals c and h of each unit at four `nodes` inside its cell."""
        unknowns, sides = self.network.unknowns, [_group(self.network, node) for node in nodes]
        return [_differences(unknowns, sides[2 * k], sides[2 * k + 1], spot) for k, spot in enumerate(self._spots)]


def part_of(source: NoiseSource) -> str:
    """Return the purpose of the device that makes the noise of `source`, such as "divider" or "bias generator"."""
    if source.card:
        card = source.card.partition("_")[2] or source.card  # of a subcircuit, or of the cell itself
        known = [word for start, word in PURPOSES.items() if card.startswith(start)]
        return known[-1] if known else "bias generator"
    if any(word in source.bank for word in _DIVIDER):
        return "divider"
    return "supply" if source.bank == SHUNT else "columns"


def _differences(unknowns: Unknowns, plus: Indices, minus: Indices, spot: Spot) -> list[dict[int, float]]:
    """Return the signals between `plus` and `minus` (units,) of `unknowns`, in the unit of what `spot` reads."""
    volts = unknowns.scales()[unknowns[spot.group]]
    columns = zip(plus.tolist(), minus.tolist(), volts.tolist(), strict=True)
    return [{p: 1.0 / unit, n: -1.0 / unit} for p, n, unit in columns]


def _group(network: Network, node: str) -> Indices:
    """Return the unknowns of a `node` inside the cells of `network`."""
    label = next(part.label for part in network.parts if isinstance(part, Cells))
    return network.unknowns[f"{label}_{node}"]
