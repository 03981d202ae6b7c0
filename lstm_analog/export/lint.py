"""Check decks against the rules of a simulator without running it: `check_dialect` names each line it would refuse.

It reads any deck, not only those of this package, and uses `rules` alone, nothing of the writer.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from lstm_analog.doors import checked, checked_record
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.export.dialects import Dialect
from lstm_analog.export.lines import REMARKS, cut_off, remark_place, split_lines, without_remark
from lstm_analog.export.lint_cards import (
    CardCheck,
    card_faults,
    constant_faults,
    name_faults,
    passing_faults,
    spectre_faults,
    value_faults,
)
from lstm_analog.export.lint_decks import Fault, Scope, Statement, expression_faults, fault, scopes, statements
from lstm_analog.export.rules import RULES, Rules
from lstm_analog.files import read_bytes, text_in

_SWITCHES = ("sw", "vswitch")
_LIBRARY = ("simulator", ".model", ".param")
"""Statements that may stand outside subcircuits in a library, a file that is no deck."""
_REPEATABLE = ("simulator", "parameters", "ends", "save", "include", "subckt")


@checked_record
@dataclass(frozen=True, kw_only=True)
class Breach:
    """The number of a `line` that a simulator would refuse or misread, and the `fault` in it."""

    line: int
    fault: Fault

    def __str__(self) -> str:
        """Return the finding with its line number."""
        fault = self.fault
        return f"line {self.line}: " + explain(fault.what, must=fault.must, got=fault.got, do=fault.do)


@checked
def check_dialect(path: str | Path, dialect: Dialect) -> tuple[Breach, ...]:
    """Return the breaches of the rules of `dialect` in the deck at `path`, in the order of lines.

    Raises `FileAccessError` if the file cannot be read; `FileFormatError` if it is no text in UTF-8; `UnsupportedError`
    if there are no rules for `dialect`, as for one of your own.
    """
    if dialect.name not in RULES:
        got, do = ascii(dialect.name)[:80], "run the deck in its simulator"
        raise UnsupportedError(explain("dialect", must=f"be one of {', '.join(RULES)}", got=got, do=do))
    text = text_in(read_bytes(path), f"file {str(path)!r}")
    rules = RULES[dialect.name]
    found = [Breach(line=line, fault=each) for line, each in _faults(text, rules)]
    return tuple(sorted(found, key=lambda breach: breach.line))


def _faults(text: str, rules: Rules) -> Iterator[tuple[int, Fault]]:
    yield from _layout(text, rules)
    deck = list(statements(text, rules))
    places = scopes(deck)
    yield from _repeated(deck)
    for statement in deck:
        yield from ((statement.line, each) for each in _unclosed(statement))
        scope = places[statement.subcircuit]
        check = spectre_faults if statement.spectre else _spice_faults
        yield from ((statement.line, each) for each in check(statement, scope, rules))
    last = deck[-1] if deck else None
    library = deck and all(statement.subcircuit or statement.words[0] in _LIBRARY for statement in deck)
    if not library and (last is None or last.text != ".end"):
        line = last.line if last else 1
        yield line, fault("deck", "end with .end", last.text[:40] if last else "nothing", "add it")


def _unclosed(statement: Statement) -> Iterator[Fault]:
    """Yield a fault if a brace or a quote of `statement` has no partner."""
    text = statement.text
    if '"' not in text and (text.count("{") != text.count("}") or text.count("'") % 2):
        yield fault("statement", "close its braces and quotes", text[:60], "correct it")


def _repeated(deck: list[Statement]) -> Iterator[tuple[int, Fault]]:
    """Yield a fault for each card and parameter whose name was used before in its subcircuit; case is ignored."""
    seen: set[tuple[str, str]] = set()
    for statement in deck:
        place = "" if statement.words[0] == ".subckt" else statement.subcircuit
        for name in _declared(statement.words):
            if (place, name) in seen:
                yield statement.line, fault("name", "be given once", name, "rename one; case does not tell them apart")
            seen.add((place, name))


def _declared(words: tuple[str, ...]) -> list[str]:
    """Return the names that the statement of `words` declares: of a card, of parameters, of a model or circuit."""
    head, *rest = words
    if head == ".param":
        return [f"{head} {word.partition('=')[0]}" for word in rest]
    if head in (".subckt", ".model"):
        return [f"{head} {name}" for name in rest[:1]]
    return [] if head.startswith(".") or head in _REPEATABLE else [head]


def _layout(text: str, rules: Rules) -> Iterator[tuple[int, Fault]]:
    for number in cut_off(text):
        must, do = "follow what it continues: ngspice drops it", "begin the remark above with *"
        yield number, fault("line", must, "a line of ; before it", do)
    for number, line in enumerate(split_lines(text), start=1):
        if len(line) > rules.line and not line.startswith("*"):
            must, do = f"have at most {rules.line} letters", "continue it with + on the next"
            yield number, fault("line", must, str(len(line)), do)
        if line.startswith("*#"):
            yield number, fault("comment", "not start with *#", line[:40], "ngspice runs it: use * #")
        statement = without_remark(line, rules.comments)
        alien = [mark for mark in REMARKS if remark_place(statement, mark) < len(statement)]
        if alien and number > 1 and not line.startswith(("*", "//")):
            yield number, fault("line", "hold no comment of another dialect", alien[0], "remove it")
        if not (statement.isascii() or number == 1 or line.startswith("*")):
            do = "write u for micro; other letters may stand in remarks"
            yield number, fault("line", "be ASCII", ascii(statement)[:60], do)


def _spice_faults(statement: Statement, scope: Scope, rules: Rules) -> Iterator[Fault]:
    words = statement.words
    if words[0] == "simulator":
        if not rules.masters:
            yield fault("statement", "be a card or a dot command", statement.text[:40], "leave it to Spectre")
    elif words[0].startswith("."):
        yield from _command(words, scope, rules)
    elif words[0][0] not in rules.letters:
        must = f"begin with one of {' '.join(rules.letters)}"
        yield fault("card", must, words[0], "say it with cards that this dialect has")
    else:
        yield from card_faults(words, scope, rules)


def _command(words: tuple[str, ...], scope: Scope, rules: Rules) -> Iterator[Fault]:
    name = words[0][1:]
    if name not in rules.statements:
        must = f"be one of .{' .'.join(sorted(rules.statements))}"
        yield fault("command", must, words[0], "leave it out, or use this dialect's own")
        return
    check = _COMMANDS.get(name)
    if check is not None:
        yield from check(words, scope, rules)


def _parameters(words: tuple[str, ...], scope: Scope, rules: Rules) -> Iterator[Fault]:
    for word in words[1:]:
        name, equals, value = word.partition("=")
        if not equals:
            yield fault(".param", "be name=value", word, "write it without blanks")
        yield from constant_faults([name], rules)
        bare = "" in rules.quotes and value[:1] + value[-1:] not in ("{}", "''")
        yield from expression_faults(value, rules, scope.names) if bare else value_faults(value, scope, rules)


def _run(words: tuple[str, ...], scope: Scope, rules: Rules) -> Iterator[Fault]:
    least, most = rules.run
    times = [word for word in words[1:] if word != "uic"]
    if not least <= len(times) <= most:
        do = "give the longest step as this dialect does"
        yield fault(".tran", f"have {least} to {most} times", " ".join(times), do)
    for word in times:
        yield from value_faults(word, scope, rules)


def _options(words: tuple[str, ...], scope: Scope, rules: Rules) -> Iterator[Fault]:
    known, given = rules.options, words[1:]
    if rules.packages:
        package = given[0] if given else ""
        if package not in rules.packages:
            must = f"name one of {', '.join(rules.packages)} first"
            yield fault(words[0], must, package, "put the package before its options")
            return
        known, given = rules.packages[package], given[1:]
    for word in given:
        if word.partition("=")[0] not in known:
            yield fault("option", f"be one of {' '.join(sorted(known))}", word.partition("=")[0], "leave it out")


def _model(words: tuple[str, ...], scope: Scope, rules: Rules) -> Iterator[Fault]:
    found = re.match(r"([^\s(]*)\s*\(?(.*)", " ".join(words[2:]))
    kind, inside = found.groups() if found else ("", "")
    yield from name_faults(words, rules)
    if kind not in rules.models:
        must = f"be one of {', '.join(rules.models)}"
        do = "write the switch as this dialect does" if kind in _SWITCHES else "use another"
        yield fault("kind of model", must, kind, do)
        return
    known, given = rules.models[kind], dict(re.findall(r"([\w]+)=(\S+)", inside.rstrip(")")))
    for name in given:
        if known and name not in known:
            must = f"be one of {' '.join(sorted(known))}"
            yield fault(f"parameter of {kind}", must, name, "name it as this dialect does")
    if kind == "sw" and "lser" not in known and given.get("vh", "0").startswith("-"):
        yield fault("vh", "not be negative", given["vh"], "only LTspice is smooth then: write 0")
    for value in given.values():
        yield from value_faults(value, scope, rules)


def _subcircuit(words: tuple[str, ...], scope: Scope, rules: Rules) -> Iterator[Fault]:
    if "params:" in words and words[-1] == "params:":
        yield fault("params:", "be followed by values", "none", "leave it out")
    yield from name_faults(words, rules)
    yield from constant_faults((word.partition("=")[0] for word in words if "=" in word), rules)
    yield from passing_faults(words, rules)


_COMMANDS: Mapping[str, CardCheck] = MappingProxyType(
    {
        "param": _parameters,
        "tran": _run,
        "options": _options,
        "option": _options,
        "model": _model,
        "subckt": _subcircuit,
    }
)
