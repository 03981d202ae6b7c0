from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import by_hand
import numpy as np
import pytest

from lstm_analog.compiler.hydraulic import OIL
from lstm_analog.engines.system import system
from lstm_analog.errors import (
    FileAccessError,
    InvalidShapeError,
    InvalidValueError,
    UnsupportedError,
    UnsupportedPartError,
)
from lstm_analog.export import EpanetTubes, Statics, statics, write_epanet
from lstm_analog.export.epanet import GRAVITY, WATER_VISCOSITY
from lstm_analog.network.domain import HYDRAULIC
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import (
    ALWAYS,
    DATUM,
    Conductors,
    Crossbars,
    Factor,
    Junctions,
    Pairs,
    Part,
    Ports,
    Sources,
    Storages,
    Switches,
    Transconductors,
)
from lstm_analog.network.shapes import Shape
from lstm_analog.study.epanet import tubes_of
from lstm_analog.study.epanet_walk import run_epanet
from lstm_analog.study.tubes import cut

UNIT, VISCOSITY, LENGTH, LINE = 1e4, 0.0275, 0.3, 0.2
"""Pa of a unit, Pa s, and the lengths (m) of capillaries and of tank lines."""


def sizes(conductance: np.ndarray, length: float = LENGTH) -> tuple[np.ndarray, np.ndarray]:
    """Return the bores of tubes of one `length` that have the `conductance`, by Hagen-Poiseuille, and their lengths."""
    bores = (128.0 * VISCOSITY * length * conductance / np.pi) ** 0.25
    return bores, np.full(conductance.size, length)


TUBES = EpanetTubes(
    density=860.0, viscosity=VISCOSITY, datum=1e5, line_count=16, line=partial(sizes, length=LINE), capillary=sizes
)
HI, LO, PLUS, MINUS, MIDDLE, TANK = 1, 2, 3, 4, 5, 6
"""Unknowns of the network below."""


def crossbars(**more: object) -> Crossbars:
    tubes = {"positive": [[2e-11, 0.0]], "negative": [[0.0, 3e-11]], "plus_load": [1e-11], "minus_load": [0.0]}
    return Crossbars(label="rows", inputs=[HI, LO], plus=[PLUS], minus=[MINUS], **(tubes | more))


def ports(label: str, sign: float, a: int, b: int, **more: object) -> Ports:
    return Ports(
        label=label,
        line=ALWAYS,
        shape=Shape.EXP,
        a=[a],
        b=[b],
        p=[PLUS],
        n=[MINUS],
        conductance=2e-10,
        scale=sign * 0.5 * 3.0 / UNIT,
        offset=0.0,
        **more,
    )


def network(*more: Part, rows: Crossbars | None = None, **port: object) -> Network:
    """Return a row of two capillaries and a dummy, the half-bridge that it opens, and a tank behind a solenoid."""
    labels = ("hi", "lo", "plus", "minus", "middle", "tank")
    parts = (
        Sources(label="rails", nodes=[HI, LO], effort=[0.7 * UNIT, -0.4 * UNIT]),
        Junctions(label="chambers", nodes=[PLUS, MINUS, MIDDLE]),
        Storages(label="store", nodes=[TANK], capacitance=1e-9),
        crossbars() if rows is None else rows,
        ports("top", 1.0, HI, MIDDLE, **port),
        ports("bottom", -1.0, MIDDLE, DATUM, **port),
        Switches(label="solenoid", line=0, a=[HI], b=[TANK], closed=2e-9, opened=2e-20),
        *more,
    )
    return by_hand.network(dict.fromkeys(labels, 1), *parts, lines=("take",), domain=HYDRAULIC, scale=UNIT)


def solved(net: Network) -> np.ndarray:
    """Return the efforts of the junctions as this package's own equations have them, the tank at zero."""
    effort = np.zeros((1, net.unknowns.size))
    effort[0, [HI, LO]] = 0.7 * UNIT, -0.4 * UNIT
    system(net, (False,)).complete(effort)
    return effort[0]


