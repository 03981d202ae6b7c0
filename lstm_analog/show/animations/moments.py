"""Read from a run what a unit does at chosen times: how far its gates are open, how full its memories are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.compiler import Spot
from lstm_analog.model.reference import activate
from lstm_analog.show.reading import Window, window
from lstm_analog.study import Run

_PARTS = np.array([0.015, 0.04, 0.08, 0.13, 0.2, 0.35, 1.0])
"""Parts of an interval that settles at which it is shown: what moves, moves at its start. More: smoother and larger."""
_WORDS = {
    "setup": "new inputs arrive",
    "compute": "the gates settle, the new values are made",
    "settle": "the gates settle",
    "leak": "the memories drain and fill",
    "hold": "everything holds",
    "rest": "everything holds",
    "copy": "the new values are copied",
    "readout": "the values are read",
}
"""What happens in an interval, by its name without the number of the stage."""

_CANDIDATES = ("cell", "new")
"""Names of gates that are no gates but what is written."""


@dataclass(frozen=True, kw_only=True)
class StorageLevel:
    """A memory's storage called `name`, with its `level` in units of signal; `open` if its valve or switch is."""

    name: str
    level: float
    open: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Moment:
    """What a unit does at `time` (s) since the start of `step`; `words` say what happens in the interval.

    `gates` (gates,) are dimensionless, `vessels` the storages of c and h, new values first. `inside` is how far the
    step has gone, 0 to 1, as frames count.
    """

    step: int
    time: float
    words: str
    gates: Floats
    vessels: tuple[StorageLevel, ...]
    inside: float

    def told(self, names: Sequence[str]) -> str:
        """Return the moment in a sentence, the gates by their `names`."""
        gates = ", ".join(f"{name} {value:.2f}" for name, value in zip(names, self.gates, strict=True))
        levels = ", ".join(f"{vessel.name} {vessel.level:.2f}" for vessel in self.vessels)
        return f"step {self.step}: {self.words}; {gates}; {levels}"


def moments(run: Run, steps: range, *, layer: int, unit: int, sequence: int) -> Iterator[Moment]:
    """Yield the moments of `unit` of `layer` in `steps` of `sequence` of `run`, in order.

    Raises `InvalidValueError` if there is no such step, layer, unit or sequence, or if the run has too few points.
    """
    for step in steps:
        view = window(run, step, layer=layer, unit=unit, sequence=sequence)
        yield from _of_step(view)


def _of_step(view: Window) -> Iterator[Moment]:
    layout, compiled = view.layout, view.run.compiled
    gates = np.stack([view.signal(spot) / view.scale(spot.group) for spot in layout.z], axis=-1)
    opened = activate(layout.activations, gates[..., None])[..., 0]
    spots = {name: spot for name, spot in (("c", layout.c), ("h", layout.h)) if spot is not None}
    curves = [curve for name, spot in spots.items() for curve in _curves(view, name, spot)]
    times = list(_times(view))
    for number, (interval, time) in enumerate(times):
        yield Moment(
            step=view.step,
            time=time,
            words=_WORDS.get(compiled.cycle.step[interval].name.rstrip("0123456789"), "everything holds"),
            gates=np.array([np.interp(time, view.time, opened[:, gate]) for gate in range(opened.shape[1])]),
            vessels=tuple(
                StorageLevel(
                    name=name, level=float(np.interp(time, view.time, values)), open=bool(view.high[interval, line])
                )
                for name, values, line in curves
            ),
            inside=(number + 1) / len(times),
        )


def _times(view: Window) -> Iterator[tuple[int, float]]:
    """Yield the intervals and the times at which they are shown."""
    for number, (interval, left, right) in enumerate(
        zip(view.run.compiled.cycle.step, view.edges, view.edges[1:], strict=False)
    ):
        for part in _PARTS if interval.settles else _PARTS[-1:]:
            yield number, float(left + part * (right - left))


def _curves(view: Window, name: str, spot: Spot) -> Iterator[tuple[str, Floats, int]]:
    """Yield the storages of the memory `name` at `spot`: plain name, levels (points,), and the line that opens it."""
    lines = view.run.compiled.network.lines
    leaks = [number for number, line in enumerate(lines) if line.startswith("leak")]
    fills = [number for number, line in enumerate(lines) if line.startswith("compute")]
    for trail in view.trails(spot):
        if trail.role in ("master", "slave", "store"):
            made = leaks if leaks and name == "c" else fills
            line = lines.index("copy") if trail.role == "slave" else made[_stage(view, len(made))]
            called = f"new {name}" if trail.role == "master" else name
            yield called, view.effort(trail.label) / view.scale(trail.label), line


def _stage(view: Window, lines: int) -> int:
    """Return which of the `lines` of stages is that of the layer of `view`."""
    layers = list(dict.fromkeys(place.layer for place in view.run.compiled.layout.layers))
    return min(layers.index(view.layout.layer), lines - 1)


def plain_gate(name: str) -> str:
    """Return the plain words for the gate `name`."""
    return "candidate" if name in _CANDIDATES else f"{name} gate"
