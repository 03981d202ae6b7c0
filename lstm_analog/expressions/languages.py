"""Print expressions as text, in languages that are given as data.

A `LET` becomes an inner node in SPICE and a variable in other languages, so that its name in the law appears in every
text and its body is written once.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from lstm_analog.errors import InvalidValueError, UnsupportedError, explain
from lstm_analog.expressions.functions import FUNCTIONS, ratio_without_log1p
from lstm_analog.expressions.nodes import Expression, Op, constant, multiply

_SUM, _PRODUCT, _ATOM = 1, 2, 3
"""The precedence of a text: as an operand of an operator of higher precedence it needs brackets."""


def plain_number(value: float) -> str:
    """Return `value` as text that reads back to the last bit; whole numbers below 1e6 have no decimal point."""
    return str(int(value)) if value == int(value) and abs(value) < 1e6 else repr(value)


def _functions(template: str) -> dict[Op, str]:
    names = {Op.TANH: "tanh", Op.EXP: "exp", Op.LOG1P: "log1p", Op.SQRT: "sqrt", Op.ABS: "abs", Op.SIGN: "sign"}
    two = {Op.MINIMUM: "min", Op.MAXIMUM: "max"}
    one = {op: template.format(f"{name}({{0}})") for op, name in names.items()}
    return one | {op: template.format(f"{name}({{0}}, {{1}})") for op, name in two.items()}


Bodies = Mapping[str, Callable[..., Expression]]
"""The definition to print for a named function, by its name."""


@dataclass(frozen=True, kw_only=True)
class Language:
    """The spelling of expressions in a language; templates have {0}, {1} ... for names or arguments.

    Attributes
    ----------
    effort, parameter, let, line : str
        Templates of the name of an effort, of a parameter, and of a `LET`; the text of the clock line.
    calls : mapping of Op to str
        The template of each function.
    bodies : mapping of str to callable
        The definitions to print for named functions.
    plus, minus, times, over : str
        Operators; `over` is a template of numerator and denominator.
    stacked : bool
        Whether a fraction is printed with a bar, so that numerator and denominator need no brackets.
    """

    effort: str = "{0}"
    parameter: str = "{0}"
    let: str = "{0}"
    line: str = "on"
    calls: Mapping[Op, str] = field(default_factory=lambda: _functions("{0}"))
    bodies: Bodies = field(default_factory=lambda: {name: each.body for name, each in FUNCTIONS.items()})
    plus: str = " + "
    minus: str = " - "
    times: str = "*"
    over: str = "{0}/{1}"
    stacked: bool = False


GRAPH = Language()
"""The grammar of graph files."""
_WITHOUT_LOG1P = {**GRAPH.bodies, "softplus_ratio": ratio_without_log1p}
SPICE = Language(
    effort="v({0})",
    parameter="{{{0}}}",
    let="v({0})",
    line="v(en)",
    calls=_functions("{0}")
    | {Op.LOG1P: "ln(1+{0})", Op.SQRT: "exp(0.5*ln({0}))", Op.MINIMUM: "min({0},{1})", Op.MAXIMUM: "max({0},{1})"},
    bodies=_WITHOUT_LOG1P,
    plus="+",
    minus="-",
)
"""The neutral expressions of `export.emit`, for every dialect of SPICE and for Verilog-A."""
MODELICA = Language(
    effort="{0}.e",
    line="(if on then 1 else 0)",
    calls=_functions("{0}") | {Op.LOG1P: "log(1 + {0})", Op.WHERE: "(if {0} < {1} then {2} else {3})"},
    bodies=_WITHOUT_LOG1P,
)
JAVASCRIPT = Language(calls=_functions("Math.{0}") | {Op.WHERE: "({0} < {1} ? {2} : {3})"})
LATEX = Language(
    effort="e_{{\\mathrm{{{0}}}}}",
    parameter="\\mathit{{{0}}}",
    line="\\ell",
    calls={
        **{op: f"\\{name}\\left({{0}}\\right)" for op, name in ((Op.TANH, "tanh"), (Op.EXP, "exp"))},
        **{op: f"\\{name}\\left({{0}},\\,{{1}}\\right)" for op, name in ((Op.MINIMUM, "min"), (Op.MAXIMUM, "max"))},
        Op.LOG1P: "\\ln\\left(1 + {0}\\right)",
        Op.SQRT: "\\sqrt{{{0}}}",
        Op.ABS: "\\left|{0}\\right|",
    },
    times="\\,",
    over="\\frac{{{0}}}{{{1}}}",
    stacked=True,
)
"""For documents; the caller gives names that LaTeX accepts."""


def written(
    values: Sequence[Expression], language: Language, names: Callable[[str], str] = str
) -> tuple[dict[str, str], list[str]]:
    """Return the texts of the `LET`s in `values` by name, each after those that it uses, and the texts of `values`.

    They are in `language`; `names` returns the name in the text for the name of a `LET`.

    Raises `UnsupportedError` for an operation that the language has no text for, and for a number that is not finite;
    `InvalidValueError` if one name stands for two `LET`s.
    """
    writer = _Writer(language, names)
    texts = [writer.text(value)[0] for value in values]
    return writer.lets, texts


class _Writer:
    """Prints expressions, and collects the texts of their `LET`s. It changes as it prints."""

    def __init__(self, language: Language, names: Callable[[str], str]) -> None:
        self.language, self.names = language, names
        self.lets: dict[str, str] = {}
        self.bodies: dict[str, Expression] = {}

    def text(self, node: Expression) -> tuple[str, int]:
        """Return the text of `node` and its precedence."""
        if not node.args:
            return self._symbol(node)
        language, args = self.language, node.args
        if node.op is Op.LET:
            return language.let.format(self._named(node)), _ATOM
        if node.op is Op.CALL:
            return self.text(language.bodies[node.name](*args))
        if node.op is Op.ADD:
            return self._sum(args)
        if node.op is Op.MULTIPLY:
            return self._product(args)
        if node.op is Op.DIVIDE and language.stacked:
            return language.over.format(*(self.text(one)[0] for one in args)), _ATOM
        if node.op is Op.DIVIDE:
            return language.over.format(self._bracketed(args[0], _PRODUCT), self._bracketed(args[1], _ATOM)), _PRODUCT
        if node.op not in language.calls:
            must, do = "be one that this language can write", "write it by minimum, maximum or clip"
            raise UnsupportedError(explain("operation", must=must, got=node.op.value, do=do))
        return language.calls[node.op].format(*(self.text(one)[0] for one in args)), _ATOM

    def _symbol(self, node: Expression) -> tuple[str, int]:
        language = self.language
        if node.op is Op.NUMBER and not math.isfinite(node.value):
            do = "give it as a parameter with a neutral value"
            raise UnsupportedError(explain("number in a law", must="be finite", got=node.value, do=do))
        if node.op is Op.NUMBER:
            return plain_number(node.value), _ATOM if node.value >= 0 else _SUM
        words = {Op.EFFORT: language.effort, Op.PARAMETER: language.parameter, Op.LINE: language.line}
        return words[node.op].format(node.name), _ATOM

    def _named(self, node: Expression) -> str:
        """Return the name of a `LET`, whose body is printed first if it is new."""
        name, (body,) = self.names(node.name), node.args
        if self.bodies.setdefault(name, body) != body:
            do = "give each a name of its own"
            raise InvalidValueError(explain(f"let {name}", must="have one body in a law", got="two", do=do))
        if name not in self.lets:
            text, _ = self.text(body)
            self.lets[name] = text
        return name

    def _bracketed(self, node: Expression, least: int) -> str:
        text, strength = self.text(node)
        return f"({text})" if strength < least else text

    def _sum(self, terms: Sequence[Expression]) -> tuple[str, int]:
        """Return a sum; if it has a positive term, one of these comes first."""
        ordered = sorted(terms, key=_is_negative) if _is_negative(terms[0]) else terms
        found = self._bracketed(ordered[0], _PRODUCT) if not _is_negative(ordered[0]) else self.text(ordered[0])[0]
        for term in ordered[1:]:
            negative = _is_negative(term)
            found += self.language.minus if negative else self.language.plus
            found += self._bracketed(multiply(-1.0, term) if negative else term, _PRODUCT)
        return found, _SUM

    def _product(self, factors: Sequence[Expression]) -> tuple[str, int]:
        if constant(factors[0]) == -1.0:
            return f"-{self._bracketed(multiply(*factors[1:]), _PRODUCT)}", _SUM
        first = self._bracketed(factors[0], _PRODUCT) if not _is_negative(factors[0]) else self.text(factors[0])[0]
        rest = (self._bracketed(one, _ATOM if one.op is Op.DIVIDE else _PRODUCT) for one in factors[1:])
        return self.language.times.join((first, *rest)), _SUM if _is_negative(factors[0]) else _PRODUCT


def _is_negative(term: Expression) -> bool:
    number = constant(term.args[0]) if term.op is Op.MULTIPLY else constant(term)
    return number is not None and number < 0.0
