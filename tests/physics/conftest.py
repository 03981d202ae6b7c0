"""Three networks made by hand: RC ladder, op-amp inverter, switched half-bridge."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from by_hand import network, schedule

from lstm_analog.network.data_sheets import OpAmpData, opamps
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import (
    ALWAYS,
    Conductors,
    Factor,
    Junctions,
    Pairs,
    Ports,
    Sources,
    Storages,
    Switches,
)
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.shapes import Shape


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    network: Network
    schedule: Schedule


LADDER = {"conductance": np.array([1.0, 2.0, 0.5, 1.5]) * 1e-4, "capacitance": np.array([1.0, 0.5, 2.0, 1.0]) * 1e-10}


@pytest.fixture
def ladder():
    """Source - R - C - R - C ... four times; RC about 1 us. The short intervals make the edges in a netlist short."""
    made = network(
        {"drive": 1, "node": 4},
        Sources(label="drive", nodes=[1], effort=0.0),
        Conductors(label="r", a=[1, 2, 3, 4], b=[2, 3, 4, 5], conductance=LADDER["conductance"]),
        Storages(label="c", nodes=[2, 3, 4, 5], capacitance=LADDER["capacitance"]),
    )
    return Case(network=made, schedule=schedule([1e-8, 5e-6, 1e-8, 20e-6], drive=[0.0, 1.0, 1.0, -0.5]))


@pytest.fixture
def unpaused():
    """One source into a divider, an RC of 1 us, a diode e^(4v) beside another, a switch to a third; no pauses."""
    diode = Factor(shape=Shape.EXP, p=[4], n=[0], scale=4.0, offset=0.0)
    made = network(
        {"drive": 1, "middle": 1, "relaxed": 1, "clipped": 1, "switched": 1},
        Sources(label="drive", nodes=[1], effort=0.0),
        Conductors(label="r", a=[1, 2, 1, 1], b=[2, 0, 3, 4], conductance=1e-4),
        Junctions(label="j", nodes=[2]),
        Storages(label="c", nodes=[3, 4, 5], capacitance=1e-10),
        Pairs(label="diode", line=ALWAYS, factors=(diode,), out=[4], current=-2e-6),
        Switches(label="contact", line=0, a=[4], b=[5], closed=1e-4, opened=1e-15),
        Conductors(label="leak", a=[5], b=[0], conductance=1e-6),
        lines=("clock",),
    )
    driven = schedule([1e-6, 2e-6, 1e-6, 3e-6], [False, True, False, True], drive=[0.0, 1.0, -0.5, 0.8])
    return Case(network=made, schedule=driven)


@pytest.fixture
def inverter():
    """Return a maker of an op-amp with 10 and 20 kohm around its summing junction; keywords change its data sheet."""

    def make(levels, durations, clamp=None, **changes):
        data = {"gain": 1e5, "gain_bandwidth": 1e7, "slew": 1e7, "rail": 4.5, "output_resistance": 50.0, "offset": 0.0}
        amplifier = opamps("u", OpAmpData(**(data | changes)), plus=[0], minus=[2], out=[3], state=[4])
        made = network(
            {"drive": 1, "sum": 1, "out": 1, "state": 1},
            Sources(label="drive", nodes=[1], effort=0.0),
            Conductors(label="r", a=[1, 2], b=[2, 3], conductance=[1e-4, 0.5e-4]),
            Junctions(label="j", nodes=[2, 3]),
            amplifier if clamp is None else replace(amplifier, clamp=clamp),
        )
        return Case(network=made, schedule=schedule(durations, drive=levels))

    return make


@pytest.fixture
def bridge():
    """Two opposed ports between a top rail (2 V) and a bottom rail (-1 V), a switch to a second capacitor, a pump."""
    pilot = {"conductance": 1e-4, "scale": 1.0, "offset": 0.0}
    stack = (
        Factor(shape=Shape.TANH, p=[1], n=[0], scale=1.0, offset=0.0),
        Factor(shape=Shape.SIGMOID, p=[0], n=[1], scale=2.0, offset=-0.25),
    )
    made = network(
        {"drive": 1, "rail": 2, "mid": 1, "store": 1},
        Sources(label="drive", nodes=[1], effort=0.0),
        Sources(label="rails", nodes=[2, 3], effort=[2.0, -1.0]),
        Ports(label="ports", line=0, shape=Shape.SIGMOID, a=[2, 4], b=[4, 3], p=[1, 0], n=[0, 1], **pilot),
        Storages(label="caps", nodes=[4, 5], capacitance=[1e-10, 3e-10]),
        Switches(label="contact", line=1, a=[4], b=[5], closed=1e-4, opened=1e-15),
        Conductors(label="leak", a=[4, 5], b=[0, 0], conductance=1e-15),
        Pairs(label="pump", line=2, factors=stack, out=[5], current=2e-5),
        lines=("bridge", "copy", "pump"),
    )
    times = [10e-6, 3e-6, 0.02e-6, 4e-6, 0.02e-6, 5e-6, 0.02e-6]
    high = np.arange(7)[:, None] == [1, 3, 5]
    driven = schedule(times, high, drive=[0.7] * 7)
    return Case(network=made, schedule=driven)
