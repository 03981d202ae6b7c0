"""Imperfections applied again and several at once, and what a network remembers of them, in memory and in files."""

import pickle
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from itertools import permutations

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.engines import Settle
from lstm_analog.errors import FileFormatError, InvalidShapeError, InvalidTypeError
from lstm_analog.export import read_graphml, read_json
from lstm_analog.imperfections import (
    ORDER,
    AmplifierOffset,
    AtStep,
    BoreTolerance,
    ClockFeedthrough,
    ClockJitter,
    Deadband,
    DeviceSpread,
    Drift,
    EntrainedAir,
    Flicker,
    HoldLeak,
    HotTubes,
    InputConverter,
    JunctionArea,
    MeasuredDevices,
    MosThreshold,
    MultiplierGain,
    MultiplierOffset,
    OperatingTemperature,
    OrificePorts,
    OrificeWeights,
    OutputConverter,
    PairGain,
    PairOffset,
    PairTemperature,
    PhaseChangeDrift,
    PhaseChangeProgramming,
    PhaseChangeReadNoise,
    ProgrammingError,
    Quantisation,
    Rangeability,
    ReadNoise,
    RelayGain,
    RelayLag,
    ResistorSpread,
    SeatLeak,
    Streams,
    StuckDevices,
    SupplyRipple,
    Tiles,
    Tubes,
    VerifiedProgramming,
    ViscosityChange,
    WireResistance,
    alter,
    apply,
    parsed,
    recorded,
)
from lstm_analog.network.parts import Conductors
from lstm_analog.study.digest import network_digest

STREAMS = Streams(seed=5)
CIRCUIT = (
    ProgrammingError(sigma=0.03),
    DeviceSpread(share=0.03),
    Quantisation(levels=8.0),
    StuckDevices(off=0.1, on=0.1),
    VerifiedProgramming(sigma=0.03, tolerance=0.01, rounds=4, reading=0.003),
    Drift(exponent=0.05, spread=0.01, seconds=100.0),
    MeasuredDevices(target=(0.0, 1.0), mean=(0.0, 0.9), sigma=(0.01, 0.02)),
    PhaseChangeProgramming(),
    PhaseChangeDrift(seconds=100.0, compensated=True),
    PhaseChangeReadNoise(seconds=100.0),
    *(ReadNoise(sigma=0.01), Flicker(share=0.01, shortest=1e-6, longest=1.0)),
    *(ClockJitter(seconds=1e-9), SupplyRipple(share=0.01, frequency=100.0)),
    InputConverter(bits=8, low=-1.0, high=1.0, inl=0.5),
    OutputConverter(bits=8, low=-1.0, high=1.0, inl=0.5),
    OperatingTemperature(celsius=60.0, per_kelvin=1e-4),
)
OPAMPS = (
    *(AmplifierOffset(volts=1e-3), PairOffset(volts=1e-3), PairGain(share=0.01), MultiplierGain(share=0.01)),
    *(MultiplierOffset(share=0.01), DeviceSpread(share=0.01), PairTemperature(kelvin=310.0, made_for=300.0)),
    *(WireResistance(line=1.0, column=2.0), Quantisation(levels=16.0), HoldLeak(conductance=1e-9)),
    Tiles(drivers=3, columns=4, line=1.0, column=2.0, gain=0.01),
    ClockFeedthrough(overlap=50e-15, swing=5.0, fall=20e-9),
)
PLUMBING = (
    *(OperatingTemperature(celsius=60.0), EntrainedAir(share=0.01, volume=1e-6, banks=("l0_c_master",))),
    RelayLag(frequency=100.0, damping=0.7),
    *(
        BoreTolerance(sigma=0.01),
        RelayGain(gain=0.99),
        SeatLeak(share=1e-4),
        Deadband(z=0.01),
        Rangeability(ratio=50.0),
    ),
    *(
        OrificePorts(transition=1e3),
        OrificeWeights(transition=1e3),
        ViscosityChange(factor=1.3),
        DeviceSpread(share=0.01),
    ),
    HotTubes(kelvin=1.0, bank="l0_rows", which=Tubes.MANIFOLDS, elements=(0, 1)),
)
CHIP = (JunctionArea(share=0.01), ResistorSpread(share=0.01), MosThreshold(volts=1e-3), DeviceSpread(share=0.01))


