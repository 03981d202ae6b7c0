"""Every form of LSTM, in both technologies and both timings, against the numbers; and what is refused."""

import tempfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lstm_analog as la
from lstm_analog.cli import main
from lstm_analog.compiler.hydraulic import Detail
from lstm_analog.engines import Ngspice, Settle, Waveform
from lstm_analog.errors import InvalidShapeError, InvalidValueError, UnsupportedError
from lstm_analog.model import (
    HARD_SIGMOID,
    LINEAR,
    RELU,
    SIGMOID,
    SOFTPLUS,
    STEEP_HARD_SIGMOID,
    TANH,
    Form,
    GRUCell,
    Head,
    Layer,
    airline,
    load,
    random_lstm,
    save,
)
from lstm_analog.model.lstm import NAME
from lstm_analog.network.parts import Conductors, Pairs
from lstm_analog.study import Verdict

ENGINE = Waveform(rtol=1e-7, atol=1e-9)
"""The LSTM is the reference here; that the engines agree is for `tests/physics/test_engines_agree.py`."""
TECHNOLOGIES = [la.electrical.BEHAVIOURAL, la.hydraulic.OIL]
TIMINGS = [la.CLOCKED, la.GATED_LEAK]
X = np.random.default_rng(4).uniform(-1.0, 1.0, (2, 3, 2))
LENGTHS = [3, 2]

by_technology = pytest.mark.parametrize("technology", TECHNOLOGIES, ids=lambda technology: technology.name)
by_timing = pytest.mark.parametrize("timing", TIMINGS)


def model(form=Form.LSTM, *, layers=1, bidirectional=False, outputs=1, hidden=2):
    rng = np.random.default_rng(3)
    return random_lstm(
        rng, 2, hidden, layers=layers, scale=2.0, form=form, bidirectional=bidirectional, outputs=outputs
    )


def apart(run, lstm):
    """Return the largest error of z, c and h of all chains, of the state that is left and of y."""
    trace = lstm.trace(run.x, run.initial_state, run.lengths)
    pairs = [
        pair for a, d in zip(run.layers, trace.layers, strict=True) for pair in ((a.z, d.z), (a.c, d.c), (a.h, d.h))
    ]
    ours, theirs = run.outputs, trace.outputs
    pairs += [*zip(ours.state.h, theirs.state.h, strict=True), *zip(ours.state.c, theirs.state.c, strict=True)]
    pairs += [(ours.h, theirs.h)] + ([] if theirs.y is None else [(ours.y, theirs.y)])
    return max(float(np.abs(a - d).max(initial=0.0)) for a, d in pairs)


@by_technology
@pytest.mark.parametrize("form", Form)
def test_every_form_in_every_technology(form, technology):
    """Of two sequences of different lengths, from a state, with a head. Any two of these choices meet."""
    timing = TIMINGS[(technology is la.hydraulic.OIL) ^ ([*Form].index(form) % 2)]
    lstm = model(form)
    rng = np.random.default_rng(5)
    state = la.State(
        h=[rng.uniform(-0.5, 0.5, (2, h)) for h, _ in lstm.state_sizes],
        c=[rng.uniform(-1.0, 1.0, (2, c)) for _, c in lstm.state_sizes],
    )
    machine = la.compile(lstm, technology, timing=timing, settling=24.0)
    run = machine.run(X[:, :2], state=state, lengths=[2, 1], engine=ENGINE)
    assert apart(run, lstm) < 3e-7
    assert la.compare(run, lstm).holds


@by_technology
@pytest.mark.parametrize("form", [Form.LSTM, Form.GRU, Form.PROJECTED])
def test_deep_and_in_both_directions(form, technology):
    """Any two of forms, technologies and timings meet."""
    timing = TIMINGS[(technology is la.hydraulic.OIL) ^ (form is Form.GRU)]
    lstm = model(form, layers=2, bidirectional=True)
    machine = la.compile(lstm, technology, timing=timing, settling=24.0)
    assert len(machine.passes) == 3, "two layers and a head that needs both directions"
    run = machine.run(X[:, :2], lengths=[2, 1], engine=ENGINE)
    assert apart(run, lstm) < 3e-7
    assert la.compare(run, lstm).holds


