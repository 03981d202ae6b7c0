"""Each cause changes what it should, by as much as it says, and nothing else."""

from dataclasses import replace

import by_hand
import numpy as np
import pytest
from stepwise_lstm import normals

from lstm_analog.compiler.electrical import BEHAVIOURAL, CHANNELS, OPAMP
from lstm_analog.compiler.hydraulic import OIL
from lstm_analog.errors import InvalidValueError, NetworkError
from lstm_analog.imperfections import (
    AmplifierOffset,
    ClockFeedthrough,
    DeviceSpread,
    HoldLeak,
    MultiplierGain,
    MultiplierOffset,
    PairGain,
    PairOffset,
    PairTemperature,
    Quantisation,
    Streams,
    apply,
)
from lstm_analog.machine import compile
from lstm_analog.model import random_lstm
from lstm_analog.network.parts import ALWAYS, Crossbars, OpAmps, Pairs, Sources, Storages, Switches

STREAMS = Streams(seed=5)
PEDESTAL = {"swing": 5.0, "fall": 20e-9}
SOMETHING = (
    AmplifierOffset(volts=1e-3),
    PairOffset(volts=1e-3),
    PairGain(share=0.01),
    MultiplierGain(share=0.01),
    MultiplierOffset(share=0.01),
    DeviceSpread(share=0.01),
)


@pytest.fixture(scope="module")
def network():
    return compile(random_lstm(np.random.default_rng(1), 3, 16), OPAMP).network


def kind(cause):
    return type(cause).__name__


@pytest.mark.parametrize("cause", SOMETHING, ids=kind)
def test_chips_are_a_leading_axis_whose_first_is_the_single_draw(network, cause):
    """A chip's numbers do not depend on how many are drawn."""
    many, one = apply(cause, network, Streams(seed=5, chips=3)).verify(), apply(cause, network, STREAMS)
    assert not one.equals(network, rtol=1e-9)
    assert not one.equals(apply(cause, network, Streams(seed=5, first=1)), rtol=1e-9)
    for a, b, plain in zip(many.parts, one.parts, network.parts, strict=False):
        for x, y, z in zip(numbers(a), numbers(b), numbers(plain), strict=True):
            if x.ndim > z.ndim:
                assert x.shape[0] == 3
                np.testing.assert_array_equal(x[0], y)


def numbers(part):
    if isinstance(part, OpAmps):
        return [part.offset]
    if isinstance(part, Pairs):
        return [part.current, *(factor.offset for factor in part.factors)]
    return [part.positive, part.negative] if isinstance(part, Crossbars) else []


def spread(network, changed, label, read):
    """Return the standard deviation of what `read` says of a bank, beyond what it was."""
    return float(np.std(read(changed.part(label)) - read(network.part(label))))


def test_sizes_of_the_random_causes(network):
    """Within four standard errors of the spread asked for."""
    thermal = 1.0 / network.part("l0_c_add_zi_pair").factors[0].scale[0]
    cases = (
        (AmplifierOffset(volts=2e-3), "l0_rows_first", lambda p: p.offset, 2e-3),
        (PairOffset(volts=2e-3), "l0_c_add_zi_pair", lambda p: p.factors[0].offset * thermal, 2e-3),
        (PairGain(share=0.02), "l0_c_add_zi_pair", lambda p: p.current / 1e-3, 0.02),
        (MultiplierGain(share=0.02), "l0_c_keep_mult", lambda p: p.current / 1e-3, 0.02),
        (DeviceSpread(share=0.02), "l0_rows", lambda p: np.log(p.positive), 0.02),
    )
    for cause, label, read, size in cases:
        count = read(network.part(label)).size
        got = spread(network, apply(cause, network, STREAMS), label, read)
        assert abs(got - size) < 4.0 * size / np.sqrt(2.0 * count), kind(cause)


def test_pairs_and_multipliers_are_told_apart(network):
    pairs, multipliers = (
        apply(PairGain(share=0.1), network, STREAMS),
        apply(MultiplierGain(share=0.1), network, STREAMS),
    )
    for label, by_pair in (("l0_c_add_zg_pair", True), ("l0_h_add_mult", False)):
        assert np.allclose(pairs.part(label).current, network.part(label).current) is not by_pair
        assert np.allclose(multipliers.part(label).current, network.part(label).current) is by_pair


