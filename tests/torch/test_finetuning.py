"""`la.torch.finetune`: its banks, errors and training, and the digits classifier before and after it on bad chips."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from stored_table import script
from torch import nn

import lstm_analog as la
from lstm_analog.errors import FileFormatError, InvalidTypeError, InvalidValueError, SimulationError, UnsupportedError
from lstm_analog.imperfections import (
    BENCH_BOARD,
    FLOATING_GATE,
    IDEAL,
    PCM,
    RRAM,
    WORKSHOP_OIL,
    DeviceSpread,
    ProgrammingError,
    Quantisation,
    ReadNoise,
    Streams,
    WireResistance,
)
from lstm_analog.model.digits import unseen
from lstm_analog.torch.devices import errors_in, weight_banks
from lstm_analog.torch.finetuning import finetune

SETTLING = 18.0
ERROR = ProgrammingError(sigma=0.1)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(5)


class Model(nn.Module):
    def __init__(self, kind=nn.LSTM, **options):
        nn.Module.__init__(self)
        self.rnn = kind(2, 3, batch_first=True, **options)
        self.fc = nn.Linear((options.get("proj_size") or 3) * (1 + options.get("bidirectional", False)), 2)
        self.double()

    def forward(self, x):
        return self.fc(self.rnn(x)[0])


def batches(count=3):
    x = torch.randn(count, 4, 6, 2, dtype=torch.float64)
    return [(each, each.flip(-1)) for each in x]


def tuned(module, loader, imperfections=ERROR, **options):
    return finetune(module, loader, imperfections, **{"loss": nn.functional.mse_loss, "seed": 1, "epochs": 2} | options)


def state_of(module):
    return {key: value.clone() for key, value in module.state_dict().items()}


def same(a, b):
    return all(torch.equal(a[key], b[key]) for key in a)


KINDS = {
    "LSTM": (nn.LSTM, {"num_layers": 2, "bidirectional": True}),
    "LSTM with a projection": (nn.LSTM, {"proj_size": 2}),
    "LSTM without biases": (nn.LSTM, {"bias": False}),
    "GRU": (nn.GRU, {"bidirectional": True}),
    "RNN": (nn.RNN, {"num_layers": 2}),
}


@pytest.mark.parametrize("case", KINDS)
def test_the_banks_are_those_of_the_machine(case):
    """Rounded to levels up to the Gmax of each bank, module and machine agree, so both have the same banks."""
    kind, options = KINDS[case]
    module, rounding = Model(kind, **options), Quantisation(levels=6)
    x = torch.randn(3, 5, 2, dtype=torch.float64)
    machine = la.compile(la.from_torch(module), la.electrical.BEHAVIOURAL, settling=SETTLING)
    analog = machine.with_imperfection(rounding, Streams(seed=0)).run(x.numpy(), engine="settle").outputs.y
    with torch.no_grad():
        clean = module(x)
        with errors_in(weight_banks(module, None), rounding, Streams(seed=0)):
            digital = module(x)
    assert abs(digital.numpy() - analog).max() <= 1e-5
    assert abs(digital - clean).max() > 1e-3


@pytest.mark.parametrize("cell", [nn.LSTMCell, nn.GRUCell, nn.RNNCell])
def test_cells_have_the_banks_of_one_layer(cell):
    stack = {nn.LSTMCell: nn.LSTM, nn.GRUCell: nn.GRU, nn.RNNCell: nn.RNN}[cell]
    cells, layers = (weight_banks(kind(2, 3), None) for kind in (cell, stack))
    assert [bank.weights.shape for bank in cells] == [bank.weights.shape for bank in layers]


def test_errors_have_the_size_of_the_law_and_are_taken_away():
    module = nn.LSTM(30, 40)
    before = state_of(module)
    (bank,) = weight_banks(module, None)
    clean = bank.weights
    with errors_in([bank], ProgrammingError(sigma=0.01), Streams(seed=1)):
        error = (bank.weights - clean)[clean.abs() > 0.05 * clean.abs().max()]
        assert torch.equal(module.bias_hh_l0, before["bias_hh_l0"])
    assert float(error.std() / clean.abs().max()) == pytest.approx(0.01, rel=0.02)
    assert same(before, module.state_dict())
    with pytest.raises(ZeroDivisionError), errors_in([bank], ProgrammingError(sigma=0.01), Streams(seed=1)):
        1 / 0  # noqa: B018
    assert same(before, module.state_dict())


@pytest.mark.parametrize("preset", [RRAM, PCM, FLOATING_GATE], ids=lambda preset: preset.name)
def test_presets_of_devices_can_be_trained_with(preset):
    """What changes from step to step, too: one reading is held over a sequence."""
    (bank,) = weight_banks(nn.LSTM(2, 3), None)
    clean = bank.weights
    with errors_in([bank], preset, Streams(seed=1)):
        assert abs(bank.weights - clean).max() > 0.0
    with errors_in([bank], ReadNoise(sigma=0.0), Streams(seed=1)):
        assert torch.equal(bank.weights, clean)


def test_a_module_is_trained_in_a_copy_reproducibly():
    module, loader = Model().eval(), batches()
    before, random = state_of(module), torch.get_rng_state()
    first, again, other = (tuned(module, loader, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), random)
    assert same(before, module.state_dict())
    assert same(state_of(first), state_of(again))
    assert not same(state_of(first), state_of(other))
    assert type(first) is Model
    assert not any(part.training for part in first.modules())
    assert all(each.grad is None for each in module.parameters())
    la.from_torch(first)


def test_a_loader_that_shuffles_and_a_module_that_drops_out_are_seeded_too():
    module = Model(num_layers=2, dropout=0.5)
    data = torch.utils.data.TensorDataset(*batches(1)[0])
    loader = torch.utils.data.DataLoader(data, batch_size=2, shuffle=True)
    first = state_of(tuned(module, loader))
    torch.rand(3)
    assert same(first, state_of(tuned(module, loader)))


def test_without_errors_it_is_training_on():
    """Nor clipping nor distillation: the same steps of Adam as a loop of one's own."""
    module, loader = Model(), batches()
    own = Model()
    own.load_state_dict(module.state_dict())
    optimizer = torch.optim.Adam(own.parameters(), lr=0.01)
    for x, targets in loader:
        optimizer.zero_grad()
        nn.functional.mse_loss(own(x), targets).backward()
        optimizer.step()
    made = tuned(module, loader, IDEAL, rate=0.01, clip=float("inf"), distillation=0.0, epochs=1)
    assert max(abs(made.state_dict()[key] - value).max() for key, value in own.state_dict().items()) <= 1e-12