@pytest.mark.parametrize("form", [Form.PEEPHOLE, Form.PROJECTED, Form.GRU, Form.GRU_RESET_BEFORE])
def test_plumbing_in_full_detail(form):
    lstm = model(form)
    technology = replace(la.hydraulic.OIL, detail=Detail.FULL)
    run = la.compile(lstm, technology, settling=20.0).run(X[0], engine=ENGINE)
    assert apart(run, lstm) < 1e-6
    assert la.compare(run, lstm).holds


@pytest.mark.parametrize("form", Form)
def test_ngspice_runs_every_form(form):
    lstm = model(form)
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL)
    assert la.compare(machine.run(X[0], engine=Ngspice()), lstm).holds


def backward_only(lstm):
    return replace(lstm, layers=tuple(Layer(backward=layer.forward) for layer in lstm.layers))


@by_technology
def test_layers_that_only_go_backward_are_one_pass(technology):
    lstm = backward_only(model(layers=2))
    machine = la.compile(lstm, technology, settling=24.0)
    assert len(machine.passes) == 1
    run = machine.run(X, lengths=LENGTHS, engine=ENGINE)
    assert apart(run, lstm) < 3e-7
    turned = replace(lstm, layers=tuple(Layer(forward=layer.backward) for layer in lstm.layers))
    np.testing.assert_allclose(run.h[0], turned(X[0, ::-1]).h[::-1], atol=3e-7)


def test_a_change_of_direction_begins_a_pass():
    forward = model(layers=3, outputs=0)
    mixed = replace(forward, layers=(*forward.layers[:2], Layer(backward=forward.layers[2].forward)))
    machine = la.compile(mixed, la.electrical.BEHAVIOURAL, settling=24.0)
    assert [[place.layer for place in each.layout.layers] for each in machine.passes] == [[0, 1], [2]]
    assert apart(machine.run(X, engine=ENGINE), mixed) < 3e-7


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_head_that_reads_the_final_state(bidirectional):
    lstm = model(bidirectional=bidirectional)
    lstm = replace(lstm, head=replace(lstm.head, final=True))
    run = la.compile(lstm, la.electrical.BEHAVIOURAL, settling=24.0).run(X, lengths=LENGTHS, engine=ENGINE)
    h = lstm(X, lengths=LENGTHS).h
    final = np.concatenate([h[[0, 1], [2, 1], :2], h[:, 0, 2:]], axis=-1)
    expected = final @ lstm.head.weights.T + lstm.head.bias
    assert run.y.shape == (2, 1)
    np.testing.assert_allclose(run.y, expected, atol=3e-7)
    assert la.compare(run, lstm).holds


def test_a_head_of_its_own_that_reads_the_final_state_takes_no_sequence():
    """Given the h of all steps it answered for the first; what the refusal advises is answered."""
    lstm = model(bidirectional=True)
    lstm = replace(lstm, head=replace(lstm.head, final=True))
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL, settling=24.0)
    run, head = machine.run(X, lengths=LENGTHS, engine=ENGINE), machine.alone(1)
    for ask in (head.run, head.schedule):
        with pytest.raises(InvalidShapeError, match=r"x must have one step, .* the final state, got shape"):
            ask(run.h)
    np.testing.assert_array_equal(head.run(run.passes[1].x, engine=ENGINE).y, run.y)


