"""Parts of plumbing that move: liquid in a tank line, a spool on its spring, a tank at its stops.

A moving part has a state of its own besides the efforts at its nodes. The state is expressed in effort units, as the
effort that balances it at rest, so that one unit of signal has the same scale for states as for nodes.
"""

import math
from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.expressions import LINE, Expression, effort, let, maximum, minimum, parameter
from lstm_analog.network.bank import limit_array, node_array, positive_array
from lstm_analog.network.parts.base import THERMAL, CardNames, Law, check_bank, law


@dataclass(frozen=True, kw_only=True, eq=False)
class Inertances:
    """Lines whose fluid has mass, each with a valve: flow from a to b is G x, x the internal `state` (effort unit).

    x is the part of the drop that friction takes. With the valve open, L dphi/dt = e_a - e_b - phi/G for the flow
    phi = G x; shut, the flow dies within the valve's closing time T towards the leak, T dphi/dt = g (e_a - e_b) - phi.
    As a storage, an inertance behind a gyrator being one of L G^2:

    `L G^2 dx/dt = G (e_a - e_b - x)` open, `L G^2 dx/dt = L G^2/T (g/G (e_a - e_b) - x)` shut.

    An inductor with its resistance; a tank line of L = 4/3 rho l/A, the kinetic energy of a parabolic profile being
    4/3 of that of an even one, G by Hagen-Poiseuille. A rigid column: valid while T is longer than sound takes to
    and fro, 2 l/a, and while the profile keeps up, for changes slower than rho d^2/(24 mu) = L G. The hammer of a
    faster valve is a figure of the design check (Joukowsky 1898).

    Its noise is that of the friction, 4 k T G into `state`; shut, that of the leak.

    Attributes
    ----------
    line : int
        The clock line that opens the valve, `ALWAYS` for none.
    a, b, state : int array, (m,)
        Ends and internal state.
    inertance : float array, (..., m)
        L (effort unit s per flow unit).
    closed, opened : float array, (..., m)
        G while the line is high and g while it is low, in the words of `Switches` (conductance unit).
    closing : float array, (..., m)
        T (s).
    """

    label: str
    line: int
    a: Indices = node_array()
    b: Indices = node_array()
    state: Indices = node_array()
    inertance: Floats = positive_array()
    closed: Floats = positive_array()
    opened: Floats = positive_array()
    closing: Floats = positive_array()

    def __post_init__(self) -> None:
        check_bank(self)


@dataclass(frozen=True, kw_only=True, eq=False)
class Spools:
    """Pistons on springs, driven by a difference of efforts, the valves that they open being `Ports`.

    The position X = k x/A (effort unit) is the pressure that the spring balances, V = (dX/dt)/w its speed:

    `dX/dt = w V`, `dV/dt = w (e_p - e_n - X - 2 zeta V)`; so m x'' + b x' + k x = A (e_p - e_n), w^2 = k/m.

    C = A^2/k turns them into flows: C dX/dt is what the pilot displaces. That flow is not drawn from the pilots: their
    chambers have that capacitance already, as if the spool followed at once. Newton with viscous friction; Merritt,
    Hydraulic Control Systems (1967). Valid between the end stops; dry friction is the deadband of the ports. Its noise
    is that of the viscous friction.

    Attributes
    ----------
    p, n : int array, (m,)
        The pilots.
    position, speed : int array, (m,)
        The internal states X and V.
    capacitance : float array, (..., m)
        C (capacitance unit).
    frequency, damping : float array, (..., m)
        Natural frequency w (rad/s) and damping ratio zeta.
    """

    label: str
    p: Indices = node_array()
    n: Indices = node_array()
    position: Indices = node_array()
    speed: Indices = node_array()
    capacitance: Floats = positive_array()
    frequency: Floats = positive_array()
    damping: Floats = positive_array()

    def __post_init__(self) -> None:
        check_bank(self)


