"""The search on a lattice: it finds what a look at every point finds, with fewer judgements."""

from itertools import product

import numpy as np
import pytest

from lstm_analog.study.cheapest import coarser, next_cheaper, search


def lattice(seed, shape):
    """Return costs that rise and errors that fall along every axis, of independent parts, variances added."""
    rng = np.random.default_rng(seed)
    costs, squares = np.ones(shape), np.zeros(shape)
    for axis, size in enumerate(shape):
        along = [1] * len(shape)
        along[axis] = size
        costs = costs * np.cumprod(1.0 + rng.uniform(0.05, 1.0, size)).reshape(along)
        squares = squares + (np.sort(rng.uniform(0.0, 1.0, size))[::-1] ** 2).reshape(along)
    return costs, np.sqrt(squares)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("shape", "most"), [((7,), 0.45), ((6, 9), 0.3), ((4, 5, 6), 0.2)])
def test_it_finds_the_cheapest_of_all_that_are_good_enough(seed, shape, most):
    costs, errors = lattice(seed, shape)
    limit = float(np.quantile(errors, 0.3))
    seen = set()

    def judge(place):
        seen.add(place)
        return float(errors[place]) - limit

    found = search(costs, judge, judge, -limit)
    good = [place for place in product(*map(range, shape)) if errors[place] <= limit]
    assert found == min(good, key=lambda place: costs[place])
    assert len(seen) <= most * costs.size, "one failure rules out all coarser points"


def test_none_is_found_if_the_finest_is_not_good_enough():
    costs, errors = lattice(1, (3, 4))
    judged = []
    assert search(costs, lambda place: judged.append(place) or errors[place] + 1.0, judged.append, -1.0) is None
    assert judged == [(2, 3)], "nothing else is judged"


def test_errors_that_do_not_add_as_variances_do_cost_judgements_and_no_quality():
    costs, errors = lattice(3, (5, 6))
    worse = errors + 0.5 * (errors.max() - errors)  # monotone, and nothing like a sum of squares
    limit = float(np.quantile(worse, 0.4))
    found = search(costs, lambda place: worse[place] - limit, lambda place: worse[place] - limit, -limit)
    good = [place for place in np.ndindex(5, 6) if worse[place] <= limit]
    assert found == min(good, key=lambda place: costs[place])


def test_what_passes_the_screening_and_not_the_judgement_is_left():
    """The screening is blind to the first axis; the judgement asks for its finer half."""
    costs = np.outer(np.arange(1.0, 5.0), np.arange(1.0, 4.0))
    found = search(costs, lambda place: 0.5 - place[1], lambda place: max(0.5 - place[1], 1.5 - place[0]), -1.0)
    assert found == (2, 1)


def test_coarser_points_and_the_next_cheaper_one():
    costs = np.array([[1.0, 2.0, 4.0], [3.0, 6.0, 12.0]])
    below = np.zeros((2, 3), dtype=bool)
    below[coarser((1, 1))] = True
    assert below.tolist() == [[True, True, False], [True, True, False]]
    assert next_cheaper(costs, (1, 1)) == (0, 2)
    assert next_cheaper(costs, (0, 0)) is None
