"""The transistor cell as a library of `.subckt` texts with literal values.

Stacked bipolar pairs multiply: the lower pair, `I tanh(v/2V_T)`, carries the signal, each of its collectors feeds a
`steer` whose outer transistor takes the fraction `sigmoid(v/V_T)` to an output; the rest is split evenly between both
outputs, so that their common mode never moves (Gilbert 1968). The pair that multiplies f and c is linear by a resistor
between its emitters. Capacitors behind transmission gates hold c and h, MOS followers in wells of their own read them;
super source followers (a p-channel transistor returns what the load takes) drive the rows. Each cell makes its own
bias: a line shared by cells would be loaded by the base currents of them all.
"""

from collections.abc import Iterator
from types import MappingProxyType

from lstm_analog.compiler.bicmos import LINEAR_TAIL, READING_TAIL, Bicmos
from lstm_analog.network.cells import Library, Subcircuit

DEVICE = "lstm_cell"
"""The subcircuit of a whole cell."""

MODELS = (
    (
        ".model qn npn(is=2e-17 bf=150 nf=1 vaf=100 ikf=5m ise=0 ne=1.8 br=2 var=10 rb=150 re=3 rc=60 cje=60f vje=0.8 "
        "mje=0.35 cjc=30f vjc=0.6 mjc=0.35 cjs=60f tf=30p tr=5n xti=3 eg=1.12 xtb=1.2)"
    ),
    (
        ".model mn nmos(level=1 vto=0.7 kp=120u gamma=0.5 phi=0.7 lambda=0.03 tox=12n cgso=0.25n cgdo=0.25n cgbo=0.1n "
        "cj=0.4m mj=0.5 cjsw=0.3n mjsw=0.33 js=1e-6)"
    ),
    (
        ".model mp pmos(level=1 vto=-0.8 kp=40u gamma=0.5 phi=0.7 lambda=0.04 tox=12n cgso=0.25n cgdo=0.25n cgbo=0.1n "
        "cj=0.5m mj=0.5 cjsw=0.3n mjsw=0.33 js=1e-6)"
    ),
)
"""A bipolar transistor, an n-channel and a p-channel one."""

DEGENERATION = 0.25
"""Voltage across the emitter resistor of a tail (V): ten thermal voltages, so that tails match as resistors do."""
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


_STEERS = ("xu1 a up un om op om steer", "xu2 b up un op op om steer")
"""The cards of the two steers that form the upper tier of a product."""


def library(technology: Bicmos) -> Library:
    """Return the subcircuit of a cell of `technology`, with its models and all subcircuits in it."""
    row = technology.row_current / technology.reference_current
    adding = 1.0 / technology.state_scale
    tails = [_tail(technology, k) for k in dict.fromkeys((1.0, 2.0, 3.0, 4.0, row, adding))]
    parts = [
        _bias(technology),
        _steer(),
        *(_tanh_product(k) for k in dict.fromkeys((adding, READING_TAIL))),
        _linear_product(technology.trims.emitter_resistance),
        *(_follower(k, width) for k, width in ((4.0, 20.0), (2.0, 20.0), (2.0, 40.0))),
        _row_driver(row),
        _gate(),
    ]
    return Library(models=MODELS, subcircuits=(*tails, *parts, _cell(technology, adding)))


def _text(value: float) -> str:
    return repr(float(f"{value:.10g}"))


def _named(name: str, *sizes: float) -> str:
    """Return the name of the variant of a subcircuit with these sizes, e.g. tail_0p5."""
    return "_".join([name, *(f"{size:.6g}".replace(".", "p").replace("-", "m").replace("+", "") for size in sizes)])


def _circuit(name: str, terminals: str, *cards: str, outputs: tuple[str, ...] = ()) -> Subcircuit:
    return Subcircuit(name=name, terminals=tuple(terminals.split()), outputs=outputs, cards=cards)


def _tail(technology: Bicmos, k: float) -> Subcircuit:
    """Return a current sink of `k` times the reference current."""
    resistance = DEGENERATION / (technology.reference_current * k)
    return _circuit(_named("tail", k), "n vb vss", f"q1 n vb e qn {_text(k)}", f"r1 e vss {_text(resistance)}")


def _bias(technology: Bicmos) -> Subcircuit:
    """Return the bias generator: iref takes the reference current, a second transistor feeds the bases of all tails."""
    resistance = DEGENERATION / technology.reference_current
    cards = ("q1 iref vb e qn 1", f"r1 e vss {_text(resistance)}", "q2 vcc iref vb qn 1", "r2 vb vss 40000.0")
    return _circuit("bias", "iref vb vcc vss", *cards)


