"""Draw how data moves through the clocked stages of a deep network."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.show.reading import Window, literal, origin, pick, pick_sequence, pick_steps, states, window
from lstm_analog.show.style import DASHES, FAINT, INK, Scale, amount, label_ends, line, panels, roomy, si, styled
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
    master and slave of the h that changes most. Blue: the stage computes from the values held by the layer before it;
    orange: all slaves copy. Otherwise all values are held. Step 0 shows little, because its inputs reach all masters
    during the reset before it. Steps are those of the machine: a backward chain takes the sequence from its end, and
    has a line of its own among the inputs. The run needs points within the intervals: `Integrate(points=60)`.

    Raises `InvalidValueError` if there is no such pass, sequence or step, the run has not kept everything, or has too
    few points; `InvalidShapeError` if it is of several chips, `UnsupportedError` if the pass is a head alone.
    """
    part = run.passes[pick("pass", number, len(run.passes))]
    if not part.layers:
        raise UnsupportedError(explain("the pass", must="have layers", got="a head alone", do="draw another pass"))
    check_whole(part.trajectory)
    which = pick_sequence(run, sequence)
    shown = pick_steps(run, which, first, steps)
    (clock,) = pipeline((part.compiled,)).passes
    views = [_view(run, part, chain, which) for chain in range(len(part.layers))]
    edges = clock.reset + clock.step * np.array([shown.start, shown.stop])
    time = si(float(edges[1]), "s")
    figure, (top, *rest) = panels([_INPUT, *[_STAGE] * len(views)])
    _draw_inputs(top, part, states(run, part.x, which), clock, time, shown)
    for axes, view in zip(rest, views, strict=True):
        _draw_chain(axes, view, clock, time, shown)
    for axes in (top, *rest):
        axes.set_xlim(*(edges / time.factor).tolist())
    rest[-1].set_xlabel(f"time ({time.unit})")
    figure.align_ylabels()
    ready = amount(clock.stages[-1].ready, "s")
    figure.suptitle(
        f"{literal(origin(run))}\na step takes {amount(clock.step, 's')}, {amount(1.0 / clock.step, 'Hz')}; "
        f"the last stage holds its output {ready} after the input"
    )
    return figure


def _view(run: Run, part: PassRun, chain: int, sequence: int) -> Window:
    before = sum(len(each.layers) for each in run.passes[: run.passes.index(part)])
    h = states(run, part.layers[chain].h, sequence)
    return window(run, 0, layer=before + chain, unit=int(np.ptp(h, axis=0).argmax()), sequence=sequence)


def _draw_inputs(axes: Axes, part: PassRun, x: Floats, clock: PassTime, time: Scale, steps: range) -> None:
    """Draw the feature of `x` (steps, inputs) that changes most, as it is fed to the chains of each direction."""
    feature = int(np.ptp(x, axis=0).argmax())
    edges = (clock.reset + clock.step * np.arange(steps.start, steps.stop + 1)) / time.factor
    drawn = []
    for backward in sorted({place.backward for place in part.compiled.layout.layers}):
        fed = x[::-1, feature] if backward else x[:, feature]
        values, label = np.append(fed[steps], fed[steps[-1]]), f"x {feature}{', backward' if backward else ''}"
        drawn += axes.step(edges, values, where="post", color=INK, linestyle=DASHES[backward], label=label)
    roomy(axes, *(np.asarray(curve.get_ydata()) for curve in drawn))
    label_ends(axes, drawn, _INPUT)
    axes.set_ylabel("input")
    _mark(axes, clock, time, steps)


def _draw_chain(axes: Axes, view: Window, clock: PassTime, time: Scale, steps: range) -> None:
    stage = clock.stages[view.layers.index(view.layout.layer)]
    for step in steps:
        start = clock.reset + step * clock.step
        for colour, left, right in ((_COMPUTES, stage.start, stage.ready), (_COPIES, clock.copying, clock.copied)):
            ends = [(start + moment) / time.factor for moment in (left, right)]
            axes.axvspan(*ends, color=colour, linewidth=0, zorder=0)
    trajectory = view.run.trajectory
    since = trajectory.time - clock.reset
    inside = (since >= steps.start * clock.step) & (since <= steps.stop * clock.step)
    trails = [trail for trail in view.trails(view.layout.h) if trail.role in ("master", "slave", "store")]
    drawn = []
    for place, trail in enumerate(trails):
        values = view.whole_effort(trail.label, trail.against)[inside] / view.scale(trail.label)
        drawn.append(line(axes, trajectory.time[inside] / time.factor, values, place, trail.role))
    roomy(axes, *(np.asarray(curve.get_ydata()) for curve in drawn))
    label_ends(axes, drawn, _STAGE)
    way = ", backward" if view.layout.backward else ""
    axes.set_ylabel(f"h of layer\n{view.layout.layer}{way}")
    _mark(axes, clock, time, steps)


def _mark(axes: Axes, clock: PassTime, time: Scale, steps: range) -> None:
    for step in steps:
        axes.axvline((clock.reset + step * clock.step) / time.factor, color=FAINT, linewidth=0.8, zorder=0)
