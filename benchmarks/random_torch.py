"""Random PyTorch modules with a `forward` of their own: `python benchmarks/random_torch.py [count] [first seed]`.

200 from seed 0 unless told. Each seed makes a module with one or two recurrent modules and linear layers, and a forward
that uses them as their weights say, or does something beside; and a whole one, with numeric steps before, between and
after. What `from_torch` takes of the first, and `model_from_torch` of both, must answer what the module does on fresh
inputs of another size, length and number; all else must be refused by a message of ours, whose advice is followed.
Needs torch; two minutes.
"""

import re
import sys
from collections import Counter

import numpy as np
import torch
from torch import nn

from lstm_analog.errors import LstmAnalogError
from lstm_analog.torch import from_torch, model_from_torch

BOUND = 1e-9
"""Largest error, relative to the largest answer, in float64."""

BEFORE = {
    "nothing": lambda m, x: x,
    "dropout": lambda m, x: m.dropout(x),
    "clone": lambda m, x: x.clone().contiguous(),
    "scaled": lambda m, x: 1.5 * x,
    "shifted": lambda m, x: x + 1e-3,
    "clamped": lambda m, x: x.clamp(-1.5, 1.5),
    "normalised": lambda m, x: x / x.abs().amax().clamp(min=1.0),
    "turned": lambda m, x: x.flip(1 if m.batch_first else 0),
    "the last twenty": lambda m, x: x[:, -20:] if m.batch_first else x[-20:],
    "linear": lambda m, x: m.inner(x),
    "axes swapped": lambda m, x: x.transpose(0, 1),
    "noise of a seed": lambda m, x: x + 1e-6 * torch.arange(x.shape[1])[None, :, None],
}
AFTER = {
    "every step": lambda m, h, hn: m.read(h),
    "last step": lambda m, h, hn: m.read(h[:, -1] if m.batch_first else h[-1]),
    "last state": lambda m, h, hn: m.read(torch.cat(list(hn[-m.ways :]), -1)),
    "first state": lambda m, h, hn: m.read(hn[0]) if m.ways == 1 else m.read(h),
    "relu": lambda m, h, hn: m.read(torch.relu(h)),
    "sigmoid at the end": lambda m, h, hn: torch.sigmoid(m.read(h)),
    "mean": lambda m, h, hn: m.read(h.mean(1 if m.batch_first else 0)),
    "added": lambda m, h, hn: m.read(h) + 1e-7,
    "h alone": lambda m, h, hn: h,
    "tuple": lambda m, h, hn: (m.read(h), hn),
    "squeezed": lambda m, h, hn: m.read(h).squeeze(-1),
    "turned": lambda m, h, hn: m.read(h.flip(1 if m.batch_first else 0)),
    "directions swapped": lambda m, h, hn: m.read(torch.cat(h.chunk(2, -1)[::-1], -1)) if m.ways == 2 else m.read(-h),
    "running": lambda m, h, hn: m.read(h.cumsum(1 if m.batch_first else 0)),
}
STATES = {
    "none": lambda m, n: None,
    "none again": lambda m, n: None,
    "zeros": lambda m, n: torch.zeros(m.rnn.num_layers * m.ways, n, m.rnn.hidden_size, dtype=m.kind()),
    "ones": lambda m, n: torch.ones(m.rnn.num_layers * m.ways, n, m.rnn.hidden_size, dtype=m.kind()),
}


