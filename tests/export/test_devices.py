from dataclasses import replace

import pytest

from lstm_analog.engines import Integrate, Ngspice
from lstm_analog.errors import UnsupportedPartError
from lstm_analog.export import Accuracy
from lstm_analog.export.cards import cards
from lstm_analog.export.devices import subcircuit
from lstm_analog.export.dialects import NGSPICE
from lstm_analog.network.parts import Transconductors


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
    every = list(range(everything.network.unknowns.size))
    for moment in (0.004, 0.3, 0.9, 1.2, 1.9, 2.0095):
        a, b = (run.sample([moment], every)[0] for run in (ours, theirs))
        for number, name in enumerate(everything.network.unknowns.names()):
            assert a[number] == pytest.approx(b[number], abs=1e-4), (name, moment)
