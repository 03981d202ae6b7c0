"""`AnalogLSTM` with imperfections: whole modules on bad chips."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import lstm_analog as la
from lstm_analog.errors import InvalidShapeError, InvalidValueError, UnsupportedError
from lstm_analog.imperfections import IDEAL, ProgrammingError, ReadNoise, Streams

SETTLING = 18.0
CAUSES = (ProgrammingError(sigma=0.1), ReadNoise(sigma=0.02))


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(4)


def analog_of(module, imperfections=CAUSES, **streams):
    """Return an analog LSTM with the weights and options of `module`, on chips drawn from seed 2."""
    options = {name: getattr(module, name) for name in ("num_layers", "batch_first", "bidirectional", "proj_size")}
    analog = la.torch.AnalogLSTM(
        module.input_size,
        module.hidden_size,
        **options,
        dtype=torch.float64,
        technology=la.electrical.BEHAVIOURAL,
        settling=SETTLING,
        engine="settle",
        imperfections=imperfections,
        streams=Streams(seed=2, **streams),
    )
    analog.load_state_dict(module.state_dict())
    return analog


def run_of(module, x, imperfections=CAUSES, **streams):
    """Return the outputs of the machine of `module` on such chips, without PyTorch."""
    machine = la.compile(la.from_torch(module), la.electrical.BEHAVIOURAL, settling=SETTLING)
    return machine.with_imperfection(imperfections, Streams(seed=2, **streams)).run(x, engine="settle").outputs


@pytest.mark.parametrize("options", [{}, {"bidirectional": True}, {"num_layers": 2, "proj_size": 2}])
def test_one_chip_answers_like_its_machine(options):
    module = nn.LSTM(2, 3, batch_first=True, dtype=torch.float64, **options)
    x = torch.randn(4, 5, 2, dtype=torch.float64)
    with torch.no_grad():
        output, (h, c) = analog_of(module, first=7)(x)
        clean = module(x)[0]
    expected = run_of(module, x.numpy(), first=7)
    np.testing.assert_array_equal(output, expected.h)
    np.testing.assert_array_equal(h, np.stack(expected.state.h))
    np.testing.assert_array_equal(c, np.stack(expected.state.c))
    assert abs(output - clean).max() > 1e-3


@pytest.mark.parametrize("batch_first", [True, False])
def test_several_chips_share_out_the_batch(batch_first):
    module = nn.LSTM(2, 3, num_layers=2, bidirectional=True, batch_first=batch_first, dtype=torch.float64)
    x = torch.randn(4, 5, 2, dtype=torch.float64)
    repeated = x.repeat(3, 1, 1)
    with torch.no_grad():
        output, (h, c) = analog_of(module, chips=3)(repeated if batch_first else repeated.transpose(0, 1))
    output = output if batch_first else output.transpose(0, 1)
    for chip in range(3):
        alone = run_of(module, x.numpy(), first=chip)
        own = slice(4 * chip, 4 * chip + 4)
        for made, expected in ((output[own], alone.h), (h[:, own], alone.state.h), (c[:, own], alone.state.c)):
            np.testing.assert_allclose(made, np.stack(expected), rtol=0, atol=1e-12)


def test_a_state_goes_on_where_each_chip_left_it():
    module = nn.LSTM(2, 3, batch_first=True, dtype=torch.float64)
    analog, x = analog_of(module, ProgrammingError(sigma=0.1), chips=3), torch.randn(12, 6, 2, dtype=torch.float64)
    with torch.no_grad():
        whole, first = analog(x)[0], analog(x[:, :2])
        rest = analog(x[:, 2:], first[1])[0]
    assert abs(torch.cat((first[0], rest), dim=1) - whole).max() <= 1e-9


def test_packed_sequences_of_several_chips_have_the_same_lengths():
    module = nn.LSTM(2, 3, batch_first=True, dtype=torch.float64)
    x = torch.randn(2, 4, 2, dtype=torch.float64).repeat(3, 1, 1)

    def packed(lengths):
        return pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)

    with torch.no_grad():
        analog = analog_of(module, ProgrammingError(sigma=0.1), chips=3)
        output, _ = pad_packed_sequence(analog(packed([4, 2] * 3))[0], batch_first=True)
        np.testing.assert_allclose(output[::2], analog(x)[0][::2], rtol=0, atol=1e-9)
        assert not output[1::2, 2:].any()
        with pytest.raises(UnsupportedError, match="lengths must be the same on all chips, got others: repeat the"):
            analog(packed([4, 2, 4, 2, 4, 3]))


class MeanPooled(nn.Module):
    """A classifier that reads the mean of all outputs, which is nothing that `from_torch` reads."""

    def __init__(self, lstm):
        nn.Module.__init__(self)
        self.lstm, self.fc = lstm, nn.Linear(3, 2, dtype=torch.float64)

    def forward(self, x):
        return self.fc(self.lstm(x)[0].mean(dim=1))


def test_a_whole_module_is_judged_on_bad_chips():
    model = MeanPooled(nn.LSTM(2, 3, batch_first=True, dtype=torch.float64))
    bad = MeanPooled(analog_of(model.lstm, chips=5))
    bad.load_state_dict(model.state_dict())
    x = torch.randn(4, 6, 2, dtype=torch.float64)
    with torch.no_grad():
        answers = bad(x.repeat(5, 1, 1)).reshape(5, 4, 2)
    whole = la.model_from_torch(model, x)
    expected = whole.decode(run_of(model.lstm, x.numpy(), chips=5), whole.encode(x.numpy()))
    np.testing.assert_allclose(answers, expected, rtol=0, atol=1e-12)
    assert answers.std(dim=0).min() > 1e-4


def test_no_imperfection_is_the_machine_itself():
    module = nn.LSTM(2, 3, dtype=torch.float64)
    x = torch.randn(5, 4, 2, dtype=torch.float64)
    with torch.no_grad():
        assert abs(analog_of(module, IDEAL, chips=3)(x)[0] - module(x)[0]).max() <= 1e-5


def test_what_does_not_fit_is_refused():
    module = nn.LSTM(2, 3, batch_first=True, dtype=torch.float64)
    analog = analog_of(module, chips=3)
    for shape in ((4, 5, 2), (5, 2)):
        with pytest.raises(InvalidShapeError, match="input must have a batch that 3 chips can share out, got shape"):
            analog(torch.zeros(*shape, dtype=torch.float64))
    x, state = torch.zeros(6, 5, 2, dtype=torch.float64), torch.zeros(1, 2, 3, dtype=torch.float64)
    with pytest.raises(InvalidShapeError, match="state must have a batch that 3 chips can share out, got shape"):
        analog(x, (state, state))
    for given in ({"imperfections": IDEAL}, {"streams": Streams(seed=1)}):
        with pytest.raises(InvalidValueError, match="imperfections and streams must be given together, got one of"):
            la.torch.AnalogLSTM(2, 3, technology=la.electrical.BEHAVIOURAL, settling=SETTLING, **given)
