import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.errors import InvalidValueError
from lstm_analog.show import signal_noise
from lstm_analog.study import NoisySignal, noise_of


@pytest.fixture(scope="module")
def found():
    lstm = la.random_lstm(np.random.default_rng(2), 1, 7)
    x = np.random.default_rng(3).uniform(-1.0, 1.0, (2, 3, 1))
    return noise_of(la.compile(lstm, la.hydraulic.OIL), x)


def test_the_lines_are_sigma_after_each_step(found):
    figure = signal_noise(found, units=[6, 0], sequence=1)
    for_h, for_c, _ = figure.axes
    for axes, sigma in ((for_h, found.h), (for_c, found.c)):
        assert len(axes.get_lines()) == 2
        for drawn, unit in zip(axes.get_lines(), (6, 0), strict=True):
            np.testing.assert_array_equal(drawn.get_ydata(), sigma[1, :, unit])
        assert axes.get_ylim()[0] == 0.0
    assert for_h.get_lines()[0].get_label() == "unit 6"
    assert [axes.get_ylabel() for axes in (for_h, for_c)] == [f"sigma of {s}\n(signal units)" for s in "hc"]
    assert [axes.get_xlabel() for axes in (for_h, for_c)] == ["", "step"]
    assert figure.get_suptitle() == "Noise of layer 0: 300 K, a unit is 10 kPa"


def test_the_bars_are_shares_of_the_parts_and_add_up(found):
    *_, axes = signal_noise(found).axes
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names[-1] == "all others"
    for signal, few in zip(NoisySignal, axes.containers, strict=False):
        widths = [bar.get_width() for bar in few]
        assert sum(widths) == pytest.approx(1.0)
        shares = found.origins(signal).by_part
        assert widths[:-1] == pytest.approx([shares.get(name, 0.0) for name in names[:-1]])
        assert few.get_label().startswith(f"{signal.value}, ")


def test_what_there_is_not_is_refused(found):
    with pytest.raises(InvalidValueError, match="units must be 1 to 6, got 7"):
        signal_noise(found, units=range(7))
    with pytest.raises(InvalidValueError, match="layer must be from -1 to 0, got 1"):
        signal_noise(found, layer=1)
    with pytest.raises(InvalidValueError, match="sequence must be from -2 to 1, got 2"):
        signal_noise(found, sequence=2)