class Own(nn.Module):
    """A recurrent module and linear layers, put together by chance."""

    def __init__(self, rng) -> None:
        super().__init__()

        def pick(options):
            return list(options)[rng.integers(len(options))]

        inputs, hidden = int(rng.integers(1, 4)), int(rng.integers(2, 5))
        self.kinds = pick([nn.LSTM, nn.GRU, nn.RNN])
        self.batch_first, self.ways = bool(rng.integers(2)), int(rng.choice([1, 1, 2]))
        layers = int(rng.integers(1, 3))
        options = {"num_layers": layers, "bidirectional": self.ways == 2, "dropout": 0.2 * (layers > 1)}
        self.rnn = self.kinds(inputs, hidden, batch_first=self.batch_first, **options)
        self.before = pick(["nothing"] * 8 + list(BEFORE))
        self.after, self.state = pick(["every step"] * 4 + list(AFTER)), pick(STATES)
        self.inputs = inputs
        self.dropout = nn.Dropout(0.5)
        if self.before == "linear":
            self.inner = nn.Linear(inputs, inputs)
        if self.after != "h alone" and rng.random() < 0.85:
            self.fc = nn.Linear(hidden * self.ways, int(rng.integers(1, 4)), bias=rng.random() < 0.8)
        if rng.random() < 0.1:
            self.embedding = nn.Embedding(hidden * self.ways, hidden * self.ways)

    def kind(self):
        return self.rnn.weight_ih_l0.dtype

    def read(self, h):
        return self.fc(h) if "fc" in dict(self.named_children()) else h

    def forward(self, x):
        x = BEFORE[self.before](self, x)
        start = STATES[self.state](self, x.shape[0 if self.batch_first else 1])
        start = (start, start) if start is not None and self.kinds is nn.LSTM else start
        h, state = self.rnn(x, start)
        return AFTER[self.after](self, h, state[0] if self.kinds is nn.LSTM else state)

    def story(self):
        names = [name for name, _ in self.named_children()]
        return self.kinds.__name__, self.before, self.state, self.after, self.ways, self.batch_first, names


def made(seed):
    """Return the module of `seed`."""
    torch.manual_seed(seed)
    module = Own(np.random.default_rng(seed)).double().eval()
    with torch.no_grad():
        for weights in module.parameters():
            weights.mul_(1.7)
    return module


def error(module, lstm, seed):
    """Return how far `lstm` is from what `module` answers to fresh inputs, in its largest answers."""
    x = torch.tensor(np.random.default_rng(seed + 10**6).normal(0.0, 2.0, (4, 31, module.inputs)))
    with torch.no_grad():
        theirs = module(x if module.batch_first != (module.before == "axes swapped") else x.transpose(0, 1))
    theirs = theirs[0] if isinstance(theirs, tuple) else theirs
    outputs = lstm(x.numpy())
    ours = outputs.y
    if ours is None:
        ours = outputs.h if theirs.numel() == outputs.h.size else np.concatenate(outputs.state.h[-module.ways :], -1)
    theirs = theirs.numpy()
    if theirs.shape[:2] == x.shape[1::-1]:
        theirs = theirs.swapaxes(0, 1)
    if ours.size != theirs.size:
        return np.inf
    return float(abs(ours.reshape(theirs.shape) - theirs).max() / abs(theirs).max())


CURVES = [nn.ReLU, nn.Tanh, nn.Sigmoid, nn.GELU, nn.SiLU, nn.ELU, nn.SELU, nn.LeakyReLU, nn.Softplus, nn.Hardtanh]
STEPS = {
    "linear": lambda rng, n: nn.Linear(n, int(rng.integers(1, 5)), bias=bool(rng.integers(2))),
    "curve": lambda rng, n: CURVES[rng.integers(len(CURVES))](),
    "in place": lambda rng, n: nn.ReLU(inplace=True),
    "layers": lambda rng, n: nn.Sequential(nn.Linear(n, 3), CURVES[rng.integers(len(CURVES))](), nn.Linear(3, n)),
    "layer norm": lambda rng, n: nn.LayerNorm(n),
    "batch norm": lambda rng, n: Features(nn.BatchNorm1d(n)),
    "scaling": lambda rng, n: Scaling(rng, n),  # noqa: PLW0108 - it stands below
    "around": lambda rng, n: Around(nn.Sequential(nn.Linear(n, n), CURVES[rng.integers(len(CURVES))]())),
    "gate": lambda rng, n: Gate(nn.Linear(n, n)),
    "dropout": lambda rng, n: nn.Dropout(0.4),
    "softmax": lambda rng, n: nn.Softmax(-1),
    "log softmax": lambda rng, n: nn.LogSoftmax(dim=-1),
}
BEYOND = {
    "running": lambda m, x: x.cumsum(1),
    "over time": lambda m, x: torch.softmax(x, 1),
    "turned": lambda m, x: x.flip(1),
    "less the mean of the batch": lambda m, x: x - x.mean(0, keepdim=True),
    "differences": lambda m, x: x[:, 1:] - x[:, :-1],
    "by its length": lambda m, x: x / x.shape[1],
    "of the largest": lambda m, x: x / x.abs().amax(),
    "sorted": lambda m, x: x.sort(-1).values,
}
POOLS = {
    "every": lambda h, hn, ways: h,
    "last": lambda h, hn, ways: h[:, -1],
    "state": lambda h, hn, ways: torch.cat(list(hn[-ways:]), -1),
    "mean": lambda h, hn, ways: h.mean(1),
    "largest": lambda h, hn, ways: h.max(dim=1).values,
    "first": lambda h, hn, ways: h[:, 0],
    "sum": lambda h, hn, ways: h.sum(1),
    "flat": lambda h, hn, ways: h[:, :2].flatten(1),
}


