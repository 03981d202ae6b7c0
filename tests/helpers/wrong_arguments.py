"""Wrong arguments over every public signature: whatever is given, only an `LstmAnalogError` comes out.

`python tests/helpers/wrong_arguments.py 20000 [seed]` calls public functions, records, and methods of public records,
with one or two arguments replaced by values that users of other packages give, and prints what came of it by kind; what
failed stands by name. `python tests/helpers/wrong_arguments.py taken` gives each parameter each wrong value, all others
right, and prints what was taken: function, parameter, values. With PyTorch installed its doors are among them.
"""

import inspect
import os
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np

import lstm_analog as la
from lstm_analog.errors import LstmAnalogError
from lstm_analog.imperfections import DeviceSpread, Streams
from lstm_analog.model import airline
from lstm_analog.model.masks import Fed
from lstm_analog.network import parts
from lstm_analog.study import LargestError, Spec
from lstm_analog.study.interface import interface

MODULES = ("analogies", "electrical", "hydraulic", "engines", "export", "imperfections", "model", "study", "show")
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
    machine.save(folder / "machine.npz")
    la.save(lstm, folder / "model.safetensors")
    asked: dict[str, Any] = {
        "metric": LargestError(expected=lstm(x).h),
        "spec": Spec(at_most=0.1),
        "chips": 2,
        "seed": 1,
    }
    return asked | {
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
        "name": "a",
        "label": "a",
        "fluid": la.hydraulic.VG32,
        "figure": la.show.weights(lstm),
        "interface": interface(machine.compiled),
        "driven": None,
        "effort": np.zeros(machine.network.unknowns.size),
        "high": schedule.high[0],
        "imperfections": DeviceSpread(share=0.01),
        "ask": lambda share: la.study.yield_of(machine, DeviceSpread(share=share), x, **asked),
        "strengths": [0.01],
        "shares": 0.5,
        "count": 1,
        "passing": 1,
        "expected": lstm(x).h,
        "fed": Fed(x=x, lengths=None, mask=None),
    }


def instances(good: dict[str, Any]) -> Iterator[object]:
    """Yield a record of each public kind whose methods are called; `good` are right arguments."""
    lstm, run, machine, folder = good["lstm"], good["run"], good["machine"], good["folder"]
    plumbing, verified = la.compile(lstm, la.hydraulic.OIL), la.verify(good["path"], good["certificate"])
    yield from (
        machine,
        machine.write,
        lstm,
        run,
        good["certificate"],
        verified,
        *verified.outcomes,
        good["network"],
        good["schedule"],
    )
    yield from (good["trajectory"], run.outputs, run.outputs.state, lstm.trace(good["x"]), lstm.layers[0].forward)
    asked = {name: good[name] for name in ("imperfections", "x", "metric", "spec", "chips", "seed")}
    yield from (found := la.study.yield_of(machine, **asked), found.trial.metric, found.spec)
    yield from (la.compare(run, lstm), plumbing.bill_of_materials(), plumbing.check(), machine.pipeline)
    yield from (la.engines.Settle(), la.engines.Integrate(), la.engines.Waveform(), la.engines.Ngspice())
    yield from (airline.forecaster(4), la.load_model(folder / "model.safetensors"))
    yield from (la.read_spice(good["path"]), good["streams"], la.hydraulic.VG32, la.hydraulic.OIL, la.electrical.BICMOS)
    yield from (la.model.SIGMOID, la.model.Affine(scale=1.0, offset=0.0), la.NGSPICE, la.Save(groups=("l0_h",)))


def doors(good: dict[str, Any]) -> Iterator[tuple[str, Callable[..., object]]]:
    """Yield every public function, record and method, bound to a record, by name; `good` are right arguments."""
    modules = (*MODULES, *(["torch"] if find_spec("torch") else []))
    spaces = {"": la, "parts.": parts, **{f"{name}.": getattr(la, name) for name in modules}}
    for prefix, space in spaces.items():
        torch = {"torch", "from_torch", "model_from_torch"}  # those need PyTorch
        names = {*dir(space)} - torch if space is la else space.__all__
        for name in sorted(names):
            found = getattr(space, name)
            if isinstance(found, FunctionType) or (inspect.isclass(found) and not issubclass(found, Enum)):
                yield prefix + name, found
    for whole in instances(good):
        for name, method in inspect.getmembers(whole, inspect.ismethod):
            if name == "__call__" or not name.startswith("_"):
                yield f"{type(whole).__name__}().{name}", method


