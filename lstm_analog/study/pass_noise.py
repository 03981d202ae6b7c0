"""Noise from pass to pass: what the samples of a pass, which the next is fed, bring along.

A later pass is fed the outputs of the one before, sampled after each step. So their noise stands still in a step, and
is correlated from step to step. The sources that impose it count as storages into which nothing flows.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.compiled import Compiled, LayerLayout, Spot
from lstm_analog.engines.noise import LinearNoise
from lstm_analog.engines.noise.samples import Imposing, SampleForm, Samples, Taking
from lstm_analog.engines.pattern import positions
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.model.sequences import in_time
from lstm_analog.network.parts import Sources, Storages
from lstm_analog.network.trajectory import MOST_BYTES
from lstm_analog.study.feeding import fed_banks, step_starts
from lstm_analog.study.run import PassRun

_HELD = 1e100
"""Capacity of a storage that stands for a source: no flow moves it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class HandedSamples:
    """The samples that a pass hands to the next: their `covariance` (batch, m, m) and their numbers.

    `rows` (batch, time, n) are the numbers of what the next is fed, in the order of time; -1 beyond the length of a
    sequence. A head that reads the final state is fed one step.
    """

    covariance: Floats
    rows: Indices


@dataclass(frozen=True, kw_only=True, eq=False)
class SignalNoise:
    """The noise of a signal after each step, in the order of time.

    Attributes
    ----------
    sigma : float array, (..., time, n)
        Standard deviation of the signal by the noise that storages have filtered, in signal units.
    white : float array, (..., time, n)
        One-sided density of the white noise that reaches the signal past all storages, signal units squared per Hz.
        Whatever reads the signal adds this times its own noise bandwidth. Zero where a storage holds the signal.
    unit : float array, (n,)
        The effort that stands for one unit (V or Pa).
    """

    sigma: Floats
    white: Floats
    unit: Floats

    @property
    def effort(self) -> Floats:
        """The standard deviation in V or Pa, (..., time, n)."""
        return self.sigma * self.unit


def linear_noise(done: PassRun, temperature: float, *, fed: bool) -> LinearNoise:
    """Return the linear noise of the pass `done` at a `temperature` (K); if it is `fed` noise, inputs are storages."""
    trajectory = done.trajectory
    if fed:
        labels = {each.label for bank in done.compiled.layout.inputs for each in fed_banks(done.compiled, bank.label)}
        parts = tuple(
            Storages(label=part.label, nodes=part.nodes, capacitance=np.array(_HELD))
            if isinstance(part, Sources) and part.label in labels
            else part
            for part in trajectory.network.parts
        )
        trajectory = replace(trajectory, network=replace(trajectory.network, parts=parts))
    return LinearNoise(trajectory=trajectory, temperature=temperature)


def samples_of(
    done: PassRun, linear: LinearNoise, before: HandedSamples | None, following: PassRun | None
) -> tuple[Samples, HandedSamples | None]:
    """Return the samples of the pass `done`, whose noise is `linear`, and those that `following`, if any, is fed.

    It is fed those of the pass `before`. The covariance of what it hands on is complete when the pass is gone through.
    Raises `InvalidValueError` if that takes more than `MOST_BYTES` bytes.
    """
    batch, known = int(np.prod(done.trajectory.schedule.lead)), 0 if before is None else before.covariance.shape[-1]
    rows = [] if following is None else _numbered(done, batch, known, once=following.compiled.layout.final)
    size = max([known, *(int(each.max()) + 1 for each in rows)])
    if (taken := 8.0 * batch * size * size) > MOST_BYTES:
        must, do = f"take at most {MOST_BYTES:.3g} bytes", "give fewer sequences or steps"
        raise InvalidValueError(explain("samples between passes", must=must, got=f"{taken:.3g}", do=do))
    covariance = np.zeros((batch, size, size))
    if before is not None:
        covariance[:, :known, :known] = before.covariance
    samples = Samples(
        covariance=covariance,
        shared=np.zeros((batch, linear.storages.size, size)),
        imposing={} if before is None else _imposing(done, linear, before),
        taking={} if following is None else _taking(done, rows),
    )
    if following is None:
        return samples, None
    fed = np.concatenate(rows, axis=-1)[:, :1] if following.compiled.layout.final else _in_time(done, rows)
    return samples, HandedSamples(covariance=covariance[:, known:, known:], rows=fed - known)


