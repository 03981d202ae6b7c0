"""Write the plumbing in one phase of its clock as a single EPANET file: conducting tubes and opened valves."""

from pathlib import Path

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.hydraulic import Hydraulic
from lstm_analog.engines import Settle
from lstm_analog.errors import InvalidValueError, UnsupportedError, explain
from lstm_analog.export import statics, write_epanet
from lstm_analog.export.epanet_links import links
from lstm_analog.network.chips import check_one_chip
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import High, Kind
from lstm_analog.network.roles import without_mass
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import Save
from lstm_analog.network.varying import check_steady
from lstm_analog.study.epanet import tubes_of
from lstm_analog.study.operation import as_used


def write_settled(path: str | Path, network: Network, technology: object, fed: Schedule, interval: str) -> None:
    """Write `network`, built in `technology`, to `path` for EPANET, at rest at the end of `interval`.

    It is the last interval of that name in `fed`, the schedule of one sequence. Sources, relays and tanks behind shut
    solenoids become reservoirs at the pressures that `Settle` finds; EPANET computes those of all other chambers, which
    must be the same.

    Raises `UnsupportedError` if the network is not hydraulic, this or `UnsupportedPartError` as `export.statics` does,
    `InvalidValueError` if no interval has that name, `InvalidShapeError` if there is more than one sequence or a part
    has a chip axis, `FileAccessError` if the file cannot be written; nothing is left behind then.
    """
    if not isinstance(technology, Hydraulic):
        got, do = network.domain.name, "compile in a hydraulic technology"
        raise UnsupportedError(explain("the machine", must="be hydraulic", got=got, do=do))
    check_one_chip(network)
    check_steady(network)
    number = _last(fed, interval)
    trajectory = Settle(save=Save(intervals=(interval,))).run(network, fed.single("an EPANET file"))
    effort, high = trajectory.efforts[-1], fed.phase(number)
    massless = without_mass(network)
    problem = statics(massless, effort, high, _chambers(massless, effort, high), settled=True)
    used = as_used(technology, network)
    write_epanet(path, problem, tubes_of(used, used.fluid))


def _last(fed: Schedule, interval: str) -> int:
    numbers = [number for number, name in enumerate(fed.names) if name == interval]
    if not numbers:
        must, do = f"be one of {', '.join(dict.fromkeys(fed.names))}", "name another"
        raise InvalidValueError(explain("interval", must=must, got=ascii(interval)[:80], do=do))
    return numbers[-1]


def _chambers(network: Network, effort: Floats, high: High) -> Indices:
    """Return the chambers of `network` with flow into or out of them while the lines `high` are high."""
    pipes, valves = links(network, effort, high)
    fed = np.unique(np.concatenate((pipes.a, pipes.b, valves.a, valves.b)))
    kinds = network.kinds()
    return fed[np.isin(fed, np.concatenate((kinds[Kind.BALANCED], kinds[Kind.STORED])))]
