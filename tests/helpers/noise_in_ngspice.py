"""ngspice's `.noise` of a network in one clock state, and the same from the linearised network.

Of an exported netlist ngspice knows the thermal noise of resistors, switches and op-amps' two conductances. Shot noise
of what is a controlled source there, of pairs and of op-amps' input pairs, it does not know; `silenced` leaves it out.
The switch of ngspice 39 is open in `.noise`, whatever its clock, as its spectrum says: `without_clock` makes resistors
of switches, so that a network is one clock state.
"""

import re
import subprocess
from dataclasses import replace

import numpy as np

from lstm_analog.engines.noise.linearised import linearise, storages_read
from lstm_analog.engines.noise.pieces import propagate
from lstm_analog.engines.operating import operating_point
from lstm_analog.engines.system import system
from lstm_analog.export import NGSPICE, Accuracy, write_spice
from lstm_analog.network.laws import is_on
from lstm_analog.network.parts import Conductors, OpAmps, Pairs, Switches
from lstm_analog.network.quantities import BOLTZMANN
from lstm_analog.network.schedule import imposed_efforts

KELVIN = 300.15
"""The temperature of ngspice unless told otherwise."""

_LONG = 1.0
"""s; a millionfold of it is long beside all that leaks."""


def without_clock(network, high):
    """Return `network` with a resistor in place of each switch, as it is with the clock lines `high`."""

    def resistor(part):
        conductance = part.closed if is_on(part.line, high) else part.opened
        return Conductors(label=part.label, a=part.a, b=part.b, conductance=conductance)

    parts = (resistor(part) if isinstance(part, Switches) else part for part in network.parts)
    return replace(network, parts=tuple(parts))


def integrated(folder, network, schedule, nodes, *, band=(1e-7, 1e14), points=20):
    """Return the variance of each of `nodes` (V2) that ngspice integrates over the `band` (Hz), in one clock state."""
    deck = folder / "noise.cir"
    write_spice(
        deck, network, schedule, NGSPICE, Accuracy(reltol=1e-6, vntol=1e-9, abstol=1e-15, chgtol=1e-18, steps=9)
    )
    text = re.sub(r"(?ms)^\.save.*", "", deck.read_text())
    source = re.search(r"(?m)^(v\S+) \S+ 0 [-+.\de]+$", text)
    text = text.replace(source.group(0), f"{source.group(0)} ac 1", 1)
    names = network.unknowns.names()
    asked = [
        f"noise v({names[node]}) {source.group(1)} dec {points} {band[0]} {band[1]}\nprint onoise_total"
        for node in nodes
    ]
    deck.write_text("\n".join([text, ".options gmin=1e-18", ".control", *asked, "quit", ".endc", ".end", ""]))
    done = subprocess.run(["ngspice", "-b", deck], capture_output=True, text=True, timeout=300, check=False)
    found = [float(line.split("=")[1]) for line in done.stdout.splitlines() if line.startswith("onoise_total =")]
    assert len(found) == len(nodes), done.stdout[-2000:] + done.stderr[-2000:]
    return np.array(found) ** 2


def at_rest(network, schedule, nodes, *, shot=True, temperature=KELVIN):
    """Return the variance of `nodes` (effort squared) once a clock state has lasted for ever."""
    equations = system(network, schedule.phase(0))
    effort = np.zeros((1, network.unknowns.size))
    for part, value in imposed_efforts(network, schedule, 0):
        effort[:, part.nodes] = value
    operating_point(equations, effort, _LONG)
    linear = linearise(equations, effort, temperature)
    linear = linear if shot else replace(linear, flows=silenced(network, linear.flows, temperature))
    slowest = np.abs(np.linalg.eigvals(linear.rates[0]).real).min()
    covariance = propagate(linear.rates, linear.intensity, 30.0 / slowest)[1]
    reading = storages_read(equations, effort)[0, nodes]
    return np.diag(reading @ covariance[0] @ reading.T)


def silenced(network, flows, temperature):
    """Return `flows` without shot noise: of pairs nothing is left, of op-amps the noise of their two conductances."""
    density = flows.density.copy()
    for number, part in enumerate(network.parts):
        if isinstance(part, Pairs):
            density[:, flows.banks == number] = 0.0
        if isinstance(part, OpAmps):
            inside = (flows.banks == number) & np.isin(flows.heads, part.state)
            density[:, inside] = 4.0 * BOLTZMANN * temperature * part.conductance
    return replace(flows, density=density)
