"""Draw how data moves through the clocked stages of a deep network."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked
from lstm_analog.show.reading import Window, one, origin, pick, sequences, window
from lstm_analog.show.style import FAINT, INK, Scale, label_ends, line, panels, roomy, si, styled
from lstm_analog.study import Run
from lstm_analog.study.keeping import check_whole
from lstm_analog.study.pipeline import PassTime, pipeline
from lstm_analog.study.run import PassRun

_INPUT, _STAGE = 0.7, 1.25
_COMPUTES, _COPIES = "#dde6ee", "#fbe9d7"


@checked
@styled
def dataflow(run: Run, *, number: int = 0, sequence: int = 0, first: int = 1, steps: int = 2) -> Figure:
    """Return a picture of `steps` steps, from step `first` on, in the stages of pass `number` of `run`.

    `sequence` chooses from a batch. The top panel has the input that changes most. Each chain has a panel below, with
    master and slave of the h that changes most. Blue: the stage computes from the values held by the stage above it in
    the picture; orange: all slaves copy. Otherwise all values are held. Step 0 shows little, because its inputs reach
    all masters during the reset before it. The run needs points within the intervals: `Integrate(points=60)`.

    Raises `InvalidValueError` if there is no such pass, sequence or step, the run has not kept everything, or has too
    few points.
    """
    part = run.passes[pick("pass", number, len(run.passes))]
    check_whole(part.trajectory)
    which = pick("sequence", sequence, sequences(run))
    begin = pick("step", first, part.x.shape[-2])
    shown = range(begin, 1 + pick("step", begin + steps - 1, part.x.shape[-2]))
    (clock,) = pipeline((part.compiled,)).passes
    views = [_view(run, part, chain, which) for chain in range(len(part.layers))]
    edges = clock.reset + clock.step * np.array([shown.start, shown.stop])
    time = si(float(edges[1]), "s")
    figure, (top, *rest) = panels([_INPUT, *[_STAGE] * len(views)])
    _draw_inputs(top, part, which, clock, time, shown)
    for axes, view in zip(rest, views, strict=True):
        _draw_chain(axes, view, clock, time, shown)
    for axes in (top, *rest):
        axes.set_xlim(*(edges / time.factor).tolist())
    rest[-1].set_xlabel(f"time ({time.unit})")
    figure.align_ylabels()
    ready = _said(clock.stages[-1].ready, "s")
    figure.suptitle(
        f"{origin(run)}\na step takes {_said(clock.step, 's')}, {_said(1.0 / clock.step, 'Hz')}; "
        f"the last stage holds its output {ready} after the input"
    )
    return figure


def _said(value: float, unit: str) -> str:
    scale = si(value, unit)
    return f"{value / scale.factor:.3g} {scale.unit}"


def _view(run: Run, part: PassRun, chain: int, sequence: int) -> Window:
    before = sum(len(each.layers) for each in run.passes[: run.passes.index(part)])
    h = one(run, part.layers[chain].h, sequence)
    return window(run, 0, layer=before + chain, unit=int(np.ptp(h, axis=0).argmax()), sequence=sequence)


def _draw_inputs(axes: Axes, part: PassRun, sequence: int, clock: PassTime, time: Scale, steps: range) -> None:
    x = one(part, part.x, sequence)
    feature = int(np.ptp(x, axis=0).argmax())
    edges = (clock.reset + clock.step * np.arange(steps.start, steps.stop + 1)) / time.factor
    values = np.append(x[steps, feature], x[steps[-1], feature])
    (drawn,) = axes.step(edges, values, where="post", color=INK, label=f"x {feature}")
    _fit(axes, values)
    label_ends(axes, [drawn], _INPUT)
    axes.set_ylabel("input")
    _mark(axes, clock, time, steps)


def _draw_chain(axes: Axes, view: Window, clock: PassTime, time: Scale, steps: range) -> None:
    layers = list(dict.fromkeys(place.layer for place in view.run.compiled.layout.layers))
    stage = clock.stages[layers.index(view.layout.layer)]
    for step in steps:
        start = clock.reset + step * clock.step
        for colour, left, right in ((_COMPUTES, stage.start, stage.ready), (_COPIES, clock.copying, clock.copied)):
            ends = [(start + moment) / time.factor for moment in (left, right)]
            axes.axvspan(*ends, color=colour, linewidth=0, zorder=0)
    trajectory = view.run.trajectory
    since = trajectory.time - clock.reset
    inside = (since >= steps.start * clock.step) & (since <= steps.stop * clock.step)
    trails = [trail for trail in view.trails(view.layout.h) if trail.role in ("master", "slave", "store")]
    drawn, efforts = [], trajectory.efforts if view.run.x.ndim == 2 else trajectory.efforts[view.sequence]
    for place, trail in enumerate(trails):
        node = trajectory.network.unknowns[trail.label][view.unit]
        values = efforts[inside, node] / view.scale(trail.label)
        drawn.append(line(axes, trajectory.time[inside] / time.factor, values, place, trail.role))
    _fit(axes, np.concatenate([np.asarray(curve.get_ydata()) for curve in drawn]))
    label_ends(axes, drawn, _STAGE)
    way = ", backward" if view.layout.backward else ""
    axes.set_ylabel(f"h of layer\n{view.layout.layer}{way}")
    _mark(axes, clock, time, steps)


def _fit(axes: Axes, values: Floats) -> None:
    roomy(axes, float(values.min()), float(values.max()))


def _mark(axes: Axes, clock: PassTime, time: Scale, steps: range) -> None:
    for step in steps:
        axes.axvline((clock.reset + step * clock.step) / time.factor, color=FAINT, linewidth=0.8, zorder=0)
