import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.errors import UnsupportedError
from lstm_analog.imperfections import Tiles
from lstm_analog.study import tiling

LSTM = la.random_lstm(np.random.default_rng(0), inputs=10, hidden=40)
TILES = Tiles(drivers=32, columns=64, line=0.5, column=0.5, gain=0.0)


@pytest.mark.parametrize("technology", [la.electrical.BEHAVIOURAL, la.electrical.OPAMP])
def test_tiles_are_counted(technology):
    """160 sums of 10 inputs, 40 h and a bias: 51 drivers, 320 columns."""
    found = tiling(la.compile(LSTM, technology), TILES)
    (bank,) = found.banks
    assert (bank.rows, bank.drivers) == (160, 51)
    assert (bank.across, bank.down, bank.tiles) == (2, 5, 10)
    assert bank.amplifiers == found.amplifiers == 2 * 160
    assert bank.cells == 10 * 32 * 64
    assert found.tiles == 10
    if technology is la.electrical.BEHAVIOURAL:
        assert bank.devices == 160 * 51
        assert found.used == pytest.approx(160 * 51 / (10 * 32 * 64))
    assert "2 x 5 tiles" in repr(found)


def test_every_layer_has_its_crossbar():
    deep = la.random_lstm(np.random.default_rng(0), inputs=3, hidden=5, layers=2, bidirectional=True)
    found = tiling(la.compile(deep, la.electrical.BEHAVIOURAL), TILES)
    assert [bank.drivers for bank in found.banks] == [9, 9, 16, 16]
    assert found.tiles == 4


def test_plumbing_has_no_tiles():
    with pytest.raises(UnsupportedError, match="the machine must have crossbars of devices, got none"):
        tiling(la.compile(LSTM, la.hydraulic.OIL), TILES)
