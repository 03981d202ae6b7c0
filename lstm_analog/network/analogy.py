"""Rewrite a network in electrical units: one volt stands for a given effort, one ampere for a given flow.

Every equation keeps its form when efforts are divided by E and flows by Q: conductances and capacities become G E/Q and
C E/Q, controls per effort k E. Time stays as it is. SPICE can then run plumbing, in numbers of the size it expects.
"""

from dataclasses import dataclass, replace
from functools import singledispatch

from lstm_analog.errors import UnsupportedPartError, explain
from lstm_analog.network.domain import ELECTRICAL
from lstm_analog.network.graph import Network, Unknowns
from lstm_analog.network.laws import capacity
from lstm_analog.network.parts import (
    CheckValves,
    Conductors,
    Crossbars,
    Diodes,
    Followers,
    Inertances,
    Junctions,
    Pairs,
    Part,
    Ports,
    Sources,
    Spools,
    Stops,
    Storages,
    Switches,
)
from lstm_analog.network.quantities import check_positive
from lstm_analog.network.schedule import Schedule


def electrical_analogue(network: Network, *, effort: float, flow: float) -> Network:
    """Return `network` with `effort` (its effort unit) as one volt and `flow` (its flow unit) as one ampere.

    Raises
    ------
    InvalidValueError
        If `effort` or `flow` is not above zero.
    UnsupportedPartError
        If a part has no analogue.
    """
    for what, value in (("effort", effort), ("flow", flow)):
        check_positive(what, value, "give what one unit stands for")
    groups = tuple(replace(group, scale=group.scale / effort) for group in network.unknowns.groups)
    old = network.domain
    units = f"1 V is {effort:.6g} {old.effort_unit}, 1 A is {flow:.6g} {old.flow_unit}"
    return replace(
        network,
        domain=ELECTRICAL,
        unknowns=Unknowns(groups=groups),
        parts=tuple(scaled(part, effort, flow) for part in network.parts),
        filling=None,
        provenance=(*network.provenance, ("analogy", f"of a {old.name} network: {units}")),
    )


_LARGEST = 1e3
"""The largest capacitor of an analogue is 1 F / _LARGEST = 1 mF: at 1 F and 1 S ngspice finds no operating point."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Circuit:
    """An electrical `network` with its `schedule`; one volt stands for `effort` of the network it came from."""

    network: Network
    schedule: Schedule
    effort: float


def as_circuit(network: Network, schedule: Schedule) -> Circuit:
    """Return `network` under `schedule` as a circuit: an electrical one unchanged, another in its `natural_units`."""
    if network.domain == ELECTRICAL:
        return Circuit(network=network, schedule=schedule, effort=1.0)
    effort, _ = natural_units(network)
    imposed = tuple(replace(entry, efforts=entry.efforts / effort) for entry in schedule.imposed)
    return Circuit(network=in_volts(network), schedule=replace(schedule, imposed=imposed), effort=effort)


def in_volts(network: Network) -> Network:
    """Return `network` itself if it is electrical, else its analogue in its natural units."""
    if network.domain == ELECTRICAL:
        return network
    effort, flow = natural_units(network)
    return electrical_analogue(network, effort=effort, flow=flow)


def natural_units(network: Network) -> tuple[float, float]:
    """Return the effort that is one unit of signal in `network` and the flow that makes its largest storage 1 mF."""
    effort = max(group.scale for group in network.unknowns.groups)
    capacities = [float(amount.max()) for part in network.parts if (amount := capacity(part)[1]).size]
    return effort, _LARGEST * effort * max(capacities, default=1.0)


@singledispatch
def scaled(part: Part, effort: float, flow: float) -> Part:
    """Return `part` with efforts in units of `effort` and flows in units of `flow`."""
    name, do = type(part).__name__, "register it in network/analogy.py"
    raise UnsupportedPartError(explain(f"part {name}", must="have an electrical analogue", got="none", do=do))


@scaled.register
def _(part: Junctions, effort: float, flow: float) -> Part:
    return part


@scaled.register
def _(part: Sources, effort: float, flow: float) -> Part:
    return replace(part, effort=part.effort / effort)


@scaled.register
def _(part: Storages, effort: float, flow: float) -> Part:
    return replace(part, capacitance=part.capacitance * (effort / flow))


@scaled.register
def _(part: Followers, effort: float, flow: float) -> Part:
    return replace(part, offset=part.offset / effort, low=part.low / effort, high=part.high / effort)


@scaled.register
def _(part: Conductors, effort: float, flow: float) -> Part:
    return replace(part, conductance=part.conductance * (effort / flow))


@scaled.register
def _(part: Switches, effort: float, flow: float) -> Part:
    unit = effort / flow
    return replace(part, closed=part.closed * unit, opened=part.opened * unit)


@scaled.register
def _(part: Crossbars, effort: float, flow: float) -> Part:
    unit = effort / flow
    names = ("positive", "negative", "plus_load", "minus_load")
    conductances = {name: getattr(part, name) * unit for name in names}
    return replace(part, **conductances, transition=part.transition / effort, end_flow=part.end_flow / flow)


@scaled.register
def _(part: Pairs, effort: float, flow: float) -> Part:
    factors = tuple(replace(factor, scale=factor.scale * effort) for factor in part.factors)
    return replace(part, current=part.current / flow, factors=factors)


@scaled.register
def _(part: Ports, effort: float, flow: float) -> Part:
    return replace(
        part,
        conductance=part.conductance * (effort / flow),
        scale=part.scale * effort,
        transition=part.transition / effort,
    )


@scaled.register
def _(part: Inertances, effort: float, flow: float) -> Part:
    unit = effort / flow
    return replace(part, inertance=part.inertance / unit, closed=part.closed * unit, opened=part.opened * unit)


@scaled.register
def _(part: Spools, effort: float, flow: float) -> Part:
    return replace(part, capacitance=part.capacitance * (effort / flow))


@scaled.register
def _(part: Stops, effort: float, flow: float) -> Part:
    return replace(
        part,
        low=part.low / effort,
        high=part.high / effort,
        conductance=part.conductance * (effort / flow),
        band=part.band / effort,
    )


@scaled.register
def _(part: Diodes, effort: float, flow: float) -> Part:
    return replace(part, saturation=part.saturation / flow, slope=part.slope / effort)


@scaled.register
def _(part: CheckValves, effort: float, flow: float) -> Part:
    unit = effort / flow
    return replace(part, conductance=part.conductance * unit, cracking=part.cracking / effort, leak=part.leak * unit)
