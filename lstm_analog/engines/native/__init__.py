"""Executes calls of numpy as machine code: `compiled` makes one call, a program of the kernel, of a run of calls.

`library` builds `kernel.c` once a machine and loads it. `encoding` writes down calls as its operations, whose words are
in `operations.inc`; `programs` joins operations to programs, in which `grouping` lets some go together. `calls` are
what numpy lacks. Without a compiler all calls stay as they are.
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
