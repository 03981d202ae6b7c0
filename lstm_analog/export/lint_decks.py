"""Read a deck as statements with line numbers, and find the names declared in each subcircuit.

Expressions in it are checked against the rules of a dialect: functions, operators, names and brackets.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from lstm_analog.export.lines import joined, words_of
from lstm_analog.export.numbers import difference, unit_of
from lstm_analog.export.rules import Names, Rules

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?(?:[a-z][\w.]*)?)|(?P<name>[a-z_$][\w$]*)"
    r"|(?P<operator>\*\*|<=|>=|==|!=|&&|\|\||[-+*/%^<>&|!~?:])|(?P<mark>[(),{}])|(?P<other>\S))"
)
_NODES = re.compile(r"\b(v|i)\s*\(([^()]*)\)")
_ARGUMENTS = {"min": 2, "max": 2} | dict.fromkeys(("tanh", "exp", "ln", "log", "abs", "sqrt"), 1)
_UNARY = frozenset({"+", "-", "!", "~"})


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A violation of a rule: `what` it is, what it `must` be, what it `got`, and what to `do`."""

    what: str
    must: str
    got: str
    do: str


def fault(what: str, must: str, got: str, do: str) -> Fault:
    """Return the fault that `what` must `must` and got `got`, with the advice `do`."""
    return Fault(what=what, must=must, got=got, do=do)


def number_faults(text: str, rules: Rules) -> Iterator[Fault]:
    """Yield the faults in the number `text` by `rules`: a spelling that simulators read differently, or its unit."""
    differs = difference(text)
    if differs:
        yield fault("value", "mean the same to all simulators", text[:60], f"that is {differs}")
    elif rules.units and unit_of(text) not in ("", *rules.units):
        must = f"have no unit, or one of {' '.join(sorted(rules.units))}"
        yield fault("value", must, text[:60], "leave the unit out")


def expression_faults(text: str, rules: Rules, names: Names) -> Iterator[Fault]:
    """Yield the faults in the expression `text` by `rules`; `names` are the parameters that it may use."""
    if len(text) > rules.expression:
        must, do = f"have at most {rules.expression} letters", "cut it with an inner node"
        yield fault("expression", must, str(len(text)), do)
    plain = _NODES.sub(lambda found: f"{found[1]}(0)", text.lower())
    tokens = [(found.lastgroup or "", found[0].strip()) for found in _TOKEN.finditer(plain)]
    yield from _words(tokens, rules, names)
    yield from _grammar(tokens, text)


def _words(tokens: list[tuple[str, str]], rules: Rules, names: Names) -> Iterator[Fault]:
    for number, (kind, token) in enumerate(tokens):
        if kind == "number":
            yield from number_faults(token, rules)
        called = tokens[number + 1 : number + 2] == [("mark", "(")]
        if kind == "name" and called:
            yield from _choice("function", token, rules.functions, rules)
            yield from _arguments(tokens[number + 1 :], token)
        elif kind == "name" and token not in names:
            yield fault("name in an expression", "be a parameter", token, "declare it, or read a node with v(...)")
        elif kind == "operator":
            yield from _choice("operator", token, rules.operators, rules)


def _choice(what: str, token: str, known: Names, rules: Rules) -> Iterator[Fault]:
    if token not in known:
        yield fault(what, f"be one of {' '.join(sorted(known))}", token, rules.advice.get(token, "use another"))


def _arguments(tokens: list[tuple[str, str]], function: str) -> Iterator[Fault]:
    depth = commas = 0
    for kind, token in tokens:
        depth += (token == "(") - (token == ")") if kind == "mark" else 0
        commas += kind == "mark" and token == "," and depth == 1
        if depth == 0:
            break
    needed = _ARGUMENTS.get(function, commas + 1)
    if commas + 1 != needed:
        yield fault(f"function {function}", f"have {needed} arguments", str(commas + 1), "nest it, or leave one out")


def _grammar(tokens: list[tuple[str, str]], text: str) -> Iterator[Fault]:
    """Yield a fault unless operands and operators take turns and every bracket is closed."""
    depth, operand = 0, False
    do = "correct it"
    for kind, token in tokens:
        if kind == "other" or token in ("{", "}"):
            yield fault("sign in an expression", "be one of + - * / ( ) , . and letters", token, do)
            return
        expected = kind in ("number", "name") or token == "("
        if expected == operand and not (token == "(" and operand) and token not in _UNARY:
            yield fault("expression", "have operands and operators by turns", text[:60], do)
            return
        depth += (token == "(") - (token == ")")
        operand = kind in ("number", "name") or token == ")"
        if depth < 0:
            break
    if depth or not operand:
        yield fault("expression", "be complete, its brackets closed", text[:60], do)


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A statement in lower case, continuations joined: the `line` it begins on and the `subcircuit` it stands in.

    `spectre` says whether it is in Spectre's own language.
    """

    line: int
    text: str
    subcircuit: str
    spectre: bool

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Its words; an expression in braces or quotes is one word."""
        return tuple(words_of(self.text))


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The names that a statement may use: parameters `names`, `models`, `subcircuits` with number of pins and values.

    `includes` says whether the deck includes other files, which may declare more.
    """

    names: Names
    models: Names
    subcircuits: Mapping[str, tuple[int, Names]]
    includes: bool


def statements(text: str, rules: Rules) -> Iterator[Statement]:
    """Yield the statements of the deck `text` after its title, without the comments that `rules` define.

    Nor does it yield what stands between `.control` and `.endc`, commands for the user's terminal.
    """
    inside, spectre, command = "", False, False
    for line, statement in joined(text, rules.comments):
        lower = statement.lower()
        words = lower.split()
        command = command and words[0] != ".endc"
        if command:
            continue
        command = words[0] == ".control"
        head = words[0].removeprefix(".")
        if head == "subckt" and len(words) > 1 and not inside:
            inside = words[1]
            yield Statement(line=line, text=lower, subcircuit=inside, spectre=spectre)
            continue
        yield Statement(line=line, text=lower, subcircuit=inside, spectre=spectre and head != "simulator")
        if head == "ends":
            inside = ""
        if head == "simulator":
            spectre = bool(rules.masters) and lower.replace(" ", "") == "simulatorlang=spectre"


def scopes(deck: Sequence[Statement]) -> dict[str, Scope]:
    """Return the scope of each subcircuit of `deck` by its name, and that of the top level under the empty name."""
    declared: dict[str, set[str]] = {"": set()}
    models: dict[str, set[str]] = {"": set()}
    values: dict[str, set[str]] = {}
    pins: dict[str, int] = {}
    includes = False
    for statement in deck:
        place, head = statement.subcircuit, statement.text.split(maxsplit=1)[0].removeprefix(".")
        if head in ("subckt", "parameters"):
            names = {word.partition("=")[0] for word in statement.words if "=" in word}
            values.setdefault(place, set()).update(names)
            if head == "subckt":
                pins[place] = sum("=" not in word and word != "params:" for word in statement.words[2:])
        elif head == "param":
            declared.setdefault(place, set()).update(word.partition("=")[0] for word in statement.words[1:])
        elif head == "model":
            models.setdefault(place, set()).update(statement.words[1:2])
        includes |= head in ("include", "lib")
    circuits = {place: (count, frozenset(values[place])) for place, count in pins.items()}
    return {
        place: Scope(
            names=frozenset(declared[""] | declared.get(place, set()) | values.get(place, set())),
            models=frozenset(models[""] | models.get(place, set())),
            subcircuits=circuits,
            includes=includes,
        )
        for place in ("", *pins)
    }
