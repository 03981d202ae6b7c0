"""Read a pickle as data: nothing is imported or called, and only the few kinds of value listed here are made.

A pickle is a program for a small stack machine. Python's own machine calls any function that the program names; this
one makes dictionaries, lists, tuples, numbers, texts, and records of tensors and of the plain values that `torch.load`
accepts (`pickle_values`). Any other instruction or name is refused with its place. The standard library's `pickletools`
decodes the instructions and executes nothing.
"""

import pickletools
from collections.abc import Callable, Hashable, Mapping
from io import BytesIO
from types import MappingProxyType
from typing import Any

from lstm_analog.errors import FileFormatError
from lstm_analog.model.formats.notes import STORAGES, Name, Pickle, Skipped, Storage, Unreadable
from lstm_analog.model.formats.pickle_values import (
    MODULES,
    MOST_ENTRIES,
    ScriptModule,
    entry_name,
    is_known,
    made,
    refused,
)

LONGEST = 4 * 2**20
"""Largest size of a pickle (bytes): a state dict takes about 150 for each tensor, without its numbers."""

MOST_STEPS = 500_000
"""Largest number of instructions in a pickle."""

_MARK = object()


class PickleMachine:
    """The state of the machine while it reads a pickle: the stack with its marks, the memo and the storages.

    `entries_left` is how many entries the modules of a TorchScript archive may still have.
    """

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.storages: dict[str, Storage] = {}
        self.entries_left = MOST_ENTRIES

    def push(self, value: object) -> None:
        """Put `value` on the stack."""
        self.stack.append(value)

    def pop(self) -> Any:
        """Remove and return the top of the stack."""
        if not self.stack or self.stack[-1] is _MARK:
            raise _StackError
        return self.stack.pop()

    def pop_mark(self) -> list[Any]:
        """Remove the last mark and all above it; return the latter."""
        for at in range(len(self.stack) - 1, -1, -1):
            if self.stack[at] is _MARK:
                items = self.stack[at + 1 :]
                del self.stack[at:]
                return items
        raise _StackError

    def top(self, kind: type) -> Any:
        """Return the top of the stack, which must be of type `kind`."""
        if not self.stack or not isinstance(self.stack[-1], kind):
            raise _StackError
        return self.stack[-1]


class _StackError(Exception):
    """An instruction found an unsuitable value on the stack."""


