"""The small networks on the first two screens of the living page: what makes one sigmoid, and one memory."""

from dataclasses import replace

import numpy as np

from lstm_analog.analogies.chance import channels
from lstm_analog.compiler import CLOCKED, Compiled, lower, signal_network
from lstm_analog.compiler.electrical import CHANNELS, OPAMP_IDEAL
from lstm_analog.compiler.hydraulic import OIL, Detail
from lstm_analog.compiler.opamp_sizes import thermal_voltage
from lstm_analog.model import LSTM, Layer
from lstm_analog.model.weights import Cell
from lstm_analog.network.domain import ELECTRICAL, HYDRAULIC, Domain
from lstm_analog.network.graph import Group, Network, Unknowns
from lstm_analog.network.parts import ALWAYS, DATUM, Conductors, Factor, Junctions, Pairs, Part, Ports, Sources
from lstm_analog.network.shapes import Shape

PLUMBING = replace(OIL, detail=Detail.FULL)
"""The plumbing of the page: every chamber yields, so that all that moves is seen to move."""
_SETTLING = 14.0
"""Phases of the memory on the second screen, in time constants; larger: slower to compute, nearer to the digital c."""


def valve_pair() -> Network:
    """Return two opposed equal-percentage valves between the rail and the datum, moved by the pressure `z`.

    The pressure `middle` is sigmoid(z) of the rail, z in pressure units.
    """
    unit = OIL.pressure_unit
    rail, z, middle = 1, 2, 3

    def valve(label: str, a: int, b: int, sign: float) -> Ports:
        return Ports(
            label=label,
            line=ALWAYS,
            shape=Shape.EXP,
            a=np.array([a]),
            b=np.array([b]),
            p=np.array([z]),
            n=np.array([DATUM]),
            conductance=np.array([OIL.port_conductance]),
            scale=np.array([0.5 * sign / unit]),
            offset=np.zeros(1),
        )

    parts = (
        _source("rail", rail, unit),
        _source("z", z, 0.0),
        Junctions(label="tee", nodes=np.array([middle])),
        valve("top", rail, middle, 1.0),
        valve("bottom", middle, DATUM, -1.0),
    )
    return _network(HYDRAULIC, ("rail", "z", "middle"), unit, parts)


def transistor_pair() -> Network:
    """Return a pair of bipolar transistors whose tail current divides by the voltage `z`, each side with its load.

    The voltage `left` is sigmoid(z) V with z in thermal voltages, `right` the rest; temperature and loads are those of
    OPAMP_IDEAL, and the tail current is what makes 1 V of them.
    """
    places = {"z": 1, "left": 2, "right": 3}

    def side(label: str, sign: float) -> tuple[Part, ...]:
        out = np.array([places[label]])
        base = Factor(
            shape=Shape.SIGMOID,
            p=np.array([places["z"]]),
            n=np.array([DATUM]),
            scale=np.array([sign / thermal_voltage(OPAMP_IDEAL.pair.temperature)]),
            offset=np.zeros(1),
        )
        load = np.array([1.0 / OPAMP_IDEAL.pair.load_resistance])
        return (
            Junctions(label=f"{label}_node", nodes=out),
            Pairs(label=f"{label}_pair", line=ALWAYS, factors=(base,), out=out, current=load),
            Conductors(label=f"{label}_load", a=out, b=np.array([DATUM]), conductance=load),
        )

    parts = (_source("z", places["z"], 0.0), *side("left", 1.0), *side("right", -1.0))
    return _network(ELECTRICAL, ("z", "left", "right"), 1.0, parts)


def channel_crowd() -> Network:
    """Return the mean of ion channels as a network, at 1 V if all are open; their number does not change it."""
    return channels(1, number=1.0, rate=CHANNELS.rate, capacitance=CHANNELS.capacitance)


def one_memory() -> Compiled:
    """Return the plumbing of an LSTM of one unit whose four inputs are its pre-activations i, f, g and o."""
    cell = Cell(input=np.eye(4)[:, None, :], recurrent=np.zeros((4, 1, 1)))
    lstm = LSTM(layers=(Layer(forward=cell),), name="one_memory")
    return lower(PLUMBING, signal_network(lstm), CLOCKED, _SETTLING)


def _source(label: str, node: int, effort: float) -> Sources:
    return Sources(label=f"{label}_source", nodes=np.array([node]), effort=np.array([effort]))


def _network(domain: Domain, labels: tuple[str, ...], scale: float, parts: tuple[Part, ...]) -> Network:
    groups = tuple(Group(label=label, size=1, scale=scale) for label in labels)
    return Network(domain=domain, unknowns=Unknowns(groups=groups), parts=parts, lines=(), provenance=())
