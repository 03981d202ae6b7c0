"""Makes the pictures of `docs/pictures` from runs: `python docs/make_pictures.py`.

Those of a tutorial are what its blocks of code save. `both.svg`, the picture of the README, is one LSTM three times.
Studies of `benchmarks/` save the others.
"""

import contextlib
import re
import shutil
import tempfile
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from run_blocks import blocks, run_page

import lstm_analog as la

DOCS = Path(__file__).resolve().parent
PICTURES = DOCS / "pictures"
COLOURS = ("#0072b2", "#d55e00", "#009e73")
"""Okabe and Ito's blue, vermilion and green, which the colour-blind tell apart."""
STEP = 5
"""Intervals of a step of a clocked machine of one layer, after the reset."""


def both() -> Figure:
    """Return the h of three units over six steps: as voltages, as pressures, and as the numbers of the LSTM."""
    lstm = la.random_lstm(np.random.default_rng(6), inputs=2, hidden=3, scale=3.0)
    x = np.random.default_rng(4).uniform(-1, 1, (6, 2))
    figure = Figure(figsize=(9.0, 3.3), layout="constrained")
    circuit, plumbing = figure.subplots(1, 2)
    draw(circuit, lstm, x, la.electrical.BEHAVIOURAL, 1e-6)
    circuit.set(title="as an electrical circuit", xlabel="time (\N{MICRO SIGN}s)", ylabel="h (V)")
    draw(plumbing, lstm, x, la.hydraulic.OIL, 60.0)
    plumbing.set(title="as tubes, valves and tanks of oil", xlabel="time (min)", ylabel="h (10 kPa)")
    circuit.plot([], [], color="0.3", label="the circuit")
    circuit.plot([], [], "o", color="0.3", label="the LSTM")
    circuit.legend(loc="upper left", frameon=False, fontsize=8, borderaxespad=0.0)
    return figure


def draw(axes: Axes, lstm: la.LSTM, x: np.ndarray, technology: object, second: float) -> None:
    """Draw h over time, in units of `second` (s), of an `lstm` in a `technology`, and what the LSTM itself says.

    `x` has shape (steps, inputs). Efforts are in the technology's unit of a signal, so that both scales are alike.
    """
    machine = la.compile(lstm, technology, settling=14.0)
    trajectory = machine.run(x, engine=la.engines.Waveform(points=30)).trajectory
    unit = next(group.scale for group in machine.network.unknowns.groups if group.label == "l0_h")
    ends = machine.schedule(x).ends[STEP::STEP]
    for number, colour in enumerate(COLOURS):
        axes.plot(trajectory.time / second, trajectory["l0_h"][:, number] / unit, color=colour)
        axes.plot(ends / second, lstm(x).h[:, number], "o", color=colour)
    axes.axhline(0.0, color="0.8", linewidth=0.8, zorder=0)
    axes.spines[["top", "right"]].set_visible(False)


def main() -> None:
    """Draw `both.svg`, run the pages whose blocks name the pictures that they show, and keep what these save."""
    mpl.use("agg")
    la.show.save(both(), PICTURES / "both.svg")
    for page in sorted(DOCS.glob("*.md")):
        text = page.read_text("utf-8")
        code = "".join(block.code for block in blocks(text))
        saved = [name for name in re.findall(r"\(pictures/([\w-]+\.png)\)", text) if name in code]
        if saved:
            with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
                run_page(text)
                for name in saved:
                    shutil.copy(name, PICTURES)


if __name__ == "__main__":
    main()
