"""`certify`: write the netlists of a run that agrees with its LSTM, read them back, and write their certificate.

`answers` are the outputs of the numeric LSTM that the netlists must reproduce, and where they are read.
"""

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.compiler import Compiled, Spot
from lstm_analog.doors import checked
from lstm_analog.errors import CertificateError, FileFormatError, InvalidShapeError, explain
from lstm_analog.export import NGSPICE, Accuracy, Dialect, read_spice, suited, write_spice
from lstm_analog.files import check_apart, read_bytes, whole_files
from lstm_analog.imperfections import IMPERFECTION
from lstm_analog.model import LSTM, State
from lstm_analog.network.analogy import as_circuit
from lstm_analog.network.graph import Network
from lstm_analog.study.certificate import (
    ROUNDING,
    Certificate,
    Export,
    ModelFile,
    ShownSignal,
    banks_of,
    certificate_path,
    compiled_passes,
    named_file,
    with_imperfections,
)
from lstm_analog.study.certificate_file import save_certificate
from lstm_analog.study.comparison import compare, granted
from lstm_analog.study.digest import device_models_digest, network_digest
from lstm_analog.study.ranges import harmful
from lstm_analog.study.report import Report, Verdict
from lstm_analog.study.run import PassRun, Run


def answers(lstm: LSTM, passes: tuple[Compiled, ...], x: Floats, start: State) -> list[tuple[ShownSignal, ...]]:
    """Return the signals that each pass must reproduce for `x` (time, inputs) from `start`: h of its chains, then y.

    Their values are those of `lstm`; `passes` are its compiled networks.
    """
    trace, head = lstm.trace(x, start), lstm.head
    said = [(f"{chain.label}_h", 1.0, layer.h) for chain, layer in zip(lstm.chains, trace.layers, strict=True)]
    if head is not None and trace.outputs.y is not None:
        said.append(("y", head.gain, np.atleast_2d(trace.outputs.y)))
    left = iter(said)
    return [tuple(_signal(each, spot, next(left)) for spot in _spots(each)) for each in passes]


def _spots(compiled: Compiled) -> Iterator[tuple[Spot, bool]]:
    """Yield the spots of h and y in a pass, and whether each runs backward in time."""
    layout = compiled.layout
    yield from ((place.h, place.backward) for place in layout.layers)
    if layout.head is not None:
        yield layout.head.y, layout.backward


def _signal(compiled: Compiled, where: tuple[Spot, bool], said: tuple[str, float, Floats]) -> ShownSignal:
    (spot, backward), (label, unit, values) = where, said
    ends = compiled.cycle.ends(spot.interval, len(values)).tolist()
    return ShownSignal(
        label=label,
        group=spot.group,
        against=spot.against,
        gain=np.broadcast_to(np.array(spot.gain or 1.0), values.shape[-1:]),
        unit=unit,
        ends=tuple(ends[::-1] if backward else ends),
        values=values,
    )


@checked
def certify(
    run: Run,
    lstm: LSTM,
    technology: object,
    path: str | Path,
    *,
    dialect: Dialect = NGSPICE,
    accuracy: Accuracy | None = None,
    tolerance: float | None = None,
    seed: int | None = None,
    source: ModelFile | None = None,
) -> Certificate:
    """Write the netlists of a `run` that agrees with `lstm` to `path`, their certificate beside them, and return it.

    Each file is read back and compared with the network that was run. The certificate of `lstm.cir` is
    `lstm.certificate.json`. A machine of several passes has several netlists: `lstm-1.cir`, `lstm-2.cir`.

    Parameters
    ----------
    run : Run
        The run of the machine over one sequence.
    lstm, technology : LSTM, and object
        The LSTM from which the machine was compiled, and its technology.
    path : str or Path
        The path of the netlist.
    dialect, accuracy : Dialect, and Accuracy or None
        As in `write_spice`; the accuracy is `suited` to the network unless given.
    tolerance, seed : float or None, and int or None
        As in `compare`.
    source : ModelFile, optional
        The file that `lstm` came from, for `verify` to find.

    Raises
    ------
    CertificateError
        If the machine does not agree with `lstm`, or a file differs from the network that was run; nothing is written.
    InvalidShapeError, InvalidValueError
        If there is more than one sequence, or the path names no file.
    FileAccessError
        If the files cannot be written, or one is the `source`; nothing is left behind.
    """
    if run.x.ndim > 2:
        got, do = f"shape {run.x.shape}", "certify one sequence, e.g. x[0]"
        raise InvalidShapeError(explain("x", must="be one sequence, (time, inputs)", got=got, do=do))
    place = named_file(path)
    written = [*_targets(place, len(run.passes)), certificate_path(place)]
    check_apart([place.parent / source.file] if source else [], written)
    report = _agreeing(run, lstm, technology, tolerance, seed)
    with whole_files(place.parent) as (stage,):
        targets = _targets(stage / place.name, len(run.passes))
        shown = answers(lstm, tuple(each.compiled for each in run.passes), run.x, run.initial_state)
        exports = (
            _export(each, target, signals, dialect, accuracy)
            for each, target, signals in zip(run.passes, targets, shown, strict=True)
        )
        certificate = _certificate(run, lstm, technology, report, tuple(exports), source)
        save_certificate(certificate, certificate_path(stage / place.name))
    return certificate


