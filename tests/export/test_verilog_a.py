"""The Verilog-A module holds the network's own laws: OpenVAF compiles it, and its residuals are our flows."""

from dataclasses import replace

import numpy as np
import openvaf_py
import pytest

import lstm_analog as la
from lstm_analog.errors import InvalidValueError, UnsupportedPartError
from lstm_analog.export import Interface, write_verilog_a
from lstm_analog.network import laws
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import Kind

INTERFACE = Interface(name="lstm_test", inputs=(("drive", "drive"),), outputs=(("out", "out"),))


def residuals(module, volts):
    """Return resistive and reactive residual of each node of the compiled `module` by name, at `volts` by name."""
    given = dict.fromkeys((*module.param_names, *module.init_param_names), 0.0)
    for name, kind in zip(module.param_names, module.param_kinds, strict=True):
        if kind == "voltage":
            plus, _, minus = name[2:-1].partition(",")
            given[name] = volts[plus] - (volts[minus] if minus else 0.0)
    given["mfactor"] = 1.0
    found, _ = module.run_init_eval(given)
    names = [entry["name"] for entry in module.get_dae_system()["nodes"]]
    return dict(zip(names, found, strict=True))


def our_flows(network, effort, high):
    """Return the flow into each unknown and the charge on it at `effort` with clock lines `high`."""
    flows, charges = np.zeros(network.unknowns.size), np.zeros(network.unknowns.size)
    for part in network.parts:
        np.add.at(flows, laws.rows(part), laws.flow(part, effort, high)) if laws.rows(part).size else None
        nodes, amount = laws.capacity(part)
        charges[nodes] += amount * effort[nodes]
    return flows, charges


def check(network, module, interface, rng):
    """Hold the residuals against the laws at a random point: current and charge of every node that none imposes."""
    effort = rng.uniform(-1.5, 1.5, network.unknowns.size)
    effort[0] = 0.0
    high = tuple(bool(flag) for flag in rng.integers(2, size=len(network.lines)))
    names = network.unknowns.names()
    for pin, group in (*interface.inputs, *interface.outputs):
        for number, node in enumerate(network.unknowns[group]):
            names[node] = f"{pin}{number}"
    volts = dict(zip(names, effort.tolist(), strict=True))
    volts |= {f"{line}_clk": float(flag) for line, flag in zip(network.lines, high, strict=True)}
    found = residuals(module, volts)
    flows, charges = our_flows(network, effort, high)
    kinds = network.kinds()
    free = np.concatenate([kinds[Kind.BALANCED], kinds[Kind.STORED]])
    resist, react = (np.array([found[names[node]][k] for node in free]) for k in (0, 1))
    scale = np.abs(flows).max()
    np.testing.assert_allclose(-resist, flows[free], rtol=1e-12, atol=1e-14 * scale)
    np.testing.assert_allclose(react, charges[free], rtol=1e-12, atol=1e-25)


@pytest.mark.parametrize("timing", [la.CLOCKED, la.GATED_LEAK])
def test_a_cell_is_what_our_laws_say(tmp_path, timing):
    lstm = la.random_lstm(np.random.default_rng(3), 2, 2, name="test")
    machine, path = la.compile(lstm, la.electrical.BEHAVIOURAL, timing=timing), tmp_path / "cell.va"
    machine.write_verilog_a(path)
    (module,) = openvaf_py.compile_va(str(path))
    assert module.name == "lstm_test"
    terminals = module.get_dae_system()["terminals"]
    assert terminals == ["x0", "x1", "h0", "h1", *(f"{line}_clk" for line in machine.network.lines)]
    interface = Interface(name="lstm_test", inputs=(("x", "x"),), outputs=(("h", "l0_h"),))
    for seed in range(5):
        check(machine.network, module, interface, np.random.default_rng(seed))


def test_every_kind_of_part_is_what_our_laws_say(everything, tmp_path):
    write_verilog_a(tmp_path / "all.va", everything.network, INTERFACE)
    (module,) = openvaf_py.compile_va(str(tmp_path / "all.va"))
    for seed in range(5):
        check(everything.network, module, INTERFACE, np.random.default_rng(seed))


def test_followers_follow(everything, tmp_path):
    """The residual of a follower's branch is how far its node is from where it ought to be."""
    network = everything.network
    write_verilog_a(tmp_path / "all.va", network, INTERFACE)
    (module,) = openvaf_py.compile_va(str(tmp_path / "all.va"))
    volts = dict.fromkeys([*network.unknowns.names(), "drive0", "drive1", "out0", "first_clk", "second_clk"], 0.0)
    for drive, expected in ((0.2, 0.3 - 0.4), (-1.0, 0.4)):
        found = residuals(module, volts | {"drive0": drive})
        assert abs(found["flow(buffer_0)"][0]) == pytest.approx(abs(expected), rel=1e-12)


def test_a_wrong_weight_is_noticed(everything, tmp_path):
    """The check can fail: one weight off by a thousandth."""
    write_verilog_a(tmp_path / "all.va", everything.network, INTERFACE)
    (module,) = openvaf_py.compile_va(str(tmp_path / "all.va"))
    bank = everything.network.part("weights")
    wrong = replace(bank, transconductance=bank.transconductance * 1.001)
    parts = tuple(wrong if part.label == "weights" else part for part in everything.network.parts)
    with pytest.raises(AssertionError):
        check(replace(everything.network, parts=parts), module, INTERFACE, np.random.default_rng(0))


def test_what_cannot_be_written_is_refused(everything, tmp_path):
    path = tmp_path / "a.va"
    for name in ("module", "drive0"):
        with pytest.raises(InvalidValueError, match=rf"^pins must differ .*got {name}"):
            write_verilog_a(path, everything.network, replace(INTERFACE, name=name))
    lstm = la.random_lstm(np.random.default_rng(0), 1, 1)
    bicmos = la.compile(lstm, la.electrical.BICMOS)
    with pytest.raises(UnsupportedPartError, match=r"must have an equation, got transistors: export it as SPICE$"):
        bicmos.write_verilog_a(path)
    assert not path.exists()
    assert isinstance(bicmos.network, Network)
