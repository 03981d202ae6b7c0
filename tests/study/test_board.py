"""A KiCad netlist, as a reader that is not ours finds it, is the circuit in the SPICE deck of the same machine."""

import re
from collections import Counter
from dataclasses import replace
from io import StringIO

import kinparse
import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.errors import UnsupportedError, UnsupportedPartError
from lstm_analog.imperfections import PairGain, Streams
from lstm_analog.study.board import board
from lstm_analog.study.board_parts import OPAMP, resistor_code, trimmer_size

# The reader calls its parser by names that are deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
LEAK = 1e9


def machine(technology=la.electrical.OPAMP_BENCH, lstm=None, **options):
    return la.compile(lstm or la.random_lstm(np.random.default_rng(0), 1, 1, name="first"), technology, **options)


class Board:
    """What stands in a netlist: components by the element that they stand for, the net at each pin by its name."""

    def __init__(self, text):
        found = kinparse.parse_netlist(StringIO(text))
        kinds = {(part.lib, part.name): {pin.num: pin.name for pin in part.pins} for part in found.libparts}
        at = {(pin.ref, pin.num): net.name for net in found.nets for pin in net.pins}
        assert len(at) == sum(len(net.pins) for net in found.nets)
        self.nets = {net.name: [(pin.ref, pin.num) for pin in net.pins] for net in found.nets}
        self.pins, self.numbers, self.values, self.footprints = {}, {}, {}, {}
        for part in found.parts:
            # Two fields of a result are called "name": the parser keeps the name of the field and its value in order.
            fields = {field[0]: field[1] for field in part.fields}
            element = fields["Element"]
            names = kinds[part.lib, part.name]
            self.pins[element] = {names[num]: at[part.ref, num] for num in names if (part.ref, num) in at}
            self.numbers[element], self.values[element] = fields["MPN"], part.value
            self.footprints[element] = part.footprint


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("board")
    made = machine()
    made.write.kicad(folder / "board.net")
    made.write.spice(folder / "deck.cir", np.zeros((1, 1)))
    deck = (folder / "deck.cir").read_text().splitlines()
    shared = dict(line.split()[1].split("=") for line in deck if line.startswith(".param"))
    cards = {}
    for line in deck:
        words = line.split()
        if words and words[0][0] in "rcex" and len(words) > 3 and words[0].rpartition("_")[2].isdigit():
            cards[words[0]] = [
                re.sub(r"{(\w+)}", lambda found: shared.get(found[1], found[0]), word) for word in words[1:]
            ]
    return Board((folder / "board.net").read_text()), cards


def is_opamp(card):
    return len(card) > 4 and card[4].startswith("opamps")


def buffers(cards):
    """Return the node behind each buffered op-amp, and that behind each product."""
    behind = {card[2]: card[0] for name, card in cards.items() if name[0] == "e"}
    opamps = {card[2] for card in cards.values() if is_opamp(card)}
    return {a: b for a, b in behind.items() if a in opamps}, {a: b for a, b in behind.items() if a not in opamps}


def ohms(number):
    digits = number.removeprefix("CRCW0603").removesuffix("FKEA")
    unit = next(letter for letter in "RKM" if letter in digits)
    return float(digits.replace(unit, ".")) * {"R": 1.0, "K": 1e3, "M": 1e6}[unit]


