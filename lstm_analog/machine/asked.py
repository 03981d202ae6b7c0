"""Check the arguments of a run: sequences that fit the machine, and an engine."""

from typing import TYPE_CHECKING, TypeAlias

from numpy.typing import ArrayLike

from lstm_analog.arrays import Floats, Indices
from lstm_analog.model import State
from lstm_analog.model.sequences import StateLike, StateSizes, given_lengths, sequences, starting_state

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
    from lstm_analog.engines.choosing import ENGINES, chosen_engine

    return chosen_engine(engine, ENGINES["waveform"])
