"""What each layer of the digits classifier tells of the digits: `make representation`.

Or `python benchmarks/representation.py [which ...]`. `layers` prints the table by layer of the digital LSTM, of one
with random weights, of machines of ideal parts and of chips with errors of devices; `untrained` that of ten LSTMs with
random weights; `damage` that of chips with errors in one layer alone, against the size of the errors; `lesions` the
units whose loss costs most; `many` times a thousand chips; `units` finds the inputs that drive units most, and whether
the machine agrees. Pictures are drawn if `LAYERS_PICTURES` names a folder; `brief` takes two chips and 60 images.
"""

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from measure import conditions, table

import lstm_analog as la
from lstm_analog.engines import Settle
from lstm_analog.imperfections import DeviceSpread, ProgrammingError, Streams
from lstm_analog.model.digits import classifier, unseen
from lstm_analog.study import DigitalRun, LayerReading, preferred_inputs, representation
from lstm_analog.study.representation import spread_of

SEED, CHIPS = 1, 100
SIGMAS = (0.0125, 0.025, 0.05, 0.1)
"""Errors of devices, as shares of the largest conductance of a bank."""
ERROR = ProgrammingError(sigma=0.05)
FOUND = "read", "machine", "layer", "numbers", "separable, %", "dimension", "CKA", "off, %"


def run(machine, x):
    return machine.run(x, engine=Settle(), keep=la.Keep.OUTPUTS)


def chips(machine, x, error, count, layer=None):
    return run(machine.with_imperfection(error, Streams(seed=SEED, chips=count), layer=layer), x)


def compiled():
    technologies = {"behavioural": la.electrical.BEHAVIOURAL, "oil": la.hydraulic.OIL}
    return {name: la.compile(classifier(), each, settling=16.0) for name, each in technologies.items()}


def untrained(seed=SEED):
    return la.random_lstm(np.random.default_rng(seed), 8, 16, layers=2, bidirectional=True, name="untrained")


def draw(name, figure):
    folder = os.environ.get("LAYERS_PICTURES")
    if folder:
        la.show.save(figure, Path(folder) / name)


def layers(count, x, labels):
    """Print the table by layer; the head's row is the share of labels that it tells."""
    digital = DigitalRun(lstm=classifier(), x=x)
    subjects = {"digital": digital, "random weights": DigitalRun(lstm=untrained(), x=x)}
    for name, machine in compiled().items():
        subjects[f"{name}, ideal"] = run(machine, x)
        subjects[f"{name}, 5 % of Gmax"] = chips(machine, x, ERROR, count)
    subjects["behavioural, 5 % each"] = chips(compiled()["behavioural"], x, DeviceSpread(share=0.05), count)
    rows, drawn = [], {}
    for reading in LayerReading:
        for name, subject in subjects.items():
            found = representation(subject, labels, reading=reading, reference=digital)
            rows += told(reading.value, name, found)
            if reading is LayerReading.FINAL and not name.startswith(("random", "oil")):
                drawn[name] = found
    print(table(FOUND, rows))
    draw("layers.png", la.show.representation(drawn))


def told(reading, name, found):
    numbers = zip(
        found.names,
        found.units,
        found.separability.T,
        found.dimension.T,
        found.likeness.T,
        found.departure.T,
        strict=True,
    )
    for layer, units, separable, dimension, likeness, off in numbers:
        near = f"{likeness.mean():.3f}"
        yield reading, name, layer, units, spread_of(100 * separable), spread_of(dimension), near, spread_of(100 * off)
    if found.accuracy is not None:
        yield reading, name, "head", "-", spread_of(100 * found.accuracy), "-", "-", "-"


