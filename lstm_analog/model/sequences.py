"""The arguments and results of an LSTM: sequences, their lengths, states, outputs."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lstm_analog.arrays import Floats, Indices, floats, indices, plain
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError, LibraryMissingError, explain
from lstm_analog.frames import steps_of
from lstm_analog.summaries import Summarised

if TYPE_CHECKING:
    import xarray


StateSizes = tuple[tuple[int, int], ...]
"""The number of h and of c of each chain; only an LSTM has c."""


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class State(Summarised):
    """The state of an LSTM between two steps.

    For each chain there is an array of `h (batch, P)` and one of `c (batch, H)`, without the batch axis if x has none;
    bottom layer first, forward before backward. For a chain without c, such as a GRU, H is 0.
    """

    h: tuple[Floats, ...]
    c: tuple[Floats, ...]

    def __post_init__(self) -> None:
        """Freeze the arrays."""
        for name in ("h", "c"):
            if not isinstance(getattr(self, name), tuple | list):
                got, do = type(getattr(self, name)).__name__, "give one array a chain"
                raise InvalidTypeError(explain(f"state {name}", must="be a tuple of arrays", got=got, do=do))
            arrays = tuple(floats(array, f"state {name} of layer {n}") for n, array in enumerate(getattr(self, name)))
            object.__setattr__(self, name, arrays)

    @staticmethod
    def zeros(sizes: StateSizes, lead: tuple[int, ...]) -> "State":
        """Return the state of zeros for chains of `sizes`; `lead` is (batch,), or () for one sequence."""
        h, c = (tuple(np.zeros((*lead, size[kind])) for size in sizes) for kind in (0, 1))
        return State(h=h, c=c)


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Outputs(Summarised):
    """The outputs of an LSTM.

    `h (batch, time, outputs)` is that of the top layer, forward before backward; `state` is that after the last step of
    each sequence; `y` is that of the head, (batch, time, K), or (batch, K) if it reads the final h, or None without a
    head; `c` (batch, time, units) is that of the top layer, with no units for a GRU, or None if a run did not keep it.
    `lengths` (batch,) are the numbers of valid steps of each sequence, None for all; signals are 0 beyond.
    """

    h: Floats
    state: State
    y: Floats | None
    c: Floats | None
    lengths: Indices | None = None


def sequences(x: ArrayLike, inputs: int, chips: int = 0) -> Floats:
    """Return `x` as float64 of shape (batch, time, `inputs`) or (time, `inputs`), neither empty, or raise.

    For several `chips` it may also have the shape (chips, batch, time, inputs). The columns of a data frame are inputs
    (`frames.steps_of`).
    """
    array = floats(steps_of(x), "x")
    if array.ndim not in (2, 3) and not (chips and array.ndim == 4 and len(array) == chips):
        shapes = f"({chips} chips, batch, time, inputs), " if chips else ""
        must, do = f"have shape {shapes}(batch, time, inputs) or (time, inputs)", "add or remove an axis"
        raise InvalidShapeError(explain("x", must=must, got=f"shape {array.shape}", do=do))
    if array.shape[-1] != inputs:
        got, do = f"{array.shape[-1]} (shape {array.shape})", "give one column per input of the LSTM"
        raise InvalidShapeError(explain("features of x", must=f"be {inputs}", got=got, do=do))
    for axis, what in ((0, "time steps" if array.ndim == 2 else "sequences"), (-2, "time steps")):
        if array.shape[axis] == 0:
            do = "give a sequence that is not empty"
            raise InvalidShapeError(explain(f"{what} of x", must="be at least 1", got=f"shape {array.shape}", do=do))
    return array


def given_lengths(lengths: ArrayLike | None, shape: tuple[int, ...]) -> Indices | None:
    """Return `lengths` as an array (batch,) of the numbers of valid steps in an x of `shape`; None for all.

    They are the same on every chip if x has an axis of chips.

    Raises `InvalidShapeError` or `InvalidValueError` if they do not fit.
    """
    lead, time = shape[-3:-2], shape[-2]
    if lengths is None:
        return None
    array = plain(lengths, "lengths")
    if not lead:
        do = "cut the sequence, or give it a batch axis"
        raise InvalidShapeError(explain("lengths", must="come with a batch axis of x", got=f"{shape}", do=do))
    if array.shape != lead:
        do = "give one length a sequence"
        raise InvalidShapeError(explain("lengths", must=f"have shape {lead}", got=f"{array.shape}", do=do))
    result = indices(array.reshape(-1), "lengths")
    if not 1 <= result.min() <= result.max() <= time:
        got, do = f"{result.min()} to {result.max()}", "count the steps of each sequence"
        raise InvalidValueError(explain("lengths", must=f"be 1 to {time}, the steps of x", got=got, do=do))
    return result


StateLike = State | tuple[ArrayLike, ArrayLike] | list[ArrayLike]
"""A state, or h and c as PyTorch has them, each (chains, batch, units) or (chains, units); one chain needs no axis."""


def starting_state(state: StateLike | None, sizes: StateSizes, lead: tuple[int, ...], chips: int = 0) -> State:
    """Return `state`, or zeros if None, for chains of `sizes` and the batch axes `lead`; raise if shapes differ.

    The state of several `chips` may have their axis first, like the state after a run of them.
    """
    if state is None:
        return State.zeros(sizes, lead)
    if not isinstance(state, State):
        state = _state_of(state, sizes, lead)
    if chips and state.h and state.h[0].ndim > len(lead) + 1:
        lead = (chips, *lead)
    for kind, name, arrays in ((0, "h", state.h), (1, "c", state.c)):
        expected = tuple((*lead, size[kind]) for size in sizes)
        got = tuple(array.shape for array in arrays)
        if got != expected:
            do = "give one array a layer and direction, with a batch axis where x has one"
            raise InvalidShapeError(explain(f"state {name}", must=f"have shapes {expected}", got=got, do=do))
    return state


def _state_of(pair: object, sizes: StateSizes, lead: tuple[int, ...]) -> State:
    """Return h and c, a `pair` of arrays with a row for each chain, as a state of chains of `sizes`."""
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        got, do = ascii(pair)[:80], "give what a call left as `state`, or the h and c of PyTorch"
        raise InvalidTypeError(explain("state", must="be a State or a pair (h, c)", got=got, do=do))
    found = list[tuple[ArrayLike, ...]]()
    for kind, value in enumerate(pair):
        if isinstance(value, tuple | list):
            found.append(tuple(value))
            continue
        array = floats(value, f"state {'hc'[kind]}")
        alone = len(sizes) == 1 and array.shape == (*lead, sizes[0][kind])
        found.append((array,) if alone or not array.ndim else tuple(array))
    return State(h=found[0], c=found[1])  # type: ignore[arg-type]  # it takes in its arrays itself


def in_time(signal: Floats, lengths: Indices | None, *, backward: bool) -> Floats:
    """Return `signal (..., time, n)` in the order of a chain's steps, or a chain's outputs in the order of time.

    If `backward`, each sequence is reversed within its length of `lengths (batch,)`, and zero beyond. The function is
    its own inverse. Without `lengths` all steps are valid, and there need be no batch axis. The first axis may be that
    of chips.
    """
    if lengths is None:
        return signal[..., ::-1, :] if backward else signal
    steps = np.arange(signal.shape[-2])
    inside = steps < lengths[:, None]
    order = np.where(inside & backward, lengths[:, None] - 1 - steps, steps)
    places = np.broadcast_to(order[..., None], (*signal.shape[:-1], 1))
    return np.where(inside[..., None], np.take_along_axis(signal, places, axis=-2), 0.0)


def last_of(signal: Floats, lengths: Indices | None, *, backward: bool) -> Floats:
    """Return the last step (..., n) of a chain's `signal (..., time, n)` over sequences of `lengths (batch,)`.

    A `backward` chain ends at the start of a sequence, a forward one at its length.
    """
    if backward or lengths is None:
        return signal[..., 0 if backward else -1, :]
    result: Floats = signal[..., np.arange(lengths.size), lengths - 1, :]
    return result


def dataset(outputs: Outputs) -> "xarray.Dataset":
    """Return h, c and y of `outputs` as an `xarray.Dataset`: axes batch, time, and output, unit or reading.

    An axis of chips is called chip. Signals that were not kept are left out. Raises `LibraryMissingError` without
    xarray.
    """
    try:
        import xarray
    except ImportError as error:
        do = "pip install 'lstm_analog[xarray]'"
        raise LibraryMissingError(explain("xarray", must="be installed", got="none", do=do)) from error
    lead = ("chip", "batch", "time")[4 - outputs.h.ndim :]
    found = {"h": (*lead, "output"), "c": (*lead, "unit"), "y": (*lead, "reading")}
    signals = {"h": outputs.h, "c": outputs.c, "y": outputs.y}
    named = {}
    for name, signal in signals.items():
        if signal is not None and signal.size:
            axes = found[name] if signal.ndim == len(found[name]) else tuple(a for a in found[name] if a != "time")
            named[name] = (axes, np.asarray(signal))
    return xarray.Dataset(named)
