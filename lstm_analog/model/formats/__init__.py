"""Model files, read without the framework that wrote them.

`load` tells the format by the content of the file. Nothing in a file is executed; what is damaged, hostile or not
understood is refused by name.
"""

from lstm_analog.model.formats.loading import load, load_model
from lstm_analog.model.formats.own import save
from lstm_analog.model.formats.own_model import save_model

__all__ = ["load", "load_model", "save", "save_model"]