@by_technology
@pytest.mark.parametrize("form", [Form.LSTM, Form.GRU])
def test_a_run_goes_on_from_the_state_of_another(form, technology):
    lstm = model(form)
    machine = la.compile(lstm, technology, settling=24.0)
    first = machine.run(X[:, :2], engine=ENGINE)
    second = machine.run(X[:, 2:], state=first.outputs.state, engine=ENGINE)
    np.testing.assert_allclose(second.h, lstm(X).h[:, 2:], atol=3e-7)


def test_the_airline_forecaster_with_its_head_in_the_machine():
    forecaster = airline.forecaster(4)
    _, values = airline.series()
    x = forecaster.encode(values[-6:])
    run = la.compile(forecaster.whole, la.electrical.BEHAVIOURAL, settling=24.0).run(x, engine=ENGINE)
    expected = forecaster.decode(forecaster.lstm(x).h)
    np.testing.assert_allclose(forecaster.offset + forecaster.scale * run.y, expected, atol=1e-4)
    report = la.compare(run, forecaster.whole)
    assert report.holds
    assert report.head.y.max < 1e-6


# Activations.


def with_activations(gate=SIGMOID, candidate=TANH, hidden=TANH):
    lstm = model(outputs=0)
    cell = replace(lstm.layers[0].forward, gate=gate, candidate=candidate, hidden=hidden)
    return replace(lstm, layers=(Layer(forward=cell),))


ANY = {
    "relu": {"candidate": RELU, "hidden": LINEAR},
    "linear": {"candidate": LINEAR, "hidden": RELU},
    "a hard sigmoid on the way out": {"hidden": HARD_SIGMOID},
    "slopes and offsets": {
        "gate": replace(SIGMOID, slope=-1.5, offset=0.3),
        "candidate": replace(TANH, slope=0.5, offset=-0.2),
    },
}
ELECTRICAL = {
    "hard sigmoids": {"gate": HARD_SIGMOID},
    "steep hard sigmoids, relu": {"gate": STEEP_HARD_SIGMOID, "candidate": RELU},
    "softplus": {"candidate": SOFTPLUS},
}


@by_technology
@pytest.mark.parametrize("name", ANY)
def test_activations_with_parts_in_both_technologies(name, technology):
    """Any two of activations, technologies and timings meet."""
    timing = TIMINGS[(technology is la.hydraulic.OIL) ^ ([*ANY].index(name) % 2)]
    lstm = with_activations(**ANY[name])
    run = la.compile(lstm, technology, timing=timing, settling=24.0).run(X[0], engine=ENGINE)
    assert apart(run, lstm) < 3e-7


@pytest.mark.parametrize("engine", [ENGINE, Ngspice()], ids=["waveform", "ngspice"])
@pytest.mark.parametrize("name", ELECTRICAL)
def test_activations_with_electrical_parts_alone(name, engine):
    lstm = with_activations(**ELECTRICAL[name])
    run = la.compile(lstm, la.electrical.BEHAVIOURAL).run(X[0], engine=engine)
    assert la.compare(run, lstm).holds


@by_timing
@pytest.mark.parametrize("name", ELECTRICAL)
def test_plumbing_refuses_what_a_port_cannot_do(name, timing):
    with pytest.raises(UnsupportedError) as caught:
        la.compile(with_activations(**ELECTRICAL[name]), la.hydraulic.OIL, timing=timing)
    told = str(caught.value)
    assert "must be a sigmoid" in told or "must be tanh, linear, relu or a hard sigmoid" in told
    assert "an electrical technology" in told


def test_a_gated_leak_refuses_what_is_no_sigmoid():
    with pytest.raises(UnsupportedError) as caught:
        la.compile(with_activations(gate=HARD_SIGMOID), la.electrical.BEHAVIOURAL, timing=la.GATED_LEAK)
    must = "l0_c keep must be a sigmoid in a gated leak, got clip: use CLOCKED and an electrical technology"
    assert str(caught.value) == must


# The settling law: poles on the longest path grow with what a step has to do.


POLES = {Form.PEEPHOLE: 4, Form.PROJECTED: 4, Form.RNN: 2}


