"""Replaces the terms of waveforms by fewer, where some functions of the waveforms are all that is asked for."""

from functools import partial

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.engines.waveform.fields import WaveformFactor, two_axes
from lstm_analog.expressions import Call


def fewer_terms(terms: tuple[WaveformFactor, ...], asked: Floats, before: list[Call]) -> tuple[WaveformFactor, ...]:
    """Return `terms`, those held first, or as many others as functions are `asked` (k, finer), right for these alone.

    With bases B (finer, n) the functions of the sum are F B w. The new weights Q w (k,), Q an orthonormal basis of the
    rows of F B, have the bases B Q^T: F B Q^T Q w is the same. The calls that compute them are appended to `before`.
    """
    held, moving = ([term for term in terms if term.held is which] for which in (True, False))
    if len(moving) <= len(asked) or any(term.basis.ndim > 1 for term in moving):
        return terms
    bases, first = np.stack([term.basis for term in moving], axis=1), moving[0].weight
    adding_up = np.ascontiguousarray(np.linalg.qr((asked @ bases).T)[0].T)
    packed, weights = (np.empty((count, *first.shape), first.dtype) for count in (len(moving), len(adding_up)))
    before += [partial(np.copyto, room, term.weight) for room, term in zip(packed, moving, strict=True)]
    before.append(partial(np.matmul, adding_up.astype(first.dtype), two_axes(packed), two_axes(weights)))
    every = moving[0].every
    return (
        *held,
        *(
            WaveformFactor(basis=basis, weight=weight, held=False, still=False, guessed=False, every=every)
            for basis, weight in zip((bases @ adding_up.T).T, weights, strict=True)
        ),
    )
