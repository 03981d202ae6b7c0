"""Cells of a few devices whose noise is known in closed form, at 27 C: written here, by nobody else's formulas."""

import by_hand
import numpy as np

from lstm_analog.engines.noise.spectra import expose_nodes
from lstm_analog.network.cells import Cells, Library, Subcircuit
from lstm_analog.network.parts import Junctions, Sources

CHARGE, ENERGY = 1.602176634e-19, 1.380649e-23 * 300.15
OHM, FARAD, AMPERE = 25e3, 2e-12, 20e-6
MODELS = (
    ".model qn npn(is=2e-17 bf=1e6 nf=1)",
    ".model mn nmos(level=1 vto=0.7 kp=120u)",
    ".model mf nmos(level=1 vto=0.7 kp=120u kf=1e-26 af=1 tox=12n)",
)


def cells(terminals, outputs, cards, sources):
    """A network of one cell of these cards, the nodes inside exposed; `sources` are its terminals' voltages."""
    circuit = Subcircuit(name="tried", terminals=terminals, outputs=outputs, cards=cards)
    numbers = {name: number for number, name in enumerate(terminals, start=1)}
    bank = Cells(
        label="cell",
        device="tried",
        library=Library(models=MODELS, subcircuits=(circuit,)),
        temperature=27.0,
        pins=np.array([[numbers[name]] for name in terminals]),
    )
    held = (
        Sources(label=f"s_{name}", nodes=np.array([numbers[name]]), effort=np.array([volts]))
        for name, volts in sources.items()
    )
    free = [numbers[name] for name in terminals if name not in (*sources, *outputs)]
    joined = (Junctions(label="free", nodes=np.array(free)),) if free else ()
    return expose_nodes(by_hand.network({f"n_{name}": 1 for name in terminals}, *held, *joined, bank))


def resistor():
    """A resistor at a source, and a capacitor behind it."""
    return cells(("a",), (), (f"r1 a out {OHM}", f"c1 out 0 {FARAD}"), {"a": 1.0})


def pair(control):
    """A pair of bipolar transistors on two loads, from a source of `AMPERE`, and what theory says of v(p) - v(n).

    The shot noise of both halves goes round in part, so that 2 q I (1 - tanh^2) is left of it.
    """
    cards = (
        "q1 p bp e qn 1", "q2 n bn e qn 1", f"it e 0 {AMPERE}",
        f"r1 vcc p {OHM}", f"r2 vcc n {OHM}", f"c1 p 0 {FARAD}", f"c2 n 0 {FARAD}",
    )  # fmt: skip
    network = cells(("vcc", "bp", "bn"), (), cards, {"vcc": 5.0, "bp": 3.0 + control, "bn": 3.0})
    steered = np.tanh(0.5 * control / (ENERGY / CHARGE))
    shot = 2.0 * CHARGE * AMPERE * (1.0 - steered**2)
    return network, (4.0 * shot / 4.0 + 2.0 * 4.0 * ENERGY / OHM) * OHM / (4.0 * FARAD)


def sampler():
    """A transistor that connects a capacitor to a source while its gate is high."""
    return cells(("a", "ck"), (), ("m1 a ck out 0 mn w=2u l=0.6u", f"c1 out 0 {FARAD}"), {"a": 1.0, "ck": 0.0})


def flickering():
    """A transistor in saturation whose model has 1/f noise, on a load."""
    cards = ("m1 out g 0 0 mf w=20u l=1u", f"r1 a out {OHM}", f"c1 out 0 {FARAD}")
    return cells(("a", "g"), (), cards, {"a": 5.0, "g": 0.9})
