"""The cell in SKY130: a small sample of `benchmarks/sky130.py`, and how its models are found."""

from dataclasses import replace

import numpy as np
import pytest
from alone_in_ngspice import defined, measured

import lstm_analog as la
from lstm_analog.compiler.bicmos_cell import library
from lstm_analog.compiler.bicmos_devices import MosPair
from lstm_analog.compiler.model_files import model_folder, model_paths
from lstm_analog.errors import InvalidValueError, LibraryMissingError, UnsupportedError
from lstm_analog.network.cells import Library, Subcircuit, flat
from lstm_analog.network.device_models import ModelDevice, ModelLibrary, cache_folder, library_files
from lstm_analog.study import wafer_slope
from lstm_analog.study.calibration_sweep import Gains
from lstm_analog.study.drawn_area import AreaRules, drawn_areas

SKY130, SKY130_MOS = la.electrical.SKY130, la.electrical.SKY130_MOS
modelled = pytest.mark.sky130
both = pytest.mark.parametrize("preset", [SKY130, SKY130_MOS], ids=lambda preset: preset.name)


def case(seed, hidden, scale, steps):
    rng = np.random.default_rng(seed)
    return la.random_lstm(rng, inputs=2, hidden=hidden, scale=scale), rng.uniform(-1.0, 1.0, (steps, 2))


def wrong(technology, seed=3, hidden=1, scale=1.0, steps=3):
    lstm, x = case(seed, hidden, scale, steps)
    run = la.compile(lstm, technology, settling=12.0).run(x, engine=la.engines.Ngspice())
    return float(np.abs(run.h - lstm(x).h).max())


def at(technology, **conditions):
    return replace(technology, conditions=replace(technology.conditions, **conditions))


# Where the models are.


def test_absent_models_are_asked_for_by_name(monkeypatch):
    monkeypatch.delenv("SKY130_MODELS", raising=False)
    nowhere = replace(SKY130, devices=replace(SKY130.devices, package="no.such.package"))
    text = (
        r"models of SKY130 must be found: in the folder of the record, in that of \$SKY130_MODELS, or in package "
        r"no\.such\.package, got none of these: set SKY130_MODELS to the folder of C4M\.Sky130_io_lib\.spice, see"
    )
    with pytest.raises(LibraryMissingError, match=text):
        la.compile(case(0, 1, 1.0, 1)[0], nowhere)


def test_an_argument_goes_before_the_variable_before_the_package(monkeypatch, tmp_path):
    monkeypatch.setenv("SKY130_MODELS", str(tmp_path / "told"))
    assert model_folder(SKY130.devices) == tmp_path / "told"
    assert model_folder(SKY130.with_models(tmp_path / "given").devices) == tmp_path / "given"


