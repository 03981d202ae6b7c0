"""Each imperfection on a small hand-made network: what it changes, by how much, and that nothing else changes."""

import pickle
from dataclasses import fields, replace

import by_hand
import numpy as np
import pytest
from stepwise_lstm import normals

from lstm_analog.compiler.hydraulic import OIL
from lstm_analog.errors import InvalidTypeError, InvalidValueError, NetworkError, UnsupportedError
from lstm_analog.imperfections import (
    BoreTolerance,
    Deadband,
    EndLoss,
    EntrainedAir,
    HotTubes,
    OperatingTemperature,
    OrificePorts,
    OrificeWeights,
    Rangeability,
    RelayGain,
    RelayLag,
    SeatLeak,
    Streams,
    Tubes,
    ViscosityChange,
    apply,
)
from lstm_analog.machine import compile
from lstm_analog.model import random_lstm
from lstm_analog.network.domain import ELECTRICAL, HYDRAULIC
from lstm_analog.network.fluids import GLYCEROL_60, PURE_WATER, VG32, Filling, Fluid
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import flow
from lstm_analog.network.parts import (
    ALWAYS,
    DATUM,
    Conductors,
    Crossbars,
    Followers,
    Ports,
    Sources,
    Storages,
    Switches,
    Term,
)
from lstm_analog.network.shapes import Shape

ONE = Streams(seed=1)
ZERO = (
    BoreTolerance(sigma=0.0),
    RelayGain(gain=1.0),
    SeatLeak(share=0.0),
    Deadband(z=0.0),
    Rangeability(ratio=np.inf),
    HotTubes(kelvin=0.0, bank="bar", which=Tubes.INPUTS, elements=(0,)),
    HotTubes(kelvin=0.0, bank="bar", which=Tubes.MANIFOLDS, elements=(0, 1)),
    OrificeWeights(transition=np.inf),
    OrificePorts(transition=np.inf),
    EndLoss(share=0.0, flow=1.0),
    ViscosityChange(factor=1.0),
    OperatingTemperature(celsius=40.0),
    EntrainedAir(share=0.0, volume=1e-6),
    RelayLag(frequency=np.inf, damping=0.7),
)
SOME = (
    BoreTolerance(sigma=0.01),
    RelayGain(gain=0.99),
    SeatLeak(share=1e-3),
    SeatLeak(share=1e-3, banks=("solenoid",)),
    Deadband(z=0.1),
    Rangeability(ratio=50.0),
    HotTubes(kelvin=1.0, bank="bar", which=Tubes.INPUTS, elements=(0,)),
    HotTubes(kelvin=1.0, bank="bar", which=Tubes.MANIFOLDS, elements=(0, 1)),
    OrificeWeights(transition=0.1),
    OrificePorts(transition=0.1),
    EndLoss(share=0.01, flow=1.0),
    ViscosityChange(factor=2.0),
    OperatingTemperature(celsius=60.0),
    EntrainedAir(share=0.01, volume=1e-6),
    EntrainedAir(share=0.01, volume=1e-6, banks=("tank",)),
    RelayLag(frequency=100.0, damping=0.7),
)


def port(label: str, shape: Shape) -> Ports:
    node = {name: np.array([number]) for number, name in enumerate("abpn", start=5)}
    return Ports(
        label=label,
        line=ALWAYS,
        shape=shape,
        **node,
        conductance=np.array(2.0),
        scale=np.array(0.5),
        offset=np.array(0.0),
    )


