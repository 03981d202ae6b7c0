"""Run a PyTorch module on labels instead of numbers, to find out what its `forward` does to the rows of its input.

A labelled tensor goes through `forward` like an input. PyTorch itself moves its elements. A function that computes is
recorded as a numeric step or recurrent layer of `ModelStreams`, or refused with its name and that of its module.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor as TorchTensor

from lstm_analog.arrays import Array
from lstm_analog.errors import UnsupportedError
from lstm_analog.model.formats.labels import Labels
from lstm_analog.model.formats.refusals import unsupported
from lstm_analog.model.formats.stream_steps import StepRecorder
from lstm_analog.model.formats.streams import ModelStreams, ends_of
from lstm_analog.model.layers import Layer

INSTEAD = "leave it out of forward"
"""The advice of a refusal; `whole` replaces it by a better one."""

JOINS = frozenset(["cat", "concat", "concatenate", "stack", "hstack", "vstack", "column_stack"])
"""Functions that join several tensors."""

MOVES = JOINS | frozenset(
    """
    T mT __getitem__ adjoint atleast_2d atleast_3d broadcast_to chunk clone contiguous data detach expand
    expand_as flatten flip index_select movedim moveaxis narrow permute ravel repeat reshape roll select split
    split_with_sizes squeeze swapaxes swapdims t tensor_split tile transpose unbind unflatten unsqueeze view
    """.split()  # noqa: SIM905 - forty names are read better as words
)
"""Functions whose result has only elements of their first argument."""

FILLS = frozenset(["zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full"])
"""Functions that return numbers which depend only on the shape of a tensor."""

ASKS = frozenset(
    """
    __len__ device dim dtype element_size get_device grad_fn is_complex is_contiguous is_cpu is_cuda
    is_floating_point is_leaf is_mps is_nested is_quantized is_sparse layout ndim ndimension nelement numel
    requires_grad shape size storage_offset stride
    """.split()  # noqa: SIM905 - so are these
)
"""Functions that return no tensor, and nothing that depends on elements."""

Handler = Callable[..., Array | None]
"""Function from a `StepRecorder` and the arguments of a PyTorch function to the labels of its result, None if none."""


class Labelled(TorchTensor):
    """A tensor of labels, with the run on labels, `trace`, that it belongs to.

    PyTorch passes every function of it to `__torch_function__`: https://pytorch.org/docs/stable/notes/extending.html
    """

    trace: "LabelledRun"

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the result of `func` for `args` and `kwargs` from the trace of their labelled tensors, not `types`."""
        given = kwargs or {}
        trace = next(each.trace for each in tensors_in((args, given)) if isinstance(each, Labelled))
        return trace.result_of(func, args, given)


