from dataclasses import dataclass, replace

import numpy as np
import pytest

from lstm_analog.errors import UnsupportedPartError
from lstm_analog.export.banks import makers
from lstm_analog.export.cards import cards
from lstm_analog.export.devices import subcircuit
from lstm_analog.export.dialects import NGSPICE
from lstm_analog.export.graphs import wires
from lstm_analog.network.parts import ALWAYS, KINDS, Cells, Ports, ThresholdSwitches, Transconductors, law
from lstm_analog.network.shapes import Shape

NUMBERS = {"conductance": 1.0, "scale": 1.0, "offset": 0.0}


@dataclass(frozen=True, kw_only=True)
class Diode:
    label: str = "d"


def test_every_kind_has_cards_banks_and_wires():
    kinds = KINDS
    undeclared = {kind for kind in kinds if law.dispatch(kind) is law.dispatch(Diode)}
    missing = [f"{kind.__name__} has no wires" for kind in undeclared if wires.dispatch(kind) is wires.dispatch(Diode)]
    missing += [f"{kind.__name__} has no cards" for kind in undeclared if cards.dispatch(kind) is cards.dispatch(Diode)]
    assert not missing
    assert {kind.__name__ for kind in kinds} <= set(makers({}))


def test_an_unknown_kind_is_refused():
    text = r"^part Diode must declare its law, got none: register it for `law` of network.parts$"
    with pytest.raises(UnsupportedPartError, match=text):
        cards(Diode())


def test_a_kind_of_ones_own_does_not_hide_one_of_the_package():
    other = dataclass(frozen=True)(type("Ports", (), {"__annotations__": {"label": str}}))
    law.register(other, len)
    read = cards(Ports(label="p", line=ALWAYS, shape=Shape.EXP, a=[1], b=[0], p=[2], n=[0], **NUMBERS))
    assert type(makers({})["Ports"]("p", read)) is Ports


def test_cards_and_back(everything):
    kinds = set()
    for part in everything.network.parts:
        kinds.add(type(part))
        again = makers({})[type(part).__name__](part.label, cards(part))
        one, other = (replace(everything.network, parts=(bank,)) for bank in (part, again))
        assert one.equals(other, rtol=1e-15), part.label
    elsewhere = {Cells, ThresholdSwitches}  # test_cells, tests/physics/test_thresholds.py
    assert kinds == set(KINDS) - elsewhere


def test_every_x_card_has_a_device(everything):
    for part in everything.network.parts:
        read = cards(part)
        assert (read.letter == "x") is bool(read.device)
        if read.device and not read.library:
            head, *_, end = subcircuit(part, read, NGSPICE).splitlines()
            pins = len(read.pins) + (read.line != ALWAYS)
            assert head.split()[:2] == [".subckt", read.device]
            assert sum("=" not in word for word in head.split()[2:]) == pins
            assert [word.split("=")[0] for word in head.split() if "=" in word] == list(read.values)
            assert end == ".ends"


def test_values_have_one_number_an_element(everything):
    for part in everything.network.parts:
        if not isinstance(part, Transconductors):
            for value in cards(part).values.values():
                assert np.shape(value) == cards(part).pins[0].shape
