"""Small networks made by hand that `Settle` once got wrong or left with an error of numpy, against `Integrate`."""

from dataclasses import replace

import by_hand
import numpy as np
import pytest

from lstm_analog.engines import Integrate, Precision, Settle, Waveform
from lstm_analog.errors import SimulationError, UnsupportedError
from lstm_analog.network.parts import (
    ALWAYS,
    Conductors,
    Factor,
    Followers,
    Junctions,
    Pairs,
    Ports,
    Sources,
    Storages,
    Switches,
    Term,
    Transconductors,
)
from lstm_analog.network.schedule import Imposed
from lstm_analog.network.shapes import Shape
from lstm_analog.network.trajectory import Save
from lstm_analog.network.varying import VaryingParameters

EXACT = Integrate(rtol=1e-10, atol=1e-12)


def source(nodes=(1,), effort=0.0):
    return Sources(label="drive", nodes=nodes, effort=effort)


def tied(a, b, conductance=1.0, label="r"):
    return Conductors(label=label, a=a, b=b, conductance=conductance)


def stored(nodes, capacitance=1.0):
    return Storages(label="c", nodes=nodes, capacitance=capacitance)


def port(a, b, p, label="port", shape=Shape.EXP, **values):
    values = {"conductance": 1.0, "scale": 1.0, "offset": 0.0} | values
    return Ports(label=label, line=ALWAYS, shape=shape, a=a, b=b, p=p, n=[0] * len(a), **values)


def schedule(levels, durations, high=(), varying=None):
    """Intervals of `durations`; `levels` (intervals, sources); one clock line, if any is `high` in some intervals."""
    lines = np.isin(np.arange(len(durations)), high) if high else None
    return replace(by_hand.schedule(durations, lines, drive=levels), varying=varying)


def errors(network, plan, engine=None):
    """Return the largest error of any unknown at the start and at the end of each interval."""
    found = (engine or Settle()).run(network, plan).efforts
    return np.abs(found - EXACT.run(network, plan).efforts).max(axis=-1)


ORIFICE = {"scale": 0.0, "transition": 10.0}


@pytest.fixture
def half_settled(circuit):
    """A storage settles, one behind an orifice does not; a follower and a junction follow the first."""
    follower = Followers(
        label="f", terms=(Term(inputs=[2], gain=1.0),), nodes=[5], offset=0.0, low=-np.inf, high=np.inf
    )
    return circuit(
        {"drive": 1, "c": 3, "f": 1, "j": 1},
        source(),
        stored([2, 3, 4], [1.0, 10.0, 1.0]),
        tied([1, 3, 3, 4, 5, 6], [2, 0, 4, 0, 6, 0], [1.0, 0.05, 1e-3, 1.0, 1.0, 0.1]),
        port([1], [3], [0], **ORIFICE),
        follower,
        Junctions(label="j", nodes=[6]),
    )


@pytest.mark.parametrize("precision", list(Precision))
def test_after_a_phase_over_time_all_that_settles_is_computed_again(half_settled, precision):
    """One storage had 12 time constants, the other 1: the next interval has time, and reads the same."""
    plan = schedule([0.0, 1.0, 1.0], [1000.0, 12.0, 400.0])
    assert ", 1 of 3 intervals over time: part1" in Settle().run(half_settled, plan).engine
    assert errors(half_settled, plan, Settle(precision=precision))[3] < 1e-6


def test_followers_and_junctions_are_known_after_a_phase_over_time(half_settled):
    plan = schedule([0.0, 1.0], [1000.0, 5.0])
    assert errors(half_settled, plan)[2] < 1e-7


@pytest.mark.parametrize("tie", [1.0, 0.3], ids=["a tie as strong as what drifts", "another"])
def test_parameters_that_change_are_seen_where_nothing_else_does(circuit, tie):
    """Also where a storage hangs at the other as a leaf, whose tie carries no flow at rest."""

    def drifted(load):
        conductors = tied([1], [2], load, "r"), tied([2], [0], 1.0, "load"), tied([2], [3], tie, "tie")
        return circuit({"drive": 1, "c": 2}, source(), stored([2, 3]), *conductors)

    varying = VaryingParameters(first=[0, 2], draw=lambda: iter((drifted(1.0), drifted(2.0))))
    plan = schedule([1.0] * 4, [200.0] * 4, varying=varying)
    found = Settle().run(drifted(1.0), plan)["c"]
    np.testing.assert_allclose(found, np.repeat([0.5, 0.5, 0.5, 2 / 3, 2 / 3], 2).reshape(-1, 2), rtol=1e-12)


