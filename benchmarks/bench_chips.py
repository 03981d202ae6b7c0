"""Many chips of a machine through `Machine.run`, and what a run keeps: `python benchmarks/bench_chips.py [chips ...]`.

The airline forecaster of 15 units over its 144 months, programming error 3 % of Gmax, drawn for each chip, settled.
Each row in a process of its own, whose most memory is that of all in it, imports and compiling too. Times are of the
processor: drawing the chips; the first run, which works out the phases, with reading h; another one. Against the numpy
LSTM over as many sequences at once, in the same process. Then the same as whole waveforms, and 397 sequences of 8 steps
through chips of 16 units, as a classifier would take them.
"""

import json
import sys

import numpy as np
from measure import apart, conditions, once, peak, table

import lstm_analog as la
from lstm_analog.imperfections import ProgrammingError, Streams
from lstm_analog.model.airline import forecaster, series

CHIPS, FEW = (10, 100, 1000), (10, 100)
KEEPS = (la.Keep.OUTPUTS, la.Keep.SIGNALS, la.Keep.EVERYTHING)
TURNS = {"airline": 5, "waveforms": 2, "sequences": 1}
"""How often each case is run again."""
SEQUENCES, STEPS, UNITS, INPUTS = 397, 8, 16, 8
LARGEST = 2e9
"""Bytes above which a row is not run, but only estimated."""


def case(name: str) -> tuple[la.LSTM, np.ndarray]:
    """Return the LSTM and the inputs of `name`: "airline" or "waveforms", which are the same, or "sequences"."""
    if name != "sequences":
        made = forecaster(15)
        return made.lstm, made.encode(series()[1])
    lstm = la.random_lstm(np.random.default_rng(0), INPUTS, UNITS)
    return lstm, np.random.default_rng(1).uniform(0.0, 1.0, (SEQUENCES, STEPS, INPUTS))


def one(name: str, chips: int, keep: la.Keep) -> dict[str, float]:
    """Return the figures of so many chips of the case `name`, of which `keep` is kept."""
    lstm, x = case(name)
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL, settling=24.0)
    engine = la.engines.Waveform() if name == "waveforms" else la.engines.Settle()
    many = [machine]
    draw = once(lambda: many.append(machine.with_imperfection(ProgrammingError(sigma=0.03), drawn(chips))))
    kept = many[-1].kept_bytes(x, keep=keep)
    if kept > LARGEST:
        return {"kept": kept / 1e6}
    answers = []

    def work() -> None:
        answers[:] = [many[-1].run(x, engine=engine, keep=keep, most_bytes=LARGEST).h]

    first, used = once(work), peak()
    turns = range(TURNS[name])
    again = min(once(work) for _ in turns)
    batch = np.broadcast_to(x, (chips, *x.shape)).reshape(-1, *x.shape[-2:])
    reference = min(once(lambda: lstm(batch)) for _ in turns)
    found = {"draw": draw, "first": first, "again": again, "ratio": again / reference, "peak": used}
    each = {name: 1e3 * found[name] / chips for name in ("draw", "first", "again")}
    return found | each | {"kept": kept / 1e6, "answer": answers[0].nbytes / 1e6}


def drawn(chips: int) -> Streams:
    """Return where `chips` are drawn from."""
    return Streams(seed=1, chips=chips)


def row(name: str, chips: int, keep: la.Keep) -> tuple[object, ...]:
    """Return a row of a table, from a process of its own."""
    told = apart(__file__, name, chips, keep.value)
    columns = ("draw", "first", "again", "ratio", "answer", "kept", "peak")
    return chips, keep.value, *(told.get(column, float("nan")) for column in columns)


HEADS = (
    *("chips", "kept", "drawing, ms/chip", "first run, ms/chip", "run, ms/chip", "run / numpy LSTM"),
    *("answer h, MB", "kept, MB", "most memory of the process, MB"),
)


def main(sizes: list[int]) -> None:
    """Print a row for each number of chips and what is kept of them."""
    print(conditions())
    print(table(HEADS, [row("airline", chips, keep) for chips in sizes or CHIPS for keep in KEEPS]))
    print("Whole waveforms:")
    print(table(HEADS, [row("waveforms", chips, keep) for chips in sizes or CHIPS for keep in KEEPS[:2]]))
    print(f"{SEQUENCES} sequences of {STEPS} steps, {UNITS} units:")
    print(table(HEADS, [row("sequences", chips, keep) for chips in sizes or FEW for keep in KEEPS]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one(sys.argv[2], int(sys.argv[3]), la.Keep(sys.argv[4]))))
    else:
        main([int(word) for word in sys.argv[1:]])
