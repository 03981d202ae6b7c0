"""The mathematics: a trained LSTM as numbers, its reference answer, its files. Knows no circuit."""

from lstm_analog.model.forecaster import Forecaster, load_forecaster, save_forecaster
from lstm_analog.model.gates import Gate
from lstm_analog.model.lstm import LSTM, Outputs, State, Trace
from lstm_analog.model.random import random_lstm
from lstm_analog.model.reference import LayerTrace
from lstm_analog.model.tensors import load, save
from lstm_analog.model.weights import Cell, Layer

__all__ = [
    "LSTM",
    "Cell",
    "Forecaster",
    "Gate",
    "Layer",
    "LayerTrace",
    "Outputs",
    "State",
    "Trace",
    "load",
    "load_forecaster",
    "random_lstm",
    "save",
    "save_forecaster",
]
