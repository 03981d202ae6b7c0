"""Write the animation of a unit, as a page with a player or as a GIF."""

import re
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from io import BytesIO
from json import dumps
from pathlib import Path

import numpy as np
from PIL import Image

from lstm_analog.doors import checked
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.files import whole_file
from lstm_analog.model import LSTM
from lstm_analog.network.domain import HYDRAULIC
from lstm_analog.show.animations.moments import moments
from lstm_analog.show.animations.scene import Scene
from lstm_analog.show.reading import (
    chain_name,
    digital,
    literal,
    origin,
    pick,
    pick_sequence,
    pick_steps,
    plain_gate,
    states,
)
from lstm_analog.show.style import drawing
from lstm_analog.study import Run

_FRAME, _LAST = 160, 1200
"""How long a frame is shown, and the last one (ms)."""


def gif(frames: Sequence[Image.Image]) -> bytes:
    """Return `frames` as a GIF that begins again at its end."""
    stream = BytesIO()
    durations = [*[_FRAME] * (len(frames) - 1), _LAST]
    frames[0].save(stream, format="GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0)
    return stream.getvalue()


def _png(frame: Image.Image) -> str:
    stream = BytesIO()
    frame.save(stream, format="PNG", optimize=True)
    return b64encode(stream.getvalue()).decode()


def page(title: str, frames: Sequence[Image.Image], words: Sequence[str]) -> str:
    """Return a page with a `title` and a player of `frames`; `words` say what each shows, for who cannot see it."""
    content = dumps({"frames": [_png(frame) for frame in frames], "words": list(words)}).replace("<", "\\u003c")
    wide, high = frames[0].size
    values = {
        "TITLE": escape(title),
        "WIDE": f"{wide}",
        "HIGH": f"{high}",
        "LAST": f"{len(frames) - 1}",
        "FRAME": f"{_FRAME}",
        "CONTENT": content,
    }
    return re.sub("@([A-Z]+)@", lambda found: values[found[1]], _PLAYER)


_PLAYER = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>@TITLE@</title><style>
:root { color-scheme: light dark; --ink: #1c1c1c; --paper: #fdfdfc; --soft: #5a5a5a; }
@media (prefers-color-scheme: dark) { :root { --ink: #ececec; --paper: #15181b; --soft: #adb3b8; } }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; }
img { width: 100%; height: auto; background: white; border-radius: .5rem; display: block; }
.bar { display: flex; gap: .8rem; align-items: center; margin: .8rem 0; } input { flex: 1; min-height: 2rem; }
button { font: inherit; padding: .4rem 1.1rem; min-width: 6rem; } p { color: var(--soft); margin: .3rem 0; }
</style></head><body><main>
<img id="view" alt="@TITLE@" width="@WIDE@" height="@HIGH@">
<div class="bar"><button id="play" type="button">Play</button>
<input id="at" type="range" min="0" max="@LAST@" value="0" aria-label="frame"></div>
<p id="said" role="status"></p><p>Space plays and stops, the arrow keys go frame by frame.</p>
</main><script type="application/json" id="content">@CONTENT@</script><script>
"use strict";
const content = JSON.parse(document.getElementById("content").textContent);
const view = document.getElementById("view"), at = document.getElementById("at");
const play = document.getElementById("play"), said = document.getElementById("said");
let timer = null;
function show(number) {
  at.value = number;
  view.src = "data:image/png;base64," + content.frames[number];
  said.textContent = content.words[number];
  at.setAttribute("aria-valuetext", content.words[number]);
}
function stop() {
  clearInterval(timer); timer = null; play.textContent = "Play"; said.setAttribute("aria-live", "polite");
}
function start() {
  play.textContent = "Stop"; said.setAttribute("aria-live", "off");
  timer = setInterval(() => show((Number(at.value) + 1) % content.frames.length), @FRAME@);
}
function toggle() { if (timer === null) start(); else stop(); }
play.addEventListener("click", toggle);
at.addEventListener("input", () => { stop(); show(Number(at.value)); });
document.addEventListener("keydown", (event) => {
  if (event.key === " " && event.target !== play) { event.preventDefault(); toggle(); }
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (by && event.target !== at) {
    stop(); show(Math.min(Math.max(Number(at.value) + by, 0), content.frames.length - 1));
  }
});
show(0);
if (!matchMedia("(prefers-reduced-motion: reduce)").matches) start();
</script></body></html>
"""


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
    `sequence` chooses from a batch, `layer` counts directions of layers; a backward one goes through the steps from the
    last to the first. The run needs points within the intervals: `Waveform(points=20)`.

    Raises `InvalidValueError` if the path ends otherwise, the run is of another LSTM, there is no such step, layer,
    unit or sequence, or the run has too few points; `InvalidShapeError` if it is of several chips; `FileAccessError` if
    `path` cannot be written; nothing is left behind.
    """
    ending = Path(path).suffix.lower()
    if ending not in (".html", ".gif"):
        must, do = "end in .html or .gif", "choose one of these formats"
        raise InvalidValueError(explain("the name of an animation", must=must, got=ascii(Path(path).name)[:80], do=do))
    if not 1 <= steps <= _MOST_STEPS:
        must, do = f"be 1 to {_MOST_STEPS}", "show others in a second one"
        raise InvalidValueError(explain("steps", must=must, got=steps, do=do))
    which = pick_sequence(run, sequence)
    shown = pick_steps(run, which, first, steps)
    number = pick("layer", layer, len(run.layers))
    column = pick("unit", unit, run.layers[number].h.shape[-1])
    numeric, place = digital(run, lstm)[number], run.layers[number].place
    in_order = shown[::-1] if place.backward else shown
    found = list(moments(run, in_order, layer=number, unit=column, sequence=which))
    names = ("h",) if place.c is None else ("c", "h")
    after = {name: states(run, getattr(numeric, name), which)[:, column] for name in names}
    lows = [float(activation(np.array(-_FAR))) for activation in place.activations]
    gates = [(plain_gate(gate.name.lower()), low) for gate, low in zip(place.gates, lows, strict=True)]
    plumbing = run.passes[0].compiled.network.domain == HYDRAULIC
    title = f"Unit {column} of {chain_name(place)}: {origin(run)}"
    with drawing():
        scene = Scene(literal(title), gates, found, after, plumbing=plumbing, backward=place.backward)
        frames = [scene.draw(moment) for moment in found]
    words = [moment.told([name for name, _ in gates]) for moment in found]
    with whole_file(path) as stream:
        stream.write(gif(frames) if ending == ".gif" else page(title, frames, words).encode())
