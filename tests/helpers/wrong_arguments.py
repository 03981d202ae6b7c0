"""Wrong arguments over every public signature: whatever is given, only an `LstmAnalogError` comes out.

`python tests/helpers/wrong_arguments.py 20000 [seed]` calls public functions, methods and records with one or two
arguments replaced by values that users of other packages give, and prints what came of it by kind; what failed stands
by name.
"""

import inspect
import os
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np

import lstm_analog as la
from lstm_analog.errors import LstmAnalogError
from lstm_analog.imperfections import Streams

MODULES = ("engines", "imperfections", "model", "study", "show")
WRONG: tuple[Any, ...] = (
    *(None, True, "3", "h", "", b"x", -1, 0, 2.5, 1e400, float("nan"), 2**70, 1j),
    *([], (), {}, [1, [2]], "\0", object(), int, np.float16([1.0]), np.array("a"), np.ma.masked_all((2, 3))),
    *(
        np.zeros((0, 3)),
        np.zeros((2, 2, 2, 2)),
        np.full((4, 3), np.nan),
        np.array([1, "x"], dtype=object),
        Path("/dev"),
    ),
)


def rights(folder: Path) -> dict[str, Any]:
    """Return a good value for parameters of each name."""
    rng = np.random.default_rng(0)
    lstm = la.random_lstm(rng, 3, 2)
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL)
    x = np.zeros((2, 3))
    run, deck = machine.run(x), folder / "deck.cir"
    schedule = machine.schedule(x)
    certificate = machine.certify(lstm, x, deck)
    la.save(lstm, folder / "model.safetensors")
    return {
        "lstm": lstm,
        "model": lstm,
        "machine": machine,
        "x": x,
        "inputs": x,
        "run": run,
        "rng": rng,
        "path": deck,
        "technology": la.electrical.BEHAVIOURAL,
        "network": machine.network,
        "compiled": machine.compiled,
        "schedule": schedule,
        "trajectory": run.trajectory,
        "certificate": certificate,
        "passes": machine.passes,
        "engine": la.engines.Settle(),
        "keep": la.Keep.OUTPUTS,
        "state": run.outputs.state,
        "report": None,
        "streams": Streams(seed=1),
        "hidden": 2,
        "values": np.zeros(3),
        "h": np.zeros((2, 2)),
        "dialect": la.NGSPICE,
        "folder": folder,
        "netlist": deck,
        "imperfection": (),
        "number": 0,
        "fit": None,
        "accuracy": None,
    }


def doors() -> Iterator[tuple[str, Callable[..., object], object]]:
    """Yield every public function, record and method, by name, with the kind that a method is of or None."""
    spaces = {"": la, **{f"{name}.": getattr(la, name) for name in MODULES}}
    for prefix, space in spaces.items():
        torch = {"torch", "from_torch", "model_from_torch"}  # those need PyTorch
        names = {*dir(space)} - torch if space is la else space.__all__
        for name in sorted(names):
            found = getattr(space, name)
            if isinstance(found, FunctionType) or (inspect.isclass(found) and not issubclass(found, Enum)):
                yield prefix + name, found, None
            if found in (la.Machine, la.LSTM):
                methods = inspect.getmembers(found, inspect.isfunction)
                yield from ((f"{name}.{m}", method, found) for m, method in methods if not m.startswith("_"))


def attempt(door: tuple[str, Callable[..., object], object], good: dict[str, Any], rng: np.random.Generator) -> str:
    """Return what comes of one call with one or two wrong arguments."""
    name, function, kind = door
    given = [each for each in inspect.signature(function).parameters.values() if each.name != "self"]
    if not given or any(each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) for each in given):
        return "left out"
    struck = set(rng.choice(len(given), size=min(len(given), int(rng.integers(1, 3))), replace=False).tolist())
    call: dict[str, Any] = {}
    for number, each in enumerate(given):
        if number in struck:
            call[each.name] = WRONG[rng.integers(len(WRONG))]
        elif each.name in good:
            call[each.name] = good[each.name]
        elif each.default is each.empty:
            call[each.name] = WRONG[rng.integers(len(WRONG))]
    own = () if kind is None else (good["machine" if kind is la.Machine else "lstm"],)
    by_place = [each.name for each in given if each.kind is each.POSITIONAL_ONLY and each.name in call]
    if isinstance(function, FunctionType) and "register" in vars(function):  # dispatched on what stands first
        by_place = [given[0].name]
    values = [call.pop(name) for name in by_place]
    try:
        function(*own, *values, **call)
    except LstmAnalogError as error:
        return "named" if " must " in str(error) else f"named without a rule: {name}"
    except Exception as error:  # noqa: BLE001 - any other exception is what is looked for
        shown = {key: call[key] for key in call if call[key] is not good.get(key)}
        told = " ".join(f"{type(error).__name__}: {str(error)[:60]} {ascii(shown)[:90]}".split())
        return f"FAILED {name} {told}"
    return "taken"


def search(count: int, seed: int, leave_out: tuple[str, ...] = ()) -> Counter[str]:
    """Return how many of `count` attempts, `seed` deciding which, came to what; `leave_out` are parts of names."""
    rng = np.random.default_rng(seed)
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.chdir(name)  # a wrong path may be a right one: files go there
        try:
            good = rights(Path(name))
            chosen = [door for door in doors() if not any(part in door[0] for part in leave_out)]
            return Counter(attempt(chosen[rng.integers(len(chosen))], good, rng) for _ in range(count))
        finally:
            os.chdir(here)


def main() -> int:
    """Run as a script: `wrong_arguments.py [count] [seed]`."""
    count, seed = (int(sys.argv[n]) if len(sys.argv) > n else preset for n, preset in ((1, 20_000), (2, 0)))
    found = search(count, seed)
    for what, number in sorted(found.items()):
        sys.stdout.write(f"{number:8} {what}\n")
    return any("FAILED" in what for what in found)


if __name__ == "__main__":
    sys.exit(main())
