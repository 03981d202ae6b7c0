import numpy as np
import pytest

import lstm_analog as la

STEPS = 3


@pytest.fixture(scope="session")
def machine_run():
    """Return (run, lstm) for a random LSTM; made once for each choice."""
    made = {}

    def make(timing=la.CLOCKED, *, layers=1, units=2, batch=2, steps=STEPS, points=12, settling=14.0):
        key = (timing, layers, units, batch, steps, points, settling)
        if key not in made:
            rng = np.random.default_rng(7)
            lstm = la.random_lstm(rng, 2, units, layers=layers, scale=2.0)
            x = rng.uniform(-1, 1, (steps, 2) if batch is None else (batch, steps, 2))
            machine = la.compile(lstm, la.electrical.BEHAVIOURAL, timing=timing, settling=settling)
            engine = la.engines.Waveform(rtol=1e-9, atol=1e-11, points=points)
            made[key] = machine.run(x, engine=engine), lstm
        return made[key]

    return make


@pytest.fixture
def tab(opened):
    """Return the page that a module has `opened`, on which nothing may fail."""
    yield opened
    assert opened.failures == []
    assert opened.value("document.getElementById('failure').textContent") == ""


@pytest.fixture
def drawn():
    """Return a function that gives the lines of axes by their labels."""

    def by_label(axes):
        lines = {}
        for line in axes.get_lines():
            lines.setdefault(str(line.get_label()), []).append(line)
        return lines

    return by_label
