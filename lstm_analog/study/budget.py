"""Make the error budget of a machine: from the derivatives of what deviates by all parameters, and by running chips.

The chips show how far first order holds (`strength_row`), and what imperfections do together (`all_interactions`).
"""

from dataclasses import replace
from itertools import combinations
from types import MappingProxyType
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked
from lstm_analog.engines import EngineLike, Settle
from lstm_analog.engines.choosing import chosen_engine
from lstm_analog.errors import InvalidValueError, SimulationError, explain
from lstm_analog.model.sequences import StateLike
from lstm_analog.study.budget_draws import ChipLot, ChipSource, PassChanges, first_order, named_causes, with_changes
from lstm_analog.study.budget_result import ErrorBudget, Interaction, StrengthRow
from lstm_analog.study.budget_shares import all_shares
from lstm_analog.study.budget_subject import (
    BudgetSubject,
    LargestDeviation,
    RootMeanSquareDeviation,
    Subject,
    budget_subject,
    root_mean_square,
)
from lstm_analog.study.keeping import Keep
from lstm_analog.study.lot_study import count_rule
from lstm_analog.study.lots import AnyDesign, check_design
from lstm_analog.study.run_slopes import run_sensitivities
from lstm_analog.study.trims import with_passes


def strength_row(subject: BudgetSubject[AnyDesign], sample: ChipLot, strength: float, totals: Floats) -> StrengthRow:
    """Return the deviations of a `subject` at a `strength` of the chips that `sample` is.

    Those predicted are `totals` (chips, n) at a strength of 1.
    """
    predicted = strength * root_mean_square(totals, subject.weights)
    try:
        sampled = root_mean_square(_deviations(subject, sample.together, strength), subject.weights)
    except (InvalidValueError, SimulationError):  # a parameter left its range, or a chip cannot be run
        sampled = float("nan")
    return StrengthRow(strength=strength, predicted=predicted, sampled=sampled)


def _deviations(subject: BudgetSubject[AnyDesign], changes: PassChanges, strength: float = 1.0) -> Floats:
    """Return the deviations (chips, n) of the machine with `strength` times the `changes` of its parameters."""
    passes = tuple(
        replace(compiled, network=with_changes(compiled.network, one, strength))
        for compiled, one in zip(subject.machine.passes, changes, strict=True)
    )
    return subject.deviations(with_passes(subject.machine, passes))


def all_interactions(
    subject: BudgetSubject[AnyDesign], source: ChipSource[AnyDesign], sample: ChipLot
) -> tuple[tuple[Interaction, ...], float]:
    """Return the interactions of each pair of causes, and the mean square of all over that of the sum of each alone.

    Those of a `subject`, sampled on the chips that are `sample`, and other causes of `source` on the same.
    """
    if len(sample.each) == 1:
        return (), 1.0
    alone = {name: _deviations(subject, each) for name, each in sample.each.items()}
    every = _deviations(subject, sample.together)
    whole, count = root_mean_square(every, subject.weights), len(every)
    found = []
    for first, second in combinations(sample.each, 2):
        pair = sample.together if len(alone) == 2 else source.changes((first, second), 0, count)
        beyond = root_mean_square(_deviations(subject, pair) - alone[first] - alone[second], subject.weights)
        found.append(Interaction(first=first, second=second, share=beyond / whole if whole else 0.0))
    parts = root_mean_square(np.sum(list(alone.values()), axis=0), subject.weights)
    return tuple(found), (whole / parts) ** 2 if parts else 1.0


STRENGTHS = (0.1, 0.3, 1.0, 3.0)
"""Multiples of the imperfections at which the prediction is compared with samples."""
DRAWS = 1000
"""Draws of all parameters that shares are means of. More: shares less by chance, off by about 1/sqrt(draws)."""
CHIPS = 100
"""Chips that are run at each strength. More: takes longer, and sees interactions better."""


@checked
def budget(
    machine: AnyDesign,
    imperfections: object,
    x: ArrayLike,
    *,
    of: Subject = RootMeanSquareDeviation(),  # noqa: B008 - frozen
    seed: int,
    state: StateLike | None = None,
    lengths: ArrayLike | None = None,
    engine: EngineLike = None,
    draws: Annotated[int, count_rule("draws")] = DRAWS,
    chips: Annotated[int, count_rule("chips")] = CHIPS,
    strengths: tuple[float, ...] = STRENGTHS,
) -> ErrorBudget:
    """Return the error budget of copies of `machine` with `imperfections`: how much each of them and each part makes.

    A reverse pass gives the derivatives by all parameters of all parts; imperfections are drawn, not run, and what they
    do to each parameter is multiplied by them. A few chips are run to tell how far that is true.

    Parameters
    ----------
    machine : Machine
        The machine without imperfections and without an axis of chips.
    imperfections : record or tuple of records
        As in `Machine.with_imperfection`; each kind once. They are to change parameters of parts.
    x : (batch, time, inputs) or (time, inputs)
        Input of every chip.
    of : Metric, RootMeanSquareDeviation or LargestDeviation
        What deviates: a number that is a smooth function of `Outputs` with a leading axis of chips; or all numbers of
        an answer, by default y, or h without a head.
    seed : int
        Seed of the imperfections; chip k is drawn by `Streams(seed=seed, first=k)`.
    state, lengths : State or pair of arrays, and (batch,), optional
        Initial state of every chip, as in `Machine.run`, and number of valid steps of each sequence.
    engine : Settle, optional
        The engine, `Settle()` unless given; no other has derivatives.
    draws, chips : int
        Number of draws that shares are means of; of chips that are run at each strength, at most `draws`.
    strengths : tuple of float
        Multiples of the imperfections to run chips at.

    Raises
    ------
    InvalidTypeError, InvalidShapeError, InvalidValueError
        If an argument is wrong, or the machine has an axis of chips.
    UnsupportedError
        If an imperfection changes no parameter, or changes in time or with parts; if the machine cannot be
        differentiated, as a storage that neither settles nor is single; if there are too many numbers in an answer.
    """
    check_design(machine)
    if not strengths or not all(0.0 < strength < np.inf for strength in strengths):
        do = "give multiples of the imperfections, such as (0.1, 1.0)"
        raise InvalidValueError(explain("strengths", must="be some, above 0 and finite", got=strengths, do=do))
    run = machine.run(x, state=state, lengths=lengths, engine=chosen_engine(engine, Settle()), keep=Keep.EVERYTHING)
    subject, slopes = budget_subject(machine, run, of)
    source = ChipSource(machine=machine, causes=named_causes(imperfections), seed=int(seed))
    found = run_sensitivities(run, slopes)
    totals = np.concatenate([first_order(lot.together, found) for lot in source.lots(draws)])
    if isinstance(of, LargestDeviation):
        place = int((totals**2).mean(axis=0).argmax())
        subject = replace(subject, weights=np.eye(1, totals.shape[1], place)[0])
    many = min(chips, draws)
    sample = source.lot(0, many)
    interactions, together = all_interactions(subject, source, sample)
    return ErrorBudget(
        of=str(getattr(of, "__name__", type(of).__name__)),
        predicted=root_mean_square(totals, subject.weights),
        draws=draws,
        chips=many,
        shares=MappingProxyType(all_shares(subject, found, slopes, source, totals)),
        ladder=tuple(strength_row(subject, sample, strength, totals[:many]) for strength in sorted(strengths)),
        interactions=interactions,
        together=together,
    )
