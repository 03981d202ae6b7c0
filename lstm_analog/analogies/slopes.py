"""Junctions whose voltage holds the gradient of a loss: what the circuits of descent have in common."""

from functools import singledispatch

import numpy as np

from lstm_analog.analogies.losses import Logistic, OnlineSquares, Quadratic
from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.network_builder import NetworkBuilder
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.network.domain import ELECTRICAL
from lstm_analog.network.parts import ALWAYS, Factor, Pairs, Transconductors
from lstm_analog.network.shapes import Shape

LINES = ("set", "run")
"""While `set` is high the weights are held at their start; while `run` is high they move."""
WEIGHTS = "w"
"""Label of the group of nodes that hold the weights."""


class SlopeCircuit(NetworkBuilder):
    """A circuit under construction, one unit of each signal being `volt`; `load` (S) is that of every junction."""

    domain = ELECTRICAL

    def __init__(self, volt: float, load: float) -> None:
        """Start with a source of one unit, `one`."""
        NetworkBuilder.__init__(self, volt, LINES)
        self.volt, self.load = volt, load
        self.one = self.sources("one", np.array([volt]))

    def weights(self, start: Floats, capacitance: Floats, closed: float, leak: float) -> Indices:
        """Return nodes (n,) with storages of `capacitance` (F), held at `start` (n,) by switches while line 0 is high.

        The switches conduct `closed` (S), afterwards `leak`.
        """
        nodes, held = self.nodes(WEIGHTS, start.size), self.sources("start", self.volt * start)
        self.storages("weights", nodes, capacitance)
        self.switches("hold", LINES[0], held, nodes, closed=closed, opened=leak)
        return nodes

    def balances(self, label: str, size: int) -> Indices:
        """Return new junctions (`size`,) with their load; `label` is that of their group."""
        nodes = self.nodes(label, size)
        self.junctions(f"{label}_balance", nodes)
        self.to_datum(f"{label}_load", nodes, self.load)
        return nodes

    def add(self, label: str, rows: Indices, inputs: Indices, gain: Floats) -> None:
        """Add the bank `label` that brings `gain` (m, n) of the `inputs` (n,) to the `rows` (m,), over their load."""
        matrix = self.load * gain
        self.parts.append(Transconductors(label=label, inputs=inputs, rows=rows, transconductance=matrix))

    def multiply(
        self, label: str, out: Indices, current: Floats, factors: tuple[Factor, ...], line: int = ALWAYS
    ) -> None:
        """Add the bank `label` of stacked pairs: `current` (m,), in A, times the `factors` into `out` (m,).

        They are off while the clock `line` is low.
        """
        self.parts.append(Pairs(label=label, line=line, factors=factors, out=out, current=current))

    def factor(self, p: Indices, n: Indices | None = None, shape: Shape = Shape.LINEAR, offset: float = 0.0) -> Factor:
        """Return the signal of `p` (m,), less that of `n`, and `offset`, in units, through the curve `shape`."""
        low = np.zeros(p.size, np.int64) if n is None else n
        return Factor(shape=shape, p=p, n=low, scale=np.array(1.0 / self.volt), offset=np.array(offset))


@singledispatch
def add_slope(loss: object, circuit: SlopeCircuit, weights: Indices, out: Indices, own: float, gain: Floats) -> None:
    """Bring `own` w + `gain` grad f(w) to the junctions `out` (n,) of `circuit`, w being the signals at `weights` (n,).

    `gain` is (n,). Raises `UnsupportedError` for a `loss` of which no circuit is known.
    """
    must, got = "be Quadratic, Logistic or OnlineSquares", type(loss).__name__
    raise UnsupportedError(explain("loss", must=must, got=got, do="register its circuit for add_slope"))


@add_slope.register
def _(loss: Quadratic, circuit: SlopeCircuit, weights: Indices, out: Indices, own: float, gain: Floats) -> None:
    matrix = own * np.eye(out.size) + gain[:, None] * loss.hessian
    circuit.add("hessian", out, np.append(weights, circuit.one), np.column_stack((matrix, -gain * loss.pull)))


@add_slope.register
def _(loss: Logistic, circuit: SlopeCircuit, weights: Indices, out: Indices, own: float, gain: Floats) -> None:
    samples = len(loss.labels)
    logits, chances = circuit.balances("logits", samples), circuit.balances("chances", samples)
    circuit.add("features", logits, weights, loss.features)
    current = np.full(samples, circuit.load * circuit.volt)
    circuit.multiply("sigmoids", chances, current, (circuit.factor(logits, shape=Shape.SIGMOID),))
    share = gain[:, None] * loss.features.T / samples
    matrix = np.column_stack(((own + gain * loss.decay) * np.eye(out.size), share, -share @ loss.labels))
    circuit.add("gradient", out, np.concatenate((weights, chances, circuit.one)), matrix)


@add_slope.register
def _(loss: OnlineSquares, circuit: SlopeCircuit, weights: Indices, out: Indices, own: float, gain: Floats) -> None:
    features, target = circuit.sources("features", np.zeros(out.size)), circuit.sources("target", np.zeros(1))
    (answer,) = circuit.balances("answer", 1)
    answers, targets = np.full(out.size, answer), np.full(out.size, target[0])
    current, seen = np.full(out.size, circuit.load * circuit.volt), circuit.factor(features)
    circuit.multiply("products", answers, current, (circuit.factor(weights), seen))
    circuit.multiply("errors", out, -gain * current, (circuit.factor(targets, answers), seen))
    circuit.add("own", out, weights, own * np.eye(out.size))
