"""What real devices do from step to step, aged and in presets: `python benchmarks/in_time.py [chips [pcm.py]]`.

The first table holds each cause against a calculation that shares no code with the package: plain numpy
(`tests/helpers/stepwise_lstm.py`), ngspice on the perturbed netlist, closed forms, and, where the path of
`aihwkit/inference/noise/pcm.py` is given and torch is there, aihwkit's own functions, its normal numbers replaced by
ours. The second is the cost of so many chips, 250 unless given, of the airline forecaster (15 units, 144 months) by
`yield_of`, the least of three, beside that without causes in time, in the same process. The third are yields of the
presets within 5 thousand passengers RMSE, with their 95 % intervals.
"""

import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from measure import conditions, least, table
from scipy.special import ndtr
from yields import SEED, SETTLING, WITHIN, Forecasts, found

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "helpers"))
from stepwise_lstm import normals, run, stacked

import lstm_analog as la
from lstm_analog.engines import Ngspice, Settle, Waveform
from lstm_analog.imperfections import (
    BENCH_BOARD,
    FLOATING_GATE,
    PCM,
    RRAM,
    WORKSHOP_OIL,
    BoreTolerance,
    ClockJitter,
    Drift,
    Flicker,
    InputConverter,
    MeasuredDevices,
    OperatingTemperature,
    OutputConverter,
    PhaseChangeDrift,
    PhaseChangeProgramming,
    PhaseChangeReadNoise,
    ProgrammingError,
    ReadNoise,
    Streams,
    SupplyRipple,
    apply,
    fluctuate,
)
from lstm_analog.imperfections.banks import DeviceBank
from lstm_analog.model.airline import forecaster, series
from lstm_analog.study import yield_of

STREAMS = Streams(seed=SEED)
X = np.random.default_rng(3).uniform(-1.0, 1.0, (6, 2))
LSTM = la.random_lstm(np.random.default_rng(2), 2, 3)
CELL = LSTM.layers[0].forward
MACHINE = la.compile(LSTM, la.electrical.BEHAVIOURAL, settling=SETTLING)
DAY = 86400.0
MICRO = 25.0
"""Gmax of the phase-change cells of aihwkit (uS)."""
Row = tuple[str, str, str, float]


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """Return the largest difference."""
    return float(np.abs(np.asarray(one) - np.asarray(other)).max())


# Reading.


def read_noise() -> Iterator[Row]:
    """Yield the departures of read noise: of numpy, and of ngspice on one netlist a step, from state to state."""
    cause = ReadNoise(sigma=0.05)
    weights, drawn = stacked(CELL), normals(SEED, "read noise l0_rows")
    fresh = [weights * (1.0 + 0.05 * drawn.standard_normal(weights.shape)) for _ in X]
    made, expected = MACHINE.with_imperfection(cause, STREAMS), run(fresh, X)
    for engine in (Settle(), Waveform()):
        name = type(engine).__name__
        yield f"ReadNoise, BEHAVIOURAL, {name}", "numpy", "h", apart(made.run(X, engine=engine).h, expected)
    state, answers = None, []
    for step in range(len(X)):
        done = made.at_step(step).run(X[step : step + 1], state=state, engine=Ngspice()).outputs
        state = done.state
        answers.append(done.h[0])
    yield (
        "ReadNoise, BEHAVIOURAL, Settle",
        "ngspice, a deck a step",
        "h",
        apart(made.run(X, engine=Settle()).h, answers),
    )
    oil = la.compile(LSTM, la.hydraulic.OIL, settling=SETTLING).with_imperfection(cause, STREAMS)
    rows = oil.network.part("l0_rows")
    sides = [(getattr(rows, side), normals(SEED, f"read noise l0_rows {side}")) for side in ("positive", "negative")]
    scale = weights.max() / _pressures(rows, rows.positive, rows.negative).flat[weights.argmax()]
    fresh = [
        scale * _pressures(rows, *(bank * (1.0 + 0.05 * each.standard_normal(bank.shape)) for bank, each in sides))
        for _ in X
    ]
    for engine in (Settle(), Waveform()):
        name = type(engine).__name__
        yield f"ReadNoise, OIL, {name}", "numpy, Millman", "h", apart(oil.run(X, engine=engine).h, run(fresh, X))


