import warnings
from dataclasses import replace

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.errors import InvalidTypeError, InvalidValueError, LimitWarning
from lstm_analog.model.gates import Gate
from lstm_analog.model.reference import activate
from lstm_analog.show import dataflow, step_waveforms

CLOCKED_STORES = ["sum", "master", "slave"]


def waveform(run, step, label, unit, sequence):
    """Return time (us, from the start of the step) and effort of one node, straight from the trajectory."""
    count = len(run.compiled.cycle.step)
    ends = run.trajectory.schedule.ends
    start, end = ends[step * count], ends[(step + 1) * count]
    time = run.trajectory.time
    inside = (time > start - 1e-14) & (time < end + 1e-14)
    efforts = run.trajectory[label] if sequence is None else run.trajectory[label][sequence]
    return 1e6 * (time[inside] - start), efforts[inside, unit]


@pytest.mark.parametrize("timing", [la.CLOCKED, la.GATED_LEAK])
@pytest.mark.parametrize("layers", [1, 2])
def test_lines_are_the_trajectory(machine_run, drawn, timing, layers):
    run, lstm = machine_run(timing, layers=layers)
    layer, step, unit, sequence = layers - 1, 1, 1, 1
    figure = step_waveforms(run, step, lstm=lstm, layer=layer, unit=unit, sequence=sequence)
    _, z, gates, c, h = figure.axes

    stack = []
    for gate in Gate:
        time, effort = waveform(run, step, f"l{layer}_z{gate.letter}", unit, sequence)
        (line,) = drawn(z)[f"$z_{gate.letter}$"]
        np.testing.assert_allclose(line.get_xdata(), time, atol=1e-9)
        np.testing.assert_array_equal(line.get_ydata(), effort)
        stack.append(effort)
    expected = activate(lstm.chains[layer].cell.activations, np.stack(stack, axis=-1)[..., None])[..., 0]
    for gate in Gate:
        np.testing.assert_array_equal(drawn(gates)[gate.letter][0].get_ydata(), expected[:, gate])

    groups = {"sum": "_sum", "master": "_new", "slave": "", "store": ""}
    for axes, name in ((c, "c"), (h, "h")):
        roles = [label for label in drawn(axes) if label in groups]
        assert roles == (["store"] if name == "c" and timing is la.GATED_LEAK else CLOCKED_STORES)
        for role in roles:
            _, effort = waveform(run, step, f"l{layer}_{name}{groups[role]}", unit, sequence)
            np.testing.assert_array_equal(drawn(axes)[role][0].get_ydata(), effort)


@pytest.mark.parametrize("detail", la.hydraulic.Detail)
def test_chambers_of_plumbing_go_by_their_names(drawn, detail):
    """Three bridges make c; in dynamic detail their spools and lines have states, which are no chambers."""
    lstm = la.random_lstm(np.random.default_rng(0), 1, 2)
    machine = la.compile(lstm, replace(la.hydraulic.OIL, detail=detail), settling=14.0)
    run = machine.run(np.array([[0.5], [-1.0]]), engine=la.engines.Waveform(points=60))
    c = drawn(step_waveforms(run, 1, unit=1).axes[3])
    groups = {"keep": "_keep", "add tanh": "_add_tanh", "add": "_add", "master": "_new", "slave": ""}
    assert set(groups) == {name for name in c if not name.startswith("_")}
    for name, suffix in groups.items():
        np.testing.assert_allclose(c[name][0].get_ydata() * 1e3, waveform(run, 1, f"l0_c{suffix}", 1, None)[1])


