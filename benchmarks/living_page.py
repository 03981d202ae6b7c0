"""The engine of the living page against Integrate: all technologies but transistor cells, clocks, cells and layers.

`python benchmarks/living_page.py [words]` (`make page`) writes the graph file of each machine, runs it in node by the
engine of the page and by `Integrate`, and prints a table: the unknowns, the worst difference of all nodes at the end of
every interval and at the samples in between, in units of signal, the engine's steps for a step of the sequence, and its
processor time. Phases last 6 time constants, so that all that settles is still seen to move. Then nerve cells and
siphon tanks, which switch by themselves: the error of their period. With `words`, only rows whose technology, clock or
model holds one of them; `cell` has the cells alone.
"""

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

import lstm_analog as la
from lstm_analog import imperfections as imp
from lstm_analog.analogies import NERVE, SIPHON, cells_of
from lstm_analog.compiler.electrical import BEHAVIOURAL, OPAMP, OPAMP_BENCH, OPAMP_IDEAL
from lstm_analog.compiler.hydraulic import GLYCEROL, OIL, WATER, Detail
from lstm_analog.engines import Integrate, start_efforts
from lstm_analog.errors import LstmAnalogError
from lstm_analog.export import Driven, write_json
from lstm_analog.machine import Machine
from lstm_analog.model.random import Form
from lstm_analog.network.schedule import Imposed, Schedule

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "helpers"))
from measure import table
from page_engine import apart, in_node

PLUMBING = [replace(liquid, detail=detail) for liquid in (OIL, WATER, GLYCEROL) for detail in Detail]
CIRCUITS = [BEHAVIOURAL, OPAMP_IDEAL, OPAMP, OPAMP_BENCH]
MODELS = {"LSTM": (Form.LSTM, 1), "GRU": (Form.GRU, 1), "LSTM, two layers": (Form.LSTM, 2)}
WORN = (
    imp.Rangeability(ratio=3.0),
    imp.Deadband(z=0.1),
    imp.SeatLeak(share=0.05),
    imp.OrificePorts(transition=3e3),
    imp.EndLoss(share=0.1, flow=1e-7),
)
STEPS = 3
CELLS = {
    "a nerve cell": (NERVE, (110e-12, 150e-12, 400e-12, 1500e-12)),
    "a cell as siphon": (SIPHON, (1.1e-7, 3e-7, 1e-6)),
}
PERIODS = 4.5


def machines() -> Iterator[tuple[str, Machine]]:
    """Yield the machines with their names; those that a technology refuses are left out."""
    for technology in (*PLUMBING, *CIRCUITS):
        for timing in la.CLOCKED, la.GATED_LEAK:
            for name, (form, layers) in MODELS.items():
                model = la.random_lstm(np.random.default_rng(0), 2, 2, layers=layers, scale=2.0, form=form)
                detail = f" {technology.detail.value}" if technology in PLUMBING else ""
                told = f"{technology.name}{detail} | {timing.value.replace('_', ' ')} | {name}"
                try:
                    yield told, la.compile(model, technology, timing=timing, settling=6.0)
                except LstmAnalogError as refusal:
                    print(f"| {told} | refused: {refusal} |", file=sys.stderr)
    worn = la.compile(la.random_lstm(np.random.default_rng(0), 2, 2), PLUMBING[2], settling=6.0)
    for cause in WORN:
        worn = worn.with_imperfection(cause, imp.Streams(seed=1))
    yield "OIL dynamic, worn | clocked | LSTM", worn


def row(machine: Machine, folder: Path, tolerance: float) -> tuple[str, float]:
    """Return the cells of the table for `machine`, and the largest difference."""
    x = np.random.default_rng(1).uniform(-1.0, 1.0, (STEPS, 2))
    machine.write.json(folder / "network.json", x)
    expected = Integrate(points=17, rtol=1e-10, atol=1e-12).run(machine.network, machine.schedule(x))
    run = in_node(folder, machine.network, tolerance)
    ends, between = apart(run, expected)
    cost = f"{run.steps / STEPS:.0f} | {run.milliseconds / STEPS:.0f}"
    return f"{run.free} | {ends:.1e} | {between:.1e} | {cost}", max(ends, between)


def firing(folder: Path) -> Iterator[list[str]]:
    """Yield rows of a table: cell, flow, period, and its error in the page's engine, twice, and in `Integrate`."""
    for name, (cell, flows) in CELLS.items():
        network = cells_of(cell, np.ones((1, 1)), np.zeros(1), 1.0)
        for flow in flows:
            period = float(cell.period(np.array(flow)))
            drive = Imposed(label="drive", efforts=np.array([[0.0, 1.0], [flow, 1.0]]))
            schedule = Schedule(
                names=("rest", "driven"),
                high=np.zeros((2, 0), dtype=bool),
                durations=np.full(2, PERIODS * period),
                imposed=(drive,),
            )
            driven = Driven(schedule=schedule, once=1, start=start_efforts(network, schedule))
            write_json(folder / "network.json", network, driven=driven)
            runs = [in_node(folder, network, tolerance) for tolerance in (1e-8, 1e-11)]
            spikes = [np.array([time for time, _, on in run.switchings if on]) for run in runs]
            expected = Integrate(rtol=1e-10, atol=1e-13).run(network, schedule).switchings
            spikes.append(expected.closings(int(network.unknowns["firing"][0])))
            errors = [f"{abs(np.diff(each) / period - 1.0).max():.1e}" for each in spikes]
            yield [name, f"{flow:g}", f"{period:.6g}", *errors, f"{runs[0].steps / PERIODS:.0f}"]


def main() -> None:
    """Print the tables, and the worst of the first."""
    print("| technology | clock | model | unknowns | at ends | between | steps a step | ms a step |\n|" + "---|" * 8)
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for told, machine in machines():
            if sys.argv[1:] and not any(word in told for word in sys.argv[1:]):
                continue
            cells, difference = row(machine, Path(folder), 1e-8)
            print(f"| {told} | {cells} |", flush=True)
            worst = max(worst, difference)
        print(f"\nworst difference: {worst:.1e} of a unit of signal\n")
        if not sys.argv[1:] or "cell" in sys.argv[1:]:
            heads = [
                "cell",
                "flow",
                "period, s",
                "page, 1e-8",
                "page, 1e-11",
                "Integrate, 1e-10",
                "steps a period at 1e-8",
            ]
            print(table(heads, list(firing(Path(folder)))))


if __name__ == "__main__":
    main()
