"""What netlist cards call the terminals and the parameters of the parts that declare a law.

SPICE knows resistances, and some of its simulators refuse names such as `limit`; older decks have these names too.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import singledispatch

from lstm_analog.expressions import LINE, Expression, divide, effort, number, parameter, substituted
from lstm_analog.network.parts import (
    Followers,
    Inertances,
    OpAmps,
    Pairs,
    Part,
    Ports,
    Spools,
    Stops,
    Switches,
    law,
)


@dataclass(frozen=True, kw_only=True)
class CardLabels:
    """The names on the cards of a bank.

    Attributes
    ----------
    pins : mapping of str to str
        The pin of each terminal, in the order of the card.
    values : mapping of str to str
        The value of each parameter that the cards bear.
    inverse : frozenset of str
        The parameters, conductances, whose value is a resistance.
    inner : callable
        What a device calls the inner node of something that is named in the law.
    """

    pins: Mapping[str, str]
    values: Mapping[str, str]
    inverse: frozenset[str] = frozenset()
    inner: Callable[[str], str] = str

    def renamed(self, part: Part, value: Expression, gated: bool) -> Expression:
        """Return a `value` of the law of `part` in these names, its line high for good unless it is `gated`."""
        absent = {parameter(key): number(each) for key, each in law(part).neutral.items() if key not in self.values}
        known: dict[Expression, Expression] = {effort(key): effort(pin) for key, pin in self.pins.items()} | absent
        for key, name in self.values.items():
            known[parameter(key)] = divide(1.0, parameter(name)) if key in self.inverse else parameter(name)
        return substituted(value, known if gated else known | {LINE: number(1.0)})


_PORT_NODES = {"u": "u0", "v": "w0", "s": "s0"}


def _from_zero(name: str) -> str:
    return re.sub(r"\d+", lambda found: str(int(found[0]) - 1), name)


@singledispatch
def labels(part: Part) -> CardLabels:
    """Return what the cards of `part` call what is in its law: as the law does, unless its kind is registered."""
    own = law(part)
    return CardLabels(pins={end: end for end in own.terminals}, values={name: name for name in own.units})


@labels.register
def _(part: Switches) -> CardLabels:
    return CardLabels(
        pins={"a": "a", "b": "b"}, values={"closed": "ron", "opened": "roff"}, inverse=frozenset({"closed", "opened"})
    )


@labels.register
def _(part: Followers) -> CardLabels:
    terms = range(1, len(part.terms) + 1)
    return CardLabels(
        pins={"nodes": "out", **{f"inputs{k}": f"in{k - 1}" for k in terms}},
        values={"offset": "offset", "low": "low", "high": "high", **{f"gain{k}": f"gain{k - 1}" for k in terms}},
    )


@labels.register
def _(part: Pairs) -> CardLabels:
    tiers = range(1, len(part.factors) + 1)
    values = {f"{name}{k}": f"{short}{k - 1}" for k in tiers for name, short in (("scale", "k"), ("offset", "o"))}
    return CardLabels(
        pins={"out": "out", **{f"{end}{k}": f"{end}{k - 1}" for k in tiers for end in "pn"}},
        values={"current": "i0", **values},
        inner=_from_zero,
    )


@labels.register
def _(part: Ports) -> CardLabels:
    values = {"conductance": "g0", "scale": "k0", "offset": "o0"}
    values |= {} if part.free else {"limit": "lim", "deadband": "dead"}
    values |= {} if part.laminar else {"transition": "pcr"}
    return CardLabels(
        pins={"a": "a", "b": "b", "p": "p0", "n": "n0"},
        values=values,
        inner=lambda name: _PORT_NODES.get(name, name),
    )


@labels.register
def _(part: OpAmps) -> CardLabels:
    values = {
        "transconductance": "gm",
        "current_limit": "imax",
        "conductance": "rx",
        "capacitance": "cx",
        "offset": "vos",
        "swing": "swing",
        "clamp": "clamp",
        "clamp_conductance": "gclamp",
        "output_conductance": "rout",
    }
    values |= {"common_mode": "cm"} if part.common_mode.any() else {}
    values |= {} if part.unlimited else {"output_limit": "iout"}
    return CardLabels(
        pins={"plus": "plus", "minus": "minus", "out": "out", "state": "x"},
        values=values,
        inverse=frozenset({"conductance", "output_conductance"}),
    )


@labels.register
def _(part: Inertances) -> CardLabels:
    return CardLabels(
        pins={"a": "a", "b": "b", "state": "x"},
        values={"inertance": "l", "closed": "ron", "opened": "roff", "closing": "tc"},
        inverse=frozenset({"closed", "opened"}),
    )


@labels.register
def _(part: Spools) -> CardLabels:
    return CardLabels(
        pins={"p": "p", "n": "n", "position": "x", "speed": "s"},
        values={"capacitance": "cx", "frequency": "w0", "damping": "zeta"},
    )


@labels.register
def _(part: Stops) -> CardLabels:
    return CardLabels(pins={"nodes": "e"}, values={"low": "lo", "high": "hi", "conductance": "g", "band": "band"})
