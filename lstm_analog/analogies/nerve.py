"""The nerve cell: a leaky tank that empties itself when it is full, and the activation functions that its rate gives.

A cell is a storage (membrane, tank) that drivers fill through conductances, a leak, and a switch with a threshold: a
leaky integrate-and-fire cell (Lapicque 1907; Stein 1965 with noise). In a circuit the switch discharges the membrane,
in plumbing a siphon draws the tank down. Its rate against its drive is

* without leak, J/(C D) for J > 0, else 0: a rectifier, ReLU (D = upper - lower threshold);
* with leak, 0 up to the drive that just reaches the threshold, then 1/(tau ln((v - lower)/(v - upper)) + emptying): v
  is where the storage would come to rest, tau its time constant. It rises steeply at first, and joins the line;
* with the time that emptying takes, never above 1/emptying: it saturates, as a sigmoid does at one end;
* with noise, above 0 below the threshold too, as a softplus: the first-passage rate of Siegert 1951.
"""

from dataclasses import dataclass

import numpy as np
from scipy.integrate import quad
from scipy.special import erfcx

from lstm_analog.arrays import Floats, floats
from lstm_analog.compiler.network_builder import DomainBuilder
from lstm_analog.doors import checked, checked_record
from lstm_analog.engines import EngineLike, Integrate
from lstm_analog.engines.choosing import chosen_engine
from lstm_analog.errors import InvalidShapeError, InvalidValueError, UnsupportedError, explain
from lstm_analog.network.domain import ELECTRICAL, HYDRAULIC, Domain
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import DATUM, CheckValves, Diodes, ThresholdSwitches, Transconductors
from lstm_analog.network.quantities import check_fields, check_number
from lstm_analog.network.schedule import Imposed, Schedule

_CELLS, _STATES, _DRIVE = "v", "firing", "drive"
_SAID = (("model", "nerve cells"),)


@checked_record
@dataclass(frozen=True, kw_only=True)
class NerveCell:
    """A leaky cell with a threshold, in SI units of its `domain`: a membrane in a circuit, a siphon tank in plumbing.

    Attributes
    ----------
    domain : Domain
        Of what it is made.
    capacitance : float
        Of the storage (capacitance unit).
    leak : float
        Conductance from it to the datum (conductance unit).
    upper, lower : float
        The switch closes above `upper` and opens below `lower` (effort unit).
    emptying : float
        Conductance of the closed switch, which leads to the datum (conductance unit).
    seal : float
        Conductance of the open switch (conductance unit).
    """

    domain: Domain = ELECTRICAL
    capacitance: float
    leak: float
    upper: float
    lower: float
    emptying: float
    seal: float

    def __post_init__(self) -> None:
        """Check that all numbers are above zero and that the lower threshold is below the upper one."""
        check_fields(self, "cell")
        if not self.lower < self.upper:
            got, do = f"{self.lower} and {self.upper}", "give the level at which it is empty, and full"
            raise InvalidValueError(explain("cell lower", must="be below upper", got=got, do=do))

    def period(self, flow: Floats, conductance: float = 0.0) -> Floats:
        """Return the time between two spikes (s), infinite where there are none; two exponentials, exact.

        `flow` (...) goes into the empty cell (flow unit); drivers add `conductance` to its leak.
        """
        flow = np.asarray(flow, dtype=np.float64)
        open_ = self.leak + self.seal + conductance
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            filling = np.log((flow / open_ - self.lower) / (flow / open_ - self.upper)) * self.capacitance / open_
        return np.where(flow > self.upper * open_, filling + self._emptied(flow, conductance), np.inf)

    def rate(self, flow: Floats, conductance: float = 0.0) -> Floats:
        """Return the spikes a second for `flow` (...) and `conductance` as in `period`; 0 where there are none."""
        return 1.0 / self.period(flow, conductance)

    def noisy_rate(self, flow: Floats, sigma: float) -> Floats:
        """Return the mean rate (1/s) where white noise is added to `flow` (...), of `sigma` at rest (effort unit).

        `sigma` is the standard deviation that the effort would have without a threshold. The rate is 1/(emptying + tau
        sqrt(pi) integral of exp(x^2) (1 + erf x)) between the two thresholds in units of sqrt(2) sigma (Siegert 1951);
        0 where `flow` is so large that the cell never empties.

        Raises `InvalidValueError` unless `sigma` is above zero.
        """
        check_number("sigma", sigma)
        flow = np.asarray(flow, dtype=np.float64)
        open_ = self.leak + self.seal
        tau, rest, drained = self.capacitance / open_, flow / open_, self._emptied(flow)

        def one(mean: float, emptied: float) -> float:
            low, high = ((level - mean) / (np.sqrt(2.0) * sigma) for level in (self.lower, self.upper))
            passage = float(quad(lambda x: float(erfcx(-x)), low, high)[0])
            return 1.0 / (emptied + tau * float(np.sqrt(np.pi)) * passage)

        found = [one(*ends) for ends in zip(rest.ravel().tolist(), drained.ravel().tolist(), strict=True)]
        return np.array(found).reshape(rest.shape)

    def _emptied(self, flow: Floats, conductance: float = 0.0) -> Floats:
        """Return the time (s) from the upper to the lower threshold with the switch closed, infinite if never."""
        shut = self.leak + conductance + self.emptying
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            found = np.log((self.upper - flow / shut) / (self.lower - flow / shut)) * self.capacitance / shut
        return np.where(flow < self.lower * shut, found, np.inf)


