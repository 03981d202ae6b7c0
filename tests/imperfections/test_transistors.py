"""Mismatch of a chip's devices: what changes, by how much, and what ngspice makes of it."""

import re
from functools import cache

import by_hand
import numpy as np
import pytest
from stepwise_lstm import normals

from lstm_analog.compiler.electrical import BEHAVIOURAL, BICMOS
from lstm_analog.engines import Ngspice
from lstm_analog.errors import InvalidValueError, NetworkError, UnsupportedError
from lstm_analog.export import DIALECTS, bench_path, check_dialect, read_spice
from lstm_analog.imperfections import JunctionArea, MosThreshold, ResistorSpread, Streams, apply
from lstm_analog.machine import compile
from lstm_analog.model import random_lstm
from lstm_analog.network.cells import Cells, Library, Subcircuit
from lstm_analog.network.parts import Conductors, Crossbars

STREAMS = Streams(seed=5)
LSTM = random_lstm(np.random.default_rng(0), 2, 2, name="chip")
X = np.random.default_rng(1).uniform(-1.0, 1.0, (3, 2))
CAUSES = (JunctionArea(share=0.01), ResistorSpread(share=0.01), MosThreshold(volts=1e-3))


@cache
def chip():
    return compile(LSTM, BICMOS, settling=12.0)


def cells(network):
    return [part for part in network.parts if isinstance(part, Cells)]


def cards(network, letter):
    """Return the cards of `letter` of each cell."""
    return [[card for card in part.circuit.cards if card.startswith(letter)] for part in cells(network)]


def last(network, letter):
    """Return the last number on the cards of `letter`, (cells, cards)."""
    return np.array([[float(card.split()[-1]) for card in each] for each in cards(network, letter)])


def thresholds(network):
    """Return the threshold (V) of each MOS transistor, (cells, transistors)."""
    found = []
    for part in cells(network):
        models = {line.split()[1]: float(re.search(r"vto=(\S+)", line)[1]) for line in part.library.models[1:]}
        found.append([models[card.split()[5]] for card in part.circuit.cards if card.startswith("m")])
    return np.array(found)


def test_areas_are_off_by_their_share_and_nothing_else_is():
    network = apply(JunctionArea(share=0.01), chip().network, STREAMS)
    plain = apply(JunctionArea(share=1e-12), chip().network, STREAMS)
    off = last(network, "q") / last(plain, "q") - 1.0
    assert off.shape == (2, 39)
    assert off.std() == pytest.approx(0.01, rel=0.25)
    assert np.unique(off).size == off.size, "no two transistors alike"
    for letter in "rcmi":
        assert cards(network, letter) == cards(plain, letter)
    assert [part for part in network.parts if not isinstance(part, Cells)] == [
        part for part in chip().network.parts if not isinstance(part, Cells)
    ]


def test_every_resistor_is_off_by_its_share():
    network = apply(ResistorSpread(share=0.01), chip().network, STREAMS)
    plain = apply(JunctionArea(share=1e-12), chip().network, STREAMS)
    inside = last(network, "r") / last(plain, "r") - 1.0
    assert inside.std() == pytest.approx(0.01, rel=0.3)
    assert network.part("shunt") is chip().network.part("shunt"), "no resistor of the chip: a bench measures by it"
    for kind, name in ((Conductors, "conductance"), (Crossbars, "positive")):
        before, after = (
            np.concatenate(
                [getattr(part, name).ravel() for part in each.parts if isinstance(part, kind) and part.label != "shunt"]
            )
            for each in (chip().network, network)
        )
        there = before > 0.0
        assert ((after > 0.0) == there).all()
        assert (after[there] / before[there]).std() == pytest.approx(0.01, rel=0.4)
    np.testing.assert_array_equal(last(network, "q"), last(plain, "q"))
    for letter in "cm":
        assert cards(network, letter) == cards(plain, letter)


