"""The screens of the analogies in a browser: their numbers are those of engines, closed forms and optimisers."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from browser import Tab, browser
from by_hand import schedule

import lstm_analog as la
from lstm_analog.analogies import (
    COILS,
    NERVE,
    SIPHON,
    UTUBES,
    Descent,
    NerveCell,
    cells_of,
    chance,
    damped_motion,
    descent,
    heavy_ball,
)
from lstm_analog.engines import Integrate, Settle, Waveform, start_efforts
from lstm_analog.export import read_json
from lstm_analog.model import random_lstm
from lstm_analog.model.activations import sigmoid
from lstm_analog.model.digits import classifier, unseen
from lstm_analog.network.graph import Network
from lstm_analog.show.living import page
from lstm_analog.show.living.analogies import (
    DRIVES,
    FRICTION,
    LASTING,
    LOSS,
    NOISES,
    START,
    check_valve,
    diode,
    sealed,
    slowest,
    threshold,
)
from lstm_analog.show.living.demonstrations import channel_crowd
from lstm_analog.show.living.layers import outputs_by_row, shown_images
from lstm_analog.study import DigitalRun, LayerReading, representation
from lstm_analog.study.representation import RIDGE, layer_outputs, probe_answers

CLOSE = 1e-6
"""Of a number with six decimals on the page to Python's, of which half is rounding."""
CELLS = {"membrane": (NERVE, 1e3), "siphon": (SIPHON, 1.0 / 60.0)}
"""The cells, and the time units of their screen in a second."""


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """Return the page of a small LSTM in a browser that prefers no motion."""
    path = tmp_path_factory.mktemp("page") / "lstm.html"
    lstm = random_lstm(np.random.default_rng(3), 1, 1)
    page(la.compile(lstm, la.electrical.BEHAVIOURAL, settling=10.0).run(np.zeros((1, 1))), lstm, path)
    with browser() as tab:
        tab.view(1280, 800, still=True)
        tab.open(path)
        yield tab


def words(tab: Tab, name: str) -> str:
    """Return what the page shows under `name`."""
    return str(tab.value(f"document.querySelector('[data-name=\"{name}\"]').textContent")).replace("\u2212", "-")


@pytest.mark.parametrize(("z", "power"), [(1.0, 1.0), (-2.5, 2.0), (0.0, 3.0)])
def test_a_crowd_of_channels_has_the_mean_of_its_network_and_scatters_as_it_should(
    tab: Tab, z: float, power: float
) -> None:
    tab.go("#pair")
    tab.press("[data-kind=channels]")
    tab.slide("pair-number", power)
    tab.slide("pair-z", z)
    (share,) = chance.shares(channel_crowd(), np.array([z]), Settle(), interval=1.0)[-1]
    assert tab.number("pair-between") == pytest.approx(share, abs=CLOSE)
    assert tab.number("pair-sigmoid") == pytest.approx(float(sigmoid(np.array(z))), abs=CLOSE)
    expected = np.sqrt(share * (1.0 - share) / 10**power)
    assert 0.01 * tab.number("pair-first") == pytest.approx(share, abs=4.0 * expected / np.sqrt(200.0))
    assert 0.01 * tab.number("pair-second") == pytest.approx(expected, rel=0.2)


def test_channels_are_seen_to_open_and_shut_and_are_drawn_again(tab: Tab) -> None:
    tab.go("#pair")
    tab.press("[data-kind=channels]")
    tab.slide("pair-number", 2.0)
    tab.slide("pair-z", 0.0)
    open_now = "document.querySelector('#screen-pair .channel.open').getAttribute('d')"
    before = tab.value(open_now)
    tab.press("[data-name=pair-again]")
    assert tab.value(open_now) != before
    tab.view(1280, 800, still=False)
    tab.press("[data-kind=valves]")
    tab.press("[data-kind=channels]")
    before = tab.value(open_now)
    tab.until(f"{open_now} !== {before!r}")
    tab.view(1280, 800, still=True)


