"""Says how fast components come to rest: by the eigenvalues of their flows about given efforts."""

from dataclasses import dataclass
from typing import cast

import numpy as np

from lstm_analog.arrays import Array, Floats, Indices
from lstm_analog.engines.phase.couplings import Couplings
from lstm_analog.engines.phase.structure import Level, Structure
from lstm_analog.engines.phase.wiring import Load, Wiring
from lstm_analog.engines.settle.stages import wired
from lstm_analog.network.laws import High, bank_of
from lstm_analog.network.parts import Ports

_FARTHEST = 30.0
"""Largest control of a port, dimensionless, at which its opening is looked at: beyond, it is open, shut or limited."""
_POINTS = 241
"""Controls at which the opening of a port is looked at; larger: its least is found closer, beyond a percent."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Modes:
    """How fast components that are solved together come to rest: what feeds them, `wiring`, and which lines are `high`.

    The first `states` members of each component have storage; `storages` (m, states) are their unknowns.
    """

    wiring: Wiring
    high: High
    states: int
    storages: Indices

    @property
    def ports(self) -> list[Load]:
        """The banks of ports that feed them, whose conductance other unknowns control."""
        return [load for load in self.wiring.loads if load.own and isinstance(load.part, Ports)]

    def slowest(self, efforts: Array) -> Floats:
        """Return the rate (1/s) of the slowest mode of each component about `efforts` (..., unknowns), (..., m).

        It is negative where a component runs away. Members without storage are eliminated.
        """
        slopes, states = self.wiring.slopes(efforts, self.high), self.states
        kept, cross = slopes[..., :states, :states], slopes[..., :states, states:]
        if slopes.shape[-1] > states:
            kept = kept - cross @ np.linalg.solve(slopes[..., states:, states:], slopes[..., states:, :states])
        rates = -np.linalg.eigvals(kept / self.wiring.capacity[..., None]).real.max(axis=-1)
        return np.asarray(rates, dtype=np.float64)

    def slowest_of_all(self) -> float:
        """Return a rate (1/s) that none of the components falls below, however their ports are controlled.

        It is 0 where no such rate is known: of components of several members, and of ports whose flow is not
        proportional to the difference of efforts. Ports of one control that open against each other are never both
        shut, so that there is one.
        """
        own = [load.part for load in self.wiring.loads if load.own]
        if self.wiring.own.shape[-1] > 1 or not all(isinstance(part, Ports) and part.laminar for part in own):
            return 0.0
        conductance = -self.wiring.own[..., 0, 0].reshape(-1, len(self.storages)).max(axis=0)
        found = [_openings(load, self.high) for load in self.ports]
        ends = np.concatenate([ends for ends, _ in found])
        each, which = np.unique(ends, axis=0, return_inverse=True)
        total = np.zeros((len(each), _POINTS))
        np.add.at(total, which.reshape(-1), np.concatenate([values for _, values in found]))
        np.add.at(conductance, each[:, 0], total.min(axis=1))
        largest = self.wiring.capacity[..., 0].reshape(-1, len(self.storages)).max(axis=0)
        return float((conductance / largest).min())


def modes(couplings: Couplings, order: Structure, level: Level) -> Modes:
    """Return how fast the components of a `level` of the `order` of the phase of `couplings` come to rest."""
    storages = level.members[:, : level.dynamic]
    return Modes(wiring=wired(couplings, order, level), high=couplings.high, states=level.dynamic, storages=storages)


def _openings(load: Load, high: High) -> tuple[Indices, Floats]:
    """Return conductances that the ports of `load` give the components that they feed, over the controls there may be.

    They are the least of all chips, (k, points). Before them stand the component, p and n of each, (k, 3).
    """
    part, own = cast(Ports, load.part), load.own
    scale, offset = (np.abs(each).max(initial=0.0) for each in (part.scale, part.offset))
    control = np.linspace(-1.0, 1.0, _POINTS)[:, None] * (_FARTHEST + offset) / (scale or 1.0)
    nothing = np.zeros((1, 1))
    slopes = bank_of(part).evaluator(high).partials(lambda name: control if name == "p" else nothing)
    ends, values = [], []
    for each in own:
        value = np.broadcast_to(-slopes[each.block], (*np.shape(slopes[each.block])[:-2], _POINTS, part.p.size))
        values.append(value[..., each.elements].reshape(-1, _POINTS, each.elements.size).min(axis=0).T)
        ends.append(np.column_stack((each.into, part.p[each.elements], part.n[each.elements])))
    return np.concatenate(ends), np.concatenate(values)
