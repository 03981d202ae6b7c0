"""Mismatch by area: its closed form on cards, and what a chip in SKY130 makes of it."""

from functools import cache

import by_hand
import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.errors import InvalidValueError, NetworkError, UnsupportedError
from lstm_analog.imperfections import SKY130_MISMATCH, CurrentByArea, Streams, ThresholdByArea, apply
from lstm_analog.network.cells import Cells, Library, Subcircuit
from lstm_analog.network.device_models import ModelDevice, ModelLibrary

STREAMS = Streams(seed=5)
COUNT = 2000
THRESHOLD, CURRENT = ThresholdByArea(model="nch", coefficient=0.01), CurrentByArea(model="npn", share=0.02)
modelled = pytest.mark.sky130


def drawn(*cards):
    """Return a network of one cell of the `cards`, with models in a file."""
    models = ModelLibrary(path="/models.spice", section="tt", digest=64 * "0")
    device = ModelDevice(name="npn", terminals=("c", "b", "e", "s"))
    circuit = Subcircuit(name="one", terminals=("a", "b"), outputs=("b",), cards=cards)
    library = Library(models=(models,), subcircuits=(circuit,), devices=(device,))
    part = Cells(label="cell", device="one", library=library, temperature=27.0, pins=np.array([[1], [2]]))
    return by_hand.network({"pin": 2}, part)


def values(network, key):
    """Return the value of `key` on each card that has one."""
    words = (word for card in network.parts[0].circuit.cards for word in card.split())
    return np.array([float(word.removeprefix(f"{key}=")) for word in words if word.startswith(f"{key}=")])


def mos(size):
    return drawn(*(f"m{number} a b 0 0 nch {size}" for number in range(COUNT)))


@pytest.mark.parametrize(("size", "area"), [("w=10u l=1u", 10.0), ("w=50u l=2u m=4", 400.0), ("w=2u l=0.6u", 1.2)])
def test_thresholds_spread_with_the_root_of_the_gate_area(size, area):
    network = apply(THRESHOLD, mos(size), STREAMS)
    volts = values(network, "delvto")
    assert volts.size == np.unique(volts).size == COUNT
    assert volts.std() == pytest.approx(0.01 / np.sqrt(area), rel=0.05)
    assert abs(volts.mean()) < 4.0 * 0.01 / np.sqrt(area * COUNT)
    assert all(
        card.startswith(f"m{n} a b 0 0 nch {size} delv") for n, card in enumerate(network.parts[0].circuit.cards)
    )


@pytest.mark.parametrize(("emitters", "text"), [(1.0, ""), (8.0, " m=8")])
def test_currents_spread_with_the_root_of_the_emitters(emitters, text):
    plain = drawn(*(f"xq{number} a b 0 0 npn{text}" for number in range(COUNT)), "r1 a b 4.0")
    found = apply(CURRENT, plain, STREAMS)
    many = values(found, "m")
    assert many.size == np.unique(many).size == COUNT
    assert many.std() / emitters == pytest.approx(0.02 / np.sqrt(emitters), rel=0.05)
    assert many.mean() == pytest.approx(emitters, rel=4.0 * 0.02 / np.sqrt(COUNT))
    assert found.parts[0].circuit.cards[-1] == "r1 a b 4.0"


def test_a_second_draw_adds_as_variances_do():
    once = apply(THRESHOLD, mos("w=10u l=1u"), STREAMS)
    twice = apply(THRESHOLD, once, STREAMS)
    assert values(twice, "delvto").size == COUNT
    assert values(twice, "delvto").std() == pytest.approx(np.sqrt(2.0) * 0.01 / np.sqrt(10.0), rel=0.05)


def test_no_cause_changes_the_other_and_zero_is_the_identity():
    plain = drawn("m1 a b 0 0 nch w=10u l=1u", "xq1 a b 0 0 npn m=2")
    both = apply((THRESHOLD, CURRENT), plain, STREAMS)
    assert values(both, "delvto") == values(apply(THRESHOLD, plain, STREAMS), "delvto")
    assert values(both, "m") == values(apply(CURRENT, plain, STREAMS), "m")
    for nothing in (ThresholdByArea(model="nch", coefficient=0.0), CurrentByArea(model="npn", share=0.0)):
        assert apply(nothing, plain, STREAMS) is plain


def test_what_cannot_be_is_refused_by_name():
    with pytest.raises(UnsupportedError, match="cells cell must have transistors of pch from files of models, got"):
        apply(ThresholdByArea(model="pch", coefficient=0.01), mos("w=10u l=1u"), STREAMS)
    text = la.compile(la.random_lstm(np.random.default_rng(0), 1, 1), "bicmos").network
    with pytest.raises(UnsupportedError, match=r"must have transistors of mn from files .* use MosThreshold"):
        apply(ThresholdByArea(model="mn", coefficient=0.01), text, STREAMS)
    with pytest.raises(UnsupportedError, match="streams chips must be None for transistor cells"):
        apply(CURRENT, drawn("xq1 a b 0 0 npn"), Streams(seed=1, chips=2))
    with pytest.raises(NetworkError, match="the network must have Cells"):
        apply(CURRENT, la.compile(la.random_lstm(np.random.default_rng(0), 1, 1), "behavioural").network, STREAMS)
    for wrong in (lambda: ThresholdByArea(model="n", coefficient=-1.0), lambda: CurrentByArea(model="n", share=-1.0)):
        with pytest.raises(InvalidValueError, match=r"must be at least 0, got -1\.0: give"):
            wrong()


@cache
def chip():
    rng = np.random.default_rng(3)
    lstm, x = la.random_lstm(rng, inputs=2, hidden=1), rng.uniform(-1.0, 1.0, (2, 2))
    return la.compile(lstm, "sky130_mos", settling=12.0), x


@modelled
def test_the_error_of_a_chip_is_in_proportion_to_the_mismatch():
    machine, x = chip()
    model = machine.technology.devices.nmos.model

    def h(coefficient):
        cause = ThresholdByArea(model=model, coefficient=coefficient)
        return machine.with_imperfection(cause, STREAMS).run(x, engine="ngspice").h

    small, large = (np.abs(h(volts) - h(1e-9)).max() for volts in (0.003, 0.009))
    assert 0.0005 < small < 0.02
    assert large == pytest.approx(3.0 * small, rel=0.2)


@modelled
def test_a_chip_with_the_mismatch_of_the_process_reads_back_from_its_deck(tmp_path):
    machine, x = chip()
    made = machine.with_imperfection(SKY130_MISMATCH, STREAMS)
    made.write.spice(tmp_path / "chip.cir", x)
    assert la.read_spice(tmp_path / "chip.cir").network.equals(made.network, rtol=1e-14)
    cards = made.network.part("l0_cells_0").circuit.cards
    assert sum("delvto=" in card for card in cards) == sum(card.startswith("m") for card in cards)