def untrained_layers(count, x, labels):
    """Print what layers of random weights tell, over a tenth of `count` draws, at least two."""
    rows = []
    for reading in LayerReading:
        draws = [DigitalRun(lstm=untrained(seed), x=x) for seed in range(max(count // 10, 2))]
        found = [representation(draw, labels, reading=reading) for draw in draws]
        separable = 100 * np.concatenate([each.separability for each in found])
        dimension = np.concatenate([each.dimension for each in found])
        for place, name in enumerate(found[0].names):
            rows.append(
                [reading.value, len(draws), name, spread_of(separable[:, place]), spread_of(dimension[:, place])]
            )
    print(table(["read", "draws", "layer", "separable, %", "dimension"], rows))


def damage(count, x, labels):
    """Print how far layers are off, and how many labels are told, with errors in one layer alone."""
    machine, rows = compiled()["behavioural"], []
    ideal, names = run(machine, x), ("layer 0", "layer 1", "head")
    for layer in (0, 1, 2, None):
        for sigma in SIGMAS:
            hurt = chips(machine, x, ProgrammingError(sigma=sigma), count, layer)
            found = representation(hurt, labels, reference=ideal)
            off = [spread_of(100 * each) for each in found.departure.T[1:]]
            separable = [spread_of(100 * each) for each in found.separability.T[1:]]
            where = "all" if layer is None else names[layer]
            rows.append([where, f"{sigma:.2%}", *off, *separable, spread_of(100 * found.accuracy)])
    heads = "errors in", "of Gmax", "layer 0 off, %", "layer 1 off, %", "layer 0 separable, %", "layer 1 separable, %"
    print(table([*heads, "labels right, %"], rows))


def lesions(count, x, labels):
    """Print the units whose loss, their output gate shut, costs most, of so many units of each direction."""
    machine = compiled()["behavioural"]
    whole = np.mean(run(machine, x).y.argmax(axis=-1) == labels)
    places = [
        (layer, backward, unit) for layer in (0, 1) for backward in (False, True) for unit in range(min(count, 16))
    ]
    lost = []
    for layer, backward, unit in places:
        y = run(machine.shut("output", unit=unit, layer=layer, backward=backward), x).y
        lost.append(100 * (whole - np.mean(y.argmax(axis=-1) == labels)))
    rows = [
        [layer, "backward" if backward else "forward", unit, f"{lost[k]:.1f}"]
        for k in np.argsort(lost)[::-1][:8]
        for layer, backward, unit in [places[k]]
    ]
    print(table(["layer", "direction", "unit lost", "points of accuracy lost"], rows))
    means = [np.mean([cost for cost, place in zip(lost, places, strict=True) if place[0] == layer]) for layer in (0, 1)]
    print(f"mean loss by a unit of layer 0: {means[0]:.2f} points, of layer 1: {means[1]:.2f}")


def many(count, x, labels):
    """Print the seconds that ten times so many chips take over 36 images."""
    machine, few = compiled()["behavioural"], slice(None, 36)
    chips(machine, x[few], ERROR, 2)
    start = time.process_time()
    hurt = chips(machine, x[few], ERROR, 10 * count)
    middle = time.process_time()
    found = representation(hurt, labels[few], reference=run(machine, x[few]))
    seconds = f"{middle - start:.1f}", f"{time.process_time() - middle:.1f}"
    print(
        table(
            ["chips", "images", "run, s", "represented, s", "labels right, %"],
            [[10 * count, 36, *seconds, spread_of(100 * found.accuracy)]],
        )
    )


def units(count, x, labels):
    """Print what climbing found for each layer, and how far the machine's answer to it is from the digital one."""
    lstm, machine, rows = classifier(), compiled()["behavioural"], []
    finals = lstm.trace(x).outputs.state.h
    for layer in (0, 1):
        mine = slice(2 * layer, 2 * layer + 2)
        met = np.concatenate(finals[mine], axis=-1).max(axis=0)
        for name, begun in (("random", None), ("strongest images", x)):
            found = preferred_inputs(lstm, layer=layer, steps=8, met=begun, seed=SEED, iterations=2 * count)
            best = found.h.max(axis=1)
            answer = np.concatenate([each.last[0] for each in run(machine, found.x).layers[mine]], axis=-1)
            agree = np.mean(found.h > best[:, None] - 0.01)
            ends = np.mean((found.x == 0) | (found.x == 1))
            off = np.abs(np.diag(answer) - best).max()
            below = int(np.sum(best < met))
            rows.append([layer, name, best.mean(), met.mean(), below, f"{agree:.0%}", f"{ends:.0%}", f"{off:.1e}"])
            some = replace(found, units=found.units[:8], x=found.x[:8], h=found.h[:8])
            picture = la.show.preferred_inputs(some, run=DigitalRun(lstm=lstm, x=x))
            draw(f"units_{layer}_{name.split()[-1]}.png", picture)
    heads = "layer", "starts", "mean h climbed to", "mean h of the best image", "units below their best image"
    print(table([*heads, "starts within 0.01 of the best", "pixels at 0 or 1", "machine off"], rows))


TABLES = {
    "layers": layers,
    "untrained": untrained_layers,
    "damage": damage,
    "lesions": lesions,
    "many": many,
    "units": units,
}


def main(*words):
    print(conditions())
    x, labels = unseen()
    count, images = (2, 60) if "brief" in words else (CHIPS, len(x))
    for name in [word for word in words if word in TABLES] or TABLES:
        print(f"\n{name}:")
        TABLES[name](count, x[:images], labels[:images])


if __name__ == "__main__":
    main(*sys.argv[1:])
