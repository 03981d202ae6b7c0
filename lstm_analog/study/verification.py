"""Verify a netlist against its certificate: whether it is unchanged, and whether it still computes the LSTM.

Also the claims of a certificate besides its netlists: its tolerance, and the ranges of its signals.
"""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from lstm_analog.compiler import Compiled
from lstm_analog.doors import checked
from lstm_analog.engines import Engine, EngineLike, Integrate, Ngspice
from lstm_analog.engines.choosing import chosen_engine
from lstm_analog.errors import CertificateError, FileFormatError, InvalidShapeError, LstmAnalogError, explain
from lstm_analog.export import Deck
from lstm_analog.export.spice_reader import deck_in
from lstm_analog.files import is_there, read_bytes
from lstm_analog.imperfections import IMPERFECTION
from lstm_analog.model import LSTM
from lstm_analog.model.formats.loading import load_part
from lstm_analog.model.sequences import sequences, starting_state
from lstm_analog.network.parts import Cells
from lstm_analog.network.trajectory import Trajectory
from lstm_analog.study.certificate import (
    ROUNDING,
    Certificate,
    Export,
    ShownSignal,
    banks_of,
    compiled_passes,
    with_imperfections,
)
from lstm_analog.study.certification import answers
from lstm_analog.study.comparison import ENGINE_TOLERANCE, FULL_SCALE, SETTLED, compare, granted
from lstm_analog.study.deviation import deviations
from lstm_analog.study.digest import device_models_digest, networks_digest
from lstm_analog.study.outcomes import Check, Outcome, Verification
from lstm_analog.study.ranges import harmful
from lstm_analog.study.run import Setup, run_through

AGREE = 10.0 * ENGINE_TOLERANCE
"""Largest difference of two engines for signals that have not settled, full scale being 1: 7e-5 at 8 time constants."""


def tolerance_outcome(certificate: Certificate, lstm: LSTM | None, engine: Engine) -> Outcome:
    """Return the check whether the tolerance of `certificate` is one that `compare` accepts.

    Up to `SETTLED` it is, above full scale never. Otherwise the machine of `lstm` is run by `engine` and compared.
    """
    claimed = certificate.tolerance
    if claimed > FULL_SCALE:
        return Outcome(check=Check.TOLERANCE, holds=False, got=f"{claimed:.3g}, full scale being {FULL_SCALE:g}")
    if claimed <= SETTLED:
        return Outcome(check=Check.TOLERANCE, holds=True, got=f"{claimed:.3g}, of {SETTLED:g} that pass")
    if lstm is None:
        return Outcome(check=Check.TOLERANCE, holds=None, got=f"{claimed:.3g}, and the model is not at hand")
    try:
        most = _granted(certificate, lstm, engine)
    except LstmAnalogError as reason:
        return Outcome(check=Check.TOLERANCE, holds=False, got=f"{claimed:.3g}, and no comparison: {reason}")
    got = f"{claimed:.3g}, of {most:.3g} that a comparison explains"
    return Outcome(check=Check.TOLERANCE, holds=claimed <= most + AGREE, got=got)


def range_outcome(certificate: Certificate, lstm: LSTM | None) -> Outcome:
    """Return the check whether the technology of `certificate` allows its signals; only inputs if `lstm` is None."""
    found = harmful(certificate.technology, lstm, certificate.x, certificate.start)
    seen = "inputs and states to start from" if lstm is None else "all of them"
    return Outcome(check=Check.RANGE, holds=not found, got="; ".join(map(str, found)) or seen)


def _granted(certificate: Certificate, lstm: LSTM, engine: Engine) -> float:
    """Return the tolerance that `compare` accepts for the machine of `lstm` by `certificate`, run by `engine`."""
    made = compiled_passes(lstm, certificate.technology, certificate.timing, certificate.settling)
    real = with_imperfections(_of(made, lstm), (each.imperfections for each in certificate.exports))
    start = starting_state(certificate.start, lstm.state_sizes, ())
    run = run_through(real, certificate.x, start, None, lambda one, fed: engine.run(one.network, fed))
    setup = Setup(technology=certificate.technology, scaling=None, engine=engine)
    return granted(compare(replace(run, setup=setup), lstm))


def _of(made: tuple[Compiled, ...], lstm: LSTM) -> tuple[Compiled, ...]:
    """Return the passes `made` with the name and digest of `lstm` in their provenance, as `compile` writes them."""
    said = (("model", lstm.name), ("digest", lstm.digest))
    return tuple(
        replace(each, network=replace(each.network, provenance=(*said, *each.network.provenance))) for each in made
    )


_SAME_ANSWER = 1e-12
"""Largest difference of the same numeric LSTM by two versions of numpy, relative to the larger of 1 and the value."""
_SHOWN = 3
"""Number of deviations to list one by one."""


