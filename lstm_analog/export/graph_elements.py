"""Turn part banks into the edges of a graph and the attributes of the nodes that they set, with their laws in text.

The laws (`formula`) are for solvers of a graph file that do not use this package. They are the declared laws; a test
evaluates them element by element and compares them with `network.laws`.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import singledispatch
from types import MappingProxyType

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.expressions import Expression, Op, effort, number, parameter, substituted, symbols
from lstm_analog.expressions.languages import GRAPH, written
from lstm_analog.network.laws import Kind
from lstm_analog.network.parts import DATUM, Part, base, law, parameters_of, terminals_of

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
_NEVER: Bounds = frozenset()
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


CONDUCTANCE = "conductance"
"""The role of edges that carry flow between their ends."""
STATE = "an internal state"
"""The kind of a node that has a rate but is no store of flow: a state inside a part."""
_WORDS = frozenset(
    """a b e on abs exp log1p max min sqrt tanh kind label role unit law clock tier source target key id part scale
    start capacitance datum bore length count""".split()  # noqa: SIM905 - words are read better as words
)
"""What a name in a formula stands for by `GRAMMAR`, and the attributes of nodes and edges that are no parameters."""
FLOW = "flow"
"""The role of other edges that carry flow, often from the datum; efforts at their tail need not act on them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class GraphEdges:
    """The k edges of one role that a bank has.

    `role` says what they do; `tails` and `heads` (k,) are the unknowns at both ends. `values` (k,) are attributes that
    are numbers, by name; the first, that of the role, is of the kind `quantity`, a key of `Domain.units`. `law` is that
    of the elements, None for edges that only show which node acts on which, `terminals` (k,) are the further nodes in
    it, by name. `tier` is that of the stack of pairs that the edges control, from 1; 0 for other edges.
    """

    role: str
    tails: Indices
    heads: Indices
    quantity: str
    values: dict[str, Floats]
    law: GraphLaw | None = None
    terminals: dict[str, Indices] = field(default_factory=dict)
    tier: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Setting:
    """Attributes of the `nodes` (k,) that a bank sets: `kind`, and `law`, `values`, `terminals` as in `GraphEdges`."""

    nodes: Indices
    kind: str
    law: GraphLaw | None = None
    values: dict[str, Floats] = field(default_factory=dict)
    terminals: dict[str, Indices] = field(default_factory=dict)


@singledispatch
def wires(part: Part) -> tuple[GraphEdges, ...]:
    """Return the edges of the bank `part`; by default one for each flow in its law.

    Raises `UnsupportedPartError` for a part that neither declares a law nor is registered in export/graph_parts.py.
    """
    own = law(part)
    feeding = {("", end): value for end, value in own.into.items() if end not in own.stored}
    flows = [("through", ends, value) for ends, value in own.through.items()]
    flows += [("into", ends, value) for ends, value in feeding.items()]
    kind = type(part).__name__.lower()
    names = [" ".join((kind, *filter(None, ends))) if len(flows) > 1 else kind for _, ends, _ in flows]
    return tuple(_flow(part, name, value, gives, ends) for name, (gives, ends, value) in zip(names, flows, strict=True))


def _flow(part: Part, name: str, value: Expression, gives: str, ends: tuple[str, str]) -> GraphEdges:
    """Return edges for one flow `value` in the law of `part`, from the first to the second terminal of `ends`.

    The first may be empty, for the datum. Its law is called `name`, the result in the formula `gives`.
    """
    nodes = terminals_of(part)
    told, values, terminals = _told(part, name, value, gives, {end: "ab"[k] for k, end in enumerate(ends) if end})
    heads = nodes[ends[1]]
    return GraphEdges(
        role=FLOW,
        tails=nodes[ends[0]] if ends[0] else np.full(heads.size, DATUM),
        heads=heads,
        quantity=told.units[0][1] if told.units else "1",
        values=values or {"value": np.ones(heads.size)},
        law=told,
        terminals=terminals,
    )


