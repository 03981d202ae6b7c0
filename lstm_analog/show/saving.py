"""Write pictures to files."""

from math import isfinite
from pathlib import Path
from types import MappingProxyType

from matplotlib.figure import Figure

from lstm_analog.doors import checked
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.files import whole_file
from lstm_analog.show.style import drawing

_UNDATED = MappingProxyType({".png": "Software", ".svg": "Date", ".pdf": "CreationDate"})
"""The metadata of each format that name its date or program: left out, so that equal pictures are equal files."""


@checked
def save(figure: Figure, path: str | Path, *, dpi: float = 110.0) -> None:
    """Write `figure` to `path` by its ending: .png with `dpi` dots per inch, .svg or .pdf; whole or not at all.

    Raises `InvalidValueError` if the ending is another, or `dpi` is not above zero; `FileAccessError` if `path` cannot
    be written; nothing is left behind.
    """
    ending = Path(path).suffix.lower()
    if ending not in _UNDATED:
        must, do = f"end in {', '.join(_UNDATED)}", "choose one of these formats"
        raise InvalidValueError(explain("the name of a picture", must=must, got=ascii(Path(path).name)[:80], do=do))
    if not (dpi > 0 and isfinite(dpi)):
        raise InvalidValueError(
            explain("dpi", must="be positive and finite", got=dpi, do="110 give 1000 pixels of width")
        )
    with drawing(), whole_file(path) as stream:
        figure.savefig(stream, format=ending[1:], dpi=dpi, metadata={_UNDATED[ending]: None})
