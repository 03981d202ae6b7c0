"""The digits classifier, fine-tuned for bad chips: `python benchmarks/finetuning.py [chips]`, 100 unless given.

`la.torch.finetune` trains the classifier of `lstm_analog.model.digits` on with the errors of devices, on the images
that it was trained on. Judged are chips of its machine (BEHAVIOURAL, `Settle` in float32), drawn from a seed that no
training had, on the 359 images that no training saw: of a hundred images, how many do the mean chip, the tenth worst of
a hundred and the worst get right, before and after? Needs torch; seeded, one thread, eight minutes.

The second table is how the defaults were chosen: a quarter of the images of training was held back and chips were
simulated in PyTorch, programming errors of 5 % of Gmax. No choice was made on the test. The shipped classifier has seen
what is held back, so these are ranks, not accuracies.
"""

import sys
from math import inf

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
CAUSES = {f"{sigma:.0%} Gmax": ProgrammingError(sigma=sigma) for sigma in (0.01, 0.03, 0.05, 0.1)}
CAUSES |= {preset.name: preset for preset in (la.imperfections.PCM, la.imperfections.RRAM)}
CHOICES = (
    *({}, {"seed": 2}, {"seed": 3}),
    *({"clip": clip} for clip in (1.75, 2.5, 3.0, inf)),
    *({"distillation": weight} for weight in (0.0, 3.0)),
    *({"epochs": count} for count in (10, 80)),
    *({"rate": rate} for rate in (3e-3, 1.2e-2)),
)


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


def seen(keep):
    """Return the images that the shipped classifier was trained on for whose numbers `keep` is true, and their digits.

    The numbers are those modulo `TEST_EVERY`, of which the last is the test.
    """
    pixels, digits = images()
    chosen = keep(np.arange(len(digits)) % TEST_EVERY)
    return torch.tensor(pixels[chosen], dtype=torch.float32), torch.tensor(digits[chosen])


def loader(last):
    """Return the images with numbers below `last`, as in `seen`, in batches that are shuffled anew in each epoch."""
    data = torch.utils.data.TensorDataset(*seen(lambda number: number < last))
    return torch.utils.data.DataLoader(data, batch_size=BATCH, shuffle=True)


def loss(scores, digits):
    return nn.functional.cross_entropy(scores, digits, label_smoothing=SMOOTHING)


def finetuned(imperfections, last=TEST_EVERY - 1, **options):
    """Return the classifier fine-tuned with `imperfections`, and the seconds of processor time that it took."""
    made, options = [], {"seed": TRAINED, "loss": loss} | options
    took = once(lambda: made.append(la.torch.finetune(shipped(), loader(last), imperfections, **options)))
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


def in_torch(module, imperfections, chips, x, digits):
    """Return the share of `x` that chips get right whose weights have errors in PyTorch, (chips,)."""
    banks, right = weight_banks(module, None), []
    with torch.no_grad():
        for chip in range(chips):
            with errors_in(banks, imperfections, Streams(seed=JUDGED, first=chip)):
                right.append(float((module(x).argmax(dim=1) == digits).float().mean()))
    return np.array(right)


def told(right):
    """Return the mean of `right`, its tenth and its least, in percent."""
    return [f"{100 * value:.1f}" for value in (right.mean(), np.quantile(right, 0.1), right.min())]


def results(chips):
    """Yield the rows of the first table."""
    for name, cause in CAUSES.items():
        module, took = finetuned(cause)
        before, after = (told(on_chips(each, cause, chips)) for each in (shipped(), module))
        clean = told(on_chips(module, la.imperfections.IDEAL, 1))[0]
        yield [chips, name, *before, *after, clean, f"{took:.0f}"]


def choices(chips):
    """Yield the rows of the second table."""
    cause, held_back = ProgrammingError(sigma=0.05), seen(lambda number: number == TEST_EVERY - 2)
    yield [chips, "as shipped", *told(in_torch(shipped(), cause, chips, *held_back)), "0"]
    for choice in CHOICES:
        module, took = finetuned(cause, last=TEST_EVERY - 2, **choice)
        named = ", ".join(f"{name} {value:g}" for name, value in choice.items()) or "defaults"
        yield [chips, named, *told(in_torch(module, cause, chips, *held_back)), f"{took:.0f}"]


def main(chips):
    torch.set_num_threads(1)
    print(conditions())
    heads = ["chips", "errors", "before: mean", "tenth", "worst", "after: mean", "tenth", "worst", "after, no errors"]
    print(table([*heads, "training, s"], results(chips)))
    print(table(["chips", "held back", "mean", "tenth", "worst", "training, s"], choices(chips)))


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else CHIPS)
