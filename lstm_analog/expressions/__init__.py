"""Expressions of efforts and parameters: the form of laws, for their values, derivatives and texts.

They are independent of parts and networks. `nodes` defines them and simplifies them, `functions` has named functions,
`calculus` substitutes and differentiates, `programs` evaluates by numpy, `languages` prints.
"""

from lstm_analog.expressions.calculus import derivative, kinks, shared, substituted, symbols
from lstm_analog.expressions.functions import beyond, clip, sigmoid, softplus, softplus_ratio
from lstm_analog.expressions.nodes import (
    LINE,
    Expression,
    Op,
    absolute,
    add,
    constant,
    divide,
    effort,
    exp,
    let,
    log1p,
    maximum,
    minimum,
    multiply,
    number,
    parameter,
    sign,
    sqrt,
    tanh,
    where,
)
from lstm_analog.expressions.programs import BoundProgram, Call, Program

__all__ = [
    "LINE",
    "BoundProgram",
    "Call",
    "Expression",
    "Op",
    "Program",
    "absolute",
    "add",
    "beyond",
    "clip",
    "constant",
    "derivative",
    "divide",
    "effort",
    "exp",
    "kinks",
    "let",
    "log1p",
    "maximum",
    "minimum",
    "multiply",
    "number",
    "parameter",
    "shared",
    "sigmoid",
    "sign",
    "softplus",
    "softplus_ratio",
    "sqrt",
    "substituted",
    "symbols",
    "tanh",
    "where",
]
