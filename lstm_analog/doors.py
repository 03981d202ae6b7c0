"""Check the types of arguments of public functions against their annotations; errors name the argument.

A rule in an annotation, `Annotated[float, rule]`, is called with the value and raises if it breaks it. Other values
are checked by the functions themselves, the content of arrays by `arrays`.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from enum import Enum
from functools import cache, partial, wraps
from inspect import Parameter, signature
from itertools import chain
from numbers import Integral, Real
from operator import is_
from pathlib import Path
from sys import modules
from types import FunctionType, MappingProxyType, SimpleNamespace, UnionType
from typing import Annotated, Any, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from lstm_analog.arrays import unaliased
from lstm_analog.errors import InvalidTypeError, InvalidValueError, LstmAnalogError, explain

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")
_Known = TypeVar("_Known")
_Class = TypeVar("_Class", bound=type)
_Kind = Callable[[object], bool]
"""Tells whether a value is of an annotated kind."""

_WHOLE = 2**53
"""The largest whole number up to which float64 holds all."""
_NUMBERS: Mapping[Any, tuple[type, ...]] = MappingProxyType(
    {float: (Real,), int: (Integral,), bool: (bool, np.bool_), Path: (os.PathLike,)}
)
"""Classes accepted for an annotation besides the class itself."""
_BY_PLACE = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_ARRAYS: Mapping[Any, str] = MappingProxyType({np.float64: "biuf", np.int64: "iu", np.bool_: "b"})
"""Kinds of dtype that an array may have for the element type of its annotation."""


def checked(function: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
    """Return `function` with a check that raises `InvalidTypeError` for an argument of the wrong type.

    With a wrong argument the function is still called, unless it returns None and so has side effects: if it raises a
    `LstmAnalogError` of its own, that is raised instead, as it says more. With right arguments nothing changes.
    """
    names, kinds = signature(function), cache(partial(_kinds, function))
    order = [each.name for each in names.parameters.values() if each.kind in _BY_PLACE]
    acts = names.return_annotation is None and function.__name__ != "__init__"

    @wraps(function)
    def call(*values: _Given.args, **named: _Given.kwargs) -> _Result:
        known = kinds()
        for name, value in chain(zip(order, values, strict=False), named.items()):
            if name in known and not known[name](value):
                refusal = _refusal(name, value, _hints(function)[name])
                break
        else:
            return function(*values, **named)
        try:
            if not acts:
                function(*values, **named)
        except LstmAnalogError:
            raise
        except Exception as error:
            raise refusal from error
        raise refusal

    return call


def _refusal(name: str, value: object, hint: Any) -> InvalidTypeError:
    got, do = " ".join(ascii(value)[:80].split()), "give that"
    return InvalidTypeError(explain(name, must=f"be {_told(hint)}", got=got, do=do))


def checked_record(kind: _Class) -> _Class:
    """Return the class `kind` with its constructor and public methods `checked`."""
    for name, method in list(vars(kind).items()):
        if isinstance(method, FunctionType) and (name in ("__init__", "__call__") or not name.startswith("_")):
            setattr(kind, name, checked(method))
    return kind


def named(what: str, word: str, known: Mapping[str, _Known], *, any_case: bool = True) -> _Known:
    """Return the value of `known` whose name is `word`, in upper or lower case or, without `any_case`, exactly.

    Raises `InvalidValueError`, which calls the value `what` and suggests the nearest name.
    """
    by_key, key = {name.lower(): name for name in known}, word.strip().lower()
    name = by_key.get(key, word) if any_case else word
    if name in known:
        return known[name]
    near = get_close_matches(key, by_key, n=1)
    do = f"did you mean {by_key[near[0]]!r}?" if near else "choose one of them"
    must = f"be one of {', '.join(known)}"
    raise InvalidValueError(explain(what, must=must, got=ascii(word)[:80], do=do))


def _hints(function: Callable[..., object]) -> dict[str, Any]:
    """Return the annotations of `function` by parameter; Any for those that only a type checker can evaluate.

    Arrays of records are Any, too: records convert whatever `arrays` accepts.
    """
    several = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    given = [each for each in signature(function).parameters.values() if each.kind not in several]
    hints = {each.name: _read(each.annotation, function.__module__) for each in given}
    free = function.__name__ == "__init__"
    arrays = [name for name, hint in hints.items() if "numpy" in str(hint) and get_origin(hint) is not Callable]
    return hints | (dict.fromkeys(arrays, Any) if free else {})


def _read(annotation: object, module: str) -> Any:
    if annotation is Parameter.empty:
        return Any
    try:
        named_so = SimpleNamespace(__annotations__={"it": annotation})
        return get_type_hints(named_so, vars(modules[module]), include_extras=True)["it"]
    except (NameError, TypeError):  # of names that only a type checker has
        return Any


def _kinds(function: Callable[..., object]) -> dict[str, _Kind]:
    """Return for each annotated parameter of `function` the predicate that tells whether a value is of its type."""
    return {name: _kind(hint) for name, hint in _hints(function).items() if hint is not Any}


def _kind(hint: Any) -> _Kind:
    """Return the predicate that tells whether a value is of the type `hint`, as far as can be told at run time."""
    hint = unaliased(hint)
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        kinds = tuple(map(_kind, inner))
        return lambda value: any(kind(value) for kind in kinds)
    if origin is Annotated:
        return partial(_obeys, _kind(inner[0]), inner[1:])
    if origin is tuple:
        return partial(_are_each, tuple(_kind(each) for each in inner if each is not Ellipsis), inner)
    if hint is None or hint is type(None):
        return partial(is_, None)
    kind = origin or hint
    if not isinstance(kind, type) or kind is object:
        return lambda value: True
    if kind is np.ndarray:
        return partial(_is_array, get_args(inner[-1])[0] if inner and get_args(inner[-1]) else Any)
    if getattr(kind, "_is_protocol", False):
        asked = [name for name, each in vars(kind).items() if isinstance(each, FunctionType) and name[0] != "_"]
        return partial(_has, asked)
    if kind in (float, int):
        return partial(_is_number, kind)
    classes = _NUMBERS.get(kind, (kind,))
    return lambda value: isinstance(value, classes)


def _obeys(kind: _Kind, rules: tuple[Callable[[Any], None], ...], value: object) -> bool:
    """Return whether `value` is of a `kind`; if it is, the `rules` in its annotation raise errors of their own."""
    if not kind(value):
        return False
    for rule in rules:
        rule(value)
    return True


def _has(asked: Sequence[str], value: object) -> bool:
    """Return whether `value` has the methods `asked` and is no class itself."""
    return all(callable(getattr(value, name, None)) for name in asked) and not (asked and isinstance(value, type))


def _is_number(kind: type, value: object) -> bool:
    if type(value) is kind is float:
        return True
    if isinstance(value, bool | np.bool_) or not isinstance(value, _NUMBERS[kind]):
        return False
    return kind is int or not isinstance(value, Integral) or abs(int(value)) <= _WHOLE


def _are_each(kinds: tuple[_Kind, ...], hints: tuple[Any, ...], values: object) -> bool:
    """Return whether the `values` satisfy `kinds` one by one, or all the first if `hints` end in an ellipsis.

    If only the class matters and all have the same, one value is checked, as a schedule has many names.
    """
    if not isinstance(values, tuple | list):
        return False
    if hints[-1:] != (Ellipsis,):
        return len(kinds) == len(values) and all(kind(value) for kind, value in zip(kinds, values, strict=True))
    some = values[:1] if not get_origin(hints[0]) and len(set(map(type, values))) == 1 else values
    return all(map(kinds[0], some))


def _is_array(numbers: Any, value: object) -> bool:
    """Return whether `value` is an array or nested sequence of `numbers`; single numbers are accepted for floats."""
    if isinstance(value, tuple | list):
        try:
            value = np.asarray(value)
        except ValueError:  # rows of different length
            return False
        if not value.size:
            return True
    if isinstance(value, np.ndarray):
        return value.dtype.kind in _ARRAYS.get(numbers, value.dtype.kind)
    return numbers is np.float64 and isinstance(value, Real) and not isinstance(value, bool)


def _told(hint: Any) -> str:
    """Return the type `hint` in words, such as "a text, Path or None"."""
    hint = unaliased(hint)
    if get_origin(hint) is Annotated:
        return _told(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        names = list(dict.fromkeys(_told(each) for each in get_args(hint)))
        return f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else names[0]
    kind = get_origin(hint) or hint
    if "numpy" in str(hint) and kind not in (tuple, list, Callable):
        return "an array"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return f"one of {', '.join(map(str, kind))}"
    words: dict[Any, str] = {float: "a number of float64", int: "a whole number", bool: "True or False", str: "a text"}
    words |= {Callable: "a function"}
    return "None" if kind is type(None) else words.get(kind, getattr(kind, "__name__", str(kind)))
