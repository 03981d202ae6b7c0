"""The trained numbers themselves, as a heat map."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

from lstm_analog.model import LSTM, Cell, Gate
from lstm_analog.show.style import INK, WIDTH, styled

_MAP = "RdBu_r"
"""Diverging; red and blue are told apart in every common colour blindness."""


@styled
def weights(lstm: LSTM) -> Figure:
    """Return the weights of `lstm`: a row a layer, a panel a gate; in it from left to right inputs, h and bias."""
    figure = Figure(figsize=(WIDTH, 0.9 + 2.1 * len(lstm.layers)), layout="constrained")
    axes = figure.subplots(len(lstm.layers), len(Gate), squeeze=False)
    cells = [layer.forward for layer in lstm.layers]
    limit = max(float(np.abs(_matrix(cell, gate)).max()) for cell in cells for gate in Gate) or 1.0
    for number, cell in enumerate(cells):
        for gate in Gate:
            image = _draw_gate(axes[number, gate], cell, gate, limit)
        axes[number, 0].set_ylabel(f"unit of layer {number}")
    for gate in Gate:
        axes[0, gate].set_title(f"{gate.letter}: {gate.name.lower()}")
    figure.colorbar(image, ax=axes, label="weight (dimensionless)", aspect=30, pad=0.01)
    figure.suptitle(f"Weights of {lstm.name}")
    return figure


def _matrix(cell: Cell, gate: Gate) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    blocks = [cell.input[gate], cell.recurrent[gate]]
    return np.column_stack(blocks if cell.bias is None else [*blocks, cell.bias[gate]])


def _draw_gate(axes: Axes, cell: Cell, gate: Gate, limit: float) -> AxesImage:
    matrix = _matrix(cell, gate)
    image = axes.imshow(matrix, cmap=_MAP, vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
    inner = (cell.input_size, cell.input_size + cell.hidden_size)
    blocks = [("x", 0, inner[0]), ("h", *inner), ("bias", inner[1], matrix.shape[1])]
    shown = blocks if cell.bias is not None else blocks[:2]
    for _, left, _right in shown[1:]:
        axes.axvline(left - 0.5, color=INK, linewidth=1.2)
    axes.set_xticks([(left + right - 1) / 2 for _, left, right in shown], labels=[name for name, _, _ in shown])
    axes.tick_params(length=0)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.spines[["top", "right"]].set_visible(True)
    if gate:
        axes.tick_params(labelleft=False)
    return image
