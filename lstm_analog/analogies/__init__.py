"""Analogies of machine learning as machines: networks of parts that engines run and that are held against the numbers.

`descent`, `adaptive_descent`: gradient descent with momentum as coils and U-tubes, RMSProp and Adam as filters.
`cells_of`, `counted_rates`, `rectifier`: nerve cells and siphon tanks that fire, diodes and check valves.
Module `chance`: an ion channel, a comparator with noise, two transistors and two valves have one curve. Module
`drawn_lstm`: an LSTM whose gates are drawn.
"""

from lstm_analog.analogies.adaptive import FILTERS, Filters, adaptive_descent
from lstm_analog.analogies.descent import COILS, UTUBES, Coils, Descent, UTubes, descent
from lstm_analog.analogies.losses import DescentLoss, Logistic, OnlineSquares, Quadratic
from lstm_analog.analogies.nerve import NERVE, SIPHON, NerveCell, cells_of, counted_rates, rectifier
from lstm_analog.analogies.optimisers import adaptive_steps, critical_momentum, damped_motion, heavy_ball, nesterov

__all__ = [
    "COILS",
    "FILTERS",
    "NERVE",
    "SIPHON",
    "UTUBES",
    "Coils",
    "Descent",
    "DescentLoss",
    "Filters",
    "Logistic",
    "NerveCell",
    "OnlineSquares",
    "Quadratic",
    "UTubes",
    "adaptive_descent",
    "adaptive_steps",
    "cells_of",
    "counted_rates",
    "critical_momentum",
    "damped_motion",
    "descent",
    "heavy_ball",
    "nesterov",
    "rectifier",
]
