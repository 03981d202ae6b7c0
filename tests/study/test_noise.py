"""Noise of whole machines: how much, from which part, as paths; held against noise that is imposed from outside."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from noisy_networks import noisy_ends

import lstm_analog as la
from lstm_analog.engines import Settle, Waveform
from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError, UnsupportedError
from lstm_analog.imperfections import DeviceSpread, ReadNoise, Streams
from lstm_analog.model import Cell, Layer
from lstm_analog.network.parts import Storages
from lstm_analog.network.quantities import BOLTZMANN
from lstm_analog.study import LargestError, NoisySignal, noise_of
from lstm_analog.study.metrics import measured
from lstm_analog.study.pass_noise import weights_of

LSTM = la.random_lstm(np.random.default_rng(0), inputs=2, hidden=3)
X = np.random.default_rng(1).uniform(-1, 1, (4, 2))


@pytest.fixture(scope="module")
def found():
    return noise_of(la.compile(LSTM, la.electrical.BEHAVIOURAL), X)


def test_h_has_at_least_the_noise_of_the_switch_that_copies_it(found):
    """kT/C of 100 pF is 6.4 uV; the rest comes down the chain."""
    (cap,) = [part for part in found.run.compiled.network.parts if part.label == "l0_h_slave"]
    assert isinstance(cap, Storages)
    least = np.sqrt(BOLTZMANN * 300.0 / cap.capacitance[0])
    assert (found.h > least).all()
    assert (found.h < 5 * least).all()
    copied = found.origins().by_part["l0_h_copy"] * found.origins().sigma ** 2
    assert copied == pytest.approx(least**2, rel=0.02)


@cache
def two_steps(technology):
    return noise_of(la.compile(LSTM, technology), X[:2])


@pytest.mark.parametrize("signal", [NoisySignal.H, NoisySignal.C])
@pytest.mark.parametrize("technology", [la.electrical.BEHAVIOURAL, la.hydraulic.OIL, la.electrical.OPAMP_BENCH])
def test_what_the_parts_made_adds_up(signal, technology):
    """Backward through the clock, with the adjoint, the same as forward with the covariance."""
    whole = two_steps(technology)
    sigma = whole.h if signal is NoisySignal.H else whole.c
    origins = whole.origins(signal, step=1)
    assert origins.sigma == pytest.approx(np.sqrt(np.mean(sigma[1] ** 2)), rel=1e-9)
    for shares in (origins.by_part, origins.by_kind, origins.by_interval):
        assert sum(shares.values()) == pytest.approx(1.0)
        assert list(shares.values()) == sorted(shares.values(), reverse=True)


@pytest.mark.parametrize(
    ("technology", "timing", "factor"),
    [
        (la.electrical.BEHAVIOURAL, la.CLOCKED, 100.0),
        (la.electrical.BEHAVIOURAL, la.GATED_LEAK, 100.0),
        (la.hydraulic.OIL, la.CLOCKED, 1e6),
    ],
)
def test_noise_imposed_on_the_whole_machine_makes_as_much(technology, timing, factor):
    """White noise from sources, through the nonlinear machine by the usual engine; 300 paths: 4 % each."""
    machine = la.compile(LSTM, technology, timing=timing)
    compiled, driven = machine.compiled, machine.schedule(X[:2])
    whole = two_steps(technology) if timing is la.CLOCKED else noise_of(machine, X[:2])
    pieces = np.maximum(np.round(3.0 * driven.durations / compiled.time_constant).astype(int), 1)
    _, ends = noisy_ends(
        compiled.network, driven, Waveform(rtol=1e-7, atol=1e-9), pieces=pieces, paths=300,
        rng=np.random.default_rng(2), factor=factor, temperature=300.0,
    )  # fmt: skip
    at, unknowns = compiled.cycle.ends("readout", 2), compiled.network.unknowns
    ratios = []
    for label, sigma in (("l0_h", whole.h), ("l0_c", whole.c)):
        nodes = unknowns[label]
        spread = ends[:, at][..., nodes].std(axis=0) / factor / unknowns.scales()[nodes]
        np.testing.assert_allclose(spread, sigma, rtol=0.15)
        ratios.append(spread**2 / sigma**2)
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.06)


def test_paths_are_judged_as_chips_are(found):
    paths = found.sample(2000, seed=1)
    assert paths.h.shape == (2000, 4, 3)
    np.testing.assert_allclose(paths.h.std(axis=0), found.h, rtol=0.08)
    np.testing.assert_allclose(paths.c.std(axis=0), found.c, rtol=0.08)
    np.testing.assert_allclose(paths.h.mean(axis=0), found.run.h, atol=1e-5)
    errors = measured(LargestError(expected=LSTM(X).h), paths.outputs, 2000)
    assert errors.shape == (2000,)
    assert found.h.max() < np.median(errors) < 3 * found.h.max()  # the largest of twelve
    np.testing.assert_array_equal(paths.outputs.state.h[0], paths.h[:, -1])
    np.testing.assert_array_equal(found.sample(2000, seed=1).h, paths.h)
    assert (found.sample(2000, seed=2).h != paths.h).any()


def test_noise_is_kept_by_the_memories_from_step_to_step(found):
    """c goes on by f c: of two steps one after the other its noise agrees, of those far apart it does not."""
    c = found.sample(4000, seed=3).c[..., 0]
    near, far = np.corrcoef(c.T)[0, [1, 3]]
    assert near > far + 0.1
    assert near > 0.3


def test_sequences_side_by_side_have_the_noise_that_each_has_alone():
    machine = la.compile(LSTM, la.electrical.BEHAVIOURAL)
    batch = np.stack((X, -X, X[::-1]))
    several = noise_of(machine, batch, lengths=[4, 2, 3])
    alone = noise_of(machine, batch[1, :2])
    np.testing.assert_allclose(several.h[1, :2], alone.h, rtol=2e-3)
    assert not several.h[1, 2:].any()
    paths = several.sample(50, seed=0)
    assert paths.h.shape == (50, 3, 4, 3)
    np.testing.assert_array_equal(paths.outputs.state.h[0][:, 1], paths.h[:, 1, 1])


def test_warmer_parts_fluctuate_more_but_for_their_shot_noise(found):
    warmer = noise_of(la.compile(LSTM, la.electrical.BEHAVIOURAL), X, temperature=600.0)
    cold, hot = (each.origins() for each in (found, warmer))
    switches = [each.by_kind["Switches"] * each.sigma**2 for each in (cold, hot)]
    pairs = [each.by_kind["Pairs"] * each.sigma**2 for each in (cold, hot)]
    assert switches[1] / switches[0] == pytest.approx(2.0, rel=2e-3)
    assert pairs[1] / pairs[0] == pytest.approx(1.0, rel=2e-3)


def test_op_amps_add_white_noise_that_no_storage_holds():
    (chain,) = two_steps(la.electrical.OPAMP_BENCH).layers
    assert (chain.h.white > 0).all()
    assert (chain.c.white > 0).all()
    np.testing.assert_allclose(chain.h.effort, chain.h.sigma)  # 1 V a unit
    held = two_steps(la.hydraulic.OIL).layers[0]
    assert not held.h.white.any()
    np.testing.assert_allclose(held.h.effort, held.h.sigma * 1e4)  # 10 kPa


@pytest.mark.parametrize("technology", [la.electrical.BEHAVIOURAL, la.hydraulic.OIL])
def test_heads_and_several_layers_have_noise_too(technology):
    deep = la.random_lstm(np.random.default_rng(4), inputs=1, hidden=2, layers=2, outputs=1)
    whole = noise_of(la.compile(deep, technology), np.ones((2, 1)))
    assert whole.y.sigma.shape == (2, 1)
    assert len(whole.layers) == 2
    assert whole.h.shape == (2, 2)
    y = whole.origins(NoisySignal.Y)
    assert y.sigma == pytest.approx(whole.y.sigma[-1, 0], rel=1e-9)
    assert whole.origins(layer=0).sigma == pytest.approx(np.sqrt(np.mean(whole.layers[0].h.sigma[-1] ** 2)), rel=1e-9)
    np.testing.assert_allclose(whole.sample(2000, seed=0).y.std(axis=0), whole.y.sigma, rtol=0.08)


def test_signals_are_read_off_deviations_as_they_are_off_efforts():
    """z and y in oil are three times the difference of two manifolds."""
    deep = la.random_lstm(np.random.default_rng(4), inputs=1, hidden=2, outputs=1)
    run = la.compile(deep, la.hydraulic.OIL).run(np.ones((2, 1)))
    compiled, trajectory = run.compiled, run.trajectory
    nodes, (place,) = np.arange(compiled.network.unknowns.size), compiled.layout.layers
    for spot, signal in ((place.z[0], run.layers[0].z[:, 0]), (place.h, run.h), (compiled.layout.head.y, run.y)):
        ends = trajectory.schedule.ends[compiled.cycle.ends(spot.interval, 2)]
        read = trajectory.sample(ends, nodes) @ weights_of(compiled, spot, nodes).T
        np.testing.assert_allclose(read, signal, atol=1e-12)


def test_a_noise_tells_itself(found):
    assert "temperature         300 K" in repr(found)
    assert "largest sigma of h" in repr(found)
    assert "compute0 " in repr(found.origins())


def test_what_cannot_be_answered_is_refused(found):
    machine = la.compile(LSTM, la.electrical.BEHAVIOURAL)
    chips = machine.with_imperfection(DeviceSpread(share=0.01), Streams(seed=0, chips=2))
    with pytest.raises(InvalidShapeError, match="must have no chip axis"):
        noise_of(chips, X)
    with pytest.raises(InvalidShapeError, match="the trajectory must have 2 points an interval, got fewer"):
        noise_of(machine, X, engine="settle")
    with pytest.raises(InvalidValueError, match="temperature must be positive, got -1"):
        noise_of(machine, X, temperature=-1.0)
    with pytest.raises(InvalidValueError, match="step must be from -4 to 3, got 4"):
        found.origins(step=4)
    with pytest.raises(InvalidValueError, match="signal must be h or c, got y, and no head"):
        found.origins(NoisySignal.Y)
    with pytest.raises(InvalidTypeError, match="signal must be one of"):
        found.origins("h")
    with pytest.raises(InvalidValueError, match="count must be at least 1, got 0: ask for one path at least"):
        found.sample(0, seed=0)
    with pytest.raises(InvalidValueError, match="a run must keep at most"):
        found.sample(10**9, seed=0)
    varying = machine.with_imperfection(ReadNoise(sigma=0.1), Streams(seed=1))
    with pytest.raises(UnsupportedError, match=r"same in all steps, got ReadNoise.*at_step"):
        noise_of(varying, X)
    noise_of(varying.at_step(1), X[:2])


def test_a_head_alone_has_noise_of_y_and_no_other():
    """In plumbing it has no storages."""
    lstm = la.random_lstm(np.random.default_rng(0), 1, 1, outputs=1)
    head = la.compile(replace(lstm, head=replace(lstm.head, final=True)), la.hydraulic.OIL).alone(1)
    noise = noise_of(head, np.full((1, 1), 0.3))
    assert dict(noise.summary())["largest sigma of y"] == "0"
    assert (noise.y.sigma == 0.0).all()
    with pytest.raises(UnsupportedError, match=r"^the noise must be that of h and c, got a head alone: take its y$"):
        _ = noise.h


def test_the_largest_sigma_is_that_of_both_directions():
    lstm = la.random_lstm(np.random.default_rng(0), 1, 1, bidirectional=True)
    noise = noise_of(la.compile(lstm, la.electrical.BEHAVIOURAL), X[:2, :1])
    assert dict(noise.summary())["largest sigma of c"] == f"{noise.c.max():.3g}"
    assert noise.layers[0].c.sigma.max() > noise.layers[1].c.sigma.max()


def test_origins_are_of_the_sequences_that_have_the_step():
    lengths = np.array([3, 1, 2])
    x = np.random.default_rng(1).uniform(-1.0, 1.0, (3, 4, 2))
    noise = noise_of(la.compile(LSTM, la.electrical.BEHAVIOURAL), x, lengths=lengths)
    for step in range(3):
        there = noise.h[lengths > step, step]
        assert noise.origins(step=step).sigma == pytest.approx(np.sqrt(np.mean(there**2)), rel=1e-9)
    assert noise.origins().sigma == noise.origins(step=2).sigma


FORMS = {
    "two directions": {"layers": 2, "bidirectional": True},
    "a head on two directions": {"bidirectional": True, "outputs": 1},
    "a final head": {"layers": 2, "outputs": 2},
}


@cache
def in_passes(form, technology):
    """A machine of two passes, three sequences of 4, 2 and 3 steps, and its noise."""
    lstm = la.random_lstm(np.random.default_rng(6), inputs=2, hidden=2, **FORMS[form])
    if form == "a final head":
        lstm = replace(lstm, head=replace(lstm.head, final=True))
    machine, x = la.compile(lstm, technology), np.stack((X, -X, X[::-1]))
    return machine, x, noise_of(machine, x, lengths=[4, 2, 3])


def told(noise):
    """The sigmas of the last pass."""
    return noise.h if noise.y is None else noise.y.sigma


def said(run):
    return run.h if run.y is None else run.y


@pytest.mark.parametrize("technology", [la.electrical.BEHAVIOURAL, la.hydraulic.OIL])
@pytest.mark.parametrize("form", FORMS)
def test_noise_goes_on_into_the_next_pass(form, technology):
    """Paths of the first pass are fed to the second, which knows of no noise; what it makes itself is added."""
    machine, _, noise = in_passes(form, technology)
    own, whole = fed_by_paths(machine, noise, 600)
    assert (told(noise) > 1.05 * own).any()
    np.testing.assert_allclose(told(noise), whole, rtol=0.1, atol=1e-15)  # 600 paths: 3 % each


def test_noise_that_stays_from_step_to_step_adds_up_in_the_next_pass():
    """Memories that forget nothing keep their noise; the next pass sums it up over the steps."""
    keeps = np.array([0.0, 6.0, 0.0, 6.0])[:, None]
    sums = np.array([6.0, 6.0, 0.0, 6.0])[:, None]
    none, read = np.zeros((4, 1, 1)), np.zeros((4, 1, 2))
    read[2] = 0.5
    keeping = Cell(input=none, recurrent=none, bias=keeps)
    layers = (Layer(forward=keeping, backward=keeping), Layer(forward=Cell(input=read, recurrent=none, bias=sums)))
    machine = la.compile(la.LSTM(layers=layers, name="sums"), la.electrical.BEHAVIOURAL)
    noise = noise_of(machine, np.zeros((12, 1)))
    own, whole = fed_by_paths(machine, noise, 2000)
    assert noise.h[-1, 0] > 3.0 * own[-1, 0]
    np.testing.assert_allclose(noise.h, whole, rtol=0.06)
    np.testing.assert_allclose(noise.sample(2000, seed=6).h.std(axis=0), noise.h, rtol=0.06)


def fed_by_paths(machine, noise, count):
    """The noise that the second pass makes itself, and with that of `count` paths of the first, run by `Settle`."""
    first, second = noise.run.passes
    drawn = replace(noise, run=replace(noise.run, passes=(first,)), passes=noise.passes[:1]).sample(count, seed=4)
    fed = drawn.passes[0].final[..., None, :] if second.compiled.layout.final else drawn.h
    lengths = None if second.lengths is None else np.tile(second.lengths, count)
    run = machine.alone(1).run(fed.reshape(-1, *fed.shape[-2:]), lengths=lengths, engine=Settle())
    paths = said(run).reshape(count, *second.x.shape[:-2], *said(run).shape[1:])
    own = told(noise_of(machine.alone(1), second.x, lengths=second.lengths))
    return own, np.sqrt(own**2 + paths.std(axis=0) ** 2)


@pytest.mark.parametrize("form", FORMS)
def test_paths_of_several_passes_have_the_noise_of_all(form):
    _, x, noise = in_passes(form, la.electrical.BEHAVIOURAL)
    paths = noise.sample(2000, seed=5)
    assert paths.h.shape[:2] == (2000, 3)
    np.testing.assert_allclose(said(paths).std(axis=0), told(noise), rtol=0.08, atol=1e-15)
    np.testing.assert_allclose(paths.layers[0].h.std(axis=0), noise.layers[0].h.sigma, rtol=0.08, atol=1e-15)
    np.testing.assert_array_equal(
        paths.passes[1].x[0, 0, 0],
        (paths.passes[0].final if form == "a final head" else paths.passes[0].h[:, :, 0])[0, 0],
    )
    assert paths.passes[1].trajectory.network is noise.run.passes[1].compiled.network
    np.testing.assert_array_equal(paths.x, x)


@pytest.mark.parametrize("step", [0, 2])
@pytest.mark.parametrize("layer", [0, 1, 2, 3])
def test_what_all_passes_made_adds_up(layer, step):
    """Backward through both passes, with the adjoint, the same as forward; steps count as the chain goes."""
    _, _, noise = in_passes("two directions", la.electrical.BEHAVIOURAL)
    sigma, lengths = noise.layers[layer].h.sigma, (4, 2, 3)
    there = [(b, lengths[b] - 1 - step if layer % 2 else step) for b in range(3) if lengths[b] > step]
    found = noise.origins(layer=layer, step=step)
    assert found.sigma == pytest.approx(np.sqrt(np.mean([sigma[place] ** 2 for place in there])), rel=1e-9, abs=0.0)
    assert any(name.startswith("l0") for name in found.by_part)
    assert any(name.startswith("l1") for name in found.by_part) == (layer > 1)


def test_shares_of_the_pass_before_are_what_it_hands_on():
    """A final head of one weight: what the units make is that weight squared times their variance."""
    lstm = la.random_lstm(np.random.default_rng(6), inputs=2, hidden=2, outputs=1)
    machine = la.compile(replace(lstm, head=replace(lstm.head, final=True)), la.electrical.BEHAVIOURAL)
    noise = noise_of(machine, X)
    found = noise.origins(NoisySignal.Y, step=0)
    handed = sum(share for name, share in found.by_part.items() if name.startswith("l0")) * found.sigma**2
    h = noise_of(machine.alone(0), X).sample(4000, seed=7).h[:, -1]
    assert handed == pytest.approx((h @ lstm.head.weights[0]).var(), rel=0.1)
    assert found.sigma == pytest.approx(noise.y.sigma[0], rel=1e-9, abs=0.0)
    with pytest.raises(UnsupportedError, match="the noise must go through time once"):
        _ = noise.linear


def test_samples_between_passes_are_bounded(monkeypatch):
    machine, x, _ = in_passes("two directions", la.electrical.BEHAVIOURAL)
    monkeypatch.setattr("lstm_analog.study.pass_noise.MOST_BYTES", 1e3)
    with pytest.raises(
        InvalidValueError, match=r"^samples between passes must take at most 1e\+03 bytes, got 6\.14e\+03"
    ):
        noise_of(machine, x)
