"""Whole modules with a `forward` of their own: `model_from_torch` answers as they do, or names what is beyond."""

import re

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence

import lstm_analog as la
from lstm_analog.errors import InvalidTypeError, InvalidValueError, UnsupportedError
from lstm_analog.torch import model_from_torch

CLOSE = 1e-12
"""Largest error in float64."""


class Own(nn.Module):
    """Inner modules by name, and a forward that is told."""

    def __init__(self, told, **parts):
        super().__init__()
        self.told = told
        for name, part in parts.items():
            self.add_module(name, part)
        self.double()

    def forward(self, x):
        return self.told(self, x)


def lstm(inputs=3, hidden=4, **options):
    return nn.LSTM(inputs, hidden, batch_first=True, **options)


def normalised(width):
    norm = nn.BatchNorm1d(width)
    nn.init.uniform_(norm.running_mean)
    nn.init.uniform_(norm.running_var, 0.5, 2.0)
    nn.init.uniform_(norm.weight)
    return norm


def unrolled(m, x):
    out = m.rnn(x)[0]
    parts = [out[:, t] for t in range(out.size(1))]
    return m.fc(torch.stack(parts, dim=1))


def in_place(m, x):
    x = x.clone()
    x -= 0.5
    x.mul_(2.0).relu_()
    return functional.relu(m.rnn(x)[0], inplace=True)


def both_ways(m, x):
    _, (h, _) = m.rnn(m.embedding(x))
    return functional.log_softmax(m.fc(torch.cat([h[-2], h[-1]], dim=1)), dim=1)


def residual(m, x):
    h = m.inner(x)
    h = h + m.norm(functional.gelu(m.around(h)))
    out = m.rnn(h)[0][:, -1]
    return m.fc(out * torch.sigmoid(m.gate(out)) + out)


def two_halves(m, x):
    h = m.rnn(x)[0]
    return h[..., :2] * torch.tanh(h[..., 2:])


def turned_about(m, x):
    return m.fc(m.rnn(x.transpose(0, 1))[0]).permute(1, 0, 2).contiguous().view(x.shape[0], -1, 2)


def spelled_out(m, x):
    centred = x - x.mean(dim=-1, keepdim=True)
    x = centred / torch.sqrt((centred**2).mean(dim=-1, keepdim=True) + 1e-5)
    h = m.rnn(x)[1][0][-1]
    powers = torch.exp(h - h.max(dim=-1, keepdim=True).values)
    return powers / powers.sum(dim=-1, keepdim=True)


X = (2, 5, 3)
CASES = {
    "scaled": (lambda m, x: m.fc(m.rnn((x - 1.5) / 0.7)[0]), {"rnn": lstm(), "fc": nn.Linear(4, 2)}),
    "subtracted": (lambda m, x: m.fc(1.5 - m.rnn(0.7 - x)[0]), {"rnn": lstm(), "fc": nn.Linear(4, 2)}),
    "unrolled in time": (unrolled, {"rnn": lstm(), "fc": nn.Linear(4, 2)}),
    "changed in place": (in_place, {"rnn": lstm(num_layers=2)}),
    "residual": (
        residual,
        {"inner": nn.Linear(3, 4), "around": nn.Linear(4, 4), "norm": nn.LayerNorm(4), "rnn": lstm(4)}
        | {"gate": nn.Linear(4, 4), "fc": nn.Linear(4, 1)},
    ),
    "turned about": (turned_about, {"rnn": nn.GRU(3, 4, bidirectional=True), "fc": nn.Linear(8, 2)}),
    "spelled out": (spelled_out, {"rnn": lstm()}),
    "mean": (lambda m, x: functional.silu(m.norm(m.rnn(x)[0].mean(1))), {"rnn": lstm(), "norm": normalised(4)}),
    "largest": (lambda m, x: m.rnn(x)[0].max(dim=1)[0], {"rnn": nn.RNN(3, 4, batch_first=True)}),
    "pooled": (
        lambda m, x: functional.adaptive_avg_pool1d(m.rnn(x)[0].transpose(1, 2), 1).squeeze(-1),
        {"rnn": lstm(bidirectional=True)},
    ),
    "last step both ways": (lambda m, x: m.rnn(x)[0][:, -1], {"rnn": lstm(bidirectional=True)}),
    "between": (
        lambda m, x: m.top(m.norm(m.between(m.rnn(x)[0]).transpose(1, 2)).transpose(1, 2))[0],
        {"rnn": lstm(), "between": nn.Linear(4, 5), "norm": normalised(5), "top": nn.GRU(5, 2, batch_first=True)},
    ),
    "half a gate for the other": (
        lambda m, x: m.rnn(functional.glu(m.fc(x), -1))[0],
        {"fc": nn.Linear(3, 6), "rnn": lstm()},
    ),
    "two halves": (two_halves, {"rnn": lstm()}),
    "a part of h": (lambda m, x: torch.tanh(m.fc(m.rnn(x)[0][..., 1:3])), {"rnn": lstm(), "fc": nn.Linear(2, 2)}),
    "zeros to begin with": (
        lambda m, x: m.rnn(x, torch.zeros(1, x.shape[0], 4, dtype=x.dtype))[0],
        {"rnn": nn.GRU(3, 4, batch_first=True)},
    ),
    "its size decides": (lambda m, x: m.rnn(x if x.dim() == 3 else x[None])[0], {"rnn": lstm()}),
    "projected": (lambda m, x: torch.softmax(m.rnn(x)[0], -1), {"rnn": lstm(proj_size=2)}),
}
CURVES = [
    *(nn.ReLU(), nn.Tanh(), nn.Sigmoid(), nn.LeakyReLU(0.3), nn.ELU(0.7), nn.SELU(), nn.CELU(1.3), nn.GELU()),
    *(nn.GELU("tanh"), nn.SiLU(), nn.Mish(), nn.Softsign(), nn.Hardsigmoid(), nn.Hardswish(), nn.Hardtanh(-0.2, 0.4)),
    *(nn.ReLU6(), nn.Softplus(), nn.Softplus(2.0), nn.LogSigmoid(), nn.Softmax(-1), nn.LogSoftmax(-1)),
]


