"""Write a report for a colleague: what was compiled, whether it is right, where it errs, of what parts it is.

All text in its HTML is escaped: names of models, files and technologies are no markup.
"""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from io import BytesIO
from math import isfinite
from pathlib import Path

from matplotlib.figure import Figure

from lstm_analog.compiler import Compiled
from lstm_analog.compiler.hydraulic import Hydraulic
from lstm_analog.doors import checked
from lstm_analog.errors import InvalidValueError, LibraryMissingError, UnsupportedError
from lstm_analog.files import whole_file
from lstm_analog.model import LSTM
from lstm_analog.network.domain import HYDRAULIC
from lstm_analog.show.blocks import count_parts
from lstm_analog.show.budgets import error_budget
from lstm_analog.show.heatmap import error_map
from lstm_analog.show.portrait import return_map
from lstm_analog.show.reading import digital
from lstm_analog.show.reports.repeat import command_line, python_lines
from lstm_analog.show.schematics.picture import schematic
from lstm_analog.show.states import sequence
from lstm_analog.show.style import amount, drawing
from lstm_analog.study import ErrorBudget, Report, Run, bill_of_materials, running_cost

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1c1c; --soft: #5a5a5a; --paper: #fdfdfc; --card: #f1f3f5; --line: #d5d9dd;
  --good: #00704f; --bad: #b04a00; --code: #f1f3f5; }
@media (prefers-color-scheme: dark) { :root { --ink: #ececec; --soft: #adb3b8; --paper: #15181b; --card: #20252a;
  --line: #3a4148; --good: #4cc9a0; --bad: #f0a060; --code: #20252a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1.2rem 4rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .4rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid var(--line); padding-bottom: .2rem; }
p { margin: .5rem 0; } .soft { color: var(--soft); }
.verdict { display: flex; gap: .8rem; align-items: baseline; padding: .8rem 1rem; margin: 1rem 0; border-radius: .5rem;
  background: var(--card); border-left: .45rem solid var(--bad); } .verdict.good { border-color: var(--good); }
.verdict strong { font-size: 1.15rem; color: var(--bad); white-space: nowrap; } .good strong { color: var(--good); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .93rem; }
th, td { text-align: left; padding: .28rem .8rem .28rem 0; border-bottom: 1px solid var(--line); vertical-align: top;
  overflow-wrap: break-word; } td:last-child, th:last-child { padding-right: 0; }
td.number, th.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
figure { margin: 1.2rem 0; } figure img { max-width: 100%; height: auto; display: block; background: white;
  border-radius: .4rem; padding: .5rem; border: 1px solid var(--line); } figcaption { color: var(--soft);
  font-size: .9rem; margin-top: .3rem; }
pre { background: var(--code); padding: .8rem 1rem; border-radius: .4rem; overflow-x: auto; font-size: .88rem; }
@media print { body { max-width: none; font-size: 11pt; } figure, table, .verdict, pre { break-inside: avoid; }
  pre { white-space: pre-wrap; } }
"""
_HEAD = (
    '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    '<meta http-equiv="Content-Security-Policy" '
    """content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">"""
)
_DPI = 110.0


def page(title: str, parts: Iterable[str]) -> str:
    """Return a whole page with a `title` (text) and `parts` (HTML); it loads nothing and runs no script."""
    body = "\n".join(parts)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head>{_HEAD}<title>{escape(title)}</title><style>{_STYLE}</style></head>\n'
        f"<body><main>\n{body}\n</main></body></html>\n"
    )


def heading(text: str, level: int = 2) -> str:
    """Return a heading with `text` of a `level`."""
    return f"<h{level}>{escape(text)}</h{level}>"


def paragraph(text: str, *, soft: bool = False) -> str:
    """Return a paragraph with `text`, in a `soft` colour or not."""
    kind = ' class="soft"' if soft else ""
    return f"<p{kind}>{escape(text)}</p>"


def verdict(word: str, text: str, *, good: bool) -> str:
    """Return the box with the `word` of a judgement, `good` or not, and its `text`."""
    kind = "verdict good" if good else "verdict"
    return f'<div class="{kind}" role="status"><strong>{escape(word)}</strong><span>{escape(text)}</span></div>'


