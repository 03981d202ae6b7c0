"""Every form of LSTM that op-amps take computes the LSTM; what they do not take is refused by name."""

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.compiler.electrical import BICMOS, OPAMP, OPAMP_IDEAL
from lstm_analog.engines import Ngspice
from lstm_analog.errors import UnsupportedError
from lstm_analog.model import HARD_SIGMOID, LSTM, Cell, GRUCell, Head, Layer, MGUCell

X = np.random.default_rng(7).uniform(-1, 1, (3, 2))


def normal(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape)


def cell(inputs=2, gates=4, outputs=2, **changes):
    return Cell(
        input=normal(gates, 2, inputs), recurrent=0.5 * normal(gates, 2, outputs), bias=normal(gates, 2), **changes
    )


def head(final):
    return Head(weights=normal(1, 2), bias=normal(1), final=final)


def of(*layers, **changes):
    return LSTM(layers=layers, name="form", **changes)


def sibling(kind, gates, **changes):
    arrays = {"input": normal(gates, 2, 2), "recurrent": 0.5 * normal(gates, 2, 2), "bias": normal(gates, 2)}
    return of(Layer(forward=kind(**arrays, **changes)))


FORMS = {
    "stacked": of(Layer(forward=cell()), Layer(forward=cell())),
    "bidirectional": of(Layer(forward=cell(), backward=cell()), Layer(forward=cell(4))),
    "backward": of(Layer(backward=cell())),
    "head": of(Layer(forward=cell()), head=head(False)),
    "final head": of(Layer(forward=cell()), head=head(True)),
    "peepholes": of(Layer(forward=cell(peephole=normal(3, 2)))),
    "projection": of(Layer(forward=cell(outputs=1, projection=normal(1, 2)))),
    "coupled gates": of(Layer(forward=cell(gates=3, coupled=True))),
    "GRU": sibling(GRUCell, 3, recurrent_bias=normal(2)),
    "GRU, reset before": sibling(GRUCell, 3, reset_after=False),
    "MGU": sibling(MGUCell, 2),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_computed(form):
    """Ideal op-amps leave about 1e-5; ngspice runs each pass of the same circuit."""
    lstm = FORMS[form]
    run = la.compile(lstm, OPAMP_IDEAL, inputs=X).run(X, engine=Ngspice())
    digital = lstm(X)
    assert np.abs(run.h - digital.h).max() < 5e-5
    if lstm.head is not None:
        assert np.abs(run.y - digital.y).max() < 5e-5


def test_the_default_engine_agrees_with_ngspice_on_a_head():
    """The head is read before the slaves are charged, where the masters' outputs dip by 50 mV."""
    machine = la.compile(FORMS["head"], OPAMP, inputs=X)
    ours, theirs = machine.run(X), machine.run(X, engine=Ngspice())
    np.testing.assert_allclose(ours.y, theirs.y, rtol=0, atol=1e-6)
    np.testing.assert_allclose(ours.h, theirs.h, rtol=0, atol=1e-6)


def test_curves_without_a_pair_are_refused():
    text = r"^curve l0_c_add_zi must be a sigmoid, a tanh or linear in op-amps, got clip: use BEHAVIOURAL for other"
    with pytest.raises(UnsupportedError, match=text):
        la.compile(of(Layer(forward=cell(gate=HARD_SIGMOID))), OPAMP)


def test_an_attenuator_that_would_amplify_is_refused():
    steep = la.model.Activation(curve=la.model.Curve.TANH, slope=9.0)
    with pytest.raises(UnsupportedError, match=r"^attenuator l0_c_add_zg must have a ratio of 0 to 1, got 1\.55: "):
        la.compile(of(Layer(forward=cell(candidate=steep))), OPAMP)


@pytest.mark.parametrize("form", sorted(set(FORMS) - {"backward", "bidirectional", "stacked", "head"}))
def test_transistor_cells_refuse_other_forms(form):
    with pytest.raises(UnsupportedError, match=r"^(a layer|head) .*in transistor cells"):
        la.compile(FORMS[form], BICMOS)
