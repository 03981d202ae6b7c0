from dataclasses import dataclass, replace

import numpy as np
import pytest

from lstm_analog.engines import Integrate, Ngspice
from lstm_analog.errors import UnsupportedPartError
from lstm_analog.export import Accuracy
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


# The devices that cards refer to.


def test_a_part_without_a_body_is_refused(everything):
    part = next(part for part in everything.network.parts if isinstance(part, Transconductors))
    read = replace(cards(part), device="diode")
    with pytest.raises(UnsupportedPartError, match=r"^part Transconductors must declare its law, got none"):
        subcircuit(part, read, NGSPICE)


def test_gates_are_in_the_device(everything):
    parts = (everything.network.part(label) for label in ("port1", "port0"))
    gated, free = (subcircuit(part, cards(part), NGSPICE) for part in parts)
    assert gated.count(" en ") == 1
    assert "v(en)*" in gated
    assert "en" not in free.replace(".ends", "")


def test_ngspice_computes_what_the_laws_say(everything):
    """Every kind of part and every shape at once, in all phases, ngspice against scipy.

    In the netlist a source takes an edge to change, 1e-4 of the shortest interval.
    """
    spice = Ngspice(accuracy=Accuracy(reltol=1e-6, vntol=1e-9, abstol=1e-12, chgtol=1e-12, steps=1500))
    ours = Integrate(rtol=1e-9, atol=1e-11, points=4000).run(everything.network, everything.schedule)
    theirs = spice.run(everything.network, everything.schedule)
    moments, every = [0.004, 0.3, 0.9, 1.2, 1.9, 2.0095], np.arange(everything.network.unknowns.size)
    np.testing.assert_allclose(theirs.sample(moments, every), ours.sample(moments, every), rtol=0, atol=1e-4)
