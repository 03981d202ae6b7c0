"""The transistor cell as a library of `.subckt` texts with literal values.

Stacked bipolar pairs multiply: the lower pair, `I tanh(v/2V_T)`, carries the signal, each of its collectors feeds a
`steer` whose outer transistor takes the fraction `sigmoid(v/V_T)` to an output; the rest is split evenly between both
outputs, so that their common mode never moves (Gilbert 1968). The pair that multiplies f and c is linear by a resistor
between its emitters. Capacitors behind transmission gates hold c and h, MOS followers in wells of their own read them;
super source followers (a p-channel transistor returns what the load takes) drive the rows. Each cell makes its own
bias: a line shared by cells would be loaded by the base currents of them all.
"""

from collections.abc import Iterator
from dataclasses import replace
from math import log
from types import MappingProxyType

from lstm_analog.compiler.bicmos import LINEAR_TAIL, READING_TAIL, Bicmos
from lstm_analog.compiler.bicmos_conditions import BiasCell
from lstm_analog.compiler.bicmos_devices import Devices, text
from lstm_analog.compiler.bicmos_services import BIAS_ROW, MIRROR, Services, mirrored
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.network.cells import Cells, Library, Subcircuit, flat

DEVICE = "lstm_cell"
"""The subcircuit of a whole cell."""

DEGENERATION = 0.25
"""Voltage across the emitter resistor of a tail (V): ten thermal voltages, so that tails match as resistors do."""
_LEAST = 0.05
"""The least voltage across it where the transistor is smaller (V): two thermal voltages."""
TERMINALS = (
    *("zi_p", "zi_n", "zf_p", "zf_n", "zg_p", "zg_n", "zo_p", "zo_n", "t_p", "t_n"),
    *("h_p", "h_n", "new_p", "new_n", "c_p", "c_n"),
    *("take", "take_b", "copy", "copy_b", "reset", "reset_b", "vcc", "vss", "c0_p", "c0_n", "h0_p", "h0_n"),
)
"""Terminals of a cell: columns and inputs of tanh(c); h, master and slave of c; clocks, supply and reset levels."""
OUTPUTS = ("h_p", "h_n", "new_p", "new_n", "c_p", "c_n")
"""The terminals whose voltage a cell determines."""
MASTERS = ("mc_p", "mc_n", "mh_p", "mh_n")
"""The nodes inside a cell at the capacitors of the masters of c and h."""
SLAVES = ("sc_p", "sc_n", "sh_p", "sh_n")
"""The nodes inside a cell at the capacitors of the slaves."""
OFFSETS = MappingProxyType({"s": "sum", "t": "reading"})
"""Signals of a cell, without their sides, from which a small current may be drawn, and its name: c in its loads, and
the input of tanh(c)."""
PURPOSES = MappingProxyType(
    {
        "rs": "loads of c",
        "ro": "loads of h",
        "xig": "product i g",
        "xfc": "product f c",
        "xoh": "product o tanh(c)",
        "x1": "gates of masters",
        "x2": "followers of masters",
        "x3": "gates of slaves",
        "x4c": "followers of c",
        "x4h": "row drivers",
        "x5": "gates of reset",
    }
)
"""What the cards of a cell are for, by the beginning of their names; the bias generator has the others."""


_MASTER, _SLAVE, _HIDDEN = (4.0, 20.0), (2.0, 20.0), (2.0, 40.0)
"""Followers of the masters of c, its slaves, the masters of h: current over that of followers, width (um)."""


def library(technology: Bicmos) -> Library:
    """Return the subcircuit of a cell of `technology`, with its models and all subcircuits in it."""
    row, feed = (each / technology.reference_current for each in (technology.row_current, technology.follower_current))
    adding = 1.0 / technology.state_scale
    currents = (1.0, READING_TAIL, LINEAR_TAIL, adding, feed, *(k * feed for k, _ in (_MASTER, _SLAVE)), row)
    parts = [
        *(_tail(technology, k) for k in {_named("tail", k): k for k in sorted(currents)}.values()),
        _bias(technology),
        _steer(technology),
        *(_tanh_product(technology, k) for k in dict.fromkeys((adding, READING_TAIL))),
        _linear_product(technology),
        *(_follower(technology, k * feed, width) for k, width in (_MASTER, _SLAVE, _HIDDEN)),
        _row_driver(technology, row),
        _gate(technology.devices),
        _cell(technology, adding, feed),
    ]
    return Library(models=technology.models, subcircuits=tuple(parts), devices=technology.devices.defined)