class Features(nn.Module):
    """A batch normalisation of the last axis."""

    def __init__(self, norm) -> None:
        super().__init__()
        self.norm = norm
        nn.init.uniform_(norm.running_mean, -1, 1)
        nn.init.uniform_(norm.running_var, 0.5, 2)

    def forward(self, x):
        return self.norm(x) if x.dim() == 2 else self.norm(x.transpose(1, 2)).transpose(1, 2)


class Scaling(nn.Module):
    """`(x - mean) / deviation`, of numbers or of one a feature."""

    def __init__(self, rng, n) -> None:
        super().__init__()
        size = n if rng.random() < 0.7 else 1
        self.register_buffer("mean", torch.tensor(rng.normal(size=size)))
        self.register_buffer("deviation", torch.tensor(rng.uniform(0.5, 2.0, size=size)))

    def forward(self, x):
        return (x - self.mean) / self.deviation


class Around(nn.Module):
    """What comes in, and what is made of it."""

    def __init__(self, inner) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return x + self.inner(x)


class Gate(nn.Module):
    """What comes in, as far as a gate lets it."""

    def __init__(self, inner) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return x * torch.sigmoid(self.inner(x))


class Whole(nn.Module):
    """Steps, recurrent modules, steps, put together by chance; a tenth of the places has something beyond."""

    def __init__(self, rng) -> None:
        super().__init__()
        self.rng, self.words = rng, bool(rng.random() < 0.25)
        self.beyond = {place: self.pick(BEYOND) for place in ("before", "after") if rng.random() < 0.06}
        self.inputs = width = int(rng.integers(1, 4))
        if self.words:
            width = 3
            self.embedding = nn.Embedding(7, 3)
        self.before, width = self.steps(width, 3)
        self.layers, self.between, self.ways = nn.ModuleList(), nn.ModuleList(), 1
        for n in range(int(rng.choice([1, 1, 2]))):
            if n:
                linear = [["linear", "batch norm", "scaling", "dropout"], list(STEPS)][rng.random() < 0.2]
                between, width = self.steps(width, 2, linear)
                self.between.append(between)
            kind, hidden, self.ways = (
                self.pick([nn.LSTM, nn.GRU, nn.RNN]),
                int(rng.integers(2, 5)),
                1 + (rng.random() < 0.3),
            )
            depth = int(rng.choice([1, 1, 2]))
            self.layers.append(kind(width, hidden, depth, batch_first=True, bidirectional=self.ways == 2))
            width = hidden * self.ways
        self.pool = self.pick(["every", "last", "state", "mean", "largest"] * 3 + list(POOLS))
        self.after, _ = self.steps(width if self.pool != "flat" else 2 * width, 4)

    def pick(self, options):
        return list(options)[self.rng.integers(len(options))]

    def steps(self, width, most, names=tuple(STEPS)):
        made = nn.Sequential()
        for _ in range(int(self.rng.integers(0, most + 1))):
            made.append(STEPS[self.pick(names)](self.rng, width))
            width = getattr(made[-1], "out_features", width)
        return made, width

    def forward(self, x):
        x = self.embedding(x) if self.words else x
        x = self.before(
            self.beyond["before"] and BEYOND[self.beyond["before"]](self, x) if "before" in self.beyond else x
        )
        for n, layer in enumerate(self.layers):
            x, state = layer(x if not n else self.between[n - 1](x))
        h = BEYOND[self.beyond["after"]](self, x) if "after" in self.beyond else x
        return self.after(POOLS[self.pool](h, state[0] if isinstance(state, tuple) else state, self.ways))

    def story(self):
        return self.words, self.beyond, self.before, self.layers, self.between, self.pool, self.after


