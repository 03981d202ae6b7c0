from dataclasses import dataclass, fields, replace

import numpy as np
import pytest

from lstm_analog.engines import Integrate, Settle, Waveform
from lstm_analog.errors import InvalidValueError, UnsupportedPartError
from lstm_analog.expressions import LINE, effort, let, make, number, parameter
from lstm_analog.network.bank import node_array, positive_array
from lstm_analog.network.chips import beside_batches
from lstm_analog.network.laws import (
    BlockForm,
    Kind,
    Order,
    blocks,
    capacity,
    flow,
    flow_into,
    idle,
    is_on,
    partials,
    rows,
    sets,
    take,
)
from lstm_analog.network.parameters import change_chips
from lstm_analog.network.parts import ALWAYS, Cells, Conductors, Ports, Storages, law
from lstm_analog.network.parts import law as declared
from lstm_analog.network.parts.base import Law, check_bank
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.shapes import Shape

LAWS = (sets, capacity, rows, flow, blocks, partials, take)
HIGH = ((True,), (False,))


@dataclass(frozen=True, kw_only=True)
class Diode:
    label: str = "d"


def test_every_kind_has_every_law(kinds):
    missing = [
        f"{kind.__name__} has no {law.__name__}"
        for kind in kinds
        for law in LAWS
        if law.dispatch(kind) is law.dispatch(Diode) and declared.dispatch(kind) is declared.dispatch(Diode)
    ]
    assert not missing


def test_samples_cover_every_kind(sampler, kinds):
    assert {type(part) for part in sampler(0).all()} == set(kinds) - {Cells}  # these have no equations: test_cells


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_unknown_kind_is_refused(law):
    arguments = {sets: (), capacity: (), rows: (), take: (np.array([0]),), blocks: ((),)}.get(law, (np.zeros(3), ()))
    text = "^part Diode must declare its law, got none: register it for `law` of network.parts$"
    with pytest.raises(UnsupportedPartError, match=text):
        law(Diode(), *arguments)


def total(part, effort, high):
    """Return the flow into every unknown, (..., unknowns)."""
    flows, into = flow(part, effort, high), rows(part)
    result = np.zeros((*flows.shape[:-2], effort.shape[-1]))
    for terminal in range(into.shape[0]):
        for element in range(into.shape[1]):
            result[..., into[terminal, element]] += flows[..., terminal, element]
    return result


def matrix(part, effort, high, lead):
    result = np.zeros((*lead, effort.shape[-1], effort.shape[-1]))
    for block, value in zip(blocks(part, high), partials(part, effort, high), strict=True):
        if block.form is BlockForm.DENSE:
            own = np.broadcast_to(value, (*lead, block.rows.size, block.columns.size))
            for j, row in enumerate(block.rows):
                for i, column in enumerate(block.columns):
                    result[..., row, column] += own[..., j, i]
        else:
            own = np.broadcast_to(value, (*lead, block.rows.size))
            for k, (row, column) in enumerate(zip(block.rows, block.columns, strict=True)):
                result[..., row, column] += own[..., k]
    return result


def differences(part, effort, high, step=1e-6):
    columns = []
    for unknown in range(effort.shape[-1]):
        up, down = effort.copy(), effort.copy()
        up[..., unknown] += step
        down[..., unknown] -= step
        columns.append((total(part, up, high) - total(part, down, high)) / (2 * step))
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("high", HIGH)
@pytest.mark.parametrize(("chips", "batch"), [((), ()), ((), (4,)), ((2, 1), (4,))])
def test_partials_are_the_derivatives_of_the_flow(sampler, size, chips, batch, high):
    effort = np.random.default_rng(7).uniform(-1, 1, (*batch, size))
    for part in sampler(3, lead=chips).all():
        expected = differences(part, effort, high)
        lead = np.broadcast_shapes(expected.shape[:-2], chips[:-1] + batch)
        got = matrix(part, effort, high, lead)
        np.testing.assert_allclose(got, np.broadcast_to(expected, got.shape), rtol=1e-6, atol=1e-8, err_msg=repr(part))


def test_a_wrong_partial_is_seen(sampler, size):
    effort = np.random.default_rng(7).uniform(-1, 1, size)
    part = sampler(3).conductors()
    wrong = matrix(part, effort, (), ())
    wrong[part.a[0], part.b[0]] *= -1
    assert np.abs(wrong - differences(part, effort, ())).max() > 0.5


