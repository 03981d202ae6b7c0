"""Chance in a circuit of channels: in each step the share of the channels of a gate that are open is drawn anew."""

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked_record
from lstm_analog.errors import NetworkError, explain
from lstm_analog.imperfections.banks import tiled
from lstm_analog.imperfections.base import Streams, alter, strength
from lstm_analog.imperfections.in_time import OUTSIDE, StepPlan, acted_on, disturb
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Imposed, Schedule
from lstm_analog.network.varying import CHANCE, CHANNELS


@checked_record
@dataclass(frozen=True, kw_only=True)
class ChannelNoise:
    """Of N channels that are open with probability p, a share p + `amplitude` x sqrt(p (1 - p)/N) is open in a step.

    x is standard normal, independent from gate to gate, step to step, sequence to sequence of a batch and chip to chip:
    the binomial law of N independent channels in its normal limit, a leap over all their jumps (Gillespie 2000). Mean
    and variance are those of the binomial; beyond its ends, 0 and 1, a share goes where N p (1 - p) is not above one.
    The amplitude is 1 for channels that are read at the end of a phase much longer than their time constant t, and
    sqrt(2 t/T) for shares averaged over a phase T (docs/chance.md#how-long-a-draw-lasts).
    """

    amplitude: Annotated[float, strength("channel noise amplitude", "give 1 for channels read once a step")] = 1.0


@alter.register
def _(imperfection: ChannelNoise, network: Network, streams: Streams) -> Network:
    if not network.said(CHANNELS):
        must, do = "have channels", "compile in electrical.CHANNELS"
        raise NetworkError(explain("the network", must=must, got="none", do=do))
    if ChannelNoise.__name__ in network.said(OUTSIDE):
        must, do = "be drawn once", "change the channels of the technology, or the amplitude"
        raise NetworkError(explain("channel noise", must=must, got="twice", do=do))
    return acted_on(tiled(network, streams), imperfection) if imperfection.amplitude else network


@disturb.register
def _(imperfection: ChannelNoise, schedule: Schedule, network: Network, steps: StepPlan, streams: Streams) -> Schedule:
    labels, repeats = network.said(CHANCE), np.diff(steps.first, append=len(schedule.names))
    lead, chips = (*schedule.batch, repeats.size), (streams.chips or 0) * bool(labels)
    imposed = tuple(
        Imposed(label=label, efforts=np.repeat(_draws(imperfection, network, label, lead, streams), repeats, axis=-2))
        for label in labels
    )
    return replace(schedule, imposed=(*schedule.imposed, *imposed), chips=schedule.chips or chips)


def _draws(imperfection: ChannelNoise, network: Network, label: str, lead: tuple[int, ...], streams: Streams) -> Floats:
    """Return the efforts (chips, *lead, sources) of the bank `label` of sources that stand for chance."""
    nodes = network.unknowns[label]
    drawn = streams.normal(f"channel noise {label}", (*lead, nodes.size))
    return imperfection.amplitude * network.unknowns.scales()[nodes] * drawn
