"""PyTorch's element-wise functions as numeric steps, by name.

The PyTorch 2.13 reference, https://pytorch.org/docs/stable/nn.functional.html
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from lstm_analog.model.activations import RELU, SIGMOID, TANH, Activation, Curve
from lstm_analog.model.formulas import clipped, elu, gated, gelu, leaky_relu, log_sigmoid, mish, scaled, silu, softsign
from lstm_analog.model.operations import Operation
from lstm_analog.model.steps import ModelStep

CurveSteps = tuple[ModelStep | Operation, ...]
_SELU = (1.67326324235437728481704, 1.05070098735548049341933)
_HARD = Activation(curve=Curve.CLIP, slope=1 / 6, offset=0.5)


_THRESHOLD = 20.0
"""Where PyTorch's softplus of beta x becomes x, unless another is given; it is 2e-9 less there."""


def _softplus(beta: float = 1.0, threshold: float = _THRESHOLD) -> CurveSteps | None:
    """Return the steps of log(1 + exp(beta x))/beta; None for a lower threshold, at which the curve has a jump."""
    if threshold < _THRESHOLD:
        return None
    curve = Activation(curve=Curve.SOFTPLUS, slope=beta)
    return (curve,) if beta == 1.0 else (curve, scaled(1.0 / beta))


CURVES: Mapping[str, Callable[..., CurveSteps | None]] = MappingProxyType(
    {
        "relu": lambda: (RELU,),
        "sigmoid": lambda: (SIGMOID,),
        "tanh": lambda: (TANH,),
        "relu6": lambda: clipped(0.0, 6.0),
        "hardtanh": lambda min_val=-1.0, max_val=1.0: clipped(min_val, max_val),
        "hardsigmoid": lambda: (_HARD,),
        "hardswish": lambda: (gated("hard swish", _HARD),),
        "leaky_relu": lambda negative_slope=0.01: (leaky_relu(negative_slope),),
        "elu": lambda alpha=1.0: (elu(alpha),),
        "celu": lambda alpha=1.0: (elu(alpha, stretch=alpha),),
        "selu": lambda: (elu(*_SELU),),
        "gelu": lambda approximate="none": (gelu(approximate == "tanh"),),
        "silu": lambda: (silu(),),
        "mish": lambda: (mish(),),
        "softplus": _softplus,
        "softsign": lambda: (softsign(),),
        "logsigmoid": lambda: (log_sigmoid(),),
        "log_sigmoid": lambda: (log_sigmoid(),),
        "neg": lambda: (scaled(-1.0),),
        "negative": lambda: (scaled(-1.0),),
        "exp": lambda: (Operation.EXP,),
        "log": lambda: (Operation.LOG,),
        "sqrt": lambda: (Operation.SQRT,),
        "erf": lambda: (Operation.ERF,),
        "abs": lambda: (Operation.ABS,),
    }
)
"""Function from the further arguments of each PyTorch function to its steps, None if these are not known."""
