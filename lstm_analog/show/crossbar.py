"""Draw the conductances of a crossbar as a map."""

from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lstm_analog.doors import checked
from lstm_analog.errors import UnsupportedPartError, explain
from lstm_analog.network.domain import ELECTRICAL
from lstm_analog.network.graph import Network
from lstm_analog.network.labels import SIGNAL, signals_of
from lstm_analog.network.parts import Crossbars
from lstm_analog.show.reading import pick
from lstm_analog.show.style import INK, WIDTH, Scale, panel, si, styled

_MAP = "cividis"
"""A map of one direction that all common colour blindnesses see alike; J. R. Nunez, PLoS ONE 13 (2018) e0199239."""
_NAMED = 24
"""Inputs up to which each has its name."""


@checked
@styled
def crossbar(network: Network, label: str, *, chip: int = 0, axes: Axes | None = None) -> Figure:
    """Return a map of the conductances of the crossbar bank `label` of `network`, as it is built.

    Each weighted sum has two columns, + and -, which its positive and its negative weights use; each input is a row. A
    cell without a device is white. Sums of one gate stand together, under its name if the row is its node; behind
    op-amps it is not. `chip` chooses from several chips, the picture goes into `axes` if given. `show.weights` draws
    the numbers that were trained.

    Raises `NetworkError` if there is no such bank, `UnsupportedPartError` if the bank is no crossbar: transconductances
    have signs and no second column, `InvalidValueError` if there is no such chip.
    """
    bank = network.part(label)
    if not isinstance(bank, Crossbars):
        do = "take one of op-amps, of transistor cells or of plumbing; show.weights draws trained weights"
        raise UnsupportedPartError(explain(label, must="be a crossbar", got=type(bank).__name__, do=do))
    sides = [side.reshape(-1, *side.shape[-2:]) for side in (bank.positive, bank.negative)]
    which = pick("chip", chip, max(len(side) for side in sides))
    values = np.stack([side[which % len(side)].T for side in sides], axis=-1)
    inputs, rows = values.shape[:2]
    largest = float(values.max()) or 1.0
    unit = network.domain.conductance_unit
    scale = si(largest, unit) if network.domain == ELECTRICAL else Scale(factor=1.0, unit=unit)
    figure, drawn_in = panel(axes, (WIDTH, 1.6 + min(0.24 * inputs, 5.0)))
    shown = np.ma.masked_equal(values.reshape(inputs, 2 * rows) / scale.factor, 0.0)
    top = largest / scale.factor
    image = drawn_in.imshow(shown, cmap=_MAP, vmin=0.0, vmax=top, aspect="auto", interpolation="nearest")
    figure.colorbar(image, ax=drawn_in, label=f"conductance ({scale.unit})", pad=0.01, aspect=30)
    names = _names(network)
    _mark_sums(drawn_in, [names[node].rpartition(" ")[0] for node in bank.plus.tolist()], rows)
    step = -(-inputs // _NAMED)
    drawn_in.set_yticks(range(0, inputs, step), labels=[names[node] for node in bank.inputs.tolist()[::step]])
    drawn_in.set_ylabel("input")
    drawn_in.set_title(f"Crossbar {label}: {rows} sums of {inputs} inputs, a + and a - column each")
    return figure


def _names(network: Network) -> list[str]:
    """Return the signal of each unknown, or the label of its group, with its number."""
    words = signals_of(network.said(SIGNAL))
    groups = network.unknowns.groups
    return ["datum", *(f"{words.get(group.label, group.label)} {k}" for group in groups for k in range(group.size))]


def _mark_sums(axes: Axes, groups: list[str], rows: int) -> None:
    """Draw a line between sums, a strong one between groups, and the names of groups."""
    starts = [0, *(k for k in range(1, rows) if groups[k] != groups[k - 1]), rows]
    for row in range(1, rows):
        axes.axvline(2 * row - 0.5, color=INK if row in starts else "white", linewidth=1.4 if row in starts else 0.5)
    middles = [left + right - 0.5 for left, right in pairwise(starts)]
    axes.set_xticks(middles, labels=[groups[left] for left in starts[:-1]])
    axes.tick_params(length=0)
    axes.spines[["top", "right"]].set_visible(True)
    axes.set_xlabel("weighted sum")
