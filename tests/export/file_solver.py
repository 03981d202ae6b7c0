"""A solver written from a graph file alone: it imports nothing of the package that wrote the file.

It reads the JSON or GraphML of a network with its schedule, evaluates the formulas in it, and integrates what they say.
What it knows is what the attribute `grammar` of every such file tells. The method is its own too: the linearly implicit
Euler step with extrapolation, for M e' = f(e) (Deuflhard, Hairer and Zugck 1987), M being singular where a node stores
nothing, with Jacobians by differences.
"""

import ast
import json
import re
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

import networkx as nx
import numpy as np
from scipy.linalg import lu_factor, lu_solve

GRAMMAR = (ast.Expression, ast.BinOp, ast.UnaryOp, ast.Call, ast.Name, ast.Load, ast.Constant)
GRAMMAR += (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.UAdd, ast.USub)
FUNCTIONS = {"abs": np.abs, "exp": np.exp, "log1p": np.log1p, "max": np.maximum, "min": np.minimum}
FUNCTIONS |= {"sqrt": np.sqrt, "tanh": np.tanh}


def read(path: Path) -> tuple[dict, dict[str, dict], list[dict]]:
    """Return what the graph, its nodes and its edges bear in the file at `path`; edges with `source` and `target`."""
    if path.suffix == ".json":
        data = json.loads(path.read_text())
        return data["graph"], {node["id"]: node for node in data["nodes"]}, data["edges"]
    found = nx.read_graphml(path, force_multigraph=True)
    whole = found.graph | {name: json.loads(found.graph[name]) for name in ("laws", "schedule") if name in found.graph}
    edges = [data | {"source": tail, "target": head} for tail, head, data in found.edges(data=True)]
    return whole, dict(found.nodes(data=True)), edges


def parse(formula: str) -> list[tuple[str, CodeType]]:
    """Return the statements of `formula`, in order: names and compiled expressions; else `ValueError`."""
    statements = []
    for statement in formula.split(";"):
        name, text = (side.strip() for side in statement.split("="))
        tree = ast.parse(text, name, "eval")
        if not all(isinstance(node, GRAMMAR) for node in ast.walk(tree)):
            raise ValueError(f"not in the grammar: {text}")
        statements.append((name, compile(tree, name, "eval")))
    return statements


def evaluate(statements: list[tuple[str, CodeType]], values: dict) -> tuple[str, np.ndarray]:
    """Return what the last of the `statements` gives, and its value, where names have these `values`."""
    known = FUNCTIONS | values
    for name, code in statements:
        known[name] = eval(code, {"__builtins__": {}}, known)
    return name, known[name]


@dataclass
class Elements:
    """All elements of one law and clock line: further nodes and parameters in it, (m,) each, and who takes what."""

    statements: list[tuple[str, CodeType]]
    clock: str | None
    places: dict[str, np.ndarray]
    values: dict[str, np.ndarray]
    takes: np.ndarray

    def give(self, effort: np.ndarray, high: list[str]) -> np.ndarray:
        """Return what each node takes of them at `effort` (..., nodes) with the clock lines `high`."""
        on = float(self.clock is None or self.clock in high)
        efforts = {name: effort[..., place] for name, place in self.places.items()}
        gives, value = evaluate(self.statements, self.values | efforts | {"on": on})
        return (value - efforts["e"] if gives == "effort" else value) @ self.takes


