"""One curve by four machines, and LSTMs of ion channels: `python benchmarks/chance.py [draws]`, 1,000 unless given.

Curves on two simulators against the sigmoid; the half-bridge against the master equation and against exact jumps; how
long a draw lasts; `electrical.CHANNELS`: the error of the airline forecaster and of the digits classifier against the
number of channels, predicted to first order, drawn on the circuit and drawn exactly in numbers; what 1 % takes.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from measure import conditions, table

import lstm_analog as la
from lstm_analog.analogies import chance
from lstm_analog.analogies.drawn_lstm import answers, binomial, deviations
from lstm_analog.compiler.electrical import CHANNELS
from lstm_analog.engines import Integrate, Ngspice, Settle, Waveform
from lstm_analog.imperfections import ChannelNoise, Streams
from lstm_analog.model import airline, digits
from lstm_analog.model.activations import sigmoid
from lstm_analog.study import running_cost

U = np.linspace(-6.0, 6.0, 25)
MACHINES = {
    "ion channels": (chance.channels(U.size, number=1e4, rate=CHANNELS.rate, capacitance=CHANNELS.capacitance), 4e-4),
    "differential pair": (chance.differential_pair(U.size, tail=1e-4, load=1e4), 1e-6),
    "valve pair": (chance.valve_pair(U.size, conductance=1e-9, capacity=1e-12), 4e-2),
}
DECISIONS, CHECKED = 20_000, 40
NUMBERS = (100, 1_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
FITTED = slice(2, None)
"""The numbers that the exponent is fitted over: below, second orders count."""
IMAGES = 20
TARGET = 0.01


def apart(found: np.ndarray, expected: np.ndarray) -> str:
    return f"{np.abs(found - expected).max():.1e}"


def curves() -> Iterator[list[str]]:
    """Yield a machine, and its largest difference from the sigmoid over 25 controls by Integrate and by ngspice."""
    for name, (network, interval) in MACHINES.items():
        pair = np.stack([-U, U])
        found = [
            chance.shares(network, pair, engine, interval=interval)[-1]
            for engine in (Integrate(rtol=1e-9, atol=1e-12), Ngspice())
        ]
        yield [name, *(apart(each, sigmoid(U)) for each in found), "rounding and what 40 time constants leave"]
    network, noise = chance.comparator(U.size), np.random.default_rng(0).logistic(size=(DECISIONS, U.size))
    found = chance.shares(network, np.broadcast_to(U, noise.shape), Settle(), interval=1e-6, noise=noise)
    few = chance.shares(
        network, np.broadcast_to(U, noise.shape)[:CHECKED], Ngspice(), interval=1e-6, noise=noise[:CHECKED]
    )
    error = (found.mean(axis=0) - sigmoid(U)) / np.sqrt(sigmoid(U) * sigmoid(-U) / DECISIONS)
    told = f"{DECISIONS} decisions: {np.sqrt((error**2).mean()):.2f} sigma rms (1 expected); by Settle, not Integrate"
    yield ["comparator", apart(found.mean(axis=0), sigmoid(U)), f"{apart(few, found[:CHECKED])} a decision", told]


def master() -> Iterator[list[str]]:
    """Yield times after the control jumps from -2 to 2, and p: closed form, its distance by engines, exact jumps."""
    network = chance.channels(1, number=1e4, rate=CHANNELS.rate, capacitance=CHANNELS.capacitance)
    step, count, runs, number = 2e-6, 6, 4000, 100
    controls = np.array([[-2.0], *[[2.0]] * count])
    engines = (Waveform(), Integrate(rtol=1e-9, atol=1e-12), Ngspice())
    found = [chance.shares(network, controls, engine, interval=step)[1:, 0] for engine in engines]
    start, generator = float(sigmoid(np.array(-2.0))), np.random.default_rng(1)
    for k in range(count):
        at = step * (k + 1)
        p = float(chance.opening(2.0, at, rate=CHANNELS.rate, start=start))
        jumped = chance.jump(
            2.0, at, number=number, rate=CHANNELS.rate, start=start, reading=step, runs=runs, generator=generator
        ).end
        error = (jumped.mean() - p) / (jumped.std() / np.sqrt(runs))
        yield [f"{at * 1e6:.0f} us", f"{p:.5f}", *(apart(f[k : k + 1], np.array(p)) for f in found), f"{error:+.1f}"]


def lasting(runs: int) -> Iterator[list[str]]:
    """Yield the variance of exact jumps over p (1 - p)/N, at the end, averaged and read, beside what the laws say."""
    number, reading, generator = 100, 4e-7, np.random.default_rng(2)
    for u, times in ((0.0, 20.0), (0.0, 5.0), (2.0, 20.0), (4.0, 20.0)):
        tau, p = CHANNELS.channel_time / np.cosh(0.5 * u), float(sigmoid(np.array(u)))
        found = chance.jump(
            u,
            times * tau,
            number=number,
            rate=CHANNELS.rate,
            start=p,
            reading=reading,
            runs=runs,
            generator=generator,
        )
        variances = [share.var() / (p * (1 - p) / number) for share in (found.end, found.mean, found.read)]
        laws = (1.0, 2 / times * (1 - -np.expm1(-times) / times), tau / (tau + reading))
        cells = [f"{v:.4f} / {law:.4f}" for v, law in zip(variances, laws, strict=True)]
        yield [f"{u:g}", f"{times:g}", *cells]


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """A trained model to be built of channels: `x` (sequences, time, inputs), `unit` of an answer, its `deviation`.

    `deviation` (sequences, ...) is that of each answer times sqrt(N), to first order; `scale` the range of answers.
    """

    name: str
    lstm: la.LSTM
    x: np.ndarray
    unit: float
    deviation: np.ndarray
    scale: float


def case(name: str, lstm: la.LSTM, x: np.ndarray, unit: float) -> Case:
    """Return the case of that `name`, with its deviations found by differences."""
    deviation = np.stack([deviations(lstm, one) for one in x])
    y = lstm(x).y
    return Case(name=name, lstm=lstm, x=x, unit=unit, deviation=deviation, scale=float(y.max() - y.min()))


def cases() -> tuple[Case, Case]:
    forecaster, pixels = airline.forecaster(15), digits.unseen()[0]
    months = forecaster.encode(airline.series()[1])[None]
    return (
        case("airline, 15 units, 144 months (thousands)", forecaster.whole, months, forecaster.scale),
        case("digits, 2 x 2 x 16 units, 20 images (scores)", digits.classifier(), pixels[:IMAGES], 1.0),
    )


def spread(y: np.ndarray, copies: int) -> float:
    """Return the root of the mean variance of `y` (copies * sequences, ...) over its `copies`."""
    return float(np.sqrt(y.reshape(copies, -1, *y.shape[1:]).var(axis=0, ddof=1).mean()))


def machine(one: Case, number: int) -> la.Machine:
    return la.compile(one.lstm, replace(CHANNELS, channels=number))


def errors(one: Case, draws: int) -> Iterator[list[object]]:
    """Yield N, the deviation of the answers to first order, of `draws` on the circuit and in numbers, and seconds."""
    copies = max(draws // len(one.x), 2)
    batch = np.tile(one.x, (copies, 1, 1))
    for number in NUMBERS:
        noisy = machine(one, number).with_imperfection(ChannelNoise(), Streams(seed=number))
        start = time.perf_counter()
        drawn = noisy.run(batch, engine=Settle(), keep=la.Keep.OUTPUTS).y
        took = time.perf_counter() - start
        exact = answers(one.lstm, batch, binomial(number, np.random.default_rng(number)))
        predicted = float(np.sqrt((one.deviation**2).mean() / number))
        yield [number, *(one.unit * each for each in (predicted, spread(drawn, copies), spread(exact, copies))), took]


def exponent(rows: list[list[object]], column: int) -> float:
    """Return the exponent of N in a `column` of the table of `errors`."""
    numbers, found = (np.array([row[k] for row in rows], dtype=float)[FITTED] for k in (0, column))
    return float(np.polyfit(np.log(numbers), np.log(found), 1)[0])


def heat(one: Case, number: int) -> float:
    """Return the power (W) that the channels alone turn to heat: what twice as many of them add."""
    some, twice = (running_cost(machine(one, n).run(one.x[:1], engine=Settle())).heat for n in (number, 2 * number))
    return twice - some


def needed(one: Case, draws: int) -> list[object]:
    """Return N at which the deviation is 1 % of the range of the answers, the deviation there, and the channels' power.

    Predicted to first order, then drawn; all channels of the machine, and the power of all of them.
    """
    number = int(np.ceil((one.deviation**2).mean() / (TARGET * one.scale) ** 2))
    copies = max(draws // len(one.x), 2)
    noisy = machine(one, number).with_imperfection(ChannelNoise(), Streams(seed=2))
    drawn = noisy.run(np.tile(one.x, (copies, 1, 1)), engine=Settle(), keep=la.Keep.OUTPUTS).y
    curves_in_all = 5 * sum(chain.cell.hidden_size for chain in one.lstm.chains)
    power = heat(one, number)
    found = f"{spread(drawn, copies) / one.scale:.2%}"
    return [one.name, number, found, curves_in_all * number, f"{power:.2e}", f"{power / number / curves_in_all:.2e}"]


def right(number: int) -> list[object]:
    """Return N and the share of all unseen digits that a single draw of the circuit gets right, and of the LSTM."""
    pixels, labels = digits.unseen()
    noisy = la.compile(digits.classifier(), replace(CHANNELS, channels=number)).with_imperfection(
        ChannelNoise(), Streams(seed=4)
    )
    scores = noisy.run(pixels, engine=Settle(), keep=la.Keep.OUTPUTS).y, digits.classifier()(pixels).y
    return [number, *(f"{np.mean(each.argmax(axis=-1) == labels):.2%}" for each in scores)]


def main(draws: int = 1000) -> None:
    """Print all tables."""
    print(conditions())
    print("\n## One curve, four machines\n")
    print(table(["machine", "scipy's integrator", "ngspice", "what limits it"], curves()))
    print("\n## The half-bridge is the master equation\n")
    print(table(["after", "p", "Waveform", "Integrate", "ngspice", "400,000 channels' jumps, in sigma"], master()))
    print("\n## How long a draw lasts: variance over p (1 - p)/N, found / law\n")
    print(table(["u", "T/tau", "at the end", "averaged over T", "read through 0.4 us"], lasting(20 * draws)))
    chosen = cases()
    for one in chosen:
        found = list(errors(one, draws))
        print(f"\n## {one.name}: deviation against N\n")
        heads = ["N", "first order", f"circuit, {draws} draws", "exact, as many", "seconds"]
        print(table(heads, [[row[0], *(f"{value:.3g}" for value in row[1:])] for row in found]))
        print(f"\nexponent of N: circuit {exponent(found, 2):.4f}, exact {exponent(found, 3):.4f}")
    print("\n## What 1 % takes\n")
    heads = ["model", "N", "drawn", "channels in all", "power of all (W)", "of each (W)"]
    print(table(heads, [needed(one, draws) for one in chosen]))
    print("\n## Digits that one draw gets right\n")
    print(table(["N", "circuit", "LSTM"], map(right, (100, 1_000, 10_000, 100_000))))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
