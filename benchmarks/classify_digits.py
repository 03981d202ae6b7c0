"""Handwritten digits, classified by the circuit and by plumbing: `python benchmarks/classify_digits.py [images] [n]`.

All images that the classifier of `lstm_analog.model.digits` never saw, unless a smaller number is given, through two
bidirectional layers and a head as a transient; n of them, 1 unless given, through plumbing too. Prints how many each
of the two, the digital and the analog, gets right, how many they classify differently, and how far the scores are
apart.
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
ENGINE = Integrate(rtol=1e-3, atol=1e-5)
BATCH = 60
"""Images at once."""


def classify(technology, images):
    """Return the scores of `images` (n, 8, 8) by the machine in `technology`, (n, 10), and the seconds it took."""
    machine = compile(classifier(), technology, settling=SETTLING)
    start = time.perf_counter()
    scores = [machine.run(images[n : n + BATCH], engine=ENGINE).y for n in range(0, len(images), BATCH)]
    return np.concatenate(scores), time.perf_counter() - start


def main(count=359, plumbed=1):
    print(conditions())
    rows = []
    for technology, number in ((electrical.BEHAVIOURAL, count), (hydraulic.OIL, min(plumbed, count))):
        images, digits = (each[:number] for each in unseen())
        digital = classifier()(images).y
        analog, seconds = classify(technology, images)
        right = [np.mean(scores.argmax(axis=-1) == digits) for scores in (digital, analog)]
        differently = int((digital.argmax(axis=-1) != analog.argmax(axis=-1)).sum())
        apart = f"{np.abs(analog - digital).max():.1e}"
        rows.append([number, technology.name, *(f"{share:.2%}" for share in right), differently, apart, seconds])
        print(*rows[-1], file=sys.stderr)
    print(table(["images", "technology", "digital right", "analog right", "differently", "scores apart", "s"], rows))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
