"""Certificates: what was exported, how far it is from the LSTM, and all it takes to find out again.

A certificate stands beside an export. It holds hashes of the weights, of every bank of parts as the file says it, and
of the file; the inputs, what the numeric LSTM answers to them and where in the netlist to read it; the errors of the
run that was certified, its tolerance and the versions in use. `verification.verify` goes the way back.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np

from lstm_analog.arrays import Floats, floats
from lstm_analog.compiler import Spot, Timing, lower, signal_networks
from lstm_analog.errors import CertificateError, InvalidShapeError, explain
from lstm_analog.export import NGSPICE, Accuracy, Deck, Dialect, read_spice, suited, write_spice
from lstm_analog.files import read_bytes
from lstm_analog.model import LSTM, State
from lstm_analog.network.analogy import as_circuit
from lstm_analog.network.graph import Network
from lstm_analog.study.comparison import compare
from lstm_analog.study.digest import digest_of, network_digest
from lstm_analog.study.report import Report, Versions
from lstm_analog.study.run import PassRun, Run

ROUNDING = 1e-12
"""Relative difference up to which a value read from a file is the one written: a resistor is written as 1/G."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Signal:
    """What a netlist is to show: `values` (steps, n) in the order of time, and where to read them.

    At the end of each of the intervals `ends`, which go down where a chain goes backward, it is `gain` (n,) times the
    effort of `group`, less that of `against` if there is one, in units of the scale of the group.
    """

    group: str
    against: str | None
    gain: Floats
    ends: tuple[int, ...]
    values: Floats

    def __post_init__(self) -> None:
        """Freeze the arrays."""
        for name in ("gain", "values"):
            object.__setattr__(self, name, floats(getattr(self, name), f"signal {name}"))


@dataclass(frozen=True, kw_only=True)
class Bank:
    """A bank of parts, or the clock and inputs of the deck: its label and the SHA-256 of what the file says of it."""

    label: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class Export:
    """A netlist that was certified: the `file`'s name and SHA-256, its `dialect`, `banks` and `signals`."""

    file: str
    digest: str
    dialect: str
    banks: tuple[Bank, ...]
    signals: tuple[Signal, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Certificate:
    """That netlists computed an LSTM within `tolerance`, and how to find out again.

    Attributes
    ----------
    model, lstm_digest : str
        Name and SHA-256 of the LSTM.
    technology, technology_digest : str
        What it was built in.
    timing : Timing
        How its memories are clocked.
    settling : float
        Phase length in time constants.
    as_compiled : bool
        Whether the network is what the compiler makes of the LSTM, and not one of real parts.
    x, start : float array, (time, inputs), and State
        The inputs, and where the chains started.
    tolerance, error : float
        Largest error of h accepted and found, full scale being 1.
    errors : dict of str to float
        The largest error of each signal of each chain, by label.
    network_digest, engine : str
        SHA-256 of what was run, and what ran it.
    seed : int or None
        Of the random numbers behind the inputs.
    versions : Versions
        What it was computed with.
    exports : tuple of Export
        One netlist for each pass through time.
    """

    model: str
    lstm_digest: str
    technology: str
    technology_digest: str
    timing: Timing
    settling: float
    as_compiled: bool
    x: Floats
    start: State
    tolerance: float
    error: float
    errors: dict[str, float] = field(repr=False)
    network_digest: str
    engine: str
    seed: int | None
    versions: Versions
    exports: tuple[Export, ...] = field(repr=False)


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
) -> Certificate:
    """Write the netlists of a `run` that agrees with `lstm` to `path`, and return their certificate.

    Each file is read back and held against the network that was run. A machine of several passes gives a netlist each:
    `lstm.cir` becomes `lstm-1.cir`, `lstm-2.cir`.

    Parameters
    ----------
    run : Run
        What the machine did with one sequence.
    lstm : LSTM
        What the machine was compiled from.
    technology : object
        What it was built in.
    path : str or Path
        Where the netlist goes.
    dialect, accuracy
        As in `write_spice`; the accuracy is `suited` to the network unless given.
    tolerance, seed
        As in `compare`.

    Raises
    ------
    CertificateError
        If the machine does not agree with `lstm`, in which case nothing is written; or if a file does not say what was
        run.
    InvalidShapeError
        If there is more than one sequence.
    """
    if run.x.ndim > 2 or run.lengths is not None:
        got, do = f"shape {run.x.shape}", "certify one whole sequence, e.g. x[0]"
        raise InvalidShapeError(explain("x", must="be one sequence, (time, inputs)", got=got, do=do))
    report = compare(run, lstm, tolerance=tolerance, seed=seed)
    if not report.holds:
        do = "give a longer settling or a larger tolerance; nothing was written"
        raise CertificateError(
            explain("max |h error|", must=f"be {report.tolerance:.3g} at most", got=f"{report.worst:.3g}", do=do)
        )
    targets, shown = _targets(Path(path), len(run.passes)), _signals(run, lstm)
    exports = (
        _export(each, target, signals, dialect, accuracy)
        for each, target, signals in zip(run.passes, targets, shown, strict=True)
    )
    return _certificate(run, lstm, technology, report, tuple(exports))


