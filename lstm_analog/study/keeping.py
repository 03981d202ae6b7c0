"""Choose which efforts a run keeps, within a bound on memory that is known beforehand."""

from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass, replace
from enum import Enum

import numpy as np

from lstm_analog.compiler.compiled import Compiled, Spot
from lstm_analog.engines import Engine, Integrate, Waveform
from lstm_analog.errors import InvalidTypeError, InvalidValueError, KeptWarning, explain, warn_caller
from lstm_analog.network.trajectory import EVERYTHING, Save, Trajectory


class Keep(Enum):
    """Which efforts a run keeps. With fewer, `Settle` is faster and takes less memory.

    OUTPUTS: h of the top layer and y of the head after each step, and the state after the last, as an LSTM returns.
    SIGNALS: z, c and h of every chain and y after each step, and all nodes in the last step, for `compare`.
    EVERYTHING: all nodes at all points, for `Machine.check`, bills, `power` and waveforms.
    """

    OUTPUTS = "outputs"
    SIGNALS = "signals"
    EVERYTHING = "everything"


def saves(
    passes: tuple[Compiled, ...],
    shape: tuple[int, ...],
    *,
    ragged: bool,
    engine: Engine,
    keep: Keep | None,
    most_bytes: float,
) -> tuple[Save, ...]:
    """Return what to keep in each of `passes` when `engine` runs inputs of `shape`, with lengths if `ragged`.

    That is the choice of `keep`, or else the engine's own `save`. If neither is given it is everything; or, with a
    `KeptWarning`, the signals if everything would take more than `most_bytes` bytes.

    Raises `InvalidTypeError` if `keep` is no Keep; `InvalidValueError` if both are given, a label or an interval is in
    no pass, or the choice takes more than `most_bytes` bytes.
    """
    _check_bound(most_bytes)
    if keep is not None:
        _check_keep(keep)
    own: object = getattr(engine, "save", None)  # an engine need not have it
    if isinstance(own, Save):
        if keep is not None:
            must, do = "be said once", "leave out the save of the engine, or keep"
            raise InvalidValueError(explain("what a run keeps", must=must, got=f"{keep} and {own}", do=do))
        chosen = tuple(_own(own, passes, number) for number in range(len(passes)))
        _check_room({"what the engine's save says": _total(passes, chosen, shape, engine)}, most_bytes)
        return chosen
    sizes = {each: kept_bytes(passes, shape, ragged=ragged, engine=engine, keep=each) for each in Keep}
    wanted = keep or (Keep.EVERYTHING if sizes[Keep.EVERYTHING] <= most_bytes else Keep.SIGNALS)
    less = {each.value: size for each, size in sizes.items() if size < sizes[wanted]}
    _check_room({wanted.value: sizes[wanted], **less}, most_bytes)
    if wanted is not keep and wanted is not Keep.EVERYTHING:
        _warn(sizes, most_bytes)
    return tuple(_save(compiled, wanted, ragged) for compiled in passes)


def kept_bytes(
    passes: tuple[Compiled, ...], shape: tuple[int, ...], *, ragged: bool, engine: Engine, keep: Keep
) -> int:
    """Return the bytes that a run of `passes` over inputs of `shape` keeps; `ragged` and `keep` as in `saves`.

    The points are those of `engine`; Ngspice and Rumoca choose their own, so that `EVERYTHING` takes more there.
    """
    _check_keep(keep)
    return _total(passes, tuple(_save(compiled, keep, ragged) for compiled in passes), shape, engine)


def has_save(engine: Engine) -> bool:
    """Return whether `engine` has a field `save`."""
    record: object = engine
    return is_dataclass(record) and any(entry.name == "save" for entry in fields(record))


def not_kept(trajectory: Trajectory, what: str, keep: Keep) -> InvalidValueError:
    """Return the error that `what` needs more than a `trajectory` has kept, with the advice to choose `keep`."""
    saved = trajectory.saved
    groups, intervals = (", ".join(words)[:60] or "all" for words in (saved.groups, saved.intervals))
    do = f"run it again with keep={keep}, and no save= in the engine"
    return InvalidValueError(explain("the run", must=f"keep {what}", got=f"{groups} in {intervals}", do=do))


def check_whole(trajectory: Trajectory) -> None:
    """Raise `InvalidValueError` unless a `trajectory` has kept everything."""
    if trajectory.saved != EVERYTHING:
        raise not_kept(trajectory, "all unknowns in all intervals", Keep.EVERYTHING)


def _save(compiled: Compiled, keep: Keep, ragged: bool) -> Save:
    if keep is Keep.EVERYTHING:
        return EVERYTHING
    layout, step = compiled.layout, len(compiled.cycle.step)
    memories = [spot for place in layout.layers for spot in (place.h, place.c) if spot is not None]
    along = [place.h for place in layout.layers[layout.top]]
    along += memories if ragged or keep is Keep.SIGNALS else []  # a sequence ends where its length says
    along += [spot for place in layout.layers for spot in place.z] if keep is Keep.SIGNALS else []
    along += [] if layout.head is None else [layout.head.y]
    end = (Save(last=step),) if keep is Keep.SIGNALS else tuple(_by_interval(memories, step))
    first, *more = (*_by_interval(along, 0), *end)
    return replace(first, more=tuple(more))