def test_tiers_of_a_bank_have_offsets_of_their_own():
    """A bank of BEHAVIOURAL has two curves a unit, and errs in both."""
    plain = compile(random_lstm(np.random.default_rng(1), 3, 16), BEHAVIOURAL).network
    changed = apply(PairOffset(volts=0.01), apply(PairOffset(volts=0.02), plain, STREAMS), STREAMS)
    (first, other), old = changed.part("l0_c_add").factors, plain.part("l0_c_add").factors
    moved = [(new.offset - was.offset) / was.scale for new, was in zip((first, other), old, strict=True)]
    expected = [
        0.02 * normals(5, f"pair offset l0_c_add {tier}").standard_normal(16)
        + 0.01 * normals(5, f"pair offset l0_c_add {tier}", repeat=1).standard_normal(16)
        for tier in (0, 1)
    ]
    np.testing.assert_allclose(moved, expected, rtol=1e-9)


def test_a_switch_that_is_always_closed_holds_nothing():
    nodes = {"line": 0, "a": np.array([1]), "b": np.array([2]), "closed": np.array(1e-3), "opened": np.array(1e-9)}
    parts = (
        Sources(label="x", nodes=np.array([1]), effort=1.0),
        Switches(label="always", **(nodes | {"line": ALWAYS})),
        Storages(label="c", nodes=np.array([2]), capacitance=1e-12),
    )
    always = by_hand.network({"x": 1, "c": 1}, *parts, lines=("k",))
    with pytest.raises(NetworkError, match="must have capacitors behind switches"):
        apply(HoldLeak(conductance=1e-9), always, STREAMS)
    clocked = replace(always, parts=(*parts[::2], Switches(label="clocked", **nodes)))
    np.testing.assert_array_equal(apply(HoldLeak(conductance=1e-9), clocked, STREAMS).part("hold_leak").a, [2])


def test_an_offset_of_a_multiplier_is_a_constant_current(network):
    changed = apply(MultiplierOffset(share=0.1), network, STREAMS).verify()
    added = [part for part in changed.parts if part.label.endswith("_mult_offset")]
    assert [part.label for part in added] == [f"l0_{name}_mult_offset" for name in ("c_add", "c_keep", "h_add")]
    assert all(not part.factors[0].scale.any() and part.factors[0].offset.all() for part in added)
    again = apply(MultiplierGain(share=0.1), changed, STREAMS)  # which leaves the tails alone
    np.testing.assert_array_equal(again.part(added[0].label).current, added[0].current)


def test_levels_are_even_and_nearest(network):
    bank = network.part("l0_rows")
    stepped = apply(Quantisation(levels=5), network, STREAMS).part("l0_rows")
    levels = np.linspace(bank.positive.min(), max(bank.positive.max(), bank.negative.max()), 5)
    for before, after in ((bank.positive, stepped.positive), (bank.negative, stepped.negative)):
        expected = levels[np.abs(before[..., None] - levels).argmin(axis=-1)]
        np.testing.assert_allclose(after, expected, rtol=1e-9)


def test_temperature_stretches_what_a_pair_sees(network):
    warm = apply(PairTemperature(kelvin=330.0, made_for=300.0), network, STREAMS)
    pair, before = warm.part("l0_h_add_zo_pair"), network.part("l0_h_add_zo_pair")
    np.testing.assert_allclose(pair.factors[0].scale, before.factors[0].scale / 1.1, rtol=1e-12)
    assert warm.part("l0_h_add_mult") is not None
    np.testing.assert_array_equal(
        warm.part("l0_h_add_mult").factors[0].scale, network.part("l0_h_add_mult").factors[0].scale
    )


def test_temperature_leaves_the_voltage_at_which_a_pair_balances(network):
    """An offset is a voltage over V_T = kT/q too: the pair with one splits evenly where it did."""
    offset = apply(PairOffset(volts=5e-3), network, STREAMS)
    warm = apply(PairTemperature(kelvin=330.0, made_for=300.0), offset, STREAMS)
    before, after = (each.part("l0_h_add_zo_pair").factors[0] for each in (offset, warm))
    assert np.abs(before.offset / before.scale).max() > 1e-3
    np.testing.assert_allclose(after.offset / after.scale, before.offset / before.scale, rtol=1e-12)


def test_feedthrough_is_that_of_the_reference(network):
    """50 fF on 10 pF, 5 V in 20 ns, 100 ohm: 13.75 mV (ngspice 13.8), on the followers only."""
    changed = apply(ClockFeedthrough(overlap=50e-15, **PEDESTAL), network, STREAMS)
    np.testing.assert_allclose(changed.part("l0_h_master").offset, -13.75e-3, rtol=1e-12)
    np.testing.assert_array_equal(changed.part("l0_rows_first").offset, network.part("l0_rows_first").offset)