@cache
def machine(technology, units=3, layers=1, bidirectional=False):
    lstm = la.random_lstm(np.random.default_rng(0), 2, units, layers=layers, bidirectional=bidirectional)
    return la.compile(lstm, technology)


def values(record):
    """Return every finite number of parts, or of one, one after the other."""
    if isinstance(record, np.ndarray):
        return record[np.isfinite(record)] if record.dtype == np.float64 else np.empty(0)
    held = record if isinstance(record, tuple) else [getattr(record, entry.name) for entry in fields(record)]
    arrays = [values(each) for each in held if isinstance(each, np.ndarray | tuple) or is_dataclass(each)]
    return np.concatenate([np.empty(0), *arrays])


TWICE = (
    *((la.electrical.BEHAVIOURAL, record) for record in CIRCUIT[:2]),
    *((la.electrical.OPAMP, record) for record in (OPAMPS[0], OPAMPS[1], OPAMPS[2], OPAMPS[3])),
    (la.hydraulic.OIL, BoreTolerance(sigma=1e-3)),
)


@pytest.mark.parametrize(("technology", "record"), TWICE, ids=lambda each: getattr(each, "name", type(each).__name__))
def test_a_cause_applied_twice_errs_twice_independently(technology, record):
    """All errors had the same sign before; of n independent pairs half have, with a deviation of 1/(2 sqrt(n))."""
    ideal = machine(technology, 16).network
    first = apply(record, ideal, STREAMS)
    change = np.array([values(first.parts), values(apply(record, first, STREAMS).parts)]) - values(ideal.parts)
    one, other = change[0], change[1] - change[0]
    drawn = (one != 0.0) & (other != 0.0)
    assert drawn.sum() >= 48
    assert abs(np.mean(one[drawn] * other[drawn] > 0.0) - 0.5) < 4.0 * 0.5 / np.sqrt(drawn.sum())


def test_two_spreads_of_a_share_make_one_of_the_root_of_two():
    """Sums of independent normal errors; of equal ones it would be twice the share."""
    ideal = machine(la.electrical.BEHAVIOURAL, 40).network
    twice = apply((DeviceSpread(share=0.01), DeviceSpread(share=0.01)), ideal, STREAMS)
    share = twice.part("l0_rows").transconductance / ideal.part("l0_rows").transconductance - 1.0
    assert np.std(share) == pytest.approx(0.01 * np.sqrt(2.0), rel=4.0 / np.sqrt(2.0 * share.size))


@pytest.mark.parametrize("seeds", [(5, 6), (6, 5)])
def test_another_seed_and_another_cause_are_drawn_as_if_alone(seeds):
    """The definition of a stream, spelt out: numpy's seed sequence of the seed, keyed by the chip and the name."""
    ideal = machine(la.electrical.BEHAVIOURAL).network
    changed = apply(ProgrammingError(sigma=0.01), ideal, Streams(seed=seeds[1]))
    before = apply(DeviceSpread(share=0.03), changed, Streams(seed=seeds[0]))
    after = apply(DeviceSpread(share=0.02), before, Streams(seed=seeds[1], first=3)).part("l0_rows").transconductance
    key = np.random.SeedSequence(entropy=seeds[1], spawn_key=(3, *b"spread l0_rows"))
    normal = np.random.default_rng(key).standard_normal(after.shape)
    np.testing.assert_allclose(after / before.part("l0_rows").transconductance, 1.0 + 0.02 * normal, rtol=1e-14)


