"""The kinds of record in a saved machine."""

from types import MappingProxyType

from lstm_analog.compiler.bicmos import Bicmos
from lstm_analog.compiler.bicmos_calibration import Calibration
from lstm_analog.compiler.bicmos_conditions import Bias, BiasCell, Conditions
from lstm_analog.compiler.bicmos_devices import Bipolar, Corner, DeviceFile, Devices, Mos, MosPair
from lstm_analog.compiler.bicmos_passives import DeepWell, Passives, PlateCapacitor, PolyResistor
from lstm_analog.compiler.bicmos_services import Services
from lstm_analog.compiler.compiled import Compiled, Drive, HeadLayout, InputLayout, LayerLayout, Layout, Spot
from lstm_analog.compiler.electrical import Behavioural, Channels
from lstm_analog.compiler.hardware import Hardware, Line, OpenTube, SpringPiston
from lstm_analog.compiler.hydraulic import Detail, Hydraulic
from lstm_analog.compiler.opamp_sizes import CrossbarData, HoldData, MultiplierData, OpAmpCircuit, PairData
from lstm_analog.compiler.scaling import Fit, Ranges, Scaling
from lstm_analog.compiler.timing import Cycle, Interval, Timing
from lstm_analog.model import Activation, CoupledGate, Curve, Gate, GRUGate, MGUGate, RNNGate
from lstm_analog.network.cells import Library, Subcircuit
from lstm_analog.network.data_sheets import OpAmpData
from lstm_analog.network.device_models import ModelDevice, ModelLibrary
from lstm_analog.network.domain import Domain
from lstm_analog.network.fluids import Filling, Fluid
from lstm_analog.network.graph import Group, Network, Unknowns
from lstm_analog.network.parts import KINDS, Factor, Term
from lstm_analog.network.properties import LAWS
from lstm_analog.network.shapes import Shape

PIECES = MappingProxyType(
    {
        kind.__name__: kind
        for kind in (
            *KINDS,
            *LAWS,
            Activation,
            Behavioural,
            Bias,
            BiasCell,
            Bicmos,
            Bipolar,
            Calibration,
            Channels,
            Compiled,
            Conditions,
            Corner,
            CoupledGate,
            CrossbarData,
            DeepWell,
            Curve,
            Cycle,
            Detail,
            Devices,
            Domain,
            Drive,
            Factor,
            Fit,
            Filling,
            Fluid,
            GRUGate,
            Gate,
            Group,
            Hardware,
            HeadLayout,
            HoldData,
            Hydraulic,
            InputLayout,
            Interval,
            LayerLayout,
            Layout,
            Library,
            Line,
            MGUGate,
            ModelDevice,
            DeviceFile,
            ModelLibrary,
            Mos,
            MosPair,
            MultiplierData,
            Network,
            OpAmpCircuit,
            OpAmpData,
            OpenTube,
            PairData,
            Passives,
            PlateCapacitor,
            PolyResistor,
            RNNGate,
            Ranges,
            Scaling,
            Services,
            Shape,
            Spot,
            SpringPiston,
            Subcircuit,
            Term,
            Timing,
            Unknowns,
        )
    }
)
"""The kinds of record in a compiled network, its technology and its layout, by name."""
