"""What a run keeps for its reader: what it answers, what it takes, and what it says it would need."""

import re
import tracemalloc
from dataclasses import dataclass, replace

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.engines import Engine, Integrate, Ngspice, Rumoca, Settle, Waveform
from lstm_analog.errors import InvalidTypeError, InvalidValueError, KeptWarning, NetworkError
from lstm_analog.imperfections import ProgrammingError, Streams
from lstm_analog.model import GRUCell, Layer
from lstm_analog.network.trajectory import EVERYTHING, Save
from lstm_analog.show import step_waveforms

Keep = la.Keep
BEHAVIOURAL, OIL = la.electrical.BEHAVIOURAL, la.hydraulic.OIL
DRAW = np.random.default_rng(11)
X = DRAW.uniform(-1.0, 1.0, (4, 6, 2))
LENGTHS = [6, 1, 4, 3]
H = Save(groups=("l0_h",), intervals=("readout",))
QUICK = Integrate(rtol=1e-4, atol=1e-6)


def model(layers: int = 1, *, bidirectional: bool = False, final: bool | None = None) -> la.LSTM:
    """Return an LSTM of 2 inputs and 3 units a layer; `final` says where its head of 2 outputs reads."""
    draw = np.random.default_rng(7)
    lstm = la.random_lstm(draw, 2, 3, layers=layers, bidirectional=bidirectional)
    if final is None:
        return lstm
    head = la.model.Head(weights=draw.normal(size=(2, lstm.output_size)), bias=draw.normal(size=2), final=final)
    return replace(lstm, head=head)


def gru() -> la.LSTM:
    """Return a GRU of 2 inputs and 3 units."""
    draw = np.random.default_rng(8)
    cell = GRUCell(
        input=draw.normal(size=(3, 3, 2)), recurrent=draw.normal(size=(3, 3, 3)), bias=None, reset_after=False
    )
    return la.LSTM(layers=(Layer(forward=cell),), name="gru")


FORMS = {
    "one layer": model(),
    "two layers, a head": model(2, final=False),
    "both directions, a head of the last": model(2, bidirectional=True, final=True),
    "GRU": gru(),
}


def built(lstm: la.LSTM, technology: object = BEHAVIOURAL) -> la.Machine:
    """Return `lstm` as a machine that has settled."""
    return la.compile(lstm, technology, settling=24.0)


def same(one: la.Run, other: la.Run) -> None:
    """Check that two runs answer the same."""
    np.testing.assert_array_equal(one.h, other.h)
    assert (one.y is None) == (other.y is None)
    for a, b in zip(answers(one), answers(other), strict=True):
        np.testing.assert_array_equal(a, b)


def answers(run: la.Run) -> list[np.ndarray]:
    """Return all that calling an LSTM returns."""
    out = run.outputs
    return [out.h, *out.state.h, *out.state.c, *([] if out.y is None else [out.y])]


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "ragged"])
@pytest.mark.parametrize("form", FORMS)
def test_outputs_alone_are_what_a_whole_run_answers(form: str, lengths: list[int] | None) -> None:
    machine = built(FORMS[form])
    runs = {keep: machine.run(X, lengths=lengths, engine=Settle(), keep=keep) for keep in Keep}
    for keep in Keep:
        same(runs[keep], runs[Keep.EVERYTHING])
    for part, whole in zip(runs[Keep.SIGNALS].layers, runs[Keep.EVERYTHING].layers, strict=True):
        for name in ("z", "gates", "c", "h"):
            np.testing.assert_array_equal(getattr(part, name), getattr(whole, name))
    with pytest.raises(InvalidValueError, match=r"^the run must keep .* run it again with keep=Keep\.SIGNALS"):
        _ = runs[Keep.OUTPUTS].gates


@pytest.mark.parametrize("engine", [Waveform(), Waveform(points=5), QUICK, Settle()], ids=repr)
@pytest.mark.parametrize("keep", Keep)
def test_the_estimate_is_what_is_kept(engine: Engine, keep: Keep) -> None:
    """Of two passes and a head that reads the last h; by every engine that chooses no points of its own."""
    machine, x = built(FORMS["both directions, a head of the last"]), X[:2, :1]
    run = machine.run(x, engine=engine, keep=keep)
    taken = sum(each.trajectory.kept_bytes for each in run.passes)
    assert machine.kept_bytes(x, keep=keep, engine=engine) == taken
    held = [one.efforts for each in run.passes for one in each.trajectory.each]
    assert taken == sum(array.nbytes for array in held)


