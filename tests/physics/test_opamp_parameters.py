"""Every figure of a part of the op-amp circuit does in it what it says, in closed form, at one node of one unit.

Bandwidth, slewing, rails and the output limit: `test_hand_made_networks.py` and `tests/network/laws`; ringing with the
capacitance of a row: `tests/study/test_opamp_rules.py`.
"""

from dataclasses import replace

import numpy as np
import pytest

from lstm_analog.compiler.electrical import OPAMP_IDEAL
from lstm_analog.compiler.opamp_sizes import thermal_voltage
from lstm_analog.engines import Waveform
from lstm_analog.imperfections import PairTemperature, Streams
from lstm_analog.machine import compile
from lstm_analog.model import LSTM, Cell, Layer

BIAS = np.array([[2.0], [0.5], [1.0], [2.0]])
LSTM_OF_BIASES = LSTM(
    layers=(Layer(forward=Cell(input=np.zeros((4, 1, 1)), recurrent=np.zeros((4, 1, 1)), bias=BIAS)),), name="biases"
)
"""One unit whose gates are constant: nothing but the parts makes an error."""
EXACT = Waveform(rtol=1e-8, atol=1e-10)


def amplifier(**changes):
    return replace(OPAMP_IDEAL, amplifier=replace(OPAMP_IDEAL.amplifier, **changes))


def hold(**changes):
    return replace(OPAMP_IDEAL, hold=replace(OPAMP_IDEAL.hold, **changes))


def after(technology, *causes):
    """Return what gives the volts of a node of the unit at the end of an interval of the first step."""
    machine = compile(LSTM_OF_BIASES, technology)
    for cause in causes:
        machine = machine.with_imperfection(cause, Streams(seed=0))
    run = machine.run(np.zeros((1, 1)), engine=EXACT)
    names, trajectory = list(run.trajectory.schedule.names), run.trajectory

    def volts(label, interval):
        return float(trajectory[f"l0_{label}"][1 + names.index(interval), 0])

    return volts


def drive(amplifier, out):
    """Return what an op-amp needs between its inputs for an inner output `out`: its stage is E tanh(x/E), x = A v."""
    return amplifier.rail * np.arctanh(out / amplifier.rail) / amplifier.gain


def seconds(technology, *intervals):
    step = {entry.name: entry.duration for entry in compile(LSTM_OF_BIASES, technology).compiled.cycle.step}
    return sum(step[name] for name in intervals)


@pytest.fixture(scope="module")
def ideal():
    return after(OPAMP_IDEAL)


def test_gain_a_follower_lacks_what_it_needs_between_its_inputs():
    made = amplifier(gain=1e2)
    volts = after(made)
    out = volts("h_new", "compute0")
    assert volts("h_master_cap", "compute0") - out == pytest.approx(drive(made.amplifier, out), rel=1e-5)


def test_offset_is_added_by_a_follower_and_times_the_noise_gain_by_a_sum(ideal):
    volts = after(amplifier(offset=1e-3))
    shift = volts("h_new", "compute0") - volts("h_master_cap", "compute0")
    assert shift == pytest.approx(1e-3 - drive(OPAMP_IDEAL.amplifier, volts("h_new", "compute0")), rel=1e-5)
    summed, plain = (v("c_sum", "compute0") + v("c_add", "compute0") + v("c_keep", "compute0") for v in (volts, ideal))
    assert summed - plain == pytest.approx(3.0 * 1e-3, rel=1e-4)


def test_common_mode_rejection_is_a_gain_error_of_a_follower():
    volts = after(amplifier(rejection=1e3))
    found = volts("h_new", "compute0") / volts("h_master_cap", "compute0")
    assert found == pytest.approx((1.0 + 0.5e-3) / (1.0 - 0.5e-3), rel=2e-6)


def test_a_bias_current_flows_through_the_resistor_of_a_sum_and_into_a_hold_capacitor(ideal):
    """Out of the input: a sum falls by R I; a held capacitor rises at I/C, and the sum lags behind that ramp."""
    current = 1e-8
    volts, made = after(amplifier(bias_current=current)), OPAMP_IDEAL
    summed, plain = (v("c_sum", "compute0") + v("c_add", "compute0") + v("c_keep", "compute0") for v in (volts, ideal))
    ramp = current / made.hold.capacitance / (1.0 + np.exp(-BIAS[1, 0]))
    lag = 3.0 * ramp / (2.0 * np.pi * made.amplifier.gain_bandwidth)
    assert summed - plain == pytest.approx(-made.sum_resistance * current - lag, rel=1e-3)
    rise = volts("h_slave_cap", "readout") - volts("h_slave_cap", "copy")
    assert rise == pytest.approx(current / made.hold.capacitance * seconds(made, "readout"), rel=1e-4)
    assert abs(ideal("h_slave_cap", "readout") - ideal("h_slave_cap", "copy")) < 1e-7


def test_the_output_resistance_carries_what_the_load_takes():
    """A sum drives its feedback resistor and the attenuator before the tanh: e = E tanh(x/E) - R_out i."""
    resistance, gain = 1e3, 1e2
    made = amplifier(gain=gain, output_resistance=resistance)
    volts = after(made)
    ratio = 2.0 * thermal_voltage(made.pair.temperature) / made.cell_volts
    summing, out = volts("c_in", "compute0"), volts("c_sum", "compute0")
    given = (out - summing) / made.sum_resistance + out * ratio / made.pair.divider_resistance
    assert -summing == pytest.approx(drive(made.amplifier, out + resistance * given), rel=1e-5)


def test_a_switch_charges_its_capacitor_with_its_time_constant():
    made = hold(closed_resistance=1e5)
    volts, phase = after(made), seconds(made, "copy")
    left = np.exp(-phase / (1e5 * made.hold.capacitance))
    assert volts("h_slave_cap", "copy") == pytest.approx(volts("h_new", "copy") * (1.0 - left), rel=1e-6)


def test_a_leak_drains_a_hold_capacitor_with_its_time_constant():
    made = hold(leak_resistance=1e7)
    volts, time = after(made), seconds(made, "readout")
    left = np.exp(-time / (1e7 * made.hold.capacitance))
    assert volts("h_slave_cap", "readout") / volts("h_slave_cap", "copy") == pytest.approx(left, rel=1e-7)


def test_an_open_switch_leaks_towards_what_is_behind_it():
    made = hold(opened_resistance=1e7)
    volts, time = after(made), seconds(made, "readout")
    rate = time / (1e7 * made.hold.capacitance)
    gap = volts("h_new", "copy") - volts("h_slave_cap", "copy")
    drift = volts("h_slave_cap", "readout") - volts("h_slave_cap", "copy")
    reset = -rate * volts("h_slave_cap", "copy")  # the reset switch leads to 0 V
    assert drift == pytest.approx(rate * gap + reset, rel=2e-2)


def test_temperature_stretches_a_sigmoid_by_the_thermal_voltage(ideal):
    warm = after(OPAMP_IDEAL, PairTemperature(kelvin=360.18, made_for=300.15))
    for volts, stretch in ((ideal, 1.0), (warm, 1.2)):
        z = volts("zo", "compute0") / OPAMP_IDEAL.row_volts
        got = volts("h_add_zo", "compute0") / OPAMP_IDEAL.signal_volts
        assert got == pytest.approx(1.0 / (1.0 + np.exp(-z / stretch)), abs=1e-6)
