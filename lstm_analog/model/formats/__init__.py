"""Model files, read without the framework that wrote them.

`load` tells the format by the content of the file. Nothing in a file is executed; what is damaged, hostile or not
understood is refused by name.
"""

from lstm_analog.model.formats.loading import load
from lstm_analog.model.formats.own import save

__all__ = ["load", "save"]