def test_the_gradient_is_that_at_the_weights_with_errors():
    """One step of Adam goes by its signs, whatever its size."""
    module, (batch, *_) = Model(), batches()
    with errors_in(weight_banks(module, None), ProgrammingError(sigma=0.5), Streams(seed=1)):
        nn.functional.mse_loss(module(batch[0]), batch[1]).backward()
    signs = {name: each.grad.sign() for name, each in module.named_parameters()}
    made = tuned(module, [batch], ProgrammingError(sigma=0.5), clip=float("inf"), distillation=0.0, epochs=1, rate=0.01)
    for name, each in made.named_parameters():
        np.testing.assert_allclose((each - module.get_parameter(name)).detach(), -0.01 * signs[name], rtol=0, atol=1e-5)


def test_weights_are_clipped_and_frozen_ones_are_not():
    module = Model()
    module.fc.requires_grad_(False)
    made = tuned(module, batches(), clip=1.0, rate=1e-9)
    recurrent, head = weight_banks(made, None)
    before, _ = weight_banks(module, None)
    assert float(recurrent.weights.abs().max()) <= float(before.weights.std(unbiased=False)) + 1e-6
    assert same(made.fc.state_dict(), module.fc.state_dict())
    assert not head.trained


def test_weights_that_are_all_alike_are_not_clipped_to_nothing():
    """Their standard deviation is far below them: clipped at two of it, again and again, they would go to zero."""
    module = Model()
    module.one = nn.Linear(1, 1, bias=False, dtype=torch.float64)
    with torch.no_grad():
        module.fc.weight.copy_(1.0 + 0.1 * torch.randn(2, 3))
        module.fc.bias.fill_(1.0)
    module.forward = lambda x: module.one(module.fc(module.rnn(x)[0])[..., :1]).repeat(1, 1, 2)
    for clip in (2.0, np.inf):
        made = tuned(module, batches(), clip=clip, rate=1e-9, epochs=3)
        for name in ("fc.weight", "fc.bias", "one.weight"):
            np.testing.assert_allclose(
                made.get_parameter(name).detach(), module.get_parameter(name).detach(), atol=1e-6
            )


