"""Descent as a machine against the optimisers' own steps: `python benchmarks/descent.py [passes]`, 60 unless given.

Closed forms and three engines beside each other, the law of the error by rate with its measured exponent, the best
momentum, and the head of the airline forecaster that a circuit learns. `make descent`, two to four minutes.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from measure import conditions, table
from scipy.integrate import solve_ivp
from scipy.optimize import minimize_scalar

from lstm_analog.analogies import (
    FILTERS,
    UTUBES,
    Descent,
    Logistic,
    OnlineSquares,
    Quadratic,
    adaptive_descent,
    adaptive_steps,
    critical_momentum,
    damped_motion,
    descent,
    heavy_ball,
    nesterov,
)
from lstm_analog.engines import Engine, Integrate, Ngspice, Rumoca, Waveform
from lstm_analog.engines.system import system
from lstm_analog.export import Accuracy
from lstm_analog.model import airline

FINE = Accuracy(reltol=1e-6, vntol=1e-9, abstol=1e-13, chgtol=1e-13, steps=2000)
ENGINES = {"scipy": Integrate(), "Waveform": Waveform(), "ngspice": Ngspice(accuracy=FINE), "rumoca": Rumoca()}
AXES = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
COUPLED = Quadratic(hessian=AXES @ np.diag([1.0, 7.0, 40.0]) @ AXES.T, pull=np.array([1.0, -2.0, 0.5]))
APART = Quadratic(hessian=np.diag([1.0, 7.0, 20.0]), pull=np.array([2.0, -2.0, 0.5]))
START, PAIR = np.array([1.0, -1.0, 0.5]), np.array([-1.0, 1.0])
FRICTION, DURATION, PIECES = 1.5, 6.0, 12
FIRST, SECOND, EPSILON = 0.1, 1.0, 0.1
WARM_UP, STEP, HEAD_FRICTION = 12, 0.05, {4: 0.5, 15: 1.0}


def two_classes() -> Logistic:
    """Return the logistic loss of 40 points on a line, with a bias."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=40)
    labels = (x + 0.5 * rng.normal(size=40) > 0).astype(float)
    return Logistic(features=np.column_stack((x, np.ones(40))), labels=labels, decay=0.01)


def ball(loss: Logistic, start: np.ndarray, friction: float, at: np.ndarray) -> np.ndarray:
    """Return w (k, n) of w'' + friction w' + grad f(w) = 0 by scipy, written down by hand."""

    def rates(_: float, y: np.ndarray) -> np.ndarray:
        w, v = np.split(y, 2)
        return np.append(v, -friction * v - loss.gradient(w))

    begin = np.append(start, np.zeros_like(start))
    return solve_ivp(rates, (0, at[-1]), begin, t_eval=at, rtol=1e-11, atol=1e-13).y[: start.size].T


def filtered(loss: Logistic, start: np.ndarray, first: float | None, at: np.ndarray) -> np.ndarray:
    """Return w (k, n) of Adam's flow, or of RMSProp's without `first`, by scipy, written down by hand."""

    def rates(_: float, y: np.ndarray) -> np.ndarray:
        w, m, v = np.split(y, 3)
        slope = loss.gradient(w)
        moved = -(slope if first is None else m) / np.sqrt(v + EPSILON**2)
        return np.concatenate((moved, (slope - m) / (first or 1.0), (slope**2 - v) / SECOND))

    slope = loss.gradient(start)
    begin = np.concatenate((start, slope, slope**2))
    return solve_ivp(rates, (0, at[-1]), begin, method="LSODA", t_eval=at, rtol=1e-11, atol=1e-13).y[: start.size].T


def averaged(first: float | None, lag: float) -> Descent:
    """Return the circuit of Adam, or of RMSProp without `first`, on the two classes, with that lag of its root."""
    times, sizes = {"first": first, "second": SECOND, "epsilon": EPSILON}, replace(FILTERS, lag=lag)
    return adaptive_descent(two_classes(), PAIR, **times, duration=4.0, pieces=20, sizes=sizes)


def machines() -> dict[str, tuple[Descent, np.ndarray]]:
    """Return each machine with the motion that it is to follow, (k, n)."""
    how, classes = {"friction": FRICTION, "duration": DURATION, "pieces": PIECES}, two_classes()
    coils, columns = descent(COUPLED, START, **how), descent(APART, START, **how, sizes=UTUBES)
    rolling = descent(classes, PAIR, friction=1.0, duration=20.0, pieces=20)
    filters = {
        name: (averaged(first, FILTERS.lag), first)
        for name, first in (("RMSProp, logistic", None), ("Adam, logistic", FIRST))
    }
    return {
        "coils, quadratic": (coils, damped_motion(COUPLED, START, friction=FRICTION, time=coils.time)),
        "U-tubes, quadratic": (columns, damped_motion(APART, START, friction=FRICTION, time=columns.time)),
        "coils, logistic": (rolling, ball(classes, PAIR, 1.0, rolling.time)),
        **{name: (made, filtered(classes, PAIR, first, made.time)) for name, (made, first) in filters.items()},
    }