def network() -> Network:
    """Return two sources, a crossbar of two rows, a relay, a solenoid, two ports and a tube, each in use."""
    x, m = np.arange(1, 3), np.arange(3, 11)
    one = np.array([1.0, 2.0])
    parts = (
        Sources(label="x", nodes=x, effort=one),
        Crossbars(
            label="bar",
            inputs=x,
            plus=m[:2],
            minus=m[2:4],
            positive=np.array([[1.0, 0.0], [0.5, 3.0]]),
            negative=np.array([[0.0, 2.0], [0.0, 0.0]]),
            plus_load=np.array([1.0, 0.0]),
            minus_load=np.array([0.0, 3.5]),
        ),
        Storages(label="tank", nodes=m[:7], capacitance=np.array(1.0)),
        Followers(
            label="relay",
            nodes=m[7:],
            terms=(Term(inputs=m[:1], gain=np.array(1.0)), Term(inputs=m[1:2], gain=np.array(-1.0))),
            offset=np.array(0.5),
            low=np.array(-np.inf),
            high=np.array(np.inf),
        ),
        Switches(label="solenoid", line=0, a=m[4:5], b=m[5:6], closed=np.array(4.0), opened=np.array(1e-12)),
        Switches(label="other", line=0, a=m[5:6], b=m[6:7], closed=np.array(4.0), opened=np.array(1e-12)),
        Conductors(label="tube", a=m[4:5], b=np.array([DATUM]), conductance=np.array(1.0)),
        port("trim", Shape.EXP),
        port("drain", Shape.SOFTPLUS),
    )
    filling = Filling(fluid=VG32, datum=1e5, open_tanks=())
    return by_hand.network({"x": 2, "m": 8}, *parts, lines=("clock",), domain=HYDRAULIC, filling=filling)


def bar(of: Network) -> Crossbars:
    part = of.part("bar")
    assert isinstance(part, Crossbars)
    return part


@pytest.mark.parametrize("record", ZERO, ids=repr)
def test_strength_zero_is_the_identity(record: object) -> None:
    assert apply(record, network(), ONE).equals(network(), rtol=0.0)


def contents(part: object) -> dict[str, object]:
    """Return the fields of `part`, without what it remembers of them."""
    return {entry.name: getattr(part, entry.name) for entry in fields(part)}


@pytest.mark.parametrize("record", SOME, ids=repr)
def test_applied_purely_and_the_same_every_time(record: object) -> None:
    original = network()
    before = pickle.dumps([contents(part) for part in original.parts])
    changed = apply(record, original, ONE).verify()
    assert not changed.equals(original, rtol=1e-9)
    assert pickle.dumps([contents(part) for part in original.parts]) == before
    assert apply(pickle.loads(pickle.dumps(record)), network(), ONE).equals(changed, rtol=0.0)


@pytest.mark.parametrize("record", [each for each in SOME if not isinstance(each, OperatingTemperature)], ids=repr)
def test_an_electrical_circuit_is_refused(record: object) -> None:
    with pytest.raises(NetworkError, match=r"^the network must be hydraulic, got electrical: compile it in "):
        apply(record, replace(network(), domain=ELECTRICAL), ONE)


def test_bores_scatter_with_the_fourth_power_and_missing_tubes_stay_missing() -> None:
    sigma = 0.01
    machines = bar(apply(BoreTolerance(sigma=sigma), network(), Streams(seed=3, chips=2000)))
    assert machines.positive.shape == (2000, 2, 2)
    relative = machines.positive[:, 1, 1] / 3.0 - 1.0
    assert relative.std() == pytest.approx(4.0 * sigma, rel=0.05)
    assert np.log(relative + 1.0).mean() == pytest.approx(0.0, abs=4.0 * 4.0 * sigma / np.sqrt(2000))
    assert not machines.positive[:, 0, 1].any()
    loads = machines.minus_load[:, 1] / 3.5 - 1.0
    assert abs(np.corrcoef(loads, relative)[0, 1]) < 0.1


def test_relay_gain_spares_the_offset() -> None:
    (relay,) = (part for part in apply(RelayGain(gain=0.99), network(), ONE).parts if isinstance(part, Followers))
    assert [float(term.gain[0]) for term in relay.terms] == [0.99, -0.99]
    assert relay.offset[0] == 0.5


def test_seats_leak_a_share_of_the_open_valve() -> None:
    leaking = apply(SeatLeak(share=1e-3, banks=("solenoid",)), network(), ONE)
    assert leaking.part("solenoid").opened[0] == pytest.approx(4e-3, rel=1e-9)
    assert leaking.part("other").opened[0] == 1e-12
    assert apply(SeatLeak(share=1e-3), network(), ONE).part("other").opened[0] == pytest.approx(4e-3, rel=1e-9)


