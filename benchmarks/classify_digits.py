"""Handwritten digits, classified by the circuit and by plumbing: `python benchmarks/classify_digits.py [images]`.

All images that the classifier of `lstm_analog.model.digits` never saw, unless a smaller number is given, through two
bidirectional layers and a head, settled and as whole waveforms. Prints how many each of the two, the digital and the
analog, gets right, how many they classify differently, and how far the scores are apart.
"""

import sys
import time

import numpy as np
from measure import conditions, table

from lstm_analog.compiler import electrical, hydraulic
from lstm_analog.engines import Settle, Waveform
from lstm_analog.machine import compile
from lstm_analog.model.digits import classifier, unseen
from lstm_analog.study.keeping import Keep

SETTLING = 16.0
"""Time constants a phase: leaves 2e-5 of a unit step."""
BATCH = 60
"""Images at once."""
HEADS = ["images", "technology", "engine", "digital right", "analog right", "differently", "scores apart", "s"]


def classify(technology, engine, images):
    """Return the scores of `images` (n, 8, 8) by the machine in `technology`, (n, 10), and the seconds it took."""
    machine = compile(classifier(), technology, settling=SETTLING)
    start = time.perf_counter()
    pieces = [images[n : n + BATCH] for n in range(0, len(images), BATCH)]
    scores = [machine.run(piece, engine=engine, keep=Keep.OUTPUTS).y for piece in pieces]
    return np.concatenate(scores), time.perf_counter() - start


def main(count=359):
    print(conditions())
    images, digits = (each[:count] for each in unseen())
    digital, rows = classifier()(images).y, []
    for technology in (electrical.BEHAVIOURAL, hydraulic.OIL):
        for engine in (Settle(), Waveform()):
            analog, seconds = classify(technology, engine, images)
            right = [f"{np.mean(scores.argmax(axis=-1) == digits):.2%}" for scores in (digital, analog)]
            differently = int((digital.argmax(axis=-1) != analog.argmax(axis=-1)).sum())
            apart = f"{np.abs(analog - digital).max():.1e}"
            rows.append(
                [len(images), technology.name, type(engine).__name__, *right, differently, apart, f"{seconds:.1f}"]
            )
    print(table(HEADS, rows))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
