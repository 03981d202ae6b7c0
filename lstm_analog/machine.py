"""The facade a user holds: a compiled machine."""

from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lstm_analog.arrays import Indices
from lstm_analog.compiler import Compiled, Timing, lower, schedule, signal_networks, state_sizes
from lstm_analog.compiler.saved import PIECES
from lstm_analog.compiler.timing import CLOCKED
from lstm_analog.engines import Engine, Progress, Waveform, start_efforts
from lstm_analog.errors import FileFormatError, InvalidTypeError, InvalidValueError, LstmAnalogError, explain
from lstm_analog.export import NGSPICE, Accuracy, Dialect, graph, model_name, suited, write_modelica, write_spice
from lstm_analog.imperfections import Streams, apply
from lstm_analog.model import LSTM, State
from lstm_analog.model.sequences import StateSizes, given_lengths, sequences, starting_state
from lstm_analog.network.analogy import as_circuit
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import Trajectory
from lstm_analog.records import load_record, save_record
from lstm_analog.study.bill import Bill, bill_of_materials
from lstm_analog.study.certificate import Certificate, ModelFile
from lstm_analog.study.certification import certify
from lstm_analog.study.design_check import DesignCheck, design_check
from lstm_analog.study.pipeline import Pipeline, pipeline
from lstm_analog.study.run import Run, only, run_through

if TYPE_CHECKING:
    import networkx as nx


