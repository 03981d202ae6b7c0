"""An edited netlist: a resistor changed by 5 %, read back, and both simulators see the same change."""

import numpy as np
import pytest
from run_in_ngspice import at

import lstm_analog as la
from lstm_analog.export import DIALECTS, HSPICE, LTSPICE, NGSPICE, PORTABLE

X = np.random.default_rng(6).uniform(-1, 1, (3, 2))


def ngspice_h(machine, path, x=X):
    """Return h (time, units) as ngspice has it in the file at `path`, edited or not."""
    schedule, place = machine.schedule(x), machine.compiled.layout.layers[-1].h
    ends = schedule.ends[machine.compiled.cycle.ends(place.interval, len(x))]
    return at(ends, path, [f"{place.group}_{unit}" for unit in range(machine.sizes[-1])])


def our_h(machine, deck, x=X):
    place = machine.compiled.layout.layers[-1].h
    nodes = deck.network.unknowns[place.group]
    ends = deck.schedule.ends[machine.compiled.cycle.ends(place.interval, len(x))]
    return la.engines.Waveform(rtol=1e-9, atol=1e-11).run(deck.network, deck.schedule).sample(ends, nodes)


def edited(path, card, factor):
    """Change the value of the resistor `card` in the deck at `path` by `factor`, as one does by hand."""
    lines = path.read_text().splitlines()
    (number,) = (n for n, line in enumerate(lines) if line.startswith(f"{card} "))
    *words, value = lines[number].split()
    parameter = f".param {value.strip(chr(39) + '{}')}="
    shared = next((line for line in lines if line.startswith(parameter)), parameter + value)
    lines[number] = " ".join([*words, repr(factor * float(shared.removeprefix(parameter)))])
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("dialect", [NGSPICE, PORTABLE, LTSPICE, HSPICE], ids=lambda dialect: dialect.name)
def test_five_percent_of_a_row_load(tmp_path, dialect):
    machine = la.compile(la.random_lstm(np.random.default_rng(0), 2, 3), la.electrical.BEHAVIOURAL, settling=24.0)
    path = tmp_path / "a.cir"
    machine.write.spice(path, X, dialect=dialect)
    before = our_h(machine, la.read_spice(path)), ngspice_h(machine, path)
    edited(path, "rl0_rows_load_4", 1.05)
    deck = la.read_spice(path)
    ratio = machine.network.part("l0_rows_load").conductance / deck.network.part("l0_rows_load").conductance
    np.testing.assert_allclose(ratio, np.where(np.arange(12) == 4, 1.05, 1.0), rtol=1e-12)
    ours, theirs = our_h(machine, deck) - before[0], ngspice_h(machine, path) - before[1]
    assert np.abs(ours).max() > 1e-4
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("card", "bank", "of"),
    [("rl0_rows_1", "l0_rows", lambda bank: bank.positive), ("rl0_rows_second_back_0", "l0_rows_second_back", None)],
    ids=["a weight", "a feedback resistor"],
)
def test_five_percent_of_a_resistor_of_an_op_amp(tmp_path, card, bank, of):
    """One resistor is another, and scipy and ngspice move by the same, to a ten thousandth of how far they move."""
    machine = la.compile(la.random_lstm(np.random.default_rng(1), 2, 1), la.electrical.OPAMP)
    path, x, of = tmp_path / "a.cir", X[:1], of or (lambda bank: bank.conductance)
    machine.write.spice(path, x)
    before = our_h(machine, la.read_spice(path), x), ngspice_h(machine, path, x)
    edited(path, card, 1.05)
    deck = la.read_spice(path)
    ratio = (of(machine.network.part(bank)) / of(deck.network.part(bank))).ravel()
    np.testing.assert_allclose(np.sort(ratio)[[0, -2, -1]], [1.0, 1.0, 1.05], rtol=1e-12)
    ours, theirs = our_h(machine, deck, x) - before[0], ngspice_h(machine, path, x) - before[1]
    assert np.abs(ours).max() > 1e-4
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-4 * np.abs(ours).max())


def test_the_same_edit_in_every_dialect_is_the_same_network(tmp_path):
    machine = la.compile(la.random_lstm(np.random.default_rng(0), 2, 2), la.electrical.BEHAVIOURAL)
    networks = []
    for dialect in DIALECTS:
        path = tmp_path / f"{dialect.name}.cir"
        machine.write.spice(path, X, dialect=dialect)
        edited(path, "rl0_rows_load_1", 1.05)
        networks.append(la.read_spice(path).network)
    assert all(network.equals(networks[0], rtol=0.0) for network in networks)
