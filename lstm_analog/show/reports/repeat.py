"""Say how a comparison is made again: as lines of Python, and as a command line."""

from pathlib import Path
from shlex import join

import numpy as np

from lstm_analog.compiler.technologies import TECHNOLOGIES
from lstm_analog.network.domain import HYDRAULIC
from lstm_analog.study import Report, Run

_BLANK_MODEL, _BLANK_INPUT = "model.pt", "input.csv"
_ONE_SEQUENCE = 2
"""Number of axes of one sequence (time, inputs)."""


def python_lines(report: Report, run: Run, model: Path | None, data: Path | None) -> str:
    """Return the lines of Python that make `report` and `run` again from the files `model` and `data`.

    A file that is not known is called as an example is; an own technology is `technology`. Comments name what else was
    done to the machine, and how the run began, if the lines do not say it.
    """
    compiled = run.passes[0].compiled
    shape, clock = run.x.shape, f"timing=la.{compiled.timing.name}, settling={compiled.settling!r}"
    if data is None and _drawn(report, run):
        x = f"np.random.default_rng({report.seed}).uniform(-1.0, 1.0, {shape})"
    elif run.x.ndim > _ONE_SEQUENCE:
        x = f"np.load({str(data or 'x.npy')!r})  # of shape {shape}"
    else:
        x = f"read_table({str(data or _BLANK_INPUT)!r})  # of shape {shape}"
    return "\n".join(
        [
            "import numpy as np",
            "import lstm_analog as la",
            "from lstm_analog.tables import read_table",
            "",
            f"lstm = la.load({str(model or _BLANK_MODEL)!r})  # digest {report.lstm_digest[:12]}",
            f"machine = la.compile(lstm, {_technology(run)}, {clock})",
            *(f"# not done here: {text}" for text in left_out(run)),
            f"x = {x}",
            f"run = machine.run(x)  # engine here: {' '.join(report.engine.split())}",
            f"print(la.compare(run, lstm, tolerance={float(report.tolerance)!r}))",
        ]
    )


def left_out(run: Run) -> list[str]:
    """Return what was done for `run` beside compiling its LSTM and running it from rest, in words."""
    known = ("imperfection",) if _preset(run) is not None else ("imperfection", "scaling")
    entries = [entry for each in run.passes for entry in each.compiled.network.provenance if entry[0] in known]
    done = [f"{key}: {' '.join(text.split())}" for key, text in dict.fromkeys(entries)]
    first = run.initial_state
    done += ["a state at the start"] if any(array.any() for array in (*first.h, *first.c)) else []
    return done + ([] if run.lengths is None else [f"lengths {run.lengths.tolist()}"])


def _drawn(report: Report, run: Run) -> bool:
    """Return whether the inputs of `run` are those that the seed of `report` draws."""
    if report.seed is None:
        return False
    return np.array_equal(run.x, np.random.default_rng(report.seed).uniform(-1.0, 1.0, run.x.shape))


def command_line(report: Report, run: Run, model: Path | None, data: Path | None) -> str | None:
    """Return the command that makes `report` and `run` again from the files `model` and `data`.

    None if the command line has no words for it.
    """
    technology = _preset(run)
    if technology is None or run.x.ndim != _ONE_SEQUENCE or len(run.passes) > 1 or left_out(run):
        return None
    compiled = run.passes[0].compiled
    words = ["lstm-analog", "compare", str(model or _BLANK_MODEL)]
    if data is None and _drawn(report, run):
        words += ["--steps", str(run.x.shape[0]), "--seed", str(report.seed)]
    else:
        words += ["--input", str(data or _BLANK_INPUT)]
    words += ["--technology", technology, "--timing", compiled.timing.value, "--settling", f"{compiled.settling!r}"]
    return join([*words, "--tolerance", f"{float(report.tolerance)!r}", "--html", "report.html"])


def _preset(run: Run) -> str | None:
    """Return the name of the preset of which the machine of `run` is; None if it has sizes of its own."""
    made = None if run.setup is None else run.setup.technology
    return next((name for name, preset in TECHNOLOGIES.items() if preset == made), None)


def _technology(run: Run) -> str:
    preset = _preset(run)
    if preset is None:
        return "technology"
    module = "hydraulic" if run.passes[0].compiled.network.domain == HYDRAULIC else "electrical"
    return f"la.{module}.{preset.upper()}"
