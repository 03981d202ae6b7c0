"""Every dialect writes the same network; what ngspice can run of them gives the same waveforms."""

import re

import numpy as np
import pytest
from by_hand import network, schedule
from run_in_ngspice import at

from lstm_analog.compiler import CLOCKED, GATED_LEAK
from lstm_analog.engines import Ngspice
from lstm_analog.errors import FileFormatError
from lstm_analog.export import (
    DIALECTS,
    HSPICE,
    LTSPICE,
    NGSPICE,
    PORTABLE,
    SPECTRE,
    USUAL,
    VACASK,
    XYCE,
    check_dialect,
    read_spice,
    suited,
    write_spice,
)
from lstm_analog.export.dialects import WRITTEN
from lstm_analog.export.emit import expression, fill
from lstm_analog.expressions import effort, let
from lstm_analog.expressions.languages import SPICE, written
from lstm_analog.network.parts import ALWAYS, Conductors, Factor, Junctions, Pairs, Sources
from lstm_analog.network.shapes import CURVES, Shape, curve

CONTROLS = np.array([0.0, -700.0, -100.0, -15.1, -14.9, -3.0, -1e-3, 0.5, 3.0, 36.0, 100.0, 700.0])

each_dialect = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
every_language = pytest.mark.parametrize("dialect", WRITTEN, ids=lambda dialect: dialect.name)


@pytest.mark.parametrize("shape", Shape)
def test_expressions_use_what_all_simulators_have(shape):
    inner, texts = written([CURVES[shape](let("u", effort("p")))], SPICE)
    text = " ".join((*inner.values(), *texts))
    assert set(re.findall(r"[a-z]\w*(?=\()", text)) <= {"tanh", "exp", "ln", "abs", "min", "max", "v"}
    assert not set("^?<>") & set(text)


@pytest.mark.parametrize("shape", Shape)
def test_ngspice_evaluates_the_curves(shape):
    """A pair's current into 1 ohm is the curve itself, at any control."""
    factor = Factor(shape=shape, p=[1], n=[0], scale=1.0, offset=0.0)
    made = network(
        {"u": 1, "s": 1},
        Sources(label="drive", nodes=[1], effort=0.0),
        Pairs(label="p", line=ALWAYS, factors=(factor,), out=[2], current=1.0),
        Conductors(label="r", a=[2], b=[0], conductance=1.0),
        Junctions(label="j", nodes=[2]),
    )
    plan = schedule(np.full(CONTROLS.size, 1e-6), drive=CONTROLS)
    run = Ngspice().run(made, plan)
    got = run.sample(plan.ends - 0.5e-6, np.array([2]))[:, 0]
    np.testing.assert_allclose(got, curve(shape, CONTROLS), rtol=1e-8, atol=1e-12)


@each_dialect
def test_a_deck_says_how_to_run_it(everything, written, dialect):
    path, text = written(everything, dialect)
    assert fill(dialect.run, {"deck": path.name}) in text
    assert "<deck>" not in text


def test_models_are_those_of_27_degrees_in_hspice_too(everything, written):
    """Its own reference is 25 C, the others' 27: a junction's saturation current would differ by a quarter."""
    _, text = written(everything, HSPICE)
    assert " tnom=27 " in next(line for line in text.splitlines() if line.startswith(".option "))


def check_read_back(case, path, dialect, accuracy, rtol):
    write_spice(path, case.network, case.schedule, dialect, accuracy)
    deck = read_spice(path)
    assert deck.network.equals(case.network, rtol=rtol)
    assert deck.accuracy == accuracy
    ours, theirs = case.schedule, deck.schedule
    assert ours.names == theirs.names
    np.testing.assert_array_equal(ours.high, theirs.high)
    np.testing.assert_array_equal(ours.durations, theirs.durations)
    ours, theirs = ({each.label: each.efforts.tolist() for each in plan.imposed} for plan in (ours, theirs))
    assert ours == theirs
    if dialect is not VACASK:
        assert check_dialect(path, dialect) == ()


@every_language
def test_every_kind_of_part_comes_back_from_every_dialect(everything, tmp_path, dialect):
    check_read_back(everything, tmp_path / "a", dialect, USUAL, 1e-15)


@each_dialect
def test_in_every_dialect_a_source_is_at_each_instant_what_was_imposed(everything, written, dialect):
    """Its points, read by the text alone: what is sampled at the end of an interval is what holds until then."""
    schedule, text = everything.schedule, written(everything, dialect)[1].replace("\n+", " ")
    courses = re.findall(r"^v(\w+?)_(\d+|clk) .*?pwl\(([^)]*)\)", text, flags=re.MULTILINE | re.IGNORECASE)
    ends, shortest, checked = schedule.ends, schedule.durations.min(), 0
    wanted = {(e.label, str(k)): wave for e in schedule.imposed for k, wave in enumerate(e.efforts.T)}
    high = schedule.high.T.astype(float)
    wanted |= {(line, "clk"): wave for line, wave in zip(everything.network.lines, high, strict=True)}
    for label, number, points in courses:
        times, values = np.array(points.split(), dtype=float).reshape(-1, 2).T
        np.testing.assert_array_equal(np.interp(ends, times, values), wanted[label, number])
        np.testing.assert_array_equal(np.interp(ends[:-1] + 2e-4 * shortest, times, values), wanted[label, number][1:])
        checked += 1
    assert checked >= 2


