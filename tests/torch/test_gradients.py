"""Gradients of `AnalogLSTM`: those of PyTorch where parts are ideal, those of differences where they are not."""

import numpy as np
import pytest
import torch

import lstm_analog as la
from lstm_analog.engines import Settle
from lstm_analog.errors import UnsupportedError
from lstm_analog.imperfections import ProgrammingError, Streams

STEP = 1e-4
STENCIL = (2, 1, -1, -2)
WEIGHTS = np.array([-1.0, 8.0, -8.0, 1.0]) / (12.0 * STEP)
BEHAVIOURAL, OIL = la.electrical.BEHAVIOURAL, la.hydraulic.OIL
FORMS = {
    "one layer": {},
    "no biases": {"bias": False},
    "two layers, both directions": {"num_layers": 2, "bidirectional": True},
    "projection": {"proj_size": 2},
    "batch first": {"batch_first": True},
}


def pair(technology=BEHAVIOURAL, **form):
    """Return a digital LSTM and the analog one of the same weights; of two biases one is zero."""
    torch.manual_seed(0)
    digital = torch.nn.LSTM(2, 3, dtype=torch.float64, **form)
    for name, weight in digital.state_dict().items():
        if name.startswith("bias_hh"):
            weight.zero_()
    sizes = {"technology": technology, "settling": 24.0, "engine": Settle(), "dtype": torch.float64}
    analog = la.torch.AnalogLSTM(2, 3, **sizes, **form)
    analog.load_state_dict(digital.state_dict())
    return digital, analog


def drawn(*shape):
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) - 0.5


def state(module, batch):
    chains = module.num_layers * (2 if module.bidirectional else 1)
    return drawn(chains, batch, module.proj_size or 3), drawn(chains, batch, 3)


def loss(module, x, start):
    output, (h, c) = module(x, start)
    return (output**2).sum() + (h * drawn(*h.shape)).sum() + (c**3).sum()


def gradients(module, x, start):
    given = [each.clone().requires_grad_() for each in (x, *start)]
    module.zero_grad()
    loss(module, given[0], tuple(given[1:])).backward()
    return [*(each.grad for each in given), *(each.grad for each in module.parameters())]


@pytest.mark.parametrize("technology", [BEHAVIOURAL, OIL], ids=["electrical", "oil"])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_gradients_of_ideal_parts_are_those_of_torch(technology, form):
    digital, analog = pair(technology, **form)
    x, start = drawn(2, 3, 2), state(digital, 2 if form.get("batch_first") else 3)
    for own, expected in zip(gradients(analog, x, start), gradients(digital, x, start), strict=True):
        assert float((own - expected).abs().max()) <= 1e-12


def test_gradients_of_op_amps_are_those_of_differences_and_not_those_of_torch():
    digital, analog = pair(la.electrical.OPAMP)
    x, start = drawn(2, 1, 2), state(digital, 1)
    found, theirs = gradients(analog, x, start), gradients(digital, x, start)
    largest = max(float(each.abs().max()) for each in theirs)
    apart = max(float((own - other).abs().max()) for own, other in zip(found, theirs, strict=True))
    assert 1e-6 < apart / largest < 1e-2
    weight, slope = analog.weight_hh_l0, found[4]
    change = torch.where(weight.abs() < 0.5 * weight.abs().max(), drawn(*weight.shape), 0.0)
    with torch.no_grad():
        before, values = weight.clone(), []
        for step in STENCIL:
            weight.copy_(before + step * STEP * change)
            values.append(float(loss(analog, x, start)))
        weight.copy_(before)
    assert float((slope * change).sum()) == pytest.approx(np.array(values) @ WEIGHTS, abs=1e-8 * largest)


def test_packed_sequences_and_one_without_a_batch_have_gradients():
    digital, analog = pair()
    found = []
    for module in (digital, analog):
        x = drawn(3, 2, 2).requires_grad_()
        packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor([3, 2]))
        alone = drawn(3, 2).requires_grad_()
        module.zero_grad()
        (module(packed)[0].data ** 2).sum().backward()
        (module(alone)[1][1] ** 2).sum().backward()
        found.append([x.grad, alone.grad, *(each.grad for each in module.parameters())])
    for own, expected in zip(found[1], found[0], strict=True):
        assert float((own - expected).abs().max()) <= 1e-12


def test_a_bad_chip_is_trained_through_its_own_errors():
    digital, _ = pair()
    sizes = {"technology": BEHAVIOURAL, "settling": 24.0, "engine": Settle(), "dtype": torch.float64}
    cause = {"imperfections": ProgrammingError(sigma=0.1), "streams": Streams(seed=1)}
    analog = la.torch.AnalogLSTM(2, 3, **sizes, **cause)
    analog.load_state_dict(digital.state_dict())
    x = drawn(6, 8, 2)
    wanted = digital(x)[0].detach()
    optimiser = torch.optim.Adam(analog.parameters(), lr=0.02)
    losses = []
    for _ in range(10):
        optimiser.zero_grad()
        off = ((analog(x)[0] - wanted) ** 2).mean()
        off.backward()
        optimiser.step()
        losses.append(float(off.detach()))
    assert losses[-1] < 0.6 * losses[0]


def test_gradients_of_several_chips_and_second_ones_are_refused():
    sizes = {"technology": BEHAVIOURAL, "settling": 24.0, "engine": Settle(), "dtype": torch.float64}
    chips = la.torch.AnalogLSTM(
        2, 3, **sizes, imperfections=ProgrammingError(sigma=0.01), streams=Streams(seed=1, chips=2)
    )
    output, _ = chips(drawn(3, 4, 2))
    with pytest.raises(UnsupportedError, match="gradients of an AnalogLSTM must be of one chip, got 2 chips"):
        output.sum().backward()
    _, analog = pair()
    x = drawn(3, 1, 2).requires_grad_()
    (slope,) = torch.autograd.grad((analog(x)[0] ** 2).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()