@pytest.mark.parametrize("high", HIGH)
def test_constant_blocks_are_constant(sampler, size, high):
    rng = np.random.default_rng(11)
    one, other = rng.uniform(-1, 1, (2, size))
    moving = 0
    for part in sampler(3).all():
        couplings = blocks(part, high)
        for block, a, b in zip(couplings, partials(part, one, high), partials(part, other, high), strict=True):
            if block.order is Order.CONSTANT:
                np.testing.assert_array_equal(a, b)
            moving += not np.array_equal(a, b)
    assert moving or not high[0]


def test_rows_flow_and_capacity_agree_in_shape(sampler, size):
    for part in sampler(5).all():
        into, flows = rows(part), flow(part, np.ones((2, size)), (True,))
        assert flows.shape == (2, *into.shape)
        nodes, amounts = capacity(part)
        assert nodes.shape == amounts.shape
        assert (sets(part) or (None,))[0] is Kind.STORED if nodes.size else amounts.size == 0


def parameters_of(part):
    """Yield what gives `part` with one of its parameters on three chips, the others being the same on all."""
    for holder in (part, *(item for entry in fields(part) for item in tiers(getattr(part, entry.name)))):
        for entry in fields(holder):
            value = getattr(holder, entry.name)
            if isinstance(value, np.ndarray) and value.dtype == np.float64:
                wide = np.stack([value * share for share in (1.0, 1.25, 0.75)])
                changed = replace(holder, **{entry.name: wide})
                yield changed if holder is part else with_tier(part, holder, changed)


def tiers(value):
    return value if isinstance(value, tuple) else ()


def with_tier(part, holder, changed):
    inside = {
        entry.name: tuple(changed if item is holder else item for item in getattr(part, entry.name))
        for entry in fields(part)
        if tiers(getattr(part, entry.name))
    }
    return replace(part, **inside)


def answers(part, effort, high):
    return flow(part, effort, high), *partials(part, effort, high), capacity(part)[1]


@pytest.mark.parametrize("high", HIGH)
@pytest.mark.parametrize("batch", [(), (4,)])
def test_any_one_parameter_may_differ_from_chip_to_chip(sampler, size, batch, high):
    """An effort that is the same on all chips, one parameter that is not: each chip is the part with that number."""
    effort = np.random.default_rng(7).uniform(-1, 1, (*batch, size))
    many = [part for whole in sampler(3).all() for part in parameters_of(whole)]
    assert len(many) > 60
    for part in many:
        together = answers(beside_batches(part) if batch else part, effort, high)
        alone = [answers(change_chips(part, lambda array, _, k=k: array[k]), effort, high) for k in range(3)]
        for found, *each in zip(together, *alone, strict=True):
            expected = np.stack(each)
            same = found.ndim < expected.ndim  # the parameter does not enter
            shown = np.broadcast_to(found, expected.shape) if same else found.reshape(expected.shape)
            np.testing.assert_allclose(shown, expected, rtol=1e-12, atol=0, err_msg=repr(part))


def test_always_is_on_and_a_line_follows_its_clock():
    assert is_on(ALWAYS, ()) is True
    assert (is_on(1, (False, True)), is_on(1, (True, False))) == (True, False)


def test_an_idle_part_carries_nothing_within_its_range_and_something_beyond(sampler):
    """Whatever the clock does: so it may be left out while all efforts stay within."""
    limited = [part for part in sampler(3).all() if idle(part) is not None]
    assert {type(part).__name__ for part in limited} == {"Stops"}
    for part in limited:
        limits, effort = idle(part), np.zeros(1 + int(rows(part).max()))
        for end, sign in ((limits.low, -1.0), (limits.high, 1.0)):
            effort[limits.nodes] = end
            assert not flow(part, effort, (True,)).any()
            effort[limits.nodes] = end + sign * 1e-3 * np.abs(end)
            assert flow(part, effort, (False,)).any()


@pytest.mark.parametrize("high", HIGH)
def test_what_is_written_is_the_flow(sampler, size, high):
    """At the efforts as they stand when it is written, whatever stood there before."""
    rng = np.random.default_rng(4)
    for part in sampler(2).all():
        if isinstance(part, Cells):
            continue
        effort = np.zeros((5, size))
        out = np.full(flow(part, effort, high).shape, np.nan)
        calls = flow_into(part, effort, high, out)
        for scale in (3.0, 0.5):
            effort[:, 1:] = scale * rng.uniform(-1, 1, (5, size - 1))
            make(calls)
            np.testing.assert_allclose(out, flow(part, effort, high), rtol=1e-15, atol=1e-15, err_msg=repr(part)[:60])


def test_of_a_bank_one_end_may_be_at_the_datum():
    """What is at the datum throughout is left out of the program; here one element of two is."""
    part = Conductors(label="r", a=[1, 1], b=[0, 2], conductance=[2.0, 3.0])
    np.testing.assert_array_equal(flow(part, np.array([0.0, 5.0, 4.0]), ()), [[-10.0, -3.0], [10.0, 3.0]])


