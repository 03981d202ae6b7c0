"""What the screen of layers in the living page shows: a classifier of digits, its layers, and what probes read in them.

Nothing of it runs in the page: all is computed here, of the digital classifier over the images that it has not seen.
"""

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.model import LSTM
from lstm_analog.model.digits import classifier, unseen
from lstm_analog.study import DigitalRun, LayerReading, representation
from lstm_analog.study.representation import layer_outputs, probe_answers

_PLACES = 2
"""Decimals of the numbers in the page; fewer: less room, and steps that are seen."""


def layers() -> dict[str, object]:
    """Return, as plain data, ten images with what each layer makes of them, and what `representation` finds of all.

    Pixels, outputs and answers of probes are whole numbers, 100 for 1.
    """
    lstm, (x, labels) = classifier(), unseen()
    run = DigitalRun(lstm=lstm, x=x)
    found, read = representation(run, labels), layer_outputs(run, LayerReading.FINAL)
    answers = [probe_answers(values, labels)[0][0] for values in read.values]
    shown = shown_images(answers, labels)
    return {
        "digits": labels[shown].tolist(),
        "names": ["pixels", "layer 1", "layer 2"],
        "units": list(found.units),
        "separability": found.separability[0].tolist(),
        "dimension": found.dimension[0].tolist(),
        "accuracy": None if found.accuracy is None else float(found.accuracy[0]),
        "images": len(labels),
        "outputs": [_hundreds(each) for each in (x[shown], *outputs_by_row(lstm, x[shown]))],
        "answers": [_hundreds(each[shown]) for each in answers],
    }


def shown_images(answers: list[Floats], labels: Indices) -> Indices:
    """Return the numbers of ten images, one of each digit in `labels` (images,).

    Of each digit the first that the last layer tells and the pixels do not, by the `answers` (images, 10) of the probes
    of each layer, or the first if there is none.
    """
    first, *_, last = (each.argmax(axis=-1) == labels for each in answers)
    hard = last & ~first
    found = [np.flatnonzero(labels == digit) for digit in range(10)]
    return np.array([next((k for k in places if hard[k]), places[0]) for places in found])


def outputs_by_row(lstm: LSTM, x: Floats) -> list[Floats]:
    """Return the outputs of each layer of `lstm` after each row of `x` (images, rows, pixels): (images, rows, units).

    Units that read downwards come first, then those that read upwards.
    """
    chains = list(zip(lstm.chains, lstm.trace(x).layers, strict=True))
    numbers = sorted({chain.layer for chain, _ in chains})
    return [np.concatenate([one.h for chain, one in chains if chain.layer == k], axis=-1) for k in numbers]


def _hundreds(values: Floats) -> object:
    return np.rint(10.0**_PLACES * values).astype(int).tolist()
