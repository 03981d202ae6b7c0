"""Certificates: what was exported, how far it is from the LSTM, and all it takes to find out again.

A certificate stands beside an export. It holds hashes of the weights, of every bank of parts as the file says it, and
of the file; the inputs, what the numeric LSTM answers to them and where in the netlist to read it; the errors of the
run that was certified, its tolerance and the versions in use. `certification.certify` makes it, `verification.verify`
goes the way back.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from lstm_analog.arrays import Floats, floats
from lstm_analog.compiler import Compiled, Timing, lower, signal_networks
from lstm_analog.doors import checked, checked_record
from lstm_analog.errors import InvalidShapeError, InvalidValueError, explain
from lstm_analog.export import Deck
from lstm_analog.imperfections import reapply
from lstm_analog.model import LSTM, State
from lstm_analog.study.digest import digest_of
from lstm_analog.study.report import Versions

ROUNDING = 1e-12
"""Relative difference up to which a value read from a file is the one written: a resistor is written as 1/G."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ShownSignal:
    """The signal `label` that a netlist is to show: `values` (steps, n) in the order of time, and where to read them.

    At the end of each of the intervals `ends`, which go down where a chain goes backward, it is `gain` (n,) times the
    effort of `group`, less that of `against` if there is one, in units of the scale of the group. The tolerance of the
    certificate counts `unit` times: 1 for h, for y what an error of 1 in every h can make of it.
    """

    label: str
    group: str
    against: str | None
    gain: Floats
    unit: float
    ends: tuple[int, ...]
    values: Floats

    def __post_init__(self) -> None:
        """Freeze the arrays, check that they fit each other."""
        for name in ("gain", "values"):
            object.__setattr__(self, name, floats(getattr(self, name), f"{self.label} {name}"))
        _check_positive(f"{self.label} unit", self.unit)
        shape = (len(self.ends), self.gain.size)
        if self.gain.ndim != 1 or self.values.shape != shape or 0 in shape or min(self.ends) < 0:
            must = f"have shape {shape}, an interval each step and a gain each unit, at least one"
            do = "take the certificate as it was written"
            raise InvalidShapeError(explain(f"{self.label} values", must=must, got=self.values.shape, do=do))


@dataclass(frozen=True, kw_only=True)
class Bank:
    """A bank of parts, or the clock and inputs of the deck: its label and the SHA-256 of what the file says of it."""

    label: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class Export:
    """A netlist that was certified: the `file`'s name and SHA-256, its `dialect`, `banks` and `signals`.

    `imperfections` are the texts of what was done to its network, in order (`imperfections.recorded`).
    """

    file: str
    digest: str
    dialect: str
    imperfections: tuple[str, ...]
    banks: tuple[Bank, ...]
    signals: tuple[ShownSignal, ...]

    def __post_init__(self) -> None:
        """Check that it shows something."""
        if not self.signals:
            do = "take the certificate as it was written"
            raise InvalidValueError(explain(f"signals of {self.file}", must="be at least one", got=0, do=do))


