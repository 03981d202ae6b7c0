"""The machine: a compiled LSTM with all that a user does with it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from warnings import warn

from numpy.typing import ArrayLike

from lstm_analog.compiler import Compiled, Scaling, state_sizes
from lstm_analog.compiler.passes import number_of_chips, only
from lstm_analog.doors import checked_record
from lstm_analog.export import NGSPICE, Accuracy, Dialect, graph
from lstm_analog.machine.places import EngineLike, fitting, given_engine, place_of, told_of, unknowns_of
from lstm_analog.machine.telling import ProgressLike, told
from lstm_analog.model import LSTM
from lstm_analog.model.sequences import StateLike, StateSizes
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import MOST_BYTES
from lstm_analog.records import save_record
from lstm_analog.summaries import Rows, Summarised

if TYPE_CHECKING:
    import networkx as nx

    from lstm_analog.imperfections import Streams
    from lstm_analog.machine.writer import Writer
    from lstm_analog.study import Bill, Certificate, DesignCheck, ModelFile, Run
    from lstm_analog.study.keeping import Keep
    from lstm_analog.study.pipeline import Pipeline


def _renamed(kind: str) -> Callable[..., None]:
    """Return the method called `write_<kind>` in 0.2, which warns and calls `write.<kind>`; 0.4 removes it."""

    def write(machine: "Machine", *values: object, **named: object) -> None:
        warn(f"Machine.write_{kind} is Machine.write.{kind} now, and goes with 0.4", DeprecationWarning, 3)
        getattr(machine.write, kind)(*values, **named)

    return write


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Machine(Summarised):
    """An LSTM as a physical machine: run it, check it, write it to files.

    `passes` are its networks in `technology`: a single one, unless a layer needs the whole sequence before it can
    start, as above a layer of two directions; then one for each pass through time, with a sample memory in between.
    `sizes` are the units of each layer in one direction, bottom first, `input_size` is the number of inputs in a step;
    `scaling` says how the units of signals were chosen if inputs were given, else None.
    """

    passes: tuple[Compiled, ...]
    technology: object
    sizes: tuple[int, ...]
    input_size: int
    scaling: Scaling | None = None

    def __dir__(self) -> list[str]:
        """Return the names to show for completion, without those of 0.2."""
        return [name for name in object.__dir__(self) if not name.startswith("write_")]

    def summary(self) -> Rows:
        """Return rows with the names of its model and technology, its clock and its size."""
        return (*told_of(self.passes), ("inputs", self.input_size), ("units", self.sizes))

    @property
    def compiled(self) -> Compiled:
        """The only one of `passes`; `UnsupportedError` if there are several: use `passes`, or `alone`."""
        return only(self.passes, "machine")

    @property
    def network(self) -> Network:
        """The physical network; `UnsupportedError` if there are several passes."""
        return self.compiled.network

    @property
    def state_sizes(self) -> StateSizes:
        """The number of h and of c of each chain, bottom layer first, forward before backward."""
        return tuple(sizes for compiled in self.passes for sizes in state_sizes(compiled))

    @property
    def chips(self) -> int:
        """The number of chips with errors of their own, on a leading axis; 0 for a machine without that axis."""
        return number_of_chips(self.passes)

    @property
    def pipeline(self) -> "Pipeline":
        """The times at which each stage works within a step, the latency of an output, and the steps in a second."""
        from lstm_analog.study.pipeline import pipeline

        return pipeline(self.passes)

    @property
    def write(self) -> "Writer":
        """Writers of files: `write.spice(path, x)`, `verilog_a`, `kicad`, `xschem`, `modelica`, `json`, `epanet` ..."""
        from lstm_analog.machine.writer import Writer

        return Writer(machine=self)

    def alone(self, number: int) -> "Machine":
        """Return pass `number` as a machine of its own, whose inputs are the outputs of the pass before.

        Methods that need a single network can then be used for each. `run.passes[number].x` are its inputs. If they
        differ between chips, their first axis is that of the chips and a batch must follow: give `x[:, None]` of a run
        without a batch.
        """
        alone, sizes, inputs = place_of(self.passes, self.sizes, number)
        return replace(self, passes=(alone,), sizes=sizes, input_size=inputs)

    def schedule(self, x: ArrayLike, state: StateLike | None = None, lengths: ArrayLike | None = None) -> Schedule:
        """Return the clock and the imposed efforts for `x` (batch, time, inputs) or (time, inputs) from `state`.

        `lengths` (batch,) is the number of valid steps of each sequence. Raises `UnsupportedError` for several passes.
        """
        from lstm_analog.study.feeding import feeding

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

        `lengths` (batch,) are the numbers of valid steps of each sequence, all unless given. `engine` is `Waveform()`
        unless given. `progress(done, total)` is called with numbers of intervals; True shows a bar. With several
        `chips`, all results have a leading axis of chips; `x` and `state` are the same for all chips or have it, too:
        (chips, batch, time, inputs).

        The run keeps the efforts that `keep` names, or the `save` of the engine. If neither is given, it keeps all, or
        with a `KeptWarning` only the signals if all would take more than `most_bytes`. An explicit choice that takes
        more raises `InvalidValueError`; `kept_bytes` computes it beforehand.
        Warns with a `StopsWarning` of tanks that reach their stops, where the signal is cut off.
        """
        from lstm_analog.machine.running import run_passes

        fed = fitting(x, state, lengths, self.input_size, self.state_sizes, self.chips)
        built = self.technology, self.scaling
        return run_passes(self.passes, fed, built, given_engine(engine), keep, most_bytes, told(progress))

    def kept_bytes(self, x: ArrayLike, *, keep: "Keep", engine: "EngineLike" = None, ragged: bool = False) -> int:
        """Return the bytes that a run over `x` would `keep`, with the points of `engine`, `Waveform()` unless given.

        `ragged` says that the run has `lengths`. Ngspice and Rumoca choose their own points and take more in total.
        """
        from lstm_analog.study.keeping import kept_bytes

        fed, *_ = fitting(x, None, None, self.input_size, self.state_sizes, self.chips)
        return kept_bytes(self.passes, fed.shape[-3:], ragged=ragged, engine=given_engine(engine), keep=keep)

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
        """Run the machine over one sequence, compare it with `lstm`, write its netlists and their certificate.

        `x` (time, inputs), `state`, `engine` and `progress` are as in `run`, `path`, `dialect` and `accuracy` as in
        `write.spice`, `tolerance` and `seed` as in `compare`; `source` is the file that `lstm` came from. The
        certificate of `lstm.cir` goes to `lstm.certificate.json`; several passes are `lstm-1.cir`, `lstm-2.cir`.
        `verify` checks these files again. Raises `CertificateError` if machine and `lstm` do not agree, and then writes
        nothing.
        """
        from lstm_analog.study.certification import certify

        run, made = self.run(x, state=state, engine=engine, progress=progress), self.technology
        return certify(
            run, lstm, made, path, dialect=dialect, accuracy=accuracy, tolerance=tolerance, seed=seed, source=source
        )

    def graph(self, *, layer: int | None = None, unit: int | None = None) -> "nx.MultiDiGraph[str]":
        """Return the network as a `networkx.MultiDiGraph`; with `layer` and `unit`, only the edges that feed that unit.

        Tubes of plumbing have a bore and a length; `export.graph` lists all attributes, `export.pipes` leaves out edges
        without flow. Raises `UnsupportedError` if there are too many edges.
        """
        from lstm_analog.study.epanet import tubes_in

        around = unknowns_of(self.network, self.sizes, layer, unit)
        return graph(self.network, around=around, tubes=tubes_in(self.technology, self.network))

    def check(self, run: "Run | None" = None) -> "DesignCheck":
        """Return whether the machine would work when built, at the efforts of `run`, or at its design efforts if None.

        Of several passes, each is judged, the later ones at the outputs of the earlier.
        The ranges of signals for which it was compiled are compared with those that the technology allows. A chip of
        transistor cells that was compiled with inputs is judged at the c of these inputs.

        Raises `UnsupportedError` for a technology of ideal sources, which always work, `InvalidTypeError` if `run` is
        no run, `InvalidValueError` for a run of another machine or one that did not keep everything.
        """
        from lstm_analog.study.design_check import design_check

        return design_check(self.passes, self.technology, run, self.scaling)

    def bill_of_materials(self, run: "Run | None" = None) -> "Bill":
        """Return the parts of the plumbing and its consumption, at the pressures of `run` or else of its design.

        Of several passes, each of which has plumbing of its own, they add up.
        Raises `UnsupportedError` unless the technology is hydraulic, otherwise as `check` does.
        """
        from lstm_analog.study.bill import bill_of_materials

        return bill_of_materials(self.passes, self.technology, run)

    def with_imperfection(self, imperfection: object, streams: "Streams", *, layer: int | None = None) -> "Machine":
        """Return the same machine with real parts: `imperfection`, or several, drawn from `streams`, in its networks.

        Several are applied in their physical order (`imperfections.ORDER`), not in the order of the tuple or list. With
        `layer`, counted from 0, only the weights of that layer have them; the head is the one after the last. The
        provenance of the networks names them. Raises as `imperfections.apply` does.
        """
        from lstm_analog.machine.altering import imperfect

        return replace(self, passes=imperfect(self.passes, imperfection, streams, layer, len(self.sizes)))

    def force(
        self,
        gate: str,
        value: float,
        *,
        unit: int | tuple[int, ...] | None = None,
        layer: int = 0,
        backward: bool = False,
    ) -> "Machine":
        """Return the same machine, a `gate` of which is held at `value`: a hand on the pilot of its valve.

        Gates are called "input", "forget", "cell" and "output" in an LSTM, "reset", "update" and "new" in a GRU. `unit`
        is one or several of the `layer`, all unless given; `backward` is its other direction. What the gate controls
        finds the value before its activation that gives `value`, 16 at most, so that a sigmoid is 1e-7 from its end;
        parts that do not open or shut so far, as valves of limited rangeability, do as far as they do. `run.gates` is
        still what the weights ask for. The provenance names it, as an `imperfections.Clamp`.

        Raises `InvalidValueError` for a gate, unit, layer or value that there is not, `NetworkError` for a machine of
        transistor cells.
        """
        from lstm_analog.machine.altering import forced

        return replace(self, passes=forced(self.passes, gate, value, unit, (layer, backward)))

    def shut(
        self, gate: str, *, unit: int | tuple[int, ...] | None = None, layer: int = 0, backward: bool = False
    ) -> "Machine":
        """Return the same machine with a `gate` of `unit` shut, held at 0; `layer` and `backward` as in `force`."""
        return self.force(gate, 0.0, unit=unit, layer=layer, backward=backward)

    def hold(self, *, unit: int | tuple[int, ...] | None = None, layer: int = 0, backward: bool = False) -> "Machine":
        """Return the same machine, in which the memory of `unit` keeps what it has: forget held open, input shut.

        It loses 1e-7 of it in a step. `layer` and `backward` are as in `force`, which raises what this does;
        `UnsupportedError` for cells without a gate that keeps.
        """
        from lstm_analog.machine.altering import held

        return replace(self, passes=held(self.passes, unit, (layer, backward)))

    def at_step(self, number: int) -> "Machine":
        """Return the machine held as it is in step `number`, counted from 0, of parameters that change in time.

        Its network is that of the one step, for as many as it is then run over: so it can be written as a netlist.
        Raises `NetworkError` if none of its parameters changes in time, `InvalidValueError` if there is no such step.
        """
        from lstm_analog.imperfections import AtStep, Streams, apply

        def held(compiled: Compiled) -> Compiled:
            step = AtStep(number=number, step_time=compiled.cycle.step_time)
            return replace(compiled, network=apply(step, compiled.network, Streams(seed=0)))

        return replace(self, passes=tuple(map(held, self.passes)))

    def save(self, path: str | Path) -> None:
        """Save the machine to `path` (npz); `load_machine` reads it back."""
        save_record(self, path)

    write_spice, write_verilog_a, write_modelica = map(_renamed, ("spice", "verilog_a", "modelica"))
    write_json, write_graphml, write_epanet = map(_renamed, ("json", "graphml", "epanet"))
