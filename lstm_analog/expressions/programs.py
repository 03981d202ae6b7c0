"""Evaluate expressions by numpy: a program is a list of calls, with each common subexpression computed once.

Subexpressions of parameters alone are computed when a program is bound to its parameters, and not again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from lstm_analog.arrays import Array, Floats, aligned
from lstm_analog.expressions.calculus import without_names
from lstm_analog.expressions.calls import Call, spread
from lstm_analog.expressions.functions import FUNCTIONS
from lstm_analog.expressions.nodes import Expression, Op, constant, multiply

Values = Mapping[str, Floats]
_PAIR = 2
_BY_NAME = (np.minimum, np.maximum)


class _Instruction(NamedTuple):
    """A call of `function` with the contents of the places `args`; the result goes to the place `out`."""

    function: Callable[..., Any]
    args: tuple[int, ...]
    out: int


def where_less(
    a: Floats | float, b: Floats | float, below: Floats | float, other: Floats | float, out: Floats | None = None
) -> Floats:
    """Return `below` where `a` < `b`, else `other`; in `out`, if that is given."""
    if out is None:
        return np.where(np.less(a, b), below, other)
    np.copyto(out, np.where(np.less(a, b), below, other))  # `out` may be any of them: all are read before it is written
    return out


class Program:
    """The calls of numpy that evaluate some `outputs`, expressions without a clock line.

    Numbers, parameters, efforts and results of calls each have a place in a list.
    """

    def __init__(self, outputs: Sequence[Expression]) -> None:
        """Turn the `outputs` into calls."""
        self._places: list[Floats | float] = []
        self._parameters: dict[str, int] = {}
        self._efforts: dict[str, int] = {}
        self._early: list[_Instruction] = []
        self._late: list[_Instruction] = []
        self._known: dict[Expression, int] = {}
        self._moving: set[int] = set()
        self._outputs = [self._lower(without_names(output)) for output in outputs]

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters in the outputs."""
        return tuple(self._parameters)

    @property
    def efforts(self) -> tuple[str, ...]:
        """The names of the efforts in the outputs."""
        return tuple(self._efforts)

    def bound(self, parameters: Values) -> "BoundProgram":
        """Return the program with `parameters` by name, arrays that broadcast with the efforts."""
        places = list(self._places)
        for name, place in self._parameters.items():
            places[place] = parameters[name]
        for step in self._early:
            places[step.out] = step.function(*(places[arg] for arg in step.args))
        return BoundProgram(places=places, efforts=self._efforts, steps=self._late, outputs=self._outputs)

    def _place(self, held: float = 0.0) -> int:
        self._places.append(held)
        return len(self._places) - 1

    def _lower(self, node: Expression) -> int:
        """Return the place of the value of `node`."""
        if node not in self._known:
            self._known[node] = self._made(node)
        return self._known[node]

    def _made(self, node: Expression) -> int:
        args = node.args
        if node.op is Op.NUMBER:
            return self._place(node.value)
        if node.op is Op.PARAMETER:
            return self._parameters.setdefault(node.name, self._place())
        if node.op is Op.EFFORT:
            place = self._efforts.setdefault(node.name, self._place())
            self._moving.add(place)
            return place
        if node.op is Op.CALL:
            return self._lower(FUNCTIONS[node.name].body(*args))
        if node.op is Op.ADD:
            return self._sum(args)
        if node.op is Op.MULTIPLY:
            return self._product(args)
        if node.op is Op.WHERE and (constant(args[2]), constant(args[3])) == (1.0, 0.0):
            return self._call(np.heaviside, self._lower(args[1] - args[0]), self._place(0.0))
        if node.op is Op.WHERE:
            return self._call(where_less, *map(self._lower, args))
        return self._call(getattr(np, node.op.value), *map(self._lower, args))

    def _sum(self, terms: Sequence[Expression]) -> int:
        """Return the place of a sum; terms with a minus sign are subtracted."""
        taken = [term for term in terms if _is_negative(term)]
        added = [term for term in terms if not _is_negative(term)] or [taken.pop(0)]
        total = self._chain(np.add, added)
        for term in taken:
            total = self._call(np.subtract, total, self._lower(multiply(*term.args[1:])))
        return total

    def _product(self, factors: Sequence[Expression]) -> int:
        if constant(factors[0]) == -1.0:
            return self._call(np.negative, self._lower(multiply(*factors[1:])))
        return self._chain(np.multiply, factors)

    def _chain(self, function: Callable[..., Any], args: Sequence[Expression]) -> int:
        """Return the place of `args` combined by the associative `function`, those of parameters alone first."""
        places = sorted(map(self._lower, args), key=self._moving.__contains__)
        total = places[0]
        for place in places[1:]:
            total = self._call(function, total, place)
        return total

    def _call(self, function: Callable[..., Any], *args: int) -> int:
        out, moving = self._place(), not self._moving.isdisjoint(args)
        (self._late if moving else self._early).append(_Instruction(function=function, args=args, out=out))
        if moving:
            self._moving.add(out)
        return out


