"""Network to text and back."""

from lstm_analog.export.dialects import NGSPICE, Dialect
from lstm_analog.export.graphs import graph
from lstm_analog.export.spice import USUAL, Accuracy, write_spice
from lstm_analog.export.spice_reader import Deck, read_spice

__all__ = ["NGSPICE", "USUAL", "Accuracy", "Deck", "Dialect", "graph", "read_spice", "write_spice"]
