"""A subcircuit does in someone else's testbench what the flat deck does, twice if need be."""

import numpy as np
import pytest
from run_in_ngspice import at, waves

import lstm_analog as la
from lstm_analog.errors import InvalidShapeError, InvalidValueError, UnsupportedError
from lstm_analog.export import (
    DIALECTS,
    NGSPICE,
    USUAL,
    Interface,
    bench_path,
    check_dialect,
    write_spice,
    write_subcircuit,
)

X = np.random.default_rng(5).uniform(-1, 1, (4, 2))


def machine(seed=0, name="first", **options):
    lstm = la.random_lstm(np.random.default_rng(seed), 2, 2, name=name)
    return la.compile(lstm, la.electrical.BEHAVIOURAL, **options)


@pytest.mark.parametrize("timing", [la.CLOCKED, la.GATED_LEAK])
def test_the_testbench_does_what_the_flat_deck_does(tmp_path, timing):
    built, state = machine(timing=timing), la.State(h=([0.1, -0.2],), c=([0.3, 0.7],))
    built.write.spice(tmp_path / "flat.cir", X, state=state)
    built.write.spice(tmp_path / "cell.cir", X, state=state, as_subckt=True)
    bench = bench_path(tmp_path / "cell.cir")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cell.cir", "cell_tb.cir", "flat.cir"]
    flat = waves(tmp_path / "flat.cir", ["l0_h_0", "l0_h_1"])
    same = waves(bench, ["h0", "h1"])
    np.testing.assert_allclose(flat[0], same[0], rtol=1e-12)
    np.testing.assert_allclose(same[1], flat[1], rtol=0, atol=1e-11)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_both_files_keep_the_rules(tmp_path, dialect):
    machine().write.spice(tmp_path / "cell.cir", X, dialect=dialect, as_subckt=True)
    for file in tmp_path.iterdir():
        assert check_dialect(file, dialect) == (), file.name
    pins = "x0 x1 h0 h1 reset_clk copy_clk compute0_clk"
    assert f".subckt lstm_first\n+ {pins}\n" in (tmp_path / "cell.cir").read_text()
    assert f"xdut\n+ {pins} lstm_first\n" in bench_path(tmp_path / "cell.cir").read_text()


def test_two_circuits_and_two_instances_live_in_one_testbench(tmp_path):
    """First, first again with its inputs exchanged, and second: each answers as it does alone."""
    cases = {"first": machine(0, "first"), "second": machine(1, "second")}
    alone = {}
    for name, built in cases.items():
        built.write.spice(tmp_path / f"{name}.cir", X, as_subckt=True)
        alone[name] = built.run(X, engine=la.engines.Ngspice()).h
    alone["swapped"] = cases["first"].run(X[:, ::-1], engine=la.engines.Ngspice()).h
    lines = bench_path(tmp_path / "first.cir").read_text().splitlines()
    place = lines.index("xdut")
    clocks = "reset_clk copy_clk compute0_clk"
    lines[place : place + 2] = [
        f"xdut1 x0 x1 h0 h1 {clocks} lstm_first",
        f"xdut2 x1 x0 s0 s1 {clocks} lstm_first",
        f"xdut3 x0 x1 r0 r1 {clocks} lstm_second",
    ]
    lines.insert(2, '.include "second.cir"')
    kept = next(number for number, line in enumerate(lines) if line.startswith("+ v(x0)"))
    lines[kept] += " v(s0) v(s1) v(r0) v(r1)"
    bench = tmp_path / "mine.cir"
    bench.write_text("\n".join(lines) + "\n")
    assert check_dialect(bench, NGSPICE) == ()
    built = cases["first"]
    schedule = built.schedule(X)
    ends = schedule.ends[built.compiled.cycle.ends("readout", len(X))] - 0.2 * schedule.durations.min()
    sampled = at(ends, bench, ["h0", "h1", "s0", "s1", "r0", "r1"])
    for place, name in ((0, "first"), (2, "swapped"), (4, "second")):
        np.testing.assert_allclose(sampled[:, place : place + 2], alone[name], rtol=0, atol=1e-6)
    assert np.abs(alone["first"] - alone["swapped"]).max() > 0.01


def interface(**changes):
    fields = {"name": "cell", "inputs": (("x", "x"),), "outputs": (("h", "l0_h"),)}
    return Interface(**(fields | changes))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"outputs": (("x", "l0_h"),)}, r"^pins must differ from each other, .*, got x0, x1: rename one$"),
        ({"outputs": (("h", "l0_h"), ("h", "l0_c"))}, r"got h0, h1: rename one$"),
        ({"supplies": (("vdd", "gnd"),)}, r"part must be one of"),
        ({"outputs": (("l0_c_", "l0_h"),)}, r"^pins must .* nodes inside, .*, got l0_c_0, l0_c_1: rename one$"),
        ({"outputs": (("h", "l0_h"), ("y", "l0_h"))}, r"^pins must lead out a group once, got l0_h: drop one, or wire"),
        ({"datum": "h0"}, r"got h0: rename one$"),
        ({"name": "reset_clk"}, r"got reset_clk: rename one$"),
        ({"name": "a b"}, r"^label must be a lower-case letter"),
        (
            {"inputs": ()},
            r"^source x must not change with time, for it stays inside, got a waveform: make it an input$",
        ),
    ],
)
def test_collisions_are_refused_before_anything_is_written(tmp_path, changes, text):
    built = machine()

    def write():
        write_subcircuit(tmp_path / "a.cir", built.network, built.schedule(X), NGSPICE, USUAL, interface(**changes))

    with pytest.raises((InvalidValueError, la.errors.NetworkError), match=text):
        write()
    assert list(tmp_path.iterdir()) == []


