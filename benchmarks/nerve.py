"""Nerve cells and rectifiers against closed forms and other simulators: `python benchmarks/nerve.py`, half a minute.

`rates`: spikes a second of a membrane and of a siphon tank, network against closed form, and as rumoca and ngspice have
the moments. `layer`: a rectified weighted sum counted by cells without leak, error against counting time. `noise`: the
mean rate with noise against a walk, and how far it is from a softplus.
"""

import sys

import numpy as np
from measure import conditions, table
from scipy.optimize import curve_fit

from lstm_analog.analogies.nerve import NERVE, SIPHON, cells_of, counted_rates
from lstm_analog.engines import Integrate, Ngspice, Rumoca
from lstm_analog.export import Accuracy
from lstm_analog.network.domain import ELECTRICAL
from lstm_analog.network.schedule import Imposed, Schedule

PICO = 1e-12
CELLS = {"membrane": (NERVE, (110e-12, 150e-12, 400e-12, 1500e-12)), "siphon": (SIPHON, (1.1e-7, 3e-7, 1e-6))}
PERIODS = 4.5
STEPS = (400, 1600, 6400)
"""Least numbers of time steps of ngspice."""


def driven(flow, seconds):
    """Return a schedule without drive and then with a `flow`, each for so many `seconds`."""
    efforts = np.array([[0.0, 1.0], [flow, 1.0]])
    return Schedule(
        names=("rest", "driven"),
        high=np.zeros((2, 0), dtype=bool),
        durations=np.full(2, seconds),
        imposed=(Imposed(label="drive", efforts=efforts),),
    )


def period(run, network):
    """Return the mean time between two spikes of the only cell, from `switchings` or from its state."""
    if run.switchings is not None:
        return float(np.diff(run.switchings.closings(int(network.unknowns["firing"][0]))).mean())
    state = run["firing"][:, 0]
    return float(np.diff(run.time[1:][(state[1:] > 0.5) & (state[:-1] <= 0.5)]).mean())


def rates():
    """Print the error of the period, as a share of the closed form, by engine."""
    engines = {"Integrate": Integrate(), "Rumoca": Rumoca(points=400)}
    fine = {"reltol": 1e-7, "vntol": 1e-10, "abstol": 1e-18, "chgtol": 1e-20}
    engines |= {f"ngspice, {steps} steps": Ngspice(accuracy=Accuracy(**fine, steps=steps)) for steps in STEPS}
    rows = []
    for name, (cell, flows) in CELLS.items():
        network = cells_of(cell, np.ones((1, 1)), np.zeros(1), 1.0)
        for flow in flows:
            exact = float(cell.period(np.array(flow)))
            row = [name, f"{flow:g}", f"{1.0 / exact:.4g}"]
            for engine in engines.values():
                if isinstance(engine, Ngspice) and cell.domain is not ELECTRICAL:
                    row.append("-")
                    continue
                run = engine.run(network, driven(flow, PERIODS * exact))
                row.append(f"{abs(period(run, network) / exact - 1.0):.1e}")
            rows.append(row)
    print(table(["cell", "flow", "spikes a second", *engines], rows))


def layer():
    """Print the error of counted rectified sums against the time of counting, and the exponent of its fall."""
    rng = np.random.default_rng(3)
    weights, bias, x = rng.normal(size=(8, 4)), rng.normal(size=8), rng.uniform(0, 1, (2, 4))
    cell = type(NERVE)(**{**vars(NERVE), "leak": 1e-16, "seal": 1e-16, "emptying": 2e-3})
    gain, charge = 100 * PICO, cell.capacitance * (cell.upper - cell.lower)
    network, exact = cells_of(cell, weights, bias, gain), np.maximum(x @ weights.T + bias, 0.0)
    times, errors = np.array([0.05, 0.1, 0.2, 0.4, 0.8]), []
    for seconds in times:
        found = counted_rates(network, x, float(seconds), rest=1e-3) * charge / gain
        errors.append(np.abs(found - exact).max())
    rows = [[f"{t:g}", f"{e:.3g}", f"{charge / gain / t:.3g}"] for t, e in zip(times, errors, strict=True)]
    print(table(["counted for, s", "largest error of ReLU(Wx + b)", "one spike is worth"], rows))
    print(f"\nThe error falls as time to the power {np.polyfit(np.log(times), np.log(errors), 1)[0]:.2f}.")


def noise():
    """Print the mean rate with noise against the bare one, and its distance from a softplus."""
    flows = np.linspace(40.0, 200.0, 33)

    def softplus(x, height, place, width):
        return height * np.logaddexp(0.0, (x - place) / width)

    rows = []
    for sigma in (1e-3, 2e-3, 3e-3, 5e-3):
        found = NERVE.noisy_rate(flows * PICO, sigma)
        fitted, _ = curve_fit(softplus, flows, found, p0=(10.0, 100.0, 20.0))
        away = np.abs(found - softplus(flows, *fitted)).max() / found.max()
        bare = np.abs(found - NERVE.rate(flows * PICO)).max() / found.max()
        rows.append([f"{1e3 * sigma:g}", f"{100 * away:.1f} %", f"{100 * bare:.1f} %", f"{fitted[2]:.1f} pA"])
    print(table(["noise, mV", "from a softplus", "from the rate without noise", "width of the softplus"], rows))


def main(words):
    """Print what the `words` name, all unless given."""
    print(f"{conditions()}\n")
    for name in words or ("rates", "layer", "noise"):
        {"rates": rates, "layer": layer, "noise": noise}[name]()
        print()


if __name__ == "__main__":
    main(sys.argv[1:])
