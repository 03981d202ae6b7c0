"""Turn part banks into Modelica components: for each kind of part its models, their pins and their parameters.

A part that sets an unknown is named after it; one that carries flow is named `<bank>_e<element>`, in a dense bank
`<bank>_r<row>i<input>`, in a crossbar `<bank>_p<row>i<input>` (plus), `_n...` (minus) and `..load`. No two can
coincide: the names of unknowns end in `_<number>`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import singledispatch
from types import MappingProxyType

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.export import modelica_models as models
from lstm_analog.export.crossbars import crossbar_tubes
from lstm_analog.export.modelica_models import ModelicaModel
from lstm_analog.network import parts
from lstm_analog.network.parts import ALWAYS, Part, law, line_of, parameters_of, terminals_of
from lstm_analog.network.parts.passages import TUBE


@dataclass(frozen=True, kw_only=True, eq=False)
class Components:
    """The components of one `model`: some or all of the m elements of a bank.

    `suffixes` (m,) are the ends of their names, after the bank's label; empty if they are named after the unknowns that
    they set. `sets` are the pins at which they set unknowns, with these, (m,) each; each component is named after the
    first. `pins` are the unknowns (m,) at the other pins, by name. `values` (m,) are the parameters by name, in SI
    units; start values of unknowns are not among them. `line` is the clock line, or `ALWAYS`.
    """

    model: ModelicaModel
    suffixes: tuple[str, ...] = ()
    sets: tuple[tuple[str, Indices], ...] = ()
    pins: Mapping[str, Indices] = field(default_factory=dict)
    values: Mapping[str, Floats] = field(default_factory=dict)
    line: int = ALWAYS

    @property
    def count(self) -> int:
        """The number m of components."""
        return self.sets[0][1].size if self.sets else len(self.suffixes)


@singledispatch
def components(part: Part) -> tuple[Components, ...]:
    """Return the components of a bank `part`.

    Raises `UnsupportedPartError` for a kind that neither declares a law nor is registered here.
    """
    return (_declared(part),)


@components.register
def _(part: parts.Sources) -> tuple[Components, ...]:
    return (Components(model=models.SOURCE, sets=(("pin", part.nodes),), values={"effort": part.effort}),)


@components.register
def _(part: parts.Junctions) -> tuple[Components, ...]:
    return (Components(model=models.JUNCTION, sets=(("pin", part.nodes),)),)


@components.register
def _(part: parts.Storages) -> tuple[Components, ...]:
    return (Components(model=models.STORAGE, sets=(("pin", part.nodes),), values={"C": part.capacitance}),)


def _declared(part: Part) -> Components:
    """Return the components of a bank that declares a law; all its elements have the same model."""
    own, nodes, parameters = law(part), terminals_of(part), parameters_of(part)
    absent = frozenset(key for key, value in own.neutral.items() if (parameters[key] == value).all())
    setting = (*own.stored, *own.sets, *own.switched)
    kind, title = _CALLED.get(type(part), (type(part).__name__, "a part by the law that it declares"))
    name = "_".join((kind, *_form(part), *sorted(own.neutral.keys() - absent)))
    model = models.declared(name, title, own, absent)
    known = {key for key, _ in model.parameters}
    return Components(
        model=model,
        suffixes=() if setting else tuple(f"e{number}" for number in range(nodes[own.terminals[0]].size)),
        sets=tuple((models.spelt(end), nodes[end]) for end in setting),
        pins={models.spelt(end): nodes[end] for end in own.terminals if end not in setting},
        values={models.spelt(key): value for key, value in parameters.items() if models.spelt(key) in known},
        line=line_of(part),
    )


_CALLED: Mapping[type, tuple[str, str]] = MappingProxyType(
    {
        parts.Followers: ("Follower", "sum of what it senses, loading nothing: voltage follower, force-balance relay"),
        parts.Conductors: ("Conductor", "linear: resistor, capillary (Hagen-Poiseuille)"),
        parts.Switches: ("Switch", "conductor with a clock: transistor switch, solenoid valve"),
        parts.Pairs: ("Pair", "feeds the product of its tiers: stacked differential pairs, flow-control valve"),
        parts.Ports: ("Port", "conductance under control: valve with a characterised trim, pseudo-resistor"),
        parts.OpAmps: ("OpAmp", "one-pole op-amp, its state x"),
        parts.Inertances: ("Line", "line with a valve whose fluid has mass; closed x.e flows from a to b"),
        parts.Spools: ("Spool", "piston on a spring: position and speed of second order"),
        parts.ThresholdSwitches: (
            "ThresholdSwitch",
            "closes above one threshold, opens below another: glow lamp, siphon",
        ),
        parts.Stops: ("Stops", "relief or overflow above a tank's upper stop, make-up below the lower one"),
    }
)
"""Name and description of the model of each kind of part that declares a law; others are named after their kind."""


def _form(part: Part) -> tuple[str, ...]:
    """Return words for the name of the model that distinguish the different laws of one kind of part."""
    if isinstance(part, parts.Followers):
        return (str(len(part.terms)),)
    if isinstance(part, parts.Pairs):
        return tuple(factor.shape.value for factor in part.factors)
    return (part.shape.value,) if isinstance(part, parts.Ports) else ()


@components.register
def _(part: parts.Transconductors) -> tuple[Components, ...]:
    rows, columns = np.nonzero(part.transconductance)
    return (
        Components(
            model=models.TRANSCONDUCTOR,
            suffixes=_placed("r", rows, columns),
            pins={"sense": part.inputs[columns], "feed": part.rows[rows]},
            values={"G": part.transconductance[rows, columns]},
        ),
    )


def _placed(side: str, rows: Indices, columns: Indices | None) -> tuple[str, ...]:
    """Return the end of the name of each element of a dense bank in `rows` and `columns`, or of the loads of `rows`."""
    if columns is None:
        return tuple(f"{side}{row}load" for row in rows)
    return tuple(f"{side}{row}i{column}" for row, column in zip(rows, columns, strict=True))


_TUBES = {
    frozenset(("transition", "end_flow")): ("Conductor", "linear: resistor, capillary (Hagen-Poiseuille)"),
    frozenset(("end_flow",)): ("Orifice", "flow goes with the root of the drop far above the transition"),
    frozenset(("transition",)): ("Tube", "capillary with end losses: drop = f/G (1 + abs(f)/end_flow)"),
}
"""Name and description of the model of tubes, by the losses that they do not have."""


@components.register
def _(part: parts.Crossbars) -> tuple[Components, ...]:
    losses = {name: getattr(part, name) for name in ("transition", "end_flow")}
    absent = frozenset(name for name, values in losses.items() if np.isinf(values).all())
    model = models.declared(*_TUBES[absent], TUBE, absent)
    made = []
    for tubes in crossbar_tubes(part):
        values = {name: values[tubes.rows] for name, values in losses.items() if name not in absent}
        made.append(
            Components(
                model=model,
                suffixes=_placed(tubes.side, tubes.rows, tubes.columns),
                pins={"a": tubes.tails, "b": tubes.heads},
                values={"G": tubes.conductance} | values,
            )
        )
    return tuple(made)
