"""Tell from a network what its parts are for: tanks, filling cocks, internal states; and leave out all mass."""

from dataclasses import replace

import numpy as np

from lstm_analog.arrays import Indices
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import Kind, sets
from lstm_analog.network.parts import Followers, Inertances, Part, Sources, Spools, Storages, Switches, Term

Valve = Switches | Inertances
"""A bank of valves, which a clock line opens and shuts between two nodes."""


def valves(network: Network) -> tuple[Valve, ...]:
    """Return the banks of `network` that a clock opens and shuts."""
    return tuple(part for part in network.parts if isinstance(part, Switches | Inertances))


def tanks(network: Network) -> tuple[Storages, ...]:
    """Return the banks of storages of `network` whose nodes are all ends of valves, so that they hold a value."""
    ends = np.concatenate([np.empty(0, np.int64), *(node for part in valves(network) for node in (part.a, part.b))])
    banks = (part for part in network.parts if isinstance(part, Storages))
    return tuple(part for part in banks if np.isin(part.nodes, ends).all())


def is_filling(network: Network, part: Valve) -> bool:
    """Return whether `part` of `network` is a bank of filling cocks: valves whose end `a` is a source.

    They set a memory before the first step and stay shut afterwards. A cock is bubble-tight and stands on a short hose,
    unlike a solenoid valve with its tank line.
    """
    return bool(np.isin(part.a, network.kinds()[Kind.IMPOSED]).all())


def is_tank_line(network: Network, part: Part) -> bool:
    """Return whether `part` of `network` is a bank of solenoid valves, each with its tank line."""
    return isinstance(part, Switches | Inertances) and not is_filling(network, part)


def move_relays(network: Network, part: Spools) -> bool:
    """Return whether the spools `part` of `network` are the valves in relays: followers read their positions.

    Other spools open ports.
    """
    relays = (relay for relay in network.parts if isinstance(relay, Followers))
    read = [term.inputs for relay in relays for term in relay.terms]
    return bool(np.isin(part.position, np.concatenate([np.empty(0, np.int64), *read])).all())


def internal_states(network: Network) -> Indices:
    """Return the unknowns (k,) of `network` that are states inside parts, not nodes."""
    found = [sets(part) for part in network.parts if not isinstance(part, Storages)]
    return np.concatenate(
        [np.empty(0, np.int64), *(nodes for kind, nodes in filter(None, found) if kind is Kind.STORED)]
    )


def without_mass(network: Network) -> Network:
    """Return `network` with lines as plain valves, spools as followers of their pilots, all speeds zero: the same rest.

    Parts keep their places and labels, unknowns their numbers.
    """
    moving = [part for part in network.parts if isinstance(part, Inertances | Spools)]
    speeds = {part.label: part.state if isinstance(part, Inertances) else part.speed for part in moving}
    still = (Sources(label=f"{label}_at_rest", nodes=at, effort=np.array(0.0)) for label, at in speeds.items())
    return replace(network, parts=(*map(_resting, network.parts), *still))


def _resting(part: Part) -> Part:
    """Return `part` without its mass; unchanged if it does not move."""
    if isinstance(part, Inertances):
        return Switches(label=part.label, line=part.line, a=part.a, b=part.b, closed=part.closed, opened=part.opened)
    if isinstance(part, Spools):
        one, none, unbound = np.array(1.0), np.array(0.0), np.array(np.inf)
        terms = (Term(inputs=part.p, gain=one), Term(inputs=part.n, gain=-one))
        return Followers(label=part.label, nodes=part.position, terms=terms, offset=none, low=-unbound, high=unbound)
    return part