@checked_record
@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """Where the LSTM came from: `file` seen from the certificate's folder, and `only`, the modules taken of it."""

    file: str
    only: tuple[str, ...]


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class Certificate:
    """That netlists computed an LSTM within `tolerance`, and how to find out again.

    Attributes
    ----------
    model, lstm_digest : str
        Name and SHA-256 of the LSTM.
    source : ModelFile or None
        The file it came from, if that was said.
    technology : object
        What it was built in: the record.
    timing : Timing
        How its memories are clocked.
    settling : float
        Phase length in time constants.
    as_compiled : bool
        Whether each network is what the compiler makes of the LSTM, with the imperfections that its export names.
    x, start : float array, (time, inputs), and State
        The inputs, and where the chains started.
    seed : int or None
        Of the random numbers behind the inputs.
    tolerance, error : float
        Largest error of h accepted and found, full scale being 1; of y, over the gain of the head.
    errors : dict of str to float
        The largest error of each signal of each chain, by label.
    network_digest, engine : str
        SHA-256 of what was run, and what ran it.
    versions : Versions
        What it was computed with.
    exports : tuple of Export
        One netlist for each pass through time.
    """

    model: str
    lstm_digest: str
    source: ModelFile | None
    technology: object
    timing: Timing
    settling: float
    as_compiled: bool
    x: Floats = field(repr=False)
    start: State = field(repr=False)
    seed: int | None
    tolerance: float
    error: float
    errors: dict[str, float] = field(repr=False)
    network_digest: str
    engine: str
    versions: Versions
    exports: tuple[Export, ...] = field(repr=False)

    def __post_init__(self) -> None:
        """Check what the numbers are, and that there is an export."""
        object.__setattr__(self, "x", floats(self.x, "x"))
        _check_positive("tolerance", self.tolerance)
        _check_positive("settling", self.settling)
        if not 0.0 <= self.error <= self.tolerance:
            do = "certify what agrees with the LSTM"
            raise InvalidValueError(explain("error", must=f"be 0 to {self.tolerance:.3g}", got=self.error, do=do))
        _check_claims(self)
        if self.x.ndim != 2 or not self.exports:
            got, do = f"x of shape {self.x.shape} and {len(self.exports)} exports", "certify one sequence"
            raise InvalidShapeError(explain("a certificate", must="hold x (time, inputs) and exports", got=got, do=do))


def _check_claims(certificate: Certificate) -> None:
    """Raise unless `certificate` has a seed that is one, and errors that are, those of h no larger than its error."""
    seed, errors = certificate.seed, certificate.errors
    do = "take the certificate as it was written"
    if seed is not None and seed < 0:
        raise InvalidValueError(explain("seed", must="be >= 0", got=seed, do="give that of a generator, or None"))
    for label, error in errors.items():
        most = certificate.error if label.endswith("_h") else np.finfo(np.float64).max
        if not 0.0 <= error <= most:
            raise InvalidValueError(explain(f"error of {label}", must=f"be 0 to {most:.3g}", got=error, do=do))


def _check_positive(what: str, value: float) -> None:
    if not (np.isfinite(value) and value > 0):
        do = "take the certificate as it was written"
        raise InvalidValueError(explain(what, must="be positive", got=value, do=do))


@checked
def certificate_path(path: str | Path) -> Path:
    """Return where the certificate of the netlist at `path` goes.

    >>> str(certificate_path("build/lstm.cir"))
    'build/lstm.certificate.json'

    Raises `InvalidValueError` for a path that names no file.
    """
    if not Path(path).name:
        got, do = ascii(str(path))[:80], "give e.g. lstm.cir"
        raise InvalidValueError(explain("path", must="name a file", got=got, do=do))
    return Path(path).parent / f"{Path(path).stem}.certificate.json"


def banks_of(deck: Deck) -> tuple[Bank, ...]:
    """Return the digests of what a `deck` says: its banks of parts, its unknowns, clock, inputs and settings."""
    network, fed = deck.network, deck.schedule
    pieces: dict[str, object] = {part.label: part for part in network.parts}
    pieces |= {"the unknowns": (network.domain, network.unknowns, network.lines)}
    pieces |= {"the clock": (fed.names, fed.high.astype(np.int64), fed.durations), "the analysis": deck.accuracy}
    pieces |= {f"{entry.label} over time": entry.efforts for entry in fed.imposed}
    return tuple(Bank(label=label, digest=digest_of(piece)) for label, piece in pieces.items())


def with_imperfections(made: tuple[Compiled, ...], texts: Iterable[tuple[str, ...]]) -> tuple[Compiled, ...]:
    """Return the passes `made`, each with what its tuple of the `texts` says was done to it.

    Raises `FileFormatError` for a text that names no imperfection of this package, otherwise as `apply` does.
    """
    pairs = zip(made, texts, strict=True)
    return tuple(replace(compiled, network=reapply(said, compiled.network)) for compiled, said in pairs)


def compiled_passes(lstm: LSTM, technology: object, timing: Timing, settling: float) -> tuple[Compiled, ...]:
    """Return what `lstm` becomes in `technology` with `timing` and `settling`, one network a pass through time."""
    return tuple(lower(technology, signals, timing, settling) for signals in signal_networks(lstm))
