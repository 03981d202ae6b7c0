import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from faulty_machines import with_banks

from lstm_analog.compiler.hydraulic import OIL, WATER, Detail, Hydraulic
from lstm_analog.compiler.timing import GATED_LEAK
from lstm_analog.errors import (
    InvalidShapeError,
    InvalidTypeError,
    InvalidValueError,
    SimulationError,
    SimulatorMissingError,
    UnsupportedError,
)
from lstm_analog.export.epanet_links import EpanetLinks
from lstm_analog.imperfections import BoreTolerance, InputConverter, ReadNoise, Streams
from lstm_analog.machine import compile
from lstm_analog.model import LSTM, State, random_lstm
from lstm_analog.network.parts import Ports
from lstm_analog.study import EpanetReport, epanet_check, epanet_walk
from lstm_analog.study.epanet_report import gauged
from lstm_analog.study.epanet_walk import EpanetResult, PipeReading, run_epanet

pytestmark = pytest.mark.epanet

EDITED = "x_0 l0_zi_pos_0"
"""The ends of the capillary that the tests below tamper with."""


def model(scale: float = 1.0, layers: int = 1, hidden: int = 3) -> LSTM:
    return random_lstm(np.random.default_rng(1), 2, hidden, layers=layers, scale=scale)


def inputs(steps: int = 2) -> np.ndarray:
    return np.random.default_rng(2).uniform(-1.0, 1.0, (steps, 2))


def check(lstm: LSTM, technology: Hydraulic = OIL, **options: object) -> EpanetReport:
    return epanet_check(compile(lstm, technology).compiled, lstm, inputs(), technology, **options)


def edited(path: Path, ends: str, change: Callable[[float], float]) -> int:
    """Change the bore of the pipe between `ends` in the file at `path`; return how many were changed."""
    lines, times = path.read_text().splitlines(), 0
    for number, line in enumerate(lines):
        words = line.split()
        if " ".join(words[1:3]) == ends and words[0].startswith("p"):
            words[4] = repr(change(float(words[4])))
            lines[number], times = " ".join(words), times + 1
    path.write_text("\n".join(lines) + "\n")
    return times


# What the statics say of a machine that is right.


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("detail", Detail)
def test_epanet_computes_the_lstm(detail: Detail, number: int) -> None:
    """Any two of details, sizes and technologies meet."""
    scale, layers = ((1.0, 1), (3.0, 1), (3.0, 2))[number]
    technology = (OIL, WATER)[(number + list(Detail).index(detail)) % 2]
    report = check(model(scale, layers), replace(technology, detail=detail))
    assert report.worst <= 1e-11
    assert report.gauges.conductance_error <= 1e-11
    assert report.gauges.confirmed >= 0.95 * report.gauges.tubes
    assert 1.0 < report.gauges.reynolds < 200.0
    assert report.holds, str(report)
    assert len(report.layers) == layers


def test_a_single_unit_and_a_machine_of_eight() -> None:
    for hidden in (1, 8):
        assert check(model(3.0, hidden=hidden)).worst <= 1e-11


def test_it_starts_from_a_state_and_takes_a_batch_of_one() -> None:
    lstm = model(3.0)
    state = State(h=(np.array([[0.2, -0.4, 0.6]]),), c=(np.array([[1.5, -0.7, 0.1]]),))
    report = epanet_check(compile(lstm, OIL).compiled, lstm, inputs()[None], OIL, state=state)
    assert report.worst <= 1e-11


def test_the_order_of_stages_follows_from_the_network_not_from_the_order_of_parts() -> None:
    lstm, machine = model(3.0), compile(model(3.0), OIL)
    network = replace(machine.network, parts=machine.network.parts[::-1])
    report = epanet_check(replace(machine.compiled, network=network), lstm, inputs(), OIL)
    assert report.worst <= 1e-11


def test_the_files_stay_if_a_folder_is_given(tmp_path: Path) -> None:
    report = check(model(), folder=tmp_path)
    files = sorted(tmp_path.glob("*.inp"))
    assert len(files) == report.solves
    rows = tmp_path / "0002_compute0_01.inp"
    assert "; l0_rows" in rows.read_text()
    assert run_epanet(rows, ["l0_zi_pos_0"], ["p0"]).flows.size == 1


# What they say of one that is not.


def test_one_percent_of_one_capillary_in_the_exported_file_is_found_and_named() -> None:
    touched = []

    def tampered(path: Path, nodes: list[str], links: list[str]) -> EpanetResult:
        touched.append(edited(path, EDITED, lambda bore: bore * 1.01**0.25))
        return run_epanet(path, nodes, links)

    report = check(model(), simulator=tampered)
    assert sum(touched) > 0
    assert not report.holds
    assert report.gauges.conductance_error == pytest.approx(0.01, rel=1e-6)
    assert report.gauges.conductance_at == f"l0_rows, {EDITED.replace(' ', ' to ')}"
    assert 1e-5 < report.layers[0].z < 1e-2
    assert report.layers[0].h > 1e-6


