from types import GenericAlias, SimpleNamespace
from typing import Any, TypeVar, get_args, get_origin

import numpy as np
import pytest
from numpy.typing import NDArray

from lstm_analog.arrays import floats, floats_of_shape, indices, limits_of_shape, positive_of_shape, unaliased
from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError


@pytest.mark.parametrize("dtype", [np.float32, np.float64, ">f8", np.int16, np.uint8])
def test_floats_are_native_float64_and_read_only(dtype):
    got = floats(np.arange(3, dtype=dtype), "w")
    assert got.dtype == np.float64
    assert got.dtype.isnative
    assert got.tolist() == [0.0, 1.0, 2.0]
    with pytest.raises(ValueError, match="read-only"):
        got[0] = 1.0


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_callers_array_stays_his_own(order):
    own = np.array([[1.0, 2.0], [3.0, 4.0]], order=order)
    got = floats(own, "w")
    own[0, 0] = 9.0
    assert got[0, 0] == 1.0
    assert own.flags.writeable


def test_a_read_only_view_does_not_let_the_caller_in():
    own = np.array([1.0, 2.0])
    view = own.view()
    view.flags.writeable = False
    got = floats(view, "w")
    own[0] = 9.0
    assert got[0] == 1.0


def test_what_nobody_can_change_is_not_copied():
    once = floats(np.ones(5), "w")
    assert floats(once, "w") is once
    assert np.shares_memory(floats_of_shape(once, "w", (5,)), once)


def test_scalars_stay_scalars():
    got = floats(3, "w")
    assert (got.shape, got.flags.writeable) == ((), False)


@pytest.mark.parametrize("value", [np.float16(1), True, 1j, "1", None, [None], np.longdouble(1), b"x"])
def test_other_kinds_are_refused(value):
    text = r"^w must hold float32, float64 or integer numbers, got .*: convert it to float64$"
    with pytest.raises(InvalidTypeError, match=text):
        floats(value, "w")


@pytest.mark.parametrize(("value", "got"), [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf")])
def test_not_finite_is_refused_with_its_place(value, got):
    with pytest.raises(InvalidValueError, match=rf"^w must be finite, got {got} at index \(1, 0\): remove NaN"):
        floats([[0.0, 0.0], [value, 0.0]], "w")


@pytest.mark.parametrize("value", [2**53 + 1, [1, -(2**53) - 1], np.array([2**63 + 1], np.uint64)])
def test_integers_that_float64_does_not_have_are_refused(value):
    with pytest.raises(
        InvalidValueError, match=r"^w must be whole numbers up to 9007199254740992, which .*: scale them"
    ):
        floats(value, "w")
    assert floats([2**53, -(2**53)], "w").tolist() == [2.0**53, -(2.0**53)]


MASKED = np.ma.array([[1.0, 2.0], [3.0, 4.0]], mask=[[False, True], [False, False]])


@pytest.mark.parametrize(
    "door",
    [
        lambda value: floats(value, "w"),
        lambda value: limits_of_shape(value, "w", (2, 2)),
        lambda value: positive_of_shape(value, "w", (2, 2)),
        lambda value: indices(value.astype(int)[0], "w"),
        lambda value: floats([value, value], "w"),
        lambda value: floats([[1.0, np.ma.masked]], "w"),
    ],
)
def test_a_masked_element_is_refused(door):
    with pytest.raises(InvalidValueError, match=r"^w must have no masked element, got a masked array: drop what is"):
        door(MASKED)


def test_a_mask_that_hides_nothing_is_dropped():
    got = floats(np.ma.array([1.0, 2.0], mask=False), "w")
    assert (type(got), got.tolist()) == (np.ndarray, [1.0, 2.0])


def test_ragged_rows_are_refused():
    with pytest.raises(InvalidShapeError, match=r"^w must be an array, got rows of different length"):
        floats([[1.0], [1.0, 2.0]], "w")


def test_shapes_are_broadcast_and_leading_axes_kept():
    assert floats_of_shape(2.0, "w", (3,)).tolist() == [2.0] * 3
    assert floats_of_shape(np.ones((4, 1)), "w", (3,)).shape == (4, 3)
    assert not floats_of_shape(2.0, "w", (3,)).flags.writeable
    text = r"^w must have shape \(3,\), got shape \(2,\): give one value or one per element$"
    with pytest.raises(InvalidShapeError, match=text):
        floats_of_shape([1.0, 2.0], "w", (3,))


def test_limits_and_positive_values():
    assert limits_of_shape(np.inf, "w", (2,)).tolist() == [np.inf] * 2
    with pytest.raises(InvalidValueError, match=r"^w must be numbers, got NaN"):
        limits_of_shape(np.nan, "w", (2,))
    for value in (0.0, -1.0):
        with pytest.raises(InvalidValueError, match=rf"^w must be positive, got {value}: give values above zero"):
            positive_of_shape([1.0, value], "w", (2,))
    assert positive_of_shape([], "w", (0,)).size == 0


def test_indices():
    got = indices(np.array([3, 0], dtype=np.uint8), "n")
    assert (got.dtype, got.tolist(), got.flags.writeable) == (np.int64, [3, 0], False)
    assert indices([], "n").shape == (0,)


@pytest.mark.parametrize("value", [[-1], [2, -3], np.array([2**63 + 1], dtype=np.uint64)])
def test_indices_count_from_zero(value):
    with pytest.raises(InvalidValueError, match=r"^n must be >= 0, got .*: count unknowns from zero$"):
        indices(value, "n")


@pytest.mark.parametrize("value", [[1.0], 3, [[1]], [True], np.empty((0, 2))])
def test_indices_are_a_vector_of_whole_numbers(value):
    with pytest.raises(InvalidShapeError, match=r"^n must be a vector of whole numbers, got "):
        indices(value, "n")


def test_an_annotation_says_its_class_whether_it_is_an_alias_or_not():
    """From numpy 2.5 on NDArray is an alias by `type`, on whose Pythons no machine was loaded again."""
    kind = TypeVar("kind", bound=np.generic)
    alias = SimpleNamespace(__value__=np.ndarray[Any, np.dtype[kind]])
    for hint in (NDArray[np.float64], GenericAlias(alias, (np.float64,))):
        assert get_args(unaliased(hint))[1] == np.dtype[np.float64]
    assert get_origin(unaliased(SimpleNamespace(__value__=alias))) is np.ndarray
    assert unaliased(float) is float
    assert unaliased(tuple[int, ...]) == tuple[int, ...]


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_large_matrix_begins_where_a_vector_does_and_is_copied_once(order):
    """Products of matrices that begin elsewhere read two lines of the cache for a vector."""
    own = np.array(np.random.default_rng(0).normal(size=(40, 33)), order=order)
    got = floats(own, "w")
    assert got.ctypes.data % 64 == 0
    assert got.flags.c_contiguous
    np.testing.assert_array_equal(got, own)
    assert floats(got, "w") is got
    with pytest.raises(ValueError, match="read-only"):
        got[0, 0] = 1.0
