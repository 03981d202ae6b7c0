"""Write the living page of a run."""

import base64
import gzip
import json
from html import escape
from pathlib import Path
from string import Template

from lstm_analog import __version__
from lstm_analog.doors import checked
from lstm_analog.export.javascript import laws_in_javascript
from lstm_analog.files import whole_file
from lstm_analog.model import LSTM
from lstm_analog.show.living.contents import contents
from lstm_analog.show.living.sources import source
from lstm_analog.show.reading import origin
from lstm_analog.study import Run

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
