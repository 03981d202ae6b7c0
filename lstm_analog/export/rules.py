"""The rules of each SPICE dialect, as data for `lint`, independent of what `dialects` writes.

Sources: ngspice 39, run; Xyce Reference Guide 7 (operators, functions, S, X, .SUBCKT, .TRAN); LTspice reference of
Analog Devices 2025 (syntax, elements, commands); Star-Hspice manual 2001 (line length, E and G elements, reserved
words); Cadence Spectre 23.1 reference (bsource, relay, netlist conventions). Constructs that these accept but no deck
needs are left out, so that a finding may be a valid but unusual statement: write it in a plainer way.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType

Names = frozenset[str]


class Passing(Enum):
    """Whether the word `params:` must stand before the values of a subcircuit."""

    FORBIDDEN = "must not stand"
    ALLOWED = "may stand"
    REQUIRED = "must stand"


def _names(text: str) -> Names:
    return frozenset(text.split())


def _table(**texts: str) -> Mapping[str, Names]:
    return MappingProxyType({name: _names(text) for name, text in texts.items()})


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The rules of one simulator.

    * `letters`: the letters with which a card may begin.
    * `statements`: the dot commands, without the dot.
    * `functions`, `operators`: the functions and operators of expressions.
    * `sources`: the keywords that introduce the expression of a source, by the letter of its card.
    * `quotes`: the pairs of marks that may enclose an expression on a card; the empty text for none.
    * `models`: the parameters of models, by their kind; empty if any are accepted.
    * `options`: the names of options.
    * `packages`: the names of options by package, if the first word names a package.
    * `run`: the least and the largest number of times in `.tran`.
    * `passing`: whether `params:` must stand before values.
    * `comments`: the marks that begin a comment within a line.
    * `reserved`: names that no node may have.
    * `constants`: names that stand for a number of the simulator's own in an expression, so that no parameter may
      have them.
    * `primitives`: names that no subcircuit and no model may have.
    * `line`, `expression`: the longest line and the longest expression, in letters.
    * `masters`: the parameters of elements in Spectre's own language, by the kind of element.
    * `units`: the units that may follow a number and its suffix; empty if any letters may.
    * `advice`: advice for a function or operator that is not accepted.
    """

    letters: str
    statements: Names
    functions: Names
    operators: Names
    sources: Mapping[str, Names]
    quotes: tuple[str, ...]
    models: Mapping[str, Names]
    options: Names
    packages: Mapping[str, Names] = field(default_factory=dict)
    run: tuple[int, int] = (2, 4)
    passing: Passing = Passing.ALLOWED
    comments: tuple[str, ...] = (";",)
    reserved: Names = frozenset({"gnd", "ground"})
    constants: Names = frozenset({"time", "temper", "hertz"})
    primitives: Names = frozenset()
    line: int = 2000
    expression: int = 2000
    masters: Mapping[str, Names] = field(default_factory=dict)
    units: Names = frozenset()
    advice: Mapping[str, str] = field(default_factory=dict)


_ANY: Names = frozenset()
_BASIC = "abs acos acosh asin asinh atan atanh cos cosh exp max min sin sinh sqrt tan tanh"
_CIRCUIT = "param subckt ends model tran dc ac op ic nodeset include lib end"
_TRANSISTORS = {"npn": _ANY, "pnp": _ANY, "nmos": _ANY, "pmos": _ANY}
_PLAIN = {**_TRANSISTORS, "d": _ANY, "r": _ANY, "c": _ANY}
_ADVICE = MappingProxyType(
    {
        "^": "write x*x: it is a power in ngspice and exclusive or in Xyce and LTspice",
        "if": "write the two pieces with min and max",
        "?": "write the two pieces with min and max",
        ":": "write the two pieces with min and max",
        "limit": "write min(max(x,low),high): ngspice takes limit and returns 0",
        "u": "write 0.5+0.5*tanh(40*x)",
        "stp": "write 0.5+0.5*tanh(40*x)",
        "table": "write it as a sum of abs(x-x_k)",
        "log": "write ln: log is decadic in Xyce and natural elsewhere",
        "ln": "write log, which is natural here",
        "agauss": "draw the numbers in Python and write them out",
    }
)

NGSPICE_RULES = Rules(
    letters="abcdefghijklmqrstvwx",
    statements=_names(f"{_CIRCUIT} options option save control endc print plot probe meas measure func temp global"),
    functions=_names(f"{_BASIC} ln log log10 pow pwr sgn ceil floor nint u u2 uramp ddt pwl v i"),
    operators=_names("+ - * / ** ^ < > <= >= == != && || ! ? :"),
    sources=_table(b="v i", e="value vol", g="value cur"),
    quotes=("", "{}", "''"),
    models={**_PLAIN, "sw": _names("vt vh ron roff"), "csw": _names("it ih ron roff")},
    options=_names("reltol vntol abstol chgtol trtol pivrel pivtol gmin method temp tnom itl1 itl2 itl4 maxord rshunt"),
    comments=(";", "$", "//"),
    constants=_names("e pi time temper hertz"),
    advice=_ADVICE,
)

