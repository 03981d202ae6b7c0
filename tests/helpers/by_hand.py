"""Networks and schedules made by hand, without what tests of small ones have no need to say."""

import numpy as np

from lstm_analog.network.domain import ELECTRICAL, Domain
from lstm_analog.network.graph import Group, Network, Unknowns
from lstm_analog.network.schedule import Imposed, Schedule


def network(
    groups: dict[str, int],
    *parts: object,
    lines: tuple[str, ...] = (),
    domain: Domain = ELECTRICAL,
    scale: float = 1.0,
    **more: object,
) -> Network:
    """Return a network of `parts` and of `groups`, their sizes by label, in which each unknown has the `scale`."""
    unknowns = Unknowns(groups=tuple(Group(label=label, size=size, scale=scale) for label, size in groups.items()))
    return Network(domain=domain, unknowns=unknowns, parts=parts, lines=lines, provenance=(), **more)


def schedule(durations: object, high: object = None, **imposed: object) -> Schedule:
    """Return intervals of `durations` (s) called part0, part1 ..., `high` being the flags (intervals, lines).

    `imposed` are efforts by the label of a bank: (..., intervals, sources), or (intervals,) of a single source.
    """
    count = len(durations)
    waves = {label: np.array(values, dtype=float) for label, values in imposed.items()}
    return Schedule(
        names=tuple(f"part{k}" for k in range(count)),
        high=np.zeros((count, 0)) if high is None else np.array(high, dtype=bool).reshape(count, -1),
        durations=np.array(durations),
        imposed=tuple(
            Imposed(label=label, efforts=wave[:, None] if wave.ndim == 1 else wave) for label, wave in waves.items()
        ),
    )
