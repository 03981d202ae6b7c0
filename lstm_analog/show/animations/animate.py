"""Write the animation of a unit, as a page with a player or as a GIF."""

from pathlib import Path

import numpy as np

from lstm_analog.doors import checked
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.files import whole_file
from lstm_analog.model import LSTM
from lstm_analog.network.domain import HYDRAULIC
from lstm_analog.show.animations.moments import moments, plain_gate
from lstm_analog.show.animations.player import gif, page
from lstm_analog.show.animations.scene import Scene
from lstm_analog.show.reading import digital, one, origin, pick, sequences
from lstm_analog.show.style import drawing
from lstm_analog.study import Run

_FAR = 100.0
"""A pre-activation at which curves are at their lowest."""
_MOST_STEPS = 12
"""Steps in an animation at most, so that a page stays below 5 MB."""


@checked
def animate(
    run: Run,
    lstm: LSTM,
    path: str | Path,
    *,
    layer: int = -1,
    unit: int = 0,
    sequence: int = 0,
    first: int = 0,
    steps: int = 4,
) -> None:
    """Write to `path` an animation of `unit` of `layer` over `steps` steps of `run`, from step `first` on.

    It shows how far the gates are open, the levels of the tanks or capacitors of c and h with their valves, and c and h
    so far beside those of `lstm`. Time runs slower where something moves. A path that ends in .html is a page with a
    player that loads nothing; it starts still for who prefers less motion. One that ends in .gif is for slides.
    `sequence` chooses from a batch, `layer` counts directions of layers. The run needs points within the intervals:
    `Waveform(points=20)`.

    Raises `InvalidValueError` if the path ends otherwise, the run is of another LSTM, there is no such step, layer,
    unit or sequence, or the run has too few points; `FileAccessError` if `path` cannot be written; nothing is left
    behind.
    """
    ending = Path(path).suffix.lower()
    if ending not in (".html", ".gif"):
        must, do = "end in .html or .gif", "choose one of these formats"
        raise InvalidValueError(explain("the name of an animation", must=must, got=ascii(Path(path).name)[:80], do=do))
    shown = _steps(run, first, steps)
    number = pick("layer", layer, len(run.layers))
    which, column = pick("sequence", sequence, sequences(run)), pick("unit", unit, run.layers[number].h.shape[-1])
    numeric = digital(run, lstm)[number]
    found = list(moments(run, shown, layer=number, unit=column, sequence=which))
    place = run.layers[number].place
    names = ("h",) if place.c is None else ("c", "h")
    states = {name: one(run, getattr(numeric, name), which)[:, column] for name in names}
    lows = [float(activation(np.array(-_FAR))) for activation in place.activations]
    gates = [(plain_gate(gate.name.lower()), low) for gate, low in zip(place.gates, lows, strict=True)]
    plumbing = run.passes[0].compiled.network.domain == HYDRAULIC
    title = f"Unit {column} of layer {number}: {origin(run)}"
    with drawing():
        scene = Scene(title, gates, found, states, plumbing=plumbing)
        frames = [scene.draw(moment) for moment in found]
    words = [moment.told([name for name, _ in gates]) for moment in found]
    with whole_file(path) as stream:
        stream.write(gif(frames) if ending == ".gif" else page(title, frames, words).encode())


def _steps(run: Run, first: int, steps: int) -> range:
    begin = pick("step", first, run.x.shape[-2])
    if not 1 <= steps <= _MOST_STEPS:
        do = "show others in a second one"
        raise InvalidValueError(explain("steps", must=f"be 1 to {_MOST_STEPS}", got=steps, do=do))
    return range(begin, 1 + pick("step", begin + steps - 1, run.x.shape[-2]))