LTSPICE_RULES = replace(
    NGSPICE_RULES,
    letters="bcdefghijklmqrstvwx",
    statements=_names(f"{_CIRCUIT} options save meas measure func temp global step four wave noise tf"),
    functions=_names(
        f"{_BASIC} ln log log10 pow pwr pwrs sgn ceil floor int round atan2 hypot if limit u uramp table buf inv"
        " ddt idt v i"
    ),
    operators=_names("+ - * / ** % < > <= >= == != & | ! ~"),
    sources=_table(b="v i r", e="value", g="value"),
    quotes=("", "{}"),
    models={**_PLAIN, "sw": _names("vt vh ron roff lser vser ilimit"), "csw": _names("it ih ron roff")},
    options=_names(
        "reltol vntol abstol chgtol trtol pivrel pivtol gmin method temp tnom itl1 itl2 itl4 maxstep plotwinsize numdgt"
        " gshunt cshunt"
    ),
    run=(1, 4),
    comments=(";",),
    constants=_names("e pi k q true false time temp"),
)

XYCE_RULES = replace(
    NGSPICE_RULES,
    letters="bcdefghijklmqrstvwx",
    statements=_names(f"{_CIRCUIT} options print measure func global global_param step sampling four noise preprocess"),
    functions=_names(
        f"{_BASIC} ln log10 pow pwr pwrs sgn sign ceil floor int nint atan2 if limit stp uramp table ddt sdt fmod v i"
    ),
    operators=_names("+ - * / ** % < > <= >= == != & | ~ ? :"),
    sources=_table(b="v i", e="value vol", g="value cur"),
    quotes=("{}",),
    models={**_PLAIN, "vswitch": _names("von voff ron roff"), "iswitch": _names("ion ioff ron roff")},
    options=_ANY,
    packages={
        "timeint": _names("reltol abstol method minord maxord newlte erroption delmax"),
        "device": _names("temp tnom gmin voltlim smoothbsrc rcconst"),
        "nonlin": _names("reltol abstol maxstep rhstol"),
        "nonlin-tran": _names("reltol abstol maxstep rhstol"),
    },
    passing=Passing.REQUIRED,
    comments=(";",),
    constants=_names("time temp temper vt freq hertz pi gmin"),
    units=_names("c v volt vdc a amp ampere f farad henry hy h hz hertz ohm second s meter m"),
)

HSPICE_RULES = replace(
    NGSPICE_RULES,
    letters="cdefghijklmqrtvx",
    statements=_names(f"{_CIRCUIT} option options probe print measure meas alter data temp global protect unprotect"),
    functions=_names(
        "abs acos asin atan cos cosh exp max min sin sinh sqrt tan tanh log log10 pow pwr sgn sign int db v i"
    ),
    operators=_names("+ - * / ** < > <= >= == != && || ? :"),
    sources=_table(e="vol", g="cur"),
    quotes=("''",),
    models=_PLAIN,
    options=_names(
        "reltol vntol abstol chgtol trtol gmin method temp tnom post probe runlvl delmax accurate ingold measdgt numdgt"
    ),
    run=(2, 2),
    passing=Passing.FORBIDDEN,
    comments=("$",),
    constants=_names("time temper hertz"),
    reserved=_names("gnd gnd! ground vcvs vccs cccs ccvs vcr delay opamp transformer poly pwl"),
    line=1024,
    expression=1024,
)

SPECTRE_RULES = replace(
    HSPICE_RULES,
    letters="cdefghijklmqrtvx",
    statements=_names("param subckt ends model include lib ic nodeset temp global end option options"),
    functions=_names(f"{_BASIC} ln log10 pow ceil floor int hypot atan2 fmod v i"),
    operators=_names("+ - * / ** < > <= >= == != && || ? :"),
    sources=_table(),
    options=_names("reltol vabstol iabstol temp tnom gmin"),
    comments=("//",),
    constants=_names("time temp tnom freq scale"),
    reserved=_names("gnd ground time temp tnom freq scale subckt ends model parameters save tran options"),
    primitives=_names(
        "bjt bsim3v3 bsim4 bsource capacitor cccs ccvs core delay diode fourier inductor iprobe isource jfet mos1 mos2"
        " mos3 mutual_inductor nport pccvs phy_res port pvccs pvcvs relay resistor switch tline transformer vbic vccs"
        " vcvs vsource winding"
    ),
    line=2000,
    expression=2000,
    masters=_table(
        bsource="v i r g c q",
        relay="vt1 vt2 ropen rclosed",
        resistor="r",
        capacitor="c",
        vcvs="gain",
        vccs="gm",
        tran="stop start step maxstep method errpreset",
        options="reltol vabstol iabstol temp tnom gmin",
    ),
)

PORTABLE_RULES = replace(
    XYCE_RULES,
    letters="rcviqmegx",
    statements=_names("param subckt ends model tran include end"),
    functions=_names("tanh exp ln abs min max v"),
    operators=_names("+ - * /"),
    sources=_table(e="value", g="value"),
    models=_TRANSISTORS,
    options=_ANY,
    packages={},
    reserved=HSPICE_RULES.reserved | SPECTRE_RULES.reserved,
    constants=NGSPICE_RULES.constants | LTSPICE_RULES.constants | XYCE_RULES.constants | SPECTRE_RULES.constants,
    line=1024,
    expression=1024,
)

RULES: Mapping[str, Rules] = MappingProxyType(
    {
        "ngspice": NGSPICE_RULES,
        "ltspice": LTSPICE_RULES,
        "xyce": XYCE_RULES,
        "hspice": HSPICE_RULES,
        "spectre": SPECTRE_RULES,
        "portable": PORTABLE_RULES,
    }
)
"""The rules by the name of the dialect."""


def rules_of(dialect: str) -> Rules:
    """Return the rules of the simulator called `dialect`; of one that is not known those of `PORTABLE`, the strictest.

    >>> rules_of("mine").reserved == RULES["portable"].reserved
    True
    """
    return RULES.get(dialect, PORTABLE_RULES)
