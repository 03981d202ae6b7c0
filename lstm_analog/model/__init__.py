"""The mathematics: a trained LSTM as numbers, its computation in float64, its files. Independent of any circuit."""

from lstm_analog.model.activations import (
    HARD_SIGMOID,
    LINEAR,
    RELU,
    SIGMOID,
    SOFTPLUS,
    STEEP_HARD_SIGMOID,
    TANH,
    Activation,
    Curve,
)
from lstm_analog.model.forecaster import Forecaster, load_forecaster, save_forecaster
from lstm_analog.model.formats import load, load_model, save, save_model
from lstm_analog.model.gates import CoupledGate, Gate, GRUGate, MGUGate, RNNGate
from lstm_analog.model.layers import Chain, Head, Layer
from lstm_analog.model.lstm import LSTM, Trace
from lstm_analog.model.operations import Operation
from lstm_analog.model.random import Form, random_lstm
from lstm_analog.model.reference import LayerTrace
from lstm_analog.model.sequences import Outputs, State
from lstm_analog.model.steps import Affine, Dense, Embedding, Formula, Masking, Pool, Pooling, Reshape, Softmax
from lstm_analog.model.weights import Cell, GRUCell, MGUCell, RecurrentCell, RNNCell
from lstm_analog.model.whole import Model

__all__ = [
    "HARD_SIGMOID",
    "LINEAR",
    "LSTM",
    "RELU",
    "SIGMOID",
    "SOFTPLUS",
    "STEEP_HARD_SIGMOID",
    "TANH",
    "Activation",
    "Affine",
    "Cell",
    "Chain",
    "CoupledGate",
    "Curve",
    "Dense",
    "Embedding",
    "Forecaster",
    "Form",
    "Formula",
    "GRUCell",
    "GRUGate",
    "Gate",
    "Head",
    "Layer",
    "LayerTrace",
    "MGUCell",
    "MGUGate",
    "Masking",
    "Model",
    "Operation",
    "Outputs",
    "Pool",
    "Pooling",
    "RNNCell",
    "RNNGate",
    "RecurrentCell",
    "Reshape",
    "Softmax",
    "State",
    "Trace",
    "load",
    "load_forecaster",
    "load_model",
    "random_lstm",
    "save",
    "save_forecaster",
    "save_model",
]
