"""What each layer of a machine tells of the labels of its inputs, in how many dimensions, and how alike layers are.

Outputs F (sequences, n) of a layer are taken about their mean; s are the eigenvalues of F'F.

    separability    the share of sequences whose label a ridge regression on all others tells (Allen 1974): with the
                    hat matrix H, the residual without sequence k is (y_k - (H y)_k) / (1 - H_kk)
    dimension       (sum s)^2 / sum s^2, the participation ratio (Gao 2017): n for n equal variances, 1 for one alone
    similarity      |G'F|^2 / (|F'F| |G'G|), linear CKA (Kornblith 2019): 1 for outputs that differ by a rotation, a
                    scale or a shift, which it does not see; it does see other linear maps
    departure       |F - G| / |G|, the difference from the same layer of a reference, as it stands

None has a random number in it: each sequence is left out once.
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import ArrayLike

from lstm_analog.arrays import Floats, Indices, indices
from lstm_analog.doors import checked, checked_record
from lstm_analog.errors import InvalidShapeError, InvalidValueError, explain
from lstm_analog.imperfections import read_out
from lstm_analog.model import LSTM
from lstm_analog.model.sequences import given_lengths, in_time, sequences
from lstm_analog.study.run import Run
from lstm_analog.summaries import Rows, Summarised


class LayerReading(Enum):
    """What is read of a layer.

    FINAL: h of each direction after its last step, what the layer has kept of a sequence.
    SEQUENCE: h after every step, side by side, all that the next layer is given.
    """

    FINAL = "final"
    SEQUENCE = "sequence"


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class DigitalRun:
    """The digital `lstm` over `x` (batch, time, inputs), each sequence up to its `lengths` (batch,), None for all."""

    lstm: LSTM
    x: Floats
    lengths: Indices | None = None

    def __post_init__(self) -> None:
        x = sequences(self.x, self.lstm.input_size)
        object.__setattr__(self, "x", x)
        object.__setattr__(self, "lengths", given_lengths(self.lengths, x.shape))


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerOutputs:
    """The outputs of the inputs, of each layer and of the head, with a leading axis of chips, 1 without chips.

    `values` (chips, sequences, n) each are those of "inputs", "layer 0" and so on, the `names`; inputs are whole
    sequences, their steps side by side. `scores` (chips, sequences, classes) are the outputs of the head, as converters
    read them; None unless it has a score for each of two classes or more, once a sequence.
    """

    names: tuple[str, ...]
    values: tuple[Floats, ...]
    scores: Floats | None


def layer_outputs(subject: Run | DigitalRun, reading: LayerReading) -> LayerOutputs:
    """Return the outputs of the layers of `subject` by a `reading`.

    Raises `InvalidShapeError` for a run without a batch axis, `InvalidValueError` if the run has not kept h.
    """
    if subject.x.ndim < 3:
        must, do = "have a batch of sequences", "give x (batch, time, inputs)"
        raise InvalidShapeError(explain("the run", must=must, got=f"x of shape {subject.x.shape}", do=do))
    final = reading is LayerReading.FINAL
    if isinstance(subject, Run):
        layers = [(each.place.layer, each.last[0] if final else _flat(each.h)) for each in subject.layers]
        last = subject.passes[-1]
        y, axes = None if last.y is None else read_out(last.compiled.network, last.y), 3 if last.chips else 2
    else:
        trace = subject.lstm.trace(subject.x, lengths=subject.lengths)
        chains = zip(subject.lstm.chains, trace.layers, trace.outputs.state.h, strict=True)
        layers = [(chain.layer, end if final else _flat(each.h)) for chain, each, end in chains]
        y, axes = trace.outputs.y, 2
    layered = {number: [h for at, h in layers if at == number] for number, _ in layers}
    fed = in_time(subject.x, subject.lengths, backward=False)  # nothing beyond the ends of sequences
    values = [_flat(fed), *(np.concatenate(parts, axis=-1) for parts in layered.values())]
    scores = None if y is None or y.ndim != axes or y.shape[-1] < 2 else y
    return LayerOutputs(
        names=("inputs", *(f"layer {number}" for number in layered)),
        values=tuple(each if each.ndim == 3 else each[None] for each in values),
        scores=scores if scores is None or scores.ndim == 3 else scores[None],
    )


def _flat(signal: Floats) -> Floats:
    """Return `signal` (..., sequences, time, n) with its steps side by side, (..., sequences, time n)."""
    return signal.reshape(*signal.shape[:-2], -1)


RIDGE = 1e-2
"""Penalty of the probes, as a share of the mean eigenvalue of F'F. Larger: blind to directions of little variance;
smaller: overfits layers of more units than sequences. On the digits 1e-3 to 1e-1 move a share by 1.1 points at most."""
_ALIKE = 1e-9
"""Differences up to this are rounding, and no spread over chips is written."""
_TINY = float(np.finfo(np.float64).tiny)


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Representation(Summarised):
    """What `representation` found, with a leading axis of chips, 1 for one machine.

    Attributes
    ----------
    names : tuple of str, (layers,)
        "inputs", "layer 0", ...
    units : tuple of int, (layers,)
        Numbers of outputs that were read.
    separability, dimension : float array, (chips, layers)
        Share of labels that a linear probe tells; effective dimension.
    similarity : float array, (chips, layers, layers)
        Linear CKA of each two layers of a chip.
    likeness, departure : float array, (chips, layers), or None
        Linear CKA of a layer with that of the reference, and their difference as a share; None without a reference.
    accuracy : float array, (chips,), or None
        Share of labels that the head tells: the number of its largest output. None unless the head has two outputs or
        more, once a sequence, and every label is the number of one.
    """

    names: tuple[str, ...]
    units: tuple[int, ...]
    separability: Floats
    dimension: Floats
    similarity: Floats
    likeness: Floats | None
    departure: Floats | None
    accuracy: Floats | None

    def summary(self) -> Rows:
        """Return a row for each layer and one for the label; mean over chips, +- their standard deviation."""
        rows = [(name, self._told(place)) for place, name in enumerate(self.names)]
        if self.accuracy is not None:
            rows.append(("label", f"{spread_of(100.0 * self.accuracy)} % right"))
        return tuple(rows)

    def _told(self, place: int) -> str:
        words = [
            f"{self.units[place]} numbers",
            f"{spread_of(100.0 * self.separability[:, place])} % separable",
            f"dimension {spread_of(self.dimension[:, place])}",
        ]
        words += [] if self.departure is None else [f"{spread_of(100.0 * self.departure[:, place])} % off"]
        return ", ".join(words)


def spread_of(values: Floats) -> str:
    """Return the mean of `values` (chips,), with their standard deviation if they differ.

    >>> spread_of(np.array([1.0, 2.0])), spread_of(np.array([2.0]))
    ('1.5 +- 0.71', '2.0')
    """
    mean = f"{values.mean():.1f}"
    return mean if np.ptp(values) < _ALIKE else f"{mean} +- {values.std(ddof=1):.2g}"


@checked
def representation(
    run: Run | DigitalRun,
    labels: ArrayLike,
    *,
    reference: Run | DigitalRun | None = None,
    reading: LayerReading = LayerReading.FINAL,
) -> Representation:
    """Return what each layer of `run` tells of `labels` (batch,), whole numbers, and how far it is from a `reference`.

    The reference is a run over the same inputs, of one machine or of as many chips. `reading` says what is read of a
    layer; inputs are read whole. A layer that tells more of the labels in more numbers has not become better for it:
    compare `units`, too.

    Raises `InvalidShapeError` if a run has no batch, there is not a label for each sequence, or the reference has other
    layers or chips; `InvalidValueError` if there are fewer than two labels, or a run has not kept h of every step that
    is read.
    """
    read = layer_outputs(run, reading)
    told = _labels(labels, read.values[0].shape[1])
    centred = tuple(map(_centred, read.values))
    chips = max(map(len, centred))
    found = [_probed(each, told) for each in centred]
    likeness = departure = None
    if reference is not None:
        theirs = _fitting(layer_outputs(reference, reading), read)
        pairs = list(zip(read.values, theirs, strict=True))
        likeness = _beside(chips, [_similarity(_centred(f), _centred(g)) for f, g in pairs])
        departure = _beside(chips, [_departure(f, g) for f, g in pairs])
    return Representation(
        names=read.names,
        units=tuple(each.shape[-1] for each in read.values),
        separability=_beside(chips, [share for share, _ in found]),
        dimension=_beside(chips, [size for _, size in found]),
        similarity=np.stack([_beside(chips, [_similarity(f, g) for g in centred]) for f in centred], axis=1),
        likeness=likeness,
        departure=departure,
        accuracy=_accuracy(read.scores, told),
    )


def _accuracy(scores: Floats | None, labels: Indices) -> Floats | None:
    """Return the share of `labels` (sequences,) with the largest of `scores` (chips, sequences, classes), (chips,)."""
    if scores is None or labels.min() < 0 or labels.max() >= scores.shape[-1]:
        return None
    right: Floats = np.mean(scores.argmax(axis=-1) == labels, axis=-1)
    return right


def _beside(chips: int, layers: list[Floats]) -> Floats:
    """Return the numbers of `layers`, each (chips,) or (1,), as (chips, layers)."""
    return np.stack([np.broadcast_to(each, chips) for each in layers], axis=-1)


def _labels(labels: ArrayLike, sequences: int) -> Indices:
    told = indices(labels, "labels")
    if told.shape != (sequences,):
        must, do = f"have shape ({sequences},)", "give one for each sequence"
        raise InvalidShapeError(explain("labels", must=must, got=told.shape, do=do))
    if np.unique(told).size < 2:
        do = "give sequences of several classes"
        raise InvalidValueError(explain("labels", must="be of two classes or more", got=np.unique(told).size, do=do))
    return told


def _fitting(theirs: LayerOutputs, ours: LayerOutputs) -> tuple[Floats, ...]:
    """Return the values of a reference if they fit `ours`: the same shapes, one chip or as many."""
    shapes = [[each.shape[1:] for each in side.values] for side in (theirs, ours)]
    counts = [max(map(len, side.values)) for side in (theirs, ours)]
    if shapes[0] != shapes[1] or counts[0] not in (1, counts[1]):
        got, do = f"{counts[0]} of {shapes[0]}", "run both over the same inputs"
        must = f"have one chip or {counts[1]}, of layers {shapes[1]}"
        raise InvalidShapeError(explain("the reference", must=must, got=got, do=do))
    return theirs.values


def _centred(values: Floats) -> Floats:
    result: Floats = values - values.mean(axis=1, keepdims=True)
    return result


def _similarity(f: Floats, g: Floats) -> Floats:
    """Return the linear CKA (chips,) of `f` (chips, sequences, n) and `g` (chips, sequences, m), both centred."""
    cross, *own = (np.linalg.matrix_norm(a.mT @ b) for a, b in ((f, g), (f, f), (g, g)))
    result: Floats = cross**2 / np.maximum(own[0] * own[1], _TINY)
    return result


def _departure(found: Floats, expected: Floats) -> Floats:
    off, size = (np.linalg.matrix_norm(each) for each in (found - expected, _centred(expected)))
    result: Floats = off / np.maximum(size, _TINY)
    return result


def probe_answers(values: Floats, labels: Indices) -> tuple[Floats, Floats]:
    """Return what linear probes of `values` (chips, sequences, n) say of each sequence, and the variances of `values`.

    The answers, (chips, sequences, classes), are near 1 for the class that a probe of all other sequences finds, near 0
    for others; classes are the sorted `labels` (sequences,). The variances, (chips, n), are along the principal axes.
    """
    centred = _centred(values)
    variances, axes = np.linalg.eigh(centred.mT @ centred)
    penalty = np.maximum(RIDGE * variances.mean(axis=-1, keepdims=True), _TINY)
    along, weights = centred @ axes, 1.0 / (np.maximum(variances, 0.0) + penalty)
    wanted = (labels[:, None] == np.unique(labels)).astype(np.float64)
    fitted = along @ (weights[..., None] * (along.mT @ wanted)) + wanted.mean(axis=0)
    leverage = (along**2 @ weights[..., None]) + 1.0 / labels.size
    return wanted - (wanted - fitted) / (1.0 - leverage), variances


def _probed(values: Floats, labels: Indices) -> tuple[Floats, Floats]:
    """Return separability and dimension, each (chips,), of a layer with outputs `values` (chips, sequences, n)."""
    answers, variances = probe_answers(values, labels)
    right = np.unique(labels)[answers.argmax(axis=-1)] == labels
    dimension = variances.sum(axis=-1) ** 2 / np.maximum((variances**2).sum(axis=-1), _TINY)
    return right.mean(axis=-1), dimension
