"""Check statements in Spectre's own language: subcircuits, elements, options and the transient analysis of a deck."""

import re
from collections.abc import Iterator

from lstm_analog.export.lint_cards import name_faults
from lstm_analog.export.lint_decks import Scope, Statement
from lstm_analog.export.lint_expressions import Fault, expression_faults
from lstm_analog.export.rules import Rules

_ELEMENT = re.compile(r"(\w+)\s*\(([^()]*)\)\s*(\w+)\s*(.*)")
_ANALYSIS = re.compile(r"(\w+)\s+(tran|options)\s+(.*)")
_STRUCTURE = ("subckt", "ends", "parameters", "save", "include")
_WORDS = frozenset({"traponly", "trap", "gear2", "gear2only", "euler", "conservative", "moderate", "liberal"})


def spectre_faults(statement: Statement, scope: Scope, rules: Rules) -> Iterator[Fault]:
    """Yield the faults in a `statement` in Spectre's own language by `rules`, in its `scope`."""
    text = statement.text.strip()
    head = text.split()[0]
    if head == "parameters":
        yield from _assignments(text.split(maxsplit=1)[1], rules.masters["resistor"], scope, rules, free=True)
    elif head in _STRUCTURE:
        yield from name_faults(statement.words, rules) if head == "subckt" else ()
    elif found := _ANALYSIS.fullmatch(text):
        yield from _assignments(found[3], rules.masters[found[2]], scope, rules)
    elif found := _ELEMENT.fullmatch(text):
        yield from _element(found, scope, rules)
    else:
        must, do = "be an element, an analysis or one of " + " ".join(_STRUCTURE), "use Spectre's own language here"
        yield Fault(what="statement", must=must, got=text[:60], do=do)


def _element(found: re.Match[str], scope: Scope, rules: Rules) -> Iterator[Fault]:
    master = found[3]
    if master not in rules.masters and master not in scope.subcircuits:
        must = f"be one of {', '.join(rules.masters)} or a subcircuit"
        yield Fault(what="master", must=must, got=master, do="use another element")
        return
    for node in found[2].split():
        if node in rules.reserved or not re.fullmatch(r"[a-z_]\w*|0", node):
            yield Fault(what="node", must="be 0 or a name that is not reserved", got=node, do="rename it")
    known = rules.masters.get(master) or scope.subcircuits[master][1]
    yield from _assignments(found[4], known, scope, rules)


def _assignments(
    text: str, known: frozenset[str], scope: Scope, rules: Rules, *, free: bool = False
) -> Iterator[Fault]:
    for word in text.split():
        name, equals, value = word.partition("=")
        if not equals or not (free or name in known):
            must = "be a declaration name=value" if free else f"be one of {' '.join(sorted(known))}, with a value"
            yield Fault(what="parameter", must=must, got=word[:60], do="name it as Spectre does")
        elif value not in _WORDS:
            yield from expression_faults(value, rules, scope.names)