def test_the_estimate_by_hand() -> None:
    """4 sequences of 6 steps, 3 units, doubles: h at the start and after each step, h and c after the last.

    Of the signals: 4 x 3 z a step, h and c, each with the start; and every node in the last step of 4 intervals.
    """
    machine = built(model())
    outputs = 4 * 8 * ((1 + 6) * 3 + 2 * 3)
    assert machine.kept_bytes(X, keep=Keep.OUTPUTS) == outputs
    nodes = machine.network.unknowns.size
    assert machine.kept_bytes(X, keep=Keep.SIGNALS) == 4 * 8 * ((1 + 6) * (12 + 6) + 5 * nodes)
    assert machine.kept_bytes(X, keep=Keep.EVERYTHING) == 4 * 8 * (1 + 1 + 5 * 6) * nodes
    chips = machine.with_imperfection(ProgrammingError(sigma=0.01), Streams(seed=0, chips=5))
    assert chips.kept_bytes(X, keep=Keep.OUTPUTS) == 5 * outputs
    ragged = machine.kept_bytes(X, keep=Keep.OUTPUTS, ragged=True)
    assert ragged == 4 * 8 * ((1 + 6) * 6 + 2 * 3), "c of every step: a sequence ends where its length says"


def test_a_default_run_beyond_the_bound_keeps_its_signals_and_says_how_to_keep_all() -> None:
    lstm = model()
    machine = built(lstm)
    whole, signals = (machine.kept_bytes(X, keep=keep) for keep in (Keep.EVERYTHING, Keep.SIGNALS))
    with pytest.warns(KeptWarning) as caught:
        run = machine.run(X, engine=Settle(), most_bytes=signals)
    text = str(caught[0].message)
    assert text.startswith(
        f"a run must keep at most {signals / 1e6:.3g} MB, got {whole / 1e6:.3g} MB for everything, so it keeps its "
        f"signals, {signals / 1e6:.3g} MB: run with keep=Keep.SIGNALS or keep=Keep.OUTPUTS"
    )
    assert caught[0].filename == __file__
    assert str(la.compare(run, lstm)) == str(la.compare(machine.run(X, engine=Settle()), lstm))
    bound = float(re.findall(r"most_bytes=([0-9.e+]+)", text)[0])
    assert machine.run(X, engine=Settle(), keep=Keep.EVERYTHING, most_bytes=bound).trajectory.kept_bytes == whole
    machine.run(X, engine=Settle(), keep=Keep.SIGNALS, most_bytes=signals)  # warnings are errors: told once is enough


@pytest.mark.parametrize("keep", [None, *Keep])
def test_beyond_the_bound_a_run_is_refused_with_advice_that_works(keep: Keep | None) -> None:
    machine = built(model())
    sizes = [machine.kept_bytes(X, keep=each) for each in Keep]
    bound = sizes[0] if keep is None or keep is Keep.EVERYTHING else min(sizes) - 1
    given = {} if keep is None else {"keep": keep}
    with pytest.raises(InvalidValueError, match=r"^a run must keep at most .* MB, got .* MB for \w+.*: run with ") as e:
        machine.run(X, engine=Settle(), most_bytes=bound, **given)
    text = str(e.value)
    assert ("keep=Keep.OUTPUTS" in text) == (bound >= sizes[0])
    if bound >= sizes[0]:
        machine.run(X, engine=Settle(), most_bytes=bound, keep=Keep.OUTPUTS)
    told = float(re.findall(r"most_bytes=([0-9.e+]+)", text)[0])
    machine.run(X, engine=Settle(), most_bytes=told, keep=keep or Keep.SIGNALS)
    machine.run(X[:2], engine=Settle(), most_bytes=bound, keep=Keep.OUTPUTS)  # fewer sequences


@pytest.mark.parametrize(
    "engine", [Settle(save=H), Waveform(save=H), replace(QUICK, save=H)], ids=lambda e: type(e).__name__
)
def test_what_the_engine_is_told_to_save_is_kept_and_read(engine: Engine) -> None:
    machine = built(model())
    run, whole = (machine.run(X[:2, :2], engine=each) for each in (engine, replace(engine, save=None)))
    assert run.trajectory.saved == H
    assert run.trajectory.efforts.shape == (2, 3, 3)
    np.testing.assert_array_equal(run.h, whole.h)
    text = r"^the run must keep l0_c at the last end of readout, got l0_h in readout: run it again with keep="
    with pytest.raises(InvalidValueError, match=text):
        _ = run.outputs


def test_what_the_engine_is_told_to_save_holds_in_every_pass_that_has_it() -> None:
    """The second pass is fed all the same; a word that no pass has is refused before anything runs."""
    machine = built(FORMS["both directions, a head of the last"])
    whole = machine.run(X, engine=Settle())
    run = machine.run(X, engine=Settle(save=Save(groups=("l1_c",))))
    np.testing.assert_array_equal(run.y, whole.y)
    np.testing.assert_array_equal(run.passes[1].trajectory["l1_c"], whole.passes[1].trajectory["l1_c"])
    with pytest.raises(InvalidValueError, match=r"^label must be one of .*l1r_h.*, got l7_h: save another$"):
        machine.run(X, engine=Settle(save=Save(groups=("l7_h",))))
    with pytest.raises(InvalidValueError, match=r"^interval must be one of .*readout.*, got lunch: save another$"):
        machine.run(X, engine=Settle(save=Save(intervals=("lunch",))))