@modelled
def test_the_slip_of_one_file_is_mended_in_a_copy(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    mos, diodes, npn = model_paths(SKY130.devices)
    assert {mos.parent, diodes.parent} == {model_folder(SKY130.devices)}
    assert npn.is_relative_to(cache_folder())
    assert cache_folder() == tmp_path / "lstm_analog" / "models"
    theirs = {file.name: file.read_text() for file in library_files(model_folder(SKY130.devices) / npn.name)}
    ours = {file.name: file.read_text() for file in library_files(npn)}
    assert ours == {name: text.replace("+ 0.0)'", "+ 0.0'") for name, text in theirs.items()} != theirs
    assert sum(text.count("(") != text.count(")") for text in ours.values()) == 0


# Sizes.


@both
@modelled
def test_every_device_is_of_the_process_and_of_legal_size(preset):
    rules, cards = preset.devices, flat(library(preset), "lstm_cell").cards
    npn = [card for card in cards if card[0] == "x"]
    mos = [card for card in cards if card[0] == "m"]
    assert all(rules.npn.model in card for card in npn)
    assert not [card for card in cards if card[0] == "q"]
    for card in mos:
        values = dict(word.split("=") for word in card.split() if "=" in word)
        width, length = (float(values[name].removesuffix("u")) for name in "wl")
        assert 0.42 <= width < 100.0
        assert 0.5 <= length < 100.0
        assert np.allclose(np.array((width, length)) / 0.005 % 1.0 % 1.0, 0.0, atol=1e-6)
    emitters = [int(card.rpartition("m=")[2]) if "m=" in card else 1 for card in npn]
    assert max(emitters) == 8
    wells = [card for card in mos if card.split()[3] == card.split()[4] and rules.nmos.model in card]
    assert len(wells) == {"SKY130": 9, "SKY130_MOS": 8 + 1 + 24}[preset.name], "followers, helper, pairs: own wells"


def test_sizes_that_the_process_does_not_draw_are_refused():
    nmos, npn = SKY130.devices.nmos, SKY130.devices.npn
    for width, length, text in (
        (20.0, 0.4, "length of .*nfet_g5v0d10v5__model must be 0.5 to 99.995 um in steps of 0.005, got 0.4"),
        (0.3, 0.6, "width of .* must be 0.42 to 99.995 um"),
        (20.001, 0.6, "width of .* in steps of 0.005, got 20.001: choose a size that the process draws"),
    ):
        with pytest.raises(InvalidValueError, match=text):
            nmos.card("1", "d g s b", width, length)
    assert nmos.card("1", "d g s b", 200.0, 0.6).startswith(
        "m1 d g s b sky130_fd_pr__nfet_g5v0d10v5__model w=50u l=0.6u"
    )
    assert nmos.fingers(200.0, 0.6) == 4
    with pytest.raises(InvalidValueError, match=r"area of 1, a sky130_fd_pr__npn.* must be a multiple of 0.5, got"):
        npn.card("1", "c b e", 0.75)
    with pytest.raises(InvalidValueError, match="count of a pair must be even, at least 2, got 3"):
        MosPair(width=50.0, length=1.0, count=3, gate_source=0.7)


# What the chip does.


@modelled
@pytest.mark.parametrize(
    ("preset", "scale", "limit"), [(SKY130_MOS, 1.0, 0.002), (SKY130_MOS, 3.0, 0.006), (SKY130, 1.0, 0.004)]
)
def test_h_is_right_within_the_promise(preset, scale, limit):
    assert wrong(preset, scale=scale) < limit


@modelled
def test_a_calibration_serves_all_corners_of_its_models_and_no_others(tmp_path):
    slow = at(SKY130_MOS, corner="ss")
    assert slow.trims == SKY130_MOS.trims
    assert slow.models[0].section == "ss"
    folder = model_folder(SKY130.devices)
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    params = tmp_path / "C4M.Sky130_npn_t_params.spice"
    params.write_text(params.read_text().replace("9.8501e-01", "9.8502e-01"))
    assert SKY130_MOS.with_models(folder).models_digest == SKY130_MOS.models_digest
    text = r"calibration must be made with these device models, digest \w{12}, got \w{12}: calibrate this technology"
    with pytest.raises(InvalidValueError, match=text):
        la.compile(case(0, 1, 1.0, 1)[0], SKY130_MOS.with_models(tmp_path))


@modelled
def test_the_replica_is_right_warm_at_a_high_supply():
    """Where the bases of its transistors stood too high, it was saturated there, and h was 0.06 off."""
    warm = at(SKY130, corner="ff", temperature=85.0, supply=5.5, bias=la.electrical.Bias.PTAT)
    assert wrong(warm) < 0.008


@modelled
def test_one_factor_makes_up_for_the_slope_of_a_slow_wafer():
    slow = at(SKY130_MOS, corner="ss")
    assert wrong(at(slow, slope=1.012)) < 0.5 * wrong(slow)


def test_the_factor_is_that_at_which_pairs_see_what_they_should(monkeypatch):
    def measured(technology, engine, settling):
        gain = technology.conditions.slope / 1.04
        ones = dict.fromkeys(("add", "keep", "hidden", "cell_reset", "hidden_reset"), 1.0)
        pairs = dict.fromkeys(("input", "forget", "candidate", "output", "tanh"), gain)
        return Gains(**ones, **pairs, residual=0.0)

    monkeypatch.setattr("lstm_analog.study.calibration.measure_gains", measured)
    assert wafer_slope(SKY130_MOS, None, settling=12.0) == pytest.approx(1.04)
    with pytest.raises(la.errors.InvalidTypeError, match="technology must be of transistor cells"):
        wafer_slope("opamp", None, settling=12.0)


@modelled
def test_the_deck_names_the_users_files_and_reads_back(tmp_path):
    lstm, x = case(3, 2, 1.0, 2)
    built = la.compile(lstm, SKY130, settling=12.0)
    built.write.spice(tmp_path / "chip.cir", x)
    text = (tmp_path / "chip.cir").read_text(encoding="ascii")
    assert f'.lib "{model_folder(SKY130.devices)}/C4M.Sky130_io_lib.spice" tt\n' in text
    assert ".model" not in text
    assert la.read_spice(tmp_path / "chip.cir").network.equals(built.network, rtol=1e-14)
    with pytest.raises(UnsupportedError, match=r"cells l0_cells.* must have q cards, got none: devices of files of"):
        built.with_imperfection(la.imperfections.JunctionArea(share=0.01), la.imperfections.Streams(seed=1))


@modelled
@pytest.mark.parametrize(("corner", "celsius"), [("tt", 27.0), ("ss", 0.0), ("tt", 85.0)])
def test_the_replica_starts_with_the_supply_and_does_not_latch(corner, celsius, tmp_path):
    """The supply rises in 10 us, the reference with it; then iref is lifted to 7 V for 2 us, as an ideal source can."""
    technology = at(SKY130, corner=corner, temperature=celsius)
    names = ("bias", "tail_1", "tail_80")
    lines = defined(*(each for each in library(technology).subcircuits if each.name in names))
    lines += ["vcc vcc 0 pwl(0 0 1u 0 11u 5)", "giref vcc iref cur='2.5e-6*min(v(vcc),1)'"]
    lines += ["gkick vcc iref cur='v(kick)*max(7-v(iref),0)'", "vkick kick 0 pulse(0 1m 15u 0.1u 0.1u 2u 100u)"]
    lines += ["xb iref vb vcc 0 bias", "xr n vb 0 tail_80", "vn n 0 2", "xt m vb 0 tail_1", "vm m 0 2"]
    lines += [".tran 20n 40u", ".meas tran base find v(vb) at=39u", ".meas tran tail find i(vm) at=39u"]
    found = measured(tmp_path, technology, lines)
    assert 0.8 < found["base"] < 1.2
    assert 2.5e-6 < -found["tail"] < 3.2e-6, (
        "what leaves a product is the reference: a tail is more by three base currents"
    )


# What it takes.


def test_the_area_is_that_of_devices_and_their_spaces():
    mos = ("mn a b c c n w=10u l=1u m=2", "mp a b c vcc p w=10u l=1u")
    cards = ("r1 a b 4000.0", "c1 a b 4e-12", *mos, "xq a b c vss q m=3")
    cell = Subcircuit(name="cell", terminals=("a", "vss", "vcc"), outputs=(), cards=cards)
    models = ModelLibrary(path="/q.spice", section="", digest=64 * "0")
    device = ModelDevice(name="q", terminals=("c", "b", "e", "s"))
    rules = AreaRules(
        emitter=100.0, diffusion=0.3, apart=0.4, well_margin=5.0, square=2.0, sheet=1000.0, capacitance=2e-15
    )
    found = drawn_areas(Library(models=(models,), subcircuits=(cell,), devices=(device,)), "cell", rules)
    expected = {"resistors": 8.0, "capacitors": 2000.0, "bipolar": 300.0, "MOS": 60.0, "wells": 20.0 * 14.0 - 40.0}
    assert found == pytest.approx({what: 1e-12 * area for what, area in expected.items()}, rel=1e-9, abs=0.0)


@both
@modelled
def test_a_cell_has_the_area_that_the_page_says(preset):
    area = la.study.figures_of(preset).cell_area
    assert 1e12 * area.value == pytest.approx({"SKY130": 42e3, "SKY130_MOS": 49e3}[preset.name], rel=0.02)
    assert la.study.figures_of(la.electrical.BICMOS).cell_area.value == 2.5e-8
