"""A KiCad netlist of a board made by hand: what it may hold, and what is refused."""

import numpy as np
import pytest

from lstm_analog.errors import InvalidShapeError, InvalidValueError
from lstm_analog.export import UNCONNECTED, Board, BoughtPart, ComponentBank, write_kicad

RESISTOR = BoughtPart(
    prefix="R", symbol="Device:R", footprint="R:0603", maker="", number="", pins=(("1", "a"), ("2", "b"))
)


def bank(nets=((0, 1), (1, UNCONNECTED)), values=("1k", "2k"), elements=("r_0", "r_1")):
    return ComponentBank(part=RESISTOR, elements=elements, values=values, numbers=("", ""), nets=np.array(nets))


def board(*components, nets=("n0", "n1"), source="by hand"):
    return Board(source=source, nets=nets, components=components)


def test_pins_are_listed_by_net(tmp_path):
    write_kicad(tmp_path / "a.net", board(bank(((1, 0), (0, UNCONNECTED)))))
    text = (tmp_path / "a.net").read_text()
    nets = [[word.split('"')[1] for word in net.split("(ref ")[1:]] for net in text.split("(net (code")[1:]]
    assert nets == [["R2", "R1"], ["R1"]]


def test_a_board_may_be_empty_and_its_texts_any(tmp_path):
    write_kicad(tmp_path / "a.net", board(nets=()))
    write_kicad(tmp_path / "a.net", board(bank(values=("1 k\u2126", "2\nlines")), source='a "b" \\'))
    text = (tmp_path / "a.net").read_bytes().decode("utf-8")
    for part in ('(value "1 k\u2126")', '(value "2\\nlines")', '(source "a \\"b\\" \\\\")'):
        assert part in text


@pytest.mark.parametrize("net", [-2, 2])
def test_a_net_that_the_board_does_not_have_is_refused(net):
    """-2 was the last but one."""
    with pytest.raises(InvalidValueError, match=rf"^nets of Device:R must be below 2, or UNCONNECTED, got {net}: "):
        board(bank(((0, 1), (net, 1))))


def test_nets_are_whole_numbers():
    with pytest.raises(
        InvalidShapeError, match=r"^nets of Device:R must be whole numbers of shape \(2, 2\), got float"
    ):
        bank(((0.5, 1.0), (1.0, 1.0)))


def test_two_things_of_one_name_are_refused():
    with pytest.raises(InvalidValueError, match=r"^nets must have names that differ, got \['n0'\]: rename one"):
        board(bank(), nets=("n0", "n0"))
    with pytest.raises(InvalidValueError, match=r"^elements must have names that differ, got \['r_0'\]: rename one"):
        board(bank(elements=("r_0", "r_0")))