def read_pickle(content: bytes, start: int = 0) -> Pickle:
    """Return the pickle in `content` from byte `start`.

    Raises `FileFormatError` at the first instruction or name that is not known; the message has its name and place.
    """
    stream = BytesIO(content[start : start + LONGEST])
    machine, place = PickleMachine(), start
    try:
        for step, (opcode, argument, position) in enumerate(pickletools.genops(stream)):
            place = start + (position or 0)
            if step >= MOST_STEPS:
                raise refused(place, f"have at most {MOST_STEPS} instructions", "more")
            if opcode.name == "STOP":
                return Pickle(value=machine.pop(), end=start + stream.tell(), storages=machine.storages)
            if opcode.name not in STEPS:
                raise refused(place, "use only what state dicts need", f"instruction {opcode.name}")
            STEPS[opcode.name](machine, argument, place)
    except _StackError:
        raise refused(place, "be whole", "an instruction without its operands") from None
    except (ValueError, TypeError, LookupError, EOFError, OverflowError, RecursionError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise refused(place, "be whole", ascii(str(error))[:120]) from error
    raise refused(place, "end with STOP", "none")


# What each instruction does. `argument` is what `pickletools` decoded, `place` the byte it stands at.

_Step = Callable[[PickleMachine, Any, int], None]


def _value(machine: PickleMachine, argument: Any, place: int) -> None:
    machine.push(argument)


def _made_by(make: Callable[[], object]) -> _Step:
    return lambda machine, argument, place: machine.push(make())


def _nothing(machine: PickleMachine, argument: Any, place: int) -> None:
    pass


def _tuple_of(size: int) -> _Step:
    def step(machine: PickleMachine, argument: Any, place: int) -> None:
        items = [machine.pop() for _ in range(size)]
        machine.push(tuple(reversed(items)))

    return step


def _tuple(machine: PickleMachine, argument: Any, place: int) -> None:
    machine.push(tuple(machine.pop_mark()))


def _append(machine: PickleMachine, argument: Any, place: int) -> None:
    item = machine.pop()
    machine.top(list).append(item)


def _appends(machine: PickleMachine, argument: Any, place: int) -> None:
    items = machine.pop_mark()
    machine.top(list).extend(items)


def _setitem(machine: PickleMachine, argument: Any, place: int) -> None:
    value, key = machine.pop(), machine.pop()
    _set(machine.top(dict), [key, value], place)


def _setitems(machine: PickleMachine, argument: Any, place: int) -> None:
    items = machine.pop_mark()
    _set(machine.top(dict), items, place)


def _set(target: dict[Hashable, Any], items: list[Any], place: int) -> None:
    for key, value in zip(items[::2], items[1::2], strict=True):
        target[entry_name(key, len(target))] = value


def _put(machine: PickleMachine, argument: int, place: int) -> None:
    machine.memo[argument] = machine.top(object)


def _memoize(machine: PickleMachine, argument: Any, place: int) -> None:
    machine.memo[len(machine.memo)] = machine.top(object)


def _get(machine: PickleMachine, argument: int, place: int) -> None:
    machine.push(machine.memo[argument])


def _global(machine: PickleMachine, argument: str, place: int) -> None:
    module, _, name = argument.partition(" ")
    machine.push(_known(module, name, place))


def _stack_global(machine: PickleMachine, argument: Any, place: int) -> None:
    name, module = machine.pop(), machine.pop()
    machine.push(_known(str(module), str(name), place))


def _known(module: str, name: str, place: int) -> Name:
    known = Name(module=MODULES.get(module, module), name=name)
    if is_known(known):
        return known
    raise refused(place, "name nothing but tensors and plain values", ascii(f"{module}.{name}"[:120]))


def _reduce(machine: PickleMachine, argument: Any, place: int) -> None:
    arguments, name = machine.pop(), machine.pop()
    if not isinstance(arguments, tuple) or not isinstance(name, Name):
        raise _StackError
    machine.push(made(name, arguments, place))


def _build(machine: PickleMachine, argument: Any, place: int) -> None:
    """Add the attributes of a TorchScript module to its entries; ignore those of anything else."""
    state, top = machine.pop(), machine.top(object)
    if isinstance(top, ScriptModule):
        machine.entries_left = top.take(state, place, machine.entries_left)
    elif not isinstance(top, dict | Skipped | Unreadable):
        raise refused(place, "set attributes of dictionaries and modules only", f"those of a {type(top).__name__}")


def _skipped_items(machine: PickleMachine, argument: Any, place: int) -> None:
    machine.pop_mark()
    machine.top(Skipped)


def _frozen_set(machine: PickleMachine, argument: Any, place: int) -> None:
    machine.pop_mark()
    machine.push(Skipped(what="a set"))


def _persistent(machine: PickleMachine, argument: Any, place: int) -> None:
    note = machine.pop()
    match note:
        case ("storage", Name(name=kind), str(key), str(), int(count), *rest) if (
            kind.endswith("Storage") and 0 <= count < 2**62 and rest in ([], [None])
        ):
            storage = Storage(kind=STORAGES.get(kind, kind), key=key, count=count)
            if machine.storages.setdefault(key, storage) != storage:
                raise refused(place, "describe a storage in one way", f"two of {key[:40]!a}")
            machine.push(storage)
        case _:
            raise refused(place, "refer to storages of tensors", "another note")


STEPS: Mapping[str, _Step] = MappingProxyType(
    dict.fromkeys(("PROTO", "FRAME"), _nothing)
    | dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"), _value)
    | dict.fromkeys(("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "SHORT_BINBYTES", "BINBYTES"), _value)
    | dict.fromkeys(("BINBYTES8", "BYTEARRAY8", "SHORT_BINSTRING"), _value)
    | {"EMPTY_SET": _made_by(lambda: Skipped(what="a set")), "ADDITEMS": _skipped_items, "FROZENSET": _frozen_set}
    | {
        "NONE": _made_by(lambda: None),
        "NEWTRUE": _made_by(lambda: True),
        "NEWFALSE": _made_by(lambda: False),
        "MARK": _made_by(lambda: _MARK),
    }
    | {"EMPTY_DICT": _made_by(dict), "EMPTY_LIST": _made_by(list), "EMPTY_TUPLE": _made_by(tuple)}
    | {"TUPLE": _tuple, "TUPLE1": _tuple_of(1), "TUPLE2": _tuple_of(2), "TUPLE3": _tuple_of(3)}
    | {"APPEND": _append, "APPENDS": _appends, "SETITEM": _setitem, "SETITEMS": _setitems}
    | {"BINPUT": _put, "LONG_BINPUT": _put, "MEMOIZE": _memoize}
    | {"BINGET": _get, "LONG_BINGET": _get}
    | {"GLOBAL": _global, "STACK_GLOBAL": _stack_global, "REDUCE": _reduce, "BUILD": _build}
    | {"BINPERSID": _persistent, "NEWOBJ": _reduce}
)
"""The functions of the instructions that are accepted; all others are refused."""
