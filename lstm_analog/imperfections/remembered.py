"""What a network remembers of causes in time, taken up when it runs: the schedule and the answers that they make."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked
from lstm_analog.errors import NetworkError, explain
from lstm_analog.imperfections.applying import IMPERFECTION, Applied, parsed
from lstm_analog.imperfections.base import Streams, alter
from lstm_analog.imperfections.in_time import AtStep, StepPlan, convert, disturb, fluctuate, step_networks
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.varying import IN_TIME, VaryingParameters


@checked
def run_schedule(schedule: Schedule, network: Network, steps: StepPlan) -> Schedule:
    """Return the `schedule` of `network`, cut into `steps`, with all that the network says acts on it in time.

    Raises `FileFormatError` if it names a cause that this package does not have, `NetworkError` or `UnsupportedError`
    if a cause has nothing to act on, or cannot act on chips side by side.
    """
    for each in _causes(network.said(IMPERFECTION), disturb.registry):
        schedule = disturb(each.imperfection, schedule, network, steps, each.streams)
    causes = changing(network)
    if not causes:
        return schedule
    draw = partial(step_networks, network, causes, steps.duration)
    return replace(schedule, varying=VaryingParameters(first=steps.first, draw=draw))


@checked
def read_out(network: Network, values: Floats) -> Floats:
    """Return `values` (..., outputs), in units of signal, as the converters read them that `network` says it has.

    Chips lead, if the network has some.
    """
    for each in _causes(network.said(IMPERFECTION), convert.registry):
        values = convert(each.imperfection, values, each.streams)
    return values


@checked
def changing(network: Network) -> tuple[tuple[object, Streams], ...]:
    """Return the causes that change the parameters of `network` from step to step, and what each is drawn from.

    Causes before the last `AtStep` are left out: their errors in that step are in the parameters.
    """
    texts = network.said(IMPERFECTION) if network.said(IN_TIME) else ()
    held = [place for place, text in enumerate(texts) if _kind(text) == AtStep.__name__]
    since = texts[max(held, default=-1) + 1 :]
    return tuple((each.imperfection, each.streams) for each in _causes(since, fluctuate.registry))


def _causes(texts: Sequence[str], registry: Mapping[Any, object]) -> list[Applied]:
    """Return what the `texts` say was done to a network, of the kinds in the `registry` of a function of `in_time`."""
    kinds = {kind.__name__ for kind in registry if kind is not object}
    return [parsed(text) for text in texts if _kind(text) in kinds]


def _kind(text: str) -> str:
    return text.partition("(")[0]


@alter.register
def _(imperfection: AtStep, network: Network, streams: Streams) -> Network:
    causes = changing(network)
    if not causes:
        do = "give it e.g. ReadNoise(sigma=0.01) first"
        raise NetworkError(explain("the network", must="change from step to step", got="one that stays", do=do))
    found = next(islice(step_networks(network, causes, imperfection.step_time), imperfection.number, None))
    return replace(found, provenance=tuple(entry for entry in network.provenance if entry[0] != IN_TIME))
