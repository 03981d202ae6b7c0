"""Read a pickle as data: nothing is imported or called, and only the few kinds of value listed here are made.

A pickle is a program for a small stack machine. Python's own machine calls any function that the program names; this
one makes dictionaries, lists, tuples, numbers, texts, and records of tensors and of the plain values that `torch.load`
accepts (`pickle_values`). Any other instruction or name is refused with its place. The standard library's `pickletools`
decodes the instructions and executes nothing.
"""

import pickletools
from collections.abc import Callable, Mapping
from io import BytesIO
from types import MappingProxyType
from typing import Any

from lstm_analog.errors import FileFormatError
from lstm_analog.model.formats.pickle_values import (
    MODULES,
    MOST_ENTRIES,
    STORAGES,
    Name,
    Pickle,
    ScriptModule,
    Skipped,
    Storage,
    Unreadable,
    entry_name,
    is_known,
    made,
    refused,
)

LONGEST = 4 * 2**20
"""Largest size of a pickle (bytes): a state dict takes about 150 for each tensor, without its numbers."""

MOST_STEPS = 500_000
"""Largest number of instructions in a pickle."""


class _StackError(Exception):
    """An instruction found an unsuitable value on the stack."""


class PickleMachine:
    """The state of the machine while it reads a pickle: `place` is the byte that the instruction stands at.

    `stack` has what was pushed since the last mark, `below` what lay under each mark. `entries_left` is how many
    entries the modules of a TorchScript archive may still have.
    """

    def __init__(self) -> None:
        self.place = 0
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.storages: dict[str, Storage] = {}
        self.entries_left = MOST_ENTRIES

    def refused(self, must: str, got: str) -> FileFormatError:
        """Return the error that the content at this place `must` be something and is `got`."""
        return refused(self.place, must, got)

    def push(self, value: object) -> None:
        """Put `value` on the stack."""
        self.stack.append(value)

    def mark(self) -> None:
        """Begin a new stack on top of this one."""
        self.below.append(self.stack)
        self.stack = []

    def pop(self) -> Any:
        """Remove and return the top of the stack."""
        if not self.stack:
            raise _StackError
        return self.stack.pop()

    def pop_several(self, count: int) -> list[Any]:
        """Remove and return the last `count` values of the stack, in their order."""
        return [self.pop() for _ in range(count)][::-1]

    def pop_mark(self) -> list[Any]:
        """Remove the last mark and all above it; return the latter."""
        if not self.below:
            raise _StackError
        items, self.stack = self.stack, self.below.pop()
        return items

    def top(self, kind: type) -> Any:
        """Return the top of the stack, which must be of type `kind`."""
        if not self.stack or not isinstance(self.stack[-1], kind):
            raise _StackError
        return self.stack[-1]

    def add(self, items: list[Any]) -> None:
        """Add `items` to the list on top of the stack."""
        self.top(list).extend(items)

    def enter(self, items: list[Any]) -> None:
        """Enter `items`, keys and values in turn, in the dictionary on top of the stack."""
        target = self.top(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[entry_name(key, len(target))] = value

    def remember(self, key: int) -> None:
        """Remember the top of the stack under `key`."""
        self.memo[key] = self.top(object)


def read_pickle(content: bytes, start: int = 0) -> Pickle:
    """Return the pickle in `content` from byte `start`.

    Raises `FileFormatError` at the first instruction or name that is not known; the message has its name and place.
    """
    stream, machine = BytesIO(content[start : start + LONGEST]), PickleMachine()
    machine.place = start
    try:
        for step, (opcode, argument, position) in enumerate(pickletools.genops(stream)):
            machine.place = start + (position or 0)
            if step >= MOST_STEPS:
                raise machine.refused(f"have at most {MOST_STEPS} instructions", "more")
            if opcode.name == "STOP":
                return Pickle(value=machine.pop(), end=start + stream.tell(), storages=machine.storages)
            if opcode.name not in STEPS:
                raise machine.refused("use only what state dicts need", f"instruction {opcode.name}")
            STEPS[opcode.name](machine, argument)
    except _StackError:
        raise machine.refused("be whole", "an instruction without its operands") from None
    except (ValueError, TypeError, LookupError, EOFError, OverflowError, RecursionError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise machine.refused("be whole", ascii(str(error))[:120]) from error
    raise machine.refused("end with STOP", "none")


def _global(machine: PickleMachine, module: str, name: str) -> None:
    known = Name(module=MODULES.get(module, module), name=name)
    if not is_known(known):
        raise machine.refused("name nothing but tensors and plain values", ascii(f"{module}.{name}"[:120]))
    machine.push(known)


def _reduce(machine: PickleMachine, argument: Any) -> None:
    name, arguments = machine.pop_several(2)
    if not isinstance(arguments, tuple) or not isinstance(name, Name):
        raise _StackError
    machine.push(made(name, arguments, machine.place))


def _build(machine: PickleMachine, argument: Any) -> None:
    """Add the attributes of a TorchScript module to its entries; ignore those of anything else."""
    state, top = machine.pop(), machine.top(object)
    if isinstance(top, ScriptModule):
        machine.entries_left = top.take(state, machine.place, machine.entries_left)
    elif not isinstance(top, dict | Skipped | Unreadable):
        raise machine.refused("set attributes of dictionaries and modules only", f"those of a {type(top).__name__}")


def _skipped_items(machine: PickleMachine, argument: Any) -> None:
    machine.pop_mark()
    machine.top(Skipped)


def _frozen_set(machine: PickleMachine, argument: Any) -> None:
    machine.pop_mark()
    machine.push(Skipped(what="a set"))


def _persistent(machine: PickleMachine, argument: Any) -> None:
    match machine.pop():
        case ("storage", Name(name=kind), str(key), str(), int(count), *rest) if (
            kind.endswith("Storage") and 0 <= count < 2**62 and rest in ([], [None])
        ):
            storage = Storage(kind=STORAGES.get(kind, kind), key=key, count=count)
            if machine.storages.setdefault(key, storage) != storage:
                raise machine.refused("describe a storage in one way", f"two of {key[:40]!a}")
            machine.push(storage)
        case _:
            raise machine.refused("refer to storages of tensors", "another note")


_Step = Callable[[PickleMachine, Any], None]
_VALUES = """
BININT BININT1 BININT2 LONG1 BINFLOAT BINUNICODE SHORT_BINUNICODE BINUNICODE8 SHORT_BINBYTES BINBYTES BINBYTES8
BYTEARRAY8 SHORT_BINSTRING
""".split()  # noqa: SIM905 - as in keras_graph

STEPS: Mapping[str, _Step] = MappingProxyType(
    dict.fromkeys(("PROTO", "FRAME"), lambda machine, argument: None)
    | dict.fromkeys(_VALUES, lambda machine, value: machine.push(value))
    | dict.fromkeys(("BINPUT", "LONG_BINPUT"), lambda machine, key: machine.remember(key))
    | dict.fromkeys(("BINGET", "LONG_BINGET"), lambda machine, key: machine.push(machine.memo[key]))
    | {
        "NONE": lambda machine, _: machine.push(None),
        "NEWTRUE": lambda machine, _: machine.push(True),
        "NEWFALSE": lambda machine, _: machine.push(False),
        "EMPTY_DICT": lambda machine, _: machine.push({}),
        "EMPTY_LIST": lambda machine, _: machine.push([]),
        "EMPTY_TUPLE": lambda machine, _: machine.push(()),
        "EMPTY_SET": lambda machine, _: machine.push(Skipped(what="a set")),
        "MARK": lambda machine, _: machine.mark(),
        "TUPLE": lambda machine, _: machine.push(tuple(machine.pop_mark())),
        "TUPLE1": lambda machine, _: machine.push(tuple(machine.pop_several(1))),
        "TUPLE2": lambda machine, _: machine.push(tuple(machine.pop_several(2))),
        "TUPLE3": lambda machine, _: machine.push(tuple(machine.pop_several(3))),
        "APPEND": lambda machine, _: machine.add(machine.pop_several(1)),
        "APPENDS": lambda machine, _: machine.add(machine.pop_mark()),
        "SETITEM": lambda machine, _: machine.enter(machine.pop_several(2)),
        "SETITEMS": lambda machine, _: machine.enter(machine.pop_mark()),
        "MEMOIZE": lambda machine, _: machine.remember(len(machine.memo)),
        "GLOBAL": lambda machine, names: _global(machine, *names.split(" ", 1)),
        "STACK_GLOBAL": lambda machine, _: _global(machine, *map(str, machine.pop_several(2))),
    }
    | {"REDUCE": _reduce, "NEWOBJ": _reduce, "BUILD": _build, "BINPERSID": _persistent}
    | {"ADDITEMS": _skipped_items, "FROZENSET": _frozen_set}
)
"""The functions of the instructions that are accepted, of the machine and what `pickletools` decoded as argument."""
