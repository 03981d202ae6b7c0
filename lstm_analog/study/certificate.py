"""The records of certificates, files beside exports that say what was exported and how far it is from the LSTM.

`certification.certify` makes certificates, `verification.verify` checks them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import numpy as np

from lstm_analog.arrays import Floats, floats
from lstm_analog.compiler import Compiled, Timing, lower, signal_networks
from lstm_analog.doors import checked, checked_record
from lstm_analog.errors import InvalidShapeError, InvalidValueError, explain
from lstm_analog.export import Deck
from lstm_analog.imperfections import reapply
from lstm_analog.imperfections.base import AboveZero
from lstm_analog.model import LSTM, State
from lstm_analog.network.quantities import check_positive
from lstm_analog.study.digest import digest_of
from lstm_analog.study.report import Versions

ROUNDING = 1e-12
"""Relative difference up to which a value read from a file counts as the one written: a resistor is written as 1/G."""
_RESTORE = "take the certificate as it was written"


@dataclass(frozen=True, kw_only=True, eq=False)
class ShownSignal:
    """The signal `label` that a netlist must reproduce: its `values` (steps, n) in the order of time.

    It is read at the ends of the intervals `ends`, in descending order if its chain runs backward: `gain` (n,) times
    the difference of the efforts of `group` and `against`, or the effort of `group` if that is None, over the group's
    scale. Its tolerance is `unit` times that of the certificate: 1 for h; for y, the error by an error of 1 in every h.
    """

    label: str
    group: str
    against: str | None
    gain: Floats
    unit: float
    ends: tuple[int, ...]
    values: Floats

    def __post_init__(self) -> None:
        for name in ("gain", "values"):
            object.__setattr__(self, name, floats(getattr(self, name), f"{self.label} {name}"))
        check_positive(f"{self.label} unit", self.unit, _RESTORE)
        shape = (len(self.ends), self.gain.size)
        if self.gain.ndim != 1 or self.values.shape != shape or 0 in shape or min(self.ends) < 0:
            must = f"have shape {shape}, an interval each step and a gain each unit, at least one"
            raise InvalidShapeError(explain(f"{self.label} values", must=must, got=self.values.shape, do=_RESTORE))


@dataclass(frozen=True, kw_only=True)
class Bank:
    """The label of a bank of parts, or of the clock and inputs, and the SHA-256 of its content in the file."""

    label: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class Export:
    """A certified netlist: name and SHA-256 of the `file`, its `dialect`, `banks` and `signals`.

    `imperfections` are the texts of those in its network, in order (`imperfections.recorded`).
    """

    file: str
    digest: str
    dialect: str
    imperfections: tuple[str, ...]
    banks: tuple[Bank, ...]
    signals: tuple[ShownSignal, ...]

    def __post_init__(self) -> None:
        if not self.signals:
            raise InvalidValueError(explain(f"signals of {self.file}", must="be at least one", got=0, do=_RESTORE))


@checked_record
@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """The origin of the LSTM: `file`, relative to the certificate's folder, and `only`, the modules read from it."""

    file: str
    only: tuple[str, ...]


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class Certificate:
    """The statement that netlists computed an LSTM within `tolerance`, with all that a new check needs.

    * `model`, `lstm_digest`: name and SHA-256 of the LSTM.
    * `source`: the file of the LSTM, if it was given.
    * `technology`, `timing`: the record of its technology; how its memories are clocked.
    * `settling`: phase length in time constants.
    * `as_compiled`: whether each network is that of the compiler, with the imperfections that its export names.
    * `x` (time, inputs), `start`: the inputs, and the state from which the chains started.
    * `seed`: the seed of the random numbers in the inputs.
    * `tolerance`, `error`: largest error of h that is accepted, and that was found, full scale being 1; of y, over the
      gain of the head.
    * `errors`: the largest error of each signal of each chain, by label.
    * `network_digest`, `models_digest`, `engine`: SHA-256 of the networks that were run, that of the device models of
      their transistors (empty if they have none), and the engine.
    * `versions`, `exports`: the versions of the programs; one netlist for each pass through time.
    """

    model: str
    lstm_digest: str
    source: ModelFile | None
    technology: object
    timing: Timing
    settling: Annotated[float, AboveZero("settling", _RESTORE)]
    as_compiled: bool
    x: Floats = field(repr=False)
    start: State = field(repr=False)
    seed: int | None
    tolerance: Annotated[float, AboveZero("tolerance", _RESTORE)]
    error: float
    errors: dict[str, float] = field(repr=False)
    network_digest: str
    models_digest: str
    engine: str
    versions: Versions
    exports: tuple[Export, ...] = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "x", floats(self.x, "x"))
        if not 0.0 <= self.error <= self.tolerance:
            do = "certify what agrees with the LSTM"
            raise InvalidValueError(explain("error", must=f"be 0 to {self.tolerance:.3g}", got=self.error, do=do))
        _check_claims(self)
        if self.x.ndim != 2 or not self.exports:
            got, do = f"x of shape {self.x.shape} and {len(self.exports)} exports", "certify one sequence"
            raise InvalidShapeError(explain("a certificate", must="hold x (time, inputs) and exports", got=got, do=do))


