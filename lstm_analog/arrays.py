"""Convert values to the arrays of this package's records: float64 or indices, checked once, then read-only."""

from math import prod
from typing import Any, TypeVar, final, get_args, get_origin

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError, explain

TAKEN = "float32, float64 or integer numbers"
"""Types that `floats` accepts; not float16, whose rounding to 11 bits would look like an error of the circuit."""

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]
Array = NDArray[Any]
Span = slice | Indices
"""Indices along an axis, as a slice if they are consecutive, so that indexing does not copy."""
_Kind = TypeVar("_Kind", Floats, Indices)
_WIDEST = np.dtype(np.float64).itemsize
_WHOLE = 2**53
_VECTOR = 64
"""Bytes of a vector of the processor, and of a line of its caches."""
_PAGE = 4096
"""Bytes from which on a copy is aligned."""
_LARGEST = int(np.iinfo(np.int64).max)


@final
class Finite(np.ndarray[tuple[int, ...], np.dtype[np.float64]]):
    """A view of numbers all of which were found to be finite when they were written: `floats` does not look again.

    Nothing else may be done with it, for its type says nothing of what is computed from it.
    """


def unaliased(hint: Any) -> Any:
    """Return the annotation `hint`, or its value if it is an alias made by a `type` statement.

    `NDArray` and `ArrayLike` are such aliases from numpy 2.5 on.
    """
    meant, given = getattr(get_origin(hint) or hint, "__value__", None), get_args(hint)
    if meant is None:
        return hint
    return unaliased(meant[given] if given else meant)


def plain(value: object, what: str) -> Array:
    """Return `value`, called `what` in messages, as a numpy array without a mask.

    Raises
    ------
    InvalidValueError
        If an element is masked, as numpy would use the number under the mask.
    InvalidShapeError
        If its rows differ in length.
    """
    if _is_masked(value):
        do = "drop what is masked, or give it a value with filled()"
        raise InvalidValueError(explain(what, must="have no masked element", got="a masked array", do=do))
    if getattr(value, "requires_grad", False) is True:
        value = value.detach()  # type: ignore[attr-defined]  # a tensor: its numbers are meant, not its gradient
    try:
        return np.asarray(value)
    except (TypeError, RuntimeError, OverflowError) as error:  # raised by tensors of other types or on other devices
        got, do = f"{type(value).__name__}: {ascii(str(error))[:80]}", "convert it to float64 in memory"
        raise InvalidTypeError(explain(what, must=f"hold {TAKEN}", got=got, do=do)) from error
    except ValueError:
        do = "make all rows equally long"
        raise InvalidShapeError(explain(what, must="be an array", got="rows of different length", do=do)) from None


def floats(value: ArrayLike, what: str) -> Floats:
    """Return `value`, called `what` in messages, as a read-only float64 array of any shape.

    Raises
    ------
    InvalidTypeError
        If it does not hold float32, float64 or integer numbers.
    InvalidValueError
        If a number is not finite or masked, or is an integer that float64 cannot represent.
    """
    return _frozen(_finite(value, what))


def floats_of_shape(value: ArrayLike, what: str, shape: tuple[int, ...]) -> Floats:
    """Return `value`, called `what`, as `floats` does, its last axes broadcast to `shape`; leading axes are kept.

    Raises `InvalidShapeError` if the last axes do not broadcast.
    """
    return _frozen(_broadcast(_finite(value, what), what, shape))


def limits_of_shape(value: ArrayLike, what: str, shape: tuple[int, ...]) -> Floats:
    """Return `value`, called `what`, of `shape` as `floats_of_shape` does; infinity is accepted, too."""
    array = _numbers(value, what)
    if np.isnan(array).any():
        raise InvalidValueError(explain(what, must="be numbers", got="NaN", do="use infinity for no bound"))
    return _frozen(_broadcast(array, what, shape))


def positive_limits_of_shape(value: ArrayLike, what: str, shape: tuple[int, ...]) -> Floats:
    """Return `value`, called `what`, of `shape` as `limits_of_shape` does, all above zero; infinity is no limit.

    Raises `InvalidValueError` if one is not.
    """
    array = limits_of_shape(value, what, shape)
    if not (array > 0).all():
        do = "give infinity for none"
        raise InvalidValueError(explain(what, must="be positive", got=float(array.min()), do=do))
    return array


def positive_of_shape(value: ArrayLike, what: str, shape: tuple[int, ...]) -> Floats:
    """Return `value`, called `what`, of `shape` as `floats_of_shape` does, all above zero.

    Raises `InvalidValueError` if one is not.
    """
    array = floats_of_shape(value, what, shape)
    if not (array > 0).all():
        raise InvalidValueError(explain(what, must="be positive", got=float(array.min()), do="give values above zero"))
    return array


