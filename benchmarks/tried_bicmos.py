#!/usr/bin/env python
"""What was tried for the BiCMOS chip and not taken: `python benchmarks/tried_bicmos.py [static] [pair] [cell]`.

`static` calibrates by sweeps through transparent switches instead of clocked steps; `pair` sweeps a bare pair of MOS
transistors in weak inversion; `cell` puts such transistors in the place of every bipolar one. Needs ngspice; `static`
takes some minutes of one core, `cell` about an hour: a run of BSIM4 costs a hundred times that of a bipolar model.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares
from scipy.special import expit

import lstm_analog as la
from lstm_analog.compiler.bicmos import Bicmos
from lstm_analog.compiler.bicmos_conditions import thermal_voltage
from lstm_analog.compiler.compiled import lower, schedule
from lstm_analog.compiler.passes import signal_network
from lstm_analog.engines import Engine
from lstm_analog.engines.base import Progress
from lstm_analog.engines.raw import read_raw
from lstm_analog.model import Gate, State
from lstm_analog.network.cells import Cells, Library
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import Trajectory
from lstm_analog.study.calibration import corrected, textbook
from lstm_analog.study.calibration_sweep import REACH, Gains, end_to_end, measure_gains, points, probe

SETTLING = 12.0
SWEEPS = 3
NGSPICE = la.engines.Ngspice(time_limit=3600.0)


def errors(technology: Bicmos, engine: Engine, hidden: int, seeds: range, scale: float, steps: int) -> list[float]:
    """Return the largest error of h of an LSTM a seed."""
    found = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        lstm = la.random_lstm(rng, inputs=2, hidden=hidden, scale=scale)
        x = rng.uniform(-1.0, 1.0, (steps, 2))
        run = la.compile(lstm, technology, settling=SETTLING).run(x, engine=engine)
        found.append(float(np.abs(run.h - lstm(x).h).max()))
    return found


def measure_static(technology: Bicmos, engine: Engine) -> Gains:
    """Return the gains of a cell, those that make c read while reset and compute switches are closed: nothing clocked.

    The slave is held at the imposed c, the master follows f c + i g. What makes h is no terminal of the cell then: its
    gains stay those of clocked steps, to the advantage of this way.
    """
    compiled = lower(technology, signal_network(probe()), la.CLOCKED, SETTLING)
    z, imposed = points(technology)
    start = State(h=(np.zeros((imposed.size, 1)),), c=(imposed[:, None],))
    trajectory = engine.run(compiled.network, end_to_end(schedule(compiled, z[:, None, :] / REACH, start)))
    ends = np.flatnonzero([name == "reset" for name in trajectory.schedule.names])

    def read(signal: str) -> np.ndarray:
        volts = trajectory.at_ends(f"{signal}_p", ends) - trajectory.at_ends(f"{signal}_n", ends)
        return volts[:, 0] / technology.unit_of_c

    held, made = read("l0_c"), read("l0_c_new")

    def wrong(gains: np.ndarray) -> np.ndarray:
        add, keep, *folds = gains
        zi, zf, zg = (fold * z[:, gate] for fold, gate in zip(folds, (Gate.INPUT, Gate.FORGET, Gate.CELL), strict=True))
        return made - keep * expit(zf) * held - add * expit(zi) * np.tanh(zg)

    add, keep, input_, forget, candidate = least_squares(wrong, np.ones(5)).x.tolist()
    clocked = measure_gains(technology, engine, SETTLING)
    return replace(clocked, add=add, keep=keep, input=input_, forget=forget, candidate=candidate)


def static() -> Iterator[str]:
    yield "calibrated by sweeps alone, from the textbook; six random LSTMs of 3 units, dh median / worst"
    yield "| sweeps | scale 1, 6 steps | 60 steps | scale 3, 6 steps | 60 steps |"
    yield "|---|---|---|---|---|"
    clocked = lambda technology, engine: measure_gains(technology, engine, SETTLING)  # noqa: E731
    for name, measure in (("clocked steps", clocked), ("transparent switches", measure_static)):
        technology = replace(la.electrical.BICMOS, calibration=textbook(la.electrical.BICMOS))
        for _ in range(SWEEPS):
            gains = measure(technology, NGSPICE)
            technology = replace(technology, calibration=corrected(technology.trims, gains))
        cases = ((1.0, 6), (1.0, 60), (3.0, 6), (3.0, 60))
        found = [errors(technology, NGSPICE, 3, range(6), scale, steps) for scale, steps in cases]
        yield f"| {name} | " + " | ".join(f"{np.median(each):.5f} / {max(each):.5f}" for each in found) + " |"


MODELS = {
    "BSIM3": "nmos level=8 version=3.3.0",
    "BSIM4": "nmos level=14 version=4.8.1",
    "level 1": "nmos level=1 vto=0.5 kp=120u",
}
"""Their own default parameters."""
DECK = """* a pair of {width} um / 1 um with a tail of {current} A
.options reltol=1e-6 abstol=1e-16 vntol=1e-9 gmin=1e-18
.model n {model}
vdd vdd 0 3
vp p 0 1.5
vd p n 0
va vdd a 0
m1 a p s 0 n w={width}u l=1u
m2 vdd n s 0 n w={width}u l=1u
it s 0 {current}
h1 share 0 va {ohm}
h2 control 0 vp 0
e1 drive 0 p n 1
.save v(share) v(drive)
.dc vd -0.25 0.25 0.0025
.end
"""


def pair() -> Iterator[str]:
    yield "a bare pair, 20 um / 1 um, its share of the tail against sigmoid(v / n V_T), 27 C"
    yield "| model | tail | n | largest error |"
    yield "|---|---|---|---|"
    for name, model in MODELS.items():
        for current in (1e-8, 1e-7, 1e-6):
            drive, share = swept(DECK.format(width=20, current=current, model=model, ohm=1.0 / current))

            def wrong(values: np.ndarray, drive: np.ndarray = drive, share: np.ndarray = share) -> np.ndarray:
                return share - expit((drive - values[1]) / (values[0] * thermal_voltage(27.0)))

            found = least_squares(wrong, [1.3, 0.0])
            yield f"| {name} | {1e9 * current:.0f} nA | {found.x[0]:.3f} | {np.abs(found.fun).max():.4f} |"


def swept(deck: str) -> tuple[np.ndarray, np.ndarray]:
    """Return what ngspice makes of `deck`: the voltage between the gates, and the share of the first transistor."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        (path / "pair.cir").write_text(deck, encoding="ascii")
        command = ["ngspice", "-b", "-n", "-r", "out.raw", "pair.cir"]
        subprocess.run(command, cwd=path, capture_output=True, check=True)
        _, volts = read_raw(path / "out.raw", ["drive", "share"])
    return volts[:, 0], volts[:, 1]