def parameters(function: Callable[..., object]) -> list[inspect.Parameter]:
    """Return what `function` is given by name or place; nothing where it takes anything."""
    try:
        given = list(inspect.signature(function).parameters.values())
    except ValueError:  # of what is written in C
        return []
    return [] if any(each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) for each in given) else given


def attempt(name: str, function: Callable[..., object], good: dict[str, Any], wrong: dict[str, Any]) -> str:
    """Return what comes of a call of `function` with right arguments but for the `wrong` ones."""
    given = parameters(function)
    call = {each.name: good[each.name] for each in given if each.name in good} | wrong
    by_place = [each.name for each in given if each.kind is each.POSITIONAL_ONLY and each.name in call]
    if isinstance(function, FunctionType) and "register" in vars(function):  # dispatched on what stands first
        by_place = [given[0].name]
    values = [call.pop(each) for each in by_place if each in call]
    try:
        function(*values, **call)
    except LstmAnalogError as error:
        return "named" if " must " in str(error) else f"named without a rule: {name}"
    except Exception as error:  # noqa: BLE001 - any other exception is what is looked for
        return f"FAILED {name} {' '.join(f'{type(error).__name__}: {str(error)[:60]} {ascii(wrong)[:90]}'.split())}"
    return "taken"


def drawn(given: list[inspect.Parameter], good: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """Return wrong values for one or two of the parameters `given`, and for those that have no `good` one."""
    struck = set(rng.choice(len(given), size=min(len(given), int(rng.integers(1, 3))), replace=False).tolist())
    return {
        each.name: _wrong(each.name)[rng.integers(len(WRONG) - 1)]
        for number, each in enumerate(given)
        if number in struck or (each.name not in good and each.default is each.empty)
    }


def _wrong(name: str) -> tuple[Any, ...]:
    """Return wrong values of parameter `name`; a class as `progress` may be called, and what it raises is its own."""
    return tuple(value for value in WRONG if value is not (int if name == "progress" else None))


@contextmanager
def elsewhere() -> Iterator[dict[str, Any]]:
    """Yield right arguments in a temporary folder, where the process is meanwhile: a wrong path may be a right one."""
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.chdir(name)
        try:
            yield rights(Path(name))
        finally:
            os.chdir(here)


def search(count: int, seed: int, leave_out: tuple[str, ...] = ()) -> Counter[str]:
    """Return how many of `count` attempts, `seed` deciding which, came to what; `leave_out` are parts of names."""
    rng = np.random.default_rng(seed)
    with elsewhere() as good:
        chosen = [
            door for door in doors(good) if parameters(door[1]) and not any(part in door[0] for part in leave_out)
        ]
        picked = (chosen[rng.integers(len(chosen))] for _ in range(count))
        return Counter(attempt(name, door, good, drawn(parameters(door), good, rng)) for name, door in picked)


def taken() -> Iterator[tuple[str, str, list[str]]]:
    """Yield each function and parameter that takes wrong values, and these, where all others are right."""
    with elsewhere() as good:
        for name, door in doors(good):
            given = parameters(door)
            for each in given:
                if all(other.name in good or other.default is not other.empty for other in given if other is not each):
                    fates = ((ascii(value)[:24], attempt(name, door, good, {each.name: value})) for value in WRONG)
                    found = [" ".join(shown.split()) for shown, fate in fates if fate == "taken"]
                    if found:
                        yield name, each.name, found


def main() -> int:
    """Run as a script: `wrong_arguments.py [count] [seed]`, or `wrong_arguments.py taken`."""
    if sys.argv[1:] == ["taken"]:
        for name, parameter, values in taken():
            sys.stdout.write(f"{name}({parameter}=): {', '.join(values)}\n")
            sys.stdout.flush()
        return 0
    count, seed = (int(sys.argv[n]) if len(sys.argv) > n else preset for n, preset in ((1, 20_000), (2, 0)))
    found = search(count, seed)
    for what, number in sorted(found.items()):
        sys.stdout.write(f"{number:8} {what}\n")
    return any("FAILED" in what for what in found)


if __name__ == "__main__":
    sys.exit(main())