@pytest.mark.parametrize(("form", "poles"), [(form, POLES.get(form, 3)) for form in Form])
def test_the_error_follows_the_law_of_the_network(form, poles):
    lstm, ratios = model(form, outputs=0), (14.0, 18.0, 22.0)
    exact = Waveform(rtol=1e-12, atol=1e-13)
    errors, law = [], []
    for ratio in ratios:
        run = la.compile(lstm, la.electrical.BEHAVIOURAL, settling=ratio).run(X, engine=exact)
        settled = la.study.settling(run)
        assert settled.poles == poles
        errors.append(max(np.abs(a.h - d.h).max() for a, d in zip(run.layers, lstm.trace(X).layers, strict=True)))
        law.append(settled.error)
    measured, expected = (np.polyfit(ratios, np.log(values), 1)[0] for values in (errors, law))
    assert measured == pytest.approx(expected, rel=0.07)
    assert (np.array(errors) < 4.0 * np.array(law)).all()


def test_the_gates_of_a_leak_count_as_held_when_it_opens():
    """z_n comes after z_r: two poles settle before the leak takes them."""
    run = la.compile(model(Form.GRU), la.electrical.BEHAVIOURAL, timing=la.GATED_LEAK, settling=6.0).run(
        X, engine=ENGINE
    )
    settled = la.study.settling(run)
    assert (settled.interval, settled.poles) == ("settle0", 2)
    assert la.compare(run, model(Form.GRU)).verdict is Verdict.SLOW_CLOCK


# Mutants: each must be seen.


def changed(machine, label, number=0, **changes):
    """Return `machine` with another part of that `label` in one of its passes."""
    passes = list(machine.passes)
    network = passes[number].network
    part = network.part(label)
    made = replace(part, **{name: change(getattr(part, name)) for name, change in changes.items()})
    parts = tuple(made if each is part else each for each in network.parts)
    passes[number] = replace(passes[number], network=replace(network, parts=parts))
    return replace(machine, passes=tuple(passes))


def falling(factors):
    return (replace(factors[0], p=factors[0].n, n=factors[0].p), *factors[1:])


MUTANTS = {
    "1 - f taken as f": (Form.COUPLED, "l0_c_add", {"factors": falling}),
    "1 - z taken as z": (Form.GRU, "l0_h_add", {"factors": falling}),
    "a peephole of the wrong sign": (Form.PEEPHOLE, "l0_zo_diag", {"current": np.negative}),
    "no peephole": (Form.PEEPHOLE, "l0_zi_diag", {"current": np.zeros_like}),
    "a reset that is not there": (Form.GRU_RESET_BEFORE, "l0_rh_pair", {"factors": lambda factors: factors[1:]}),
    "a wrong load of a product": (Form.PROJECTED, "l0_p_load", {"conductance": lambda g: 1.02 * g}),
    "a projection upside down": (Form.PROJECTED, "l0_proj", {"transconductance": lambda g: g[::-1]}),
    "a changed head": (Form.LSTM, "y_rows", {"transconductance": lambda g: 1.02 * g}),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_a_defect(name):
    form, label, changes = MUTANTS[name]
    lstm = model(form, hidden=4)
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL, settling=24.0)
    assert la.compare(machine.run(X, engine=ENGINE), lstm).holds
    assert la.compare(changed(machine, label, **changes).run(X, engine=ENGINE), lstm).verdict is Verdict.DEFECT


def test_a_backward_chain_fed_forward_is_a_defect():
    lstm = model(bidirectional=True)
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL, settling=24.0)
    layout = machine.passes[0].layout
    same = replace(layout, inputs=tuple(replace(bank, backward=False) for bank in layout.inputs))
    wrong = replace(machine, passes=(replace(machine.passes[0], layout=same), *machine.passes[1:]))
    assert la.compare(wrong.run(X, engine=ENGINE), lstm).verdict is Verdict.DEFECT


