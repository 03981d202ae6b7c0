"""Noise in time against what is independent of it: `python benchmarks/noise_in_time.py [paths]`, 2,000 unless given.

Closed forms; ngspice's `.noise` of a whole op-amp machine, clock state by clock state, and of a pair of transistors;
sample paths against their own law; whole machines against noise that is imposed from outside on the nonlinear network,
or, where poles are too fast for that, carried through it. Then where the linear law ends, and what all that costs.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from measure import conditions, least, table

import lstm_analog as la
from lstm_analog.engines import Waveform
from lstm_analog.engines.noise import LinearNoise
from lstm_analog.engines.noise.spectra import alone
from lstm_analog.network.parts import Storages
from lstm_analog.study import MachineNoise, noise_of

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path.append(str(TESTS / "helpers"))
import noise_forms as forms  # noqa: E402
from noise_in_ngspice import at_rest, integrated, without_clock  # noqa: E402
from noisy_networks import noisy_ends, nonlinear_ends  # noqa: E402

PRESETS = {
    "BEHAVIOURAL": la.electrical.BEHAVIOURAL,
    "OIL": la.hydraulic.OIL,
    "OPAMP_IDEAL": la.electrical.OPAMP_IDEAL,
    "OPAMP_BENCH": la.electrical.OPAMP_BENCH,
}
IMPOSED = {"BEHAVIOURAL": (5, 100.0), "OIL": (5, 1e6)}
"""Pieces a time constant, and times the amplitude: so that the noise is far above the tolerance of the engine."""
STEPS = 6
Row = tuple[str, str, str, str]


def machine(name: str, units: int = 3) -> tuple[la.Machine, np.ndarray]:
    """Return a machine of so many units in the technology of that name, and what it is fed."""
    lstm = la.random_lstm(np.random.default_rng(0), inputs=2, hidden=units)
    return la.compile(lstm, PRESETS[name]), np.random.default_rng(1).uniform(-1, 1, (STEPS, 2))


def worst(found: np.ndarray, expected: np.ndarray) -> str:
    return f"{np.max(np.abs(np.asarray(found) / expected - 1.0)):.1e}"


def closed_forms(paths: int) -> Iterator[Row]:
    """Yield what is compared, how many numbers, and the largest departure of the variances."""
    yield "R-C, kT/C (1 - exp(-2t/RC))", "covariance", "5", worst(*forms.charging())
    found, law = forms.autocorrelation(20 * paths)
    yield "R-C, autocorrelation exp(-t/RC) up to 3 RC", "paths", "13", f"{np.abs(found - law).max():.1e} of kT/C"
    linear, law = forms.sampler(), forms.ENERGY / forms.FARAD
    yield "kT/C after each opening of a switch", "covariance", "8", worst(forms.covariances(linear, [1]), law)
    drawn = linear.paths(20 * paths, np.random.default_rng(1))["v"][:, 2::2, 0]
    yield "the same", "paths", "4", worst(drawn.var(axis=0), law)
    yield "charge shared by two capacitors, after each transfer", "covariance", "3", worst(*forms.shared_charge())
    found, law = forms.double_sampled()
    both = np.array([1.0, -1.0])
    yield (
        "correlated double sampling, of the difference",
        "covariance",
        "1",
        worst(both @ found @ both, both @ law @ both),
    )
    for control in (0.0, 0.03, -0.05):
        told = f"pair at {control:g} V on R and C, (2qI s + 4kT/R) R/4C"
        yield told, "covariance", "1", worst(*forms.pair(control, forms.TAIL))


def in_ngspice() -> Iterator[Row]:
    """Yield a clock state, how many nodes, the smallest and largest ratio of our sigma to that of ngspice."""
    made, x = machine("OPAMP_BENCH")
    driven, network = made.schedule(x[:1]), made.network
    nodes = np.sort(np.concatenate([part.nodes for part in network.parts if isinstance(part, Storages)]))
    with tempfile.TemporaryDirectory() as folder:
        for interval, name in enumerate(driven.names):
            state = alone(driven, interval)
            fixed = without_clock(network, state.phase(0))
            ratio = np.sqrt(at_rest(fixed, state, nodes, shot=False) / integrated(Path(folder), fixed, state, nodes))
            yield f"OPAMP_BENCH, {name}", f"{nodes.size}", f"{ratio.min():.4f}", f"{ratio.max():.4f}"
        for control in (0.0, 0.02, -0.04):
            theirs, ours = forms.pair_of_transistors(Path(folder), control)
            yield f"pair of transistors, {control:g} V", "1", f"{ours / theirs:.4f}", f"{ours / theirs:.4f}"


def read(compiled: la.compiler.Compiled, ends: np.ndarray, factor: float) -> np.ndarray:
    """Return the spread of h and c over paths whose efforts at the ends of intervals are `ends`, in units of signal."""
    at, unknowns = compiled.cycle.ends("readout", STEPS), compiled.network.unknowns
    nodes = np.concatenate((unknowns["l0_h"], unknowns["l0_c"]))
    return ends[:, at][..., nodes].std(axis=0) / factor / unknowns.scales()[nodes]


def ratios(noise: MachineNoise, spread: np.ndarray) -> tuple[str, str, str]:
    """Return the root of the mean ratio of variances, the smallest and the largest ratio of sigmas."""
    found = spread / np.concatenate((noise.h, noise.c), axis=-1)
    return f"{np.sqrt(np.mean(found**2)):.3f}", f"{found.min():.3f}", f"{found.max():.3f}"


def machines(paths: int) -> Iterator[tuple[str, ...]]:
    """Yield a machine, its sigma, against what, and the ratios of sampled to predicted sigma."""
    for name in PRESETS:
        made, x = machine(name)
        noise = noise_of(made, x)
        sigma = f"{np.sqrt(np.mean(noise.h**2)):.2e}", f"{np.sqrt(np.mean(noise.c**2)):.2e}"
        sampled = noise.sample(paths, seed=0)
        spread = np.concatenate((sampled.h.std(axis=0), sampled.c.std(axis=0)), axis=-1)
        yield name, *sigma, "linear paths", *ratios(noise, spread)
        compiled = made.compiled
        if name in IMPOSED:
            per, factor = IMPOSED[name]
            driven = made.schedule(x)
            pieces = np.maximum(np.round(per * driven.durations / compiled.time_constant).astype(int), 1)
            _, ends = noisy_ends(
                compiled.network, driven, Waveform(rtol=1e-7, atol=1e-9), pieces=pieces, paths=paths // 4,
                rng=np.random.default_rng(2), factor=factor, temperature=300.0,
            )  # fmt: skip
            yield name, *sigma, f"imposed on `Waveform`, x {factor:g}", *ratios(noise, read(compiled, ends, factor))
        else:
            ends = nonlinear_ends(noise.linear, paths=paths // 4, rng=np.random.default_rng(3), factor=1.0)
            yield name, *sigma, "nonlinear paths", *ratios(noise, read(compiled, ends, 1.0))


def ends_of_the_law(paths: int) -> Iterator[tuple[str, ...]]:
    """Yield a machine, by what its noise is multiplied, sigma of h then, and how far that is from linear."""
    for name, factors in (("BEHAVIOURAL", (1.0, 1e3, 1e4, 3e4)), ("OPAMP_BENCH", (1.0, 1e2, 1e3, 3e3))):
        made, x = machine(name)
        noise = noise_of(made, x)
        first = None
        for factor in factors:
            ends = nonlinear_ends(noise.linear, paths=paths // 4, rng=np.random.default_rng(4), factor=factor)
            spread = read(made.compiled, ends, factor)
            first = spread if first is None else first
            sigma = factor * np.sqrt(np.mean(noise.h**2))
            yield name, f"{factor:g}", f"{sigma:.2g}", f"{np.max(np.abs(spread / first - 1.0)):.1%}"


def convergence() -> Iterator[tuple[str, str]]:
    """Yield a machine and how far 17 points an interval are from 129, of sigma."""
    for name in PRESETS:
        made, x = machine(name)
        few, many = (noise_of(made, x, engine=Waveform(points=points)) for points in (17, 129))
        yield name, worst(np.append(few.h, few.c), np.append(many.h, many.c))


def cost() -> Iterator[tuple[str, ...]]:
    """Yield a machine, its storages, and the seconds of the run, the noise, the origins and a thousand paths."""
    for name, units in (*((name, 3) for name in PRESETS), ("BEHAVIOURAL", 15), ("OIL", 15)):
        made, x = machine(name, units)
        noise = noise_of(made, x)
        run = noise.run.trajectory
        calls = (
            lambda made=made, x=x: made.run(x, engine=Waveform(points=17)),
            lambda run=run: [*LinearNoise(trajectory=run).nodes(np.array([1]))],
            lambda noise=noise: noise.origins(),
            lambda noise=noise: noise.sample(1000, seed=0),
        )
        times = [f"{each:.2f}" for each in least(calls, 1)]
        yield name, str(units), str(noise.linear.storages.size), *times


def main(paths: int) -> None:
    print(conditions())
    for heads, rows in (
        (("closed form", "of", "numbers", "largest departure of the variance"), closed_forms(paths)),
        (("ngspice `.noise`", "nodes", "least ratio of sigma", "largest"), in_ngspice()),
        (("machine", "sigma h", "sigma c", "against", "ratio", "least", "largest"), machines(paths)),
        (("machine", "noise times", "sigma h", "off the linear law"), ends_of_the_law(paths)),
        (("machine", "17 points against 129"), convergence()),
        (("machine", "units", "storages", "run, s", "noise, s", "origins, s", "1,000 paths, s"), cost()),
    ):
        print(f"\n{table(heads, rows)}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
