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
# # A network by hand
# Engines and exports know networks, not LSTMs. Here are three small ones: an RC, an op-amp and a half-bridge of two
# valves, each held
# against its closed form.
#
# ## An RC
# A network is groups of unknowns and banks of parts between them. Unknown 0 is ground. A schedule says which efforts
# are imposed in which
# interval, and which clock lines are high.

# %%
# %matplotlib inline
import tempfile
from pathlib import Path

import numpy as np

import lstm_analog as la
from lstm_analog.network.data_sheets import OpAmpData, opamps
from lstm_analog.network.domain import ELECTRICAL, HYDRAULIC
from lstm_analog.network.graph import Group, Network, Unknowns
from lstm_analog.network.parts import ALWAYS, Conductors, Junctions, Ports, Sources, Storages
from lstm_analog.network.schedule import Imposed, Schedule
from lstm_analog.network.shapes import Shape


def network(domain, groups, *parts):
    unknowns = Unknowns(groups=tuple(Group(label=label, size=size, scale=1.0) for label, size in groups.items()))
    return Network(domain=domain, unknowns=unknowns, parts=parts, lines=(), provenance=()).verify()


def driven(durations, efforts):
    return Schedule(
        names=tuple(f"interval{k}" for k in range(len(durations))),
        high=np.zeros((len(durations), 0), dtype=bool),
        durations=durations,
        imposed=(Imposed(label="drive", efforts=np.array(efforts)[:, None]),),
    )


rc = network(
    ELECTRICAL,
    {"drive": 1, "out": 1},
    Sources(label="drive", nodes=[1], effort=0.0),
    Conductors(label="r", a=[1], b=[2], conductance=1e-4),  # 10 kohm
    Storages(label="c", nodes=[2], capacitance=1e-10),  # 100 pF
)
step = driven([1e-8, 5e-6], [0.0, 1.0])
run = la.engines.Integrate(points=50).run(rc, step)
expected = 1 - np.exp(-np.clip(run.time - 1e-8, 0, None) / 1e-6)
print(abs(run["out"][:, 0] - expected).max())

# %% [markdown]
# The same network in ngspice, from the exported deck:

# %%
theirs = la.engines.Ngspice().run(rc, step)
print(theirs["out"][-1], expected[-1])

# %% [markdown]
# ## An op-amp
# An inverter: 10 kohm in, 20 kohm back. An op-amp has gain, bandwidth, slew and rails, so the answer is -2 only if
# one waits, and only as
# long as it is within the rails.

# %%
data = OpAmpData(gain=1e5, gain_bandwidth=1e7, slew=1e7, rail=4.5, output_resistance=50.0, offset=0.0)
inverter = network(
    ELECTRICAL,
    {"drive": 1, "sum": 1, "out": 1, "state": 1},
    Sources(label="drive", nodes=[1], effort=0.0),
    Conductors(label="r", a=[1, 2], b=[2, 3], conductance=[1e-4, 0.5e-4]),
    Junctions(label="j", nodes=[2, 3]),
    opamps("u", data, plus=[0], minus=[2], out=[3], state=[4]),
)
for volts in (0.1, 1.0, 3.0):
    reached = la.engines.Integrate().run(inverter, driven([1e-8, 5e-6], [0.0, volts]))["out"][-1, 0]
    print(f"{volts} V in, {reached:.4f} V out")

# %% [markdown]
# ## A half-bridge of two valves
# Two ports between a rail at 2 and one at -1, the upper opened by what shuts the lower. Where they meet stands
# -1 + 3 sigmoid(z): a sigmoid times a difference of two pressures.

# %%
bridge = network(
    HYDRAULIC,
    {"drive": 1, "rail": 2, "middle": 1},
    Sources(label="drive", nodes=[1], effort=0.0),
    Sources(label="rails", nodes=[2, 3], effort=[2.0, -1.0]),
    Ports(
        label="ports",
        line=ALWAYS,
        shape=Shape.EXP,
        a=[2, 4],
        b=[4, 3],
        p=[1, 0],
        n=[0, 1],
        conductance=1e-10,
        scale=0.5,  # each port opens by exp(z/2), the other by exp(-z/2)
        offset=0.0,
    ),
    Storages(label="chamber", nodes=[4], capacitance=1e-11),
)
for z in (-3.0, 0.0, 1.0, 3.0):
    settled = la.engines.Settle().run(bridge, driven([10.0], [z]))["middle"][-1, 0]
    print(z, settled, -1 + 3 / (1 + np.exp(-z)))

# %% [markdown]
# ## Exercises
# 1. Two RCs in a chain: what is left after 8 time constants, if the second does not load the first?
# 2. The inverter at 1 V: how long does it slew?
# 3. A port that leaks: give the bridge a conductor of 1e-12 from the upper rail to the middle. How wrong is it at z =
#    -3?
#
# ## Answers

# %%
chain = network(
    ELECTRICAL,
    {"drive": 1, "first": 1, "second": 1},
    Sources(label="drive", nodes=[1], effort=0.0),
    Conductors(label="r", a=[1, 2], b=[2, 3], conductance=[1e-4, 1e-8]),
    Storages(label="c", nodes=[2, 3], capacitance=[1e-10, 1e-14]),
)
left = 1 - la.engines.Integrate().run(chain, driven([1e-8, 8e-6], [0.0, 1.0]))["second"][-1, 0]
print(
    left, np.exp(-8) * (1 + 8)
)  # 1: the law of two equal poles; the second one has a ten thousandth of the conductance

# %%
wave = la.engines.Integrate(points=200).run(inverter, driven([1e-8, 1e-6], [0.0, 1.0]))
print(wave.time[wave["out"][:, 0] > -1.9].max())  # 2: 2 V at 10 V/us are 0.2 us, and some more to settle

# %%
leak = Conductors(label="leak", a=[2], b=[4], conductance=1e-12)
leaky = network(HYDRAULIC, {"drive": 1, "rail": 2, "middle": 1}, *bridge.parts, leak)
ideal, found = (la.engines.Settle().run(each, driven([10.0], [-3.0]))["middle"][-1, 0] for each in (bridge, leaky))
print(found - ideal)  # 3: some 0.006 of three units

# %%
with tempfile.TemporaryDirectory() as folder:
    la.export.write_spice(Path(folder) / "rc.cir", rc, step, la.NGSPICE, la.export.USUAL)
    print((Path(folder) / "rc.cir").read_text()[:400])
