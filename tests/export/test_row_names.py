"""What decks say of themselves: which resistor is which weight, which way time runs, what h was after each step.

The decks are read as a designer reads them: comments and cards, not by this package.
"""

import re
import subprocess
from dataclasses import replace

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.engines.raw import read_raw
from lstm_analog.errors import LstmAnalogError, UnsupportedError
from lstm_analog.export import DIALECTS, NGSPICE, PORTABLE, SPECTRE, Probe
from lstm_analog.model import Layer
from lstm_analog.network.parts import Crossbars, Transconductors

X = np.random.default_rng(5).uniform(-1, 1, (3, 2))
GATES = ("input", "forget", "cell", "output")


def deck(machine, path, x=X[:1], **options):
    machine.write.spice(path, x, **options)
    return path.read_text()


def found_weights(text):
    """Return the values of all weights by (side, gate, unit, driver), from the comments and cards of a deck alone."""
    drivers, weight, found = {}, None, {}
    for line in text.splitlines():
        if line.startswith("* from "):
            drivers = dict(re.findall(r"(\w+)_<k> is ([a-z ]+)\[<k>\]", line))
        elif named := re.match(r"\* w\[([a-z ]+), (\d+), \.\.\.\] of \w+(?:, (plus|minus) side)?", line):
            weight = (named[3] or "", named[1], int(named[2]))
        elif line.startswith("*") or not line.strip():
            weight = None
        elif weight is not None:
            words = line.split()
            driver, _, number = (words[1] if words[0][0] == "r" else words[3]).rpartition("_")
            value = 1.0 / float(words[-1]) if words[0][0] == "r" else float(words[-1])
            found[(*weight, f"{drivers[driver]}{number}", driver)] = value
    return found


def wanted_weights(lstm):
    """Return the weights of a layer of an LSTM by gate, unit and driver; both its biases are one."""
    cell = lstm.layers[0].forward
    return {
        (gate, unit, f"{name}{k}"): float(value)
        for name, array in (("x", cell.input), ("h", cell.recurrent), ("bias", cell.bias[..., None]))
        for (g, unit, k), value in np.ndenumerate(array)
        for gate in (GATES[g],)
    }


@pytest.mark.parametrize("technology", [la.electrical.BEHAVIOURAL, la.electrical.OPAMP, la.electrical.OPAMP_IDEAL])
def test_a_designer_finds_every_weight_by_its_name(tmp_path, technology):
    lstm = la.random_lstm(np.random.default_rng(3), 2, 3)
    found = found_weights(deck(la.compile(lstm, technology), tmp_path / "a.cir"))
    wanted = wanted_weights(lstm)
    measured = dict.fromkeys(wanted, 0.0)
    for (side, gate, unit, driver, _), value in found.items():
        measured[gate, unit, driver] += -value if side == "minus" else value
    assert ("forget", 2, "h1") in measured
    ratios = {key: measured[key] / wanted[key] for key in wanted if not key[2].startswith("bias")}
    np.testing.assert_allclose(list(ratios.values()), ratios["forget", 2, "h1"], rtol=1e-9)


def test_a_chip_names_both_wires_of_a_pair(tmp_path):
    """A weight leads from one wire of its driver to one of its column, by its sign, and back from the other."""
    lstm = la.random_lstm(np.random.default_rng(3), 2, 1)
    found = found_weights(deck(la.compile(lstm, la.electrical.BICMOS), tmp_path / "a.cir"))
    for (gate, unit, driver), weight in wanted_weights(lstm).items():
        wires = {(key[0], key[4][-1]): value for key, value in found.items() if key[1:4] == (gate, unit, driver)}
        if not driver.startswith("bias"):
            direct = wires.get(("plus", "p"), 0.0) - wires.get(("plus", "n"), 0.0)
            assert np.sign(direct) == np.sign(weight)


FORMS = {
    "layers": la.random_lstm(np.random.default_rng(0), 2, 2, layers=2),
    "directions": la.random_lstm(np.random.default_rng(0), 2, 2, layers=2, bidirectional=True),
    "a head": la.random_lstm(np.random.default_rng(0), 2, 2, outputs=1),
    **{form.name: la.random_lstm(np.random.default_rng(0), 2, 3, form=form) for form in la.model.Form},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "technology", [la.electrical.BEHAVIOURAL, la.electrical.OPAMP, la.hydraulic.OIL], ids=lambda each: each.name
)
def test_no_row_and_no_driver_is_without_a_name(tmp_path, technology, form):
    machine = la.compile(FORMS[form], technology)
    for number in range(len(machine.passes)):
        alone = machine.alone(number)
        network = alone.network
        text = deck(alone, tmp_path / "a.cir", np.zeros((1, alone.input_size)))
        rows = re.findall(r"^\* w\[.*", text, re.MULTILINE)
        assert rows
        assert all(re.match(r"\* w\[[a-z0-9 ]+, \d+, \.\.\.\] of ", row) for row in rows)
        known = {entry.split(" ", 1)[0] for entry in network.said("signal")}
        names = network.unknowns.names()
        banks = [part for part in network.parts if isinstance(part, Crossbars | Transconductors)]
        assert {names[node].rpartition("_")[0] for part in banks for node in part.inputs} <= known
        said = la.read_spice(tmp_path / "a.cir").network.provenance  # of plumbing, what analogy it is besides
        assert said[: len(network.provenance)] == network.provenance