def test_distillation_keeps_to_the_clean_model():
    module, loader = Model(), batches()

    def apart(distillation):
        made = tuned(module, loader, IDEAL, clip=float("inf"), distillation=distillation, epochs=10)
        return float((made(loader[0][0]) - module(loader[0][0])).detach().square().mean())

    assert apart(100.0) < 0.1 * apart(0.0)


def test_what_is_not_on_the_machine_has_no_errors():
    module, seen = Model(), []
    module.fc.register_forward_pre_hook(lambda part, _x: seen.append(part.weight.detach().clone()))
    tuned(module, batches(1), only=("rnn",), epochs=1, distillation=0.0)
    assert torch.equal(seen[0], module.fc.weight)


class Sub(nn.Linear):
    pass


REFUSED = {
    "wires": (
        UnsupportedError,
        lambda: tuned(Model(), batches(), WireResistance(line=0.1, column=0.1)),
        r"imperfection in training must act on the weights alone: .*, got WireResistance: leave it out here, and judge",
    ),
    "op-amps": (
        UnsupportedError,
        lambda: tuned(Model(), batches(), (DeviceSpread(share=0.1), BENCH_BOARD)),
        "got AmplifierOffset: leave",
    ),
    "plumbing": (UnsupportedError, lambda: tuned(Model(), batches(), WORKSHOP_OIL), "got BoreTolerance: leave"),
    "no imperfection": (InvalidTypeError, lambda: tuned(Model(), batches(), 0.1), "imperfection must be a known rec"),
    "no module": (InvalidTypeError, lambda: tuned({}, batches()), r"module must be an nn\.Module"),
    "no device": (FileFormatError, lambda: tuned(nn.Conv1d(2, 2, 1), batches()), "module must have weights that are"),
    "a subclass": (
        UnsupportedError,
        lambda: tuned(nn.Sequential(Sub(2, 2)), batches()),
        r"module '0' must be an nn\.LSTM, .*, got Sub: name those that are in only=",
    ),
    "a name": (
        InvalidValueError,
        lambda: tuned(Model(), batches(), only=("lstm",)),
        "only must name inner modules, got 'lstm': choose of 'rnn', 'fc'",
    ),
    "weight norm": (
        UnsupportedError,
        lambda: tuned(normed(), batches()),
        "parameters of module '0' must be its weights, got weight_g, weight_v: remove its weight norm before",
    ),
    "a place": (
        UnsupportedError,
        lambda: tuned(Model().to("meta"), batches()),
        r"module must be on the CPU, got meta: call cpu\(\) on it",
    ),
    "frozen": (
        UnsupportedError,
        lambda: tuned(Model().requires_grad_(False), batches()),
        r"parameters of module must require gradients, got none that does: call requires_grad_\(\) on it",
    ),
    "a used-up loader": (
        InvalidValueError,
        lambda: tuned(Model(), iter(batches())),
        "loader must give batches in each epoch, got none: give a DataLoader or a list",
    ),
    "no pairs": (
        InvalidTypeError,
        lambda: tuned(Model(), [batches()[0][0]]),
        r"batches of loader must be \(x, targets\), got Tensor: wrap the loader",
    ),
    "triples": (InvalidTypeError, lambda: tuned(Model(), [(1, 2, 3)]), "got 3 entries: wrap the loader"),
    "a loss that is no scalar": (
        InvalidTypeError,
        lambda: tuned(Model(), batches(), loss=lambda y, t: y - t),
        "loss must return a scalar tensor, got tensor",
    ),
    "an infinite loss": (
        SimulationError,
        lambda: tuned(Model(), batches(), loss=lambda y, t: (y - t).sum() / 0.0),
        "loss must be finite, got -?(inf|nan): lower rate or imperfections",
    ),
    "an output that is no tensor": (
        UnsupportedError,
        lambda: tuned(Mapped(), batches()),
        "output of module must be a tensor, got dict: wrap the module",
    ),
    "epochs": (InvalidValueError, lambda: tuned(Model(), batches(), epochs=0), "epochs must be 1 to 1000000, got 0"),
    "rate": (InvalidValueError, lambda: tuned(Model(), batches(), rate=0.0), "rate must be positive and finite"),
    "clip": (InvalidValueError, lambda: tuned(Model(), batches(), clip=-1.0), "clip must be positive or infinite"),
    "seed": (InvalidValueError, lambda: tuned(Model(), batches(), seed=-1), "seed must be 0 to"),
}


