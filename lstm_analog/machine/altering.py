"""Change the networks of a machine: apply imperfections to all or to the weights of a layer, and force gates.

A gate is clamped at the value before its activation that gives what is asked. Throughout, a `unit` is one or several
by number, None for all; a `place` is the number of a layer and whether its backward direction is meant.
"""

from dataclasses import replace

import numpy as np
from scipy.optimize import brentq

from lstm_analog.compiler import Compiled
from lstm_analog.compiler.compiled import LayerLayout, Spot
from lstm_analog.doors import named
from lstm_analog.errors import InvalidValueError, UnsupportedError, explain
from lstm_analog.imperfections import Clamp, InBanks, InputConverter, Streams, apply
from lstm_analog.imperfections.applying import records_in
from lstm_analog.imperfections.banks import device_parts
from lstm_analog.machine.places import check_place
from lstm_analog.model import Activation
from lstm_analog.model.gates import CoupledGate, Gate, GRUGate, MGUGate
from lstm_analog.network.labels import SIGNAL, signals_of

_FARTHEST = 16.0
"""Largest value before an activation: a sigmoid is 1e-7 from its end there, and half-bridges are not yet stiff."""
_ENDS = 1e-6
"""How far beyond what an activation reaches there a value may be asked for: 0 and 1 of a sigmoid."""
_STREAMS = Streams(seed=0)


def imperfect(
    passes: tuple[Compiled, ...], imperfection: object, streams: Streams, layer: int | None, layers: int
) -> tuple[Compiled, ...]:
    """Return `passes` with an `imperfection`, or several, drawn from `streams`; see `Machine.with_imperfection`.

    With `layer` only the weights of that one of so many `layers` have it; the head comes after the last.
    """
    if layer is None:
        first = records_in(imperfection)
        later = [each for each in first if not isinstance(each, InputConverter)]  # they are fed from a memory
        acting = [first, *[later] * (len(passes) - 1)]
        pairs = zip(passes, acting, strict=True)
        return tuple(replace(each, network=apply(causes, each.network, streams)) for each, causes in pairs)
    head = check_place("layer", layer, layers + 1) == layers
    owners = ("y_",) if head else (f"l{layer}_", f"l{layer}r_")
    found = [tuple(bank for bank in device_parts(each.network) if bank.startswith(owners)) for each in passes]
    if not any(found):
        got, do = "the head of a machine that has none" if head else "one without", "choose another, or leave it out"
        raise InvalidValueError(explain("the layer", must="have weights of programmed devices", got=got, do=do))
    return tuple(_in_banks(each, imperfection, streams, banks) for each, banks in zip(passes, found, strict=True))


def _in_banks(compiled: Compiled, imperfection: object, streams: Streams, banks: tuple[str, ...]) -> Compiled:
    """Return `compiled` with an `imperfection` of these `banks`, itself if there are none."""
    some = [InBanks(imperfection=each, banks=banks) for each in records_in(imperfection) if banks]
    return replace(compiled, network=apply(some, compiled.network, streams)) if some else compiled


def forced(
    passes: tuple[Compiled, ...], gate: str, value: float, unit: int | tuple[int, ...] | None, place: tuple[int, bool]
) -> tuple[Compiled, ...]:
    """Return `passes` with the `gate` of `unit` at `place` held at `value`; see `Machine.force`."""
    number, chain = _chain_at(passes, place)
    compiled = passes[number]
    gates = {each.name.lower(): spot for each, spot in zip(chain.gates, chain.z, strict=True)}
    activations = dict(zip(gates, chain.activations, strict=True))
    spot = named("gate", gate, gates)
    before = _before(activations[next(name for name in gates if gates[name] is spot)], gate, value)
    size = compiled.network.unknowns[spot.group].size
    asked = range(size) if unit is None else (unit,) if isinstance(unit, int) else unit
    units = [check_place("unit", each, size) for each in asked]
    if not units:
        raise InvalidValueError(explain("unit", must="be one at least", got="none", do="leave it out for all of them"))
    network = apply(_clamps(compiled, spot, before, units), compiled.network, _STREAMS)
    return (*passes[:number], replace(compiled, network=network), *passes[number + 1 :])


def held(
    passes: tuple[Compiled, ...], unit: int | tuple[int, ...] | None, place: tuple[int, bool]
) -> tuple[Compiled, ...]:
    """Return `passes` with the memory of `unit` at `place` held at what it is; see `Machine.hold`."""
    gates = type(_chain_at(passes, place)[1].gates[0])
    if gates not in _HOLDING:
        must, do = "be cells with a gate that keeps, LSTM, GRU or minimal gated units", "force its gate instead"
        raise UnsupportedError(explain("the chain", must=must, got=gates.__name__, do=do))
    for gate, value in _HOLDING[gates].items():
        passes = forced(passes, gate, value, unit, place)
    return passes


_HOLDING = {
    Gate: {"forget": 1.0, "input": 0.0},
    CoupledGate: {"forget": 1.0},
    GRUGate: {"update": 1.0},
    MGUGate: {"forget": 0.0},
}
"""The values of gates at which each kind of cell keeps its memory."""


def _chain_at(passes: tuple[Compiled, ...], place: tuple[int, bool]) -> tuple[int, LayerLayout]:
    """Return the number of the pass that has the chain at `place`, and the chain."""
    chains = {(each.layer, each.backward): (n, each) for n, one in enumerate(passes) for each in one.layout.layers}
    if place not in chains:
        texts = [f"layer {layer}{' backward' if backward else ''}" for layer, backward in chains]
        got = f"layer {place[0]}{' backward' if place[1] else ''}"
        raise InvalidValueError(explain("the place", must=f"be {' or '.join(texts)}", got=got, do="choose one of them"))
    return chains[place]


def _before(activation: Activation, gate: str, value: float) -> float:
    """Return the value before the `activation` at which it has `value`; those of curves that only rise or fall."""

    def away(z: float) -> float:
        return float(activation(np.array(z))) - value

    low, high = sorted((-_FARTHEST, _FARTHEST), key=away)
    if away(low) > _ENDS or away(high) < -_ENDS or not np.isfinite(value):
        must = f"be {away(low) + value:.3g} to {away(high) + value:.3g}"
        raise InvalidValueError(explain(f"the value of {gate}", must=must, got=value, do="give what its curve reaches"))
    if away(low) * away(high) >= 0.0:
        return low if abs(away(low)) < abs(away(high)) else high
    return float(brentq(away, low, high, xtol=1e-14))


def _clamps(compiled: Compiled, spot: Spot, before: float, units: list[int]) -> tuple[Clamp, ...]:
    """Return the clamps that make what `spot` reads of `units` the value `before`, one for each gain of its rows."""
    word = signals_of(compiled.network.said(SIGNAL))[spot.group]
    gains = [spot.gain[unit] if spot.gain else 1.0 for unit in units]
    by_gain = {gain: tuple(unit for unit, its in zip(units, gains, strict=True) if its == gain) for gain in gains}
    every = compiled.network.unknowns[spot.group].size
    return tuple(
        Clamp(signal=word, value=before / gain, units=() if len(some) == every else some)
        for gain, some in by_gain.items()
    )
