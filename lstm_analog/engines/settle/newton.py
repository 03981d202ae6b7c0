"""Solves a stage by Newton's method: loops of several unknowns, and flows that are not linear in their own effort.

That is a level of `Waveform` with one point, and is solved by the same code.
"""

from functools import partial

import numpy as np

from lstm_analog.arrays import Array, Floats, Indices, span
from lstm_analog.engines.native import Otherwise
from lstm_analog.engines.settle.stages import ComponentStage, places_beside
from lstm_analog.engines.waveform.fields import Field, Waves
from lstm_analog.engines.waveform.inflow import Inflow
from lstm_analog.engines.waveform.levels import Frame, Task
from lstm_analog.engines.waveform.newton import newton_steps
from lstm_analog.engines.waveform.parts import BatchParts
from lstm_analog.engines.waveform.state import NetworkState
from lstm_analog.errors import SimulationError, explain
from lstm_analog.expressions import Call, putting, reading

_TOLERANCE = 1e-13
"""Error of an effort, in units of signal, that Newton's method may leave; larger: fewer iterations."""


def newton(stage: ComponentStage, efforts: Array) -> tuple[Call, ...]:
    """Return the calls that solve the components of `stage` in `efforts` (*lead, unknowns).

    They raise `SimulationError` where Newton's method finds no fixed point.
    """
    lead, members = efforts.shape[:-1], stage.level.members
    own = [_field(nodes, np.zeros((*lead, nodes.size))) for nodes in members.T]
    fields = [*constant_efforts(efforts), *own]
    undivided = BatchParts(lead=lead, size=lead[-1])
    task = Task(
        level=stage.level,
        inflow=Inflow(
            wiring=stage.wiring,
            fields=fields,
            state=NetworkState(effort=efforts, stamps=np.zeros(1, dtype=np.int64), known={}),
            high=stage.couplings.high,
            after=[],
            parts=undivided,
            slack=np.zeros(efforts.shape[-1]),
        ),
        targets=tuple(own),
        frame=Frame(slope=np.zeros((1, 1)), finer=np.zeros((1, 1)), every=1, parts=undivided, dtype=efforts.dtype),
        factored=False,
        at_end=True,
        ends_alone=False,
        wanted=(True,) * len(own),
        waves=Waves(fields, places_beside(stage.level, efforts.shape[-1]), 1, None, undivided),
    )
    solving = newton_steps(task, _TOLERANCE * stage.scales)
    return (
        *(call for field in own for call in _starting(efforts, field)),
        Otherwise(calls=tuple(solving), instead=_refuse),
        *(putting(efforts, span(field.nodes), field.end) for field in own),
    )


def constant_efforts(efforts: Array) -> list[Field]:
    """Return the fields of which number `EFFORTS` stands for all `efforts` (*lead, unknowns), as they are then.

    Number 0, of what `Waveform` keeps products of, has none.
    """
    return [_field(np.arange(0), efforts), _field(np.arange(efforts.shape[-1]), efforts)]


def _starting(efforts: Array, field: Field) -> list[Call]:
    """Return the calls that take the efforts at the start of a `field` from all `efforts` (*lead, unknowns)."""
    own, fetching = reading(efforts, span(field.nodes))
    return [*fetching, partial(np.copyto, field.start, own)]


def _field(nodes: Indices, effort: Floats) -> Field:
    """Return the field of `nodes` (m,) whose efforts at the end of the phase are `effort` (*lead, m)."""
    return Field(nodes=nodes, start=np.empty(effort.shape), end=effort, values=None, terms=None)


def _refuse() -> None:
    must, do = "converge", "run it with Waveform"
    raise SimulationError(explain("Newton's method in a loop", must=must, got="no fixed point", do=do))
