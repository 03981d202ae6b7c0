"""The facade a user holds: a compiled machine."""

from lstm_analog.machine.facade import Machine
from lstm_analog.machine.making import compile, load_machine

__all__ = ["Machine", "compile", "load_machine"]