def test_any_number_of_records_may_be_kept(circuit):
    """From the 64th on each was written where the first or none was."""
    each = tuple(Save(groups=("c",), intervals=(f"part{k % 3}",)) for k in range(70))
    network = circuit({"drive": 1, "c": 1}, source(), stored([2]), tied([1], [2]))
    found = Settle(save=replace(each[0], more=each[1:])).run(network, schedule([1.0, 2.0, 3.0], [60.0] * 3))
    np.testing.assert_allclose([one.efforts[-1, 0] for one in found.each], 1.0 + np.arange(70) % 3, rtol=1e-12)


def test_a_port_that_its_own_storage_controls_is_solved_by_newtons_method(circuit):
    network = circuit({"drive": 1, "c": 1}, source(), stored([2]), tied([1], [2]), port([2], [0], [2]))
    assert errors(network, schedule([0.0, 1.0], [1.0, 60.0])).max() < 1e-9


@pytest.mark.parametrize("nodes", [[2, 1], [1, 4]], ids=["in reverse", "apart"])
def test_sources_stand_in_any_order(circuit, nodes):
    free = [node for node in (1, 2, 3, 4) if node not in nodes]
    network = circuit({"n": 4}, source(nodes), stored(free), tied(nodes, free))
    assert errors(network, schedule([[1.0, 2.0], [3.0, 5.0]], [60.0, 60.0])).max() < 1e-9


def test_opposed_ports_stand_in_any_order(circuit):
    top = port([1, 1], [5, 4], [2, 3], "top")
    bottom = port([5, 4], [0, 0], [2, 3], "bottom", scale=-1.0)
    network = circuit({"drive": 3, "mid": 2}, source([1, 2, 3]), stored([4, 5]), top, bottom)
    assert errors(network, schedule([[1.0, 0.5, -1.0], [1.0, -1.0, 2.0]], [80.0, 80.0])).max() < 1e-9


@pytest.mark.parametrize("engine", [Settle(), Waveform()], ids=["Settle", "Waveform"])
def test_rows_of_a_dense_bank_that_feed_one_unknown_add_up(circuit, engine):
    bank = Transconductors(label="w", inputs=[1, 2], rows=[3, 3], transconductance=[[1.0, 0.0], [0.0, 2.0]])
    network = circuit({"drive": 2, "c": 1}, source([1, 2]), stored([3]), tied([3], [0]), bank)
    assert errors(network, schedule([[1.0, 2.0], [3.0, 5.0]], [60.0, 60.0]), engine).max() < 1e-7


@pytest.mark.parametrize("engine", [Settle(), Waveform()], ids=["Settle", "Waveform"])
def test_a_constant_flow_moves_a_storage_behind_an_open_switch(circuit, engine):
    """The storage was held at its effort, whatever flowed in."""
    constant = Factor(shape=Shape.LINEAR, p=[1], n=[0], scale=0.0, offset=1.0)
    pump = Pairs(label="pump", line=ALWAYS, factors=(constant,), out=[2], current=0.5)
    contact = Switches(label="s", line=0, a=[1], b=[2], closed=1.0, opened=1e-20)
    network = circuit({"drive": 1, "c": 1}, source(), stored([2]), contact, pump, lines=("clock",))
    assert errors(network, schedule([1.0, 0.0], [60.0, 1.0], high=(0,)), engine).max() < 1e-7


def test_a_flow_that_ends_during_the_run_is_gone(circuit):
    """The offset of a follower stayed what it was when it fell to zero."""

    def shifted(offset):
        term = Term(inputs=[1], gain=1.0)
        follower = Followers(label="f", terms=(term,), nodes=[2], offset=offset, low=-np.inf, high=np.inf)
        return circuit({"drive": 1, "f": 1, "c": 1}, source(), follower, tied([2], [3]), stored([3]))

    varying = VaryingParameters(first=[0, 1, 2], draw=lambda: iter(map(shifted, (1.0, 0.0, -1.0))))
    found = Settle().run(shifted(1.0), schedule([1.0] * 3, [60.0] * 3, varying=varying))["c"]
    np.testing.assert_allclose(found[:, 0], [2.0, 2.0, 1.0, 0.0], rtol=0, atol=1e-12)


