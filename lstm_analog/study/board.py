"""The board of a circuit of op-amps: which part that can be bought stands for which element of the network.

An element is a component, with these exceptions. A multiplier with its load, pole and buffer is one AD734, and an
OPA192 that sets its denominator. A pair has a current source for its tail, and an OPA192 around its load, so that both
collectors are at ground: to the rail, or through mirrors, they would differ by the Early effect. A buffer behind an
op-amp stands within the loop, as the technology takes it: all that reads the op-amp reads the buffer instead.
Capacitance of wires, leakage and bias currents are no components.
"""

from functools import singledispatch

import numpy as np

from lstm_analog.compiler.compiled import Compiled
from lstm_analog.compiler.electrical import OPAMP_BENCH
from lstm_analog.compiler.opamp_sizes import OpAmpCircuit
from lstm_analog.errors import UnsupportedError, UnsupportedPartError, explain
from lstm_analog.export import UNCONNECTED, Board
from lstm_analog.export.crossbars import crossbar_tubes
from lstm_analog.export.source_waveforms import clock_node
from lstm_analog.network import parts
from lstm_analog.network.chips import check_one_chip
from lstm_analog.network.parts import Part
from lstm_analog.network.shapes import Shape
from lstm_analog.network.varying import check_steady
from lstm_analog.study import board_parts
from lstm_analog.study.board_builder import GROUND, BoardBuilder
from lstm_analog.study.figures import BOARD
from lstm_analog.study.interface import interface

_SIZED = ("amplifier", "pair", "multiplier", "hold", "crossbar")
"""The records of a technology that choose its parts."""
_DENOMINATORS = (10e-3, 10.0)
"""The range of the denominator of AD734 (V)."""


def board(compiled: Compiled, technology: object) -> Board:
    """Return the board of `compiled`, built of the parts of `OPAMP_BENCH`.

    Raises `UnsupportedError` for another `technology`, or sizes that none of the parts has; `UnsupportedPartError` for
    an element without a part.
    """
    _check_bought(technology)
    network = compiled.network
    check_one_chip(network)
    check_steady(network)
    made = BoardBuilder(network, BOARD.supply.value)
    for part in network.parts:
        _place(part, made)
    pins = interface(compiled)
    outputs = np.concatenate([network.unknowns[group] for _, group in pins.outputs])
    made.connectors("outputs", made.read(outputs))
    used = sorted({part.line for part in network.parts if isinstance(part, parts.Switches)})
    made.connectors("clocks", np.concatenate([made.net(clock_node(network.lines[line])) for line in used]))
    made.connectors("supply", np.concatenate((made.positive, made.negative, *made.references.values())))
    return made.board(pins.name)


def _check_bought(technology: object) -> None:
    must, do = "be made of parts that can be bought", "compile in electrical.OPAMP_BENCH"
    if not isinstance(technology, OpAmpCircuit):
        got = str(getattr(technology, "name", type(technology).__name__))
        raise UnsupportedError(explain("technology of a board", must=must, got=got, do=do))
    other = [name for name in _SIZED if getattr(technology, name) != getattr(OPAMP_BENCH, name)]
    if other:
        got = f"{technology.name}, whose {', '.join(other)} no part of the list has"
        raise UnsupportedError(explain("technology of a board", must=must, got=got, do=do))


@singledispatch
def _place(part: Part, made: BoardBuilder) -> None:
    """Add the components that stand for the bank `part`, or nothing if it is no component."""
    must, do = "be one that a part can be bought for", "leave it out, or write its components"
    raise UnsupportedPartError(explain(f"part {part.label}", must=must, got=type(part).__name__, do=do))


@_place.register
def _(part: parts.Junctions, made: BoardBuilder) -> None:
    """Add nothing: a junction is a net."""


@_place.register
def _(part: parts.Sources, made: BoardBuilder) -> None:
    made.connectors(part.label, part.nodes)


@_place.register
def _(part: parts.Crossbars, made: BoardBuilder) -> None:
    tubes = list(crossbar_tubes(part))
    a, b = (made.read(np.concatenate([getattr(each, end) for each in tubes])) for end in ("tails", "heads"))
    made.resistors(part.label, a, b, 1.0 / np.concatenate([each.conductance for each in tubes]))


@_place.register
def _(part: parts.Conductors, made: BoardBuilder) -> None:
    resistance = np.broadcast_to(1.0 / part.conductance, part.a.shape)
    leak = bool((resistance > board_parts.LARGEST).all())
    end, fold = made.sensed.get(part.a.tobytes(), (made.read(part.b), 1.0))
    if not leak and part.a.tobytes() not in made.products:
        made.resistors(part.label, made.read(part.a), end, fold * resistance)


@_place.register
def _(part: parts.Storages, made: BoardBuilder) -> None:
    wires = bool(np.isin(part.nodes, made.summing).all())
    if not wires and part.nodes.tobytes() not in made.products:
        end, _ = made.sensed.get(part.nodes.tobytes(), (np.full(1, GROUND), 1.0))
        made.capacitors(part.label, part.nodes, end, np.broadcast_to(part.capacitance, part.nodes.shape))


@_place.register
def _(part: parts.OpAmps, made: BoardBuilder) -> None:
    nets = {"IN+": made.read(part.plus), "IN-": made.read(part.minus), "OUT": part.out}
    made.powered(board_parts.OPAMP, part.label, nets)


