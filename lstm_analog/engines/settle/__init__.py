"""The `Settle` engine: each phase at its fixed point; `phase` says in which order, `kernels` by what calls of numpy."""

from lstm_analog.engines.settle.engine import Precision, Settle

__all__ = ["Precision", "Settle"]
