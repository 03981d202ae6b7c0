"""The command line: it calls the public functions and prints; no other module prints.

Exit codes: 0 done; 1 a machine disagrees with its LSTM, or a netlist with its certificate or dialect; 2 the input or
the environment is wrong.
"""

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from types import MappingProxyType

import numpy as np

from lstm_analog.arguments import parse, refuse_alone
from lstm_analog.arrays import Floats
from lstm_analog.engines import Progress
from lstm_analog.errors import CertificateError, InvalidShapeError, InvalidValueError, LstmAnalogError, explain
from lstm_analog.export import check_dialect
from lstm_analog.files import check_apart, read_file, whole_files
from lstm_analog.machine import Machine, compile, load_machine
from lstm_analog.machine.listing import machine_lines, model_lines
from lstm_analog.machine.telling import progress_bar
from lstm_analog.model import LSTM, Embedding, Model
from lstm_analog.model.formats.loading import load_part
from lstm_analog.model.masks import Fed
from lstm_analog.records import is_record
from lstm_analog.study import ModelFile, beyond_fed, compare, load_certificate, model_of, verify, write_netlists
from lstm_analog.study.keeping import Keep
from lstm_analog.study.lot_workers import end_with_parent
from lstm_analog.study.metrics import Answer, ModelAnswer, y_or_h
from lstm_analog.study.yields import yield_of
from lstm_analog.tables import read_table, write_table

