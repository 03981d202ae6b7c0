"""The facade a user holds: a compiled machine."""

from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lstm_analog.arrays import Indices
from lstm_analog.compiler import (
    Compiled,
    Fit,
    Scaling,
    Timing,
    lower,
    scaled,
    schedule,
    signal_network,
)
from lstm_analog.compiler.bicmos import calibrated
from lstm_analog.compiler.bicmos_calibration import Calibration
from lstm_analog.compiler.scaling import measured
from lstm_analog.compiler.timing import CLOCKED
from lstm_analog.engines import Engine, Integrate, Progress, start_efforts
from lstm_analog.errors import FileFormatError, InvalidTypeError, InvalidValueError, LstmAnalogError, explain
from lstm_analog.export import (
    NGSPICE,
    Accuracy,
    Dialect,
    graph,
    model_name,
    suited,
    write_modelica,
    write_spice,
    write_subcircuit,
    write_verilog_a,
)
from lstm_analog.imperfections import Streams, apply
from lstm_analog.model import LSTM, State
from lstm_analog.model.lstm import sequences, starting_state
from lstm_analog.network.analogy import as_circuit
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule
from lstm_analog.records import load_record, save_record
from lstm_analog.study.bill import Bill, bill_of_materials
from lstm_analog.study.design_check import DesignCheck, design_check
from lstm_analog.study.interface import interface
from lstm_analog.study.kinds import KINDS
from lstm_analog.study.run import Run

if TYPE_CHECKING:
    import networkx as nx


@dataclass(frozen=True, kw_only=True, eq=False)
class Machine:
    """An LSTM as a physical machine: run it, look at its network, write it out.

    `compiled` is what was made of it in `technology`; `sizes` are the units of each layer, bottom first, `input_size`
    the inputs a step; `scaling` says how its units were chosen, where inputs were given.
    """

    compiled: Compiled
    technology: object
    sizes: tuple[int, ...]
    input_size: int
    scaling: Scaling | None = None

    @property
    def network(self) -> Network:
        """The physical network, the single source of truth."""
        return self.compiled.network

    def schedule(self, x: ArrayLike, state: State | None = None) -> Schedule:
        """Return the clock and the efforts that feed `x` (batch, time, inputs) or (time, inputs) from `state`."""
        inputs = sequences(x, self.input_size)
        return schedule(self.compiled, inputs, starting_state(state, self.sizes, inputs.shape[:-2]))

    def run(
        self,
        x: ArrayLike,
        *,
        state: State | None = None,
        engine: Engine | None = None,
        progress: Progress | None = None,
    ) -> Run:
        """Run the machine over `x` (batch, time, inputs) or (time, inputs) from `state`, else from rest.

        `engine` is `Integrate()` unless given; `progress(done, total)` is told the intervals done.
        """
        inputs = sequences(x, self.input_size)
        start = starting_state(state, self.sizes, inputs.shape[:-2])
        chosen = Integrate() if engine is None else engine
        _check_engine(chosen)
        trajectory = chosen.run(self.network, schedule(self.compiled, inputs, start), progress)
        return Run(compiled=self.compiled, x=inputs, state=start, trajectory=trajectory)

    def write_spice(
        self,
        path: str | Path,
        x: ArrayLike,
        *,
        state: State | None = None,
        dialect: Dialect = NGSPICE,
        accuracy: Accuracy | None = None,
        as_subckt: bool = False,
    ) -> None:
        """Write the circuit fed with one sequence `x`, (time, inputs) or (1, time, inputs), from `state`, to `path`.

        `dialect` names the simulator, `accuracy` its tolerances, `suited` to the network unless given. Plumbing is
        written as its electrical analogue, whose units the deck states. Raises `InvalidShapeError` for more than one
        sequence.

        With `as_subckt` the file holds a subcircuit `lstm_<name>` instead, its pins x0 ... h0 ..., the clock lines and
        the supplies if there are any, and a testbench that feeds it stands beside it (`export.bench_path`).
        """
        circuit = as_circuit(self.network, self.schedule(x, state))
        chosen = accuracy or suited(circuit.network)
        if as_subckt:
            write_subcircuit(path, circuit.network, circuit.schedule, dialect, chosen, interface(self.compiled))
        else:
            write_spice(path, circuit.network, circuit.schedule, dialect, chosen)

    def write_verilog_a(self, path: str | Path) -> None:
        """Write the circuit to `path` as one Verilog-A module with the pins of `write_spice(..., as_subckt=True)`.

        It starts at rest. Raises `UnsupportedPartError` for transistor-level cells.
        """
        write_verilog_a(path, self.network, interface(self.compiled))

    def write_modelica(self, path: str | Path, x: ArrayLike, *, state: State | None = None) -> None:
        """Write the machine fed with one sequence `x`, (time, inputs) or (1, time, inputs), from `state`, to `path`.

        The model is named after the file. Raises `InvalidShapeError` for more than one sequence.
        """
        fed = self.schedule(x, state)
        write_modelica(path, self.network, fed, name=model_name(path), start=start_efforts(self.network, fed))

    def graph(self, *, layer: int | None = None, unit: int | None = None) -> "nx.MultiDiGraph[str]":
        """Return the network as a `networkx.MultiDiGraph`; with `layer` and `unit`, only what feeds that unit.

        Raises `UnsupportedError` if it is too large to be held as one object an edge.
        """
        if layer is None and unit is None:
            return graph(self.network)
        return graph(self.network, around=self._unit(0 if layer is None else layer, 0 if unit is None else unit))

    def check(self, run: Run | None = None) -> DesignCheck:
        """Return whether the machine would work, at the efforts of `run` or else at those it is designed for.

        Raises `UnsupportedError` for ideal sources, which always do, `InvalidValueError` for a run of another machine.
        """
        return design_check(self.compiled, self.technology, run)

    def bill_of_materials(self, run: Run | None = None) -> Bill:
        """Return what the plumbing is made of and what it takes to run it, as in `run` or else at the design pressures.

        Raises `UnsupportedError` unless the technology is hydraulic, `InvalidValueError` for a run of another machine.
        """
        return bill_of_materials(self.compiled, self.technology, run)

    def with_imperfection(self, imperfection: object, streams: Streams) -> "Machine":
        """Return the same machine made of real parts: its network with `imperfection`, drawn from `streams`."""
        network = apply(imperfection, self.network, streams)
        return replace(self, compiled=replace(self.compiled, network=network))

    def save(self, path: str | Path) -> None:
        """Save the machine to `path` (npz); `load_machine` reads it back."""
        save_record(self, path)

    def _unit(self, layer: int, unit: int) -> Indices:
        _check_place("layer", layer, len(self.sizes))
        _check_place("unit", unit, self.sizes[layer])
        groups = [group for group in self.network.unknowns.groups if group.label.startswith(f"l{layer}_")]
        return np.array([self.network.unknowns[group.label][unit] for group in groups if unit < group.size])


