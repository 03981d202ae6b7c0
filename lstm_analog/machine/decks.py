"""Write machines as SPICE decks and subcircuits, with measurements of their outputs after each step."""

from collections.abc import Iterator
from pathlib import Path

from lstm_analog.compiler import Compiled
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.export import Accuracy, Dialect, Probe, suited, write_hierarchy, write_spice, write_subcircuit
from lstm_analog.network.analogy import as_circuit
from lstm_analog.network.schedule import Schedule
from lstm_analog.study.interface import hierarchy, interface


def write_deck(
    path: str | Path,
    compiled: Compiled,
    schedule: Schedule,
    dialect: Dialect,
    accuracy: Accuracy | None,
    *,
    as_subckt: bool,
    measured: bool,
    by_unit: bool,
) -> None:
    """Write `compiled` to `path` in `dialect` as a circuit in volts, driven by `schedule`.

    The arguments are those of `Machine.write.spice`: `accuracy` is `suited` unless given, `as_subckt` writes a
    subcircuit with a testbench, `measured` adds measurements of the outputs, `by_unit` divides the deck into
    subcircuits. Raises `UnsupportedError` if several are asked for.
    """
    if as_subckt and measured:
        do = "write the deck without as_subckt, or measure its pins in your testbench"
        raise UnsupportedError(explain("measurements", must="be of a deck", got="a subcircuit", do=do))
    if by_unit and (as_subckt or measured):
        do = "ask for one of by_unit, as_subckt and measured"
        raise UnsupportedError(explain("a deck by units", must="be plain", got="another form, too", do=do))
    fed = as_circuit(compiled.network, schedule)
    chosen = accuracy or suited(fed.network)
    if as_subckt:
        write_subcircuit(path, fed.network, fed.schedule, dialect, chosen, interface(compiled))
    elif by_unit:
        write_hierarchy(path, fed.network, fed.schedule, dialect, chosen, hierarchy(compiled))
    else:
        probes = tuple(_outputs(compiled, fed.schedule)) if measured else ()
        write_spice(path, fed.network, fed.schedule, dialect, chosen, probes)


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