@dataclass(frozen=True, kw_only=True, eq=False)
class Machine:
    """An LSTM as a physical machine: run it, look at its network, write it out.

    `passes` are what was made of it in `technology`: one network, unless a layer needs a whole sequence before it can
    begin, as those of two directions do; then one for each pass through time, with a sample memory between them.
    `sizes` are the units of each layer in one direction, bottom first, `input_size` the inputs a step.
    """

    passes: tuple[Compiled, ...]
    technology: object
    sizes: tuple[int, ...]
    input_size: int

    @property
    def compiled(self) -> Compiled:
        """What was made of the LSTM, if it is one network; else `UnsupportedError`: take `passes`, or `alone`."""
        return only(self.passes, "machine")

    @property
    def network(self) -> Network:
        """The physical network, the single source of truth, if it is one; else `UnsupportedError`."""
        return self.compiled.network

    @property
    def state_sizes(self) -> StateSizes:
        """Number of h and of c of each chain, bottom layer first, forward before backward."""
        return tuple(sizes for compiled in self.passes for sizes in state_sizes(compiled))

    @property
    def pipeline(self) -> Pipeline:
        """When each stage works within a step: how long an answer takes, how many steps a second there are."""
        return pipeline(self.passes)

    def alone(self, number: int) -> "Machine":
        """Return pass `number` as a machine of its own, which is fed what the passes before it have left.

        `run.passes[number].x` is that; so all that needs one network can be had of each.
        """
        _check_place("pass", number, len(self.passes))
        compiled = self.passes[number]
        layers = dict.fromkeys(place.layer for place in compiled.layout.layers)
        inputs = compiled.network.unknowns[compiled.layout.inputs[0].label].size
        return replace(self, passes=(compiled,), sizes=tuple(self.sizes[n] for n in layers), input_size=int(inputs))

    def schedule(self, x: ArrayLike, state: State | None = None, lengths: ArrayLike | None = None) -> Schedule:
        """Return the clock and the efforts that feed `x` (batch, time, inputs) or (time, inputs) from `state`.

        `lengths` (batch,) are how many steps of each sequence count. Raises `UnsupportedError` for several passes.
        """
        inputs = sequences(x, self.input_size)
        start = starting_state(state, self.state_sizes, inputs.shape[:-2])
        return schedule(self.compiled, inputs, start, given_lengths(lengths, inputs.shape))

    def run(
        self,
        x: ArrayLike,
        *,
        state: State | None = None,
        lengths: ArrayLike | None = None,
        engine: Engine | None = None,
        progress: Progress | None = None,
    ) -> Run:
        """Run the machine over `x` (batch, time, inputs) or (time, inputs) from `state`, else from rest.

        `lengths` (batch,) says how many steps of each sequence count, all unless given. `engine` is `Waveform()`
        unless given; `progress(done, total)` is told the intervals done.
        """
        inputs = sequences(x, self.input_size)
        start = starting_state(state, self.state_sizes, inputs.shape[:-2])
        chosen = Waveform() if engine is None else engine
        _check_engine(chosen)
        counts = [len(compiled.cycle.intervals(inputs.shape[-2])) for compiled in self.passes]
        done = iter(np.cumsum([0, *counts]).tolist())

        def solve(compiled: Compiled, fed: Schedule) -> Trajectory:
            before = next(done)
            tell = None if progress is None else lambda now, _: progress(before + now, sum(counts))
            return chosen.run(compiled.network, fed, tell)

        return run_through(self.passes, inputs, start, given_lengths(lengths, inputs.shape), solve)

    def write_spice(
        self,
        path: str | Path,
        x: ArrayLike,
        *,
        state: State | None = None,
        dialect: Dialect = NGSPICE,
        accuracy: Accuracy | None = None,
    ) -> None:
        """Write the circuit fed with one sequence `x`, (time, inputs) or (1, time, inputs), from `state`, to `path`.

        `dialect` names the simulator, `accuracy` its tolerances, `suited` to the network unless given. Plumbing is
        written as its electrical analogue, whose units the deck states. Raises `InvalidShapeError` for more than one
        sequence.
        """
        circuit = as_circuit(self.network, self.schedule(x, state))
        write_spice(path, circuit.network, circuit.schedule, dialect, accuracy or suited(circuit.network))

    def certify(
        self,
        lstm: LSTM,
        x: ArrayLike,
        path: str | Path,
        *,
        state: State | None = None,
        engine: Engine | None = None,
        dialect: Dialect = NGSPICE,
        accuracy: Accuracy | None = None,
        tolerance: float | None = None,
        seed: int | None = None,
        source: ModelFile | None = None,
        progress: Progress | None = None,
    ) -> Certificate:
        """Run the machine over one sequence, hold it against `lstm`, write its netlists and their certificate.

        `x` (time, inputs), `state`, `engine` and `progress` are as in `run`, `path`, `dialect` and `accuracy` as in
        `write_spice`, `tolerance` and `seed` as in `compare`; `source` is the file that `lstm` came from. The
        certificate of `lstm.cir` goes to `lstm.certificate.json`; several passes are `lstm-1.cir`, `lstm-2.cir`.
        `verify` goes the way back. Raises `CertificateError` if the two do not agree; nothing is written then.
        """
        return certify(
            self.run(x, state=state, engine=engine, progress=progress),
            lstm,
            self.technology,
            path,
            dialect=dialect,
            accuracy=accuracy,
            tolerance=tolerance,
            seed=seed,
            source=source,
        )

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
        """Return whether the plumbing would work, at the pressures of `run` or else at the design pressures.

        Raises `UnsupportedError` unless the technology is hydraulic, `InvalidValueError` for a run of another machine.
        """
        return design_check(self.compiled, self.technology, run)

    def bill_of_materials(self, run: Run | None = None) -> Bill:
        """Return what the plumbing is made of and what it takes to run it, as in `run` or else at the design pressures.

        Raises `UnsupportedError` unless the technology is hydraulic, `InvalidValueError` for a run of another machine.
        """
        return bill_of_materials(self.compiled, self.technology, run)

    def with_imperfection(self, imperfection: object, streams: Streams) -> "Machine":
        """Return the same machine made of real parts: its network with `imperfection`, drawn from `streams`."""
        passes = (replace(each, network=apply(imperfection, each.network, streams)) for each in self.passes)
        return replace(self, passes=tuple(passes))

    def save(self, path: str | Path) -> None:
        """Save the machine to `path` (npz); `load_machine` reads it back."""
        save_record(self, path)

    def _unit(self, layer: int, unit: int) -> Indices:
        _check_place("layer", layer, len(self.sizes))
        _check_place("unit", unit, self.sizes[layer])
        groups = [
            group for group in self.network.unknowns.groups if group.label.startswith((f"l{layer}_", f"l{layer}r_"))
        ]
        return np.array([self.network.unknowns[group.label][unit] for group in groups if unit < group.size])


