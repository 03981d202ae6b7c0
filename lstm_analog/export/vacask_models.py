"""Translate a library of device models from SPICE into VACASK's language, into a file that decks include.

What a foundry wrote is never in a deck: the translation lies in the user's cache directory, named by the digest and the
section of the library, and is made anew where it is missing or was made by another version.

    .param a='2*b'             parameters a=2.0*b
    .subckt x c b e w=1        subckt x(c b e), parameters m=1.0 w=1.0
    .model q npn level=1 ...   model q sp_bjt (type=1 ...)
    .model f.3 nmos level=54   model f__3 sp_bsim4v8 (type=1 ...), and a subcircuit f that takes the model of its size

A value is a number, or an expression of parameters with + - * / ( ). A model or a subcircuit that needs more is left
out, and a remark says why; a deck that calls it is refused by VACASK, which names it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from lstm_analog.errors import FileFormatError, LstmAnalogError, UnsupportedError, explain
from lstm_analog.export.lines import REMARKS, joined, words_of
from lstm_analog.export.numbers import number_text, parse_number
from lstm_analog.files import read_bytes
from lstm_analog.network.device_models import ModelLibrary, cache_folder, write_cached

REQUIRED = ("w", "l", "ad", "as", "pd", "ps")
"""The values that a card of a BSIM4 transistor has to give: what it lacks, simulators make up in ways of their own."""
OPTIONAL: Mapping[str, str] = MappingProxyType({"delvto": "0.0", "m": "1.0"})
"""Further values that it may give, and what they are without."""
_BSIM4 = "sp_bsim4v8"
_MASTERS: Mapping[str, tuple[str, str, frozenset[float]]] = MappingProxyType(
    {
        "npn": ("sp_bjt", "1", frozenset({1.0})),
        "pnp": ("sp_bjt", "-1", frozenset({1.0})),
        "nmos": (_BSIM4, "1", frozenset({14.0, 54.0})),
        "pmos": (_BSIM4, "-1", frozenset({14.0, 54.0})),
    }
)
"""By the kind of a .model: VACASK's model, its type, and the levels that it stands for."""
_IGNORED = frozenset({"dcap", "gap1", "gap2"})
"""Values of HSPICE's bipolar transistor, for which ngspice and VACASK have no parameter; ngspice ignores them."""
_BOUNDS = ("lmin", "lmax", "wmin", "wmax")
_SLACK: Mapping[str, str] = MappingProxyType({">=": "0.999999999", "<=": "1.000000001"})
"""Lets a size be beyond the bounds of a bin by rounding. At a bound the models of both bins are to agree."""
_LOADED = 'load "spice/bjt.osdi"\nload "spice/bsim4v8.osdi"'
_NODES: Mapping[str, int] = MappingProxyType({"q": 4, "m": 4, "r": 2, "c": 2})
_PASSIVE: Mapping[str, str] = MappingProxyType({"r": "resistor", "c": "capacitor"})
_MODEL = re.compile(r"\.model +(\S+) +(\w+)(.*)")
_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?[a-z]*"
_TOKEN = re.compile(rf"({_NUMBER})|([a-z_]\w*+(?! *\()|\*(?!\*)|[-+/()])|( +)", re.ASCII)
"""A number; a name that is no function's, or a mark of the grammar that all simulators read alike; blanks."""

_Bins = list[tuple[str, tuple[str, ...]]]
"""Models of one MOS transistor: each by its name in VACASK, and the bounds of its bin, none if there is one model."""


def translation(library: ModelLibrary) -> Path:
    """Return the path of the translation of `library`, whether it is there or not."""
    return cache_folder() / library.digest[:16] / f"{library.section or 'all'}.inc"


def translate(library: ModelLibrary) -> None:
    """Write the translation of `library`, unless it is there.

    Raises `FileAccessError` if a file of the library cannot be read, or the translation not be written, and
    `FileFormatError` if one includes itself or nothing.
    """
    path, content = translation(library), _content(library)
    if not path.exists() or read_bytes(path) != content:
        write_cached(path, content)