@pytest.mark.parametrize("timing", [la.CLOCKED, la.GATED_LEAK])
def test_bars_are_the_digital_values_where_they_are_sampled(machine_run, drawn, timing):
    run, lstm = machine_run(timing, layers=2)
    step, layer, unit, sequence = 2, 0, 1, 1
    figure = step_waveforms(run, step, lstm=lstm, layer=layer, unit=unit, sequence=sequence)
    trace = lstm.trace(run.x).layers[layer]
    expected = {
        1: trace.z[sequence, step, :, unit],
        2: trace.gates[sequence, step, :, unit],
        3: trace.c[sequence, step, [unit]],
        4: trace.h[sequence, step, [unit]],
    }
    cycle = run.compiled.cycle
    until = {name: sum(i.duration for i in cycle.step[: 1 + cycle.position(name)]) for name in ("hold0", "readout")}
    for number, values in expected.items():
        bars = drawn(figure.axes[number])["digital"]
        np.testing.assert_allclose([bar.get_ydata()[0] for bar in bars], values, rtol=1e-12)
        moment = until["hold0" if number < 3 else "readout"] * 1e6
        np.testing.assert_allclose([np.mean(bar.get_xdata()) for bar in bars], moment, rtol=1e-9)
        for line in (line for line in figure.axes[number].get_lines() if line.get_label() in ("slave", "store")):
            assert line.get_ydata()[-1] == pytest.approx(values[0], abs=1e-3)


def test_clock_lanes_follow_the_schedule(machine_run, drawn):
    run, _ = machine_run(la.GATED_LEAK, layers=2)
    clock = step_waveforms(run, 0).axes[0]
    lanes = [text.get_text() for text in clock.get_yticklabels()]
    assert lanes[::-1] == ["leak0", "compute0", "leak1", "compute1", "copy"]  # from the top, in order of rising
    edges = 1e6 * np.cumsum([0.0, *(interval.duration for interval in run.compiled.cycle.step)])
    for name, place in zip(lanes, clock.get_yticks(), strict=True):
        (line,) = drawn(clock)[name]
        np.testing.assert_allclose(line.get_xdata(), edges, atol=1e-9)
        high = np.asarray(line.get_ydata())[:-1] > place
        np.testing.assert_array_equal(high, [name in interval.high for interval in run.compiled.cycle.step])
    written = {text.get_text() for text in clock.texts}
    assert written == {interval.name for interval in run.compiled.cycle.step}


def test_labels_name_units(machine_run):
    run, lstm = machine_run()
    figure = step_waveforms(run, 1, lstm=lstm)
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert labels == ["clock", "pre-activations\nz (V)", "gates\n(dimensionless)", "c (V)", "h (V)"]
    assert figure.axes[-1].get_xlabel() == "time since the start of step 1 (µs)"
    title = figure.get_suptitle()
    assert title.startswith("Unit 0 of layer 0 in step 1: random, BEHAVIOURAL, clocked, T/τ = 14")
    assert title.endswith("black bars: the digital LSTM, where each signal is sampled")
    assert "black bars" not in step_waveforms(run, 1).get_suptitle()


@pytest.mark.parametrize("batch", [None, 1])
def test_one_step_of_one_unit(machine_run, drawn, batch):
    run, lstm = machine_run(units=1, batch=batch, steps=1)
    figure = step_waveforms(run, -1, lstm=lstm, layer=-1, unit=-1)
    _, effort = waveform(run, 0, "l0_h", 0, None if batch is None else 0)
    np.testing.assert_array_equal(drawn(figure.axes[4])["slave"][0].get_ydata(), effort)
    figure.draw_without_rendering()


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"step": 3}, r"step must be from -3 to 2, got 3: there are 3, counted from zero"),
        ({"layer": 1}, r"layer must be from -1 to 0, got 1: there are 1, counted from zero"),
        ({"unit": -3}, r"unit must be from -2 to 1, got -3: there are 2, counted from zero"),
        ({"sequence": 2}, r"sequence must be from -2 to 1, got 2: there are 2, counted from zero"),
    ],
)
def test_what_is_not_there_is_refused(machine_run, choice, message):
    run, _ = machine_run()
    with pytest.raises(InvalidValueError, match=f"^{message}$"):
        step_waveforms(run, **{"step": 0, **choice})


