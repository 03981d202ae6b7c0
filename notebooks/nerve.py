# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---


# %% [markdown]
# # Where ReLU comes from
# A nerve cell fires the faster the more it is driven, and not at all below a threshold. Here it is built twice: as a
# membrane that a channel discharges, and as a tank that a siphon empties. [docs/nerve.md](../docs/nerve.md) has the
# laws, what they are held against, and where the analogy ends.

# %%
# %matplotlib inline
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np

from lstm_analog.analogies import NERVE, SIPHON, cells_of, counted_rates
from lstm_analog.engines import Integrate, Rumoca
from lstm_analog.network.schedule import Imposed, Schedule


def driven(flow, seconds):
    """Nothing for a while, then a constant flow."""
    efforts = np.array([[0.0, 1.0], [flow, 1.0]])
    return Schedule(
        names=("rest", "driven"),
        high=np.zeros((2, 0), dtype=bool),
        durations=np.full(2, seconds),
        imposed=(Imposed(label="drive", efforts=efforts),),
    )


# %% [markdown]
# ## Two cells
# 300 pA into a membrane, 0.3 mL/s into a tank of 1 cm2. Both fill, and empty themselves when they are full.

# %%
figure, panels = plt.subplots(1, 2, figsize=(10, 2.8))
for axes, cell, flow, unit, factor in (
    (panels[0], NERVE, 300e-12, "membrane (mV)", 1e3),
    (panels[1], SIPHON, 3e-7, "tank (hPa)", 1e-2),
):
    network, period = cells_of(cell, np.ones((1, 1)), np.zeros(1), 1.0), float(cell.period(np.array(flow)))
    run = Integrate(points=400).run(network, driven(flow, 3.5 * period))
    axes.plot(run.time, run["v"][:, 0] * factor)
    axes.set(xlabel="time (s)", ylabel=unit, title=f"a spike every {period:.3g} s")
    spikes = run.switchings.closings(int(network.unknowns["firing"][0]))
    assert abs(np.diff(spikes) / period - 1.0).max() < 1e-6
figure.tight_layout()

# %% [markdown]
# rumoca, which shares no code with this package, runs the exported Modelica file of the tank, and has it fire at the
# same moments.

# %%
other = Rumoca(points=300).run(network, driven(flow, 3.5 * period))
state = other["firing"][:, 0]
moments = other.time[1:][(state[1:] > 0.5) & (state[:-1] <= 0.5)]
print(f"moments differ by {abs(moments - spikes).max():.1e} s")
assert abs(moments - spikes).max() < 1e-6

# %% [markdown]
# ## Which activation function is it?
# Without a leak the rate is the drive, rectified. With a leak it has a steep foot. With noise it is a softplus.

# %%
drive = np.linspace(0.0, 250e-12, 101)
sealed = replace(NERVE, leak=1e-16, seal=1e-16)
figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
axes.plot(drive * 1e12, sealed.rate(drive), label="no leak: ReLU")
axes.plot(drive * 1e12, NERVE.rate(drive), "--", label="leak")
axes.plot(drive * 1e12, NERVE.noisy_rate(drive, 3e-3), "-.", label="leak and noise: softplus")
axes.set(xlabel="drive (pA)", ylabel="spikes a second")
axes.legend()
# %% [markdown]
# ## A layer that counts
# Cells without leak, each fed a weighted sum: their counts are max(Wx + b, 0), the better the longer they count.

# %%
rng = np.random.default_rng(3)
weights, bias, x = rng.normal(size=(6, 4)), rng.normal(size=6), rng.uniform(0, 1, 4)
cell, gain = replace(sealed, emptying=2e-3), 100e-12
layer, exact = cells_of(cell, weights, bias, gain), np.maximum(weights @ x + bias, 0.0)
worth = cell.capacitance * (cell.upper - cell.lower) / gain  # of one spike a second
for seconds in (0.05, 0.2, 0.8):
    away = abs(counted_rates(layer, x, seconds, rest=1e-3) * worth - exact).max()
    print(f"{seconds} s: {away:.3f} off, a spike is worth {worth / seconds:.3f}")
    assert away < 1.1 * worth / seconds + 0.005

# %% [markdown]
# ## Exercise
# Drive the membrane harder and harder. What does it do beyond 2 nA, and why does no ReLU do that?
#
# ## Answer
# It falls silent. The open channel has to pull the membrane below `lower`; from `lower` x `emptying` on the drive holds
# it above, and the channel stays open: physiologists call it depolarisation block.

# %%
for flow in (1e-9, 1.9e-9, 2.1e-9):
    print(f"{flow * 1e9:.1f} nA: {float(NERVE.rate(np.array(flow))):.0f} spikes a second")
