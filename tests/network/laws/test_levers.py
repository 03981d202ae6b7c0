"""Derivatives by parameters against finite differences of the flow, at random, at rest and beside kinks."""

from dataclasses import replace

import numpy as np
import pytest

from lstm_analog.errors import UnsupportedPartError
from lstm_analog.network.domain import ELECTRICAL
from lstm_analog.network.laws import flow, kinks_at, lever_flows, lever_slopes, lever_sums, lever_values, levers
from lstm_analog.network.parts import ALWAYS, Crossbars, Ports, Transconductors, law, parameters_of
from lstm_analog.network.shapes import Shape

STEP = 1e-6
UNDECLARED = {"Sources", "Junctions", "Storages", "Transconductors", "Crossbars", "Cells"}


def moved(part, name, by):
    """Return `part` with `by` added to the parameter that its law calls `name`."""
    head, digits = name.rstrip("0123456789"), name[len(name.rstrip("0123456789")) :]
    if not digits:
        return replace(part, **{name: getattr(part, name) + by})
    field = next(key for key, value in vars(part).items() if isinstance(value, tuple))
    entries = list(getattr(part, field))
    entries[int(digits) - 1] = replace(entries[int(digits) - 1], **{head: getattr(entries[int(digits) - 1], head) + by})
    return replace(part, **{field: tuple(entries)})


def declared(sampler, seed=0):
    """Return banks of all kinds that declare a law."""
    return [part for part in sampler(seed).all() if type(part).__name__ not in UNDECLARED]


@pytest.mark.parametrize("high", [(True,), (False,)])
@pytest.mark.parametrize("size", [0.0, 0.4, 3.0])
def test_they_are_the_derivatives_of_the_flow(sampler, size, high):
    rng = np.random.default_rng(3)
    for part in declared(sampler):
        effort = size * rng.uniform(-1, 1, (5, 14)) * (np.arange(14) > 0)
        found = lever_slopes(part, effort, high)
        for name, values in parameters_of(part).items():
            if np.isinf(values).any() or (name == "deadband" and not values.all()):
                continue
            ahead, back = (flow(moved(part, name, sign * STEP), effort, high) for sign in (1.0, -1.0))
            numeric, here = (ahead - back) / (2 * STEP), flow(part, effort, high)
            sides = np.stack([(ahead - here) / STEP, (here - back) / STEP])
            turns = kinks_at(part, effort, high)
            smooth = np.broadcast_to((np.abs(turns) > 4 * STEP).all(axis=-2)[..., None, :], numeric.shape)
            np.testing.assert_allclose(found[name][smooth], numeric[smooth], rtol=2e-6, atol=2e-7, err_msg=name)
            between = (found[name] >= sides.min(axis=0) - 1e-5) & (found[name] <= sides.max(axis=0) + 1e-5)
            assert (between | smooth).all(), (type(part).__name__, name)


def test_the_levers_of_dense_banks_are_those_of_their_flow(sampler):
    rng = np.random.default_rng(2)
    for part in (part for part in sampler(0).all() if isinstance(part, Transconductors | Crossbars)):
        effort = rng.standard_normal((4, 14))
        weights = rng.standard_normal((2, *flow(part, effort, ()).shape))
        sums = lever_sums(part, effort, (), weights)
        for name, value in lever_values(part).items():
            known = np.where(np.isfinite(value), value, 0.0)
            change = np.where(np.isfinite(value), rng.standard_normal(value.shape) * np.maximum(0.1 * known, 0.01), 0.0)
            ahead, back = (flow(replace(part, **{name: value + s * STEP * change}), effort, ()) for s in (1.0, -1.0))
            slope = (ahead - back) / (2.0 * STEP)
            got = (sums[name] * change).reshape(2, -1).sum(axis=1)
            np.testing.assert_allclose(got, np.einsum("ktm,rktm->r", slope, weights), rtol=2e-6, err_msg=name)
            changes = {other: np.zeros_like(each) for other, each in lever_values(part).items()} | {name: change}
            np.testing.assert_allclose(lever_flows(part, effort, (), changes), slope, rtol=2e-6, atol=1e-9)


def test_sums_of_levers_are_those_of_their_slopes(sampler):
    """Slopes of both signs, by a loop over moments, terminals and results."""
    rng = np.random.default_rng(2)
    for part in declared(sampler):
        effort = rng.standard_normal((4, 14)) * (np.arange(14) > 0)
        weights = rng.standard_normal((2, *flow(part, effort, (True,)).shape))
        sums = lever_sums(part, effort, (True,), weights)
        for name, slopes in lever_slopes(part, effort, (True,)).items():
            known = np.where(np.isfinite(slopes), slopes, 0.0)
            expected = [sum((one * row).sum(axis=0) for one, row in zip(known, mine, strict=True)) for mine in weights]
            np.testing.assert_allclose(sums[name], expected, rtol=1e-12, atol=1e-12, err_msg=name)


def test_each_parameter_has_a_name_and_a_unit(sampler):
    for part in declared(sampler):
        found = levers(part)
        assert [lever.name for lever in found] == list(law(part).units)
        assert {lever.name for lever in found} == set(parameters_of(part))
        assert {lever.unit for lever in found} <= set(ELECTRICAL.units)


def test_chips_and_batches_lead(sampler):
    part = next(part for part in sampler(0, (4, 1)).all() if type(part).__name__ == "Pairs")
    effort = np.random.default_rng(0).uniform(-1, 1, (4, 2, 14))
    assert {value.shape for value in lever_slopes(part, effort, (True,)).values()} == {(4, 2, 1, 3)}


def test_a_part_without_a_law_is_refused():
    part = Transconductors(label="w", inputs=[1], rows=[2], transconductance=[[1.0]])
    with pytest.raises(UnsupportedPartError, match=r"^part Transconductors must declare its law, got none"):
        levers(part)


def test_kinks_are_where_slopes_jump(sampler):
    part = next(part for part in sampler(0).all() if type(part).__name__ == "Stops")
    effort = np.zeros((3, 14))
    effort[:, part.nodes] = [part.low, part.low - part.band, 0.5 * (part.low + part.high)]
    turns = np.abs(kinks_at(part, effort, (True,))).min(axis=-2)
    assert (turns[:2] < 1e-12).all()
    assert (turns[2] > 0.1).all()
    smooth = next(part for part in sampler(0).all() if type(part).__name__ == "Conductors")
    assert kinks_at(smooth, effort, (True,)).shape == (3, 0, 3)


def test_a_deadband_has_a_kink_at_either_end():
    numbers = {"conductance": 1.0, "scale": 1.0, "offset": 0.0, "deadband": 0.2, "limit": 1.0}
    port = Ports(label="p", line=ALWAYS, shape=Shape.EXP, a=[1], b=[0], p=[2], n=[0], **numbers)
    for control in (-1.2, -0.2, 0.2, 1.2):  # where it opens, and where it is open as far as it goes
        at, by = np.array([0.0, 1.0, control]), np.array([0.0, 0.0, 1e-6])
        rise = [(flow(port, at + s * by, ()) - flow(port, at, ()))[0].item() / (s * 1e-6) for s in (1, -1)]
        assert abs(rise[0] - rise[1]) > 0.1
        assert np.abs(kinks_at(port, at, ())).min() < 1e-12
    assert np.abs(kinks_at(port, np.array([0.0, 1.0, 0.7]), ())).min() > 0.1
