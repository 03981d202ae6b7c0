"""Element-wise operations of an ONNX graph as numeric steps.

ONNX operator schemas, https://onnx.ai/onnx/operators
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from lstm_analog.model.activations import RELU, SIGMOID, SOFTPLUS, TANH, Activation, Curve
from lstm_analog.model.formulas import elu, gated, gelu, leaky_relu, mish, silu, softsign
from lstm_analog.model.operations import Operation
from lstm_analog.model.steps import RowStep

CURVES: Mapping[str, Callable[[Mapping[str, Any]], RowStep]] = MappingProxyType(
    {
        "Relu": lambda said: RELU,
        "Tanh": lambda said: TANH,
        "Sigmoid": lambda said: SIGMOID,
        "Softplus": lambda said: SOFTPLUS,
        "Softsign": lambda said: softsign(),
        "LeakyRelu": lambda said: leaky_relu(said.get("alpha", 0.01)),
        "Elu": lambda said: elu(said.get("alpha", 1.0)),
        "Celu": lambda said: elu(said.get("alpha", 1.0), stretch=said.get("alpha", 1.0)),
        "Selu": lambda said: elu(said.get("alpha", 1.67326319217681884765625), said.get("gamma", 1.05070102214813232)),
        "Gelu": lambda said: gelu(said.get("approximate", b"none") == b"tanh"),
        "HardSigmoid": lambda said: Activation(
            curve=Curve.CLIP, slope=said.get("alpha", 0.2), offset=said.get("beta", 0.5)
        ),
        "HardSwish": lambda said: gated("hard swish", Activation(curve=Curve.CLIP, slope=1 / 6, offset=0.5)),
        "Swish": lambda said: silu(said.get("alpha", 1.0)),
        "Mish": lambda said: mish(),
        "Exp": lambda said: Operation.EXP,
        "Log": lambda said: Operation.LOG,
        "Sqrt": lambda said: Operation.SQRT,
        "Erf": lambda said: Operation.ERF,
        "Abs": lambda said: Operation.ABS,
    }
)
"""Function from the attributes of a node to its step, by operation."""