class LabelledRun:
    """A run of a module on labels; it changes as functions are called.

    `layers` returns the layers of a recurrent module by its name, `steps` has the handlers of functions that compute.
    `path` has the names of the modules whose forward is running, outermost first. `turned` is whether a recurrent layer
    read an input (batch, time), `rearranged` whether one read steps that are not those of a signal in order.
    """

    def __init__(self, layers: Callable[[str], Sequence[Layer]], steps: Mapping[str, Handler]) -> None:
        self.layers = layers
        self.steps = steps
        self.path: list[str] = []
        self.maker = Labels()
        self.streams = ModelStreams(self.maker)
        self.turned = False
        self.rearranged = False

    def left(self) -> None:
        """Remove the innermost module from `path`, when its forward has ended."""
        self.path.pop()

    def opened(self, shape: tuple[int, ...], *, whole: bool, vectors: bool) -> Labelled:
        """Return a labelled input of `shape`, of `whole` numbers or floats, with `vectors` on its last axis or none."""
        array = self.maker.made(shape, "x", int if whole else float)
        lead = shape[:-1] if vectors else shape
        self.streams.opened("x", array.reshape(-1, shape[-1] if vectors else 1), lead)
        return self.labelled(array)

    def labelled(self, array: Array) -> Labelled:
        """Return a tensor of the labels in `array`."""
        made: Labelled = torch.from_numpy(np.array(array)).as_subclass(Labelled)
        made.trace = self
        return made

    def label(self, name: str) -> str:
        """Return the description of the function `name` in messages, with the module that calls it."""
        return f"function {name!r} in module {self.path[-1]!r}" if self.path and self.path[-1] else f"function {name!r}"

    def result_of(self, func: Any, args: tuple[Any, ...], given: Mapping[str, Any]) -> Any:
        """Return the result of `func` for the arguments `args`, and `given` by name, labelled tensors among them."""
        name = name_of(func)
        bare = name.rstrip("_") if not name.startswith("_") else name
        if bare in self.steps:
            made = self.steps[bare](StepRecorder(self.streams, self.label(bare)), *args, **given)
            if made is None:
                raise refused(self.label(name), "act on rows of one signal, as a step known here", "something else")
            return self._answer(made, args[0] if bare != name or given.get("inplace") else None)
        if bare in MOVES:
            self._check_moved(bare, args, given)
            return self._wrapped(plainly(func, args, given))
        if name in ASKS or name in FILLS:
            self._check_told(name, args[1:], given)
            return plainly(func, args, given)
        raise refused(self.label(name), "be one that moves elements, or a step known here", "another")

    def recurrent(self, x: Array, *, batch_first: bool) -> tuple[Labelled, Labelled, Labelled] | None:
        """Record the innermost module, a recurrent one, on the labels of `x`; return its output and the last h and c.

        The first axis of `x` is that of the batch if `batch_first`, else time. Return None if `x` is not a signal read
        in steps.
        """
        label = f"module {self.path[-1]!r}"
        signal = x.transpose(1, 0, 2) if batch_first else x
        ends, cells = list[Array](), list[Array]()
        for layer in self.layers(self.path[-1]):
            read = self.streams.sequence(label, signal)
            if read is None:
                self.rearranged = True
                return None
            self.turned = self.turned or read[1]
            h = self.maker.made((*signal.shape[:2], layer.output_size), label)
            for cell in layer.cells:
                cells.append(self.maker.made((signal.shape[1], cell.cell_size or cell.output_size), label))
            final = ends_of(layer, h)
            self.streams.unrolled(label, layer, read[0], h, final)
            ends += np.split(final, np.cumsum([cell.output_size for cell in layer.cells])[:-1], axis=-1)
            signal = h
        answer = signal.transpose(1, 0, 2) if batch_first else signal
        return self.labelled(answer), self.labelled(np.stack(ends)), self.labelled(np.stack(cells))

    def _answer(self, made: Any, changed: Any) -> Any:
        """Return the labels `made` by a step as a tensor: a new one, or `changed`, the one to change in place."""
        if not isinstance(made, np.ndarray):
            return made
        answer = self.labelled(made)
        if changed is None:
            return answer
        plainly(torch.Tensor.copy_, (changed, answer), {})
        return changed

    def _check_moved(self, name: str, args: tuple[Any, ...], given: Mapping[str, Any]) -> None:
        """Raise if the function `name` would mix labels with numbers, or select by labels."""
        first, rest = (args[0], args[1:]) if args else ((), ())
        labelled = [isinstance(each, Labelled) for each in tensors_in(first)]
        if not all(labelled) or (len(labelled) > 1 and name not in JOINS):
            raise refused(self.label(name), "move elements of one signal", "numbers beside them")
        self._check_told(name, rest, given)

    def _check_told(self, name: str, args: tuple[Any, ...], given: Mapping[str, Any]) -> None:
        """Raise if the further arguments of the function `name` depend on the input."""
        if any(isinstance(each, Labelled) for each in tensors_in((args, given))):
            raise refused(self.label(name), "be told numbers that are constant", "some that depend on the input")

    def _wrapped(self, made: Any) -> Any:
        """Return the result `made` of moving elements with all tensors in it labelled."""
        if isinstance(made, torch.Tensor):
            answer = made.as_subclass(Labelled) if not isinstance(made, Labelled) else made
            answer.trace = self
            return answer
        return type(made)(self._wrapped(each) for each in made) if isinstance(made, tuple | list) else made


def refused(label: str, must: str, got: str) -> UnsupportedError:
    """Return the error that the function with this `label` `must` be something and `got` something else."""
    return unsupported(label, must, got, INSTEAD)


def plainly(func: Any, args: tuple[Any, ...], given: Mapping[str, Any]) -> Any:
    """Return the result of `func` for `args` and `given`, with labelled tensors treated as ordinary ones."""
    return torch.Tensor.__torch_function__(func, (), args, dict(given))


def name_of(func: Any) -> str:
    """Return the name of `func`, a function of PyTorch, or of the property that it gets."""
    name = str(getattr(func, "__name__", func))
    return str(func.__self__.__name__) if name == "__get__" else name


def tensors_in(value: Any) -> list[Any]:
    """Return the tensors in a `value`, also in tuples, lists and mappings."""
    if isinstance(value, torch.Tensor):
        return [value]
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple | list) else ()
    return [tensor for each in inner for tensor in tensors_in(each)]
