"""Read model files without the framework that wrote them.

`load` finds the format by the content of the file. Nothing in a file is executed; damaged, hostile or unknown content
is refused by name.
"""

from lstm_analog.model.formats.loading import load, load_model
from lstm_analog.model.formats.own import save
from lstm_analog.model.formats.own_model import save_model

__all__ = ["load", "load_model", "save", "save_model"]
