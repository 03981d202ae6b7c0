"""Spellings of values by a seeded draw, put on the cards of a deck that ngspice and this package's reader both read.

`python tests/export/spellings.py 20000` holds the two against each other over so many; with the path of another program
behind the number, against that: ngspice 45 in WebAssembly is `lstm_analog/engines/ngspice_wasm.mjs`. `test_values.py`
does so over a thousand. What the reader takes, ngspice must take for the same number.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from lstm_analog.engines.raw import read_raw
from lstm_analog.errors import FileFormatError
from lstm_analog.export import NGSPICE, USUAL, read_spice, write_spice
from lstm_analog.export.numbers import parse_number
from lstm_analog.network.domain import ELECTRICAL
from lstm_analog.network.graph import Group, Network, Unknowns
from lstm_analog.network.parts import Conductors, Factor, Pairs, Sources, Transconductors
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.shapes import Shape

SUFFIXES = ("", "", "", *"tgkmunpf", "meg", "mil", "a", "x", "d", "e", "c", "r", "mi", "me")
UNITS = ("", "", "", "ohm", "ohms", "v", "s", "hz", "f", "amp", "k", "eg", "il", "2", "_", ".5", "7k", "%", "e3")
NAMES = {"p_two": 2.0, "p_half": 0.5, "p_big": 4700.0}
KINDS = ("r", "g", "v", "x", "param")
LEAST = 1e-11
"""Smaller resistances are raised to 1e-12 ohm by ngspice 45."""


def number(rng: np.random.Generator) -> str:
    """Return digits with whatever may follow them, in either case, half of the time nothing or a usual suffix."""
    digits = str(rng.integers(1, 10 ** int(rng.integers(1, 5))))
    place = int(rng.integers(-1, len(digits) + 1))
    text = digits if place < 0 else f"{digits[:place]}.{digits[place:]}"
    if rng.random() < 0.3:
        text += f"{'eE'[rng.integers(2)]}{('', '+', '-')[rng.integers(3)]}{rng.integers(0, 10)}"
    text += SUFFIXES[rng.integers(len(SUFFIXES))] + UNITS[rng.integers(len(UNITS))]
    return text.upper() if rng.random() < 0.3 else text


def expression(rng: np.random.Generator, depth: int = 0) -> str:
    """Return an expression of numbers and names with brackets, blanks and signs."""
    if depth > 2 or rng.random() < 0.35:
        return [number(rng), list(NAMES)[rng.integers(3)]][rng.integers(2)]
    blank, sign = ("", " ", "  ")[rng.integers(3)], "-+"[rng.integers(2)]
    a, b = expression(rng, depth + 1), expression(rng, depth + 1)
    operator = ("+", "-", "*", "/", "+", "-", "*", "/", "**", "^", "%", "*-", "--", ">")[rng.integers(14)]
    forms = (f"{a}{blank}{operator}{blank}{b}", f"({blank}{a}{operator}{b})", f"{sign}{a}", f"{sign}({a}{operator}{b})")
    return forms[rng.choice(4, p=(0.5, 0.3, 0.1, 0.1))]


def spelling(rng: np.random.Generator) -> str:
    """Return a value as it may stand on a card: a number, or an expression in braces or quotes."""
    if rng.random() < 0.6:
        return ("", "", "-", "+", "--")[rng.integers(5)] + number(rng)
    text = expression(rng)
    return f"{{{text}}}" if rng.random() < 0.5 else f"'{text}'"


def ours(text: str) -> float | None:
    """Return what this package reads, None if it refuses."""
    try:
        return parse_number(text, NAMES)
    except FileFormatError:
        return None


def write_bench(path: Path, texts: list[str]) -> None:
    """Write a deck with each of `texts` on a card of each kind: resistor, weight, source, device, `.param`."""
    size = len(texts)
    labels = ("one", "rat", "gat", "xat", "pat", "vat")
    unknowns = Unknowns(
        groups=tuple(Group(label=each, size=1 if each == "one" else size, scale=1.0) for each in labels)
    )
    node = {label: unknowns[label] for label in labels}
    none = np.zeros(size, dtype=int)
    one = np.full(size, node["one"][0])
    factor = Factor(shape=Shape.LINEAR, p=one, n=none, scale=np.array(1.0), offset=np.array(0.0))
    network = Network(
        domain=ELECTRICAL,
        unknowns=unknowns,
        lines=("never",),
        provenance=(),
        parts=(
            Sources(label="one", nodes=node["one"], effort=1.0),
            *(Sources(label=each, nodes=node[each], effort=float(each == "rat")) for each in labels[1:5]),
            Sources(label="v", nodes=node["vat"], effort=np.arange(1.0, size + 1)),
            Conductors(label="r", a=node["rat"], b=none, conductance=np.arange(1.0, size + 1)),
            *(
                Transconductors(
                    label=label, rows=node[at], inputs=node["one"], transconductance=np.arange(1.0, size + 1)[:, None]
                )
                for label, at in (("g", "gat"), ("param", "pat"))
            ),
            Pairs(label="x", line=-1, factors=(factor,), out=node["xat"], current=np.arange(1.0, size + 1)),
        ),
    ).verify()
    schedule = Schedule(names=("rest",), high=[[False]], durations=[1.0], imposed=())
    write_spice(path, network, schedule, NGSPICE, USUAL)
    path.write_text(edited(path.read_text(), texts))


def edited(deck: str, texts: list[str]) -> str:
    """Return the `deck` with `texts` as values, names declared, and the currents of its sources saved."""
    declared = [f".param {name}={value!r}" for name, value in NAMES.items()]
    declared += [f".param p{k}={text}" for k, text in enumerate(texts)]
    lines = []
    for line in deck.replace("* ---- devices", "\n".join([*declared, "* ---- devices"])).splitlines():
        card = re.match(r"(rr|gg|vv|xx|gparam)_(\d+)(?:_0)? ", line)
        if card is None:
            lines.append(line)
            continue
        text = f"{{p{card[2]}}}" if card[1] == "gparam" else texts[int(card[2])]
        text = "1" if card[1] == "rr" and (ours(text) or 0.0) < 0.0 else text
        lines.append(re.sub(r"i0=\S+", lambda _, text=text: f"i0={text}", line) if card[1] == "xx" else "")
        lines[-1] = lines[-1] or " ".join([*line.split()[:-1], text])
    start = lines.index(".save")
    end = next(n for n, line in enumerate(lines) if line.startswith(".tran"))
    saved = [f"+ i(v{label}_{k})" for label in ("rat", "gat", "xat", "pat", "v") for k in range(len(texts))]
    return "\n".join([*lines[: start + 1], *saved, *(f"+ v(vat_{k})" for k in range(len(texts))), *lines[end:]]) + "\n"


def theirs(path: Path, size: int, program: str) -> dict[str, np.ndarray]:
    """Return what the `program` takes the values of the deck at `path` for, by kind of card; empty if it refuses it."""
    raw = path.with_suffix(".raw")
    command = [program, "-b", "-n", "-r", str(raw), str(path)]
    subprocess.run(command, capture_output=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
    if not raw.exists():
        return {}
    _renamed(raw)
    labels = {"r": "rat", "g": "gat", "x": "xat", "param": "pat"}
    names = [f"i_{label}_{k}" for label in labels.values() for k in range(size)] + [f"vat_{k}" for k in range(size)]
    values = read_raw(raw, names)[1][0].reshape(5, size)
    r, g, x, param, v = values
    with np.errstate(divide="ignore"):
        return {"r": -1.0 / r, "g": g, "x": x, "param": param, "v": v}


def _renamed(raw: Path) -> None:
    """Give the currents i(v<label>) of the raw file names that `read_raw` reads."""
    head, mark, data = raw.read_bytes().partition(b"Binary:\n")
    raw.write_bytes(re.sub(rb"\ti\(v(\w+)\)", rb"\tv(i_\1)", head) + mark + data)


def differing(path: Path, texts: list[str], program: str = "ngspice") -> list[tuple[str, str, float, float]]:
    """Return kind, text, our reading and the `program`'s where these differ; this package takes all of `texts`."""
    write_bench(path, texts)
    parts = {part.label: part for part in read_spice(path).network.parts}
    read = {
        "r": 1.0 / parts["r"].conductance,
        "param": parts["param"].transconductance[:, 0],
        "g": parts["g"].transconductance[:, 0],
        "x": parts["x"].current,
        "v": parts["v"].effort,
    }
    found = theirs(path, len(texts), program)
    assert found, "ngspice takes none of these decks"
    return [
        (kind, text, float(own), float(other))
        for kind in KINDS
        for text, own, other in zip(texts, read[kind], found[kind], strict=True)
        if not np.isclose(own, other, rtol=1e-11, atol=0.0)
    ]


def drawn(seed: int, count: int) -> tuple[list[str], list[str]]:
    """Return the spellings that this package takes, of a size that can be measured, and those that it refuses."""
    rng, taken, refused = np.random.default_rng(seed), [], []
    for _ in range(count):
        text = spelling(rng)
        value = ours(text)
        if value is None:
            refused.append(text)
        elif LEAST < abs(value) < 1e15:
            taken.append(text)
    return taken, refused


if __name__ == "__main__":
    taken, refused = drawn(1, int(sys.argv[1]))
    chosen = sys.argv[2] if len(sys.argv) > 2 else "ngspice"
    with tempfile.TemporaryDirectory() as folder:
        wrong = [
            entry
            for n in range(0, len(taken), 500)
            for entry in differing(Path(folder) / f"{n}.cir", taken[n : n + 500], chosen)
        ]
    sys.stdout.write(f"{len(taken)} spellings taken, {len(refused)} refused by name, {len(KINDS)} kinds of cards\n")
    sys.stdout.write(f"read otherwise than by {chosen}: {len(wrong)}\n" + "".join(f"{entry}\n" for entry in wrong[:20]))
