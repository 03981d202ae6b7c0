"""Yield of the airline forecaster after trimming: `python benchmarks/trimming.py [chips]`, 400 unless given.

15 units, `Settle`. Chips are trimmed by h in the months to 1956-12 and judged by the forecasts from 1958-01 on, which
the LSTM was not trained on either: a chip works if they are within 5 thousand passengers RMSE of the digital ones. The
head is digital; refitted, it is the ridge regression of the digital forecasts of 1950 to 1956 on the h of each chip.
"Also by 1.5 x" chips are trimmed by a second sequence too, these months with 1.5 times the passengers, which reaches as
far as the last years. The first table has yields with their 95 % intervals, of chips of a seed of their own; the second
what is left of the error of h where it was trimmed and where it was not; the third what rounds, damping, resolution and
the choice of biases do at one strength; the fourth the cost.
"""

import sys
from dataclasses import dataclass, replace

import numpy as np
from measure import conditions, least, table
from yields import SETTLING, WITHIN, digital

import lstm_analog as la
from lstm_analog.imperfections import BoreTolerance, OutputConverter, ProgrammingError, Streams
from lstm_analog.model.airline import TEST_START, forecaster, series
from lstm_analog.model.sequences import Outputs
from lstm_analog.study import Trimmer, Yield, trimmer, yield_of

CHIPS = 400
UNITS = 15
TRIMMED = slice(0, 96)
"""Months by which chips are trimmed."""
FITTED = slice(12, 96)
"""Months by which heads are refitted; in the first year the state is still that of the start."""
JUDGED = slice(TEST_START, None)
RIDGE = 1e-4
"""Added to the diagonal of the squared h when a head is refitted."""
SEED = 31
"""Of the chips. Damping, relaxation and rounds were chosen on seed 5, the range and the factor on 5 and 77."""
RESOLUTION = 1 / 1024
"""Step of a device, as a share of Gmax."""
LARGEST = 1.25
"""Largest conductance of a device, as a share of Gmax."""
ENLARGED = 1.5
"""Passengers of the months that chips are trimmed by are multiplied by it, in a second sequence of inputs."""
CAUSES = (
    ("BEHAVIOURAL", ProgrammingError(sigma=0.003)),
    ("BEHAVIOURAL", ProgrammingError(sigma=0.01)),
    ("BEHAVIOURAL", ProgrammingError(sigma=0.03)),
    ("OIL", BoreTolerance(sigma=0.0025)),
)
TECHNOLOGIES = {"BEHAVIOURAL": la.electrical.BEHAVIOURAL, "OIL": la.hydraulic.OIL}


@dataclass(frozen=True, kw_only=True)
class Forecasts:
    """RMSE of the judged forecasts of each chip to the digital ones (thousand passengers), with its head `refitted`."""

    refitted: bool

    def __call__(self, outputs: Outputs) -> np.ndarray:
        analog = refitted(outputs.h) if self.refitted else forecaster(UNITS).decode(outputs.h)[..., 0]
        return np.sqrt(np.mean((analog[..., JUDGED] - digital(UNITS)[JUDGED]) ** 2, axis=-1))


def refitted(h: np.ndarray) -> np.ndarray:
    """Return the forecasts (chips, time) of heads refitted to the `h` (chips, time, units) of each chip."""
    made = forecaster(UNITS)
    given = np.concatenate([h, np.ones((*h.shape[:-1], 1))], axis=-1)
    seen, wanted = given[:, FITTED], (digital(UNITS)[FITTED] - made.offset) / made.scale
    normal = seen.swapaxes(1, 2) @ seen + RIDGE * np.eye(seen.shape[-1])
    head = np.linalg.solve(normal, seen.swapaxes(1, 2) @ wanted[:, None])
    return made.offset + made.scale * (given @ head)[..., 0]


def inputs() -> np.ndarray:
    """Return x of all months, (144, 1)."""
    return forecaster(UNITS).encode(series()[1])


def compiled(name: str) -> la.Machine:
    """Return the machine in the technology of that name."""
    return la.compile(forecaster(UNITS).lstm, TECHNOLOGIES[name], settling=SETTLING)


def lessons(*factors: float) -> np.ndarray:
    """Return the inputs that chips are trimmed by, (factors, 96, 1): the passengers multiplied by each of `factors`."""
    made, (_, passengers) = forecaster(UNITS), series()
    return np.stack([made.encode(factor * passengers[TRIMMED]) for factor in factors])


def prepared(machine: la.Machine, *factors: float, **choices: object) -> Trimmer[la.Machine]:
    """Return the trimmer of the `machine` by months multiplied by `factors`, with other `choices` than usual."""
    usual = {"resolution": RESOLUTION, "largest": LARGEST}
    return trimmer(machine, lessons(*(factors or (1.0,))), **{**usual, **choices})


def judged(design: object, cause: object, chips: int, *, refit: bool = False) -> Yield:
    """Return the yield of so many chips of `design` with a `cause`."""
    metric = Forecasts(refitted=refit)
    return yield_of(design, cause, inputs(), metric=metric, spec=WITHIN, chips=chips, seed=SEED, engine="settle")


