"""The portability test: no construct of one dialect enters another without being found, by line."""

from dataclasses import replace

import by_hand
import numpy as np
import pytest

from lstm_analog.errors import FileAccessError, FileFormatError, UnsupportedError
from lstm_analog.export import DIALECTS, NGSPICE, SPECTRE, USUAL, check_dialect, write_spice
from lstm_analog.export.dialects import HSPICE, LTSPICE, PORTABLE, XYCE
from lstm_analog.export.lint_decks import expression_faults
from lstm_analog.export.rules import NGSPICE_RULES, PORTABLE_RULES, RULES
from lstm_analog.network.parts import Sources, Storages, ThresholdSwitches

OTHERS = tuple(dialect for dialect in DIALECTS if dialect is not NGSPICE)

PLANTED = {
    "an XSPICE device": ("aplant l0_h_0 plant_0 slew", DIALECTS, "card must begin with|must name a model"),
    "an XSPICE model": (".model plant gain(gain=2)", DIALECTS, "kind of model must be one of .*got gain"),
    "a transmission line of ngspice": ("uplant l0_h_0 plant_0 0 urc", DIALECTS, "card must begin with"),
    "a control block": (".control\nrun\nplot v(l0_h_0)\n.endc", OTHERS, "command must be one of"),
    "a B source without braces": (
        "bplant plant_0 0 v=tanh(v(l0_h_0))",
        (XYCE, HSPICE, SPECTRE, PORTABLE),
        "expression must stand in {}|card must begin with",
    ),
    "a power by ^": ("bplant plant_0 0 v={v(l0_h_0)^2}", OTHERS, r"operator must .*got \^: write x\*x|card must begin"),
    "a conditional": (
        "bplant plant_0 0 v={v(l0_h_0)>0?1:0}",
        (LTSPICE, HSPICE, SPECTRE, PORTABLE),
        "operator must be one of|card must begin with",
    ),
    "a switch without a model": ("splant l0_h_0 0 l0_c_0 0 none", DIALECTS, "card must begin with|must name a model"),
    "a switch model": (
        ".model plant sw(vt=0.5 vh=0 ron=1 roff=1meg)",
        (XYCE, HSPICE, SPECTRE, PORTABLE),
        "kind of model must be one of .*got sw: write the switch as this dialect does",
    ),
    "a list of what is kept": (".save v(l0_h_0)", (XYCE, HSPICE, SPECTRE, PORTABLE), "command must be one of"),
    "options": (".options reltol=1e-4 vntol=1e-9", (XYCE, SPECTRE, PORTABLE), "options must name|option|command"),
    "KLU": (".options klu", DIALECTS, "options must name|option must be one of|command must be one of"),
    "an expression by value=": ("eplant plant_0 0 value={v(l0_h_0)}", (HSPICE, SPECTRE), "must impose|must have four"),
    "an expression by vol=": ("eplant plant_0 0 vol='v(l0_h_0)'", (LTSPICE, XYCE, SPECTRE, PORTABLE), "must"),
    "braces on a card": ("rplant plant_0 0 {2*l0_rows_load_r}", (HSPICE, SPECTRE), "expression must stand in ''"),
    "quotes on a card": (
        "rplant plant_0 0 '2*l0_rows_load_r'",
        (LTSPICE, XYCE, PORTABLE),
        "expression must stand in {}",
    ),
    "an unknown parameter": ("rplant plant_0 0 {nothing}", DIALECTS, "be a parameter, got nothing|must stand in ''"),
    "a brace left open": ("eplant plant_0 0 value={v(l0_h_0)", DIALECTS, "statement must close its braces and quotes"),
    "a quote left open": ("rplant plant_0 0 '2*l0_rows_load_r", DIALECTS, "statement must close its braces and quotes"),
    "a card called r[0]": ("r[0] plant_0 0 1k", DIALECTS, r"name of a card must be a letter .*got r\[0\]: rename it"),
    "a source for every analysis": ("vplant plant_0 0 dc 1 ac 1", (), ""),
    "a primitive of Spectre": (".model switch npn(is=1e-16)", (SPECTRE,), "name must not be that of a primitive"),
    "a number that is none": ("rplant plant_0 0 4_7", DIALECTS, "value must be a number"),
    "a number with decimals behind": ("rplant plant_0 0 4k7", DIALECTS, "value must mean the same to all simulators"),
    "mega by x": ("rplant plant_0 0 4x", DIALECTS, "value must mean the same to .*1e6 in Xyce, a unit in ngspice"),
    "a mil": ("rplant plant_0 0 4MIL", DIALECTS, "value must mean the same to .*25.4e-6 on a card of ngspice"),
    "amperes": ("vplant plant_0 0 4amp", DIALECTS, "value must mean the same to all .*1e-18 from ngspice 42 on"),
    "a mil in an expression": (
        ".param plant={2*4mil}",
        DIALECTS,
        "value must mean the same to all simulators|expression must stand in ''",
    ),
    "a unit in the plural": ("rplant plant_0 0 4kohms", (XYCE, PORTABLE), "value must have no unit, or one of a amp"),
    "a sign that is no ASCII": ("rplant plant_0 0 4\u00b5", DIALECTS, "line must be ASCII, got .*: write u for micro"),
    "a remark of ngspice": (
        "rplant plant_0 0 4k ; 4 k\u2126",
        (HSPICE, SPECTRE),
        "line must hold no comment of another dialect, got ;",
    ),
    "a dollar behind a value": ("rplant plant_0 0 4k$ why", DIALECTS, "value must be a number"),
    "times with suffixes": ("vplant plant_0 0 pwl( 0 1 1u 1 2m 0 )", (), ""),
    "a node with a colon": ("rplant plant:0 0 1k", DIALECTS, "node must be a number, or a letter followed by"),
    "a node with a number": ("rplant 17 0 1k", (), ""),
    "a model without brackets": (".model plant npn is=1e-16 bf=100", (), ""),
    "a model with an expression": (
        ".model plant sw(vt={(1+2)/2} vh=0 ron=1 roff=1meg)",
        (XYCE, HSPICE, SPECTRE, PORTABLE),
        "kind of model must be one of .*got sw: write the switch",
    ),
    "a source by dc=": ("vplant plant_0 0 dc=5", (), ""),
    "two parameters, one of them known": (
        ".param plant=1 plant=2",
        DIALECTS,
        "name must be given once, got .param plant",
    ),
    "a parameter that is a constant": (
        ".param e=2",
        (NGSPICE, LTSPICE, PORTABLE),
        "must not be one of e .*, got e: ren",
    ),
    "an expression without marks": (
        ".param plant=2*3",
        (XYCE, HSPICE, SPECTRE, PORTABLE),
        "value must be a number or an",
    ),
    "a node called gnd": ("rplant plant_0 gnd 1k", DIALECTS, "node must not be one of .*gnd"),
    "a subcircuit that is none": ("xplant l0_h_0 nothing", DIALECTS, "must call a subcircuit of this deck"),
    "a name given twice": ("RL0_ROWS_LOAD_0 plant_0 0 1k", DIALECTS, "name must be given once, got rl0_rows_load_0"),
    "times out of order": ("vplant plant_0 0 pwl( 0 1 2 1 1 0 )", DIALECTS, "must have pairs in order of time"),
    "a random number": (
        "rplant plant_0 0 {agauss(1,1,1)}",
        DIALECTS,
        "function must .*draw the numbers in Python|must stand in ''",
    ),
    "a remark of Spectre": ("rplant plant_0 0 1k // why", (LTSPICE, XYCE, HSPICE, PORTABLE), "no comment of another"),
    "a remark of HSPICE": ("rplant plant_0 0 1k $ why", (LTSPICE, XYCE, SPECTRE, PORTABLE), "no comment of another"),
    "a transient run with a longest step": (".tran 1u 2u 0 1u", (HSPICE, SPECTRE), r"\.tran must have|command must be"),
    "a change of language": (
        "simulator lang=spectre",
        tuple(d for d in DIALECTS if d is not SPECTRE),
        "statement must",
    ),
}
"""What is planted, the dialects that refuse it, and how the finding reads."""


