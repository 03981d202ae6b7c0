"""Check the statics of a hydraulic machine by EPANET 2.2, an independent solver, from exported files.

Every settled phase of the clock is computed as a steady state. In the order of dependence in the network, groups of
chambers (capillary manifolds, the middles of half-bridges, tanks behind an open solenoid) are written as an EPANET
input file, with bore, length and viscosity, and EPANET computes their pressures. Between two files, relays, which draw
no flow at their inputs, are computed by their law. Tanks behind shut solenoids keep their pressures.

It detects wrong weights, sizes, connections, signs and clock lines, and flow that is not laminar. It does not check
times (settling, spools, inertance), seat leak, or deviations of relays and trims from their laws. z, c and h are ratios
and do not change with a viscosity that is wrong everywhere; conductances, computed as flow over drop, do unless sizing
and simulation use the same wrong viscosity, and then only the Reynolds number shows it. EPANET's toolkit computes in
double precision; errors of 1e-13 are usual.
"""

from contextlib import nullcontext
from pathlib import Path

from numpy.typing import ArrayLike

from lstm_analog.arrays import Floats
from lstm_analog.compiler.compiled import Compiled
from lstm_analog.compiler.hydraulic import Hydraulic
from lstm_analog.doors import checked
from lstm_analog.engines import Settle
from lstm_analog.engines.external import temporary_folder
from lstm_analog.errors import InvalidShapeError, InvalidValueError, UnsupportedError, explain
from lstm_analog.export import statics, write_epanet
from lstm_analog.export.epanet import EpanetTubes
from lstm_analog.model import LSTM, State
from lstm_analog.model.sequences import sequences, starting_state
from lstm_analog.network.chips import check_one_chip
from lstm_analog.network.fluids import Fluid
from lstm_analog.network.graph import Network
from lstm_analog.network.roles import without_mass
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import Save, Trajectory
from lstm_analog.network.varying import check_steady
from lstm_analog.study.epanet_report import EpanetReport, gauged, head_error, static_errors
from lstm_analog.study.epanet_walk import EpanetSetup, Simulator, chambers_of, run_epanet, steady_states
from lstm_analog.study.feeding import feeding
from lstm_analog.study.operation import as_used
from lstm_analog.study.run import PassRun
from lstm_analog.study.tubes import cut

TOLERANCE = 1e-6
"""Largest accepted error of z, c, h and y, and of a conductance (relative)."""


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
    """Return the errors of the steady pressures in `compiled`, computed by EPANET, against `lstm` at each step.

    Parameters
    ----------
    compiled, lstm : Compiled, and LSTM
        A clocked machine built from `lstm` in `technology`.
    x : array_like, (time, inputs)
        One sequence; (1, time, inputs) is accepted, too.
    technology : Hydraulic
        The technology of the machine, with lengths, bores, liquid and datum.
    state : State, optional
        The start, from rest unless given.
    fluid : Fluid, optional
        The liquid for EPANET; by default that of the machine at its operating temperature.
    folder, simulator : path, and callable, optional
        The folder for the input files, which are removed afterwards without one; the function that solves a file.

    Raises
    ------
    InvalidValueError
        If the machine was built from another LSTM or in another technology.
    InvalidShapeError
        If there are several sequences or several chips.
    UnsupportedError, UnsupportedPartError
        If EPANET cannot compute its steady states: a gated leak, chambers that act on their own valves, parameters that
        change from step to step.
    SimulatorMissingError, SimulationError
        See `run_epanet`.
    """
    _check_machine(compiled, lstm, technology)
    inputs = _one_sequence(x, lstm)
    technology = as_used(technology, compiled.network)
    start, liquid = starting_state(state, lstm.state_sizes, inputs.shape[:-2]), fluid or technology.fluid
    plan = feeding(compiled, inputs, start, None, inputs.shape[:-2], 0)
    intervals = compiled.cycle.intervals(inputs.shape[-2])
    with temporary_folder() if folder is None else nullcontext(Path(folder)) as place:
        setup = EpanetSetup(tubes=tubes_of(technology, liquid), folder=place, simulator=simulator)
        efforts, readings = steady_states(compiled.network, plan, [entry.settles for entry in intervals], setup)
    trajectory = Trajectory(
        network=compiled.network,
        schedule=plan,
        time=plan.ends,
        efforts=efforts.reshape(*inputs.shape[:-2], *efforts.shape),
        engine="EPANET 2.2, steady states",
    )
    run = PassRun(compiled=compiled, x=inputs, initial_state=start, lengths=None, trajectory=trajectory)
    trace = lstm.trace(inputs, start)
    return EpanetReport(
        model=lstm.name,
        technology=technology.name,
        fluid=liquid.name,
        steps=inputs.shape[-2],
        solves=len(readings),
        layers=tuple(map(static_errors, run.layers, trace.layers)),
        y=head_error(run.y, lstm.head, trace.outputs.y),
        gauges=gauged(compiled.network, readings, liquid, technology.pressure_unit),
        tolerance=TOLERANCE,
    )


