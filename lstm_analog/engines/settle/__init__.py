"""The `Settle` engine: each phase at its fixed point; `phase` finds the order of the stages, `kernels` their calls."""

from lstm_analog.engines.settle.engine import Precision, Settle

__all__ = ["Precision", "Settle"]
