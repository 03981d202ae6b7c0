"""What Newton's method takes beside numpy's functions: systems side by side, repetitions, what is done instead.

Each is held against numpy or the kernel; without a kernel both sides are numpy.
"""

from functools import partial

import numpy as np
import pytest

from lstm_analog.engines.native import KernelProgram, Otherwise, Repeat, Unless, Unsolved, compiled, is_available
from lstm_analog.engines.native.calls import (
    add_products,
    entries,
    invert_collocation,
    invert_negative,
    largest_each,
    solve_collocation,
    write_products,
)
from lstm_analog.engines.waveform import chebyshev
from lstm_analog.engines.waveform.chebyshev import Grid
from lstm_analog.expressions import make


def made(call):
    """Make `call` as a program, where there is a kernel."""
    calls = compiled([call])
    assert isinstance(calls[0], KernelProgram) == is_available()
    make(calls)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.mark.parametrize("function", [write_products, add_products])
@pytest.mark.parametrize("points", [1, 5])
@pytest.mark.parametrize("members", [3, 700])
def test_products_of_present_entries(rng, function, points, members):
    present = rng.random((6, 9)) < 0.4
    present[2] = False
    matrix = rng.normal(size=(6, 9, points, 2, members)) * present[..., None, None, None]
    vectors, out = rng.normal(size=(9, 5, 2, members)), rng.normal(size=(6, 5, 2, members))
    expected = np.einsum("abplm,bplm->aplm", np.broadcast_to(matrix, (6, 9, 5, 2, members)), vectors)
    expected += out if function is add_products else 0.0
    made(partial(function, out, matrix, vectors, entries(present)))
    np.testing.assert_allclose(out, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("size", [1, 2, 5, 24])
def test_inverses_of_the_chosen(rng, size):
    matrices = rng.normal(size=(size, size, 3, 2, 4))
    matrices[0, 0] = 0.0 if size > 1 else 2.0  # a pivot has to be found
    out, chosen = np.full_like(matrices, 7.0), np.array([1.0, 0.0, 1.0, 1.0])
    made(partial(invert_negative, out, matrices, chosen))
    assert (out[..., 1] == 7.0).all()
    product = np.einsum("abplm,bcplm->acplm", out, -matrices)[..., [0, 2, 3]]
    np.testing.assert_allclose(
        product, np.broadcast_to(np.eye(size).T[..., None, None, None], product.shape), atol=1e-9
    )


def test_what_is_singular_becomes_nan():
    out = np.zeros((2, 2, 1))
    made(partial(invert_negative, out, np.ones((2, 2, 1)), np.ones(1)))
    assert np.isnan(out).all()


@pytest.mark.parametrize("dynamic", [1, 2, 3])
@pytest.mark.parametrize("missing", [0, 1])
def test_collocation_is_solved_as_it_is_inverted(rng, dynamic, missing):
    grid = Grid(degree=8, pole=0.7)
    derivative, lead, count = chebyshev.differentiation(grid), (2, 1, 5), 9
    slopes = rng.normal(size=(dynamic, dynamic, count - missing, *lead))
    capacity = rng.uniform(0.5, 2.0, (2, 1, 5, dynamic))
    right = rng.normal(size=(dynamic, count, *lead))
    inverse, found = np.zeros((dynamic * count, dynamic * count, *lead)), np.empty_like(right)
    made(partial(invert_collocation, inverse, slopes, capacity, derivative, np.ones(5)))
    made(partial(solve_collocation, found, slopes, capacity, derivative, right))
    again = np.einsum("ab...,b...->a...", inverse, right.reshape(dynamic * count, *lead)).reshape(right.shape)
    np.testing.assert_allclose(found, again, rtol=1e-9, atol=1e-10)
    rates = np.einsum("ts,ks...->kt...", derivative, found)
    flows = np.einsum("ab...,b...->a...", slopes[:, :, 1 - missing :], found[:, 1:])
    left = np.moveaxis(capacity, -1, 0)[:, None] * rates[:, 1:] - flows
    np.testing.assert_allclose(left, right[:, 1:], atol=1e-9)
    np.testing.assert_allclose(found[:, 0], right[:, 0], rtol=1e-12)


def test_largest_of_each_sees_nan(rng):
    values, scale = rng.normal(size=(3, 4, 50)), rng.uniform(1.0, 2.0, (3, 50))
    values[1, 2, 7] = np.nan
    out = np.empty(50)
    made(partial(largest_each, out, values, scale))
    np.testing.assert_array_equal(out, np.abs(values * scale[:, None]).max(axis=(0, 1)))


@pytest.fixture
def halving():
    """Return a number, and the call that halves it until it is at most 1, ten times at most."""
    value = np.empty(1)
    return value, Repeat(calls=(partial(np.multiply, value, 0.5, value),), value=value, limit=1.0, most=10)


@pytest.mark.parametrize(("start", "end"), [(8.0, 1.0), (9.0, 0.5625), (0.5, 0.25), (1024.0, 1.0)])
def test_it_is_repeated_as_often_as_it_takes(halving, start, end):
    value, repeat = halving
    value[0] = start
    made(repeat)
    assert value[0] == end


def test_beyond_its_most_it_is_unsolved(halving):
    value, repeat = halving
    for start in (1025.0, np.nan):
        value[0] = start
        with pytest.raises(Unsolved):
            made(repeat)


def test_what_is_done_instead_and_after(halving):
    """The program goes on behind what was not solved; of two that would do something instead it is the inner one."""
    value, repeat = halving
    after, seen = np.zeros(1), []
    inner = Otherwise(calls=(repeat,), instead=partial(seen.append, "inner"))
    outer = Otherwise(calls=(inner,), instead=partial(seen.append, "outer"))
    counting = partial(np.add, after, 1.0, after)
    calls = compiled([counting, outer, counting, outer, counting])
    assert len(calls) == (1 if is_available() else 5)
    value[0] = 1e9
    make(calls)
    assert after[0] == 3.0
    assert seen == ["inner", "inner"]
    value[0] = 4.0
    make(calls)
    assert seen == ["inner", "inner"]


def test_what_fails_too_is_left_to_the_next(halving):
    value, repeat = halving

    def fail():
        raise Unsolved

    seen = []
    value[0] = 1e9
    outer = Otherwise(calls=(Otherwise(calls=(repeat,), instead=fail),), instead=partial(seen.append, "outer"))
    made(outer)
    assert seen == ["outer"]
    with pytest.raises(Unsolved):
        made(Otherwise(calls=(repeat,), instead=fail))


def test_calls_that_the_kernel_does_not_have_are_made_within_a_repetition(halving):
    value, repeat = halving
    seen = []
    due = Unless(value=value, limit=4.0, calls=(partial(seen.append, 1),))
    calls = compiled([Repeat(calls=(*repeat.calls, due), value=value, limit=1.0, most=10)])
    value[0] = 64.0
    make(calls)
    assert value[0] == 1.0
    assert len(seen) == 3
