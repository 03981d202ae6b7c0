"""What a saved machine is made of."""

from types import MappingProxyType

from lstm_analog.compiler.compiled import Compiled, HeadLayout, InputLayout, LayerLayout, Layout, Spot
from lstm_analog.compiler.electrical import Behavioural
from lstm_analog.compiler.fluids import Constant, Fluid, GlycerolWater, Vogel, Walther
from lstm_analog.compiler.hardware import Hardware, Line, OpenTube, SpringPiston
from lstm_analog.compiler.hydraulic import Detail, Hydraulic
from lstm_analog.compiler.timing import Cycle, Interval, Timing
from lstm_analog.model import Activation, CoupledGate, Curve, Gate, GRUGate, MGUGate
from lstm_analog.network.domain import Domain
from lstm_analog.network.graph import Group, Network, Unknowns
from lstm_analog.network.parts import KINDS, Factor, Term
from lstm_analog.network.shapes import Shape

PIECES = MappingProxyType(
    {
        kind.__name__: kind
        for kind in (
            *KINDS,
            Activation,
            Behavioural,
            Compiled,
            Constant,
            CoupledGate,
            Curve,
            Cycle,
            Detail,
            Domain,
            Factor,
            Fluid,
            GRUGate,
            Gate,
            GlycerolWater,
            Group,
            Hardware,
            HeadLayout,
            Hydraulic,
            InputLayout,
            Interval,
            LayerLayout,
            Layout,
            Line,
            MGUGate,
            Network,
            OpenTube,
            Shape,
            Spot,
            SpringPiston,
            Term,
            Timing,
            Unknowns,
            Vogel,
            Walther,
        )
    }
)
"""The kinds of record that a compiled network, its technology and its layout are made of, by name."""
