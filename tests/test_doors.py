"""Arguments as users of other packages give them: taken where their meaning is certain, else refused by name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wrong_arguments

import lstm_analog as la
from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError, LstmAnalogError

RNG = np.random.default_rng(5)
LSTM = la.random_lstm(RNG, 3, 4, layers=2)
X = RNG.normal(size=(2, 6, 3))
TIER = la.network.parts.Factor(shape=la.network.shapes.Shape.TANH, p=[1], n=[0], scale=1.0, offset=0.0)  # type: ignore[arg-type]
INPUT = la.network.parts.Term(inputs=[1], gain=1.0)  # type: ignore[arg-type]
BUFFER: dict[str, Any] = {"label": "f", "nodes": [2], "offset": 0.0, "low": -1.0, "high": 1.0}
PAIR: dict[str, Any] = {"label": "pair", "line": -1, "out": [1], "current": [1.0]}


def test_wrong_arguments_are_named() -> None:
    found = wrong_arguments.search(600, 7, leave_out=("show.", "torch."))
    assert not [what for what in found if "FAILED" in what]
    assert found["taken"] < 30, "arguments of the wrong kind are taken"


def test_a_state_may_be_a_pair_as_in_pytorch() -> None:
    h, c = RNG.normal(size=(2, 2, 2, 4))
    pair, state = LSTM(X, (h, c)), LSTM(X, la.State(h=tuple(h), c=tuple(c)))
    np.testing.assert_array_equal(pair.h, state.h)
    machine = la.compile(LSTM, "behavioural")
    run = machine.run(X, state=[h, c], engine="settle")
    np.testing.assert_allclose(run.h, pair.h, atol=1e-5)


def test_one_chain_needs_no_axis_of_chains() -> None:
    single, (h, c) = la.random_lstm(RNG, 3, 4), RNG.normal(size=(2, 2, 4))
    np.testing.assert_array_equal(single(X, (h, c)).h, single(X, (h[None], c[None])).h)


def test_c_is_that_of_the_top_layer_at_each_step() -> None:
    out = LSTM(X)
    assert out.c is not None
    np.testing.assert_array_equal(out.c, LSTM.trace(X).layers[-1].c)
    machine = la.compile(LSTM, "behavioural")
    kept = machine.run(X).outputs.c
    assert kept is not None
    np.testing.assert_allclose(kept, out.c, atol=1e-5)
    assert machine.run(X, keep=la.Keep.OUTPUTS).outputs.c is None


class Tensor:
    """What torch gives of a tensor that needs a gradient."""

    requires_grad = True

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")

    def detach(self) -> np.ndarray:
        return X


class Brain:
    """What torch says of a bfloat16 tensor."""

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        raise TypeError("Got unsupported ScalarType BFloat16")


def test_a_gradient_is_no_matter_and_bfloat16_is_named() -> None:
    np.testing.assert_array_equal(LSTM(Tensor()).h, LSTM(X).h)  # type: ignore[arg-type]
    with pytest.raises(InvalidTypeError, match=r"x must hold float32, .*got Brain: 'Got unsupported Scalar"):
        LSTM(Brain())  # type: ignore[arg-type]
    with pytest.raises(InvalidTypeError, match=r"x must hold float32, .*got float16: convert"):
        LSTM(X.astype(np.float16))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: la.compile(LSTM, "behavioral"), "technology must be one of behavioural, .*did you mean 'behavioural'"),
        (lambda: la.compile(LSTM, "behavioural").run(X, engine="setle"), "engine must be .*did you mean 'settle'"),
        (lambda: la.load(None), "path must be a text or Path, got None"),  # type: ignore[arg-type]
        (lambda: la.save(LSTM, None), "path must be a text or Path, got None"),  # type: ignore[arg-type]
        (lambda: la.engines.Integrate(points="3"), "points must be a whole number, got '3'"),  # type: ignore[arg-type]
        (lambda: la.engines.Integrate(points=np.inf), "points must be 1 to 1000000, whole, got inf"),  # type: ignore[arg-type]
        (lambda: la.engines.Settle(save="h"), "save must be a Save, got 'h'"),  # type: ignore[arg-type]
        (lambda: la.random_lstm(RNG, 3, 2.5), "hidden must be a whole number, got 2.5"),  # type: ignore[arg-type]
        (lambda: LSTM(X, 3), "state must be a State or a pair"),  # type: ignore[arg-type]
        (lambda: la.compile(LSTM, "behavioural").run(X, progress=3), "progress must be a function"),  # type: ignore[arg-type]
        (lambda: la.random_lstm(RNG, 2**70, 3), "weights must be at most 268435456 numbers, got .*: ask for fewer"),
        (lambda: la.network.parts.Pairs(**PAIR, factors=X), "pair.factors must be a tuple of Factor, got "),  # type: ignore[arg-type]
        (lambda: la.network.parts.Pairs(**PAIR, factors=[TIER]), "pair.factors must be a tuple of Factor, got "),  # type: ignore[arg-type]
        (lambda: la.network.parts.Followers(**BUFFER, terms=[INPUT]), "f.terms must be a tuple of Term, got "),  # type: ignore[arg-type]
        (lambda: la.imperfections.seen_conductances(1.0, line=0.0, column=0.0), "conductance must have the axes"),  # type: ignore[arg-type]
        (lambda: la.hydraulic.end_loss(X, 0.0, la.hydraulic.OIL.fluid), "tube length must be positive, got 0"),
        (lambda: la.hydraulic.bundle(np.nan, 1.0, la.hydraulic.OIL.fluid, 1.0), "tube conductance must be positive"),
    ],
)
def test_what_is_wrong_is_named(call: Callable[[], object], words: str) -> None:
    with pytest.raises((InvalidTypeError, InvalidValueError, InvalidShapeError), match=words) as caught:
        call()
    assert isinstance(caught.value, LstmAnalogError)


def test_engines_and_technologies_go_by_name_wherever_they_are_taken(tmp_path: Path) -> None:
    lstm, x = la.random_lstm(RNG, 2, 1), np.zeros((2, 2))
    certificate = la.compile(lstm, "behavioural").certify(lstm, x, tmp_path / "a.cir", engine="settle")
    assert la.verify(tmp_path / "a.cir", certificate, engine="waveform").holds
    calls: tuple[Callable[[], object], ...] = (
        lambda: la.verify(tmp_path / "a.cir", certificate, engine="waveforn"),
        lambda: la.study.calibrate("bicmos", "waveforn", settling=12.0, simulator="none"),
        lambda: la.compile(lstm, "behavioural").kept_bytes(x, keep=la.Keep.OUTPUTS, engine="waveforn"),
    )
    for call in calls:
        with pytest.raises(InvalidValueError, match=r"^engine must be one of integrate, .*did you mean 'waveform'\?$"):
            call()
    with pytest.raises(InvalidValueError, match=r"^technology must be one of .*: did you mean 'bicmos'\?$"):
        la.study.calibrate("bicmoss", "ngspice", settling=12.0, simulator="none")
    with pytest.raises(InvalidTypeError, match=r"^technology must be of transistor cells, got 'opamp': give BICMOS"):
        la.study.calibrate("opamp", "ngspice", settling=12.0, simulator="none")


def test_what_acts_does_not_act_on_arguments_of_the_wrong_kind(tmp_path: Path) -> None:
    """`measured="no"` would pass for yes: nothing is written."""
    machine = la.compile(LSTM, "behavioural")
    with pytest.raises(InvalidTypeError, match=r"^measured must be True or False, got 'no': give that$"):
        machine.write.spice(tmp_path / "a.cir", X[0], measured="no")  # type: ignore[arg-type]
    assert not [*tmp_path.iterdir()]


def test_an_error_of_ones_own_is_left_as_it_is() -> None:
    def tell(done: int, total: int) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        la.compile(LSTM, "behavioural").run(X, progress=tell)


def test_progress_shows_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    run = la.compile(LSTM, "behavioural").run(X, progress=True)
    np.testing.assert_allclose(run.h, LSTM(X).h, atol=1e-5)
    assert not capsys.readouterr().out
