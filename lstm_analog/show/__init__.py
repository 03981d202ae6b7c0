"""Draw pictures of runs, by matplotlib. Each function returns a figure; `save` writes it to a file.

`page` draws nothing itself: it writes a page of HTML that computes the machine as it is read.
"""

from lstm_analog.show.dataflow import dataflow
from lstm_analog.show.forecasting import forecast
from lstm_analog.show.heatmap import weights
from lstm_analog.show.living import page
from lstm_analog.show.noise import signal_noise
from lstm_analog.show.saving import save
from lstm_analog.show.settling import settling_curve
from lstm_analog.show.states import sequence
from lstm_analog.show.waveforms import step_waveforms
from lstm_analog.show.yields import metric_distribution, yield_against_strength

__all__ = [
    "dataflow",
    "forecast",
    "metric_distribution",
    "page",
    "save",
    "sequence",
    "settling_curve",
    "signal_noise",
    "step_waveforms",
    "weights",
    "yield_against_strength",
]
