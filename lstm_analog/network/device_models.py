"""Libraries of device models in files of the user's: a deck includes them, and a digest over them says which they are.

The files of a foundry are never copied into a deck. A network holds their place, a section and a digest; a deck is
written only while the files still have that digest.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from lstm_analog.doors import checked, checked_record
from lstm_analog.errors import FileAccessError, InvalidValueError, UnsupportedError, explain
from lstm_analog.files import read_bytes, whole_file
from lstm_analog.network.labels import check_label

_INCLUDED = re.compile(rb"""(?im)^[ \t]*\.(?:include|inc|lib)[ \t]+(?:"([^"\n]+)"|'([^'\n]+)'|(\S+))([ \t]+\S+)?""")
"""A statement that includes a file: its name, and the section. `.lib <section>` alone begins a section."""
_PATH = re.compile(r"[!#%&()+,./0-9:=@A-Z\\_a-z~-]+")
"""Paths that every simulator reads alike within double quotes; ngspice 39 cuts a path at a blank all the same."""
_SECTION = re.compile(r"[a-z0-9_.-]*")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@checked_record
@dataclass(frozen=True, kw_only=True)
class ModelLibrary:
    """A library of device models in the file at `path`, of which a deck takes a `section`.

    Attributes
    ----------
    path : str
        The absolute path on this computer; equal libraries may have different ones.
    section : str
        The section in lower case, as after `.lib`; empty for a file that is included as a whole.
    digest : str
        The SHA-256 over the file and all files that it includes, in any section.
    """

    path: str = field(compare=False)
    section: str
    digest: str

    def __post_init__(self) -> None:
        """Check that path, section and digest can stand in a deck."""
        if not _PATH.fullmatch(self.path) or "//" in self.path:
            must = "be ASCII without blanks, quotes, semicolons and dollars"
            do = "reach the models by a link of such a name"
            raise InvalidValueError(explain("path of models", must=must, got=ascii(self.path)[:80], do=do))
        if not _SECTION.fullmatch(self.section):
            got, do = ascii(self.section)[:40], "give its name as behind .lib, or an empty text"
            raise InvalidValueError(explain("section", must="be one word in lower case", got=got, do=do))
        if not _DIGEST.fullmatch(self.digest):
            got, do = ascii(self.digest)[:80], "make it by model_library"
            raise InvalidValueError(explain("digest of models", must="be a SHA-256", got=got, do=do))

    @property
    def statement(self) -> str:
        """The statement that includes it in a deck."""
        return f'.lib "{self.path}" {self.section}' if self.section else f'.include "{self.path}"'

    @property
    def name(self) -> str:
        """Name of the file and section, for a reader."""
        return f"{Path(self.path).name} {self.section}".rstrip()

    def verify(self) -> None:
        """Raise `UnsupportedError` if the files have another digest now, `FileAccessError` if one cannot be read."""
        found = library_digest(self.path)
        if found != self.digest:
            must, do = f"be the files of digest {self.digest[:12]}", "compile and calibrate with the models at hand"
            raise UnsupportedError(explain(f"models {self.path}", must=must, got=found[:12], do=do))


@checked_record
@dataclass(frozen=True, kw_only=True)
class ModelDevice:
    """A subcircuit called `name` that the files of models define, with its `terminals` in order, all in lower case."""

    name: str
    terminals: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check the names."""
        for label in (self.name, *self.terminals):
            check_label(label)


@checked
def model_library(path: str | Path, section: str = "") -> ModelLibrary:
    """Return the library of device models in the file at `path`, of which decks take `section`, its digest computed.

    Raises
    ------
    FileAccessError
        If the file, or one that it includes, cannot be read.
    InvalidValueError
        If its path or section cannot stand in a deck.
    """
    place = str(Path(path).absolute())  # links stay: a process is often reached by a link that says its version
    return ModelLibrary(path=place, section=section.lower(), digest=library_digest(place))


def library_digest(path: str | Path) -> str:
    """Return the SHA-256 over the file at `path` and all files that it includes, in order; paths do not count.

    Raises `FileAccessError` if one cannot be read.
    """
    total = sha256()
    for file in library_files(path):
        total.update(_content(file, _stamp(file))[0].encode())
    return total.hexdigest()


def library_files(path: str | Path) -> Iterator[Path]:
    """Yield the file at `path` and all that it includes in any section, each once by the path that statements spell.

    A file that includes itself, by whatever path, is not followed again.
    """
    waiting, known = [(Path(path), frozenset[str]())], set[Path]()
    while waiting:
        file, within = waiting.pop(0)
        place = os.path.realpath(file)
        if file in known or place in within:
            continue
        known.add(file)
        yield file
        waiting += [(file.parent / name, within | {place}) for name in _content(file, _stamp(file))[1]]


def _stamp(file: Path) -> tuple[int, int]:
    """Return time of change and size of `file`, by which a digest that was computed before is known to hold still."""
    try:
        state = file.stat()
    except (OSError, ValueError) as error:
        do = "give the path of the library of models on this computer"
        raise FileAccessError(explain(f"models {str(file)!r}", must="be a file", got=error, do=do)) from error
    return state.st_mtime_ns, state.st_size


@lru_cache(maxsize=256)
def _content(file: Path, stamp: tuple[int, int]) -> tuple[str, tuple[str, ...]]:
    """Return the SHA-256 of the content of `file` and the names that it includes; `stamp` tells its versions apart."""
    content = read_bytes(file)
    names = (found for found in _INCLUDED.finditer(content) if _names_a_file(found))
    return sha256(content).hexdigest(), tuple(dict.fromkeys(_text(found) for found in names))


def _names_a_file(found: re.Match[bytes]) -> bool:
    """Return whether the statement `found` includes a file; `.lib` with one word begins a section instead."""
    begins = found[0].split()[0].lower() == b".lib" and found[4] is None
    return not begins


def _text(found: re.Match[bytes]) -> str:
    return next(name for name in found.group(1, 2, 3) if name).decode("utf-8", errors="surrogateescape")


def cache_folder() -> Path:
    """Return the folder of copies of models: `lstm_analog/models` in `$XDG_CACHE_HOME`, by default in `~/.cache`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lstm_analog" / "models"


def write_cached(path: Path, content: bytes) -> None:
    """Write `content` to `path` in the `cache_folder`; raise `FileAccessError` if that cannot be done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        do = "set XDG_CACHE_HOME to a folder that can be written"
        raise FileAccessError(explain(f"folder {str(path.parent)!r}", must="be made", got=error, do=do)) from error
    with whole_file(path) as stream:
        stream.write(content)
