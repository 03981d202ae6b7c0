"""Write transistor-level cells as netlist text, and read them: a library of models and subcircuits, then x cards.

The library stands in the bank's own section, so that a value edited in it belongs to the network that is read back. Of
models in files a mark stands there, with their digest; the statements that include them stand once, before all parts.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from lstm_analog.arrays import Indices
from lstm_analog.errors import FileFormatError, UnsupportedError, explain
from lstm_analog.export.dialects import DeckLanguage, Dialect
from lstm_analog.export.emit import fill
from lstm_analog.export.numbers import number_text
from lstm_analog.export.vacask_models import translate, translation
from lstm_analog.network.cells import Cells, Library, Subcircuit
from lstm_analog.network.device_models import ModelDevice, ModelLibrary
from lstm_analog.network.graph import Network

MARK = "*|"
"""The beginning of a line that the reader needs and every simulator skips."""
_SUBCIRCUIT, _END = ".subckt", ".ends"
_FILE, _DEVICE = f"{MARK} models ", f"{MARK} device "
_WHOLE = "-"
"""The section of a file that is included as a whole."""
_TEMPERATURE = re.compile(r"\.(?:temp |options device temp=)([0-9.e+-]+)")
_USUAL = 27.0
"""The default temperature of simulators (C), except HSPICE, whose 25 C a statement overrides."""


def library_lines(part: Cells) -> tuple[str, ...]:
    """Return the lines to write before the cards of `part`: its models and subcircuits."""
    lines = [model if isinstance(model, str) else _marked(model) for model in part.library.models]
    lines += [f"{_DEVICE}{device.name} {' '.join(device.terminals)}" for device in part.library.devices]
    for circuit in part.library.subcircuits:
        head = f"{_SUBCIRCUIT} {circuit.name} {' '.join(circuit.terminals)}"
        lines += [head, *circuit.cards, f"{_END} {circuit.name}"]
    return tuple(lines)


def definitions(library: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield name and text of each subcircuit and model in the lines of a `library`, those in files left out.

    The name of a model has its `.model` before it: a subcircuit may be called alike.
    """
    block: list[str] = []
    for line in library:
        if line.startswith((".model ", _SUBCIRCUIT)):
            block = []
        block.append(line)
        if line.startswith((".model ", _END)):
            head, name = block[0].split()[:2]
            yield name if head == _SUBCIRCUIT else f"{head} {name}", "\n".join(block)


def _marked(library: ModelLibrary) -> str:
    """Return the mark from which `library` is read back: digest, section and path."""
    return f"{_FILE}{library.digest} {library.section or _WHOLE} {library.path}"


def model_statements(network: Network, dialect: Dialect) -> tuple[str, ...]:
    """Return the statements that include the models in files of the cells of `network`, each once.

    Those of VACASK include translations (`vacask_models`).

    Raises `UnsupportedError` if `dialect` marks the values of instances, which devices of a foundry are called with.
    """
    found = _files(network)
    if dialect.language is DeckLanguage.VACASK:
        return tuple(f'include "{translation(file)}"' for file in found.values())
    if found and dialect.passing.strip():
        must, do = "be called without a mark before their values", "write it for ngspice, LTspice, HSPICE or Spectre"
        raise UnsupportedError(explain("devices of models in files", must=must, got=dialect.name, do=do))
    return tuple(found)


def check_models(network: Network, dialect: Dialect) -> None:
    """Raise `UnsupportedError` or `FileAccessError` unless the files of models of `network` are those it names.

    If `dialect` is VACASK's, their translations are written.
    """
    for file in _files(network).values():
        file.verify()
        if dialect.language is DeckLanguage.VACASK:
            translate(file)


def _files(network: Network) -> dict[str, ModelLibrary]:
    """Return the models in files of the cells of `network`, by the statement that includes them."""
    cells = (part for part in network.parts if isinstance(part, Cells))
    return {file.statement: file for part in cells for file in part.library.files}


