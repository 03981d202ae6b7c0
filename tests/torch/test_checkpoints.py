"""What people save with torch: checkpoints with anything beside the weights, and weights in other numbers."""

from collections import Counter, OrderedDict

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune, spectral_norm, weight_norm

import lstm_analog as la
from lstm_analog.errors import FileFormatError, UnsupportedError

X = np.random.default_rng(5).uniform(-1.0, 1.0, (2, 4, 2))


class Model(nn.Module):
    def __init__(self, kind=nn.LSTM, **options):
        super().__init__()
        self.lstm = kind(2, 3, batch_first=True, **options)
        self.fc = nn.Linear(3, 1)

    def forward(self, x):
        return self.fc(self.lstm(x)[0])


def model(kind=nn.LSTM, dtype=torch.float64, **options):
    torch.manual_seed(3)
    return Model(kind, **options).to(dtype).eval()


def answer(module, x=X):
    with torch.no_grad():
        return module(torch.as_tensor(x)).numpy()


def check(path, module, only=None, atol=1e-12):
    loaded = la.load(path, only=only)
    np.testing.assert_allclose(loaded(X).y, answer(module), rtol=0, atol=atol)


def trained(module):
    """Return an optimiser and a scheduler of `module` that have taken a step."""
    optimiser = torch.optim.AdamW(module.parameters(), lr=0.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 10)
    module(torch.as_tensor(X)).sum().backward()
    optimiser.step()
    schedule.step()
    return optimiser, schedule


def plain_values():
    """Return one of each kind of value that torch.load(weights_only=True) admits."""
    return {
        3: "a number for a name",
        None: "nothing for a name",
        (1, "a"): "a tuple for a name",
        2.5: "a float for a name",
        2**70: "a large number for a name",
        b"raw": "bytes for a name",
        "counter": Counter("abca"),
        "ordered": OrderedDict([("a", 1), (2, None)]),
        "size": torch.Size([2, 3]),
        "dtype": [torch.float32, torch.bfloat16, torch.uint16, torch.complex64, torch.float8_e5m2],
        "device": torch.device("cpu"),
        "layout": torch.strided,
        "set": {1, "a", (2, 3)},
        "bytes": b"\x00\xff",
        "bytearray": bytearray(b"abc"),
        "complex": 1.5 - 2j,
        "nested": [({"a": (None, True)},)],
        "long": 10**40,
    }


def plain_tensors():
    """Return tensors that are no weights, of every kind that torch.load(weights_only=True) admits."""
    return {
        "complex": torch.ones(2, dtype=torch.complex64),
        "conjugate": torch.ones(2, dtype=torch.complex128).conj(),
        "negative": torch.ones(2, dtype=torch.complex64).conj().imag,
        "sparse": torch.eye(3).to_sparse(),
        "quantised": torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.quint8),
        "channels": torch.quantize_per_channel(torch.ones(2, 2), torch.ones(2), torch.zeros(2), 0, torch.qint8),
        "meta": torch.empty(3, device="meta"),
        "small": torch.ones(2).to(torch.float8_e5m2),
        "unsigned": torch.ones(2, dtype=torch.uint16),
        "whole": torch.arange(3),
        "flag": torch.tensor(True),
        "empty": torch.empty(0),
        "expanded": torch.ones(1).expand(5),
        "parameter": nn.Parameter(torch.ones(1)),
    }


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor", "ignore:TypedStorage is deprecated")
@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint_of_everything(tmp_path, zipped):
    """A training script saves its whole state; only the weights are taken of it."""
    module = model()
    optimiser, schedule = trained(module)
    content = {
        "model_state_dict": module.state_dict(),
        "optimizer_state_dict": optimiser.state_dict(),
        "scheduler": schedule.state_dict(),
        "rng": torch.get_rng_state(),
        "epoch": 3,
        "buffers": plain_tensors(),
        **plain_values(),
    }
    if not zipped:  # the format before 1.6 has no word for these
        content["buffers"] = {name: content["buffers"][name] for name in ("complex", "whole", "flag", "parameter")}
    torch.save(content, tmp_path / "a.pt", _use_new_zipfile_serialization=zipped)
    torch.load(tmp_path / "a.pt", weights_only=True)  # so that the claim is true
    check(tmp_path / "a.pt", module)


@pytest.mark.parametrize(
    "wrap", [lambda sd: [sd, 3], lambda sd: (3, {"nets": [sd]}), lambda sd: {"a": {"b": {"c": sd}}}]
)
def test_where_a_state_dict_lies(tmp_path, wrap):
    module = model()
    torch.save(wrap(module.state_dict()), tmp_path / "a.pt")
    check(tmp_path / "a.pt", module)


@pytest.mark.parametrize(
    "rename",
    [
        lambda name: f"module.{name}",
        lambda name: f"_orig_mod.{name}",
        lambda name: name.replace("lstm.", "lstm._orig_mod."),
        lambda name: f"module._orig_mod.{name}",
        lambda name: f"net.{name}",
    ],
)
def test_names_that_wrappers_make(tmp_path, rename):
    module = model()
    torch.save({rename(name): value for name, value in module.state_dict().items()}, tmp_path / "a.pt")
    check(tmp_path / "a.pt", module)


def test_a_lightning_checkpoint(tmp_path):
    module = model()
    optimiser, schedule = trained(module)
    content = {
        "epoch": 1,
        "global_step": 4,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": {f"model.{name}": value for name, value in module.state_dict().items()},
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 1}}}},
        "callbacks": {"ModelCheckpoint{'monitor': None}": {"best_model_score": torch.tensor(0.5)}},
        "optimizer_states": [optimiser.state_dict()],
        "lr_schedulers": [schedule.state_dict()],
        "hyper_parameters": {"hidden": 3},
    }
    torch.save(content, tmp_path / "a.ckpt")
    check(tmp_path / "a.ckpt", module)


