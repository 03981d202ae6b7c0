"""Dense banks of conductances between drivers and pairs of manifolds."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lstm_analog.arrays import Floats, Indices, floats_of_shape, indices, positive_limits_of_shape
from lstm_analog.errors import InvalidShapeError, InvalidValueError, explain
from lstm_analog.network.bank import positive_limit_array, put
from lstm_analog.network.labels import check_label
from lstm_analog.network.parts.base import check_least


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
    inputs: Indices
    plus: Indices
    minus: Indices
    positive: Floats
    negative: Floats
    plus_load: Floats
    minus_load: Floats
    transition: Floats = positive_limit_array()
    end_flow: Floats = positive_limit_array()

    def __post_init__(self) -> None:
        """Check the label, the nodes, the shapes, that no conductance is below zero, and that one law is asked for."""
        check_label(self.label)
        for name in ("inputs", "plus", "minus"):
            put(self, name, indices(getattr(self, name), f"{self.label}.{name}"))
        size = (self.plus.size, self.inputs.size)
        if self.minus.size != self.plus.size:
            must, do = f"have {self.plus.size} nodes, as plus has", "give each row a manifold of either sign"
            raise InvalidShapeError(explain(f"{self.label}.minus", must=must, got=self.minus.size, do=do))
        shapes = {"positive": size, "negative": size, "plus_load": size[:1], "minus_load": size[:1]}
        for name, shape in shapes.items():
            array = floats_of_shape(getattr(self, name), f"{self.label}.{name}", shape)
            check_least(array, f"{self.label}.{name}", "put a negative weight on the other manifold")
            put(self, name, array)
        for name in ("transition", "end_flow"):
            put(self, name, positive_limits_of_shape(getattr(self, name), f"{self.label}.{name}", size[:1]))
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
