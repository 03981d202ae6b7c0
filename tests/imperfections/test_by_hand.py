"""Each law of devices, written once more in plain numpy, on a crossbar whose two banks differ and on signed weights."""

import numpy as np
import pytest
from scipy.special import ndtr
from stepwise_lstm import normals

from lstm_analog.imperfections import (
    DeviceSpread,
    Drift,
    Flicker,
    MeasuredDevices,
    PhaseChangeDrift,
    PhaseChangeProgramming,
    PhaseChangeReadNoise,
    ProgrammingError,
    Quantisation,
    ReadNoise,
    Streams,
    StuckDevices,
    VerifiedProgramming,
    apply,
    fluctuate,
)
from lstm_analog.imperfections.banks import device_banks
from lstm_analog.network.domain import ELECTRICAL
from lstm_analog.network.graph import Group, Network, Unknowns
from lstm_analog.network.parts import Crossbars, Junctions, Sources, Transconductors

SEED, CHIPS, WIDE = 5, 3, 60
SIGNED = np.random.default_rng(0).normal(size=(2, WIDE)) * (np.arange(2 * WIDE).reshape(2, WIDE) % 7 > 0)
PLUS = np.abs(np.random.default_rng(1).normal(size=(3, WIDE))) + 0.3
MINUS = 4.0 * np.abs(np.random.default_rng(2).normal(size=(3, WIDE))) + 0.1
TINY = np.random.default_rng(3).uniform(size=(3, WIDE)) < 0.1
MINUS[1, TINY[1]] = 1e-6
STEP = 1e-3


def network(positive=PLUS, negative=MINUS) -> Network:
    """Return sources, a crossbar whose least and largest devices are negative, and signed weights, some of them 0."""
    sizes = {"x": WIDE, "plus": 3, "minus": 3, "rows": 2}
    unknowns = Unknowns(groups=tuple(Group(label=name, size=size, scale=1.0) for name, size in sizes.items()))
    nodes = {name: unknowns[name] for name in sizes}
    bar = Crossbars(
        label="bar",
        inputs=nodes["x"],
        plus=nodes["plus"],
        minus=nodes["minus"],
        positive=positive,
        negative=negative,
        plus_load=np.ones(3),
        minus_load=np.ones(3),
    )
    parts = (
        Sources(label="x", nodes=nodes["x"], effort=np.ones(WIDE)),
        bar,
        Transconductors(label="w", inputs=nodes["x"], rows=nodes["rows"], transconductance=SIGNED),
        *(Junctions(label=name, nodes=nodes[name]) for name in ("plus", "minus", "rows")),
    )
    return Network(domain=ELECTRICAL, unknowns=unknowns, lines=(), parts=parts, provenance=())


def banks():
    """Return the name, the conductances, the least and the largest of each bank of devices."""
    least, largest = min(PLUS.min(), MINUS.min()), max(PLUS.max(), MINUS.max())
    yield "bar positive", PLUS, least, largest
    yield "bar negative", MINUS, least, largest
    yield "w", np.abs(SIGNED), 0.0, np.abs(SIGNED).max()


def found(changed: Network) -> dict[str, np.ndarray]:
    bar, signed = changed.part("bar"), changed.part("w").transconductance
    assert (signed * SIGNED >= 0.0).all()
    return {"bar positive": bar.positive, "bar negative": bar.negative, "w": np.abs(signed)}


def measured(g, least, most, z):
    return most * np.maximum(np.interp(g / most, (0.1, 0.6), (0.2, 0.5)) + 0.1 * z, 0.0)


def phase_change(g, least, most, z):
    log_g = np.log(np.maximum(g / most, 1e-7))
    mean, spread = np.clip(0.0244 - 0.0155 * log_g, 0.049, 0.1), np.clip(-0.0059 - 0.0125 * log_g, 0.008, 0.045)
    return g * (1.0 + 400.0 / 20.0) ** -np.abs(mean + spread * z)


ONE_DRAW = (
    (ProgrammingError(sigma=0.3), "programming", lambda g, least, most, z: np.maximum(g + 0.3 * most * z, 0.0)),
    (DeviceSpread(share=0.6), "spread", lambda g, least, most, z: np.maximum(g * (1.0 + 0.6 * z), 0.0)),
    (
        StuckDevices(off=0.2, on=0.3),
        "stuck",
        lambda g, least, most, z: np.select([ndtr(z) < 0.2, ndtr(z) > 0.7], [0.0, most], g),
    ),
    (
        Drift(exponent=0.05, spread=0.4, seconds=1e4, since=100.0),
        "drift",
        lambda g, least, most, z: g * 100.0 ** -(0.05 + 0.4 * z),
    ),
    (Drift(exponent=0.0, spread=0.4, seconds=10.0), "drift", lambda g, least, most, z: g * 10.0 ** -(0.4 * z)),
    (MeasuredDevices(target=(0.1, 0.6), mean=(0.2, 0.5), sigma=(0.1, 0.1)), "measured", measured),
    (
        PhaseChangeProgramming(scale=2.0),
        "phase-change programming",
        lambda g, least, most, z: np.maximum(
            g + 2.0 * most * z * (0.26348 + 1.9650 * (g / most) - 1.1731 * (g / most) ** 2) / 25.0, 0.0
        ),
    ),
    (PhaseChangeDrift(seconds=400.0), "phase-change drift", phase_change),
    (
        Quantisation(levels=5),
        "none",
        lambda g, least, most, z: least + np.round((g - least) / (most - least) * 4.0) * (most - least) / 4.0,
    ),
)