def test_a_deck_says_which_nodes_take_the_sequence_from_its_end(tmp_path):
    """And so they do: step k of a backward chain's nodes is step T + 1 - k of what the numeric LSTM answers."""
    lstm = la.random_lstm(np.random.default_rng(3), 2, 2, bidirectional=True)
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL, settling=24.0)
    text = deck(machine, tmp_path / "a.cir", X, measured=True)
    said = next(line for line in text.splitlines() if line.startswith("*| provenance time "))
    assert said.endswith(
        "nodes xr_*, l0r_* take the sequence from its end: their step k of T is step T + 1 - k of the sequence"
    )
    printed = measurements(tmp_path / "a.cir")
    for unit in range(2):
        ours = [printed[f"l0r_h_{unit}_step{k}"] for k in (3, 2, 1)]
        np.testing.assert_allclose(ours, lstm(X).h[:, 2 + unit], rtol=0, atol=2e-6)
    forward = deck(
        la.compile(la.random_lstm(np.random.default_rng(3), 2, 2), la.electrical.BEHAVIOURAL), tmp_path / "b.cir"
    )
    assert "provenance time" not in forward


@pytest.mark.parametrize("outputs", [0, 1])
def test_with_backward_chains_alone_the_head_goes_from_the_end_too(outputs):
    lstm = la.random_lstm(np.random.default_rng(3), 2, 2, outputs=outputs)
    turned = replace(lstm, layers=(Layer(backward=lstm.layers[0].forward),))
    network = la.compile(turned, la.electrical.BEHAVIOURAL).network
    (said,) = network.said("time")
    assert said.startswith("nodes xr_*, l0r_*, y_* take" if outputs else "nodes xr_*, l0r_* take")


@pytest.mark.parametrize("bidirectional", [False, True])
def test_names_of_nodes_are_explained_for_each_direction(bidirectional):
    lstm = la.random_lstm(np.random.default_rng(3), 2, 2, bidirectional=bidirectional)
    (said,) = la.compile(lstm, la.electrical.BEHAVIOURAL).network.said("names")
    assert said.startswith("l<layer>_ zi zf zg zo: pre-activations")
    assert said.endswith("; l<layer>r_: backward") is bidirectional


def measurements(path):
    """Return what ngspice prints of the measurements of the deck at `path`."""
    done = subprocess.run(
        ["ngspice", "-b", "-n", str(path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    _, _, printed = done.stdout.partition("Measurements for Transient Analysis")
    return {name: float(value) for name, value in re.findall(r"^(\w+_step\d+)\s*=\s*(\S+)", printed, re.MULTILINE)}


@pytest.mark.parametrize("technology", [la.electrical.OPAMP_IDEAL, la.hydraulic.OIL], ids=lambda each: each.name)
def test_what_is_printed_is_what_the_raw_file_holds(tmp_path, technology):
    """ngspice prints seven digits; between two points its release 47 finds another 2.3e-6."""
    machine = la.compile(la.random_lstm(np.random.default_rng(3), 2, 1), technology, settling=10.0)
    path = tmp_path / "a.cir"
    assert "\n* ngspice prints what is measured without -r out.raw only\n" in deck(machine, path, X, measured=True)
    printed = measurements(path)
    group = machine.compiled.layout.layers[0].h.group
    assert sorted(printed) == [f"{group}_0_step{k}" for k in (1, 2, 3)]
    raw = path.with_suffix(".raw")
    command = ["ngspice", "-b", "-n", "-r", str(raw), str(path)]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert b"_step" not in done.stdout
    time, volts = read_raw(raw, [f"{group}_0"])
    schedule = la.read_spice(path).schedule
    ends = schedule.ends[np.flatnonzero(np.array(schedule.names) == machine.compiled.layout.layers[0].h.interval)]
    at = np.interp(ends, time, volts[:, 0])
    np.testing.assert_allclose([printed[f"{group}_0_step{k}"] for k in (1, 2, 3)], at, rtol=5e-6, atol=1e-12)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_measurements_are_written_and_read_back_or_refused(tmp_path, dialect):
    machine = la.compile(la.random_lstm(np.random.default_rng(3), 2, 1), la.electrical.BEHAVIOURAL)
    path = tmp_path / "a.cir"
    if dialect in (SPECTRE, PORTABLE):
        with pytest.raises(
            UnsupportedError, match=rf"^dialect {dialect.name} must have a statement that measures, got none"
        ):
            machine.write.spice(path, X, dialect=dialect, measured=True)
        assert not path.exists()
        return
    machine.write.spice(path, X, dialect=dialect, measured=True)
    assert path.read_text().count(".meas") == 3
    assert la.export.check_dialect(path, dialect) == ()
    assert la.read_spice(path).network.equals(machine.network, rtol=0.0)


def test_measurements_are_of_decks_and_have_names(tmp_path):
    machine = la.compile(la.random_lstm(np.random.default_rng(3), 2, 1), la.electrical.BEHAVIOURAL)
    with pytest.raises(
        UnsupportedError, match=r"^measurements must be of a deck, got a subcircuit: write the deck without"
    ):
        machine.write.spice(tmp_path / "a.cir", X, dialect=NGSPICE, as_subckt=True, measured=True)
    with pytest.raises(LstmAnalogError, match=r"^label must be a lower-case letter"):
        Probe(label="1 .end", node=1, time=0.0)