@checked
def verify(
    path: str | Path, certificate: Certificate, *, lstm: LSTM | None = None, engine: EngineLike = None
) -> Verification:
    """Return the outcomes of the checks of the netlist at `path` against its `certificate`.

    The file is read value by value; compared with the networks of `lstm`, if it is given; and run by `engine` with the
    inputs in the file, to compare its outputs with those in the certificate. `engine` is `Integrate()` unless given,
    for transistor-level cells `Ngspice()`. A tolerance above `SETTLED` is compared with the one that `compare` accepts
    for the machine of the LSTM, run by the same engine.

    Raises `CertificateError` if the certificate is of other netlists or of another LSTM, has inputs that `lstm` does
    not take, or a technology or settling with which it cannot be compiled; `FileAccessError` if the netlist cannot be
    read.
    """
    content = read_bytes(path)
    digest = sha256(content).hexdigest()
    export = _export(Path(path), digest, certificate)
    if lstm is not None:
        _check_model(certificate, lstm)
    same = digest == export.digest
    file = Outcome(check=Check.FILE, holds=same, got="the same bytes" if same else "other bytes")
    try:
        deck = deck_in(content, path)
    except FileFormatError as reason:
        unread = (Outcome(check=check, holds=None, got="it cannot be read") for check in list(Check)[2:])
        values = Outcome(check=Check.VALUES, holds=False, got=str(reason))
        return Verification(file=Path(path).name, export=export.file, outcomes=(file, values, *unread))
    _check_origin(deck, certificate, export)
    cells = any(isinstance(part, Cells) for part in deck.network.parts)
    simulator = chosen_engine(engine, Ngspice() if cells else Integrate())
    with np.errstate(over="ignore", invalid="ignore"):  # a forged number beyond all bounds fails, and no warning
        outcomes = (
            file,
            _values(deck, export),
            *_against_model(deck, export, certificate, lstm),
            _rerun(deck, export, certificate, simulator),
            tolerance_outcome(certificate, lstm, simulator),
            range_outcome(certificate, lstm),
        )
    return Verification(file=Path(path).name, export=export.file, outcomes=outcomes)


@checked
def model_of(certificate: Certificate, folder: str | Path, file: str | Path | None = None) -> LSTM | None:
    """Return the LSTM of a `certificate` in `folder`, read from `file` or else from the file that it names.

    The latter is searched at its relative path, then in the folder itself; return None if it is not found. Of a whole
    model the recurrent part is returned. Raises as `load` and `load_model` do.
    """
    source = certificate.source
    if source is not None and file is None:
        places = (Path(folder) / source.file, Path(folder) / Path(source.file).name)
        file = next((place for place in places if is_there(place) and place.is_file()), None)
    return None if file is None else load_part(file, (source and source.only) or None, None)[0]


def _export(path: Path, digest: str, certificate: Certificate) -> Export:
    """Return the export of the file at `path`, found by its `digest`, else by its name."""
    for export in (*(each for each in certificate.exports if each.digest == digest), *certificate.exports):
        if digest == export.digest or path.name == export.file:
            return export
    known = ", ".join(export.file for export in certificate.exports)
    do = "give the netlist that belongs to the certificate"
    raise CertificateError(explain("the netlist", must=f"be {known}, or a copy", got=path.name, do=do))


def _check_model(certificate: Certificate, lstm: LSTM) -> None:
    """Raise if `lstm` is not that of the certificate, or does not take its inputs or start."""
    if lstm.digest != certificate.lstm_digest:
        do = "give the model it was made from"
        must = f"be {certificate.model}, digest {certificate.lstm_digest[:12]}"
        raise CertificateError(explain("the model", must=must, got=f"{lstm.name}, {lstm.digest[:12]}", do=do))
    try:
        starting_state(certificate.start, lstm.state_sizes, sequences(certificate.x, lstm.input_size).shape[:-2])
    except InvalidShapeError as reason:
        do = "take the certificate as it was written"
        raise CertificateError(explain("the certificate", must="feed its model", got=reason, do=do)) from reason


def _check_origin(deck: Deck, certificate: Certificate, export: Export) -> None:
    """Raise if the provenance of a deck names another LSTM, or another pass of it."""
    said = dict(deck.network.provenance)
    count = len(certificate.exports)
    place = None if count == 1 else f"{certificate.exports.index(export) + 1} of {count}"
    if said.get("digest") != certificate.lstm_digest or said.get("pass") != place:
        must = f"be of {certificate.model}, digest {certificate.lstm_digest[:12]}, pass {place or '1 of 1'}"
        got = f"{said.get('model', 'no model')}, {said.get('digest', 'none')[:12]}, pass {said.get('pass', '1 of 1')}"
        do = "give the netlist that belongs to the certificate"
        raise CertificateError(explain("the netlist", must=must, got=got, do=do))


def _values(deck: Deck, export: Export) -> Outcome:
    now, then = ({bank.label: bank.digest for bank in banks} for banks in (banks_of(deck), export.banks))
    changed = sorted(label for label in now.keys() | then.keys() if now.get(label) != then.get(label))
    if deck.network.said(IMPERFECTION) != export.imperfections:
        changed.append("the imperfections it names")
    got = f"changed: {', '.join(changed)}" if changed else f"{len(now)} banks"
    return Outcome(check=Check.VALUES, holds=not changed, got=got)


