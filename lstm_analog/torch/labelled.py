"""A PyTorch module run on labels instead of numbers: what its `forward` does to the rows of its input.

A labelled tensor goes through `forward` as an input does. PyTorch moves its elements; whatever computes is a numeric
step or a recurrent layer of `ModelStreams`, or is refused by the name of the function and of the module that called it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor as TorchTensor

from lstm_analog.arrays import Array
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.model.formats.labels import Labels
from lstm_analog.model.formats.streams import ModelStreams, ends_of
from lstm_analog.model.layers import Layer
from lstm_analog.torch.moving import ASKS, FILLS, JOINS, MOVES

INSTEAD = "leave it out of forward"
"""What a refusal says to do, unless who catches it knows better."""

Handler = Callable[..., Array | None]
"""Computes the labels that a function answers, of a trace and the function's arguments; None if that is no step."""


class Labelled(TorchTensor):
    """A tensor of labels, which knows the `trace` that it belongs to.

    PyTorch hands what is done to it to `__torch_function__`: https://pytorch.org/docs/stable/notes/extending.html
    """

    trace: "LabelledRun"

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Have the trace of the labelled tensors among `args` and `kwargs` carry out `func`; `types` say nothing."""
        given = kwargs or {}
        trace = next(each.trace for each in tensors_in((args, given)) if isinstance(each, Labelled))
        return trace.carried(func, args, given)


class LabelledRun:
    """One run of a module on labels.

    `layers` returns the layers of the recurrent module of a name, `steps` are the functions that compute. `path` are
    the names of the modules whose forward runs; `turned` says whether a recurrent layer read an input (batch, time),
    `rearranged` whether one read anything else than each step of a signal in its order.
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
        """Note that the forward of the innermost module has ended."""
        self.path.pop()

    def opened(self, shape: tuple[int, ...], *, whole: bool, vectors: bool) -> Labelled:
        """Return the input of that `shape`, of `whole` numbers or floats, `vectors` along its last axis or none."""
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
        """Return what the function called `name` is called in messages, with the module that calls it."""
        return f"function {name!r} in module {self.path[-1]!r}" if self.path and self.path[-1] else f"function {name!r}"

    def refused(self, label: str, must: str, got: str) -> UnsupportedError:
        """Return the error that says what the function with that `label` `must`, and what it `got`."""
        return UnsupportedError(explain(label, must=must, got=got, do=INSTEAD))

    def carried(self, func: Any, args: tuple[Any, ...], given: Mapping[str, Any]) -> Any:
        """Carry out the function `func` on labelled tensors among `args` and `given`, its arguments by name."""
        name = name_of(func)
        bare = name.rstrip("_") if not name.startswith("_") else name
        if bare in self.steps:
            made = self.steps[bare](self, self.label(bare), *args, **given)
            if made is None:
                raise self.refused(
                    self.label(name), "act on rows of one signal, as a step known here", "something else"
                )
            return self._answer(made, args[0] if bare != name or given.get("inplace") else None)
        if bare in MOVES:
            self._check_moved(bare, args, given)
            return self._wrapped(plainly(func, args, given))
        if name in ASKS or name in FILLS:
            self._check_told(name, args[1:], given)
            return plainly(func, args, given)
        raise self.refused(self.label(name), "be one that moves elements, or a step known here", "another")

    def recurrent(self, x: Array, *, batch_first: bool) -> tuple[Labelled, Labelled, Labelled] | None:
        """Compute the recurrent module that runs, on the labels of `x`: return the answer, and the last h and c.

        The first axis of `x` is that of the batch if it is `batch_first`, else time. None if `x` is no signal so read.
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
        """Return what a step has `made` as a tensor: the one that it `changed`, where that is asked for."""
        if not isinstance(made, np.ndarray):
            return made
        answer = self.labelled(made)
        if changed is None:
            return answer
        plainly(torch.Tensor.copy_, (changed, answer), {})
        return changed

    def _check_moved(self, name: str, args: tuple[Any, ...], given: Mapping[str, Any]) -> None:
        """Refuse what would mix labels with numbers, or choose by labels."""
        first, rest = (args[0], args[1:]) if args else ((), ())
        labelled = [isinstance(each, Labelled) for each in tensors_in(first)]
        if not all(labelled) or (len(labelled) > 1 and name not in JOINS):
            raise self.refused(self.label(name), "move elements of one signal", "numbers beside them")
        self._check_told(name, rest, given)

    def _check_told(self, name: str, args: tuple[Any, ...], given: Mapping[str, Any]) -> None:
        """Refuse numbers that depend on the input where the function called `name` is told something by them."""
        if any(isinstance(each, Labelled) for each in tensors_in((args, given))):
            raise self.refused(self.label(name), "be told numbers that are constant", "some that depend on the input")

    def _wrapped(self, made: Any) -> Any:
        """Return what was `made` by moving elements, all tensors in it labelled."""
        if isinstance(made, torch.Tensor):
            answer = made.as_subclass(Labelled) if not isinstance(made, Labelled) else made
            answer.trace = self
            return answer
        return type(made)(self._wrapped(each) for each in made) if isinstance(made, tuple | list) else made


def plainly(func: Any, args: tuple[Any, ...], given: Mapping[str, Any]) -> Any:
    """Return what `func` answers to `args` and `given` where labelled tensors are as any other."""
    return torch.Tensor.__torch_function__(func, (), args, dict(given))


def name_of(func: Any) -> str:
    """Return the name of a function of PyTorch, that of the property if `func` gets one."""
    name = str(getattr(func, "__name__", func))
    return str(func.__self__.__name__) if name == "__get__" else name


def tensors_in(value: Any) -> list[Any]:
    """Return the tensors in a `value`, in tuples, lists and mappings too."""
    if isinstance(value, torch.Tensor):
        return [value]
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple | list) else ()
    return [tensor for each in inner for tensor in tensors_in(each)]
