"""The subcircuits behind x cards: each part's equation in a simulator's own words, dispatched on the kind of part."""

from dataclasses import dataclass
from functools import singledispatch

from lstm_analog.errors import UnsupportedPartError, explain
from lstm_analog.export.cards import Cards
from lstm_analog.export.dialects import Dialect, curve_text
from lstm_analog.export.emit import capacitor, current_source, resistor, subcircuit_text, switch, voltage_source
from lstm_analog.network.parts import (
    ALWAYS,
    Followers,
    Inertances,
    OpAmps,
    Pairs,
    Part,
    Ports,
    Spools,
    Stops,
    Switches,
)
from lstm_analog.network.shapes import Shape


@dataclass(frozen=True, kw_only=True)
class Body:
    """What a device consists of: the names of its `pins`, apart by blanks, and its `lines`."""

    pins: str
    lines: tuple[str, ...]


def subcircuit(part: Part, read: Cards, dialect: Dialect) -> str:
    """Return the text in `dialect` of the device of `part`, whose cards are `read`."""
    made = body(part, read, dialect)
    return subcircuit_text(dialect, read.device, made.pins, tuple(read.values), made.lines)


@singledispatch
def body(part: Part, read: Cards, dialect: Dialect) -> Body:
    """Return the pins and lines in `dialect` of the device of `part`, whose cards are `read`."""
    do = "register its body, as in export/devices.py"
    raise UnsupportedPartError(explain(f"part {type(part).__name__}", must="have a device", got=read.device, do=do))


def _tier(number: int, shape: Shape, dialect: Dialect) -> tuple[str, str]:
    """Return the control u = k (v(p) - v(n)) + o and the curve s(u) of one tier, as voltages of inner nodes."""
    control = f"{{k{number}}}*(v(p{number})-v(n{number}))+{{o{number}}}"
    return (
        voltage_source(dialect, f"u{number}", f"u{number}", "0", control),
        voltage_source(dialect, f"s{number}", f"s{number}", "0", curve_text(shape, f"u{number}")),
    )


def _enable(read: Cards) -> tuple[str, str]:
    return ("", "") if read.line == ALWAYS else (" en", "*v(en)")


@body.register
def _(part: Pairs, read: Cards, dialect: Dialect) -> Body:
    shapes = [factor.shape for factor in part.factors]
    pin, factor = _enable(read)
    pins = "out " + " ".join(f"p{k} n{k}" for k in range(len(shapes))) + pin
    tiers = [line for k, shape in enumerate(shapes) for line in _tier(k, shape, dialect)]
    product = "*".join(["{i0}", *(f"v(s{k})" for k in range(len(shapes)))]) + factor
    return Body(pins=pins, lines=(*tiers, current_source(dialect, "out", "0", "out", product)))


@body.register
def _(part: Ports, read: Cards, dialect: Dialect) -> Body:
    pin, factor = _enable(read)
    drop = "(v(a)-v(b))"
    passing = drop if "pcr" not in read.values else f"{drop}*exp(-0.25*ln(1+({drop}/{{pcr}})*({drop}/{{pcr}})))"
    through = current_source(dialect, "ab", "a", "b", f"{{g0}}*v(s0)*{passing}{factor}")
    control, shaped = _tier(0, part.shape, dialect)
    if "lim" not in read.values:
        return Body(pins=f"a b p0 n0{pin}", lines=(control, shaped, through))
    stopped = "min(max(v(u0)-min(max(v(u0),-{dead}),{dead}),-{lim}),{lim})"
    opening = voltage_source(dialect, "w0", "w0", "0", stopped)
    shaped = voltage_source(dialect, "s0", "s0", "0", curve_text(part.shape, "w0"))
    return Body(pins=f"a b p0 n0{pin}", lines=(control, opening, shaped, through))


@body.register
def _(part: Switches, read: Cards, dialect: Dialect) -> Body:
    return Body(pins="a b clk", lines=switch(dialect))


@body.register
def _(part: Followers, read: Cards, dialect: Dialect) -> Body:
    terms = range(len(part.terms))
    total = "+".join(["{offset}", *(f"{{gain{k}}}*v(in{k})" for k in terms)])
    pins = " ".join(["out", *(f"in{k}" for k in terms)])
    return Body(pins=pins, lines=(voltage_source(dialect, "1", "out", "0", f"min(max({total},{{low}}),{{high}})"),))


@body.register
def _(part: OpAmps, read: Cards, dialect: Dialect) -> Body:
    common = "+0.5*{cm}*(v(plus)+v(minus))" if "cm" in read.values else ""
    steering = f"{{imax}}*tanh({{gm}}*(v(plus)-v(minus)+{{vos}}{common})/{{imax}})"
    beyond = "v(x)-min(max(v(x),-{clamp}),{clamp})"
    if "iout" in read.values:
        beyond += "+(v(o)-v(out))-min(max(v(o)-v(out),-{iout}*{rout}),{iout}*{rout})"
    lines = (
        current_source(dialect, "i", "0", "x", steering),
        resistor(dialect, "1", "x", "0", "rx"),
        capacitor(dialect, "1", "x", "0", "cx"),
        current_source(dialect, "k", "x", "0", f"{{gclamp}}*({beyond})"),
        voltage_source(dialect, "o", "o", "0", "{swing}*tanh(v(x)/{swing})"),
        resistor(dialect, "2", "o", "out", "rout"),
    )
    return Body(pins="plus minus out x", lines=lines)


@body.register
def _(part: Inertances, read: Cards, dialect: Dialect) -> Body:
    """Return a capacitor of L G^2 for the state x, what drives it, and the flow G x it lets through."""
    pin, _ = _enable(read)
    drop = "(v(a)-v(b))"
    drive = f"({drop}-v(x))/{{ron}}"
    if pin:
        dying = f"{{l}}/({{ron}}*{{ron}}*{{tc}})*({{ron}}/{{roff}}*{drop}-v(x))"
        drive = f"v(en)*{drive}+(1-v(en))*{dying}"
    lines = (
        capacitor(dialect, "1", "x", "0", "l/(ron*ron)"),
        current_source(dialect, "x", "0", "x", drive),
        current_source(dialect, "ab", "a", "b", "v(x)/{ron}"),
    )
    return Body(pins=f"a b x{pin}", lines=lines)


@body.register
def _(part: Spools, read: Cards, dialect: Dialect) -> Body:
    lines = (
        capacitor(dialect, "1", "x", "0", "cx"),
        capacitor(dialect, "2", "s", "0", "cx"),
        current_source(dialect, "x", "0", "x", "{cx}*{w0}*v(s)"),
        current_source(dialect, "s", "0", "s", "{cx}*{w0}*(v(p)-v(n)-v(x)-2*{zeta}*v(s))"),
    )
    return Body(pins="p n x s", lines=lines)


@body.register
def _(part: Stops, read: Cards, dialect: Dialect) -> Body:
    def valve(beyond: str) -> str:
        opening = f"min(max({beyond},0),{{band}})"
        return f"(0.5*{opening}*{opening}/{{band}}+max({beyond}-{{band}},0))"

    flow = f"{{g}}*({valve('({lo}-v(e))')}-{valve('(v(e)-{hi})')})"
    return Body(pins="e", lines=(current_source(dialect, "e", "0", "e", flow),))