def error(machine: Descent, engine: Engine, motion: np.ndarray) -> float:
    """Return the largest difference of weights between what the engine finds and the `motion`."""
    return float(np.abs(machine.weights(engine.run(machine.network, machine.schedule)) - motion).max())


def by_engine() -> Iterator[tuple[str, ...]]:
    """Yield each machine with the largest error of its weights by every engine."""
    for name, (machine, motion) in machines().items():
        yield name, *(f"{error(machine, engine, motion):.1e}" for engine in ENGINES.values())


def optimisers() -> dict[str, tuple[Descent, object]]:
    """Return for each optimiser its machine, and its path (steps + 1, n) by the number of steps."""
    classes = two_classes()
    found = machines()
    coils, rolling = found["coils, quadratic"][0], found["coils, logistic"][0]

    def moving(method: object, loss: object, start: np.ndarray, friction: float, duration: float) -> object:
        def path(steps: int) -> np.ndarray:
            h = duration / steps
            return method(loss, start, rate=h * h, momentum=1.0 - friction * h, steps=steps)

        return path

    def averaging(first: float | None) -> object:
        settings = {"first": first, "second": SECOND, "epsilon": EPSILON}
        return lambda steps: adaptive_steps(classes, PAIR, rate=4.0 / steps, steps=steps, **settings)

    return {
        "momentum, quadratic": (coils, moving(heavy_ball, COUPLED, START, FRICTION, DURATION)),
        "Nesterov, quadratic": (coils, moving(nesterov, COUPLED, START, FRICTION, DURATION)),
        "momentum, logistic": (rolling, moving(heavy_ball, classes, PAIR, 1.0, 20.0)),
        "Nesterov, logistic": (rolling, moving(nesterov, classes, PAIR, 1.0, 20.0)),
        "RMSProp, logistic": (averaged(None, 1e-6), averaging(None)),
        "Adam, logistic": (averaged(FIRST, 1e-6), averaging(FIRST)),
    }


def exponents() -> Iterator[tuple[str, ...]]:
    """Yield the error of each optimiser's own steps against its network, by rate, and the exponent.

    The exponent is that of the rate, fitted to the three smallest; 1/2 is the law of momentum, 1 that of filters.
    """
    for name, (machine, path) in optimisers().items():
        followed = machine.weights(Integrate().run(machine.network, machine.schedule))
        pieces, duration = machine.time.size - 1, float(machine.time[-1])
        root = "logistic" in name and ("RMS" in name or "Adam" in name)
        rates, errors = [], []
        for fold in (8, 32, 128, 512) if root else (32, 128, 512, 2048):
            steps = fold * pieces
            rates.append((duration / steps) ** (1 if root else 2))
            errors.append(float(np.abs(path(steps)[::fold] - followed).max()))
        slope = float(np.polyfit(np.log(rates[1:]), np.log(errors[1:]), 1)[0])
        cells = [f"{size:.1e} at {rate:.1e}" for rate, size in zip(rates, errors, strict=True)]
        yield name, *cells, f"{slope:.3f}", "1" if root else "1/2"


def lags() -> Iterator[tuple[str, str]]:
    """Yield the lag of the loop of roots, and how far Adam's circuit is from Adam's flow."""
    for lag in (1e-2, 1e-3, 1e-4, 1e-5):
        machine = averaged(FIRST, lag)
        motion = filtered(two_classes(), PAIR, FIRST, machine.time)
        yield f"{lag:.0e}", f"{error(machine, Integrate(), motion):.1e}"


def slowest(loss: Quadratic, friction: float) -> float:
    """Return how fast the slowest motion of the circuit dies (per unit of time), from the poles of its network."""
    machine = descent(loss, START, friction=friction, duration=1.0, pieces=1)
    equations = system(machine.network, machine.schedule.phase(1))
    effort = np.zeros((1, machine.network.unknowns.size))
    equations.complete(effort)
    return float(-np.linalg.eigvals(equations.jacobian(effort).toarray()).real.max() * machine.unit)


