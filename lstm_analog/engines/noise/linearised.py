"""A network linearised at given efforts: the rates of its storages, and what white noise of its flows does to them."""

from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.engines.system import System
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import High, Kind, noise
from lstm_analog.network.parts import DATUM


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearNetwork:
    """A network at some moments, its junctions and followers eliminated: what deviates, and by how much.

    Attributes
    ----------
    rates : float array, (moments, n, n)
        d(rate of a storage) / d(storage), per second.
    entering : float array, (moments, n, unknowns)
        d(rate of a storage) / d(flow that enters an unknown), effort per flow and second.
    reading : float array, (moments, unknowns, n)
        d(unknown) / d(storage).
    direct : float array, (moments, unknowns, unknowns)
        d(unknown) / d(flow that enters an unknown), at once, through no storage.
    """

    rates: Floats
    entering: Floats
    reading: Floats
    direct: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class WhiteFlows:
    """All flows of a network that fluctuate, white and independent of each other.

    Attributes
    ----------
    tails, heads : int array, (flows,)
        From which unknown to which; the datum where another part supplies the effort and takes the flow.
    banks : int array, (flows,)
        The part that it is of, by its number in the network.
    density : float array, (moments, flows)
        One-sided, flow squared per Hz.
    """

    tails: Indices
    heads: Indices
    banks: Indices
    density: Floats

    def intensity(self, size: int) -> Floats:
        """Return the covariance of what enters each of `size` unknowns, two-sided: (moments, size, size)."""
        total, half = np.zeros((len(self.density), size * size)), 0.5 * self.density
        for row, column, sign in self._corners():
            np.add.at(total.T, row * size + column, sign * half.T)
        return total.reshape(-1, size, size)

    def weigh(self, weights: Floats) -> Floats:
        """Return what each flow adds to the sum of `weights` (moments, size, size) times `intensity`."""
        result: Floats = (
            0.5 * self.density * sum(sign * weights[:, row, column] for row, column, sign in self._corners())
        )
        return result

    def _corners(self) -> tuple[tuple[Indices, Indices, float], ...]:
        tails, heads = self.tails, self.heads
        return (heads, heads, 1.0), (tails, tails, 1.0), (heads, tails, -1.0), (tails, heads, -1.0)


def linearise(equations: System, effort: Floats) -> LinearNetwork:
    """Return the network of `equations` linearised at completed `effort` (moments, unknowns).

    With storages y, algebraic unknowns a and their flows F: J = F_yy - F_ya F_aa^-1 F_ay. A flow n into a junction
    moves it by -F_aa^-1 n, and so flows into the storages that hang on it.
    """
    values, size = equations.partials(effort), equations.network.unknowns.size
    yy, ya, ay, aa = (each.dense(values) for each in (equations.yy, equations.ya, equations.ay, equations.aa))
    storages, algebraic = equations.dynamic, equations.algebraic
    follows, moved = _eliminated(aa, ay)
    moments = len(effort)
    reading, direct = np.zeros((moments, size, storages.size)), np.zeros((moments, size, size))
    reading[:, storages, np.arange(storages.size)] = 1.0
    reading[:, algebraic] = follows
    direct[:, algebraic[:, None], algebraic] = moved
    entering = np.zeros((moments, storages.size, size))
    entering[:, np.arange(storages.size), storages] = 1.0
    entering[:, :, algebraic] = ya @ moved
    capacity = equations.capacity[:, None]
    return LinearNetwork(
        rates=(yy + ya @ follows) / capacity, entering=entering / capacity, reading=reading, direct=direct
    )


def _eliminated(own: Floats, others: Floats) -> tuple[Floats, Floats]:
    """Return -`own`^-1 `others` and -`own`^-1, (..., k, n) and (..., k, k); rows may have units of their own."""
    unit = 1.0 / np.abs(own).max(axis=-1, keepdims=True, initial=0.0)
    right = np.concatenate((others * unit, unit * np.eye(own.shape[-1])), axis=-1)
    solved = -np.linalg.solve(own * unit, right)
    return solved[..., : others.shape[-1]], solved[..., others.shape[-1] :]


def white_flows(network: Network, effort: Floats, high: High, temperature: float) -> WhiteFlows:
    """Return the noise of all parts of `network` at `effort` (moments, unknowns), the lines `high`, `temperature` (K).

    Raises `UnsupportedPartError` for a part that does not declare its noise.
    """
    kinds = network.kinds()
    taking = np.zeros(network.unknowns.size, dtype=bool)
    taking[kinds[Kind.BALANCED]] = taking[kinds[Kind.STORED]] = True
    found = [
        (number, each) for number, part in enumerate(network.parts) for each in noise(part, effort, high, temperature)
    ]
    none = [np.empty(0, np.int64)]
    tails, heads = (np.concatenate(none + [getattr(each, end) for _, each in found]) for end in ("tails", "heads"))
    densities = [np.broadcast_to(each.density, (len(effort), each.heads.size)) for _, each in found]
    return WhiteFlows(
        tails=np.where(taking[tails], tails, DATUM),
        heads=np.where(taking[heads], heads, DATUM),
        banks=np.concatenate(none + [np.full(each.heads.size, number) for number, each in found]),
        density=np.concatenate([np.empty((len(effort), 0)), *densities], axis=-1),
    )
