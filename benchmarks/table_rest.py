"""At rest against whole waveforms, every technology x timing x chips: `python benchmarks/table_rest.py [words]`.

The machines are those of `table_engines.py`: one unit, two steps, 20 time constants. A figure is the largest difference
between `Settle` and `Waveform(rtol=1e-8, atol=1e-10)`, in units of signal: of h where only the outputs are kept, and of
all nodes at the ends of the intervals that settle and of the others, where everything is kept. The last columns say
which intervals `Settle` ran over time then, of how many, and the time of the two engines in milliseconds of processor
time, outputs kept, the second run. `words` pick the rows that have one of them.
"""

import sys
import time
import warnings
from collections.abc import Iterator

import numpy as np
from measure import conditions, table
from table_engines import ROWS, Row, inputs, machine

import lstm_analog as la
from lstm_analog.errors import LstmAnalogError

REST, EXACT = la.engines.Settle(), la.engines.Waveform(rtol=1e-8, atol=1e-10)


def measured(row: Row) -> list[object]:
    """Return the figures of `row`, or the refusal of one of the engines."""
    made = machine(row, row.chips)
    x = inputs()
    ours, theirs = (made.run(x, engine=engine, keep=la.Keep.OUTPUTS) for engine in (REST, EXACT))
    spent = []
    for engine in (REST, EXACT):
        start = time.process_time()
        made.run(x, engine=engine, keep=la.Keep.OUTPUTS)
        spent.append(f"{1e3 * (time.process_time() - start):.0f}")
    rest, whole = (made.run(x, engine=engine, keep=la.Keep.EVERYTHING).trajectory for engine in (REST, EXACT))
    away = np.abs(rest.efforts - whole.efforts) / made.network.unknowns.scales()
    by_point = away.max(axis=(*range(away.ndim - 2), -1))
    settling = [interval.name for interval in made.compiled.cycle.step if interval.settles]
    chosen = np.isin(np.array(["", *rest.schedule.names]), settling)
    over_time = rest.engine.partition("), ")[2] or "none"
    parts = (np.abs(ours.h - theirs.h).max(), by_point[chosen].max(), by_point[~chosen].max())
    return [*(f"{part:.1e}" for part in parts), over_time, *spent]


def rows(words: list[str]) -> Iterator[list[object]]:
    """Yield the rows of the table whose name has one of the `words`, all if there are none."""
    for name, row in ROWS.items():
        if row.preset == "BICMOS" or (words and not any(word in name for word in words)):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", la.errors.LstmAnalogWarning)
                yield [name, *measured(row)]
        except LstmAnalogError as error:
            yield [name, f'"{error}"', *[""] * 5]


def main() -> None:
    """Print the table."""
    print(f"{conditions()}\n")
    heads = ["machine", "h", "where it settles", "elsewhere", "over time", "Settle", "Waveform"]
    print(table(heads, rows(sys.argv[1:])))


if __name__ == "__main__":
    main()