def _check_claims(certificate: Certificate) -> None:
    """Raise unless `certificate` has a valid seed, and errors of which those of h do not exceed its `error`."""
    seed, errors = certificate.seed, certificate.errors
    if seed is not None and seed < 0:
        raise InvalidValueError(explain("seed", must="be >= 0", got=seed, do="give that of a generator, or None"))
    for label, error in errors.items():
        most = certificate.error if label.endswith("_h") else np.finfo(np.float64).max
        if not 0.0 <= error <= most:
            raise InvalidValueError(explain(f"error of {label}", must=f"be 0 to {most:.3g}", got=error, do=_RESTORE))


@checked
def certificate_path(path: str | Path) -> Path:
    """Return the path of the certificate of the netlist at `path`.

    >>> str(certificate_path("build/lstm.cir"))
    'build/lstm.certificate.json'

    Raises `InvalidValueError` for a path that names no file.
    """
    return named_file(path).with_name(f"{Path(path).stem}.certificate.json")


def named_file(path: str | Path) -> Path:
    """Return `path` if it names a file, as "." and ".." do not; `InvalidValueError` otherwise."""
    if Path(path).name in ("", ".."):
        got, do = ascii(str(path))[:80], "give e.g. lstm.cir"
        raise InvalidValueError(explain("path", must="name a file", got=got, do=do))
    return Path(path)


def banks_of(deck: Deck) -> tuple[Bank, ...]:
    """Return the digests of the content of a `deck`: its banks of parts, its unknowns, clock, inputs and settings."""
    network, fed = deck.network, deck.schedule
    pieces: dict[str, object] = {part.label: part for part in network.parts}
    pieces |= {"the unknowns": (network.domain, network.unknowns, network.lines)}
    pieces |= {"the clock": (fed.names, fed.high.astype(np.int64), fed.durations), "the analysis": deck.accuracy}
    pieces |= {f"{entry.label} over time": entry.efforts for entry in fed.imposed}
    return tuple(Bank(label=label, digest=digest_of(piece)) for label, piece in pieces.items())


def with_imperfections(made: tuple[Compiled, ...], texts: Iterable[tuple[str, ...]]) -> tuple[Compiled, ...]:
    """Return the passes `made`, each with the imperfections in its tuple of the `texts`.

    Raises `FileFormatError` for a text that is no imperfection of this package, otherwise as `apply` does.
    """
    pairs = zip(made, texts, strict=True)
    return tuple(replace(compiled, network=reapply(said, compiled.network)) for compiled, said in pairs)


def compiled_passes(lstm: LSTM, technology: object, timing: Timing, settling: float) -> tuple[Compiled, ...]:
    """Return the networks of `lstm` compiled in `technology` with `timing` and `settling`, one for each pass."""
    return tuple(lower(technology, signals, timing, settling) for signals in signal_networks(lstm))
