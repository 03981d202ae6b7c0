"""A schematic for xschem, read by rules that are not ours, has every device and net of the cell."""

import re
from collections import defaultdict
from dataclasses import replace

import by_hand
import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.errors import UnsupportedError
from lstm_analog.export import write_xschem
from lstm_analog.network.cells import Library, Subcircuit, flat
from lstm_analog.network.parts import Cells, Sources

# The boxes on layer 5, the pins, of symbols in xschem_library/devices (xschem 3.4), in the order of `@pinlist`, and
# their `format`; the file format is that of the developer section of the manual.
PINS = {
    "res": "P 0 -30, M 0 30",
    "capa": "p 0 -30, m 0 30",
    "isource": "p 0 -30, m 0 30",
    "npn": "C 20 -30, B -20 0, E 20 30",
    "nmos4": "d 20 -30, g -20 0, s 20 30, b 20 0",
    "pmos4": "d 20 30, g -20 0, s 20 -30, b 20 0",
    "lab_pin": "p 0 0",
    "iopin": "p 0 0",
}
FORMATS = {
    "res": "@name @pinlist @value m=@m",
    "capa": "@name @pinlist @value m=@m",
    "isource": "@name @pinlist @value",
    "npn": "@name @pinlist @model area=@area",
    "nmos4": "@name @pinlist @model w=@w l=@l @extra m=@m",
    "pmos4": "@name @pinlist @model w=@w l=@l @extra m=@m",
}
INSTANCE = re.compile(r"^C \{devices/(\w+)\.sym\} (-?\d+) (-?\d+) (\d) (\d) \{(.*?)\}$", re.MULTILINE | re.DOTALL)


def machine(technology=la.electrical.BICMOS, **options):
    return la.compile(la.random_lstm(np.random.default_rng(0), 1, 1, name="first"), technology, **options)


def attributes(text):
    return {key: value.strip('"') for key, value in re.findall(r'(\w+)=("[^"]*"|\S+)', text)}


def places(symbol, x, y, flip):
    """Return where the pins of a symbol are: flip mirrors x before the symbol is moved; nothing is rotated."""
    corners = (pin.split()[1:] for pin in PINS[symbol].split(", "))
    return [(x + (-int(a) if flip else int(a)), y + int(b)) for a, b in corners]


def netlist(text):
    """Return the cards of a schematic, as xschem writes them, and the labels of its terminals."""
    nets, devices, terminals = defaultdict(set), [], []
    for symbol, x, y, rotation, flip, said in INSTANCE.findall(text):
        assert rotation == "0"
        if symbol == "code":
            continue
        own, at = attributes(said), places(symbol, int(x), int(y), int(flip))
        if "lab" in own:
            nets[at[0]].add(own["lab"])
            terminals += [own["lab"]] if symbol == "iopin" else []
        else:
            devices.append((symbol, own, at))
    assert all(len(labels) == 1 for labels in nets.values())  # no two nets touch
    cards = []
    for symbol, own, at in devices:
        own["pinlist"] = " ".join(nets[place].copy().pop() for place in at)
        cards.append(" ".join(re.sub(r"@(\w+)", lambda found, own=own: own[found[1]], FORMATS[symbol]).split()))
    return cards, tuple(terminals)


def plain(card):
    """Return a card without what is neutral: m=1, and the word before an area."""
    return card.replace("area=", "").removesuffix(" m=1")


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_the_schematic_is_the_cell(tmp_path, scale):
    made = machine(replace(la.electrical.BICMOS, state_scale=scale))
    made.write.xschem(tmp_path / "cell.sch")
    (part,) = (part for part in made.network.parts if isinstance(part, Cells))
    cell = flat(part.library, part.device)
    text = (tmp_path / "cell.sch").read_text()
    cards, terminals = netlist(text)
    assert sorted(map(plain, cards)) == sorted(cell.cards)
    assert terminals == cell.terminals
    assert all(model in text for model in part.library.models)
    assert text.startswith("v {xschem version=3.4.5 file_version=1.2}\nG {}\nK {}\nV {}\nS {}\nE {}\n")


def drawn(folder, *cards):
    """Return what `write_xschem` draws of a cell of these cards, and the cards that its netlist has."""
    models = (".model qn npn(bf=100)", ".model mn nmos(level=1 vto=1)", ".model rm r(rsh=1)")
    circuit = Subcircuit(name="cell", terminals=("a", "b"), outputs=("b",), cards=cards)
    library = Library(models=models, subcircuits=(circuit,))
    part = Cells(label="one", device="cell", library=library, temperature=27.0, pins=[[1], [2]])
    source = Sources(label="s", nodes=[1], effort=1.0)
    write_xschem(folder / "cell.sch", by_hand.network({"s": 1, "o": 1}, source, part))
    return [plain(card) for card in netlist((folder / "cell.sch").read_text())[0]]


def test_all_of_a_card_is_in_the_schematic(tmp_path):
    """Number of copies, coefficients and areas: m=1 beside m=3 is what xschem would have written."""
    cards = (
        "r1 a b 100 tc1=1e-3",
        "r2 a b rm w=1 l=2",
        "c1 a b 1p m=2",
        "i1 a b dc 1m",
        "q1 a b 0 qn 3 m=2",
        "m1 a b 0 0 mn w=1u l=2u ad=1p m=3",
    )
    assert sorted(drawn(tmp_path, *cards)) == sorted(cards)
    assert drawn(tmp_path, "q1 a b 0 qn area=3") == ["q1 a b 0 qn 3"]


@pytest.mark.parametrize("card", ["r1 a b", "q1 a b 0 nope", "m1 a b 0 0 mn", "m1 a b 0 0 mn w=1u"])
def test_a_card_that_no_symbol_stands_for_is_refused(tmp_path, card):
    with pytest.raises(UnsupportedError, match=rf"^a card for xschem must have a value, .*, got '{card}': complete it"):
        drawn(tmp_path, card)
    assert not list(tmp_path.iterdir())


def test_symbols_do_not_overlap(tmp_path):
    machine().write.xschem(tmp_path / "cell.sch")
    found = INSTANCE.findall((tmp_path / "cell.sch").read_text())
    at = [(int(x), int(y)) for symbol, x, y, *_ in found if symbol in FORMATS]
    assert len(at) == len(set(at)) > 80
    assert min(abs(a[0] - b[0]) + abs(a[1] - b[1]) for a in at for b in at if a != b) >= 160


def test_a_machine_without_transistors_is_refused(tmp_path):
    with pytest.raises(UnsupportedError, match="a schematic must be of one kind of transistor cell, got 0 kinds"):
        machine(la.electrical.OPAMP).write.xschem(tmp_path / "cell.sch")
    assert not list(tmp_path.iterdir())
