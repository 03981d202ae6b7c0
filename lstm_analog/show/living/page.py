"""Write the living page of a run.

Its engine evaluates the laws of a graph file in JavaScript, with their partial derivatives. The text of the laws is an
object with an entry for each, under the name that elements of the file bear as their `law`:

* `gives`: what the law gives, as `graph_elements.GRAMMAR` says: through, into, effort, rate or surplus;
* `efforts`, `parameters`: the names in it, in the order in which the functions read them;
* `values(x, place, number, on, out)`: writes the value of each of m elements to `out` (m,);
* `partials(x, place, number, on, out)`: writes to `out` (m, 1 + efforts) each value and its derivatives.

`x` are the efforts of all nodes, `place` (m, efforts) the numbers of the nodes, `number` (m, parameters) the
parameters, `on` 1 while the clock line of the elements is high or if there is none, else 0. All arrays are flat.
"""

import base64
import gzip
import json
from collections.abc import Sequence
from dataclasses import replace
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from lstm_analog import __version__
from lstm_analog.doors import checked
from lstm_analog.export.graph_elements import GraphLaw
from lstm_analog.export.graphs import laws_in
from lstm_analog.expressions import Expression, Op, derivative, effort, shared, symbols
from lstm_analog.expressions.languages import JAVASCRIPT, written
from lstm_analog.files import whole_file
from lstm_analog.model import LSTM
from lstm_analog.network.graph import Network
from lstm_analog.show.living.contents import contents
from lstm_analog.show.reading import origin
from lstm_analog.study import Run


def source(name: str) -> str:
    """Return the text of the file called `name` of this folder."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


_PROGRAM = (
    *("engine", "digital", "machine", "random", "draw", "app"),
    *("pair", "channels", "tank", "step", "network", "beside", "broken", "nerve", "rectifier", "layers"),
    *("descent", "away"),
)
"""The files of the program, in the order in which they use each other; screens come last, as they are shown."""


@checked
def page(run: Run, lstm: LSTM, path: str | Path, *, title: str = "") -> None:
    """Write the living page of `run` to `path`: one HTML file that needs no server and loads nothing from elsewhere.

    It shows one sigmoid, one memory, one step, and the network of `run` beside the digital `lstm`, and lets its reader
    move, shut and break parts; then, the same in every page, nerve cells, rectifiers, layers and descent. An engine in
    the page integrates the network file of the machine, of the same LSTM in the other domain, and of the analogies. Its
    heading is `title`, the name of `lstm` unless given.

    Raises
    ------
    UnsupportedError
        If cells are other than forward LSTM or GRU cells with their usual activations, or the machine has transistor
        cells, several passes or chips, or is not CLOCKED.
    InvalidShapeError
        If the run is of several sequences or of more than `MOST_STEPS` steps.
    InvalidValueError
        If the run is of another LSTM, or has not kept everything in its last step.
    FileAccessError
        If the file cannot be written; nothing is left behind.
    """
    told, networks = contents(run, lstm, title or lstm.name)
    packed = gzip.compress(json.dumps(told, allow_nan=False, separators=(",", ":")).encode(), mtime=0)
    parts = {
        "title": escape(title or lstm.name),
        "about": escape(_about(run, lstm)),
        "style": source("page.css"),
        "contents": base64.b64encode(packed).decode("ascii"),
        "program": "\n".join(source(f"{name}.js") for name in _PROGRAM),
        "laws": laws_in_javascript(networks),
    }
    with whole_file(path) as stream:
        stream.write(Template(source("page.html")).substitute(parts).encode())


def _about(run: Run, lstm: LSTM) -> str:
    """Return a sentence that says which machine of which model the page shows."""
    units = ", ".join(map(str, lstm.sizes))
    size = f"inputs: {lstm.input_size}, units: {units}, digest {lstm.digest[:12]}"
    return f"This machine: {origin(run)}; {size}. Made by lstm_analog {__version__}."


_NAMES = replace(JAVASCRIPT, effort="e_{0}", parameter="p_{0}")
"""With prefixes, no name of a part's field is a word of the language."""


@checked
def laws_in_javascript(networks: Sequence[Network]) -> str:
    """Return the object of the laws in the graphs of all `networks`; laws of one name are the same.

    Raises `UnsupportedError` as `law_table` does.
    """
    laws = {law.name: law for network in networks for law in laws_in(network)}
    return "".join(("{\n", *(f"{_literal(name)}: {_entry(laws[name])},\n" for name in sorted(laws)), "}"))


def _literal(value: object) -> str:
    """Return `value` as a literal that may stand in a script in HTML."""
    return json.dumps(value).replace("<", "\\u003c")


def _entry(law: GraphLaw) -> str:
    efforts = sorted(one.name for one in symbols(law.value) if one.op is Op.EFFORT)
    if law.gives in ("effort", "rate") and "e" not in efforts:
        efforts.append("e")  # whose equation it is
    parameters = [name for name, _ in law.units]
    partials = [law.value, *(derivative(law.value, effort(name)) for name in efforts)]
    values, slopes = (_loop(texts, efforts, parameters) for texts in ([law.value], partials))
    shown = (f"gives: {_literal(law.gives)}", f"efforts: {_literal(efforts)}", f"parameters: {_literal(parameters)}")
    return f"{{{', '.join(shown)},\nvalues{values},\npartials{slopes}}}"


def _loop(outputs: Sequence[Expression], efforts: Sequence[str], parameters: Sequence[str]) -> str:
    """Return arguments and body of the function that writes `outputs` of every element."""
    lets, texts = written(shared(outputs), _NAMES)
    read = [f"e_{name} = x[place[i++]]" for name in efforts] + [f"p_{name} = number[j++]" for name in parameters]
    named = ", ".join([*read, *(f"{name} = {body}" for name, body in lets.items())])
    return (
        "(x, place, number, on, out) {\nfor (let i = 0, j = 0, k = 0; k < out.length;) {\n"
        + (f"const {named};\n" if named else "")
        + "".join(f"out[k++] = {text};\n" for text in texts)
        + "}\n}"
    )