_SEQUENCE = 2
"""Number of axes of one sequence (time, inputs)."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command in `arguments` (by default those of the process) and return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # names of files may hold what the terminal's encoding does not
            stream.reconfigure(errors="backslashreplace")
    try:
        options = parse(sys.argv[1:] if arguments is None else arguments)
        code = _COMMANDS[options.command](options)
        sys.stdout.flush()
    except LstmAnalogError as error:
        words = [f"{name}= is --{name} here" for name in ("only", "config") if f"{name}=" in str(error)]
        print(f"lstm-analog: {error}{''.join(f' ({word})' for word in words)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("lstm-analog: interrupted; files are as they were, or whole", file=sys.stderr)
        return 130  # the exit code of a program ended by SIGINT
    except BrokenPipeError:  # the reader has gone, as with `| head`; Python must not fail when it flushes at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except Exception as error:  # noqa: BLE001 - Python would end with 1, which here says that the machine disagrees
        print(f"lstm-analog: internal error: {error!r}; please report it with what follows", file=sys.stderr)
        traceback.print_exc()
        return 2
    return code


def _compile(options: argparse.Namespace) -> int:
    check_apart((options.model, options.config, options.input), (options.machine, options.spice))
    deck = options.spice
    if deck is None:
        refuse_alone(options, ("input", "tolerance", "uncertified", "engine"), needed="spice")
    lstm, model = load_part(options.model, options.only, options.config)
    machine = _machine(lstm, options)
    if model is not None:
        print("compiled the recurrent part; run --model computes what lies around it", *_around(model), sep="\n")
    if deck is None:
        machine.save(options.machine)
        print(f"wrote {options.machine}")
        return 0
    x = _fed(options, lstm, model).x
    try:
        with whole_files(deck.parent, options.machine.parent) as (stage, kept):  # writes both or neither
            told = _export(machine, lstm, x, stage / deck.name, options)
            machine.save(kept / options.machine.name)
            written = sorted(path.name for path in stage.iterdir())
    except CertificateError as error:
        print(f"lstm-analog: {error}", file=sys.stderr)
        return 1
    print(told, *(f"wrote {path}" for path in (options.machine, *(deck.parent / name for name in written))), sep="\n")
    return 0


def _export(machine: Machine, lstm: LSTM, x: Floats, path: Path, options: argparse.Namespace) -> str:
    """Write the netlist of `machine` to `path`, for `lstm` and `x` (time, inputs) certified; see `options`."""
    engine, progress, dialect = options.engine, _progress("running"), options.dialect
    if options.uncertified and len(machine.passes) == 1:
        machine.write.spice(path, x, dialect=dialect)
    elif options.uncertified:  # each pass starts from the state that the previous one left
        write_netlists(machine.run(x, engine=engine, progress=progress), path, dialect)
    if options.uncertified:
        return "not certified: nobody has compared this netlist with the model"
    where = os.path.relpath(options.model, options.spice.parent)
    certificate = machine.certify(
        lstm,
        x,
        path,
        engine=engine,
        dialect=dialect,
        tolerance=options.tolerance,
        seed=None if options.input else options.seed,
        source=None if options.config else ModelFile(file=where, only=tuple(options.only or ())),
        progress=progress,
    )
    return f"certified: largest error {certificate.error:.3g}, tolerance {certificate.tolerance:.3g}"


def _verify(options: argparse.Namespace) -> int:
    certificate = load_certificate(options.certificate)
    lstm = model_of(certificate, options.certificate.parent, options.model)
    found = [verify(path, certificate, lstm=lstm, engine=options.engine) for path in options.netlists]
    print(*found, sep="\n")
    for name in sorted({export.file for export in certificate.exports} - {each.export for each in found}):
        print(f"{name}: not looked at")
    return 0 if all(each.holds for each in found) else 1


def _run(options: argparse.Namespace) -> int:
    check_apart((options.machine, options.input, options.model, options.config), (options.output,))
    if options.model is None:
        refuse_alone(options, ("config",), needed="model")
    machine, x = load_machine(options.machine), read_table(options.input)
    model = None if options.model is None else _model_around(machine, options)
    fed = _given(x, model)
    run = machine.run(fed.x, engine=options.engine, keep=Keep.OUTPUTS, progress=_progress("running"))
    for found in beyond_fed(run):
        print(f"lstm-analog: {found}", file=sys.stderr)
    names, table = [f"h_{unit}" for unit in range(run.h.shape[-1])], run.h
    if model is not None:
        table = np.atleast_2d(model.decode(run.outputs, fed))
        names = [f"y_{row}" for row in range(table.shape[-1])]
    elif run.y is not None and run.y.ndim == table.ndim:  # a head with an output at each step
        names += [f"y_{row}" for row in range(run.y.shape[-1])]
        table = np.concatenate((table, run.y), axis=-1)
    elif run.y is not None:
        print(f"y {' '.join(f'{value:.17g}' for value in run.y)}")
    write_table(options.output, names, table)
    print(f"wrote {options.output}")
    return 0


def _compare(options: argparse.Namespace) -> int:
    check_apart((options.model, options.config, options.input), (options.json, options.html))
    lstm, model = load_part(options.model, options.only, options.config)
    fed = _fed(options, lstm, model)
    run = _machine(lstm, options).run(fed.x, engine=options.engine, progress=_progress("running"))
    report = compare(run, lstm, tolerance=options.tolerance, seed=None if options.input else options.seed)
    print(report)
    if model is not None:
        error = np.abs(model.decode(run.outputs, fed) - model.decode(lstm(fed.x), fed)).max()
        print(f"largest error of the whole model's answer: {error:.3g}", *_around(model), sep="\n")
    if options.json is not None:
        report.write(options.json)
        print(f"wrote {options.json}")
    if options.html is not None:
        from lstm_analog import show  # draws, with matplotlib

        show.write_report(report, run, lstm, options.html, model=options.model, data=options.input)
        print(f"wrote {options.html}")
    return 0 if report.holds else 1


def _yield(options: argparse.Namespace) -> int:
    check_apart((options.model, options.config, options.input), (options.picture,))
    lstm, model = load_part(options.model, options.only, options.config)
    fed, workers = _given(read_table(options.input), model), options.workers
    answer: Answer = y_or_h if model is None else ModelAnswer(model=model, fed=fed)
    found = yield_of(
        _machine(lstm, options),
        tuple(options.imperfection),
        fed.x,
        metric=options.metric(expected=answer(lstm(fed.x)), answer=answer),
        spec=options.spec,
        chips=options.chips,
        seed=options.seed,
        engine=options.engine,
        until=options.until,
        executor=partial(ProcessPoolExecutor, workers, initializer=end_with_parent) if workers > 1 else None,
        folder=options.folder,
        progress=_progress("making chips", "chip"),
    )
    print(*(f"{name}: {text}" for name, text in found.summary()), sep="\n")
    if options.picture is not None:
        from lstm_analog import show  # draws, with matplotlib

        show.save(show.metric_distribution(found, f"{options.metric.__name__} to the digital answer"), options.picture)
        print(f"wrote {options.picture}")
    return 0


def _fed(options: argparse.Namespace, lstm: LSTM, model: Model | None) -> Fed:
    """Return the input of `lstm`, (time, inputs), by `options`: from a file, encoded by a whole `model`, or random."""
    if options.input is not None:
        return _given(read_table(options.input), model)
    x = np.random.default_rng(options.seed).uniform(-1.0, 1.0, (options.steps, lstm.input_size))
    return _given(x, None)


def _given(table: Floats, model: Model | None) -> Fed:
    """Return the input of the recurrent part for a `table` of one sequence, encoded if there is a whole `model`."""
    if model is None:
        return Fed(x=table, lengths=None, mask=None)
    words = bool(model.before) and isinstance(model.before[0], Embedding)
    if words and table.shape[1:] != (1,):
        must, do = "be one column, the number of a word a row", "write one whole number a row"
        raise InvalidShapeError(explain("input", must=must, got=f"shape {table.shape}", do=do))
    fed = model.encode(table[:, 0] if words else table)
    if fed.x.ndim != _SEQUENCE:
        must, do = "be one sequence, a row a step", "run the model in Python: encode, run, decode"
        raise InvalidShapeError(explain("input", must=must, got=f"shape {table.shape}", do=do))
    return fed


def _model_around(machine: Machine, options: argparse.Namespace) -> Model:
    """Return the whole model named in `options`; raise unless `machine` was compiled from its recurrent part."""
    lstm, model = load_part(options.model, None, options.config)
    if model is None:
        do = "leave it out: the machine is all of it"
        raise InvalidValueError(explain("--model", must="have steps around its recurrent part", got="none", do=do))
    digest = dict(machine.passes[0].network.provenance).get("digest", "")
    if digest != lstm.digest:
        must = f"be what the machine was compiled from, digest {digest[:12]}"
        do = "compile it again, or give that model"
        raise InvalidValueError(explain("--model", must=must, got=lstm.digest[:12], do=do))
    return model


def _around(model: Model) -> list[str]:
    return [f"{name}: {text}" for name, text in model.summary() if name.startswith("steps")]


def _info(options: argparse.Namespace) -> int:
    if is_record(read_file(options.file)):
        told = [*machine_lines(load_machine(options.file))]
    else:
        lstm, model = load_part(options.file, options.only, options.config)
        told = [*model_lines(lstm), *(() if model is None else _around(model))]
    print(*told, sep="\n")
    return 0


def _view(options: argparse.Namespace) -> int:
    from lstm_analog import show  # draws, with matplotlib

    check_apart((options.model, options.config, options.input), (options.page,))
    lstm, model = load_part(options.model, options.only, options.config)
    run = _machine(lstm, options).run(_fed(options, lstm, model).x, progress=_progress("running"))
    show.page(run, lstm, options.page, title=options.title)
    print(f"wrote {options.page}: open it in a browser")
    return 0


def _lint(options: argparse.Namespace) -> int:
    found = check_dialect(options.deck, options.dialect)
    print(*found, f"{len(found)} findings in {options.deck} for {options.dialect.name}", sep="\n")
    return 1 if found else 0


def _demo(options: argparse.Namespace) -> int:
    from lstm_analog.demo import run_demo  # draws, with matplotlib

    for line in run_demo(options.out, _progress):
        print(line)
    return 0


def _machine(lstm: LSTM, options: argparse.Namespace) -> Machine:
    return compile(lstm, options.technology, timing=options.timing, settling=options.settling)


def _progress(label: str, unit: str = "interval") -> Progress:
    """Return a progress bar with a `label`, counting in `unit`, which terminals show after two seconds."""
    return progress_bar(label, terminal_only=True, unit=unit)


_COMMANDS = MappingProxyType(
    {
        "compile": _compile,
        "run": _run,
        "compare": _compare,
        "info": _info,
        "verify": _verify,
        "yield": _yield,
        "view": _view,
        "lint": _lint,
        "demo": _demo,
    }
)
