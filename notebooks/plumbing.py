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
# # Plumbing an LSTM
# The same numbers as capillaries, opposed valves and tanks of oil.
#
# ## A sigmoid of two valves
# One valve opens as exp(z/2), the other, from the middle to the drain, as exp(-z/2). The pressure between them is the
# sigmoid.

# %%
# %matplotlib inline
import numpy as np

import lstm_analog as la

z = np.linspace(-4, 4, 5)
upper, lower = np.exp(z / 2), np.exp(-z / 2)
print(upper / (upper + lower) - 1 / (1 + np.exp(-z)))

# %% [markdown]
# ## The machine

# %%
lstm = la.random_lstm(np.random.default_rng(3), inputs=2, hidden=2, scale=2.0)
x = np.random.default_rng(4).uniform(-1, 1, (5, 2))
plumbing = la.compile(lstm, la.hydraulic.OIL, settling=14.0)
run = plumbing.run(x, engine=la.engines.Waveform(points=40))
print(plumbing)
print(abs(run.h - lstm(x).h).max())

# %%
la.show.step_waveforms(run, 2, lstm=lstm)

# %% [markdown]
# ## A weight is a bore
# A capillary of length L conducts G = pi d^4 / (128 mu L) (Hagen and Poiseuille). Weights of one row differ by their
# bores only, and a
# bore 1 % too wide is a weight 4 % too large.

# %%
oil = la.hydraulic.VG32
one = (128 * oil.viscosity * 0.30 * la.hydraulic.OIL.unit_conductance / np.pi) ** 0.25
print(f"{one * 1e3:.2f} mm for a weight of 1, {(one * 0.5**0.25) * 1e3:.2f} mm for 0.5")
print(1.01**4)

# %% [markdown]
# ## What has to be bought

# %%
bill = plumbing.bill_of_materials(run)
for what, size in bill.totals:
    print(f"{what}: {size}")
print(len(plumbing.check(run).warnings), "figures beyond their limits")

# %% [markdown]
# ## Exercises
# 1. In water a unit is 1 kPa instead of 10. Is h another? How long is a step?
# 2. Solenoids that leak 1e-4 of their flow let the memory droop. Is 14 time constants still the best phase?
# 3. Warm the whole machine from 40 to 60 C. Why does h hardly change?
#
# ## Answers

# %%
water = la.compile(lstm, la.hydraulic.WATER, settling=14.0)
print(
    abs(water.run(x).h - run.h).max(), dict(water.bill_of_materials().totals)["step time"]
)  # 1: no; ten times as long

# %%
leak = la.imperfections.SeatLeak(share=1e-4), la.imperfections.Streams(seed=1)
for n in (6.0, 9.0, 14.0, 20.0):
    leaky = la.compile(lstm, la.hydraulic.OIL, settling=n).with_imperfection(*leak)
    print(n, abs(leaky.run(x).c - lstm(x).c).max())  # 2: about ln(1/leak) = 9 time constants are best

# %%
warmth = la.imperfections.OperatingTemperature(celsius=60.0), la.imperfections.Streams(seed=1)
print(
    abs(plumbing.with_imperfection(*warmth).run(x).h - run.h).max()
)  # 3: ratios of conductances decide; thin oil settles further
