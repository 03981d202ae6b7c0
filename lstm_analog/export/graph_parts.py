"""The edges and node attributes of the kinds of parts that differ from the default: `wires` and `settings` of each."""

from dataclasses import replace

import numpy as np

from lstm_analog.export.crossbars import crossbar_tubes
from lstm_analog.export.graph_elements import (
    CONDUCTANCE,
    FLOW,
    STATE,
    TRANSCONDUCTOR,
    GraphEdges,
    Setting,
    formula,
    limited,
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
    inputs, made = {f"inputs{k}": f"in{k}" for k in range(1, len(part.terms) + 1)}, []
    kind = f"follower {len(part.terms)}"
    for told, some, values in limited(part, kind, law(part).sets["nodes"], "effort", inputs):
        ends = {f"in{k}": term.inputs[some] for k, term in enumerate(part.terms, start=1)}
        nodes, set_by = part.nodes[some], Kind.FOLLOWED.value
        made.append(Setting(nodes=nodes, kind=set_by, law=told, values=values, terminals=ends))
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
        losses = {name: getattr(part, name)[tubes.rows] for name in TUBE.neutral}
        for bounds, some in variants(TUBE.neutral, losses):
            extra = {name: losses[name][some] for name in bounds}
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
    made = []
    for told, some, values in limited(part, f"port {part.shape.value}", law(part).through["a", "b"], "through"):
        ends = {"p": part.p[some], "n": part.n[some]}
        made.append(replace(passage(told, part.a[some], part.b[some], values), terminals=ends))
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
    made, rate = [], law(part).into["state"] / law(part).stored["state"]
    for told, some, values in limited(part, "op-amp", rate, "rate", {"state": "e"}, frozenset({"common_mode"})):
        ends = {name: getattr(part, name)[some] for name in ("plus", "minus", "out")}
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
    made, nodes, own = [], terminals_of(part), law(part)
    for name, flow in own.into.items():
        told = formula(f"spool {name}", own, flow / own.stored[name], "rate", efforts={name: "e"})
        read = {one.name for one in symbols(flow) if one.op is Op.EFFORT} - {name}
        ends = {key: at for key, at in nodes.items() if key in read}
        values = {key: parameters_of(part)[key] for key, _ in told.units}
        made.append(Setting(nodes=nodes[name], kind=STATE, law=told, values=values, terminals=ends))
    return tuple(made)


@wires.register
def _(part: parts.Stops) -> tuple[GraphEdges, ...]:
    made = []
    for told, some, values in limited(part, "stop", law(part).into["nodes"], "into", {"nodes": "b"}):
        if values:  # not those of a tank without stops
            tails, heads = np.full(some.size, DATUM), part.nodes[some]
            made.append(GraphEdges(role=FLOW, tails=tails, heads=heads, quantity=CONDUCTANCE, values=values, law=told))
    return tuple(made)