def held(module, x, **options):
    """Return the model of `module`, which must answer other batches than the one it was shown as the module does."""
    model = model_from_torch(module, x, **options)
    other = torch.randn(4, 9, 3, dtype=torch.float64) * 1.7 if x.is_floating_point() else x.repeat(2, 2)
    with torch.no_grad():
        expected = module.eval()(other).numpy()
    most = CLOSE * max(1.0, abs(np.nan_to_num(expected)).max())
    np.testing.assert_allclose(model(other.numpy()).reshape(expected.shape), expected, rtol=0, atol=most)
    return model


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(7)


@pytest.mark.parametrize("case", CASES)
def test_a_module_is_what_its_forward_does(case):
    told, parts = CASES[case]
    held(Own(told, **parts), torch.randn(*X, dtype=torch.float64))


@pytest.mark.parametrize("curve", [lambda h: torch.sqrt(h - 2.0), lambda h: torch.exp(1e5 * h)])
def test_a_curve_may_be_infinite_or_no_number(curve):
    x = torch.randn(*X, dtype=torch.float64)
    held(Own(lambda m, x: curve(m.rnn(x)[0]), rnn=lstm()), x)
    beside = Own(lambda m, x: m.rnn(x)[0] if x.shape[1] == 23 else curve(m.rnn(x)[0]), rnn=lstm())
    with pytest.raises(
        UnsupportedError, match=r"must answer to x what the steps of its forward make, got answers (nan|inf)"
    ):
        model_from_torch(beside, x)


@pytest.mark.parametrize("curve", CURVES, ids=repr)
def test_curves(curve):
    """What goes in is too small for the threshold of Softplus, beyond which PyTorch has a straight line, 2e-9 apart."""
    module = Own(lambda m, x: m.curve(4 * m.rnn(m.curve(x))[0]), curve=curve, rnn=lstm())
    held(module, torch.randn(*X, dtype=torch.float64))


def test_words_both_ways():
    module = Own(both_ways, embedding=nn.Embedding(9, 3), rnn=lstm(bidirectional=True), fc=nn.Linear(8, 3))
    model = held(module, torch.randint(0, 9, (2, 5)))
    assert repr(model).splitlines()[-1] == "  steps after   final h, Dense(8 to 3), log softmax"


