import numpy as np
import pytest

from lstm_analog.errors import InvalidShapeError, InvalidValueError
from lstm_analog.network.bank import Role, count, element_fields, same_bank, take_elements
from lstm_analog.network.parts import Conductors, Followers, Term


def wires(**changes):
    return Conductors(**({"label": "w", "a": [1, 2], "b": [0, 0], "conductance": [1.0, 2.0]} | changes))


def test_fields_by_role():
    assert dict(element_fields(wires())) == {"a": Role.NODES, "b": Role.NODES, "conductance": Role.POSITIVE}
    assert count(wires()) == 2


def test_scalars_stand_for_equal_elements():
    assert wires(conductance=3.0).conductance.tolist() == [3.0, 3.0]
    assert wires(conductance=np.ones((5, 1))).conductance.shape == (5, 2)


def test_arrays_are_read_only_and_not_the_callers():
    own = np.array([1.0, 2.0])
    part = wires(conductance=own)
    own[0] = 9.0
    assert part.conductance[0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        part.conductance[0] = 5.0


@pytest.mark.parametrize(
    ("changes", "kind", "text"),
    [
        ({"b": [0]}, InvalidShapeError, r"^w\.b must have 2 nodes, got 1: give one an element$"),
        (
            {"conductance": [1.0, 2.0, 3.0]},
            InvalidShapeError,
            r"^w\.conductance must have shape \(2,\), got shape \(3,\)",
        ),
        ({"conductance": 0.0}, InvalidValueError, r"^w\.conductance must be positive, got 0\.0: "),
        ({"conductance": [1.0, np.nan]}, InvalidValueError, r"^w\.conductance must be finite, got nan at index \(1,\)"),
        ({"a": [1, -1]}, InvalidValueError, r"^w\.a must be >= 0, got -1 to 1: count unknowns from zero$"),
        ({"a": [1.0, 2.0]}, InvalidShapeError, r"^w\.a must be a vector of whole numbers, got float64 of shape \(2,\)"),
    ],
)
def test_refusals(changes, kind, text):
    with pytest.raises(kind, match=text):
        wires(**changes)


def test_limits_may_be_infinite_and_not_nan():
    values = {"terms": (Term(inputs=[2], gain=1.0),), "offset": 0.0, "low": -np.inf}
    assert np.isinf(Followers(label="f", nodes=[1], high=np.inf, **values).high).all()
    with pytest.raises(InvalidValueError, match=r"^f\.high must be numbers, got NaN: use infinity for no bound$"):
        Followers(label="f", nodes=[1], high=np.nan, **values)


def test_take_keeps_leading_axes():
    share = take_elements(wires(conductance=[[1.0, 2.0], [3.0, 4.0]]), np.array([1]))
    assert (share.a.tolist(), share.conductance.tolist()) == ([2], [[2.0], [4.0]])


def test_same_bank_within_a_tolerance():
    assert same_bank(wires(), wires(conductance=[1.0, 2.0 * (1 + 1e-9)]), 1e-8)
    assert not same_bank(wires(), wires(conductance=[1.0, 2.0 * (1 + 1e-9)]), 1e-10)
    assert not same_bank(wires(), wires(conductance=np.ones((2, 2))), 1.0)
    assert not same_bank(wires(a=[100, 200]), wires(a=[101, 200]), 0.1), "nodes are no numbers with a tolerance"
