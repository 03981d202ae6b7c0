"""Engines by name: what stands in `engine=` at every public door."""

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
"""What runs a network, by name, with its presets."""

EngineLike: TypeAlias = Engine | str | None
"""An engine, the name of one in `ENGINES`, or None for that as preset."""


def chosen_engine(engine: object, preset: Engine) -> Engine:
    """Return `engine`, or the one of that name, the `preset` one if it is None.

    Raises `InvalidTypeError` unless it is one, no class of one, `InvalidValueError` for a name that is none.
    """
    if engine is None:
        return preset
    if isinstance(engine, str):
        return named("engine", engine, ENGINES)
    if isinstance(engine, type) or not callable(getattr(engine, "run", None)):
        do = "give e.g. Waveform(), Settle() or Ngspice()"
        raise InvalidTypeError(explain("engine", must="be an engine", got=ascii(engine)[:80], do=do))
    return cast(Engine, engine)
