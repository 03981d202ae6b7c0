"""Draw pictures of runs, by matplotlib. Each function returns a figure; `save` writes it to a file.

`page` draws nothing itself: it writes a page of HTML that computes the machine as it is read.
"""

from lstm_analog.show.animations.animate import animate
from lstm_analog.show.blocks import blocks
from lstm_analog.show.budgets import error_budget
from lstm_analog.show.crossbar import crossbar
from lstm_analog.show.dataflow import dataflow
from lstm_analog.show.descent import descent
from lstm_analog.show.forecasting import forecast
from lstm_analog.show.heatmap import error_map, weights
from lstm_analog.show.living import page
from lstm_analog.show.noise import signal_noise, transistor_noise
from lstm_analog.show.portrait import phase_portrait, return_map
from lstm_analog.show.reports.page import write_report
from lstm_analog.show.representation import preferred_inputs, representation
from lstm_analog.show.schematics.picture import schematic
from lstm_analog.show.settling import settling_curve
from lstm_analog.show.sizing import sizing
from lstm_analog.show.states import sequence
from lstm_analog.show.style import save
from lstm_analog.show.waveforms import step_waveforms
from lstm_analog.show.what_if import what_if
from lstm_analog.show.yields import corners, metric_distribution, yield_against_strength

__all__ = [
    "animate",
    "blocks",
    "corners",
    "crossbar",
    "dataflow",
    "descent",
    "error_budget",
    "error_map",
    "forecast",
    "metric_distribution",
    "page",
    "phase_portrait",
    "preferred_inputs",
    "representation",
    "return_map",
    "save",
    "schematic",
    "sequence",
    "settling_curve",
    "signal_noise",
    "sizing",
    "step_waveforms",
    "transistor_noise",
    "weights",
    "what_if",
    "write_report",
    "yield_against_strength",
]
