"""The machine: a compiled LSTM with all that a user does with it."""

from lstm_analog.machine.facade import Machine
from lstm_analog.machine.making import compile, load_machine

__all__ = ["Machine", "compile", "load_machine"]