@lru_cache(maxsize=16)
def _content(library: ModelLibrary) -> bytes:
    lines = _translated(_statements(Path(library.path), library.section))
    return "".join(f"{line}\n" for line in lines).encode("ascii", errors="replace")


def _statements(path: Path, section: str, within: tuple[tuple[Path, str], ...] = ()) -> Iterator[str]:
    """Yield the statements of the file at `path`, of the `section` alone if one is named, in lower case.

    `within` are the files and sections that include it. Raises `FileFormatError` for one that includes itself, and for
    a statement that includes no file.
    """
    if (path, section) in within:
        raise _broken(path, "not include itself", section or "the whole file", "take the statement out")
    taken = not section
    for _, line in joined("\n" + read_bytes(path).decode("ascii", errors="replace"), REMARKS):
        head, *rest = line.split()
        if head.lower() == ".lib" and len(rest) == 1:
            taken = rest[0].lower() == section
        elif head.lower() == ".endl":
            taken = not section
        elif taken and head.lower() in (".include", ".inc", ".lib"):
            if not rest:
                raise _broken(path, "name what it includes", line, "complete or remove the statement")
            name, part = rest[0].strip("\"'"), rest[1].lower() if rest[1:] else ""
            yield from _statements(path.parent / name, part, (*within, (path, section)))
        elif taken:
            yield line.lower()


def _broken(path: Path, must: str, got: str, do: str) -> FileFormatError:
    return FileFormatError(explain(f"models {str(path)!r}", must=must, got=ascii(got)[:80], do=do))


def _translated(statements: Iterator[str]) -> Iterator[str]:
    yield f"// models translated from SPICE by lstm_analog\n{_LOADED}"
    models: dict[str, _Bins] = {}
    for line in statements:
        block = [line]
        while line.startswith(".subckt") and not block[-1].startswith(".ends"):
            block.append(next(statements, ".ends"))
        try:
            yield from list(_subcircuit(block) if block[1:] else _statement(line, models))
        except LstmAnalogError as error:
            yield f"// left out: {' '.join(line.split()[:2])}: {error}"
    for name, bins in models.items():
        yield from _transistor(name, bins)


def _transistor(name: str, bins: _Bins) -> Iterator[str]:
    """Yield the subcircuit `name` of a MOS transistor that takes the model of its size among `bins`."""
    starts = {**dict.fromkeys(REQUIRED, "0.0"), **OPTIONAL}
    values = {"$mfactor" if key == "m" else key: key for key in starts}
    yield f"subckt {name}(d g s b)"
    yield from (f"parameters {key}={text}" for key, text in starts.items())
    yield from _chosen("m1 (d g s b)", bins, values)
    yield "ends"


def _statement(line: str, models: dict[str, _Bins]) -> Iterator[str]:
    """Yield the lines for the .param or .model `line`; a MOS transistor's model is noted in `models`."""
    found = _MODEL.fullmatch(line)
    if found:
        yield _model(found[1], found[2], _pairs(found[3]), models)
    elif line.split(maxsplit=1)[0] == ".param":
        yield from (f"parameters {key}={_spelt(text)}" for key, text in _pairs(line[6:]).items())
    else:
        raise _unsupported(line)


def _model(name: str, kind: str, values: dict[str, str], models: dict[str, _Bins]) -> str:
    """Return the model `name` of a `kind` with `values`; one of a MOS transistor is noted in `models`."""
    master, sign, levels = _MASTERS.get(kind, ("", "", frozenset[float]()))
    if parse_number(values.pop("level", "1"), {}) not in levels:
        raise _unsupported(f".model {name} {kind} of this level")
    if master == _BSIM4:
        bounds = tuple(_spelt(values.pop(key)) for key in _BOUNDS if key in values)
        values.pop("version", None)
        base, _, number = name.partition(".")
        name = f"{base}__{number}"
        models.setdefault(base, []).append((name, bounds))
    known = {key: text for key, text in values.items() if master == _BSIM4 or key not in _IGNORED}
    return f"model {name} {master} (type={sign}{_named(known)})"