def _imposing(done: PassRun, linear: LinearNoise, before: HandedSamples) -> dict[int, tuple[Imposing, ...]]:
    result = dict[int, tuple[Imposing, ...]]()
    for number, storages, gain, coded in fed_by_interval(done, linear, (before.rows + 1).astype(np.float64)):
        one = Imposing(storages=storages, rows=coded.astype(np.int64) - 1, gain=gain)
        result[number] = (*result.get(number, ()), one)
    return result


def _taking(done: PassRun, rows: list[Indices]) -> dict[int, tuple[Taking, ...]]:
    result = dict[int, tuple[Taking, ...]]()
    every = np.arange(done.compiled.network.unknowns.size)
    for place, each in zip(_top(done), rows, strict=True):
        weights = weights_of(done.compiled, place.h, every)
        for step, number in enumerate(done.compiled.cycle.ends(place.h.interval, each.shape[1]).tolist()):
            result[number] = (*result.get(number, ()), Taking(rows=each[:, step], weights=weights))
    return result


def _top(done: PassRun) -> tuple[LayerLayout, ...]:
    layout = done.compiled.layout
    return layout.layers[layout.top]


def _in_time(done: PassRun, rows: list[Indices]) -> Indices:
    """Return the numbers `rows` of each top chain of `done` side by side, in the order of time, (batch, time, outputs).

    They are one more on the way: `in_time` sets what is beyond a sequence to zero.
    """
    coded = [
        in_time((each + 1).astype(np.float64), done.lengths, backward=place.backward)
        for place, each in zip(_top(done), rows, strict=True)
    ]
    return np.concatenate(coded, axis=-1).astype(np.int64) - 1


def _numbered(done: PassRun, batch: int, first: int, *, once: bool) -> list[Indices]:
    """Return the numbers, from `first` on, of the samples of h of each top chain of `done`, (batch, time, n).

    Steps are in the order of the chain, -1 beyond the length of a sequence. If they are read `once`, at the end, each
    step has the same numbers: the last stays.
    """
    steps, result = done.x.shape[-2], list[Indices]()
    for place in _top(done):
        size = done.compiled.network.unknowns[place.h.group].size
        count = size if once else steps * size
        rows = np.broadcast_to(first + np.arange(count).reshape(-1, size), (batch, steps, size))
        inside = None if done.lengths is None else np.arange(steps) < done.lengths[:, None]
        result.append(rows if inside is None else np.where(inside[..., None], rows, -1))
        first += count
    return result


def fed_by_interval(
    done: PassRun, linear: LinearNoise, signal: Floats
) -> Iterator[tuple[int, Indices, Floats, Floats]]:
    """Yield what sources impose of a `signal` (..., batch, time, n), in the order of time, which `done` is fed.

    For each bank and step: the interval with which the step begins, the places of the sources among the storages of
    `linear` (k,), their efforts per unit of the signal (k,), and the signal then, (..., batch, k).
    """
    compiled, unknowns = done.compiled, done.compiled.network.unknowns
    for bank in compiled.layout.inputs:
        stepped = in_time(signal, done.lengths, backward=bank.backward)
        for fed in fed_banks(compiled, bank.label):
            places = positions(unknowns.size, linear.storages)[unknowns[fed.label]]
            for step, number in enumerate(step_starts(compiled, signal.shape[-2]).tolist()):
                yield number, places, fed.gain, stepped[..., step, :]


