"""A demonstration on real data: airline forecasters as circuits and as plumbing, compared with the digital ones."""

from collections.abc import Callable, Iterator
from pathlib import Path

from lstm_analog.demo.chips import chip_lines
from lstm_analog.demo.circuits import circuit_lines
from lstm_analog.demo.plumbing import plumbing_lines
from lstm_analog.engines import Progress
from lstm_analog.errors import FileAccessError, explain
from lstm_analog.model import airline


def run_demo(folder: Path, bar: Callable[[str], Progress]) -> Iterator[str]:
    """Run all studies, write their files to `folder`, and yield the lines of text about them.

    `bar` returns a progress bar for a label. Raises `FileAccessError` if the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        got, do = error.strerror or error, "choose another folder"
        raise FileAccessError(explain(f"folder {str(folder)!r}", must="be writable", got=got, do=do)) from error
    yield "Airline passengers 1949-1960: one month ahead, the years 1958-1960 never seen in training."
    yield "Each LSTM runs as a circuit of ideal sources, real R and C; the linear head is digital."
    for units in airline.UNITS:
        yield from circuit_lines(units, folder, bar(f"circuit of {units} units"))
    yield from chip_lines()
    yield from plumbing_lines(folder, bar("plumbing of 4 units"))
    yield ""
    yield f"Files are in {folder}:"
    yield from (f"  {path.name}" for path in sorted(folder.iterdir()))
