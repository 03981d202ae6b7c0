"""The digits classifier, fine-tuned for bad chips: `python benchmarks/finetuning.py [chips]`, 100 unless given.

`la.torch.finetune` trains the classifier of `lstm_analog.model.digits` on with programming errors, on the images that it
was trained on. Judged are its machine's chips (BEHAVIOURAL, `Settle` in float32) on the 359 images that no training
saw, with seeds that none had, before and after: how many images of a hundred the mean chip, the tenth worst of a hundred
and the worst get right. Then what each choice does, on the same chips' laws in PyTorch, which is faster. Needs torch;
seeded, one thread; a quarter of an hour.
"""

import sys

import numpy as np
import torch
from measure import conditions, once, table
from torch import nn

import lstm_analog as la
from lstm_analog.engines import Precision, Settle
from lstm_analog.imperfections import ProgrammingError, Streams
from lstm_analog.model.digits import TEST_EVERY, classifier, images, unseen
from lstm_analog.study import LabelAccuracy, Spec, yield_of
from lstm_analog.torch.devices import errors_in, weight_banks

CHIPS = 100
JUDGED, TRAINED = 1_000, 1
"""Seeds of the chips that are judged and of those that are trained with."""
SETTLING = 24.0
BATCH, SMOOTHING = 64, 0.05
"""As in `train_digits.py`."""
SIGMAS = (0.01, 0.03, 0.05, 0.1)
RRAM = la.imperfections.RRAM


class Classifier(nn.Module):
    """The classifier that `train_digits.py` trained."""

    def __init__(self):
        nn.Module.__init__(self)
        self.lstm = nn.LSTM(8, 16, num_layers=2, bidirectional=True, batch_first=True)
        self.head = nn.Linear(32, 10)

    def forward(self, x):
        _, (h, _) = self.lstm(x)
        return self.head(torch.cat((h[-2], h[-1]), dim=-1))


def shipped():
    """Return the classifier that the package ships as a PyTorch module."""
    module, lstm = Classifier(), classifier()
    state = {"head.weight": lstm.head.weights, "head.bias": lstm.head.bias}
    for number, layer in enumerate(lstm.layers):
        for end, cell in (("", layer.forward), ("_reverse", layer.backward)):
            parts = {"weight_ih": cell.input, "weight_hh": cell.recurrent, "bias_ih": cell.bias}
            state |= {f"lstm.{name}_l{number}{end}": part for name, part in parts.items()}
            state[f"lstm.bias_hh_l{number}{end}"] = np.zeros(cell.bias.size)
    shapes = {name: value.shape for name, value in module.state_dict().items()}
    module.load_state_dict({name: torch.tensor(np.array(part)).reshape(shapes[name]) for name, part in state.items()})
    return module


def loader():
    """Return the images that the shipped classifier was trained on, in batches shuffled anew in each epoch."""
    pixels, digits = images()
    seen = np.arange(len(digits)) % TEST_EVERY != TEST_EVERY - 1
    data = torch.utils.data.TensorDataset(torch.tensor(pixels[seen], dtype=torch.float32), torch.tensor(digits[seen]))
    return torch.utils.data.DataLoader(data, batch_size=BATCH, shuffle=True)


def loss(scores, digits):
    return nn.functional.cross_entropy(scores, digits, label_smoothing=SMOOTHING)


def finetuned(imperfections, **options):
    """Return the classifier fine-tuned with `imperfections`, and the seconds of processor time that it took."""
    made = []
    took = once(
        lambda: made.append(la.torch.finetune(shipped(), loader(), imperfections, loss=loss, seed=TRAINED, **options))
    )
    return made[0], took


def on_chips(module, imperfections, chips):
    """Return the share of the unseen images that each chip of the package gets right, (chips,)."""
    machine = la.compile(la.from_torch(module), la.electrical.BEHAVIOURAL, settling=SETTLING)
    x, digits = unseen()
    return yield_of(
        machine,
        imperfections,
        x,
        metric=LabelAccuracy(labels=digits),
        spec=Spec(at_least=0.9),
        chips=chips,
        seed=JUDGED,
        engine=Settle(precision=Precision.SINGLE),
    ).values


def in_torch(module, imperfections, chips):
    """Return the same for chips whose weights have errors in PyTorch, drawn from the same seed under other names."""
    x, digits = (torch.tensor(each) for each in unseen())
    banks, right = weight_banks(module, None), []
    with torch.no_grad():
        for chip in range(chips):
            with errors_in(banks, imperfections, Streams(seed=JUDGED, first=chip)):
                right.append(float((module(x.float()).argmax(dim=1) == digits).float().mean()))
    return np.array(right)


def told(right):
    """Return the mean of `right`, its tenth and its least, in percent."""
    return [f"{100 * value:.1f}" for value in (right.mean(), np.quantile(right, 0.1), right.min())]


def main(chips):
    torch.set_num_threads(1)
    print(conditions())
    heads = ["imperfection", "of 100 right", "before: mean", "tenth", "worst", "after: mean", "tenth", "worst"]
    heads += ["without errors, after", "training, s"]
    rows = []
    for name, cause in (*((f"{sigma:.0%} Gmax", ProgrammingError(sigma=sigma)) for sigma in SIGMAS), ("RRAM", RRAM)):
        module, took = finetuned(cause)
        before, after = (told(on_chips(each, cause, chips)) for each in (shipped(), module))
        clean = told(on_chips(module, la.imperfections.IDEAL, 1))[0]
        rows.append([name, chips, *before, *after, clean, f"{took:.0f}"])
        print(*rows[-1], flush=True)
    print(table(heads, rows))


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else CHIPS)
