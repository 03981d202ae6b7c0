"""What each bank of parts is in a graph: registered for `wires` and `settings`, kind by kind."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.export import graph_laws as laws
from lstm_analog.export.graph_elements import (
    CONDUCTANCE,
    FLOW,
    Setting,
    Wires,
    parameters,
    passage,
    settings,
    signal,
    variants,
    wires,
)
from lstm_analog.network.laws import Kind
from lstm_analog.network.parts import (
    DATUM,
    Cells,
    Conductors,
    Crossbars,
    Followers,
    Inertances,
    Junctions,
    OpAmps,
    Pairs,
    Ports,
    Sources,
    Spools,
    Stops,
    Storages,
    Switches,
    Transconductors,
)

__all__ = ["settings", "wires"]

STORAGE, STATE = "a storage", "an internal state"
"""The two kinds of unknowns that have a rate: what stores flow, and what is only counted in efforts."""


@wires.register
def _(part: Sources | Junctions | Storages) -> tuple[Wires, ...]:
    return ()


@settings.register
def _(part: Sources) -> tuple[Setting, ...]:
    return (Setting(nodes=part.nodes, kind=Kind.IMPOSED.value, values={"effort": part.effort}),)


@settings.register
def _(part: Junctions) -> tuple[Setting, ...]:
    return (Setting(nodes=part.nodes, kind=Kind.BALANCED.value),)


@settings.register
def _(part: Storages) -> tuple[Setting, ...]:
    return (Setting(nodes=part.nodes, kind=STORAGE, values={"capacitance": part.capacitance}),)


@wires.register
def _(part: Followers) -> tuple[Wires, ...]:
    return tuple(signal("gain", term.inputs, part.nodes, term.gain) for term in part.terms)


@settings.register
def _(part: Followers) -> tuple[Setting, ...]:
    made = []
    for given, some in variants({"low": np.isfinite(part.low), "high": np.isfinite(part.high)}):
        law = laws.follower(len(part.terms), given)
        values = {name: getattr(part, name)[some] for name in ("offset", *sorted(given))}
        values |= {f"gain{k}": term.gain[some] for k, term in enumerate(part.terms, start=1)}
        ends = {f"in{k}": term.inputs[some] for k, term in enumerate(part.terms, start=1)}
        kind = Kind.FOLLOWED.value
        made.append(Setting(nodes=part.nodes[some], kind=kind, law=law, values=values, terminals=ends))
    return tuple(made)


@wires.register
def _(part: Conductors) -> tuple[Wires, ...]:
    return (passage(laws.CONDUCTOR, part.a, part.b, {CONDUCTANCE: part.conductance}),)


@wires.register
def _(part: Switches) -> tuple[Wires, ...]:
    return (passage(laws.SWITCH, part.a, part.b, {CONDUCTANCE: part.closed, "leak": part.opened}),)


@wires.register
def _(part: Transconductors) -> tuple[Wires, ...]:
    tails, heads = np.tile(part.inputs, part.rows.size), np.repeat(part.rows, part.inputs.size)
    values = {"value": part.transconductance.ravel()}
    return (
        Wires(
            role="transconductance",
            tails=tails,
            heads=heads,
            quantity=CONDUCTANCE,
            values=values,
            law=laws.TRANSCONDUCTOR,
        ),
    )


@wires.register
def _(part: Crossbars) -> tuple[Wires, ...]:
    made = []
    for node, tubes, load in (
        (part.plus, part.positive, part.plus_load),
        (part.minus, part.negative, part.minus_load),
    ):
        rows, columns = np.nonzero(tubes)
        loaded = np.flatnonzero(load)
        datum = np.full(loaded.size, DATUM)
        made += list(_tubes(part, rows, part.inputs[columns], node[rows], tubes[rows, columns]))
        made += list(_tubes(part, loaded, node[loaded], datum, load[loaded]))
    return tuple(made)


def _tubes(part: Crossbars, rows: Indices, tails: Indices, heads: Indices, conductance: Floats) -> Iterator[Wires]:
    """Yield tubes of so much `conductance` (k,), that of the row of `part` they are in deciding on their law."""
    given = {name: np.isfinite(getattr(part, name))[rows] for name in ("transition", "end_flow")}
    law_of = {frozenset({"transition"}): laws.ORIFICE, frozenset({"end_flow"}): laws.TUBE}
    for bounds, some in variants(given):
        extra = {name: getattr(part, name)[rows[some]] for name in bounds}
        law = law_of.get(bounds, laws.CONDUCTOR)
        yield passage(law, tails[some], heads[some], {CONDUCTANCE: conductance[some]} | extra)


@wires.register
def _(part: Pairs) -> tuple[Wires, ...]:
    law = laws.pair(tuple(factor.shape for factor in part.factors))
    values = {"current": part.current}
    terminals: dict[str, Indices] = {}
    made: list[Wires] = []
    for tier, factor in enumerate(part.factors, start=1):
        values |= {f"scale{tier}": factor.scale, f"offset{tier}": factor.offset}
        terminals |= {f"p{tier}": factor.p, f"n{tier}": factor.n}
        made += [
            signal("control", pilot, part.out, sign * factor.scale, "per_effort", tier)
            for pilot, sign in ((factor.p, 1.0), (factor.n, -1.0))
        ]
    datum = np.full(part.out.size, DATUM)
    own = Wires(role=FLOW, tails=datum, heads=part.out, quantity="flow", values=values, law=law, terminals=terminals)
    return (own, *made)


@wires.register
def _(part: Ports) -> tuple[Wires, ...]:
    given = {name: np.isfinite(getattr(part, name)) for name in ("limit", "transition")}
    made = []
    for bounds, some in variants(given | {"deadband": part.deadband != 0}):
        law = laws.port(part.shape, bounds)
        ends = {"p": part.p[some], "n": part.n[some]}
        made.append(replace(passage(law, part.a[some], part.b[some], parameters(part, law, some)), terminals=ends))
    for pilot, sign in ((part.p, 1.0), (part.n, -1.0)):
        made += [signal("pilot", pilot, end, sign * part.scale, "per_effort") for end in (part.a, part.b)]
    return tuple(made)


@wires.register
def _(part: OpAmps) -> tuple[Wires, ...]:
    gain = part.transconductance / part.conductance
    values = {CONDUCTANCE: part.output_conductance, "swing": part.swing}
    return (
        signal("gain", part.plus, part.state, gain),
        signal("gain", part.minus, part.state, -gain),
        passage(laws.OPAMP_OUTPUT, part.state, part.out, values),
    )


@settings.register
def _(part: OpAmps) -> tuple[Setting, ...]:
    made = []
    for given, some in variants({"output_limit": np.isfinite(part.output_limit)}):
        law = laws.opamp(given)
        ends = {name: getattr(part, name)[some] for name in ("plus", "minus", "out")}
        made.append(
            Setting(nodes=part.state[some], kind=STATE, law=law, values=parameters(part, law, some), terminals=ends)
        )
    return tuple(made)


@wires.register
def _(part: Cells) -> tuple[Wires, ...]:
    circuit = part.circuit
    places = [circuit.terminals.index(name) for name in circuit.outputs]
    heads = part.pins[places]
    tails = np.delete(part.pins, places, axis=0)
    return tuple(signal("terminal", tail, head, np.ones(tail.size)) for tail in tails for head in heads)


@settings.register
def _(part: Cells) -> tuple[Setting, ...]:
    return (Setting(nodes=part.outputs, kind=Kind.INSIDE.value),)


@wires.register
def _(part: Inertances) -> tuple[Wires, ...]:
    one = np.ones(part.a.size)
    return (
        replace(passage(laws.LINE, part.a, part.b, {CONDUCTANCE: part.closed}), terminals={"state": part.state}),
        signal("gain", part.a, part.state, one),
        signal("gain", part.b, part.state, -one),
    )


@settings.register
def _(part: Inertances) -> tuple[Setting, ...]:
    values = {"inertance": part.inertance, CONDUCTANCE: part.closed, "leak": part.opened, "closing": part.closing}
    ends = {"a": part.a, "b": part.b}
    return (Setting(nodes=part.state, kind=STATE, law=laws.LINE_STATE, values=values, terminals=ends),)


@wires.register
def _(part: Spools) -> tuple[Wires, ...]:
    one = np.ones(part.p.size)
    return (
        signal("gain", part.p, part.speed, one),
        signal("gain", part.n, part.speed, -one),
        signal("gain", part.speed, part.position, one),
    )


@settings.register
def _(part: Spools) -> tuple[Setting, ...]:
    every, ends = np.arange(part.p.size), {"p": part.p, "n": part.n, "position": part.position}
    return tuple(
        Setting(nodes=nodes, kind=STATE, law=law, values=parameters(part, law, every), terminals=terminals)
        for nodes, law, terminals in (
            (part.position, laws.SPOOL_POSITION, {"speed": part.speed}),
            (part.speed, laws.SPOOL_SPEED, ends),
        )
    )


@wires.register
def _(part: Stops) -> tuple[Wires, ...]:
    made = []
    for given, some in variants({"low": np.isfinite(part.low), "high": np.isfinite(part.high)}):
        if given:
            law = laws.stop(given)
            datum, values = np.full(some.size, DATUM), parameters(part, law, some)
            made.append(
                Wires(role=FLOW, tails=datum, heads=part.nodes[some], quantity=CONDUCTANCE, values=values, law=law)
            )
    return tuple(made)