@pytest.fixture
def deck(lstm_circuit, tmp_path):
    """Return a maker of a deck in a dialect with a line put in before the clocks, and the number of that line."""
    case = lstm_circuit()

    def make(dialect, line):
        path = tmp_path / f"{dialect.name}.cir"
        write_spice(path, case.network, case.schedule, dialect, USUAL)
        lines = path.read_text().splitlines()
        place = lines.index("*| clocks")
        path.write_text("\n".join([*lines[:place], line, *lines[place:]]) + "\n", encoding="utf-8")
        return path, place + 1

    return make


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("what", PLANTED)
def test_what_is_planted_is_found_where_it_is_refused(deck, what, dialect):
    line, refusing, text = PLANTED[what]
    path, number = deck(dialect, line)
    found = [str(breach) for breach in check_dialect(path, dialect) if breach.line == number]
    if dialect not in refusing:
        assert found == []
        return
    assert found, f"{line!r} passes for {dialect.name}"
    with pytest.raises(AssertionError, match=text):
        raise AssertionError(" | ".join(found))
    assert found[0].startswith(f"line {number}: ")


ACCEPTED = {"ngspice": {"u"}, "ltspice": {"u", "if", "limit", "table"}, "xyce": {"if", "limit", "table", "stp"}}


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("function", ["if", "u", "limit", "stp", "table", "agauss", "sinc"])
def test_a_function_of_another_dialect_is_found_in_a_device(deck, dialect, function):
    path, _ = deck(dialect, "")
    text = path.read_text()
    path.write_text(text.replace("tanh(", f"{function}(", 1))
    number = next(n for n, line in enumerate(path.read_text().splitlines(), start=1) if f"{function}(" in line)
    found = [str(breach) for breach in check_dialect(path, dialect)]
    if function in ACCEPTED.get(dialect.name, set()):
        assert found == []
    else:
        assert any(line.startswith(f"line {number}: function must be one of ") for line in found)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_a_deck_of_one_dialect_is_no_deck_of_another(deck, dialect):
    """But for what is common: PORTABLE runs in three, ngspice's switch and sources in LTspice."""
    path, _ = deck(dialect, "")
    clean = {other.name for other in DIALECTS if not check_dialect(path, other)}
    common = {"ngspice": {"ltspice"}, "portable": {"ngspice", "ltspice", "xyce"}}
    assert clean == {dialect.name} | common.get(dialect.name, set())


