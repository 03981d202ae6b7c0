"""Measures what moves if a constant of the engines is doubled or halved: `python docs/measure_constants.py [word ...]`.

Each variant runs in a process of its own, one after the other, on small machines; what it saw goes into
`constants.json`, from which `make_constants.py` takes it. Errors and times are ratios to the run with the constant as
it is; times are of the processor, and differ by a tenth from run to run. Takes a quarter of an hour.
"""

import json
import multiprocessing
import runpy
import sys
import time
from functools import lru_cache
from pathlib import Path

import numpy as np

import lstm_analog as la
from lstm_analog.engines import Integrate, Settle, Waveform
from lstm_analog.network.trajectory import EVERYTHING

HERE = Path(__file__).parent
MACHINES = {
    "BEHAVIOURAL": la.electrical.BEHAVIOURAL,
    "OIL": la.hydraulic.OIL,
    "OPAMP_IDEAL": la.electrical.OPAMP_IDEAL,
}
LONGEST = 60.0
"""Seconds after which a variant is given up."""
DENSE = 9
"""Points of each interval at which `Waveform` is compared."""
ENGINES = {
    "waveform/": Waveform(points=DENSE, save=EVERYTHING),
    "settle/": Settle(),
    "integrate.py": Integrate(),
    "stage.py": Integrate(),
}
"""The engine that runs for the constants of each module."""
SLOW = ("OPAMP_IDEAL",)
"""Machines on which `Integrate` is not measured."""


def main() -> None:
    """Measure all constants that take part in a computation, or those in whose module or name a word stands."""
    file = HERE / "constants.json"
    seen = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    constants = runpy.run_path(str(HERE / "make_constants.py"))["constants"]()
    known = {"as is", *(f"{constant.module}:{constant.name}" for constant in constants)}
    seen = {name: value for name, value in seen.items() if name in known}
    for constant in sorted(constants, key=lambda constant: constant.module, reverse=True):
        engine = next((engine for start, engine in ENGINES.items() if constant.module.startswith(start)), None)
        key = f"{constant.module}:{constant.name}"
        if engine is None or (sys.argv[1:] and not any(word in key for word in sys.argv[1:])):
            continue
        seen["as is"] = seen.get("as is", {}) | errors(engine)
        seen[key] = {change: compared(constant, change, engine) for change in ("doubled", "halved")}
        print(key, seen[key], flush=True)
        lines = [f"{json.dumps(name)}: {json.dumps(seen[name])}" for name in sorted(seen)]
        file.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def compared(constant: object, change: str, engine: la.engines.Engine) -> dict[str, list[float] | str]:
    """Return for each machine the ratios of error and time of `engine` with `constant` changed, or what went wrong."""
    result: dict[str, list[float] | str] = {}
    for name in MACHINES:
        if isinstance(engine, Integrate) and name in SLOW:
            continue
        before, after = base(name, engine), apart(name, engine, constant, change)
        ratios = isinstance(before, tuple) and isinstance(after, tuple)
        result[name] = [float(f"{b / a:.2g}") for a, b in zip(before, after, strict=True)] if ratios else str(after)
    return result


def errors(engine: la.engines.Engine) -> dict[str, dict[str, float]]:
    """Return the error of `engine` on each machine with all constants as they are."""
    names = [name for name in MACHINES if not (isinstance(engine, Integrate) and name in SLOW)]
    return {type(engine).__name__: {name: float(f"{base(name, engine)[0]:.1e}") for name in names}}


@lru_cache
def base(name: str, engine: la.engines.Engine) -> tuple[float, float] | str:
    """Return the error and the time (s) of `engine` on the machine `name` with all constants as they are."""
    found = [apart(name, engine, None, "") for _ in range(3)]
    return found[0] if isinstance(found[0], str) else (found[0][0], min(time for _, time in found))


@lru_cache
def reference(name: str, engine: la.engines.Engine) -> np.ndarray:
    """Return what another engine says the machine `name` computes, by which the error of `engine` is told."""
    lstm, x = task(engine)
    if isinstance(engine, Integrate):
        other = Waveform(rtol=1e-11, atol=1e-12)
    else:
        other = Integrate(points=DENSE, save=EVERYTHING) if isinstance(engine, Waveform) else Integrate()
    return compared_values(la.compile(lstm, MACHINES[name]).run(x, engine=other), engine)


def compared_values(run: la.Run, engine: la.engines.Engine) -> np.ndarray:
    """Return what is compared of a `run`: all efforts at all points (units of signal) of `Waveform`, h of others."""
    if isinstance(engine, Waveform):
        return run.trajectory.efforts / run.compiled.network.unknowns.scales()
    return run.h


def task(engine: la.engines.Engine) -> tuple[la.LSTM, np.ndarray]:
    """Return an LSTM and its input for `engine`: of 10 steps, of 2 for the slow `Integrate`."""
    lstm = la.random_lstm(np.random.default_rng(0), inputs=2, hidden=3)
    return lstm, np.random.default_rng(1).uniform(-1, 1, (2 if isinstance(engine, Integrate) else 10, 2))


def apart(name: str, engine: la.engines.Engine, constant: object, change: str) -> tuple[float, float] | str:
    """Return the error and the time (s) in a process of its own with `constant` changed."""
    expected = reference(name, engine)
    context = multiprocessing.get_context("fork")
    there, here = context.Pipe()
    child = context.Process(target=report, args=(here, name, engine, constant, change, expected))
    child.start()
    found = there.recv() if there.poll(LONGEST) else "does not end"
    child.terminate()
    child.join()
    return found


def report(pipe: object, name: str, engine: object, constant: object, change: str, expected: np.ndarray) -> None:
    """Send what `measured` returns, or the name of its error, through `pipe`."""
    try:
        pipe.send(measured(name, engine, constant, change, expected))
    except Exception as error:  # noqa: BLE001 - whatever a changed constant leads to is an answer
        pipe.send(type(error).__name__)


def measured(
    name: str, engine: la.engines.Engine, constant: object, change: str, expected: np.ndarray
) -> tuple[float, float]:
    """Return the largest error and the least time (s) of several runs after the first."""
    if constant is not None:
        set_to(constant.name, constant.value, changed(constant.value, change == "doubled"))
    lstm, x = task(engine)
    machine = la.compile(lstm, MACHINES[name])
    times = []
    first, runs = (0, 1) if isinstance(engine, Integrate) else (1, 4)
    for _ in range(first):
        machine.run(x, engine=engine)
    for _ in range(runs):
        start = time.process_time()
        run = machine.run(x, engine=engine)
        times.append(time.process_time() - start)
    return float(np.abs(compared_values(run, engine) - expected).max()), min(times)


def changed(value: float | range | object, double: bool) -> object:
    """Return `value` doubled or halved: of a range its end, of a tolerance both numbers."""
    factor = 2.0 if double else 0.5
    if isinstance(value, range):
        return range(value.start, max(value.start, round(value.stop * factor)))
    if isinstance(value, int | float):
        return type(value)(value * factor)
    return type(value)(rtol=value.rtol * factor, atol=value.atol * factor)


def set_to(name: str, old: object, new: object) -> None:
    """Set the constant `name` to `new` where it is `old`, in its module and in those that import it."""
    for key, module in sys.modules.items():
        if key.startswith("lstm_analog.engines") and vars(module).get(name) == old:
            setattr(module, name, new)
        for entry in vars(module).values() if key.startswith("lstm_analog.engines") else ():
            if hasattr(entry, "cache_clear"):
                entry.cache_clear()


if __name__ == "__main__":
    main()
