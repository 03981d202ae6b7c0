"""The edges and node attributes of the kinds of parts that differ from the default: `wires` and `settings` of each."""

from dataclasses import replace

import numpy as np

from lstm_analog.export.crossbars import crossbar_tubes
from lstm_analog.export.graph_elements import (
    CONDUCTANCE,
    FLOW,
    STATE,
    TRANSCONDUCTOR,
    Bounds,
    GraphEdges,
    Setting,
    formula,
    parameters,
    passage,
    settings,
    signal,
    variants,
    wires,
)
from lstm_analog.expressions import Op, symbols
from lstm_analog.network import parts
from lstm_analog.network.laws import Kind
from lstm_analog.network.parts import DATUM, law, parameters_of, terminals_of
from lstm_analog.network.parts.passages import TUBE

__all__ = ["settings", "wires"]

_TUBES = {
    frozenset[str](): "conductor",
    frozenset({"transition"}): "orifice",
    frozenset({"end_flow"}): "tube with end loss",
}
"""The name of the law of a tube, by the losses that it has."""
STORAGE = "a storage"
"""The kind of a node that stores flow."""


@wires.register
def _(part: parts.Sources | parts.Junctions | parts.Storages) -> tuple[GraphEdges, ...]:
    return ()


@settings.register
def _(part: parts.Sources) -> tuple[Setting, ...]:
    return (Setting(nodes=part.nodes, kind=Kind.IMPOSED.value, values={"effort": part.effort}),)


@settings.register
def _(part: parts.Junctions) -> tuple[Setting, ...]:
    return (Setting(nodes=part.nodes, kind=Kind.BALANCED.value),)


@settings.register
def _(part: parts.Storages) -> tuple[Setting, ...]:
    return (Setting(nodes=part.nodes, kind=STORAGE, values={"capacitance": part.capacitance}),)


@wires.register
def _(part: parts.Followers) -> tuple[GraphEdges, ...]:
    return tuple(signal("gain", term.inputs, part.nodes, term.gain) for term in part.terms)


@settings.register
def _(part: parts.Followers) -> tuple[Setting, ...]:
    made = []
    for given, some in variants({"low": np.isfinite(part.low), "high": np.isfinite(part.high)}):
        own, count = law(part), len(part.terms)
        inputs = {f"inputs{k}": f"in{k}" for k in range(1, count + 1)}
        told = formula(
            _named(f"follower {count}", given), own, own.sets["nodes"], "effort", given=given, efforts=inputs
        )
        ends = {f"in{k}": term.inputs[some] for k, term in enumerate(part.terms, start=1)}
        kind = Kind.FOLLOWED.value
        values = parameters(part, told, some)
        made.append(Setting(nodes=part.nodes[some], kind=kind, law=told, values=values, terminals=ends))
    return tuple(made)


@wires.register
def _(part: parts.Conductors) -> tuple[GraphEdges, ...]:
    told = formula("conductor", law(part), law(part).through["a", "b"], "through")
    return (passage(told, part.a, part.b, {CONDUCTANCE: part.conductance}),)


@wires.register
def _(part: parts.Switches) -> tuple[GraphEdges, ...]:
    told = formula("switch", law(part), law(part).through["a", "b"], "through")
    return (passage(told, part.a, part.b, {CONDUCTANCE: part.closed, "leak": part.opened}),)


@wires.register
def _(part: parts.Transconductors) -> tuple[GraphEdges, ...]:
    tails, heads = np.tile(part.inputs, part.rows.size), np.repeat(part.rows, part.inputs.size)
    values = {"value": part.transconductance.ravel()}
    return (
        GraphEdges(
            role="transconductance", tails=tails, heads=heads, quantity=CONDUCTANCE, values=values, law=TRANSCONDUCTOR
        ),
    )


@wires.register
def _(part: parts.Crossbars) -> tuple[GraphEdges, ...]:
    made = []
    for tubes in crossbar_tubes(part):
        given = {name: np.isfinite(getattr(part, name))[tubes.rows] for name in ("transition", "end_flow")}
        for bounds, some in variants(given):
            extra = {name: getattr(part, name)[tubes.rows[some]] for name in bounds}
            told = formula(_TUBES[bounds], TUBE, TUBE.through["a", "b"], "through", given=bounds)
            values = {CONDUCTANCE: tubes.conductance[some]} | extra
            made.append(passage(told, tubes.tails[some], tubes.heads[some], values))
    return tuple(made)


@settings.register
def _(part: parts.Transconductors | parts.Crossbars) -> tuple[Setting, ...]:
    return ()


@wires.register
def _(part: parts.Pairs) -> tuple[GraphEdges, ...]:
    shapes = " ".join(factor.shape.value for factor in part.factors)
    told = formula(f"pair {shapes}", law(part), law(part).into["out"], "into")
    terminals = {name: nodes for name, nodes in terminals_of(part).items() if name != "out"}
    made: list[GraphEdges] = []
    for tier, factor in enumerate(part.factors, start=1):
        made += [
            signal("control", pilot, part.out, sign * factor.scale, "per_effort", tier)
            for pilot, sign in ((factor.p, 1.0), (factor.n, -1.0))
        ]
    datum = np.full(part.out.size, DATUM)
    values = parameters_of(part)
    own = GraphEdges(
        role=FLOW, tails=datum, heads=part.out, quantity="flow", values=values, law=told, terminals=terminals
    )
    return (own, *made)


