"""Engines by name, and the check of the argument `engine=` of public functions."""

from types import MappingProxyType
from typing import TypeAlias, cast

from lstm_analog.doors import named
from lstm_analog.engines.base import Engine
from lstm_analog.engines.integrate import Integrate
from lstm_analog.engines.ngspice import Ngspice
from lstm_analog.engines.rumoca import Rumoca
from lstm_analog.engines.settle import Settle
from lstm_analog.engines.vacask import Vacask
from lstm_analog.engines.waveform import Waveform
from lstm_analog.errors import InvalidTypeError, explain

ENGINES: MappingProxyType[str, Engine] = MappingProxyType(
    {
        "integrate": Integrate(),
        "waveform": Waveform(),
        "settle": Settle(),
        "ngspice": Ngspice(),
        "rumoca": Rumoca(),
        "vacask": Vacask(),
    }
)
"""All engines by name, each with its default settings."""

EngineLike: TypeAlias = Engine | str | None
"""An engine, the name of one in `ENGINES`, or None for the default of the function that takes it."""


def chosen_engine(engine: object, default: Engine) -> Engine:
    """Return `engine`, the engine of `ENGINES` if it is a name, or the `default` if it is None.

    Raises `InvalidTypeError` if it is no engine, such as the class of one, `InvalidValueError` for an unknown name.
    """
    if engine is None:
        return default
    if isinstance(engine, str):
        return named("engine", engine, ENGINES)
    if isinstance(engine, type) or not callable(getattr(engine, "run", None)):
        do = "give e.g. Waveform(), Settle() or Ngspice()"
        raise InvalidTypeError(explain("engine", must="be an engine", got=ascii(engine)[:80], do=do))
    return cast(Engine, engine)
