"""Check cards, by their first letter, against the rules of a dialect: nodes, values, sources, models, subcircuits.

And statements in Spectre's own language: subcircuits, elements, options and the transient analysis (`spectre_faults`).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate, pairwise
from types import MappingProxyType

from lstm_analog.export.lint_decks import Fault, Scope, Statement, expression_faults, fault, number_faults
from lstm_analog.export.numbers import difference, is_number, parse_number
from lstm_analog.export.rules import Names, Passing, Rules

Words = tuple[str, ...]
CardCheck = Callable[[Words, Scope, Rules], Iterator[Fault]]
"""Function that yields the faults in the words of a statement, in its scope, by the rules of a dialect."""

_NAME = re.compile(r"[a-z_]\w*|\d+")
_CARD = re.compile(r"[a-z]\w*")
_NODES = MappingProxyType(dict.fromkeys("rclvibegd", 2) | {"s": 4, "m": 4, "q": 3, "j": 3})


def card_faults(words: Words, scope: Scope, rules: Rules) -> Iterator[Fault]:
    """Yield the faults in the card of `words` in its `scope` by `rules`."""
    if not _CARD.fullmatch(words[0]):
        yield fault("name of a card", "be a letter followed by letters, digits and underscores", words[0], "rename it")
    for node in words[1 : 1 + _NODES.get(words[0][0], 0)]:
        yield from _node(node, rules)
    check = _CARDS.get(words[0][0])
    if check is not None:
        yield from check(words, scope, rules)


def name_faults(words: Words, rules: Rules) -> Iterator[Fault]:
    """Yield a fault if the subcircuit or model that `words` declare has the name of a primitive by `rules`."""
    for name in words[1:2]:
        if name in rules.primitives:
            yield fault("name", "not be that of a primitive", name, "rename it")


def constant_faults(names: Iterable[str], rules: Rules) -> Iterator[Fault]:
    """Yield a fault for each of the `names` of parameters that is a constant of the simulator by `rules`."""
    for name in names:
        if name in rules.constants:
            must = f"not be one of {' '.join(sorted(rules.constants))}"
            yield fault("name of a parameter", must, name, "rename it: the simulator takes its own number")


def passing_faults(words: Words, rules: Rules) -> Iterator[Fault]:
    """Yield a fault if `params:` stands among `words` or is missing, against `rules`."""
    stands, values = "params:" in words, any("=" in word for word in words)
    wrong = {Passing.FORBIDDEN: stands, Passing.REQUIRED: values and not stands, Passing.ALLOWED: False}
    if wrong[rules.passing]:
        must = f"{rules.passing.value} before values".removeprefix("must ")
        yield fault("params:", must, words[0], "add or remove it")


def _node(node: str, rules: Rules) -> Iterator[Fault]:
    if not _NAME.fullmatch(node):
        yield fault("node", "be a number, or a letter followed by letters, digits and underscores", node, "rename it")
    if node in rules.reserved:
        yield fault("node", f"not be one of {' '.join(sorted(rules.reserved))}", node, "rename it")


def value_faults(text: str, scope: Scope, rules: Rules) -> Iterator[Fault]:
    """Yield the faults in the value `text` in its `scope` by `rules`: a number, or an expression in its marks."""
    marks = text[:1] + text[-1:]
    if is_number(text) or difference(text):
        yield from number_faults(text, rules)
    elif marks not in ("{}", "''"):
        do = "write digits, or an expression in its marks"
        yield fault("value", "be a number or an expression in marks", text[:60], do)
    elif marks not in rules.quotes:
        must = f"stand in {' or '.join(mark for mark in rules.quotes if mark)}"
        yield fault("expression", must, text[:60], "use the marks of this dialect")
    else:
        yield from expression_faults(text[1:-1], rules, scope.names)


def _two_ends(words: Words, scope: Scope, rules: Rules) -> Iterator[Fault]:
    if len(words) < 4:
        yield fault(f"card {words[0]}", "have two nodes and a value", " ".join(words), "complete it")
    for word in words[3:]:
        yield from value_faults(word.partition("=")[2] or word, scope, rules)


def _independent(words: Words, scope: Scope, rules: Rules) -> Iterator[Fault]:
    rest = [word.removeprefix("dc=") for word in words[3:] if word not in ("dc", "ac")]
    waveform = re.fullmatch(r"(pwl|pulse|sin|exp)\s*\((.*)\)", " ".join(rest))
    if waveform is None:
        yield from (each for word in rest for each in value_faults(word, scope, rules))
        return
    values = waveform[2].replace(",", " ").split()
    yield from (each for word in values for each in value_faults(word, scope, rules))
    if waveform[1] == "pwl" and all(map(is_number, values)):
        times = [parse_number(value, {}) for value in values[::2]]
        if len(values) % 2 or any(later <= sooner for sooner, later in pairwise(times)):
            yield fault(f"source {words[0]}", "have pairs in order of time", " ".join(values[:6]), "sort the points")


def _controlled(words: Words, scope: Scope, rules: Rules) -> Iterator[Fault]:
    letter, rest = words[0][0], " ".join(words[3:])
    keyword, equals, text = rest.partition("=")
    if not equals and letter in "eg" and len(words) == 6:
        yield from (each for node in words[3:5] for each in _node(node, rules))
        yield from value_faults(words[5], scope, rules)
        return
    known: Names = rules.sources.get(letter, frozenset())
    if keyword.strip() not in known:
        must = f"impose {' or '.join(sorted(known))} = an expression" if known else "have four nodes and a number"
        yield fault(f"card {words[0]}", must, rest[:40], "write the source as this dialect does")
        return
    text = text.strip()
    if _enclosed(text):
        yield from value_faults(text, scope, rules)
    elif "" not in rules.quotes:
        yield fault("expression", f"stand in {' or '.join(rules.quotes)}", text[:60], "enclose it")
    else:
        yield from expression_faults(re.sub(r"\{(\w+)\}", r"\1", text), rules, scope.names)


def _enclosed(text: str) -> bool:
    """Return whether one pair of marks encloses all of `text`."""
    if text[:1] + text[-1:] == "{}":
        depths = list(accumulate((letter == "{") - (letter == "}") for letter in text))
        return 0 not in depths[:-1]
    return text[:1] + text[-1:] == "''"


def _modelled(words: Words, scope: Scope, rules: Rules) -> Iterator[Fault]:
    rest = words[1 + _NODES.get(words[0][0], 0) :]
    place = next((number for number, word in enumerate(rest) if word in scope.models), None)
    if place is None and scope.includes and any("=" not in word for word in rest):
        return  # a model of a library in a file
    if place is None:
        yield fault(f"card {words[0]}", "name a model of this deck", " ".join(rest), "add its .model")
        return
    for word in rest[place + 1 :]:
        if word not in ("on", "off"):
            yield from value_faults(word.partition("=")[2] or word, scope, rules)


def _instance(words: Words, scope: Scope, rules: Rules) -> Iterator[Fault]:
    plain = [word for word in words[1:] if "=" not in word and word != "params:"]
    *nodes, name = plain or [""]
    yield from passing_faults(words, rules)
    yield from (each for node in nodes for each in _node(node, rules))
    if name not in scope.subcircuits:
        if not scope.includes:
            yield fault(f"card {words[0]}", "call a subcircuit of this deck", name, "define it")
        return
    pins, values = scope.subcircuits[name]
    if len(nodes) != pins:
        yield fault(f"card {words[0]}", f"have {pins} nodes", str(len(nodes)), "match the .subckt")
    for word in (word for word in words if "=" in word):
        key, _, value = word.partition("=")
        if key not in values:
            yield fault(f"card {words[0]}", f"give only {' '.join(sorted(values))}", key, "match the .subckt")
        yield from value_faults(value, scope, rules)


_CARDS: Mapping[str, CardCheck] = MappingProxyType(
    dict.fromkeys("rcl", _two_ends)
    | dict.fromkeys("vi", _independent)
    | dict.fromkeys("beg", _controlled)
    | dict.fromkeys("asqmdj", _modelled)
    | {"x": _instance}
)


_ELEMENT = re.compile(r"(\w+)\s*\(([^()]*)\)\s*(\w+)\s*(.*)")
_ANALYSIS = re.compile(r"(\w+)\s+(tran|options)\s+(.*)")
_STRUCTURE = ("subckt", "ends", "parameters", "save", "include")
_WORDS = frozenset({"traponly", "trap", "gear2", "gear2only", "euler", "conservative", "moderate", "liberal"})


def spectre_faults(statement: Statement, scope: Scope, rules: Rules) -> Iterator[Fault]:
    """Yield the faults in a `statement` in Spectre's own language by `rules`, in its `scope`."""
    text = statement.text.strip()
    head = text.split()[0]
    if head == "parameters":
        yield from constant_faults((word.partition("=")[0] for word in text.split()[1:]), rules)
        yield from _assignments(text.removeprefix(head), rules.masters["resistor"], scope, rules, free=True)
    elif head in _STRUCTURE:
        yield from name_faults(statement.words, rules) if head == "subckt" else ()
    elif found := _ANALYSIS.fullmatch(text):
        yield from _assignments(found[3], rules.masters[found[2]], scope, rules)
    elif found := _ELEMENT.fullmatch(text):
        yield from _element(found, scope, rules)
    else:
        must, do = "be an element, an analysis or one of " + " ".join(_STRUCTURE), "use Spectre's own language here"
        yield fault("statement", must, text[:60], do)


def _element(found: re.Match[str], scope: Scope, rules: Rules) -> Iterator[Fault]:
    master = found[3]
    if master not in rules.masters and master not in scope.subcircuits:
        yield fault("master", f"be one of {', '.join(rules.masters)} or a subcircuit", master, "use another element")
        return
    for node in found[2].split():
        yield from _node(node, rules)
    known = rules.masters.get(master) or scope.subcircuits[master][1]
    yield from _assignments(found[4], known, scope, rules)


def _assignments(
    text: str, known: frozenset[str], scope: Scope, rules: Rules, *, free: bool = False
) -> Iterator[Fault]:
    for word in text.split():
        name, equals, value = word.partition("=")
        if not equals or not (free or name in known):
            must = "be a declaration name=value" if free else f"be one of {' '.join(sorted(known))}, with a value"
            yield fault("parameter", must, word[:60], "name it as Spectre does")
        elif value not in _WORDS:
            yield from expression_faults(value, rules, scope.names)
