from dataclasses import replace
from math import exp, factorial

import numpy as np
import pytest
from faulty_machines import with_banks

from lstm_analog.compiler.electrical import BEHAVIOURAL
from lstm_analog.compiler.hydraulic import OIL
from lstm_analog.compiler.timing import CLOCKED, GATED_LEAK, Timing
from lstm_analog.engines import Waveform
from lstm_analog.errors import InvalidValueError, UnsupportedError
from lstm_analog.machine import compile
from lstm_analog.model import LSTM, random_lstm
from lstm_analog.network.parts import Conductors, Storages, Switches
from lstm_analog.network.varying import VaryingParameters
from lstm_analog.study import settling, settling_error

RATIOS = (14.0, 18.0, 22.0)
EXACT = Waveform(rtol=1e-12, atol=1e-13)
ROUGH = Waveform(rtol=1e-4, atol=1e-6)


def model(layers: int = 1, scale: float = 1.0) -> LSTM:
    return random_lstm(np.random.default_rng(1), 2, 3, layers=layers, scale=scale)


def inputs(steps: int) -> np.ndarray:
    return np.random.default_rng(2).uniform(-1.0, 1.0, (steps, 2))


def slope(ratios: tuple[float, ...], errors: list[float]) -> float:
    """Return the slope of the logarithm of the errors over T/tau, by least squares."""
    return float(np.polyfit(ratios, np.log(errors), 1)[0])


def measured(lstm: LSTM, timing: Timing) -> tuple[list[float], list[float]]:
    """Return the largest error of h over time and the one that the network says, at each of RATIOS."""
    x, errors, law = inputs(3), [], []
    for ratio in RATIOS:
        run = compile(lstm, BEHAVIOURAL, timing=timing, settling=ratio).run(x, engine=EXACT)
        errors.append(float(np.abs(run.h - lstm(x).h).max()))
        law.append(settling(run).error)
    return errors, law


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_error_follows_the_law_of_the_network(layers: int, scale: float) -> None:
    errors, law = measured(model(layers, scale), CLOCKED)
    assert slope(RATIOS, errors) == pytest.approx(slope(RATIOS, law), rel=0.05)
    # The law tells pole counts apart: neither one fewer nor one more has the slope of three.
    for poles in (2, 4):
        other = [settling_error(ratio, poles) for ratio in RATIOS]
        assert slope(RATIOS, law) != pytest.approx(slope(RATIOS, other), rel=0.05)


def test_gated_leak_settles_as_one_pole_and_the_law_is_a_bound() -> None:
    """z has settled before the master of h opens; the path from z to h counts it all the same."""
    errors, law = measured(model(scale=3.0), GATED_LEAK)
    assert slope(RATIOS, errors) == pytest.approx(slope(RATIOS, [settling_error(n, 1) for n in RATIOS]), rel=0.01)
    assert (np.array(errors) < np.array(law)).all()


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize(("timing", "poles"), [(CLOCKED, 3), (GATED_LEAK, 2)])
def test_poles_of_the_behavioural_circuit(layers: int, timing: Timing, poles: int) -> None:
    machine = compile(model(layers), BEHAVIOURAL, timing=timing, settling=12.0)
    result = settling(machine.run(inputs(1), engine=ROUGH))
    assert (result.interval, result.poles) == ("compute0", poles)
    assert result.time_constant == pytest.approx(1e-6, rel=1e-9)
    assert result.ratio == pytest.approx(12.0, rel=1e-9)
    assert result.error == settling_error(result.ratio, poles)


@pytest.mark.parametrize(
    ("row", "poles", "time_constant"), [(20e3, 1, 2e-6), (11e3, 3, 1.1e-6), (9e3, 3, 1e-6), (5e3, 2, 1e-6)]
)
def test_only_poles_near_the_slowest_count(row: float, poles: int, time_constant: float) -> None:
    technology = replace(BEHAVIOURAL, row_resistance=row)
    result = settling(compile(model(), technology, settling=10.0).run(inputs(1), engine=ROUGH))
    assert result.poles == poles
    assert result.time_constant == pytest.approx(time_constant, rel=1e-9)


