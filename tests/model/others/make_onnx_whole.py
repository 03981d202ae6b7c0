"""Makes the whole models of this folder, `whole_*.onnx`, small, and `whole.npz`, what onnxruntime answers to each.

Run `python make_onnx_whole.py` with torch 2.13.0, onnx 1.23.2, onnxscript 0.7.2 and onnxruntime 1.32.0. A model goes
through the legacy exporter of PyTorch and through its new one. `whole.npz` holds `<file>|<input or output>`.
"""

import warnings

import make_onnx_models as others
import numpy as np
import onnxruntime
import torch
from torch import nn

HERE = others.HERE


class Mood(nn.Module):
    """Words to a mood: embeddings, an LSTM both ways, its final h of both, two layers, logarithms of shares."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(9, 3)
        self.lstm = nn.LSTM(3, 2, bidirectional=True, batch_first=True)
        self.first, self.second = nn.Linear(4, 3), nn.Linear(3, 2)

    def forward(self, x):
        _, (h, _) = self.lstm(self.embedding(x))
        h = torch.cat([h[-2], h[-1]], dim=1)
        return torch.log_softmax(self.second(torch.relu(self.first(h))), dim=1)


class Sensor(nn.Module):
    """Scaled channels, a linear layer, two LSTMs with a linear layer between, the last step, a normalised read-out."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.5, -1.0, 2.0]))
        self.register_buffer("deviation", torch.tensor([1.5, 0.7, 3.0]))
        self.inner = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Dropout(0.5))
        self.first, self.between, self.second = nn.LSTM(4, 3), nn.Linear(3, 4), nn.LSTM(4, 3)
        self.norm, self.out = nn.BatchNorm1d(3), nn.Linear(3, 1)

    def forward(self, x):
        x = self.inner((x - self.mean) / self.deviation).transpose(0, 1)
        h = self.second(self.between(self.first(x)[0]))[0][-1]
        return self.out(nn.functional.leaky_relu(self.norm(h), 0.2))


class Tagger(nn.Module):
    """A tag for each step: a layer normalisation, a GRU both ways, gelu, shares."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.gru = nn.LayerNorm(3), nn.GRU(3, 2, bidirectional=True, batch_first=True)
        self.hidden, self.tags = nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x):
        h = self.gru(self.norm(x))[0]
        return torch.softmax(self.tags(nn.functional.gelu(self.hidden(h)) + h), dim=-1)


class Pooled(nn.Module):
    """The mean over time of two layers' outputs, normalised, silu and a clip around."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(2, 3, num_layers=2, batch_first=True)
        self.norm, self.out = nn.LayerNorm(3), nn.Linear(3, 2)

    def forward(self, x):
        h = self.lstm(x.clamp(-1, 2))[0].mean(dim=1)
        return self.out(nn.functional.silu(self.norm(h)))


class Largest(nn.Module):
    """A batch normalisation before, the largest values over time after, elu, a score."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.rnn, self.out = nn.BatchNorm1d(2), nn.RNN(2, 3, batch_first=True), nn.Linear(3, 1)

    def forward(self, x):
        h = self.rnn(self.norm(x.transpose(1, 2)).transpose(1, 2))[0]
        return torch.sigmoid(self.out(nn.functional.elu(h.max(dim=1).values))).squeeze(-1)


class Padded(nn.Module):
    """Sequences of several lengths, packed, beginning at given states; the final h."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.lstm, self.out = nn.Linear(2, 3), nn.LSTM(3, 2, batch_first=True), nn.Linear(2, 2)

    def forward(self, x, h0, c0, lengths):
        x = nn.utils.rnn.pack_padded_sequence(torch.relu(self.inner(x)), lengths, batch_first=True)
        return torch.tanh(self.out(self.lstm(x, (h0, c0))[1][0][-1]))


class Series(nn.Module):
    """One number a step, without an axis of features; two answers."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, 3, batch_first=True)
        self.level, self.risk = nn.Linear(3, 1), nn.Linear(3, 2)

    def forward(self, x):
        h = self.lstm(((x - 3.0) / 2.0).unsqueeze(-1))[0][:, -1]
        return self.level(h), torch.softmax(self.risk(h), dim=-1)


def trained(module):
    """Return `module` with statistics of its batch normalisations as if trained, weights twice as large."""
    with torch.no_grad():
        for name, weights in module.named_parameters():
            if "norm" not in name:
                weights.mul_(2.0)
        for part in module.modules():
            if isinstance(part, nn.BatchNorm1d):
                part.running_mean.uniform_(-1, 1)
                part.running_var.uniform_(0.5, 2)
                part.weight.uniform_(0.5, 2)
                part.bias.uniform_(-1, 1)
    return module.eval()


def from_torch(rng):
    """Export the modules, and return the feeds by model."""

    def normal(*shape):
        return rng.normal(size=shape).astype(np.float32)

    words, feeds = rng.integers(0, 9, (2, 5)), {}
    padded = {"x": normal(2, 5, 2), "h0": normal(1, 2, 2), "c0": normal(1, 2, 2), "lengths": np.array([5, 3])}
    cases = {
        "mood": (Mood(), {"x": words}, ("legacy", "dynamo")),
        "sensor": (Sensor(), {"x": normal(2, 5, 3)}, ("legacy", "dynamo")),
        "tagger": (Tagger(), {"x": normal(2, 5, 3)}, ("legacy", "dynamo")),
        "pooled": (Pooled(), {"x": normal(2, 5, 2)}, ("legacy", "dynamo")),
        "largest": (Largest(), {"x": normal(2, 5, 2)}, ("legacy",)),  # the new one unrolls an nn.RNN
        "padded": (Padded(), padded, ("legacy",)),
        "series": (Series(), {"x": normal(2, 5)}, ("legacy", "dynamo")),
    }
    for name, (module, given, ways) in cases.items():
        arguments = tuple(torch.as_tensor(each) for each in given.values())
        opened = {key: {0: "batch", 1: "time"} for key in given if key == "x"}
        for way in ways:
            file = f"whole_{name}_{way}.onnx"
            fixed = way == "dynamo" and name in ("sensor", "series")  # it fixes their time
            sized = others.dynamic({"x": {0: "batch"}} if fixed else opened, given)
            axes = {"dynamic_axes": opened} if way == "legacy" else {"dynamic_shapes": sized}
            outputs = {"output_names": ["level", "risk"] if name == "series" else ["answer"]}
            others.export(trained(module), arguments, file, list(given), way == "dynamo", **axes, **outputs)
            feeds[file] = given
    return feeds


def answered(file, feeds):
    """Return what onnxruntime answers to the `feeds` of a file, and the feeds, by name."""
    session = onnxruntime.InferenceSession(str(HERE / file))
    names = [each.name for each in session.get_inputs()]
    fed = dict(zip(names, feeds.values(), strict=True))
    outputs = [each.name for each in session.get_outputs()]
    return {**feeds, **dict(zip(outputs, session.run(None, fed), strict=True))}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.manual_seed(21)
    stored = {}
    for case, given in from_torch(np.random.default_rng(21)).items():
        stored |= {f"{case}|{name}": array for name, array in answered(case, given).items()}
    np.savez_compressed(HERE / "whole.npz", **stored)
