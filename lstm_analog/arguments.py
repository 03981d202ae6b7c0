"""The arguments of each command: `_add_<command>` adds them, and its docstring is the help of the command."""

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from lstm_analog import __version__
from lstm_analog.compiler import Timing
from lstm_analog.compiler.technologies import TECHNOLOGIES
from lstm_analog.doors import named
from lstm_analog.engines import ENGINES
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.export import DIALECTS, WRITTEN, Dialect
from lstm_analog.imperfections import imperfection_of
from lstm_analog.study.metrics import METRICS
from lstm_analog.study.yield_result import Spec

_Known = TypeVar("_Known")
_MOST_STEPS = 1_000_000
_LAST_SEED = 2**63 - 1
_MOST_WORKERS = 1024


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Return the options in the `words` of a command line; `command` is the name of the command.

    Raises `InvalidValueError` for an unknown command or option, with the nearest name. Errors that `argparse` finds
    raise `SystemExit`.
    """
    known = parser()
    if words and not words[0].startswith("-"):
        words = [named("command", words[0], {name: name for name in _COMMANDS}), *words[1:]]
    options, rest = known.parse_known_args(words)
    if rest:
        raise _unknown(rest[0], options.command, options.options)
    _check_numbers(options)
    return options


def refuse_alone(options: argparse.Namespace, names: Sequence[str], *, needed: str) -> None:
    """Raise `InvalidValueError` if one of `names` is given in `options`, which do nothing without that `needed`."""
    for name in names:
        if getattr(options, name):
            do = f"add --{needed}, or leave it out"
            raise InvalidValueError(explain(f"--{name}", must=f"come with --{needed}", got="it alone", do=do))


def _check_numbers(options: argparse.Namespace) -> None:
    """Raise `InvalidValueError` for a number of steps, a seed of random input or a number of processes out of range."""
    ranges = {"steps": (1, _MOST_STEPS), "workers": (1, _MOST_WORKERS)}
    if "steps" in options:
        ranges["seed"] = (0, _LAST_SEED)
    for name, (least, most) in ranges.items():
        value = getattr(options, name, least)
        if not least <= value <= most:
            must = f"be {least} to {most}"
            raise InvalidValueError(explain(f"--{name}", must=must, got=value, do="give a whole number there"))


def _unknown(word: str, command: str, known: Sequence[str]) -> InvalidValueError:
    """Return the error for a `word` that is not one of the `known` options of `command`."""
    near = get_close_matches(word.partition("=")[0], known, n=1)
    do = f"did you mean {near[0]!r}?" if near else f"see lstm-analog {command} --help"
    return InvalidValueError(explain("argument", must=f"be one of lstm-analog {command}", got=ascii(word)[:80], do=do))


def _choice(what: str, known: Mapping[str, _Known]) -> Callable[[str], _Known]:
    """Return the function from a name to its value in `known`; messages call the value `what`."""
    return _told(lambda word: named(what, word, known))


def _told(read: Callable[[str], _Known]) -> Callable[[str], _Known]:
    """Return `read` with its `InvalidValueError` raised as the error that `argparse` reports."""

    def tell(word: str) -> _Known:
        try:
            return read(word)
        except InvalidValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return tell


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; it stores the name of the command as `command`."""
    result = argparse.ArgumentParser(
        prog="lstm-analog",
        description="Compile a trained LSTM into an analog circuit, simulate it, hold it against the digital answer.",
    )
    result.add_argument("--version", action="version", version=f"lstm-analog {__version__}")
    commands = result.add_subparsers(title="commands", required=True, metavar="COMMAND", dest="command")
    for name, (adder, example) in _COMMANDS.items():
        summary = (adder.__doc__ or "").strip()
        command = commands.add_parser(
            name, help=summary, description=summary, epilog=f"example: lstm-analog {name} {example}"
        )
        adder(command)
        command.set_defaults(options=re.findall("--[a-z]+", command.format_usage()))
    return result


def _add_compile(parser: argparse.ArgumentParser) -> None:
    """Compile a model, or the recurrent part of a whole one; optionally write a SPICE netlist with a certificate."""
    _add_model(parser)
    parser.add_argument("machine", type=Path, help="where the machine goes (npz)")
    parser.add_argument("--spice", type=Path, metavar="DECK", help="also write a netlist that has run and agreed")
    parser.add_argument("--uncertified", action="store_true", help="write the netlist alone, whether it agrees or not")
    _add_dialect(parser, WRITTEN, "of the netlist")
    _add_inputs(parser)
    _add_machine(parser)
    _add_engine(parser)


def _add_run(parser: argparse.ArgumentParser) -> None:
    """Run a compiled machine over one sequence and write its outputs: h, y of a head, or those of a whole model."""
    parser.add_argument("machine", type=Path, help="a compiled machine (npz)")
    parser.add_argument("input", type=Path, help="one sequence, a row a step (csv or npy)")
    parser.add_argument("output", type=Path, help="where they go, a row a step (csv)")
    whole = "the whole model around the machine: it encodes the input, and its answer is written"
    parser.add_argument("--model", type=Path, help=whole)
    _add_config(parser)
    _add_engine(parser)


def _add_compare(parser: argparse.ArgumentParser) -> None:
    """Compile, run and compare the machine with the digital LSTM; exit code 1 if they disagree."""
    _add_model(parser)
    _add_inputs(parser)
    parser.add_argument("--json", type=Path, metavar="REPORT", help="also write the report as JSON")
    parser.add_argument("--html", type=Path, metavar="PAGE", help="also write it as a page with pictures and parts")
    _add_machine(parser)
    _add_engine(parser)


def _add_info(parser: argparse.ArgumentParser) -> None:
    """Print the content of a model file or a compiled machine."""
    _add_model(parser, "file", "a model file of any format, or a machine (npz)")


