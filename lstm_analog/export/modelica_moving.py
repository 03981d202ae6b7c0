"""The Modelica models of parts that move: spools, lines whose fluid has mass, stops of tanks."""

from lstm_analog.export.modelica_models import DROP, PASS, Model


def _relief(beyond: str) -> str:
    return f"(min({beyond}, band)^2/(2*band) + max({beyond} - band, 0))"


SPOOL = Model(
    name="Spool",
    title="piston on a spring: position and speed of second order",
    parameters=(
        ("C", "capacitance"),
        ("w", "frequency"),
        ("zeta", "1"),
        ("start", "effort"),
        ("start_speed", "effort"),
    ),
    pins=(
        "p",
        "n",
        "position(e(start = start, fixed = true))",
        "speed(e(start = start_speed, fixed = true))",
    ),
    equations=(
        "C*der(position.e) = position.f + C*w*speed.e",
        "C*der(speed.e) = speed.f + C*w*(p.e - n.e - position.e - 2*zeta*speed.e)",
        "p.f = 0",
        "n.f = 0",
    ),
)
STOPS = Model(
    name="Stops",
    title="relief or overflow above a tank's upper stop, make-up below the lower one",
    parameters=(("low", "effort"), ("high", "effort"), ("G", "conductance"), ("band", "effort")),
    variables=(
        "Real above = max(pin.e - high, 0)",
        "Real below = max(low - pin.e, 0)",
    ),
    pins=("pin",),
    equations=(f"pin.f = G*({_relief('above')} - {_relief('below')})",),
)


def inertance(clocked: bool) -> Model:
    """Return the model of lines whose fluid has mass; `clocked` have a valve that a clock opens."""
    pushing = f"closed*({DROP} - x.e)"
    dying = f"L*closed^2/closing*(opened/closed*({DROP}) - x.e)"
    valve = (("opened", "conductance"), ("closing", "time")) if clocked else ()
    return Model(
        name="ValvedLine" if clocked else "Line",
        title="line whose fluid has mass; closed x.e flows from a to b",
        parameters=(("L", "inertance"), ("closed", "conductance"), *valve, ("start", "effort")),
        variables=("input Boolean on",) if clocked else (),
        pins=("a", "b", "x(e(start = start, fixed = true))"),
        equations=(
            f"L*closed^2*der(x.e) = x.f + ({f'if on then {pushing} else {dying}' if clocked else pushing})",
            "a.f = closed*x.e",
            PASS,
        ),
    )
