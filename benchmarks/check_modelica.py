"""What an independent Modelica compiler makes of the exported files: `python benchmarks/check_modelica.py [units ...]`.

pymoca (`pip install pymoca`; tried with 0.12) parses and flattens each file. A model can only be solved if it has as
many equations as unknowns: bindings, `connect` and `when` clauses count as equations. To simulate it is the part of
`engines.Rumoca`.
"""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from measure import conditions, table
from pymoca import ast, parser, tree

import lstm_analog as la

SIZES = (1, 3)


def balance(path: Path) -> tuple[int, int]:
    """Return how many unknowns and how many equations the flattened model in the file at `path` has."""
    name = path.stem
    flat = tree.flatten(parser.parse(path.read_text(encoding="ascii")), ast.ComponentRef(name=name)).classes[name]
    fixed = {"parameter", "constant"}
    unknowns = [symbol for symbol in flat.symbols.values() if not fixed & set(symbol.prefixes)]
    return len(unknowns), len(flat.equations)


def main(sizes: list[int]) -> None:
    """Print a row a size, detail and timing."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for units in sizes:
            lstm = la.random_lstm(np.random.default_rng(0), 2, units)
            for detail in la.hydraulic.Detail:
                for timing in (la.CLOCKED, la.GATED_LEAK):
                    path = Path(folder, f"{detail.value}_{timing.value}_{units}.mo")
                    machine = la.compile(lstm, replace(la.hydraulic.OIL, detail=detail), timing=timing)
                    machine.write.modelica(path, np.zeros((2, 2)))
                    rows.append((units, detail.value, timing.value, *balance(path)))
    print(conditions())
    print(table(("H", "detail", "timing", "unknowns", "equations"), rows))


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or list(SIZES))