@_place.register
def _(part: parts.Followers, made: BoardBuilder) -> None:
    if (made.read(part.terms[0].inputs) == part.nodes).all():
        made.powered(board_parts.BUFFER, part.label, {"VIN": part.terms[0].inputs, "VO": part.nodes})


@_place.register
def _(part: parts.Switches, made: BoardBuilder) -> None:
    """Add four switches a package; the control of one that is not used is grounded."""
    packages = -(-part.a.size // len(board_parts.SWITCH_PINS))
    room = np.full((2, packages * len(board_parts.SWITCH_PINS)), UNCONNECTED)
    room[:, : part.a.size] = made.read(part.a), made.read(part.b)
    clock = np.where(room[0] == UNCONNECTED, GROUND, made.net(clock_node(made.lines[part.line])))
    nets = {"GND": np.full(packages, GROUND)}
    for number, (source, drain, control) in enumerate(board_parts.SWITCH_PINS):
        each = slice(number, None, len(board_parts.SWITCH_PINS))
        nets |= {source: room[0, each], drain: room[1, each], control: clock[each]}
    made.powered(board_parts.SWITCH, part.label, nets, ("VDD", "VSS"))


@_place.register
def _(part: parts.Pairs, made: BoardBuilder) -> None:
    shapes = [factor.shape for factor in part.factors]
    if any(factor.offset.any() and factor.scale.any() for factor in part.factors):
        raise _strange(part, "have no offset", "another activation")
    if shapes == [Shape.LINEAR] * 2:
        _multiplier(part, made)
    elif shapes in ([Shape.SIGMOID], [Shape.TANH]):
        _pair(part, made)
    elif shapes != [Shape.LINEAR] or part.factors[0].scale.any():  # else a bias current, which is the op-amp's
        raise _strange(part, "be a sigmoid, a tanh or a product of two", ", ".join(each.value for each in shapes))


def _multiplier(part: parts.Pairs, made: BoardBuilder) -> None:
    """Add an AD734 and the op-amp that holds the voltage U1 - U2, its denominator, at a reference."""
    scale = part.current * part.factors[0].scale * part.factors[1].scale * OPAMP_BENCH.multiplier.load_resistance
    if (scale != scale.flat[0]).any():
        raise _strange(part, "have one denominator", "gains that differ")
    volts = float(f"{1.0 / abs(scale.flat[0]):.9g}")
    low, high = _DENOMINATORS
    if not low <= volts <= high:
        raise _strange(part, f"have a denominator of {low:g} to {high:g} V", f"{volts:g} V")
    out = made.products[part.out.tobytes()]
    ends = [made.read(end) for factor in part.factors for end in (factor.p, factor.n)]
    x1, x2, y1, y2 = ends if scale.flat[0] > 0.0 else (ends[1], ends[0], ends[2], ends[3])
    sense, base = (made.inner(f"{part.label}_{name}", out.size) for name in ("u1", "u0"))
    inputs = {"X1": x1, "X2": x2, "Y1": y1, "Y2": y2}
    control = {"U0": base, "U1": sense, "U2": np.full(1, GROUND), "DD": made.positive}
    output = {"W": out, "Z1": out, "Z2": np.full(1, GROUND)}
    made.powered(board_parts.MULTIPLIER, part.label, inputs | control | output, ("VP", "VN"))
    loop = {"IN+": np.repeat(made.reference(volts), out.size), "IN-": sense, "OUT": base}
    made.powered(board_parts.OPAMP, f"{part.label}_denominator", loop)


def _pair(part: parts.Pairs, made: BoardBuilder) -> None:
    """Add a MAT01, the current source of its tail, and an op-amp that holds its first collector at ground.

    The op-amp draws the collector's current I sigmoid from its output through its feedback, the load. Of a tanh, half
    the tail is taken off by a resistor to a reference. The second collector is at ground, so that both have the same
    voltage.
    """
    factor, size, label = part.factors[0], part.out.size, part.label
    tail, adjust = (made.inner(f"{label}_{name}", size) for name in ("tail", "set"))
    summing, fold = made.sensed[part.out.tobytes()]
    ends = {"B1": made.read(factor.p), "B2": made.read(factor.n), "E1": tail, "E2": tail}
    made.add(board_parts.PAIR, label, {**ends, "C1": summing, "C2": np.full(1, GROUND)})
    made.powered(board_parts.OPAMP, f"{label}_sense", {"IN-": summing, "IN+": np.full(1, GROUND), "OUT": part.out})
    made.add(board_parts.CURRENT_SOURCE, f"{label}_tail", {"V+": tail, "R": adjust, "V-": made.negative})
    current = np.broadcast_to(np.abs(part.current), (size,))
    made.resistors(f"{label}_set", adjust, np.repeat(made.negative, size), board_parts.SET_VOLTAGE / current)
    if factor.shape is Shape.TANH:
        first = float(current.flat[0])  # sets the reference, from which each pair takes half of its own current
        load = fold * OPAMP_BENCH.pair.load_resistance * (first / current)
        volts = made.reference(first * OPAMP_BENCH.pair.load_resistance)
        made.resistors(f"{label}_half", np.repeat(volts, size), summing, load)


def _strange(part: Part, must: str, got: str) -> UnsupportedPartError:
    do = "compile a standard LSTM without imperfections"
    return UnsupportedPartError(explain(f"part {part.label} of a board", must=must, got=got, do=do))