@dataclass(frozen=True, kw_only=True, eq=False)
class Stops:
    """The lowest and highest effort of tanks: the flow into `nodes` is G f(low - e) - G f(e - high), 0 in between.

    f(u) = min(max(u, 0), w)^2/(2 w) + max(u - w, 0): a valve that opens over the `band` w, so that the flow and its
    slope are continuous. An open tube overflows, and draws air when it is dry; a piston at its stop opens its relief
    valve, or its make-up valve. That flow comes from the datum or goes there, so it is lost to the signal.

    Attributes
    ----------
    nodes : int array, (m,)
        The tanks.
    low, high : float array, (..., m)
        The stops (effort unit); infinite for none.
    conductance : float array, (..., m)
        G (conductance unit).
    band : float array, (..., m)
        w (effort unit).
    """

    label: str
    nodes: Indices = node_array()
    low: Floats = limit_array()
    high: Floats = limit_array()
    conductance: Floats = positive_array()
    band: Floats = positive_array()

    def __post_init__(self) -> None:
        """Check the label, the arrays and that low lies below high."""
        check_bank(self)
        if not (self.low < self.high).all():
            got = f"{np.max(self.low):.6g} and {np.min(self.high):.6g}"
            do = "give the pressures of a dry and of a full tank"
            raise InvalidValueError(explain(f"{self.label}.low and high", must="be in order", got=got, do=do))


def _inertance() -> Law:
    drop, x = effort("a") - effort("b"), effort("state")
    closed, opened = parameter("closed"), parameter("opened")
    stored = parameter("inertance") * closed * closed
    dying_at = stored / parameter("closing")
    pushed, dying = closed * (drop - x), dying_at * (opened / closed * drop - x)
    leaking = opened * (dying_at / closed) * (dying_at / closed)
    return Law(
        terminals=("a", "b", "state"),
        through={("a", "b"): closed * x},
        into={"state": LINE * pushed + (1.0 - LINE) * dying},
        stored={"state": stored},
        units={"inertance": "inertance", "closed": "conductance", "opened": "conductance", "closing": "time"},
        cards=CardNames(
            pins={"state": "x"},
            values={"inertance": "l", "closed": "ron", "opened": "roff", "closing": "tc"},
            inverse=frozenset({"closed", "opened"}),
        ),
        noise={("state",): THERMAL * (LINE * closed + (1.0 - LINE) * leaking)},
    )


def _spool() -> Law:
    position, speed = effort("position"), effort("speed")
    gain = parameter("capacitance") * parameter("frequency")
    friction = 2.0 * parameter("damping")
    force = effort("p") - effort("n") - position - friction * speed
    return Law(
        terminals=("p", "n", "position", "speed"),
        into={"position": gain * speed, "speed": gain * force},
        stored={"position": parameter("capacitance"), "speed": parameter("capacitance")},
        units={"capacitance": "capacitance", "frequency": "frequency", "damping": "1"},
        cards=CardNames(
            device="spool",
            pins={"position": "x", "speed": "s"},
            values={"capacitance": "cx", "frequency": "w0", "damping": "zeta"},
        ),
        noise={("speed",): THERMAL * gain * friction},
    )


def _stops() -> Law:
    level, band = effort("nodes"), parameter("band")

    def valve(name: str, excess: Expression) -> Expression:
        over = let(f"{name}_by", maximum(excess, 0.0))
        opening = let(f"{name}_open", minimum(over, band))
        return 0.5 * opening * opening / band + (over - opening)

    flow = valve("low", parameter("low") - level) - valve("high", level - parameter("high"))
    return Law(
        terminals=("nodes",),
        into={"nodes": parameter("conductance") * flow},
        units={"low": "effort", "high": "effort", "conductance": "conductance", "band": "effort"},
        neutral={"low": -math.inf, "high": math.inf},
        cards=CardNames(pins={"nodes": "e"}, values={"low": "lo", "high": "hi", "conductance": "g"}),
    )


_INERTANCE, _SPOOL, _STOPS = _inertance(), _spool(), _stops()

law.register(Inertances, lambda _: _INERTANCE)
law.register(Spools, lambda _: _SPOOL)
law.register(Stops, lambda _: _STOPS)
