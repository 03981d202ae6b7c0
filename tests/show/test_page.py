"""The living page in a browser: dragged, shut, scrubbed; its numbers are those that Python computes."""

import base64
import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import by_hand
import numpy as np
import pytest
from browser import Tab, browser

import lstm_analog as la
from lstm_analog import imperfections as imp
from lstm_analog.cli import main
from lstm_analog.compiler.compiled import Compiled, decode, schedule
from lstm_analog.engines import Waveform, start_efforts
from lstm_analog.model import LSTM, State, random_lstm
from lstm_analog.model.random import Form
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import Crossbars
from lstm_analog.show.living import page
from lstm_analog.show.living.contents import MOST_STEPS, contents
from lstm_analog.show.living.demonstrations import PLUMBING, one_memory, transistor_pair, valve_pair
from lstm_analog.study import Run

CLOSE = 1e-6
"""Of a number with six decimals on the page to Python's, of which half is rounding."""
HOSTILE = "<img src=x onerror='document.title=1'> & \"quoted\" </script><script>document.title=1</script>"
X = np.array([[0.3], [-0.8], [0.5]])
FINE = Waveform(rtol=1e-8, atol=1e-10)


@pytest.fixture(scope="module")
def lstm() -> LSTM:
    return random_lstm(np.random.default_rng(3), 1, 2, scale=2.0)


@pytest.fixture(scope="module")
def run(lstm: LSTM) -> Run:
    return la.compile(lstm, PLUMBING, settling=10.0).run(X)


