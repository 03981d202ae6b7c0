"""The way back from a certificate: whether a netlist is still what was certified, and still computes the LSTM."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from hashlib import sha256
from pathlib import Path

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.compiler import electrical, hydraulic
from lstm_analog.engines import Engine, Integrate
from lstm_analog.errors import CertificateError, LstmAnalogError, explain
from lstm_analog.export import Deck, read_spice
from lstm_analog.files import read_bytes
from lstm_analog.model import LSTM
from lstm_analog.network.analogy import as_circuit
from lstm_analog.network.graph import Network
from lstm_analog.network.trajectory import Trajectory
from lstm_analog.study.certificate import (
    ROUNDING,
    Certificate,
    Export,
    Signal,
    answers,
    banks_of,
    compiled_networks,
)
from lstm_analog.study.digest import digest_of

_SAME_ANSWER = 1e-12
"""What two versions of numpy may make of the same numeric LSTM."""
PRESETS = (electrical.BEHAVIOURAL, hydraulic.OIL, hydraulic.WATER, hydraulic.GLYCEROL)
"""The technologies that a certificate can name; of others the values are not compiled again."""


class Check(Enum):
    """What was looked at."""

    FILE = "the file is the one that was certified"
    VALUES = "its values are those that were certified"
    MODEL = "its values are what the model compiles to"
    ANSWER = "the model still answers what was certified"
    RERUN = "run again, it computes what the model answers"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The outcome of a `check`: whether it `holds`, None where it could not be made, and what was found."""

    check: Check
    holds: bool | None
    got: str

    def __str__(self) -> str:
        mark = {True: "yes", False: "NO", None: "not checked"}[self.holds]
        return f"{self.check.value}: {mark} ({self.got})"


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What became of the checks of a netlist; it `holds` if none failed."""

    findings: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        """Whether no check failed."""
        return all(finding.holds is not False for finding in self.findings)

    def __str__(self) -> str:
        return "\n".join(map(str, self.findings))


def verify(
    path: str | Path, certificate: Certificate, *, lstm: LSTM | None = None, engine: Engine | None = None
) -> Verification:
    """Return whether the netlist at `path` is what its `certificate` says, and does what it says.

    The file is read again, value by value; held against what `lstm` compiles to, where it is given; and run again by
    `engine`, `Integrate()` unless given, from the inputs in the file, against the answers in the certificate.

    Raises
    ------
    CertificateError
        If the certificate is of other files, or of another LSTM than `lstm`.
    FileAccessError, FileFormatError
        If the netlist cannot be read.
    """
    export = _export(Path(path), certificate)
    if lstm is not None and lstm.digest != certificate.lstm_digest:
        do = "give the model it was made from"
        must, got = f"be {certificate.model}, digest {certificate.lstm_digest[:12]}", lstm.digest[:12]
        raise CertificateError(explain("the model", must=must, got=got, do=do))
    deck = read_spice(path)
    findings = [_file(Path(path), export), _values(deck, export)]
    if lstm is not None:
        findings += [_model(deck, export, certificate, lstm), _answer(certificate, lstm)]
    return Verification(findings=(*findings, _rerun(deck, export, certificate, engine or Integrate())))


def _export(path: Path, certificate: Certificate) -> Export:
    for export in certificate.exports:
        if export.file == path.name:
            return export
    known = ", ".join(export.file for export in certificate.exports)
    do = "give the netlist that belongs to the certificate"
    raise CertificateError(explain("the netlist", must=f"be called {known}", got=path.name, do=do))


def _file(path: Path, export: Export) -> Finding:
    same = sha256(read_bytes(path)).hexdigest() == export.digest
    return Finding(check=Check.FILE, holds=same, got="the same bytes" if same else "other bytes")


def _values(deck: Deck, export: Export) -> Finding:
    now, then = ({bank.label: bank.digest for bank in banks} for banks in (banks_of(deck), export.banks))
    changed = sorted(label for label in now.keys() | then.keys() if now.get(label) != then.get(label))
    got = f"changed: {', '.join(changed)}" if changed else f"{len(now)} banks"
    return Finding(check=Check.VALUES, holds=not changed, got=got)


def _model(deck: Deck, export: Export, certificate: Certificate, lstm: LSTM) -> Finding:
    if not certificate.as_compiled:
        got = "it is made of real parts, which the model alone does not say"
        return Finding(check=Check.MODEL, holds=None, got=got)
    technology = next((each for each in PRESETS if digest_of(each) == certificate.technology_digest), None)
    if technology is None:
        got = f"{certificate.technology} is none of {', '.join(each.name for each in PRESETS)} as they are now"
        return Finding(check=Check.MODEL, holds=None, got=got)
    made = compiled_networks(lstm, technology, certificate.timing, certificate.settling)
    expected = as_circuit(made[certificate.exports.index(export)], deck.schedule).network
    wrong = list(_deviations(deck.network, expected))
    return Finding(check=Check.MODEL, holds=not wrong, got="; ".join(wrong[:3]) or f"within {ROUNDING:g}")


def _deviations(found: Network, expected: Network) -> Iterator[str]:
    """Yield what of `found` is not as `expected`, each array with the element that is farthest off."""
    now, then = (
        {name: array for part in network.parts for name, array in _arrays(part, part.label)}
        for network in (found, expected)
    )
    for name in sorted(now.keys() | then.keys()):
        if name not in now or name not in then:
            yield f"{name} is {'missing' if name in then else 'too many'}"
        elif now[name].shape != then[name].shape:
            yield f"{name} has shape {now[name].shape}, not {then[name].shape}"
        elif not np.allclose(now[name], then[name], rtol=ROUNDING, atol=0.0):
            yield f"{name}{_farthest(now[name], then[name])}"


def _arrays(value: object, name: str) -> Iterator[tuple[str, Floats]]:
    """Yield every array of a bank, of its terms and factors too, by name."""
    if isinstance(value, np.ndarray):
        yield name, value.astype(np.float64)
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            yield from _arrays(item, f"{name}[{number}]")
    elif is_dataclass(value):
        for entry in fields(value):
            yield from _arrays(getattr(value, entry.name), f"{name}.{entry.name}")


def _farthest(array: Floats, wanted: Floats) -> str:
    off = np.abs(array - wanted) / np.maximum(np.abs(wanted), np.finfo(np.float64).tiny)
    place = tuple(int(n) for n in np.unravel_index(int(off.argmax()), off.shape))
    return f"{list(place)} is {array[place]:.6g}, not {wanted[place]:.6g}"


def _answer(certificate: Certificate, lstm: LSTM) -> Finding:
    then = (signal.values for export in certificate.exports for signal in export.signals)
    now = answers(lstm, certificate.x, certificate.start)
    error = max(float(np.abs(a - b).max()) for a, b in zip(now, then, strict=True))
    return Finding(check=Check.ANSWER, holds=error <= _SAME_ANSWER, got=f"off by {error:.2g}")


def _rerun(deck: Deck, export: Export, certificate: Certificate, engine: Engine) -> Finding:
    try:
        trajectory = engine.run(deck.network, deck.schedule, None)
        error = max(_error(trajectory, signal) for signal in export.signals)
    except LstmAnalogError as reason:
        return Finding(check=Check.RERUN, holds=False, got=str(reason))
    got = f"max error {error:.3g}, tolerance {certificate.tolerance:.3g}"
    return Finding(check=Check.RERUN, holds=error <= certificate.tolerance, got=got)


def _error(trajectory: Trajectory, signal: Signal) -> float:
    """Return how far a run is from what `signal` says, in units of the signal."""
    unknowns, ends = trajectory.network.unknowns, np.array(signal.ends)
    efforts = trajectory.at_ends(signal.group, ends)
    if signal.against is not None:
        efforts = efforts - trajectory.at_ends(signal.against, ends)
    shown = efforts * signal.gain / unknowns.scales()[unknowns[signal.group]]
    return float(np.abs(shown - signal.values).max())
