"""Every error this package raises on purpose, every warning, and the one form their messages have.

Each error is a `LstmAnalogError` and also the builtin it resembles, so that a caller may catch either.
"""

import inspect
import warnings

_PACKAGE = __name__.partition(".")[0]


class LstmAnalogError(Exception):
    """Root of all errors raised by this package."""


class InvalidValueError(LstmAnalogError, ValueError):
    """A number, a label or an option breaks a rule."""


class InvalidShapeError(LstmAnalogError, ValueError):
    """An array has the wrong number of axes or elements."""


class InvalidTypeError(LstmAnalogError, TypeError):
    """A value is of a kind that is not taken here."""


class FileFormatError(LstmAnalogError, ValueError):
    """A file is damaged, foreign or says something this package does not take."""


class FileAccessError(LstmAnalogError, OSError):
    """A file cannot be read or written."""


class NetworkError(LstmAnalogError, ValueError):
    """A network breaks the grammar of `Network.verify`."""


class UnsupportedError(LstmAnalogError, NotImplementedError):
    """What was asked for is understood and not offered."""


class UnsupportedPartError(LstmAnalogError, TypeError):
    """A back end met a kind of part that it has no law or text for."""


class LibraryMissingError(LstmAnalogError, ImportError):
    """An optional library is not installed."""


class SimulationError(LstmAnalogError, RuntimeError):
    """An engine could not finish; the message carries its reason."""


class CertificateError(LstmAnalogError, RuntimeError):
    """A machine or a file does not do what its certificate would have to say."""


class SimulatorMissingError(LstmAnalogError, FileNotFoundError):
    """An external simulator is not installed."""


class LstmAnalogWarning(UserWarning):
    """Root of all warnings of this package."""


class StopsWarning(LstmAnalogWarning):
    """A run drove something to its stops, which cut the signal off there."""


class ChipsWarning(LstmAnalogWarning):
    """Some of several chips could not be solved beside the others, and were solved alone."""


class KeptWarning(LstmAnalogWarning):
    """A run keeps less than everything, which would take too much memory."""


class LimitWarning(LstmAnalogWarning):
    """What was compiled can be built, but goes beyond a limit of its technology."""


def explain(what: str, *, must: str, got: object, do: str) -> str:
    """Return the text of an error: `<what> must <rule>, got <value>: <what to do>`.

    >>> explain("duration", must="be positive", got=-1.0, do="give seconds > 0")
    'duration must be positive, got -1.0: give seconds > 0'
    """
    return f"{what} must {must}, got {got}: {do}"


def warn_caller(warning: LstmAnalogWarning) -> None:
    """Issue `warning` at the place in the user's code that called this package, however deep in it this is."""
    frame, level = inspect.currentframe(), 0
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        frame, level = frame.f_back, level + 1
    warnings.warn(warning, stacklevel=level + 1)
