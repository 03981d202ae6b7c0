import pickle
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest

from lstm_analog.errors import InvalidShapeError, InvalidValueError
from lstm_analog.network.data_sheets import OpAmpData
from lstm_analog.network.parts import Pairs, Transconductors
from lstm_analog.network.shapes import Shape


def test_parts_are_frozen_and_picklable(sampler):
    for part in sampler(1).all():
        again = pickle.loads(pickle.dumps(part))
        assert type(again) is type(part)
        with pytest.raises(FrozenInstanceError):
            part.label = "other"


def test_every_label_is_checked(sampler):
    for part in sampler(1).all():
        values = {entry.name: getattr(part, entry.name) for entry in fields(part)} | {"label": "a\n.control"}
        with pytest.raises(InvalidValueError, match=r"^label must be"):
            type(part)(**values)


def test_transconductors_have_a_weight_for_each_input_and_row():
    text = r"^g\.transconductance must have shape \(2, 3\), got shape \(3, 2\)"
    with pytest.raises(InvalidShapeError, match=text):
        Transconductors(label="g", inputs=[1, 2, 3], rows=[4, 5], transconductance=np.ones((3, 2)))


@pytest.mark.parametrize("tiers", [0, 4])
def test_a_stack_has_one_to_three_tiers(sampler, tiers):
    one = sampler(1).pairs((Shape.TANH,))
    with pytest.raises(InvalidShapeError, match=r"^p\.factors must be 1 to 3 tiers of 3 pairs, got \["):
        Pairs(label="p", line=0, factors=one.factors * tiers, out=one.out, current=1.0)


def test_tiers_have_a_pair_for_each_output(sampler):
    one = sampler(1).pairs((Shape.TANH,))
    with pytest.raises(InvalidShapeError, match=r"^p\.factors must be 1 to 3 tiers of 2 pairs, got \[3\]"):
        Pairs(label="p", line=0, factors=one.factors, out=one.out[:2], current=1.0)


def test_impossible_data_sheets_are_refused():
    with pytest.raises(InvalidValueError, match=r"^op-amp gain must be positive, got -1\.0"):
        OpAmpData(gain=-1.0, gain_bandwidth=2e6, slew=3e6, rail=5.0, output_resistance=40.0, offset=0.0)