def is_unit(part: Cells) -> bool:
    """Return whether the bank `part` is of cells, of all units or with mismatch of one, not of circuits around them."""
    return part.device.startswith(DEVICE)


def _named(name: str, *sizes: float) -> str:
    """Return the name of the variant of a subcircuit with these sizes, e.g. tail_0p5."""
    return "_".join([name, *(f"{size:.6g}".replace(".", "p").replace("-", "m").replace("+", "") for size in sizes)])


def _circuit(name: str, terminals: str, *cards: str, outputs: tuple[str, ...] = ()) -> Subcircuit:
    return Subcircuit(name=name, terminals=tuple(terminals.split()), outputs=outputs, cards=cards)


def _tail(technology: Bicmos, k: float) -> Subcircuit:
    """Return a current sink of `k` times the reference current.

    A transistor smaller than the current asks for takes more volts from base to emitter, its resistor that much less.
    Raises `InvalidValueError` if that leaves the resistor none.
    """
    area = min(k, technology.tail_area)
    volts = DEGENERATION - technology.thermal_volts * log(k / area)
    if volts < _LEAST:
        must, do = f"leave {_LEAST:g} V to the resistor of a tail of {k:g} reference currents", "choose a larger one"
        raise InvalidValueError(explain("tail_area", must=must, got=technology.tail_area, do=do))
    card = technology.devices.npn.card("1", "n vb e", area)
    return _circuit(_named("tail", k), "n vb vss", card, f"r1 e vss {text(volts / (technology.reference_current * k))}")


def _replica(technology: Bicmos) -> Subcircuit:
    """Return the bias generator that holds the current through a whole product at that of the reference.

    q1 to q3 are a tail and two transistors upon it, their bases at 3.0 V and 2.4 V of a nominal supply, to which they
    are proportional. The node iref is not, so it must not be 0.3 V lower than the base of q3: else q3 saturates where
    it is warm and the supply is high, and what its base takes of the reference is missing. m1, r3 and q4 bring iref
    down to the bases of the tails. The reference current itself starts it: with all transistors off it lifts iref.
    Without the diodes q5 to q7 it also rests, as chips did at 70 and 85 C, where q1 is saturated and its emitter
    resistor takes its current from the base, with iref above the supply: they keep vb below 1.7 V. c1 keeps the loop
    stable: its pole, 1 pF by the emitter resistor, is ten times slower than those of the followers.
    """
    devices, resistance = technology.devices, DEGENERATION / technology.reference_current
    cards = (
        *(devices.npn.card(*end, 1.0) for end in (("1", "n vb e"), ("2", "a bm n"), ("3", "iref bt a"))),
        f"r1 e vss {text(resistance)}",
        *("rt vcc bt 40000.0", "rm bt bm 12000.0", "rb bm vss 48000.0"),
        devices.nmos.card("1", "vcc iref x x", 20.0, 1.0),
        *("r3 x y 40000.0", "r4 y vss 85000.0", devices.npn.card("4", "vcc y vb", 2.0), "r2 vb vss 40000.0"),
        *(devices.npn.card(*end, 1.0) for end in (("5", "y y k1"), ("6", "k1 k1 k2"), ("7", "k2 k2 vss"))),
        "c1 iref vss 1e-12",
    )
    return _circuit("bias", "iref vb vcc vss", *cards)


def _bias(technology: Bicmos) -> Subcircuit:
    """Return the bias generator: iref takes the reference current, a second transistor feeds the bases of all tails."""
    if technology.bias_cell is BiasCell.REPLICA:
        return _replica(technology)
    devices, resistance = technology.devices, DEGENERATION / technology.reference_current
    helper = devices.npn.card("2", "vcc iref vb", 1.0)
    if technology.bias_cell is BiasCell.MOS_HELPER:
        helper = devices.nmos.card("2", "vcc iref vb vb", 20.0, 1.0)
    cards = (devices.npn.card("1", "iref vb e", 1.0), f"r1 e vss {text(resistance)}", helper, "r2 vb vss 40000.0")
    return _circuit("bias", "iref vb vcc vss", *cards)


