"""Studies say how far a machine is from the digital LSTM, and why."""

from lstm_analog.study.comparison import compare
from lstm_analog.study.digest import network_digest
from lstm_analog.study.report import Errors, LayerErrors, Report, Verdict
from lstm_analog.study.run import Run
from lstm_analog.study.settling import Settling, settling, settling_error

__all__ = [
    "Errors",
    "LayerErrors",
    "Report",
    "Run",
    "Settling",
    "Verdict",
    "compare",
    "network_digest",
    "settling",
    "settling_error",
]
