"""Check the arguments of a run, and find passes, layers and units of a machine by number, counted from zero."""

from numbers import Integral
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler import Compiled, fed_by
from lstm_analog.errors import InvalidTypeError, InvalidValueError, explain
from lstm_analog.model import State
from lstm_analog.model.sequences import StateLike, StateSizes, given_lengths, sequences, starting_state
from lstm_analog.network.graph import Network
from lstm_analog.summaries import Rows

if TYPE_CHECKING:
    from lstm_analog.engines import Engine


EngineLike: TypeAlias = "Engine | str | None"
"""An engine, the name of one in `engines.ENGINES`, or None for the default."""


def fitting(
    x: ArrayLike, state: StateLike | None, lengths: ArrayLike | None, inputs: int, sizes: StateSizes, chips: int
) -> tuple[Floats, State, Indices | None]:
    """Return `x`, `state` and `lengths` as arrays for a machine of `inputs` inputs and `chips` chips, or raise.

    `sizes` are the sizes of its states.
    """
    fed = sequences(x, inputs, chips)
    return fed, starting_state(state, sizes, fed.shape[-3:-2], chips), given_lengths(lengths, fed.shape)


def given_engine(engine: "EngineLike") -> "Engine":
    """Return `engine`, the engine of that name, or `Waveform()` if it is None; raises as `chosen_engine` does."""
    from lstm_analog.engines import Waveform
    from lstm_analog.engines.choosing import chosen_engine

    return chosen_engine(engine, Waveform())


def unknowns_of(network: Network, sizes: tuple[int, ...], layer: object, unit: object) -> Indices | None:
    """Return the unknowns (k,) of `unit` of `layer` in the `network` of a machine whose layers have these `sizes`.

    If only one of the two is None, it stands for the first; if both are, the result is None, for all unknowns. Raises
    `InvalidTypeError` or `InvalidValueError` for a number that is out of range.
    """
    if layer is None and unit is None:
        return None
    row = check_place("layer", 0 if layer is None else layer, len(sizes))
    column = check_place("unit", 0 if unit is None else unit, sizes[row])
    groups = [group for group in network.unknowns.groups if group.label.startswith((f"l{row}_", f"l{row}r_"))]
    return np.array([network.unknowns[group.label][column] for group in groups if column < group.size])


def place_of(
    passes: tuple[Compiled, ...], sizes: tuple[int, ...], number: object
) -> tuple[Compiled, tuple[int, ...], int]:
    """Return pass `number` of `passes`, the `sizes` of its own layers, and its number of inputs in a step.

    Raises as `check_place` does.
    """
    compiled = passes[check_place("pass", number, len(passes))]
    bank, *_ = fed_by(compiled, compiled.layout.inputs[0].label)
    layers = dict.fromkeys(place.layer for place in compiled.layout.layers)
    return compiled, tuple(sizes[layer] for layer in layers), int(compiled.network.unknowns[bank].size)


def check_place(what: str, place: object, size: int) -> int:
    """Return `place`, called `what` in messages, if it is a whole number from zero to below `size`.

    Raises `InvalidTypeError` or `InvalidValueError`.
    """
    if isinstance(place, bool) or not isinstance(place, Integral):
        raise InvalidTypeError(explain(what, must="be a whole number", got=ascii(place)[:80], do="count from zero"))
    if not 0 <= int(place) < size:
        raise InvalidValueError(explain(what, must=f"be 0 to {size - 1}", got=place, do="choose another"))
    return int(place)


def told_of(passes: tuple[Compiled, ...]) -> Rows:
    """Return rows with the names of model and technology, the clock and the size of the networks of `passes`."""
    first = passes[0]
    named = tuple((key, value) for key, value in first.network.provenance if key in ("model", "technology"))
    sizes = " + ".join(f"{each.network.unknowns.size - 1} unknowns, {len(each.network.parts)} banks" for each in passes)
    clock = f"{first.timing.value}, {first.settling:g} time constants of {first.time_constant:.3g} s"
    return (*named, ("clock", clock), ("network", sizes))