NERVE = NerveCell(capacitance=100e-12, leak=5e-9, upper=20e-3, lower=1e-3, emptying=2e-6, seal=1e-15)
"""A membrane of 100 pF and 200 Mohm that fires 20 mV above rest; emptied in 0.15 ms. Beyond 2 nA it stays empty."""
SIPHON = NerveCell(domain=HYDRAULIC, capacitance=1e-8, leak=1e-10, upper=1000.0, lower=50.0, emptying=1e-7, seal=1e-16)
"""A tank of 1 cm2 (A/(rho g)) that starts to siphon at a level of 10 cm and takes air at 5 mm, 0.3 s later."""


@checked
def cells_of(cell: NerveCell, weights: Floats, bias: Floats, gain: float) -> Network:
    """Return a layer of cells like `cell`, fed `gain` times (`weights` (m, n) times the inputs, plus `bias` (m,)).

    Sources drive it: the inputs of bank `drive`, 1 effort unit for 1, and the last of them the bias, always 1.
    Unknowns: `drive` (n + 1), `v` (m) the storages, `firing` (m) the states of the switches. Negative flow empties a
    cell below the datum; a diode or check valve there would keep it.
    """
    weights, bias = floats(weights, "weights"), floats(bias, "bias")
    if weights.ndim != 2 or bias.shape != weights.shape[:1]:
        got, do = f"{weights.shape} and {bias.shape}", "give (m, n) and (m,)"
        raise InvalidShapeError(explain("weights and bias", must="fit", got=got, do=do))
    count, inputs = weights.shape
    layer = DomainBuilder(cell.domain, 1.0)
    drive, nodes = layer.sources(_DRIVE, np.zeros(inputs + 1)), layer.nodes(_CELLS, count)
    fed, ground = gain * np.column_stack((weights, bias)), np.full_like(nodes, DATUM)
    layer.parts.append(Transconductors(label="weights", inputs=drive, rows=nodes, transconductance=fed))
    layer.storages("membrane", nodes, cell.capacitance)
    layer.to_datum("leak", nodes, cell.leak)
    switch = ThresholdSwitches(
        label="spike",
        a=nodes,
        b=ground,
        p=nodes,
        n=ground,
        state=layer.nodes(_STATES, count),
        upper=np.array(cell.upper),
        lower=np.array(cell.lower),
        closed=np.array(cell.emptying),
        opened=np.array(cell.seal),
    )
    layer.parts.append(switch)
    return layer.network(_SAID)


@checked
def counted_rates(
    network: Network, inputs: Floats, seconds: float, *, rest: float | None = None, engine: EngineLike = None
) -> Floats:
    """Return the spikes of each cell in `seconds` of constant `inputs`, over that time (1/s), (..., cells).

    `network` is one of `cells_of`, `inputs` are (..., n). Before, nothing is driven for `rest` seconds, as long again
    unless given. `engine` is `Integrate()` unless given, or another that says when states switch.

    Raises `UnsupportedError` if the engine does not say when.
    """
    inputs = floats(inputs, "inputs")
    driven = np.concatenate((inputs, np.ones((*inputs.shape[:-1], 1))), axis=-1)
    efforts = np.stack((np.zeros_like(driven), driven), axis=-2)
    schedule = Schedule(
        names=("rest", "driven"),
        high=np.zeros((2, 0), dtype=bool),
        durations=np.array([seconds if rest is None else rest, seconds]),
        imposed=(Imposed(label=_DRIVE, efforts=efforts),),
    )
    found = chosen_engine(engine, Integrate()).run(network, schedule).switchings
    if found is None:
        must, do = "say when states switch", "take Integrate()"
        raise UnsupportedError(explain("the engine", must=must, got="one that does not", do=do))
    states = network.unknowns[_STATES]
    counts = np.zeros((int(np.prod(schedule.batch)), states.size))
    np.add.at(counts, (found.sequences[found.closed], found.nodes[found.closed] - states[0]), 1.0)
    return counts.reshape(*inputs.shape[:-1], states.size) / seconds


@checked
def rectifier(part: Diodes | CheckValves, domain: Domain, load: float) -> Network:
    """Return a source `drive` that feeds a `load` (conductance unit) of a `domain` through `part`, from node 1 to 2.

    A diode passes what is above its knee, a check valve what is above its cracking pressure: a rectifier, whose ideal
    is max(x, 0). Node 2 is the group `out`.
    """
    circuit = DomainBuilder(domain, 1.0)
    circuit.sources(_DRIVE, np.zeros(1))
    out = circuit.nodes("out", 1)
    circuit.parts.append(part)
    circuit.junctions("node", out)
    circuit.to_datum("load", out, load)
    return circuit.network(_SAID)
