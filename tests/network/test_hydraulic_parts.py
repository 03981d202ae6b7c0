"""Ports and crossbars that stop, stick, or turn turbulent: their laws against finite differences and known limits."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lstm_analog.engines import Integrate, Ngspice
from lstm_analog.errors import InvalidValueError
from lstm_analog.export import NGSPICE, USUAL, read_spice, write_spice
from lstm_analog.network.domain import HYDRAULIC
from lstm_analog.network.graph import Group, Network, Unknowns
from lstm_analog.network.laws import Order, blocks, flow
from lstm_analog.network.parts import ALWAYS, DATUM, Conductors, Crossbars, Junctions, Part, Ports, Sources, Storages
from lstm_analog.network.schedule import Imposed, Schedule
from lstm_analog.network.shapes import Shape

PORT_CASES = {
    "neutral": {},
    "limited": {"limit": np.array(0.8)},
    "sticking": {"deadband": np.array(0.3)},
    "orifice": {"transition": np.array(0.05)},
    "all": {
        "limit": np.array([0.8, np.inf, 2.0]),
        "deadband": np.array(0.1),
        "transition": np.array([0.1, np.inf, 1e9]),
    },
}
CROSSBAR_CASES = {
    "neutral": {},
    "orifices": {"transition": np.array([0.05, np.inf])},
    "end losses": {"end_flow": np.array([0.3, np.inf])},
}


def ports(shape: Shape = Shape.EXP, **fields: np.ndarray) -> Ports:
    nodes = np.arange(1, 13).reshape(4, 3)
    return Ports(
        label="port",
        line=ALWAYS,
        shape=shape,
        a=nodes[0],
        b=nodes[1],
        p=nodes[2],
        n=nodes[3],
        conductance=np.array([1.0, 2.0, 3.0]),
        scale=np.array([1.5, -1.0, 2.0]),
        offset=np.array([0.0, 0.2, -0.1]),
        **fields,
    )


def crossbar(**fields: np.ndarray) -> Crossbars:
    rng = np.random.default_rng(3)
    positive = np.maximum(rng.uniform(-1.0, 1.0, (2, 3)), 0.0)
    return Crossbars(
        label="bar",
        inputs=np.array([1, 2, 3]),
        plus=np.array([4, 5]),
        minus=np.array([6, 7]),
        positive=positive,
        negative=rng.uniform(0.0, 1.0, (2, 3)) * (positive == 0),
        plus_load=np.array([0.5, 0.0]),
        minus_load=np.array([0.1, 0.7]),
        **fields,
    )


EVERY = [ports(**fields) for fields in PORT_CASES.values()] + [crossbar(**fields) for fields in CROSSBAR_CASES.values()]
NAMES = [*(f"port {name}" for name in PORT_CASES), *(f"crossbar {name}" for name in CROSSBAR_CASES)]


@pytest.mark.parametrize("part", EVERY, ids=NAMES)
def test_only_a_plain_law_promises_constant_or_affine_partials(part: Part) -> None:
    orders = {block.order for block in blocks(part, ()) if not np.isin(block.columns, (7, 8, 9, 10, 11, 12)).any()}
    plain = part.linear if isinstance(part, Crossbars) else part.laminar
    usual = Order.CONSTANT if isinstance(part, Crossbars) else Order.AFFINE
    assert orders == {usual if plain else Order.NONLINEAR}


def test_neutral_values_leave_the_law_linear_to_the_last_bit() -> None:
    effort = np.random.default_rng(2).uniform(-1.0, 1.0, (5, 13))
    plain = ports()
    control = plain.scale * (effort[:, plain.p] - effort[:, plain.n]) + plain.offset
    straight = plain.conductance * np.exp(control) * (effort[:, plain.a] - effort[:, plain.b])
    np.testing.assert_array_equal(flow(plain, effort, ())[:, 1], straight)
    huge = ports(limit=np.array(1e9), transition=np.array(1e9))
    np.testing.assert_allclose(flow(huge, effort, ())[:, 1], straight, rtol=1e-15)


def test_orifice_goes_with_the_root_above_its_transition_and_is_laminar_below() -> None:
    part = replace(ports(transition=np.array(1e-3)), scale=np.zeros(3), offset=np.zeros(3))
    effort = np.zeros((3, 13))
    effort[:, part.a] = np.array([1e-6, 1.0, 100.0])[:, None]
    passed = flow(part, effort, ())[:, 1, 0]
    assert passed[0] == pytest.approx(1e-6, rel=1e-6)
    assert passed[1] == pytest.approx(np.sqrt(1e-3), rel=1e-6)
    assert passed[2] / passed[1] == pytest.approx(10.0, rel=1e-6)


def test_tube_with_end_losses_obeys_its_pressure_balance() -> None:
    part = crossbar(end_flow=np.array(0.3))
    effort = np.random.default_rng(4).uniform(-3.0, 3.0, (1, 13))
    for row, column in zip(*np.nonzero(part.positive), strict=True):
        alone = np.zeros_like(part.positive)
        alone[row, column] = part.positive[row, column]
        single = replace(part, positive=alone, plus_load=np.zeros(2))
        (passed,) = flow(single, effort, ())[0, 0, row : row + 1]
        drop = effort[0, part.inputs[column]] - effort[0, part.plus[row]]
        assert passed / alone[row, column] * (1.0 + abs(passed) / 0.3) == pytest.approx(drop, rel=1e-12)


def bridge(z: np.ndarray, gain: float, bottom: float, **fields: np.ndarray) -> np.ndarray:
    """Return what two opposed ports between 1 and `bottom` settle at for the controls ±gain z/2.

    Between orifices stands a small chamber: at a junction Newton's method swings about the root of two square roots.
    """
    size = z.size
    unknowns = Unknowns(groups=(Group(label="z", size=size, scale=1.0), Group(label="m", size=size, scale=1.0)))
    rails = Unknowns(groups=(*unknowns.groups, Group(label="rails", size=2, scale=1.0)))
    pilot, middle, (top, low) = rails["z"], rails["m"], rails["rails"]
    ends = ((1.0, np.full(size, top), middle), (-1.0, middle, np.full(size, low)))
    valves = [
        Ports(
            label=f"port{k}",
            line=ALWAYS,
            shape=Shape.EXP,
            a=a,
            b=b,
            p=pilot,
            n=np.full(size, DATUM),
            conductance=np.array(1.0),
            scale=np.array(0.5 * gain * sign),
            offset=np.array(0.0),
            **fields,
        )
        for k, (sign, a, b) in enumerate(ends)
    ]
    sources = (
        Sources(label="pilots", nodes=pilot, effort=z),
        Sources(label="supply", nodes=rails["rails"], effort=np.array([1.0, bottom])),
    )
    chamber = Storages(label="middle", nodes=middle, capacitance=np.array(1e-3))
    setter = chamber if "transition" in fields else Junctions(label="middle", nodes=middle)
    parts = (*sources, setter, *valves)
    network = Network(domain=HYDRAULIC, unknowns=rails, parts=parts, lines=(), provenance=())
    schedule = Schedule(names=("rest",), high=np.zeros((1, 0), dtype=bool), durations=np.ones(1), imposed=())
    return Integrate().run(network, schedule)["m"][-1]


Z = np.linspace(-6.0, 6.0, 25)


def test_opposed_ports_make_a_sigmoid_laminar_or_orifice() -> None:
    exact = 1.0 / (1.0 + np.exp(-Z))
    np.testing.assert_allclose(bridge(Z, 1.0, 0.0), exact, atol=1e-14)
    for pcr in (1e-2, 1e-3):
        assert np.abs(bridge(Z, 0.5, 0.0, transition=np.array(pcr)) - exact).max() < 0.3 * pcr


@pytest.mark.parametrize(("gain", "pcr", "reach"), [(1.0, np.inf, 1.0), (0.5, 1e-4, 2.0)])
def test_rangeability_stops_the_sigmoid_at_its_logarithm(gain: float, pcr: float, reach: float) -> None:
    """Laminar |z| <= ln R, orifice |z| <= 2 ln R (docs/hydraulics.md#trim)."""
    ratio = 10.0
    bounded = np.clip(Z, -reach * np.log(ratio), reach * np.log(ratio))
    stopped = bridge(Z, gain, 0.0, limit=np.array(0.5 * np.log(ratio)), transition=np.array(pcr))
    np.testing.assert_allclose(stopped, 1.0 / (1.0 + np.exp(-bounded)), atol=1e-4)


def test_tanh_of_trim_50_is_clipped_by_a_twenty_fifth() -> None:
    """2/(R + 1) = 0.04 at R = 50, from |y| = ln(50)/2 = 1.96 on (docs/hydraulics.md#trim)."""
    clipped = bridge(Z, 2.0, -1.0, limit=np.array(0.5 * np.log(50.0)))
    inside = np.abs(Z) < 0.5 * np.log(50.0)
    np.testing.assert_allclose(clipped[inside], np.tanh(Z[inside]), atol=1e-14)
    assert np.abs(clipped - np.tanh(Z)).max() == pytest.approx(2.0 / 51.0, rel=1e-3)


def test_deadband_is_taken_off_the_control() -> None:
    stuck = bridge(Z, 1.0, 0.0, deadband=np.array(0.2))
    np.testing.assert_allclose(stuck, 1.0 / (1.0 + np.exp(-np.sign(Z) * np.maximum(np.abs(Z) - 0.4, 0.0))), atol=1e-14)


@pytest.mark.parametrize(
    ("make", "fields", "message"),
    [
        (ports, {"limit": 0.0}, r"^port\.limit must be positive, got 0\.0: give infinity for none$"),
        (ports, {"transition": -1.0}, r"^port\.transition must be positive, got -1\.0: "),
        (
            ports,
            {"deadband": -0.1},
            r"^port\.deadband must be >= 0, got -0\.1: give the control that stiction eats, or 0$",
        ),
        (ports, {"limit": np.nan}, r"^port\.limit must be numbers, got NaN: "),
        (crossbar, {"end_flow": 0.0}, r"^bar\.end_flow must be positive, got 0\.0: "),
        (
            crossbar,
            {"end_flow": 1.0, "transition": 1.0},
            r"^bar must be orifices or tubes with end losses, got transition and end_flow both finite: ",
        ),
    ],
)
def test_impossible_values_are_refused(make: object, fields: dict[str, float], message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        make(**{name: np.array(value) for name, value in fields.items()})


def divider(**fields: np.ndarray) -> tuple[Network, Schedule]:
    """Return a port under control and a tube in series, with a small chamber between, in two intervals."""
    unknowns = Unknowns(groups=tuple(Group(label=label, size=3, scale=1.0) for label in "sctd"))
    middle = unknowns["t"]
    valve = replace(ports(Shape.SOFTPLUS, **fields), a=unknowns["s"], b=middle, p=unknowns["c"], n=unknowns["d"])
    sources = [Sources(label=label, nodes=unknowns[label], effort=np.zeros(3)) for label in "scd"]
    chamber = Storages(label="chamber", nodes=middle, capacitance=np.array(1e-2))
    tube = Conductors(label="tube", a=middle, b=np.full(3, DATUM), conductance=np.array(1.0))
    parts = (*sources, chamber, tube, valve)
    network = Network(domain=HYDRAULIC, unknowns=unknowns, parts=parts, lines=(), provenance=(("by", "hand"),))
    drive = Imposed(label="s", efforts=np.array([[1.0, 2.0, -1.0], [-1.0, 0.5, 3.0]]))
    pilot = Imposed(label="c", efforts=np.array([[0.05, 1.0, 2.0], [1.0, -1.0, -0.5]]))
    high = np.zeros((2, 0), dtype=bool)
    schedule = Schedule(names=("one", "two"), high=high, durations=np.ones(2), imposed=(drive, pilot))
    return network, schedule


@pytest.mark.parametrize("fields", PORT_CASES.values(), ids=PORT_CASES)
def test_spice_says_the_same(fields: dict[str, np.ndarray], tmp_path: Path) -> None:
    network, schedule = divider(**fields)
    write_spice(tmp_path / "deck.cir", network, schedule, NGSPICE, USUAL)
    assert read_spice(tmp_path / "deck.cir").network.equals(network, rtol=1e-15)
    moments, chamber = np.array([0.9, 1.9]), network.unknowns["t"]  # a deck ramps from one interval to the next
    reference = Integrate(points=101).run(network, schedule).sample(moments, chamber)
    np.testing.assert_allclose(Ngspice().run(network, schedule).sample(moments, chamber), reference, atol=1e-6)
