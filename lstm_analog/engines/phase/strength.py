"""How strongly the unknowns of a phase act on each other, and which couplings are negligible.

The strength of a coupling is the change of its row, in units of signal, that one unit of signal at its column causes
within the segment. Where there are many chips, one order serves all of them: bounds are those of the worst chip.
"""

from dataclasses import replace

import numpy as np
import scipy

from lstm_analog.arrays import Flags, Floats, Indices, ranks
from lstm_analog.engines.phase.couplings import Couplings, DiagonalCoupling, receiving

_TIED = 0.99
"""Share of the own conductances of two unknowns from which a conductance between them makes them move as one; smaller:
more unknowns do, and fewer couplings count as negligible."""
_NO_MARGIN = 1e-13
"""Share of their conductances up to which what ties unknowns that move as one to others is rounding, or nothing."""
_BALANCED = 1e-13
"""Share of a coefficient up to which those into an unknown add up to zero: it is a leaf, see `without_leaves`."""


def at_rest(couplings: Couplings, duration: float) -> Couplings:
    """Return `couplings` as equations of rest: at each storage flows balance, as at a junction.

    Storages that nothing moves in `duration` (s) are imposed instead.
    """
    unmoved = unmoved_within(couplings, min(duration, 1e300), 1e-12)
    return replace(couplings, imposed=couplings.imposed | unmoved, dynamic=np.zeros_like(unmoved))


def rates(couplings: Couplings) -> Floats:
    """Return the rate G/C (1/s) at which each storage of `couplings` discharges by itself, else 0, (N,).

    G is its own conductance through constant coefficients. Of many chips it is the least, and so is C.
    """
    least = couplings.capacity.reshape(-1, couplings.dynamic.size).min(axis=0)
    return np.where(couplings.dynamic & ~couplings.imposed, _own_conductance(couplings) / least, 0.0)


def _own_conductance(couplings: Couplings) -> Floats:
    """Return the constant conductance at each unknown, -d flow in / d own effort, the least of all chips, (N,)."""
    own = np.zeros(couplings.dynamic.size)
    for link in couplings.links:
        itself = link.rows == link.columns
        values = link.values.reshape(-1, link.rows.size).max(axis=0)  # negative: the least conductance of all chips
        np.add.at(own, link.rows[itself], -values[itself])
    return own


def sensitivity_within(couplings: Couplings, duration: float) -> Floats:
    """Return a bound on the change of each effort per unit of flow into it within `duration` T (s), (N,).

    It is 1/G, at storages T/C if that is less: G is the unknown's own conductance through constant coefficients of
    `couplings`, and the bound is infinite where an unknown without storage has none. Unknowns that hardly anything but
    each other ties, as the two sides of a closed switch, move as one: G is what ties them to others, C their sum.
    """
    own = _own_conductance(couplings)
    balanced = np.where(own > 0.0, 1.0 / np.where(own > 0.0, own, 1.0), np.inf)
    least = couplings.capacity.reshape(-1, own.size).min(axis=0)
    alone = np.where(couplings.dynamic, np.minimum(duration / least, balanced), balanced)
    return _as_one(couplings, own, alone, np.where(couplings.dynamic, least, 0.0) / duration)


def _as_one(couplings: Couplings, own: Floats, alone: Floats, storing: Floats) -> Floats:
    """Return the bounds `alone` (N,), raised to that of all together for unknowns that move as one.

    `own` (N,) are the conductances of the unknowns, and `storing` (N,) their capacities over the duration, 0 for none.
    """
    links, size = all_links(couplings), own.size
    if not links.rows.size:
        return alone
    values = links.values.reshape(-1, links.rows.size)
    free = ~couplings.imposed[links.rows] & ~couplings.imposed[links.columns] & (links.rows != links.columns)
    tied = free & (values.max(axis=0) >= _TIED * own[links.rows]) & (own[links.rows] > 0.0)
    towards = scipy.sparse.csr_array((tied[tied], (links.rows[tied], links.columns[tied])), shape=(size, size))
    both = towards.multiply(towards.T)
    if not both.nnz:
        return alone
    number = scipy.sparse.csgraph.connected_components(both, directed=False)[1]
    inside = (number[links.rows] == number[links.columns]) & ~couplings.imposed[links.rows]
    inflow = np.stack([np.bincount(number[links.rows[inside]], chip[inside], minlength=size) for chip in values])
    margin = -inflow.max(axis=0)  # own conductances less what ties them to each other, the least of all chips
    held = (margin > _NO_MARGIN * np.bincount(number, own, minlength=size)) & (np.bincount(number, minlength=size) > 1)
    margin = np.maximum(margin, np.bincount(number, storing, minlength=size))
    together = 1.0 / np.where(held, margin, np.inf)[number]
    return np.maximum(alone, together)


def unmoved_within(couplings: Couplings, duration: float, drop: float) -> Flags:
    """Return which storages of `couplings` move by less than `drop` units of signal in `duration` (s), (N,).

    They do so whatever others do: the bound is their constant inflow plus that of one unit of signal at the column of
    each of their links. Storages that dense banks or nonlinear parts feed count as moved.
    """
    size = couplings.dynamic.size
    pull = np.abs(couplings.offset).reshape(-1, size).max(axis=0) / couplings.scales
    for link in couplings.links:
        ratio = couplings.scales[link.columns] / couplings.scales[link.rows]
        np.add.at(pull, link.rows, np.abs(link.values).reshape(-1, link.rows.size).max(axis=0) * ratio)
    bounded = ~_fed_otherwise(couplings)
    least = couplings.capacity.reshape(-1, size).min(axis=0)
    with np.errstate(over="ignore"):  # for good, nothing that pulls is too weak
        weak = pull * duration <= drop * least
    unmoved: Flags = couplings.dynamic & bounded & weak
    return unmoved