def text(problem: Statics, folder: Path, tubes: EpanetTubes = TUBES) -> str:
    write_epanet(folder / "a.inp", problem, tubes)
    return (folder / "a.inp").read_text()


def rows_of(content: str, section: str) -> Iterator[list[str]]:
    body = content.split(f"[{section}]\n")[1].split("\n[", maxsplit=1)[0]
    return (line.split() for line in body.splitlines() if line and not line.startswith(";"))


def test_the_tubes_of_a_tank_line_are_one_pipe_that_conducts_what_they_all_do(tmp_path: Path) -> None:
    """A filling cock, whose end is a source, is no tank line: it stays a tube of the capillaries' length."""
    net = network(Switches(label="behind", line=0, a=[MIDDLE], b=[TANK], closed=3e-9, opened=3e-20))
    content = text(statics(net, solved(net), (True,), [TANK]), tmp_path)
    for (name, *_, length, bore, _, _, _, _, bank), expected, conductance, metres, count in zip(
        rows_of(content, "PIPES"), ("solenoid", "behind"), (2e-9, 3e-9), (LENGTH, LINE), (1, 16), strict=True
    ):
        each = (128.0 * VISCOSITY * metres * conductance / count / np.pi) ** 0.25
        assert (bank, float(length)) == (expected, metres), name
        assert 1e-3 * float(bore) == pytest.approx(count**0.25 * each, rel=1e-12)


def test_a_technology_cuts_tank_lines_and_capillaries_to_lengths_of_their_own() -> None:
    line, conductance = replace(OIL.tank_line, length=2.0 * OIL.capillary_length), np.array([1e-10])
    tubes = tubes_of(replace(OIL, tank_line=line), OIL.fluid)
    for sizes_of, length in ((tubes.line, line.length), (tubes.capillary, OIL.capillary_length)):
        np.testing.assert_array_equal(sizes_of(conductance), cut(conductance, length, OIL.fluid))


def test_tubes_are_pipes_by_bore_and_length_between_heads_above_the_atmosphere(tmp_path: Path) -> None:
    net = network()
    content = text(statics(net, solved(net), (False,), [PLUS, MINUS]), tmp_path)
    pipes = {(row[1], row[2]): row[3:8] for row in rows_of(content, "PIPES")}
    assert set(pipes) == {("hi_0", "plus_0"), ("plus_0", "0"), ("lo_0", "minus_0")}
    length, bore, _, loss, state = pipes["hi_0", "plus_0"]
    assert (float(length), float(loss), state) == (0.3, 0.0, "OPEN")
    assert np.pi * (1e-3 * float(bore)) ** 4 / (128 * 0.0275 * 0.3) == pytest.approx(2e-11, rel=1e-12)
    heads = {row[0]: float(row[1]) for row in rows_of(content, "RESERVOIRS")}
    assert heads["hi_0"] == pytest.approx((1e5 + 0.7e4) / (860.0 * GRAVITY), rel=1e-15)
    assert heads["0"] == pytest.approx(1e5 / (860.0 * GRAVITY), rel=1e-15)
    assert {row[0] for row in rows_of(content, "JUNCTIONS")} == {"plus_0", "minus_0"}
    options = {row[0]: row[1] for row in rows_of(content, "OPTIONS")}
    assert options["HEADLOSS"] == "D-W"
    assert float(options["VISCOSITY"]) * WATER_VISCOSITY == pytest.approx(0.0275 / 860.0, rel=1e-15)


def test_ports_are_throttle_valves_behind_stubs_whose_losses_divide_as_the_ports_do(tmp_path: Path) -> None:
    net = network()
    effort = solved(net)
    content = text(statics(net, effort, (False,), [MIDDLE]), tmp_path)
    top, bottom = rows_of(content, "VALVES")
    assert [top[1:3], bottom[1:3]] == [["s0a", "middle_0"], ["middle_0", "s1b"]]
    assert top[4] == bottom[4] == "TCV"
    z = 3.0 * (effort[PLUS] - effort[MINUS]) / UNIT
    assert float(bottom[5]) / float(top[5]) == pytest.approx(np.exp(z), rel=1e-12)
    assert [row[1:3] for row in rows_of(content, "PIPES")] == [["hi_0", "s0a"], ["0", "s1b"]]


