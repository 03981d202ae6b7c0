"""Writes `layers.svg`, the layers of pyproject.toml and what flows between them: `python docs/make_layers.py`."""

import re
import tomllib
from html import escape
from pathlib import Path

HERE = Path(__file__).parent
WIDTH, ROW, NAME, LEFT = 960, 25, 112, 12
HOLDS = {
    "__main__": "python -m lstm_analog",
    "cli": "the command line; the only place that prints",
    "arguments": "what each command takes",
    "demo": "the airline forecaster, start to end",
    "torch": "PyTorch modules in and out; the only place that needs torch",
    "machine": "Machine: compile, run, write, check, save; what a user holds",
    "show": "pictures; the only matplotlib",
    "analogies": "machine learning as other machines: descent, nerve cells, chance",
    "study": "Run, compare, check, certify, calibrate, bill of materials: how far from the LSTM, and why",
    "engines": "Network + Schedule -> Trajectory: Waveform, Settle, Integrate, Ngspice, Rumoca, Vacask",
    "export": "Network <-> text: SPICE, Verilog-A, Modelica, EPANET, JSON, GraphML",
    "compiler": "LSTM -> signal network -> Network, by technology",
    "imperfections": "Network -> Network of real parts",
    "model": "LSTM: numbers, digital answer, files",
    "network": "Network, part banks, laws, Schedule, Trajectory",
    "expressions": "one expression: value, derivative, text in every language",
    "records": "frozen records as arrays in a file",
    "tables": "tables of numbers: csv, npy, data frames",
    "zips": "zip archives, bounded",
    "files": "reading once, writing whole or not at all",
    "npy": "numpy's format, without pickles",
    "interruption": "ending in order when told to stop",
    "summaries": "a record in a few lines",
    "doors": "arguments held against annotations",
    "arrays": "float64 and index arrays, checked, read-only",
    "frames": "data frames as sequences",
    "errors": "every error and warning, one form of message",
}
FLOWS = (
    (
        "compile",
        ("file", "model.load", "LSTM", "compiler", "signal network", "lower", "Network + clock", "machine", "Machine"),
    ),
    ("run", ("x", "compiler", "Schedule", "engines", "Trajectory", "study", "Run: h, c, z", "study", "Report")),
    ("certify", ("Network", "export", "netlist", "read back", "equal Network", "study", "Certificate")),
)


def layers() -> list[list[str]]:
    """Return the layers of the import contract, top first; those of one layer may not import each other."""
    told = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = (each for each in told["tool"]["importlinter"]["contracts"] if each["id"] == "layers")
    return [re.findall(r"\w+", layer) for layer in contract["layers"]]


def picture() -> str:
    """Return the picture as SVG."""
    found, body = layers(), []
    for row, names in enumerate(found):
        share = (WIDTH - 2 * LEFT) / len(names)
        body += [band(name, LEFT + share * place, 34 + ROW * row, share - 4) for place, name in enumerate(names)]
    top = 34 + ROW * len(found) + 26
    for number, (title, stations) in enumerate(FLOWS):
        body += flow(title, stations, top + 52 * number)
    height = top + 52 * len(FLOWS)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        'font-family="Helvetica, Arial, sans-serif" font-size="12">'
    )
    ground = f'<rect x="0" y="0" width="{WIDTH}" height="{height}" fill="#ffffff"/>'
    title = text(LEFT, 22, "Each layer may import from those below it, and from no other", "#333333")
    return "\n".join([head, ground, title, *body, "</svg>", ""])


def band(name: str, x: float, y: float, width: float) -> str:
    """Return the band of the layer `name` at `x`, `y`, of `width`."""
    main = name in ("machine", "study", "engines", "export", "compiler", "imperfections", "model", "network")
    box = f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{ROW - 4}" fill="{"#dbe7f4" if main else "#f0f0f0"}"/>'
    label = text(x + 8, y + 15, name, "#000000", "bold")
    return box + label + text(x + NAME, y + 15, HOLDS[name], "#333333")


def flow(title: str, stations: tuple[str, ...], y: float) -> list[str]:
    """Return one row of boxes, each the result of what stands on the arrow before it, at the height `y`."""
    result, x = [text(LEFT, y + 20, title, "#000000", "bold")], 82.0
    for place in range(0, len(stations), 2):
        if place:
            made = stations[place - 1]
            result.append(f'<path d="M{x:g} {y + 16:g} h74 m-6 -4 l6 4 l-6 4" fill="none" stroke="#333333"/>')
            result.append(text(x + 2, y + 10, made, "#333333"))
            x += 78
        width = 24 + 6.6 * len(stations[place])
        result.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="32" rx="4" fill="#fff4d6" stroke="#b08d2e"/>'
        )
        result.append(text(x + 12, y + 20, stations[place], "#000000"))
        x += width + 4
    return result


def text(x: float, y: float, words: str, colour: str, weight: str = "normal") -> str:
    """Return `words` at `x`, `y`."""
    return f'<text x="{x:g}" y="{y:g}" fill="{colour}" font-weight="{weight}">{escape(words)}</text>'


if __name__ == "__main__":
    (HERE / "layers.svg").write_text(picture(), encoding="utf-8")
