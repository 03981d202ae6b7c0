"""Rewrite a network in electrical units: one volt stands for a given effort, one ampere for a given flow.

Every equation keeps its form when efforts are divided by E and flows by Q: conductances and capacities become G E/Q and
C E/Q, controls per effort k E. Time stays as it is. SPICE can then run plumbing, in numbers of the size it expects.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from lstm_analog.arrays import Floats
from lstm_analog.errors import UnsupportedPartError, explain
from lstm_analog.network.bank import changed_fields
from lstm_analog.network.domain import ELECTRICAL
from lstm_analog.network.graph import Network, Unknowns
from lstm_analog.network.laws import capacity
from lstm_analog.network.parts import Crossbars, Junctions, Part, Sources, Storages, Transconductors, law
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


_UNITS: Mapping[type, Mapping[str, str]] = MappingProxyType(
    {
        Junctions: {},
        Sources: {"effort": "effort"},
        Storages: {"capacitance": "capacitance"},
        Transconductors: {"transconductance": "conductance"},
        Crossbars: {
            **dict.fromkeys(("positive", "negative", "plus_load", "minus_load"), "conductance"),
            "transition": "effort",
            "end_flow": "flow",
        },
    }
)
"""The units, as in `Law.units`, of the parameters of the kinds that declare no law."""


def scaled(part: Part, effort: float, flow: float) -> Part:
    """Return `part` with efforts in units of `effort` and flows in units of `flow`, by the units that its law declares.

    Raises `UnsupportedPartError` for a part that declares no law, and for one with a state of two values, which is 0 or
    1 effort unit in any units.
    """
    unit = effort / flow
    change: dict[str, Callable[[Floats], Floats]] = {
        "effort": lambda value: value / effort,
        "flow": lambda value: value / flow,
        "conductance": lambda value: value * unit,
        "capacitance": lambda value: value * unit,
        "per_effort": lambda value: value * effort,
        "inertance": lambda value: value / unit,
    }
    known = _UNITS.get(type(part))
    if known is not None:
        changed: dict[str, Any] = {name: change[kind](getattr(part, name)) for name, kind in known.items()}
        return replace(part, **changed)
    given = law(part)
    if given.switched:
        must, do = "have an electrical analogue", "run it with Integrate or Rumoca"
        raise UnsupportedPartError(explain(f"part {part.label}", must=must, got="a state that switches", do=do))
    return changed_fields(part, lambda name, _, value: change.get(given.units.get(name, ""), _unchanged)(value))


def _unchanged(value: Floats) -> Floats:
    return value
