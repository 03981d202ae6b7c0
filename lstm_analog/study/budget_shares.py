"""The shares of an error budget: by imperfection, part, gate, unit, single parameter and step."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.engines.sensitivity import Parameters
from lstm_analog.network.laws import lever_values
from lstm_analog.network.parts import Part
from lstm_analog.study.budget_draws import ChipSource, first_order
from lstm_analog.study.budget_subject import BudgetSubject, root_mean_square
from lstm_analog.study.element_names import column_names, element_names
from lstm_analog.study.lots import AnyDesign
from lstm_analog.study.run_slopes import OutputSlopes, RunSensitivities, run_sensitivities

_LARGEST = 10
"""Single parameters that are listed."""


def all_shares(
    subject: BudgetSubject[AnyDesign],
    found: RunSensitivities,
    slopes: OutputSlopes,
    source: ChipSource[AnyDesign],
    totals: Floats,
) -> dict[str, Mapping[str, float]]:
    """Return the shares of the mean square deviation of a `subject` by kind and name.

    `totals` (draws, n) are the deviations of the draws of a `source`, `slopes` the derivatives of its n numbers by the
    outputs of the machine, and `found` those by its parameters.
    """
    draws, whole = len(totals), root_mean_square(totals, subject.weights) ** 2 or 1.0
    pulled = totals * (subject.weights / (draws * whole))
    causes = dict.fromkeys(source.causes, 0.0)
    taken: list[dict[tuple[str, str], Floats]] = [{} for _ in found.passes]
    first = 0
    for lot in source.lots(draws):
        chips = len(next(value for one in lot.together for value in one.values()))
        some = pulled[first : first + chips]
        first += chips
        for name, changes in lot.each.items():
            causes[name] += float((first_order(changes, found) * some).sum())
        for sums, one in zip(taken, lot.together, strict=True):
            for key, change in one.items():
                sums[key] = sums.get(key, 0.0) + np.tensordot(some, change, axes=(0, 0))
    by_element = [
        {key: (each.parameters[key[0]][key[1]] * value).sum(axis=0) for key, value in sums.items()}
        for each, sums in zip(found.passes, taken, strict=True)
    ]
    return {
        "imperfection": _sorted(causes),
        **_by_place(subject.machine, by_element),
        "step": _by_step(subject, slopes, taken),
    }


def _sorted(shares: Mapping[str, float]) -> Mapping[str, float]:
    return MappingProxyType({name: shares[name] for name in sorted(shares, key=lambda name: -abs(shares[name]))})


def _by_place(machine: AnyDesign, shares: list[dict[tuple[str, str], Floats]]) -> dict[str, Mapping[str, float]]:
    """Return the shares by part, gate, unit and largest parameter, given those of all parameters of each pass."""
    sums: dict[str, dict[str, float]] = {kind: {} for kind in ("part", "gate", "unit")}
    largest: dict[str, float] = {}
    for compiled, found in zip(machine.passes, shares, strict=True):
        for (label, name), share in found.items():
            part = compiled.network.part(label)
            names, rows = element_names(compiled, part), share if share.ndim == 1 else share.sum(axis=1)
            _add(sums["part"], [label], [float(share.sum())])
            _add(sums["gate"], names.gates, rows.tolist())
            _add(sums["unit"], names.units, rows.tolist())
            places = np.argsort(-np.abs(share), axis=None)[:_LARGEST]
            columns = column_names(compiled, part)
            for place in zip(*np.unravel_index(places, share.shape), strict=True):
                driver = f" from {columns[place[1]]}" if share.ndim > 1 else ""
                largest[f"{name} of {names.names[place[0]]}{driver}"] = float(share[place])
    single = dict(list(_sorted(largest).items())[:_LARGEST])
    return {kind: _sorted(found) for kind, found in sums.items()} | {"parameter": MappingProxyType(single)}


def _add(sums: dict[str, float], names: Iterable[str], values: Iterable[float]) -> None:
    for name, value in zip(names, values, strict=True):
        sums[name] = sums.get(name, 0.0) + value


def _by_step(
    subject: BudgetSubject[AnyDesign], slopes: OutputSlopes, taken: list[dict[tuple[str, str], Floats]]
) -> Mapping[str, float]:
    """Return the share of each step in which parameters act, given the changes that count for each number, `taken`."""
    changes = tuple(
        _nested(sums, {part.label: part for part in compiled.network.parts})
        for sums, compiled in zip(taken, subject.machine.passes, strict=True)
    )
    found = run_sensitivities(subject.run, slopes, changes)
    steps: dict[str, float] = {}
    for each, compiled in zip(found.passes, subject.machine.passes, strict=True):
        by_point = np.zeros(0) if each.by_interval is None else each.by_interval.sum(axis=0)[2:]
        by_step = by_point.reshape(-1, len(compiled.cycle.step)).sum(axis=1)
        _add(steps, map(str, range(by_step.size)), by_step.tolist())
    return MappingProxyType(steps)


def _nested(changes: Mapping[tuple[str, str], Floats], parts: Mapping[str, Part]) -> Parameters:
    """Return `changes` (n, *own) by label of the bank and name, with zeros for the other parameters of a bank."""
    results = {label: len(value) for (label, _), value in changes.items()}
    return {
        label: {
            name: changes.get((label, name), np.zeros((count, *value.shape)))
            for name, value in lever_values(parts[label]).items()
        }
        for label, count in results.items()
    }
