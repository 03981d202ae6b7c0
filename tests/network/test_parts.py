import pickle
from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest

from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError
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
    good = {"gain": 1e5, "gain_bandwidth": 2e6, "slew": 3e6, "rail": 5.0, "output_resistance": 40.0, "offset": 0.0}
    for name, value in (("gain", -1.0), ("rail", 0.0), ("output_resistance", 0.0), ("rejection", 0.0)):
        with pytest.raises(InvalidValueError, match=rf"^op-amp {name} must be positive, got {value}"):
            OpAmpData(**(good | {name: value}))
    with pytest.raises(InvalidValueError, match=r"^op-amp offset must be finite, got nan"):
        OpAmpData(**(good | {"offset": np.nan}))


@pytest.mark.parametrize("line", [None, "run", 1.0, np.nan, True])
def test_a_clock_line_is_a_number(sampler, line):
    one = sampler(1)
    for part in (one.switches(), one.inertances(), one.pairs((Shape.EXP,)), one.ports(Shape.EXP)):
        with pytest.raises(InvalidTypeError, match=rf"^{part.label}\.line must be a whole number, got "):
            replace(part, line=line)


@pytest.mark.parametrize("shape", [None, "exp", 3, []])
def test_a_curve_is_a_shape(sampler, shape):
    one = sampler(1)
    for part, what in ((one.ports(Shape.EXP), "ports"), (one.pairs((Shape.EXP,)).factors[0], "factor")):
        with pytest.raises(
            InvalidTypeError, match=rf"^{what}\.shape must be a Shape, got .*: take one of Shape.LINEAR"
        ):
            replace(part, shape=shape)


def test_every_plus_has_a_minus(sampler):
    part = sampler(1).crossbars()
    with pytest.raises(InvalidShapeError, match=r"^crossbars\.minus must have 3 nodes, as plus has, got 2"):
        replace(part, minus=part.minus[:2])


@pytest.mark.parametrize(("low", "high"), [(1.0, -1.0), (np.inf, np.inf), (-np.inf, -np.inf)])
def test_a_follower_has_a_range(sampler, low, high):
    with pytest.raises(InvalidValueError, match=r"^followers\.low and high must leave a range"):
        replace(sampler(1).followers(), low=low, high=high)
