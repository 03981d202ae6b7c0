"""The command line: thin calls of the public functions, and the only place that prints.

Exit codes: 0 done, 1 the machine does not agree with the LSTM, or a netlist with its dialect, 2 the input or the
environment is wrong.
"""

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from lstm_analog import __version__
from lstm_analog.arrays import Floats
from lstm_analog.compiler import Timing
from lstm_analog.compiler.electrical import BEHAVIOURAL
from lstm_analog.demo import run_demo
from lstm_analog.engines import Engine, Integrate, Ngspice, Progress
from lstm_analog.errors import FileFormatError, InvalidValueError, LstmAnalogError, explain
from lstm_analog.export import DIALECTS, Dialect, check_dialect
from lstm_analog.files import read_bytes, whole_file
from lstm_analog.machine import Machine, compile, load_machine
from lstm_analog.model import LSTM, load
from lstm_analog.study import compare

_EXAMPLES = {
    "compile": "lstm-analog compile model.safetensors machine.npz --settling 24",
    "run": "lstm-analog run machine.npz input.csv output.csv --engine ngspice",
    "compare": "lstm-analog compare model.safetensors --steps 20 --settling 24 --json report.json",
    "info": "lstm-analog info machine.npz",
    "lint": "lstm-analog lint deck.cir --dialect xyce",
    "demo": "lstm-analog demo --out build/demo",
}

