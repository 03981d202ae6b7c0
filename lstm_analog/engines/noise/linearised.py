"""A network linearised at given efforts: the rates of its storages, and how white noise of its flows enters them.

Junctions and followers are eliminated. With storages y, algebraic unknowns a and the flows F into them, the rates are
J = F_yy - F_ya F_aa^-1 F_ay over the capacities. A flow n into a junction moves its effort by -F_aa^-1 n, and with it
the flows into storages, as if -F_ya F_aa^-1 n entered these.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy

from lstm_analog.arrays import Floats, Indices
from lstm_analog.engines.pattern import positions
from lstm_analog.engines.stage import factors
from lstm_analog.engines.system import System
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import High, Kind, noise
from lstm_analog.network.parts import DATUM


@dataclass(frozen=True, kw_only=True, eq=False)
class WhiteFlows:
    """All flows of a network that fluctuate: white noise, independent of each other.

    Attributes
    ----------
    tails, heads : int array, (flows,)
        The unknowns from which and to which they flow; the datum in place of those whose flow nobody balances.
    banks : int array, (flows,)
        The number, in the network, of the part that makes the noise.
    density : float array, (points, flows)
        One-sided, flow squared per Hz.
    """

    tails: Indices
    heads: Indices
    banks: Indices
    density: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearNetwork:
    """A network linearised at several efforts, its points: sequences of a batch, or points of time.

    Attributes
    ----------
    rates : float array, (points, n, n)
        d(rate of a storage) / d(storage), per second.
    entering : float array, (points, n, flows)
        d(rate of a storage) / d(flow that fluctuates), effort per flow and second.
    flows : WhiteFlows
        The flows that fluctuate.
    """

    rates: Floats
    entering: Floats
    flows: WhiteFlows

    @cached_property
    def intensity(self) -> Floats:
        """Covariance of the white noise in the rates, two-sided: (points, n, n), effort squared per second."""
        result: Floats = (self.entering * (0.5 * self.flows.density[:, None])) @ self.entering.mT
        return result

    def some(self, first: int, count: int) -> "LinearNetwork":
        """Return it at `count` of the points, from number `first` on."""
        chosen = slice(first, first + count)
        flows = replace(self.flows, density=self.flows.density[chosen])
        return LinearNetwork(rates=self.rates[chosen], entering=self.entering[chosen], flows=flows)

    def weigh(self, weights: Floats) -> Floats:
        """Return the share of each flow in the sum of `weights` (points, n, n) times `intensity`, (points, flows)."""
        result: Floats = 0.5 * self.flows.density * ((weights @ self.entering) * self.entering).sum(axis=-2)
        return result


def linearise(equations: System, effort: Floats, temperature: float) -> LinearNetwork:
    """Return the network of `equations` linearised at completed `effort` (points, unknowns), at a `temperature` (K).

    Raises `UnsupportedPartError` for a part that does not declare its noise.
    """
    values, storages = equations.partials(effort), equations.dynamic
    flows = white_flows(equations.network, effort, equations.high, temperature)
    into = np.zeros((len(effort), storages.size, equations.network.unknowns.size))
    into[:, np.arange(storages.size), storages] = 1.0
    reduced = equations.yy.dense(values)
    if equations.algebraic.size:
        ya = equations.ya.dense(values)
        passed = _solved(equations, values, -ya, transposed=True)
        reduced += passed @ equations.ay.dense(values)
        into[:, :, equations.algebraic] = passed
    capacity = equations.capacity[:, None]
    into /= capacity
    return LinearNetwork(
        rates=reduced / capacity, entering=into[..., flows.heads] - into[..., flows.tails], flows=flows
    )


def storages_read(equations: System, effort: Floats) -> Floats:
    """Return d(unknown) / d(storage) by `equations` at completed `effort` (points, unknowns), (points, unknowns, n)."""
    values, storages = equations.partials(effort), equations.dynamic
    result = np.zeros((len(effort), equations.network.unknowns.size, storages.size))
    result[:, storages, np.arange(storages.size)] = 1.0
    if equations.algebraic.size:
        against = equations.ay.dense(values).mT
        result[:, equations.algebraic] = _solved(equations, values, -against, transposed=False).mT
    return result


def white_on(equations: System, effort: Floats, nodes: Indices, temperature: float) -> Floats:
    """Return the one-sided density (effort squared per Hz) of white noise on `nodes` (m,), (points, m, m).

    Only algebraic nodes have some, which no storage filters. By `equations` at completed `effort` (points, unknowns)
    and a `temperature` (K).
    """
    values, size = equations.partials(effort), equations.network.unknowns.size
    place = positions(size, equations.algebraic)[nodes]
    moved = np.zeros((len(effort), nodes.size, size))
    if (place >= 0).any():
        asked = np.zeros((len(effort), nodes.size, equations.algebraic.size))
        asked[:, place >= 0, place[place >= 0]] = -1.0
        moved[:, :, equations.algebraic] = _solved(equations, values, asked, transposed=True)
    flows = white_flows(equations.network, effort, equations.high, temperature)
    each = moved[..., flows.heads] - moved[..., flows.tails]
    result: Floats = (each * flows.density[:, None]) @ each.mT
    return result


def _solved(equations: System, values: Floats, right: Floats, *, transposed: bool) -> Floats:
    """Return x in x F_aa = `right` (points, m, k) at partials `values`; if not `transposed`, in F_aa x' = `right`'."""
    if not right.size:  # of a network without storages
        return right
    stacked = right.mT.reshape(-1, right.shape[-2])
    matrix = equations.aa.fill(values)
    found: Floats = factors(scipy.sparse.csc_array(matrix.T) if transposed else matrix).solve(stacked)
    return found.reshape(len(right), -1, right.shape[-2]).mT


def white_flows(network: Network, effort: Floats, high: High, temperature: float) -> WhiteFlows:
    """Return the noise of all parts of `network` at `effort` (points, unknowns), the lines `high`, `temperature` (K).

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
