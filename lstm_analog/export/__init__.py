"""Write networks as SPICE, Verilog-A, Modelica, EPANET, xschem and graph files, read SPICE and graph files back."""

from lstm_analog.export.accuracy import FINE, USUAL, Accuracy, suited
from lstm_analog.export.dialects import (
    DIALECTS,
    HSPICE,
    LTSPICE,
    NGSPICE,
    PORTABLE,
    SPECTRE,
    VACASK,
    WRITTEN,
    XYCE,
    DeckLanguage,
    Dialect,
)
from lstm_analog.export.epanet import EpanetTubes, Statics, statics, write_epanet
from lstm_analog.export.graph_files import GraphFile, read_graphml, read_json, write_graphml, write_json
from lstm_analog.export.graph_schedules import Driven
from lstm_analog.export.graphs import graph, law_table, pipes
from lstm_analog.export.hierarchy import write_hierarchy
from lstm_analog.export.interfaces import GROUND, Interface
from lstm_analog.export.kicad import UNCONNECTED, Board, BoughtPart, ComponentBank, write_kicad
from lstm_analog.export.lint import Breach, check_dialect
from lstm_analog.export.modelica import effort_names, model_name, write_modelica
from lstm_analog.export.spice import Probe, write_spice
from lstm_analog.export.spice_reader import Deck, read_spice
from lstm_analog.export.subcircuits import bench_path, write_subcircuit
from lstm_analog.export.units import Hierarchy
from lstm_analog.export.verilog_a import write_verilog_a
from lstm_analog.export.xschem import write_xschem

__all__ = [
    "DIALECTS",
    "FINE",
    "GROUND",
    "HSPICE",
    "LTSPICE",
    "NGSPICE",
    "PORTABLE",
    "SPECTRE",
    "UNCONNECTED",
    "USUAL",
    "VACASK",
    "WRITTEN",
    "XYCE",
    "Accuracy",
    "Board",
    "BoughtPart",
    "Breach",
    "ComponentBank",
    "Deck",
    "DeckLanguage",
    "Dialect",
    "Driven",
    "EpanetTubes",
    "GraphFile",
    "Hierarchy",
    "Interface",
    "Probe",
    "Statics",
    "bench_path",
    "check_dialect",
    "effort_names",
    "graph",
    "law_table",
    "model_name",
    "pipes",
    "read_graphml",
    "read_json",
    "read_spice",
    "statics",
    "suited",
    "write_epanet",
    "write_graphml",
    "write_hierarchy",
    "write_json",
    "write_kicad",
    "write_modelica",
    "write_spice",
    "write_subcircuit",
    "write_verilog_a",
    "write_xschem",
]