def test_words_that_a_machine_does_not_have_are_refused() -> None:
    machine = built(model())
    with pytest.raises(NetworkError, match=r"^label must be one of "):
        machine.run(X, engine=Settle(save=Save(groups=("l7_h",))))
    with pytest.raises(InvalidValueError, match=r"^interval must be one of reset, .*, got lunch: save another"):
        machine.run(X, engine=Settle(save=Save(intervals=("lunch",))))


def test_what_is_kept_is_said_once_and_of_the_right_kind() -> None:
    machine = built(model())
    with pytest.raises(InvalidValueError, match=r"^what a run keeps must be said once, got Keep\.OUTPUTS and Save"):
        machine.run(X, engine=Settle(save=H), keep=Keep.OUTPUTS)
    with pytest.raises(InvalidTypeError, match=r"^keep must be a Keep, got 'outputs': take Keep\.OUTPUTS"):
        machine.run(X, keep="outputs")
    with pytest.raises(InvalidTypeError, match=r"^keep must be a Keep, got None: take Keep\.OUTPUTS"):
        machine.kept_bytes(X, keep=None)
    for kind in (Settle, Waveform, Integrate, Ngspice, Rumoca):
        with pytest.raises(InvalidTypeError, match=r"^save must be a Save, got .*: give e\.g\. Save\(groups=.*keep="):
            kind(save=Keep.OUTPUTS)
    for wrong in ({"groups": "l0_h"}, {"intervals": [1]}):
        with pytest.raises(InvalidTypeError, match=r"^save (groups|intervals) must be a tuple of str, got "):
            Save(**wrong)
    with pytest.raises(InvalidValueError, match=r"^save last must be a whole number from 0 on, got -1: give 0 for the"):
        Save(last=-1)
    for bound in (0, -1.0, "1 GB", True, np.nan):
        with pytest.raises(InvalidValueError, match=r"^most_bytes must be positive, got .*: give bytes$"):
            machine.run(X, most_bytes=bound)
    assert machine.run(X, most_bytes=np.int64(10**9)).trajectory.saved == EVERYTHING


READERS = {
    "check": (OIL, lambda machine, run: machine.check(run), Keep.EVERYTHING),
    "bill": (OIL, lambda machine, run: machine.bill_of_materials(run), Keep.EVERYTHING),
    "waveforms": (BEHAVIOURAL, lambda _, run: step_waveforms(run, 1), Keep.EVERYTHING),
    "settling": (BEHAVIOURAL, lambda _, run: la.study.settling(run), Keep.SIGNALS),
    "compare": (BEHAVIOURAL, lambda _, run: la.compare(run, model()), Keep.SIGNALS),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_reader_says_what_it_needs_and_gets_it(reader: str) -> None:
    technology, ask, enough = READERS[reader]
    machine, engine = built(model(), technology), Waveform(points=8)
    text = rf"^the run must keep .*, got l0_h in readout: run it again with keep={enough}, and no save= in the engine$"
    with pytest.raises(InvalidValueError, match=text):
        ask(machine, machine.run(X[0, :2], engine=engine, keep=Keep.OUTPUTS))
    assert ask(machine, machine.run(X[0, :2], engine=engine, keep=enough)) is not None


@dataclass(frozen=True, kw_only=True)
class Own:
    """An engine of a user, who knows of no `save`."""

    def run(self, network, schedule, progress):
        """Return what Settle would."""
        return Settle().run(network, schedule, progress)


def test_of_an_engine_that_cannot_be_told_the_rest_is_dropped() -> None:
    machine = built(FORMS["two layers, a head"])
    for keep in Keep:
        one, other = (machine.run(X, engine=engine, keep=keep) for engine in (Own(), Settle()))
        same(one, other)
        assert one.trajectory.kept_bytes == other.trajectory.kept_bytes


@pytest.mark.parametrize("engine", [Settle(), Waveform()], ids=lambda e: type(e).__name__)
def test_memory_grows_with_the_answer_only(engine: Engine) -> None:
    """Between 40 and 120 steps of 10 chips: the schedule, and h, of which there may be a copy."""
    machine = la.compile(la.random_lstm(np.random.default_rng(3), 2, 8), BEHAVIOURAL, settling=24.0)
    many = machine.with_imperfection(ProgrammingError(sigma=0.01), Streams(seed=1, chips=10))
    x = np.random.default_rng(4).uniform(-1.0, 1.0, (120, 2))

    def most(steps: int) -> tuple[int, int]:
        many.run(x[:steps], engine=engine, keep=Keep.OUTPUTS)  # what is made once, and remembered
        tracemalloc.start()
        try:
            answer = many.run(x[:steps], engine=engine, keep=Keep.OUTPUTS).h.nbytes
            return tracemalloc.get_traced_memory()[1], answer
        finally:
            tracemalloc.stop()

    (few, short), (lots, long) = most(40), most(120)
    intervals = 80 * len(machine.compiled.cycle.step)
    assert lots - few < 2.5 * (long - short) + 300 * intervals