def _pressures(rows: object, plus: np.ndarray, minus: np.ndarray) -> np.ndarray:
    """Return what a pair of manifolds makes of each input: the weighted mean, one less the other."""
    loads = (rows.plus_load, rows.minus_load)
    sides = zip((plus, minus), loads, strict=True)
    return np.subtract(*(side / (side.sum(axis=-1) + load)[:, None] for side, load in sides))


def flicker() -> Iterator[Row]:
    """Yield the worst departure of the spectrum in bands of a third of an octave, and of the variance, as shares."""
    cause, step, count, many = Flicker(share=0.02, shortest=2e-3, longest=0.2), 1e-3, 2048, 40_000
    bank = DeviceBank(name="devices", conductance=np.ones((1, many)), least=np.zeros((1, 1)), largest=np.ones((1, 1)))
    errors = fluctuate(cause, (bank,), STREAMS, step)
    seen = np.zeros(count // 2 + 1)
    traces = np.array([next(errors)[0][0].astype(np.float32) for _ in range(count)])
    for few in np.array_split(traces, 40, axis=1):
        seen += np.sum(np.abs(np.fft.rfft(few, axis=0)) ** 2, axis=1)
    power, frequency = 2.0 * step / count / many * seen[1:-1], np.arange(1, count // 2) / (count * step)
    expected = _sampled(cause, frequency, step, count)
    band = np.digitize(frequency, frequency[0] * 2.0 ** (np.arange(9, 31) / 3.0))
    ratio = [power[band == k].mean() / expected[band == k].mean() for k in range(1, 21)]
    yield "Flicker", "closed form of its traps, sampled", "spectrum, share", apart(ratio, 1.0)
    yield "Flicker", "closed form", "variance, share", apart(traces.var() / 0.02**2, 1.0)


def _sampled(cause: Flicker, frequency: np.ndarray, step: float, count: int) -> np.ndarray:
    """Return the expected periodogram of so many samples: by the autocovariance, over traps even in ln time."""
    times = np.exp(np.linspace(np.log(cause.shortest), np.log(cause.longest), 4001))
    covariance = [np.trapezoid(np.exp(-lag * step / times), np.log(times)) for lag in range(count)]
    tapered = cause.share**2 * np.array(covariance) / np.log(cause.longest / cause.shortest)
    tapered *= 1.0 - np.arange(count) / count
    turns = 2.0 * np.pi * np.outer(frequency * step, np.arange(1, count))
    return 2.0 * step * (tapered[0] + 2.0 * np.cos(turns) @ tapered[1:])


# Age.


def ageing() -> Iterator[Row]:
    """Yield the departures of drift and of a table of measurements from their formulas, in shares of Gmax."""
    size, g = _sizes(MACHINE.network)
    nu = 0.05 + 0.01 * _normal("drift", g.shape)
    made = _made(Drift(exponent=0.05, spread=0.01, seconds=1e5, since=10.0))
    yield "Drift", "numpy, (t/t0)^-nu", "G, share of Gmax", apart(made / size.max(), g * 1e4**-nu)
    made = _made(MeasuredDevices(target=(0.0, 0.5, 1.0), mean=(0.0, 0.4, 0.9), sigma=(0.0, 0.01, 0.03)))
    mean, sigma = np.where(g < 0.5, 0.8 * g, g - 0.1), np.where(g < 0.5, 0.02 * g, 0.04 * g - 0.01)
    expected = np.maximum(mean + sigma * _normal("measured", g.shape), 0.0)
    yield "MeasuredDevices", "numpy, straight lines", "G, share of Gmax", apart(made / size.max(), expected)


def _sizes(network: object) -> tuple[np.ndarray, np.ndarray]:
    size = np.abs(network.part("l0_rows").transconductance)
    return size, size / size.max()


def _made(cause: object) -> np.ndarray:
    return _sizes(apply(cause, MACHINE.network, STREAMS))[0]


def _normal(name: str, shape: tuple[int, ...]) -> np.ndarray:
    return normals(SEED, f"{name} l0_rows").standard_normal(shape)


def phase_change(pcm: Path) -> Iterator[Row]:
    """Yield the departures of the phase-change laws from the functions in aihwkit's `pcm` file, in shares of Gmax."""
    import torch

    space = _aihwkit(pcm)
    model = space["PCMLikeNoiseModel"](g_converter=types.SimpleNamespace(g_max=MICRO))
    size, g = _sizes(MACHINE.network)
    target = torch.tensor(MICRO * g)

    def by(name: str) -> None:
        space["randn_like"] = lambda tensor: torch.tensor(_normal(name, tuple(tensor.shape)))

    by("phase-change programming")
    theirs = model.apply_programming_noise_to_conductance(target.clone()).numpy()
    yield (
        "PhaseChangeProgramming",
        "aihwkit",
        "G, share of Gmax",
        apart(_made(PhaseChangeProgramming()) / size.max(), theirs / MICRO),
    )
    by("phase-change drift")
    nu = model.generate_drift_coefficients(target)
    space["randn_like"] = torch.zeros_like
    theirs = model.apply_drift_noise_to_conductance(target, nu, DAY).numpy()
    yield (
        "PhaseChangeDrift, a day",
        "aihwkit",
        "G, share of Gmax",
        apart(_made(PhaseChangeDrift(seconds=DAY)) / size.max(), theirs / MICRO),
    )
    by("phase-change reading")
    theirs = model.apply_drift_noise_to_conductance(target, torch.zeros_like(nu), DAY).numpy()
    made = MACHINE.with_imperfection(PhaseChangeReadNoise(seconds=DAY), STREAMS)
    (first, _), *_ = made.schedule(X).stretches(made.network)
    yield (
        "PhaseChangeReadNoise, a day",
        "aihwkit",
        "G, share of Gmax",
        apart(_sizes(first)[0] / size.max(), theirs / MICRO),
    )


def _aihwkit(pcm: Path) -> dict[str, object]:
    """Return what the file `pcm` of aihwkit defines: its base classes, which need a build, are stood in for."""

    class BaseNoiseModel:
        def __init__(self, g_converter: object) -> None:
            self.g_converter = g_converter

    stand_ins = {
        "aihwkit.inference.noise.base": {"BaseNoiseModel": BaseNoiseModel},
        "aihwkit.inference.converter.base": {"BaseConductanceConverter": object},
        "aihwkit.inference.converter.conductance": {"SinglePairConductanceConverter": object},
    }
    for name, holds in stand_ins.items():
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(holds)
    space: dict[str, object] = {"__name__": "pcm"}
    exec(compile(pcm.read_text(encoding="utf-8"), pcm.name, "exec"), space)
    return space


# The clock, the rails, the converters, the temperature.


def outside() -> Iterator[Row]:
    """Yield the departures of what acts on the schedule, of numpy and of ngspice on the deck that has it."""
    step, plain = MACHINE.compiled.cycle.step_time, [stacked(CELL)] * len(X)
    ripple = SupplyRipple(share=0.02, frequency=0.17 / step)
    start = ndtr(normals(SEED, "supply ripple").standard_normal(1))[0]
    ends = MACHINE.schedule(X).ends[MACHINE.compiled.cycle.ends("compute0", len(X))]
    swing = 1.0 + 0.02 * np.sin(2.0 * np.pi * (0.17 / step * ends + start))
    codes = np.round((np.clip(X, -0.8, 0.8) + 0.8) / (1.6 / 15)) * (1.6 / 15) - 0.8
    for cause, expected in (
        (ripple, run(plain, X, one=lambda number: float(swing[number]))),
        (InputConverter(bits=4, low=-0.8, high=0.8), LSTM(codes).h),
        (OperatingTemperature(celsius=77.0), run(plain, X, steeper=300.15 / 350.15)),
    ):
        made, name = MACHINE.with_imperfection(cause, STREAMS), type(cause).__name__
        yield f"{name}, BEHAVIOURAL", "numpy", "h", apart(made.run(X, engine=Settle()).h, expected)
        yield (
            f"{name}, BEHAVIOURAL",
            "ngspice",
            "h",
            apart(made.run(X, engine=Settle()).h, made.run(X, engine=Ngspice()).h),
        )
    gated = la.compile(LSTM, la.electrical.BEHAVIOURAL, settling=SETTLING, timing=la.GATED_LEAK)
    made = gated.with_imperfection(ClockJitter(seconds=2e-8), STREAMS)
    waveform = made.run(X, engine=Waveform()).h
    yield "ClockJitter, gated leak, Waveform", "ngspice", "h", apart(waveform, made.run(X, engine=Ngspice()).h)
    yield "(what it moves there)", "no jitter", "h", apart(waveform, gated.run(X, engine=Waveform()).h)
    made, h = MACHINE.with_imperfection(OutputConverter(bits=6, low=-1.0, high=1.0), STREAMS), MACHINE.run(X).h
    expected = np.round((h + 1.0) * 31.5) / 31.5 - 1.0
    yield "OutputConverter", "numpy", "h", apart(made.run(X).outputs.h, expected)


# Many chips.

NOISE = ReadNoise(sigma=0.003)
CAUSES = {
    "BEHAVIOURAL": (ProgrammingError(sigma=0.001), NOISE, Flicker(share=0.003, shortest=1e-6, longest=1.0)),
    "OIL": (BoreTolerance(sigma=0.001), NOISE, Flicker(share=0.003, shortest=1.0, longest=1e6)),
}


def costs(chips: int) -> list[tuple[object, ...]]:
    """Return rows of milliseconds a chip, made alone, with causes in time and their ratio."""
    rows = []
    for name, (made, *in_time) in CAUSES.items():
        causes = [made, *((made, each) for each in in_time), (made, *in_time)]
        times = least([_asked(name, cause, chips) for cause in causes], 3)
        told = ["as made", *(type(each).__name__ for each in in_time), "both"]
        rows += [
            (chips, name, what, 1e3 * time / chips, time / times[0]) for what, time in zip(told, times, strict=True)
        ]
    return rows


def _asked(name: str, cause: object, chips: int) -> Callable[[], object]:
    return lambda: found(name, cause, chips)


def yields(chips: int) -> list[tuple[object, ...]]:
    """Return rows of yields of the presets, each in its technology; of boards, which take longest, a tenth as many."""
    places = (*(("BEHAVIOURAL", preset) for preset in (RRAM, PCM, FLOATING_GATE)), ("OIL", WORKSHOP_OIL))
    rows = [_row(name, preset.name, found(name, preset, chips)) for name, preset in places]
    made, few = forecaster(15), max(1, chips // 10)
    board, x = la.compile(made.lstm, la.electrical.OPAMP_BENCH, settling=SETTLING), made.encode(series()[1])
    asked = {"metric": Forecasts(), "spec": WITHIN, "chips": few, "seed": SEED, "lot_size": 50}
    return [*rows, _row("OPAMP_BENCH", BENCH_BOARD.name, yield_of(board, BENCH_BOARD, x, **asked))]


def _row(technology: str, name: str, made: la.study.Yield) -> tuple[object, ...]:
    middle, tail = made.quantiles([0.5, 0.9])
    low, high = made.interval.low, made.interval.high
    return made.values.size, technology, name, f"{made.fraction:.1%}", f"{low:.1%} to {high:.1%}", middle, tail


def main(chips: int, pcm: Path | None) -> None:
    """Print the tables."""
    print(conditions())
    rows = [*read_noise(), *flicker(), *ageing(), *(phase_change(pcm) if pcm else ()), *outside()]
    print(table(("cause", "against", "of", "worst departure"), rows))
    print(table(("chips", "technology", "causes", "ms a chip", "/ as made"), costs(chips)))
    print(table(("chips", "technology", "preset", "yield", "interval", "median", "90 % below"), yields(4 * chips)))


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 250, Path(sys.argv[2]) if sys.argv[2:] else None)
