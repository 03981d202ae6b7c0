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
# # Your own part, your own technology
# A device of yours with a measured curve becomes a part: a record and the law beside it. The package stays as it is.
# Flows and derivatives for every engine, the text of every SPICE dialect and the way back, Verilog-A, Modelica and
# graph files follow from that one equation.
#
# All of it but running it is less than 40 lines.
#
# ## The record and its law
# Some two-terminal device was measured between a row and ground; between the points the current is linear.

# %%
from dataclasses import dataclass, replace

import numpy as np

import lstm_analog as la
from lstm_analog.compiler import lower
from lstm_analog.expressions import absolute, effort, parameter
from lstm_analog.network.bank import node_array, value_array
from lstm_analog.network.parts import Transconductors
from lstm_analog.network.parts.base import Law, check_bank, law

VOLTS = np.array([-4.0, -1.5, -0.5, 0.5, 1.5, 4.0])
MICROAMPERES = np.array([-90.0, -22.0, -4.0, 4.0, 22.0, 90.0])
SLOPES = np.diff(MICROAMPERES) / np.diff(VOLTS) * 1e-6
BENDS, RISE = np.diff(SLOPES) / 2, (SLOPES[0] + SLOPES[-1]) / 2  # i(v) = base + rise v + sum of bends |v - volts|
BASE = MICROAMPERES[1] * 1e-6 - RISE * VOLTS[1] - np.abs(VOLTS[1] - VOLTS[1:-1]) @ BENDS


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """Devices to ground of the measured curve, `number` of them in parallel."""

    label: str
    nodes: np.ndarray = node_array()
    number: np.ndarray = value_array()

    def __post_init__(self):
        check_bank(self)


@law.register
def measured(part: Measured):
    v = effort("nodes")
    current = BASE + RISE * v + sum(b * absolute(v - u) for b, u in zip(BENDS, VOLTS[1:-1], strict=True))
    return Law(terminals=("nodes",), into={"nodes": -parameter("number") * current}, units={"number": "1"})


# %% [markdown]
# ## A technology that uses it
# The behavioural circuit with such a device across every row.


# %%
@dataclass(frozen=True, kw_only=True)
class Loaded:
    number: float


@lower.register
def lower_loaded(technology: Loaded, signals, timing, settling):
    compiled = lower(la.electrical.BEHAVIOURAL, signals, timing, settling)
    banks = [part for part in compiled.network.parts if isinstance(part, Transconductors)]
    loads = [Measured(label=f"{part.label}_device", nodes=part.rows, number=technology.number) for part in banks]
    return replace(compiled, network=replace(compiled.network, parts=(*compiled.network.parts, *loads)).verify())


# %% [markdown]
# ## Run it

# %%
lstm = la.random_lstm(np.random.default_rng(0), inputs=2, hidden=3)
x = np.random.default_rng(1).uniform(-1, 1, (4, 2))
machine = la.compile(lstm, Loaded(number=0.5))
ours, theirs = machine.run(x).h, machine.run(x, engine=la.engines.Ngspice()).h
print(abs(ours - theirs).max(), "scipy against ngspice;", abs(ours - lstm(x).h).max(), "what the devices do to h")

# %% [markdown]
# ## Your op-amp
# A part that is there already takes the figures of your data sheet.

# %%
slow = replace(la.electrical.OPAMP.amplifier, gain=2e5, gain_bandwidth=3e6, slew=13e6, rail=3.5, output_resistance=75.0)
board = la.compile(lstm, replace(la.electrical.OPAMP, name="MINE", amplifier=slow))
print(abs(board.run(x[:1]).h - lstm(x[:1]).h).max(), "error of h with it")
