"""Check the names in a device of a deck, in which upper and lower case are the same and some words are a simulator's.

A name that a simulator takes for something else does not stop it: ngspice reads a parameter `e` as 2.718, a pin `gnd`
as the datum, and `G1` as `g1`.
"""

import re
from collections import Counter
from collections.abc import Sequence

from lstm_analog.errors import UnsupportedPartError, explain
from lstm_analog.export.rules import Rules

_NAME = re.compile(r"[a-z_][a-z0-9_]*")


def check_device_names(
    device: str, nodes: Sequence[str], values: Sequence[str], heads: Sequence[str], rules: Rules
) -> None:
    """Raise `UnsupportedPartError` if a name in the subcircuit `device` stands for two things, or is taken by `rules`.

    `nodes` are its pins and inner nodes, `values` its parameters, `heads` the names of its elements.
    """
    twice = {name for some in (nodes, values, heads) for name, times in Counter(some).items() if times > 1}
    strange = {name for name in (device, *nodes, *values) if not _NAME.fullmatch(name)}
    taken = (
        (rules.reserved & set(nodes))
        | ((rules.constants | rules.functions) & set(values))
        | (rules.primitives & {device})
    )
    wrong = sorted(twice | strange | taken)
    if wrong:
        must = "have names of a-z, 0-9 and _ that differ, also in small letters, and are no words of the simulator"
        do = "name its pins and values otherwise by CardNames"
        got = ascii(", ".join(wrong))[:80]
        raise UnsupportedPartError(explain(f"device {ascii(device)[1:-1]}", must=must, got=got, do=do))
