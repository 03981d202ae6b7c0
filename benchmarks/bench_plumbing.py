"""The plumbing: compiling, and its ODE in each detail: `python benchmarks/bench_plumbing.py [units ...]`.

H units, 2 inputs, OIL, 6 steps at 14 time constants a phase, rtol 1e-6, the start at rest included; by `Integrate`,
scipy on the ODE, and by `Waveform`, the default. Times are those of the processor, with OMP_NUM_THREADS=1 of one core.
Wanted: H = 128 compiles in less than 2 s; the ODE of full detail of H = 16 takes less than 2 s on one core.
"""

import sys
from dataclasses import replace
from functools import partial

import numpy as np
from measure import asked, conditions, once, seconds, table

import lstm_analog as la

SIZES = (3, 8, 16, 128)
RUN_UP_TO = 16
"""More units are compiled only."""
ENGINES = (la.engines.Integrate(rtol=1e-6, atol=1e-8), la.engines.Waveform())


def main(sizes: list[int], brief: bool) -> None:
    """Print a row a size and detail; if `brief`, of ideal detail alone, one step and once."""
    rows = []
    for units in sizes or SIZES:
        lstm = la.random_lstm(np.random.default_rng(0), 2, units)
        x = np.random.default_rng(1).uniform(-1, 1, (1 if brief else 6, 2))
        for detail in [*la.hydraulic.Detail][: 1 if brief else None]:
            build = partial(la.compile, lstm, replace(la.hydraulic.OIL, detail=detail), settling=14.0)
            machine, compiling = build(), seconds(build, 3)
            small = units <= RUN_UP_TO
            calls = [partial(machine.run, x, engine=engine) for engine in ENGINES]
            runs = [(once(call) if brief else seconds(call, 1)) if small else "-" for call in calls]
            rows.append((units, detail.value, machine.network.unknowns.size, compiling, *runs))
    print(conditions())
    print(table(("H", "detail", "unknowns", "compile, s", "Integrate, s", "Waveform, s"), rows))


if __name__ == "__main__":
    main(*asked(sys.argv[1:]))
