"""Network to text and back."""

from lstm_analog.export.dialects import NGSPICE, Dialect
from lstm_analog.export.spice import Accuracy, write_spice
from lstm_analog.export.spice_reader import Deck, read_spice

__all__ = ["NGSPICE", "Accuracy", "Deck", "Dialect", "read_spice", "write_spice"]
