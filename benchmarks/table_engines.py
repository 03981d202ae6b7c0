"""Every engine x preset x timing x one chip or three: `python benchmarks/table_engines.py [words]`, fifteen minutes.

The machine is an LSTM of one unit over two steps. A figure is the largest difference of h: under "LSTM" of `Integrate`
from the digital one, under an engine from `Integrate` at the same network; of three chips, of the first of them from
that chip drawn alone. What `Integrate` does not take is held against the digital LSTM itself. A text in quotes is the
refusal, word for word; behind it stands what came of doing what it says. `words` pick the rows that have one of them.
`benchmarks/engines.md` has it all; `tests/test_engines_table.py` takes some of the cells again.
"""

import re
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

import numpy as np
from measure import conditions, table

import lstm_analog as la
from lstm_analog.compiler import CLOCKED, GATED_LEAK, Timing
from lstm_analog.compiler.hydraulic import Detail
from lstm_analog.errors import LstmAnalogError
from lstm_analog.imperfections import ChannelNoise, DeviceSpread, JunctionArea, OrificePorts, Streams
from lstm_analog.study.comparison import ENGINE_TOLERANCE

CHIPS, LIMIT = 3, 240
"""Chips of the rows with several; seconds after which a cell is given up."""
ENGINES = {
    "Waveform": la.engines.Waveform(),
    "Integrate": la.engines.Integrate(rtol=1e-8, atol=1e-10),
    "Settle": la.engines.Settle(),
    "Ngspice": la.engines.Ngspice(),
    "Rumoca": la.engines.Rumoca(),
    "Vacask": la.engines.Vacask(),
}
LIQUIDS = (la.hydraulic.OIL, la.hydraulic.WATER, la.hydraulic.GLYCEROL)
ELECTRICAL = ("BEHAVIOURAL", "OPAMP_IDEAL", "OPAMP", "OPAMP_BENCH", "BICMOS", "CHANNELS")
PRESETS = {name: (getattr(la.electrical, name), None) for name in ELECTRICAL}
PRESETS |= {f"{p.name}, {d.value}": (replace(p, detail=d), None) for p, d in product(LIQUIDS, Detail)}
PRESETS |= {
    f"OIL, ports sharp from {pascal:g} Pa": (la.hydraulic.OIL, OrificePorts(transition=pascal))
    for pascal in (1.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
}
PRESETS |= {"CHANNELS, drawn": (la.electrical.CHANNELS, ChannelNoise())}
BOUND = {"Waveform": 1e-6, "Integrate": 1e-12, "Settle": 2e-5, "Ngspice": ENGINE_TOLERANCE, "Rumoca": 1e-6}
BOUND |= {"Vacask": ENGINE_TOLERANCE}
"""Largest figures: what each engine promises; of Settle what 20 time constants leave of several poles in a stage."""

COST = {"BICMOS, clocked, 1 chip": 3e-4, f"BICMOS, clocked, {CHIPS} chips": 0.1}
"""Largest figures where `Integrate` has none: what transistors, areas off by 1 %, cost against the LSTM."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the table: a preset by name, how it is clocked, one chip or several."""

    preset: str
    timing: Timing
    chips: int

    @property
    def name(self) -> str:
        """What stands in the first column."""
        return f"{self.preset}, {self.timing.value}, {self.chips} chip{'s' if self.chips > 1 else ''}"


ROWS = {
    row.name: row
    for p, t, c in product(PRESETS, (CLOCKED, GATED_LEAK), (1, CHIPS))
    for row in [Row(preset=p, timing=t, chips=c)]
}


def lstm() -> la.LSTM:
    """Return the LSTM of all rows."""
    return la.random_lstm(np.random.default_rng(3), 2, 1)


def inputs() -> np.ndarray:
    """Return what all machines are fed, (time, inputs)."""
    return np.random.default_rng(4).uniform(-1.0, 1.0, (2, 2))


def machine(row: Row, chips: int | None) -> la.Machine:
    """Return the machine of `row` with an axis of `chips`, or of its first chip alone."""
    technology, cause = PRESETS[row.preset]
    transistors = row.preset == "BICMOS"
    built = la.compile(lstm(), technology, timing=row.timing, settling=12.0 if transistors else 20.0)
    if cause is not None:
        built = built.with_imperfection(cause, Streams(seed=1))
    if row.chips == 1:
        return built
    spread = JunctionArea(share=0.01) if transistors else DeviceSpread(share=0.03)
    return built.with_imperfection(spread, Streams(seed=2, chips=chips))


@cache
def answer(row: Row, engine: object, chips: int | None) -> np.ndarray:
    """Return h of the machine of `row`, of the first of several chips, by `engine`, or raise as it does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", la.errors.LstmAnalogWarning)
        h = machine(row, chips).run(inputs(), engine=engine).h
    return h if h.ndim == 2 else h[0]


def reference(row: Row) -> np.ndarray:
    """Return what the first chip of `row` alone answers by `Integrate`, else the digital LSTM."""
    try:
        return answer(row, ENGINES["Integrate"], None)
    except LstmAnalogError:
        return lstm()(inputs()).h


def figure(row: Row, engine: object, chips: int | None) -> float:
    """Return how far `engine` is from the reference on `row`."""
    return float(np.abs(answer(row, engine, chips) - reference(row)).max())


def alone(row: Row) -> object:
    """Return the engine that is the reference of one chip of `row`."""
    return ENGINES["Ngspice" if row.preset == "BICMOS" else "Integrate"]


ADVICE: tuple[tuple[str, Callable[[Row], float]], ...] = (
    (r"run it with Waveform", lambda row: figure(row, ENGINES["Waveform"], row.chips)),
    (r"[Nn]gspice|netlist", lambda row: figure(row, ENGINES["Ngspice"], None)),
    (r"Integrate|one chip|alone|first=", lambda row: figure(row, alone(row), None)),
    (r"use BEHAVIOURAL", lambda row: figure(replace(row, preset="BEHAVIOURAL"), ENGINES["Waveform"], row.chips)),
)
"""What a refusal says to do, and the figure that doing it gives; the first that fits is done."""


def cell(row: Row, engine: str) -> float | str:
    """Return the figure of `engine` on `row`, or its refusal and what came of its advice."""
    try:
        return figure(row, ENGINES[engine], row.chips)
    except LstmAnalogError as error:
        said = str(error)
    advice = said.rpartition(": ")[2]
    for pattern, done in ADVICE:
        if re.search(pattern, advice):
            try:
                return f'"{said}": done, {done(row):.1e}'
            except LstmAnalogError as error:
                return f'"{said}": done, "{error}"'
    return f'"{said}": not done'


class _TooLongError(Exception):
    pass


def _stop(*_: object) -> None:
    raise _TooLongError


def timed(row: Row, engine: str) -> float | str:
    """Return the `cell`, or that it took longer than the limit."""
    signal.signal(signal.SIGALRM, _stop)
    signal.alarm(LIMIT)
    try:
        return cell(row, engine)
    except _TooLongError:
        return f"no answer in {LIMIT} s"
    finally:
        signal.alarm(0)


def digital(row: Row) -> float | str:
    """Return how far `Integrate` is from the digital LSTM on the first chip of `row`."""
    try:
        return float(np.abs(answer(row, ENGINES["Integrate"], None) - lstm()(inputs()).h).max())
    except LstmAnalogError:
        return "none"


def rows(words: list[str]) -> Iterator[list[object]]:
    """Yield the rows of the table whose name has one of the `words`, all if there are none."""
    for name, row in ROWS.items():
        if not words or any(word in name for word in words):
            cells = [digital(row), *(timed(row, engine) for engine in ENGINES)]
            yield [name, *(f"{one:.1e}" if isinstance(one, float) else one for one in cells)]


def main() -> None:
    """Print the table."""
    print(f"# Engines x presets\n\n{conditions()}\n\n{(__doc__ or '').split(chr(10) * 2)[1].partition(' `words`')[0]}")
    print(table(["machine", "LSTM", *ENGINES], rows(sys.argv[1:])))


if __name__ == "__main__":
    main()
