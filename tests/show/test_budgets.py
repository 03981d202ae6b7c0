import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.imperfections import PairGain, ProgrammingError
from lstm_analog.show import error_budget
from lstm_analog.study import budget


@pytest.fixture(scope="module")
def found():
    machine = la.compile(la.random_lstm(np.random.default_rng(2), 1, 9), la.electrical.BEHAVIOURAL, settling=24.0)
    causes = (ProgrammingError(sigma=1e-3), PairGain(share=1e-3))
    x = np.random.default_rng(3).uniform(-1.0, 1.0, (4, 1))
    return budget(machine, causes, x, seed=1, draws=20, chips=5)


def test_the_bars_are_the_largest_shares_and_the_others_together(found):
    axes = error_budget(found).axes
    assert [each.get_title(loc="left") for each in axes[:4]] == ["by imperfection", "by part", "by gate", "by unit"]
    units = axes[3]
    names = [text.get_text() for text in units.get_yticklabels()]
    assert names[:6] == list(found.shares["unit"])[:6]
    assert names[6].endswith("others")
    assert sum(bar.get_width() for bar in units.patches) == pytest.approx(1.0)


def test_the_steps_and_the_ladder_are_those_of_the_budget(found):
    figure = error_budget(found)
    *_, steps, strengths = figure.axes
    assert [bar.get_height() for bar in steps.patches] == pytest.approx(list(found.shares["step"].values()))
    predicted, sampled, *_ = strengths.get_lines()
    assert predicted.get_ydata() == pytest.approx([row.predicted for row in found.ladder])
    assert sampled.get_ydata() == pytest.approx([row.sampled for row in found.ladder])
    assert figure.get_suptitle().startswith("Error budget of RootMeanSquareDeviation")
