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
# # A gate is a crowd that votes
# A sigmoid is a probability. Here a gate of an LSTM becomes a number of ion channels, each open or shut by chance, and
# we count how many a forecast needs. [docs/chance.md](../docs/chance.md) has the laws and what they are held against.

# %%
# %matplotlib inline
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np

import lstm_analog as la
from lstm_analog.analogies import chance
from lstm_analog.analogies.drawn_lstm import deviations
from lstm_analog.compiler.electrical import CHANNELS
from lstm_analog.engines import Settle, Waveform
from lstm_analog.imperfections import ChannelNoise, Streams
from lstm_analog.model import airline

RATE = CHANNELS.rate
rng = np.random.default_rng(0)

# %% [markdown]
# ## One channel does not know what it does, many do
# A channel opens at the rate r e^(u/2) and shuts at r e^(-u/2). Its probability to be open obeys the equation of a
# capacitor between two conductances. We let the control jump from -2 to 2, and count open channels jump by jump, beside
# the network.

# %%
count, step = 12, 2e-6
network = chance.channels(1, number=1e4, rate=RATE, capacitance=CHANNELS.capacitance)
controls = np.array([[-2.0], *[[2.0]] * count])
circuit = chance.shares(network, controls, Waveform(), interval=step)[1:, 0]
times, start = step * np.arange(1, count + 1), 1 / (1 + np.exp(2.0))

figure, axes = plt.subplots(1, 3, figsize=(11, 3), sharey=True)
for axis, number in zip(axes, (1, 30, 1000), strict=True):
    jumped = [
        chance.jump(2.0, t, number=number, rate=RATE, start=start, reading=step, runs=40, generator=rng).end
        for t in times
    ]
    axis.plot(times * 1e6, jumped, ".", color="0.7")
    axis.plot(times * 1e6, circuit, "C0", label="two conductances and a capacitor")
    axis.plot(times * 1e6, chance.opening(2.0, times, rate=RATE, start=start), "k:", label="master equation")
    axis.set(title=f"40 crowds of {number}", xlabel="time (us)")
axes[0].set_ylabel("share of open channels")
axes[2].legend(loc="lower right")
figure.tight_layout()

# %% [markdown]
# ## An LSTM of channels
# The airline forecaster of 15 units, every curve of it N channels: i, f, o, g and tanh(c), drawn anew each month.

# %%
forecaster = airline.forecaster(15)
months, passengers = airline.series()
x = forecaster.encode(passengers)
lstm = forecaster.whole


def draw(number: int, draws: int = 100) -> np.ndarray:
    """Return forecasts (draws, months) in thousands."""
    machine = la.compile(lstm, replace(CHANNELS, channels=number))
    noisy = machine.with_imperfection(ChannelNoise(), Streams(seed=1))
    run = noisy.run(np.broadcast_to(x, (draws, *x.shape)), engine=Settle(), keep=la.Keep.OUTPUTS)
    return forecaster.offset + forecaster.scale * run.y[..., 0]


figure, axes = plt.subplots(1, 3, figsize=(11, 3), sharey=True)
drawn = {number: draw(number) for number in (100, 1_000, 10_000)}
for axis, (number, found) in zip(axes, drawn.items(), strict=True):
    axis.plot(months[-36:] + 1, found[:, -36:].T, color="0.8", lw=0.5)
    axis.plot(months[-36:] + 1, forecaster.decode(forecaster.lstm(x).h)[-36:, 0], "C1", label="LSTM")
    axis.set(title=f"{number} channels a curve")
    axis.set_xticks(months[-36::12] + 1)
axes[0].set_ylabel("passengers (thousands)")
axes[0].legend()
figure.tight_layout()

# %% [markdown]
# ## The law of large numbers, with its constant
# A curve deviates by sqrt(p (1 - p)/N). Its slope to the answer is known, so the constant is known before anything is
# drawn.

# %%
constant = forecaster.scale * np.sqrt((deviations(lstm, x) ** 2).mean())
drawn[100_000] = draw(100_000)
numbers = np.array(list(drawn))
measured = np.array([np.sqrt(found.var(axis=0).mean()) for found in drawn.values()])
figure, axis = plt.subplots(figsize=(5, 3))
axis.loglog(numbers, constant / np.sqrt(numbers), "k:", label="first order, nothing fitted")
axis.loglog(numbers, measured, "o", label="100 draws of the circuit")
axis.set(xlabel="channels of a curve", ylabel="deviation (thousands)")
axis.legend()
figure.tight_layout()
np.column_stack([numbers, constant / np.sqrt(numbers), measured])

# %% [markdown]
# ## Exercise
# Here a gate is read once, at the end of a phase of T = 20 time constants t of its channels. If it is averaged over the
# phase instead, how many channels deviate as 10,000 do now, where u = 0? The variance of a mean over T is lower by
# about 2 t/T (1 - t/T). Check it jump by jump.

# %% [markdown]
# *Answer*: by 0.095, so 950 channels. (Channels that are driven hard forget faster, and gain more.)

# %%
few = round(10_000 * 2 / 20 * (1 - 1 / 20))
phase = 20 * CHANNELS.channel_time
found = chance.jump(0.0, phase, number=few, rate=RATE, start=0.5, reading=1e-6, runs=1000, generator=rng).mean
print(f"{few} averaged: {found.std():.5f}; 10000 read once: {np.sqrt(0.25 / 10_000):.5f}")