def test_a_leak_ties_every_hold_capacitor_to_ground(network):
    leak = apply(HoldLeak(conductance=1e-9), network, STREAMS).verify().part("hold_leak")
    held = [network.part(f"l0_{name}_cap").nodes for name in ("c_master", "c_slave", "h_master", "h_slave")]
    np.testing.assert_array_equal(np.sort(leak.a), np.sort(np.concatenate(held)))
    np.testing.assert_allclose(leak.conductance, 1e-9)


def test_causes_that_find_nothing_to_act_on_are_refused(network):
    plain = compile(random_lstm(np.random.default_rng(1), 1, 1), BEHAVIOURAL).network
    text = r"^the network must have OpAmps, got none: choose a technology that is built of them$"
    with pytest.raises(NetworkError, match=text):
        apply(AmplifierOffset(volts=1e-3), plain, STREAMS)
    with pytest.raises(NetworkError, match=r"^the network must have op-amps that follow hold capacitors, got none: "):
        apply(ClockFeedthrough(overlap=1e-15, **PEDESTAL), plain, STREAMS)
    bare = replace(network, parts=tuple(part for part in network.parts if not part.label.endswith("_take")))
    bare = replace(bare, parts=tuple(part for part in bare.parts if not part.label.endswith(("_reset", "copy"))))
    with pytest.raises(NetworkError, match=r"^the network must have capacitors behind switches, got none"):
        apply(HoldLeak(conductance=1e-9), bare, STREAMS)
    with pytest.raises(NetworkError, match=r"^the network must be electrical, got hydraulic: compile it in an electr"):
        apply(HoldLeak(conductance=1e-9), compile(random_lstm(np.random.default_rng(1), 1, 1), OIL).network, STREAMS)


@pytest.mark.parametrize("strength", [0.0, 0.1])
def test_pairs_without_multipliers_and_multipliers_without_pairs_are_refused(strength):
    """BEHAVIOURAL multiplies by a second tier of its pairs; CHANNELS has multipliers and no pairs."""
    lstm = random_lstm(np.random.default_rng(1), 1, 1)
    plain, channels = (compile(lstm, technology).network for technology in (BEHAVIOURAL, CHANNELS))
    for record in (MultiplierGain(share=strength), MultiplierOffset(share=strength)):
        with pytest.raises(NetworkError, match=r"^the network must have multipliers, got none: choose a technology "):
            apply(record, plain, STREAMS)
        changed = apply(record, channels, STREAMS)
        for part in (part for part in channels.parts if part.label.endswith("_flicker")):  # the flows of chance
            assert changed.part(part.label) is part
            assert f"{part.label}_offset" not in [each.label for each in changed.parts]
    warm = PairTemperature(kelvin=300.0 + strength, made_for=300.0)
    for record in (PairOffset(volts=strength), PairGain(share=strength), warm):
        with pytest.raises(NetworkError, match=r"^the network must have differential pairs, got none: choose a techno"):
            apply(record, channels, STREAMS)
        apply(record, plain, STREAMS)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: AmplifierOffset(volts=-1.0), r"^amplifier offset must be at least 0, got -1.0: give volts$"),
        (lambda: PairOffset(volts=np.nan), r"^pair offset must be at least 0 and finite, got nan"),
        (lambda: PairGain(share=-0.1), r"^pair gain must be at least 0"),
        (lambda: MultiplierGain(share=-0.1), r"^multiplier gain must be at least 0"),
        (lambda: MultiplierOffset(share=-0.1), r"^multiplier offset must be at least 0"),
        (
            lambda: PairTemperature(kelvin=0.0, made_for=300.0),
            r"^temperature must be at least 1, got 0.0: give kelvin$",
        ),
        (lambda: ClockFeedthrough(overlap=-1.0, **PEDESTAL), r"^feedthrough overlap must be at least 0"),
        (lambda: ClockFeedthrough(overlap=0.0, swing=5.0, fall=0.0), r"^feedthrough fall must be at least"),
        (lambda: HoldLeak(conductance=-1e-9), r"^hold leak must be at least 0"),
    ],
)
def test_impossible_sizes_are_refused(make, text):
    with pytest.raises(InvalidValueError, match=text):
        make()
