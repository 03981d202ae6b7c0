"""The circuit by scipy and by ngspice, against the LSTM: `python benchmarks/bench_transient.py [units ...]`.

One random LSTM of H units and 2 inputs, ten steps of one sequence, at 8 and at 20 time constants a phase. Each engine
gets the loosest tolerance that keeps h within 1e-5 of a very tight solution at the sampling instants. At 8 time
constants these show what the solver does; at 20 the settling wipes out what went wrong on the way. The time of ngspice
includes writing the deck and reading the waveforms. torch.nn.LSTM (float64, one thread) where torch is installed.
"""

import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import nan

import numpy as np
from measure import conditions, seconds, table

import lstm_analog as la
from lstm_analog.export import USUAL

SIZES = (4, 8, 16, 32)
STEPS = 10
SAME_ERROR = 1e-5
REPEATS = 3

INTEGRATE = tuple(la.engines.Integrate(rtol=rtol, atol=rtol / 100) for rtol in (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-9))
NGSPICE = tuple(
    la.engines.Ngspice(accuracy=replace(USUAL, reltol=reltol, steps=steps))
    for reltol, steps in ((1e-3, 10), (1e-4, 30), (1e-5, 100), (1e-6, 300))
)
TIGHT = la.engines.Integrate(rtol=1e-11, atol=1e-13)


def loosest(machine: la.Machine, x: np.ndarray, engines: tuple, truth: np.ndarray) -> tuple[float, float, str]:
    """Return time, error and tolerance of the first of `engines` that is within the same error."""
    for engine in engines:
        error = float(np.abs(machine.run(x, engine=engine).h - truth).max())
        if error <= SAME_ERROR:
            return seconds(partial(machine.run, x, engine=engine), REPEATS), error, _setting(engine)
    return nan, nan, "none"


def _setting(engine: object) -> str:
    if isinstance(engine, la.engines.Ngspice):
        return f"reltol {engine.accuracy.reltol:g}, {engine.accuracy.steps} steps"
    return f"rtol {engine.rtol:g}"


def torch_call(lstm: la.LSTM, x: np.ndarray) -> tuple[str, Callable[[], object]] | None:
    """Return torch's version and a call that runs torch.nn.LSTM with the weights of `lstm`; None without torch."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    other = torch.nn.LSTM(lstm.input_size, lstm.hidden_size, batch_first=True, dtype=torch.float64)
    cell = lstm.layers[0].forward
    given = {
        "weight_ih_l0": cell.input.reshape(-1, lstm.input_size),
        "weight_hh_l0": cell.recurrent.reshape(-1, lstm.hidden_size),
        "bias_ih_l0": cell.bias.ravel(),
        "bias_hh_l0": np.zeros(cell.bias.size),
    }
    other.load_state_dict({name: torch.tensor(array) for name, array in given.items()})
    inputs = torch.tensor(x[None])

    def call() -> object:
        with torch.inference_mode():
            return other(inputs)[0][0].numpy()

    assert np.abs(call() - lstm(x).h).max() < 1e-12
    return torch.__version__, call


def row(units: int, settling: float) -> tuple[object, ...]:
    """Return the figures of one size and phase length."""
    lstm = la.random_lstm(np.random.default_rng(units), 2, units)
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL, settling=settling)
    x = np.random.default_rng(1).uniform(-1.5, 1.5, (STEPS, 2))
    truth = machine.run(x, engine=TIGHT).h
    ours, our_error, our_setting = loosest(machine, x, INTEGRATE, truth)
    theirs, their_error, their_setting = (
        loosest(machine, x, NGSPICE, truth) if shutil.which("ngspice") else (nan, nan, "not installed")
    )
    numpy_time = seconds(lambda: lstm(x), 50)
    other = torch_call(lstm, x)
    torch_time = seconds(other[1], 50) if other else nan
    return (
        *(units, settling, ours, f"{our_error:.1g} ({our_setting})", theirs, f"{their_error:.1g} ({their_setting})"),
        *(theirs / ours, 1e3 * numpy_time, 1e3 * torch_time, ours / numpy_time, ours / torch_time),
    )


HEADS = (
    *("H", "T/tau", "Integrate, s", "error", "ngspice, s", "error", "ngspice / Integrate"),
    *("numpy, ms", "torch, ms", "Integrate / numpy", "Integrate / torch"),
)


def main(sizes: list[int]) -> None:
    """Print a row a size."""
    rows = [row(units, settling) for units in sizes for settling in (8.0, 20.0)]
    found = torch_call(la.random_lstm(np.random.default_rng(0), 2, 2), np.zeros((1, 2)))
    print(f"{conditions()}, torch {found[0] if found else 'not installed'}")
    print(table(HEADS, rows))


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or list(SIZES))
