"""The `Settle` engine: every phase at its fixed point. `phase` says in which order, `kernels` by which calls of numpy."""

from lstm_analog.engines.settle.engine import Precision, Settle

__all__ = ["Precision", "Settle"]
