"""Count the parts of a network by kind, in plain words."""

from collections import Counter
from collections.abc import Iterable
from types import MappingProxyType

import numpy as np

from lstm_analog.network.domain import ELECTRICAL, Domain
from lstm_analog.network.parts import Crossbars, Junctions, Part, Transconductors
from lstm_analog.show.schematics.unit import ends_of

_CIRCUIT = MappingProxyType(
    {
        "Sources": "sources",
        "Storages": "capacitors",
        "Followers": "buffers",
        "Conductors": "resistors",
        "Switches": "switches",
        "Pairs": "stacks of differential pairs",
        "Ports": "controlled resistors",
        "OpAmps": "op-amps",
        "Cells": "transistor cells",
        "Crossbars": "conductances of weights",
        "Transconductors": "transconductances of weights",
    }
)
_PLUMBING = MappingProxyType(
    {
        "Sources": "pressure sources",
        "Storages": "tanks and chambers",
        "Followers": "relays",
        "Conductors": "single capillaries",
        "Switches": "solenoid valves and cocks",
        "Inertances": "solenoid valves",
        "Pairs": "flow-control valves",
        "Ports": "ports of spool valves",
        "Spools": "spools",
        "Stops": "stops of tanks",
        "Crossbars": "capillaries of weights",
    }
)


def devices(part: Crossbars | Transconductors) -> int:
    """Return the number of devices of one chip in the dense bank `part`, weights of zero and dummies left out."""
    sides = (part.transconductance,) if isinstance(part, Transconductors) else (part.positive, part.negative)
    return sum(int(np.count_nonzero(side.reshape(-1, *side.shape[-2:])[0])) for side in sides)


def count_parts(parts: Iterable[Part], domain: Domain) -> Counter[str]:
    """Return the number of elements of `parts` by kind, in the words of `domain`; junctions are no parts."""
    words, found = _CIRCUIT if domain == ELECTRICAL else _PLUMBING, Counter[str]()
    for part in parts:
        if isinstance(part, Junctions):
            continue
        kind = type(part).__name__
        if isinstance(part, Crossbars | Transconductors):
            found[words.get(kind, kind)] += devices(part)
        else:
            found[words.get(kind, kind)] += next(iter(ends_of(part).values())).size
    return found
