"""Dense banks of conductances between drivers and pairs of manifolds."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lstm_analog.arrays import Floats, Indices, indices
from lstm_analog.errors import InvalidShapeError, InvalidValueError, explain
from lstm_analog.network.bank import input_array, matrix_array, node_array, positive_limit_array, value_array
from lstm_analog.network.parts.base import check_bank, check_least


@dataclass(frozen=True, kw_only=True, eq=False)
class Crossbars:
    """Dense banks of conductances from shared `inputs` (n,) to manifolds in pairs, `plus` and `minus` (m,), and loads.

    The flow into plus_j is sum_i positive_ji (e_i - e_plus_j) - plus_load_j e_plus_j, likewise minus: the manifold
    settles at the mean of the inputs weighted by conductance (Millman 1940). Drivers are to be sources or followers.
    `positive`, `negative` (..., m, n) >= 0 and `plus_load`, `minus_load` (..., m) >= 0 in the conductance unit.

    Tubes are laminar (Hagen-Poiseuille, Re < 2300) unless one of these, (..., m), is finite for all tubes of a row:
    `transition` (effort unit) makes them orifices, q = G dp / (1 + (dp/transition)^2)^(1/4); `end_flow` (flow unit) is
    the flow at which entrance and exit lose as much as the tube, dp = q/G (1 + |q|/end_flow). It is mu L/(0.046 rho)
    whatever the bore (docs/hydraulics.md#end-loss). Both at once are refused.
    """

    label: str
    inputs: Indices = input_array()
    plus: Indices = node_array()
    minus: Indices = node_array()
    positive: Floats = matrix_array()
    negative: Floats = matrix_array()
    plus_load: Floats = value_array()
    minus_load: Floats = value_array()
    transition: Floats = positive_limit_array()
    end_flow: Floats = positive_limit_array()

    def __post_init__(self) -> None:
        """Check the label, the nodes, the shapes, that no conductance is below zero, and that one law is asked for."""
        plus, minus = (indices(getattr(self, name), f"{self.label}.{name}").size for name in ("plus", "minus"))
        if minus != plus:
            must, do = f"have {plus} nodes, as plus has", "give each row a manifold of either sign"
            raise InvalidShapeError(explain(f"{self.label}.minus", must=must, got=minus, do=do))
        check_bank(self)
        for name in ("positive", "negative", "plus_load", "minus_load"):
            check_least(getattr(self, name), f"{self.label}.{name}", "put a negative weight on the other manifold")
        if np.isfinite(self.transition).any() and np.isfinite(self.end_flow).any():
            must, got = "be orifices or tubes with end losses", "transition and end_flow both finite"
            raise InvalidValueError(explain(self.label, must=must, got=got, do="leave one infinite"))

    @property
    def sides(self) -> tuple[tuple[Indices, Floats, Floats], ...]:
        """The nodes, the tubes and the load of the positive and of the negative manifolds."""
        return (self.plus, self.positive, self.plus_load), (self.minus, self.negative, self.minus_load)

    @cached_property
    def linear(self) -> bool:
        """Whether all flows are proportional to the difference of efforts."""
        return bool(np.isinf(self.transition).all() and np.isinf(self.end_flow).all())
