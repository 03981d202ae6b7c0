"""Chips that are run for an error budget: how far first order holds, and what imperfections do together."""

from dataclasses import replace
from itertools import combinations

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.errors import InvalidValueError, SimulationError
from lstm_analog.study.budget_draws import ChipLot, ChipSource, PassChanges
from lstm_analog.study.budget_result import Interaction, StrengthRow
from lstm_analog.study.budget_subject import BudgetSubject, root_mean_square
from lstm_analog.study.lots import AnyDesign
from lstm_analog.study.parameter_changes import with_changes
from lstm_analog.study.trims import with_passes


def strength_row(subject: BudgetSubject[AnyDesign], sample: ChipLot, strength: float, totals: Floats) -> StrengthRow:
    """Return the deviations of a `subject` at a `strength` of the chips that `sample` is.

    Those predicted are `totals` (chips, n) at a strength of 1.
    """
    predicted = strength * root_mean_square(totals, subject.weights)
    try:
        deviations = subject.deviations(altered_chips(subject.machine, sample.together, strength))
        sampled = root_mean_square(deviations, subject.weights)
    except (InvalidValueError, SimulationError):  # a parameter left its range, or a chip cannot be run
        sampled = float("nan")
    return StrengthRow(strength=strength, predicted=predicted, sampled=sampled)


def altered_chips(machine: AnyDesign, changes: PassChanges, strength: float = 1.0) -> AnyDesign:
    """Return `machine` with `strength` times the `changes` of its parameters."""
    passes = tuple(
        replace(compiled, network=with_changes(compiled.network, one, strength))
        for compiled, one in zip(machine.passes, changes, strict=True)
    )
    return with_passes(machine, passes)


def all_interactions(
    subject: BudgetSubject[AnyDesign], source: ChipSource[AnyDesign], sample: ChipLot
) -> tuple[tuple[Interaction, ...], float]:
    """Return the interactions of each pair of causes, and the mean square of all over that of the sum of each alone.

    Those of a `subject`, sampled on the chips that are `sample`, and other causes of `source` on the same.
    """
    if len(sample.each) == 1:
        return (), 1.0
    alone = {name: subject.deviations(altered_chips(subject.machine, each)) for name, each in sample.each.items()}
    every = subject.deviations(altered_chips(subject.machine, sample.together))
    whole, count = root_mean_square(every, subject.weights), len(every)
    found = []
    for first, second in combinations(sample.each, 2):
        pair = sample.together if len(alone) == 2 else source.changes((first, second), 0, count)
        both = subject.deviations(altered_chips(subject.machine, pair))
        beyond = root_mean_square(both - alone[first] - alone[second], subject.weights)
        found.append(Interaction(first=first, second=second, share=beyond / whole if whole else 0.0))
    parts = root_mean_square(np.sum(list(alone.values()), axis=0), subject.weights)
    return tuple(found), (whole / parts) ** 2 if parts else 1.0