@pytest.mark.epanet
@pytest.mark.parametrize("transition", [np.inf, 1e-3])
def test_epanet_agrees_with_our_own_statics(tmp_path: Path, transition: float) -> None:
    """Far above the transition a port is an orifice, and so is EPANET's valve."""
    net = network(transition=np.array(transition))
    effort = solved(net)
    for chambers in ([PLUS, MINUS], [MIDDLE]):
        problem = statics(net, effort, (False,), chambers)
        write_epanet(tmp_path / "a.inp", problem, TUBES)
        answer = run_epanet(tmp_path / "a.inp", problem.node_names(np.array(chambers)), [])
        assert TUBES.pressure(answer.heads) / UNIT == pytest.approx(effort[chambers] / UNIT, abs=1e-11)


@pytest.mark.epanet
def test_end_losses_are_minor_losses(tmp_path: Path) -> None:
    """They matter where the tubes of a manifold carry different flows: of two alone, each loses the same share."""
    three = [[2e-11, 4e-11]]
    net = network(rows=crossbars(positive=three, end_flow=[3e-7]))
    effort, linear = solved(net), solved(network(rows=crossbars(positive=three)))
    assert abs(effort[PLUS] - linear[PLUS]) > 1e-3 * UNIT
    problem = statics(net, effort, (False,), [PLUS])
    write_epanet(tmp_path / "a.inp", problem, TUBES)
    head = run_epanet(tmp_path / "a.inp", ["plus_0"], []).heads[0]
    assert TUBES.pressure(head) / UNIT == pytest.approx(effort[PLUS] / UNIT, abs=1e-9)


@pytest.mark.epanet
def test_flows_come_back_in_si(tmp_path: Path) -> None:
    net = network()
    problem = statics(net, solved(net), (False,), [PLUS])
    write_epanet(tmp_path / "a.inp", problem, TUBES)
    names = ["hi_0", "plus_0"]
    answer = run_epanet(tmp_path / "a.inp", names, ["p0"])
    drop = TUBES.pressure(answer.heads[0]) - TUBES.pressure(answer.heads[1])
    assert answer.flows[0] / drop == pytest.approx(2e-11, rel=1e-11)


def test_an_open_solenoid_is_a_pipe_and_a_shut_one_is_nothing() -> None:
    net = network()
    assert statics(net, solved(net), (True,), [TANK]).pipes.a.tolist() == [HI]
    assert statics(net, solved(net), (False,), [TANK]).pipes.a.size == 0


@pytest.mark.epanet
def test_a_name_too_long_for_epanet_becomes_a_number(tmp_path: Path) -> None:
    long = "a" * 40
    net = by_hand.network(
        {long: 1, "rail": 1},
        Junctions(label="node", nodes=[1]),
        Sources(label="rail", nodes=[2], effort=UNIT),
        Conductors(label="tube", a=[2, 1], b=[1, DATUM], conductance=1e-11),
        domain=HYDRAULIC,
        scale=UNIT,
    )
    problem = statics(net, np.array([0.0, 0.0, UNIT]), (), [1])
    write_epanet(tmp_path / "a.inp", problem, TUBES)
    head = run_epanet(tmp_path / "a.inp", ["n1"], []).heads[0]
    assert TUBES.pressure(head) == pytest.approx(0.5 * UNIT, rel=1e-11)


# What is refused.


