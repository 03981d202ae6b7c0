"""Lower a signal network to a circuit whose curves are populations of ion channels.

The circuit is the behavioural one. Each curve of its pairs becomes the voltage of a half-bridge: a conductance of
G e^{u/2} from the supply, one of G e^{-u/2} to the datum, and a capacitor C at the middle, whose voltage p obeys

    C dp/dt = G e^{u/2} (1 - p) - G e^{-u/2} p

which is N times the master equation of a channel of two states, if C = N c and G = r C (docs/chance.md). A flow that
does not depend on u, G x / sqrt(N), moves p by x sqrt(p (1 - p)/N), as 1/(2 cosh(u/2)) = sqrt(p (1 - p)). So sources x
stand for chance: zero they leave the mean, standard normal they make the spread of N channels.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from lstm_analog.arrays import Indices
from lstm_analog.compiler.behavioural import behavioural_circuit
from lstm_analog.compiler.compiled import Compiled, lower
from lstm_analog.compiler.electrical import Channels
from lstm_analog.compiler.network_builder import STEEPNESS, half_bridge
from lstm_analog.compiler.signals import SignalNetwork
from lstm_analog.compiler.timing import CLOCKED, Timing
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.network.bank import count
from lstm_analog.network.graph import Group, Network, Unknowns
from lstm_analog.network.parts import ALWAYS, DATUM, Factor, Pairs, Part, Sources, Storages
from lstm_analog.network.shapes import Shape
from lstm_analog.network.varying import CHANCE, CHANNELS

_SUPPLY = "channel_supply"
_MOST = 20.0
"""Largest exponent of a rate: a share is then 4e-18 from its end. Larger: first guesses of rumoca overflow."""


@lower.register
def lower_channels(technology: Channels, signals: SignalNetwork, timing: Timing, settling: float) -> Compiled:
    """Return `signals` as a circuit of channels of `technology`, clocked by `timing`.

    Phases last `settling` times the slowest time constant. Raises `UnsupportedError` for a gated leak, and for curves
    that are neither sigmoid, tanh nor linear.
    """
    if timing is not CLOCKED:
        got, do = timing.name, "use BEHAVIOURAL for a gated leak"
        raise UnsupportedError(explain("timing", must="be CLOCKED for channels", got=got, do=do))
    tau = technology.time_constant
    compiled = behavioural_circuit(technology.circuit, signals, timing, settling, tau)
    network = _with_channels(compiled.network, technology)
    return replace(compiled, network=network.verify(), time_constant=tau)


@dataclass(frozen=True, kw_only=True)
class _Population:
    """The channels of `size` units in place of `factor`, a tier of a bank of pairs; `label` names their group."""

    label: str
    size: int
    factor: Factor

    @property
    def chance(self) -> str:
        """The label of the sources that stand for chance."""
        return f"{self.label}_{CHANCE}"


def _with_channels(network: Network, technology: Channels) -> Network:
    """Return `network` with channels in place of all curves of its pairs, and their sources of chance named."""
    found = [each for part in network.parts if isinstance(part, Pairs) for each in _populations(part)]
    volts = technology.circuit.volts_per_unit
    sizes = [(_SUPPLY, 1), *((label, each.size) for each in found for label in (each.label, each.chance))]
    groups = tuple(Group(label=label, size=size, scale=volts) for label, size in sizes)
    unknowns = Unknowns(groups=(*network.unknowns.groups, *groups))
    kept = (_reading(part, unknowns, volts) if isinstance(part, Pairs) else part for part in network.parts)
    added = (part for each in found for part in _half_bridge(each, unknowns, technology))
    supply = Sources(label=_SUPPLY, nodes=unknowns[_SUPPLY], effort=np.full(1, volts))
    gates = f"{technology.channels} channels a curve, at their mean unless ChannelNoise draws them"
    chance = ((CHANNELS, gates), *((CHANCE, each.chance) for each in found))
    named = (("technology", technology.name), *(entry for entry in network.provenance if entry[0] != "technology"))
    return replace(network, unknowns=unknowns, parts=(*kept, supply, *added), provenance=(*named, *chance))


def _populations(part: Pairs) -> Iterator[_Population]:
    """Yield the channels of each tier of `part` whose curve is not a line."""
    for tier, factor in enumerate(part.factors, start=1):
        if factor.shape in STEEPNESS:
            yield _Population(label=f"{part.label}_open{tier}", size=count(part), factor=factor)
        elif factor.shape is not Shape.LINEAR:
            must, do = "be a sigmoid, a tanh or linear for channels", "use BEHAVIOURAL"
            raise UnsupportedError(explain(f"{part.label} curve", must=must, got=factor.shape.value, do=do))


def _reading(part: Pairs, unknowns: Unknowns, volts: float) -> Pairs:
    """Return `part` with tiers that read the open shares, at 0 to `volts`, of the channels in place of their curves."""
    curves = {f"{part.label}_open{tier}": factor for tier, factor in enumerate(part.factors, start=1)}
    tiers = (
        _linear(unknowns[label], STEEPNESS[factor.shape] / volts, 1.0 - STEEPNESS[factor.shape])
        if factor.shape in STEEPNESS
        else factor
        for label, factor in curves.items()
    )
    return replace(part, factors=tuple(tiers))


def _linear(nodes: Indices, scale: float, offset: float) -> Factor:
    datum = np.full_like(nodes, DATUM)
    return Factor(shape=Shape.LINEAR, p=nodes, n=datum, scale=np.array(scale), offset=np.array(offset))


def _half_bridge(each: _Population, unknowns: Unknowns, technology: Channels) -> Iterator[Part]:
    """Yield the two conductances of the channels `each`, their capacitor, and the flow that stands for chance."""
    middle, chance, volts = unknowns[each.label], unknowns[each.chance], technology.circuit.volts_per_unit
    supply, datum = np.full_like(middle, unknowns[_SUPPLY][0]), np.full_like(middle, DATUM)
    capacitance = technology.channels * technology.capacitance
    conductance = technology.rate * capacitance
    labels = (f"{each.label}_opening", f"{each.label}_shutting")
    yield from half_bridge(labels, (supply, middle, datum), each.factor, conductance, _MOST)
    yield Storages(label=f"{each.label}_membrane", nodes=middle, capacitance=np.array(capacitance))
    yield Sources(label=each.chance, nodes=chance, effort=np.zeros(each.size))
    current = np.array(volts * conductance / np.sqrt(float(technology.channels)))
    factors = (_linear(chance, 1.0 / volts, 0.0),)
    yield Pairs(label=f"{each.label}_flicker", line=ALWAYS, out=middle, current=current, factors=factors)