def _fed_otherwise(couplings: Couplings) -> Flags:
    """Return which unknowns dense banks or nonlinear parts feed, (N,)."""
    fed = [*(dense.rows for dense in couplings.dense), *(curved.fed.ravel() for curved in couplings.curved)]
    return receiving(np.concatenate([np.empty(0, np.int64), *fed]), couplings.dynamic.size)


def all_links(couplings: Couplings) -> DiagonalCoupling:
    """Return all links of `couplings`, bank after bank, as one record without a label."""
    lead = np.broadcast_shapes(*(link.values.shape[:-1] for link in couplings.links))
    none = np.empty(0, dtype=np.int64)
    wide = [np.broadcast_to(link.values, (*lead, link.rows.size)) for link in couplings.links]
    return DiagonalCoupling(
        label="",
        rows=np.concatenate([none, *(link.rows for link in couplings.links)]),
        columns=np.concatenate([none, *(link.columns for link in couplings.links)]),
        values=np.concatenate([np.empty((*lead, 0)), *wide], axis=-1),
        elements=np.concatenate([none, *(link.elements for link in couplings.links)]),
    )


def significant(
    couplings: Couplings, links: DiagonalCoupling, moving: Flags, sensitivity: Floats, drop: float
) -> tuple[Indices, Floats]:
    """Return which `links` of `couplings` into `moving` unknowns (N,) are kept, and the strength of each, (k,).

    These are stronger than `drop`, or of an unknown with itself: its own conductance. `sensitivity` (N,) is the change
    of effort per unit of flow into each unknown. Links that are zero, or from the datum, are left out.
    """
    size = np.abs(links.values).max(axis=tuple(range(links.values.ndim - 1)), initial=0.0)
    with np.errstate(invalid="ignore"):
        strength = size * sensitivity[links.rows] * couplings.scales[links.columns] / couplings.scales[links.rows]
    counts = moving[links.rows] & (links.columns > 0) & (size > 0.0)
    chosen = np.flatnonzero(counts & (~(strength <= drop) | (links.rows == links.columns)))
    return chosen, strength[chosen]


def without_leaves(couplings: Couplings, links: DiagonalCoupling) -> Indices:
    """Return which of the `links` of `couplings` matter at rest, (k,): all but those that cancel at leaves.

    A leaf is an unknown that nothing feeds but one conductance, which ties it to one other unknown: a storage behind a
    closed switch. At rest it has the effort of the other, and no flow passes between them. So of that conductance G the
    two links into the balance of the other, G e_leaf and -G e_other, cancel, whatever G is. Leaving them out spares the
    loop of the two. The links into the balance of the leaf stay: they set it.
    """
    if not links.rows.size:
        return np.arange(0)
    tied = _tied(couplings, links)
    back = np.flatnonzero(tied[links.columns] == links.rows)
    itself = np.flatnonzero(links.rows == links.columns)
    values = links.values.reshape(-1, links.rows.size).T
    sides = ((back, 1.0), (itself, -1.0))
    ends = np.column_stack((links.elements, links.rows))
    same = np.concatenate([np.column_stack((ends[some], sign * values[some])) for some, sign in sides])
    kind = np.unique(same, axis=0, return_inverse=True)[1].reshape(-1)
    # two links cancel if all but their sign is alike; of several that are alike the n-th cancels the n-th
    code = [kind[some] * (kind.size + 1) + ranks(kind[some]) for some in (slice(0, back.size), slice(back.size, None))]
    stays = np.ones(links.rows.size, dtype=bool)
    stays[back[np.isin(code[0], code[1])]] = False
    stays[itself[np.isin(code[1], code[0])]] = False
    return np.flatnonzero(stays)


def _tied(couplings: Couplings, links: DiagonalCoupling) -> Indices:
    """Return for each leaf the unknown that it is tied to, see `without_leaves`, and -1 for all others, (N,).

    A leaf has one link from another unknown, of the value of its own conductance, and no offset, dense bank or
    nonlinear part. A follower of gain 1 is one, too. Of two unknowns that are only tied to each other none is a leaf.
    """
    size = couplings.dynamic.size
    own = links.rows == links.columns
    fed = (couplings.offset != 0.0).reshape(-1, size).any(axis=0) | _fed_otherwise(couplings)
    flat = links.values.reshape(-1, links.rows.size)
    total = np.zeros((len(flat), size))
    np.add.at(total.T, links.rows, flat.T)
    single = ~own & (np.bincount(links.rows[~own], minlength=size) == 1)[links.rows] & ~fed[links.rows]
    single &= (np.abs(total[:, links.rows]) <= _BALANCED * np.abs(flat)).all(axis=0)
    tied = np.full(size, -1)
    tied[links.rows[single]] = links.columns[single]
    mutual = tied[tied] == np.arange(size)
    return np.where(mutual, -1, tied)