def test_resistors_go_by_the_factor_and_thresholds_by_the_sum_of_the_numbers_of_their_cause():
    """To the last digit of a card; no resistor falls below a hundredth of what it should be."""
    wide = apply(ResistorSpread(share=3.0), chip().network, STREAMS)
    for part in (part for part in chip().network.parts if isinstance(part, Conductors) and part.label != "shunt"):
        factor = np.maximum(1.0 + 3.0 * normals(5, f"resistors {part.label}").standard_normal(part.a.size), 0.01)
        np.testing.assert_allclose(wide.part(part.label).conductance, part.conductance / factor, rtol=1e-13)
    plain = apply(JunctionArea(share=1e-12), chip().network, STREAMS)
    labels = [part.label for part in wide.parts if isinstance(part, Cells)]
    drawn = [normals(5, f"resistors {label}").standard_normal(last(plain, "r").shape[1]) for label in labels]
    np.testing.assert_allclose(
        last(wide, "r") / last(plain, "r"), np.maximum(1.0 + 3.0 * np.array(drawn), 0.01), rtol=1e-8
    )
    volts = thresholds(apply(MosThreshold(volts=1e-3), chip().network, STREAMS))
    off = np.where(volts > 0.0, volts - 0.7, volts + 0.8)
    drawn = [normals(5, f"threshold {label}").standard_normal(off.shape[1]) for label in labels]
    np.testing.assert_allclose(off, 1e-3 * np.array(drawn), atol=1e-9)


def test_every_mos_transistor_has_a_threshold_of_its_own():
    network = apply(MosThreshold(volts=1e-3), chip().network, STREAMS)
    volts = thresholds(network)
    off = np.where(volts > 0.0, volts - 0.7, volts + 0.8)
    assert off.shape == (2, 37)
    assert off.std() == pytest.approx(1e-3, rel=0.25)
    assert np.unique(off).size == off.size


def test_no_cause_changes_the_draw_of_another():
    alone = [apply(cause, chip().network, STREAMS) for cause in CAUSES]
    for order in (CAUSES, CAUSES[::-1]):
        together = chip().network
        for cause in order:
            together = apply(cause, together, STREAMS)
        np.testing.assert_array_equal(last(together, "q"), last(alone[0], "q"))
        np.testing.assert_array_equal(last(together, "r"), last(alone[1], "r"))
        np.testing.assert_array_equal(thresholds(together), thresholds(alone[2]))
    other = apply(CAUSES[0], chip().network, Streams(seed=5, first=1))
    assert not (last(other, "q") == last(alone[0], "q")).any()


@pytest.mark.parametrize("cause", CAUSES)
def test_what_cannot_be_is_refused(cause):
    with pytest.raises(UnsupportedError, match=r"^streams chips must be None for transistor cells, got 3: draw"):
        apply(cause, chip().network, Streams(seed=5, chips=3))
    with pytest.raises(NetworkError, match=r"^the network must have Cells, got none: choose a technology"):
        apply(cause, compile(LSTM, BEHAVIOURAL).network, STREAMS)
    with pytest.raises(InvalidValueError, match=r"must be at least 0, got -1\.0: give"):
        type(cause)(**dict.fromkeys(vars(cause), -1.0))


def made(model, *given):
    """Return a network of one cell of the `given` cards, with its `model`."""
    circuit = Subcircuit(name="one", terminals=("a", "b"), outputs=("b",), cards=given)
    part = Cells(
        label="cell",
        device="one",
        library=Library(models=(model,), subcircuits=(circuit,)),
        temperature=27.0,
        pins=np.array([[1], [2]]),
    )
    return by_hand.network({"pin": 2}, part)


@pytest.mark.parametrize("threshold", ["vto=0.7", "vto=-0.7 gamma=0.5", "gamma=0.5 vto=7e-1", "vto=.7 phi=0.7"])
def test_a_threshold_is_moved_wherever_it_stands(threshold):
    model = f".model mn nmos({threshold})"
    network = apply(MosThreshold(volts=1e-3), made(model, "m1 a b 0 0 mn w=1u l=1u"), STREAMS)
    (line,) = network.parts[0].library.models
    before, after = (float(re.search(r"vto=([-+.0-9e]+)", text)[1]) for text in (model, line))
    assert 0.0 < abs(after - before) < 5e-3
    assert re.sub(r"vto=[^ )]+", "", line) == re.sub(r"vto=[^ )]+", "", model).replace(" mn ", " mn_0 ")