def tubes_of(technology: Hydraulic, fluid: Fluid) -> EpanetTubes:
    """Return the tubes of `technology`, made for its own liquid, filled with `fluid`."""
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
    """Return the tubes of `network`, built in `technology`, filled with its liquid; None if it is not hydraulic."""
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


def _check_machine(compiled: Compiled, lstm: LSTM, technology: Hydraulic) -> None:
    """Raise unless `compiled` is one chip of `lstm` in `technology`, in one pass, and the same in all steps."""
    provenance = dict(compiled.network.provenance)
    for what, expected in (("technology", technology.name), ("digest", lstm.digest)):
        got = provenance.get(what, "none")
        if got != expected:
            must, do = f"be {expected[:12]}", "check it against what it was compiled from"
            raise InvalidValueError(explain(f"{what} of the machine", must=must, got=got[:12], do=do))
    if len(compiled.layout.layers) < len(lstm.chains):
        got, do = f"{len(compiled.layout.layers)} of {len(lstm.chains)} chains", "check an LSTM that needs one pass"
        raise UnsupportedError(explain("machine for EPANET", must="go through time once", got=got, do=do))
    check_one_chip(compiled.network)
    check_steady(compiled.network)


def write_settled(path: str | Path, network: Network, technology: object, fed: Schedule, interval: str) -> None:
    """Write `network`, built in `technology`, to `path` for EPANET, at rest at the end of `interval`.

    It is the last interval of that name in `fed`, the schedule of one sequence. Sources, relays and tanks behind shut
    solenoids become reservoirs at the pressures that `Settle` finds; EPANET computes those of all other chambers, which
    must be the same.

    Raises `UnsupportedError` if the network is not hydraulic, this or `UnsupportedPartError` as `export.statics` does,
    `InvalidValueError` if no interval has that name, `InvalidShapeError` if there is more than one sequence or a part
    has a chip axis, `FileAccessError` if the file cannot be written; nothing is left behind then.
    """
    tubes = tubes_in(technology, network)
    if tubes is None:
        got, do = network.domain.name, "compile in a hydraulic technology"
        raise UnsupportedError(explain("the machine", must="be hydraulic", got=got, do=do))
    check_one_chip(network)
    check_steady(network)
    numbers = [number for number, name in enumerate(fed.names) if name == interval]
    if not numbers:
        must, do = f"be one of {', '.join(dict.fromkeys(fed.names))}", "name another"
        raise InvalidValueError(explain("interval", must=must, got=ascii(interval)[:80], do=do))
    trajectory = Settle(save=Save(intervals=(interval,))).run(network, fed.single("an EPANET file"))
    effort, high = trajectory.efforts[-1], fed.phase(numbers[-1])
    massless = without_mass(network)
    problem = statics(massless, effort, high, chambers_of(massless, effort, high), settled=True)
    write_epanet(path, problem, tubes)