def _subcircuit(block: Sequence[str]) -> Iterator[str]:
    """Yield the lines for the subcircuit whose statements are `block`; m multiplies all that is in it."""
    _, name, *words = words_of(block[0])
    models: dict[str, _Bins] = {}
    yield f"subckt {name}({' '.join(word for word in words if '=' not in word and word != 'params:')})"
    yield "parameters m=1.0"
    yield from _statement(" ".join((".param", *(word for word in words if "=" in word))), models)
    later = []
    for line in block[1:-1]:
        if line.startswith("."):
            yield from _statement(line, models)
        else:
            later.append(line)
    for line in later:
        yield from _card(line, models)
    yield "ends"


def _card(line: str, models: Mapping[str, _Bins]) -> Iterator[str]:
    """Yield the lines for the card `line` of a subcircuit, whose own MOS transistors are `models`."""
    head, *words = words_of(line)
    given = [word for word in words if "=" in word]
    places = words[: len(words) - len(given)]
    count = len(places) - 1 if head[0] == "x" else _NODES.get(head[0], 0)
    if len(places) != count + 1 or places + given != words:
        raise _unsupported(line)
    start, (what,), values = f"{head} ({' '.join(places[:count])})", places[count:], _pairs(" ".join(given))
    many = f"m*({_spelt(values.pop('m', '1'))})"
    if head[0] in _PASSIVE:
        yield f"{start} {_PASSIVE[head[0]]} {head[0]}={_spelt(what)}{_named(values)} $mfactor={many}"
    elif head[0] == "m" and what in models:
        yield from _chosen(start, models[what], {**values, "$mfactor": many})
    else:  # a MOS transistor whose model is outside is a subcircuit of its own
        yield f"{start} {what}{_named(values)} {'$mfactor' if head[0] == 'q' else 'm'}={many}"


def _chosen(start: str, bins: _Bins, values: Mapping[str, str]) -> Iterator[str]:
    """Yield the instance that begins with `start`, of the model whose bin has the width and length in `values`."""
    missing = [key for key in REQUIRED if key not in values]
    if missing or (len(bins) > 1 and not all(bounds for _, bounds in bins)):
        raise _unsupported(f"{start} without {', '.join(missing) or 'bins'}")
    word, texts = "@if", _named(values)
    for name, bounds in bins:
        if bounds:
            sides = zip(("l", "l", "w", "w"), (">=", "<=") * 2, bounds, strict=True)
            tests = (f"({_spelt(values[key])}){sign}({bound})*{_SLACK[sign]}" for key, sign, bound in sides)
            yield f"{word} {' && '.join(tests)}"
            word = "@elseif"
        yield f"{start} {name}{texts}"
    if word == "@elseif":
        yield f"@else\n{start} no_bin_of_{bins[0][0]}\n@end"


def _pairs(text: str) -> dict[str, str]:
    """Return the values `name=value` in `text`, in brackets or not."""
    text = text.strip()
    inner = words_of(text[1:-1] if text[:1] + text[-1:] == "()" else text)
    if not all("=" in word for word in inner):
        raise _unsupported(text)
    return dict(word.split("=", 1) for word in inner)


def _named(values: Mapping[str, str]) -> str:
    return "".join(f" {key}={_spelt(text)}" for key, text in values.items())


def _spelt(text: str) -> str:
    """Return the number or the expression `text`, marked as one or not, as VACASK reads it; numbers are real there."""
    inner, spelt = text[1:-1] if text[:1] + text[-1:] in ("{}", "''") else text, ""
    while inner:
        found = _TOKEN.match(inner)
        if found is None:
            raise _unsupported(text)
        spelt += number_text(parse_number(found[1], {})) if found[1] else found[2] or ""
        inner = inner[found.end() :]
    return spelt


def _unsupported(line: str) -> UnsupportedError:
    must = "be a parameter, a Gummel-Poon or BSIM4 model, or a subcircuit of q, m, r, c and x cards, in + - * / ( )"
    return UnsupportedError(explain("models for VACASK", must=must, got=ascii(line)[:80], do="run them by Ngspice"))
