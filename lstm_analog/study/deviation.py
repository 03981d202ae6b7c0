"""Compare a deck number by number with the network that its LSTM compiles to."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.compiler import Compiled, fed_by, schedule
from lstm_analog.export import Deck
from lstm_analog.model import State
from lstm_analog.network.analogy import as_circuit
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule
from lstm_analog.study.certificate import ROUNDING


def deviations(deck: Deck, passes: tuple[Compiled, ...], number: int, x: Floats, start: State) -> Iterator[str]:
    """Yield the differences of `deck` from pass `number` of the `passes` of an LSTM, with inputs `x` from `start`.

    Inputs are compared for the first pass only; those of a later pass are outputs of the pass before.
    """
    network, fed = _expected(passes, number, x, start)
    free = _inputs(passes[number]) if number else []
    known = replace(deck.schedule, imposed=tuple(each for each in deck.schedule.imposed if each.label not in free))
    now, then = dict(_said(deck.network, known)), dict(_said(network, fed))
    for name in sorted(now.keys() | then.keys()):
        yield from _deviation(name, now, then)


def _expected(passes: tuple[Compiled, ...], number: int, x: Floats, start: State) -> tuple[Network, Schedule]:
    """Return the circuit of pass `number` and its schedule, without inputs from an earlier pass."""
    made = passes[number]
    first = sum(len(each.layout.layers) for each in passes[:number])
    chains = slice(first, first + len(made.layout.layers))
    if number:
        once = made.layout.head is not None and made.layout.head.final
        x = np.zeros((1 if once else len(x), made.network.unknowns[_inputs(made)[0]].size))
    fed = schedule(made, x, State(h=start.h[chains], c=start.c[chains]))
    if number:
        fed = replace(fed, imposed=tuple(each for each in fed.imposed if each.label not in _inputs(made)))
    circuit = as_circuit(made.network, fed)
    return circuit.network, circuit.schedule


def _inputs(made: Compiled) -> list[str]:
    """Return the labels of the source banks of the inputs of a pass."""
    return [label for bank in made.layout.inputs for label in fed_by(made, bank.label)]


def _said(network: Network, fed: Schedule) -> Iterator[tuple[str, Floats | str]]:
    """Yield every array in a deck, and every line of a library, by name."""
    yield from ((f"group {group.label}", np.array([group.size, group.scale])) for group in network.unknowns.groups)
    for part in network.parts:
        yield from _arrays(part, part.label)
    yield from (("clock durations", fed.durations), ("clock lines", fed.high.astype(np.float64)))
    yield from ((f"{entry.label} over time", entry.efforts) for entry in fed.imposed)


def _arrays(value: object, name: str) -> Iterator[tuple[str, Floats | str]]:
    """Yield every array and text of a bank by name, also of its terms, factors and library."""
    if isinstance(value, np.ndarray):
        yield name, value.astype(np.float64)
    elif isinstance(value, str):
        yield name, value
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            yield from _arrays(item, f"{name}[{number}]")
    elif is_dataclass(value):
        for entry in fields(value):
            yield from _arrays(getattr(value, entry.name), f"{name}.{entry.name}")


def _deviation(name: str, now: Mapping[str, Floats | str], then: Mapping[str, Floats | str]) -> Iterator[str]:
    """Yield a description of the difference of the array or text `name`, if there is one."""
    if name not in now or name not in then:
        yield f"{name} is {'missing' if name in then else 'too many'}"
        return
    one, other = now[name], then[name]
    if isinstance(one, str) or isinstance(other, str):
        yield from () if one is other or str(one) == str(other) else (f"{name} is {one!s:.60}, not {other!s:.60}",)
    elif one.shape != other.shape:
        yield f"{name} has shape {one.shape}, not {other.shape}"
    else:
        for place in np.argwhere(~np.isclose(one, other, rtol=ROUNDING, atol=0.0)).tolist():
            index = tuple(place)
            yield f"{name}{place} is {one[index]:.9g}, not {other[index]:.9g}"
