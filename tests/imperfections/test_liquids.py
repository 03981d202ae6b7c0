"""Plumbing at another temperature and with air in it: by tables and closed forms; the check and the bill of it."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from by_hand import network, schedule

import lstm_analog as la
from lstm_analog.compiler.hydraulic import Detail
from lstm_analog.engines import Integrate, Ngspice, Rumoca, Waveform
from lstm_analog.errors import InvalidValueError, NetworkError
from lstm_analog.imperfections import (
    EntrainedAir,
    OperatingTemperature,
    OrificeWeights,
    Streams,
    ViscosityChange,
    apply,
    recorded,
)
from lstm_analog.network.domain import HYDRAULIC
from lstm_analog.network.fluids import VG32, Filling
from lstm_analog.network.laws import flow
from lstm_analog.network.parts import DATUM, Conductors, Inertances, Junctions, Sources, Spools, Stops, Storages
from lstm_analog.study.findings import Rule, Severity

ANY = Streams(seed=0)
THICK, THIN = 1.0016e-3, 0.3540e-3
"""Viscosity of water at 20 and 80 C (Pa s), IAPWS R12-08."""
DENSE, LIGHT = 998.21, 971.79
"""Its density (kg/m3), IAPWS-95."""
X = np.random.default_rng(1).uniform(-1.0, 1.0, (2, 2))


@cache
def machine(technology, settling=20.0):
    return la.compile(la.random_lstm(np.random.default_rng(0), 2, 2), technology, settling=settling)


def at(made, celsius):
    return made.with_imperfection(OperatingTemperature(celsius=celsius), ANY)


def banks(kind, *networks):
    return zip(*([part for part in network.parts if isinstance(part, kind)] for network in networks), strict=True)


def test_water_at_80_degrees_moves_what_it_should_by_as_much_as_tables_say():
    """Tubes by the viscosity, lines' mass, open tanks and their overflow by the density, and nothing else."""
    cold = machine(replace(la.hydraulic.WATER, detail=Detail.DYNAMIC)).network
    hot = apply(OperatingTemperature(celsius=80.0), cold, ANY).verify()
    for before, after in (*banks(Conductors, cold, hot), *banks(Inertances, cold, hot)):
        for name in ("conductance", "closed", "opened"):
            if getattr(before, name, None) is not None:
                np.testing.assert_allclose(getattr(after, name), getattr(before, name) * THICK / THIN, rtol=1e-3)
    for before, after in banks(Inertances, cold, hot):
        np.testing.assert_allclose(after.inertance, before.inertance * LIGHT / DENSE, rtol=1e-4)
        np.testing.assert_array_equal(after.closing, before.closing)
    for before, after in banks(Spools, cold, hot):
        np.testing.assert_allclose(after.damping, before.damping * THIN / THICK, rtol=1e-3)
        np.testing.assert_array_equal(after.frequency, before.frequency)
    for before, after in banks(Storages, cold, hot):
        tank = not before.label.endswith("_pilot")
        np.testing.assert_allclose(after.capacitance, before.capacitance * (DENSE / LIGHT if tank else 1.0), rtol=1e-4)
    for _, after in banks(Stops, cold, hot):
        np.testing.assert_allclose(after.high, LIGHT * 9.81 * 1.2 - la.hydraulic.WATER.datum, rtol=1e-4)
        np.testing.assert_array_equal(after.low, -la.hydraulic.WATER.datum)
    assert hot.filling.fluid.temperature == 80.0
    rows = [network.part("l0_rows") for network in (cold, hot)]
    np.testing.assert_allclose(rows[1].positive, rows[0].positive * THICK / THIN, rtol=1e-3)


def test_pistons_on_springs_do_not_know_the_density():
    cold, hot = (at(machine(la.hydraulic.OIL), celsius).network for celsius in (40.0, 60.0))
    for before, after in banks(Storages, cold, hot):
        np.testing.assert_array_equal(after.capacitance, before.capacitance)


def test_flow_of_orifices_goes_with_the_root_of_the_density_alone():
    """q = Cd A sqrt(2 dp/rho) far above the transition, whatever the viscosity."""
    cold = apply(OrificeWeights(transition=1e-6), machine(la.hydraulic.WATER).network, ANY)
    hot = apply(OperatingTemperature(celsius=80.0), cold, ANY)
    effort = np.random.default_rng(2).uniform(-1e3, 1e3, cold.unknowns.size)
    before, after = (flow(network.part("l0_rows"), effort, (True,) * 3) for network in (cold, hot))
    np.testing.assert_allclose(after, before * np.sqrt(DENSE / LIGHT), rtol=1e-4)