def _against_model(deck: Deck, export: Export, certificate: Certificate, lstm: LSTM | None) -> tuple[Outcome, Outcome]:
    """Return the checks of the values in the deck, and of the outputs in the certificate, against `lstm`."""
    if lstm is None:
        got = "the model is not at hand"
        return Outcome(check=Check.MODEL, holds=None, got=got), Outcome(check=Check.ANSWER, holds=None, got=got)
    try:
        made = compiled_passes(lstm, certificate.technology, certificate.timing, certificate.settling)
        return _model(deck, export, certificate, made), _answer(certificate, lstm, made)
    except LstmAnalogError as reason:
        do, must = "take the certificate as it was written", "say how its model is compiled and clocked"
        raise CertificateError(explain("the certificate", must=must, got=reason, do=do)) from reason


def _model(deck: Deck, export: Export, certificate: Certificate, made: tuple[Compiled, ...]) -> Outcome:
    number, fed = certificate.exports.index(export), (certificate.x, certificate.start)
    if not certificate.as_compiled:
        clock = [text for text in deviations(deck, made, number, *fed) if text.startswith("clock ")]
        got = clock[0] if clock else "it is made of parts that neither the model nor the imperfections it names say"
        return Outcome(check=Check.MODEL, holds=False if clock else None, got=got)
    real = with_imperfections(made, (each.imperfections for each in certificate.exports))
    wrong = list(deviations(deck, real, number, *fed))
    if networks_digest(tuple(each.network for each in real)) != certificate.network_digest:
        wrong.append("the digest of its networks is another")
    if device_models_digest(tuple(each.network for each in real)) != certificate.models_digest:
        wrong.append("the device models are others")
    more = [] if len(wrong) <= _SHOWN else [f"{len(wrong) - _SHOWN} more"]
    got = "; ".join([*wrong[:_SHOWN], *more]) or f"within {ROUNDING:g}"
    return Outcome(check=Check.MODEL, holds=not wrong, got=got)


def _answer(certificate: Certificate, lstm: LSTM, made: tuple[Compiled, ...]) -> Outcome:
    then = [signal for export in certificate.exports for signal in export.signals]
    now = [signal for signals in answers(lstm, made, certificate.x, certificate.start) for signal in signals]
    if [_place(signal) for signal in now] != [_place(signal) for signal in then]:
        return Outcome(check=Check.ANSWER, holds=False, got="answers of other signals, or read in another place")
    off = max(map(_apart, now, then))
    return Outcome(check=Check.ANSWER, holds=off <= _SAME_ANSWER, got=f"off by {off:.2g}")


def _place(signal: ShownSignal) -> tuple[object, ...]:
    return signal.label, signal.group, signal.against, signal.ends, signal.values.shape


def _apart(now: ShownSignal, then: ShownSignal) -> float:
    """Return the largest difference of the numbers of `now` and `then`, relative to the larger of 1 and the value."""
    pairs = ((now.values, then.values), (now.gain, then.gain), (np.array(now.unit), np.array(then.unit)))
    return max(float((np.abs(one - other) / np.maximum(np.abs(other), 1.0)).max()) for one, other in pairs)


def _rerun(deck: Deck, export: Export, certificate: Certificate, engine: Engine) -> Outcome:
    try:
        trajectory = engine.run(deck.network, deck.schedule, None)
        errors = {signal.label: _error(trajectory, signal) for signal in export.signals}
    except LstmAnalogError as reason:
        return Outcome(check=Check.RERUN, holds=False, got=str(reason))
    worst = max(errors, key=lambda label: errors[label])
    told = certificate.error + AGREE
    got = f"largest error {errors[worst]:.3g}, of {worst}; tolerance {certificate.tolerance:.3g}"
    got += f"; {certificate.error:.3g} was certified" if errors[worst] > told else ""
    return Outcome(check=Check.RERUN, holds=errors[worst] <= min(certificate.tolerance, told), got=got)


def _error(trajectory: Trajectory, signal: ShownSignal) -> float:
    """Return the largest error of a run against `signal` over its unit; infinity if the run does not have it."""
    unknowns, ends = trajectory.network.unknowns, np.array(signal.ends)
    groups = [signal.group] if signal.against is None else [signal.group, signal.against]
    fits = all(unknowns[group].size == signal.gain.size for group in groups)
    if not fits or ends.max() >= len(trajectory.schedule.names):
        return float("inf")
    efforts = trajectory.at_ends(signal.group, ends)
    if signal.against is not None:
        efforts = efforts - trajectory.at_ends(signal.against, ends)
    shown = efforts * signal.gain / unknowns.scales()[unknowns[signal.group]]
    error = float(np.abs(shown - signal.values).max()) / signal.unit
    return float("inf") if np.isnan(error) else error