@pytest.mark.parametrize(
    ("record", "field", "value"),
    [
        (Deadband(z=0.1), "deadband", 0.05),
        ((Deadband(z=0.1), OrificePorts(transition=0.1)), "deadband", 0.025),
        (Rangeability(ratio=50.0), "limit", 0.5 * np.log(50.0)),
        (OrificePorts(transition=0.1), "transition", 0.1),
        (OrificePorts(transition=0.1), "scale", 0.25),
    ],
)
def test_trim_sticks_stops_and_sharpens_but_drains_do_not(record: object, field: str, value: float) -> None:
    changed = apply(record, network(), ONE)
    assert getattr(changed.part("trim"), field)[0] == pytest.approx(value, rel=1e-15)
    assert getattr(changed.part("drain"), field)[0] == getattr(network().part("drain"), field)[0]


def test_bores_scatter_each_by_its_own_number_and_conductances_with_the_fourth_power() -> None:
    """Tubes and dummies of both signs, chip by chip."""
    plain, many = bar(network()), bar(apply(BoreTolerance(sigma=0.2), network(), Streams(seed=1, chips=2)))
    for name in ("positive", "negative", "plus_load", "minus_load"):
        for chip in (0, 1):
            drawn = normals(1, f"bore bar.{name}", chip).standard_normal(getattr(plain, name).shape)
            expected = getattr(plain, name) * np.exp(4.0 * 0.2 * drawn)
            np.testing.assert_allclose(getattr(many, name)[chip], expected, rtol=1e-13)


def test_deadbands_add_up_and_are_half_as_wide_in_the_control_of_an_orifice() -> None:
    """In both orders: z of a sigmoid is a control z/2, of an orifice z/4."""
    twice = apply(Deadband(z=0.2), apply(Deadband(z=0.1), network(), ONE), ONE)
    before = apply(OrificePorts(transition=0.1), twice, ONE)
    after = apply(OrificePorts(transition=0.1), network(), ONE)
    after = apply(Deadband(z=0.2), apply(Deadband(z=0.1), after, ONE), ONE)
    for made, control in ((twice, 0.5), (before, 0.25), (after, 0.25)):
        ports = [part for part in made.parts if isinstance(part, Ports) and part.shape is Shape.EXP]
        assert ports
        for part in ports:
            np.testing.assert_allclose(part.deadband, control * 0.3, rtol=1e-13)


def test_an_orifice_is_not_sharpened_twice() -> None:
    once = apply(OrificePorts(transition=0.1), network(), ONE)
    assert apply(OrificePorts(transition=0.2), once, ONE) is once


def test_filling_cocks_leak_only_if_named() -> None:
    """The valves that set the memories before the first step: of the six of a machine, the two of the reset."""
    plain = compile(random_lstm(np.random.default_rng(0), 1, 1), OIL).network

    def leaking(banks: tuple[str, ...]) -> set[str]:
        made = apply(SeatLeak(share=0.01, banks=banks), plain, ONE)
        pairs = zip(plain.parts, made.parts, strict=True)
        return {old.label for old, new in pairs if new is not old}

    assert leaking(()) == {f"l0_{memory}_{valve}" for memory in "ch" for valve in ("take", "copy")}
    assert leaking(("l0_c_reset",)) == {"l0_c_reset"}


def test_the_narrower_range_wins() -> None:
    both = apply(Rangeability(ratio=100.0), apply(Rangeability(ratio=30.0), network(), ONE), ONE)
    assert both.equals(apply(Rangeability(ratio=30.0), network(), ONE), rtol=0.0)