def temperature_lines(network: Network, dialect: Dialect) -> tuple[str, ...]:
    """Return the statement in `dialect` that sets the temperature of the cells of `network`; empty without cells.

    Raises `UnsupportedError` if cells differ in temperature, or `dialect` has no such statement and it is not 27.
    """
    found = {float(part.temperature) for part in network.parts if isinstance(part, Cells)}
    if len(found) > 1 or not (dialect.temperature or found <= {_USUAL}):
        must = "have one temperature" if dialect.temperature else f"be at {_USUAL:g} C in dialect {dialect.name}"
        got = ", ".join(f"{value:g}" for value in sorted(found))
        raise UnsupportedError(explain("cells", must=must, got=got, do="write each chip alone, or in another dialect"))
    return tuple(fill(dialect.temperature, {"celsius": number_text(value)}) for value in found if dialect.temperature)


def split_library(lines: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the library and the cards of a section: its `lines` up to the last `.ends`, and those after it."""
    ends = [number for number, line in enumerate(lines, start=1) if line.lower().startswith(_END)]
    place = ends[-1] if ends else 0
    return lines[:place], lines[place:]


def cells_of(label: str, pins: tuple[Indices, ...], lines: tuple[str, ...], device: str, outputs: str) -> Cells:
    """Return the bank `label` of cells at `pins`, each a `device` of the library in `lines`.

    `outputs` are the names of the device's outputs, with commas between.

    Raises `FileFormatError` for lines that make no library.
    """
    rest = [line if line.startswith(MARK) else " ".join(line.lower().split()) for line in lines]
    told = _TEMPERATURE.fullmatch(rest[0]) if rest else None
    rest = rest[1:] if told else rest
    models = [line for line in rest if line.startswith((".model ", _FILE))]
    devices = [line for line in rest if line.startswith(_DEVICE)]
    if rest[: len(models) + len(devices)] != [*models, *devices]:
        raise _strange(label, "have its models before its subcircuits", "others")
    circuits = tuple(_circuits(label, rest[len(models) + len(devices) :], {device: tuple(outputs.split(","))}))
    library = Library(
        models=tuple(line if line.startswith(".") else _file(label, line) for line in models),
        subcircuits=circuits,
        devices=tuple(_device(line) for line in devices),
    )
    return Cells(
        label=label,
        device=device,
        library=library,
        temperature=float(told[1]) if told else _USUAL,
        pins=np.stack(pins),
    )


def _file(label: str, line: str) -> ModelLibrary:
    """Return the library of models that the mark `line` in the library of `label` names."""
    words = line.removeprefix(_FILE).split()
    if len(words) != 3:
        raise _strange(label, "give digest, section and path of its models", line)
    digest, section, path = words
    return ModelLibrary(path=path, section="" if section == _WHOLE else section, digest=digest)


def _device(line: str) -> ModelDevice:
    name, *terminals = line.removeprefix(_DEVICE).split()
    return ModelDevice(name=name, terminals=tuple(terminals))


def _circuits(label: str, lines: Sequence[str], outputs: Mapping[str, tuple[str, ...]]) -> Iterator[Subcircuit]:
    head: list[str] = []
    cards: list[str] = []
    for words in map(str.split, lines):
        if words[0] == _SUBCIRCUIT and not head and len(words) > 1:
            head, cards = words[1:], []
        elif head and words == [_END, head[0]]:
            name, *terminals = head
            yield Subcircuit(name=name, terminals=tuple(terminals), outputs=outputs.get(name, ()), cards=tuple(cards))
            head = []
        elif head and not words[0].startswith("."):
            cards.append(" ".join(words))
        else:
            raise _strange(label, f"be {_SUBCIRCUIT}, cards and {_END} with the name", " ".join(words))


def _strange(label: str, must: str, got: str) -> FileFormatError:
    do = "restore it: only a value may change"
    return FileFormatError(explain(f"library of {label}", must=must, got=ascii(got)[:80], do=do))