def test_a_sequence_of_an_unbatched_run_is_refused(machine_run):
    run, _ = machine_run(units=1, batch=None, steps=1)
    with pytest.raises(InvalidValueError, match=r"^sequence must be from -1 to 0, got 1"):
        step_waveforms(run, 0, sequence=1)


@pytest.mark.parametrize("step", [True, 1.0, "1"])
def test_a_step_that_is_no_whole_number_is_refused(machine_run, step):
    run, _ = machine_run()
    with pytest.raises(InvalidTypeError, match=rf"^step must be a whole number, got {type(step).__name__}: count from"):
        step_waveforms(run, step)


def test_a_trajectory_of_ends_only_is_refused(machine_run):
    run, _ = machine_run(points=1)
    message = (
        r"^the trajectory of a waveform must have at least 8 points in every interval that settles, got [12]: "
        r"run with Integrate\(points=60\)$"
    )
    with pytest.raises(InvalidValueError, match=message):
        step_waveforms(run, 0)


def test_another_lstm_is_refused(machine_run):
    run, _ = machine_run()
    other = la.random_lstm(np.random.default_rng(8), 2, 2, scale=2.0)
    with pytest.raises(
        InvalidValueError, match=r"^the run must be of the LSTM 'random', got one of 'random' with other"
    ):
        step_waveforms(run, 0, lstm=other)


def test_volts_a_unit_and_the_starting_state_are_heeded(drawn):
    rng = np.random.default_rng(5)
    lstm = la.random_lstm(rng, 1, 2, scale=2.0)
    technology = replace(la.electrical.BEHAVIOURAL, volts_per_unit=0.05)
    state = la.State(h=(rng.uniform(-0.5, 0.5, 2),), c=(rng.uniform(-1, 1, 2),))
    engine = la.engines.Waveform(rtol=1e-9, atol=1e-11, points=12)
    run = la.compile(lstm, technology).run(rng.uniform(-1, 1, (1, 1)), state=state, engine=engine)
    axes = step_waveforms(run, 0, lstm=lstm, unit=1).axes
    assert [one.get_ylabel() for one in axes[1:]] == [
        "pre-activations\nz (mV)",
        "gates\n(dimensionless)",
        "c (mV)",
        "h (mV)",
    ]
    trace = lstm.trace(run.x, state).layers[0]
    for place, values, unit in (
        (1, trace.z[0, :, 1], 50.0),
        (2, trace.gates[0, :, 1], 1.0),
        (3, trace.c[0, [1]], 50.0),
    ):
        bars = [bar.get_ydata()[0] for bar in drawn(axes[place])["digital"]]
        np.testing.assert_allclose(bars, unit * values, rtol=1e-12)
    moment = np.mean(drawn(axes[2])["digital"][0].get_xdata())
    for gate in Gate:
        (line,) = drawn(axes[2])[gate.letter]
        at_sampling = np.interp(moment, line.get_xdata(), line.get_ydata())
        assert at_sampling == pytest.approx(trace.gates[0, gate, 1], abs=1e-5)


def test_a_differential_memory_is_the_voltage_between_its_wires(drawn):
    lstm = la.random_lstm(np.random.default_rng(1), 1, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LimitWarning)
        machine = la.compile(lstm, la.electrical.BICMOS)
    run = machine.run(np.ones((2, 1)), engine=la.engines.Ngspice())
    clock, *_, c, h = step_waveforms(run, 1, lstm=lstm).axes
    assert [text.get_text() for text in clock.get_yticklabels()] == ["copy", "compute0"]
    for axes in (c, h):
        (store,), (digital,) = drawn(axes)["store"], drawn(axes)["digital"]
        assert store.get_ydata()[-1] == pytest.approx(digital.get_ydata()[0], abs=0.01 * abs(digital.get_ydata()[0]))
    (slave,) = drawn(dataflow(run, first=1, steps=1).axes[1])["store"]
    assert slave.get_ydata()[-1] == pytest.approx(run.h[1, 0], abs=1e-3)