def test_a_file_name_that_an_include_cannot_say_is_refused(tmp_path):
    built = machine()
    with pytest.raises(InvalidValueError, match=r"^file name must be letters, digits, .*: rename the file$"):
        write_subcircuit(tmp_path / "a b.cir", built.network, built.schedule(X), NGSPICE, USUAL, interface())
    with pytest.raises(InvalidShapeError, match="must have one sequence"):
        built.write.spice(tmp_path / "a.cir", np.stack((X, X)), as_subckt=True)
    assert list(tmp_path.iterdir()) == []


def test_a_supply_is_a_pin(tmp_path):
    """The bias of the rows, fed from outside: the testbench feeds it, and the answer stays."""
    built = machine()
    wires = interface(supplies=(("vdd", "l0_rows_one"),))
    write_subcircuit(tmp_path / "cell.cir", built.network, built.schedule(X), NGSPICE, USUAL, wires)
    write_spice(tmp_path / "flat.cir", built.network, built.schedule(X), NGSPICE, USUAL)
    assert "compute0_clk vdd\n" in (tmp_path / "cell.cir").read_text()
    flat = waves(tmp_path / "flat.cir", ["l0_h_0"])
    same = waves(tmp_path / "cell_tb.cir", ["h0"])
    np.testing.assert_allclose(same[1], flat[1], rtol=0, atol=1e-12)


@pytest.fixture
def chip(tmp_path):
    """Return a chip, its subcircuit written to `cell.cir`, and the moments at which its intervals end."""
    lstm = la.random_lstm(np.random.default_rng(0), 1, 1, name="chip")
    built, x = la.compile(lstm, la.electrical.BICMOS), X[:2, :1]
    built.write.spice(tmp_path / "flat.cir", x)
    built.write.spice(tmp_path / "cell.cir", x, as_subckt=True)
    schedule = built.schedule(x)
    return built, schedule.ends - 0.2 * schedule.durations.min()


def test_ground_is_a_pin_of_a_chip(tmp_path, chip):
    """Everything outside 0.7 V higher, ground too: nothing inside refers to node 0, so h stays what it was."""
    _, moments = chip
    text = (tmp_path / "cell_tb.cir").read_text()
    assert "\nvvss vss 0 0.0\n" in text
    (tmp_path / "high_tb.cir").write_text(text.replace("\nvvss vss 0 0.0\n", "\nvvss vss 0 0.7\n"))
    low, high = (at(moments, tmp_path / f"{name}_tb.cir", ["hp0", "hn0"]) for name in ("cell", "high"))
    np.testing.assert_allclose(high, low + 0.7, rtol=0, atol=1e-4)
    assert abs(low[-1, 0] - low[-1, 1]) > 0.05


def test_ideal_devices_refer_to_node_0(tmp_path):
    built = machine()
    wires = interface(datum="vss")
    with pytest.raises(UnsupportedError, match=r"^parts must be circuits of cells and resistors alone .* l0_c_keep, "):
        write_subcircuit(tmp_path / "a.cir", built.network, built.schedule(X), NGSPICE, USUAL, wires)
    assert list(tmp_path.iterdir()) == []


def test_transistors_with_their_library_become_a_subcircuit_too(tmp_path, chip):
    """Differential pins, the clocks of the chip, supply and ground; two chips would not share a model's name."""
    built, moments = chip
    text = (tmp_path / "cell.cir").read_text()
    models = [line.split()[1] for line in text.splitlines() if line.startswith((".model", ".subckt"))]
    assert all(name.startswith("lstm_chip") for name in models)
    assert check_dialect(tmp_path / "cell.cir", NGSPICE) == ()
    assert check_dialect(bench_path(tmp_path / "cell.cir"), NGSPICE) == ()
    pins = next(line for line in text.splitlines() if line.startswith("+ "))
    assert pins.startswith("+ xp0 xn0 hp0 hn0 clk_compute0 clk_compute0_b clk_copy ")
    assert pins.endswith(" vdd vss")
    place = built.compiled.layout.layers[-1].h
    flat = at(moments, tmp_path / "flat.cir", [f"{place.group}_0", f"{place.against}_0"])
    same = at(moments, bench_path(tmp_path / "cell.cir"), ["hp0", "hn0"])
    np.testing.assert_allclose(same, flat, rtol=0, atol=1e-4)
