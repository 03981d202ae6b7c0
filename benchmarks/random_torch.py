"""Random PyTorch modules with a `forward` of their own: `python benchmarks/random_torch.py [count] [first seed]`.

200 from seed 0 unless told. Each seed makes a module with one or two recurrent modules and linear layers, and a forward
that uses them as their weights say, or does something beside. What `from_torch` takes as a whole must answer what the
module does on fresh inputs of another size, length and number; all else must be refused by a message of ours, whose
advice is followed. Needs torch; half a minute.
"""

import re
import sys
from collections import Counter

import numpy as np
import torch
from torch import nn

from lstm_analog.errors import LstmAnalogError
from lstm_analog.torch import from_torch

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


def main(words):
    count, first = (int(word) for word in (*words, *("200", "0")[len(words) :]))
    found, worst = Counter(), 0.0
    for seed in range(first, first + count):
        module, said = outcome(seed)
        if isinstance(said, str):
            found[f"refused: {re.sub('[0-9.]+(e-[0-9]+)? apart', 'apart', said)[14:90]}"] += 1
            continue
        worst = max(worst, said)
        found["right" if said <= BOUND else "WRONG"] += 1
        if said > BOUND:
            print("LOOK AT", seed, said, *module.story())
    print(f"{count} modules from seed {first}; largest error {worst:.1e}")
    for word, number in found.most_common():
        print(f"{number:6d}  {word}")


if __name__ == "__main__":
    main(sys.argv[1:])
