"""Handwritten digits, 8 rows of 8 pixels each, and a classifier trained on them: two bidirectional layers and a head.

E. Alpaydin, C. Kaynak, Optical recognition of handwritten digits, UCI (1998), as scikit-learn ships them.
`benchmarks/train_digits.py` trained the classifier.
"""

from importlib.resources import as_file, files

import numpy as np

from lstm_analog.arrays import Floats, Indices, floats, indices
from lstm_analog.model.formats import load
from lstm_analog.model.lstm import LSTM

TEST_EVERY = 5
"""The last of so many images is for the test; the classifier was not trained on it."""

_DATA = files("lstm_analog") / "data"


def images() -> tuple[Floats, Indices]:
    """Return the images `(1797, 8, 8)` as sequences of rows of 8 pixels, 0 to 1, and the digits `(1797,)`.

    >>> pixels, digits = images()
    >>> pixels.shape, float(pixels.max()), digits[:4].tolist()
    ((1797, 8, 8), 1.0, [0, 1, 2, 3])
    """
    with (_DATA / "digits.npz").open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        pixels, digits = arrays["images"], arrays["labels"]
    return floats(pixels / 16.0, "images"), indices(digits.astype(np.int64), "digits")


def unseen() -> tuple[Floats, Indices]:
    """Return the images that the classifier was not trained on, `(359, 8, 8)`, and their digits `(359,)`.

    >>> unseen()[0].shape
    (359, 8, 8)
    """
    pixels, digits = images()
    return pixels[TEST_EVERY - 1 :: TEST_EVERY], digits[TEST_EVERY - 1 :: TEST_EVERY]


def classifier() -> LSTM:
    """Return the trained classifier; its `y (batch, 10)` are the scores of the ten digits.

    >>> classifier().name, classifier().sizes
    ('digits', (16, 16))
    """
    with as_file(_DATA / "digits.safetensors") as path:
        return load(path)