def fired(cell: NerveCell, drive: float) -> float:
    """Return the time between two spikes of `cell` (s), computed by `Integrate`."""
    flow = drive * threshold(cell)
    period = float(cell.period(np.array(flow)))
    network = cells_of(cell, np.ones((1, 1)), np.zeros(1), threshold(cell))
    plan = schedule(np.full(2, 3.5 * period), drive=[[0.0, 1.0], [drive, 1.0]])
    run = Integrate(rtol=1e-10, atol=1e-13).run(network, plan)
    assert run.switchings is not None
    return float(np.diff(run.switchings.closings(int(network.unknowns["firing"][0])))[-1])


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("drive", [1.25, 2.6])
def test_a_cell_fires_as_often_as_integrate_and_the_closed_form_say(tab: Tab, kind: str, drive: float) -> None:
    cell, unit = CELLS[kind]
    tab.go("#nerve")
    tab.press(f"#screen-nerve [data-kind={kind}]")
    tab.slide("nerve-noise", -1)
    tab.slide("nerve-drive", drive)
    tab.rest()
    assert tab.number("nerve-counted") / unit == pytest.approx(fired(cell, drive), rel=CLOSE)
    assert tab.number("nerve-counted") / unit == pytest.approx(
        float(cell.period(np.array(drive * threshold(cell)))), rel=CLOSE
    )
    assert tab.number("nerve-difference") < 1e-8


def test_a_cell_below_its_threshold_is_silent_and_without_leak_is_a_rectifier(tab: Tab) -> None:
    tab.go("#nerve")
    tab.press("#screen-nerve [data-kind=membrane]")
    tab.slide("nerve-drive", 0.6)
    tab.rest()
    assert tab.number("nerve-rate") == 0.0
    tab.press("[data-name=nerve-leak]")
    tab.rest()
    flow = 0.6 * threshold(NERVE)
    assert tab.number("nerve-counted") == pytest.approx(1e3 * float(sealed(NERVE).period(np.array(flow))), rel=CLOSE)
    relu = flow / (NERVE.capacitance * (NERVE.upper - NERVE.lower))
    assert tab.number("nerve-like") == pytest.approx(relu, abs=1e-3)
    assert tab.number("nerve-rate") == pytest.approx(relu, rel=0.01)  # the emptying takes 0.15 ms of each period
    tab.slide("nerve-drive", -0.6)
    tab.rest()
    assert tab.number("nerve-rate") == 0.0
    tab.press("[data-name=nerve-leak]")


@pytest.mark.parametrize("drive", [0.65, 1.5])
def test_with_noise_it_fires_as_often_as_the_first_passage_says(tab: Tab, drive: float) -> None:
    tab.go("#nerve")
    tab.press("#screen-nerve [data-kind=membrane]")
    tab.slide("nerve-drive", drive)
    tab.slide("nerve-noise", 2)
    tab.rest()
    mean = float(NERVE.noisy_rate(np.array(drive * threshold(NERVE)), NOISES[2] * NERVE.upper))
    assert tab.number("nerve-exact") == pytest.approx(mean, abs=1e-3)
    spikes, seconds = (float(part.split()[0]) for part in words(tab, "nerve-counted").split(" in "))
    assert tab.number("nerve-rate") == pytest.approx(spikes / seconds, abs=1e-3)
    assert tab.number("nerve-rate") == pytest.approx(mean, abs=4.0 * np.sqrt(spikes) / seconds + 0.04 * mean)
    tab.slide("nerve-noise", -1)


def test_the_drive_is_dragged_on_the_curve_and_moved_by_keys(tab: Tab) -> None:
    tab.go("#nerve")
    tab.press("#screen-nerve [data-kind=membrane]")
    tab.drag("#screen-nerve .plot[aria-label^=How]", (0.5, 0.5), (0.8, 0.5))
    tab.value("document.querySelector('[data-name=nerve-drive]').focus()")
    tab.key("ArrowRight", 39)
    tab.rest()
    drive = float(tab.value("document.querySelector('[data-name=nerve-drive]').value"))
    assert 1.5 < drive < 3.0
    assert tab.number("nerve-rate") == pytest.approx(float(NERVE.rate(np.array(drive * threshold(NERVE)))), abs=1e-3)


def at_rest(network: Network, drive: float) -> float:
    """Return the effort that comes out of a rectifier for a `drive` (effort units)."""
    return float(start_efforts(network, schedule([1.0], drive=[drive]))[network.unknowns["out"][0]])