def test_causes_that_share_their_numbers_do_not_err_alike():
    """Resistors of a chip are drawn by the names of `DeviceSpread`."""
    ideal = machine(la.electrical.BICMOS, 2).network
    first = apply(ResistorSpread(share=0.01), ideal, STREAMS)
    second = apply(DeviceSpread(share=0.01), first, STREAMS)
    banks = [
        np.stack((part.positive, part.negative)) for part in (net.part("l0_rows") for net in (ideal, first, second))
    ]
    there = banks[0] > 0.0
    one, other = (banks[k + 1][there] / banks[k][there] - 1.0 for k in (0, 1))
    assert abs(np.corrcoef(one, other)[0, 1]) < 4.5 / np.sqrt(there.sum())


def test_a_second_attempt_at_programming_does_not_err_as_the_first():
    """`VerifiedProgramming` draws by the names of `ProgrammingError`: its first attempt is one."""
    ideal, many = (
        machine(la.electrical.BEHAVIOURAL, 6).network,
        VerifiedProgramming(sigma=0.01, tolerance=1.0, rounds=1),
    )
    made = [ideal]
    for record in (many, ProgrammingError(sigma=0.01)):
        made.append(apply(record, made[-1], STREAMS))
    signed = [each.part("l0_rows").transconductance for each in made]
    assert recorded(made[-1])[-1].streams.repeat == 1
    assert abs(np.corrcoef((signed[1] - signed[0]).ravel(), (signed[2] - signed[1]).ravel())[0, 1]) < 0.3


@pytest.mark.parametrize("technology", [la.electrical.BEHAVIOURAL, la.hydraulic.OIL])
def test_chip_k_of_n_is_chip_k_alone_the_second_time_too(technology):
    ideal, record = machine(technology).network, DeviceSpread(share=0.03)
    many = apply((record, record), ideal, Streams(seed=5, chips=3))
    alone = apply((record, record), ideal, Streams(seed=5, first=2))
    for all_chips, one in zip(many.parts, alone.parts, strict=True):
        for name in ("transconductance", "positive", "negative"):
            if getattr(one, name, None) is not None:
                np.testing.assert_array_equal(getattr(all_chips, name)[2], getattr(one, name))


@pytest.mark.parametrize(
    ("technology", "records"),
    [
        (la.electrical.BEHAVIOURAL, (*CIRCUIT, DeviceSpread(share=0.01))),
        (la.electrical.OPAMP, OPAMPS),
        (la.electrical.BICMOS, CHIP),
        (la.hydraulic.OIL, PLUMBING),
    ],
    ids=lambda each: getattr(each, "name", None),
)
def test_the_order_of_the_list_does_not_matter(technology, records):
    """Bit for bit: a seeded sample of all permutations, the one given backwards among them."""
    ideal, rng = machine(technology, 2).network, np.random.default_rng(3)
    expected = apply(records, ideal, STREAMS)
    drawn = [tuple(records[k] for k in rng.permutation(len(records))) for _ in range(6)]
    for listed in (records[::-1], *drawn):
        assert apply(list(listed), ideal, STREAMS).equals(expected, rtol=0.0)
    backwards = ideal
    for record in reversed([each.imperfection for each in recorded(expected)]):
        backwards = apply(record, backwards, STREAMS)
    assert network_digest(backwards) != network_digest(expected), "an order that could be any shows nothing"


def test_the_repeat_that_is_asked_for_is_drawn_unless_it_was_before():
    ideal, record = machine(la.electrical.BEHAVIOURAL, 2).network, DeviceSpread(share=0.1)
    made = apply((record, record, record), ideal, Streams(seed=5, repeat=2))
    assert [each.streams.repeat for each in recorded(made)] == [2, 3, 4]
    assert [each.streams.repeat for each in recorded(apply(record, made, STREAMS))] == [2, 3, 4, 0]


