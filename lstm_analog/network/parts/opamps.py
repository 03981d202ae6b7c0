"""One-pole op-amps."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.expressions import beyond, effort, let, parameter, tanh
from lstm_analog.network.bank import node_array, positive_array, positive_limit_array, value_array
from lstm_analog.network.parts.base import SHOT, THERMAL, CardNames, Law, check_bank, law


@dataclass(frozen=True, kw_only=True, eq=False)
class OpAmps:
    """One-pole op-amps (Boyle 1974, reduced), the internal `state` x (V) being an unknown of its own.

    `C dx/dt = I tanh(gm (e_plus - e_minus + offset)/I) - G x - K (x - clip(x, -clamp, clamp))`; the output stage feeds
    `(swing tanh(x/swing) - e_out) output_conductance` into `out`. So A0 = gm/G, gain-bandwidth = gm/(2 pi C) in Hz,
    slew = I/C; the clamp keeps x from winding up beyond the rails. The inputs draw no current.

    `common_mode`, 1/CMRR, adds that share of (e_plus + e_minus)/2 to the offset. A finite `output_limit` (flow unit)
    takes the drive away from an output that gives more, as a short-circuit protection does: the clamp also acts on
    swing tanh(x/swing) - e_out beyond ± output_limit/output_conductance. It gives way by I/clamp_conductance.

    Its noise is that of a bipolar input pair with the tail current I, 2 q I at C, so sqrt(2 q I)/gm at the input, and
    that of its two conductances.
    """

    label: str
    plus: Indices = node_array()
    minus: Indices = node_array()
    out: Indices = node_array()
    state: Indices = node_array()
    transconductance: Floats = positive_array()
    current_limit: Floats = positive_array()
    conductance: Floats = positive_array()
    capacitance: Floats = positive_array()
    offset: Floats = value_array()
    swing: Floats = positive_array()
    clamp: Floats = positive_array()
    clamp_conductance: Floats = positive_array()
    output_conductance: Floats = positive_array()
    common_mode: Floats = value_array(0.0)
    output_limit: Floats = positive_limit_array()

    def __post_init__(self) -> None:
        check_bank(self)

    @cached_property
    def unlimited(self) -> bool:
        """Whether no output has a limit of current."""
        return bool(np.isinf(self.output_limit).all())


_CARDS = CardNames(
    pins={"state": "x"},
    values={
        "transconductance": "gm",
        "current_limit": "imax",
        "conductance": "rx",
        "capacitance": "cx",
        "offset": "vos",
        "clamp_conductance": "gclamp",
        "output_conductance": "rout",
        "common_mode": "cm",
        "output_limit": "iout",
    },
    inverse=frozenset({"conductance", "output_conductance"}),
    extras={"cmrr": ("common_mode",), "limited": ("output_limit",)},
)


def _opamp() -> Law:
    plus, minus, x, out = map(effort, ("plus", "minus", "state", "out"))
    limit, clamp, gain = map(parameter, ("current_limit", "clamp_conductance", "output_conductance"))
    swing = parameter("swing")
    difference = plus - minus + parameter("offset") + 0.5 * parameter("common_mode") * (plus + minus)
    inner = let("o", swing * tanh(x / swing))
    given = gain * (inner - out)
    over = beyond(x, parameter("clamp")) + beyond(given, parameter("output_limit")) / gain
    charge = limit * tanh(parameter("transconductance") * difference / limit) - parameter("conductance") * x
    return Law(
        terminals=("plus", "minus", "out", "state"),
        into={"state": charge - clamp * over, "out": given},
        stored={"state": parameter("capacitance")},
        units={
            "transconductance": "conductance",
            "current_limit": "flow",
            "conductance": "conductance",
            "capacitance": "capacitance",
            "offset": "effort",
            "swing": "effort",
            "clamp": "effort",
            "clamp_conductance": "conductance",
            "output_conductance": "conductance",
            "common_mode": "1",
            "output_limit": "flow",
        },
        neutral={"common_mode": 0.0, "output_limit": math.inf},
        cards=_CARDS,
        noise={("state",): SHOT * limit + THERMAL * parameter("conductance"), ("out",): THERMAL * gain},
    )


_OPAMP = _opamp()

law.register(OpAmps, lambda _: _OPAMP)
