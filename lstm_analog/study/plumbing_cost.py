"""What plumbing takes to run: the pump, the solenoids that are held open, and the volume of its parts."""

from dataclasses import replace

import numpy as np

from lstm_analog.compiler.hardware import GRAVITY, SpringPiston
from lstm_analog.compiler.hydraulic import Hydraulic
from lstm_analog.network.roles import is_filling, valves
from lstm_analog.study.bill import Bill, bill_of_materials
from lstm_analog.study.consumption import Consumer, Consumption, PartCount, while_running
from lstm_analog.study.figures import PlumbingFigures
from lstm_analog.study.flows import mean_heat, shares_on
from lstm_analog.study.operation import as_used
from lstm_analog.study.run import PassRun, Run

_NO_ROOM = ("manifold or chamber", "pressure rail")
"""Items of a bill that take no room of their own: a fitting, a connection."""


def plumbing_cost(run: Run, one: PassRun, technology: object, figures: PlumbingFigures, running: float) -> Consumption:
    """Return what the plumbing of the pass `one` of `run`, built in `technology`, takes with the constants `figures`.

    The flow of the pump is that of the bill; the clock is `running` for that share of the time. Raises
    `UnsupportedError` if the technology is not hydraulic.
    """
    bill = bill_of_materials(one.compiled, technology, replace(run, passes=(one,)))
    pump = Consumer(
        what="pump", power=bill.supply.mean_power / figures.efficiency.value, source=figures.efficiency.source
    )
    held = Consumer(what="solenoids", power=_opened(one) * figures.solenoid.value, source=figures.solenoid.source)
    return Consumption(
        consumers=(pump, while_running(held, running)),
        parts=_parts(bill, one, technology, figures),
        heat=mean_heat(one.trajectory),
    )


def _opened(one: PassRun) -> float:
    """Return the mean number of solenoid valves that are open in the pass `one`, the reset left out."""
    network, share = one.trajectory.network, shares_on(one.trajectory.schedule)
    return sum(part.a.size * share(part.line) for part in valves(network) if not is_filling(network, part))


def _parts(bill: Bill, one: PassRun, technology: object, figures: PlumbingFigures) -> tuple[PartCount, ...]:
    """Return the parts of a `bill` by kind, with their volumes."""
    wall, volume = figures.wall.value, 0.0
    for bank in bill.cuts:
        volume += bank.count * float((0.25 * np.pi * (bank.bores + 2.0 * wall) ** 2 * bank.lengths).sum())
    tubes = PartCount(what="tubes", number=bill.tubes, room=volume, source=figures.wall.source)
    counts = dict[str, int]()
    for item in bill.items:
        counts[item.part] = counts.get(item.part, 0) + item.count
    uses = {bank.use.value for bank in bill.cuts}
    rest = (
        _kind(what, number, one, technology, figures)
        for what, number in counts.items()
        if what not in uses and what not in _NO_ROOM
    )
    return (tubes, *rest)


def _kind(what: str, number: int, one: PassRun, technology: object, figures: PlumbingFigures) -> PartCount:
    if what == "tank" and isinstance(technology, Hydraulic):
        share = figures.tank_share
        room = share.value * _liquid(as_used(technology, one.trajectory.network))
        return PartCount(what=what, number=number, room=number * room, source=share.source)
    others = {"relay": figures.relay_volume, "equal-percentage port": figures.port_volume}
    each = others.get(what, figures.valve_volume)
    return PartCount(what=what, number=number, room=number * each.value, source=each.source)


def _liquid(technology: Hydraulic) -> float:
    """Return the volume of liquid (m3) that a tank of `technology` holds from stop to stop."""
    vessel = technology.vessel
    if isinstance(vessel, SpringPiston):
        return 2.0 * vessel.stroke * vessel.area
    return technology.tank * technology.fluid.density * GRAVITY * vessel.height