def test_a_negative_hysteresis_is_for_ltspice_only(deck):
    line = ".model plant sw(vt=0.5 vh=-0.1 ron=1 roff=1meg)"
    path, number = deck(NGSPICE, line)
    (breach,) = check_dialect(path, NGSPICE)
    assert str(breach) == f"line {number}: vh must not be negative, got -0.1: only LTspice is smooth then: write 0"
    assert check_dialect(deck(LTSPICE, line)[0], LTSPICE) == ()


def test_params_stand_where_they_must(deck):
    for dialect, old, new in (
        (XYCE, "clocked_switch params: ron", "clocked_switch ron"),
        (HSPICE, ".subckt clocked_switch a b clk ron", ".subckt clocked_switch a b clk params: ron"),
    ):
        path, _ = deck(dialect, "")
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        assert any("params: must" in str(breach) for breach in check_dialect(path, dialect))


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_what_follows_a_model_is_a_value(deck, dialect):
    """An area in braces whose parameter nobody has declared; a plain number is fine."""
    for area, clean in (("2.5", True), ("{nothing}", False), ("area={nothing}", False)):
        lines = f".model plant npn(is=1e-16)\nqplant l0_h_0 plant_0 0 plant {area}"
        path, number = deck(dialect, lines)
        found = [str(breach) for breach in check_dialect(path, dialect) if breach.line in (number, number + 1)]
        assert (found == []) == clean, found
        assert clean or "be a parameter, got nothing" in found[0] or "expression must stand in ''" in found[0]


def test_a_subcircuit_is_not_called_as_a_primitive(deck):
    path, _ = deck(SPECTRE, "")
    text = path.read_text().replace("clocked_switch", "relay")
    path.write_text(text)
    found = [str(breach) for breach in check_dialect(path, SPECTRE)]
    assert any("name must not be that of a primitive, got relay: rename it" in line for line in found), found


def test_lines_and_expressions_have_a_longest(deck):
    path, number = deck(HSPICE, f"rplant plant_0 0 1{' ' * 1030}")
    assert any("line must have at most 1024 letters" in str(breach) for breach in check_dialect(path, HSPICE))
    sums = "+".join(["v(l0_h_0)"] * 200)
    path, number = deck(HSPICE, f"eplant plant_0 0 vol='{sums[:900]}\n+ {sums[900:]}'")
    found = [str(breach) for breach in check_dialect(path, HSPICE) if breach.line == number]
    assert any("expression must have at most 1024 letters" in text for text in found)


def test_a_subcircuit_is_called_as_it_was_defined(deck):
    for new, text in (
        ("xplant l0_h_0 0 clocked_switch ron=1 roff=2", "must have 3 nodes, got 2"),
        ("xplant l0_h_0 0 l0_c_0 clocked_switch ron=1 rof=2", "must give only roff ron, got rof"),
    ):
        path, _ = deck(NGSPICE, new)
        assert any(text in str(breach) for breach in check_dialect(path, NGSPICE))


def test_a_line_of_semicolons_before_a_continuation_is_found(deck):
    path, number = deck(NGSPICE, "rplant plant_0 0\n; why\n\n+ 1k")
    found = [str(breach) for breach in check_dialect(path, NGSPICE)]
    assert f"line {number + 3}: line must follow what it continues: ngspice drops it, got a line of ;" in found[-1]