@pytest.mark.parametrize(
    "threshold", ["vto = 0.7", "vth0=0.7", "kp=120u", "vto=700m", "vto=0.7v", "vto=0.7 vto=0.8", "vto=0.7 vt0=0.8"]
)
def test_a_threshold_that_is_not_plain_is_refused(threshold):
    network = made(f".model mn nmos({threshold})", "m1 a b 0 0 mn w=1u l=1u")
    text = rf"^model mn must give its threshold once, as vto= and a plain number, got \.model mn nmos\({threshold}\): w"
    with pytest.raises(UnsupportedError, match=text):
        apply(MosThreshold(volts=1e-3), network, STREAMS)


def test_a_card_whose_model_is_not_in_the_library_is_refused():
    network = made(".model mn nmos(vto=0.7)", "m1 a b 0 0 mp w=1u l=1u")
    with pytest.raises(NetworkError, match=r"^the model of m1 must be one of mn, got mp: put its \.model into the lib"):
        apply(MosThreshold(volts=1e-3), network, STREAMS)


def test_an_area_that_is_left_out_is_one():
    said, unsaid = (
        apply(JunctionArea(share=0.01), made(".model qn npn(is=1e-16)", card), STREAMS)
        for card in ("q1 a b 0 qn 1", "q1 a b 0 qn")
    )
    assert cards(unsaid, "q") == cards(said, "q")
    assert 0.0 < abs(last(unsaid, "q")[0, 0] - 1.0) < 0.05


@pytest.mark.parametrize(
    ("cause", "card"),
    [
        (ResistorSpread(share=0.01), "r1 a b 4k"),
        (ResistorSpread(share=0.01), "r1 a b 4e3 tc1=0.1"),
        (ResistorSpread(share=0.01), "r1 a b"),
        (JunctionArea(share=0.01), "q1 a b 0 qn 2m"),
        (JunctionArea(share=0.01), "q1 a b 0 0 qn 1"),
    ],
)
def test_a_value_that_is_not_plain_is_refused(cause, card):
    with pytest.raises(
        UnsupportedError, match=rf"^card of one must end in one plain number, got {card}: write nothing"
    ):
        apply(cause, made(".model qn npn(is=1e-16)", card), STREAMS)


def real():
    """Return a chip with every cause."""
    machine = chip()
    for cause in CAUSES:
        machine = machine.with_imperfection(cause, STREAMS)
    return machine


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_its_decks_keep_the_rules_and_read_back(tmp_path, dialect):
    machine, path = real(), tmp_path / "chip.cir"
    machine.write.spice(path, X, dialect=dialect)
    assert check_dialect(path, dialect) == ()
    assert read_spice(path).network.equals(machine.network, rtol=1e-14)
    machine.write.spice(tmp_path / "cell.cir", X, dialect=dialect, as_subckt=True)
    for file in (tmp_path / "cell.cir", bench_path(tmp_path / "cell.cir")):
        assert check_dialect(file, dialect) == ()


@cache
def error(share):
    """Return the largest change of h by a spread of areas."""
    machine = chip() if share is None else chip().with_imperfection(JunctionArea(share=share), STREAMS)
    return machine.run(X, engine=Ngspice()).h


def test_a_cell_without_hierarchy_does_what_it_did_with_it():
    np.testing.assert_allclose(error(1e-12), error(None), rtol=0, atol=2e-4)


def test_the_error_is_in_proportion_to_the_spread():
    """0.010 at 0.4 % and 0.024 at 1 %, the median of eight chips of 3 units at scale 1: `benchmarks/tables_bicmos.py`.

    Chips of another generator and other LSTMs came to 0.011 and 0.027: docs/bicmos.md#mismatch.
    """
    small, large = (np.abs(error(share) - error(None)).max() for share in (0.002, 0.008))
    assert 0.001 < small < 0.03
    assert large == pytest.approx(4.0 * small, rel=0.1)