def test_every_resistor_and_capacitor_is_the_card_of_the_deck(written):
    board, cards = written
    line, product = buffers(cards)
    summing = {card[1] for card in cards.values() if is_opamp(card) and card[1] != card[2]}
    seen = 0
    for name, card in cards.items():
        if name[0] not in "rc" or card[0] in product:
            continue
        a, b = ("GND" if node == "0" else line.get(node, node) for node in card[:2])
        value, element = float(card[2]), name[1:]
        if (name[0] == "r" and value > LEAK) or (name[0] == "c" and card[0] in summing):
            assert element not in board.pins
            continue
        fold = 1.0
        if element.rpartition("_")[0].endswith(("_load", "_pole")):  # around the op-amp at the collector of a pair
            pair, number = element.rpartition("_")[0][:-5], element.rpartition("_")[2]
            b = board.pins[f"{pair}_pair_{number}"]["C1"]
            fold = 2.0 if f"{pair}_pair_half_{number}" in board.pins and name[0] == "r" else 1.0
        pins = board.pins[element]
        trimmed = {"CCW": a, "W": b, "CW": b}
        assert pins == (trimmed if "CW" in pins else {"1": a, "2": b}), element
        if name[0] == "c":
            assert float(board.values[element].removesuffix("p")) == pytest.approx(value * 1e12)
        elif "CW" in pins:
            full, setting = map(float, board.values[element].split(" set to "))
            assert setting == pytest.approx(value, rel=1e-4)
            assert 0.2 * full < setting < full
        else:
            assert ohms(board.numbers[element]) == pytest.approx(fold * value, rel=1e-9), element
        seen += 1
    assert seen == 63


def test_every_op_amp_switch_pair_and_product_is_the_card_of_the_deck(written):
    board, cards = written
    line, product = buffers(cards)
    kinds = Counter()
    for name, card in cards.items():
        element, label, number = name[1:], *name[1:].rpartition("_")[::2]
        ends = ["GND" if node == "0" else line.get(node, node) for node in card[:5]]
        if is_opamp(card):
            pins = board.pins[element]
            assert [pins["IN+"], pins["IN-"], pins["OUT"]] == [*ends[:2], card[2]]
            kinds["op-amp"] += 1
        elif "clocked_switch" in card:
            pins, place = board.pins[f"{label}_{int(number) // 4}"], int(number) % 4 + 1
            assert [pins[f"S{place}"], pins[f"D{place}"], pins[f"IN{place}"]] == [*ends[:2], card[2]]
            kinds["switch"] += 1
        elif card[3:] and card[3] in ("pair_sigmoid", "pair_tanh"):
            pins, sense = board.pins[element], board.pins[f"{label}_sense_{number}"]
            assert [sense["OUT"], pins["B1"], pins["B2"]] == ends[:3]
            assert (sense["IN-"], sense["IN+"], pins["C2"], pins["E1"]) == (pins["C1"], "GND", "GND", pins["E2"])
            assert (f"{label}_half_{number}" in board.pins) == (card[3] == "pair_tanh")
            kinds["pair"] += 1
        elif "pair_linear_linear" in card:
            pins, loop = board.pins[element], board.pins[f"{label}_denominator_{number}"]
            p, n = ends[1:3] if "i0=0.001" in card else ends[2:0:-1]
            assert [pins[pin] for pin in ("X1", "X2", "Y1", "Y2")] == [p, n, *ends[3:5]]
            assert pins["W"] == pins["Z1"] == product[card[0]]
            assert [pins[pin] for pin in ("Z2", "U2", "DD")] == ["GND", "GND", "+12V"]
            assert [loop["OUT"], loop["IN-"], loop["IN+"]] == [pins["U0"], pins["U1"], "reference_1V"]
            kinds["product"] += 1
    assert kinds == {"op-amp": 13, "switch": 6, "pair": 5, "product": 3}


def test_buffers_drive_the_lines_within_the_loops_of_their_op_amps(written):
    board, cards = written
    (behind,) = buffers(cards)[0].items()
    pins = board.pins["l0_h_line_buffer_0"]
    assert (pins["VIN"], pins["VO"]) == behind == ("l0_h_0", "l0_h_line_0")
    assert len(board.nets["l0_h_0"]) == 2  # the output of the op-amp and the input of the buffer


