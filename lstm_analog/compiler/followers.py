"""The plain follower, with which every technology buffers and adds."""

import numpy as np

from lstm_analog.arrays import Indices
from lstm_analog.network.parts import Followers, Term


def adders(label: str, nodes: Indices, *inputs: Indices) -> Followers:
    """Return a bank `label` of followers at `nodes` (m,) of the plain sum of `inputs`, (m,) each, that never clip."""
    none, unbound = np.array(0.0), np.array(np.inf)
    terms = tuple(Term(inputs=each, gain=np.array(1.0)) for each in inputs)
    return Followers(label=label, nodes=nodes, terms=terms, offset=none, low=-unbound, high=unbound)