def test_all_is_a_ratio_so_warmth_moves_the_poles_and_not_the_answers():
    """The time constants of the network itself are shorter by the viscosity; a clock that was too fast is not then."""
    cold, hot = machine(la.hydraulic.OIL, 8.0), at(machine(la.hydraulic.OIL, 8.0), 60.0)
    runs = [made.run(X) for made in (cold, hot)]
    poles = [la.study.settling(run).time_constant for run in runs]
    walther = (
        10.0
        ** 10.0
        ** np.interp(np.log10(333.15), np.log10([313.15, 373.15]), np.log10(np.log10(np.array([32.0, 5.4]) + 0.7)))
    )
    thinner = 32.0 / (walther - 0.7) * np.exp(20.0 * 7.3e-4)
    assert poles[0] / poles[1] == pytest.approx(thinner, rel=2e-3)
    digital = la.random_lstm(np.random.default_rng(0), 2, 2)(X).h
    errors = [np.abs(run.h - digital).max() for run in runs]
    assert errors[1] < 1e-2 * errors[0]


def test_check_and_bill_judge_what_flows_and_the_bores_stay():
    made = machine(la.hydraulic.WATER)
    hot, icy = at(made, 80.0), at(made, 1.0)
    checks = {name: each.check() for name, each in (("built", made), ("hot", hot), ("icy", icy))}
    assert [round(check.worst(Rule.CAVITATION).limit, -2) for check in checks.values()] == [2300.0, 47400.0, 700.0]
    reynolds = [check.worst(Rule.REYNOLDS).value for check in (checks["built"], checks["hot"])]
    assert reynolds[1] / reynolds[0] == pytest.approx((THICK / THIN) ** 2 * LIGHT / DENSE, rel=1e-3)
    assert checks["hot"].basis == "2 pressure units, water at 80 C"
    left = {name: check.worst(Rule.SETTLING) for name, check in checks.items()}
    assert left["icy"].value > left["built"].value > left["hot"].value
    bills = [each.bill_of_materials() for each in (made, hot, icy)]
    drawn = [[item for item in bill.items if item.part in ("capillary", "tank line tube", "tank")] for bill in bills]
    assert drawn[0] == drawn[1] == drawn[2]
    assert bills[1].supply.mean == pytest.approx(bills[0].supply.mean * THICK / THIN, rel=1e-3)


def test_boiling_is_named_where_the_liquid_boils():
    """0.6 m of water above the atmosphere, under 0.9 bar of suction: sound at 20 C, boiling at 80."""
    low = machine(replace(la.hydraulic.WATER, pressure_unit=30e3))
    found = [each.check().worst(Rule.CAVITATION).severity for each in (low, at(low, 80.0))]
    assert found == [Severity.FINE, Severity.WARNING]


def test_a_clock_that_is_fast_enough_at_20_degrees_is_too_fast_in_the_cold():
    """VG 32 is five times as thick at 10 C as at 40: 20 time constants are 4 then."""
    cold = at(machine(la.hydraulic.OIL), 10.0).check().worst(Rule.SETTLING)
    assert machine(la.hydraulic.OIL).check().worst(Rule.SETTLING).severity is Severity.FINE
    assert cold.severity is Severity.WARNING


def test_bores_in_the_graph_are_those_that_were_built():
    cold, hot = (at(machine(la.hydraulic.OIL), celsius).graph() for celsius in (40.0, 60.0))
    bores = [[data["bore"] for *_, data in graph.edges(data=True) if "bore" in data] for graph in (cold, hot)]
    np.testing.assert_allclose(bores[1], bores[0], rtol=1e-12)
    assert hot.graph["viscosity"] < 0.5 * cold.graph["viscosity"]


@pytest.mark.epanet
def test_epanet_finds_the_machine_as_it_is_used():
    """Its bores as built, its liquid as warm as it is: the Reynolds number goes with rho G/mu, so with rho/mu^2."""
    lstm = la.random_lstm(np.random.default_rng(0), 2, 2)
    made = [at(machine(la.hydraulic.WATER), celsius).compiled for celsius in (20.0, 80.0)]
    cold, hot = (la.study.epanet_check(each, lstm, X[:1], la.hydraulic.WATER) for each in made)
    assert hot.gauges.conductance_error < 1e-6
    assert hot.gauges.reynolds / cold.gauges.reynolds == pytest.approx((THICK / THIN) ** 2 * LIGHT / DENSE, rel=2e-3)


def test_temperatures_are_remembered_and_add_up_to_the_last():
    network = machine(la.hydraulic.OIL).network
    assert apply(OperatingTemperature(celsius=40.0), network, ANY) is network
    there = apply(OperatingTemperature(celsius=60.0), apply(OperatingTemperature(celsius=20.0), network, ANY), ANY)
    alone = apply(OperatingTemperature(celsius=60.0), network, ANY)
    np.testing.assert_allclose(there.part("l0_rows").positive, alone.part("l0_rows").positive, rtol=1e-14)
    assert [each.imperfection.celsius for each in recorded(there)] == [20.0, 60.0]
    with pytest.raises(InvalidValueError, match=r"^ISO VG 32 temperature must be 0 to 100 C, got 120\.0: stay"):
        apply(OperatingTemperature(celsius=120.0), network, ANY)
    with pytest.raises(NetworkError, match=r"^the network must say what flows in it, got no filling: "):
        apply(OperatingTemperature(celsius=60.0), replace(network, filling=None), ANY)


