"""A graph file suffices: a solver that knows nothing of this package runs it as the engines run the network."""

import ast
import json
import runpy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lstm_analog import imperfections as imp
from lstm_analog.compiler.electrical import BEHAVIOURAL, OPAMP_IDEAL
from lstm_analog.compiler.hydraulic import OIL, Detail
from lstm_analog.compiler.timing import CLOCKED, GATED_LEAK, Timing
from lstm_analog.engines import Waveform, start_efforts
from lstm_analog.export import Driven, write_json
from lstm_analog.machine import Machine, compile
from lstm_analog.model import random_lstm
from lstm_analog.model.random import Form
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import Kind, capacity, flow, rows
from lstm_analog.network.parts import Crossbars, Followers, OpAmps, Part, Ports
from lstm_analog.network.trajectory import Trajectory

SOLVER = Path(__file__).with_name("file_solver.py")
file_solver = SimpleNamespace(**runpy.run_path(str(SOLVER)))
FileNetwork = file_solver.FileNetwork
FULL, DYNAMIC = (replace(OIL, detail=detail) for detail in (Detail.FULL, Detail.DYNAMIC))
TIGHT = Waveform(rtol=1e-8, atol=1e-10)


def machine(technology: object, timing: Timing, form: Form, hidden: int = 2) -> Machine:
    """Return a machine whose phases end long before it has settled, so that every time constant shows."""
    model = random_lstm(np.random.default_rng(0), 2, hidden, scale=2.0, form=form)
    return compile(model, technology, timing=timing, settling=2.0)


def x(steps: int = 3) -> np.ndarray:
    return np.random.default_rng(1).uniform(-1.0, 1.0, (steps, 2))


def difference(found: SimpleNamespace, ends: np.ndarray, expected: Trajectory) -> float:
    """Return the largest difference in units of signal, of all nodes and at the end of every interval."""
    columns = [found.place[name] for name in expected.network.unknowns.names()]
    return float(np.abs((ends[:, columns] - expected.efforts[1:]) / expected.network.unknowns.scales()).max())


def test_the_solver_imports_nothing_of_the_package() -> None:
    tree = ast.parse(SOLVER.read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in imports for alias in node.names} | {getattr(node, "module", "") for node in imports}
    assert names
    assert not any("lstm_analog" in name for name in names)


@pytest.mark.parametrize(
    ("technology", "timing", "form", "ending", "engine"),
    [
        pytest.param(OIL, CLOCKED, Form.LSTM, ".json", TIGHT, id="oil ideal LSTM clocked"),
        pytest.param(FULL, GATED_LEAK, Form.LSTM, ".graphml", TIGHT, id="oil full LSTM leaking"),
        pytest.param(DYNAMIC, CLOCKED, Form.GRU, ".json", TIGHT, id="oil dynamic GRU clocked"),
        pytest.param(FULL, GATED_LEAK, Form.GRU, ".graphml", TIGHT, id="oil full GRU leaking"),
        pytest.param(BEHAVIOURAL, CLOCKED, Form.LSTM, ".graphml", TIGHT, id="circuit LSTM clocked"),
        pytest.param(BEHAVIOURAL, GATED_LEAK, Form.LSTM, ".json", TIGHT, id="circuit LSTM leaking"),
        pytest.param(BEHAVIOURAL, CLOCKED, Form.GRU, ".json", TIGHT, id="circuit GRU clocked"),
        pytest.param(BEHAVIOURAL, GATED_LEAK, Form.GRU, ".graphml", TIGHT, id="circuit GRU leaking"),
        pytest.param(OPAMP_IDEAL, CLOCKED, Form.GRU, ".graphml", Waveform(), id="op-amps GRU clocked"),
    ],
)
def test_the_file_alone_gives_what_the_engine_gives(
    tmp_path: Path, technology: object, timing: Timing, form: Form, ending: str, engine: Waveform
) -> None:
    built, path = machine(technology, timing, form), (tmp_path / "a").with_suffix(ending)
    (built.write.json if ending == ".json" else built.write.graphml)(path, x())
    found = FileNetwork(path)
    expected = engine.run(built.network, built.schedule(x()))
    assert difference(found, found.solve(1e-7), expected) <= 1e-6


