"""Draw a network as a block diagram: weights, units and signals of each layer, with their numbers.

The parts are counted by kind, in plain words (`count_parts`).
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from lstm_analog.compiler import Compiled, LayerLayout
from lstm_analog.doors import checked
from lstm_analog.network.domain import ELECTRICAL, Domain
from lstm_analog.network.graph import Network
from lstm_analog.network.labels import SIGNAL, signals_of
from lstm_analog.network.parts import Crossbars, Junctions, Part, Transconductors
from lstm_analog.show.reading import literal
from lstm_analog.show.schematics.unit import ends_of
from lstm_analog.show.style import COLOURS, INK, SOFT, WIDTH, panel, styled

_CIRCUIT = MappingProxyType(
    {
        "Sources": "sources",
        "Storages": "capacitors",
        "Followers": "buffers",
        "Conductors": "resistors",
        "Switches": "switches",
        "Pairs": "stacks of differential pairs",
        "Ports": "controlled resistors",
        "OpAmps": "op-amps",
        "Cells": "transistor cells",
        "Crossbars": "conductances of weights",
        "Transconductors": "transconductances of weights",
    }
)
_PLUMBING = MappingProxyType(
    {
        "Sources": "pressure sources",
        "Storages": "tanks and chambers",
        "Followers": "relays",
        "Conductors": "single capillaries",
        "Switches": "solenoid valves and cocks",
        "Inertances": "solenoid valves",
        "Pairs": "flow-control valves",
        "Ports": "ports of spool valves",
        "Spools": "spools",
        "Stops": "stops of tanks",
        "Crossbars": "capillaries of weights",
    }
)


def devices(part: Crossbars | Transconductors) -> int:
    """Return the number of devices of one chip in the dense bank `part`, weights of zero and dummies left out."""
    sides = (part.transconductance,) if isinstance(part, Transconductors) else (part.positive, part.negative)
    return sum(int(np.count_nonzero(side.reshape(-1, *side.shape[-2:])[0])) for side in sides)


def count_parts(parts: Iterable[Part], domain: Domain) -> Counter[str]:
    """Return the number of elements of `parts` by kind, in the words of `domain`; junctions are no parts."""
    words, found = _CIRCUIT if domain == ELECTRICAL else _PLUMBING, Counter[str]()
    for part in parts:
        if isinstance(part, Junctions):
            continue
        kind = type(part).__name__
        if isinstance(part, Crossbars | Transconductors):
            found[words.get(kind, kind)] += devices(part)
        else:
            found[words.get(kind, kind)] += next(iter(ends_of(part).values())).size
    return found


_ROW, _BOX = 1.75, (2.9, 1.2)
_KINDS = 4
"""Kinds of parts that a block names; the others are counted together."""


@dataclass(frozen=True, kw_only=True)
class DiagramBlock:
    """A block with a `title`, `lines` of text, and the `sources` of its inputs by words."""

    title: str
    lines: tuple[str, ...]
    sources: tuple[str, ...] = ()


@checked
@styled
def blocks(compiled: Compiled, *, axes: Axes | None = None) -> Figure:
    """Return the network of `compiled` as a block diagram, a row for each direction of a layer: any size fits.

    A row has the weights, with the number of sums, inputs and devices; the units, with their parts counted by kind;
    and what they pass on. All numbers are read off the banks of the network. The picture goes into `axes`, if given.
    `schematic` draws the parts of one unit.
    """
    network, layers = compiled.network, compiled.layout.layers
    rows = [_row(network, place) for place in layers]
    if compiled.layout.head is not None:
        rows.append((_weights(network, "y_", "read-out"), DiagramBlock(title="y", lines=(_outputs(compiled),))))
    height = _ROW * len(rows)
    figure, drawn_in = panel(axes, (WIDTH, height + 0.5))
    drawn_in.set(xlim=(0.0, WIDTH), ylim=(-height + 0.2, 0.5))
    drawn_in.set_axis_off()
    for number, (weights, units) in enumerate(rows):
        _draw_row(drawn_in, -_ROW * number, weights, units, recurrent=number < len(layers))
    said = dict(network.provenance)
    sizes = f"{network.unknowns.size - 1:,} unknowns in {len(network.parts)} banks"
    title = f"{said.get('model', 'network')}: {said.get('technology', '')}, {sizes}"
    drawn_in.text(0.05, 0.3, literal(title), fontsize=11, weight="bold")
    return figure


def _row(network: Network, place: LayerLayout) -> tuple[DiagramBlock, DiagramBlock]:
    prefix = f"{place.h.group.split('_')[0]}_"
    way = ", backward" if place.backward else ""
    units = network.unknowns[place.z[0].group].size
    others = [
        part
        for part in network.parts
        if part.label.startswith(prefix) and not isinstance(part, Crossbars | Transconductors)
    ]
    counts = count_parts(others, network.domain)
    lines = (f"{units:,} unit{'s' * (units != 1)}, {sum(counts.values()):,} parts:", *_counted(counts))
    return _weights(network, prefix, f"weights of layer {place.layer}{way}"), DiagramBlock(
        title=f"units{way}", lines=lines
    )


def _counted(counts: Counter[str]) -> list[str]:
    shown = [f"{count:,} {kind}" for kind, count in counts.most_common(_KINDS)]
    rest = sum(count for _, count in counts.most_common()[_KINDS:])
    return [*shown, *([f"{rest:,} others"] if rest else [])]


def _weights(network: Network, prefix: str, title: str) -> DiagramBlock:
    """Return the block of the dense banks whose labels begin with `prefix`."""
    words = signals_of(network.said(SIGNAL))
    groups = [group.label for group in network.unknowns.groups for _ in range(group.size)]
    lines, sources = [], Counter[str]()
    for part in network.parts:
        if isinstance(part, Crossbars | Transconductors) and part.label.startswith(prefix):
            sums = part.plus.size if isinstance(part, Crossbars) else part.rows.size
            lines += [f"{part.label}: {sums:,} sums of {part.inputs.size:,} inputs", f"{devices(part):,} devices"]
            sources.update(words.get(groups[node - 1], groups[node - 1]) for node in part.inputs.tolist())
    told = tuple(f"{count:,} {word}" for word, count in sources.items())
    return DiagramBlock(title=title, lines=tuple(lines), sources=told)


def _outputs(compiled: Compiled) -> str:
    head = compiled.layout.head
    size = 0 if head is None else compiled.network.unknowns[head.y.group].size
    when = "the final state" if head is not None and head.final else "each step"
    return f"{size:,} output{'s' * (size != 1)} of {when}"


def _draw_row(axes: Axes, y: float, weights: DiagramBlock, units: DiagramBlock, *, recurrent: bool) -> None:
    left, right = 1.9, 1.9 + _BOX[0] + 0.8
    _draw_block(axes, left, y, weights, COLOURS[0])
    _draw_block(axes, right, y, units, COLOURS[2])
    middle = y - _BOX[1] / 2
    axes.text(1.25, middle, "\n".join(weights.sources), ha="right", va="center", fontsize=8.5)
    for start, end in ((1.32, left), (left + _BOX[0], right), (right + _BOX[0], right + _BOX[0] + 0.45)):
        _arrow(axes, [(start, middle), (end, middle)])
    if recurrent:
        axes.text(right + _BOX[0] + 0.22, middle + 0.06, "h", ha="center", fontsize=9)
        under = y - _BOX[1] - 0.18
        out = right + _BOX[0] + 0.22
        axes.plot([out, out, left + 0.4], [middle, under, under], color=INK, linewidth=1.1)
        _arrow(axes, [(left + 0.4, under), (left + 0.4, y - _BOX[1])])
        axes.text(left + 0.55, under - 0.02, "h of the step before", fontsize=7.5, va="top", color=SOFT)


def _arrow(axes: Axes, ends: list[tuple[float, float]]) -> None:
    style = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.1, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", xy=ends[1], xytext=ends[0], arrowprops=style)


def _draw_block(axes: Axes, x: float, y: float, block: DiagramBlock, colour: str) -> None:
    box = FancyBboxPatch((x, y - _BOX[1]), *_BOX, boxstyle="round,pad=0,rounding_size=0.08", facecolor="#f6f8f9",
                         edgecolor=colour, linewidth=1.4)  # fmt: skip
    axes.add_patch(box)
    axes.text(x + 0.12, y - 0.1, block.title, fontsize=9, weight="bold", va="top")
    axes.text(x + 0.12, y - 0.32, "\n".join(block.lines), fontsize=8, va="top", linespacing=1.25)
