"""What changes while a machine runs, against an LSTM in plain numpy with other weights each step, and closed forms."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtr
from stepwise_lstm import normals, run, stacked

import lstm_analog as la
from lstm_analog.engines import Integrate, Ngspice, Rumoca, Settle, Waveform
from lstm_analog.errors import InvalidTypeError, InvalidValueError, NetworkError, UnsupportedError
from lstm_analog.imperfections import (
    AtStep,
    ClockJitter,
    DeviceSpread,
    Flicker,
    InputConverter,
    OutputConverter,
    ReadNoise,
    StepPlan,
    Streams,
    SupplyRipple,
    apply,
    changing,
    convert,
    disturb,
    fluctuate,
)
from lstm_analog.imperfections.banks import device_banks
from lstm_analog.imperfections.in_time import step_networks
from lstm_analog.model import Head
from lstm_analog.network.domain import ELECTRICAL
from lstm_analog.network.varying import VaryingParameters
from lstm_analog.study import LargestError, Spec, yield_of
from lstm_analog.study.keeping import Keep

SEED = 7
STREAMS = Streams(seed=SEED)
X = np.random.default_rng(3).uniform(-1.0, 1.0, (6, 2))
NOISE = ReadNoise(sigma=0.05)
BOTH = (NOISE, Flicker(share=0.05, shortest=1e-5, longest=1e-2))
DOMAINS = (la.electrical.BEHAVIOURAL, la.hydraulic.OIL)
TIGHT = Waveform(rtol=1e-9, atol=1e-11)
"""It is held against `Integrate` in `tests/engines`."""
ENGINES = (Settle(), Waveform(), Integrate(rtol=1e-8, atol=1e-10))
NOWHERE = InputConverter(bits=4, low=-1.0, high=1.0)


@pytest.fixture(scope="module")
def lstm():
    return la.random_lstm(np.random.default_rng(2), 2, 3)


@pytest.fixture(scope="module", params=DOMAINS, ids=lambda technology: technology.name)
def machine(request, lstm):
    return la.compile(lstm, request.param, settling=24.0)


@pytest.fixture(scope="module")
def circuit(lstm):
    return la.compile(lstm, la.electrical.BEHAVIOURAL, settling=24.0)


def noisy_weights(cell, machine, sigma: float, chip: int = 0):
    """Yield the weights of each step, read with a share `sigma`, drawn as the streams of a bank are named."""
    rows, weights = machine.network.part("l0_rows"), stacked(cell)
    if machine.network.domain == ELECTRICAL:
        drawn = normals(SEED, "read noise l0_rows", chip)
        while True:
            yield weights * (1.0 + sigma * drawn.standard_normal(weights.shape))
    sides = [normals(SEED, f"read noise l0_rows {side}", chip) for side in ("positive", "negative")]
    while True:
        plus, minus = (
            bank * (1.0 + sigma * drawn.standard_normal(bank.shape))
            for bank, drawn in zip((rows.positive, rows.negative), sides, strict=True)
        )
        yield weights_of(rows, plus, minus, weights)


def weights_of(rows, plus, minus, weights):
    """Return the weights that two sides of tubes make: a manifold is at the mean of its inputs (Millman 1940)."""

    def pressures(plus, minus):
        sides = ((plus, rows.plus_load), (minus, rows.minus_load))
        return np.subtract(*(side / (side.sum(axis=-1) + load)[:, None] for side, load in sides))

    scale = weights.max() / pressures(rows.positive, rows.negative).flat[weights.argmax()]
    return scale * pressures(plus, minus)


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: type(engine).__name__)
def test_read_noise_is_that_of_an_lstm_with_other_weights_in_every_step(machine, lstm, engine):
    """The definition, spelt out, in both domains and by all three engines."""
    made = machine.with_imperfection(NOISE, STREAMS)
    x = X[:2]
    expected = run(noisy_weights(lstm.layers[0].forward, machine, NOISE.sigma), x)
    np.testing.assert_allclose(made.run(x, engine=engine).h, expected, atol=3e-7)
    assert np.abs(machine.run(x).h - expected).max() > 1e-3


def test_chip_k_of_n_is_chip_k_alone_and_the_expected_lstm(machine, lstm):
    many = machine.with_imperfection(BOTH, Streams(seed=SEED, chips=3))
    assert many.chips == 3
    found = many.run(np.stack((X, -X)), engine=Settle())
    assert found.h.shape == (3, 2, 6, 3)
    alone = machine.with_imperfection(BOTH, Streams(seed=SEED, first=2)).run(X, engine=Settle())
    np.testing.assert_allclose(found.h[2, 0], alone.h, atol=1e-13)
    noise = machine.with_imperfection(NOISE, Streams(seed=SEED, chips=3)).run(X, engine=Waveform()).h
    expected = [run(noisy_weights(lstm.layers[0].forward, machine, NOISE.sigma, chip), X) for chip in range(3)]
    np.testing.assert_allclose(noise, expected, atol=3e-7)


def test_it_falls_upon_what_was_made_and_adds_up(machine):
    """A static spread under it, and the schedule of the chips that `apart` takes out of a lot."""
    records = (DeviceSpread(share=0.1), *BOTH)
    many = machine.with_imperfection(records, Streams(seed=SEED, chips=3))
    alone = machine.with_imperfection(records, Streams(seed=SEED, first=1))
    fed = many.schedule(X)
    (one, _), *_ = fed.of_chips(1).stretches(many.network)
    (two, _), *_ = fed.of_chips(np.array([0, 1])).stretches(many.network)
    (expected, _), *_ = alone.schedule(X).stretches(alone.network)
    for bank, other, pair in zip(device_banks(expected), device_banks(one), device_banks(two), strict=True):
        np.testing.assert_array_equal(bank.conductance, other.conductance)
        np.testing.assert_array_equal(bank.conductance, pair.conductance[1])


def test_what_is_kept_is_what_was(machine):
    """Few kept signals are those of the whole trajectory; every interval is at its own time."""
    made = machine.with_imperfection(BOTH, STREAMS)
    whole, few = made.run(X, engine=Settle()), made.run(X, engine=Settle(), keep=Keep.OUTPUTS)
    np.testing.assert_allclose(few.h, whole.h, atol=1e-15)
    np.testing.assert_array_equal(whole.trajectory.time[1:], made.schedule(X).ends)
    again = made.run(X, engine=Settle())
    np.testing.assert_array_equal(whole.trajectory.efforts, again.trajectory.efforts)


def test_two_runs_that_follow_each_other_start_from_the_state(machine):
    """The second run is drawn from its own beginning, as any run is."""
    made = machine.with_imperfection(NOISE, STREAMS)
    first = made.run(X[:1], engine=Settle())
    second = made.run(X[:1], state=first.outputs.state, engine=Settle())
    assert np.abs(first.h - second.h).max() > 1e-3
    held = made.at_step(0)
    np.testing.assert_allclose(held.run(X[:1], state=first.outputs.state, engine=Settle()).h, second.h, atol=1e-13)


def test_a_step_can_be_held_and_written(machine, tmp_path):
    made = machine.with_imperfection(BOTH, STREAMS)
    held = made.at_step(4)
    stretches = list(made.schedule(X).stretches(made.network))
    assert len(stretches) == len(X)
    assert held.network.equals(replace(stretches[4][0], provenance=held.network.provenance), rtol=0.0)
    assert not changing(held.network)
    held.write.spice(tmp_path / "held.cir", X)
    assert la.read_spice(tmp_path / "held.cir").network.said("imperfection")[-1].startswith("AtStep(number=4, ")
    again = held.with_imperfection(ReadNoise(sigma=0.01), STREAMS)
    assert len(changing(again.network)) == 1


def test_a_machine_that_changes_is_saved_and_explained(circuit, lstm, tmp_path):
    made = circuit.with_imperfection(BOTH, STREAMS)
    made.save(tmp_path / "m.npz")
    with pytest.raises(UnsupportedError, match="the network must be the same in all steps, got ReadNoise, Flicker"):
        made.write.json(tmp_path / "m.json")
    made.at_step(0).write.json(tmp_path / "m.json")
    done = made.run(X)
    np.testing.assert_array_equal(la.load_machine(tmp_path / "m.npz").run(X).h, done.h)
    report = la.compare(done, lstm)
    assert report.by_imperfections == pytest.approx(np.abs(done.h - lstm(X).h).max(), rel=1e-3)


def test_layers_passes_and_batches_have_their_own_networks():
    """Two layers of two directions are several passes: each changes in its own steps."""
    lstm = la.random_lstm(np.random.default_rng(0), 2, 2, layers=2, bidirectional=True)
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL, settling=24.0)
    made = machine.with_imperfection(NOISE, Streams(seed=1, chips=2))
    found = made.run(np.stack((X, X)), engine=Settle()).h
    np.testing.assert_allclose(found[:, 0], found[:, 1], atol=1e-13)
    assert np.abs(found[0] - found[1]).max() > 1e-3


# Spectra.


def test_flicker_has_the_spectrum_of_its_traps(circuit):
    """Within 5 % in bands of a third of an octave; sampled Lorentzians, their mean over the logarithm of time."""
    share, step, count = 0.02, 1e-3, 1024
    flicker = Flicker(share=share, shortest=2e-3, longest=0.2)
    bank = device_banks(apply(DeviceSpread(share=0.1), circuit.network, Streams(seed=1, chips=60)))[0]
    drawn = fluctuate(flicker, (bank,), Streams(seed=1, chips=60), step)
    series = np.array([next(drawn)[0] / bank.conductance for _ in range(count)]).reshape(count, -1)
    assert np.std(series[0]) == pytest.approx(share, rel=0.03)
    power = (2.0 * step / count) * np.mean(np.abs(np.fft.rfft(series, axis=0)[1:-1]) ** 2, axis=1)
    frequency = np.arange(1, count // 2) / (count * step)
    edges = frequency[0] * 2.0 ** (np.arange(9, 28) / 3.0)
    band = np.digitize(frequency, edges)
    found, expected = (
        np.array([each[band == k].mean() for k in range(1, edges.size)])
        for each in (power, leaking(flicker, frequency, step, count))
    )
    np.testing.assert_allclose(found, expected, rtol=0.05)
    inside = (frequency > 4.0 / (2 * np.pi * 0.2)) & (frequency < 0.1 / (2 * np.pi * 2e-3))
    one_over_f = share**2 / (np.log(100.0) * frequency)
    np.testing.assert_allclose(continuous(flicker, frequency)[inside], one_over_f[inside], rtol=0.3)


def continuous(flicker, frequency):
    """Return the spectrum of the docstring."""
    w, length = 2.0 * np.pi * frequency, np.log(flicker.longest / flicker.shortest)
    arcs = np.arctan(w * flicker.longest) - np.arctan(w * flicker.shortest)
    return flicker.share**2 * 2.0 / (np.pi * frequency * length) * arcs


def leaking(flicker, frequency, step, count):
    """Return the expected periodogram of `count` samples: by the autocovariance, so sampling and the window count."""
    times = np.exp(np.linspace(np.log(flicker.shortest), np.log(flicker.longest), 4001))
    lags = np.arange(count)
    kept = np.exp(-step / times)
    covariance = np.zeros(count)
    power = np.ones_like(kept)
    for lag in lags:
        covariance[lag] = np.trapezoid(power, np.log(times)) / np.log(flicker.longest / flicker.shortest)
        power = power * kept
    tapered = flicker.share**2 * covariance * (1.0 - lags / count)
    angles = 2.0 * np.pi * np.outer(frequency * step, lags[1:])
    return 2.0 * step * (tapered[0] + 2.0 * np.cos(angles) @ tapered[1:])


def test_read_noise_is_white_and_of_its_size():
    """Against shares of G, of its root and of Gmax; the correlation from step to step is that of chance."""
    network = la.compile(la.random_lstm(np.random.default_rng(0), 8, 8), la.electrical.BEHAVIOURAL).network
    bank = device_banks(network)[0]
    for exponent in (1.0, 0.5, 0.0):
        drawn = fluctuate(ReadNoise(sigma=0.02, exponent=exponent), (bank,), Streams(seed=1), 1.0)
        series = np.array([next(drawn)[0] for _ in range(400)])
        size = 0.02 * bank.largest * (bank.conductance / bank.largest) ** exponent
        unit = series / size
        assert np.std(unit) == pytest.approx(1.0, abs=4.0 / np.sqrt(2.0 * unit.size))
        assert abs(np.mean(unit[1:] * unit[:-1])) < 4.0 / np.sqrt(unit.size)


# The clock, the rails, converters.


def test_jitter_moves_each_edge_by_its_own_normal_error(circuit):
    """The definition, spelt out; edges never overtake each other."""
    plain, seconds = circuit.schedule(X), 2e-8
    jittered = disturb(ClockJitter(seconds=seconds), plain, circuit.network, None, STREAMS)
    late = seconds * normals(SEED, "clock jitter").standard_normal(plain.ends.size)
    kept = np.diff(plain.ends + late, prepend=0.0) > 0.01 * plain.durations
    assert kept.all()
    np.testing.assert_allclose(jittered.ends, plain.ends + late, rtol=1e-12)
    wild = disturb(ClockJitter(seconds=1.0), plain, circuit.network, None, STREAMS)
    apart = np.diff(plain.ends + late / seconds, prepend=0.0)
    np.testing.assert_allclose(wild.durations, np.maximum(apart, 0.01 * plain.durations), rtol=1e-9)


def test_jitter_moves_a_gated_leak_and_not_a_clocked_machine(lstm):
    """A gated leak drains for a set time; engines agree on what another time does."""
    cause = ClockJitter(seconds=2e-8)
    for timing, least in ((la.CLOCKED, 0.0), (la.GATED_LEAK, 1e-4)):
        machine = la.compile(lstm, la.electrical.BEHAVIOURAL, settling=24.0, timing=timing)
        made = machine.with_imperfection(cause, STREAMS)
        found = [made.run(X, engine=engine).h for engine in (Settle(), Waveform(), TIGHT)]
        np.testing.assert_allclose(found[0], found[2], atol=1e-6)
        np.testing.assert_allclose(found[1], found[2], atol=1e-6)
        moved = np.abs(found[1] - machine.run(X).h).max()
        assert moved < 1e-7 if not least else moved > least


def test_durations_nearly_alike_share_an_analysis(lstm, monkeypatch):
    """What `Settle` saves does not cost accuracy: each interval analysed at its own duration ends alike, droop too."""
    machine = la.compile(lstm, replace(la.electrical.BEHAVIOURAL, off_conductance=1e-9), settling=24.0)
    made = machine.with_imperfection(ClockJitter(seconds=1e-8), STREAMS)
    shared = made.run(X, engine=Settle())
    monkeypatch.setattr("lstm_analog.engines.settle.program._ALIKE", 1e-9)
    np.testing.assert_allclose(shared.trajectory.efforts, made.run(X, engine=Settle()).trajectory.efforts, atol=1e-12)
    assert np.abs(shared.h - machine.run(X, engine=Settle()).h).max() > 1e-8


def test_ripple_swings_the_biases_of_a_circuit(circuit, lstm):
    """BEHAVIOURAL has one rail, the one of its biases; the sine is that of the end of the interval that computes."""
    step = circuit.compiled.cycle.step_time
    cause = SupplyRipple(share=0.02, frequency=0.17 / step)
    made = circuit.with_imperfection(cause, STREAMS)
    start = ndtr(normals(SEED, "supply ripple").standard_normal(1))[0]
    ends = circuit.schedule(X).ends[circuit.compiled.cycle.ends("compute0", len(X))]

    def one(number):
        return 1.0 + 0.02 * np.sin(2.0 * np.pi * (0.17 / step * ends[number] + start))

    expected = run([stacked(lstm.layers[0].forward)] * len(X), X, one=one)
    for engine in (Settle(), Waveform()):
        np.testing.assert_allclose(made.run(X, engine=engine).h, expected, atol=2e-7)
    many = circuit.with_imperfection(cause, Streams(seed=SEED, chips=4)).run(np.stack((X, X)), engine=Settle()).h
    np.testing.assert_allclose(many[0, 1], expected, atol=2e-7)
    assert np.ptp(many, axis=0).max() > 1e-5


def test_one_ripple_swings_all_chips_that_are_fed_apart(circuit):
    """Each chip has an x of its own; the draw is of one chip."""
    made = circuit.with_imperfection(DeviceSpread(share=0.1), Streams(seed=1, chips=3))
    x = np.stack((X, -X, 0.5 * X))[:, None]
    made = made.with_imperfection(SupplyRipple(share=0.1, frequency=1e5), STREAMS)
    assert made.schedule(x).chips == 3
    found = made.run(x, engine=Settle()).h
    for chip in range(3):
        one = circuit.with_imperfection(DeviceSpread(share=0.1), Streams(seed=1, first=chip))
        alone = one.with_imperfection(SupplyRipple(share=0.1, frequency=1e5), STREAMS).run(x[chip], engine=Settle()).h
        np.testing.assert_allclose(found[chip], alone, atol=1e-13)


def test_ripples_multiply_each_other(circuit):
    """In both orders; inputs and the state at the start are no rails."""
    some = [SupplyRipple(share=share, frequency=1e3 / share) for share in (0.02, 0.05)]
    ends = circuit.schedule(X).ends
    starts = [ndtr(normals(SEED, "supply ripple", repeat=repeat).standard_normal(1))[0] for repeat in (0, 1)]
    for listed in (some, some[::-1]):
        made = circuit
        for cause in listed:
            made = made.with_imperfection(cause, STREAMS)
        fed = {entry.label: entry.efforts for entry in made.schedule(X).imposed}
        plain = {entry.label: entry.efforts for entry in circuit.schedule(X).imposed}
        sines = [
            1.0 + cause.share * np.sin(2.0 * np.pi * (cause.frequency * ends + start))
            for cause, start in zip(listed, starts, strict=True)
        ]
        np.testing.assert_allclose(fed.pop("l0_rows_one")[:, 0], sines[0] * sines[1], rtol=1e-9)
        assert all(np.array_equal(efforts, plain[label]) for label, efforts in fed.items())


def test_what_was_held_at_a_step_changes_no_more(circuit):
    held = circuit.network
    for number, cause in enumerate(
        (ReadNoise(sigma=0.1), ReadNoise(sigma=0.2), Flicker(share=0.1, shortest=1e-5, longest=1.0))
    ):
        held = apply(cause, held, Streams(seed=number))
        assert [each for each, _ in changing(held)] == [cause]
        before, held = held, apply(AtStep(number=2, step_time=1e-3), held, STREAMS)
        third = [next(errors) for errors in [step_networks(before, changing(before), 1e-3)] for _ in range(3)][2]
        np.testing.assert_array_equal(held.part("l0_rows").transconductance, third.part("l0_rows").transconductance)
        assert changing(held) == ()


def test_errors_of_several_causes_add_up_and_none_falls_below_zero(circuit):
    bank, streams = device_banks(circuit.network), (STREAMS, Streams(seed=8))
    causes = [ReadNoise(sigma=1.0), Flicker(share=0.5, shortest=1e-5, longest=1e-2)]
    each = [next(fluctuate(cause, bank, own, 1e-3))[0] for cause, own in zip(causes, streams, strict=True)]
    made = next(step_networks(circuit.network, list(zip(causes, streams, strict=True)), 1e-3))
    expected = np.maximum(bank[0].conductance + each[0] + each[1], 0.0)
    np.testing.assert_allclose(np.abs(made.part("l0_rows").transconductance), expected, rtol=1e-13, atol=1e-20)
    assert (expected == 0.0).any()


def test_ripple_swings_the_rails_of_plumbing(lstm):
    """All rails in phase: what a rail scales is the size of a signal, twice in the products of h."""
    machine = la.compile(lstm, la.hydraulic.OIL, settling=24.0)
    made = machine.with_imperfection(SupplyRipple(share=0.02, frequency=1e-3), STREAMS)
    fed, plain = made.schedule(X), machine.schedule(X)
    rails = {entry.label for entry in fed.imposed} - {entry.label for entry in plain.imposed}
    assert {"rail_hi", "rail_lo"} <= rails
    swing = {entry.label: entry.efforts[..., 0] for entry in fed.imposed}
    np.testing.assert_allclose(swing["rail_hi"], -swing["rail_lo"], rtol=1e-12)
    np.testing.assert_allclose(made.run(X, engine=Settle()).h, made.run(X, engine=Waveform()).h, atol=1e-6)


def test_an_input_converter_feeds_its_codes(machine, lstm):
    """Rounded and clipped in plain numpy, then the numeric LSTM; noise of a ramp is step^2/12."""
    made = machine.with_imperfection(InputConverter(bits=4, low=-0.8, high=0.8), STREAMS)
    step = 1.6 / 15
    codes = np.round((np.clip(X, -0.8, 0.8) + 0.8) / step) * step - 0.8
    np.testing.assert_allclose(made.run(X, engine=Settle()).h, lstm(codes).h, atol=1e-7)
    ramp = np.linspace(-0.8, 0.8, 100_001)[:, None]
    error = convert(OutputConverter(bits=6, low=-0.8, high=0.8), ramp, STREAMS) - ramp
    assert np.mean(error**2) == pytest.approx((1.6 / 63) ** 2 / 12.0, rel=1e-3)
    assert np.abs(error).max() == pytest.approx(0.8 / 63, rel=1e-3)


@pytest.mark.parametrize("both", [False, True])
def test_what_a_later_pass_reads_goes_through_no_converter(both):
    """x has 4 bits from 0 to 1; h between the passes, which has both signs, was cut to the same and lost its sign."""
    rng = np.random.default_rng(6)
    lstm = la.random_lstm(rng, 2, 3, layers=2, bidirectional=both, scale=2.0)
    width = 3 * (1 + both)
    head = Head(weights=rng.normal(size=(2, width)), bias=rng.normal(size=2), final=True)
    lstm = replace(lstm, head=head)
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL, settling=24.0)
    converter, codes = InputConverter(bits=4, low=0.0, high=1.0), np.round(np.clip(X, 0.0, 1.0) * 15.0) / 15.0
    made = machine.with_imperfection(converter, STREAMS)
    np.testing.assert_allclose(made.run(X, engine=Settle()).outputs.y, lstm(codes).y, atol=1e-12)
    several, noisy = ((machine.with_imperfection(each, STREAMS)) for each in ((converter, NOISE), NOISE))
    expected = noisy.run(codes, engine=Settle()).outputs.y
    np.testing.assert_allclose(several.run(X, engine=Settle()).outputs.y, expected, atol=1e-12)


@pytest.mark.parametrize("outputs", [0, 2])
def test_an_output_converter_reads_nothing_beyond_the_end_of_a_sequence(outputs):
    """There it read the code next to 0, an error in each step of padding, where metrics expect 0."""
    lstm = la.random_lstm(np.random.default_rng(6), 2, 3, bidirectional=True, outputs=outputs)
    x, lengths = np.stack([X, X]), [len(X), len(X) - 3]
    made = la.compile(lstm, la.electrical.BEHAVIOURAL, settling=24.0)
    made = made.with_imperfection(OutputConverter(bits=4, low=0.1, high=1.0), STREAMS)
    digital = lstm(x, lengths=lengths)
    clean = digital.h if digital.y is None else digital.y
    expected = 0.1 + np.round((np.clip(clean, 0.1, 1.0) - 0.1) / 0.06) * 0.06
    expected[1, -3:] = 0.0
    read = made.run(x, lengths=lengths, engine=Settle()).outputs
    np.testing.assert_allclose(read.h if read.y is None else read.y, expected, atol=1e-12)
    chips = made.with_imperfection(NOISE, replace(STREAMS, chips=2)).run(x, lengths=lengths, engine=Settle()).outputs
    assert not np.any((chips.h if chips.y is None else chips.y)[:, 1, -3:])


def test_both_sides_of_an_input_have_the_codes_of_one_converter():
    """Transistor cells are fed the difference of two banks, about a common level; a value far beyond clips."""
    machine = la.compile(la.random_lstm(np.random.default_rng(0), 2, 1), la.electrical.BICMOS)
    x = np.array([[0.3, -5.0], [5.0, 0.77]])
    made = machine.with_imperfection(InputConverter(bits=3, low=-1.0, high=1.0, inl=0.5), STREAMS)
    (plain, fed) = ({entry.label: entry.efforts for entry in each.schedule(x).imposed} for each in (machine, made))
    first = machine.compiled.cycle.ends("compute0", 2)
    code = np.clip(np.round((x + 1.0) * 3.5), 0.0, 7.0)
    bow = 0.5 * normals(SEED, "input converter x").standard_normal(2)
    codes = (code + 4.0 * bow * code / 7.0 * (1.0 - code / 7.0)) / 3.5 - 1.0
    for drive in (drive for drive in machine.compiled.drives if drive.signal == "x"):
        np.testing.assert_allclose(plain[drive.label][first], drive.offset + drive.gain * x, rtol=1e-12)
        np.testing.assert_allclose(fed[drive.label][first], drive.offset + drive.gain * codes, rtol=1e-12)


def test_a_bow_has_its_height_in_the_middle_of_the_range():
    """An end-point fit finds the INL that was asked for, over many converters."""
    ramp = np.broadcast_to(np.linspace(0.0, 1.0, 257)[None, :, None], (400, 257, 1))
    found = convert(OutputConverter(bits=8, low=0.0, high=1.0, inl=0.7), ramp, Streams(seed=1, chips=400))
    plain = convert(OutputConverter(bits=8, low=0.0, high=1.0), ramp, Streams(seed=1, chips=400))
    bow = 255.0 * (found - plain)[:, :, 0]
    np.testing.assert_allclose(bow[:, [0, -1]], 0.0, atol=1e-12)
    height = bow[:, 128]
    assert np.std(height) == pytest.approx(0.7, rel=4.0 / np.sqrt(800.0))
    np.testing.assert_allclose(np.abs(bow).max(axis=1), np.abs(height), rtol=1e-4)


def test_an_output_converter_is_read_and_not_fed_back(machine):
    made = machine.with_imperfection(OutputConverter(bits=3, low=-1.0, high=1.0), STREAMS)
    done, plain = made.run(X, engine=Settle()), machine.run(X, engine=Settle())
    np.testing.assert_allclose(done.h, plain.h, atol=1e-13)
    np.testing.assert_allclose(done.outputs.h, np.round((plain.h + 1.0) * 3.5) / 3.5 - 1.0, atol=1e-12)
    np.testing.assert_allclose(done.outputs.state.h[0], plain.outputs.state.h[0], atol=1e-13)


def test_chips_have_converters_of_their_own(machine):
    causes = (InputConverter(bits=4, low=-1.0, high=1.0, inl=0.5), OutputConverter(bits=4, low=-1.0, high=1.0, inl=0.5))
    many = machine.with_imperfection(causes, Streams(seed=1, chips=3)).run(X, engine=Settle()).outputs.h
    for chip in range(3):
        alone = machine.with_imperfection(causes, Streams(seed=1, first=chip)).run(X, engine=Settle()).outputs.h
        np.testing.assert_allclose(many[chip], alone, atol=1e-12)
    assert np.ptp(many, axis=0).max() > 1e-4


# Many chips, and what is refused.


def test_yields_of_causes_in_time_are_those_of_each_chip(circuit, lstm):
    """Lots of two and of three; a clock that jitters makes its chips run one by one."""
    x = X[:3]
    for cause in (BOTH, ClockJitter(seconds=1e-8), SupplyRipple(share=0.02, frequency=3e3)):
        asked = {"metric": LargestError(expected=lstm(x).h), "spec": Spec(at_most=0.01), "chips": 4, "seed": SEED}
        found = [yield_of(circuit, cause, x, **asked, lot_size=size).values for size in (2, 3)]
        np.testing.assert_allclose(found[0], found[1], atol=1e-12)
        alone = circuit.with_imperfection(cause, Streams(seed=SEED, first=3)).run(x, engine=Settle())
        assert found[0][3] == pytest.approx(np.abs(alone.h - lstm(x).h).max(), abs=1e-12)


def test_what_cannot_be_written_or_run_is_refused_by_name(circuit, tmp_path):
    made = circuit.with_imperfection(BOTH, STREAMS)
    refused = r"the same in all steps, got ReadNoise, Flicker: take one step of it: Machine\.at_step"
    for write in (
        lambda: made.write.spice(tmp_path / "m.cir", X),
        lambda: made.write.verilog_a(tmp_path / "m.va"),
        lambda: made.write.modelica(tmp_path / "m.mo", X),
        lambda: made.run(X, engine=Ngspice()),
        lambda: made.run(X, engine=Rumoca()),
    ):
        with pytest.raises(UnsupportedError, match=refused):
            write()
    assert not list(tmp_path.iterdir())
    for engine in ENGINES:
        with pytest.raises(
            UnsupportedError, match="must come with the schedule of its machine, got ReadNoise, Flicker"
        ):
            engine.run(made.network, circuit.schedule(X))
    with pytest.raises(NetworkError, match=r"^the network must change from step to step, got one that stays"):
        circuit.at_step(0)
    with pytest.raises(InvalidValueError, match=r"^step number must be at least 0 and finite|be 0 to"):
        made.at_step(-1)
    many = circuit.with_imperfection(ClockJitter(seconds=1e-8), Streams(seed=1, chips=2))
    with pytest.raises(UnsupportedError, match=r"^clock jitter must be of one chip at a time, got 2"):
        many.run(X)


def test_what_acts_elsewhere_is_refused_by_name(circuit):
    with pytest.raises(InvalidTypeError, match="must change conductances from step to step, got DeviceSpread"):
        fluctuate(DeviceSpread(share=0.1), (), STREAMS, 1.0)
    with pytest.raises(InvalidTypeError, match="must act on the schedule, got ReadNoise"):
        disturb(NOISE, circuit.schedule(X), circuit.network, None, STREAMS)
    with pytest.raises(InvalidTypeError, match="must act on what is read, got InputConverter"):
        convert(NOWHERE, X, STREAMS)
    fed, bare = circuit.schedule(X), replace(circuit.network, parts=())
    none = StepPlan(first=np.array([0]), duration=1.0, fed=(), driven=frozenset())
    with pytest.raises(NetworkError, match="must have rails"):
        disturb(SupplyRipple(share=0.1, frequency=1.0), fed, bare, none, STREAMS)


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (ReadNoise, {"sigma": -0.1}, "read noise must be 0 to 1"),
        (ReadNoise, {"sigma": 0.1, "exponent": 2.0}, "read noise exponent must be 0 to 1"),
        (Flicker, {"share": 0.1, "shortest": 1.0, "longest": 1.0}, "flicker times must be positive and increase"),
        (ClockJitter, {"seconds": -1.0}, "clock jitter must be at least 0"),
        (SupplyRipple, {"share": 0.1, "frequency": 0.0}, "supply ripple frequency must be positive"),
        (InputConverter, {"bits": 0, "low": -1.0, "high": 1.0}, "input converter bits must be 1 to 32"),
        (OutputConverter, {"bits": 8, "low": 1.0, "high": 1.0}, "output converter range must be finite and increase"),
        (OutputConverter, {"bits": 8, "low": 0.0, "high": 1.0, "inl": -1.0}, "output converter inl must be at least 0"),
        (AtStep, {"number": 0, "step_time": 0.0}, "step_time must be positive"),
    ],
)
def test_bad_values_are_refused(kind, values, message):
    with pytest.raises(InvalidValueError, match=f"^{message}"):
        kind(**values)


def test_stretches_follow_each_other_from_the_start():
    for first in ([], [1, 2], [0, 2, 2]):
        with pytest.raises(ValueError, match=r"^first intervals must increase from interval 0 on"):
            VaryingParameters(first=np.array(first, dtype=np.int64), draw=lambda: iter(()))