def test_parts_are_chosen_made_broken_aged_joined_used_and_disturbed_in_this_order():
    named = (
        *(Quantisation(levels=4), MeasuredDevices(target=(0.0, 1.0), mean=(0.0, 1.0), sigma=(0.1, 0.1))),
        *(ProgrammingError(sigma=0.1), StuckDevices(off=0.1, on=0.1), Drift(exponent=0.1, spread=0.0, seconds=10.0)),
        *(WireResistance(line=1.0, column=1.0), OperatingTemperature(celsius=60.0), ReadNoise(sigma=0.1)),
        *(ClockJitter(seconds=1e-9), AtStep(number=1, step_time=1.0)),
    )
    made = apply(named[::-1], machine(la.electrical.BEHAVIOURAL, 2).network, STREAMS)
    assert tuple(each.imperfection for each in recorded(made)) == named


def test_errors_fall_upon_levels_and_wires_see_the_devices_that_work():
    """What the stated order is for: of two levels and a programming error, hardly one value is a level."""
    ideal = machine(la.electrical.BEHAVIOURAL, 6).network
    for listed in permutations((ProgrammingError(sigma=0.01), Quantisation(levels=2.0), StuckDevices(off=0.2, on=0.0))):
        made = apply(listed, ideal, STREAMS).part("l0_rows").transconductance
        size = np.abs(made) / np.abs(ideal.part("l0_rows").transconductance).max()
        assert ((size == 0.0) | (np.abs(size - 1.0) < 0.05)).all()
        assert np.unique(size[size > 0.0]).size > 20


def test_every_kind_has_a_place_in_the_order():
    assert set(alter.registry) - {object, Doubled} == set(ORDER)
    assert len(ORDER) == len(set(ORDER))


@pytest.mark.parametrize("record", [*CIRCUIT, *OPAMPS, *PLUMBING, *CHIP], ids=repr)
def test_what_was_done_is_read_back_from_its_text(record):
    technology = next(
        technology
        for technology, kinds in (
            (la.electrical.BEHAVIOURAL, CIRCUIT),
            (la.electrical.OPAMP, OPAMPS),
            (la.electrical.BICMOS, CHIP),
            (la.hydraulic.OIL, PLUMBING),
        )
        if record in kinds
    )
    ideal = machine(technology, 2).network
    (applied,) = recorded(apply(record, ideal, replace(STREAMS, first=4)))
    assert applied.imperfection == record
    assert applied.streams == Streams(seed=5, first=4)
    assert parsed(str(applied)) == applied


def test_what_is_read_back_makes_the_same_values_again():
    ideal = machine(la.hydraulic.OIL, 2).network
    made = apply(DeviceSpread(share=0.1), apply((*PLUMBING, BoreTolerance(sigma=0.02)), ideal, STREAMS), STREAMS)
    again = ideal
    for each in recorded(made):
        again = apply(each.imperfection, again, each.streams)
    assert again.equals(made, rtol=0.0)
    assert len(recorded(made)) == len(PLUMBING) + 2


def test_a_machine_remembers_through_its_files(tmp_path):
    """In memory and pickled; npz, JSON and GraphML; in words in a deck, which is read back, and in Modelica."""
    records = (DeviceSpread(share=np.float64(0.03)), RelayGain(gain=0.999), Rangeability(ratio=1e6))
    made = machine(la.hydraulic.OIL, 1).with_imperfection(records, Streams(seed=5))
    said = (
        "Rangeability(ratio=1000000.0) drawn from Streams(seed=5)",
        "DeviceSpread(share=0.03) drawn from Streams(seed=5)",
        "RelayGain(gain=0.999) drawn from Streams(seed=5)",
    )
    assert made.network.said("imperfection") == said
    made.save(tmp_path / "m.npz")
    made.write.json(tmp_path / "m.json")
    made.write.graphml(tmp_path / "m.graphml")
    made.write.spice(tmp_path / "m.cir", np.zeros((1, 2)))
    made.write.modelica(tmp_path / "m.mo", np.zeros((1, 2)))
    for network in (
        la.load_machine(tmp_path / "m.npz").network,
        read_json(tmp_path / "m.json").network,
        read_graphml(tmp_path / "m.graphml").network,
        la.read_spice(tmp_path / "m.cir").network,
        pickle.loads(pickle.dumps(made.network)),
    ):
        assert network.said("imperfection") == said
        assert recorded(network) == recorded(made.network)
    for name in ("m.cir", "m.mo"):
        text = (tmp_path / name).read_text()
        assert all(text.count(entry) == 1 for entry in said)


