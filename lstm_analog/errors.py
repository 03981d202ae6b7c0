"""The errors and warnings of this package, and the form of their messages.

Each error is a `LstmAnalogError` and also the builtin it resembles, so a caller can catch either.
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
    """A value has a type that is not accepted here."""


class FileFormatError(LstmAnalogError, ValueError):
    """A file is damaged, of another format, or has content that this package does not support."""


class FileAccessError(LstmAnalogError, OSError):
    """A file cannot be read or written."""


class NetworkError(LstmAnalogError, ValueError):
    """A network breaks the grammar of `Network.verify`."""


class UnsupportedError(LstmAnalogError, NotImplementedError):
    """The request is understood but not supported."""


class UnsupportedPartError(LstmAnalogError, TypeError):
    """A back end has no law or text for a kind of part."""


class LibraryMissingError(LstmAnalogError, ImportError):
    """An optional library is not installed."""


class SimulationError(LstmAnalogError, RuntimeError):
    """An engine could not finish; the message says why."""


class CertificateError(LstmAnalogError, RuntimeError):
    """A machine or a file does not behave as its certificate would have to state."""


class SimulatorMissingError(LstmAnalogError, FileNotFoundError):
    """An external simulator is not installed."""


class LstmAnalogWarning(UserWarning):
    """Root of all warnings of this package."""


class StopsWarning(LstmAnalogWarning):
    """A part reached its stops in a run, which cut off the signal."""


class ChipsWarning(LstmAnalogWarning):
    """Some of several chips could not be solved together with the others and were solved alone."""


class KeptWarning(LstmAnalogWarning):
    """A run keeps only some of its results, because all would take too much memory."""


class LimitWarning(LstmAnalogWarning):
    """A compiled machine exceeds a limit of its technology."""


def explain(what: str, *, must: str, got: object, do: str) -> str:
    """Return the text of an error: `<what> must <rule>, got <value>: <what to do>`.

    >>> explain("duration", must="be positive", got=-1.0, do="give seconds > 0")
    'duration must be positive, got -1.0: give seconds > 0'
    """
    return f"{what} must {must}, got {got}: {do}"


def warn_caller(warning: LstmAnalogWarning) -> None:
    """Issue `warning` at the line of user code that called this package."""
    frame, level = inspect.currentframe(), 0
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        frame, level = frame.f_back, level + 1
    warnings.warn(warning, stacklevel=level + 1)
