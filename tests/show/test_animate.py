"""An animation shows what the run has: levels of the trajectory, gates of the LSTM; as a page and as a GIF."""

import json
import re
from base64 import b64decode
from dataclasses import replace
from io import BytesIO
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

import lstm_analog as la
from lstm_analog.errors import InvalidValueError
from lstm_analog.model.random import Form
from lstm_analog.show import animate
from lstm_analog.show.animations.moments import moments

ENGINE = la.engines.Waveform(points=12)
MOST_FRAMES = 29
"""Frames of a step of a gated leak, which has the most."""
HOSTILE = "</script><script>alert(1)</script>"


def made(technology=la.electrical.BEHAVIOURAL, *, timing=la.CLOCKED, form=Form.LSTM):
    lstm = la.random_lstm(np.random.default_rng(7), 2, 2, scale=2.0, form=form)
    x = np.random.default_rng(8).uniform(-1.0, 1.0, (3, 2))
    return la.compile(lstm, technology, timing=timing, settling=14.0).run(x, engine=ENGINE), lstm


@pytest.mark.parametrize("timing", [la.CLOCKED, la.GATED_LEAK])
@pytest.mark.parametrize("technology", [la.electrical.BEHAVIOURAL, la.hydraulic.OIL], ids=lambda t: t.name)
def test_a_step_ends_at_the_states_of_the_run(technology, timing):
    run, lstm = made(technology, timing=timing)
    found = list(moments(run, range(1, 3), layer=0, unit=1, sequence=0))
    for step in (1, 2):
        last = [moment for moment in found if moment.step == step][-1]
        levels = {vessel.name: vessel.level for vessel in last.vessels}
        assert levels["c"] == pytest.approx(run.layers[0].c[step, 1], abs=1e-9)
        assert len(found) / 2 <= MOST_FRAMES
        assert levels["h"] == pytest.approx(run.layers[0].h[step, 1], abs=1e-9)
        opened = [m.gates for m in found if m.step == step and m.words.startswith("the gates settle")][-1]
        np.testing.assert_allclose(opened, lstm.trace(run.x).layers[0].gates[step, :, 1], atol=1e-3)


def test_valves_open_with_their_clock():
    run, _ = made(la.hydraulic.OIL)
    open_at = {}
    for moment in moments(run, range(1), layer=0, unit=0, sequence=0):
        open_at.setdefault(moment.words, set()).update(v.name for v in moment.vessels if v.open)
    assert open_at == {
        "new inputs arrive": set(),
        "the gates settle, the new values are made": {"new c", "new h"},
        "everything holds": set(),
        "the new values are copied": {"c", "h"},
        "the values are read": set(),
    }


def test_the_page_has_a_frame_and_words_for_each_moment(tmp_path):
    run, lstm = made(replace(la.electrical.BEHAVIOURAL, name=HOSTILE))
    animate(run, lstm, tmp_path / "a.html", unit=1, steps=1)
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    content = json.loads(re.search(r'id="content">(.*?)</script>', page)[1])
    count = len(list(moments(run, range(1), layer=0, unit=1, sequence=0)))
    assert len(content["frames"]) == len(content["words"]) == count
    assert all(b64decode(frame).startswith(b"\x89PNG") for frame in content["frames"])
    assert "forget gate 0." in content["words"][-1]
    assert page.count("<script") == 2
    assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//", page)
    assert len(page) / count < 5_000_000 / (12 * MOST_FRAMES)


def test_a_gif_has_a_frame_for_each_moment_and_is_small(tmp_path):
    run, lstm = made(form=Form.GRU)
    animate(run, lstm, tmp_path / "a.gif", steps=1)
    content = (tmp_path / "a.gif").read_bytes()
    assert len(content) < 500_000
    picture = Image.open(BytesIO(content))
    assert picture.n_frames > 10
    assert picture.info["duration"] == 160


def test_what_cannot_be_shown_is_refused(tmp_path):
    run, lstm = made()
    with pytest.raises(InvalidValueError, match=r"^the name of an animation must end in \.html or \.gif, got 'a\.mp4'"):
        animate(run, lstm, tmp_path / "a.mp4")
    with pytest.raises(InvalidValueError, match=r"^steps must be 1 to 12, got 0: "):
        animate(run, lstm, tmp_path / "a.gif", steps=0)
    with pytest.raises(InvalidValueError, match=r"^step must be from -3 to 2, got 3: "):
        animate(run, lstm, tmp_path / "a.gif", first=1, steps=3)
    coarse = la.compile(lstm, la.electrical.BEHAVIOURAL).run(run.x, engine="settle")
    with pytest.raises(InvalidValueError, match="have at least 8 points"):
        animate(coarse, lstm, tmp_path / "a.gif", steps=1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("technology", "timing", "form"),
    [
        (la.electrical.BEHAVIOURAL, la.GATED_LEAK, Form.GRU),
        (la.electrical.BEHAVIOURAL, la.GATED_LEAK, Form.PEEPHOLE),
        (la.electrical.OPAMP, la.CLOCKED, Form.LSTM),
        (la.hydraulic.OIL, la.CLOCKED, Form.MGU),
    ],
)
def test_a_level_moves_only_while_its_valve_is_open(technology, timing, form):
    lstm = la.random_lstm(np.random.default_rng(1), 2, 2, form=form, scale=2.0)
    machine = la.compile(lstm, technology, timing=timing)
    run = machine.run(np.random.default_rng(2).uniform(-1.0, 1.0, (2, 2)), engine=la.engines.Waveform(points=12))
    found = list(moments(run, range(1, 2), layer=0, unit=0, sequence=0))
    moved = set()
    for before, after in pairwise(found):
        for one, two in zip(before.vessels, after.vessels, strict=True):
            if abs(two.level - one.level) > 1e-5:
                assert two.open
                moved.add(two.name)
    assert moved == {vessel.name for vessel in found[0].vessels}