def _is_negative(term: Expression) -> bool:
    return term.op is Op.MULTIPLY and constant(term.args[0]) == -1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class BoundProgram:
    """A program with its parameters: calling it with `efforts` by name gives a value for each output.

    A value has the shape to which efforts and parameters broadcast; without efforts, that of its parameters, or ().
    """

    places: Sequence[Floats | float]
    efforts: Mapping[str, int]
    steps: Sequence[_Instruction]
    outputs: Sequence[int]

    def __call__(self, efforts: Callable[[str], Floats]) -> list[Floats | float]:
        """Return the outputs; `efforts` returns the array of an effort by its name."""
        places = list(self.places)
        for name, place in self.efforts.items():
            places[place] = efforts(name)
        for function, args, out in self.steps:
            if len(args) == _PAIR:  # most are of two arguments, and this is called for each flow in each step
                first, second = args
                places[out] = function(places[first], places[second])
            else:
                places[out] = function(*[places[arg] for arg in args])
        return [places[place] for place in self.outputs]

    def writing(self, efforts: Mapping[str, Array], outs: Sequence[Array]) -> tuple[Call, ...]:
        """Return calls that write the outputs at `efforts`, arrays by name, to the arrays `outs`.

        All broadcast to the shape of the `outs`. The calls allocate nothing: intermediate results share a few arrays.
        """
        places, calls = list(self.places), list[Call]()
        for place in {arg for step in self.steps for arg in step.args}:
            places[place] = spread(places[place], outs[0])
        for name, place in self.efforts.items():
            places[place] = efforts[name]
        rooms = _rooms(self.steps, self.outputs, outs)
        for step in self.steps:
            places[step.out] = rooms[step.out]
            calls.append(_writing(step.function, [places[arg] for arg in step.args], rooms[step.out]))
        for out, place in zip(outs, self.outputs, strict=True):
            if rooms.get(place) is not out:
                calls.append(partial(np.copyto, out, places[place]))
        return tuple(calls)


def _writing(function: Callable[..., Any], args: Sequence[Any], out: Array) -> Call:
    """Return the call of `function`, `out` by place if numpy allows it: by name it costs a tenth of a short call."""
    return partial(function, *args, out=out) if function in _BY_NAME else partial(function, *args, out)


def _rooms(steps: Sequence[_Instruction], outputs: Sequence[int], outs: Sequence[Floats]) -> dict[int, Floats]:
    """Return the array for the result of each step: that of the output, or one whose content no later step reads."""
    last = {arg: number for number, step in enumerate(steps) for arg in step.args}
    rooms: dict[int, Floats] = {}
    free: list[Floats] = []
    for number, step in enumerate(steps):
        free += [rooms[arg] for arg in {*step.args} if arg in rooms and last[arg] == number and arg not in outputs]
        if step.out in outputs:
            rooms[step.out] = outs[outputs.index(step.out)]
        else:
            rooms[step.out] = free.pop() if free else aligned(np.empty_like(outs[0]))
    return rooms
