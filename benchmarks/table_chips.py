"""Chips side by side, each against itself alone: `python benchmarks/table_chips.py [words]`, about an hour in all.

Each machine has three chips, of devices that scatter by 3 %. It goes over two sequences of unlike length, then over
another piece from the state that these left. A figure is the largest difference of any h, c, gate, y or state of chip k
of three from what the machine drawn as that chip alone gives, full scale being 1; a text is the refusal or the error.
`words` pick the rows whose name has one of them. `tests/test_chips.py` takes a few of the cells.
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from measure import conditions, table

import lstm_analog as la
from lstm_analog.compiler import CLOCKED, GATED_LEAK
from lstm_analog.errors import LstmAnalogError
from lstm_analog.imperfections import DeviceSpread, Streams
from lstm_analog.model import Form

CHIPS = 3
CAUSE = DeviceSpread(share=0.03)
ENGINES = {"Settle": la.engines.Settle(settled=2.0), "Waveform": la.engines.Waveform()}
"""Pauses of op-amps last 2.5 time constants, which Settle is to take for settled."""
TECHNOLOGIES = {
    "BEHAVIOURAL": (la.electrical.BEHAVIOURAL, CLOCKED),
    "BEHAVIOURAL, leaking": (la.electrical.BEHAVIOURAL, GATED_LEAK),
    "OIL": (la.hydraulic.OIL, CLOCKED),
    "OIL, leaking": (la.hydraulic.OIL, GATED_LEAK),
    "OPAMP_IDEAL": (la.electrical.OPAMP_IDEAL, CLOCKED),
}
CHAINS = {
    "one layer": {},
    "two layers": {"layers": 2},
    "three layers": {"layers": 3},
    "both directions": {"bidirectional": True},
    "two layers, both directions": {"layers": 2, "bidirectional": True},
    "three layers, both directions": {"layers": 3, "bidirectional": True},
    "projected": {"form": Form.PROJECTED},
    "projected, two layers, both directions": {"form": Form.PROJECTED, "layers": 2, "bidirectional": True},
    "GRU": {"form": Form.GRU},
    "GRU, both directions": {"form": Form.GRU, "bidirectional": True},
}
HEADS = ("no head", "head at each step", "head at the end")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell of the table: which LSTM with which head, in what, run by which engine."""

    chain: str
    head: str
    technology: str
    engine: str


def machine(cell: Cell) -> la.Machine:
    """Return the machine of `cell`, of ideal parts."""
    outputs = 0 if cell.head == "no head" else 2
    lstm = la.random_lstm(np.random.default_rng(5), 2, 2, scale=2.0, outputs=outputs, **CHAINS[cell.chain])
    if lstm.head is not None and cell.head == "head at the end":
        lstm = replace(lstm, head=replace(lstm.head, final=True))
    technology, timing = TECHNOLOGIES[cell.technology]
    return la.compile(lstm, technology, timing=timing)


def answers(made: la.Machine, engine: la.engines.Engine) -> Iterator[np.ndarray]:
    """Yield all that `made` answers by `engine` to two sequences of unlike length, then to another piece."""
    x, state, lengths = np.random.default_rng(6).uniform(-1.0, 1.0, (2, 3, 2)), None, np.array([3, 2])
    for piece in (x, x[:, :1]):
        run = made.run(piece, state=state, lengths=lengths, engine=engine)
        state, lengths = run.outputs.state, None
        yield from (signal for layer in run.layers for signal in (layer.z, layer.gates, layer.c, layer.h))
        yield from (run.h, *state.h, *state.c, *(() if run.y is None else (run.y,)))


def difference(cell: Cell, chips: Iterable[int] = range(CHIPS)) -> float:
    """Return how far any of the `chips` of `cell` is from itself alone; infinity if they are no single leading axis."""
    made, engine, worst = machine(cell), ENGINES[cell.engine], 0.0
    many = list(answers(made.with_imperfection(CAUSE, Streams(seed=3, chips=CHIPS)), engine))
    for chip in chips:
        alone = answers(made.with_imperfection(CAUSE, Streams(seed=3, first=chip)), engine)
        for together, one in zip(many, alone, strict=True):
            if together.shape != (CHIPS, *one.shape):
                return np.inf
            worst = max(worst, float(np.abs(together[chip] - one).max(initial=0.0)))
    return worst


def spread(cell: Cell) -> float:
    """Return how far the chips of `cell` are apart: a difference of nothing would say nothing if they were alike."""
    many = answers(machine(cell).with_imperfection(CAUSE, Streams(seed=3, chips=CHIPS)), ENGINES[cell.engine])
    return max(float(np.ptp(signal, axis=0).max(initial=0.0)) for signal in many)


def figure(cell: Cell) -> str:
    """Return the difference of `cell` as text, or what it was refused for."""
    try:
        return f"{difference(cell):.1e}"
    except LstmAnalogError as refusal:
        return f'"{refusal}"'


def main(words: list[str]) -> None:
    """Print a row a chain and head, a column a technology and engine."""
    columns = [(technology, engine) for technology in TECHNOLOGIES for engine in ENGINES]
    print(conditions())
    print()
    print(table(("LSTM", *(f"{technology}, {engine}" for technology, engine in columns)), []))
    for chain, head in product(CHAINS, HEADS):
        name = f"{chain}, {head}"
        if not words or any(word in name for word in words):
            cells = (Cell(chain=chain, head=head, technology=t, engine=e) for t, e in columns)
            print(f"| {name} | {' | '.join(map(figure, cells))} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