def test_remarks_of_other_dialects_are_found_from_the_second_line_on(tmp_path):
    """The first is a title, of any text."""
    path = tmp_path / "a.cir"
    path.write_text("a title ; of any text\nr1 a 0 1k ; of another\n.end\n")
    found = [str(breach) for breach in check_dialect(path, HSPICE)]
    assert found[0] == "line 2: line must hold no comment of another dialect, got ;: remove it"
    assert all(breach.startswith("line 2: ") for breach in found)


def test_a_card_of_another_dialect_is_named(deck):
    path, number = deck(HSPICE, "aplant l0_h_0 plant_0 slew")
    (found,) = [breach for breach in check_dialect(path, HSPICE) if breach.line == number]
    assert ", got aplant: say it with cards" in str(found)


def test_a_deck_ends_and_is_text(tmp_path):
    path = tmp_path / "a.cir"
    path.write_text("* title\nr1 a 0 1k\n")
    assert [str(b) for b in check_dialect(path, NGSPICE)] == ["line 2: deck must end with .end, got r1 a 0 1k: add it"]
    path.write_text("")
    assert [b.line for b in check_dialect(path, PORTABLE)] == [1]
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(FileFormatError, match="must be text in UTF-8"):
        check_dialect(path, NGSPICE)
    with pytest.raises(FileAccessError):
        check_dialect(tmp_path / "none.cir", NGSPICE)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("1+", "complete"),
        ("(1", "complete"),
        ("1)", "complete"),
        ("1 2", "by turns"),
        ("k*/2", "by turns"),
        ("tanh(1,2)", "have 1 arguments"),
        ("max(1)", "have 2 arguments"),
        ("1#2", "one of"),
        ("{k}", "one of"),
    ],
)
def test_grammar_of_expressions(text, complaint):
    found = [fault.must for fault in expression_faults(text, NGSPICE_RULES, frozenset({"k"}))]
    assert any(complaint in must for must in found), found


@pytest.mark.parametrize("text", ["1", "-k", "2*(-k)", "max(v(a),-1.5e-3)*v(a,b)", "tanh(min(k,max(1,2)))", "1k+2meg"])
def test_good_expressions_have_no_faults(text):
    assert list(expression_faults(text, PORTABLE_RULES, frozenset({"k"}))) == []


def test_the_portable_rules_are_common_ground():
    """Nothing that PORTABLE allows is refused by the three simulators it runs in."""
    for name in ("ngspice", "ltspice", "xyce"):
        rules = RULES[name]
        assert set(PORTABLE_RULES.letters) <= set(rules.letters)
        for what in ("statements", "functions", "operators"):
            assert getattr(PORTABLE_RULES, what) <= getattr(rules, what)


def test_no_damage_stops_the_check(deck):
    rng = np.random.default_rng(4)
    path, _ = deck(SPECTRE, "")
    text = path.read_text()
    for _ in range(60):
        place = int(rng.integers(len(text)))
        path.write_text(text[:place] + chr(rng.integers(32, 127)) * int(rng.integers(4)) + text[place + 1 :])
        for dialect in DIALECTS:
            check_dialect(path, dialect)


def test_a_dialect_without_rules_is_refused(tmp_path):
    with pytest.raises(UnsupportedError, match=r"dialect must be one of ngspice, .*, got 'mine': run the deck"):
        check_dialect(tmp_path / "none.cir", replace(NGSPICE, name="mine"))


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("line", ["{ {", "' '", "simulator lang=spectre\nparameters", "simulator lang=spectre\n{ {"])
def test_statements_that_are_none_are_findings(tmp_path, line, dialect):
    """An index out of range."""
    path = tmp_path / "a.cir"
    path.write_text(f"* title\n{line}\n.end\n")
    found = check_dialect(path, dialect)
    assert found or (dialect is SPECTRE and line.endswith("parameters"))


@pytest.mark.parametrize("dialect", [NGSPICE, LTSPICE], ids=lambda dialect: dialect.name)
def test_switches_that_switch_by_themselves_keep_the_rules(tmp_path, dialect):
    ends = {"a": [1], "b": [2], "p": [2], "n": [0], "state": [3]}
    network = by_hand.network(
        {"s": 1, "c": 1, "t": 1},
        Sources(label="s", nodes=[1], effort=1.0),
        Storages(label="c", nodes=[2], capacitance=1.0),
        ThresholdSwitches(label="lamp", **ends, upper=[0.5], lower=[0.2], closed=[1.0], opened=[1e-3]),
    )
    write_spice(tmp_path / "a.cir", network, by_hand.schedule(np.ones(2), s=(0.0, 1.0)), dialect, USUAL)
    assert check_dialect(tmp_path / "a.cir", dialect) == ()