@pytest.mark.parametrize(
    ("kind", "made", "one", "slider", "power", "changed"),
    [
        ("diode", diode, 1.0, "slope", np.log10(0.0258) + 0.25, {"slope": np.array([0.0258 * 10**0.25])}),
        ("valve", check_valve, 1e5, "leak", -2.0, {"leak": np.array([1e-13])}),
    ],
)
def test_rectifiers_pass_what_their_networks_do(
    tab: Tab, kind: str, made: object, one: float, slider: str, power: float, changed: dict
) -> None:
    network = made()  # type: ignore[operator]
    parts = tuple(replace(part, **changed) if part.label == "rectifier" else part for part in network.parts)
    tab.go("#rectifier")
    tab.press(f"#screen-rectifier [data-kind={kind}]")
    for x in (-1.5, 0.2, 0.75, 2.0):
        tab.slide("rectifier-x", x)
        if x == 0.75:
            network = replace(network, parts=parts)
            tab.slide(f"rectifier-{slider}", power)
        assert tab.number("rectifier-out") == pytest.approx(at_rest(network, one * x) / one, abs=CLOSE)
        assert tab.number("rectifier-difference") == pytest.approx(tab.number("rectifier-out") - max(x, 0.0), abs=CLOSE)


def rolled(kind: str, friction: float, steps: int, h: float) -> Descent:
    """Return the ball of that `kind`, read after each of `steps` of `h` units; in U-tubes the liquid is thicker."""
    if kind == "coils":
        return descent(LOSS, START, friction=friction, duration=steps * h, pieces=steps, sizes=COILS)
    machine = descent(LOSS, START, friction=FRICTION, duration=steps * h, pieces=steps, sizes=UTUBES)
    parts = tuple(
        replace(part, closed=part.closed * FRICTION / friction) if part.label == "columns" else part
        for part in machine.network.parts
    )
    return replace(machine, network=replace(machine.network, parts=parts))


@pytest.mark.parametrize("kind", ["coils", "utubes"])
@pytest.mark.parametrize(("friction", "power"), [(0.6, -2.0), (2.0, -2.5)])
def test_a_ball_rolls_as_waveform_says_beside_the_optimiser(tab: Tab, kind: str, friction: float, power: float) -> None:
    tab.go("#descent")
    tab.press(f"#screen-descent [data-kind={kind}]")
    tab.press("[data-name=descent-start]")
    tab.slide("descent-friction", friction)
    tab.slide("descent-rate", power)
    tab.rest()
    rate = 10**power
    steps, h = int(LASTING / np.sqrt(rate) + 1e-9), np.sqrt(rate)
    machine = rolled(kind, friction, steps, h)
    weights = machine.weights(Waveform(rtol=1e-9, atol=1e-11).run(machine.network, machine.schedule))
    path = heavy_ball(LOSS, START, rate=rate, momentum=1.0 - friction * h, steps=steps)
    assert tab.number("descent-w1") == pytest.approx(weights[-1, 0], abs=CLOSE)
    assert tab.number("descent-w1-steps") == pytest.approx(path[-1, 0], abs=CLOSE)
    assert tab.number("descent-momentum") == pytest.approx(1.0 - friction * h, abs=1e-4)
    assert tab.number("descent-difference") == pytest.approx(abs(path - weights).max(), rel=1e-2, abs=1e-4)
    assert tab.number("descent-steps") == steps


def test_it_starts_where_it_is_put_and_a_quarter_of_the_rate_is_half_as_far(tab: Tab) -> None:
    tab.go("#descent")
    tab.press("#screen-descent [data-kind=utubes]")
    tab.slide("descent-friction", 1.0)
    tab.drag("#screen-descent .plot", (0.5, 0.5), (0.8, 0.2))
    start = np.array([float(one) for one in words(tab, "descent-from").removeprefix("from ").split(", ")])
    assert abs(start - START).max() > 0.5
    apart = []
    for power in (-1.8, -2.4):
        tab.slide("descent-rate", power)
        tab.rest()
        apart.append(tab.number("descent-difference"))
    assert np.log(apart[0] / apart[1]) / np.log(10**0.6) == pytest.approx(0.5, abs=0.08)
    h = 10**-1.2
    end = damped_motion(LOSS, start, friction=1.0, time=np.array([int(LASTING / h) * h]))
    assert tab.number("descent-w1") == pytest.approx(end[0, 0], abs=CLOSE)


def test_critical_friction_is_marked_and_steps_that_are_too_long_run_away(tab: Tab) -> None:
    tab.go("#descent")
    tab.press("[data-name=descent-critical]")
    assert words(tab, "descent-damping") == "critical"
    assert float(tab.value("document.querySelector('[data-name=descent-friction]').value")) == 2.0
    tab.slide("descent-friction", 1.5)
    assert words(tab, "descent-damping") == "it swings"
    tab.slide("descent-rate", -0.5)
    tab.rest()
    assert words(tab, "descent-difference") == "run away"
    assert "runs away" in str(tab.value("document.querySelector('#screen-descent .hint').textContent"))


