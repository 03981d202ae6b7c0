"""`LSTM`: a stack of layers that can be called, and what it takes and returns."""

import re
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256

import numpy as np
from numpy.typing import ArrayLike

from lstm_analog.arrays import Floats, floats
from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError, explain
from lstm_analog.model.reference import LayerTrace, stack
from lstm_analog.model.weights import Layer

NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""What a name may be: it becomes a file name, a SPICE title, an identifier."""


@dataclass(frozen=True, kw_only=True, eq=False)
class State:
    """What an LSTM remembers between two steps: `h` and `c`, one array `(batch, H_l)` or `(H_l,)` a layer."""

    h: tuple[Floats, ...]
    c: tuple[Floats, ...]

    def __post_init__(self) -> None:
        """Freeze the arrays."""
        for name in ("h", "c"):
            arrays = tuple(floats(array, f"state {name} of layer {n}") for n, array in enumerate(getattr(self, name)))
            object.__setattr__(self, name, arrays)

    @staticmethod
    def zeros(sizes: tuple[int, ...], lead: tuple[int, ...]) -> "State":
        """Return the state at rest of layers of `sizes` units; `lead` is (batch,), or () for one sequence."""
        arrays = tuple(np.zeros((*lead, size)) for size in sizes)
        return State(h=arrays, c=arrays)


@dataclass(frozen=True, kw_only=True, eq=False)
class Outputs:
    """The answer of an LSTM: `h (batch, time, H)` of the top layer and the state after the last step."""

    h: Floats
    state: State


@dataclass(frozen=True, kw_only=True, eq=False)
class Trace:
    """Every signal of every layer, bottom first."""

    layers: tuple[LayerTrace, ...]

    @property
    def outputs(self) -> Outputs:
        """The part of it that calling the LSTM returns."""
        h = tuple(layer.h[..., -1, :] for layer in self.layers)
        c = tuple(layer.c[..., -1, :] for layer in self.layers)
        return Outputs(h=self.layers[-1].h, state=State(h=h, c=c))


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LSTM:
    """A trained LSTM; calling it is the digital answer, in float64.

    Parameters
    ----------
    layers : tuple of Layer
        Bottom first; each takes the `h` of the one below.
    name : str
        1 to 64 of the characters A-Z a-z 0-9 _ . -
    """

    layers: tuple[Layer, ...]
    name: str

    def __post_init__(self) -> None:
        """Check the name and that the layers chain."""
        object.__setattr__(self, "layers", tuple(self.layers))
        check_name(self.name)
        if not self.layers:
            raise InvalidValueError(
                explain("layers", must="be at least one", got=0, do="give the layers, bottom first")
            )
        for n, (below, layer) in enumerate(zip(self.layers, self.layers[1:], strict=False), start=1):
            if layer.input_size != below.hidden_size:
                must = f"be {below.hidden_size}, the units of the layer below"
                do = "give the layers bottom first"
                raise InvalidShapeError(explain(f"inputs of layer {n}", must=must, got=layer.input_size, do=do))

    def __repr__(self) -> str:
        units = tuple(layer.hidden_size for layer in self.layers)
        return f"LSTM(name={self.name!r}, inputs={self.input_size}, units={units})"

    @property
    def input_size(self) -> int:
        """Number of inputs a step."""
        return self.layers[0].input_size

    @property
    def hidden_size(self) -> int:
        """Number of outputs a step: the units of the top layer."""
        return self.layers[-1].hidden_size

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of units of each layer, bottom first."""
        return tuple(layer.hidden_size for layer in self.layers)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over shapes and weights, in hexadecimal; the name does not count, nor does the sign of a zero."""
        result = sha256()
        for cell in (layer.forward for layer in self.layers):
            for name in ("input", "recurrent", "bias"):
                array = getattr(cell, name)
                result.update(f"{name} {None if array is None else array.shape};".encode())
                result.update(b"" if array is None else (array + 0.0).astype("<f8", copy=False).data)
        return result.hexdigest()

    def __call__(self, x: ArrayLike, state: State | None = None) -> Outputs:
        """Run over `x (batch, time, inputs)` or `(time, inputs)`, from `state` or from rest."""
        return self.trace(x, state).outputs

    def trace(self, x: ArrayLike, state: State | None = None) -> Trace:
        """Run like a call, over `x` from `state`, and keep every signal."""
        inputs = sequences(x, self.input_size)
        state = starting_state(state, self.sizes, inputs.shape[:-2])
        lead = (np.newaxis,) * (3 - inputs.ndim)
        layers = stack(self.layers, inputs[lead], (h[lead] for h in state.h), (c[lead] for c in state.c))
        return Trace(layers=tuple(map(_without_batch, layers)) if lead else layers)


def check_name(name: str) -> None:
    """Raise unless `name` may name an LSTM."""
    if not isinstance(name, str):
        raise InvalidTypeError(explain("name", must="be a string", got=type(name).__name__, do="give a short label"))
    if not NAME.fullmatch(name):
        must = "be 1 to 64 of the characters A-Z a-z 0-9 _ . -"
        raise InvalidValueError(explain("name", must=must, got=ascii(name[:80]), do="rename it"))


def sequences(x: ArrayLike, inputs: int) -> Floats:
    """Return `x` as float64 of shape (batch, time, `inputs`) or (time, `inputs`), neither empty, or raise."""
    array = floats(x, "x")
    if array.ndim not in (2, 3):
        must, do = "have shape (batch, time, inputs) or (time, inputs)", "add or remove an axis"
        raise InvalidShapeError(explain("x", must=must, got=f"shape {array.shape}", do=do))
    if array.shape[-1] != inputs:
        got, do = f"{array.shape[-1]} (shape {array.shape})", "give one column per input of the LSTM"
        raise InvalidShapeError(explain("features of x", must=f"be {inputs}", got=got, do=do))
    for axis, what in ((0, "time steps" if array.ndim == 2 else "sequences"), (-2, "time steps")):
        if array.shape[axis] == 0:
            do = "give a sequence that is not empty"
            raise InvalidShapeError(explain(f"{what} of x", must="be at least 1", got=f"shape {array.shape}", do=do))
    return array


def starting_state(state: State | None, sizes: tuple[int, ...], lead: tuple[int, ...]) -> State:
    """Return `state`, else rest, for layers of `sizes` units and the batch axes `lead`; raise where shapes differ."""
    if state is None:
        return State.zeros(sizes, lead)
    for name, arrays in (("h", state.h), ("c", state.c)):
        expected = tuple((*lead, size) for size in sizes)
        got = tuple(array.shape for array in arrays)
        if got != expected:
            do = "give one array a layer, with a batch axis where x has one"
            raise InvalidShapeError(explain(f"state {name}", must=f"have shapes {expected}", got=got, do=do))
    return state


def _without_batch(layer: LayerTrace) -> LayerTrace:
    return replace(layer, z=layer.z[0], gates=layer.gates[0], c=layer.c[0], h=layer.h[0])
