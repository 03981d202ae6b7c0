"""Apply imperfections to the networks of a machine, or to the weights of one of its layers."""

from dataclasses import replace

from lstm_analog.compiler import Compiled
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.imperfections import InBanks, Streams, apply
from lstm_analog.imperfections.applying import records_in
from lstm_analog.imperfections.banks import device_parts
from lstm_analog.machine.places import check_place


def imperfect(
    passes: tuple[Compiled, ...], imperfection: object, streams: Streams, layer: int | None, layers: int
) -> tuple[Compiled, ...]:
    """Return `passes` with an `imperfection`, or several, drawn from `streams`; see `Machine.with_imperfection`.

    With `layer` only the weights of that one of so many `layers` have it; the head comes after the last.
    """
    if layer is None:
        return tuple(replace(each, network=apply(imperfection, each.network, streams)) for each in passes)
    head = check_place("layer", layer, layers + 1) == layers
    owners = ("y_",) if head else (f"l{layer}_", f"l{layer}r_")
    found = [tuple(bank for bank in device_parts(each.network) if bank.startswith(owners)) for each in passes]
    if not any(found):
        got, do = "the head of a machine that has none" if head else "one without", "choose another, or leave it out"
        raise InvalidValueError(explain("the layer", must="have weights of programmed devices", got=got, do=do))
    return tuple(_in_banks(each, imperfection, streams, banks) for each, banks in zip(passes, found, strict=True))


def _in_banks(compiled: Compiled, imperfection: object, streams: Streams, banks: tuple[str, ...]) -> Compiled:
    """Return `compiled` with an `imperfection` of these `banks`, itself if there are none."""
    some = [InBanks(imperfection=each, banks=banks) for each in records_in(imperfection) if banks]
    return replace(compiled, network=apply(some, compiled.network, streams)) if some else compiled
