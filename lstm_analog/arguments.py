"""What each command takes. Every function below adds a command's arguments; its docstring is the command's help."""

import argparse
from pathlib import Path

from lstm_analog import __version__
from lstm_analog.compiler import Timing
from lstm_analog.compiler.technologies import TECHNOLOGIES
from lstm_analog.engines import ENGINES
from lstm_analog.export import DIALECTS

_EXAMPLES = {
    "compile": "lstm-analog compile model.pt machine.npz --spice lstm.cir --input x.csv --settling 24",
    "run": "lstm-analog run machine.npz input.csv output.csv --engine ngspice",
    "compare": "lstm-analog compare model.safetensors --steps 20 --settling 24 --json report.json",
    "info": "lstm-analog info model.onnx",
    "verify": "lstm-analog verify lstm.cir lstm.certificate.json --model model.pt",
    "lint": "lstm-analog lint deck.cir --dialect xyce",
    "demo": "lstm-analog demo --out build/demo",
}


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; `command` of what it parses is the command's name."""
    result = argparse.ArgumentParser(
        prog="lstm-analog",
        description="Compile a trained LSTM into an analog circuit, simulate it, hold it against the digital answer.",
    )
    result.add_argument("--version", action="version", version=f"lstm-analog {__version__}")
    commands = result.add_subparsers(title="commands", required=True, metavar="COMMAND", dest="command")
    for name, adder in (
        ("compile", _add_compile),
        ("run", _add_run),
        ("compare", _add_compare),
        ("info", _add_info),
        ("verify", _add_verify),
        ("lint", _add_lint),
        ("demo", _add_demo),
    ):
        summary = (adder.__doc__ or "").strip()
        command = commands.add_parser(name, help=summary, description=summary, epilog=f"example: {_EXAMPLES[name]}")
        adder(command)
    return result


def _add_compile(parser: argparse.ArgumentParser) -> None:
    """Compile a model, of a whole one its recurrent part, and on request write its SPICE netlist with a certificate."""
    _add_model(parser)
    parser.add_argument("machine", type=Path, help="where the machine goes (npz)")
    parser.add_argument("--spice", type=Path, metavar="DECK", help="also write a netlist that has run and agreed")
    parser.add_argument("--uncertified", action="store_true", help="write the netlist alone, whether it agrees or not")
    _add_dialect(parser, "of the netlist")
    _add_inputs(parser)
    _add_machine(parser)
    _add_engine(parser)


def _add_run(parser: argparse.ArgumentParser) -> None:
    """Run a compiled machine over one sequence and write the outputs: h, and y of a head, or a whole model's answer."""
    parser.add_argument("machine", type=Path, help="a compiled machine (npz)")
    parser.add_argument("input", type=Path, help="one sequence, a row a step (csv or npy)")
    parser.add_argument("output", type=Path, help="where they go, a row a step (csv)")
    whole = "the whole model around the machine: it encodes the input, and its answer is written"
    parser.add_argument("--model", type=Path, help=whole)
    _add_config(parser)
    _add_engine(parser)


def _add_compare(parser: argparse.ArgumentParser) -> None:
    """Compile, run and hold the machine against the numeric LSTM; exit code 1 if they disagree."""
    _add_model(parser)
    _add_inputs(parser)
    parser.add_argument("--json", type=Path, metavar="REPORT", help="also write the report as JSON")
    _add_machine(parser)
    _add_engine(parser)


def _add_info(parser: argparse.ArgumentParser) -> None:
    """Say what a model file or a compiled machine holds."""
    _add_model(parser, "file", "a model file of any format, or a machine (npz)")


def _add_verify(parser: argparse.ArgumentParser) -> None:
    """Read netlists back, hold them against their certificate and the model, run them; exit code 1 if they differ."""
    parser.add_argument("netlists", type=Path, nargs="+", metavar="netlist", help="what compile --spice wrote")
    parser.add_argument("certificate", type=Path, help="what it wrote beside them (json)")
    parser.add_argument(
        "--model", type=Path, help="the model file; else the one that the certificate names, if at hand"
    )
    usual = "default integrate, for transistor cells ngspice"
    parser.add_argument("--engine", choices=[*ENGINES], help=usual)


def _add_lint(parser: argparse.ArgumentParser) -> None:
    """Check a netlist, written by whomever, against the rules of a SPICE dialect; exit code 1 if it breaks some."""
    parser.add_argument("deck", type=Path, help="a netlist")
    _add_dialect(parser, "it is to run in")


def _add_demo(parser: argparse.ArgumentParser) -> None:
    """Forecast airline passengers with two LSTMs as circuits; leave netlists, reports, pictures and data."""
    parser.add_argument("--out", type=Path, default=Path("build/demo"), help="folder (default build/demo)")


_FORMATS = "a model file: safetensors, PyTorch, ONNX, Keras, flax or npz, told by its content"


def _add_model(parser: argparse.ArgumentParser, name: str = "model", what: str = _FORMATS) -> None:
    parser.add_argument(name, type=Path, help=what)
    only = "take this module of the model file; once more for each that follows it, the read-out last"
    parser.add_argument("--only", action="append", metavar="MODULE", help=only)
    _add_config(parser)


def _add_config(parser: argparse.ArgumentParser) -> None:
    config = "beside Keras weights alone: the architecture that model.to_json() writes"
    parser.add_argument("--config", type=Path, metavar="JSON", help=config)


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--input", type=Path, help="one sequence, a row a step (csv or npy); else random numbers")
    parser.add_argument("--steps", type=int, default=10, help="steps of random input (default 10)")
    parser.add_argument("--seed", type=int, default=0, help="of the random input (default 0)")
    parser.add_argument("--tolerance", type=float, help="largest error of h; else what the settling law allows")


def _add_machine(parser: argparse.ArgumentParser) -> None:
    names, timings = [*TECHNOLOGIES], [timing.value for timing in Timing]
    parser.add_argument("--technology", choices=names, default=names[0], help=f"default {names[0]}")
    parser.add_argument("--timing", choices=timings, default=timings[0], help=f"default {timings[0]}")
    parser.add_argument("--settling", type=float, default=20.0, help="phase length in time constants (default 20)")


def _add_dialect(parser: argparse.ArgumentParser, what: str) -> None:
    names = [dialect.name for dialect in DIALECTS]
    parser.add_argument("--dialect", choices=names, default=names[0], help=f"dialect {what} (default {names[0]})")


def _add_engine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--engine", choices=[*ENGINES], help="default waveform, as in Python")
