"""Check the claims of a certificate besides its netlists: its tolerance, and the ranges of its signals."""

from dataclasses import replace

from lstm_analog.compiler import Compiled
from lstm_analog.engines import Engine
from lstm_analog.errors import LstmAnalogError
from lstm_analog.model import LSTM
from lstm_analog.model.sequences import starting_state
from lstm_analog.study.certificate import Certificate, compiled_passes, with_imperfections
from lstm_analog.study.comparison import ENGINE_TOLERANCE, FULL_SCALE, SETTLED, compare, granted
from lstm_analog.study.outcomes import Check, Outcome
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
    networks = (replace(each.network, provenance=(*said, *each.network.provenance)) for each in made)
    return tuple(replace(each, network=network) for each, network in zip(made, networks, strict=True))