def _targets(path: Path, count: int) -> list[Path]:
    """Return where the netlist of each of `count` passes goes."""
    if count == 1:
        return [path]
    return [path.with_name(f"{path.stem}-{number}{path.suffix}") for number in range(1, count + 1)]


def answers(lstm: LSTM, x: Floats, start: State) -> Iterator[Floats]:
    """Yield what `lstm` answers to `x` (time, inputs) from `start`, (steps, n) each: h and c of every chain, then y."""
    trace = lstm.trace(x, start)
    for chain, layer in zip(lstm.chains, trace.layers, strict=True):
        yield layer.h
        if chain.cell.cell_size:
            yield layer.c
    if trace.outputs.y is not None:
        yield np.atleast_2d(trace.outputs.y)


def _signals(run: Run, lstm: LSTM) -> list[tuple[Signal, ...]]:
    """Return what each pass of `run` is to show: h, c and y as the numeric `lstm` has them."""
    values = answers(lstm, run.x, run.state)
    return [tuple(_signal(each, *spot, next(values)) for spot in _spots(each)) for each in run.passes]


def _spots(each: PassRun) -> Iterator[tuple[Spot, bool]]:
    """Yield where a pass shows its signals, and whether it shows them from the end."""
    layout = each.compiled.layout
    for place in layout.layers:
        yield place.h, place.backward
        if place.c is not None:
            yield place.c, place.backward
    if layout.head is not None:
        yield layout.head.y, each.backward


def _signal(each: PassRun, spot: Spot, backward: bool, values: Floats) -> Signal:
    ends = each.compiled.cycle.ends(spot.interval, each.x.shape[-2]).tolist()
    return Signal(
        group=spot.group,
        against=spot.against,
        gain=np.broadcast_to(np.array(spot.gain or 1.0), values.shape[-1:]),
        ends=tuple(ends[::-1] if backward else ends),
        values=values,
    )


def _export(
    each: PassRun, target: Path, signals: tuple[Signal, ...], dialect: Dialect, accuracy: Accuracy | None
) -> Export:
    """Write the netlist of a pass to `target`, read it back, and say what it says."""
    circuit = as_circuit(each.trajectory.network, each.trajectory.schedule)
    write_spice(target, circuit.network, circuit.schedule, dialect, accuracy or suited(circuit.network))
    deck = read_spice(target)
    if not deck.network.equals(circuit.network, rtol=ROUNDING):
        do = "report it: the writer or the reader is wrong"
        raise CertificateError(explain(f"file {target.name}", must="say what was run", got="another network", do=do))
    return Export(
        file=target.name,
        digest=sha256(read_bytes(target)).hexdigest(),
        dialect=dialect.name,
        banks=banks_of(deck),
        signals=signals,
    )


def banks_of(deck: Deck) -> tuple[Bank, ...]:
    """Return the digests of what a `deck` says: its unknowns, each of its banks of parts, its clock and inputs."""
    pieces: dict[str, object] = {"unknowns": (deck.network.unknowns, deck.network.lines)}
    pieces |= {part.label: part for part in deck.network.parts}
    pieces |= {"clock": (deck.schedule.names, deck.schedule.high.astype(np.int64), deck.schedule.durations)}
    pieces |= {f"{entry.label} over time": entry.efforts for entry in deck.schedule.imposed}
    return tuple(Bank(label=label, digest=digest_of(piece)) for label, piece in pieces.items())


def _certificate(run: Run, lstm: LSTM, technology: object, report: Report, exports: tuple[Export, ...]) -> Certificate:
    first = run.passes[0].compiled
    made = compiled_networks(lstm, technology, first.timing, first.settling)
    pairs = zip(made, run.passes, strict=True)
    return Certificate(
        model=lstm.name,
        lstm_digest=lstm.digest,
        technology=report.technology,
        technology_digest=digest_of(technology),
        timing=first.timing,
        settling=first.settling,
        as_compiled=all(network_digest(network) == network_digest(each.trajectory.network) for network, each in pairs),
        x=run.x,
        start=run.state,
        tolerance=report.tolerance,
        error=report.worst,
        errors=errors_by_signal(report),
        network_digest=report.network_digest,
        engine=report.engine,
        seed=report.seed,
        versions=report.versions,
        exports=exports,
    )


def errors_by_signal(report: Report) -> dict[str, float]:
    """Return the largest error of each signal of a `report`, by label."""
    found = {f"{layer.chain}_{name}": error.max for layer in report.layers for name, error in layer.signals.items()}
    return found if report.head is None else found | {"y": report.head.y.max}


def compiled_networks(lstm: LSTM, technology: object, timing: Timing, settling: float) -> tuple[Network, ...]:
    """Return the networks that `lstm` becomes in `technology` with `timing` and `settling`, one a pass."""
    return tuple(lower(technology, signals, timing, settling).network for signals in signal_networks(lstm))
