"""The `Settle` engine: each phase at its fixed point; `phase` orders the stages, `solving` makes their calls."""

from lstm_analog.engines.settle.engine import Settle

__all__ = ["Settle"]