@pytest.mark.parametrize("technology", [DYNAMIC, OPAMP_IDEAL])
def test_both_forms_say_the_same(tmp_path: Path, technology: object) -> None:
    built = machine(technology, CLOCKED, Form.LSTM)
    built.write.json(tmp_path / "a.json", x())
    built.write.graphml(tmp_path / "a.graphml", x())
    whole, nodes, edges = file_solver.read(tmp_path / "a.json")
    other, other_nodes, other_edges = file_solver.read(tmp_path / "a.graphml")
    assert {name: whole[name] for name in ("grammar", "laws", "schedule")} == {
        name: other[name] for name in ("grammar", "laws", "schedule")
    }
    assert {name: {k: v for k, v in node.items() if k != "id"} for name, node in nodes.items()} == other_nodes
    plain = (
        [{k: v for k, v in edge.items() if k not in ("key", "id")} for edge in each] for each in (edges, other_edges)
    )
    first, second = (sorted(map(repr, map(sorted, map(dict.items, each)))) for each in plain)
    assert first == second


def test_a_part_of_ones_own_is_in_the_file_by_its_law(tmp_path: Path) -> None:
    own = runpy.run_path(str(Path(__file__).resolve().parents[2] / "notebooks" / "own_part.py"))
    built, inputs = own["machine"], own["x"][:2]
    built.write.json(tmp_path / "own.json", inputs)
    found = FileNetwork(tmp_path / "own.json")
    expected = Waveform(rtol=1e-9, atol=1e-11).run(built.network, built.schedule(inputs))
    assert difference(found, found.solve(1e-7), expected) <= 1e-6


ADDED = runpy.run_path(str(Path(__file__).resolve().parents[1] / "physics" / "test_added_parts.py"))


@pytest.mark.parametrize("name", ADDED["ADDED"])
def test_added_parts_are_in_the_file_with_their_states(tmp_path: Path, name: str) -> None:
    network, schedule = ADDED["driven"](ADDED["ADDED"][name])
    driven = Driven(schedule=schedule, once=4, start=start_efforts(network, schedule))
    write_json(tmp_path / "added.json", network, driven=driven)
    found = FileNetwork(tmp_path / "added.json")
    expected = Waveform(rtol=1e-9, atol=1e-11).run(network, schedule)
    assert difference(found, found.solve(1e-7), expected) <= 1e-6


# Each attribute counts.


@pytest.fixture(scope="module")
def imperfect(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, np.ndarray]:
    """Return the file of a small plumbing of which nothing is ideal, as JSON, and what the solver makes of it."""
    built = machine(DYNAMIC, CLOCKED, Form.LSTM, hidden=1)
    causes = (
        imp.Rangeability(ratio=3.0),
        imp.Deadband(z=0.1),
        imp.SeatLeak(share=0.05),
        imp.OrificePorts(transition=3e3),
    )
    for cause in (*causes, imp.EndLoss(share=0.1, flow=1e-7)):
        built = built.with_imperfection(cause, imp.Streams(seed=1))
    path = tmp_path_factory.mktemp("imperfect") / "a.json"
    built.write.json(path, x(1))
    found = FileNetwork(path)
    ends = found.solve(1e-6)
    expected = Waveform(rtol=1e-8, atol=1e-10).run(built.network, built.schedule(x(1)))
    assert difference(found, ends, expected) <= 1e-6
    return json.loads(path.read_text()), ends


VALVE = "port exp deadband limit transition"


def swap_pilots(edge: dict) -> None:
    edge["p"], edge["n"] = edge["n"], edge["p"]


def times(name: str, factor: float) -> Callable[[dict], None]:
    def change(element: dict) -> None:
        element[name] *= factor

    return change


