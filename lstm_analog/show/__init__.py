"""Draw pictures of runs, by matplotlib. Each function returns a figure; `save` writes it to a file."""

from lstm_analog.show.dataflow import dataflow
from lstm_analog.show.descent import descent
from lstm_analog.show.forecasting import forecast
from lstm_analog.show.heatmap import weights
from lstm_analog.show.noise import signal_noise
from lstm_analog.show.saving import save
from lstm_analog.show.settling import settling_curve
from lstm_analog.show.sizing import sizing
from lstm_analog.show.states import sequence
from lstm_analog.show.waveforms import step_waveforms
from lstm_analog.show.what_if import what_if
from lstm_analog.show.yields import metric_distribution, yield_against_strength

__all__ = [
    "dataflow",
    "descent",
    "forecast",
    "metric_distribution",
    "save",
    "sequence",
    "settling_curve",
    "signal_noise",
    "sizing",
    "step_waveforms",
    "weights",
    "what_if",
    "yield_against_strength",
]
