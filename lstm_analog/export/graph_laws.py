"""Write the laws of all parts as formulas in text, for solvers of a graph file that do not use this package.

They are the declared laws; a test evaluates them element by element and compares them with `network.laws`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from lstm_analog.expressions import Expression, Op, effort, number, parameter, substituted, symbols
from lstm_analog.expressions.languages import GRAPH, written
from lstm_analog.network.parts import base

GRAMMAR = (
    "A formula is statements `name = expression` with `;` between, each of which may use the names before it; the "
    "last name says what the formula gives. An expression is made of numbers, names, + - * / with their usual "
    "precedence, a sign, parentheses, and abs(x) exp(x) log1p(x) max(x, y) min(x, y) sqrt(x) tanh(x). A name is, in "
    "this order: one given before it; `on`, 1 while the clock line that the element names as its `clock` is high or "
    "if it names none, else 0; `a` and `b`, the efforts of the node an edge comes from and of the node it leads to; "
    "`e`, the effort of the node whose formula it is; an attribute of the element that holds a number, in the unit "
    "that the law states; an attribute that holds the name of a node, for the effort of that node. `through` is the "
    "flow from a to b: it leaves a and enters b; `into` enters b and leaves nowhere. `effort` is the effort of a "
    "follower, `rate` that of an internal state, in efforts a second: neither asks what flow enters. `surplus` is "
    "that of a state of two values: where it rises above zero the state becomes 1 minus itself, at that moment. A "
    "source has the effort that is imposed on it, else its own `effort`, whatever enters; node 0 is at zero. The "
    "effort of a storage rises with all that enters it over its `capacitance`; what enters a junction is zero in "
    "all. A transistor-level cell has no formula. All is in SI units, effort and flow in those that the graph names."
    " The `schedule`, if there is one, has the `intervals` in order from time zero, each of its `duration` in "
    "seconds, with the clock lines that are `high`; its first `once` come once, the rest makes whole steps. "
    "`imposed` has for each bank of sources its `nodes` and a row of their `efforts` an interval, or a single row "
    "for all. `start` is the effort of a node at time zero."
)
"""The definition of the formulas; every graph file contains this text."""

Units = tuple[tuple[str, str], ...]
"""Pairs of a parameter and its kind of quantity, a key of `Domain.units`."""

Bounds = frozenset[str]
"""The optional parameters that have an effect: a limit that is finite, a deadband above zero."""


@dataclass(frozen=True, kw_only=True)
class GraphLaw:
    """A law in a graph file: its `name`, and what it `gives`, the `value`, with the `units` of the parameters in it."""

    name: str
    gives: str
    value: Expression
    units: Units

    @property
    def formula(self) -> str:
        """The law as text, by `GRAMMAR`."""
        lets, (text,) = written([self.value], GRAPH)
        return "; ".join([*(f"{key} = {body}" for key, body in lets.items()), f"{self.gives} = {text}"])


_NONE: Mapping[str, str] = MappingProxyType({})
NAMES: Mapping[str, str] = MappingProxyType({"closed": "conductance", "opened": "leak"})
"""The names in graph files of the two conductances of a switch, by those in its law."""


def formula(
    name: str,
    law: base.Law,
    value: Expression,
    gives: str,
    *,
    given: Collection[str] = (),
    efforts: Mapping[str, str] = _NONE,
    parameters: Mapping[str, str] = NAMES,
) -> GraphLaw:
    """Return one `value` of a declared `law` as a law called `name`; `gives` is the name of its result.

    The optional parameters `given` appear in it, the others are neutral. `efforts` and `parameters` are the names in
    the file by those in the law, where the two differ.
    """
    absent = {parameter(key): number(neutral) for key, neutral in law.neutral.items() if key not in given}
    value = substituted(value, absent)
    used = {one.name for one in symbols(value) if one.op is Op.PARAMETER}
    renamed = {effort(key): effort(other) for key, other in efforts.items()}
    renamed |= {parameter(key): parameter(other) for key, other in parameters.items()}
    units = tuple((parameters.get(key, key), unit) for key, unit in law.units.items() if key in used)
    return GraphLaw(name=name, gives=gives, value=substituted(value, renamed), units=units)


TRANSCONDUCTOR = GraphLaw(
    name="transconductor",
    gives="into",
    value=parameter("value") * effort("a"),
    units=(("value", "conductance"),),
)
