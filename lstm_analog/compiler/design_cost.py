"""What a technology costs by design that its parts alone do not show: rounded values, and cells that are calibrated."""

from dataclasses import replace
from functools import singledispatch

from lstm_analog.compiler.bicmos import Bicmos
from lstm_analog.compiler.opamp_sizes import OpAmpCircuit


@singledispatch
def unrounded(technology: object) -> object:
    """Return `technology` with parts of any value where it takes those of a series; itself where it takes none."""
    return technology


@unrounded.register
def _(technology: OpAmpCircuit) -> OpAmpCircuit:
    return (
        replace(technology, crossbar=replace(technology.crossbar, series=0))
        if technology.crossbar.series
        else technology
    )


@singledispatch
def residual(technology: object) -> float:
    """Return by how much h and c are off after a step, full scale being 1, in cells that `technology` has calibrated.

    0 for a technology whose parts have laws: there the network without what they cost can be run.
    """
    return 0.0


@residual.register
def _(technology: Bicmos) -> float:
    return technology.trims.residual
