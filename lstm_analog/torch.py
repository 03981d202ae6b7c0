"""PyTorch modules in and out: `from_torch` takes the weights of a module, `AnalogLSTM` is a module that is a machine.

The only module that imports torch.
"""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.compiler.timing import CLOCKED, Timing
from lstm_analog.engines import Engine
from lstm_analog.errors import InvalidTypeError, LibraryMissingError, UnsupportedError, explain
from lstm_analog.machine import Machine
from lstm_analog.machine import compile as compiled
from lstm_analog.model import LSTM, RELU, State
from lstm_analog.model.formats.stacks import Only, Stack, listed
from lstm_analog.model.formats.state_dict import stack_of
from lstm_analog.model.formats.tensor import Tensor
from lstm_analog.study.keeping import Keep

try:
    import torch
    from torch import nn
    from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence
except ImportError:
    raise LibraryMissingError(
        explain("lstm_analog.torch", must="have torch", got="none", do="pip install 'lstm_analog[torch]'")
    ) from None

HARMLESS = (*(nn.LSTM, nn.GRU, nn.RNN, nn.LSTMCell, nn.GRUCell, nn.RNNCell), nn.Linear, nn.Identity, nn.Dropout)
"""Modules that a machine computes, or that do nothing once trained; a subclass may do anything."""

SAME = MappingProxyType({torch.float64: 1e-9, torch.float32: 1e-4})
"""How far an answer of that kind may be from what the weights answer in float64, the largest of which is full scale.

Sums in float32 are rounded by 6e-8, which five steps of an LSTM magnify to 1e-6, to 3e-5 with 30 times the weights that
PyTorch begins with (two layers of up to 256 units, measured).
"""


def from_torch(module: nn.Module, *, only: Only = None, name: str = "torch") -> LSTM:
    """Return the LSTM, GRU or stack of them in a PyTorch `module`, in float64.

    It takes `x` (batch, time, inputs) whatever the module's `batch_first` says. A copy of a module with a `forward` of
    its own is run on a made-up batch, in float64, or in float32 if it is of that and its `forward` insists: it must
    answer what its weights say, of every step or of the last, so that nothing it does beside is dropped.

    Parameters
    ----------
    module : torch.nn.Module
        An `nn.LSTM`, `nn.GRU`, `nn.RNN`, a cell of these, or a module that holds one, perhaps with the `nn.Linear`
        that follows it.
    only : str, sequence of str or None
        As of `load`: the names of the inner modules to take, in the order in which they follow each other.
    name : str
        What to call it.

    Raises
    ------
    FileFormatError, UnsupportedError
        Where it holds several recurrent modules, or others that are not offered, has forward hooks, or does something
        beside; the message names them.
    """
    if not isinstance(module, nn.Module):
        do = "give an nn.LSTM or a module that holds one"
        raise InvalidTypeError(explain("module", must="be an nn.Module", got=type(module).__name__, do=do))
    if only is None:
        _check_kinds(module, _leaves(module))
        _check_hooks(module)
    stack = _stack(module, only)
    lstm = LSTM(layers=stack.layers, head=stack.head, name=name)
    if only is not None:
        names = (only,) if isinstance(only, str) else only
        parts = [module.get_submodule(each) for each in names]
        _check_kinds(module, parts)
        for part in parts:
            _check_hooks(part)
        return lstm
    forwards = [type(each).forward for each in module.modules() if list(each.children())]
    known = all(forward in (nn.Module.forward, nn.Sequential.forward) for forward in forwards)
    return lstm if known else _read_as(module, lstm)


def _check_kinds(module: nn.Module, parts: Sequence[nn.Module]) -> None:
    strange = sorted({type(part).__name__ for part in parts if type(part) not in HARMLESS})
    if strange:
        do = "say which modules follow each other: from_torch(module, only=('lstm', 'fc'))"
        must = "be an LSTM or GRU with at most a Linear layer after it"
        raise UnsupportedError(explain(f"module {type(module).__name__}", must=must, got=listed(strange), do=do))


def _check_hooks(module: nn.Module) -> None:
    """Refuse hooks: they may change what goes in and out of a module, whatever its weights say."""
    for name, part in module.named_modules():
        count = len(part._forward_pre_hooks) + len(part._forward_hooks)  # noqa: SLF001 - told nowhere else
        if count:
            what = ".".join(filter(None, (f"module {type(module).__name__}", name)))
            do = "call remove() of what register_forward_hook returned, and do yourself what it did"
            raise UnsupportedError(explain(what, must="have no forward hooks", got=count, do=do))


def _read_as(module: nn.Module, lstm: LSTM) -> LSTM:
    """Return `lstm` with its head where the forward of `module` reads; refuse a forward that does anything else."""
    x = np.sin(np.arange(10.0 * lstm.input_size)).reshape(2, 5, -1)
    readings, said = list(_readings(lstm, x)), list[str]()
    for turned in (False, True):
        try:
            answer, same = _answer(module, x, turned)
        except Exception as reason:  # noqa: BLE001 - it is the user's code, and what it says is told below
            said.append(f"{type(reason).__name__}: {reason}"[:120])
            continue
        fits = [(reading, expected) for reading, expected in readings if expected.size == answer.size]
        for reading, expected in fits:
            apart = float(np.abs(answer.reshape(expected.shape) - expected).max())
            if apart <= same * float(np.abs(expected).max()):
                return reading
            said.append(f"answers {apart:.2g} apart")
        said += [] if fits else [f"an answer of shape {answer.shape}"]
    must = f"answer to x (batch, time, {lstm.input_size}) what its LSTM or GRU and its Linear layer do, and no more"
    do = "say what to take: from_torch(module, only=('lstm', 'fc')), and do the rest yourself"
    raise UnsupportedError(explain(f"module {type(module).__name__}", must=must, got=said[0], do=do))