def test_oil_that_has_aged_keeps_its_bores_and_warms_as_it_did():
    made = machine(la.hydraulic.OIL).with_imperfection(ViscosityChange(factor=1.5), ANY)
    aged, new = made.bill_of_materials(), machine(la.hydraulic.OIL).bill_of_materials()
    assert [item for item in aged.items if "bore" in item.size] == [item for item in new.items if "bore" in item.size]
    both = (ViscosityChange(factor=1.5), OperatingTemperature(celsius=60.0))
    warm = machine(la.hydraulic.OIL).with_imperfection(both, ANY).network.filling.fluid
    assert warm.viscosity == pytest.approx(1.5 * VG32.at(60.0).viscosity, rel=1e-14)


# Air


def chamber(part):
    """Return a chamber, `part` being its store, behind a tube of 1e-10 m3/(s Pa) from a source."""
    return network(
        {"drive": 1, "room": 1},
        Sources(label="drive", nodes=[1], effort=0.0),
        Conductors(label="tube", a=[1], b=[2], conductance=np.array(1e-10)),
        part,
        domain=HYDRAULIC,
        scale=1e4,
        filling=Filling(fluid=VG32, datum=100e3, open_tanks=()),
    )


def yield_of_air(volume, share, pressure=201325.0, free=101325.0, modulus=1.4e9):
    """Return -dV/dp (m3/Pa) of bubbles in `volume` less that of the oil they displace, by a small compression.

    n bubbles are `share` of the volume at the pressure `free`; Boyle's law on one side, Hooke's on the other.
    """
    oil, gas = 1.0 - share, share * free / pressure
    oil, gas = volume * oil / (oil + gas), volume * gas / (oil + gas)
    step = 1e-3 * pressure
    gas_yields = (gas * pressure / (pressure - step) - gas * pressure / (pressure + step)) / (2.0 * step)
    return gas_yields - (volume - oil) / modulus


ROOMS = (Storages(label="room", nodes=[2], capacitance=1e-12), Junctions(label="room", nodes=[2]))
ENGINES = (Integrate(rtol=1e-10, atol=1e-8), Waveform(), Ngspice(), Rumoca())


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: type(engine).__name__)
@pytest.mark.parametrize("stiff", ROOMS, ids=["soft", "stiff"])
def test_a_chamber_with_air_charges_as_slowly_as_boyle_says(engine, stiff):
    """p = p0 (1 - exp(-t G/C)), C that of the chamber and of the bubbles in it."""
    soft = apply(EntrainedAir(share=0.02, volume=1e-3), chamber(stiff), ANY).verify()
    built = stiff.capacitance[0] if isinstance(stiff, Storages) else 0.0
    tau = (built + yield_of_air(1e-3, 0.02)) / 1e-10
    run = engine.run(soft, schedule([0.2 * tau, tau], drive=[0.0, 1e4]))
    assert float(run.at_ends("room", np.array([1]))[0, 0]) == pytest.approx(1e4 * (1.0 - np.exp(-1.0)), rel=2e-4)


def test_air_softens_chambers_and_not_tanks_unless_named():
    for detail, ending in ((Detail.IDEAL, "_node"), (Detail.FULL, "_pilot")):
        plain = machine(replace(la.hydraulic.OIL, detail=detail)).network
        airy = apply(EntrainedAir(share=0.02, volume=1e-6), plain, ANY).verify()
        changed = [after for before, after in zip(plain.parts, airy.parts, strict=True) if after is not before]
        assert {part.label.endswith(ending) for part in changed} == {True}
        before = 0.0 if detail is Detail.IDEAL else la.hydraulic.OIL.pilot
        for part in changed:
            np.testing.assert_allclose(part.capacitance - before, yield_of_air(1e-6, 0.02), rtol=1e-5)
        named = apply(EntrainedAir(share=0.02, volume=1e-6, banks=("l0_c_master",)), plain, ANY)
        assert [a.label for a, b in zip(named.parts, plain.parts, strict=True) if a is not b] == ["l0_c_master"]
        assert apply(EntrainedAir(share=0.0, volume=1e-6), plain, ANY) is plain


def test_air_has_to_be_somewhere():
    with pytest.raises(NetworkError, match=r"^part l0_rows must be a chamber or a tank, got Crossbars: choose "):
        apply(EntrainedAir(share=0.1, volume=1e-6, banks=("l0_rows",)), machine(la.hydraulic.OIL).network, ANY)
    bare = chamber(Junctions(label="room", nodes=[2]))
    none = replace(bare, parts=(*bare.parts[:2], Sources(label="room", nodes=[2], effort=DATUM * 1.0)))
    with pytest.raises(NetworkError, match=r"^the network must have chambers besides its tanks, got none: name"):
        apply(EntrainedAir(share=0.1, volume=1e-6), none, ANY)
    for wrong in ({"share": 0.6, "volume": 1e-6}, {"share": 0.1, "volume": 0.0}, {"share": np.nan, "volume": 1e-6}):
        with pytest.raises(InvalidValueError, match=r"entrained air must be "):
            EntrainedAir(**wrong)
