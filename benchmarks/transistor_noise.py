"""Noise of the transistor chip by three methods: `python benchmarks/transistor_noise.py [runs] [technology] [count]`.

40 runs of BICMOS unless given; the technology may be SKY130 or SKY130_MOS; `count` is how many machines are taken.

`.noise` of ngspice in each clock state, carried on by the LSTM; the same by hand; transients with random sources
beside every transistor and resistor. Then which part made it in which clock state, and what stands on the terminals.
The folder in the environment variable PICTURES gets the picture and the table as csv.
"""

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from measure import conditions, table

import lstm_analog as la
from lstm_analog.compiler.bicmos import Bias, Bicmos, Conditions
from lstm_analog.engines import Ngspice
from lstm_analog.study import TransientNoise, TransistorNoise, transistor_noise
from lstm_analog.study.transistor_result import largest_of

STEPS, SETTLING = 6, 12.0
PATIENT = Ngspice(time_limit=7200.0)
HOT = Conditions(temperature=85.0, supply=5.0, bias=Bias.PTAT)
MACHINES = (
    ("1 unit", 1, 1.0, None),
    ("3 units", 3, 1.0, None),
    ("3 units, weights x 3", 3, 3.0, None),
    ("3 units, 85 C, PTAT", 3, 1.0, HOT),
    ("8 units", 8, 1.0, None),
)
"""Name, units, scale of the weights, conditions unless those of the technology."""
SHARED = {"1 unit": 1, "3 units": 4}
"""Machines with transients; of the larger ones the fewer runs, by this factor."""


def noise(units: int, scale: float, technology: object) -> TransistorNoise:
    lstm = la.random_lstm(np.random.default_rng(0), inputs=2, hidden=units, scale=scale)
    made = la.compile(lstm, technology, settling=SETTLING)
    return transistor_noise(made, np.random.default_rng(1).uniform(-1, 1, (STEPS, 2)), engine=PATIENT)


def root(sigma: np.ndarray) -> float:
    return float(np.sqrt(np.mean(sigma**2)))


def compared(
    name: str, found: TransistorNoise, transients: TransientNoise | None, seconds: float
) -> Iterator[tuple[str, ...]]:
    """Yield for h and c: sigma, by hand over simulated (all, least and largest of a unit and step), of transients."""
    for signal in ("h", "c"):
        simulated, by_hand = getattr(found.simulated, signal), getattr(found.estimated, signal)
        ratio = by_hand / simulated
        told = (f"{root(by_hand) / root(simulated):.3f}", f"{ratio.min():.3f}", f"{ratio.max():.3f}")
        sampled = ("", "")
        if transients is not None:
            sigma = transients.sigma[signal]
            whole = root(sigma) / root(simulated)
            units = np.sqrt(np.mean(sigma**2, axis=0) / np.mean(simulated**2, axis=0))
            sampled = (f"{whole:.3f}", f"{units.min():.2f} to {units.max():.2f}")
        yield name, signal, f"{root(simulated):.2e}", *told, *sampled, f"{seconds:.0f}"


def parts(found: TransistorNoise) -> Iterator[tuple[str, ...]]:
    """Yield the parts that hold 0.5 % of the variance of h or c or more, by clock state: state, part, kind, shares."""
    totals = {name: sum(getattr(row, name) ** 2 for row in found.rows) for name in ("h", "c")}
    for row in found.rows:
        pairs = ((row.h, row.h_by_hand, totals["h"]), (row.c, row.c_by_hand, totals["c"]))
        shares = [(one**2 / total, other**2 / total) for one, other, total in pairs]
        if max(map(max, shares)) >= 0.005:
            yield row.state, row.part, row.kind, *(f"{share:.1%}" for pair in shares for share in pair)


def standing(found: TransistorNoise) -> Iterator[tuple[str, ...]]:
    for state, (c, h) in zip(found.standing.intervals, found.standing.sigma.tolist(), strict=True):
        loud = [row for row in largest_of(found.rows) if row.state == state]
        told = [max(loud, key=lambda row: getattr(row, f"{name}_standing")).part for name in ("h", "c")]
        yield state, f"{h:.2e}", told[0], f"{c:.2e}", told[1]


def shared(found: TransistorNoise) -> str:
    """Return the largest correlation of what two units take while their masters are filled."""
    states = found.states
    c, h = states.master_signals[:2], states.master_signals[3:5]
    pairs = [(c[0], c[1]), (h[0], h[1]), (c[0], h[1])]
    each = [*c, *h, *({**one, **other} for one, other in pairs)]
    variance = states.spectra(2, each).variance.sum(axis=1)
    alone = [(0, 1), (2, 3), (0, 3)]
    found_ = [
        (variance[4 + number] - variance[a] - variance[b]) / 2.0 / np.sqrt(variance[a] * variance[b])
        for number, (a, b) in enumerate(alone)
    ]
    return f"{np.abs(found_).max():.1e}"


def main(runs: int, chosen: Bicmos, machines: int) -> None:
    print(conditions(), chosen.name, flush=True)
    rows, kept = [], {}
    for name, units, scale, given in MACHINES[:machines]:
        start = time.perf_counter()
        found = noise(units, scale, replace(chosen, conditions=given or chosen.conditions))
        seconds = time.perf_counter() - start
        transients = None
        count = runs // SHARED.get(name, runs + 1)
        if count > 1:
            start = time.perf_counter()
            transients = found.transients(count, seed=1, period=chosen.cell_load * chosen.hold_capacitance / 25.0)
            print(f"{name}: {count} transients in {time.perf_counter() - start:.0f} s", flush=True)
        rows += compared(name, found, transients, seconds)
        print(*rows[-2:], dict(found.simulated.origins().by_kind), flush=True)
        kept[name] = found, transients
    heads = ("machine", "signal", "sigma", "by hand / simulated", "least", "largest", "transients / simulated")
    print(f"\n{table((*heads, 'by unit', 's'), rows)}")
    found, transients = kept.get("3 units", kept["1 unit"])
    print(f"\ncorrelation of units while masters are filled: {shared(found)}")
    shares = ("h simulated", "h by hand", "c simulated", "c by hand")
    print(f"\n{table(('clock state', 'part', 'kind', *shares), parts(found))}")
    print(f"\n{table(('clock state', 'on h', 'most by', 'on c', 'most by'), standing(found))}")
    folder = os.environ.get("PICTURES")
    if folder:
        la.show.save(la.show.transistor_noise(found, transients), Path(folder) / "transistor_noise.png")
        found.write_csv(Path(folder) / "transistor_noise.csv")


if __name__ == "__main__":
    given = dict(enumerate(sys.argv))
    main(int(given.get(1, 40)), getattr(la.electrical, given.get(2, "BICMOS")), int(given.get(3, len(MACHINES))))