def _by_interval(spots: Iterable[Spot], last: int) -> Iterator[Save]:
    """Yield records that keep `spots` in the intervals where they are read, of the `last` intervals or all if 0."""
    groups: dict[str, dict[str, None]] = {}
    for spot in spots:
        groups.setdefault(spot.interval, {}).update(dict.fromkeys(spot.groups))
    yield from (Save(groups=tuple(labels), intervals=(name,), last=last) for name, labels in groups.items())


def _own(save: Save, passes: tuple[Compiled, ...], number: int) -> Save:
    """Return what pass `number` keeps by `save`, with the inputs of the next pass.

    Raises `InvalidValueError` for a label or an interval that no pass has.
    """
    if len(passes) == 1:
        return save
    there = [_vocabulary(compiled) for compiled in passes]
    found = [one for each in save.each if (one := _within(each, there, number)) is not None]
    feed = _save(passes[number], Keep.OUTPUTS, ragged=True).each
    first, *more = (*found, *(feed if number + 1 < len(passes) or not found else ()))
    return replace(first, more=tuple(more))


def _vocabulary(compiled: Compiled) -> tuple[set[str], set[str]]:
    """Return the labels of unknowns and the names of intervals of `compiled`."""
    labels = {group.label for group in compiled.network.unknowns.groups}
    return labels, {interval.name for interval in compiled.cycle.intervals(1)}


def _within(save: Save, there: list[tuple[set[str], set[str]]], number: int) -> Save | None:
    """Return the part of `save` that concerns pass `number`, by the labels and names `there` in each pass, or None."""
    kept = []
    for kind, asked in enumerate((save.groups, save.intervals)):
        known = sorted(set().union(*(words[kind] for words in there)))
        strange = [word for word in asked if word not in known]
        if strange:
            what, got = ("label", "interval")[kind], ", ".join(strange)[:80]
            raise InvalidValueError(explain(what, must=f"be one of {', '.join(known)}", got=got, do="save another"))
        kept.append(tuple(word for word in asked if word in there[number][kind]))
    missing = any(asked and not some for asked, some in zip((save.groups, save.intervals), kept, strict=True))
    return None if missing else replace(save, groups=kept[0], intervals=kept[1])


def _total(passes: tuple[Compiled, ...], chosen: tuple[Save, ...], shape: tuple[int, ...], engine: Engine) -> int:
    many = max(1, *(compiled.network.chips for compiled in passes)) * int(np.prod(shape[:-2]))
    points = engine.points if isinstance(engine, Waveform | Integrate) else 1
    count = 0
    for compiled, save in zip(passes, chosen, strict=True):
        steps = 1 if compiled.layout.final else shape[-2]
        names = tuple(interval.name for interval in compiled.cycle.intervals(steps))
        for one in save.each:
            flags = one.points(names)
            count += (int(flags[0]) + points * int(flags[1:].sum())) * one.nodes(compiled.network).size
    return many * count * np.dtype(np.float64).itemsize


def _check_keep(keep: object) -> None:
    if not isinstance(keep, Keep):
        do = "take Keep.OUTPUTS, Keep.SIGNALS or Keep.EVERYTHING; what Save says is for the save of an engine"
        raise InvalidTypeError(explain("keep", must="be a Keep", got=ascii(keep)[:80], do=do))


def _check_bound(most_bytes: object) -> None:
    if isinstance(most_bytes, bool) or not isinstance(most_bytes, int | float | np.integer) or not most_bytes > 0:
        raise InvalidValueError(explain("most_bytes", must="be positive", got=ascii(most_bytes)[:80], do="give bytes"))


def _check_room(sizes: dict[str, int], most_bytes: float) -> None:
    """Raise if the first of `sizes`, bytes by name, is more than `most_bytes`; the others are alternatives."""
    (wanted, size), *less = sizes.items()
    if size > most_bytes:
        fits = [name for name, few in less if few <= most_bytes]
        ways = [f"keep=Keep.{name.upper()}" for name in fits[:1]] + [f"most_bytes={_rounded_up(size)}"]
        got = f"{_said(size)} for {wanted}" + "".join(f", {_said(few)} for {name}" for name, few in less)
        do = f"run with {' or '.join(ways)}, or over fewer sequences, chips or steps at a time"
        raise InvalidValueError(explain("a run", must=f"keep at most {_said(most_bytes)}", got=got, do=do))


def _warn(sizes: dict[Keep, int], most_bytes: float) -> None:
    size, signals = sizes[Keep.EVERYTHING], sizes[Keep.SIGNALS]
    got = f"{_said(size)} for everything, so it keeps its signals, {_said(signals)}"
    ways = f"keep=Keep.EVERYTHING, most_bytes={_rounded_up(size)}"
    do = f"run with keep=Keep.SIGNALS or keep=Keep.OUTPUTS if that is enough, else with {ways}"
    warn_caller(KeptWarning(explain("a run", must=f"keep at most {_said(most_bytes)}", got=got, do=do)))


def _said(size: float) -> str:
    return f"{size / 1e6:.3g} MB"


def _rounded_up(size: float) -> str:
    """Return `size` rounded up to two digits."""
    digit = 10.0 ** (np.floor(np.log10(size)) - 1)
    return f"{np.ceil(size / digit) * digit:.3g}"
