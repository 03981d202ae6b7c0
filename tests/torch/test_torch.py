"""Modules of PyTorch in and out. Run by `make torch`."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import lstm_analog as la
from lstm_analog.errors import FileFormatError, InvalidShapeError, InvalidTypeError, UnsupportedError

SETTLING = 18.0
CLOSE = 1e-5
"""18 time constants a phase leave about 3e-6."""


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(3)


def x64(*shape):
    return torch.randn(*shape, dtype=torch.float64)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (nn.LSTM, {}),
        (nn.LSTM, {"num_layers": 2, "bidirectional": True}),
        (nn.LSTM, {"proj_size": 2, "batch_first": True}),
        (nn.LSTM, {"bias": False}),
        (nn.GRU, {"num_layers": 2, "batch_first": True}),
        (nn.GRU, {"bidirectional": True, "bias": False}),
        (nn.RNN, {}),
        (nn.RNN, {"nonlinearity": "relu", "batch_first": True}),
    ],
)
def test_from_torch(kind, options):
    module = kind(2, 3, dtype=torch.float64, **options)
    lstm = la.from_torch(module)
    x = x64(4, 5, 2)
    theirs = module(x if module.batch_first else x.transpose(0, 1))[0].detach()
    ours = lstm(x.numpy()).h
    assert abs(ours - (theirs if module.batch_first else theirs.transpose(0, 1)).numpy()).max() <= 1e-12


@pytest.mark.parametrize(
    ("kind", "options"), [(nn.LSTMCell, {}), (nn.GRUCell, {}), (nn.RNNCell, {}), (nn.RNNCell, {"nonlinearity": "relu"})]
)
def test_from_a_cell(kind, options):
    cell, x = kind(2, 3, dtype=torch.float64, **options), x64(4, 5, 2)
    state, steps = None, []
    for step in x.unbind(1):
        state = cell(step, state)
        steps.append(state[0] if isinstance(state, tuple) else state)
    assert abs(la.from_torch(cell)(x.numpy()).h - torch.stack(steps, 1).detach().numpy()).max() <= 1e-12


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_weights_are_widened_exactly(dtype):
    module = nn.LSTM(2, 3, dtype=dtype)
    weights = la.from_torch(module).layers[0].forward.recurrent.reshape(12, 3)
    np.testing.assert_array_equal(weights, module.weight_hh_l0.detach().to(torch.float64).numpy())


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.fc = nn.LSTM(2, 3, batch_first=True), nn.Linear(3, 1)
        self.double()


def test_a_module_that_holds_one_with_a_head():
    model = Model()
    x = x64(4, 5, 2)
    assert abs(la.from_torch(model)(x.numpy()).y - model.fc(model.lstm(x)[0]).detach().numpy()).max() <= 1e-12
    assert la.from_torch(model, only="lstm").head is None
    sequential = nn.Sequential(nn.LSTM(2, 3), nn.Linear(3, 1))
    assert la.from_torch(sequential).head.weights.shape == (1, 3)


class WithForward(nn.Module):
    """An LSTM and a Linear layer, put together by `forward`."""

    def __init__(self, forward, **options):
        super().__init__()
        self.lstm = nn.LSTM(2, 3, dtype=torch.float64, **options)
        self.fc = nn.Linear(3 * (1 + self.lstm.bidirectional), 2, dtype=torch.float64)
        self.how = forward

    def forward(self, x):
        return self.how(self, x)


BOTH, FIRST = {"bidirectional": True}, {"batch_first": True}
READS = {
    "every step": (lambda m, x: m.fc(m.lstm(x)[0]), FIRST, False),
    "every step, time first": (lambda m, x: m.fc(m.lstm(x)[0]), {}, False),
    "with its state": (lambda m, x: (m.fc(m.lstm(x)[0]), m.lstm(x)[1]), FIRST, False),
    "the last step": (lambda m, x: m.fc(m.lstm(x)[0][:, -1]), FIRST, True),
    "the last of both ways": (lambda m, x: m.fc(torch.cat(tuple(m.lstm(x)[1][0]), dim=-1)), FIRST | BOTH, True),
    "turned by itself": (lambda m, x: m.fc(m.lstm(x.transpose(0, 1))[0]).transpose(0, 1), {}, False),
}


@pytest.mark.parametrize("case", READS)
def test_a_forward_of_its_own_says_where_the_head_reads(case):
    forward, options, final = READS[case]
    model, x = WithForward(forward, **options), x64(4, 5, 2)
    lstm = la.from_torch(model)
    assert lstm.head.final is final
    theirs = model(x.transpose(0, 1) if case.endswith("time first") else x)
    theirs = (theirs[0] if isinstance(theirs, tuple) else theirs).detach()
    theirs = theirs.transpose(0, 1) if case.endswith("time first") else theirs
    assert abs(lstm(x.numpy()).y - theirs.numpy()).max() <= 1e-12


def from_zeros(m, x):
    """As in the tutorials: a start of zeros, of the kind that torch makes unless told."""
    h0, c0 = torch.zeros(1, x.size(0), 3), torch.zeros(1, x.size(0), 3)
    out, _ = m.lstm(x, (h0, c0))
    return m.fc(out[:, -1, :])


def from_zeros_time_first(m, x):
    zeros = torch.zeros(1, x.size(1), 3)
    return m.fc(m.lstm(x, (zeros, zeros))[0])


SINGLE = {
    "from zeros": (from_zeros, FIRST, True),
    "from zeros, time first": (from_zeros_time_first, {}, False),
    "inputs made float32": (lambda m, x: m.fc(m.lstm(x.float())[0]), FIRST, False),
    "answer made float32": (lambda m, x: m.fc(m.lstm(x)[0]).float(), FIRST, False),
}


@pytest.mark.parametrize("large", [1.0, 1e6], ids=["small head", "large head"])
@pytest.mark.parametrize("case", SINGLE)
def test_a_forward_may_insist_on_float32(case, large):
    forward, options, final = SINGLE[case]
    model, x = WithForward(forward, **options).float(), torch.randn(4, 5, 2)
    with torch.no_grad():
        model.fc.weight.mul_(large)
    lstm = la.from_torch(model)
    assert lstm.head.final is final
    theirs = model(x if model.lstm.batch_first else x.transpose(0, 1)).detach()
    theirs = (theirs if model.lstm.batch_first else theirs.transpose(0, 1)).numpy()
    assert abs(lstm(x.numpy()).y - theirs).max() <= 1e-5 * abs(theirs).max()


@pytest.mark.parametrize("case", SINGLE)
@pytest.mark.parametrize("more", [1.0, 1e-6], ids=["large", "small"])
def test_what_is_done_beside_is_seen_in_float32_too(case, more):
    """However small the answers are."""
    forward, options, _ = SINGLE[case]
    model = WithForward(lambda m, x: 1.001 * forward(m, x), **options).float()
    with torch.no_grad():
        model.fc.weight.mul_(more)
        model.fc.bias.mul_(more)
    with pytest.raises(UnsupportedError, match=r"module WithForward must answer to x .*: take a recurrent part alone"):
        la.from_torch(model)


def test_a_float64_module_is_run_in_float64_alone():
    kinds = []
    model = WithForward(lambda m, x: (kinds.append(x.dtype), m.missing), batch_first=True)
    with pytest.raises(UnsupportedError, match="got AttributeError: 'WithForward' object has no attribute 'missing'"):
        la.from_torch(model)
    assert set(kinds) == {torch.float64}


HOOKS = {
    "after the LSTM": (lambda m: m[0].register_forward_hook(lambda _m, _x, y: (2 * y[0], y[1])), r"Sequential\.0"),
    "before the head": (lambda m: m[1].register_forward_pre_hook(lambda _m, x: (2 * x[0],)), r"Sequential\.1"),
    "after all": (lambda m: m.register_forward_hook(lambda _m, _x, y: 2 * y), "Sequential"),
}


@pytest.mark.parametrize("case", HOOKS)
def test_a_forward_hook_is_refused(case):
    """None of these is in the weights: a module would be read as if it were not there."""
    register, where = HOOKS[case]
    model = nn.Sequential(nn.LSTM(2, 3), nn.Linear(3, 1))
    hook = register(model)
    with pytest.raises(UnsupportedError, match=f"^module {where} must have no forward hooks, got 1: call remove"):
        la.from_torch(model)
    hook.remove()
    assert la.from_torch(model).head is not None


def test_a_hook_of_what_is_chosen_is_refused():
    model = nn.Sequential(nn.LSTM(2, 3), nn.Linear(3, 1))
    model[1].register_forward_hook(lambda _m, _x, y: 2 * y)
    with pytest.raises(UnsupportedError, match=r"^module Linear must have no forward hooks, got 1: call remove"):
        la.from_torch(model, only=("0", "1"))
    assert la.from_torch(model, only="0").head is None


STRANGE = {
    "activation": (lambda m, x: torch.sigmoid(m.fc(m.lstm(x)[0])), r"answers 0\.\d+ apart"),
    "scaled inputs": (lambda m, x: m.fc(m.lstm(2 * x)[0]), r"answers 0\.\d+ apart"),
    "residual": (lambda m, x: m.fc(m.lstm(x)[0]) + x, r"answers [01]\.?\d* apart"),
    "mean over time": (lambda m, x: m.fc(m.lstm(x)[0].mean(1)), r"answers 0\.\d+ apart"),
    "without its Linear layer": (lambda m, x: m.lstm(x)[0], r"an answer of shape \(2, 5, 3\)"),
    "something else": (lambda m, x: {"y": x}, "AttributeError: 'dict' object has no attribute 'detach'"),
    "nothing": (lambda m, x: m.missing, "AttributeError: 'WithForward' object has no attribute 'missing'"),
}


@pytest.mark.parametrize("case", STRANGE)
def test_a_forward_that_does_more_is_refused(case):
    forward, got = STRANGE[case]
    model = WithForward(forward, batch_first=True)
    must = r"module WithForward must answer to x \(batch, time, 2\) what its LSTM or GRU and its Linear layer do, "
    with pytest.raises(
        UnsupportedError, match=f"{must}and no more, got {got}: take a recurrent part alone, only='lstm'"
    ):
        la.from_torch(model)
    assert la.from_torch(model, only=("lstm", "fc")).head.final is False


def test_a_module_is_not_changed_by_a_look_at_it():
    calls = []
    model = WithForward(lambda m, x: (calls.append(m.training), m.fc(m.lstm(x)[0]))[1], batch_first=True).float()
    la.from_torch(model)
    assert set(calls) == {False}
    assert model.training
    assert model.fc.weight.dtype == torch.float32


class Rectified(nn.LSTM):
    def forward(self, x, hx=None):
        output, state = nn.LSTM.forward(self, x, hx)
        return torch.relu(output), state


def test_a_subclass_may_do_anything_and_is_refused(tmp_path):
    with pytest.raises(
        UnsupportedError,
        match=r"module Rectified must be an LSTM or GRU .*, got 'Rectified': save its state_dict, of that file take a "
        r"recurrent part alone, only='', and do yourself what its forward adds",
    ):
        la.from_torch(Rectified(2, 3))
    whole = nn.Sequential(Rectified(2, 3), nn.Linear(3, 1))
    with pytest.raises(UnsupportedError, match=r"got 'Rectified': save its .* take a recurrent part alone, only='0',"):
        la.from_torch(whole, only=("0", "1"))
    torch.save(whole.state_dict(), tmp_path / "m.pt")
    x = torch.ones(4, 1, 2)
    own = np.maximum(la.load(tmp_path / "m.pt", only="0")(x.numpy().swapaxes(0, 1)).h, 0.0)
    np.testing.assert_allclose(own[0], whole[0](x)[0][:, 0].detach(), rtol=0, atol=1e-6)


def test_several_are_proposed_in_order_only_where_some_follow_each_other():
    apart = nn.ModuleDict({"a": nn.LSTM(2, 3), "b": nn.LSTM(2, 4)})
    with pytest.raises(FileFormatError, match=r"say which: take a recurrent part alone, only='a' \(or 'b'\)$"):
        la.from_torch(apart)
    following = nn.ModuleDict({"a": nn.LSTM(2, 3), "b": nn.LSTM(3, 4)})
    with pytest.raises(FileFormatError, match=r"'b'\), or name several in the order in which they follow each other$"):
        la.from_torch(following)


def test_what_is_no_module_or_not_real_is_refused():
    with pytest.raises(InvalidTypeError, match=r"module must be an nn\.Module, got dict: give an nn\.LSTM"):
        la.from_torch({})
    with pytest.raises(UnsupportedError, match=r"tensor 'weight_ih_l0' must be real, got torch\.complex64: train it"):
        la.from_torch(nn.LSTM(2, 3, dtype=torch.complex64))


def test_what_is_not_clear_is_asked():
    two = nn.ModuleDict({"encoder": nn.LSTM(2, 3), "decoder": nn.GRU(3, 3)})
    with pytest.raises(FileFormatError, match="recurrent modules must be one, or be chosen, got 'decoder', 'encoder'"):
        la.from_torch(two)
    assert la.from_torch(two, only=("encoder", "decoder")).sizes == (3, 3)
    with pytest.raises(
        UnsupportedError,
        match=r"module Sequential must be an LSTM or GRU with .* got 'Tanh': take a recurrent part alone, only='0'",
    ):
        la.from_torch(nn.Sequential(nn.LSTM(2, 3), nn.Tanh(), nn.Linear(3, 1)))


class Words(nn.Module):
    """An embedding whose table would pass for a read-out, by its sizes."""

    def __init__(self):
        nn.Module.__init__(self)
        self.embedding, self.lstm = nn.Embedding(3, 3), nn.LSTM(3, 3, batch_first=True)

    def forward(self, x):
        return self.lstm(self.embedding(x))[0]


def test_no_advice_takes_an_embedding_for_a_read_out(tmp_path):
    torch.save(Words().state_dict(), tmp_path / "m.pt")
    for read in (
        lambda **options: la.from_torch(Words(), **options),
        lambda **options: la.load(tmp_path / "m.pt", **options),
    ):
        with pytest.raises(
            (UnsupportedError, FileFormatError), match="take a recurrent part alone, only='lstm'"
        ) as said:
            read()
        assert "embedding'" not in str(said.value).partition("take a recurrent")[2]
        assert read(only="lstm").head is None


PLAIN = "be one of Python, got a scripted or traced one: give the module that it was made of"
UNUSUAL = {
    "scripted": (lambda: torch.jit.script(nn.Sequential(nn.LSTM(2, 3))), f"module must {PLAIN}"),
    "a scripted LSTM": (lambda: torch.jit.script(nn.LSTM(2, 3)), f"module must {PLAIN}"),
    "traced": (lambda: torch.jit.trace(nn.LSTM(2, 3).eval(), torch.zeros(4, 1, 2)), f"module must {PLAIN}"),
    "quantised": (
        lambda: torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.LSTM(2, 3)), {nn.LSTM}, dtype=torch.qint8),
        r"tensor '0\._all.*' must be float, got one packed by",
    ),
    "on no device": (
        lambda: nn.Sequential(nn.LSTM(2, 3, device="meta")),
        r"'0\.weight_ih_l0' must have numbers, .*: load",
    ),
    "lazy": (
        lambda: nn.Sequential(nn.LSTM(2, 3), nn.LazyLinear(2)),
        r"'1\.weight' must have numbers, got none yet: call",
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("only", [None, "0", ""])
@pytest.mark.parametrize("case", UNUSUAL)
def test_modules_without_plain_weights_are_refused_by_name(case, only):
    make, message = UNUSUAL[case]
    with pytest.raises(UnsupportedError, match=message):
        la.from_torch(make(), only=only)


def test_wrapped_modules_are_named_without_the_wrapper():
    model = nn.DataParallel(nn.Sequential(nn.LSTM(2, 3), nn.Linear(3, 1)))
    assert la.from_torch(model, only=("0", "1")).head is not None


@pytest.mark.parametrize(
    "beside", [lambda x: x.clamp(-2, 2), lambda x: x[:, -9:], lambda x: x[:2]], ids=["large", "long", "many"]
)
def test_what_is_done_only_to_inputs_that_are_large_long_or_many_is_seen(beside):
    model = WithForward(lambda m, x: m.fc(m.lstm(beside(x))[0]), batch_first=True)
    with pytest.raises(UnsupportedError, match="module WithForward must answer to x"):
        la.from_torch(model)


def pair(**options):
    """Return an `nn.LSTM` and an analog one with its weights."""
    module = nn.LSTM(2, 3, dtype=torch.float64, **options)
    analog = la.torch.AnalogLSTM(
        2, 3, dtype=torch.float64, technology=la.electrical.BEHAVIOURAL, settling=SETTLING, **options
    )
    analog.load_state_dict(module.state_dict())
    return module, analog


def compare(theirs, ours):
    assert type(theirs[0]) is type(ours[0])
    for a, b in zip((theirs[0], *theirs[1]), (ours[0], *ours[1]), strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        assert (a - b).abs().max() <= CLOSE


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("options", [{}, {"bidirectional": True}, {"num_layers": 2, "proj_size": 2}])
def test_analog_lstm_answers_like_an_lstm(batch_first, options):
    module, analog = pair(batch_first=batch_first, **options)
    x = x64(2, 4, 2)
    compare(module(x), analog(x))
    batch = x.shape[0 if batch_first else 1]
    chains = module.num_layers * (1 + module.bidirectional)
    state = (0.3 * x64(chains, batch, module.proj_size or 3), 0.3 * x64(chains, batch, 3))
    compare(module(x, state), analog(x, state))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((torch.ones(4, 1, 2, dtype=torch.int64),), r"input must be a tensor of floats, got torch\.int64: call float"),
        ((np.ones((4, 1, 2)),), "input must be a tensor of floats, got ndarray: call float"),
        ((torch.ones(4),), r"input must have two axes, or three with a batch, got shape \(4,\): add"),
        ((torch.ones(4, 1, 2), torch.ones(1, 1, 3)), r"state must be two tensors, got Tensor: give \(h_0, c_0\)"),
        ((torch.ones(4, 1, 2), (torch.ones(1, 1, 3),)), "state must be two tensors, got tuple: give"),
    ],
)
def test_what_no_lstm_takes_is_refused(given, message):
    _, analog = pair()
    with pytest.raises((InvalidTypeError, InvalidShapeError), match=message):
        analog(*given)


def test_one_sequence_without_a_batch():
    module, analog = pair(batch_first=True)
    x, state = x64(4, 2), (0.3 * x64(1, 3), 0.3 * x64(1, 3))
    compare(module(x), analog(x))
    compare(module(x, state), analog(x, state))


@pytest.mark.parametrize("sort", [True, False])
@pytest.mark.parametrize("options", [{}, {"bidirectional": True, "batch_first": True}])
def test_packed_sequences(options, sort):
    module, analog = pair(**options)
    lengths = [4, 2, 1] if sort else [1, 4, 2]
    packed = pack_padded_sequence(x64(3, 4, 2), lengths, batch_first=True, enforce_sorted=sort)
    theirs, ours = module(packed), analog(packed)
    assert torch.equal(theirs[0].batch_sizes, ours[0].batch_sizes)
    unpacked = [(pad_packed_sequence(each[0], batch_first=True)[0], each[1]) for each in (theirs, ours)]
    compare(*unpacked)


def test_new_weights_make_a_new_machine():
    module, analog = pair()
    x = x64(3, 1, 2)
    before, machine = analog(x)[0], analog.machine
    assert analog.machine is machine
    with torch.no_grad():
        analog.weight_hh_l0.mul_(0.5)
        module.weight_hh_l0.mul_(0.5)
    compare(module(x), analog(x))
    assert (before - analog(x)[0]).abs().max() > 100 * CLOSE


def test_gradients_are_refused_when_the_engine_has_none():
    _, analog = pair()
    output, _ = analog(x64(2, 1, 2))
    with pytest.raises(
        UnsupportedError, match=r"gradients of an AnalogLSTM must be by Settle, .* got Waveform: give engine=Settle\(\)"
    ):
        output.sum().backward()
    with torch.no_grad():
        assert not analog(x64(2, 1, 2))[0].requires_grad


def test_it_takes_the_place_of_an_lstm_in_a_model():
    module, analog = pair(batch_first=True)
    model = Model()
    x = x64(2, 3, 2)
    model.lstm = module
    theirs = model.fc(model.lstm(x)[0])
    model.lstm = analog
    assert (model.fc(model.lstm(x)[0]) - theirs).abs().max() <= CLOSE