@pytest.mark.parametrize("shape", [Shape.LINEAR, Shape.EXP])
def test_of_a_port_the_pilots_are_nonlinear_and_the_passage_is_affine(shape):
    """Given its pilots it is a conductance, linear or not in them: that is how engines solve it."""
    values = {"conductance": 1.0, "scale": 1.0, "offset": 0.0}
    port = Ports(label="p", line=ALWAYS, shape=shape, a=[1], b=[2], p=[3], n=[4], **values)
    found = {(int(each.rows[0]), int(each.columns[0])): each.order for each in blocks(port, ())}
    orders = {1: Order.AFFINE, 2: Order.AFFINE, 3: Order.NONLINEAR, 4: Order.NONLINEAR}
    assert found == {(row, column): order for row in (1, 2) for column, order in orders.items()}


@dataclass(frozen=True, kw_only=True, eq=False)
class Tanks:
    """Tanks of one unit of capacitance each, which leak."""

    label: str
    nodes: np.ndarray = node_array()
    leak: np.ndarray = positive_array()

    def __post_init__(self):
        check_bank(self)


LEAK = -parameter("leak") * effort("nodes")


def law_of(**changes):
    given = {"terminals": ("nodes",), "into": {"nodes": LEAK}, "stored": {"nodes": number(1.0)}, "units": {"leak": "1"}}
    return Law(**(given | changes))


_TANKS, _STORES = law_of(), law_of(into={})


@law.register
def _(part: Tanks) -> Law:
    laws = {"tanks": _TANKS, "stores": _STORES}
    return laws.get(part.label) or law_of(units={"leak": "1", "more": "1"})


def test_a_capacity_without_a_parameter_is_that_of_each_element():
    nodes, amounts = capacity(Tanks(label="tanks", nodes=[1, 2], leak=0.5))
    assert (nodes.tolist(), amounts.tolist()) == ([1, 2], [1.0, 1.0])


@pytest.mark.parametrize("engine", [Integrate(), Waveform(), Settle()], ids=lambda engine: type(engine).__name__)
def test_a_part_that_only_stores_is_one(rc, engine):
    """As `Storages` of one unit."""
    plain, stored = rc(), Tanks(label="stores", nodes=[2, 3], leak=1.0)
    alike = rc(parts=(*plain.parts[:2], stored))
    same = rc(parts=(*plain.parts[:2], Storages(label="caps", nodes=[2, 3], capacitance=1.0)))
    assert (rows(stored).shape, flow(stored, np.zeros(4), ()).shape) == ((0, 2), (0, 2))
    schedule = Schedule(names=("on",), high=[[False] * len(plain.lines)], durations=[0.7], imposed=())
    start, end = (engine.run(network, schedule).efforts[-1] for network in (alike, same))
    np.testing.assert_allclose(start, end, rtol=1e-9)


def test_a_law_of_other_fields_than_its_bank_is_refused():
    with pytest.raises(UnsupportedPartError, match=r"^law of Tanks must list fields of its bank, got more besides"):
        sets(Tanks(label="others", nodes=[1], leak=1.0))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"terminals": ()}, r"^law must list its terminals, got nodes"),
        ({"into": {"node": LEAK}}, r"^law must list its terminals, got node: name them"),
        ({"units": {}}, r"^law must list its efforts and parameters, got leak: name"),
        ({"into": {"nodes": LEAK * effort("b")}}, r"^law must list its efforts and parameters, got b: name"),
        ({"neutral": {"gain": 1.0}}, r"^law must list its efforts and parameters, got a neutral value of another"),
        ({"noise": {("nodes",): parameter("leaks")}}, r"^law must list its efforts and parameters, got leaks"),
        ({"stored": {"nodes": effort("nodes")}}, r"^law must list its efforts and parameters, got nodes: .* alone$"),
        ({"stored": {"nodes": LINE}}, r"^law must list its efforts and parameters, got the clock line"),
        ({"units": {"leak": "ohm"}}, r"^unit of leak must be one of effort, flow, .*, got 'ohm': see Domain.units"),
        ({"into": {"nodes": let("leak", LEAK)}}, r"^names in a law must differ, got leak: rename a `let`"),
        ({"into": {"nodes": let("u", LEAK) + let("u", LEAK * 3.0)}}, r"^names in a law must differ, got u: rename"),
    ],
)
def test_a_law_says_what_it_is_made_of(changes, text):
    with pytest.raises(InvalidValueError, match=text):
        law_of(**changes)
