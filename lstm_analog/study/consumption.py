"""What consumes power in a machine, and its parts by kind, with the sources of the constants."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from lstm_analog.doors import checked_record


@checked_record
@dataclass(frozen=True, kw_only=True)
class Consumer:
    """Something that draws `power` (W), called `what`, and the `source` of the constants that it takes."""

    what: str
    power: float
    source: str


@checked_record
@dataclass(frozen=True, kw_only=True)
class PartCount:
    """Parts of a kind called `what`: their `number`, the `room` of all (m2 or m3), and the `source` of its constant."""

    what: str
    number: int
    room: float
    source: str


@dataclass(frozen=True, kw_only=True)
class Consumption:
    """The `consumers` and `parts` of a pass of a machine, and the `heat` (W) in its conductances."""

    consumers: tuple[Consumer, ...]
    parts: tuple[PartCount, ...]
    heat: float


def while_running(consumer: Consumer, share: float) -> Consumer:
    """Return `consumer` with its mean power if it draws its power for a `share` of the time only."""
    return replace(consumer, power=share * consumer.power)


def merged(several: Iterable[Consumption]) -> Consumption:
    """Return `several` as one: consumers and parts of the same name added up."""
    consumers, parts, heat = dict[str, Consumer](), dict[str, PartCount](), 0.0
    for each in several:
        heat += each.heat
        for one in each.consumers:
            power = one.power + (consumers[one.what].power if one.what in consumers else 0.0)
            consumers[one.what] = replace(one, power=power)
        for kind in each.parts:
            old = parts.get(kind.what, PartCount(what=kind.what, number=0, room=0.0, source=kind.source))
            parts[kind.what] = replace(kind, number=kind.number + old.number, room=kind.room + old.room)
    return Consumption(consumers=tuple(consumers.values()), parts=tuple(parts.values()), heat=heat)
