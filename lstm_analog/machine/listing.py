"""List what a model or a machine consists of, in lines of text for the command line."""

from collections.abc import Iterator

from lstm_analog.machine.facade import Machine
from lstm_analog.model import LSTM


def model_lines(lstm: LSTM) -> Iterator[str]:
    """Yield lines with the cells, gates and outputs of `lstm`."""
    yield f"model {lstm.name}: {lstm.input_size} inputs, layers of {', '.join(map(str, lstm.sizes))} units"
    for chain in lstm.chains:
        cell, gates = chain.cell, " ".join(gate.letter for gate in chain.cell.gates)
        way = "backward" if chain.backward else "forward"
        yield f"{chain.label} {type(cell).__name__}, gates {gates}, {cell.output_size} outputs h, {way}"
    if lstm.head is not None:
        yield f"y {lstm.head.output_size} outputs of {'the final state' if lstm.head.final else 'every step'}"
    yield f"digest {lstm.digest}"


def machine_lines(machine: Machine) -> Iterator[str]:
    """Yield lines with the origin, the size and the clock of each network of `machine`."""
    yield f"machine: {machine.input_size} inputs, layers of {', '.join(map(str, machine.sizes))} units"
    for compiled in machine.passes:
        network = compiled.network
        yield from (f"{key} {value}" for key, value in network.provenance)
        yield f"{network.unknowns.size - 1} unknowns in {len(network.unknowns.groups)} groups"
        yield f"{len(network.parts)} banks of parts"
        yield f"time constant {compiled.time_constant:.3g} s, phases of {compiled.settling:g} time constants"
        yield f"one step takes {compiled.cycle.step_time:.3g} s"