def decay(loss: Quadratic, rate: float, momentum: float, steps: int = 3000) -> float:
    """Return by what factor the distance from the minimum falls with each step of SGD with momentum, over many."""
    around = replace(loss, pull=np.zeros_like(loss.pull))
    path = heavy_ball(around, START, rate=rate, momentum=momentum, steps=steps)
    size = np.linalg.norm(path[[steps // 2, steps // 2 + 1, -2, -1]], axis=1)
    return float((np.hypot(*size[2:]) / np.hypot(*size[:2])) ** (2.0 / steps))


def best_momentum() -> Iterator[tuple[str, str, str, str]]:
    """Yield what is best by closed form and as measured, of the circuit's friction and of the optimiser's momentum."""
    least = float(np.linalg.eigvalsh(COUPLED.hessian)[0])
    friction = minimize_scalar(lambda a: -slowest(COUPLED, a), bounds=(0.5, 4.0), method="bounded").x
    yield "friction of the circuit", "2 sqrt(least curvature)", f"{2.0 * least**0.5:.4f}", f"{friction:.4f}"
    for rate in (1e-2, 1e-3):
        law = critical_momentum(least, rate)
        found = minimize_scalar(lambda m, r=rate: decay(COUPLED, r, m), bounds=(0.6, 0.999), method="bounded").x
        yield f"momentum of SGD at rate {rate:g}", "(1 - sqrt(rate x least curvature))^2", f"{law:.4f}", f"{found:.4f}"


def head_samples(units: int = 4) -> tuple[OnlineSquares, airline.Forecaster]:
    """Return what the head sees, h of each month of training and 1, with the next month, and the forecaster."""
    forecaster = airline.forecaster(units)
    x = forecaster.encode(airline.series()[1])
    last = airline.TEST_START - 1
    h = forecaster.lstm(x).h[WARM_UP:last]
    features = np.column_stack((h, np.ones(len(h))))
    return OnlineSquares(features=features, targets=x[WARM_UP + 1 : last + 1, 0]), forecaster


def learner(passes: int, units: int = 4) -> tuple[Descent, np.ndarray, OnlineSquares]:
    """Return the circuit that learns the head in so many `passes`, the same training in numpy (k, n), and the loss."""
    loss, _ = head_samples(units)
    start, steps = np.zeros(units + 1), passes * len(loss.targets)
    machine = descent(loss, start, friction=HEAD_FRICTION[units], duration=STEP * steps, pieces=steps)
    numeric = heavy_ball(loss, start, rate=STEP**2, momentum=1.0 - HEAD_FRICTION[units] * STEP, steps=steps)
    return machine, numeric, loss


def heads(passes: int) -> Iterator[tuple[str, ...]]:
    """Yield units, passes, engine, loss of the head that learned and of numpy's, how far apart, both RMSE, the time."""
    ngspice = Ngspice(accuracy=replace(FINE, steps=10))
    for units, count, name, engine in (
        (4, 3, "scipy", Integrate()),
        (4, 3, "rumoca", Rumoca()),
        (4, passes, "Waveform", Waveform()),
        (4, passes, "ngspice", ngspice),
        (4, passes, "rumoca", Rumoca()),
        (15, passes, "Waveform", Waveform()),
    ):
        machine, numeric, loss = learner(count, units)
        scale, begun = airline.forecaster(4).scale, time.perf_counter()
        weights = machine.weights(engine.run(machine.network, machine.schedule))[-1]
        spent = time.perf_counter() - begun
        mine, theirs = loss.mean(weights), loss.mean(numeric[-1])
        rmse = (f"{scale * value**0.5:.2f}" for value in (mine, theirs))
        relative = f"{mine / theirs - 1.0:+.1e}"
        yield str(units), str(count), name, f"{mine:.6f}", f"{theirs:.6f}", relative, *rmse, f"{spent:.1f}"


def least_squares(units: int) -> tuple[float, float]:
    """Return the RMSE of the best head and of the one that is shipped, in thousand passengers, over the same months."""
    loss, forecaster = head_samples(units)
    best = np.linalg.lstsq(loss.features, loss.targets)[0]
    shipped = np.append(forecaster.head_weight[0], forecaster.head_bias)
    return tuple(forecaster.scale * loss.mean(weights) ** 0.5 for weights in (best, shipped))


def main(passes: int) -> None:
    print(conditions())
    print("\nlargest error of a weight against the closed form, or the flow written down by hand\n")
    print(table(("machine", *ENGINES), by_engine()))
    print("\nlargest |optimiser's own steps - network|, at rates\n")
    print(table(("optimiser", *(f"error {k}" for k in range(1, 5)), "exponent of the rate", "law"), exponents()))
    print("\nAdam's circuit against Adam's flow, by the lag of its root\n")
    print(table(("lag", "error"), lags()))
    print("\nthe best momentum\n")
    print(table(("of", "law", "closed form", "measured"), best_momentum()))
    print("\nthe heads of the airline forecasters, learned from the series\n")
    heading = ("units", "passes", "engine", "loss", "numpy's loss", "relative", "RMSE", "numpy's RMSE", "s")
    print(table(heading, heads(passes)))
    for units in airline.UNITS:
        best, shipped = least_squares(units)
        print(f"\n{units} units: RMSE of the least squares head {best:.2f}, of the shipped one {shipped:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
