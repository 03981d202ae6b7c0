"""The bores and lengths of tubes to buy and saw: bores that are sold, and lengths that give the exact conductance.

These are the sizes in the bill, its cut list, the graph and EPANET files.
"""

from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.compiler.hardware import bore
from lstm_analog.network.fluids import Fluid
from lstm_analog.study.operation import Plant
from lstm_analog.study.tubes import Use, tubes

_HUNDREDTHS = (
    *(100, 106, 112, 118, 125, 132, 140, 150, 160, 170, 180, 190, 200, 212, 224, 236, 250, 265, 280, 300),
    *(315, 335, 355, 375, 400, 425, 450, 475, 500, 530, 560, 600, 630, 670, 710, 750, 800, 850, 900, 950),
)
R40 = np.array(_HUNDREDTHS) / 100.0
"""Preferred numbers of ISO 3, 40 in a decade, for the bores of tubes."""


def nominal_bore(bore: Floats) -> Floats:
    """Return the bores (m) of the series R40 next above each `bore` (m), any shape; equal ones within 1e-9.

    >>> float(nominal_bore(np.array(1.61e-3)))
    0.0017
    """
    decade = 10.0 ** np.floor(np.log10(bore))
    number = np.searchsorted(R40, bore / decade * (1.0 - 1e-9))
    series: Floats = np.concatenate((R40, [10.0]))[number] * decade
    return np.round(series, 12)


def cut(conductance: Floats, length: float, fluid: Fluid) -> tuple[Floats, Floats]:
    """Return nominal bores and lengths (m), (k,), of tubes that have the `conductance` (k,) (m3/(s Pa)) for `fluid`.

    A tube of that conductance and `length` (m) would have a bore d by Hagen-Poiseuille. One of the next larger bore of
    the series R40 is used instead, with the length `length` (d_nominal/d)^4. Raises `InvalidValueError` if no tube has
    that conductance.
    """
    exact = bore(conductance, length, fluid)
    nominal = nominal_bore(exact)
    return nominal, length * (nominal / exact) ** 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Cuts:
    """The tubes of the bank `label` with their sizes, each from one node to another; of several chips, the widest.

    `starts` and `ends` (k,) are the names of the nodes in the graph, `bores` and `lengths` (k,) in m. There are `count`
    equal tubes of this `use`, filled with `fluid`, between the same two ends.
    """

    label: str
    use: Use
    fluid: Fluid
    starts: tuple[str, ...]
    ends: tuple[str, ...]
    bores: Floats
    lengths: Floats
    count: int

    @property
    def number(self) -> int:
        """The number of tubes."""
        return len(self.starts) * self.count

    @property
    def total(self) -> float:
        """The length of all tubes together (m)."""
        return float(self.lengths.sum()) * self.count


def cuts(plant: Plant) -> tuple[Cuts, ...]:
    """Return the tubes of `plant` with their sizes, bank by bank, without the channels of ports."""
    names = plant.compiled.network.unknowns.names()
    found = []
    for bank in tubes(plant):
        if bank.use is not Use.PORT:
            bores, lengths = cut(bank.conductance, bank.length, bank.fluid)
            starts, ends = (tuple(names[node] for node in nodes) for nodes in (bank.a, bank.b))
            found.append(
                Cuts(
                    label=bank.label,
                    use=bank.use,
                    fluid=bank.fluid,
                    starts=starts,
                    ends=ends,
                    bores=bores,
                    lengths=lengths,
                    count=bank.count,
                )
            )
    return tuple(found)
