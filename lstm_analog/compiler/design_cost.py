"""Errors by design that a network's parts do not show: values rounded to a series, and cells that are calibrated."""

from dataclasses import replace
from functools import singledispatch

from lstm_analog.compiler.bicmos import Bicmos
from lstm_analog.compiler.opamp_sizes import OpAmpCircuit


@singledispatch
def unrounded(technology: object) -> object:
    """Return `technology` with resistors of any value if it takes those of a series (E96), else unchanged."""
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
    """Return the error of h and c after a step, full scale being 1, of the calibrated cells of `technology`.

    0 for a technology without such cells: its network can be run with ideal parts to find their errors.
    """
    return 0.0


@residual.register
def _(technology: Bicmos) -> float:
    return technology.trims.residual