def test_a_diagonal_is_one_part_a_unit():
    """No dense matrix for peepholes: one pair a unit in the circuit, one capillary a unit in plumbing."""
    lstm = model(Form.PEEPHOLE, hidden=4)
    circuit = la.compile(lstm, la.electrical.BEHAVIOURAL).network.part("l0_zf_diag")
    plumbing = la.compile(lstm, la.hydraulic.OIL).network.part("l0_zf_diag")
    assert isinstance(circuit, Pairs)
    assert isinstance(plumbing, Conductors)
    assert circuit.out.size == plumbing.a.size == 4


# A machine of several passes.


@pytest.fixture(scope="module")
def deep():
    lstm = model(layers=2, bidirectional=True)
    return lstm, la.compile(lstm, la.electrical.BEHAVIOURAL, settling=24.0)


def test_what_needs_one_network_is_refused_by_name(deep, tmp_path):
    _, machine = deep
    must = r"the machine must go through time once, got 3 passes: take machine\.alone\(k\), whose inputs are run\."
    for ask in (
        lambda: machine.network,
        lambda: machine.compiled,
        lambda: machine.schedule(X),
        machine.graph,
        lambda: machine.write.spice(tmp_path / "a.cir", X[:1]),
    ):
        with pytest.raises(UnsupportedError, match=must):
            ask()
    with pytest.raises(UnsupportedError, match=r"the run must go through time once, got 3 passes: take run\.passes"):
        _ = machine.run(X[:, :1], engine=ENGINE).trajectory


def test_each_pass_is_a_machine_of_its_own(deep, tmp_path):
    lstm, machine = deep
    run = machine.run(X[0], engine=ENGINE)
    for number, part in enumerate(run.passes):
        alone = machine.alone(number)
        again = alone.run(part.x, engine=ENGINE)
        for ours, theirs in zip(again.layers, part.layers, strict=True):
            np.testing.assert_array_equal(ours.h, theirs.h)
        alone.write.spice(tmp_path / f"{number}.cir", part.x)
        deck = la.read_spice(tmp_path / f"{number}.cir")
        assert deck.network.equals(alone.network, rtol=0.0)
        assert dict(deck.network.provenance)["pass"] == f"{number + 1} of 3"
        assert alone.graph().number_of_nodes() > 0
    np.testing.assert_allclose(
        run.passes[1].x,
        lstm.trace(X[0]).layers[0].h @ np.eye(2, 4) + lstm.trace(X[0]).layers[1].h @ np.eye(2, 4, 2),
        atol=3e-7,
    )
    with pytest.raises(InvalidValueError, match=r"pass must be 0 to 2, got 3: choose another"):
        machine.alone(3)


def test_saved_and_loaded(deep, tmp_path):
    _, machine = deep
    machine.save(tmp_path / "machine.npz")
    again = la.load_machine(tmp_path / "machine.npz")
    assert [each.layout for each in again.passes] == [each.layout for each in machine.passes]
    np.testing.assert_array_equal(again.run(X[:, :1], engine=ENGINE).y, machine.run(X[:, :1], engine=ENGINE).y)


def test_progress_counts_all_passes(deep):
    _, machine = deep
    told = []
    machine.run(X[:, :1], engine=ENGINE, progress=lambda done, total: told.append((done, total)))
    total = sum(len(each.cycle.intervals(1)) for each in machine.passes)
    assert told[-1] == (total, total)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