def _steer() -> Subcircuit:
    """Return a pair that sends the fraction sigmoid of tail current t to o, and half the rest to each of d1, d2."""
    return _circuit("steer", "t bp bn o d1 d2", "q1 o bp t qn 1", "q2 d1 bn t qn 0.5", "q3 d2 bn t qn 0.5")


def _tanh_product(k: float) -> Subcircuit:
    """Return the product I(om) - I(op) = I sigmoid(u/V_T) tanh(l/2V_T), I being k reference currents."""
    cards = ("q1 a lp e qn 1", "q2 b ln e qn 1", f"xt e vb vss {_named('tail', k)}", *_STEERS)
    return _circuit(_named("tanh_product", k), "lp ln up un op om vb vss", *cards)


def _linear_product(resistance: float) -> Subcircuit:
    """Return the product of sigmoid(u/V_T) and l, linear by the resistor between the emitters."""
    tail = _named("tail", LINEAR_TAIL)
    pair = ("q1 a lp e1 qn 1", "q2 b ln e2 qn 1", f"re e1 e2 {_text(resistance)}")
    tails = (f"xt1 e1 vb vss {tail}", f"xt2 e2 vb vss {tail}")
    return _circuit("linear_product", "lp ln up un op om vb vss", *pair, *tails, *_STEERS)


def _follower(k: float, width: float) -> Subcircuit:
    """Return an n-channel source follower in a well of its own, `width` (um) wide, with k reference currents."""
    cards = (f"m1 vcc in out out mn w={_text(width)}u l=1u", f"xt out vb vss {_named('tail', k)}")
    return _circuit(_named("follower", k, width), "in out vcc vb vss", *cards)


def _row_driver(k: float) -> Subcircuit:
    """Return a super source follower, class A up to k reference currents: m1 carries two, m2 supplies the load."""
    return _circuit(
        "row_driver",
        "in out vcc vb vbp vss",
        "m1 x in out out mn w=40u l=1u",
        "m3 x vbp vcc vcc mp w=24u l=1u",
        "m2 out x vcc vcc mp w=200u l=0.6u",
        f"xt out vb vss {_named('tail', k)}",
    )


def _gate() -> Subcircuit:
    """Return a transmission gate from a to b, closed while ck is high and ckb low."""
    n = "m1 a ck b vss mn w=2u l=0.6u ad=2p as=2p pd=4u ps=4u"
    p = "m2 a ckb b vcc mp w=4u l=0.6u ad=4p as=4p pd=6u ps=6u"
    return _circuit("gate", "a b ck ckb vcc vss", n, p)


def _cell(technology: Bicmos, adding: float) -> Subcircuit:
    cards = (*_biasing(technology), *_update(technology, adding), *_output(technology))
    cards += tuple(card for side in "pn" for card in _chain(technology, side))
    return _circuit(DEVICE, " ".join(TERMINALS), *cards, outputs=OUTPUTS)


def _biasing(technology: Bicmos) -> Iterator[str]:
    yield f"iref vcc iref {_text(technology.reference_current * technology.warmth)}"
    yield "xbias iref vb vcc vss bias"
    yield "mbp vbp vbp vcc vcc mp w=12u l=1u"
    yield f"xbp vbp vb vss {_named('tail', 1.0)}"


def _update(technology: Bicmos, adding: float) -> Iterator[str]:
    """Yield the cards that compute f c + i g: two products whose currents add in the loads."""
    for side in "pn":
        yield f"rs{side} vcc s_{side} {_text(technology.cell_load)}"
    yield f"xig zg_p zg_n zi_p zi_n s_p s_n vb vss {_named('tanh_product', adding)}"
    yield "xfc c_p c_n zf_p zf_n s_p s_n vb vss linear_product"


def _output(technology: Bicmos) -> Iterator[str]:
    """Yield the cards that compute o tanh(c)."""
    for side in "pn":
        yield f"ro{side} vcc o_{side} {_text(technology.trims.hidden_load)}"
    yield f"xoh t_p t_n zo_p zo_n o_p o_n vb vss {_named('tanh_product', READING_TAIL)}"


def _chain(technology: Bicmos, side: str) -> Iterator[str]:
    """Yield the cards of master, follower, slave, follower of c and of h on one `side`, with the reset gates."""
    capacitance = _text(technology.hold_capacitance)
    master, slave, hidden = _named("follower", 4.0, 20.0), _named("follower", 2.0, 20.0), _named("follower", 2.0, 40.0)
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
