"""Draw the trained weights as a heat map, and the error of each signal in each step."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked
from lstm_analog.model import LSTM, RecurrentCell
from lstm_analog.model.gates import CoupledGate, Gate, GRUGate, MGUGate, RNNGate
from lstm_analog.show.reading import literal, pick, plain_gate
from lstm_analog.show.style import INK, WIDTH, panel, styled, whole_numbers
from lstm_analog.study import Report
from lstm_analog.study.spread import gate_error

_MAP = "RdBu_r"
"""A diverging map; red and blue can be distinguished in every common colour blindness."""


@checked
@styled
def weights(lstm: LSTM) -> Figure:
    """Return a picture of the weights of `lstm`: a row for each chain, a panel for each gate.

    A panel has the weights of inputs, h and bias, from left to right. A chain is a direction of a layer. Peepholes,
    projections, the bias inside the reset of a GRU and the head are not drawn.
    """
    chains = lstm.chains
    figure = Figure(figsize=(WIDTH, 0.9 + 2.1 * len(chains)), layout="constrained")
    axes = figure.subplots(len(chains), max(len(chain.cell.gates) for chain in chains), squeeze=False)
    largest = (np.abs(_matrix(chain.cell, gate)).max() for chain in chains for gate in chain.cell.gates)
    limit = float(max(largest)) or 1.0
    for number, (row, chain) in enumerate(zip(axes, chains, strict=True)):
        for unused in row[len(chain.cell.gates) :]:
            unused.set_axis_off()
        for gate in chain.cell.gates:
            image = _draw_gate(row[gate], chain.cell, gate, limit)
            if number == 0 or chain.cell.gates is not chains[0].cell.gates:
                row[gate].set_title(f"{plain_gate(gate.name.lower())} {gate.letter}")
        row[0].set_ylabel(f"unit of layer {chain.layer}{', backward' if chain.backward else ''}")
    figure.colorbar(image, ax=axes, label="weight (dimensionless)", aspect=30, pad=0.01)
    figure.suptitle(f"Weights of {lstm.name}")
    return figure


def _matrix(cell: RecurrentCell, gate: int) -> Floats:
    blocks = [cell.input[gate], cell.recurrent[gate]]
    return np.column_stack(blocks if cell.bias is None else [*blocks, cell.bias[gate]])


def _draw_gate(axes: Axes, cell: RecurrentCell, gate: int, limit: float) -> AxesImage:
    matrix = _matrix(cell, gate)
    image = axes.imshow(matrix, cmap=_MAP, vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
    inner = (cell.input_size, cell.input_size + cell.output_size)
    blocks = [("x", 0, inner[0]), ("h", *inner), ("bias", inner[1], matrix.shape[1])]
    shown = blocks if cell.bias is not None else blocks[:2]
    for _, left, _right in shown[1:]:
        axes.axvline(left - 0.5, color=INK, linewidth=1.2)
    axes.set_xticks([(left + right - 1) / 2 for _, left, right in shown], labels=[name for name, _, _ in shown])
    axes.tick_params(length=0)
    whole_numbers(axes.yaxis)
    axes.spines[["top", "right"]].set_visible(True)
    if gate:
        axes.tick_params(labelleft=False)
    return image


_ERROR_MAP = "cividis"
_FLOOR = 1e-17
"""What stands for an error of zero on a logarithmic scale."""
_GATES = (*Gate, *CoupledGate, *GRUGate, *MGUGate, *RNNGate)
_WORDS = {gate_error(gate): f"{plain_gate(gate.name.lower())} {gate.letter}" for gate in _GATES}
_WORDS["z"] = "pre-activations z"
"""Plain words for signals by their names in a report; others have their letter."""


@checked
@styled
def error_map(report: Report, *, layer: int = -1, axes: Axes | None = None) -> Figure:
    """Return a map of the largest error of each gate, of c and of h in each step, from the `report` of `compare`.

    The largest is over sequences and units of `layer`, which counts directions of layers. Light is large, on a
    logarithmic scale; the picture goes into `axes` if given.

    Raises `InvalidValueError` if there is no such layer.
    """
    chain = report.layers[pick("layer", layer, len(report.layers))]
    names = list(chain.signals)
    values = np.maximum([chain[name].by_step.max for name in names], _FLOOR)
    figure, drawn_in = panel(axes, (WIDTH, 1.2 + 0.3 * len(names)))
    norm = LogNorm(vmin=float(values.min()), vmax=float(max(values.max(), 1.01 * values.min())))
    image = drawn_in.imshow(values, cmap=_ERROR_MAP, norm=norm, aspect="auto", interpolation="nearest")
    figure.colorbar(image, ax=drawn_in, label="largest |analog - digital|", pad=0.01, aspect=18)
    drawn_in.set_yticks(range(len(names)), labels=[_WORDS.get(name, name) for name in names])
    whole_numbers(drawn_in.xaxis)
    drawn_in.set_xlabel("step")
    drawn_in.tick_params(length=0)
    drawn_in.set_title(f"Error by signal and step, {chain.chain}: {literal(report.technology)}")
    return figure