def test_the_decay_is_fastest_at_critical_friction() -> None:
    frictions = np.linspace(0.5, 4.0, 701)
    assert frictions[int(np.argmax([slowest(a) for a in frictions.tolist()]))] == pytest.approx(2.0)


def test_every_place_of_the_drive_has_a_closed_form(tab: Tab) -> None:
    told = tab.value("page.contents.analogies.nerve")
    for name, (cell, _) in CELLS.items():
        np.testing.assert_allclose(told[name]["curves"]["rate"], cell.rate(DRIVES * threshold(cell)), rtol=1e-8)
        assert len(told[name]["curves"]["noisy"]) == len(NOISES)
        like, rate = (np.array(told[name]["curves"][key]) for key in ("softplus", "noisy"))
        assert (abs(like - rate).max(axis=1) < 0.03 * rate.max(axis=1)).all()


def test_layers_are_read_as_python_reads_them(tab: Tab) -> None:
    lstm, (x, labels) = classifier(), unseen()
    run = DigitalRun(lstm=lstm, x=x)
    found, values = representation(run, labels), layer_outputs(run, LayerReading.FINAL).values
    answers = [probe_answers(each, labels)[0][0] for each in values]
    shown = shown_images(answers, labels)
    tab.go("#layers")
    misread = 0
    for place, image in enumerate(shown.tolist()):
        tab.press(f"#screen-layers [data-image='{place}']")
        assert tab.number("layers-truth") == labels[image] == place
        for layer, each in enumerate(answers):
            assert tab.number(f"layers-{layer}") == each[image].argmax()
        misread += tab.number("layers-0") != place
    assert misread > 0
    cells = "[...document.querySelectorAll('#screen-layers .figures tbody tr')].map(row => row.cells[2].textContent)"
    assert tab.value(cells) == [f"{100 * share:.1f} %" for share in found.separability[0]]


def test_an_answer_is_that_of_a_probe_of_all_other_images() -> None:
    x, labels = unseen()
    values, place = x.reshape(len(x), -1), 7
    others = np.delete(np.arange(len(x)), place)
    centre, wanted = values.mean(axis=0), (labels[:, None] == np.arange(10)).astype(float)
    moved = values - centre
    penalty = RIDGE * np.linalg.eigvalsh(moved.T @ moved).mean()
    design = np.column_stack((moved, np.ones(len(x))))
    gram = design[others].T @ design[others] + penalty * np.diag([*np.ones(64), 0.0])
    expected = design[place] @ np.linalg.solve(gram, design[others].T @ wanted[others])
    np.testing.assert_allclose(probe_answers(values[None], labels)[0][0, place], expected, atol=1e-9)


def test_the_framed_units_are_what_a_layer_keeps() -> None:
    lstm, x = classifier(), unseen()[0][:3]
    kept = layer_outputs(DigitalRun(lstm=lstm, x=x), LayerReading.FINAL).values[1:]
    for rows, last in zip(outputs_by_row(lstm, x), kept, strict=True):
        np.testing.assert_array_equal(np.concatenate((rows[:, -1, :16], rows[:, 0, 16:]), axis=-1), last[0])


def test_balls_and_cells_are_seen_to_move(tab: Tab) -> None:
    tab.view(1280, 800, still=False)
    for screen, moving in (("nerve", "#screen-nerve .cell:not([hidden]) .volts"), ("descent", "#screen-descent .of-c")):
        tab.go(f"#{screen}")
        tab.press(f"#screen-{screen} [data-kind={'membrane' if screen == 'nerve' else 'coils'}]")
        tab.rest()
        tab.press(f"[data-name={screen}-play]")
        height = f"document.querySelector('{moving}').getAttribute('height')"
        before = tab.value(height)
        tab.until(f"{height} !== '{before}'")
        tab.press(f"[data-name={screen}-play]")
    tab.view(1280, 800, still=True)


def test_the_files_are_read_back(tab: Tab, tmp_path: Path) -> None:
    files = tab.value("[page.contents.pairs.channels, page.contents.analogies.nerve.siphon.file]")
    for text, expected in zip(
        files, (channel_crowd(), cells_of(SIPHON, np.ones((1, 1)), np.zeros(1), threshold(SIPHON))), strict=True
    ):
        (tmp_path / "network.json").write_text(text)
        assert read_json(tmp_path / "network.json").network.unknowns.names() == expected.unknowns.names()
