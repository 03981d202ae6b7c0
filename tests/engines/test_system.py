from dataclasses import replace

import numpy as np
import pytest

from lstm_analog.compiler import CLOCKED, GATED_LEAK, lower, signal_network
from lstm_analog.compiler.electrical import BEHAVIOURAL
from lstm_analog.compiler.hydraulic import OIL, Detail
from lstm_analog.engines import stage
from lstm_analog.engines.stage import Partials, RowInflow
from lstm_analog.engines.system import system
from lstm_analog.model import random_lstm
from lstm_analog.network.data_sheets import OpAmpData, opamps
from lstm_analog.network.laws import BlockForm, blocks, flow, partials
from lstm_analog.network.parts import Conductors, Junctions, Sources, Storages


def differences(equations, effort):
    """Return d rates / d dynamic by central differences, the algebraic unknowns completed at each point."""
    columns = []
    for batch in range(len(effort)):
        for unknown in equations.dynamic:
            change = []
            for sign in (1.0, -1.0):
                moved = effort.copy()
                moved[batch, unknown] += sign * 1e-6
                equations.complete(moved)
                change.append(equations.rates(moved).ravel())
            columns.append((change[0] - change[1]) / 2e-6)
    return np.stack(columns, axis=-1)


def worst(equations, batch, seed=0):
    """Return the largest error of the Jacobian relative to its largest entry, at a random point."""
    rng = np.random.default_rng(seed)
    effort = rng.uniform(-1, 1, (batch, equations.network.unknowns.size)) * (
        np.arange(equations.network.unknowns.size) > 0
    )
    equations.complete(effort)
    analytic = equations.jacobian(effort).toarray()
    return np.abs(analytic - differences(equations, effort)).max() / np.abs(analytic).max()


def lstm_network(timing, layers=1):
    lstm = random_lstm(np.random.default_rng(5), 2, 2, layers=layers, scale=2.0)
    return lower(BEHAVIOURAL, signal_network(lstm), timing, 10.0).network


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("timing", [CLOCKED, GATED_LEAK])
def test_jacobian_of_the_lstm_circuit_in_every_phase(timing, layers):
    network = lstm_network(timing, layers)
    none = (False,) * len(network.lines)
    for line in range(-1, len(network.lines)):
        high = tuple(number == line for number in range(len(none)))
        assert worst(system(network, high), batch=2) < 1e-7, network.lines[line]


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("detail", list(Detail))
def test_flows_and_partials_are_those_of_the_laws_at_every_size_of_batch(monkeypatch, detail, large):
    """Arrays that are kept between calls, of a few sizes and not if they are large, hold nothing of a call before."""
    lstm = random_lstm(np.random.default_rng(5), 2, 2, scale=2.0)
    network = lower(replace(OIL, detail=detail), signal_network(lstm), CLOCKED, 10.0).network
    rng, high = np.random.default_rng(6), (True, *(False,) * (len(network.lines) - 1))
    inflow = RowInflow(parts=network.parts, high=high, scatter=lambda values: values.copy())
    derivatives = Partials(parts=network.parts, high=high)
    if large:
        monkeypatch.setattr(stage, "_ROOM", 0)
    for batch in (1, 3, 1, 2, 5, 4, 3):
        effort = rng.uniform(-1, 1, (batch, network.unknowns.size)) * (np.arange(network.unknowns.size) > 0)
        flows = [flow(part, effort, high).reshape(batch, -1) for part in network.parts]
        np.testing.assert_array_equal(inflow.flows(effort), np.concatenate(flows, axis=1))
        slopes = []
        for part in network.parts:
            for block, value in zip(blocks(part, high), partials(part, effort, high), strict=True):
                own = value.shape[-2:] if block.form is BlockForm.DENSE else value.shape[-1:]
                slopes.append(np.broadcast_to(value, (batch, *own)).reshape(batch, -1))
        np.testing.assert_array_equal(derivatives(effort), np.concatenate(slopes, axis=1))