@pytest.fixture(scope="module")
def written(run: Run, lstm: LSTM, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "lstm.html"
    page(run, lstm, path, title=HOSTILE)
    return path


@pytest.fixture(scope="module")
def opened(written: Path) -> Iterator[Tab]:
    """Return the page in a browser that prefers no motion, so that nothing waits for an animation."""
    with browser() as tab:
        tab.view(1280, 800, still=True)
        tab.open(written)
        yield tab


def at_rest(network: Network, z: float) -> np.ndarray:
    """Return the efforts of a pair whose control `z_0` has the effort `z`."""
    return start_efforts(network, by_hand.schedule([1.0], z_source=[z]))


def test_a_pair_of_valves_is_dragged(tab: Tab) -> None:
    tab.go("#pair")
    tab.drag("#screen-pair .plot", (0.5, 0.5), (0.75, 0.3))
    z = float(tab.value("document.querySelector('[data-name=pair-z]').value"))
    assert 1.0 < z < 5.0
    network = valve_pair()
    middle = at_rest(network, 10e3 * z)[network.unknowns["middle"]][0] / 10e3
    assert tab.number("pair-between") == pytest.approx(middle, abs=CLOSE)
    assert tab.number("pair-sigmoid") == pytest.approx(1.0 / (1.0 + np.exp(-z)), abs=CLOSE)
    upper, lower = tab.number("pair-first"), tab.number("pair-second")
    assert upper / 100.0 == pytest.approx(np.exp(0.5 * z - 3.0), abs=1e-4)
    assert upper / (upper + lower) == pytest.approx(middle, abs=2e-2)


def test_a_pair_of_transistors_makes_the_same_curve(tab: Tab) -> None:
    tab.go("#pair")
    tab.press("[data-kind=transistors]")
    tab.value("document.querySelector('[data-name=pair-z]').focus()")
    tab.key("ArrowLeft", 37)
    z = float(tab.value("document.querySelector('[data-name=pair-z]').value"))
    network = transistor_pair()
    volts = at_rest(network, z * 1.380649e-23 * 300.15 / 1.602176634e-19)
    assert tab.number("pair-between") == pytest.approx(volts[network.unknowns["left"]][0], abs=CLOSE)
    assert tab.number("pair-first") + tab.number("pair-second") == pytest.approx(100.0, abs=0.011)


def after(compiled: Compiled, network: Network, x: np.ndarray, units: int) -> tuple[np.ndarray, np.ndarray]:
    """Return h and c of the first layer after each step of `x`, computed by `Waveform`."""
    fed = schedule(compiled, x, State(h=(np.zeros(units),), c=(np.zeros(units),)))
    trajectory, place = FINE.run(network, fed), compiled.layout.layers[0]
    ends = compiled.cycle.ends(place.h.interval, len(x))
    return decode(compiled, trajectory, place.h, ends), decode(compiled, trajectory, place.cell, ends)


def test_a_memory_makes_its_steps_and_keeps_c_when_its_output_is_shut(tab: Tab) -> None:
    tab.go("#tank")
    shares = {"forget": 80, "input": 60, "output": 30}
    for name, share in shares.items():
        tab.slide(f"tank-{name}", share)
    tab.slide("tank-value", 0.5)
    logits = {name: np.log(share / (100.0 - share)) for name, share in shares.items()}
    z = np.array([[logits["input"], logits["forget"], np.arctanh(0.5), logits["output"]]])
    tab.press("[data-name=tank-next]")
    tab.until("document.querySelector('[data-name=tank-steps]').textContent === '1'")
    compiled = one_memory()
    h, c = after(compiled, compiled.network, np.concatenate((np.zeros((1, 4)), z)), 1)
    h, c = h[1:], c[1:]  # a step of nothing before, after which the tanks are as empty as those of the page
    assert tab.number("tank-h") == pytest.approx(h[0, 0], abs=CLOSE)
    assert tab.number("tank-c") == pytest.approx(c[0, 0], abs=CLOSE)
    tab.press("[data-name=tank-shut-output]")
    tab.slide("tank-forget", 100)
    tab.slide("tank-input", 0)
    tab.press("[data-name=tank-next]")
    tab.until("document.querySelector('[data-name=tank-steps]').textContent === '2'")
    assert abs(tab.number("tank-h")) < 1e-5
    assert tab.number("tank-c") == pytest.approx(c[0, 0], abs=1e-3)  # the forget valve is open by 99.9 %
    assert tab.number("tank-c") == pytest.approx(tab.number("tank-c-digital"), abs=1e-4)


def test_a_memory_and_a_network_are_seen_to_move(tab: Tab) -> None:
    tab.view(1280, 800, still=False)
    for screen, button, moving in (
        (
            "#tank",
            "tank-next",
            "[...document.querySelectorAll('#screen-tank .water')].map(e => e.getAttribute('y')).join()",
        ),
        ("#network", "network-play", "document.querySelector('#screen-network .units .water').getAttribute('y')"),
    ):
        tab.go(screen)
        tab.rest()
        before = tab.value(moving)
        tab.press(f"[data-name={button}]")
        tab.until(f"{moving} !== '{before}'")
        halfway = tab.value(moving)
        tab.until(f"{moving} !== '{halfway}'")
    tab.press("[data-name=network-play]")
    tab.view(1280, 800, still=True)


def test_a_step_is_scrubbed(tab: Tab, run: Run) -> None:
    tab.go("#step")
    tab.rest()
    tab.press("[data-name=step-on]")
    h, c = run.layers[0].h, run.layers[0].c
    assert tab.number("step-h") == pytest.approx(h[1, 0], abs=CLOSE)
    assert tab.number("step-c") == pytest.approx(c[1, 0], abs=CLOSE)
    seen = []
    for share in (0.0, 0.3, 0.99):
        most = float(tab.value("document.querySelector('[data-name=step-scrub]').max"))
        tab.slide("step-scrub", round(share * most))
        level = "[...document.querySelectorAll('#screen-step .levels .halo')].map(text => text.textContent)"
        seen.append([float(text.replace("\u2212", "-")) for text in tab.value(level)])
    assert seen[0][0] == pytest.approx(c[0, 0], abs=6e-4)  # three decimals in a tank
    assert seen[2][0] == pytest.approx(c[1, 0], abs=6e-4)
    assert seen[0] != seen[1] != seen[2]


def test_a_shorter_phase_leaves_what_the_law_allows(tab: Tab) -> None:
    tab.go("#step")
    errors = []
    for length in (5, 10):
        tab.slide("step-phase", length)
        tab.rest()
        errors.append(tab.number("step-error"))
        assert 0.0 < errors[-1] < tab.number("step-law")
    assert errors[0] / errors[1] == pytest.approx(np.exp(5.0), rel=0.9)


def test_a_valve_of_the_network_is_shut_and_opened(tab: Tab, run: Run) -> None:
    tab.go("#network")
    tab.rest()
    tab.slide("network-step", 3)
    before = tab.number("network-c")
    assert before == pytest.approx(run.layers[0].c[2, 0], abs=CLOSE)
    tab.press("[data-shut=forget]")
    tab.rest()
    compiled = run.passes[0].compiled
    parts = tuple(
        replace(part, conductance=part.conductance * np.array([1e-30, 1.0])) if part.label == "l0_c_keep_top" else part
        for part in compiled.network.parts
    )
    h, c = after(compiled, replace(compiled.network, parts=parts), X, 2)
    assert tab.number("network-c") == pytest.approx(c[2, 0], abs=CLOSE)
    assert tab.number("network-h") == pytest.approx(h[2, 0], abs=CLOSE)
    assert tab.number("network-c-before") == pytest.approx(before, abs=CLOSE)
    assert abs(c[2, 0] - before) > 1e-3
    tab.press("[data-name=network-open]")
    tab.rest()
    assert tab.number("network-c") == pytest.approx(before, abs=CLOSE)


def test_another_input_is_drawn(tab: Tab, lstm: LSTM) -> None:
    tab.go("#network")
    tab.press("[data-input='one pulse']")
    tab.rest()
    pulse = np.array([[0.0], [1.0], [0.0]])
    there = la.compile(lstm, PLUMBING, settling=10.0).run(pulse)
    tab.slide("network-step", 3)
    assert tab.number("network-h") == pytest.approx(there.h[2, 0], abs=CLOSE)
    assert tab.number("network-h-digital") == pytest.approx(lstm(pulse).h[2, 0], abs=CLOSE)
    old = tab.number("network-h-digital")
    tab.drag("#screen-network .plot", (0.1, 0.4), (0.9, 0.2))
    tab.rest()
    assert tab.number("network-h-digital") != old
    assert tab.number("network-h") == pytest.approx(tab.number("network-h-digital"), abs=2e-3)


def test_circuit_and_plumbing_say_the_same(tab: Tab, run: Run) -> None:
    tab.go("#beside")
    tab.rest()
    tab.slide("beside-step", 2)
    h = run.layers[0].h[1, 0]
    assert tab.number("beside-h-plumbing") == pytest.approx(h, abs=CLOSE)
    assert tab.number("beside-h-circuit") == pytest.approx(h, abs=1e-3)
    tab.value("document.querySelector('#screen-beside tr[data-key=h]').focus()")
    assert tab.value("document.querySelectorAll('#screen-beside .lit').length") == 3


def test_broken_parts_cost_and_are_mended(tab: Tab) -> None:
    tab.go("#broken")
    tab.rest()
    sound = tab.number("broken-before")
    for name, value in (("leak", -3), ("warmth", 10), ("spread", 5)):
        tab.slide(f"broken-{name}", value)
        tab.rest()
        assert tab.number("broken-error") > 1.5 * sound, name
        assert "unit" in str(tab.value("document.querySelector('[data-name=broken-worst]').textContent"))
        tab.press("[data-name=broken-mend]")
        tab.rest()
        assert tab.number("broken-error") == pytest.approx(sound)


def test_dummies_are_no_weights(tab: Tab, run: Run) -> None:
    tab.go("#beside")
    (bank,) = (part for part in run.compiled.network.parts if isinstance(part, Crossbars))
    rows = str(tab.value("document.querySelector('#screen-beside table.words').innerText")).splitlines()
    (row,) = (row.split("\t") for row in rows if row.startswith("capillary tubes, the weights"))
    assert int(row[1]) == np.count_nonzero(bank.positive) + np.count_nonzero(bank.negative)


def test_a_memory_at_its_stop_is_said(tab: Tab) -> None:
    tab.go("#tank")
    for name in ("forget", "input"):
        tab.slide(f"tank-{name}", 100)
    tab.slide("tank-value", 0.95)
    before = int(tab.number("tank-steps"))
    for number in range(before + 1, before + 7):
        tab.press("[data-name=tank-next]")
        tab.until(f"document.querySelector('[data-name=tank-steps]').textContent === '{number}'")
    said = "document.querySelector('#screen-tank .lead').textContent"
    assert "The tank is full: its stop holds it there" in str(tab.value(said))
    tab.press("[data-name=tank-empty]")
    assert "The tank is full" not in str(tab.value(said))


def test_a_number_between_two_places_of_a_slider_is_told_as_it_is(tab: Tab) -> None:
    assert (
        tab.value(
            "(() => { const s = slider('', { min: 0, max: 1, step: 0.5, value: 0 }, () => 0); s.put(0.37);"
            " return s.element.querySelector('.value').textContent; })()"
        )
        == "0.37"
    )


def test_the_lines_in_the_page_make_it_again(
    tab: Tab, lstm: LSTM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab.go("#away")
    lines = str(tab.value("page.contents.python"))
    la.save(lstm, tmp_path / "random.safetensors")
    monkeypatch.chdir(tmp_path)
    exec(compile(lines, "page", "exec"), {})
    packed = [re.search('id="contents">(.*?)<', path.read_text()) for path in tmp_path.glob("*.html")]
    (again,) = (json.loads(gzip.decompress(base64.b64decode(found[1]))) for found in packed if found)
    assert again["machines"] == json.loads(str(tab.value("JSON.stringify(page.contents.machines)")))


def test_what_the_lines_leave_out_is_said_in_them(lstm: LSTM) -> None:
    leaking = la.compile(lstm, PLUMBING).with_imperfection(imp.SeatLeak(share=1e-6), imp.Streams(seed=1))
    told, _ = contents(leaking.run(X), lstm, "")
    assert "# then, not done here: imperfection: SeatLeak(share=1e-06)" in str(told["python"])


def test_the_network_in_the_page_is_the_exported_file(tab: Tab, lstm: LSTM, tmp_path: Path) -> None:
    tab.go("#away")
    la.compile(lstm, PLUMBING, settling=10.0).write.json(tmp_path / "network.json", X)
    assert tab.value("page.contents.machines.plumbing.file") == (tmp_path / "network.json").read_text()
    tab.send("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    tab.press("#screen-away table button")
    kept = tmp_path / "random_plumbing.json"
    tab.until("true", and_also=kept.is_file)
    assert kept.read_text() == (tmp_path / "network.json").read_text()
    assert ".tran" in str(tab.value("page.contents.netlist"))


def test_a_hostile_title_is_only_text_and_nothing_is_loaded(tab: Tab, written: Path) -> None:
    assert tab.value("document.querySelector('h1').textContent") == HOSTILE
    assert tab.value("document.querySelectorAll('img').length") == 0
    assert str(tab.value("document.title")) != "1"
    assert [url for url in tab.requested if not url.startswith(("file:", "data:", "blob:", "about:"))] == []
    assert written.stat().st_size < 1_000_000


def test_controls_have_names_and_a_phone_needs_no_scrolling_sideways(tab: Tab) -> None:
    tab.view(390, 844, dark=True, still=True)
    for screen in tab.value("[...document.querySelectorAll('nav a')].map(link => link.hash)"):
        tab.go(screen)
        assert tab.value("document.documentElement.scrollWidth") <= 390, screen
    nameless = "[...document.querySelectorAll('input, select, button, [role=img], [role=button]')].filter(e =>"
    nameless += " !(e.getAttribute('aria-label') || e.textContent.trim() || e.closest('label')?.textContent.trim()))"
    assert tab.value(f"{nameless}.map(e => e.outerHTML)") == []
    ground = tab.value("getComputedStyle(document.body).backgroundColor")
    assert max(int(part) for part in str(ground).strip("rgb()").split(",")) < 60
    tab.view(1280, 800, still=True)


def test_what_goes_wrong_is_told_and_the_rest_goes_on(tab: Tab) -> None:
    tab.value("page.work.add(() => { throw new Error('<b>as asked</b>'); }), page.work.add(() => false)")
    tab.rest()
    assert tab.value("document.getElementById('failure').innerText") == "Something went wrong: <b>as asked</b>"
    tab.value("document.getElementById('failure').textContent = ''")


@pytest.mark.parametrize(
    ("form", "options", "told"),
    [
        pytest.param(Form.PEEPHOLE, {}, "LSTM must be of forward LSTM or GRU cells.*, got peepholes:", id="peephole"),
        pytest.param(Form.COUPLED, {}, "got coupled gates: draw", id="coupled"),
        pytest.param(Form.PROJECTED, {}, "got a projection: draw", id="projection"),
        pytest.param(Form.RNN, {}, "got RNNCell: draw", id="rnn"),
        pytest.param(Form.LSTM, {"timing": la.GATED_LEAK}, "clock must be CLOCKED", id="leak"),
    ],
)
def test_what_the_page_cannot_show_is_refused(form: Form, options: dict, told: str, tmp_path: Path) -> None:
    model = random_lstm(np.random.default_rng(0), 1, 1, form=form)
    ours = la.compile(model, la.electrical.BEHAVIOURAL, **options).run(X)
    with pytest.raises(la.errors.UnsupportedError, match=told):
        page(ours, model, tmp_path / "page.html")


def test_a_backward_direction_is_named(tmp_path: Path) -> None:
    """It said "got Cell", which is what it must be of."""
    model = random_lstm(np.random.default_rng(0), 1, 1, bidirectional=True)
    with pytest.raises(
        la.errors.UnsupportedError, match="without peepholes or projection, got a backward direction: d"
    ):
        page(la.compile(model, la.electrical.BEHAVIOURAL).run(X), model, tmp_path / "page.html")


def test_a_head_of_the_last_step_is_refused_and_what_is_advised_works(lstm: LSTM, tmp_path: Path) -> None:
    """A run of the pass alone led to a message about `signal_networks`, which no user calls."""
    head = la.model.Head(weights=np.ones((1, lstm.output_size)), bias=np.zeros(1), final=True)
    model = replace(lstm, head=head)
    machine = la.compile(model, la.electrical.BEHAVIOURAL)
    for each in (machine, machine.alone(0)):
        with pytest.raises(
            la.errors.UnsupportedError, match=r"LSTM must have no head.*: compile it without: replace\("
        ):
            page(each.run(X), model, tmp_path / "page.html")
    without = replace(model, head=None)
    page(la.compile(without, la.electrical.BEHAVIOURAL).run(X), without, tmp_path / "page.html")
    assert (tmp_path / "page.html").exists()


def test_several_sequences_and_too_many_steps_are_refused(lstm: LSTM, tmp_path: Path) -> None:
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL)
    for x in (np.zeros((2, 2, 1)), np.zeros((MOST_STEPS + 1, 1))):
        with pytest.raises(la.errors.InvalidShapeError, match="x must be one sequence of at most"):
            page(machine.run(x, engine=la.engines.Settle()), lstm, tmp_path / "page.html")


def test_the_command_line_writes_a_page(lstm: LSTM, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    la.save(lstm, tmp_path / "model.safetensors")
    written = tmp_path / "out.html"
    assert main(["view", str(tmp_path / "model.safetensors"), "--page", str(written), "--steps", "2"]) == 0
    assert "open it in a browser" in capsys.readouterr().out
    text = written.read_text()
    assert text.count("<script") == 2
    assert f"<h1>{lstm.name}</h1>" in text
    assert lstm.digest[:12] in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
