"""`AnalogLSTM`: an `nn.LSTM` whose forward is the analog machine."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from lstm_analog.arrays import Floats
from lstm_analog.compiler.timing import CLOCKED, Timing
from lstm_analog.doors import checked
from lstm_analog.engines import EngineLike, Settle, Waveform
from lstm_analog.engines.choosing import chosen_engine
from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError, explain
from lstm_analog.imperfections import Streams
from lstm_analog.machine import Machine
from lstm_analog.machine import compile as compiled
from lstm_analog.model import State
from lstm_analog.model.formats.refusals import unsupported
from lstm_analog.model.formats.state_dict import stack_of
from lstm_analog.study.keeping import Keep
from lstm_analog.study.run import Run
from lstm_analog.study.run_slopes import OutputSlopes, run_sensitivities
from lstm_analog.torch.placing import weight_slopes
from lstm_analog.torch.tensors import array_of, tensors_of


class AnalogLSTM(nn.RNNBase):
    """An `nn.LSTM` whose forward runs the analog machine, which is compiled from the weights at the first call.

    It takes and returns what `nn.LSTM` does: sequences, batches of them in either layout or packed ones, a state or
    none. It has the same state dict, so a trained LSTM is loaded as usual.

    With `engine=Settle()` it is differentiable: a reverse pass through the run of the machine gives the gradients by
    inputs, state and weights, those of the machine with all its errors. Between a weight and its device the compiler's
    scales count as constant, and rounding, imperfections and converters as straight lines of slope 1 (straight
    through). A second derivative, and the gradients of several chips, are refused when asked for.

    With `imperfections` it is a bad chip, so a whole module with it inside is judged on bad chips. If `streams` draw
    several, they run side by side and share out the batch, which has as many sequences for each: the first ones are
    those of the first chip. So `module(x.repeat(chips, 1, 1))` of x (batch, time, inputs) gives all chips the same
    sequences, whatever the module does with their outputs.

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first : as of nn.LSTM
    dropout, bidirectional, proj_size, device, dtype : as of nn.LSTM
        There is no dropout between the layers of a machine, in training neither.
    technology : object
        The technology of the machine: a record such as `la.electrical.BEHAVIOURAL`, or the name of one.
    settling : float
        The length of a phase in time constants.
    timing : Timing
        How memories are clocked.
    engine : Engine, str or None
        The engine that solves it, or its name; `Waveform()` if None.
    imperfections : record, preset, tuple of them or None
        As in `Machine.with_imperfection`; none if None.
    streams : Streams or None
        What they are drawn from; given with `imperfections` and not without.
    """

    @checked
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
        *,
        technology: object,
        settling: float,
        timing: Timing = CLOCKED,
        engine: EngineLike = None,
        imperfections: object = None,
        streams: Streams | None = None,
    ) -> None:
        rest = dropout, bidirectional, proj_size, device, dtype
        try:
            nn.RNNBase.__init__(self, "LSTM", input_size, hidden_size, num_layers, bias, batch_first, *rest)
        except ValueError as error:
            do = "give them as to nn.LSTM"
            raise InvalidValueError(explain("sizes", must="be such as nn.LSTM takes", got=error, do=do)) from error
        _check_drawn(imperfections, streams)
        self.technology, self.settling, self.timing, self.engine = technology, settling, timing, engine
        self.imperfections, self.streams = imperfections, streams
        self._built: tuple[str, Machine] | None = None

    @property
    def machine(self) -> Machine:
        """The machine, compiled anew after each change of the weights."""
        lstm = stack_of(tensors_of(self)).lstm("torch")
        if self._built is None or self._built[0] != lstm.digest:
            machine = compiled(lstm, self.technology, timing=self.timing, settling=self.settling)
            if self.streams is not None:
                machine = machine.with_imperfection(self.imperfections, self.streams)
            self._built = (lstm.digest, machine)
        return self._built[1]

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Return `output, (h_n, c_n)` for `input` and the state `hx`, in the shapes of `nn.LSTM`."""
        _check_like_lstm(input, hx)
        if isinstance(input, PackedSequence):
            return self._packed(input, hx)
        turned = input if self.batch_first or input.ndim == 2 else input.transpose(0, 1)
        output, state = self._run(turned, hx, None)
        return output if self.batch_first or input.ndim == 2 else output.transpose(0, 1), state

    def _packed(self, packed: Any, hx: Any) -> Any:
        padded, lengths = pad_packed_sequence(packed, batch_first=True)
        output, state = self._run(padded, hx, lengths.numpy())
        order = packed.sorted_indices
        if order is not None:
            output, lengths = output[order], lengths[order.cpu()]
        data = pack_padded_sequence(output, lengths, batch_first=True).data
        return PackedSequence(data, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices), state

    def _run(self, x: Any, hx: Any, lengths: Any) -> Any:
        """Return the outputs (batch, time, P) or (time, P) and the two states for `x` of that layout."""
        machine = self.machine
        chips = machine.chips
        start = None if hx is None else State(h=_chains(hx[0], chips), c=_chains(hx[1], chips))
        counted = None if lengths is None else _same_lengths(lengths, chips)
        given = [x, *(hx or ()), *self.parameters()]
        keep = Keep.EVERYTHING if not chips and self._has_slopes(given) else Keep.OUTPUTS
        run = machine.run(_by_chip(array_of(x), chips), state=start, lengths=counted, engine=self.engine, keep=keep)
        states = (np.stack(each) for each in (run.outputs.state.h, run.outputs.state.c))
        answers = [_as_one_batch(run.h, chips, 0), *(_as_one_batch(each, chips, 1) for each in states)]
        told = [torch.as_tensor(each).to(x) for each in answers]
        output, h, c = _Outputs.apply(machine, run, tensors_of(self), told, *given)
        return output, (h, c)

    def _has_slopes(self, given: Sequence[Any]) -> bool:
        """Return whether gradients by one of the tensors `given` may be asked for, and the engine has them."""
        wanted = torch.is_grad_enabled() and any(each.requires_grad for each in given)
        return wanted and isinstance(chosen_engine(self.engine, Waveform()), Settle)