def test_every_capillary_of_a_row_can_be_told_by_its_effect_on_h() -> None:
    lstm = model()
    for column in (0, 1):

        def tampered(path: Path, nodes: list[str], links: list[str], source: str = f"x_{column}") -> EpanetResult:
            for row in range(3):
                edited(path, f"{source} l0_zg_pos_{row}", lambda bore: bore * 1.01**0.25)
                edited(path, f"{source} l0_zg_neg_{row}", lambda bore: bore * 1.01**0.25)
            return run_epanet(path, nodes, links)

        assert check(lstm, simulator=tampered).layers[0].h > 1e-5


def test_another_liquid_shows_in_the_conductances_and_not_in_the_signals() -> None:
    """All is a ratio: 10 K more change every conductance by a third and z, c and h not at all."""
    warm = OIL.fluid.at(OIL.fluid.temperature + 10.0)
    thinner = OIL.fluid.viscosity / warm.viscosity
    assert thinner > 1.2
    report = check(model(3.0), fluid=warm)
    assert report.worst <= 1e-11
    assert report.gauges.conductance_error == pytest.approx(thinner - 1.0, rel=1e-9)
    (finding,) = report.findings
    assert finding.startswith(
        f"flow over drop must be the conductance within 1e-06, got {thinner - 1.0:.3g} at l0_rows"
    )


def test_a_viscosity_that_is_wrong_in_sizing_and_simulation_alike_is_not_seen() -> None:
    """Stated in the module: only the Reynolds number knows."""
    warm = replace(OIL, fluid=OIL.fluid.at(OIL.fluid.temperature + 10.0))
    right, wrong = check(model(3.0)), check(model(3.0), warm)
    assert wrong.holds
    assert wrong.gauges.reynolds > 1.1 * right.gauges.reynolds


def test_a_device_scaled_up_leaves_laminar_flow() -> None:
    lstm = model(3.0)
    large = replace(WATER, unit_conductance=WATER.unit_conductance * 1000.0, pressure_unit=WATER.pressure_unit * 10.0)
    report = check(lstm, large)
    assert not report.laminar
    assert report.gauges.reynolds > 2000.0
    assert report.worst > 1e-3
    assert any(finding.startswith("flow must be laminar, Reynolds number at most 2000") for finding in report.findings)


def with_ports(lstm: LSTM, change: Callable[[Ports], Ports], steps: int = 2) -> EpanetReport:
    """Return the report on a machine of `lstm` each of whose banks of ports is as `change` makes it."""
    machine = compile(lstm, OIL)
    ports = [change(part) for part in machine.network.parts if isinstance(part, Ports)]
    return epanet_check(with_banks(machine, *ports).compiled, lstm, inputs(steps), OIL)


def test_a_port_that_opens_the_wrong_way_is_found() -> None:
    def flip(port: Ports) -> Ports:
        return replace(port, scale=-port.scale) if port.label == "l0_c_keep_top" else port

    assert with_ports(model(), flip).worst > 1e-2


def test_a_head_with_the_wrong_sign_is_found() -> None:
    """Its tubes have the conductances of the network, so that nothing but y tells."""
    lstm = random_lstm(np.random.default_rng(1), 2, 2, outputs=2)
    machine = compile(lstm, OIL)
    assert check(lstm).y <= 1e-11
    head = machine.network.part("y_rows")
    other = with_banks(machine, replace(head, positive=head.negative, negative=head.positive))
    report = epanet_check(other.compiled, lstm, inputs(1), OIL)
    assert report.worst == report.y > 0.1 > 1e-11 > report.layers[0].h
    assert not report.holds
    assert f"  head         max error y {report.y:.2e}" in str(report)


def test_trim_that_stops_shows_in_c_but_not_in_z() -> None:
    report = with_ports(model(3.0), lambda port: replace(port, limit=np.array(0.05)), steps=1)
    assert report.layers[0].z <= 1e-11
    assert report.layers[0].c > 1e-2


def test_each_tube_is_gauged_at_its_largest_drop() -> None:
    """A reading is as sharp as its drop is large; one below a thousandth of a unit says nothing."""
    network = compile(model(), OIL).network
    bank = [part.label for part in network.parts].index("l0_rows")

    def reading(drop: float, error: float) -> PipeReading:
        one, ends = np.array([1e-11]), {"a": np.array([1]), "b": np.array([2])}
        tube = EpanetLinks(bank=np.array([bank]), element=np.array([0]), **ends, conductance=one, square=0 * one)
        return PipeReading(pipes=tube, drop=np.array([drop]), flow=(1.0 + error) * drop * one, bore=np.array([1e-3]))

    rough, sharp, blind = reading(2e3, 0.01), reading(-1e4, 1e-9), reading(5.0, 0.5)
    for readings in ([rough, sharp, blind], [sharp, blind, rough]):
        gauges = gauged(network, readings, OIL.fluid, 1e4)
        assert (gauges.tubes, gauges.confirmed) == (1, 1)
        assert gauges.conductance_error == pytest.approx(1e-9, rel=1e-5)
    assert gauged(network, [blind], OIL.fluid, 1e4).confirmed == 0
    expected = 4.0 * OIL.fluid.density * 1e-7 / (np.pi * OIL.fluid.viscosity * 1e-3)
    assert gauged(network, [sharp], OIL.fluid, 1e4).reynolds == pytest.approx(expected, rel=1e-8)


