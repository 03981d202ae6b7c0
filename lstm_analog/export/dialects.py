"""SPICE dialects: what differs between simulators, as data and one emitter of expressions.

`NGSPICE` is ngspice 39 and later. Expressions use only + - * / tanh exp ln abs min max and v(); the one conditional
stands where the tail of softplus(u)/sigmoid(u) would lose its digits.
"""

from dataclasses import dataclass

from lstm_analog.network.shapes import Shape


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """A simulator's way of writing what all of them can do.

    Attributes
    ----------
    name : str
        The simulator.
    run : str
        How to run a deck `{deck}` in batch mode.
    look : str
        How to run it and plot a voltage.
    voltage, current : str
        The keyword of an expression source that imposes voltage or current.
    switch : str
        The switch model's thresholds, ron and roff to follow.
    """

    name: str
    run: str
    look: str
    voltage: str
    current: str
    switch: str


NGSPICE = Dialect(
    name="ngspice",
    run="ngspice -b -n -r out.raw {deck}",
    look="ngspice -n {deck}, then: run, then: plot v(<node>) v(<clock line>_clk)",
    voltage="v=",
    current="i=",
    switch="sw(vt=0.5 vh=0",
)


def curve_text(shape: Shape, node: str) -> str:
    """Return the expression of `shape` at the voltage of `node`, a one-argument function."""
    u = f"v({node})"
    softplus = f"(max({u},0)+ln(1+exp(-abs({u}))))"
    texts = {
        Shape.LINEAR: u,
        Shape.SIGMOID: f"0.5+0.5*tanh(0.5*{u})",
        Shape.TANH: f"tanh({u})",
        Shape.SOFTPLUS: softplus,
        Shape.EXP: f"exp(min(max({u},-200),200))",
        Shape.CLIP: f"min(max({u},0),1)",
        Shape.RELU: f"max({u},0)",
        Shape.SOFTPLUS_RATIO: f"({u}<-15)?(1+0.5*exp({u})):((1+exp(-{u}))*{softplus})",
    }
    return texts[shape]