def test_parameters_that_vary_are_those_of_the_last_step() -> None:
    """The rows of the last step are loaded by twice the resistance, so that their time constant is twice as long."""
    machine, slow = (compile(model(), replace(BEHAVIOURAL, row_resistance=row), settling=10.0) for row in (10e3, 20e3))
    steady = machine.run(inputs(2), engine=ROUGH)
    schedule, steps = steady.trajectory.schedule, (machine.network, slow.network)
    varying = VaryingParameters(first=np.array([0, len(schedule.names) // 2 + 1]), draw=lambda: iter(steps))
    trajectory = ROUGH.run(machine.network, replace(schedule, varying=varying))
    result = settling(replace(steady, passes=(replace(steady.passes[0], trajectory=trajectory),)))
    assert (settling(steady).poles, result.poles) == (3, 1)
    assert settling(steady).time_constant == pytest.approx(1e-6, rel=1e-9)
    assert result.time_constant == pytest.approx(2e-6, rel=1e-9)


def test_pauses_as_short_as_can_be_hold_all_the_same() -> None:
    technology = replace(BEHAVIOURAL, gap=1e-6)
    assert settling(compile(model(), technology, settling=10.0).run(inputs(1), engine=ROUGH)).poles == 3


def test_slow_clock_is_not_taken_for_a_held_value() -> None:
    result = settling(compile(model(), BEHAVIOURAL, settling=1e-4).run(inputs(1), engine=ROUGH))
    assert (result.poles, result.ratio) == (3, pytest.approx(1e-4, rel=1e-9))


def test_an_unscaled_capacitor_shows_in_the_network_not_in_the_technology() -> None:
    machine = compile(model(), BEHAVIOURAL, settling=10.0)
    master = machine.network.part("l0_c_master")
    assert isinstance(master, Storages)
    slow = with_banks(machine, replace(master, capacitance=master.capacitance * np.array([1.0, 2.0, 1.0])))
    result = settling(slow.run(inputs(1), engine=ROUGH))
    assert (slow.compiled.settling, result.ratio) == (10.0, pytest.approx(5.0, rel=1e-9))
    assert result.poles == 1


def test_storages_that_act_on_each_other_have_the_poles_of_their_coupling() -> None:
    """Two rows joined by g = 10/R, the others loaded by as much: all have the rate 11/tau, the two a pole of 1/tau."""
    machine = compile(model(), BEHAVIOURAL, settling=10.0)
    rows = np.concatenate([machine.network.unknowns[f"l0_z{letter}"] for letter in "gifo"])
    joint = Conductors(label="joint", a=rows[:1], b=rows[1:2], conductance=np.array(1e-3))
    loads = [Conductors(label="loads", a=r, b=np.zeros_like(r), conductance=np.array(1e-3)) for r in (rows, rows[2:])]
    assert settling(with_banks(machine, loads[0]).run(inputs(1), engine=ROUGH)).poles == 2
    assert settling(with_banks(machine, loads[1], joint).run(inputs(1), engine=ROUGH)).poles == 3


def test_what_joined_storages_keep_is_no_pole() -> None:
    """A switch between two slaves evens them out while their sum stays, which would be a pole of rate zero."""
    machine = compile(model(), BEHAVIOURAL, settling=10.0)
    slaves, line = machine.network.unknowns["l0_h"], machine.network.lines.index("compute0")
    closed, opened = np.array(1e-4), np.array(1e-18)
    share = Switches(label="share", line=line, a=slaves[:1], b=slaves[1:2], closed=closed, opened=opened)
    result = settling(with_banks(machine, share).run(inputs(1), engine=ROUGH))
    assert result.time_constant == pytest.approx(1e-6, rel=1e-9)


def test_seats_may_leak() -> None:
    """Leaks of 1e-5 joined all tanks in a loop: nothing was held; those of 2e-6 hid the slowest phase."""
    lstm = random_lstm(np.random.default_rng(1), 1, 1)
    machines = (compile(lstm, replace(OIL, seat_leak=leak), settling=12.0) for leak in (1e-9, 2e-6, 1e-5, 1e-4))
    tight, *leaking = (settling(machine.run(inputs(1)[:, :1], engine="settle")) for machine in machines)
    assert (tight.interval, tight.poles) == ("compute0", 2)
    assert leaking == [tight] * 3


def test_nothing_held_is_refused() -> None:
    machine = compile(model(), BEHAVIOURAL, settling=10.0)
    switches = [part for part in machine.network.parts if isinstance(part, Switches)]
    shorted = with_banks(machine, *(replace(part, opened=part.closed) for part in switches))
    message = r"^a storage of the network must be held after an interval that settles, got none: check the clock lines"
    with pytest.raises(UnsupportedError, match=message):
        settling(shorted.run(inputs(1), engine=ROUGH))


@pytest.mark.parametrize("poles", [1, 3, 5])
def test_law_is_the_partial_sum_of_the_exponential(poles: int) -> None:
    for n in (0.1, 8.0, 30.0):
        assert settling_error(n, poles) == pytest.approx(exp(-n) * sum(n**j / factorial(j) for j in range(poles)))


@pytest.mark.parametrize(
    ("ratio", "poles", "message"),
    [
        (0.0, 3, "ratio must be positive, got 0.0: give T/tau"),
        (float("nan"), 3, "ratio must be positive, got nan: give T/tau"),
        (10.0, 0, "poles must be at least 1, got 0: count the poles in the chain"),
    ],
)
def test_law_refuses(ratio: float, poles: int, message: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        settling_error(ratio, poles)
    assert str(caught.value) == message


def test_a_head_alone_is_refused() -> None:
    lstm = random_lstm(np.random.default_rng(1), 1, 1, outputs=1)
    head = compile(replace(lstm, head=replace(lstm.head, final=True)), BEHAVIOURAL).alone(1)
    with pytest.raises(UnsupportedError, match=r"^the run must have a chain, .*, got a head alone: "):
        settling(head.run(np.zeros((1, 1))))