class _Outputs(torch.autograd.Function):
    """The outputs of a machine as a function of inputs, state and weights; its gradient is a reverse pass."""

    @staticmethod
    def forward(context: Any, machine: Machine, run: Run, tensors: Any, answers: Sequence[Any], *given: Any) -> Any:
        """Return the `answers` of the `run` of a `machine` of the weights `tensors`; `given` are x, state, parameters.

        The names of the parameters are those of the `tensors`, in their order.
        """
        context.machine, context.run, context.tensors = machine, run, tensors
        context.states = len(given) - len(tensors) - 1
        return tuple(answers)

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(context: Any, output: Any, h: Any, c: Any) -> Any:
        """Return the gradients by x, the state and the parameters, given those by the outputs.

        Raises `UnsupportedError` for several chips, and for a run by another engine than `Settle`.
        """
        machine, run = context.machine, context.run
        if machine.chips:
            got, do = f"{machine.chips} chips", "draw one: Streams(seed=...), or train with torch.finetune"
            raise unsupported("gradients of an AnalogLSTM", "be of one chip", got, do)
        if not isinstance(run.setup.engine, Settle):
            what, do = "gradients of an AnalogLSTM", "give engine=Settle(), or call it under torch.no_grad()"
            raise unsupported(what, "be by Settle, which has derivatives", type(run.setup.engine).__name__, do)
        state = State(h=tuple(array_of(h)[:, None]), c=tuple(array_of(c)[:, None]))
        found = run_sensitivities(run, OutputSlopes(h=array_of(output)[None], state=state))
        slopes = weight_slopes(machine, context.tensors, found.passes)
        start = [np.stack(each)[:, 0] for each in (found.state.h, found.state.c)][: context.states]
        made = [found.x[0], *start, *(slopes[name] for name in context.tensors)]
        return None, None, None, None, *(torch.as_tensor(each).to(output) for each in made)


def _check_like_lstm(input: Any, hx: Any) -> None:
    """Raise `InvalidTypeError` or `InvalidShapeError` for what no nn.LSTM takes as `input` and state `hx`."""
    x = input.data if isinstance(input, PackedSequence) else input
    if not isinstance(x, torch.Tensor) or not x.is_floating_point():
        got, do = x.dtype if isinstance(x, torch.Tensor) else type(x).__name__, "call float() on it"
        raise InvalidTypeError(explain("input", must="be a tensor of floats", got=got, do=do))
    if x is input and x.ndim not in (2, 3):
        must, do = "have two axes, or three with a batch", "add or remove an axis"
        raise InvalidShapeError(explain("input", must=must, got=f"shape {tuple(x.shape)}", do=do))
    pair = isinstance(hx, tuple | list) and len(hx) == 2 and all(isinstance(each, torch.Tensor) for each in hx)
    if hx is not None and not pair:
        got, do = type(hx).__name__, "give (h_0, c_0), as to nn.LSTM"
        raise InvalidTypeError(explain("state", must="be two tensors", got=got, do=do))


def _check_drawn(imperfections: object, streams: Streams | None) -> None:
    if (imperfections is None) != (streams is None):
        got, do = "one of them", "give e.g. ProgrammingError(sigma=0.03) and Streams(seed=1)"
        raise InvalidValueError(explain("imperfections and streams", must="be given together", got=got, do=do))


def _chains(state: Any, chips: int) -> tuple[Floats, ...]:
    """Return each chain's part of `state` (chains, batch, units), (chips, batch / chips, units) for several `chips`."""
    return tuple(_by_chip(each, chips, 2, "state") for each in array_of(state))


def _by_chip(values: Floats, chips: int, axes: int = 3, what: str = "input") -> Floats:
    """Return `values` (batch, ...) of so many `axes` as (chips, batch / chips, ...), or as they are without chips.

    Raises `InvalidShapeError`, which calls the values `what`, unless the chips can share out the batch.
    """
    if not chips:
        return values
    if values.ndim != axes or len(values) % chips:
        got, do = f"shape {values.shape}", "repeat the batch for each chip"
        must = f"have a batch that {chips} chips can share out"
        raise InvalidShapeError(explain(what, must=must, got=got, do=do))
    return values.reshape(chips, -1, *values.shape[1:])


def _as_one_batch(values: Floats, chips: int, axis: int) -> Floats:
    """Return `values`, whose axes `axis` and the next are chips and batch, with the two as one, (..., batch, ...)."""
    return values.reshape(*values.shape[:axis], -1, *values.shape[axis + 2 :]) if chips else values


def _same_lengths(lengths: Any, chips: int) -> Any:
    """Return the `lengths` (batch,) of the sequences of one chip; raise unless they are the same on all."""
    if not chips:
        return lengths
    shares = _by_chip(lengths, chips, 1)
    if (shares != shares[0]).any():
        raise unsupported("lengths", "be the same on all chips", "others", "repeat the sequences of the first for each")
    return shares[0]
