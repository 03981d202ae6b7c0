"""The laws of all parts as formulas in text, for who runs a graph file without this package.

They say what `network.laws` computes, element by element; a test evaluates them and holds them against it.
"""

from dataclasses import dataclass

from lstm_analog.network.domain import Domain
from lstm_analog.network.shapes import Shape

GRAMMAR = (
    "A formula is statements `name = expression` with `;` between, each of which may use the names before it; the last "
    "name says what the formula gives. An expression is made of numbers, names, + - * / with their usual precedence, a "
    "sign, parentheses, and abs(x) exp(x) log1p(x) max(x, y) min(x, y) sqrt(x) tanh(x). A name is, in this order: one "
    "given before it; `on`, 1 while the clock line that the element names as its `clock` is high or if it names none, "
    "else 0; `a` and `b`, the efforts of the node an edge comes from and of the node it leads to; `e`, the effort of "
    "the node whose formula it is; an attribute of the element that holds a number, in the unit that the law states; "
    "an attribute that holds the name of a node, for the effort of that node. `through` is the flow from a to b: it "
    "leaves a and enters b; `into` enters b and leaves nowhere. `effort` is the effort of a follower, `rate` that of "
    "an internal state, in efforts a second: neither asks what flow enters. A source has the effort that is imposed on "
    "it, else its own `effort`, whatever enters; node 0 is at zero. The effort of a storage rises with all that enters "
    "it over its `capacitance`; what enters a junction is zero in all. A transistor-level cell has no formula. All is "
    "in SI units, effort and flow in those that the graph names. The `schedule`, if there is one, has the `intervals` "
    "in order from time zero, each of its `duration` in seconds, with the clock lines that are `high`; its first "
    "`once` come once, the rest makes whole steps. `imposed` has for each bank of sources its `nodes` and a row of "
    "their `efforts` an interval, or a single row for all. `start` is the effort of a node at time zero."
)
"""How the formulas are to be read; every graph file bears this text."""

Units = tuple[tuple[str, str], ...]
"""(parameter, key of `Domain.units`)."""

Bounds = frozenset[str]
"""Which of the parameters that may be neutral (an infinite limit, no deadband) are not."""


@dataclass(frozen=True, kw_only=True)
class Law:
    """A law in words of `GRAMMAR`: its `name`, its `formula`, and the `units` of the parameters in it."""

    name: str
    formula: str
    units: Units

    def stated(self, domain: Domain) -> dict[str, object]:
        """Return the law as graph files hold it: `formula`, and `units` by parameter, those of `domain`."""
        return {"formula": self.formula, "units": {name: domain.units[key] for name, key in self.units}}


_CURVES = {
    Shape.LINEAR: "{u}",
    Shape.SIGMOID: "(0.5 + 0.5*tanh(0.5*{u}))",
    Shape.TANH: "tanh({u})",
    Shape.SOFTPLUS: "(max({u}, 0) + log1p(exp(-abs({u}))))",
    Shape.SOFTPLUS_RATIO: "(1 + exp(-max({u}, -700)))*(max({u}, 0) + log1p(exp(-abs(max({u}, -700)))))",
    Shape.EXP: "exp(min(max({u}, -200), 200))",
    Shape.CLIP: "min(max({u}, 0), 1)",
    Shape.RELU: "max({u}, 0)",
}
"""s(u) of each shape. Below -700 softplus(u)/sigmoid(u) is 1 to the last digit, and exp(-u) no longer finite."""

_G, _CONTROL = ("conductance", "conductance"), (("scale", "per_effort"), ("offset", "1"))

CONDUCTOR = Law(name="conductor", formula="through = conductance*(a - b)", units=(_G,))
SWITCH = Law(
    name="switch",
    formula="through = (on*conductance + (1 - on)*leak)*(a - b)",
    units=(_G, ("leak", "conductance")),
)
ORIFICE = Law(
    name="orifice",
    formula="q = (a - b)/transition; through = conductance*(a - b)/sqrt(sqrt(1 + q*q))",
    units=(_G, ("transition", "effort")),
)
TUBE = Law(
    name="tube with end loss",
    formula="through = 2*conductance*(a - b)/(1 + sqrt(1 + 4*conductance*abs(a - b)/end_flow))",
    units=(_G, ("end_flow", "flow")),
)
TRANSCONDUCTOR = Law(name="transconductor", formula="into = value*a", units=(("value", "conductance"),))
LINE = Law(name="line", formula="through = conductance*state", units=(_G,))
LINE_STATE = Law(
    name="line state",
    formula="opened = (a - b - e)/(inertance*conductance); shut = (leak/conductance*(a - b) - e)/closing; "
    "rate = on*opened + (1 - on)*shut",
    units=(("inertance", "inertance"), _G, ("leak", "conductance"), ("closing", "time")),
)
SPOOL_POSITION = Law(name="spool position", formula="rate = frequency*speed", units=(("frequency", "frequency"),))
SPOOL_SPEED = Law(
    name="spool speed",
    formula="rate = frequency*(p - n - position - 2*damping*e)",
    units=(("frequency", "frequency"), ("damping", "1")),
)
OPAMP_OUTPUT = Law(
    name="op-amp output",
    formula="into = conductance*(swing*tanh(a/swing) - b)",
    units=(_G, ("swing", "effort")),
)