def _steer(technology: Bicmos) -> Subcircuit:
    """Return a pair that sends the fraction sigmoid of tail current t to o, and half the rest to each of d1, d2."""
    ends = (("1", "o bp t", 1.0), ("2", "d1 bn t", 0.5), ("3", "d2 bn t", 0.5))
    cards = (technology.devices.pair(technology.pairs, *end) for end in ends)
    return _circuit("steer", f"t bp bn o d1 d2{_ground(technology)}", *cards)


def _ground(technology: Bicmos) -> str:
    """Return the terminal that a circuit of pairs has beside those of its signals: the substrate, where it is a pin."""
    return " vss" if technology.devices.npn.terminals and technology.pairs is None else ""


def _steers(technology: Bicmos) -> tuple[str, ...]:
    """Return the cards of the two steers that form the upper tier of a product."""
    ground = _ground(technology)
    return f"xu1 a up un om op om{ground} steer", f"xu2 b up un op op om{ground} steer"


def _lower_pair(technology: Bicmos, p: str, n: str) -> tuple[str, ...]:
    """Return the cards of the pair from lp and ln to a and b, its emitters at the nodes `p` and `n`."""
    ends = (("1", f"a lp {p}", 1.0), ("2", f"b ln {n}", 1.0))
    return tuple(technology.devices.pair(technology.pairs, *end) for end in ends)


def _tanh_product(technology: Bicmos, k: float) -> Subcircuit:
    """Return the product I(om) - I(op) = I sigmoid(u/V_T) tanh(l/2V_T), I being k reference currents."""
    cards = (*_lower_pair(technology, "e", "e"), f"xt e vb vss {_named('tail', k)}", *_steers(technology))
    return _circuit(_named("tanh_product", k), "lp ln up un op om vb vss", *cards)


def _linear_product(technology: Bicmos) -> Subcircuit:
    """Return the product of sigmoid(u/V_T) and l, linear by the resistor between the emitters."""
    tail = _named("tail", LINEAR_TAIL)
    pair = (*_lower_pair(technology, "e1", "e2"), f"re e1 e2 {text(technology.trims.emitter_resistance)}")
    tails = (f"xt1 e1 vb vss {tail}", f"xt2 e2 vb vss {tail}")
    return _circuit("linear_product", "lp ln up un op om vb vss", *pair, *tails, *_steers(technology))


def _follower(technology: Bicmos, k: float, width: float) -> Subcircuit:
    """Return an n-channel source follower in a well of its own, `width` (um) wide, with k reference currents."""
    card = technology.devices.nmos.card("1", "vcc in out out", width, 1.0)
    return _circuit(_named("follower", k, width), "in out vcc vb vss", card, f"xt out vb vss {_named('tail', k)}")


def _row_driver(technology: Bicmos, k: float) -> Subcircuit:
    """Return a super source follower, class A up to k reference currents.

    m1 carries two of the currents of followers, m2 supplies the load.
    """
    nmos, pmos = technology.devices.nmos, technology.devices.pmos
    return _circuit(
        "row_driver",
        "in out vcc vb vbp vss",
        nmos.card("1", "x in out out", 40.0, 1.0),
        pmos.card("3", "x vbp vcc vcc", 24.0, 1.0),
        pmos.card("2", "out x vcc vcc", 200.0, 0.6),
        f"xt out vb vss {_named('tail', k)}",
    )


def _gate(devices: Devices) -> Subcircuit:
    """Return a transmission gate from a to b, closed while ck is high and ckb low."""
    n = devices.nmos.card("1", "a ck b vss", 2.0, 0.6, devices.gate_diffusion)
    p = devices.pmos.card("2", "a ckb b vcc", 4.0, 0.6, devices.gate_diffusion)
    return _circuit("gate", "a b ck ckb vcc vss", n, p)


