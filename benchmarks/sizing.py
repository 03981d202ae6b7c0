"""Three sizings and what every technology takes to run: `make sizing`, or `python benchmarks/sizing.py [which ...]`.

`behavioural`, `oil` and `opamp` size the airline forecasters for a share of the chips whose forecasts are within some
thousand passengers RMSE of the digital ones; each prints the choice, the next cheaper one, both built and sampled by
`Waveform`, and what was judged, and draws it if `SIZING_PICTURES` names a folder. `costs` prints the power, energy and
time of a step, parts and room of every technology, beside published figures of processors.
"""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import nan
from pathlib import Path

import numpy as np
from measure import conditions, processor, table

import lstm_analog as la
from lstm_analog.compiler.technologies import TECHNOLOGIES
from lstm_analog.engines import Ngspice
from lstm_analog.imperfections import ClockFeedthrough
from lstm_analog.model.airline import forecaster, series
from lstm_analog.model.sequences import Outputs
from lstm_analog.study import Knob, Sizing, Spec, Target, digital_costs, narrowed, running_cost, size
from lstm_analog.study.knobs import BANDWIDTH, BORE, CAPACITOR, OFFSET, PHASE_LENGTH, PROGRAMMING

WARM_UP = 12
"""Months that do not count."""
SEED = 1
FEEDTHROUGH = ClockFeedthrough(overlap=50e-15, swing=5.0, fall=20e-9)
"""Of the switches of OPAMP, docs/opamps.md#feedthrough."""
COSTED = 6
"""Months whose running cost is computed."""
UNITS = (4, 15)
HEADS = ("units", "technology", "power, W", "heat of conductances, W", "J a step", "s a step", "parts", "room", "unit")


@dataclass(frozen=True, kw_only=True)
class Forecasts:
    """RMSE of the forecasts of each chip to the digital ones (thousand passengers) in the first `months`."""

    units: int
    months: int

    def __call__(self, outputs: Outputs) -> np.ndarray:
        made, seen = forecaster(self.units), slice(WARM_UP, None)
        wanted = made.decode(made.lstm(inputs(self.units, self.months)).h)[seen, 0]
        return np.sqrt(np.mean((made.decode(outputs.h)[..., seen, 0] - wanted) ** 2, axis=-1))


def inputs(units: int, months: int) -> np.ndarray:
    """Return x of the first `months`, (months, 1)."""
    return forecaster(units).encode(series()[1])[:months]


def sized(technology: object, units: int, months: int, limit: float, **choices: object) -> Sizing:
    """Return the sizing for 90 % of the chips within `limit` thousand passengers, with `choices` of `size`."""
    target = Target(spec=Spec(at_most=limit), share=0.9)
    metric = Forecasts(units=units, months=months)
    make = partial(la.compile, forecaster(units).lstm)
    return size(make, technology, inputs(units, months), metric=metric, target=target, seed=SEED, **choices)


def behavioural() -> Sizing:
    """Return the clock and the programming error with which 90 % of the chips are within 5 thousand."""
    return sized(la.electrical.BEHAVIOURAL, 15, 144, 5.0, chips=400, knobs=(PHASE_LENGTH, PROGRAMMING))


def oil() -> Sizing:
    """Return the clock and the bore tolerance with which 90 % of the machines are within 4 thousand."""
    return sized(la.hydraulic.OIL, 15, 144, 4.0, chips=200, knobs=(PHASE_LENGTH, BORE))


def opamp() -> Sizing:
    """Return gain-bandwidth, offset grade and hold capacitor with which 90 % of the chips are within 5 thousand."""
    knobs: tuple[Knob, ...] = (
        narrowed(BANDWIDTH, at_least=0.5e6, at_most=5e6),
        narrowed(OFFSET, at_least=30e-6, at_most=1e-3),
        narrowed(CAPACITOR, at_least=47e-12, at_most=470e-12),
    )
    return sized(la.electrical.OPAMP, 4, 48, 5.0, chips=60, knobs=knobs, imperfections=(FEEDTHROUGH,))


def costs() -> None:
    """Print what every technology takes, and what processors take for the same step."""
    rows: list[tuple[object, ...]] = []
    for units in UNITS:
        rows += [cost(units, technology) for technology in TECHNOLOGIES.values() if runs(units, technology)]
        rows += [
            (units, each.name, nan if np.isnan(each.time) else each.energy / each.time, nan, each.energy, each.time)
            + ("-",) * 3
            for each in digital_costs(forecaster(units).lstm)
        ]
    print(table(HEADS, rows))


def runs(units: int, technology: object) -> bool:
    """Return whether what a `technology` takes is computed: transistors in ngspice only with the fewest `units`."""
    return technology is not la.electrical.BICMOS or (units == min(UNITS) and shutil.which("ngspice") is not None)


def cost(units: int, technology: object) -> tuple[object, ...]:
    """Return the row of a `technology`."""
    chip, x = technology is la.electrical.BICMOS, inputs(units, COSTED)
    machine = la.compile(forecaster(units).lstm, technology, **({"settling": 12.0, "inputs": x} if chip else {}))
    found = running_cost(machine.run(x, engine=Ngspice() if chip else "settle", keep=la.Keep.EVERYTHING))
    told = (found.power, found.heat, found.energy, found.step_time, found.number, found.room, found.unit)
    return (units, found.technology, *told)


def show(name: str, found: Sizing, seconds: float) -> None:
    """Print a sizing and the choices that were judged, and draw it if a folder is given."""
    print(f"\n{name}, {seconds:.0f} s of the processor:\n{found}\n")
    heads = (*(f"{each.name} ({each.unit})" for each in found.chosen.offer.values), "cost", "excess")
    print(table(heads, [(*(v.value for v in one.values), one.cost, one.excess) for one in found.tried]), flush=True)
    folder = os.environ.get("SIZING_PICTURES")
    if folder:
        picture = la.show.sizing(found, "energy of a step x price of the grades", "RMSE, thousand passengers")
        la.show.save(picture, Path(folder) / f"{name}.png")


SIZINGS: dict[str, Callable[[], Sizing]] = {"behavioural": behavioural, "oil": oil, "opamp": opamp}


def main(which: list[str]) -> None:
    """Print what is asked for."""
    print(conditions())
    for name in which:
        start = processor()
        if name == "costs":
            costs()
        else:
            found = SIZINGS[name]()
            show(name, found, processor() - start)


if __name__ == "__main__":
    main(sys.argv[1:] or ["costs", *SIZINGS])