def told(found: Yield) -> tuple[object, ...]:
    """Return the cells of a table that tell a yield."""
    low, high = found.interval.low, found.interval.high
    return f"{found.fraction:.1%}", f"{low:.1%} to {high:.1%}", *found.quantiles([0.5, 0.9])


def yields(chips: int) -> list[tuple[object, ...]]:
    """Return the rows of the first table."""
    rows = []
    for name, cause in CAUSES:
        machine = compiled(name)
        trimmed, wider = prepared(machine).design, prepared(machine, 1.0, ENLARGED).design
        designs = ((machine, "as made"), (trimmed, "trimmed"), (wider, f"trimmed, also by {ENLARGED:g} x"))
        for design, how in designs:
            for refit, head in ((False, ""), (True, ", head refitted")):
                rows.append((chips, name, cause, how + head, *told(judged(design, cause, chips, refit=refit))))
    return rows


def errors(chips: int) -> list[tuple[object, ...]]:
    """Return the rows of the second table: the median over chips of the RMS error of h, before and after."""
    rows = []
    for name, cause in CAUSES:
        machine = compiled(name)
        made = machine.with_imperfection(cause, Streams(seed=SEED, chips=chips))
        ideal, before = h_of(machine), h_of(made)
        for factors in ((1.0,), (1.0, ENLARGED)):
            after = h_of(prepared(machine, *factors).trim(made).machine)
            for months, where in ((TRIMMED, "trimmed by"), (JUDGED, "not seen")):
                left = [median_error(each[:, months], ideal[months]) for each in (before, after)]
                rows.append(
                    (chips, name, cause, " and ".join(f"{f:g} x" for f in factors), where, *left, left[1] / left[0])
                )
    return rows


def h_of(machine: la.Machine) -> np.ndarray:
    """Return h in all months, of each chip if there are several."""
    return machine.run(inputs(), engine="settle", keep=la.Keep.OUTPUTS).h


def median_error(h: np.ndarray, ideal: np.ndarray) -> float:
    """Return the median over chips of the RMS error of `h` (chips, time, units)."""
    return float(np.median(np.sqrt(np.mean((h - ideal) ** 2, axis=(1, 2)))))


def choices(chips: int) -> list[tuple[object, ...]]:
    """Return the rows of the third table: one choice changed at a time."""
    name, cause = CAUSES[1]
    machine = compiled(name)
    usual = prepared(machine)
    changed = [(f"rounds {rounds}", replace(usual, rounds=rounds)) for rounds in (6, 1, 2, 3, 12)]
    changed += [(f"damping {share:g}", prepared(machine, damping=share)) for share in (1e-4, 1e-3, 1e-1)]
    steps = ((0.0, "any value"), (1 / 256, "1/256 Gmax"), (1 / 64, "1/64 Gmax"))
    changed += [(f"resolution {text}", replace(usual, resolution=step)) for step, text in steps]
    changed += [(f"devices up to {share:g} Gmax", replace(usual, largest=share)) for share in (1.0, 1.1, 2.0)]
    changed += [(f"months {ENLARGED:g} x alone", prepared(machine, ENLARGED))]
    changed += [(f"biases of {gate} alone", prepared(machine, sums=(f"l0_z{gate}",))) for gate in "ifgo"]
    rows = [(chips, name, cause, text, *told(judged(each.design, cause, chips))) for text, each in changed]
    for bits in (6, 8):
        read = (cause, OutputConverter(bits=bits, low=-1.0, high=1.0))
        rows.append((chips, name, cause, f"h read by {bits} bits", *told(judged(usual.design, read, chips))))
    return rows


def cost(chips: int) -> list[tuple[object, ...]]:
    """Return the rows of the fourth table: times of the processor, the least of three in turns."""
    rows = []
    for name, cause in (CAUSES[1], CAUSES[-1]):
        machine, x = compiled(name), inputs()
        usual = prepared(machine)
        calls = (
            lambda machine=machine, cause=cause: judged(machine, cause, chips),
            lambda usual=usual, cause=cause: judged(usual.design, cause, chips),
            lambda machine=machine: prepared(machine),
            lambda x=x: forecaster(UNITS).lstm(x),
        )
        plain, trimmed, made, lstm = least(calls, 3)
        rows.append(
            (chips, name, 1e3 * plain / chips, 1e3 * trimmed / chips, trimmed / plain, trimmed / chips / lstm, made)
        )
    return rows


def main(chips: int) -> None:
    """Print the tables."""
    print(conditions())
    asked, found = ("chips", "technology", "cause"), ("yield", "interval", "median", "90 % below")
    print(table((*asked, "chips are", *found), yields(chips)))
    print("RMS error of h, the median of all chips:")
    heads = (*asked, "trimmed by months", "judged by months", "before", "after", "after / before")
    print(table(heads, errors(chips)))
    print("with another choice:")
    print(table((*asked, "choice", *found), choices(chips)))
    print("cost:")
    heads = ("chips", "technology", "ms a chip as made", "trimmed", "ratio", "/ numpy LSTM", "making a trimmer, s")
    print(table(heads, cost(chips)))


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else CHIPS)
