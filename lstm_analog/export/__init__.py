"""Network to text and back."""

from lstm_analog.export.dialects import NGSPICE, Dialect
from lstm_analog.export.graphs import graph
from lstm_analog.export.spice import FINE, USUAL, Accuracy, suited, write_spice
from lstm_analog.export.spice_reader import Deck, read_spice

__all__ = ["FINE", "NGSPICE", "USUAL", "Accuracy", "Deck", "Dialect", "graph", "read_spice", "suited", "write_spice"]
