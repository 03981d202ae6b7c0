"""References for noise in time: the same network with noise of its own imposed from outside, run by any engine.

`with_noise_sources` puts a source behind each unknown that takes a flow, so the network is an ordinary one; each path
of a batch imposes white noise of its own, constant over short pieces of the intervals. Nothing is linearised, and
nothing is taken from `engines.noise` but which flow enters where.
"""

from dataclasses import replace

import numpy as np

from lstm_analog.engines.noise.linearised import linearise, white_flows
from lstm_analog.engines.noise.pieces import NoisePiece, propagate
from lstm_analog.engines.system import system
from lstm_analog.network.graph import Group, Unknowns
from lstm_analog.network.laws import Kind
from lstm_analog.network.parts import Sources, Transconductors
from lstm_analog.network.schedule import Imposed, Schedule

LABEL = "noise_flow"


def with_noise_sources(network):
    """Return `network` with a source of a flow into each of its junctions and storages, and these unknowns."""
    kinds = network.kinds()
    rows = np.sort(np.concatenate((kinds[Kind.BALANCED], kinds[Kind.STORED])))
    groups = (*network.unknowns.groups, Group(label=LABEL, size=rows.size, scale=1.0))
    unknowns = Unknowns(groups=groups)
    sources = Sources(label=LABEL, nodes=unknowns[LABEL], effort=0.0)
    into = Transconductors(label=f"{LABEL}_in", inputs=unknowns[LABEL], rows=rows, transconductance=np.eye(rows.size))
    return replace(network, unknowns=unknowns, parts=(*network.parts, sources, into)).verify(), rows


def cut(schedule, pieces):
    """Return `schedule` with each interval cut into as many equal ones as `pieces` (intervals,) says."""
    again = np.repeat(np.arange(len(pieces)), pieces)
    imposed = tuple(Imposed(label=each.label, efforts=each.efforts[..., again, :]) for each in schedule.imposed)
    return Schedule(
        names=tuple(schedule.names[k] for k in again),
        high=schedule.high[again],
        durations=schedule.durations[again] / np.asarray(pieces)[again],
        imposed=imposed,
    )


def noisy_ends(network, schedule, engine, *, pieces, paths, rng, factor, temperature):
    """Return the efforts at the ends of intervals without noise, (intervals, unknowns), and of `paths` with it.

    The amplitude of the noise is `factor` times what the laws say at the efforts without noise in each piece. The first
    piece is silent, for the run begins at rest.
    """
    driven, rows = with_noise_sources(network)
    fine = cut(schedule, pieces)
    nominal = engine.run(network, fine)
    efforts = np.stack([nominal.sample(fine.ends, np.array([k]))[:, 0] for k in range(network.unknowns.size)], axis=-1)
    flows = np.empty((paths, len(fine.names), rows.size))
    flows[:, 0] = 0.0
    for number, length in list(enumerate(fine.durations))[1:]:
        white = white_flows(network, efforts[number : number + 1], fine.phase(number), temperature)
        root = np.sqrt(0.5 * white.density[0] / length) * factor
        drawn = rng.standard_normal((paths, root.size)) * root
        entering = np.zeros((paths, network.unknowns.size))
        np.add.at(entering.T, white.heads, drawn.T)
        np.add.at(entering.T, white.tails, -drawn.T)
        flows[:, number] = entering[:, rows]
    imposed = tuple(
        Imposed(label=each.label, efforts=np.broadcast_to(each.efforts, (paths, *each.efforts.shape)))
        for each in fine.imposed
    )
    batch = replace(fine, imposed=(*imposed, Imposed(label=LABEL, efforts=flows)))
    run = engine.run(driven, batch)
    ends = np.cumsum(pieces) - 1
    every = np.arange(network.unknowns.size)
    return efforts[ends], run.sample(fine.ends[ends], every)


def nonlinear_ends(linear, *, paths, rng, factor):
    """Return the efforts of `paths` at the ends of intervals, (paths, intervals, unknowns), of the nonlinear network.

    For networks with poles too fast to be cut into pieces. From point to point of the trajectory of `linear` the
    deviation d goes on by the exponential Euler method, d' = A d + r(d) with r what the linearised rates leave out, and
    takes noise of `factor` times its amplitude.
    """
    trajectory, storages = linear.trajectory, linear.storages
    deviation = np.zeros((paths, storages.size))
    found = []
    for number, (length, end) in enumerate(zip(trajectory.schedule.durations, trajectory.schedule.ends, strict=True)):
        equations = system(trajectory.network, trajectory.schedule.phase(number))
        times = trajectory.time[(trajectory.time > end - length) & (trajectory.time <= end)]
        nominal = trajectory.sample(times, np.arange(trajectory.network.unknowns.size))
        moments = [linearise(equations, nominal[k : k + 1], linear.temperature) for k in range(times.size)]
        for first, step in enumerate(np.diff(times)):
            ends = tuple(moments[first : first + 2])
            transition, added = NoisePiece(duration=step, weights=np.array([0.5, 0.5]), linear=ends).forward()
            rates, before = ends[0].rates[0], completed(equations, nominal[first : first + 1])
            effort = np.repeat(before, paths, axis=0)
            effort[:, storages] += deviation
            rest = equations.rates(completed(equations, effort)) - equations.rates(before) - deviation @ rates.T
            root = np.linalg.cholesky(added[0] + 1e-9 * np.diag(np.diag(added[0])) + 1e-40 * np.eye(storages.size))
            deviation = deviation @ transition[0].T + rest @ held(rates, step).T
            deviation += factor * rng.standard_normal(deviation.shape) @ root.T
        effort = np.repeat(nominal[-1:], paths, axis=0)
        effort[:, storages] += deviation
        found.append(completed(equations, effort))
    return np.stack(found, axis=1)


def completed(equations, effort):
    """Return `effort` with its junctions and followers solved for."""
    result = effort.copy()
    equations.complete(result)
    return result


def held(rates, duration):
    """Return the integral of exp(A s) over s from 0 to the `duration`, of the `rates` A (n, n)."""
    size = len(rates)
    wide = np.zeros((2 * size, 2 * size))
    wide[:size, :size], wide[:size, size:] = rates, np.eye(size) / duration
    return propagate(wide, np.zeros_like(wide), duration)[0][:size, size:] * duration
