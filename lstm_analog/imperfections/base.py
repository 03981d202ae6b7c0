"""The generic function `alter` that each imperfection implements, its random numbers, and helpers to change parts."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import singledispatch
from itertools import chain, count
from typing import Any, NamedTuple, TypeVar

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidTypeError, InvalidValueError, NetworkError, explain
from lstm_analog.network.domain import ELECTRICAL, HYDRAULIC, Domain
from lstm_analog.network.fluids import Filling
from lstm_analog.network.graph import Group, Network, Unknowns
from lstm_analog.network.parts import Part

TUBES = ("positive", "negative", "plus_load", "minus_load")
"""The fields of a crossbar that are conductances."""

_Bank = TypeVar("_Bank")
_BYTES = 256
"""Separates a name, whose bytes are smaller, from the numbers after it in a key."""


@checked_record
@dataclass(frozen=True, kw_only=True)
class Streams:
    """Reproducible random numbers: each cause on each chip has its own stream, so no cause changes another's samples.

    Chip k of N is drawn as by `first` = k alone.

    Attributes
    ----------
    seed : int
        >= 0; the same seed gives the same numbers.
    chips : int or None
        Number of machines to draw, as a leading axis; None draws one without that axis.
    first : int
        The number of the first chip, so that a study can be split.
    repeat : int
        Number of the independent draw of a cause from this seed, 0 for the first. `apply` takes the next one that the
        network does not have yet, so applying a cause twice gives two independent errors.
    """

    seed: int
    chips: int | None = None
    first: int = 0
    repeat: int = 0

    def __post_init__(self) -> None:
        for name, least in (("seed", 0), ("first", 0), ("repeat", 0), ("chips", 1)):
            value = getattr(self, name)
            if value is not None and not (value >= least and float(value).is_integer()):
                must = f"be a whole number >= {least}"
                raise InvalidValueError(explain(f"streams {name}", must=must, got=value, do="count from there"))

    def generator(self, name: str, chip: int = 0) -> np.random.Generator:
        """Return a new generator for the cause `name` on the machine number `chip`.

        Raises `InvalidValueError` for a chip below zero.
        """
        if chip < 0:
            raise InvalidValueError(explain("chip", must="be at least 0", got=chip, do="count from zero"))
        again = (_BYTES + self.repeat,) if self.repeat else ()
        key = (self.first + chip, *name.encode(), *again)
        return np.random.default_rng(np.random.SeedSequence(entropy=self.seed, spawn_key=key))

    def normal(self, name: str, shape: tuple[int, ...]) -> Floats:
        """Return standard normal numbers for the cause `name`, of `shape`, or (chips, *shape) if `chips` is given."""
        if self.chips is None:
            return self.generator(name).standard_normal(shape)
        return np.stack([self.generator(name, chip).standard_normal(shape) for chip in range(self.chips)])

    def normals(self, name: str, shape: tuple[int, ...]) -> Iterator[Floats]:
        """Yield for ever what `normal` returns of `name` and `shape`: the first the same, all of them independent."""
        generators = [self.generator(name, chip) for chip in range(self.chips or 1)]
        while True:
            drawn = np.empty((len(generators), *shape))
            for generator, row in zip(generators, drawn, strict=True):
                generator.standard_normal(out=row)
            yield drawn[0] if self.chips is None else drawn


@singledispatch
def alter(imperfection: object, network: Network, streams: Streams) -> Network:
    """Return `network` with an `imperfection` drawn from `streams`; each kind of imperfection registers its own.

    Users call `apply`, which also keeps the record and the seed in the provenance. Raises `InvalidTypeError` for any
    other kind of object.
    """
    got = f"the class {imperfection.__name__}" if isinstance(imperfection, type) else type(imperfection).__name__
    do = "take a record of lstm_analog.imperfections"
    raise InvalidTypeError(explain("imperfection", must="be a known record", got=got, do=do))


def holding(network: Network, kind: type[Part]) -> Network:
    """Return `network` if it has parts of `kind`, else raise `NetworkError`, as the imperfection has no effect."""
    if not any(isinstance(part, kind) for part in network.parts):
        must, do = f"have {kind.__name__}", "choose a technology that is built of them"
        raise NetworkError(explain("the network", must=must, got="none", do=do))
    return network


def change(network: Network, kind: type[_Bank], by: Callable[[_Bank], Part]) -> Network:
    """Return `network` with every bank of `kind` replaced `by` a function of it."""
    return replace(network, parts=tuple(by(part) if isinstance(part, kind) else part for part in network.parts))


def change_fields(network: Network, names: Mapping[type, tuple[str, ...]], by: Callable[[Floats], Floats]) -> Network:
    """Return `network` with the fields `names`, by kind of part, replaced `by` a function of each."""

    def changed(part: Part) -> Part:
        fields: dict[str, Any] = {name: by(getattr(part, name)) for name in names.get(type(part), ())}
        return replace(part, **fields) if fields else part

    return replace(network, parts=tuple(map(changed, network.parts)))


def change_part(network: Network, label: str, kind: type[_Bank], by: Callable[[_Bank], Part]) -> Network:
    """Return `network` with the bank `label` replaced `by` a function of it; `NetworkError` if it is not of `kind`."""
    chosen = network.part(label)
    if not isinstance(chosen, kind):
        must, got = f"be a bank of {kind.__name__}", type(chosen).__name__
        raise NetworkError(explain(f"part {label}", must=must, got=got, do="choose another"))
    return replace(network, parts=tuple(by(part) if part is chosen else part for part in network.parts))


def unused_label(network: Network, label: str) -> str:
    """Return `label`, or the first of `label`_2, `label`_3, ... if a part of `network` already has that label."""
    labels = {part.label for part in network.parts}
    return next(name for name in chain([label], (f"{label}_{number}" for number in count(2))) if name not in labels)


def with_unknowns(network: Network, label: str, size: int, scale: float) -> tuple[Network, Indices]:
    """Return `network` with `size` unknowns appended as a group `label` of that `scale`, and their indices (size,)."""
    unknowns = Unknowns(groups=(*network.unknowns.groups, Group(label=label, size=size, scale=scale)))
    return replace(network, unknowns=unknowns), unknowns[label]


def check_range(what: str, value: float, least: float, most: float, do: str) -> None:
    """Raise `InvalidValueError` unless `value` is finite and in [`least`, `most`].

    The message calls the value `what` and tells what to `do`.
    """
    if not (least <= value <= most and value < np.inf):
        must = f"be {least:.10g} to {most:.10g}" if np.isfinite(most) else f"be at least {least:g}"
        must += "" if value < np.inf else " and finite"
        raise InvalidValueError(explain(what, must=must, got=value, do=do))


class InRange(NamedTuple):
    """The rule of a field, in its annotation: it is finite and in [`least`, `most`], else as `check_range` says."""

    what: str
    least: float
    most: float
    do: str

    def __call__(self, value: float) -> None:
        """Raise `InvalidValueError` for a `value` against the rule."""
        check_range(self.what, value, self.least, self.most, self.do)


def strength(what: str, do: str = "give a share, 0.01 for 1 %") -> InRange:
    """Return the rule that a field is finite and >= 0; the message calls it `what` and tells what to `do`."""
    return InRange(what, 0.0, np.inf, do)


class AboveZero(NamedTuple):
    """The rule of a field, in its annotation: it is above zero, and finite unless that is not asked."""

    what: str
    do: str
    finite: bool = True

    def __call__(self, value: float) -> None:
        """Raise `InvalidValueError` for a `value` against the rule."""
        if not value > 0.0 or (self.finite and value == np.inf):
            raise InvalidValueError(explain(self.what, must="be positive", got=value, do=self.do))


TRANSITION = AboveZero(
    "transition", "give the drop at which the flow turns turbulent (Pa), infinity for never", finite=False
)
"""The rule of a pressure drop (Pa) at which the flow through an orifice turns turbulent."""


def circuit(network: Network) -> Network:
    """Return `network` if it is electrical, else raise `NetworkError`: the imperfection is one of circuits."""
    return _in_domain(network, ELECTRICAL, "an electrical technology")


def plumbing(network: Network) -> Network:
    """Return `network` if it is hydraulic, else raise `NetworkError`: the imperfection is one of plumbing."""
    return _in_domain(network, HYDRAULIC, "a hydraulic technology")


def _in_domain(network: Network, domain: Domain, technology: str) -> Network:
    if network.domain != domain:
        must, got, do = f"be {domain.name}", network.domain.name, f"compile it in {technology}"
        raise NetworkError(explain("the network", must=must, got=got, do=do))
    return network


def filling(network: Network) -> Filling:
    """Return the filling of `network`: its liquid, temperature and pressure; `NetworkError` if it has none."""
    found = plumbing(network).filling
    if found is None:
        do = "compile it in a hydraulic technology, or give Network(filling=...)"
        raise NetworkError(explain("the network", must="say what flows in it", got="no filling", do=do))
    return found