def test_a_coupling_that_grows_from_nothing_is_refused_and_waveform_has_it(circuit):
    """The order of the stages is found once, without it."""

    def tied_by(conductance):
        conductors = tied([1], [2], 1.0, "a"), tied([2], [0], 1.0, "b"), tied([2, 1], [3, 3], conductance, "grows")
        return circuit({"drive": 1, "c": 2}, source(), stored([2, 3]), *conductors, tied([3], [0], 1.0, "d"))

    steps = [[1e-30, 2.0], [1e-30, 1.0], [1.0, 1.0]]
    varying = VaryingParameters(first=[0, 1, 2], draw=lambda: iter(map(tied_by, map(np.array, steps))))
    plan = schedule([1.0] * 3, [60.0] * 3, varying=varying)
    with pytest.raises(
        UnsupportedError, match=r"^part grows must grow by 1000 times at most in .*: run it with Waveform"
    ):
        Settle().run(tied_by(np.array(steps[0])), plan)
    found, expected = (engine.run(tied_by(np.array(steps[0])), plan)["c"] for engine in (Waveform(), Integrate()))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    shrinking = replace(plan, varying=replace(varying, draw=lambda: iter(map(tied_by, map(np.array, steps[::-1])))))
    found = Settle().run(tied_by(np.array(steps[2])), shrinking)["c"]
    np.testing.assert_allclose(found, Waveform().run(tied_by(np.array(steps[2])), shrinking)["c"], atol=1e-6)


@pytest.mark.parametrize("engine", [Settle(), Waveform()], ids=["Settle", "Waveform"])
def test_a_bank_of_sources_may_lie_in_two_groups(circuit, engine):
    """Waveform kept the product of the dense bank with those of the second group as they were at first."""
    bank = Transconductors(label="w", inputs=[2], rows=[3], transconductance=[[1.0]])
    network = circuit({"one": 1, "two": 1, "c": 1}, source([1, 2]), stored([3]), tied([3], [0]), bank)
    assert errors(network, schedule([[1.0, 1.0], [1.0, 2.0], [1.0, -1.0]], [60.0] * 3), engine).max() < 1e-7


@pytest.mark.parametrize("engine", [Settle(), Waveform()], ids=["Settle", "Waveform"])
@pytest.mark.filterwarnings("error")
def test_large_conductances_are_no_reason_to_warn(circuit, engine):
    network = circuit({"drive": 1, "c": 1}, source(), stored([2]), tied([1], [2], 1e12))
    found = engine.run(network, schedule([0.0, 1.0], [1.0, 1.0]))["c"]
    np.testing.assert_allclose(found[:, 0], [0.0, 0.0, 1.0], atol=1e-12)


@pytest.mark.parametrize("engine", [Settle(), Waveform()], ids=["Settle", "Waveform"])
def test_a_bank_may_be_empty(circuit, engine):
    nothing = Sources(label="none", nodes=[], effort=[]), tied([], [], [], "ties")
    network = circuit({"drive": 1, "c": 1}, source(), stored([2]), tied([1], [2]), *nothing)
    assert errors(network, schedule([1.0, 2.0], [60.0, 60.0]), engine).max() < 1e-8


def test_a_port_below_zero_drives_a_storage_away(circuit):
    """Its conductance is its control: the exponential grows."""
    gate = port([1], [3], [2], shape=Shape.LINEAR)
    network = circuit({"drive": 2, "c": 1}, source([1, 2]), stored([3]), tied([3], [0]), gate)
    assert errors(network, schedule([[1.0, 0.0], [1.0, -0.5], [1.0, -3.0]], [60.0, 1.0, 1.0])).max() < 1e-8


def test_ports_are_solved_where_another_of_their_bank_leads_elsewhere(circuit):
    """Waveform missed the waveform of a later junction, which only the other port of the bank reads."""
    bank = port([1, 1], [3, 4], [2, 3], shape=Shape.SIGMOID)
    amplifier = Followers(label="f", terms=(Term(inputs=[1], gain=-0.7),), nodes=[5], offset=0.0, low=-0.9, high=0.9)
    parts = source(), stored([2, 3]), Junctions(label="j", nodes=[4]), amplifier, bank, tied([1, 3, 5, 4], [2, 0, 4, 0])
    network = circuit({"drive": 1, "c": 2, "j": 1, "f": 1}, *parts)
    plan = schedule([0.0, 1.0], [60.0, 1.0])
    assert errors(network, plan, Waveform()).max() < 1e-6


def test_loops_that_nothing_holds_are_refused_by_name(circuit):
    text = r"^the loop at c_0 must be held where the run begins, got no conductance"
    contact = Switches(label="s", line=0, a=[1], b=[2], closed=1.0, opened=1e-30)
    network = circuit({"drive": 1, "c": 2}, source(), stored([2, 3]), tied([2], [3]), contact, lines=("clock",))
    with pytest.raises(UnsupportedError, match=text):
        Settle().run(network, schedule([1.0, 1.0], [40.0, 40.0], high=(1,)))