@every_language
@pytest.mark.parametrize(("timing", "bias"), [(CLOCKED, True), (GATED_LEAK, False)])
def test_an_lstm_comes_back_to_the_last_bit_and_keeps_the_rules(lstm_circuit, tmp_path, dialect, timing, bias):
    case = lstm_circuit(timing=timing, layers=2, bias=bias)
    check_read_back(case, tmp_path / "a", dialect, suited(case.network), 0.0)


@each_dialect
def test_a_value_edited_in_any_dialect_counts(lstm_circuit, written, dialect):
    path, text = written(lstm_circuit(), dialect)
    named = fill(dialect.parameter, {"name": "l0_rows_load_r"})
    path.write_text(text.replace(f"rl0_rows_load_5 l0_zg_1 0 {named}", "rl0_rows_load_5 l0_zg_1 0 4.7k", 1))
    assert read_spice(path).network.part("l0_rows_load").conductance[5] == 1 / 4700.0
    path.write_text(text.replace("(tanh(", "(sinh(", 1))
    with pytest.raises(FileFormatError, match="device line must stand as written"):
        read_spice(path)


def test_an_unknown_dialect_is_refused(lstm_circuit, written):
    path, text = written(lstm_circuit(), XYCE)
    path.write_text(text.replace("*| dialect xyce", "*| dialect saber"))
    with pytest.raises(
        FileFormatError, match=r"^file .*: dialect must be one of ngspice, ltspice, xyce, .*, got 'saber'"
    ):
        read_spice(path)
    path.write_text(text.replace("*| tolerance chgtol", "*| tolerance vntol"))
    with pytest.raises(FileFormatError, match=r"^file .*: tolerance lines must give abstol, chgtol, got"):
        read_spice(path)
    path.write_text(text.replace("*| dialect xyce", "*| dialect ngspice"))
    with pytest.raises(FileFormatError, match="must"):
        read_spice(path)


def test_one_neutral_expression_in_every_spelling():
    texts = {dialect.name: expression(dialect, "{k0}*ln(1+exp(v(a)))") for dialect in DIALECTS}
    assert texts["ngspice"] == texts["ltspice"] == "{k0}*ln(1+exp(v(a)))"
    assert texts["xyce"] == texts["spectre"] == texts["portable"] == "k0*ln(1+exp(v(a)))"
    assert texts["hspice"] == "k0*log(1+exp(v(a)))"


RUN_BY_NGSPICE = {
    NGSPICE: lambda text: text,
    PORTABLE: lambda text: text,
    LTSPICE: lambda text: text,
    HSPICE: lambda text: text,
    # ngspice has no VSWITCH: that line alone is not run
    XYCE: lambda text: text.replace("vswitch(von=0.9 voff=0.1 ", "sw(vt=0.5 vh=0 "),
}
"""What has to be changed in a deck of each dialect before ngspice 39 runs it. Spectre's own language it cannot read."""


DEFAULT = 7e-3
"""What ngspice's own settings accept in a step, reltol times trtol: PORTABLE has no others."""


def moments(case):
    """Return a time (s) towards the end of each interval, before the edge that the next one begins with."""
    return case.schedule.ends - 0.1 * case.schedule.durations.min()


def waveforms(folder, case, dialect, accuracy):
    """Return the efforts at the `moments` as ngspice has them in the deck of `case` in `dialect`."""
    deck = folder / f"{dialect.name}.cir"
    write_spice(deck, case.network, case.schedule, dialect, accuracy)
    deck.write_text(RUN_BY_NGSPICE[dialect](deck.read_text()))
    return at(moments(case), deck, case.network.unknowns.names()[1:])


@pytest.mark.parametrize("timing", [CLOCKED, GATED_LEAK])
def test_ngspice_runs_five_of_the_dialects_alike(lstm_circuit, tmp_path, timing):
    """`tests/engines` hold the first against scipy. The others close their switches elsewhere on a clock's edge."""
    case = lstm_circuit(timing=timing)
    first, *others = (waveforms(tmp_path, case, dialect, suited(case.network)) for dialect in RUN_BY_NGSPICE)
    memories = np.concatenate([case.network.unknowns[label] - 1 for label in ("l0_c", "l0_h")])
    for dialect, other in zip(list(RUN_BY_NGSPICE)[1:], others, strict=True):
        np.testing.assert_allclose(other[:, memories], first[:, memories], rtol=0, atol=1e-5, err_msg=dialect.name)
    assert set(DIALECTS) - set(RUN_BY_NGSPICE) == {SPECTRE}


def test_ngspice_runs_every_kind_of_part_in_five_dialects(everything, tmp_path):
    first, *others = (waveforms(tmp_path, everything, dialect, USUAL) for dialect in RUN_BY_NGSPICE)
    for dialect, other in zip(list(RUN_BY_NGSPICE)[1:], others, strict=True):
        size = DEFAULT if dialect is PORTABLE else 1e-3
        np.testing.assert_allclose(other, first, rtol=size, atol=size, err_msg=dialect.name)