def _check_engine(engine: object) -> None:
    if isinstance(engine, type) or not callable(getattr(engine, "run", None)):
        do = "give e.g. Waveform(), Settle() or Ngspice()"
        raise InvalidTypeError(explain("engine", must="be an engine", got=ascii(engine)[:80], do=do))


def _check_place(what: str, place: int, size: int) -> None:
    if not 0 <= place < size:
        raise InvalidValueError(explain(what, must=f"be 0 to {size - 1}", got=place, do="choose another"))


KINDS = MappingProxyType({**PIECES, Machine.__name__: Machine})
"""What a saved machine is made of; nothing else is made when it is loaded."""


def load_machine(path: str | Path) -> Machine:
    """Return the machine that `Machine.save` wrote to `path`.

    Raises `FileFormatError` for a damaged or foreign file, `FileAccessError` for one that cannot be read.
    """
    machine = load_record(path, Machine, KINDS)
    try:
        for compiled in machine.passes:
            compiled.network.verify()
        _check_sizes(machine)
    except LstmAnalogError as error:
        do = "save the machine again"
        raise FileFormatError(explain(f"file {str(path)!r}", must="hold a Machine", got=error, do=do)) from error
    return machine


def _check_sizes(machine: Machine) -> None:
    """Raise unless the sizes that `machine` tells are those of its networks."""
    inputs, layers = list[int](), dict[int, int]()
    for compiled in machine.passes:
        unknowns = compiled.network.unknowns
        inputs += [unknowns[bank.label].size for bank in compiled.layout.inputs]
        layers |= {place.layer: unknowns[place.z[0].group].size for place in compiled.layout.layers if place.z}
    held = [*inputs[:1], *(layers[layer] for layer in sorted(layers))]
    told = [machine.input_size, *machine.sizes]
    if told != held:
        what, must = "input_size and sizes", f"be those of its layout, {held}"
        raise InvalidValueError(explain(what, must=must, got=told, do="save the machine again"))


def compile(lstm: LSTM, technology: object, *, timing: Timing = CLOCKED, settling: float = 20.0) -> Machine:
    """Return `lstm` as a machine built in `technology`.

    `timing` says how the memories are clocked; `settling` is the phase length in time constants of the slowest pole: 20
    leave an error of about 1e-6 of full scale (`study.settling` has the law).
    """
    _check_kind("lstm", lstm, LSTM, "be an LSTM", "load one with la.load")
    _check_kind("timing", timing, Timing, "be CLOCKED or GATED_LEAK", "take it from lstm_analog")
    _check_kind("settling", settling, Real, "be a number", "give time constants")
    networks = signal_networks(lstm)
    passes = []
    for number, signals in enumerate(networks):
        compiled = lower(technology, signals, timing, settling)
        place = () if len(networks) == 1 else (("pass", f"{number + 1} of {len(networks)}"),)
        origin = (("model", lstm.name), ("digest", lstm.digest), *place, *compiled.network.provenance)
        passes.append(replace(compiled, network=replace(compiled.network, provenance=origin)))
    return Machine(passes=tuple(passes), technology=technology, sizes=lstm.sizes, input_size=lstm.input_size)


def _check_kind(what: str, value: object, kind: type, must: str, do: str) -> None:
    if not isinstance(value, kind):
        raise InvalidTypeError(explain(what, must=must, got=ascii(value)[:80], do=do))