@pytest.mark.parametrize(("record", "cause", "law"), ONE_DRAW, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("repeat", [0, 1, 2])
def test_devices_are_what_the_law_makes_of_the_numbers_of_their_cause(record, cause, law, repeat):
    changed = found(apply(record, network(), Streams(seed=SEED, chips=CHIPS, repeat=repeat)))
    for name, g, least, most in banks():
        for chip in range(CHIPS):
            z = normals(SEED, f"{cause} {name}", chip, repeat=repeat).standard_normal(g.shape)
            expected = np.where(g > 0.0, law(g, least, most, z), 0.0)
            mine = changed[name][chip] if changed[name].ndim == 3 else changed[name]
            np.testing.assert_allclose(mine, expected, rtol=1e-12, atol=1e-14, err_msg=name)


@pytest.mark.parametrize("record", [Drift(exponent=0.1, spread=0.3, seconds=1e3), PhaseChangeDrift(seconds=1e3)])
def test_one_gain_a_bank_and_chip_restores_its_sum(record):
    streams, with_gain = Streams(seed=SEED, chips=CHIPS), type(record)(**(vars(record) | {"compensated": True}))
    plain, level = (found(apply(each, network(), streams)) for each in (record, with_gain))
    for name, g, _, _ in banks():
        np.testing.assert_allclose(level[name].sum(axis=(1, 2)), g.sum(), rtol=1e-13)
        np.testing.assert_allclose(
            level[name], plain[name] * (g.sum() / plain[name].sum(axis=(1, 2)))[:, None, None], rtol=1e-13
        )


def test_a_device_is_programmed_until_it_reads_within_tolerance():
    """Also which one: each attempt starts from the target, readings err by numbers of their own."""
    record = VerifiedProgramming(sigma=0.2, tolerance=0.1, rounds=4, reading=0.05)
    changed = found(apply(record, network(), Streams(seed=SEED, chips=CHIPS)))
    for name, g, _, most in banks():
        for chip in range(CHIPS):
            attempts, readings = (normals(SEED, f"{what} {name}", chip) for what in ("programming", "reading"))
            written, left = g.copy(), g > -1.0
            for _ in range(4):
                tried, read = attempts.standard_normal(g.shape), readings.standard_normal(g.shape)
                written[left] = np.maximum(g + 0.2 * most * tried, 0.0)[left]
                left &= np.abs(written + 0.05 * most * read - g) > 0.1 * most
            np.testing.assert_allclose(changed[name][chip], np.where(g > 0.0, written, 0.0), rtol=1e-13, atol=1e-14)


def phase_change_reading(g, most):
    q = np.minimum(0.0088 / np.maximum(g / most, 1e-7) ** 0.65, 0.2)
    return g * q * np.sqrt(np.log((20.0 + 80.0 + 250e-9) / 500e-9))


@pytest.mark.parametrize(
    ("record", "cause", "size"),
    [
        (ReadNoise(sigma=0.1), "read noise", lambda g, most: 0.1 * g),
        (ReadNoise(sigma=0.1, exponent=0.5), "read noise", lambda g, most: 0.1 * np.sqrt(g * most)),
        (ReadNoise(sigma=0.1, exponent=0.0), "read noise", lambda g, most: 0.1 * most * (g > 0.0)),
        (PhaseChangeReadNoise(seconds=80.0), "phase-change reading", phase_change_reading),
    ],
    ids=["share", "shot", "of Gmax", "phase change"],
)
def test_each_step_is_read_with_the_next_numbers_of_the_cause(record, cause, size):
    errors = fluctuate(record, device_banks(network()), Streams(seed=SEED, chips=CHIPS), STEP)
    steps = [next(errors) for _ in range(3)]
    for place, (name, g, _, most) in enumerate(banks()):
        for chip in range(CHIPS):
            drawn = normals(SEED, f"{cause} {name}", chip)
            for step in steps:
                expected = size(g, most) * drawn.standard_normal(g.shape)
                np.testing.assert_allclose(step[place][chip], expected, rtol=1e-11, atol=1e-15)


def test_flicker_relaxes_with_a_time_constant_of_each_device_that_is_independent_of_its_error():
    record = Flicker(share=0.1, shortest=1e-4, longest=1e-1)
    errors = fluctuate(record, device_banks(network()), Streams(seed=SEED, chips=CHIPS), STEP)
    steps = [next(errors) for _ in range(3)]
    for place, (name, g, _, _) in enumerate(banks()):
        for chip in range(CHIPS):
            even = ndtr(normals(SEED, f"flicker times {name}", chip).standard_normal(g.shape))
            kept = np.exp(-STEP / (1e-4 * 1e3**even))
            drawn, trap = normals(SEED, f"flicker {name}", chip), 0.0
            for number, step in enumerate(steps):
                fresh = drawn.standard_normal(g.shape)
                trap = trap * kept + fresh * np.sqrt(1.0 - kept**2) if number else fresh
                np.testing.assert_allclose(step[place][chip], 0.1 * g * trap, rtol=1e-11, atol=1e-15)


def test_where_there_is_no_device_on_either_side_nothing_is_drawn():
    nothing = np.zeros_like(PLUS)
    for record, *_ in ONE_DRAW:
        changed = apply(record, network(PLUS * TINY, nothing), Streams(seed=SEED)).part("bar")
        assert not changed.negative.any()
        assert not changed.positive[~TINY].any()
