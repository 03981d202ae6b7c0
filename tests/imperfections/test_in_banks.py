"""Imperfections of one layer: the same errors as all have, and no others."""

from dataclasses import replace

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.errors import InvalidTypeError, InvalidValueError, NetworkError, UnsupportedError
from lstm_analog.imperfections import (
    DeviceSpread,
    InBanks,
    OperatingTemperature,
    ProgrammingError,
    ReadNoise,
    Streams,
    ViscosityChange,
    apply,
    parsed,
    recorded,
)
from lstm_analog.imperfections.banks import device_banks

ERROR = ProgrammingError(sigma=0.05)
STREAMS = Streams(seed=3, chips=4)
TECHNOLOGIES = {each.name: each for each in (la.electrical.BEHAVIOURAL, la.hydraulic.OIL)}


def machine(technology=la.electrical.BEHAVIOURAL, **values):
    made = la.random_lstm(np.random.default_rng(0), 2, 3, layers=2, outputs=2, **values)
    return la.compile(made, technology)


def conductances(made):
    return {bank.name: bank.conductance for each in made.passes for bank in device_banks(each.network)}


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("technology", TECHNOLOGIES.values(), ids=TECHNOLOGIES)
def test_layers_one_by_one_have_what_all_have(technology, bidirectional):
    ideal = machine(technology, bidirectional=bidirectional)
    whole, nothing = conductances(ideal.with_imperfection(ERROR, STREAMS)), conductances(ideal)
    owners = {0: ("l0_", "l0r_"), 1: ("l1_", "l1r_"), 2: ("y_",)}
    for layer, mine in owners.items():
        for name, found in conductances(ideal.with_imperfection(ERROR, STREAMS, layer=layer)).items():
            np.testing.assert_array_equal(found, (whole if name.startswith(mine) else nothing)[name])


def test_it_is_named_in_the_provenance_and_read_back():
    network = machine().with_imperfection(ERROR, STREAMS, layer=1).network
    (applied,) = recorded(network)
    assert applied.imperfection == InBanks(imperfection=ERROR, banks=("l1_rows",))
    assert parsed(str(applied)) == applied
    again = apply(applied.imperfection, machine().network, applied.streams)
    assert again.equals(network, rtol=0.0)


def test_errors_of_a_layer_and_of_all_from_one_seed_are_independent():
    twice = machine().with_imperfection(ERROR, STREAMS).with_imperfection(ERROR, STREAMS, layer=0)
    assert [each.streams.repeat for each in recorded(twice.network)] == [0, 1]


def test_several_act_in_their_order():
    both = machine().with_imperfection(
        (DeviceSpread(share=0.1), la.imperfections.Quantisation(levels=4)), STREAMS, layer=0
    )
    assert [type(each.imperfection.imperfection).__name__ for each in recorded(both.network)] == [
        "Quantisation",
        "DeviceSpread",
    ]


def test_a_layer_or_a_bank_that_is_not_there_is_refused():
    with pytest.raises(InvalidValueError, match="layer must be 0 to 2, got 3: choose another"):
        machine().with_imperfection(ERROR, STREAMS, layer=3)
    headless = la.compile(la.random_lstm(np.random.default_rng(0), 2, 3), la.electrical.BEHAVIOURAL)
    with pytest.raises(
        InvalidValueError, match=r"the layer must have weights .*, got the head of a machine that has none"
    ):
        headless.with_imperfection(ERROR, STREAMS, layer=1)
    with pytest.raises(NetworkError, match="banks must be parts of the network, got l7_rows"):
        apply(InBanks(imperfection=ERROR, banks=("l7_rows",)), machine().network, STREAMS)


def test_what_is_more_than_a_change_of_values_is_refused():
    with pytest.raises(UnsupportedError, match="must change only the values of parts, and no liquid, got ReadNoise"):
        machine().with_imperfection(ReadNoise(sigma=0.01), replace(STREAMS, chips=None), layer=0)
    for record in (ViscosityChange(factor=1.5), OperatingTemperature(celsius=60.0)):
        with pytest.raises(
            UnsupportedError, match=f"and no liquid, got {type(record).__name__}: apply it to the whole"
        ):
            machine(la.hydraulic.OIL).with_imperfection(record, STREAMS, layer=0)
    with pytest.raises(InvalidTypeError, match="imperfection must be a record"):
        InBanks(imperfection=InBanks(imperfection=ERROR, banks=("a",)), banks=("a",))
    with pytest.raises(InvalidValueError, match="banks must be labels of parts, got none"):
        InBanks(imperfection=ERROR, banks=())