def _readings(lstm: LSTM, x: Floats) -> Iterator[tuple[LSTM, Floats]]:
    """Yield what a module with the weights of `lstm` may answer to `x`, of every step or of the last, and as what."""
    outputs = lstm(x)
    if lstm.head is None:
        yield lstm, outputs.h
        yield lstm, np.concatenate(outputs.state.h[-len(lstm.layers[-1].cells) :], axis=-1)
        return
    for final in (False, True):
        reading = replace(lstm, head=replace(lstm.head, final=final))
        y = reading(x).y
        if y is not None:
            yield reading, y


def _answer(module: nn.Module, x: Floats, turned: bool) -> tuple[Floats, float]:
    """Return what `module` answers to `x`, (batch, time, ...), and how far that may be off, as in `SAME`.

    It is fed x with the first two axes `turned`, if so asked, and its answer turned back.
    """
    fed = torch.as_tensor(x.swapaxes(0, 1) if turned else x)
    try:
        answer = _forward(module, fed, torch.float64)
    except Exception:  # it is the user's code
        if all(each.dtype == torch.float64 for each in module.parameters()):
            raise
        answer = _forward(module, fed, torch.float32)  # it may begin at torch.zeros(...), or take x.float()
    array = _array(answer)
    same = SAME.get(answer.dtype, SAME[torch.float32])
    return array.swapaxes(0, 1) if turned and array.shape[:2] == x.shape[1::-1] else array, same


def _forward(module: nn.Module, x: Any, kind: Any) -> Any:
    """Return what a copy of `module` answers to `x`, both as tensors of `kind`."""
    twin = deepcopy(module).to(device="cpu", dtype=kind).eval()
    with torch.no_grad():
        answer = twin(x.to(kind))
    return answer[0] if isinstance(answer, tuple) else answer


def _stack(module: nn.Module, only: Only) -> Stack:
    state = module.state_dict()
    for key, value in state.items():
        if value.is_complex():
            do = "train it with real numbers"
            raise UnsupportedError(explain(f"tensor {key[:80]!a}", must="be real", got=value.dtype, do=do))
    hidden = {name: RELU for name, part in module.named_modules() if getattr(part, "nonlinearity", "") == "relu"}
    kinds = {key: "float64" if value.is_floating_point() else "int64" for key, value in state.items()}
    tensors = {key: Tensor(name=key, kind=kinds[key], stored=_array(value)) for key, value in state.items()}
    return stack_of(tensors, only, hidden)


class AnalogLSTM(nn.RNNBase):
    """An `nn.LSTM` whose forward is the analog machine: it is compiled from the weights when first called.

    It takes and returns what `nn.LSTM` does: sequences, batches of them in either layout or packed ones, a state or
    none. It has the same state dict, so a trained LSTM is loaded as usual. Gradients are refused when asked for.

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first : as of nn.LSTM
    dropout, bidirectional, proj_size, device, dtype : as of nn.LSTM
    technology : object
        What it is built in: a record such as `la.electrical.BEHAVIOURAL`.
    settling : float
        Time constants a phase.
    timing : Timing
        How it is clocked.
    engine : Engine or None
        What solves it, `Waveform()` if None.
    """

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
        engine: Engine | None = None,
    ) -> None:
        nn.RNNBase.__init__(
            self,
            "LSTM",
            input_size,
            hidden_size,
            num_layers=num_layers,
            bias=bias,
            batch_first=batch_first,
            dropout=dropout,
            bidirectional=bidirectional,
            proj_size=proj_size,
            device=device,
            dtype=dtype,
        )
        self.technology, self.settling, self.timing, self.engine = technology, settling, timing, engine
        self._built: tuple[str, Machine] | None = None

    @property
    def machine(self) -> Machine:
        """The machine that computes it: compiled anew whenever the weights have changed."""
        lstm = LSTM(layers=_stack(self, None).layers, name="torch")
        if self._built is None or self._built[0] != lstm.digest:
            machine = compiled(lstm, self.technology, timing=self.timing, settling=self.settling)
            self._built = (lstm.digest, machine)
        return self._built[1]

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Return `output, (h_n, c_n)` for `input` and the state `hx`, in the shapes of `nn.LSTM`."""
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
        start = None if hx is None else State(h=_chains(hx[0]), c=_chains(hx[1]))
        run = self.machine.run(_array(x), state=start, lengths=lengths, engine=self.engine, keep=Keep.OUTPUTS)
        after = run.outputs.state
        answers = [run.h, np.stack(after.h), np.stack(after.c)]
        given = [x, *(hx or ()), *self.parameters()]
        output, h, c = _NoGradient.apply([torch.as_tensor(each).to(x) for each in answers], *given)
        return output, (h, c)


class _NoGradient(torch.autograd.Function):
    """Hands on what a machine has answered to inputs and weights; asked for the gradient, it refuses."""

    @staticmethod
    def forward(_context: Any, answers: Sequence[Any], *_given: Any) -> tuple[Any, ...]:
        """Return the `answers`."""
        return tuple(answers)

    @staticmethod
    def backward(_context: Any, *_gradients: Any) -> None:
        """Refuse."""
        do = "train an nn.LSTM, then load_state_dict; or call it under torch.no_grad()"
        must = "not be asked for"
        raise UnsupportedError(explain("gradients through an AnalogLSTM", must=must, got="backward()", do=do))


def _leaves(module: nn.Module) -> list[Any]:
    return [each for each in module.modules() if not list(each.children())]


def _array(value: Any) -> Floats:
    array: Floats = value.detach().to(dtype=torch.float64, device="cpu").numpy()
    return array


def _chains(state: Any) -> tuple[Floats, ...]:
    return tuple(_array(state))