@dataclass(frozen=True, kw_only=True)
class WeakInversion:
    """An engine that puts an n-channel transistor of 1000 um / 1 um in the place of each bipolar one of area 1."""

    engine: Engine

    def run(self, network: Network, schedule: Schedule, progress: Progress | None = None) -> Trajectory:
        """Return what the engine makes of the network with these transistors."""
        parts = tuple(self._mos(part) if isinstance(part, Cells) else part for part in network.parts)
        return self.engine.run(replace(network, parts=parts), schedule, progress)

    def _mos(self, part: Cells) -> Cells:
        circuits = (
            replace(circuit, cards=tuple(map(self._card, circuit.cards))) for circuit in part.library.subcircuits
        )
        models = (".model nw nmos(level=14 version=4.8.1)", *part.library.models[1:])
        return replace(part, library=Library(models=models, subcircuits=tuple(circuits)))

    def _card(self, card: str) -> str:
        if not card.startswith("q"):
            return card
        name, collector, base, emitter, _, area = card.split()
        return f"m_{name} {collector} {base} {emitter} 0 nw w=1000u l=1u m={float(area)}"


def cell() -> Iterator[str]:
    engine = WeakInversion(engine=NGSPICE)
    technology = replace(la.electrical.BICMOS, calibration=textbook(la.electrical.BICMOS))
    for _ in range(SWEEPS):
        gains = measure_gains(technology, engine, SETTLING)
        technology = replace(technology, calibration=corrected(technology.trims, gains))
        yield f"gains within {gains.worst:.4f} of 1; what no gain mends: {gains.residual:.4f} of a unit of c or h"
    yield "calibrated by sweeps alone; three random LSTMs of 1 unit, 6 steps, dh"
    yield "| scale | median | worst |"
    yield "|---|---|---|"
    for scale in (1.0, 3.0):
        found = errors(technology, engine, 1, range(3), scale, 6)
        yield f"| {scale:g} | {np.median(found):.4f} | {max(found):.4f} |"


def main(what: list[str]) -> None:
    tables = {"static": static, "pair": pair, "cell": cell}
    for name in what or tables:
        for line in tables[name]():
            print(line, flush=True)
        print()


if __name__ == "__main__":
    main(sys.argv[1:])
