"""Descent as a machine: networks against closed forms, engines against each other, the law of the error, refusals."""

from dataclasses import replace

import numpy as np
import pytest

from lstm_analog.analogies import (
    COILS,
    FILTERS,
    UTUBES,
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
from lstm_analog.engines import Integrate, Ngspice, Rumoca, Waveform
from lstm_analog.engines.system import system
from lstm_analog.errors import InvalidShapeError, InvalidValueError, UnsupportedError
from lstm_analog.export import Accuracy
from lstm_analog.model import airline

COUPLED = Quadratic(hessian=np.array([[2.0, 1.0], [1.0, 5.0]]), pull=np.array([1.0, -2.0]))
APART = Quadratic(hessian=np.diag([1.0, 7.0]), pull=np.array([2.0, -2.0]))
CLASSES = Logistic(
    features=np.column_stack((np.linspace(-2.0, 2.0, 9), np.ones(9))),
    labels=np.array([0, 0, 1, 0, 0, 1, 0, 1, 1]),
    decay=0.01,
)
START = np.array([1.0, -1.0])
STEPS = Accuracy(reltol=1e-6, vntol=1e-9, abstol=1e-13, chgtol=1e-13, steps=1000)
ENGINES = [(Integrate(), 1e-8), (Waveform(), 1e-6), (Ngspice(accuracy=STEPS), 1e-4), (Rumoca(), 1e-8)]


def run(machine, engine):
    return machine.weights(engine.run(machine.network, machine.schedule))


@pytest.mark.parametrize(("engine", "most"), ENGINES, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize(("loss", "sizes"), [(COUPLED, COILS), (APART, UTUBES)], ids=["coils", "U-tubes"])
def test_engines_follow_the_closed_form(loss, sizes, engine, most):
    machine = descent(loss, START, friction=1.5, duration=6.0, pieces=6, sizes=sizes)
    motion = damped_motion(loss, START, friction=1.5, time=machine.time)
    assert np.abs(motion - START).max() > 0.3
    assert np.abs(run(machine, engine) - motion).max() < most


@pytest.mark.parametrize("friction", [0.5, 2.0 * np.sqrt(7.0), 8.0])
def test_the_closed_form_satisfies_its_equation_below_at_and_above_critical_friction(friction):
    time = np.linspace(0.0, 4.0, 4001)
    w, h = damped_motion(APART, START, friction=friction, time=time), time[1]
    force = (w[2:] - 2 * w[1:-1] + w[:-2]) / h**2 + friction * (w[2:] - w[:-2]) / (2 * h)
    slope = np.array([APART.gradient(one) for one in w[1:-1]])
    assert np.abs(force + slope).max() < 1e-4
    assert w[0] == pytest.approx(START)
    assert np.abs(w[1] - w[0]).max() < 10.0 * h**2


@pytest.mark.parametrize("method", [heavy_ball, nesterov])
@pytest.mark.parametrize("loss", [COUPLED, CLASSES], ids=["quadratic", "logistic"])
def test_momentum_is_off_by_the_square_root_of_the_rate(method, loss):
    machine = descent(loss, START, friction=1.0, duration=6.0, pieces=6)
    followed, errors = run(machine, Integrate()), []
    rates = [(6.0 / steps) ** 2 for steps in (3000, 12000)]
    for rate in rates:
        h = np.sqrt(rate)
        path = method(loss, START, rate=rate, momentum=1.0 - h, steps=round(6.0 / h))
        errors.append(np.abs(path[:: round(1.0 / h)] - followed).max())
    assert np.log(errors[1] / errors[0]) / np.log(rates[1] / rates[0]) == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("first", [None, 0.2], ids=["RMSProp", "Adam"])
def test_adaptive_steps_are_off_by_the_rate(first):
    how = {"first": first, "second": 1.0, "epsilon": 0.1}
    machine = adaptive_descent(CLASSES, START, **how, duration=2.0, pieces=4, sizes=replace(FILTERS, lag=1e-6))
    followed = run(machine, Integrate())
    errors = [
        np.abs(adaptive_steps(CLASSES, START, **how, rate=2.0 / steps, steps=steps)[:: steps // 4] - followed).max()
        for steps in (200, 800)
    ]
    assert np.log(errors[0] / errors[1]) / np.log(4.0) == pytest.approx(1.0, rel=0.05)


def test_the_lag_of_the_root_is_the_error_of_the_circuit():
    how = {"first": 0.2, "second": 1.0, "epsilon": 0.1, "duration": 2.0, "pieces": 4}
    found = [
        run(adaptive_descent(COUPLED, START, **how, sizes=replace(FILTERS, lag=lag)), Integrate())
        for lag in (1e-6, 1e-4, 1e-3)
    ]
    small, large = (np.abs(one - found[0]).max() for one in found[1:])
    assert large / small == pytest.approx(10.0, rel=0.05)


def test_ngspice_and_rumoca_run_the_filters():
    machine = adaptive_descent(
        COUPLED, START, first=0.2, second=1.0, epsilon=0.1, duration=2.0, pieces=4, sizes=replace(FILTERS, lag=1e-3)
    )
    expected = run(machine, Integrate())
    assert np.abs(run(machine, Ngspice(accuracy=STEPS)) - expected).max() < 1e-4
    assert np.abs(run(machine, Rumoca()) - expected).max() < 1e-7


def slowest(friction):
    machine = descent(APART, START, friction=friction, duration=1.0, pieces=1)
    equations = system(machine.network, machine.schedule.phase(1))
    effort = np.zeros((1, machine.network.unknowns.size))
    equations.complete(effort)
    return -np.linalg.eigvals(equations.jacobian(effort).toarray()).real.max() * machine.unit


def test_critical_friction_is_the_best_of_the_network():
    assert slowest(2.0) == pytest.approx(1.0, rel=1e-3)
    assert slowest(1.9) < slowest(2.0) > slowest(2.1)


def test_critical_momentum_is_the_best_of_the_steps():
    loss = Quadratic(hessian=np.eye(1), pull=np.zeros(1))
    best = critical_momentum(1.0, 0.01)

    def left(momentum):
        return np.abs(heavy_ball(loss, np.ones(1), rate=0.01, momentum=momentum, steps=2000)[-50:]).max()

    assert left(best) < min(left(best - 0.005), left(best + 0.005))
    with pytest.raises(InvalidValueError, match=r"rate x curvature must be between 0 and 1, got 2\.0: lower the rate"):
        critical_momentum(2.0, 1.0)


def learner(passes, step=0.05, friction=0.5):
    forecaster = airline.forecaster(4)
    x = forecaster.encode(airline.series()[1])
    features = np.column_stack((forecaster.lstm(x).h[12:107], np.ones(95)))
    loss, steps = OnlineSquares(features=features, targets=x[13:108, 0]), 95 * passes
    machine = descent(loss, np.zeros(5), friction=friction, duration=step * steps, pieces=steps)
    return machine, loss, heavy_ball(loss, np.zeros(5), rate=step**2, momentum=1 - friction * step, steps=steps)


def test_a_head_learns_on_its_capacitors_what_numpy_learns():
    machine, loss, path = learner(20)
    learned = run(machine, Waveform())[-1]
    assert loss.mean(learned) == pytest.approx(loss.mean(path[-1]), rel=0.01)
    assert loss.mean(learned) < 0.06 * loss.mean(path[0])


def test_scipy_and_ngspice_learn_the_same():
    machine = learner(1)[0]
    expected = run(machine, Integrate())
    assert np.abs(expected[-1] - expected[0]).max() > 0.3
    assert np.abs(run(machine, Ngspice(accuracy=replace(STEPS, steps=10))) - expected).max() < 1e-4


@pytest.mark.parametrize("first", [None, 0.2], ids=["RMSProp", "Adam"])
def test_filters_learn_from_one_sample_after_another(first):
    rng, pieces = np.random.default_rng(0), 50
    loss = OnlineSquares(features=rng.normal(size=(4, 2)), targets=rng.normal(size=4))
    how = {"first": first, "second": 1.0, "epsilon": 0.1}
    machine = adaptive_descent(loss, START, **how, duration=0.5, pieces=pieces, sizes=replace(FILTERS, lag=1e-4))
    path = adaptive_steps(loss, START, **how, rate=0.5 / pieces, steps=pieces)
    assert np.abs(path[-1] - START).max() > 0.3
    assert np.abs(run(machine, Waveform()) - path).max() < 0.02


@pytest.mark.parametrize(
    ("make", "kind", "text"),
    [
        (lambda: replace(COUPLED, hessian=-np.eye(2)), InvalidValueError, "hessian must be symmetric and positive def"),
        (lambda: replace(COUPLED, pull=np.eye(2)), InvalidShapeError, "pull must be a vector"),
        (lambda: replace(CLASSES, labels=np.full(9, 2)), InvalidValueError, "labels must be 0 or 1"),
        (lambda: replace(CLASSES, decay=0.0), InvalidValueError, "decay must be positive"),
        (lambda: replace(CLASSES, features=np.ones((8, 2))), InvalidShapeError, r"features must have shape \(9, n\)"),
        (lambda: replace(CLASSES, features=np.zeros((9, 2))), InvalidValueError, "features must differ from zero"),
        (
            lambda: descent(COUPLED, START, friction=0.0, duration=1.0, pieces=1),
            InvalidValueError,
            "friction must be positive",
        ),
        (
            lambda: descent(COUPLED, np.zeros(3), friction=1.0, duration=1.0, pieces=1),
            InvalidShapeError,
            r"start must have shape \(2,\)",
        ),
        (
            lambda: descent(COUPLED, START, friction=1.0, duration=1.0, pieces=1, sizes=UTUBES),
            UnsupportedError,
            "loss must be Quadratic with a diagonal Hessian in U-tubes",
        ),
        (
            lambda: adaptive_descent(
                COUPLED, START, first=None, second=1.0, epsilon=0.0, duration=1.0, pieces=1, sizes=FILTERS
            ),
            InvalidValueError,
            "epsilon must be positive",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name(make, kind, text):
    with pytest.raises(kind, match=text):
        make()


def test_a_loss_without_a_circuit_is_refused_by_name():
    class Own:
        curvature = np.ones(2)

        def gradient(self, weights, step):
            return weights

    with pytest.raises(UnsupportedError, match="loss must be Quadratic, Logistic or OnlineSquares, got Own"):
        descent(Own(), START, friction=1.0, duration=1.0, pieces=1)
