"""Say how a comparison is made again: as lines of Python, and as a command line."""

from pathlib import Path
from shlex import join

from lstm_analog.compiler.technologies import TECHNOLOGIES
from lstm_analog.network.domain import HYDRAULIC
from lstm_analog.study import Report, Run

_BLANK_MODEL, _BLANK_INPUT = "model.pt", "input.csv"
_ONE_SEQUENCE = 2
"""Number of axes of one sequence (time, inputs)."""


def python_lines(report: Report, run: Run, model: Path | None, data: Path | None) -> str:
    """Return the lines of Python that make `report` and `run` again from the files `model` and `data`.

    A file that is not known is called as an example is; an own technology is `technology`.
    """
    compiled = run.passes[0].compiled
    shape, clock = run.x.shape, f"timing=la.{compiled.timing.name}, settling={compiled.settling!r}"
    if data is None and report.seed is not None:
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
            f"x = {x}",
            f"run = machine.run(x)  # engine here: {' '.join(report.engine.split())}",
            f"print(la.compare(run, lstm, tolerance={float(report.tolerance)!r}))",
        ]
    )


def command_line(report: Report, run: Run, model: Path | None, data: Path | None) -> str | None:
    """Return the command that makes `report` and `run` again from the files `model` and `data`.

    None if the command line has no words for it.
    """
    technology = _preset(run)
    if technology is None or run.x.ndim != _ONE_SEQUENCE or len(run.passes) > 1:
        return None
    compiled = run.passes[0].compiled
    words = ["lstm-analog", "compare", str(model or _BLANK_MODEL)]
    if data is None and report.seed is not None:
        words += ["--steps", str(run.x.shape[0]), "--seed", str(report.seed)]
    else:
        words += ["--input", str(data or _BLANK_INPUT)]
    words += ["--technology", technology, "--timing", compiled.timing.value, "--settling", f"{compiled.settling:g}"]
    return join([*words, "--html", "report.html"])


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