def test_buffers_without_elements_are_passed_over(tmp_path):
    module = model()
    module.register_buffer("history", torch.empty(0, 3))
    torch.save(module.state_dict(), tmp_path / "a.pt")
    check(tmp_path / "a.pt", module)


def test_buffers_of_whole_numbers_are_passed_over(tmp_path):
    module = model()
    extra = {"steps": torch.tensor(4), "positions": torch.arange(8), "bn.num_batches_tracked": torch.tensor(1)}
    torch.save({**module.state_dict(), **extra}, tmp_path / "a.pt")
    check(tmp_path / "a.pt", module)


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")  # torch says once that it will go
@pytest.mark.parametrize("name", ["weight_ih_l0", "bias_hh_l0"])
@pytest.mark.parametrize(
    ("change", "got"),
    [
        (lambda t: t.to_sparse(), "a sparse tensor"),
        (lambda t: torch.quantize_per_tensor(t.float(), 0.1, 0, torch.qint8), "a quantised tensor"),
        (lambda t: t.to(torch.complex128), "ComplexDoubleStorage"),
        (lambda t: t.to(torch.int32), "int32"),
        (lambda t: t.float().to(torch.float8_e4m3fn), "torch.float8_e4m3fn"),
        (lambda t: t.to(torch.complex128).conj().imag, "a tensor with marks"),
    ],
)
def test_a_weight_that_is_not_plain_floats_is_refused_by_name(tmp_path, name, change, got):
    state = model().state_dict()
    state[f"lstm.{name}"] = change(state[f"lstm.{name}"])
    torch.save(state, tmp_path / "a.pt")
    with pytest.raises(FileFormatError, match=rf"tensor 'lstm.{name}' must be float16.* got .*{got}"):
        la.load(tmp_path / "a.pt")


def normalised(module):
    weight_norm(module.lstm, "weight_hh_l0")
    weight_norm(module.fc, "weight", dim=1)
    return module


def normalised_as_a_whole(module):
    weight_norm(module.lstm, "weight_ih_l0", dim=None)
    return module


def newly_normalised(module):
    parametrizations.weight_norm(module.lstm, "weight_hh_l0")
    parametrizations.weight_norm(module.fc, "weight")
    return module


def spectral(module):
    spectral_norm(module.lstm, "weight_hh_l0")
    spectral_norm(module.fc, "weight")
    answer(module.train())
    return module.eval()


def newly_spectral(module):
    parametrizations.spectral_norm(module.lstm, "weight_hh_l0")
    parametrizations.spectral_norm(module.fc, "weight")
    return module.eval()


def pruned(module):
    prune.random_unstructured(module.lstm, "weight_hh_l0", 0.5)
    prune.l1_unstructured(module.fc, "weight", 0.4)
    return module


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(
    "change", [normalised, normalised_as_a_whole, newly_normalised, spectral, newly_spectral, pruned]
)
def test_weights_that_are_computed_before_each_forward(tmp_path, change):
    """The formula is PyTorch's: its own forward says so, on gains that are not those it began with."""
    module = change(model())
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith(("_g", "original0")):
                parameter.mul_(1.5)
    torch.save(module.state_dict(), tmp_path / "a.pt")
    check(tmp_path / "a.pt", module)
    for read in (la.from_torch(module), la.from_torch(module, only=("lstm", "fc"))):
        np.testing.assert_allclose(read(X).y, answer(module), rtol=0, atol=1e-12)
    np.testing.assert_allclose(la.model_from_torch(module, X)(X), answer(module), rtol=0, atol=1e-12)


def test_a_parametrisation_of_ones_own_is_refused(tmp_path):
    class Symmetric(nn.Module):
        def forward(self, x):
            return x.triu() + x.triu(1).T

    module = Model()
    parametrize.register_parametrization(module.fc, "weight", Symmetric(), unsafe=True)
    torch.save(module.state_dict(), tmp_path / "a.pt")
    with pytest.raises(
        UnsupportedError, match=r"of weight_norm or spectral_norm, got 'fc.parametrizations.weight.orig"
    ):
        la.load(tmp_path / "a.pt")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", [torch.jit.script, lambda module: torch.jit.trace(module, torch.as_tensor(X))])
def test_torchscript_archives(tmp_path, make):
    module = model(num_layers=2)
    make(module).save(tmp_path / "a.pt")
    check(tmp_path / "a.pt", module)


@pytest.mark.filterwarnings("ignore")
def test_a_frozen_script_has_no_names(tmp_path):
    torch.jit.freeze(torch.jit.script(model())).save(tmp_path / "a.pt")
    with pytest.raises(FileFormatError, match="must hold a recurrent module's state dict"):
        la.load(tmp_path / "a.pt")


@pytest.mark.filterwarnings("ignore")
def test_a_quantised_module_is_refused_by_name(tmp_path):
    torch.save(torch.ao.quantization.quantize_dynamic(Model(), {nn.LSTM, nn.Linear}).state_dict(), tmp_path / "a.pt")
    with pytest.raises(
        UnsupportedError, match=r"must be float, got quantised 'lstm\._all_weight_values.*before it is q"
    ):
        la.load(tmp_path / "a.pt")


def test_an_rnn_in_a_file_is_taken_for_tanh_as_pytorch_presets(tmp_path):
    module = model(nn.RNN, num_layers=2)
    torch.save(module.state_dict(), tmp_path / "a.pt")
    check(tmp_path / "a.pt", module)
