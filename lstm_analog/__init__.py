"""Compile a trained LSTM into an electrical circuit or a hydraulic network, simulate it and check the result.

The names below are imported when first used, so that `import lstm_analog` stays light:

* `load`, `save`, `from_torch`, `LSTM`, `Gate`, `State`, `random_lstm`: trained weights and their digital outputs;
* `load_model`, `model_from_torch`, `save_model`, `Model`: a whole classifier or forecaster, which is a recurrent part
  with digital steps around it;
* `compile`, `Machine`, `load_machine`, `Run`, `CLOCKED`, `GATED_LEAK`, `Keep`, `Save`: the physical machine, its runs
  and what a run keeps;
* `Ranges`, `bounded`, `Fit`: the ranges of signals, and how they choose the machine's units;
* `compare`, `Report`: the error against the digital outputs;
* `verify`, `load_certificate`, `Certificate`, `Verification`: check a netlist against `Machine.certify`;
* `NGSPICE`, `LTSPICE`, `XYCE`, `HSPICE`, `SPECTRE`, `PORTABLE`, `VACASK`, `read_spice`: netlists, in any dialect;
* `analogies`, `electrical`, `hydraulic`, `imperfections`, `engines`, `errors`, `export`, `model`, `network`, `show`,
  `study`, `torch`: modules.
"""

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

__version__ = "0.2.0"

if TYPE_CHECKING:
    from lstm_analog import analogies as analogies
    from lstm_analog import engines as engines
    from lstm_analog import errors as errors
    from lstm_analog import export as export
    from lstm_analog import imperfections as imperfections
    from lstm_analog import model as model
    from lstm_analog import network as network
    from lstm_analog import show as show
    from lstm_analog import study as study
    from lstm_analog import torch as torch
    from lstm_analog.compiler import CLOCKED as CLOCKED
    from lstm_analog.compiler import GATED_LEAK as GATED_LEAK
    from lstm_analog.compiler import Fit as Fit
    from lstm_analog.compiler import Ranges as Ranges
    from lstm_analog.compiler import bounded as bounded
    from lstm_analog.compiler import electrical as electrical
    from lstm_analog.compiler import hydraulic as hydraulic
    from lstm_analog.export import HSPICE as HSPICE
    from lstm_analog.export import LTSPICE as LTSPICE
    from lstm_analog.export import NGSPICE as NGSPICE
    from lstm_analog.export import PORTABLE as PORTABLE
    from lstm_analog.export import SPECTRE as SPECTRE
    from lstm_analog.export import VACASK as VACASK
    from lstm_analog.export import XYCE as XYCE
    from lstm_analog.export import read_spice as read_spice
    from lstm_analog.machine import Machine as Machine
    from lstm_analog.machine import compile as compile
    from lstm_analog.machine import load_machine as load_machine
    from lstm_analog.model import LSTM as LSTM
    from lstm_analog.model import Gate as Gate
    from lstm_analog.model import Model as Model
    from lstm_analog.model import State as State
    from lstm_analog.model import load as load
    from lstm_analog.model import load_model as load_model
    from lstm_analog.model import random_lstm as random_lstm
    from lstm_analog.model import save as save
    from lstm_analog.model import save_model as save_model
    from lstm_analog.network.trajectory import Save as Save
    from lstm_analog.study import Certificate as Certificate
    from lstm_analog.study import Report as Report
    from lstm_analog.study import Verification as Verification
    from lstm_analog.study import compare as compare
    from lstm_analog.study import load_certificate as load_certificate
    from lstm_analog.study import verify as verify
    from lstm_analog.study.keeping import Keep as Keep
    from lstm_analog.study.run import Run as Run
    from lstm_analog.torch import from_torch as from_torch
    from lstm_analog.torch import model_from_torch as model_from_torch
else:
    # Hidden from type checkers, which would otherwise accept any misspelt name.
    _NAMES = {
        "compiler": ("CLOCKED", "Fit", "GATED_LEAK", "Ranges", "bounded"),
        "export": ("HSPICE", "LTSPICE", "NGSPICE", "PORTABLE", "SPECTRE", "VACASK", "XYCE", "read_spice"),
        "machine": ("Machine", "compile", "load_machine"),
        "model": ("Gate", "LSTM", "Model", "State", "load", "load_model", "random_lstm", "save", "save_model"),
        "network.trajectory": ("Save",),
        "study": ("Certificate", "Report", "Verification", "compare", "load_certificate", "verify"),
        "study.keeping": ("Keep",),
        "study.run": ("Run",),
        "torch": ("from_torch", "model_from_torch"),
    }
    _HOMES = MappingProxyType({name: f"lstm_analog.{home}" for home, names in _NAMES.items() for name in names})
    _SPACES = (
        "analogies",
        "engines",
        "errors",
        "export",
        "imperfections",
        "model",
        "network",
        "show",
        "study",
        "torch",
    )
    _MODULES = MappingProxyType(
        {name: f"lstm_analog.{name}" for name in _SPACES}
        | {name: f"lstm_analog.compiler.{name}" for name in ("electrical", "hydraulic")}
    )

    def __getattr__(name):
        """Import the home of a public `name` and return what it stands for."""
        if name in _MODULES:
            return import_module(_MODULES[name])
        if name in _HOMES:
            return getattr(import_module(_HOMES[name]), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__():
        """Return the public names, whether they have been imported or not."""
        return sorted([*_HOMES, *_MODULES, "__version__"])
