"""Check whether a machine would work when built: each figure against its limit, with the worst place."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lstm_analog.compiler.bicmos import Bicmos
from lstm_analog.compiler.compiled import Compiled
from lstm_analog.compiler.hardware import DESIGN_UNITS
from lstm_analog.compiler.hydraulic import Hydraulic
from lstm_analog.compiler.opamp_sizes import OpAmpCircuit
from lstm_analog.compiler.scaling import Scaling
from lstm_analog.doors import checked, checked_record
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.model.sequences import in_time
from lstm_analog.network.parts import Crossbars, Ports, Spools
from lstm_analog.study import plumbing_rules
from lstm_analog.study.chip_rules import chip_findings
from lstm_analog.study.findings import Bound, Finding, Rule, Severity, judge
from lstm_analog.study.flows import supply
from lstm_analog.study.opamp_rules import opamp_findings
from lstm_analog.study.operation import Plant, plant
from lstm_analog.study.ranges import farthest, room_of
from lstm_analog.study.run import Run, by_pass
from lstm_analog.study.tubes import tubes

_MARKS = {Severity.FINE: " ", Severity.NOTE: "-", Severity.WARNING: "!"}


@checked_record
@dataclass(frozen=True, kw_only=True)
class DesignCheck:
    """The result of a design check.

    * `technology`, `basis`: its name; the pressures, voltages or signals, and the liquid, for which it was checked.
    * `findings`: all figures, including those within their limits.
    """

    technology: str
    basis: str
    findings: tuple[Finding, ...]

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The harmful findings beyond their limits, the largest excess first."""
        found = [finding for finding in self.findings if finding.severity is Severity.WARNING]
        return tuple(sorted(found, key=_strain, reverse=True))

    @property
    def holds(self) -> bool:
        """Whether there is no warning."""
        return not self.warnings

    def worst(self, rule: Rule) -> Finding | None:
        """Return the finding of `rule` that uses most of its limit; None if the rule applied to nothing."""
        return max((f for f in self.findings if f.rule is rule), key=_strain, default=None)

    def __str__(self) -> str:
        """Return a table of the worst finding of each rule, `!` before warnings, `-` before notes; then the advice."""
        worst = [finding for rule in Rule if (finding := self.worst(rule)) is not None]
        notes = [f for f in worst if f.severity is not Severity.FINE]
        lines = [
            f"{self.technology}, judged at {self.basis}: warnings: {len(self.warnings)}",
            "(* rests on an assumed size of a bought part)",
            *map(_row, worst),
            *(f"{_MARKS[f.severity]} {f.rule.value}, {f.beyond} of {f.total} in {f.part}: {f.advice}" for f in notes),
        ]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the check as dicts, lists, strings and numbers."""
        found = [finding.to_dict() for finding in self.findings]
        return {"technology": self.technology, "basis": self.basis, "holds": self.holds, "findings": found}


def _strain(finding: Finding) -> tuple[float, float]:
    """Return the strain of `finding`, and among those of infinite strain how far it is beyond the limit."""
    return finding.strain, finding.excess


def _row(finding: Finding) -> str:
    sign = "<=" if finding.bound is Bound.AT_MOST else ">="
    star = "*" if finding.assumed else " "
    figures = f"{finding.value:10.3g} {sign} {finding.limit:<8.3g}{star}"
    return f"{_MARKS[finding.severity]} {finding.rule.value:<40}{figures} {finding.part}: {finding.where}"


@checked
def design_check(
    compiled: Compiled | tuple[Compiled, ...],
    technology: object,
    run: Run | None = None,
    scaling: Scaling | None = None,
) -> DesignCheck:
    """Return the design check of `compiled`, built in `technology`, at the pressures or voltages of `run`.

    `compiled` is one network or those of several passes, of which the findings stand one after the other.

    Without a run it is checked at design values. In plumbing every tube has 2 pressure units across it, every tank is 2
    units off the datum, and a pre-activation is as large as its weights allow at 2 units; op-amps have every input and
    state at 1; a chip of transistor cells has the largest c of `scaling`, or without that its range of c.

    Conductances are the network's; bores of tubes follow from them, length and fluid. Of several chips on an axis the
    worst counts, the widest of their tubes.

    The inputs of a run are compared with the range that the technology allows, and so are the ranges of `scaling`, if
    given. A chip of transistor cells has its own rules for these.

    Raises `UnsupportedError` if the machine is neither hydraulic nor of op-amps or transistor cells; `InvalidTypeError`
    if `run` is no run; `InvalidValueError` if the run is of another machine, or did not keep everything.
    """
    parts = by_pass(compiled if isinstance(compiled, tuple) else (compiled,), run)
    found = [_judged(one, technology, part, scaling) for one, part in parts]
    fed = (_inputs(number, technology, scaling, part) for number, (_, part) in enumerate(parts) if part is not None)
    ranges = () if scaling is None or isinstance(technology, Bicmos) else _room(scaling)
    return replace(found[0], findings=(*(one for each in found for one in each.findings), *fed, *ranges))


def _inputs(number: int, technology: object, scaling: Scaling | None, run: Run) -> Finding:
    """Return the finding on the inputs of pass `number`, whose `run` it is, each over its allowed range."""
    largest = np.abs(in_time(run.x, run.lengths, backward=False)).reshape(-1, run.x.shape[-1]).max(axis=0)
    room, part = min(room_of(technology).x, farthest(scaling)), f"x of pass {number}" if number else "x"
    return judge(Rule.ROOM, largest / room, 1.0, part=part, place=lambda number: f"input {number}")


def _room(scaling: Scaling) -> Iterator[Finding]:
    """Yield the findings on each signal over its allowed range; a z beyond it is harmless: curves are flat there."""
    for name, size in vars(scaling.ranges).items():
        room = vars(scaling.reach)[name]
        worst = Severity.NOTE if name == "z" else Severity.WARNING
        yield judge(Rule.ROOM, np.array([size / room]), 1.0, part="scaling", place={0: name}.__getitem__, worst=worst)


def _judged(compiled: Compiled, technology: object, run: Run | None, scaling: Scaling | None) -> DesignCheck:
    found: Iterator[Finding]
    ran = "" if run is None else f"a run of {run.x.shape[-2]} steps"
    if isinstance(technology, Bicmos):
        largest = None if scaling is None else scaling.ranges.c
        basis = "its weights and " + ("the linear range of c" if largest is None else "the c that its inputs lead to")
        name, basis, found = technology.name, ran or basis, chip_findings(compiled, technology, run, largest)
    elif isinstance(technology, OpAmpCircuit):
        basis = f"the voltages of {ran}" if ran else "inputs and states of 1"
        name, found = technology.name, opamp_findings(compiled, run)
    elif isinstance(technology, Hydraulic):
        judged = plant(compiled, technology, run)
        basis = f"the pressures of {ran}" if ran else f"{DESIGN_UNITS:g} pressure units"
        name, basis, found = judged.technology.name, f"{basis}, {judged.liquid}", _findings(judged)
    else:
        must, got = "have design rules: of plumbing, op-amps or transistor cells", type(technology).__name__
        raise UnsupportedError(explain("the technology", must=must, got=got, do="compile in OIL, OPAMP or BICMOS"))
    return DesignCheck(technology=name, basis=basis, findings=tuple(found))


def _findings(judged: Plant) -> Iterator[Finding]:
    for bank in tubes(judged):
        yield from plumbing_rules.tube_findings(judged, bank)
    for part in judged.compiled.network.parts:
        if isinstance(part, Crossbars):
            yield from plumbing_rules.manifold_findings(judged, part)
        elif isinstance(part, Ports):
            yield from plumbing_rules.port_findings(judged, part)
        elif isinstance(part, Spools):
            yield from plumbing_rules.spool_findings(judged, part)
    yield from plumbing_rules.tank_findings(judged)
    yield from plumbing_rules.relay_findings(judged, supply(judged))
    yield from plumbing_rules.fluid_findings(judged)
    yield from plumbing_rules.clock_findings(judged)
