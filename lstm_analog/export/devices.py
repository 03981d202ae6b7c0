"""The subcircuits behind x cards: each part's equation in a simulator's own words."""

from lstm_analog.errors import UnsupportedPartError, explain
from lstm_analog.export.cards import Cards
from lstm_analog.export.dialects import Dialect, curve_text
from lstm_analog.network.parts import ALWAYS
from lstm_analog.network.shapes import Shape


def subcircuit(read: Cards, dialect: Dialect) -> str:
    """Return the `.subckt` text of the device of the cards `read` in `dialect`, comment included."""
    family = read.device.split("_")[0]
    if family not in _BODIES:
        do = "write its body in export/devices.py"
        raise UnsupportedPartError(explain("device", must="have a subcircuit", got=read.device, do=do))
    pins, body = _BODIES[family](read, dialect)
    named = " ".join(f"{name}=1" for name in read.values)
    return "\n".join((f".subckt {read.device} {pins} {named}", *body, ".ends", ""))


def _expression(name: str, ends: str, kind: str, text: str) -> str:
    return f"b{name} {ends} {kind}{text}"


def _tier(number: int, shape: Shape, dialect: Dialect) -> tuple[str, str]:
    """Return the control u = k (v(p) - v(n)) + o and the curve s(u) of one tier, as voltages of inner nodes."""
    control = f"{{k{number}}}*(v(p{number})-v(n{number}))+{{o{number}}}"
    return (
        _expression(f"u{number}", f"u{number} 0", dialect.voltage, control),
        _expression(f"s{number}", f"s{number} 0", dialect.voltage, curve_text(shape, f"u{number}")),
    )


def _enable(read: Cards) -> tuple[str, str]:
    return ("", "") if read.line == ALWAYS else (" en", "*v(en)")


def _pair(read: Cards, dialect: Dialect) -> tuple[str, tuple[str, ...]]:
    shapes = [Shape(name) for name in read.options["shapes"].split(",")]
    pin, factor = _enable(read)
    pins = "out " + " ".join(f"p{k} n{k}" for k in range(len(shapes))) + pin
    tiers = [line for k, shape in enumerate(shapes) for line in _tier(k, shape, dialect)]
    product = "*".join(["{i0}", *(f"v(s{k})" for k in range(len(shapes)))]) + factor
    return pins, (*tiers, _expression("out", "0 out", dialect.current, product))


def _port(read: Cards, dialect: Dialect) -> tuple[str, tuple[str, ...]]:
    pin, factor = _enable(read)
    extras, shape = read.options.get("flow", "").split(","), Shape(read.options["shape"])
    drop = "(v(a)-v(b))"
    passing = f"{drop}*exp(-0.25*ln(1+({drop}/{{pcr}})*({drop}/{{pcr}})))" if "orifice" in extras else drop
    through = _expression("ab", "a b", dialect.current, f"{{g0}}*v(s0)*{passing}{factor}")
    if "stops" not in extras:
        return f"a b p0 n0{pin}", (*_tier(0, shape, dialect), through)
    control, _ = _tier(0, shape, dialect)
    stopped = "min(max(v(u0)-min(max(v(u0),-{dead}),{dead}),-{lim}),{lim})"
    opening = _expression("w0", "w0 0", dialect.voltage, stopped)
    shaped = _expression("s0", "s0 0", dialect.voltage, curve_text(shape, "w0"))
    return f"a b p0 n0{pin}", (control, opening, shaped, through)


def _switch(_read: Cards, dialect: Dialect) -> tuple[str, tuple[str, ...]]:
    model = f".model contact {dialect.switch} ron={{ron}} roff={{roff}})"
    return "a b clk", ("s1 a b clk 0 contact", model)


def _follower(read: Cards, dialect: Dialect) -> tuple[str, tuple[str, ...]]:
    terms = range(int(read.options["terms"]))
    total = "+".join(["{offset}", *(f"{{gain{k}}}*v(in{k})" for k in terms)])
    pins = " ".join(["out", *(f"in{k}" for k in terms)])
    return pins, (_expression("1", "out 0", dialect.voltage, f"min(max({total},{{low}}),{{high}})"),)


def _opamp(_read: Cards, dialect: Dialect) -> tuple[str, tuple[str, ...]]:
    return "plus minus out x", (
        _expression("i", "0 x", dialect.current, "{imax}*tanh({gm}*(v(plus)-v(minus)+{vos})/{imax})"),
        "r1 x 0 {rx}",
        "c1 x 0 {cx}",
        _expression("k", "x 0", dialect.current, "{gclamp}*(v(x)-min(max(v(x),-{clamp}),{clamp}))"),
        _expression("o", "o 0", dialect.voltage, "{swing}*tanh(v(x)/{swing})"),
        "r2 o out {rout}",
    )


def _inertance(read: Cards, dialect: Dialect) -> tuple[str, tuple[str, ...]]:
    """Return a capacitor of L G^2 for the state x, what drives it, and the flow G x it lets through."""
    pin, _ = _enable(read)
    drop = "(v(a)-v(b))"
    drive = f"({drop}-v(x))/{{ron}}"
    if pin:
        dying = f"{{l}}/({{ron}}*{{ron}}*{{tc}})*({{ron}}/{{roff}}*{drop}-v(x))"
        drive = f"v(en)*{drive}+(1-v(en))*{dying}"
    return f"a b x{pin}", (
        "c1 x 0 {l/(ron*ron)}",
        _expression("x", "0 x", dialect.current, drive),
        _expression("ab", "a b", dialect.current, "v(x)/{ron}"),
    )


def _spool(_read: Cards, dialect: Dialect) -> tuple[str, tuple[str, ...]]:
    return "p n x s", (
        "c1 x 0 {cx}",
        "c2 s 0 {cx}",
        _expression("x", "0 x", dialect.current, "{cx}*{w0}*v(s)"),
        _expression("s", "0 s", dialect.current, "{cx}*{w0}*(v(p)-v(n)-v(x)-2*{zeta}*v(s))"),
    )


def _stops(_read: Cards, dialect: Dialect) -> tuple[str, tuple[str, ...]]:
    def valve(beyond: str) -> str:
        opening = f"min(max({beyond},0),{{band}})"
        return f"(0.5*{opening}*{opening}/{{band}}+max({beyond}-{{band}},0))"

    return "e", (_expression("e", "0 e", dialect.current, f"{{g}}*({valve('({lo}-v(e))')}-{valve('(v(e)-{hi})')})"),)


_BODIES = {
    "pair": _pair,
    "port": _port,
    "switch": _switch,
    "follower": _follower,
    "opamp": _opamp,
    "inertance": _inertance,
    "spool": _spool,
    "stops": _stops,
}
