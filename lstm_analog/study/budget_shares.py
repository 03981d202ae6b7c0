"""The shares of an error budget: by imperfection, part, gate, unit, single parameter and step.

The gate and the unit of an element are those whose signal it feeds (`element_names`).
"""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.compiled import Compiled, LayerLayout
from lstm_analog.engines.sensitivity import Parameters
from lstm_analog.network.laws import Kind, lever_values, rows, sets
from lstm_analog.network.parts import DATUM, Crossbars, OpAmps, Part, Transconductors
from lstm_analog.study.budget_draws import ChipSource, first_order
from lstm_analog.study.budget_subject import BudgetSubject, root_mean_square
from lstm_analog.study.lots import AnyDesign
from lstm_analog.study.run_slopes import OutputSlopes, RunSensitivities, run_sensitivities

ELSEWHERE = "elsewhere"
"""What belongs to no gate or to no unit."""
_INNER = ("plus", "first_x", "inverted", "minus", "second_x")
"""Groups of unknowns of a weighted sum by two op-amps a row, by the ends of their labels (`compiler/opamp.py`)."""


def element_names(compiled: Compiled, part: Part) -> list[tuple[str, str, str]]:
    """Return of each element of `part` of `compiled` the gate and the unit that it works for, and its own name.

    An element works for the unit whose signal it feeds; for a gate if that is its pre-activation, or a summing node
    on the way there. The elements of a matrix are its rows.
    """
    names, summing = compiled.network.unknowns.names(), _summing_nodes(compiled)
    nodes = [names[node] for node in _fed(compiled, part)]
    return [(*_place(compiled, summing.get(node, node)), f"{part.label} at {node}") for node in nodes]


def _fed(compiled: Compiled, part: Part) -> Indices:
    """Return the unknown that each element of `part` of `compiled` sets or feeds, (m,).

    It is the last end of an element whose effort no source imposes; of a crossbar the row of the positive devices.
    """
    if isinstance(part, Crossbars):
        return part.plus
    setting = sets(part)
    if setting is not None:
        return setting[1]
    ends, imposed = rows(part), np.append(compiled.network.kinds()[Kind.IMPOSED], DATUM)
    found: Indices = np.where(np.isin(ends[-1], imposed), ends[0], ends[-1])
    return found


def _summing_nodes(compiled: Compiled) -> dict[str, str]:
    """Return the names of the outputs of weighted sums by op-amps, by the names of the nodes on the way there."""
    names, found = compiled.network.unknowns.names(), dict[str, str]()
    for part in compiled.network.parts:
        if isinstance(part, OpAmps) and part.label.endswith("_second"):
            label = part.label.removesuffix("_second")
            for number, out in enumerate(part.out):
                found |= {f"{label}_{inner}_{number}": names[out] for inner in _INNER}
    return found


def _place(compiled: Compiled, name: str) -> tuple[str, str]:
    """Return the gate and the unit of the unknown of that `name`."""
    group, _, number = name.rpartition("_")
    for place in compiled.layout.layers:
        found = _in_chain(compiled, place, group, int(number)) if number.isdecimal() else None
        if found is not None:
            return found[0], f"{_chain(place)} unit {found[1]}"
    return ELSEWHERE, ELSEWHERE


def _in_chain(compiled: Compiled, place: LayerLayout, group: str, number: int) -> tuple[str, int] | None:
    """Return gate and unit of entry `number` of a `group` of unknowns; None if it is not of the chain at `place`."""
    label = re.match(r"l\d+r?", place.h.group)
    if label is None or not group.startswith(f"{label.group()}_"):
        return None
    units, size = compiled.network.unknowns[place.z[0].group].size, compiled.network.unknowns[group].size
    for gate, spot in enumerate(place.z):
        if re.fullmatch(rf"{re.sub('_(pos|neg)$', '', spot.group)}(_pos|_neg)?", group):
            return f"{_chain(place)} {place.gates[gate].name.lower()} gate", number
    return (ELSEWHERE, number) if size == units else None


def _chain(place: LayerLayout) -> str:
    return f"layer {place.layer}{' backward' if place.backward else ''}"


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
        unknowns = compiled.network.unknowns.names()
        for (label, name), share in found.items():
            part = compiled.network.part(label)
            gates, units, names = zip(*element_names(compiled, part), strict=True)
            rows = share if share.ndim == 1 else share.sum(axis=1)
            _add(sums["part"], [label], [float(share.sum())])
            _add(sums["gate"], gates, rows.tolist())
            _add(sums["unit"], units, rows.tolist())
            places = np.argsort(-np.abs(share), axis=None)[:_LARGEST]
            for place in zip(*np.unravel_index(places, share.shape), strict=True):
                driver = ""
                if share.ndim > 1 and isinstance(part, Transconductors | Crossbars):
                    driver = f" from {unknowns[part.inputs[place[1]]]}"
                largest[f"{name} of {names[place[0]]}{driver}"] = float(share[place])
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
