"""`LSTM`: a stack of layers that can be called on sequences."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from hashlib import sha256

import numpy as np
from numpy.typing import ArrayLike

from lstm_analog.arrays import Floats, Indices
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError, SimulationError, explain
from lstm_analog.model.layers import Chain, Head, Layer, chain_form, head_form
from lstm_analog.model.reference import LayerTrace, unroll
from lstm_analog.model.sequences import (
    Outputs,
    State,
    StateLike,
    StateSizes,
    given_lengths,
    in_time,
    last_of,
    sequences,
    starting_state,
)
from lstm_analog.model.weights import Cell, RecurrentCell
from lstm_analog.summaries import Rows, Summarised

NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""The pattern of a name, which becomes a file name, a SPICE title, an identifier."""


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class Trace:
    """All signals of every chain, bottom first, forward before backward; `outputs` are those of a call."""

    layers: tuple[LayerTrace, ...]
    outputs: Outputs


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LSTM(Summarised):
    """A trained LSTM; calling it computes its outputs in float64.

    Its layers may also be GRUs, minimal gated units or plain RNNs, or of several kinds.

    Parameters
    ----------
    layers : tuple of Layer
        The layers, bottom first; each reads the outputs of the one below.
    name : str
        Its name, 1 to 64 of the characters A-Z a-z 0-9 _ . -
    head : Head or None
        A linear read-out of the top layer.
    """

    layers: tuple[Layer, ...]
    name: str
    head: Head | None = None

    def __post_init__(self) -> None:
        """Check the name, and that sizes of layers and head fit each other."""
        object.__setattr__(self, "layers", tuple(self.layers))
        check_name(self.name)
        if not self.layers:
            raise InvalidValueError(
                explain("layers", must="be at least one", got=0, do="give the layers, bottom first")
            )
        for n, (below, layer) in enumerate(zip(self.layers, self.layers[1:], strict=False), start=1):
            if layer.input_size != below.output_size:
                must = f"be {below.output_size}, the outputs of the layer below"
                do = "give the layers bottom first"
                raise InvalidShapeError(explain(f"inputs of layer {n}", must=must, got=layer.input_size, do=do))
        if self.head is not None and self.head.input_size != self.output_size:
            must, do = f"be {self.output_size}, the outputs of the top layer", "give the head of this LSTM"
            raise InvalidShapeError(explain("inputs of the head", must=must, got=self.head.input_size, do=do))

    def summary(self) -> Rows:
        """Return rows with its name and the form of each chain."""
        chains = ((chain.label, chain_form(chain)) for chain in self.chains)
        head = () if self.head is None else (("head", head_form(self.head)),)
        return (("name", self.name), ("inputs", self.input_size), *chains, *head, ("digest", self.digest[:12]))

    @property
    def input_size(self) -> int:
        """The number of inputs."""
        return self.layers[0].input_size

    @property
    def hidden_size(self) -> int:
        """The number of units of the top layer, in one direction."""
        return self.layers[-1].hidden_size

    @property
    def output_size(self) -> int:
        """The number of outputs h, of all directions of the top layer."""
        return self.layers[-1].output_size

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of units of each layer, in one direction, bottom first."""
        return tuple(layer.hidden_size for layer in self.layers)

    @cached_property
    def chains(self) -> tuple[Chain, ...]:
        """The directions of its layers, bottom first, forward before backward: the order of PyTorch's states."""
        return tuple(
            Chain(layer=number, backward=backward, cell=cell)
            for number, layer in enumerate(self.layers)
            for backward, cell in ((False, layer.forward), (True, layer.backward))
            if cell is not None
        )

    @property
    def state_sizes(self) -> StateSizes:
        """The number of h and of c of each chain."""
        return tuple((chain.cell.output_size, chain.cell.cell_size) for chain in self.chains)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over form, shapes and weights, in hexadecimal; the name does not count, nor the sign of a zero."""
        result = sha256()
        for chain in self.chains:  # a stack of forward LSTM layers says no more than its arrays
            if chain.backward or not isinstance(chain.cell, Cell):
                result.update(f"{type(chain.cell).__name__} {chain.label};".encode())
            for piece in _pieces(chain.cell):
                result.update(piece)
        if self.head is not None:
            result.update(b"head;")
            for piece in _pieces(self.head):
                result.update(piece)
        return result.hexdigest()

    def __call__(self, x: ArrayLike, state: StateLike | None = None, lengths: ArrayLike | None = None) -> Outputs:
        """Return the outputs for `x (batch, time, inputs)` or `(time, inputs)`, from `state` or from rest.

        `lengths (batch,)` are the numbers of valid steps of each sequence, all unless given. A backward chain starts at
        the end of each sequence; outputs beyond are zero, and the state returned is that at the end.
        """
        return self.trace(x, state, lengths).outputs

    def trace(self, x: ArrayLike, state: StateLike | None = None, lengths: ArrayLike | None = None) -> Trace:
        """Return all signals for `x` from `state` up to `lengths`, which are as in a call.

        Raises `SimulationError` if one grows beyond all numbers, as rectified linear units may let it.
        """
        inputs = sequences(x, self.input_size)
        start = starting_state(state, self.state_sizes, inputs.shape[:-2])
        ends = given_lengths(lengths, inputs.shape)
        lead = (np.newaxis,) * (3 - inputs.ndim)
        signal, traces, number = inputs[lead], list[LayerTrace](), 0
        for layer in self.layers:
            for cell in layer.cells:
                h, c = start.h[number][lead], start.c[number][lead]
                with np.errstate(over="ignore", invalid="ignore"):  # an infinite pre-activation has a finite gate
                    traces.append(unroll(cell, signal, h, c, ends, backward=self.chains[number].backward))
                _check_finite(self.chains[number].label, traces[-1])
                number += 1
            signal = np.concatenate([trace.h for trace in traces[-len(layer.cells) :]], axis=-1)
        if lead:
            signal = signal[0]
            traces = [replace(each, z=each.z[0], gates=each.gates[0], c=each.c[0], h=each.h[0]) for each in traces]
        return Trace(layers=tuple(traces), outputs=self._outputs(signal, tuple(traces), ends))

    def _outputs(self, h: Floats, traces: tuple[LayerTrace, ...], lengths: Indices | None) -> Outputs:
        both = list(zip(traces, self.chains, strict=True))
        state = State(
            h=tuple(last_of(trace.h, lengths, backward=chain.backward) for trace, chain in both),
            c=tuple(last_of(trace.c, lengths, backward=chain.backward) for trace, chain in both),
        )
        y, top = None, len(self.layers[-1].cells)
        if self.head is not None and self.head.final:
            y = self.head(np.concatenate(state.h[-top:], axis=-1))
        elif self.head is not None:
            y = in_time(self.head(h), lengths, backward=False)
        c = np.concatenate([trace.c for trace in traces[-top:]], axis=-1)
        return Outputs(h=h, state=state, y=y, c=c, lengths=lengths)


def _check_finite(chain: str, trace: LayerTrace) -> None:
    for name, signal in (("c", trace.c), ("h", trace.h)):
        if not np.isfinite(signal).all():
            step = int(np.argwhere(~np.isfinite(signal))[:, 1].min())
            got, do = f"infinity or NaN in step {step}", "give smaller or fewer inputs, or train it with tanh"
            raise SimulationError(explain(f"{name} of {chain}", must="stay finite", got=got, do=do))


def check_name(name: str) -> None:
    """Raise unless `name` is valid for an LSTM."""
    if not isinstance(name, str):
        raise InvalidTypeError(explain("name", must="be a string", got=type(name).__name__, do="give a short label"))
    if not NAME.fullmatch(name):
        must = "be 1 to 64 of the characters A-Z a-z 0-9 _ . -"
        raise InvalidValueError(explain("name", must=must, got=ascii(name[:80]), do="rename it"))


_SLABS = 16
"""Number of pieces in which an array is hashed, so that no copy of its size is made."""


def _pieces(record: RecurrentCell | Head) -> Iterator[bytes | memoryview]:
    """Yield the bytes of the fields of `record`, each with its name; optional ones only if they are no defaults."""
    for entry in fields(record):
        value = getattr(record, entry.name)
        if isinstance(value, np.ndarray):
            yield f"{entry.name} {value.shape};".encode()
            for some in np.array_split(value.reshape(-1), _SLABS):  # the weights may be most of the memory there is
                yield (some + 0.0).astype("<f8", copy=False).data.cast("B")
        elif entry.name == "bias":
            yield b"bias None;"
        elif value != entry.default:
            yield f"{entry.name} {value};".encode()
