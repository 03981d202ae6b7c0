"""Random modules with a `forward` of their own; `python benchmarks/random_torch.py` makes 200 of them."""

import pytest
import stored_table


@pytest.fixture(scope="module")
def script():
    """Return the module that makes random modules."""
    with stored_table.script("random_torch") as module:
        yield module


def test_random_modules_are_right_or_refused_with_advice_that_works(script):
    said = [script.outcome(seed)[1] for seed in range(40)]
    assert all(isinstance(each, str) or each <= script.BOUND for each in said)
    assert sum(isinstance(each, float) for each in said) >= 8


@pytest.mark.parametrize("seed", [10570, 10623])
def test_the_last_twenty_steps_of_a_module_that_forgets(script, seed):
    """No batch that was tried told them from all steps; run on labels they differ."""
    assert isinstance(script.outcome(seed)[1], str)
    assert isinstance(script.whole_outcome(script.made(seed), seed), str)


def test_random_whole_modules_are_right_or_refused_with_advice_that_works(script):
    said = [script.whole_outcome(script.whole(seed), seed) for seed in range(40)]
    assert all(isinstance(each, str) or each <= script.BOUND for each in said)
    assert sum(isinstance(each, float) for each in said) >= 25