def inverter(circuit, loaded):
    data = OpAmpData(gain=1e3, gain_bandwidth=1.0, slew=3.0, rail=2.0, output_resistance=0.5, offset=0.01)
    out = Storages(label="load", nodes=[3], capacitance=0.2) if loaded else Junctions(label="k", nodes=[3])
    return circuit(
        {"drive": 1, "sum": 1, "out": 1, "state": 1},
        Sources(label="drive", nodes=[1], effort=0.3),
        Conductors(label="r", a=[1, 2, 3], b=[2, 3, 0], conductance=[1.0, 0.5, 0.1]),
        Junctions(label="j", nodes=[2]),
        out,
        opamps("u", data, plus=[0], minus=[2], out=[3], state=[4]),
    ).verify()


@pytest.mark.parametrize("loaded", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_jacobian_of_an_opamp_with_its_summing_junction(circuit, loaded, seed):
    equations = system(inverter(circuit, loaded), ())
    assert len(equations.stages) == 1
    assert worst(equations, batch=2, seed=seed) < 1e-7


def test_a_wrong_entry_is_noticed():
    equations = system(lstm_network(CLOCKED), (True, True, True))
    right = equations.partials
    examined = 0
    for entry in range(0, right(np.ones((1, equations.network.unknowns.size))).shape[-1], 7):

        def wrong(effort, entry=entry):
            values = right(effort).copy()
            values[:, entry] *= 1.01
            values[:, entry] += 1e-6
            return values

        moved = replace(equations, partials=wrong)
        same = np.array_equal(jacobian_at_random(moved), jacobian_at_random(equations))
        examined += not same
        assert same or worst(moved, batch=1) > 1e-5
    assert examined >= 10


def jacobian_at_random(equations):
    effort = np.random.default_rng(0).uniform(-1, 1, (1, equations.network.unknowns.size))
    equations.complete(effort)
    return equations.jacobian(effort).toarray()


def test_the_pattern_is_sparse_and_block_diagonal():
    equations = system(lstm_network(CLOCKED), (False, False, True))
    effort = np.zeros((3, equations.network.unknowns.size))
    equations.complete(effort)
    jacobian = equations.jacobian(effort)
    n = equations.dynamic.size
    rows, columns = jacobian.nonzero()
    assert (rows // n == columns // n).all()
    assert jacobian.shape == (3 * n, 3 * n)


def test_flows_balance_at_junctions(circuit):
    network = inverter(circuit, loaded=False)
    equations = system(network, ())
    effort = np.array([[0.0, 0.3, 0.0, 0.0, 0.8]])
    equations.complete(effort)
    (stage,) = equations.stages
    assert np.abs(stage.inflow.flows(effort)).max() < 1e-14
    assert sorted(stage.nodes.tolist()) == [2, 3]


def test_current_into_sources_and_followers_is_theirs(circuit):
    """A conductor from a source to a junction that is the last unknown: its flow into the source is nobody's row."""
    network = circuit(
        {"drive": 2, "join": 1},
        Sources(label="drive", nodes=[1, 2], effort=[1.0, 3.0]),
        Conductors(label="r", a=[1, 3], b=[3, 2], conductance=[1.0, 1.0]),
        Junctions(label="j", nodes=[3]),
    ).verify()
    effort = np.array([[0.0, 1.0, 3.0, 0.0]])
    system(network, ()).complete(effort)
    assert effort[0, 3] == 2.0


def test_a_junction_that_is_the_first_unknown_keeps_its_own_row(circuit):
    """What flows into the source, the last unknown, is nobody's row: neither the last one's nor the first one's."""
    network = circuit(
        {"join": 2, "drive": 1},
        Conductors(label="r", a=[3, 1, 2], b=[1, 2, 0], conductance=[1.0, 2.0, 4.0]),
        Junctions(label="j", nodes=[1, 2]),
        Sources(label="drive", nodes=[3], effort=7.0),
    ).verify()
    effort = np.array([[0.0, 0.0, 0.0, 7.0]])
    system(network, ()).complete(effort)
    np.testing.assert_allclose(effort, [[0.0, 3.0, 1.0, 7.0]], rtol=1e-15)
