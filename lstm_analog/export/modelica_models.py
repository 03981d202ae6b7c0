"""Write the Modelica model of each kind of part from its declared law.

A pin has an effort `e` and a flow `f`, positive into the component. A pin that only senses an effort has `f = 0`.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType

from lstm_analog.errors import UnsupportedPartError, explain
from lstm_analog.expressions import LINE, Expression, Op, effort, multiply, number, parameter, substituted, symbols
from lstm_analog.expressions.languages import MODELICA, written
from lstm_analog.network.domain import Domain
from lstm_analog.network.labels import repeated
from lstm_analog.network.parts.base import Law


@dataclass(frozen=True, kw_only=True)
class ModelicaModel:
    """A Modelica model.

    `name` is its name, with a capital letter first, `title` a description that tools show, without quotation marks.
    `parameters` are names with units, 1 or a key of `units`; `variables` are other declarations than these and pins.
    `pins` are its connectors, with start values, `equations` its equations, without semicolons.
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


def model_text(model: ModelicaModel, domain: Domain) -> str:
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


DATUM_MODEL = ModelicaModel(
    name="Datum", title="the datum: effort zero", parameters=(), pins=("pin",), equations=("pin.e = 0",)
)
SOURCE = ModelicaModel(
    name="Source",
    title="imposes an effort",
    parameters=(),
    variables=("input Real effort",),
    pins=("pin",),
    equations=("pin.e = effort",),
)
STORAGE = ModelicaModel(
    name="Storage",
    title="store to the datum: capacitor, tank, piston on a spring",
    parameters=(("C", "capacitance"), ("start", "effort")),
    pins=("pin(e(start = start, fixed = true))",),
    equations=("C*der(pin.e) = pin.f",),
)
JUNCTION = ModelicaModel(
    name="Junction",
    title="no storage: what flows in flows out",
    parameters=(("start", "effort"),),
    pins=("pin(e(start = start))",),
    equations=("pin.f = 0",),
)
TRANSCONDUCTOR = ModelicaModel(
    name="Transconductor",
    title="feeds G times the effort that it senses",
    parameters=(("G", "conductance"),),
    pins=("sense", "feed"),
    equations=("feed.f = -G*sense.e", "sense.f = 0"),
)
NAMES = MappingProxyType(
    {
        "conductance": "G",
        "capacitance": "C",
        "inertance": "L",
        "frequency": "w",
        "damping": "zeta",
        "transconductance": "gm",
        "current_limit": "limit",
        "clamp_conductance": "G_clamp",
        "output_conductance": "G_out",
        "nodes": "pin",
        "state": "x",
    }
)
"""The names of parameters and terminals in models, by those in laws, where the two differ."""


RESERVED = frozenset(
    """algorithm and annotation assert block break class connect connector constant constrainedby der discrete each else
    elseif elsewhen encapsulated end enumeration equation expandable extends external false final flow for function if
    import impure in initial inner input loop model not operator or outer output package parameter partial protected
    public pure record redeclare replaceable return stream then time true type when while within abs exp log max min
    pre sqrt tanh""".split()  # noqa: SIM905 - seventy words are read better as words
)
"""The words of Modelica, and the functions in the equations here."""
_OURS = frozenset({"on", "start", "Pin", "ends", "interval"})
"""Names that files of this package have for the clock, for start values and for the connector."""


def spelt(name: str) -> str:
    """Return the name in models of the parameter or terminal `name` of a law."""
    plain = re.sub(r"^inputs(?=\d)", "in", NAMES.get(name, name))
    return f"{plain}_" if plain in RESERVED or plain in _OURS else plain