def _agreeing(run: Run, lstm: LSTM, technology: object, tolerance: float | None, seed: int | None) -> Report:
    """Return the report on `run` if it agrees with `lstm` within a valid `tolerance`; raise as `certify` does."""
    report, rest = compare(run, lstm, seed=seed), "; nothing was written"
    if tolerance is not None:
        most = granted(report)
        if report.worst <= tolerance and not tolerance <= most:
            by = "engine, technology and imperfections" if report.by_imperfections else "engine and technology"
            must = f"be {most:.3g} at most, which clock, {by} explain"
            do = "leave it out" if report.holds else _granted_tolerance(report)
            raise CertificateError(explain("the tolerance", must=must, got=f"{tolerance:.3g}", do=do + rest))
        report = replace(compare(run, lstm, tolerance=tolerance, seed=seed), shares=report.shares)
    found = harmful(technology, lstm, run.x, run.initial_state)
    if found:
        must, got = "stay within what the machine was made for", "; ".join(map(str, found))
        do = "scale them into the weights, or compile with inputs like these"
        raise CertificateError(explain("the signals", must=must, got=got, do=do + rest))
    if not report.holds or report.defective:
        verdict = Verdict.DEFECT if report.defective else report.verdict
        must, got = f"be {report.tolerance:.3g} at most", f"{report.worst:.3g}, {verdict.value}"
        clock = not report.defective and report.verdict in (Verdict.SLOW_CLOCK, Verdict.ENGINE)
        do = "give a longer settling or a larger tolerance" if clock else _granted_tolerance(report)
        raise CertificateError(explain("the largest error of h and y", must=must, got=got, do=do + rest))
    return report


def _granted_tolerance(report: Report) -> str:
    """Return the advice to give a tolerance between the error in `report` and what is `granted`, if there is one."""
    worst, most = report.worst, granted(report)
    if report.defective:
        return "find what differs"
    if worst >= most:
        return "take a machine that is closer to its LSTM"
    texts = (f"{0.5 * (worst + most):.{digits}g}" for digits in range(2, 18))
    return f"give a tolerance of {next(text for text in texts if worst <= float(text) <= most)}"


@checked
def write_netlists(run: Run, path: str | Path, dialect: Dialect = NGSPICE, accuracy: Accuracy | None = None) -> None:
    """Write the netlists of a `run` to `path` as `certify` does, in `dialect` with `accuracy`, but no certificate."""
    place = named_file(path)
    with whole_files(place.parent) as (stage,):
        for each, target in zip(run.passes, _targets(stage / place.name, len(run.passes)), strict=True):
            _write(each, target, dialect, accuracy)


def _write(each: PassRun, target: Path, dialect: Dialect, accuracy: Accuracy | None) -> Network:
    """Write the netlist of a pass to `target`, and return the circuit that it describes."""
    circuit = as_circuit(each.trajectory.network, each.trajectory.schedule)
    write_spice(target, circuit.network, circuit.schedule, dialect, accuracy or suited(circuit.network))
    return circuit.network


def _targets(path: Path, count: int) -> list[Path]:
    """Return the path of the netlist of each of `count` passes."""
    if count == 1:
        return [path]
    return [path.with_name(f"{path.stem}-{number}{path.suffix}") for number in range(1, count + 1)]


def _export(
    each: PassRun, target: Path, signals: tuple[ShownSignal, ...], dialect: Dialect, accuracy: Accuracy | None
) -> Export:
    """Write the netlist of a pass to `target`, read it back, and return its record."""
    network, deck = _write(each, target, dialect, accuracy), read_spice(target)
    if not deck.network.equals(network, rtol=ROUNDING):
        do = "report it: the writer or the reader is wrong; nothing was written"
        raise CertificateError(explain(f"file {target.name}", must="say what was run", got="another network", do=do))
    return Export(
        file=target.name,
        digest=sha256(read_bytes(target)).hexdigest(),
        dialect=dialect.name,
        imperfections=deck.network.said(IMPERFECTION),
        banks=banks_of(deck),
        signals=signals,
    )


def _certificate(
    run: Run, lstm: LSTM, technology: object, report: Report, exports: tuple[Export, ...], source: ModelFile | None
) -> Certificate:
    first = run.passes[0].compiled
    found = {f"{layer.chain}_{name}": error.max for layer in report.layers for name, error in layer.signals.items()}
    return Certificate(
        model=lstm.name,
        lstm_digest=lstm.digest,
        source=source,
        technology=technology,
        timing=first.timing,
        settling=float(first.settling),
        as_compiled=_is_compiled(run, lstm, technology),
        x=run.x,
        start=run.initial_state,
        seed=report.seed,
        tolerance=report.tolerance,
        error=report.worst,
        errors=found if report.head is None else found | {"y": report.head.y.max},
        network_digest=report.network_digest,
        models_digest=device_models_digest(tuple(each.trajectory.network for each in run.passes)),
        engine=report.engine,
        versions=report.versions,
        exports=exports,
    )


def _is_compiled(run: Run, lstm: LSTM, technology: object) -> bool:
    """Return whether the networks of `run` are those of `lstm` in `technology`, with the imperfections they name."""
    first, ran = run.passes[0].compiled, [each.trajectory.network for each in run.passes]
    made = compiled_passes(lstm, technology, first.timing, first.settling)
    try:
        made = with_imperfections(made, (network.said(IMPERFECTION) for network in ran))
    except FileFormatError:  # an imperfection of one's own, which the text alone does not make
        return False
    return all(network_digest(one.network) == network_digest(each) for one, each in zip(made, ran, strict=True))