def test_chips_are_supplied_and_no_net_ends_at_a_single_pin(written):
    board, _ = written
    rails = {frozenset(pins): set(pins) & {"V+", "VP", "VDD"} for pins in board.pins.values()}
    chips = [element for element, pins in board.pins.items() if rails[frozenset(pins)] and "R" not in pins]
    for element in chips:
        pins, (label, _, number) = board.pins[element], element.rpartition("_")
        assert {pins.get("V+"), pins.get("VP"), pins.get("VDD")} == {None, "+12V"}
        assert {pins.get("V-"), pins.get("VN"), pins.get("VSS")} == {None, "-12V"}
        assert board.pins[f"{label}_vp_{number}"] == {"1": "+12V", "2": "GND"}
        assert board.pins[f"{label}_vn_{number}"] == {"1": "-12V", "2": "GND"}
    assert len(chips) == 13 + 5 + 2 * 3 + 1 + 6  # op-amps, those of pairs, multipliers and theirs, a buffer, switches
    assert [net for net, pins in board.nets.items() if len(pins) < 2] == []
    assert set(board.pins["supply_connector_0"].values()) == {"GND", "+12V", "-12V", "reference_1V"}
    assert set(board.pins["outputs_connector_0"].values()) == {"GND", "l0_h_line_0"}
    assert all(board.numbers.values())
    assert all(board.footprints.values())


@pytest.mark.parametrize(("name", "got"), [("OPAMP", "OPAMP, whose amplifier, multiplier"), ("BICMOS", "BICMOS")])
def test_a_technology_that_nobody_sells_is_refused(tmp_path, name, got):
    with pytest.raises(UnsupportedError, match=rf"technology of a board must be made of parts .* got {got}"):
        machine(getattr(la.electrical, name)).write.kicad(tmp_path / "board.net")
    assert not list(tmp_path.iterdir())


def test_an_activation_that_pairs_do_not_have_is_refused(tmp_path):
    made = machine()
    shifted = made.network.parts
    place = next(n for n, part in enumerate(shifted) if part.label.endswith("zi_pair"))
    factor = replace(shifted[place].factors[0], offset=np.array(0.5))
    parts = (*shifted[:place], replace(shifted[place], factors=(factor,)), *shifted[place + 1 :])
    network = replace(made.network, parts=parts)
    other = replace(made, passes=(replace(made.compiled, network=network),))
    with pytest.raises(UnsupportedPartError, match=r"l0_c_add_zi_pair of a board must have no offset"):
        other.write.kicad(tmp_path / "board.net")


def test_half_of_the_tail_of_each_tanh_is_taken_off_it():
    """Of tails that differ, all but the first had half of the first one's current taken off."""
    lstm = la.random_lstm(np.random.default_rng(0), 1, 3)
    uneven = machine(lstm=lstm).with_imperfection(PairGain(share=0.05), Streams(seed=1))
    made = board(uneven.compiled, la.electrical.OPAMP_BENCH)
    halves = [bank for bank in made.components if bank.elements[0].endswith("_half_0")]
    assert [bank.elements[0] for bank in halves] == ["l0_c_add_zg_pair_half_0", "l0_h_add_c_pair_half_0"]
    for bank in halves:
        volts = [float(made.nets[net].removeprefix("reference_").removesuffix("V")) for net in bank.nets[0]]
        ohms = [float(setting.split()[-1]) for setting in bank.values]
        current = uneven.network.part(bank.elements[0].removesuffix("_half_0")).current
        np.testing.assert_allclose(np.divide(volts, ohms), 0.5 * current, rtol=1e-4)


def test_part_numbers_of_values():
    assert [resistor_code(ohm) for ohm in (1.0, 100.0, 976e3, 1e6, 10e6)] == ["1R00", "100R", "976K", "1M00", "10M0"]
    assert trimmer_size(97.0) == (100.0, "3296W-1-101LF")
    assert trimmer_size(99.0) == (200.0, "3296W-1-201LF")
    assert trimmer_size(18342.0) == (20e3, "3296W-1-203LF")
    for call, text in ((resistor_code, "must be 1 ohm or more, got 0.5"), (trimmer_size, "at most 980 kohm")):
        with pytest.raises(UnsupportedError, match=text):
            call(0.5 if call is resistor_code else 1e6 + 1)


def test_pins_are_counted_from_one():
    assert OPAMP.pins[1:4] == (("2", "IN-"), ("3", "IN+"), ("4", "V-"))
