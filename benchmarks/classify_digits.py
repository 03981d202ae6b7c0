"""The digits of scikit-learn, classified by the circuit: `python benchmarks/classify_digits.py [images] [batch]`.

All images that the classifier of `lstm_analog.model.digits` never saw, unless a smaller number is given, through two
bidirectional layers and a head as a transient, `batch` images at once. Prints how many each of the two, the digital
and the analog, gets right, how many they classify differently, and how far the scores are apart.
"""

import sys
import time

import numpy as np
from measure import conditions, table

from lstm_analog.compiler import electrical, hydraulic
from lstm_analog.engines import Integrate
from lstm_analog.machine import compile
from lstm_analog.model.digits import classifier, unseen

SETTLING = 16.0
"""Time constants a phase: leaves 2e-5 of a unit step."""
ENGINE = Integrate(rtol=1e-4, atol=1e-6)


def classify(technology, images, batch):
    """Return the scores of `images` (n, 8, 8) by the machine in `technology`, (n, 10), and the seconds it took."""
    machine = compile(classifier(), technology, settling=SETTLING)
    start = time.perf_counter()
    scores = [machine.run(images[n : n + batch], engine=ENGINE).y for n in range(0, len(images), batch)]
    return np.concatenate(scores), time.perf_counter() - start


def main(count=359, batch=60):
    images, digits = (each[:count] for each in unseen())
    digital = classifier()(images).y
    rows = []
    for technology in (electrical.BEHAVIOURAL, hydraulic.OIL):
        analog, seconds = classify(technology, images, min(batch, count))
        right = [np.mean(scores.argmax(axis=-1) == digits) for scores in (digital, analog)]
        differently = int((digital.argmax(axis=-1) != analog.argmax(axis=-1)).sum())
        apart = np.abs(analog - digital).max()
        row = [len(images), technology.name, *(f"{share:.2%}" for share in right), differently, f"{apart:.1e}"]
        rows.append([*row, f"{seconds:.0f}"])
    print(conditions())
    print(table(["images", "technology", "digital right", "analog right", "differently", "scores apart", "s"], rows))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