def pairs(rows: Iterable[tuple[str, str]]) -> str:
    """Return a table of names and values, one of `rows` a line."""
    lines = (f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in rows)
    return f'<div class="scroll"><table>{"".join(lines)}</table></div>'


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: int) -> str:
    """Return a table under `heads`; the columns of `rows` from number `numbers` on are figures."""
    kinds = [' class="number"' if column >= numbers else "" for column in range(len(heads))]
    top = "".join(f'<th scope="col"{kind}>{escape(head)}</th>' for head, kind in zip(heads, kinds, strict=True))
    lines = ("".join(f"<td{kind}>{escape(text)}</td>" for text, kind in zip(row, kinds, strict=True)) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def picture(figure: Figure, caption: str) -> str:
    """Return `figure` as an image within the page, with its `caption`."""
    stream = BytesIO()
    with drawing():
        figure.savefig(stream, format="png", dpi=_DPI, metadata={"Software": None})
    data = b64encode(stream.getvalue()).decode()
    said = escape(caption)
    return f'<figure><img alt="{said}" src="data:image/png;base64,{data}"><figcaption>{said}</figcaption></figure>'


def code(text: str) -> str:
    """Return `text` as lines of code."""
    return f"<pre><code>{escape(text)}</code></pre>"


_MOST_LAYERS = 4
"""Chains with pictures of their own; more would make the page large."""


@checked
def write_report(
    report: Report,
    run: Run,
    lstm: LSTM,
    path: str | Path,
    *,
    model: Path | None = None,
    data: Path | None = None,
    budget: ErrorBudget | None = None,
) -> None:
    """Write the `report` that `compare` made of `run` and `lstm` to `path`, as one HTML page with its pictures.

    The page loads nothing and runs no script, can be printed and has a dark form. It says what was compiled, the
    verdict, ranges and errors by signal and step, the bill of parts, the power where it is known, and how to run it
    again; for that, `model` and `data` are the files of the LSTM and of the inputs, if there are any. A `budget` of the
    same machine is drawn, too: what makes chips deviate. A circuit is drawn if schemdraw is installed, else the page
    says what to install.

    Raises `InvalidValueError` if the run is of another LSTM, `FileAccessError` if `path` cannot be written; nothing is
    left behind.
    """
    digital(run, lstm)
    with whole_file(path) as stream:
        parts = [
            *_head(report, run),
            *_compiled(report, run),
            *_errors(report),
            *_pictures(report, run, lstm),
            *_budget(budget),
            *_parts(run),
            *_repeat(report, run, model, data),
        ]
        stream.write(page(f"{report.model}: analog against digital", parts).encode())


def _head(report: Report, run: Run) -> Iterator[str]:
    steps = run.x.shape[-2]
    called = "plumbing" if run.passes[0].compiled.network.domain == HYDRAULIC else "a circuit"
    yield heading(f"{report.model} as {called}", 1)
    batch = f"{run.x.shape[0]} sequences of " if run.x.ndim > 2 else ""
    yield paragraph(f"{report.technology}, {report.timing.replace('_', ' ')}, over {batch}{steps} steps", soft=True)
    word = "It computes the LSTM." if report.holds else "It does not hold."
    told = f"Largest error of h {report.worst_h:.3g}, tolerance {report.tolerance:.3g}: {report.verdict.value}."
    yield verdict(word, told, good=report.holds)
    shares = (
        ("the clock", report.by_clock),
        ("the engine", report.by_engine),
        ("the design of the parts", report.by_technology),
        ("imperfections", report.by_imperfections),
    )
    rows = [(f"explained by {name}", f"{share:.3g}") for name, share in shares]
    yield pairs([("largest error of h", f"{report.worst_h:.3g}"), *rows, ("tolerance", f"{report.tolerance:.3g}")])
    if report.shares is not None and report.shares.causes:
        causes = [(share.cause, f"{share.error:.3g}") for share in report.shares.causes]
        yield heading("Error by cause", 3) + table(("cause", "error of h"), causes, 1)


def _compiled(report: Report, run: Run) -> Iterator[str]:
    yield heading("What was compiled")
    first = run.passes[0].compiled
    layers = zip(run.layers, report.layers, strict=True)
    sizes = ", ".join(f"{each.h.shape[-1]} units ({errors.chain})" for each, errors in layers)
    time = amount(sum(each.compiled.cycle.step_time for each in run.passes), "s")
    settled = report.settling
    beyond = "; ".join(f"{each}{'' if each.harmful else ', yet harmless'}" for each in report.beyond)
    yield pairs(
        [
            ("inputs", f"{run.x.shape[-1]}"),
            ("layers", sizes),
            ("technology", report.technology),
            ("clock", f"{report.timing}; a step takes {time}"),
            ("settling", f"{settled.ratio:.4g} time constants of {settled.time_constant:.3g} s in {settled.interval}"),
            ("network", ", ".join(f"{each.compiled.network.unknowns.size - 1} unknowns" for each in run.passes)),
            ("one unit of signal", _units(first)),
            ("ranges", _ranges(run)),
            ("signals beyond them", beyond or "none"),
        ]
    )


def _units(compiled: Compiled) -> str:
    """Return the efforts that stand for one unit of x, z, c and h in the first chain."""
    unknowns, place = compiled.network.unknowns, compiled.layout.layers[0]
    spots = {"z": place.z[0], "h": place.h} | ({} if place.c is None else {"c": place.c})
    scales = {name: float(unknowns.scales()[unknowns[spot.group][0]]) for name, spot in spots.items()}
    unit = compiled.network.domain.effort_unit
    return ", ".join(f"{name} {amount(scale, unit)}" for name, scale in scales.items())


def _ranges(run: Run) -> str:
    scaling = None if run.setup is None else run.setup.scaling
    if scaling is None:
        return "not measured: compiled without inputs"
    sizes = zip(vars(scaling.ranges).items(), vars(scaling.reach).values(), strict=True)
    told = [
        f"{name} {size:.3g} of {most:.3g}" if isfinite(most) else f"{name} {size:.3g}" for (name, size), most in sizes
    ]
    clipped = f"; cut off: {', '.join(scaling.clips)}" if scaling.clips else ""
    return f"{', '.join(told)}{clipped}; {scaling.fit.value}"


def _errors(report: Report) -> Iterator[str]:
    yield heading("Error by signal")
    rows = [(layer.chain, name, error) for layer in report.layers for name, error in layer.signals.items()]
    rows += [] if report.head is None else [("head", "y", report.head.y)]
    shown = [
        (chain, name, f"{e.max:.2e}", f"{e.rms:.2e}", f"{e.where.batch}, {e.where.step}, {e.where.unit}")
        for chain, name, e in rows
    ]
    yield table(("layer", "signal", "largest", "root mean square", "largest at (sequence, step, unit)"), shown, 2)


def _pictures(report: Report, run: Run, lstm: LSTM) -> Iterator[str]:
    yield heading("Pictures")
    for number, layer in enumerate(report.layers[:_MOST_LAYERS]):
        yield picture(error_map(report, layer=number), f"Largest error of each signal in each step, {layer.chain}")
    if len(report.layers) > _MOST_LAYERS:
        yield paragraph(f"{len(report.layers) - _MOST_LAYERS} more layers are in the table only.", soft=True)
    yield picture(sequence(run, lstm), "h and c of the top layer: lines are analog, circles digital")
    yield picture(return_map(run, lstm), "What one unit makes of its memory from step to step")
    try:
        drawn = schematic(run.passes[0].compiled)
    except LibraryMissingError as error:
        yield paragraph(f"Not drawn: {error}", soft=True)
        return
    yield picture(drawn, "All parts of unit 0 of the first layer, read off the network")


def _budget(budget: ErrorBudget | None) -> Iterator[str]:
    if budget is not None:
        yield heading("Why chips would deviate")
        yield picture(error_budget(budget), "Shares of imperfections, parts, gates, units and steps in the deviation")


def _parts(run: Run) -> Iterator[str]:
    yield heading("Parts and power")
    made = None if run.setup is None else run.setup.technology
    if isinstance(made, Hydraulic):
        bill = bill_of_materials(tuple(each.compiled for each in run.passes), made)
        items = [(item.part, item.size, item.where, f"{item.count}") for item in bill.items]
        yield table(("part", "size", "bank", "count"), items, 3)
        yield pairs(bill.totals)
        return
    networks = [each.compiled.network for each in run.passes]
    counts = count_parts((part for network in networks for part in network.parts), networks[0].domain)
    yield table(("part", "count"), [(kind, f"{count}") for kind, count in counts.items()], 1)
    try:
        cost = running_cost(run)
    except (UnsupportedError, InvalidValueError) as error:
        yield paragraph(f"Power: not known: {error}")
        return
    draws = [(each.what, amount(each.power, "W")) for each in cost.consumers]
    yield table(("what draws power", "power"), [*draws, ("all", amount(cost.power, "W"))], 1)
    yield paragraph(f"A step takes {amount(cost.step_time, 's')} and {amount(cost.energy, 'J')}.")


def _repeat(report: Report, run: Run, model: Path | None, data: Path | None) -> Iterator[str]:
    yield heading("Run it again")
    yield code(python_lines(report, run, model, data))
    command = command_line(report, run, model, data)
    if command is not None:
        yield code(command)
    used = ", ".join(f"{name} {value}" for name, value in vars(report.versions).items())
    yield pairs(
        [
            ("made with", used),
            ("engine", report.engine),
            ("weights, SHA-256", report.lstm_digest),
            ("network, SHA-256", report.network_digest),
            ("seed", "none" if report.seed is None else f"{report.seed}"),
        ]
    )
