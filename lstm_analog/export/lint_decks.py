"""Read a deck as statements with line numbers, and find the names declared in each subcircuit."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from lstm_analog.export.lines import joined, words_of
from lstm_analog.export.rules import Names, Rules


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
    """Yield the statements of the deck `text` after its title, without the comments that `rules` define."""
    inside, spectre = "", False
    for line, statement in joined(text, rules.comments):
        lower = statement.lower()
        words = lower.split()
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
