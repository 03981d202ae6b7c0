"""A check by EPANET 2.2: the statics of a hydraulic machine, solved from exported files by code that is not ours.

Every settled phase of the clock is taken at its steady state. Stage by stage, in the order that the network itself
prescribes, the chambers (capillary manifolds, the middles of half-bridges, tanks behind an open solenoid) are written
as an EPANET input file, by bore, length and viscosity, and EPANET computes their pressures; relays, which pass a
pressure on without drawing flow, are taken at their law between two files. Tanks behind shut solenoids hold what they
held.

What it can find: wrong weights, sizes, connections, signs, clock lines; flow that is not laminar. What it cannot: how
long anything takes (settling, spools, inertance), seat leak, what relays and trims do beyond their law. As all is a
ratio, z, c and h do not show a viscosity that is wrong everywhere. The conductances, read back as flow over drop, show
one that is not what the bores were made for; if sizing and simulation share the wrong one, only the Reynolds number
tells. EPANET's toolkit answers in double precision, so 1e-6 is no limit of its own: 1e-13 is usual.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from lstm_analog.arrays import Floats
from lstm_analog.compiler.compiled import Compiled, schedule
from lstm_analog.compiler.hydraulic import Hydraulic
from lstm_analog.doors import checked
from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError, UnsupportedError, explain
from lstm_analog.export.epanet import EpanetTubes
from lstm_analog.model import LSTM, LayerTrace, State
from lstm_analog.model.sequences import sequences, starting_state
from lstm_analog.network.fluids import Fluid
from lstm_analog.network.graph import Network
from lstm_analog.network.trajectory import Trajectory
from lstm_analog.study.chain_run import ChainRun
from lstm_analog.study.cutting import cut
from lstm_analog.study.epanet_report import EpanetReport, StaticErrors, gauged
from lstm_analog.study.epanet_run import Simulator, run_epanet
from lstm_analog.study.epanet_walk import Desk, steady_states
from lstm_analog.study.operation import as_used
from lstm_analog.study.run import PassRun

TOLERANCE = 1e-6
"""Largest error of z, c and h, and largest relative error of a conductance, that passes."""


@checked
def epanet_check(
    compiled: Compiled,
    lstm: LSTM,
    x: ArrayLike,
    technology: Hydraulic,
    *,
    state: State | None = None,
    fluid: Fluid | None = None,
    folder: str | Path | None = None,
    simulator: Simulator = run_epanet,
) -> EpanetReport:
    """Return how the steady pressures that EPANET finds in `compiled` compare with `lstm`, step by step.

    Parameters
    ----------
    compiled : Compiled
        A clocked machine built from `lstm` in `technology`.
    lstm : LSTM
        The digital answer.
    x : array_like, (time, inputs)
        One sequence; (1, time, inputs) will do.
    technology : Hydraulic
        What it was built in: the length, the bores, the fluid and the datum.
    state : State, optional
        Where it starts, else from rest.
    fluid : Fluid, optional
        What EPANET is told flows in it, else what does, at the temperature it is used at.
    folder : path, optional
        Where to leave the input files; else they are removed.
    simulator : callable, optional
        What solves a file, else `run_epanet`.

    Raises
    ------
    InvalidValueError
        If the machine was built from another LSTM or in another technology.
    UnsupportedError, UnsupportedPartError
        If it has no steady state that EPANET can compute: a gated leak, chambers that act on their own valves.
    SimulatorMissingError, SimulationError
        See `run_epanet`.
    """
    _check_origin(compiled, lstm, technology)
    _check_whole(compiled, lstm)
    inputs = _one_sequence(x, lstm)
    technology = as_used(technology, compiled.network)
    start, liquid = starting_state(state, lstm.state_sizes, inputs.shape[:-2]), fluid or technology.fluid
    plan, intervals = schedule(compiled, inputs, start), compiled.cycle.intervals(inputs.shape[-2])
    with _folder(folder) as place:
        desk = Desk(tubes=tubes_of(technology, liquid), folder=place, simulator=simulator)
        efforts, readings = steady_states(compiled.network, plan, [entry.settles for entry in intervals], desk)
    trajectory = Trajectory(
        network=compiled.network,
        schedule=plan,
        time=plan.ends,
        efforts=efforts.reshape(*inputs.shape[:-2], *efforts.shape),
        engine="EPANET 2.2, steady states",
    )
    run = PassRun(compiled=compiled, x=inputs, state=start, lengths=None, trajectory=trajectory)
    digital = lstm.trace(inputs, start).layers
    return EpanetReport(
        model=lstm.name,
        technology=technology.name,
        fluid=liquid.name,
        steps=inputs.shape[-2],
        solves=len(readings),
        layers=tuple(_errors(a, d) for a, d in zip(run.layers, digital, strict=True)),
        gauges=gauged(compiled.network, readings, liquid, technology.pressure_unit),
        tolerance=TOLERANCE,
    )


def tubes_of(technology: Hydraulic, fluid: Fluid) -> EpanetTubes:
    """Return the tubes of `technology`, cut for its own fluid, with `fluid` in them."""
    line, own = technology.tank_line, technology.fluid
    return EpanetTubes(
        density=fluid.density,
        viscosity=fluid.viscosity,
        datum=technology.datum,
        line_count=line.count,
        line=lambda conductance: cut(conductance, line.length, own),
        capillary=lambda conductance: cut(conductance, technology.capillary_length, own),
    )


def tubes_in(technology: object, network: Network) -> EpanetTubes | None:
    """Return the tubes of a `network`, built in `technology`, with what flows in them; None if it is not hydraulic."""
    if not isinstance(technology, Hydraulic):
        return None
    used = as_used(technology, network)
    return tubes_of(used, used.fluid)


def _one_sequence(x: ArrayLike, lstm: LSTM) -> Floats:
    inputs = sequences(x, lstm.input_size)
    if inputs.shape[:-2] not in ((), (1,)):
        got, do = f"shape {inputs.shape}", "give one, e.g. x[:1]"
        raise InvalidShapeError(explain("x for EPANET", must="be one sequence", got=got, do=do))
    return inputs


def _check_whole(compiled: Compiled, lstm: LSTM) -> None:
    if len(compiled.layout.layers) < len(lstm.chains):
        got, do = f"{len(compiled.layout.layers)} of {len(lstm.chains)} chains", "check an LSTM that needs one pass"
        raise UnsupportedError(explain("machine for EPANET", must="go through time once", got=got, do=do))


def _errors(analog: ChainRun, digital: LayerTrace) -> StaticErrors:
    names = [entry.name for entry in fields(StaticErrors)]
    return StaticErrors(
        **{name: float(np.abs(getattr(analog, name) - getattr(digital, name)).max(initial=0.0)) for name in names}
    )


def _check_origin(compiled: Compiled, lstm: LSTM, technology: object) -> None:
    if not isinstance(technology, Hydraulic):
        got, do = type(technology).__name__, "give the one that the machine was compiled in"
        raise InvalidTypeError(explain("technology for EPANET", must="be a Hydraulic", got=got, do=do))
    provenance = dict(compiled.network.provenance)
    for what, expected in (("technology", technology.name), ("digest", lstm.digest)):
        got = provenance.get(what, "none")
        if got != expected:
            must, do = f"be {expected[:12]}", "check it against what it was compiled from"
            raise InvalidValueError(explain(f"{what} of the machine", must=must, got=got[:12], do=do))


@contextmanager
def _folder(folder: str | Path | None) -> Iterator[Path]:
    if folder is not None:
        yield Path(folder)
        return
    with tempfile.TemporaryDirectory(prefix="lstm_analog-") as made:
        yield Path(made)
