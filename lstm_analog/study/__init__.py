"""Compare machines with the digital LSTM, explain the errors, check designs, find the yield of chips and its causes."""

from lstm_analog.study.bill import Bill, Item, bill_of_materials
from lstm_analog.study.budget import budget
from lstm_analog.study.budget_result import ErrorBudget, Interaction, StrengthRow
from lstm_analog.study.budget_subject import LargestDeviation, RootMeanSquareDeviation
from lstm_analog.study.calibration import Lesson, calibrate, wafer_slope
from lstm_analog.study.certificate import Certificate, ModelFile, certificate_path
from lstm_analog.study.certificate_file import load_certificate
from lstm_analog.study.certification import certify, write_netlists
from lstm_analog.study.circuit_cost import Power, power
from lstm_analog.study.comparison import compare
from lstm_analog.study.consumption import Consumer, PartCount
from lstm_analog.study.corner_table import CornerPoint, CornerTable, WaferSetting
from lstm_analog.study.corners import corners
from lstm_analog.study.design_check import DesignCheck, design_check
from lstm_analog.study.digest import network_digest
from lstm_analog.study.digital import DigitalCost, Processor, digital_costs
from lstm_analog.study.epanet import epanet_check
from lstm_analog.study.epanet_report import EpanetReport
from lstm_analog.study.figures import CellFigures, CircuitFigures, PlumbingFigures, SourcedValue, figures_of
from lstm_analog.study.findings import Finding, Rule, Severity
from lstm_analog.study.knobs import Build, Knob, narrowed, usual_knobs
from lstm_analog.study.lot_workers import end_with_parent
from lstm_analog.study.measured import Measured, measured
from lstm_analog.study.metrics import LabelAccuracy, LargestError, ModelAnswer, RootMeanSquareError, agreement
from lstm_analog.study.noise import ChainNoise, MachineNoise, NoisySignal, noise_of
from lstm_analog.study.noise_origins import NoiseOrigins
from lstm_analog.study.outcomes import Check, Outcome, Verification
from lstm_analog.study.pass_noise import SignalNoise
from lstm_analog.study.preferred import PreferredInputs, preferred_inputs
from lstm_analog.study.ranges import Beyond, beyond_fed
from lstm_analog.study.report import Report, Verdict
from lstm_analog.study.representation import DigitalRun, LayerReading, Representation, representation
from lstm_analog.study.run import Run
from lstm_analog.study.running_cost import RunningCost, running_cost
from lstm_analog.study.sampled_noise import SampledNoise
from lstm_analog.study.settling import Settling, settling, settling_error
from lstm_analog.study.shares import Share, Shares
from lstm_analog.study.sizing import energy_by_price, size
from lstm_analog.study.sizing_result import Choice, KnobValue, Offer, Reached, Sizing, Target, Tried
from lstm_analog.study.spread import Errors, LayerErrors
from lstm_analog.study.tiling import BankTiles, Tiling, tiling
from lstm_analog.study.transistor_noise import transistor_noise
from lstm_analog.study.transistor_result import NoiseRow, StandingNoise, TransientNoise, TransistorNoise
from lstm_analog.study.trimmed import TrimmedDesign, Trimmer
from lstm_analog.study.trimming import trimmer
from lstm_analog.study.trims import Correction, Trimmed
from lstm_analog.study.verification import model_of, verify
from lstm_analog.study.yield_result import Failure, Spec, Yield, YieldInterval, wilson_interval
from lstm_analog.study.yields import YieldCurve, yield_curve, yield_of

__all__ = [
    "BankTiles",
    "Beyond",
    "Bill",
    "Build",
    "CellFigures",
    "Certificate",
    "ChainNoise",
    "Check",
    "Choice",
    "CircuitFigures",
    "Consumer",
    "CornerPoint",
    "CornerTable",
    "Correction",
    "DesignCheck",
    "DigitalCost",
    "DigitalRun",
    "EpanetReport",
    "ErrorBudget",
    "Errors",
    "Failure",
    "Finding",
    "Interaction",
    "Item",
    "Knob",
    "KnobValue",
    "LabelAccuracy",
    "LargestDeviation",
    "LargestError",
    "LayerErrors",
    "LayerReading",
    "Lesson",
    "MachineNoise",
    "Measured",
    "ModelAnswer",
    "ModelFile",
    "NoiseOrigins",
    "NoiseRow",
    "NoisySignal",
    "Offer",
    "Outcome",
    "PartCount",
    "PlumbingFigures",
    "Power",
    "PreferredInputs",
    "Processor",
    "Reached",
    "Report",
    "Representation",
    "RootMeanSquareDeviation",
    "RootMeanSquareError",
    "Rule",
    "Run",
    "RunningCost",
    "SampledNoise",
    "Settling",
    "Severity",
    "Share",
    "Shares",
    "SignalNoise",
    "Sizing",
    "SourcedValue",
    "Spec",
    "StandingNoise",
    "StrengthRow",
    "Target",
    "Tiling",
    "TransientNoise",
    "TransistorNoise",
    "Tried",
    "Trimmed",
    "TrimmedDesign",
    "Trimmer",
    "Verdict",
    "Verification",
    "WaferSetting",
    "Yield",
    "YieldCurve",
    "YieldInterval",
    "agreement",
    "beyond_fed",
    "bill_of_materials",
    "budget",
    "calibrate",
    "certificate_path",
    "certify",
    "compare",
    "corners",
    "design_check",
    "digital_costs",
    "end_with_parent",
    "energy_by_price",
    "epanet_check",
    "figures_of",
    "load_certificate",
    "measured",
    "model_of",
    "narrowed",
    "network_digest",
    "noise_of",
    "power",
    "preferred_inputs",
    "representation",
    "running_cost",
    "settling",
    "settling_error",
    "size",
    "tiling",
    "transistor_noise",
    "trimmer",
    "usual_knobs",
    "verify",
    "wafer_slope",
    "wilson_interval",
    "write_netlists",
    "yield_curve",
    "yield_of",
]