def _check_engine(engine: object) -> None:
    if isinstance(engine, type) or not callable(getattr(engine, "run", None)):
        do = "give e.g. Integrate() or Ngspice()"
        raise InvalidTypeError(explain("engine", must="be an engine", got=ascii(engine)[:80], do=do))


def _check_place(what: str, place: int, size: int) -> None:
    if not 0 <= place < size:
        raise InvalidValueError(explain(what, must=f"be 0 to {size - 1}", got=place, do="choose another"))


def load_machine(path: str | Path, own: tuple[type, ...] = ()) -> Machine:
    """Return the machine that `Machine.save` wrote to `path`; `own` are your parts and technologies in it.

    Raises `FileFormatError` for a damaged or foreign file, `FileAccessError` for one that cannot be read.
    """
    machine = load_record(path, Machine, {**KINDS, "Machine": Machine}, {kind.__name__: kind for kind in own})
    try:
        machine.network.verify()
    except LstmAnalogError as error:
        do = "save the machine again"
        raise FileFormatError(explain(f"file {str(path)!r}", must="hold a Machine", got=error, do=do)) from error
    return machine


def compile(
    lstm: LSTM,
    technology: object,
    *,
    timing: Timing = CLOCKED,
    settling: float = 20.0,
    inputs: ArrayLike | None = None,
    fit: Fit = Fit.SHRINK,
    calibration: Calibration | None = None,
) -> Machine:
    """Return `lstm` as a machine built in `technology`.

    `timing` says how the memories are clocked; `settling` is the phase length in time constants of the slowest pole: 20
    leave an error of about 1e-6 of full scale (`study.settling` has the law). `inputs`, (batch, time, inputs) or (time,
    inputs), are like what the machine will meet: its units are chosen, as `fit` says, so that the digital signals find
    room; `Machine.scaling` and the provenance say what was chosen and what will clip. `calibration` is what
    `study.calibrate` found for a technology of transistor cells, unless the one that is shipped shall do.
    """
    _check_kind("lstm", lstm, LSTM, "be an LSTM", "load one with la.load")
    _check_kind("timing", timing, Timing, "be CLOCKED or GATED_LEAK", "take it from lstm_analog")
    _check_kind("settling", settling, Real, "be a number", "give time constants")
    if calibration is not None:
        technology = calibrated(technology, calibration)
    chosen: Scaling | None = None
    if inputs is not None:
        technology, chosen = scaled(technology, measured(lstm, sequences(inputs, lstm.input_size)), fit)
    compiled = lower(technology, signal_network(lstm), timing, settling)
    said = () if chosen is None else (("scaling", str(chosen)),)
    origin = (("model", lstm.name), ("digest", lstm.digest), *compiled.network.provenance, *said)
    network = replace(compiled.network, provenance=origin)
    compiled = replace(compiled, network=network)
    return Machine(
        compiled=compiled, technology=technology, sizes=lstm.sizes, input_size=lstm.input_size, scaling=chosen
    )


def _check_kind(what: str, value: object, kind: type, must: str, do: str) -> None:
    if not isinstance(value, kind):
        raise InvalidTypeError(explain(what, must=must, got=ascii(value)[:80], do=do))