def _cell(technology: Bicmos, adding: float, feed: float) -> Subcircuit:
    cards = (*_biasing(technology, feed), *_update(technology, adding), *_output(technology))
    cards += tuple(card for side in "pn" for card in _chain(technology, side, feed))
    return _circuit(DEVICE, " ".join(terminals(technology)), *cards, outputs=OUTPUTS)


def terminals(technology: Bicmos) -> tuple[str, ...]:
    """Return the terminals of a cell of `technology`: beside `TERMINALS` the lines of the mirror, if there are any."""
    return TERMINALS if technology.services is None else (*TERMINALS, *MIRROR)


def bias_row_library(technology: Bicmos, services: Services) -> Library:
    """Return the driver of a bias row by `services` as a library of `technology`: 2 I over a load, as h is at 1."""
    feed = technology.follower_current / technology.reference_current
    follower = _named("follower", _HIDDEN[0] * feed, _HIDDEN[1])
    cards = [*_biasing(technology, feed), f"xt o vb vss {_named('tail', READING_TAIL)}"]
    cards.append(f"ro vcc o {text(services.bias_row_resistance)}")
    for side, start in (("p", "vcc"), ("n", "o")):
        cards += [
            f"xf{side} {start} m{side} vcc vb vss {follower}",
            f"xd{side} m{side} {side} vcc vb vbp vss row_driver",
        ]
    whole = library(technology)
    driver = _circuit(BIAS_ROW, f"p n vcc vss {' '.join(MIRROR)}", *cards, outputs=("p", "n"))
    return replace(whole, subcircuits=(flat(replace(whole, subcircuits=(*whole.subcircuits, driver)), BIAS_ROW),))


def _biasing(technology: Bicmos, feed: float) -> Iterator[str]:
    if technology.services is None:
        yield f"iref vcc iref {text(technology.bias_current)}"
    else:
        yield from mirrored(technology.devices, technology.services, "ref", "iref")
    yield "xbias iref vb vcc vss bias"
    yield technology.devices.pmos.card("bp", "vbp vbp vcc vcc", 12.0, 1.0)
    yield f"xbp vbp vb vss {_named('tail', feed)}"


def _update(technology: Bicmos, adding: float) -> Iterator[str]:
    """Yield the cards that compute f c + i g: two products whose currents add in the loads."""
    for side in "pn":
        yield f"rs{side} vcc s_{side} {text(technology.cell_load)}"
    yield f"xig zg_p zg_n zi_p zi_n s_p s_n vb vss {_named('tanh_product', adding)}"
    yield "xfc c_p c_n zf_p zf_n s_p s_n vb vss linear_product"


def _output(technology: Bicmos) -> Iterator[str]:
    """Yield the cards that compute o tanh(c)."""
    for side in "pn":
        yield f"ro{side} vcc o_{side} {text(technology.trims.hidden_load)}"
    yield f"xoh t_p t_n zo_p zo_n o_p o_n vb vss {_named('tanh_product', READING_TAIL)}"


def _chain(technology: Bicmos, side: str, feed: float) -> Iterator[str]:
    """Yield the cards of master, follower, slave, follower of c and of h on one `side`, with the reset gates.

    `feed` is the current of followers over that of the reference.
    """
    capacitance = text(technology.hold_capacitance)
    master, slave, hidden = (_named("follower", k * feed, width) for k, width in (_MASTER, _SLAVE, _HIDDEN))
    for letter, source, held, first, last in (
        ("c", f"s_{side}", f"new_{side}", f"vcc vb vss {master}", f"c_{side} vcc vb vss {slave}"),
        ("h", f"o_{side}", f"hm_{side}", f"vcc vb vss {hidden}", f"h_{side} vcc vb vbp vss row_driver"),
    ):
        k, name = letter + side, f"{letter}_{side}"
        yield f"x1{k} {source} m{name} take take_b vcc vss gate"
        yield f"c1{k} m{name} vss {capacitance}"
        yield f"x2{k} m{name} {held} {first}"
        yield f"x3{k} {held} s{name} copy copy_b vcc vss gate"
        yield f"c3{k} s{name} vss {capacitance}"
        yield f"x4{k} s{name} {last}"
        yield f"x5{k} s{name} {letter}0_{side} reset reset_b vcc vss gate"