def pass_shares(
    passes: tuple[PassRun, ...], noises: tuple[LinearNoise, ...], number: int, form: Floats
) -> list[Floats]:
    """Return the shares of parts of each of `passes` in a `form` of the efforts at the end of interval `number`.

    The form (unknowns, unknowns) is of the last of `passes`, the interval one of it; `noises` is their linear noise.
    Shares are (intervals, batch, parts). Samples that a pass was fed become a form of the one before.
    """
    plans, handed, known = list[Samples](), None, [0]
    for done, following, linear in zip(passes, (*passes[1:], None), noises, strict=False):
        samples, handed = samples_of(done, linear, handed, following)
        plans.append(samples)
        known.append(0 if handed is None else handed.covariance.shape[-1])
    shares, fed = list[Floats](), np.zeros((1, 0, 0))
    for done, linear, samples, first in reversed(list(zip(passes, noises, plans, known, strict=False))):
        if done is not passes[-1]:
            number, form = len(done.trajectory.schedule.names) - 1, np.zeros((done.compiled.network.unknowns.size,) * 2)
        of_samples = SampleForm(
            samples=samples, form=np.zeros_like(samples.covariance), shared=np.zeros_like(samples.shared)
        )
        of_samples.form[:, first:, first:] = fed
        share = np.zeros((number + 1, len(of_samples.form), len(done.compiled.network.parts)))
        for before, added in linear.origins(number, form, of_samples if of_samples.form.size else None):
            share[before] = added.reshape(share.shape[1:])
        shares.append(share)
        fed = of_samples.form[:, :first, :first]
    return shares[::-1]


def fed_to(following: PassRun, done: PassRun) -> Floats:
    """Return what the pass `following` is fed of `done`: its h in time, or the last one where it is a final head."""
    return done.final[..., None, :] if following.compiled.layout.final else done.h


def deviations_held(done: PassRun, linear: LinearNoise, deviation: Floats) -> dict[int, list[tuple[Indices, Floats]]]:
    """Return what `linear.paths` takes as held if inputs of `done` deviate by `deviation` (count, *batch, time, n)."""
    result = dict[int, list[tuple[Indices, Floats]]]()
    wide = deviation.reshape(len(deviation), -1, *deviation.shape[-2:])
    for number, places, gain, values in fed_by_interval(done, linear, wide):
        result.setdefault(number, []).append((places, np.swapaxes(values * gain, 0, 1)))
    return result


def weights_of(compiled: Compiled, spot: Spot, nodes: Indices) -> Floats:
    """Return the signal at `spot` of `compiled` as sums of the efforts of `nodes` (m,), ascending: (n, m)."""
    unknowns = compiled.network.unknowns
    unit = unknowns.scales()[unknowns[spot.group]]
    gain = np.array(spot.gain or 1.0) / unit
    result = np.zeros((unit.size, nodes.size))
    for label, sign in zip(spot.groups, (1.0, -1.0), strict=False):
        result[np.arange(unit.size), np.searchsorted(nodes, unknowns[label])] += sign * gain
    return result


def signals_of(done: PassRun, linear: LinearNoise, samples: Samples) -> dict[Spot, SignalNoise]:
    """Return the noise of each signal of the pass `done` after each step, in the order of time.

    It goes through the pass with its `linear` noise and the `samples` that it is fed and takes.
    """
    compiled, layout, steps = done.compiled, done.compiled.layout, done.x.shape[-2]
    ways = {spot: place.backward for place in layout.layers for spot in (place.h, place.c) if spot is not None}
    if layout.head is not None:
        ways[layout.head.y] = layout.backward
    unknowns = compiled.network.unknowns
    nodes = np.unique(np.concatenate([unknowns[label] for spot in ways for label in spot.groups]))
    asked = {spot: frozenset(compiled.cycle.ends(spot.interval, steps).tolist()) for spot in ways}
    weights = {spot: weights_of(compiled, spot, nodes) for spot in ways}
    taken = {spot: list[tuple[Floats, Floats]]() for spot in ways}
    for number, noise in enumerate(linear.nodes(nodes, samples)):
        for spot in (spot for spot in ways if number in asked[spot]):
            taken[spot].append((_diagonal(noise.covariance, weights[spot]), _diagonal(noise.white, weights[spot])))
    result = {}
    for spot, found in taken.items():
        each = (np.stack(values, axis=-2) for values in zip(*found, strict=True))
        variance, white = (in_time(values, done.lengths, backward=ways[spot]) for values in each)
        unit = unknowns.scales()[unknowns[spot.group]] / np.array(spot.gain or 1.0)
        result[spot] = SignalNoise(sigma=np.sqrt(np.maximum(variance, 0.0)), white=white, unit=unit)
    return result


def _diagonal(covariance: Floats, weights: Floats) -> Floats:
    """Return the variances of the sums `weights` (n, m) of m unknowns with a `covariance` (..., m, m), (..., n)."""
    result: Floats = ((weights @ covariance) * weights).sum(axis=-1)
    return result