def _told(
    part: Part, name: str, value: Expression, gives: str, ends: Mapping[str, str]
) -> tuple[GraphLaw, dict[str, Floats], dict[str, Indices]]:
    """Return one `value` in the law of `part` as a law called `name`, its parameters, and its further terminals.

    `ends` are the names in the formula of the terminals that the element itself has; `gives` is that of the result.
    Other names that stand for something else there, such as `e` or `kind`, have an underscore appended.
    """
    own, nodes, numbers = law(part), terminals_of(part), parameters_of(part)
    lets = written([value], GRAPH)[0].keys()
    taken = _WORDS | lets | {gives}
    names: dict[str, str] = {}
    for each in (*own.units, *(end for end in nodes if end not in ends)):
        free = each
        while free in taken:
            free += "_"
        names[each], taken = free, taken | {free}
    told = formula(name, own, value, gives, given=own.neutral, efforts={**names, **ends}, parameters=names)
    back = {free: each for each, free in names.items()}
    values = {free: numbers[back[free]] for free, _ in told.units}
    return told, values, {names[end]: at for end, at in nodes.items() if end not in ends}


@singledispatch
def settings(part: Part) -> tuple[Setting, ...]:
    """Return the attributes of the nodes that the bank `part` sets; by default efforts and rates of its law."""
    own = law(part)
    set_ = {end: (Kind.FOLLOWED.value, "effort", value) for end, value in own.sets.items()}
    states = {end: (STATE, "rate", own.entering(end) / stored) for end, stored in own.stored.items()}
    switched = {
        end: (Kind.SWITCHED.value, "surplus", guard.surplus(effort(end))) for end, guard in own.switched.items()
    }
    return tuple(_setting(part, end, *told) for end, told in (set_ | states | switched).items())


def _setting(part: Part, end: str, kind: str, gives: str, value: Expression) -> Setting:
    told, values, terminals = _told(part, f"{type(part).__name__.lower()} {end}", value, gives, {end: "e"})
    return Setting(nodes=terminals_of(part)[end], kind=kind, law=told, values=values, terminals=terminals)


def variants(neutral: Mapping[str, float], values: Mapping[str, Floats]) -> Iterator[tuple[Bounds, Indices]]:
    """Yield each combination of optional parameters that have an effect, with the elements that have it.

    `values` (m,) are those of these parameters and perhaps of others, `neutral` those at which they have none.
    """
    masks = np.stack([values[name] != without for name, without in neutral.items()])
    for mask in np.unique(masks, axis=1).T:
        bounds = frozenset(name for name, on in zip(neutral, mask, strict=True) if on)
        yield bounds, np.flatnonzero((masks == mask[:, None]).all(axis=0))


def limited(
    part: Part, kind: str, value: Expression, gives: str, efforts: Mapping[str, str] = _NONE, always: Bounds = _NEVER
) -> Iterator[tuple[GraphLaw, Indices, dict[str, Floats]]]:
    """Yield one `value` in the law of `part` for each of the `variants`: a law, the elements and their parameters.

    The law is called `kind` and by its optional parameters; those that are `always` there are not in its name. `gives`
    and `efforts` are as in `formula`.
    """
    own, numbers = law(part), parameters_of(part)
    optional = {name: neutral for name, neutral in own.neutral.items() if name not in always}
    for bounds, some in variants(optional, numbers):
        name = " ".join((kind, *sorted(bounds)))
        told = formula(name, own, value, gives, given=bounds | always, efforts=efforts)
        yield told, some, {key: numbers[key][some] for key, _ in told.units}


def signal(role: str, tails: Indices, heads: Indices, values: Floats, quantity: str = "1", tier: int = 0) -> GraphEdges:
    """Return edges of `role` from `tails` to `heads` (k,) without flow, with `values` (k,) of the kind `quantity`.

    `tier` is as in `GraphEdges`.
    """
    return GraphEdges(role=role, tails=tails, heads=heads, quantity=quantity, values={"value": values}, tier=tier)


def passage(law: GraphLaw, tails: Indices, heads: Indices, values: dict[str, Floats]) -> GraphEdges:
    """Return edges that carry flow from `tails` to `heads` (k,), by `law` with the `values`, conductance first."""
    return GraphEdges(role=CONDUCTANCE, tails=tails, heads=heads, quantity=CONDUCTANCE, values=values, law=law)