def test_a_sequential_module_of_a_series_without_features():
    class Series(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.fc = lstm(1, 2), nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))

        def forward(self, x):
            return self.fc(self.rnn(x.unsqueeze(2))[0][:, -1]).squeeze(1)

    module = Series().double()
    model, x = model_from_torch(module, torch.randn(3, 4)), torch.randn(5, 6, dtype=torch.float64)
    with torch.no_grad():
        assert abs(model(x.numpy()[..., None])[:, 0] - module(x).numpy()).max() <= CLOSE


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_the_module_is_left_as_it_was(kind):
    told, parts = CASES["residual"]
    module = Own(told, **parts).to(kind).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    model_from_torch(module, torch.randn(*X).to(kind))
    assert module.training
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch.compile itself
def test_a_state_beside_the_answer_and_wrappers_do_not_matter():
    class Handed(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.fc = lstm(), nn.utils.parametrizations.weight_norm(nn.Linear(4, 2))

        def forward(self, x, state=None):
            h, state = self.rnn(x, state)
            return self.fc(h), state

    module, x = Handed().double(), torch.randn(*X, dtype=torch.float64)
    answers = [
        model_from_torch(each, x)(x.numpy()) for each in (module, nn.DataParallel(module), torch.compile(module))
    ]
    for answer in answers:
        np.testing.assert_allclose(answer, module(x)[0].detach().numpy(), rtol=0, atol=CLOSE)


def test_several_answers_are_chosen_by_number_or_key():
    def two(m, x):
        h = m.rnn(x)[0]
        return {"level": m.level(h), "risk": torch.sigmoid(m.risk(h[:, -1])), "h": h}

    module, x = Own(two, rnn=lstm(), level=nn.Linear(4, 1), risk=nn.Linear(4, 2)), torch.randn(*X)
    with pytest.raises(InvalidValueError, match="answers of forward must be one, or be chosen, got 'level', 'risk'"):
        model_from_torch(module, x)
    for key in ("level", "risk", "h"):
        ours = model_from_torch(module, x, output=key)(x.numpy())
        np.testing.assert_allclose(ours, module(x.double())[key].detach().numpy(), rtol=0, atol=CLOSE)
    with pytest.raises(InvalidValueError, match="output must be an entry of what forward returns, got 'x': choose of"):
        model_from_torch(module, x, output="x")


def test_a_machine_stands_in_for_the_recurrent_part():
    """24 time constants a phase leave 1e-8 of h."""
    told, parts = CASES["residual"]
    x = torch.randn(*X, dtype=torch.float64)
    model = model_from_torch(Own(told, **parts), x)
    machine = la.compile(model.lstm, la.electrical.BEHAVIOURAL, settling=24.0)
    fed = model.encode(x.numpy())
    run = machine.run(fed.x, lengths=fed.lengths, engine=la.engines.Settle())
    np.testing.assert_allclose(model.decode(run.outputs, fed), model(x.numpy()), rtol=0, atol=1e-7)


def test_formulas_are_kept_in_a_file(tmp_path):
    told, parts = CASES["residual"]
    x = torch.randn(*X, dtype=torch.float64)
    model = model_from_torch(Own(told, **parts), x)
    la.save_model(model, tmp_path / "m.safetensors")
    np.testing.assert_array_equal(la.load_model(tmp_path / "m.safetensors")(x.numpy()), model(x.numpy()))


# What is beyond: named with the function and the inner module, and what the message proposes works.


def packed(m, x):
    return m.rnn(pack_padded_sequence(x, torch.tensor([5, 3]), batch_first=True))[1][0][-1]


def cells(m, x):
    h = c = torch.zeros(x.shape[0], 4, dtype=x.dtype)
    for t in range(x.shape[1]):
        h, c = m.cell(x[:, t], (h, c))
    return m.rnn(x)[0][:, -1] + h


def attended(m, x):
    h = m.rnn(x)[0]
    return (torch.softmax(m.fc(h), dim=1) * h).sum(dim=1)


def doubled(m, x):
    return m.rnn(torch.cat([x, torch.zeros_like(x)], dim=1))[0]


REFUSED = {
    "packed": (packed, {}, "function '_pack_padded_sequence' must be one that moves elements, or a step known here"),
    "decides": (lambda m, x: m.rnn(x if x.sum(2)[0, 0] > 0 else -x)[0], {}, "function 'gt' must be one that moves"),
    "asks": (lambda m, x: m.rnn(x * x.sum(2)[0, 0].item())[0], {}, "function 'item' must be"),
    "cells": (cells, {"cell": nn.LSTMCell(3, 4)}, "function 'lstm_cell' in module 'cell' must be"),
    "attention": (attended, {"fc": nn.Linear(4, 1)}, "function 'softmax' must act on rows of one signal"),
    "convolution": (
        lambda m, x: m.rnn(m.conv(x.transpose(1, 2)).transpose(1, 2))[0],
        {"conv": nn.Conv1d(3, 3, 3, padding=1)},
        "function 'conv1d' in module 'conv' must be one that moves",
    ),
    "turned in time": (lambda m, x: m.rnn(x.flip(1))[0], {}, "function 'lstm' in module 'rnn' must act on rows of one"),
    "padded": (doubled, {}, "function 'cat' must move elements of one signal, got numbers beside them"),
    "relu between": (
        lambda m, x: m.top(torch.relu(m.rnn(x)[0]))[0],
        {"top": lstm(4)},
        "module 'top' must read the outputs of the layer below, or a linear map of them, got function 'relu'",
    ),
    "a state": (
        lambda m, x: m.rnn(x, (torch.ones(1, x.shape[0], 4, dtype=x.dtype),) * 2)[0],
        {},
        "function 'lstm' in module 'rnn' must begin at rest, got a state",
    ),
    "a mean of the batch": (lambda m, x: m.rnn(x - x.mean(0, keepdim=True))[0], {}, "function 'mean' must act on"),
    "the last twenty": (lambda m, x: m.rnn(x[:, -20:])[0][:, -1], {}, "function 'lstm' in module 'rnn' must act on"),
    "but the last twenty": (
        lambda m, x: m.rnn(x[:, max(0, x.shape[1] - 20) :])[0][:, -1],
        {},
        "function 'lstm' in module 'rnn' must act on rows of one signal",
    ),
    "the mean of all but the first": (
        lambda m, x: m.rnn(x)[0][:, 1:].mean(1),
        {},
        "function 'mean' must act on rows of",
    ),
    "what goes in and what comes out": (
        lambda m, x: m.rnn(x)[0] + x[..., :1],
        {},
        "function 'add' must act on rows of",
    ),
    "two pools": (
        lambda m, x: m.rnn(x)[1][0][-1] + m.rnn(x)[0].mean(1),
        {},
        "function 'add' must act on rows of one signal",
    ),
    "time for batch": (
        lambda m, x: m.top(m.rnn(x)[0].transpose(0, 1))[0],
        {"top": lstm(4)},
        "function 'lstm' in module 'top' must act on rows of one signal",
    ),
    "every second step": (lambda m, x: m.rnn(x[:, ::2])[0], {}, "function 'lstm' in module 'rnn' must act on rows"),
    "the second step": (lambda m, x: m.rnn(x)[0][:, 1], {}, "the answer of forward must be h, a state or computed"),
    "divided by the number of steps": (
        lambda m, x: m.rnn(x / x.shape[1])[0],
        {},
        "module Own must compute the same of sequences of any number and length",
    ),
    "dropout that never ends": (
        lambda m, x: m.rnn(functional.dropout(x))[0],
        {},
        "function 'dropout' must act on rows",
    ),
    "both": (
        lambda m, x: torch.cat([m.rnn(x)[0].mean(1), m.rnn(x)[0].amax(1)], 1),
        {},
        "the answer of forward must be h, a state or computed of h by numeric steps, got another arrangement",
    ),
    "a softplus with a jump": (
        lambda m, x: functional.softplus(m.rnn(x)[0], 1.0, 0.9),
        {},
        "function 'softplus' must act on rows of one signal, as a step known here",
    ),
    "whole numbers in words": (lambda m, x: m.rnn(x)[0].type("torch.LongTensor"), {}, "function 'type' must act on"),
    "nothing recurrent": (lambda m, x: x, {}, "the answer of forward must come from a recurrent layer, got x"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_by_name_with_a_way_that_works(case):
    told, parts, message = REFUSED[case]
    module = Own(told, rnn=lstm(), **parts)
    with pytest.raises(UnsupportedError, match=re.escape(message)) as refusal:
        model_from_torch(module, torch.randn(*X, dtype=torch.float64))
    (advised,) = re.findall(r"only='([^']*)'", str(refusal.value))
    assert la.from_torch(module, only=advised).sizes == (4,)


def test_what_a_module_keeps_to_itself_is_seen_in_its_answer():
    """Numbers that are changed behind PyTorch's back are no steps, but the answer tells."""

    def told(m, x):
        m.count += 1
        return m.rnn(x)[0] * (1.0 if type(x) is not torch.Tensor else 2.0)

    module = Own(told, rnn=lstm())
    module.count = 0
    with pytest.raises(UnsupportedError, match="must answer to x what the steps of its forward make, got answers"):
        model_from_torch(module, torch.randn(*X))
    assert module.count == 0


def test_wrong_arguments():
    module = Own(CASES["scaled"][0], **CASES["scaled"][1])
    with pytest.raises(InvalidTypeError, match=r"module must be an nn\.Module, got function"):
        model_from_torch(lambda x: x, torch.randn(*X))
    for x in (np.array(["a"]), torch.zeros(2, 0, 3), np.zeros((1, 2, 3, 4))):
        with pytest.raises(InvalidTypeError, match="x must be numbers with one to three axes, got"):
            model_from_torch(module, x)
    with pytest.raises(UnsupportedError, match=r"module Own must take x of shape \(3, 2, 2\), got RuntimeError: "):
        model_from_torch(module, torch.randn(2, 5, 2))
    module.rnn.register_forward_hook(lambda *_: None)
    with pytest.raises(UnsupportedError, match="must have no forward hooks, got 1"):
        model_from_torch(module, torch.randn(*X))
