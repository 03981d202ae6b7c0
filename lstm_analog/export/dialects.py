"""SPICE dialects as data: what differs between simulators, and nothing else.

A template is a statement with names in angle brackets, which `emit` fills in. Expressions are written once, in neutral
words (`emit`); they use only + - * / tanh exp ln abs min max and v(), which every simulator has, no conditional, and
never ^, which Xyce and LTspice take for exclusive or. What each simulator accepts beyond that stands in `rules`.
"""

from dataclasses import dataclass, replace

from lstm_analog.doors import checked_record


@checked_record
@dataclass(frozen=True, kw_only=True)
class Dialect:
    """A simulator's way of writing what all of them can do.

    Attributes
    ----------
    name : str
        The simulator, in lower case.
    run, look : str
        How to run a deck `<deck>` in batch mode; how to run it and plot a voltage.
    preamble : str
        What follows the title.
    temperature : str
        The temperature of all devices, `<celsius>`.
    parameter, inner : str
        A parameter `<name>` on a card; in an expression.
    logarithm : str
        The natural logarithm's name.
    voltage, current : str
        A source `<name>` of the expression `<text>` from `<a>` to `<b>`.
    resistor, capacitor : str
        One in a subcircuit, of the value of parameter `<value>`.
    switch : tuple of str
        Between a and b, with parameters ron and roff, closed while clk is above a half; empty: by an expression.
    head, tail : str
        A device's first and last line: `<name>`, `<pins>`, `<values>`.
    passing : str
        What stands before the values on an x card.
    brackets : tuple of (str, str)
        What opens and closes the devices.
    saved : str
        A node `<name>` in the list of what is kept.
    temperature : str
        The statement that sets the temperature of all devices to `<celsius>`; empty where there is none that is common.
    measure : str
        The statement that prints the voltage of `<node>` at `<time>` as `<name>`; empty where there is none that is
        common.
    settings : tuple of str
        The statements at the end: tolerances, `<nodes>`, `<step>` and `<end>` in s.
    """

    name: str
    run: str
    look: str
    preamble: str
    parameter: str
    inner: str
    logarithm: str
    voltage: str
    current: str
    resistor: str
    capacitor: str
    switch: tuple[str, ...]
    head: str
    tail: str
    passing: str
    brackets: tuple[str, str]
    saved: str
    temperature: str
    measure: str
    settings: tuple[str, ...]


_TOLERANCES = "reltol=<reltol> vntol=<vntol> abstol=<abstol> chgtol=<chgtol>"
_TRAN = ".tran <step> <end> 0 <step>"
_PIVOT = "1e-30"
"""Least pivot (S) that ngspice and LTspice may divide by. Their own 1e-13 makes matrices with shut valves of 1e-22 S
singular: ngspice then fails at clock edges with "timestep too small", whatever the tolerances."""

NGSPICE = Dialect(
    name="ngspice",
    run="ngspice -b -n -r out.raw <deck>",
    look="ngspice -n <deck>, then: run, then: plot v(<node>) v(<clock line>_clk)",
    preamble="",
    parameter="{<name>}",
    inner="{<name>}",
    logarithm="ln",
    voltage="b<name> <a> <b> v=<text>",
    current="b<name> <a> <b> i=<text>",
    resistor="r<name> <a> <b> {<value>}",
    capacitor="c<name> <a> <b> {<value>}",
    switch=("s1 a b clk 0 contact", ".model contact sw(vt=0.5 vh=0 ron={ron} roff={roff})"),
    head=".subckt <name> <pins> <values>",
    tail=".ends",
    passing="",
    brackets=("", ""),
    saved="v(<name>)",
    temperature=".temp <celsius>",
    measure=".meas tran <name> find v(<node>) at=<time>",
    settings=(f".options {_TOLERANCES} pivtol={_PIVOT}", ".save <nodes>", _TRAN, ".end"),
)
"""ngspice 39 and later."""

LTSPICE = replace(
    NGSPICE,
    name="ltspice",
    run="LTspice -b <deck>",
    look="open <deck> in LTspice, run, plot V(<node>)",
    switch=("s1 a b clk 0 contact", ".model contact sw(vt=0.5 vh=-0.4 ron={ron} roff={roff})"),
    settings=(f".options plotwinsize=0 numdgt=15 {_TOLERANCES} pivtol={_PIVOT}", ".save <nodes>", _TRAN, ".end"),
)
"""LTspice 24: a negative vh makes the switch smooth, from vt - 0.4 to vt + 0.4; waveforms are kept uncompressed."""