class Mapped(Model):
    def forward(self, x):
        return {"y": Model.forward(self, x)}


def normed():
    with pytest.warns(FutureWarning):
        return nn.Sequential(nn.utils.weight_norm(nn.Linear(2, 2)))


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_trained_is_refused_by_name(case):
    kind, call, message = REFUSED[case]
    with pytest.raises(kind, match=message):
        call()


@pytest.fixture(scope="module")
def digits():
    """The script that fine-tunes the digits classifier."""
    with script("finetuning") as module:
        yield module


def test_the_digits_classifier_tolerates_more(digits):
    """On chips of its machine and images that no training saw; two epochs are enough to see it."""
    cause = ProgrammingError(sigma=0.05)
    module, _ = digits.finetuned(cause, epochs=2)
    before, after = (digits.on_chips(each, cause, 10) for each in (digits.shipped(), module))
    assert after.mean() > before.mean() + 0.03
    assert after.min() > before.min() + 0.05
    assert after.mean() > 0.95


def test_errors_in_torch_are_those_of_chips(digits):
    """As a distribution: the numbers drawn are others."""
    cause, module = ProgrammingError(sigma=0.03), digits.shipped()
    x, labels = (torch.tensor(each) for each in unseen())
    simulated = digits.in_torch(module, cause, 200, x.float(), labels)
    chips = digits.on_chips(module, cause, 12)
    assert abs(chips.mean() - simulated.mean()) <= 3.0 * simulated.std() / np.sqrt(12)


def test_the_examples_of_the_page_run(digits, capsys):
    page = Path(__file__).parents[2] / "docs" / "finetuning.md"
    training, _, judging = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    x, labels = torch.rand(6, 8, 8), torch.arange(6)
    given = {"module": digits.shipped(), "loader": [(x, labels)], "x": x, "labels": labels}
    exec(training, given)
    assert len(capsys.readouterr().out.split()) == 3
    assert given["chips"].values.shape == (100,)
    exec(judging, given)
    assert given["scores"].shape == (10, 6, 10)
    assert given["module"].lstm is not given["tuned"].lstm


class Reader(nn.Module):
    """A classifier of whole sequences."""

    def __init__(self):
        nn.Module.__init__(self)
        self.lstm = nn.LSTM(2, 3, batch_first=True)
        self.head = nn.Linear(3, 2)

    def forward(self, x):
        _, (h, _) = self.lstm(x)
        return self.head(h[-1])


def test_the_question_of_a_new_user_is_answered_by_the_lines_of_the_page(capsys):
    """What breaks my classifier, what do I change: in less than ten lines."""
    page = (Path(__file__).parents[2] / "docs" / "finetuning.md").read_text(encoding="utf-8")
    (lines,) = (each for each in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL) if "def mean_chip" in each)
    assert sum(bool(line.strip()) for line in lines.splitlines()) < 10
    x = torch.randn(12, 5, 2)
    labels = (x.sum(dim=(1, 2)) > 0.0).long()
    given = {"x": x.numpy(), "labels": labels.numpy(), "loader": [(x, labels)], "module": Reader()}
    exec(lines, vars(la.imperfections) | vars(la.study) | {"la": la, "torch": torch} | given)
    told = capsys.readouterr().out.splitlines()
    assert [line.partition("(")[0] for line in told[:3]] == ["Quantisation", "StuckDevices", "ProgrammingError"]
    assert all(0.0 <= float(line.split()[-1]) <= 1.0 for line in told)
    assert told[3].startswith("trained on: ")