_MOST_STEPS = 1_000_000
_LARGEST_SEED = 2**63 - 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command in `arguments` (default: the process's own) and return the exit code."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        code = command(options)
        sys.stdout.flush()
    except LstmAnalogError as error:
        print(f"lstm-analog: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # who reads has gone, as with `| head`; what Python still holds must not fail at its exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except Exception as error:  # noqa: BLE001 - Python would end with 1, which here says that the machine disagrees
        print(f"lstm-analog: internal error: {error!r}; please report it with what follows", file=sys.stderr)
        traceback.print_exc()
        return 2
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lstm-analog",
        description="Compile a trained LSTM into an analog circuit, simulate it, hold it against the digital answer.",
    )
    parser.add_argument("--version", action="version", version=f"lstm-analog {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, adder in (
        ("compile", _add_compile),
        ("run", _add_run),
        ("compare", _add_compare),
        ("info", _add_info),
        ("lint", _add_lint),
        ("demo", _add_demo),
    ):
        summary = (adder.__doc__ or "").strip()
        command = commands.add_parser(name, help=summary, description=summary, epilog=f"example: {_EXAMPLES[name]}")
        adder(command)
    return parser


def _add_compile(parser: argparse.ArgumentParser) -> None:
    """Compile a trained LSTM; write the machine, and on request its SPICE netlist."""
    parser.add_argument("model", type=Path, help="weights with PyTorch's names (safetensors)")
    parser.add_argument("machine", type=Path, help="where the machine goes (npz)")
    _add_timing(parser)
    parser.add_argument("--spice", type=Path, metavar="DECK", help="also write a netlist, fed with --input")
    parser.add_argument("--input", type=Path, help="one sequence, a row a step (csv or npy), for --spice")
    _add_dialect(parser, "of the netlist")
    parser.set_defaults(command=_compile)


def _add_run(parser: argparse.ArgumentParser) -> None:
    """Run a compiled machine over one sequence and write the outputs h."""
    parser.add_argument("machine", type=Path, help="a compiled machine (npz)")
    parser.add_argument("input", type=Path, help="one sequence, a row a step (csv or npy)")
    parser.add_argument("output", type=Path, help="where h goes, a row a step (csv)")
    _add_engine(parser)
    parser.set_defaults(command=_run)


def _add_compare(parser: argparse.ArgumentParser) -> None:
    """Compile, run and hold the machine against the numeric LSTM; exit code 1 if they disagree."""
    parser.add_argument("model", type=Path, help="weights with PyTorch's names (safetensors)")
    parser.add_argument("--input", type=Path, help="one sequence, a row a step (csv or npy); else random numbers")
    parser.add_argument("--steps", type=int, default=10, help="steps of random input (default 10)")
    parser.add_argument("--seed", type=int, default=0, help="of the random input (default 0)")
    parser.add_argument("--tolerance", type=float, help="largest error of h; else what the settling law allows")
    parser.add_argument("--json", type=Path, metavar="REPORT", help="also write the report as JSON")
    _add_timing(parser)
    _add_engine(parser)
    parser.set_defaults(command=_compare)


def _add_info(parser: argparse.ArgumentParser) -> None:
    """Say what a file of weights or a compiled machine holds."""
    parser.add_argument("file", type=Path, help="a model (safetensors) or a machine (npz)")
    parser.set_defaults(command=_info)


def _add_lint(parser: argparse.ArgumentParser) -> None:
    """Check a netlist, written by whomever, against the rules of a SPICE dialect; exit code 1 if it breaks some."""
    parser.add_argument("deck", type=Path, help="a netlist")
    _add_dialect(parser, "it is to run in")
    parser.set_defaults(command=_lint)


def _add_demo(parser: argparse.ArgumentParser) -> None:
    """Forecast airline passengers with two LSTMs as circuits; leave netlists, reports, pictures and data."""
    parser.add_argument("--out", type=Path, default=Path("build/demo"), help="folder (default build/demo)")
    parser.set_defaults(command=_demo)


def _add_timing(parser: argparse.ArgumentParser) -> None:
    timings = [timing.value for timing in Timing]
    parser.add_argument("--timing", choices=timings, default=timings[0], help=f"default {timings[0]}")
    parser.add_argument("--settling", type=float, default=20.0, help="phase length in time constants (default 20)")


def _add_dialect(parser: argparse.ArgumentParser, what: str) -> None:
    names = [dialect.name for dialect in DIALECTS]
    parser.add_argument("--dialect", choices=names, default=names[0], help=f"dialect {what} (default {names[0]})")


def _add_engine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--engine", choices=["integrate", "ngspice"], default="integrate", help="default integrate")


def _compile(options: argparse.Namespace) -> int:
    machine = _machine(load(options.model), options)
    if options.spice is None:
        machine.save(options.machine)
        print(f"wrote {options.machine}")
        return 0
    if options.input is None:
        do = "add --input FILE"
        raise InvalidValueError(explain("--spice", must="come with --input", got="no input", do=do))
    x = _sequence(options.input)
    machine.schedule(x)  # refuses an x that does not fit before anything is written
    machine.save(options.machine)
    print(f"wrote {options.machine}")
    machine.write_spice(options.spice, x, dialect=_dialect(options))
    print(f"wrote {options.spice}")
    return 0


def _run(options: argparse.Namespace) -> int:
    run = load_machine(options.machine).run(
        _sequence(options.input), engine=_engine(options), progress=_progress("running")
    )
    _write_csv(options.output, [f"h_{unit}" for unit in range(run.h.shape[-1])], run.h)
    print(f"wrote {options.output}")
    return 0


def _compare(options: argparse.Namespace) -> int:
    lstm = load(options.model)
    _check_range("--steps", options.steps, 1, _MOST_STEPS)
    _check_range("--seed", options.seed, 0, _LARGEST_SEED)
    random = np.random.default_rng(options.seed).uniform(-1.0, 1.0, (options.steps, lstm.input_size))
    x = random if options.input is None else _sequence(options.input)
    run = _machine(lstm, options).run(x, engine=_engine(options), progress=_progress("running"))
    report = compare(run, lstm, tolerance=options.tolerance, seed=None if options.input else options.seed)
    print(report)
    if options.json is not None:
        report.write(options.json)
        print(f"wrote {options.json}")
    return 0 if report.holds else 1


def _check_range(what: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise InvalidValueError(explain(what, must=f"be {least} to {most}", got=value, do="give a whole number there"))


def _info(options: argparse.Namespace) -> int:
    if read_bytes(options.file)[:2] == b"PK":
        _print_machine(load_machine(options.file))
    else:
        _print_model(load(options.file))
    return 0


def _lint(options: argparse.Namespace) -> int:
    found = check_dialect(options.deck, _dialect(options))
    for breach in found:
        print(breach)
    print(f"{len(found)} findings in {options.deck} for {options.dialect}")
    return 1 if found else 0


def _dialect(options: argparse.Namespace) -> Dialect:
    return next(dialect for dialect in DIALECTS if dialect.name == options.dialect)


def _print_model(lstm: LSTM) -> None:
    print(f"model {lstm.name}: {lstm.input_size} inputs, layers of {', '.join(map(str, lstm.sizes))} units")
    print(f"digest {lstm.digest}")


def _print_machine(machine: Machine) -> None:
    compiled = machine.compiled
    print(f"machine: {machine.input_size} inputs, layers of {', '.join(map(str, machine.sizes))} units")
    for key, value in machine.network.provenance:
        print(f"{key} {value}")
    print(f"{machine.network.unknowns.size - 1} unknowns in {len(machine.network.unknowns.groups)} groups")
    print(f"{len(machine.network.parts)} banks of parts")
    print(f"time constant {compiled.time_constant:.3g} s, phases of {compiled.settling:g} time constants")
    print(f"one step takes {compiled.cycle.step_time:.3g} s")


def _demo(options: argparse.Namespace) -> int:
    for line in run_demo(options.out, _progress):
        print(line)
    return 0


def _machine(lstm: LSTM, options: argparse.Namespace) -> Machine:
    return compile(lstm, BEHAVIOURAL, timing=Timing(options.timing), settling=options.settling)


def _engine(options: argparse.Namespace) -> Engine:
    return Integrate() if options.engine == "integrate" else Ngspice()


def _progress(label: str) -> Progress:
    """Return a progress bar for a terminal, which shows itself where something takes more than two seconds."""
    bar = tqdm(desc=label, unit="interval", delay=2.0, leave=False, mininterval=0.5, disable=None)

    def tell(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)
        if done == total:
            bar.close()

    return tell


def _sequence(path: Path) -> Floats:
    """Return the sequence in a csv or npy file, (time, inputs)."""
    read_bytes(path)
    try:
        array = np.load(path, allow_pickle=False) if path.suffix == ".npy" else _read_csv(path)
    except LstmAnalogError:
        raise
    except (ValueError, EOFError) as error:
        got: object = error
        do = "give numbers, a row a step, commas between; remove the header or start it with #"
        if path.suffix == ".npy":
            got, do = "something else", "write it with numpy.save, numbers only"
        raise FileFormatError(explain(f"file {str(path)!r}", must="hold a table of numbers", got=got, do=do)) from None
    result: Floats = array
    return result


def _read_csv(path: Path) -> Floats:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.partition("#")[0].strip()]
    if not lines:
        do = "give a row a step, commas between"
        raise FileFormatError(explain(f"file {str(path)!r}", must="hold a table of numbers", got="no row", do=do))
    return np.loadtxt(lines, delimiter=",", ndmin=2, comments="#")


def _write_csv(path: Path, names: list[str], table: Floats) -> None:
    with whole_file(path) as stream:
        np.savetxt(stream, table, delimiter=",", header=",".join(names), fmt="%.17g")
