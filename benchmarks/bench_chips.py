"""Many chips of a machine through `Machine.run`, and what a run keeps: `python benchmarks/bench_chips.py [chips ...]`.

The airline forecaster of 15 units over its 144 months, programming error 3 % of Gmax, drawn for each chip, settled and
as whole waveforms. Each row in a process of its own, whose most memory is that of all in it, imports and compiling
too. Times are of the processor: drawing the chips; the first run, which works out the phases, with reading h; another
one. Against the numpy LSTM over as many sequences at once, in the same process. Then 397 sequences of 8 steps through
chips of 16 units, as a classifier would take them.
"""

import json
import sys
from collections.abc import Iterator

import numpy as np
from measure import apart, asked, conditions, once, peak, table

import lstm_analog as la
from lstm_analog.imperfections import ProgrammingError, Streams
from lstm_analog.model.airline import forecaster, series

CHIPS, FEW = (10, 100, 1000), (10, 100)
ENGINES = {"settle": la.engines.Settle(), "waveform": la.engines.Waveform()}
KEEPS = {
    "settle": (la.Keep.OUTPUTS, la.Keep.SIGNALS, la.Keep.EVERYTHING),
    "waveform": (la.Keep.OUTPUTS, la.Keep.SIGNALS),
}
TURNS = {"airline": 5, "sequences": 1}
"""How often each case is run again."""
SEQUENCES, STEPS, UNITS, INPUTS = 397, 8, 16, 8
LARGEST = 2e9
"""Bytes above which a row is not run, but only estimated."""


def case(name: str) -> tuple[la.LSTM, np.ndarray]:
    """Return the LSTM and the inputs of `name`: "airline" or "sequences"."""
    if name == "airline":
        made = forecaster(15)
        return made.lstm, made.encode(series()[1])
    lstm = la.random_lstm(np.random.default_rng(0), INPUTS, UNITS)
    return lstm, np.random.default_rng(1).uniform(0.0, 1.0, (SEQUENCES, STEPS, INPUTS))


def one(name: str, engine: str, chips: int, keep: la.Keep) -> dict[str, float]:
    """Return the figures of so many chips of the case `name` by the `engine`, of which `keep` is kept."""
    lstm, x = case(name)
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL, settling=24.0)
    many = [machine]
    draw = once(lambda: many.append(machine.with_imperfection(ProgrammingError(sigma=0.03), drawn(chips))))
    kept = many[-1].kept_bytes(x, keep=keep)
    if kept > LARGEST:
        return {"kept": kept / 1e6}
    answers = []

    def work() -> None:
        answers[:] = [many[-1].run(x, engine=ENGINES[engine], keep=keep, most_bytes=LARGEST).h]

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


def rows(name: str, engine: str, chips: int, brief: bool) -> Iterator[tuple[object, ...]]:
    """Yield a row of a table for each thing that is kept, from a process of its own; if `brief`, for the outputs."""
    for keep in KEEPS[engine][: 1 if brief else None]:
        told = apart(__file__, name, engine, chips, keep.value)
        columns = ("draw", "first", "again", "ratio", "answer", "kept", "peak")
        yield chips, engine, keep.value, *(told.get(column, float("nan")) for column in columns)


HEADS = (
    *("chips", "engine", "kept", "drawing, ms/chip", "first run, ms/chip", "run, ms/chip", "run / numpy LSTM"),
    *("answer h, MB", "kept, MB", "most memory of the process, MB"),
)


def main(sizes: list[int], brief: bool) -> None:
    """Print a row for each number of chips, engine and what is kept of them."""
    print(conditions())
    cases = [(chips, engine) for chips in sizes or CHIPS for engine in ENGINES]
    print(table(HEADS, [row for chips, engine in cases for row in rows("airline", engine, chips, brief)]))
    print(f"{SEQUENCES} sequences of {STEPS} steps, {UNITS} units, settled:")
    print(table(HEADS, [row for chips in sizes or FEW for row in rows("sequences", "settle", chips, brief)]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one(*sys.argv[2:4], int(sys.argv[4]), la.Keep(sys.argv[5]))))
    else:
        main(*asked(sys.argv[1:]))
