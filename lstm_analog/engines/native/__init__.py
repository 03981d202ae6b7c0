"""Executes calls of numpy as machine code: `compiled` makes of a run of calls one call.

`library` builds `kernel.c` once a machine and loads it, `encoding` writes down calls as operations of that kernel,
`programs` joins operations to programs. Without a compiler all calls stay as they are.
"""

from lstm_analog.engines.native.calls import Otherwise, Positive, Repeat, Unless, Unsolved
from lstm_analog.engines.native.library import is_available
from lstm_analog.engines.native.programs import (
    ROWS,
    WORTH,
    KernelProgram,
    ProgramBuilder,
    addresses,
    compiled,
    executed,
    joined,
)

__all__ = [
    "ROWS",
    "WORTH",
    "KernelProgram",
    "Otherwise",
    "Positive",
    "ProgramBuilder",
    "Repeat",
    "Unless",
    "Unsolved",
    "addresses",
    "compiled",
    "executed",
    "is_available",
    "joined",
]
