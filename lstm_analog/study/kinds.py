"""What a saved machine is made of: the records and enums that are made when it is loaded, and no others."""

from collections.abc import Mapping
from types import MappingProxyType

from lstm_analog.compiler import Compiled, Drive, Fit, LayerLayout, Layout, Ranges, Scaling, Spot, Timing
from lstm_analog.compiler.bicmos import Bias, Bicmos, Conditions
from lstm_analog.compiler.bicmos_calibration import Calibration
from lstm_analog.compiler.electrical import Behavioural
from lstm_analog.compiler.fluids import Constant, Fluid, GlycerolWater, Vogel, Walther
from lstm_analog.compiler.hardware import Hardware, Line, OpenTube, SpringPiston
from lstm_analog.compiler.hydraulic import Detail, Hydraulic
from lstm_analog.compiler.opamp_sizes import CrossbarData, HoldData, MultiplierData, OpAmpCircuit, PairData
from lstm_analog.compiler.timing import Cycle, Interval
from lstm_analog.network.cells import Cells, Library, Subcircuit
from lstm_analog.network.data_sheets import OpAmpData
from lstm_analog.network.domain import Domain
from lstm_analog.network.graph import Group, Network, Unknowns
from lstm_analog.network.parts import (
    Conductors,
    Crossbars,
    Factor,
    Followers,
    Junctions,
    OpAmps,
    Pairs,
    Ports,
    Sources,
    Storages,
    Switches,
    Term,
    Transconductors,
)
from lstm_analog.network.shapes import Shape

KINDS: Mapping[str, type] = MappingProxyType(
    {
        kind.__name__: kind
        for kind in (
            Behavioural,
            Bias,
            Bicmos,
            Calibration,
            Cells,
            Compiled,
            Conditions,
            Conductors,
            Constant,
            CrossbarData,
            Crossbars,
            Cycle,
            Detail,
            Domain,
            Drive,
            Factor,
            Fit,
            Fluid,
            Followers,
            GlycerolWater,
            Group,
            Hardware,
            HoldData,
            Hydraulic,
            Interval,
            Junctions,
            LayerLayout,
            Layout,
            Library,
            Line,
            MultiplierData,
            Network,
            OpAmpCircuit,
            OpAmpData,
            OpAmps,
            OpenTube,
            PairData,
            Pairs,
            Ports,
            Ranges,
            Scaling,
            Shape,
            Sources,
            Spot,
            SpringPiston,
            Storages,
            Subcircuit,
            Switches,
            Term,
            Timing,
            Transconductors,
            Unknowns,
            Vogel,
            Walther,
        )
    }
)
"""By name."""
