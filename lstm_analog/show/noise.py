"""Noise: how much is on h and c after each step, and which parts made it; of transistor cells by hand, too."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked
from lstm_analog.show.reading import chain_name, chosen_units, pick, pick_sequence, states
from lstm_analog.show.style import COLOURS, WIDTH, label_ends, line, roomy, si, styled, whole_numbers
from lstm_analog.study import MachineNoise, NoisySignal, SignalNoise, TransientNoise, TransistorNoise

_PARTS, _MECHANISMS = 8, 9
"""Parts that have bars of their own, of a machine and of transistor cells; what is left of the noise is one more."""
_CURVES, _BARS, _MECHANISM_BARS = 1.9, 2.6, 2.9
"""Heights of the panels of curves, and of bars of a machine and of transistor cells (inch)."""


@checked
@styled
def signal_noise(
    found: MachineNoise, *, layer: int = -1, units: Sequence[int] | None = None, sequence: int = 0
) -> Figure:
    """Return the standard deviation of h and c of `layer` after each step, and the parts that made it in the last step.

    `found` is what `study.noise_of` returned. `units` are those to draw, the first six unless given; `sequence` chooses
    from a batch; `layer` may count from the end. Bars are shares of the variance, of all units and sequences together.

    Raises `InvalidValueError` if there is no such layer, unit or sequence, or if `units` are not 1 to 6.
    """
    number = pick("layer", layer, len(found.layers))
    chain, which = found.layers[number], pick_sequence(found.run, sequence)
    signals = [(NoisySignal.H, chain.h)] + ([] if chain.c is None else [(NoisySignal.C, chain.c)])
    figure, curves, bars = _noise_panels([signal.value for signal, _ in signals], _BARS)
    for axes, (_, noise) in zip(curves, signals, strict=True):
        _draw_steps(axes, found, noise, chosen_units(units, chain.h.sigma.shape[-1]), which)
    origins = {signal: found.origins(signal, layer=number) for signal, _ in signals}
    _draw_bars(bars, {f"{name.value}, sigma {each.sigma:.2g}": each.by_part for name, each in origins.items()}, _PARTS)
    bars.xaxis.set_major_formatter(PercentFormatter(1.0))
    bars.set_xlabel("share of the variance after the last step")
    unit = float(chain.h.unit[0])
    shown = si(unit, found.passes[0].trajectory.network.domain.effort_unit)
    told = f"{found.temperature:g} K, a unit is {unit / shown.factor:g} {shown.unit}"
    figure.suptitle(f"Noise of {chain_name(found.run.layers[number].place)}: {told}")
    return figure


def _noise_panels(signals: Sequence[str], bars: float) -> tuple[Figure, list[Axes], Axes]:
    """Return a figure, panels of curves over steps, one for each of `signals`, and one for bars, `bars` high (inch)."""
    heights = [*[_CURVES] * len(signals), bars]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.9), layout="constrained")
    *curves, last = figure.subplots(len(heights), 1, height_ratios=heights)
    for axes, name in zip(curves, signals, strict=True):
        axes.set_ylabel(f"sigma of {name}\n(signal units)")
        axes.tick_params(labelbottom=axes is curves[-1])
    curves[-1].set_xlabel("step")
    return figure, curves, last


def _draw_steps(axes: Axes, found: MachineNoise, noise: SignalNoise, units: list[int], sequence: int) -> None:
    sigma = states(found.run, noise.sigma, sequence)[:, units]
    steps = np.arange(len(sigma), dtype=float)
    drawn = [line(axes, steps, sigma[:, place], place, f"unit {unit}") for place, unit in enumerate(units)]
    _frame_steps(axes, drawn, float(sigma.max()))


def _frame_steps(axes: Axes, drawn: list[Line2D], top: float) -> None:
    """Give the curves `drawn` over steps, up to a sigma of `top`, their scales and labels."""
    roomy(axes, np.array([0.0, top]))
    axes.set_ylim(bottom=0.0)
    axes.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
    whole_numbers(axes.xaxis)
    label_ends(axes, drawn, _CURVES)


def _draw_bars(axes: Axes, parts: Mapping[str, Mapping[str, float]], most: int) -> None:
    """Draw what each label of `parts` has by name: bars of the `most` largest names, and of all others together."""
    largest = dict[str, float]()
    for name, size in (entry for each in parts.values() for entry in each.items()):
        largest[name] = max(largest.get(name, 0.0), size)
    names = sorted(largest, key=lambda name: -largest[name])[:most]
    rows, height = np.arange(len(names) + 1), 0.8 / len(parts)
    for place, (label, each) in enumerate(parts.items()):
        shown = [each.get(name, 0.0) for name in names]
        places = rows + (place - 0.5 * (len(parts) - 1)) * height
        rest = max(sum(each.values()) - sum(shown), 0.0)
        axes.barh(places, [*shown, rest], height=height, color=COLOURS[place], label=label)
    axes.set_yticks(rows, labels=[*names, "all others"])
    axes.invert_yaxis()
    axes.legend(loc="lower right")


@checked
@styled
def transistor_noise(found: TransistorNoise, transients: TransientNoise | None = None) -> Figure:
    """Return the standard deviation of h and c after each step by each method, and the parts that made it.

    `found` is what `study.transistor_noise` returned, `transients` what its method of that name did. Sigma is the root
    mean square over units; bands are what the number of runs leaves open, one standard deviation. Bars are variances of
    h after the last step, simulated and by hand.
    """
    figure, curves, bars = _noise_panels(("h", "c"), _MECHANISM_BARS)
    for axes, name in zip(curves, ("h", "c"), strict=True):
        _draw_transistor_steps(axes, found, transients, name)
    methods = (("simulated", found.simulated), ("by hand", found.estimated))
    origins = {label: each.origins(NoisySignal.H) for label, each in methods}
    variances = {
        f"{label}, sigma {each.sigma:.2g}": {name: share * each.sigma**2 for name, share in each.by_part.items()}
        for label, each in origins.items()
    }
    _draw_bars(bars, variances, _MECHANISMS)
    bars.set_xlabel("variance of h after the last step (signal units squared)")
    units = found.h.shape[1]
    told = f"root mean square over {units} units" if units > 1 else "one unit"
    figure.suptitle(f"Noise that transistor cells hold, {told}")
    return figure


def _draw_transistor_steps(axes: Axes, found: TransistorNoise, transients: TransientNoise | None, name: str) -> None:
    curves: dict[str, Floats] = {"simulated": getattr(found, name), "by hand": getattr(found.estimated, name)}
    if transients is not None:
        curves["transients"] = transients.sigma[name]
    steps = np.arange(len(found.h), dtype=float)
    sigmas = {label: np.sqrt(np.mean(values**2, axis=-1)) for label, values in curves.items()}
    drawn = [line(axes, steps, sigma, number, label) for number, (label, sigma) in enumerate(sigmas.items())]
    top = max(float(sigma.max()) for sigma in sigmas.values())
    if transients is not None:
        runs, _, units = transients.h.shape
        open_ = sigmas["transients"] / np.sqrt(2.0 * (runs - 1) * units)
        low, high = sigmas["transients"] - open_, sigmas["transients"] + open_
        axes.fill_between(steps, low, high, color=COLOURS[2], alpha=0.2, linewidth=0.0)
        top = max(top, float(high.max()))
    _frame_steps(axes, drawn, top)