def _add_verify(parser: argparse.ArgumentParser) -> None:
    """Read netlists, compare them with their certificate and the model, run them; exit code 1 if they differ."""
    parser.add_argument("netlists", type=Path, nargs="+", metavar="netlist", help="what compile --spice wrote")
    parser.add_argument("certificate", type=Path, help="what it wrote beside them (json)")
    parser.add_argument(
        "--model", type=Path, help="the model file; else the one that the certificate names, if at hand"
    )
    _add_engine(parser, "default integrate, for transistor cells ngspice")


def _add_yield(parser: argparse.ArgumentParser) -> None:
    """Simulate chips with imperfections and print the share of them whose error is within a specification."""
    _add_model(parser)
    parser.add_argument("--input", type=Path, required=True, help="one sequence, a row a step (csv or npy)")
    made = "what real parts do, as in Python: 'DeviceSpread(share=0.01)', or a preset, RRAM; once more for each"
    parser.add_argument("--imperfection", type=_told(imperfection_of), action="append", required=True, help=made)
    bound = "what the metric of a chip that works meets: '<=0.05' or '>=0.05'"
    parser.add_argument("--spec", type=_told(_spec), required=True, help=bound)
    _add_choice(parser, "metric", METRICS, default="largest", what="error of y, of h without a head: ")
    parser.add_argument("--chips", type=int, default=1000, help="how many are made (default 1000)")
    parser.add_argument("--seed", type=int, default=0, help="of the chips (default 0)")
    parser.add_argument("--until", type=float, help="end when the interval is that narrow to either side")
    parser.add_argument("--workers", type=int, default=1, help="processes that run chips (default 1)")
    parser.add_argument("--folder", type=Path, help="where chips are kept, so that an interrupted study goes on")
    parser.add_argument("--picture", type=Path, help="also draw the distribution (png, svg or pdf)")
    _add_machine(parser)
    _add_engine(parser, "default settle")


def _spec(word: str) -> Spec:
    """Return the specification in a `word` such as <=0.05."""
    sides = {"<=": "at_most", ">=": "at_least"}
    try:
        return Spec(**{sides[word.strip()[:2]]: float(word.strip()[2:])})
    except (LookupError, ValueError) as error:
        got, do = ascii(word)[:80], "quote it in a shell: '<=0.05'"
        raise InvalidValueError(explain("the bound", must="be <= or >= and a number", got=got, do=do)) from error


def _add_view(parser: argparse.ArgumentParser) -> None:
    """Write a page of HTML in which a model runs as plumbing and as a circuit, to look at and to try out."""
    _add_model(parser)
    parser.add_argument("input", type=Path, nargs="?", metavar="data", help="one sequence, a row a step (csv or npy)")
    parser.add_argument("--page", type=Path, default=Path("lstm.html"), help="where it goes (default lstm.html)")
    parser.add_argument("--title", default="", help="its heading (default the name of the model)")
    _add_random(parser)
    _add_machine(parser, technology="oil")


def _add_lint(parser: argparse.ArgumentParser) -> None:
    """Check any netlist against the rules of a SPICE dialect; exit code 1 if it breaks some."""
    parser.add_argument("deck", type=Path, help="a netlist")
    _add_dialect(parser, DIALECTS, "it is to run in")


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
    _add_random(parser)
    parser.add_argument("--tolerance", type=float, help="largest error of h; else what the settling law allows")


def _add_random(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--steps", type=int, default=10, help="steps of random input (default 10)")
    parser.add_argument("--seed", type=int, default=0, help="of the random input (default 0)")


def _add_machine(parser: argparse.ArgumentParser, *, technology: str = "behavioural") -> None:
    timings = {timing.value: timing for timing in Timing}
    _add_choice(parser, "technology", TECHNOLOGIES, default=technology)
    _add_choice(parser, "timing", timings, default="clocked")
    parser.add_argument("--settling", type=float, default=20.0, help="phase length in time constants (default 20)")


def _add_dialect(parser: argparse.ArgumentParser, known: Sequence[Dialect], what: str) -> None:
    dialects = {dialect.name: dialect for dialect in known}
    _add_choice(parser, "dialect", dialects, default="ngspice", what=f"dialect {what}, ")


def _add_engine(parser: argparse.ArgumentParser, usual: str = "default waveform, as in Python") -> None:
    names = "{" + ",".join(ENGINES) + "}"
    parser.add_argument("--engine", type=_choice("engine", ENGINES), metavar=names, help=usual)


def _add_choice(
    parser: argparse.ArgumentParser, name: str, known: Mapping[str, object], *, default: str, what: str = ""
) -> None:
    names, told = "{" + ",".join(known) + "}", f"{what}default {default}"
    parser.add_argument(f"--{name}", type=_choice(name, known), default=default, metavar=names, help=told)


_COMMANDS = {
    "compile": (_add_compile, "model.pt machine.npz --spice lstm.cir --input x.csv --settling 24"),
    "run": (_add_run, "machine.npz input.csv output.csv --engine ngspice"),
    "compare": (_add_compare, "model.safetensors --steps 20 --settling 24 --json report.json"),
    "info": (_add_info, "model.onnx"),
    "verify": (_add_verify, "lstm.cir lstm.certificate.json --model model.pt"),
    "yield": (_add_yield, "model.pt --input x.csv --imperfection 'DeviceSpread(share=0.01)' --spec '<=0.05'"),
    "view": (_add_view, "model.pt x.csv --page lstm.html"),
    "lint": (_add_lint, "deck.cir --dialect xyce"),
    "demo": (_add_demo, "--out build/demo"),
}
"""The function that adds the arguments of each command, and an example of them."""
