"""The schedule: clock lines and imposed efforts of a network, interval by interval."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

import numpy as np

from lstm_analog.arrays import Flags, Floats, Indices, floats, plain, positive_of_shape
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidShapeError, InvalidValueError, NetworkError, UnsupportedError, explain
from lstm_analog.network.bank import put
from lstm_analog.network.chips import check_chosen
from lstm_analog.network.graph import Network
from lstm_analog.network.labels import check_label
from lstm_analog.network.laws import High
from lstm_analog.network.parts import Sources
from lstm_analog.network.varying import IN_TIME, VaryingParameters


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class Imposed:
    """The efforts that the source bank `label` imposes: `efforts` (..., intervals, sources) in the effort unit.

    An array that was broadcast along the intervals stays a broadcast view: one row is held, however long the schedule.
    """

    label: str
    efforts: Floats

    def __post_init__(self) -> None:
        """Check that the efforts are finite and have at least the two axes."""
        what, given = f"imposed {self.label}", self.efforts
        steady = _steady(given)
        held = floats(given[..., :1, :] if steady else given, what)
        put(self, "efforts", np.broadcast_to(held, given.shape) if steady else held)
        if self.efforts.ndim < 2:
            must, got = "have shape (..., intervals, sources)", self.efforts.shape
            raise InvalidShapeError(explain(f"imposed {self.label}", must=must, got=got, do="add the missing axis"))

    @property
    def steady(self) -> bool:
        """Whether every interval has the same efforts, by one row that is broadcast."""
        return _steady(self.efforts)


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class Schedule:
    """Intervals of constant clock and constant inputs, one after the other from time zero.

    Attributes
    ----------
    names : tuple of str, (intervals,)
        What each interval is for.
    high : bool array, (intervals, lines)
        Which clock lines are high.
    durations : float array, (intervals,)
        Lengths in seconds, > 0.
    imposed : tuple of Imposed
        Inputs and resets; a source bank not named here keeps its own effort.
    chips : int
        If not 0, the first leading axis runs over so many chips, each with its own efforts; a bank without that axis is
        the same on every chip. If 0, every chip of a network is given all imposed efforts.
    varying : VaryingParameters, optional
        Networks that take turns in the run, where parameters change from step to step; none where they stay.
    """

    names: tuple[str, ...]
    high: Flags
    durations: Floats
    imposed: tuple[Imposed, ...]
    chips: int = 0
    varying: VaryingParameters | None = None

    def __post_init__(self) -> None:
        """Check the names, that all have the same number of intervals, and that the imposed fit together."""
        for name in ("names", "imposed"):
            put(self, name, tuple(getattr(self, name)))
        count = len(self.names)
        for name in sorted(set(self.names)):
            check_label(name)
        put(self, "high", _flags(self.high))
        put(self, "durations", positive_of_shape(self.durations, "durations", (count,)))
        sizes = {"high": self.high.shape[:1], "durations": self.durations.shape}
        sizes |= {entry.label: entry.efforts.shape[-2:-1] for entry in self.imposed}
        for what, size in sizes.items():
            if size != (count,) or not count:
                must = f"cover {count} intervals, at least one"
                raise InvalidShapeError(explain(f"schedule {what}", must=must, got=size, do="give one entry each"))
        if not (self.ends[1:] > self.ends[:-1]).all() or self.ends[-1] == np.inf:
            got = f"{self.durations.min():.3g} s beside {self.durations.max():.3g} s"
            must, do = "add up to times that increase", "give lengths of like size"
            raise InvalidValueError(explain("durations", must=must, got=got, do=do))
        _check_imposed(self.imposed)
        if self.varying is not None and self.varying.first[-1] >= count:
            must, got = f"begin in one of the {count} intervals", f"one from interval {self.varying.first[-1]} on"
            raise InvalidShapeError(explain("stretches", must=must, got=got, do="give those of this schedule"))
        if self.chips and self.lead[:1] != (self.chips,):
            must, do = f"lead with an axis of {self.chips} chips", "give one of the imposed that axis, or chips=0"
            raise InvalidShapeError(explain("imposed", must=must, got=f"leading axes {self.lead}", do=do))

    @cached_property
    def ends(self) -> Floats:
        """The end of each interval in seconds, shape (intervals,); read-only."""
        with np.errstate(over="ignore"):
            ends = np.cumsum(self.durations)
        ends.flags.writeable = False
        return ends

    @cached_property
    def lead(self) -> tuple[int, ...]:
        """The leading axes of the imposed efforts: the chips, if their efforts differ, then the batch."""
        return np.broadcast_shapes(*(entry.efforts.shape[:-2] for entry in self.imposed))

    @property
    def batch(self) -> tuple[int, ...]:
        """The leading axes of the imposed efforts, the chips left out."""
        return self.lead[1:] if self.chips else self.lead

    def side_by_side(self, entry: Imposed) -> Floats:
        """Return the efforts of `entry` with one axis of sequences, (chips, batch, intervals, sources).

        The chips are left out where they are the same on every chip.
        """
        own = self.lead[:1] if self._by_chip(entry) else ()
        efforts, shape = entry.efforts, (*own, *self.batch, *entry.efforts.shape[-2:])
        if efforts.shape != shape:
            efforts = np.broadcast_to(efforts, shape)
        return efforts.reshape(*own, -1, *efforts.shape[-2:])

    def phase(self, interval: int) -> High:
        """Return which clock lines are high in `interval`, or raise `InvalidValueError` if there is none."""
        _check_place("interval", interval, len(self.names))
        return tuple(bool(value) for value in self.high[interval])

    def sequence(self, number: int) -> "Schedule":
        """Return the sequence `number` alone, counted in C order over the leading axes.

        Raises `InvalidValueError` if there is none.
        """
        _check_place("sequence", number, prod(self.lead))
        where = np.unravel_index(number, self.lead)
        imposed = (
            replace(entry, efforts=np.broadcast_to(entry.efforts, (*self.lead, *entry.efforts.shape[-2:]))[where])
            for entry in self.imposed
        )
        return replace(self, imposed=tuple(imposed), chips=0)

    def of_sequences(self, chosen: slice) -> "Schedule":
        """Return the sequences `chosen` (k,) alone, counted in C order over the leading axes; their batch is (k,)."""
        flat = replace(self, chips=0) if self.chips else self
        imposed = (
            entry if entry.efforts.ndim == 2 else replace(entry, efforts=flat.side_by_side(entry)[chosen])
            for entry in self.imposed
        )
        return replace(flat, imposed=tuple(imposed))

    def stretches(self, network: Network) -> Iterator[tuple[Network, range]]:
        """Yield each network of the run with the numbers of its intervals: `network` alone where no parameter varies.

        Networks are drawn as the iterator goes on.
        """
        if self.varying is None:
            yield network, range(len(self.names))
        else:
            yield from self.varying.stretches(len(self.names))

    def of_chips(self, chosen: int | Indices) -> "Schedule":
        """Return the schedule of the chips `chosen` (k,), or that of one chip, by its number, without a chip axis.

        Raises `InvalidValueError` for a chip that there is not.
        """
        varying = None if self.varying is None else self.varying.of_chips(chosen)
        if not self.chips:
            return replace(self, varying=varying)
        check_chosen(chosen, self.chips)
        numbers = np.asarray(chosen)
        imposed = (
            replace(entry, efforts=np.broadcast_to(entry.efforts, (self.chips, *entry.efforts.shape[1:]))[numbers])
            if self._by_chip(entry)
            else entry
            for entry in self.imposed
        )
        return replace(self, imposed=tuple(imposed), chips=numbers.size if numbers.ndim else 0, varying=varying)

    def _by_chip(self, entry: Imposed) -> bool:
        return self.chips > 0 and entry.efforts.ndim - 2 == len(self.lead)

    def single(self, what: str) -> "Schedule":
        """Return the schedule of its only sequence, without leading axes, for `what`, which takes just one.

        Raises `InvalidShapeError` if it imposes a batch of several.
        """
        if prod(self.lead) != 1:
            got, do = f"batch {self.lead}", "write one sequence, e.g. x[:1]"
            raise InvalidShapeError(explain(what, must="have one sequence", got=got, do=do))
        return self.sequence(0)

    def fit(self, network: Network) -> "Schedule":
        """Return the schedule itself if its clock lines and imposed sources are those of `network`.

        Raises
        ------
        NetworkError
            If a bank it imposes on is no source of the network or has another size, or the clock lines differ.
        InvalidShapeError
            If it is for another number of chips than the network describes.
        UnsupportedError
            If the network says that its parameters change from step to step, and the schedule has no networks for that.
        """
        causes = network.said(IN_TIME)
        if causes and self.varying is None:
            must, got = (
                "come with the schedule of its machine",
                f"{', '.join(dict.fromkeys(causes))}, and one of no steps",
            )
            do = "take Machine.schedule, or one step of it: Machine.at_step(number)"
            raise UnsupportedError(explain("a network that changes in time", must=must, got=got, do=do))
        if self.chips and network.chips not in (0, self.chips):
            must, do = f"be for the {network.chips} chips of the network", "rebuild it"
            raise InvalidShapeError(explain("schedule", must=must, got=f"{self.chips} chips", do=do))
        if self.high.shape[1] != len(network.lines):
            must = f"have the {len(network.lines)} clock lines of the network"
            raise NetworkError(explain("schedule", must=must, got=self.high.shape[1], do="rebuild it"))
        for entry in self.imposed:
            part = network.part(entry.label)
            size = part.nodes.size if isinstance(part, Sources) else None
            if size != entry.efforts.shape[-1]:
                must = f"name a bank of {entry.efforts.shape[-1]} sources"
                raise NetworkError(explain(f"imposed {entry.label}", must=must, got=f"{size}", do="check the label"))
        return self


def _steady(efforts: object) -> bool:
    return isinstance(efforts, np.ndarray) and efforts.ndim > 1 and efforts.size > 0 and efforts.strides[-2] == 0


def _flags(high: object) -> Flags:
    given = plain(high, "schedule high")
    if given.ndim != 2:
        must, got = "be an array (intervals, lines)", f"{given.ndim} axes"
        raise InvalidShapeError(explain("schedule high", must=must, got=got, do="give a row an interval"))
    if given.dtype.kind not in "biuf" or (given.dtype != bool and not np.isin(given, (0, 1)).all()):
        do = "compare what they are made of with a threshold"
        raise InvalidValueError(explain("schedule high", must="be True or False", got="others", do=do))
    flags = given.astype(bool)
    flags.flags.writeable = False
    return flags


def _check_imposed(imposed: tuple[Imposed, ...]) -> None:
    labels = [entry.label for entry in imposed]
    if len(set(labels)) != len(labels):
        raise InvalidValueError(explain("imposed", must="name a bank once", got=labels, do="drop one"))
    leads = [entry.efforts.shape[:-2] for entry in imposed]
    try:
        lead = np.broadcast_shapes(*leads)
    except ValueError:
        lead = (0,)
    if 0 in lead:
        must, do = "have leading axes that fit together, none of them empty", "give all the same batch"
        raise InvalidShapeError(explain("imposed", must=must, got=leads, do=do))


def _check_place(what: str, place: int, size: int) -> None:
    if not 0 <= place < size:
        raise InvalidValueError(explain(what, must=f"be 0 to {size - 1}", got=place, do="choose another"))


def imposed_efforts(network: Network, schedule: Schedule, interval: int) -> list[tuple[Sources, Floats]]:
    """Return each source bank of `network` with its efforts in `interval` of `schedule`, (..., sources)."""
    driven = {entry.label: entry.efforts[..., interval, :] for entry in schedule.imposed}
    banks = [part for part in network.parts if isinstance(part, Sources)]
    return [(part, driven.get(part.label, part.effort)) for part in banks]