@pytest.mark.parametrize(
    ("fluid", "warmer", "ratio"),
    [(PURE_WATER, 10.0, 1.0016 / 0.7972), (PURE_WATER, -10.0, 1.0016 / 1.3059), (GLYCEROL_60, 10.0, 10.8 / 7.19)],
    ids=["water", "cold water", "glycerol"],
)
def test_hot_tubes_gain_what_their_liquid_thins(fluid: Fluid, warmer: float, ratio: float) -> None:
    """Viscosities of water by IAPWS R12-08, of glycerol as Dow tabulates them (2 %); 4 % a kelvin is oil's alone."""
    plain = replace(network(), filling=Filling(fluid=fluid, datum=1e3, open_tanks=()))
    hot = apply(HotTubes(kelvin=warmer, bank="bar", which=Tubes.INPUTS, elements=(1,)), plain, ONE)
    rtol = 0.02 if fluid is GLYCEROL_60 else 1e-3
    np.testing.assert_allclose(bar(hot).positive, bar(plain).positive * [1.0, ratio], rtol=rtol)
    np.testing.assert_allclose(bar(hot).negative, bar(plain).negative * [1.0, ratio], rtol=rtol)
    np.testing.assert_array_equal(bar(hot).minus_load, bar(plain).minus_load)
    rows = bar(apply(HotTubes(kelvin=warmer, bank="bar", which=Tubes.MANIFOLDS, elements=(1,)), plain, ONE))
    for name in ("positive", "negative", "plus_load", "minus_load"):
        np.testing.assert_allclose(getattr(rows, name)[1], ratio * getattr(bar(plain), name)[1], rtol=rtol)
        np.testing.assert_array_equal(getattr(rows, name)[0], getattr(bar(plain), name)[0])


@pytest.mark.parametrize("loss", [OrificeWeights(transition=0.1), EndLoss(share=0.1, flow=1.0)])
def test_hot_orifices_and_end_losses_are_those_of_the_whole_liquid_at_that_temperature(loss) -> None:
    """An orifice far above its transition does not know the viscosity; the rows that are not hot stay."""
    plain = apply(loss, network(), ONE)
    hot = bar(apply(HotTubes(kelvin=20.0, bank="bar", which=Tubes.MANIFOLDS, elements=(1,)), plain, ONE))
    whole, cold = bar(apply(OperatingTemperature(celsius=60.0), plain, ONE)), bar(plain)
    for name in ("positive", "negative", "plus_load", "minus_load", "transition", "end_flow"):
        shape = getattr(hot, name).shape
        for row, other in ((0, cold), (1, whole)):
            expected = np.broadcast_to(getattr(other, name), shape)[row]
            np.testing.assert_allclose(getattr(hot, name)[row], expected, rtol=1e-14)
    with pytest.raises(
        UnsupportedError, match=r"^tubes of bar must be laminar .*: choose the hot tubes by their manif"
    ):
        apply(HotTubes(kelvin=20.0, bank="bar", which=Tubes.INPUTS, elements=(1,)), plain, ONE)


def test_hot_tubes_of_what_is_not_known_or_beyond_its_law_are_refused() -> None:
    hot = HotTubes(kelvin=70.0, bank="bar", which=Tubes.INPUTS, elements=(1,))
    with pytest.raises(NetworkError, match=r"^the network must say what flows in it, got no filling: compile it in a "):
        apply(hot, replace(network(), filling=None), ONE)
    with pytest.raises(InvalidValueError, match=r"^ISO VG 32 temperature must be 0 to 100 C, got 110\.0: stay where "):
        apply(hot, network(), ONE)


def test_end_losses_are_as_large_as_said_at_the_flow_said_and_add_up() -> None:
    once = bar(apply(EndLoss(share=0.01, flow=2.0), network(), ONE))
    np.testing.assert_allclose(once.end_flow, 200.0, rtol=1e-15)
    twice = bar(apply(EndLoss(share=0.01, flow=2.0), apply(EndLoss(share=0.01, flow=2.0), network(), ONE), ONE))
    np.testing.assert_allclose(twice.end_flow, 100.0, rtol=1e-15)


def test_viscosity_slows_laminar_flow_and_spares_turbulent() -> None:
    """A laminar tube's flow goes with 1/mu; an orifice's, far above its transition, does not know mu."""
    effort = np.random.default_rng(2).uniform(-1.0, 1.0, 11)
    for record, share in ((None, 0.5), (OrificeWeights(transition=1e-9), 1.0), (OrificePorts(transition=1e-9), 1.0)):
        before = network() if record is None else apply(record, network(), ONE)
        after = apply(ViscosityChange(factor=2.0), before, ONE)
        label = "trim" if isinstance(record, OrificePorts) else "bar"
        ratio = flow(after.part(label), effort, (True,)) / flow(before.part(label), effort, (True,))
        np.testing.assert_allclose(ratio, share, rtol=1e-6)
    thin, plain = apply(ViscosityChange(factor=2.0), network(), ONE), network()
    for label, field in (("solenoid", "closed"), ("solenoid", "opened"), ("tube", "conductance")):
        assert getattr(thin.part(label), field) == 0.5 * getattr(plain.part(label), field)


