"""Check an expression against the rules of a dialect: its functions, operators, names and brackets."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

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


def number_faults(text: str, rules: Rules) -> Iterator[Fault]:
    """Yield the faults in the number `text` by `rules`: a spelling that simulators read differently, or its unit."""
    differs = difference(text)
    if differs:
        yield Fault(what="value", must="mean the same to all simulators", got=text[:60], do=f"that is {differs}")
    elif rules.units and unit_of(text) not in ("", *rules.units):
        must = f"have no unit, or one of {' '.join(sorted(rules.units))}"
        yield Fault(what="value", must=must, got=text[:60], do="leave the unit out")


def expression_faults(text: str, rules: Rules, names: Names) -> Iterator[Fault]:
    """Yield the faults in the expression `text` by `rules`; `names` are the parameters that it may use."""
    if len(text) > rules.expression:
        must, do = f"have at most {rules.expression} letters", "cut it with an inner node"
        yield Fault(what="expression", must=must, got=str(len(text)), do=do)
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
            do = "declare it, or read a node with v(...)"
            yield Fault(what="name in an expression", must="be a parameter", got=token, do=do)
        elif kind == "operator":
            yield from _choice("operator", token, rules.operators, rules)


def _choice(what: str, token: str, known: Names, rules: Rules) -> Iterator[Fault]:
    if token not in known:
        do = rules.advice.get(token, "use another")
        yield Fault(what=what, must=f"be one of {' '.join(sorted(known))}", got=token, do=do)


def _arguments(tokens: list[tuple[str, str]], function: str) -> Iterator[Fault]:
    depth = commas = 0
    for kind, token in tokens:
        depth += (token == "(") - (token == ")") if kind == "mark" else 0
        commas += kind == "mark" and token == "," and depth == 1
        if depth == 0:
            break
    needed = _ARGUMENTS.get(function, commas + 1)
    if commas + 1 != needed:
        do = "nest it, or leave one out"
        yield Fault(what=f"function {function}", must=f"have {needed} arguments", got=str(commas + 1), do=do)


def _grammar(tokens: list[tuple[str, str]], text: str) -> Iterator[Fault]:
    """Yield a fault unless operands and operators take turns and every bracket is closed."""
    depth, operand = 0, False
    do = "correct it"
    for kind, token in tokens:
        if kind == "other" or token in ("{", "}"):
            yield Fault(what="sign in an expression", must="be one of + - * / ( ) , . and letters", got=token, do=do)
            return
        expected = kind in ("number", "name") or token == "("
        if expected == operand and not (token == "(" and operand) and token not in _UNARY:
            yield Fault(what="expression", must="have operands and operators by turns", got=text[:60], do=do)
            return
        depth += (token == "(") - (token == ")")
        operand = kind in ("number", "name") or token == ")"
        if depth < 0:
            break
    if depth or not operand:
        yield Fault(what="expression", must="be complete, its brackets closed", got=text[:60], do=do)
