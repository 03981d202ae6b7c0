"""Yield of the airline forecaster through the public call: `python benchmarks/yields.py [chips]`, 1,000 unless given.

15 units over 144 months, `Settle`, lots of 250; of op-amps, which take a hundred times as long, a tenth as many chips
in lots of 100. A chip works if its forecasts from 1950 on are within 5 thousand passengers RMSE of the digital ones.
Each row of the first table in a process of its own, whose most memory is that of all in it, imports and compiling too;
times are of the processor, drawing included, the least of three, against the numpy LSTM over one sequence and over as
many sequences at once as a lot has chips, in the same process. Then yields with their 95 % intervals, and the time by
the size of lots.
"""

import json
import sys
from dataclasses import dataclass
from functools import cache

import numpy as np
from measure import apart, conditions, least, peak, table

import lstm_analog as la
from lstm_analog.imperfections import AmplifierOffset, BoreTolerance, DeviceSpread, ProgrammingError
from lstm_analog.model.airline import forecaster, series
from lstm_analog.model.sequences import Outputs
from lstm_analog.study import Spec, yield_of

CHIPS = 1000
WARM_UP = 12
"""Months that do not count."""
WITHIN = Spec(at_most=5.0)
"""Thousand passengers RMSE."""
TECHNOLOGIES = {"BEHAVIOURAL": la.electrical.BEHAVIOURAL, "OIL": la.hydraulic.OIL, "OPAMP": la.electrical.OPAMP}
SETTLING = 24.0
CAUSES = {
    "BEHAVIOURAL": (
        *(ProgrammingError(sigma=sigma) for sigma in (0.03, 0.01, 0.003, 0.001)),
        *(DeviceSpread(share=share) for share in (0.01, 0.003, 0.001)),
    ),
    "OIL": tuple(BoreTolerance(sigma=sigma) for sigma in (0.01, 0.0025, 0.001)),
    "OPAMP": (
        *(AmplifierOffset(volts=volts) for volts in (1e-3, 1e-4, 1e-5)),
        *(DeviceSpread(share=share) for share in (0.01, 0.001)),
    ),
}
SEED = 1
LOTS = (50, 100, 250, 500, 1000)


@dataclass(frozen=True, kw_only=True)
class Forecasts:
    """RMSE of the forecasts of each chip to the digital ones (thousand passengers)."""

    units: int = 15

    def __call__(self, outputs: Outputs) -> np.ndarray:
        made = forecaster(self.units)
        analog = made.decode(outputs.h)[..., WARM_UP:, 0]
        return np.sqrt(np.mean((analog - digital(self.units)[WARM_UP:]) ** 2, axis=-1))


@cache
def digital(units: int) -> np.ndarray:
    """Return the digital forecasts, (144,)."""
    made = forecaster(units)
    return made.decode(made.lstm(made.encode(series()[1])).h)[:, 0]


def found(name: str, cause: object, chips: int, lot_size: int = 250) -> la.study.Yield:
    """Return the yield of so many chips in the technology of that name with a `cause`."""
    made = forecaster(15)
    machine = la.compile(made.lstm, TECHNOLOGIES[name], settling=SETTLING)
    x = made.encode(series()[1])
    return yield_of(
        machine, cause, x, metric=Forecasts(), spec=WITHIN, chips=chips, seed=SEED, lot_size=lot_size, engine="settle"
    )


def one(name: str, chips: int, lot_size: int) -> dict[str, float]:
    """Return the figures of so many chips."""
    made = forecaster(15)
    x, cause = made.encode(series()[1]), CAUSES[name][0]
    batch = np.broadcast_to(x, (lot_size, *x.shape))
    found(name, cause, chips, lot_size)
    used = peak()  # before the numpy LSTM runs
    calls = (lambda: found(name, cause, chips, lot_size), lambda: made.lstm(x), lambda: made.lstm(batch))
    ours, alone, together = least(calls, 3)
    each = ours / chips
    return {"each": 1e3 * each, "alone": each / alone, "together": each / (together / lot_size), "peak": used}


def row(name: str, chips: int, lot_size: int) -> tuple[object, ...]:
    """Return a row of a table, from a process of its own."""
    told = apart(__file__, name, chips, lot_size)
    return chips, name, lot_size, *(told[column] for column in ("each", "alone", "together", "peak"))


def main(chips: int) -> None:
    """Print the tables."""
    print(conditions())
    heads = ("chips", "technology", "lot", "ms a chip", "/ numpy LSTM", "/ numpy LSTM in batches", "most memory, MB")
    sizes = [
        (name, count, 250) for name in ("BEHAVIOURAL", "OIL") for count in sorted({min(250, chips), chips, 4 * chips})
    ]
    sizes += [("OPAMP", max(1, chips // 10), 100)]
    print(table(heads, [row(*size) for size in sizes]))
    print("yields within 5 thousand passengers RMSE:")
    rows = []
    for name, causes in CAUSES.items():
        for cause in causes:
            made = found(name, cause, max(1, chips // 10) if name == "OPAMP" else chips)
            low, high = made.interval.low, made.interval.high
            middle, tail = made.quantiles([0.5, 0.9])
            rows.append(
                [made.values.size, name, cause, f"{made.fraction:.1%}", f"{low:.1%} to {high:.1%}", middle, tail]
            )
    print(table(("chips", "technology", "cause", "yield", "interval", "median", "90 % below"), rows))
    print("by the size of lots:")
    print(table(heads, [row("BEHAVIOURAL", chips, size) for size in LOTS if size <= chips]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else CHIPS)
