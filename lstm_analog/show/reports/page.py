"""Write a report for a colleague: what was compiled, whether it is right, where it errs, of what parts it is."""

from collections.abc import Iterator
from math import isfinite
from pathlib import Path

from lstm_analog.compiler import Compiled
from lstm_analog.compiler.hydraulic import Hydraulic
from lstm_analog.doors import checked
from lstm_analog.errors import InvalidValueError, LibraryMissingError, UnsupportedError
from lstm_analog.files import whole_file
from lstm_analog.model import LSTM
from lstm_analog.network.domain import HYDRAULIC
from lstm_analog.show.budgets import error_budget
from lstm_analog.show.counts import count_parts
from lstm_analog.show.error_map import error_map
from lstm_analog.show.portrait import return_map
from lstm_analog.show.reading import digital
from lstm_analog.show.reports.markup import code, heading, page, pairs, paragraph, picture, table, verdict
from lstm_analog.show.reports.repeat import command_line, python_lines
from lstm_analog.show.schematics.picture import schematic
from lstm_analog.show.schematics.values import amount
from lstm_analog.show.states import sequence
from lstm_analog.study import ErrorBudget, Report, Run, bill_of_materials, running_cost

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
        for bill in (bill_of_materials(each.compiled, made, None) for each in run.passes):
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