SHUT = {
    "shut": [source([1, 2]), stored([3]), port([1], [3], [2], shape=Shape.RELU, offset=0.5)],
    "nearly shut": [source([1, 2]), stored([3]), port([1], [3], [2], scale=4.0)],
    "nearly shut, another way": [source([1, 2]), stored([3, 4]), port([1], [3], [2], scale=4.0), tied([3], [4])],
    "an orifice": [source([1, 2]), stored([3]), port([1], [3], [2], scale=4.0, transition=0.1)],
}


@pytest.mark.parametrize("engine", [Settle(), Settle(settled=16.0)], ids=["3", "16"])
@pytest.mark.parametrize("parts", SHUT.values(), ids=SHUT)
def test_storages_behind_ports_that_others_shut_are_run_over_time(circuit, parts, engine):
    """They settle as long as the port is as open as at zero efforts: 0.69 off."""
    network = circuit({"drive": 2, "c": parts[1].nodes.size}, *parts)
    plan = schedule([[1.0, 1.0], [0.0, -1.0], [-1.0, -1.5], [0.5, 0.5]], [60.0] * 4)
    assert errors(network, plan, engine).max() < 2e-7
    assert ", 2 of 4 intervals over time: part1, part2" in engine.run(network, plan).engine


def test_a_port_that_is_shut_where_the_run_begins_is_refused_by_name(circuit):
    network = circuit({"drive": 2, "c": 1}, *SHUT["shut"])
    with pytest.raises(SimulationError, match=r"^an unknown behind ports must be held by a conductance above zero"):
        Settle().run(network, schedule([[1.0, -1.0]], [60.0]))


def test_a_slow_loop_through_a_dense_bank_has_no_exponential_of_its_own(circuit):
    """The bank was taken to stand still: 6 % off."""
    gain = Transconductors(label="w", inputs=[2], rows=[3], transconductance=[[0.7]])
    contact = Switches(label="s", line=0, a=[3], b=[2], closed=1.0, opened=1e-16)
    parts = source(), stored([2]), Junctions(label="j", nodes=[3]), tied([1, 3, 2], [2, 0, 0]), gain, contact
    network = circuit({"drive": 1, "c": 1, "j": 1}, *parts, lines=("clock",))
    with pytest.raises(SimulationError, match=r"a dense block acts back on its own inputs"):
        Settle().run(network, schedule([1.0, 1.0, 1.0], [40.0, 1.0, 40.0], high=(1,)))


def test_couplings_that_are_torn_for_size_do_not_stand_still(circuit):
    """Forty storages, each tied to the next by a two-hundredth of its load; alone, each is 1 % off."""
    count = 40
    nodes = np.arange(2, 2 + count)
    chain = tied(nodes - 1, nodes, 5e-3, "chain"), tied(nodes, 0 * nodes, 1.0, "load")
    contact = Switches(label="s", line=0, a=[1], b=[10], closed=1.0, opened=1e-16)
    network = circuit({"drive": 1, "c": count}, source(), stored(nodes), *chain, contact, lines=("clock",))
    plan = schedule([1.0, -1.0, 5.0, 1.0], [40.0, 2.0, 2.0, 40.0], high=(1, 2))
    assert errors(network, plan, Settle(settled=16.0)).max() < 1e-7


def test_chips_and_batches_in_loops_that_do_not_settle(circuit):
    """Each chip and sequence as it is alone."""

    def made(capacitance):
        return circuit(
            {"drive": 1, "c": 2}, source(), stored([2, 3], capacitance), tied([1, 2, 3], [2, 3, 0], [1.0, 2.0, 0.5])
        )

    capacitances = np.array([[1.0, 3.0], [2.0, 0.5]])
    plan = schedule([0.0, 1.0, 1.0], [200.0, 1.0, 2.0])
    levels = np.stack([plan.imposed[0].efforts, -2.0 * plan.imposed[0].efforts])
    many = replace(plan, imposed=(Imposed(label="drive", efforts=levels),))
    found = Settle().run(made(capacitances), many).efforts
    for chip, sequence in np.ndindex(2, 2):
        alone = EXACT.run(made(capacitances[chip]), many.sequence(sequence)).efforts
        np.testing.assert_allclose(found[chip, sequence], alone, atol=1e-9)
