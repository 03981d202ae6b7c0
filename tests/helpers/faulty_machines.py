"""Machines whose networks are not what was compiled: faults that no record names."""

from dataclasses import replace

from lstm_analog.machine import Machine
from lstm_analog.network.parts import Part


def with_banks(machine: Machine, *banks: Part) -> Machine:
    """Return `machine`, of one pass, with `banks` in place of those of the same labels, or in addition."""
    parts = {part.label: part for part in (*machine.network.parts, *banks)}
    network = replace(machine.network, parts=tuple(parts.values()))
    return replace(machine, passes=(replace(machine.compiled, network=network),))