def whole(seed):
    """Return the whole module of `seed`."""
    torch.manual_seed(seed)
    module = Whole(np.random.default_rng(seed)).double().eval()
    with torch.no_grad():
        for name, weights in module.named_parameters():
            weights.mul_(1.7 if "norm" not in name else 1.0)
    return module


def batch(module, seed, *shape):
    """Return an x of `shape` for `module`."""
    rng = np.random.default_rng(seed + 10**6)
    if getattr(module, "words", False):
        return torch.tensor(rng.integers(0, 7, shape))
    return torch.tensor(rng.normal(0.0, 2.0, (*shape, module.inputs)))


def whole_outcome(module, seed):
    """Return how far the whole model of `module` is from what that answers to a fresh batch, or the refusal."""
    try:
        model = model_from_torch(module, batch(module, seed, 2, 6))
    except LstmAnalogError as refusal:
        for name in re.findall(r"only='([^']*)'", str(refusal)):
            assert from_torch(module, only=name).head is None
        return str(refusal)
    x = batch(module, seed + 1, 4, 31)
    with torch.no_grad():
        theirs = module(x)
    theirs = (theirs[0] if isinstance(theirs, tuple) else theirs).numpy()
    first = getattr(module, "batch_first", True) != (getattr(module, "before", "") == "axes swapped")
    ours = model((x if first else x.transpose(0, 1)).numpy())
    ours = ours.swapaxes(0, 1) if ours.ndim == 3 and ours.shape[:2] == theirs.shape[1::-1] else ours
    if ours.size != theirs.size:
        return np.inf
    return float(abs(ours.reshape(theirs.shape) - theirs).max() / max(abs(theirs).max(), 1e-3))


def outcome(seed):
    """Return the module of `seed` with the error of what is read of it, or the refusal."""
    module = made(seed)
    try:
        lstm = from_torch(module)
    except LstmAnalogError as refusal:
        for name in re.findall(r"only='([^']*)'", str(refusal)):
            assert from_torch(module, only=name).head is None
        return module, str(refusal)
    return module, error(module, lstm, seed)


def count(what, seeds, outcomes):
    """Print how many of the `outcomes` of `seeds` are right, refused by which words, or wrong."""
    found, worst = Counter(), 0.0
    for seed, (module, said) in zip(seeds, outcomes, strict=True):
        if isinstance(said, str):
            found[f"refused: {re.sub('[0-9.]+(e-[0-9]+)? apart', 'apart', said)[:76]}"] += 1
            continue
        worst = max(worst, said)
        found["right" if said <= BOUND else "WRONG"] += 1
        if said > BOUND:
            print("LOOK AT", seed, said, *module.story())
    print(f"{what}: {len(seeds)} modules from seed {seeds[0]}; largest error {worst:.1e}")
    for word, number in found.most_common():
        print(f"{number:6d}  {word}")


def main(words):
    number, first = (int(word) for word in (*words, *("200", "0")[len(words) :]))
    seeds = range(first, first + number)
    count("from_torch", seeds, map(outcome, seeds))
    count("model_from_torch, the same", seeds, ((made(seed), whole_outcome(made(seed), seed)) for seed in seeds))
    count("model_from_torch, whole ones", seeds, ((whole(seed), whole_outcome(whole(seed), seed)) for seed in seeds))


if __name__ == "__main__":
    main(sys.argv[1:])