@wires.register
def _(part: parts.Ports) -> tuple[GraphEdges, ...]:
    given = {name: np.isfinite(getattr(part, name)) for name in ("limit", "transition")}
    made = []
    for bounds, some in variants(given | {"deadband": part.deadband != 0}):
        told = formula(
            _named(f"port {part.shape.value}", bounds), law(part), law(part).through["a", "b"], "through", given=bounds
        )
        ends = {"p": part.p[some], "n": part.n[some]}
        made.append(replace(passage(told, part.a[some], part.b[some], parameters(part, told, some)), terminals=ends))
    for pilot, sign in ((part.p, 1.0), (part.n, -1.0)):
        made += [signal("pilot", pilot, end, sign * part.scale, "per_effort") for end in (part.a, part.b)]
    return tuple(made)


@wires.register
def _(part: parts.OpAmps) -> tuple[GraphEdges, ...]:
    gain, own = part.transconductance / part.conductance, law(part)
    values = {CONDUCTANCE: part.output_conductance, "swing": part.swing}
    ends, names = {"state": "a", "out": "b"}, {"output_conductance": CONDUCTANCE}
    told = formula("op-amp output", own, own.into["out"], "into", efforts=ends, parameters=names)
    return (
        signal("gain", part.plus, part.state, gain),
        signal("gain", part.minus, part.state, -gain),
        passage(told, part.state, part.out, values),
    )


@settings.register
def _(part: parts.OpAmps) -> tuple[Setting, ...]:
    made = []
    for given, some in variants({"output_limit": np.isfinite(part.output_limit)}):
        own = law(part)
        rate = own.into["state"] / own.stored["state"]
        told = formula(
            _named("op-amp", given), own, rate, "rate", given={*given, "common_mode"}, efforts={"state": "e"}
        )
        ends = {name: getattr(part, name)[some] for name in ("plus", "minus", "out")}
        values = parameters(part, told, some)
        made.append(Setting(nodes=part.state[some], kind=STATE, law=told, values=values, terminals=ends))
    return tuple(made)


@wires.register
def _(part: parts.Cells) -> tuple[GraphEdges, ...]:
    circuit = part.circuit
    places = [circuit.terminals.index(name) for name in circuit.outputs]
    heads = part.pins[places]
    tails = np.delete(part.pins, places, axis=0)
    return tuple(signal("terminal", tail, head, np.ones(tail.size)) for tail in tails for head in heads)


@settings.register
def _(part: parts.Cells) -> tuple[Setting, ...]:
    return (Setting(nodes=part.outputs, kind=Kind.INSIDE.value),)


@wires.register
def _(part: parts.Inertances) -> tuple[GraphEdges, ...]:
    one = np.ones(part.a.size)
    told = formula("line", law(part), law(part).through["a", "b"], "through")
    return (
        replace(passage(told, part.a, part.b, {CONDUCTANCE: part.closed}), terminals={"state": part.state}),
        signal("gain", part.a, part.state, one),
        signal("gain", part.b, part.state, -one),
    )


@settings.register
def _(part: parts.Inertances) -> tuple[Setting, ...]:
    values = {"inertance": part.inertance, CONDUCTANCE: part.closed, "leak": part.opened, "closing": part.closing}
    ends, rate = {"a": part.a, "b": part.b}, law(part).into["state"] / law(part).stored["state"]
    told = formula("line state", law(part), rate, "rate", efforts={"state": "e"})
    return (Setting(nodes=part.state, kind=STATE, law=told, values=values, terminals=ends),)


@wires.register
def _(part: parts.Spools) -> tuple[GraphEdges, ...]:
    one = np.ones(part.p.size)
    return (
        signal("gain", part.p, part.speed, one),
        signal("gain", part.n, part.speed, -one),
        signal("gain", part.speed, part.position, one),
    )


@settings.register
def _(part: parts.Spools) -> tuple[Setting, ...]:
    every, nodes, own = np.arange(part.p.size), terminals_of(part), law(part)
    made = []
    for name, flow in own.into.items():
        told = formula(f"spool {name}", own, flow / own.stored[name], "rate", efforts={name: "e"})
        read = {one.name for one in symbols(flow) if one.op is Op.EFFORT} - {name}
        ends = {key: at for key, at in nodes.items() if key in read}
        values = parameters(part, told, every)
        made.append(Setting(nodes=nodes[name], kind=STATE, law=told, values=values, terminals=ends))
    return tuple(made)


@wires.register
def _(part: parts.Stops) -> tuple[GraphEdges, ...]:
    made = []
    for given, some in variants({"low": np.isfinite(part.low), "high": np.isfinite(part.high)}):
        if given:
            told = formula(
                _named("stop", given), law(part), law(part).into["nodes"], "into", given=given, efforts={"nodes": "b"}
            )
            datum, values = np.full(some.size, DATUM), parameters(part, told, some)
            made.append(
                GraphEdges(
                    role=FLOW, tails=datum, heads=part.nodes[some], quantity=CONDUCTANCE, values=values, law=told
                )
            )
    return tuple(made)


def _named(kind: str, given: Bounds) -> str:
    return " ".join((kind, *sorted(given)))
