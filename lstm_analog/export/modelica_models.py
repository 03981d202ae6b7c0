"""The Modelica model behind each kind of part: the equations of `network.laws` in Modelica's words.

Pins carry an effort `e` and a flow `f`, positive into the component. A pin that only senses has `f = 0`.
"""

from dataclasses import dataclass

from lstm_analog.network.domain import Domain
from lstm_analog.network.shapes import Shape


@dataclass(frozen=True, kw_only=True)
class Model:
    """A Modelica model.

    Attributes
    ----------
    name : str
        Its name, a capital first.
    title : str
        What it is, shown by tools; no quotation marks.
    parameters : tuple of (name, unit)
        The unit is 1 or a key of `units`.
    variables : tuple of str
        Declarations besides parameters and pins.
    pins : tuple of str
        Its connectors, with their modifications.
    equations : tuple of str
        Without semicolons.
    """

    name: str
    title: str
    parameters: tuple[tuple[str, str], ...]
    variables: tuple[str, ...] = ()
    pins: tuple[str, ...]
    equations: tuple[str, ...]


def quoted(text: str) -> str:
    """Return `text` as a Modelica string literal."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def units(domain: Domain) -> dict[str, str]:
    """Return the units of `domain` as Modelica spells them: of effort, flow, conductance and so on."""
    return {key: unit.replace(" ", ".") for key, unit in domain.units.items()}


def model_text(model: Model, domain: Domain) -> str:
    """Return the definition of `model` with the units of `domain`, indented once."""
    unit = units(domain)
    lines = [f"  model {model.name} {quoted(model.title)}"]
    lines += [f"    parameter Real {name}(unit = {quoted(unit[key])});" for name, key in model.parameters]
    lines += [f"    {variable};" for variable in model.variables]
    lines += [f"    Pin {', '.join(model.pins)};", "  equation"]
    lines += [f"    {equation};" for equation in model.equations]
    return "\n".join([*lines, f"  end {model.name};", ""])


def connector_text(domain: Domain) -> str:
    """Return the definition of the connector of `domain`, indented once."""
    unit = units(domain)
    return (
        f"  connector Pin {quoted(f'{domain.effort} and {domain.flow}')}\n"
        f"    Real e(unit = {quoted(unit['effort'])}) {quoted(domain.effort)};\n"
        f"    flow Real f(unit = {quoted(unit['flow'])}) {quoted(domain.flow + ', positive into the component')};\n"
        "  end Pin;\n"
    )


def _curve(shape: Shape, u: str) -> str:
    """Return s(u) of `shape`; as `shapes.curve`, the tail of softplus(u)/sigmoid(u) by its series."""
    softplus = f"(max({u}, 0) + log(1 + exp(-abs({u}))))"
    series = f"1 + exp({u})/2 - exp(2*{u})/6 + exp(3*{u})/12"
    return {
        Shape.LINEAR: u,
        Shape.SIGMOID: f"(0.5 + 0.5*tanh(0.5*{u}))",
        Shape.TANH: f"tanh({u})",
        Shape.SOFTPLUS: softplus,
        Shape.SOFTPLUS_RATIO: f"noEvent(if {u} < -9 then {series} else (1 + exp(-max({u}, -9)))*{softplus})",
        Shape.CLIP: f"min(max({u}, 0), 1)",
        Shape.RELU: f"max({u}, 0)",
        Shape.EXP: f"exp(min(max({u}, -200), 200))",
    }[shape]


def _throttled(drop: str) -> str:
    """Return f(dp) of an orifice; the root of a root, for a power of -1/4 has no derivative in some tools."""
    return f"({drop})/sqrt(sqrt(1 + (({drop})/transition)^2))"


_ON = "input Boolean on = true"
DROP = "a.e - b.e"
PASS = "b.f = -a.f"

DATUM_MODEL = Model(
    name="Datum",
    title="the datum: effort zero",
    parameters=(),
    pins=("pin",),
    equations=("pin.e = 0",),
)
SOURCE = Model(
    name="Source",
    title="imposes an effort",
    parameters=(),
    variables=("input Real effort",),
    pins=("pin",),
    equations=("pin.e = effort",),
)
STORAGE = Model(
    name="Storage",
    title="store to the datum: capacitor, tank, piston on a spring",
    parameters=(("C", "capacitance"), ("start", "effort")),
    pins=("pin(e(start = start, fixed = true))",),
    equations=("C*der(pin.e) = pin.f",),
)
JUNCTION = Model(
    name="Junction",
    title="no storage: what flows in flows out",
    parameters=(("start", "effort"),),
    pins=("pin(e(start = start))",),
    equations=("pin.f = 0",),
)
CONDUCTOR = Model(
    name="Conductor",
    title="linear: resistor, capillary (Hagen-Poiseuille)",
    parameters=(("G", "conductance"),),
    pins=("a", "b"),
    equations=(f"a.f = G*({DROP})", PASS),
)
ORIFICE = Model(
    name="Orifice",
    title="flow goes with the root of the drop far above the transition",
    parameters=(("G", "conductance"), ("transition", "effort")),
    pins=("a", "b"),
    equations=(f"a.f = G*{_throttled(DROP)}", PASS),
)
TUBE = Model(
    name="Tube",
    title="capillary with end losses: drop = f/G (1 + abs(f)/end_flow)",
    parameters=(("G", "conductance"), ("end_flow", "flow")),
    pins=("a", "b"),
    equations=(f"a.f = 2*G*({DROP})/(1 + sqrt(1 + 4*G*abs({DROP})/end_flow))", PASS),
)
SWITCH = Model(
    name="Switch",
    title="conductor with a clock: transistor switch, solenoid valve",
    parameters=(("closed", "conductance"), ("opened", "conductance")),
    variables=("input Boolean on",),
    pins=("a", "b"),
    equations=(f"a.f = (if on then closed else opened)*({DROP})", PASS),
)
TRANSCONDUCTOR = Model(
    name="Transconductor",
    title="feeds G times the effort that it senses",
    parameters=(("G", "conductance"),),
    pins=("sense", "feed"),
    equations=("feed.f = -G*sense.e", "sense.f = 0"),
)
OPAMP = Model(
    name="OpAmp",
    title="one-pole op-amp, its state x",
    parameters=(
        ("gm", "conductance"),
        ("limit", "flow"),
        ("G", "conductance"),
        ("C", "capacitance"),
        ("offset", "effort"),
        ("swing", "effort"),
        ("clamp", "effort"),
        ("G_clamp", "conductance"),
        ("G_out", "conductance"),
        ("start", "effort"),
    ),
    variables=("Real beyond = x.e - min(max(x.e, -clamp), clamp)",),
    pins=("plus", "minus", "out", "x(e(start = start, fixed = true))"),
    equations=(
        "C*der(x.e) = x.f + limit*tanh(gm*(plus.e - minus.e + offset)/limit) - G*x.e - G_clamp*beyond",
        "out.f = G_out*(out.e - swing*tanh(x.e/swing))",
        "plus.f = 0",
        "minus.f = 0",
    ),
)


def follower(terms: int, clipped: bool) -> Model:
    """Return the model of a follower of `terms` inputs, `clipped` or unbounded."""
    total = " + ".join(["offset", *(f"gain{k}*in{k}.e" for k in range(1, terms + 1))])
    bounds = (("low", "effort"), ("high", "effort")) if clipped else ()
    return Model(
        name=f"{'Clipped' if clipped else ''}Follower{terms}",
        title="sum of what it senses, loading nothing: voltage follower, force-balance relay",
        parameters=(("offset", "effort"), *((f"gain{k}", "1") for k in range(1, terms + 1)), *bounds),
        pins=("pin", *(f"in{k}" for k in range(1, terms + 1))),
        equations=(
            f"pin.e = min(max({total}, low), high)" if clipped else f"pin.e = {total}",
            *(f"in{k}.f = 0" for k in range(1, terms + 1)),
        ),
    )


def pair(shapes: tuple[Shape, ...]) -> Model:
    """Return the model of stacked pairs with tiers of these `shapes`."""
    tiers = [(k, shape) for k, shape in enumerate(shapes, start=1)]
    product = "*".join(["current", *(_curve(shape, f"u{k}") for k, shape in tiers)])
    return Model(
        name="_".join(["Pair", *(shape.value for shape in shapes)]),
        title="feeds the product of its tiers: stacked differential pairs, flow-control valve",
        parameters=(("current", "flow"), *((f"{name}{k}", unit) for k, _ in tiers for name, unit in _CONTROL)),
        variables=(_ON, *(_control(str(k)) for k, _ in tiers)),
        pins=("out", *(f"{pin}{k}" for k, _ in tiers for pin in "pn")),
        equations=(
            f"out.f = if on then -{product} else 0",
            *(f"{pin}{k}.f = 0" for k, _ in tiers for pin in "pn"),
        ),
    )


_CONTROL = (("scale", "per_effort"), ("offset", "1"))


def _control(tier: str) -> str:
    return f'Real u{tier} = scale{tier}*(p{tier}.e - n{tier}.e) + offset{tier} "control"'


def port(shape: Shape, free: bool, laminar: bool) -> Model:
    """Return the model of ports of `shape`; `free` have no limit and no deadband, `laminar` no transition."""
    opening = "" if free else 'Real v = min(max(u - min(max(u, -deadband), deadband), -limit), limit) "opening"'
    extras = () if free else (("limit", "1"), ("deadband", "1"))
    passing = f"({DROP})" if laminar else _throttled(DROP)
    return Model(
        name="_".join(["Port", shape.value, *([] if free else ["limited"]), *([] if laminar else ["orifice"])]),
        title="conductance under control: valve with a characterised trim, pseudo-resistor",
        parameters=(("G", "conductance"), *_CONTROL, *extras, *(() if laminar else (("transition", "effort"),))),
        variables=(_ON, _control(""), *([opening] if opening else [])),
        pins=("a", "b", "p", "n"),
        equations=(
            f"a.f = if on then G*{_curve(shape, 'u' if free else 'v')}*{passing} else 0",
            PASS,
            "p.f = 0",
            "n.f = 0",
        ),
    )
