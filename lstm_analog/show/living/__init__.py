"""The living page: a machine in one HTML file, with an engine in JavaScript that integrates its graph file.

`engine.js` is the engine; it knows networks, neither LSTMs nor laws. `sources` reads the files of this folder.
"""

from lstm_analog.show.living.sources import source

__all__ = ["source"]
