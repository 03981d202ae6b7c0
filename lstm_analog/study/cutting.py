"""How tubes are bought and cut: at bores that are sold, and so long that they conduct what the network says.

These are the sizes of the bill, of its cut list, of the graph, and of what EPANET is given.
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
"""Preferred numbers of ISO 3, 40 a decade: the bores that are bought."""


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

    A tube of that `length` (m) and conductance has a bore d by Hagen-Poiseuille; one of the next larger bore of the
    series R40 is bought, and cut to `length` (d_nominal/d)^4. Raises `InvalidValueError` where no tube conducts so.
    """
    exact = bore(conductance, length, fluid)
    nominal = nominal_bore(exact)
    return nominal, length * (nominal / exact) ** 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Cuts:
    """The tubes of a bank as they are cut, each from one node to another; of several chips, the widest.

    Attributes
    ----------
    label : str
        Of the bank.
    use : Use
        What they are for.
    fluid : Fluid
        What flows in them.
    starts, ends : tuple of str, (k,)
        The nodes at both ends, called as in the graph.
    bores, lengths : float array, (k,)
        Of each tube (m).
    count : int
        How many equal ones lie between the same two ends.
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
        """How many tubes there are."""
        return len(self.starts) * self.count

    @property
    def total(self) -> float:
        """The length of all of them (m)."""
        return float(self.lengths.sum()) * self.count


def cuts(plant: Plant) -> tuple[Cuts, ...]:
    """Return the tubes of `plant`, bank by bank; the channels of ports are no tubes."""
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
