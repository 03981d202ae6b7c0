"""Read the moments of a unit from a run: how far its gates are open, how full its memories are, and what happens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.compiler import Spot
from lstm_analog.compiler.timing import COPY, RESET, compute_line
from lstm_analog.model.reference import activate
from lstm_analog.network.parts import ALWAYS, Inertances, Pairs, Ports, Switches
from lstm_analog.show.reading import Trail, Window, window
from lstm_analog.show.schematics.unit import ends_of
from lstm_analog.study import Run

_PARTS = np.array([0.015, 0.04, 0.08, 0.13, 0.2, 0.35, 1.0])
"""Parts of an interval that settles at which it is shown: what moves, moves at its start. More: smoother and larger."""
_EVEN = np.linspace(0.2, 1.0, 5)
"""Those of an interval in which a memory leaks and fills, which moves all along."""
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
_MOVES = ("settle", "leak", "compute")
"""Intervals in which one stage works alone."""
_FLOWS = ("a", "b", "out")
"""Ends of parts through which something flows."""


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
    cycle = compiled.cycle.step
    words = [_said(view, interval.name) for interval in cycle]
    for number, (interval, time) in enumerate(times):
        yield Moment(
            step=view.step,
            time=time,
            words=words[interval],
            gates=np.array([np.interp(time, view.time, opened[:, gate]) for gate in range(opened.shape[1])]),
            vessels=tuple(
                StorageLevel(
                    name=name,
                    level=float(np.interp(time, view.time, values)),
                    open=line in compiled.cycle.step[interval].high,
                )
                for name, values, line in curves
            ),
            inside=(number + 1) / len(times),
        )


def _said(view: Window, name: str) -> str:
    """Return what happens to the unit of `view` in the interval called `name`."""
    kind = name.rstrip("0123456789")
    layers = view.layers
    if kind in _MOVES and (number := int(name.removeprefix(kind))) != layers.index(view.layout.layer):
        return f"layer {layers[number]} computes" if number < len(layers) else "the read-out computes"
    return _WORDS.get(kind, "everything holds")


def _times(view: Window) -> Iterator[tuple[int, float]]:
    """Yield the intervals and the times at which they are shown: of pauses, in which no line is high, only the end."""
    for number, (interval, left, right) in enumerate(
        zip(view.run.compiled.cycle.step, view.edges, view.edges[1:], strict=False)
    ):
        for part in _PARTS if interval.settles else _EVEN if interval.high else _EVEN[-1:]:
            yield number, float(left + part * (right - left))


def _curves(view: Window, name: str, spot: Spot) -> Iterator[tuple[str, Floats, str]]:
    """Yield the storages of the memory `name` at `spot`: plain name, levels (points,), and the line that opens it.

    Where an op-amp passes on what a capacitor holds, the level is that of the capacitor.
    """
    trails = {trail.role: trail for trail in view.trails(spot)}
    for role in ("master", "slave", "store"):
        if role in trails:
            trail = trails.get(f"{role} cap", trails[role])
            called = f"new {name}" if role == "master" else name
            yield called, view.effort(trail.label, trail.against) / view.scale(trail.label), _opened_by(view, trail)


def _opened_by(view: Window, trail: Trail) -> str:
    """Return the clock line on which the storage at `trail` is filled: that of the parts that pass a flow to it.

    Parts that set it at the start are left out. Where no part is clocked, as in transistor cells, which have pins for
    their clock, a master is filled as its stage computes.
    """
    network, copied = view.run.compiled.network, "master" not in trail.role
    node, others = network.unknowns[trail.label][view.unit], (RESET,) if copied else (RESET, COPY)
    found = [
        network.lines[part.line]
        for part in network.parts
        if isinstance(part, Switches | Inertances | Pairs | Ports) and part.line != ALWAYS
        for end, nodes in ends_of(part).items()
        if end in _FLOWS and node in nodes
    ]
    usual = COPY if copied else compute_line(view.layers.index(view.layout.layer))
    return next((line for line in found if line not in others), usual)