class FileNetwork:
    """The network of a file: `names` of its nodes, `scale` and `mass` of each, f(e) of `mass` de/dt = f(e)."""

    def __init__(self, path: Path) -> None:
        whole, nodes, edges = read(path)
        self.names, self.schedule = list(nodes), whole["schedule"]
        self.place = {name: k for k, name in enumerate(self.names)}
        self.scale, self.start = (np.array([node[key] for node in nodes.values()]) for key in ("scale", "start"))
        self.sources = {self.place[name]: node["effort"] for name, node in nodes.items() if node["kind"] == "a source"}
        takers = ("a storage", "a junction")
        self.takes = np.array([node["kind"] in takers for node in nodes.values()], dtype=float)
        self.free = np.array([k for k, name in enumerate(self.names) if name != "0" and k not in self.sources])
        masses = [
            n["capacitance"] if n["kind"] == "a storage" else n["kind"] == "an internal state" for n in nodes.values()
        ]
        self.mass = np.array(masses, dtype=float)[self.free]
        groups: dict[tuple, list[dict]] = {}
        every = [node | {"e": name} for name, node in nodes.items()]
        every += [edge | {"a": edge["source"], "b": edge["target"]} for edge in edges]
        for element in every:
            if "law" in element:
                groups.setdefault((element["law"], element.get("clock")), []).append(element)
        self.elements = [self._group(whole["laws"][law], clock, found) for (law, clock), found in groups.items()]

    def _group(self, law: dict, clock: str | None, found: list[dict]) -> Elements:
        statements = parse(law["formula"])
        given = statements[-1][0]
        words = {"a", "b", "e", *re.findall(r"[a-z_]\w*", law["formula"])} & found[0].keys() - law["units"].keys()
        places = {word: np.array([self.place[element[word]] for element in found]) for word in words}
        takes = np.zeros((len(found), len(self.names)))
        for end, sign in {"through": {"a": -1.0, "b": 1.0}, "into": {"b": 1.0}}.get(given, {"e": 1.0}).items():
            takes[np.arange(len(found)), places[end]] += sign
        if given in ("through", "into"):
            takes *= self.takes  # sources and followers supply what is drawn from them
        values = {name: np.array([element[name] for element in found]) for name in law["units"]}
        return Elements(statements, clock, places, values, takes)

    def rates(self, effort: np.ndarray, high: list[str]) -> np.ndarray:
        """Return f(e), (..., free): the flow into a node, what a follower lacks, the rate of an internal state."""
        return sum(group.give(effort, high) for group in self.elements)[..., self.free]

    def jacobian(self, effort: np.ndarray, high: list[str]) -> np.ndarray:
        """Return df/de, (free, free), by differences, all at once."""
        step = 1e-6 * self.scale[self.free]
        moved = np.repeat(effort[None], self.free.size + 1, axis=0)
        moved[np.arange(self.free.size), self.free] += step
        found = self.rates(moved, high)
        return ((found[:-1] - found[-1]) / step[:, None]).T

    def settle(self, effort: np.ndarray, high: list[str]) -> None:
        """Set what stores nothing to its balance, by Newton's method."""
        still = np.flatnonzero(self.mass == 0)
        for _ in range(30):
            matrix = self.jacobian(effort, high)[np.ix_(still, still)]
            change = np.linalg.solve(matrix, -self.rates(effort, high)[still]) if still.size else np.zeros(1)
            effort[self.free[still]] += change if still.size else 0.0
            if np.abs(change / self.scale[self.free[still]] if still.size else 0.0).max() < 1e-12:
                return
        raise RuntimeError("no balance found")

    def step(self, effort: np.ndarray, high: list[str], length: float, columns: int = 6) -> tuple[np.ndarray, float]:
        """Return the efforts after `length` seconds, and the error of the last column of the table, in units."""
        slope, table = self.jacobian(effort, high), []
        for count in range(1, columns + 1):
            matrix = np.diag(self.mass * count / length) - slope
            size = np.abs(matrix).max(axis=1)
            factors, now = lu_factor(matrix / size[:, None]), effort.copy()
            for _ in range(count):
                now[self.free] += lu_solve(factors, self.rates(now, high) / size)
            row = [now]
            for before, old in zip(range(1, count), table[-1] if table else [], strict=True):
                row.append(row[-1] + (row[-1] - old) / (count / (count - before) - 1.0))
            table.append(row)
        return table[-1][-1], float((np.abs(table[-1][-1] - table[-1][-2]) / self.scale).max())

    def solve(self, tolerance: float = 1e-8) -> np.ndarray:
        """Return the efforts at the end of each interval, (intervals, nodes), in the order of `names`."""
        effort, ends = self.start.copy(), []
        for number, interval in enumerate(self.schedule["intervals"]):
            effort[list(self.sources)] = list(self.sources.values())
            for bank in self.schedule["imposed"].values():
                row = bank["efforts"][min(number, len(bank["efforts"]) - 1)]
                effort[[self.place[name] for name in bank["nodes"]]] = row
            self.settle(effort, interval["high"])
            left = interval["duration"]
            length = left / 20.0
            while left > 0:
                length = min(length, left)
                trial, error = self.step(effort, interval["high"], length)
                if error <= tolerance:
                    effort, left = trial, left - length
                length *= min(4.0, max(0.2, 0.8 * (tolerance / (error + 1e-300)) ** (1 / 6)))
            ends.append(effort.copy())
        return np.array(ends)