PORTABLE = replace(
    NGSPICE,
    name="portable",
    run="ngspice -b -n -r out.raw <deck>; Xyce -r out.raw <deck>; LTspice -b <deck>",
    look="any of these with its own viewer: all nodes are kept",
    inner="<name>",
    voltage="e<name> <a> <b> value={<text>}",
    current="g<name> <a> <b> value={<text>}",
    switch=(),
    head=".subckt <name> <pins> params: <values>",
    passing="params: ",
    temperature="",
    measure="",
    settings=(_TRAN, ".end"),
)
"""Only R C V E G X: no expression source of its own letter, no switch, no options, no list of what is kept. Runs
unchanged wherever E and G take `value={}`; tolerances are the simulator's own, so its step has to be short enough,
and so is the temperature, 27 Celsius: another is refused."""

XYCE = replace(
    PORTABLE,
    name="xyce",
    run="Xyce <deck>",
    look="Xyce <deck>, then read <deck>.raw with any viewer of SPICE raw files",
    voltage="b<name> <a> <b> v={<text>}",
    current="b<name> <a> <b> i={<text>}",
    temperature=".options device temp=<celsius>",
    measure=".measure tran <name> find v(<node>) at=<time>",
    switch=("s1 a b clk 0 contact", ".model contact vswitch(von=0.9 voff=0.1 ron={ron} roff={roff})"),
    settings=(
        ".options timeint reltol=<reltol> abstol=<vntol>",
        ".print tran format=raw <nodes>",
        _TRAN,
        ".end",
    ),
)
"""Xyce 7: braces round every expression, a smooth switch between voff and von, options by package."""

HSPICE = replace(
    NGSPICE,
    name="hspice",
    run="hspice -i <deck> -o out",
    look="hspice -i <deck> -o out, then open out.tr0 in a waveform viewer",
    parameter="'<name>'",
    inner="<name>",
    logarithm="log",
    voltage="e<name> <a> <b> vol='<text>'",
    current="g<name> <a> <b> cur='<text>'",
    resistor="r<name> <a> <b> '<value>'",
    capacitor="c<name> <a> <b> '<value>'",
    switch=(),
    settings=(
        f".option post=2 probe runlvl=0 tnom=27 delmax=<step> {_TOLERANCES}",
        ".probe tran <nodes>",
        ".tran <step> <end>",
        ".end",
    ),
)
"""HSPICE: no switch and no B source; log is natural; the longest step is an option, not an argument of .tran; models
are for 25 C unless told, everywhere else for 27 C."""

SPECTRE = replace(
    HSPICE,
    name="spectre",
    run="spectre -format nutbin -raw out <deck>",
    look="spectre -raw out <deck>, then open out in a waveform viewer",
    preamble="simulator lang=spice\n",
    logarithm="ln",
    voltage="b<name> (<a> <b>) bsource v=<text>",
    current="b<name> (<a> <b>) bsource i=<text>",
    resistor="r<name> (<a> <b>) resistor r=<value>",
    capacitor="c<name> (<a> <b>) capacitor c=<value>",
    switch=("s1 (a b clk 0) relay vt1=0.1 vt2=0.9 ropen=roff rclosed=ron",),
    head="subckt <name> <pins>\nparameters <values>",
    tail="ends <name>",
    brackets=("simulator lang=spectre\n", "simulator lang=spice\n"),
    saved="<name>",
    measure="",
    settings=(
        "simulator lang=spectre",
        "tolerances options reltol=<reltol> vabstol=<vntol> iabstol=<abstol>",
        "save <nodes>",
        "transient tran stop=<end> maxstep=<step> method=traponly",
        "simulator lang=spice",
        ".end",
    ),
)
"""Spectre: cards in its SPICE language; devices and analysis in its own, which has `bsource` and `relay`."""

DIALECTS = (NGSPICE, LTSPICE, XYCE, HSPICE, SPECTRE, PORTABLE)
