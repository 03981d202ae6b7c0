"""An imperfection of some banks only, such as the devices of one layer; all other parts stay as they are."""

from dataclasses import dataclass, is_dataclass, replace

from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidTypeError, InvalidValueError, NetworkError, UnsupportedError, explain
from lstm_analog.imperfections.base import Streams, alter
from lstm_analog.network.graph import Network


@checked_record
@dataclass(frozen=True, kw_only=True)
class InBanks:
    """An `imperfection` that only the parts with the labels `banks` have.

    These banks get the random numbers that they get if all parts have the `imperfection`, drawn from the same streams:
    the errors of a layer are a part of those of the machine. `Machine.with_imperfection(layer=)` makes this record.
    Refused are causes in time, those that add parts, and those that change the liquid, which is that of all parts.
    """

    imperfection: object
    banks: tuple[str, ...]

    def __post_init__(self) -> None:
        inner = self.imperfection
        if not is_dataclass(inner) or isinstance(inner, type | InBanks):
            do = "give e.g. ProgrammingError(sigma=0.05)"
            raise InvalidTypeError(explain("imperfection", must="be a record", got=ascii(inner)[:80], do=do))
        if not self.banks:
            must, do = "be labels of parts", "give e.g. ('l0_rows',)"
            raise InvalidValueError(explain("banks", must=must, got="none", do=do))


@alter.register
def _(imperfection: InBanks, network: Network, streams: Streams) -> Network:
    labels = [part.label for part in network.parts]
    missing = [bank for bank in imperfection.banks if bank not in labels]
    if missing:
        do = f"choose among {', '.join(labels)[:200]}"
        raise NetworkError(explain("banks", must="be parts of the network", got=", ".join(missing)[:80], do=do))
    inner = imperfection.imperfection
    changed = alter(inner, network, streams)
    alike = [part.label for part in changed.parts] == labels and changed.unknowns == network.unknowns
    if not alike or (changed.provenance, changed.filling) != (network.provenance, network.filling):
        must, do = "change only the values of parts, and no liquid", "apply it to the whole network"
        raise UnsupportedError(explain("an imperfection of some banks", must=must, got=type(inner).__name__, do=do))
    pairs = zip(network.parts, changed.parts, strict=True)
    return replace(changed, parts=tuple(new if new.label in imperfection.banks else old for old, new in pairs))
