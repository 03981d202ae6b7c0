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
# # Quick start: an LSTM is a circuit
# The diagrams of an LSTM look like circuits. Here one becomes a circuit, and we watch its memory fill and drain.
#
# ## One idea: a sigmoid is a competition
# Two conductances that grow and shrink exponentially share a voltage: what the middle gets is exactly the sigmoid.

# %%
# %matplotlib inline
from dataclasses import replace

import numpy as np

import lstm_analog as la

z = np.linspace(-6, 6, 7)
up, down = np.exp(z / 2), np.exp(-z / 2)
np.column_stack([z, up / (up + down), 1 / (1 + np.exp(-z))])

# %% [markdown]
# ## From numbers to parts
# Each weight is a conductance, each gate a pair, each memory a capacitor. The network is the only description there is:
# the differential equations, the netlist and the graph are read off it.

# %%
lstm = la.random_lstm(np.random.default_rng(3), inputs=2, hidden=3, scale=3.0)
circuit = la.compile(lstm, la.electrical.BEHAVIOURAL, settling=20.0)
print(circuit.graph())

# %%
x = np.random.default_rng(4).uniform(-1, 1, (6, 2))
run = circuit.run(x, engine=la.engines.Integrate(points=60))
print(la.compare(run, lstm))

# %% [markdown]
# ## One step of one unit
# While `compute` is high the master capacitors follow; while `copy` is high the slaves take over, and the row voltages
# begin to move towards the next step.

# %%
la.show.step_waveforms(run, 2, lstm=lstm)

# %%
la.show.sequence(run, lstm)

# %% [markdown]
# ## How long must the clock wait?
# Three equal poles in a row (row, cell, output) settle by a law that needs no fit.

# %%
ratios = [8.0, 12.0, 16.0, 20.0]
errors = [
    float(np.abs(la.compile(lstm, la.electrical.BEHAVIOURAL, settling=n).run(x).h - lstm(x).h).max()) for n in ratios
]
la.show.settling_curve(ratios, errors, la.study.settling(run).poles)

# %% [markdown]
# ## Shut the forget gate
# A forget gate that is always shut loses the memory: what was in the cell before does not matter any more.


# %%
def with_forget_bias(lstm, value):
    cell = lstm.layers[0].forward
    bias = cell.bias.copy()
    bias[la.Gate.FORGET] = value
    return replace(lstm, layers=(replace(lstm.layers[0], forward=replace(cell, bias=bias)),))


full = la.State(h=(np.zeros(3),), c=(np.ones(3),))
for value in (-20.0, 20.0):
    machine = la.compile(with_forget_bias(lstm, value), la.electrical.BEHAVIOURAL, timing=la.GATED_LEAK)
    difference = machine.run(x[:2], state=full).c - machine.run(x[:2]).c
    print(f"forget bias {value:+.0f}: what is left of c = 1 after one step: {np.round(difference[0], 6)}")

# %% [markdown]
# ## Exercises
# 1. How much slower must the clock be for an error of h ten times smaller? Try 12 and 14 time constants.
# 2. Give the machine conductances that are off by 1 % (`la.imperfections.DeviceSpread`). Is the clock or the spread the
#    larger error
#    at 12 time constants?
# 3. Shut the *output* gate instead. What becomes of h, and what of c?
#
# ## Answers

# %%
for n in (12.0, 14.0):
    print(n, abs(la.compile(lstm, la.electrical.BEHAVIOURAL, settling=n).run(x).h - lstm(x).h).max())  # 1: two more do

# %%
spread = la.imperfections.DeviceSpread(share=0.01), la.imperfections.Streams(seed=1)
slow = la.compile(lstm, la.electrical.BEHAVIOURAL, settling=12.0)
print(abs(slow.with_imperfection(*spread).run(x).h - lstm(x).h).max())  # 2: the spread, by far


# %%
def with_output_bias(lstm, value):
    cell = lstm.layers[0].forward
    bias = cell.bias.copy()
    bias[la.Gate.OUTPUT] = value
    return replace(lstm, layers=(replace(lstm.layers[0], forward=replace(cell, bias=bias)),))


shut = la.compile(with_output_bias(lstm, -20.0), la.electrical.BEHAVIOURAL).run(x)
print(abs(shut.h).max(), abs(shut.c).max())  # 3: h is zero, and c goes on without being told of it
