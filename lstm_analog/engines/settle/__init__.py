"""The `Settle` engine: each phase at its fixed point.

`phase` divides a phase into stages, `program` says which of them each point of a run needs, `solving` makes calls of
numpy of them, `run` makes these calls.
"""

from lstm_analog.engines.settle.engine import Settle

__all__ = ["Settle"]