@pytest.mark.parametrize(
    ("kind", "mark", "change"),
    [
        pytest.param("edges", ("law", VALVE), swap_pilots, id="the pilots of valves exchanged"),
        *(
            pytest.param(kind, ("law", law), times(name, factor), id=f"{name} of a {law.partition(' ')[0]}")
            for kind, law, name, factor in (
                ("edges", VALVE, "limit", 0.5),
                ("edges", VALVE, "deadband", 2.0),
                ("edges", VALVE, "transition", 2.0),
                ("edges", VALVE, "conductance", 2.0),
                ("edges", "tube with end loss", "end_flow", 0.5),
                ("nodes", "line state", "leak", 2.0),
                ("nodes", "line state", "inertance", 2.0),
                ("nodes", "line state", "closing", 2.0),
                ("nodes", "spool position", "frequency", 2.0),
                ("nodes", "spool speed", "damping", 2.0),
                ("nodes", "follower 1", "gain1", 1.01),
            )
        ),
        pytest.param("nodes", ("label", "rail_hi"), times("effort", 1.01), id="the pressure of a rail"),
        pytest.param("nodes", ("label", "l0_c_new"), times("capacitance", 1.1), id="a tank"),
        pytest.param("nodes", ("label", "l0_c_new"), times("start", 0.0), id="where a tank starts"),
        pytest.param("intervals", ("name", "compute0"), times("duration", 1.1), id="the length of a phase"),
        pytest.param("intervals", ("name", "compute0"), lambda each: each["high"].clear(), id="a clock line"),
    ],
)
def test_what_is_changed_in_the_file_changes_the_answer(
    tmp_path: Path, imperfect: tuple[dict, np.ndarray], kind: str, mark: tuple[str, str], change: Callable
) -> None:
    data, expected = json.loads(json.dumps(imperfect[0])), imperfect[1]
    elements = data["graph"]["schedule"]["intervals"] if kind == "intervals" else data[kind]
    chosen = [element for element in elements if element.get(mark[0]) == mark[1]]
    assert chosen
    for element in chosen:
        change(element)
    (tmp_path / "b.json").write_text(json.dumps(data))
    found = FileNetwork(tmp_path / "b.json")
    assert np.abs((found.solve(1e-6) - expected) / found.scale).max() > 1e-4


# The formulas are the laws of the package, at any efforts.


def net(network: Network, effort: np.ndarray, high: tuple[bool, ...]) -> np.ndarray:
    """Return by the laws of `network` what enters each node, by how much a follower is off, the rate of a state."""
    kinds, total = network.kinds(), np.zeros(network.unknowns.size)
    takes = np.concatenate((kinds[Kind.BALANCED], kinds[Kind.STORED]))
    for part in network.parts:
        target, value = rows(part), flow(part, effort, high)
        taken = np.isin(target, part.nodes if isinstance(part, Followers) else takes)
        np.add.at(total, target[taken], value[taken])
        if not hasattr(part, "nodes"):
            nodes, size = capacity(part)
            total[nodes] /= size
    return total


def all_limits(part: Part) -> Part:
    """Return `part` with every limit of its kind."""
    if isinstance(part, Ports):
        return replace(part, limit=1.5, deadband=0.3, transition=0.7)
    if isinstance(part, OpAmps):
        return replace(part, output_limit=0.4, common_mode=0.01)
    return replace(part, end_flow=0.2) if isinstance(part, Crossbars) else part


def some_limits(part: Part) -> Part:
    """Return `part` with one limit of its kind, another than `all_limits` gives alone."""
    if isinstance(part, Ports):
        return replace(part, **{("limit", "deadband", "transition")[part.conductance.astype(int)[0] % 3]: 0.5})
    return replace(part, transition=0.2) if isinstance(part, Crossbars) else part


@pytest.mark.parametrize("change", [lambda part: part, some_limits, all_limits], ids=["plain", "some", "all"])
def test_formulas_give_the_flows_of_the_laws(tmp_path: Path, everything, change: Callable[[Part], Part]) -> None:
    network = replace(everything.network, parts=tuple(map(change, everything.network.parts)))
    driven = Driven(schedule=everything.schedule, once=1, start=np.zeros(network.unknowns.size))
    write_json(tmp_path / "a.json", network, driven=driven)
    found, rng = FileNetwork(tmp_path / "a.json"), np.random.default_rng(3)
    columns = [found.place[name] for name in network.unknowns.names()]
    free = np.isin(columns, found.free)
    for trial in range(40):
        effort = rng.normal(0.0, (0.1, 1.0, 10.0, 300.0)[trial % 4], network.unknowns.size)
        effort[0] = 0.0
        high = tuple(bool(on) for on in rng.integers(0, 2, len(network.lines)))
        by_file, given = np.zeros(effort.size), np.zeros(effort.size)
        given[columns] = effort
        lines = [line for line, on in zip(network.lines, high, strict=True) if on]
        by_file[found.free] = found.rates(given, lines)
        np.testing.assert_allclose(by_file[columns][free], net(network, effort, high)[free], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "formula", ["through = a**b", "through = a if on else b", "through = a.real", "through = a > b", "into = [a]"]
)
def test_the_solver_takes_no_more_than_the_grammar_says(formula: str) -> None:
    with pytest.raises(ValueError, match="not in the grammar"):
        file_solver.parse(formula)