# What is refused.


def test_a_gated_leak_has_no_steady_state() -> None:
    lstm = model()
    machine = compile(lstm, OIL, timing=GATED_LEAK)
    with pytest.raises(UnsupportedError, match="interval leak0 for EPANET must settle while a clock line is high, got"):
        epanet_check(machine.compiled, lstm, inputs(), OIL)


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"lstm": model(2.0)}, InvalidValueError, r"digest of the machine must be \w{12}, got \w{12}: check it"),
        ({"technology": WATER}, InvalidValueError, "technology of the machine must be WATER, got OIL"),
        ({"technology": "OIL"}, InvalidTypeError, r"^technology must be Hydraulic, got 'OIL': give that$"),
        ({"x": np.zeros((2, 2, 2))}, InvalidShapeError, r"x for EPANET must be one sequence, got shape \(2, 2, 2\): "),
    ],
)
def test_what_does_not_belong_to_the_machine_is_refused(changes: dict[str, object], error: type, text: str) -> None:
    given = {"compiled": compile(model(), OIL).compiled, "lstm": model(), "x": inputs(), "technology": OIL}
    with pytest.raises(error, match=text):
        epanet_check(**(given | changes))


def test_what_acts_in_time_is_in_it_or_refused() -> None:
    """Both were left out without a word: the machine was found to be right."""
    lstm = model(hidden=1)
    machine, streams = compile(lstm, OIL), Streams(seed=1)
    coarse = machine.with_imperfection(InputConverter(bits=3, low=-1.0, high=1.0), streams)
    errors = [epanet_check(each.compiled, lstm, inputs(), OIL).worst for each in (machine, coarse)]
    assert errors[0] < 1e-11 < 1e-3 < errors[1]
    noisy = machine.with_imperfection(ReadNoise(sigma=0.1), streams)
    with pytest.raises(UnsupportedError, match=r"must be the same in all steps, got ReadNoise: take one step of it"):
        epanet_check(noisy.compiled, lstm, inputs(), OIL)
    several = machine.with_imperfection(BoreTolerance(sigma=0.01), Streams(seed=1, chips=2))
    with pytest.raises(InvalidShapeError, match="must have no chip axis"):
        epanet_check(several.compiled, lstm, inputs(), OIL)


def test_without_wntr_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(epanet_walk, "import_module", missing)
    with pytest.raises(SimulatorMissingError, match=r"EPANET must be installed with wntr, got No module.*: pip"):
        check(model())


def test_the_words_of_epanet_reach_the_user(tmp_path: Path) -> None:
    file = tmp_path / "bad.inp"
    file.write_text("[JUNCTIONS]\na 0\n[RESERVOIRS]\nr x\n[END]\n")
    with pytest.raises(SimulationError, match=r"EPANET must solve the file, got .*illegal numeric value x.*: look"):
        run_epanet(file, [], [])


def test_a_node_that_nothing_holds_is_a_simulation_error(tmp_path: Path) -> None:
    file = tmp_path / "loose.inp"
    file.write_text("[JUNCTIONS]\na 0\nb 0\n[RESERVOIRS]\nr 1\n[PIPES]\np r a 1 10 1e-6 0 OPEN\n[END]\n")
    with pytest.raises(SimulationError, match=r"EPANET must solve the file, got .*unconnected node b"):
        run_epanet(file, ["a"], ["p"])


def test_a_simulator_that_answers_nonsense_is_refused() -> None:
    def nonsense(path: Path, nodes: list[str], links: list[str]) -> EpanetResult:
        return EpanetResult(heads=np.full(len(nodes), np.nan), flows=np.zeros(len(links)))

    with pytest.raises(SimulationError, match="heads and flows of EPANET must be finite, got NaN or infinity: look at"):
        check(model(), simulator=nonsense)


# The report.


def test_the_report_reads_as_text_and_as_json() -> None:
    report = check(model())
    text = str(report)
    assert "random in OIL by EPANET: holds" in text
    assert "not checked: settling times" in text
    assert "laminar to 2000" in text
    gauges = report.gauges
    seen = f"{gauges.confirmed} of {gauges.tubes} tubes gauged, {gauges.conductance_error:.2e} off at most"
    assert f"  conductance  {seen} ({gauges.conductance_at})\n" in text
    data = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert data["holds"] is True
    assert data["findings"] == []
    assert data["layers"][0]["h"] == report.layers[0].h
    assert data["gauges"]["reynolds"] == report.gauges.reynolds