def indices(value: ArrayLike, what: str) -> Indices:
    """Return `value`, called `what` in messages, as a read-only vector of integers >= 0, shape (m,)."""
    array = plain(value, what)
    if array.size == 0:
        array = array.astype(np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise InvalidShapeError(
            explain(what, must="be a vector of whole numbers", got=_describe(array), do="give one index per element")
        )
    if array.size and not 0 <= int(array.min()) <= int(array.max()) <= _LARGEST:
        got = f"{array.min()} to {array.max()}"
        raise InvalidValueError(explain(what, must="be >= 0", got=got, do="count unknowns from zero"))
    return _frozen(array.astype(np.int64))


def span(places: Indices) -> Span:
    """Return the indices `places` (m,) as a slice if they are consecutive, else unchanged."""
    if places.size and np.array_equal(places, np.arange(places[0], places[0] + places.size)):
        return slice(int(places[0]), int(places[0]) + places.size)
    return places


def numbered(places: Span) -> Indices:
    """Return `places` as an index array."""
    return np.arange(places.start, places.stop) if isinstance(places, slice) else places


def ranks(kinds: Indices) -> Indices:
    """Return for each entry of `kinds` (n,) how many equal ones precede it, (n,)."""
    order = np.argsort(kinds, kind="stable")
    found = np.empty_like(order)
    found[order] = np.arange(order.size) - np.searchsorted(kinds[order], kinds[order])
    return found


def _finite(value: ArrayLike, what: str) -> Floats:
    array = _numbers(value, what)
    if not isinstance(value, Finite) and not np.isfinite(array).all():
        bad = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        got, do = f"{array[bad]} at index {bad}", "remove NaN and infinity"
        raise InvalidValueError(explain(what, must="be finite", got=got, do=do))
    return array


def _numbers(value: ArrayLike, what: str) -> Floats:
    array = plain(value, what)
    if array.dtype.kind not in "iuf" or array.dtype == np.float16 or array.dtype.itemsize > _WIDEST:
        raise InvalidTypeError(explain(what, must=f"hold {TAKEN}", got=array.dtype, do="convert it to float64"))
    if array.dtype == np.float64:
        return array
    _check_exact(array, what)
    return _frozen(array.astype(np.float64))


def _check_exact(array: Array, what: str) -> None:
    """Raise `InvalidValueError`, naming `what`, if float64 cannot represent an integer of `array` exactly."""
    if array.dtype.kind == "f" or array.dtype.itemsize < _WIDEST or not array.size:
        return
    for bound in (int(array.min()), int(array.max())):
        if abs(bound) > _WHOLE:
            must, do = f"be whole numbers up to {_WHOLE}, which float64 holds exactly", "scale them, or give floats"
            raise InvalidValueError(explain(what, must=must, got=bound, do=do))


def _is_masked(value: object) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_is_masked, value))
    return isinstance(value, np.ma.MaskedArray) and bool(np.ma.getmaskarray(value).any())


def _broadcast(array: Floats, what: str, shape: tuple[int, ...]) -> Floats:
    if array.shape == shape:
        return array
    lead = array.shape[: max(array.ndim - len(shape), 0)]
    try:
        return np.broadcast_to(array, lead + shape)
    except ValueError:
        raise InvalidShapeError(
            explain(
                what, must=f"have shape {shape}", got=f"shape {array.shape}", do="give one value or one per element"
            )
        ) from None


def _describe(array: Array) -> str:
    return f"{array.dtype} of shape {array.shape}"


def aligned(array: Array) -> Array:
    """Return a copy of `array`, in the order of C, that begins where a vector of the processor does.

    Products with large matrices that do not begin so took 1.1 to 1.3 times as long (AVX-512).
    """
    result = _within(np.empty(array.nbytes + _VECTOR, dtype=np.uint8), array.shape, array.dtype)
    result[...] = array
    return result


def aligned_zeros(shape: tuple[int, ...]) -> Floats:
    """Return zeros of this `shape`, in the order of C, that begin where a vector of the processor does."""
    return _within(np.zeros(prod(shape) * _WIDEST + _VECTOR, dtype=np.uint8), shape, np.dtype(np.float64))


def rows_apart(count: int, width: int, dtype: np.dtype[Any]) -> Floats:
    """Return zeros (`count`, `width`) of `dtype` whose rows begin an odd number of vectors of the processor apart.

    Else a few columns, read row by row, share few places in the cache, and took 1.2 to 1.7 times as long to copy.
    """
    vector = _VECTOR // dtype.itemsize
    more = vector * (1 - width // vector % 2)
    return aligned(np.zeros((count, width + more), dtype))[:, more:]


def _within(room: Array, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    start = -room.ctypes.data % _VECTOR
    result = room[start : start + prod(shape) * dtype.itemsize].view(dtype).reshape(shape)
    room.flags.writeable = False
    return result


def _frozen(array: _Kind) -> _Kind:
    result = array
    if not array.flags.c_contiguous or _can_change(array):
        result = aligned(array) if array.nbytes >= _PAGE else array.copy()
    result.flags.writeable = False
    return result


def _can_change(array: Array) -> bool:
    """Return whether the memory of `array` is writable, through a view or through its base."""
    base: object = array
    while isinstance(base, np.ndarray):
        if base.flags.writeable:
            return True
        base = base.base
    return base is not None