@pytest.mark.parametrize(
    ("x", "lengths", "text"),
    [
        (X, [3], r"lengths must have shape \(2,\), got \(1,\): give one length a sequence"),
        (X, [3, 0], r"lengths must be 1 to 3, the steps of x, got 0 to 3: count the steps of each sequence"),
        (X, [4, 1], r"lengths must be 1 to 3, the steps of x, got 1 to 4: "),
        (X[0], 2, r"lengths must come with a batch axis of x, got \(3, 2\): cut the sequence, or give it a batch axis"),
    ],
)
def test_lengths_that_do_not_fit(x, lengths, text):
    lstm = model()
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL)
    for ask in (lstm, machine.run):
        with pytest.raises((InvalidShapeError, InvalidValueError), match=text):
            ask(x, lengths=lengths)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    form=st.sampled_from(Form),
    sizes=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 2)),
    outputs=st.integers(0, 2),
    ways=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    built=st.tuples(st.sampled_from(["BEHAVIOURAL", "OIL"]), st.sampled_from(TIMINGS)),
    lengths=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    name=st.from_regex(NAME, fullmatch=True),
    seed=st.integers(0, 2**32),
)
def test_any_form_is_saved_and_computed(form, sizes, outputs, ways, built, lengths, name, seed):
    """Shapes, forms, names, directions, lengths and states as they come; settled, so that no error is the clock's."""
    (inputs, hidden, layers), (bidirectional, bias, final) = sizes, ways
    rng, (technology, timing) = np.random.default_rng(seed), built
    options = {"layers": layers, "bidirectional": bidirectional, "outputs": outputs, "bias": bias, "scale": 2.0}
    lstm = random_lstm(rng, inputs, hidden, form=form, name=name, **options)
    if final and lstm.head is not None:
        lstm = replace(lstm, head=replace(lstm.head, final=True))
    with tempfile.TemporaryDirectory() as folder:
        save(lstm, f"{folder}/m.safetensors")
        again = load(f"{folder}/m.safetensors")
    assert (again.digest, again.name) == (lstm.digest, name)
    h, c = ([rng.uniform(-0.5, 0.5, (len(lengths), n[kind])) for n in lstm.state_sizes] for kind in (0, 1))
    machine = la.compile(lstm, {each.name: each for each in TECHNOLOGIES}[technology], timing=timing)
    x = rng.uniform(-1.0, 1.0, (len(lengths), max(lengths), inputs))
    run = machine.run(x, state=la.State(h=tuple(h), c=tuple(c)), lengths=lengths, engine=Settle())
    assert apart(run, lstm) <= 1e-11


def test_a_head_of_another_layer_is_refused():
    lstm = model()
    with pytest.raises(InvalidShapeError, match="inputs of the head must be 2, the outputs of the top layer, got 3: "):
        replace(lstm, head=Head(weights=np.ones((1, 3))))


def test_a_bias_inside_a_reset_that_comes_first_is_refused():
    cell = model(Form.GRU).layers[0].forward
    with pytest.raises(InvalidValueError, match="GRU recurrent_bias must be None where the reset comes first, got an"):
        GRUCell(input=cell.input, recurrent=cell.recurrent, recurrent_bias=np.ones(2), reset_after=False)


@pytest.mark.parametrize("final", [False, True])
def test_the_command_line_runs_a_machine_of_several_passes(final, tmp_path, capsys):
    lstm = model(bidirectional=True)
    lstm = replace(lstm, head=replace(lstm.head, final=final))
    la.compile(lstm, la.electrical.BEHAVIOURAL, settling=24.0).save(tmp_path / "machine.npz")
    np.save(tmp_path / "x.npy", X[0])
    paths = [str(tmp_path / name) for name in ("machine.npz", "x.npy", "h.csv")]
    assert main(["info", paths[0]]) == 0
    assert "pass 2 of 2" in capsys.readouterr().out
    assert main(["run", *paths]) == 0
    table, answer = np.loadtxt(paths[2], delimiter=",", ndmin=2), lstm(X[0])
    np.testing.assert_allclose(table[:, :4], answer.h, atol=3e-7)
    told = capsys.readouterr().out
    y = np.array([float(word) for word in told.splitlines()[0].split()[1:]]) if final else table[:, 4:]
    np.testing.assert_allclose(y, answer.y, atol=3e-7)