def stop(given: Bounds) -> Law:
    """Return the law of stops, of those of `low` and `high` that are `given`."""
    sides = [(name, beyond, sign) for name, beyond, sign in _SIDES if name in given]
    opening = [f"{name}_by = max({beyond}, 0); {name}_open = min({name}_by, band)" for name, beyond, _ in sides]
    flows = [f"{sign}(0.5*{name}_open*{name}_open/band + {name}_by - {name}_open)" for name, _, sign in sides]
    return Law(
        name=" ".join(["stop", *(name for name, *_ in sides)]),
        formula="; ".join([*opening, f"into = conductance*({' '.join(flows)})"]),
        units=(_G, ("band", "effort"), *((name, "effort") for name, *_ in sides)),
    )


_SIDES = (("low", "low - b", "+"), ("high", "b - high", "-"))


def port(shape: Shape, given: Bounds) -> Law:
    """Return the law of ports of `shape`, of those of `limit`, `deadband` and `transition` that are `given`."""
    opening = "u - min(max(u, -deadband), deadband)" if "deadband" in given else "u"
    opening = f"min(max({opening}, -limit), limit)" if "limit" in given else opening
    said, opened, drop = ["u = scale*(p - n) + offset"], "u", "(a - b)"
    if opening != opened:
        said, opened = [*said, f"v = {opening}"], "v"
    if "transition" in given:
        said, drop = [*said, "q = (a - b)/transition"], "(a - b)/sqrt(sqrt(1 + q*q))"
    said.append(f"through = on*conductance*{_CURVES[shape].format(u=opened)}*{drop}")
    extras = (("deadband", "1"), ("limit", "1"), ("transition", "effort"))
    return Law(
        name=" ".join(["port", shape.value, *sorted(given)]),
        formula="; ".join(said),
        units=(_G, *_CONTROL, *(entry for entry in extras if entry[0] in given)),
    )


def pair(shapes: tuple[Shape, ...]) -> Law:
    """Return the law of stacked pairs with tiers of these `shapes`."""
    tiers = tuple(enumerate(shapes, start=1))
    controls = [f"u{k} = scale{k}*(p{k} - n{k}) + offset{k}" for k, _ in tiers]
    product = "*".join(_CURVES[shape].format(u=f"u{k}") for k, shape in tiers)
    return Law(
        name=" ".join(["pair", *(shape.value for shape in shapes)]),
        formula="; ".join([*controls, f"into = on*current*{product}"]),
        units=(("current", "flow"), *((f"{name}{k}", unit) for k, _ in tiers for name, unit in _CONTROL)),
    )


def follower(terms: int, given: Bounds) -> Law:
    """Return the law of followers of so many `terms`, of those of `low` and `high` that are `given`."""
    total = " + ".join(["offset", *(f"gain{k}*in{k}" for k in range(1, terms + 1))])
    total = f"max({total}, low)" if "low" in given else total
    total = f"min({total}, high)" if "high" in given else total
    gains = tuple((f"gain{k}", "1") for k in range(1, terms + 1))
    return Law(
        name=" ".join(["follower", str(terms), *sorted(given)]),
        formula=f"effort = {total}",
        units=(("offset", "effort"), *gains, *((name, "effort") for name in sorted(given))),
    )


def opamp(given: Bounds) -> Law:
    """Return the law of the state of op-amps, with an `output_limit` if it is `given`."""
    said = [
        "difference = plus - minus + offset + 0.5*common_mode*(plus + minus)",
        "over = e - min(max(e, -clamp), clamp)",
    ]
    if "output_limit" in given:
        said += [
            "lead = swing*tanh(e/swing) - out",
            "reach = output_limit/output_conductance",
            "beyond = over + lead - min(max(lead, -reach), reach)",
        ]
    taken = "beyond" if "output_limit" in given else "over"
    steered = "current_limit*tanh(transconductance*difference/current_limit)"
    said.append(f"rate = ({steered} - conductance*e - clamp_conductance*{taken})/capacitance")
    extras = (("swing", "effort"), ("output_limit", "flow"), ("output_conductance", "conductance"))
    return Law(
        name=" ".join(["op-amp", *sorted(given)]),
        formula="; ".join(said),
        units=(*_OPAMP, *(extras if "output_limit" in given else ())),
    )


_OPAMP = (
    ("transconductance", "conductance"),
    ("current_limit", "flow"),
    _G,
    ("capacitance", "capacitance"),
    ("offset", "effort"),
    ("common_mode", "1"),
    ("clamp", "effort"),
    ("clamp_conductance", "conductance"),
)