NOTHING = {
    la.electrical.BEHAVIOURAL: (
        *(ProgrammingError(sigma=0.0), DeviceSpread(share=0.0), Quantisation(levels=np.inf)),
        *(StuckDevices(off=0.0, on=0.0), VerifiedProgramming(sigma=0.0, tolerance=0.01, rounds=4)),
    ),
    la.electrical.OPAMP: (
        *(AmplifierOffset(volts=0.0), PairOffset(volts=0.0), PairGain(share=0.0), MultiplierGain(share=0.0)),
        *(MultiplierOffset(share=0.0), DeviceSpread(share=0.0), PairTemperature(kelvin=300.0, made_for=300.0)),
        *(ClockFeedthrough(overlap=0.0, swing=5.0, fall=20e-9), HoldLeak(conductance=0.0)),
    ),
    la.electrical.BICMOS: (JunctionArea(share=0.0), ResistorSpread(share=0.0), MosThreshold(volts=0.0)),
    la.hydraulic.OIL: (BoreTolerance(sigma=0.0), RelayGain(gain=1.0), ViscosityChange(factor=1.0), ()),
}


@pytest.mark.parametrize(
    ("technology", "nothing"),
    [(each, record) for each, records in NOTHING.items() for record in records],
    ids=lambda each: getattr(each, "name", repr(each)),
)
def test_strength_zero_is_the_network_itself_and_leaves_no_record(technology, nothing):
    ideal = machine(technology, 2).network
    assert apply(nothing, ideal, STREAMS) is ideal
    assert apply(nothing, ideal, Streams(seed=5, chips=3)) is ideal


def test_leaks_of_hold_capacitors_add_up():
    ideal, leak = machine(la.electrical.OPAMP, 2).network, HoldLeak(conductance=1e-9)
    made = apply((leak, leak), ideal, STREAMS).verify()
    leaks = [part for part in made.parts if isinstance(part, Conductors) and part.label.startswith("hold_leak")]
    nodes, total = np.concatenate([part.a for part in leaks]), np.concatenate([part.conductance for part in leaks])
    np.testing.assert_allclose(np.bincount(nodes, total)[np.unique(nodes)], 2e-9, rtol=1e-15)
    assert not np.array_equal(nodes, np.unique(nodes))
    apply((MultiplierOffset(share=0.1), MultiplierOffset(share=0.1)), ideal, STREAMS).verify()


def test_passes_of_a_machine_are_drawn_apart_and_all_remember():
    made = machine(la.electrical.BEHAVIOURAL, 2, 2, True).with_imperfection(DeviceSpread(share=0.01), STREAMS)
    assert [len(recorded(each.network)) for each in made.passes] == [1, 1]
    banks = [part.label for each in made.passes for part in each.network.parts if part.label.endswith("_rows")]
    assert len(banks) == len(set(banks)) == 4


@dataclass(frozen=True, kw_only=True)
class Doubled:
    """Every weight is twice what it should be: an imperfection of one's own."""

    name: str


@alter.register
def _(imperfection: Doubled, network, streams):
    rows = network.part("l0_rows")
    doubled = replace(rows, transconductance=2.0 * rows.transconductance)
    return replace(network, parts=tuple(doubled if part is rows else part for part in network.parts))


