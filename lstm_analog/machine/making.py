"""Make a machine: compile an LSTM, or load a saved machine."""

from dataclasses import replace
from numbers import Real
from pathlib import Path
from types import MappingProxyType

from numpy.typing import ArrayLike

from lstm_analog.compiler import Fit, Ranges, Scaling, Timing, fed_by, lower, scaled, signal_networks
from lstm_analog.compiler.bicmos import Bicmos, calibrated
from lstm_analog.compiler.bicmos_calibration import Calibration
from lstm_analog.compiler.legend import legend
from lstm_analog.compiler.measuring import measured
from lstm_analog.compiler.saved import PIECES
from lstm_analog.compiler.technologies import chosen_technology
from lstm_analog.compiler.timing import CLOCKED
from lstm_analog.doors import checked
from lstm_analog.errors import (
    FileFormatError,
    InvalidTypeError,
    InvalidValueError,
    LimitWarning,
    LstmAnalogError,
    explain,
    warn_caller,
)
from lstm_analog.machine.facade import Machine
from lstm_analog.model import LSTM
from lstm_analog.model.sequences import sequences
from lstm_analog.records import load_record

KINDS = MappingProxyType({**PIECES, Machine.__name__: Machine})
"""The kinds of record in a saved machine; loading makes no others, except kinds that the caller names."""


@checked
def load_machine(path: str | Path, own: tuple[type, ...] = ()) -> Machine:
    """Return the machine that `Machine.save` wrote to `path`; `own` are your own kinds of parts and technologies in it.

    Raises `FileFormatError` for a damaged or foreign file, `FileAccessError` for one that cannot be read.
    """
    machine = load_record(path, Machine, KINDS, {kind.__name__: kind for kind in own})
    try:
        for compiled in machine.passes:
            compiled.network.verify()
        _check_sizes(machine)
    except LstmAnalogError as error:
        do = "save the machine again"
        raise FileFormatError(explain(f"file {str(path)!r}", must="hold a Machine", got=error, do=do)) from error
    return machine


def _check_sizes(machine: Machine) -> None:
    """Raise unless `input_size` and `sizes` of `machine` are those of its networks."""
    inputs, layers = list[int](), dict[int, int]()
    for compiled in machine.passes:
        unknowns = compiled.network.unknowns
        inputs += [unknowns[label].size for bank in compiled.layout.inputs for label in fed_by(compiled, bank.label)]
        layers |= {place.layer: unknowns[place.z[0].group].size for place in compiled.layout.layers if place.z}
    held = [*inputs[:1], *(layers[layer] for layer in sorted(layers))]
    told = [machine.input_size, *machine.sizes]
    if told != held:
        what, must = "input_size and sizes", f"be those of its layout, {held}"
        raise InvalidValueError(explain(what, must=must, got=told, do="save the machine again"))


@checked
def compile(
    lstm: LSTM,
    technology: object,
    *,
    timing: Timing = CLOCKED,
    settling: float = 20.0,
    inputs: ArrayLike | Ranges | None = None,
    fit: Fit | None = None,
    calibration: Calibration | None = None,
) -> Machine:
    """Return `lstm` as a machine built in `technology`, a preset or the name of one, such as "opamp".

    `timing` says how the memories are clocked. `settling` is the length of a phase in time constants of the slowest
    pole; 20 leave an error of about 1e-6 of full scale (the law is in `study.settling`). `inputs`, (batch, time,
    inputs) or (time, inputs), are like those in operation, or the `Ranges` of all signals, as from `bounded`: the units
    of signals are then chosen by the rule `fit`, `Fit.SHRINK` unless given, so that signals do not clip. `fit` without
    inputs is refused. `Machine.scaling`, the provenance and `Machine.check` report the choice and what will clip.
    `calibration` is the result of `study.calibrate` for a technology of transistor cells; None for the shipped one.

    Warns with a `LimitWarning` of each limit that a chip of transistor cells exceeds: current of a row driver,
    headroom, |c|. A column that cannot be built is refused.
    """
    _check_kind("lstm", lstm, LSTM, "be an LSTM", "load one with la.load")
    _check_kind("timing", timing, Timing, "be CLOCKED or GATED_LEAK", "take it from lstm_analog")
    _check_kind("settling", settling, Real, "be a number", "give time constants")
    _check_fit(fit, inputs)
    technology = chosen_technology(technology)
    if calibration is not None:
        technology = calibrated(technology, calibration)
    chosen: Scaling | None = None
    networks = signal_networks(lstm)
    if inputs is not None:
        ranges = inputs if isinstance(inputs, Ranges) else measured(lstm, sequences(inputs, lstm.input_size))
        if len(networks) > 1:  # later passes are fed h
            ranges = replace(ranges, x=max(ranges.x, ranges.h))
        technology, chosen = scaled(technology, ranges, fit or Fit.SHRINK)
    said = () if chosen is None else (("scaling", str(chosen)),)
    passes = []
    for number, signals in enumerate(networks):
        compiled = lower(technology, signals, timing, float(settling))
        place = () if len(networks) == 1 else (("pass", f"{number + 1} of {len(networks)}"),)
        known = (*_named(compiled.network.provenance, technology), *legend(compiled))
        origin = (("model", lstm.name), ("digest", lstm.digest), *place, *known, *said)
        passes.append(replace(compiled, network=replace(compiled.network, provenance=origin)))
    machine = Machine(
        passes=tuple(passes), technology=technology, sizes=lstm.sizes, input_size=lstm.input_size, scaling=chosen
    )
    _warn_of_limits(machine)
    return machine


def _named(provenance: tuple[tuple[str, str], ...], technology: object) -> tuple[tuple[str, str], ...]:
    """Return the `provenance` of a network with the name of `technology`, of its class if it has none.

    A technology of a user's own that begins with the network of another has the name of the other in it.
    """
    name = str(getattr(technology, "name", type(technology).__name__))
    return tuple((key, name if key == "technology" else value) for key, value in provenance)


def _warn_of_limits(machine: Machine) -> None:
    """Warn, at the caller of `compile`, of each limit that a `machine` of transistor cells exceeds by design."""
    passes = range(len(machine.passes)) if isinstance(machine.technology, Bicmos) else ()
    for finding in (found for number in passes for found in machine.alone(number).check().warnings):
        must, got = f"be {finding.bound.value} {finding.limit:g}", f"{finding.value:.3g} at {finding.where}"
        warn_caller(LimitWarning(explain(finding.rule.value, must=must, got=got, do=finding.advice)))


def _check_fit(fit: Fit | None, inputs: object) -> None:
    if fit is None:
        return
    _check_kind("fit", fit, Fit, "be KEEP, SHRINK or FILL", "take it from lstm_analog.Fit")
    if inputs is None:
        do = "give inputs like those to be met, or leave fit out"
        raise InvalidValueError(explain("fit", must="come with inputs", got=f"{fit} alone", do=do))


def _check_kind(what: str, value: object, kind: type, must: str, do: str) -> None:
    if isinstance(value, bool) or not isinstance(value, kind):  # True counts as a number, and is none
        raise InvalidTypeError(explain(what, must=must, got=ascii(value)[:80], do=do))