@pytest.mark.parametrize(
    ("made", "chambers", "message"),
    [
        (
            network(),
            [PLUS, MIDDLE],
            "a pilot of top must be known before its valve is, got a chamber of the stage: solve them in an earlier",
        ),
        (
            network(Conductors(label="tap", a=[MIDDLE], b=[DATUM], conductance=1e-12)),
            [MIDDLE],
            "chamber middle_0 must be between two ports and nothing else, got 2 ports and 1 pipes: put a relay",
        ),
        (
            network(rows=crossbars(transition=[100.0])),
            [PLUS],
            "rows must be tubes for EPANET, got orifices: check orifices by",
        ),
    ],
    ids=["a pilot among the chambers", "flow drawn between two ports", "orifices as weights"],
)
def test_what_epanet_would_solve_otherwise_is_refused(made: Network, chambers: list[int], message: str) -> None:
    with pytest.raises(UnsupportedError, match=message):
        statics(made, np.zeros(7), (False,), chambers)


def test_what_epanet_has_no_counterpart_for_is_refused_by_name() -> None:
    amplifier = Transconductors(label="gm", inputs=[HI], rows=[PLUS], transconductance=[[1.0]])
    with pytest.raises(UnsupportedPartError, match="part Transconductors must have a counterpart in EPANET, got none"):
        statics(network(amplifier), np.zeros(7), (False,), [PLUS])
    tier = Factor(shape=Shape.SIGMOID, p=[HI], n=[LO], scale=1.0, offset=0.0)
    pump = network(Pairs(label="pump", line=0, factors=(tier,), out=[TANK], current=1e-9))
    with pytest.raises(UnsupportedPartError, match="part Pairs pump for EPANET must be shut in a steady state, got a"):
        statics(pump, np.zeros(7), (True,), [PLUS])
    assert statics(pump, np.zeros(7), (False,), [PLUS]).pipes.a.size == 2


def test_chip_axes_and_batches_are_refused() -> None:
    many = Conductors(label="tap", a=[PLUS], b=[DATUM], conductance=np.full((3, 1), 1e-12))
    with pytest.raises(InvalidShapeError, match=r"tap conductance must be a vector, got \(3, 1\): write one chip"):
        statics(network(many), np.zeros(7), (False,), [PLUS])
    with pytest.raises(InvalidShapeError, match="effort must be one state of the network"):
        statics(network(), np.zeros((2, 7)), (False,), [PLUS])


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"density": 0.0}, "tubes density must be positive, got 0.0: give SI units"),
        ({"viscosity": -1.0}, "tubes viscosity must be positive, got -1.0"),
        ({"viscosity": 1e-7}, "kinematic viscosity must exceed a thousandth of water's, got 0.000"),
        ({"datum": np.nan}, "tubes datum must be positive, got nan"),
    ],
)
def test_impossible_tubes_are_refused(sizes: dict[str, float], message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        replace(TUBES, **sizes)


def test_nothing_is_left_behind_where_it_cannot_be_written(tmp_path: Path) -> None:
    net = network()
    with pytest.raises(FileAccessError, match="must be writable"):
        write_epanet(tmp_path / "none" / "a.inp", statics(net, solved(net), (False,), [PLUS]), TUBES)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("chamber", "got"), [(0, 0), (1, 1), (99, 99)])
def test_a_chamber_whose_pressure_no_flow_decides_is_refused(chamber: int, got: int) -> None:
    """Of 99 it was an index out of bounds; the datum and a source became junctions."""
    net = network()
    with pytest.raises(InvalidValueError, match=rf"^chambers must be junctions and storages .*, got {got}: leave out"):
        statics(net, np.zeros(net.unknowns.size), (True,), np.array([chamber]))


def test_there_is_a_flag_for_each_clock_line() -> None:
    net = network()
    with pytest.raises(InvalidShapeError, match=r"^high must be a flag for each of take, got 2 of them: take schedule"):
        statics(net, np.zeros(net.unknowns.size), (True, False), np.array([3]))


def test_numbers_of_numpy_are_numbers_in_a_file(tmp_path: Path) -> None:
    net = network()
    tubes = replace(TUBES, density=np.float32(860.0), viscosity=np.float64(0.0275), line_count=np.int64(16))
    assert "np." not in text(statics(net, np.zeros(net.unknowns.size), (True,), np.array([3])), tmp_path, tubes)