def test_a_kind_of_ones_own_acts_last_and_is_named():
    ideal = machine(la.electrical.BEHAVIOURAL, 2).network
    own = Doubled(name="caf\u00e9 (x drawn from y)")
    made = apply((own, DeviceSpread(share=0.1)), ideal, STREAMS)
    assert made.said("imperfection")[1] == r"Doubled(name='caf\xe9 (x drawn from y)') drawn from Streams(seed=5)"
    alone = apply(DeviceSpread(share=0.1), ideal, STREAMS).part("l0_rows").transconductance
    np.testing.assert_array_equal(made.part("l0_rows").transconductance, 2.0 * alone)
    assert apply(own, made, STREAMS).said("imperfection")[2].endswith(" drawn from Streams(seed=5, repeat=1)")
    with pytest.raises(FileFormatError, match=r"^an imperfection must name a record of lstm_analog\.imp"):
        recorded(made)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "DeviceSpread(share=0.03)",
            "DeviceSpread(share=0.03) drawn from 5",
            "nonsense((( drawn from Streams(seed=5)",
        ),
        *("Streams(seed=5) drawn from Streams(seed=5)", "DeviceSpread(share=1j) drawn from Streams(seed=5)"),
        *("DeviceSpread(0.03) drawn from Streams(seed=5)", "DeviceSpread(share=-1.0) drawn from Streams(seed=5)"),
        *("DeviceSpread(**{}) drawn from Streams(seed=5)", f"{'(' * 5000} drawn from Streams(seed=5)"),
        "__import__('os').getcwd() drawn from Streams(seed=5)",
        "DeviceSpread(share=0.03, share=0.3) drawn from Streams(seed=5)",
        "InBanks(imperfection=DeviceSpread(share=0.1, share=0.1), banks=('a',)) drawn from Streams(seed=5)",
    ],
)
def test_texts_that_name_none_are_refused(text):
    with pytest.raises(FileFormatError, match=r"^an imperfection must name a record .*: restore it as it was written$"):
        parsed(text)


def test_what_cannot_be_applied_is_refused_by_name():
    ideal = machine(la.electrical.BEHAVIOURAL).network
    many = apply(DeviceSpread(share=0.1), ideal, Streams(seed=5, chips=3))
    with pytest.raises(InvalidShapeError, match=r"^streams chips must be 3, .*, or None, got 2: draw as many"):
        apply(ProgrammingError(sigma=0.1), many, Streams(seed=5, chips=2))
    same = apply(ProgrammingError(sigma=0.1), many, STREAMS)
    assert same.part("l0_rows").transconductance.shape[0] == 3
    with pytest.raises(InvalidTypeError, match=r"^streams must be Streams, got 5: give that$"):
        apply(DeviceSpread(share=0.1), ideal, 5)
    for wrong in ("DeviceSpread", {"share": 0.1}, (DeviceSpread(share=0.1), 0.1), [[DeviceSpread(share=0.1)]]):
        with pytest.raises(InvalidTypeError, match=r"^imperfection must be a known record, got "):
            apply(wrong, ideal, STREAMS)
    with pytest.raises(InvalidTypeError, match=r"^imperfection must be a known record, got the class DeviceSpread: "):
        apply(DeviceSpread, ideal, STREAMS)


def test_runs_of_chips_are_those_of_each_alone():
    lstm = la.random_lstm(np.random.default_rng(0), 2, 3)
    ideal, x = la.compile(lstm, la.electrical.BEHAVIOURAL), np.random.default_rng(1).uniform(-1, 1, (3, 2))
    records = (DeviceSpread(share=0.03), DeviceSpread(share=0.03), ProgrammingError(sigma=0.01))
    many = ideal.with_imperfection(records, Streams(seed=2, chips=3)).run(x, engine=Settle())
    alone = ideal.with_imperfection(records, Streams(seed=2, first=1)).run(x, engine=Settle())
    np.testing.assert_allclose(many.h[1], alone.h, atol=1e-13)
