"""Part banks as Modelica components: for each kind of part its models, their pins and their parameters.

A part that sets an unknown is named after it; one that carries flow is named `<bank>_e<element>`, in a dense bank
`<bank>_r<row>i<input>`, in a crossbar `<bank>_p<row>i<input>` (plus), `_n...` (minus) and `..load`. No two can
coincide: the names of unknowns end in `_<number>`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import singledispatch

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.errors import UnsupportedPartError, explain
from lstm_analog.export import modelica_models as models
from lstm_analog.export import modelica_moving as moving
from lstm_analog.export.modelica_models import Model
from lstm_analog.network.parts import (
    ALWAYS,
    DATUM,
    Conductors,
    Crossbars,
    Followers,
    Inertances,
    Junctions,
    OpAmps,
    Pairs,
    Part,
    Ports,
    Sources,
    Spools,
    Stops,
    Storages,
    Switches,
    Transconductors,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Components:
    """Like components: some or all of the elements of a bank.

    Attributes
    ----------
    model : Model
        What each is.
    suffixes : tuple of str, (m,)
        What follows the bank's label in each name; empty where components are named after what they set.
    sets : tuple of (pin, index array (m,))
        The pins at which each sets an unknown, and which; each is named after the first.
    pins : mapping of pin name to index array (m,)
        Where the other pins go.
    values : mapping of parameter name to float array (m,)
        In SI units; the start values of unknowns are not among them.
    line : int
        The clock line, or `ALWAYS`.
    """

    model: Model
    suffixes: tuple[str, ...] = ()
    sets: tuple[tuple[str, Indices], ...] = ()
    pins: Mapping[str, Indices] = field(default_factory=dict)
    values: Mapping[str, Floats] = field(default_factory=dict)
    line: int = ALWAYS

    @property
    def count(self) -> int:
        """How many there are."""
        return self.sets[0][1].size if self.sets else len(self.suffixes)


@singledispatch
def components(part: Part) -> tuple[Components, ...]:
    """Return the components of a bank `part`, kind by kind."""
    name = type(part).__name__
    do = "register it in export/modelica_parts.py, or choose another export"
    raise UnsupportedPartError(explain(f"part {name}", must="have Modelica components", got="none", do=do))


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"e{number}" for number in range(count))


@components.register
def _(part: Sources) -> tuple[Components, ...]:
    return (Components(model=models.SOURCE, sets=(("pin", part.nodes),), values={"effort": part.effort}),)


@components.register
def _(part: Junctions) -> tuple[Components, ...]:
    return (Components(model=models.JUNCTION, sets=(("pin", part.nodes),)),)


@components.register
def _(part: Storages) -> tuple[Components, ...]:
    return (Components(model=models.STORAGE, sets=(("pin", part.nodes),), values={"C": part.capacitance}),)


@components.register
def _(part: Followers) -> tuple[Components, ...]:
    clipped = not (np.isinf(part.low).all() and np.isinf(part.high).all())
    values = {"offset": part.offset} | {f"gain{k}": term.gain for k, term in enumerate(part.terms, start=1)}
    values |= {"low": part.low, "high": part.high} if clipped else {}
    pins = {f"in{k}": term.inputs for k, term in enumerate(part.terms, start=1)}
    model = models.follower(len(part.terms), clipped)
    return (Components(model=model, sets=(("pin", part.nodes),), pins=pins, values=values),)


def _between(part: Conductors | Switches | Ports, model: Model, line: int, **values: Floats) -> Components:
    pins = {"a": part.a, "b": part.b}
    pins |= {"p": part.p, "n": part.n} if isinstance(part, Ports) else {}
    return Components(model=model, suffixes=_numbered(part.a.size), pins=pins, values=values, line=line)


@components.register
def _(part: Conductors) -> tuple[Components, ...]:
    return (_between(part, models.CONDUCTOR, ALWAYS, G=part.conductance),)


@components.register
def _(part: Switches) -> tuple[Components, ...]:
    return (_between(part, models.SWITCH, part.line, closed=part.closed, opened=part.opened),)


@components.register
def _(part: Ports) -> tuple[Components, ...]:
    values = {"G": part.conductance, "scale": part.scale, "offset": part.offset}
    values |= {} if part.free else {"limit": part.limit, "deadband": part.deadband}
    values |= {} if part.laminar else {"transition": part.transition}
    return (_between(part, models.port(part.shape, part.free, part.laminar), part.line, **values),)


@components.register
def _(part: Transconductors) -> tuple[Components, ...]:
    rows, columns = np.nonzero(part.transconductance)
    return (
        Components(
            model=models.TRANSCONDUCTOR,
            suffixes=_placed("r", rows, columns),
            pins={"sense": part.inputs[columns], "feed": part.rows[rows]},
            values={"G": part.transconductance[rows, columns]},
        ),
    )


def _placed(side: str, rows: Indices, columns: Indices) -> tuple[str, ...]:
    return tuple(f"{side}{row}i{column}" for row, column in zip(rows, columns, strict=True))


@components.register
def _(part: Crossbars) -> tuple[Components, ...]:
    return (
        _tubes(part, "p", part.plus, part.positive),
        _loads(part, "p", part.plus, part.plus_load),
        _tubes(part, "n", part.minus, part.negative),
        _loads(part, "n", part.minus, part.minus_load),
    )


def _tubes(part: Crossbars, side: str, manifold: Indices, conductance: Floats) -> Components:
    """Return a tube for every weight that is not zero, from its input to its manifold."""
    rows, columns = np.nonzero(conductance)
    model, values = _tube(part, rows)
    return Components(
        model=model,
        suffixes=_placed(side, rows, columns),
        pins={"a": part.inputs[columns], "b": manifold[rows]},
        values={"G": conductance[rows, columns]} | values,
    )


def _loads(part: Crossbars, side: str, manifold: Indices, load: Floats) -> Components:
    """Return the dummy tubes from the manifolds to the datum."""
    rows = np.flatnonzero(load)
    model, values = _tube(part, rows)
    return Components(
        model=model,
        suffixes=tuple(f"{side}{row}load" for row in rows),
        pins={"a": manifold[rows], "b": np.full(rows.size, DATUM)},
        values={"G": load[rows]} | values,
    )


def _tube(part: Crossbars, rows: Indices) -> tuple[Model, dict[str, Floats]]:
    if part.linear:
        return models.CONDUCTOR, {}
    if np.isfinite(part.transition).any():
        return models.ORIFICE, {"transition": part.transition[rows]}
    return models.TUBE, {"end_flow": part.end_flow[rows]}


@components.register
def _(part: Pairs) -> tuple[Components, ...]:
    values, pins = {"current": part.current}, {"out": part.out}
    for k, factor in enumerate(part.factors, start=1):
        values |= {f"scale{k}": factor.scale, f"offset{k}": factor.offset}
        pins |= {f"p{k}": factor.p, f"n{k}": factor.n}
    model = models.pair(tuple(factor.shape for factor in part.factors))
    return (Components(model=model, suffixes=_numbered(part.out.size), pins=pins, values=values, line=part.line),)


@components.register
def _(part: OpAmps) -> tuple[Components, ...]:
    values = {
        "gm": part.transconductance,
        "limit": part.current_limit,
        "G": part.conductance,
        "C": part.capacitance,
        "offset": part.offset,
        "swing": part.swing,
        "clamp": part.clamp,
        "G_clamp": part.clamp_conductance,
        "G_out": part.output_conductance,
    }
    if part.common_mode.any() or not part.unlimited:
        must, do = "have ideal common-mode rejection and any output current here", "write a netlist"
        raise UnsupportedPartError(explain(f"part {part.label}", must=must, got="others", do=do))
    pins = {"plus": part.plus, "minus": part.minus, "out": part.out}
    return (Components(model=models.OPAMP, sets=(("x", part.state),), pins=pins, values=values),)


@components.register
def _(part: Inertances) -> tuple[Components, ...]:
    values, clocked = {"L": part.inertance, "closed": part.closed}, part.line != ALWAYS
    values |= {"opened": part.opened, "closing": part.closing} if clocked else {}
    pins = {"a": part.a, "b": part.b}
    return (
        Components(
            model=moving.inertance(clocked), sets=(("x", part.state),), pins=pins, values=values, line=part.line
        ),
    )


@components.register
def _(part: Spools) -> tuple[Components, ...]:
    return (
        Components(
            model=moving.SPOOL,
            sets=(("position", part.position), ("speed", part.speed)),
            pins={"p": part.p, "n": part.n},
            values={"C": part.capacitance, "w": part.frequency, "zeta": part.damping},
        ),
    )


@components.register
def _(part: Stops) -> tuple[Components, ...]:
    values = {"low": part.low, "high": part.high, "G": part.conductance, "band": part.band}
    model, pins = moving.STOPS, {"pin": part.nodes}
    return (Components(model=model, suffixes=_numbered(part.nodes.size), pins=pins, values=values),)