def declared(name: str, title: str, law: Law, absent: frozenset[str]) -> ModelicaModel:
    """Return the model `name` of a `law` without the parameters `absent`; `title` is its description.

    Raises `UnsupportedPartError` if two of its names are one.
    """
    gone: dict[Expression, Expression] = {parameter(key): number(law.neutral[key]) for key in absent}
    names = {parameter(key): parameter(spelt(key)) for key in law.units}
    names |= {effort(end): effort(spelt(end)) for end in law.terminals}
    sides = [*_sides(law), *_guarded(law)]
    values = [substituted(substituted(value, gone), names) for _, value in sides]
    lets, texts = written(values, MODELICA)
    used = frozenset[Expression]().union(*map(symbols, values))
    clock = ("input Boolean on = true",) if LINE in used else ()
    states = (*law.stored, *law.switched)
    starts = {spelt(end): f"start_{spelt(end)}" if place else "start" for place, end in enumerate(states)}
    held = [spelt(end) for end in law.switched]
    _check_names(name, [*map(spelt, (*law.units, *law.terminals)), *lets, *starts.values()])
    return ModelicaModel(
        name=name,
        title=title,
        parameters=(
            *((spelt(key), unit) for key, unit in law.units.items() if parameter(spelt(key)) in used),
            *((start, "effort") for start in starts.values()),
        ),
        variables=(
            *(f"Real {key} = {text}" for key, text in lets.items()),
            *clock,
            *(f"discrete Real {end}_held(start = {starts[end]}, fixed = true)" for end in held),
        ),
        pins=tuple(_pin(spelt(end), {} if spelt(end) in held else starts) for end in law.terminals),
        equations=(
            *(left.format(text) for (left, _), text in zip(sides, texts, strict=True)),
            *(f"{end}.e = {end}_held" for end in held),
            *_passed_on(law),
        ),
    )


def _check_names(model: str, names: Sequence[str]) -> None:
    """Raise `UnsupportedPartError` if the `model` has one of its `names` twice."""
    if twice := repeated(names):
        must, do = "have names that differ from each other", "rename them in its law"
        raise UnsupportedPartError(explain(f"model {model}", must=must, got=", ".join(twice), do=do))


def _pin(name: str, starts: Mapping[str, str]) -> str:
    return f"{name}(e(start = {starts[name]}, fixed = true))" if name in starts else name


def _alone(law: Law) -> list[tuple[str, str]]:
    """Return the ends of those flows of `law` that are all that its terminals pass."""
    ends = Counter(chain(*law.through, law.into, law.stored, law.sets, law.switched))
    return [(a, b) for a, b in law.through if ends[a] == ends[b] == 1]


def _sides(law: Law) -> Iterator[tuple[str, Expression]]:
    """Yield the equations of `law`, each as a text with a place {0} and the expression to put there.

    That of a state is solved for its rate, der(e) = (f + flow)/capacity, because its capacity may be a product. A
    terminal whose effort the law sets passes whatever the network takes.
    """
    alone = _alone(law)
    for tail, head in alone:
        yield f"{spelt(tail)}.f = {{0}}", law.through[tail, head]
    done = set(chain(*alone))
    for end in dict.fromkeys((*law.into, *law.terminals)):
        if end in law.stored:
            entering = Expression(Op.PARAMETER, name=f"{spelt(end)}.f") + law.entering(end)
            yield f"der({spelt(end)}.e) = {{0}}", entering / law.stored[end]
        elif end in {*law.into, *chain(*law.through)} - {*done, *law.sets, *law.switched}:
            yield f"{spelt(end)}.f = {{0}}", multiply(-1.0, law.entering(end))
    for end, value in law.sets.items():
        yield f"{spelt(end)}.e = {{0}}", value


def _passed_on(law: Law) -> Iterator[str]:
    """Yield the equations of the second ends of flows, and of the terminals of `law` that pass none."""
    yield from (f"{spelt(b)}.f = -{spelt(a)}.f" for a, b in _alone(law))
    carrying = {*chain(*law.through), *law.into, *law.sets, *law.stored, *law.switched}
    yield from (f"{spelt(end)}.f = 0" for end in law.terminals if end not in carrying)


def _guarded(law: Law) -> Iterator[tuple[str, Expression]]:
    """Yield the two halves of a when equation for each state of `law` that switches by itself, as `_sides` does."""
    for end, guard in law.switched.items():
        held = f"{spelt(end)}_held"
        yield f"when {{0}} > 0 then\n      {held} = 1", guard.control - guard.upper
        yield f"elsewhen {{0}} > 0 then\n      {held} = 0;\n    end when", guard.lower - guard.control