def test_streams_are_stateless_and_apart_by_name_chip_and_seed() -> None:
    streams = Streams(seed=4, chips=3)
    np.testing.assert_array_equal(streams.normal("bore", (5,)), streams.normal("bore", (5,)))
    np.testing.assert_array_equal(streams.normal("bore", (5,)), Streams(seed=4, chips=8).normal("bore", (5,))[:3])
    np.testing.assert_array_equal(
        Streams(seed=4, chips=8).normal("bore", (5,))[2:5], Streams(seed=4, chips=3, first=2).normal("bore", (5,))
    )
    np.testing.assert_array_equal(Streams(seed=4).normal("bore", (5,)), streams.normal("bore", (5,))[0])
    draws = [*streams.normal("bore", (5,)), *streams.normal("leak", (5,)), Streams(seed=5).normal("bore", (5,))]
    assert len({tuple(draw) for draw in draws}) == len(draws)


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (BoreTolerance, {"sigma": -0.1}, r"^bore tolerance must be 0 to 1, got -0\.1: "),
        (RelayGain, {"gain": np.nan}, r"^relay gain must be positive, got nan: give about 1$"),
        (SeatLeak, {"share": 2.0}, r"^seat leak must be 0 to 1, got 2\.0: give a share of the open conductance$"),
        (Deadband, {"z": -1.0}, r"^deadband must be at least 0, got -1\.0: "),
        (Rangeability, {"ratio": 1.0}, r"^rangeability must be above 1, got 1\.0: "),
        (OrificeWeights, {"transition": 0.0}, r"^transition must be positive, got 0\.0: "),
        (OrificePorts, {"transition": np.nan}, r"^transition must be positive, got nan: "),
        (EndLoss, {"share": -1.0, "flow": 1.0}, r"^end loss must be at least 0, got -1\.0: "),
        (EndLoss, {"share": 1.0, "flow": 0.0}, r"^end loss flow must be positive, got 0\.0: "),
        (ViscosityChange, {"factor": 0.0}, r"^viscosity factor must be positive, got 0\.0: "),
        (Streams, {"seed": -1}, r"^streams seed must be a whole number >= 0, got -1: "),
        (Streams, {"seed": 1, "chips": 0}, r"^streams chips must be a whole number >= 1, got 0: "),
    ],
)
def test_impossible_strengths_are_refused(kind: type, values: dict[str, float], message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        kind(**values)


def test_wrong_places_are_refused_by_name() -> None:
    far = HotTubes(kelvin=1.0, bank="bar", which=Tubes.INPUTS, elements=(2,))
    with pytest.raises(
        InvalidValueError, match=r"^hot tubes of bar must be numbered 0 to 1, got \[2\]: count its inputs$"
    ):
        apply(far, network(), ONE)
    with pytest.raises(NetworkError, match=r"^part trim must be a bank of Switches, got Ports: choose another$"):
        apply(SeatLeak(share=0.1, banks=("trim",)), network(), ONE)
    with pytest.raises(NetworkError, match=r"^part must be one of x, bar, "):
        apply(replace(far, bank="nothing"), network(), ONE)
    with pytest.raises(InvalidTypeError, match=r"^imperfection must be a known record, got float: take a record of "):
        apply(0.1, network(), ONE)


def test_end_losses_and_orifices_do_not_go_together() -> None:
    drilled = apply(OrificeWeights(transition=0.1), network(), ONE)
    with pytest.raises(InvalidValueError, match=r"^bar must be orifices or tubes with end losses, got "):
        apply(EndLoss(share=0.1, flow=1.0), drilled, ONE)


def test_every_record_says_what_its_fields_are() -> None:
    for record in SOME:
        for entry in fields(record):
            assert f"`{entry.name}`" in (type(record).__doc__ or ""), f"{type(record).__name__}.{entry.name}"
