"""Values as simulators read them: every spelling that the reader takes is the same number to ngspice."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lstm_analog.errors import FileFormatError
from lstm_analog.export import read_spice
from lstm_analog.export.numbers import BOUND, number_text, parse_number

BENCH = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("spellings.py"))))
PLAIN = [
    f"{digits}{suffix}{unit}"
    for digits in ("1", "4.7", ".5", "5.", "-3", "+2", "1e3", "1E-3", "2.5e+2")
    for suffix in ("", *"TGKMUNPFtgkmunpf", "meg", "MEG", "Meg")
    for unit in ("", "ohm", "V", "Hz", "s")
]
DIFFERENT = {
    "1a": "a unit in ngspice 39, a factor of 1e-18 from ngspice 42 on",
    "1x": "a factor of 1e6 in Xyce, a unit in ngspice and LTspice: write meg",
    "1mil": "25.4e-6 on a card of ngspice, of 1e-3 in its .param",
    "4k7": "digits that ngspice ignores on a card, decimals in LTspice: write the point, as in 4.7k",
    "1f5": "digits that ngspice ignores",
    "0x10": "0 on a card of ngspice, hexadecimal in its .param",
    "1d3": "an exponent on a card of ngspice",
    "1e": "an exponent without digits",
    "1ek": "an exponent without digits",
}


def test_a_thousand_spellings_are_the_same_to_ngspice(tmp_path):
    taken, refused = BENCH.drawn(0, 1000)
    assert len(taken) > 300
    assert len(refused) > 300
    assert BENCH.differing(tmp_path / "bench.cir", taken) == []


def test_what_designers_write_is_taken(tmp_path):
    taken = [text for text in PLAIN if 1e-11 < abs(BENCH.ours(text)) < 1e15]
    assert len(taken) > 0.75 * len(PLAIN)
    assert BENCH.differing(tmp_path / "bench.cir", taken[::4]) == []


@pytest.mark.parametrize("text", DIFFERENT)
def test_a_spelling_on_which_simulators_differ_is_refused_with_what_they_make_of_it(text):
    with pytest.raises(FileFormatError, match="netlist value must mean the same to all simulators, got") as caught:
        parse_number(text.upper(), {})
    assert DIFFERENT[text] in str(caught.value)
    with pytest.raises(FileFormatError, match="netlist value must mean the same to all simulators, got"):
        parse_number(f"{{2*{text}}}", {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{2**3}", r"expression must be numbers and names with \+ - \* / \( \), got '2\*\*3': write its value"),
        ("{-p_two^2}", "expression must be numbers and names with"),
        ("{2*-3}", "expression must be numbers and names with"),
        ("{p_two?1:2}", "expression must be numbers and names with"),
        ("{(1+2}", "expression must be numbers and names with"),
        ("{1+2)}", "expression must be numbers and names with"),
        ("{1 2}", "expression must be numbers and names with"),
        ("{1+}", "expression must be numbers and names with"),
        ("{*2}", "expression must be numbers and names with"),
        ("{()}", "expression must be numbers and names with"),
        ("{{p_two}}", "expression must be numbers and names with"),
        ("{max(1,2)}", r"name in an expression must be a parameter, got 'max in max\(1,2\)': declare it"),
        ("{nothing}", "name in an expression must be a parameter, got 'nothing in nothing'"),
        ("{1/(p_two-2)}", "expression must not divide by zero, got 1/0"),
        ("p_two", "netlist value must be a number, got 'p_two'"),
        ("{}", "netlist value must be a number"),
        ("'", "netlist value must be a number"),
        ("{" + "(" * 10**5 + "1" + ")" * 10**5, "netlist value must be a number"),
    ],
)
def test_what_dialects_read_in_different_ways_is_refused(text, message):
    with pytest.raises(FileFormatError, match=f"^{message}"):
        parse_number(text, BENCH.NAMES)


def test_deep_brackets_are_no_recursion():
    assert parse_number("{" + "(" * 10**4 + "1" + ")" * 10**4 + "}", {}) == 1.0


LAYOUTS = (
    "rr_{k} rat_{k} 0 10k",
    "RR_{k} RAT_{k} 0 10K",
    "rr_{k}\trat_{k}\t0\t10k",
    "  rr_{k}   rat_{k} 0  10k  ",
    "rr_{k} rat_{k} 0 {{10000}}",
    "rr_{k} rat_{k} 0 '10000'",
    "rr_{k} rat_{k} 0 {{ 5k * p_two }}",
    "rr_{k} rat_{k} 0 ' 5k*P_TWO '",
    "rr_{k} rat_{k} 0 r=10k",
    "rr_{k} rat_{k} 0 R = 10k",
    "rr_{k} rat_{k} 0 resistance={{10k}}",
    "rr_{k} rat_{k} 0 10k tc=0",
    "rr_{k} rat_{k} 0 10k tc1=0 tc2 = 0.0",
    "rr_{k} rat_{k} 0 10k m=1",
    "rr_{k} rat_{k} 0 10k ; was 5k",
    "rr_{k} rat_{k} 0 10k;was 5k",
    "rr_{k} rat_{k} 0 10k $ was 5k",
    "rr_{k} rat_{k} 0 10k $was 5k",
    "rr_{k} rat_{k} 0 10k // was 5k",
    "rr_{k} rat_{k} 0 10k ; 10 k\u2126, \u00b5",
    "rr_{k} rat_{k} 0\n+ 10k",
    "rr_{k} rat_{k} 0 $ why\n  * not\n$ this\n\n + 10k ; one",
    "rr_{k} rat_{k} 0 10k\r",
)
"""Ways in which an editor leaves a resistor of 10 kilohm."""

REFUSED_LAYOUTS = {
    "rr_0 rat_0 0 10k m=2": "card rr_0 must give one value, got '10k m=2'",
    "rr_0 rat_0 0 10k tc=0.1": "card rr_0 must give one value, got '10k tc=0.1'",
    "rr_0 rat_0 0 10k temp=27": "card rr_0 must give one value",
    "rr_0 rat_0 0 10k 5": "card rr_0 must give one value, got '10k 5'",
    "rr_0 rat_0 0 10 k": "card rr_0 must give one value, got '10 k'",
    "rr_0 rat_0 0 c=10k": "netlist value must be a number, got 'c=10k'",
    "rr_0 rat_0 0 10k$ why": "netlist value must be a number, got '10k\\$'",
    "rr_0 rat_0 0\n; why\n+ 10k": "line [0-9]+ must follow what it continues: ngspice drops it, got 'a line of ;",
    "rr_0 rat_0 0 10\u00b5": "netlist must be ASCII text: line [0-9]+ must be so, got .*: write u for micro",
    "rr_0 rat_0 0 10k\x0crr_1 rat_0 0 10k": "card rr_0 must give one value",
    "rr_0 rat_0 0 10k \\\\\n+": "card rr_0 must give one value",
}


def relaid(path, cards):
    """Write a bench of resistors whose cards are `cards`."""
    BENCH.write_bench(path, ["1k"] * len(cards))
    text = path.read_text()
    for k, card in enumerate(cards):
        text = text.replace(f"rr_{k} rat_{k} 0 1k\n", f"{card}\n")
    path.write_bytes(text.encode("utf-8"))


def test_what_an_editor_leaves_is_read_as_ngspice_reads_it(tmp_path):
    path = tmp_path / "bench.cir"
    relaid(path, [card.format(k=k) for k, card in enumerate(LAYOUTS)])
    (bank,) = (part for part in read_spice(path).network.parts if part.label == "r")
    np.testing.assert_allclose(bank.conductance, 1e-4, rtol=1e-12)
    np.testing.assert_allclose(BENCH.theirs(path, len(LAYOUTS), "ngspice")["r"], 1e4, rtol=1e-12)


@pytest.mark.parametrize("card", REFUSED_LAYOUTS)
def test_a_layout_that_means_something_else_is_refused(tmp_path, card):
    relaid(tmp_path / "bench.cir", [card])
    with pytest.raises(FileFormatError, match=f"^file .*: {REFUSED_LAYOUTS[card]}"):
        read_spice(tmp_path / "bench.cir")


PARAMETERS = {
    ".param q=7": 7.0,
    ".PARAM Q = 7": 7.0,
    ".param\tq=7 w=8": 7.0,
    ".param w={p_two + 1} q='w*p_two+1'": 7.0,
    ".param q=p_two*3+1": 7.0,
    ".param q=7 $ why": 7.0,
    ".param q=7;why": 7.0,
    ".param q\n+=7.0ohm": 7.0,
    "  .param q=( 7 )".replace(" 7 ", "7"): 7.0,
}


def test_parameters_are_read_as_ngspice_reads_them(tmp_path):
    for line, value in PARAMETERS.items():
        path = tmp_path / "bench.cir"
        relaid(path, ["rr_0 rat_0 0 {q}"])
        path.write_text(path.read_text().replace("* ---- devices", f"{line}\n* ---- devices"))
        (bank,) = (part for part in read_spice(path).network.parts if part.label == "r")
        np.testing.assert_allclose(1.0 / bank.conductance, value, rtol=1e-12, err_msg=line)
        np.testing.assert_allclose(BENCH.theirs(path, 1, "ngspice")["r"], value, rtol=1e-12, err_msg=line)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (".param q=w\n.param w=7", "name in an expression must be a parameter, got 'w in w'"),
        (".param q=7 * 3", r"\.param must be name=value, got '\*'"),
        (".param q=7\n.param Q=8", r"\.param q must be given once"),
        (".param time=7", r"\.param must be name=value, got 'time=7': .* take no name of a simulator's own"),
        (".parameter q=7", r"device line must stand as written, got '\.parameter q=7'"),
        (".param q 7", r"\.param must be name=value, got 'q'"),
    ],
)
def test_other_parameters_are_refused(tmp_path, line, message):
    path = tmp_path / "bench.cir"
    relaid(path, ["rr_0 rat_0 0 1k"])
    path.write_text(path.read_text().replace("* ---- devices", f"{line}\n* ---- devices"))
    with pytest.raises(FileFormatError, match=f"^file .*: {message}"):
        read_spice(path)


# Numbers alone.


def test_numbers_read_back_to_the_last_bit():
    rng = np.random.default_rng(0)
    values = [*rng.normal(size=200) * 10.0 ** rng.integers(-30, 30, 200), 0.0, -0.0, 5e-324, 1e299]
    for value in values:
        again = parse_number(number_text(value), {})
        assert again == value
        assert np.signbit(again) == np.signbit(value)


def test_infinity_is_a_bound():
    assert number_text(np.inf) == repr(BOUND)
    assert parse_number(number_text(-np.inf), {}) == -np.inf


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4.7k", 4700.0),
        ("4.7K", 4700.0),
        ("10MEG", 1e7),
        ("10m", 1e-2),
        ("100pF", 1e-10),
        ("1e3ohm", 1e3),
        ("-.5u", -0.5e-6),
        ("+3.", 3.0),
        ("1e-3n", 1e-12),
        ("5volt", 5.0),
        ("{r_load}", 5e3),
    ],
)
def test_spice_suffixes(text, value):
    assert parse_number(text, {"r_load": 5e3}) == pytest.approx(value, rel=1e-15)


GARBAGE = ("", "abc", "1 2", "{r_load", "1,5", "nan", "--1", "1_0", "inf", "1.2.3")


@pytest.mark.parametrize("text", GARBAGE)
def test_garbage_is_refused(text):
    with pytest.raises(FileFormatError, match=r"^netlist value must be a number, got .*: write digits with a SPICE"):
        parse_number(text, {"r_load": 1.0})
