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
# # What a biomedical engineer already knows
# In 2020 a note asked whether biomedical engineers have an edge in machine learning, because they have met its ideas
# before in other clothes: biology, probability, circuits, fluids, mechanics. Here each of these is a network of parts
# that runs, and is held against the numbers it stands for. Recognising the system does not make one a master, but it
# gives the intuition. Every [living page](../docs/page.md) has a screen of each, to drag and to break.

# %%
import numpy as np

import lstm_analog as la
from lstm_analog.analogies import NERVE, Quadratic, chance, damped_motion, descent, heavy_ball
from lstm_analog.engines import Integrate, Settle, Waveform
from lstm_analog.network.parts import Diodes

# %% [markdown]
# ## Physiology: a nerve cell is a rectifier
# Below its threshold a cell is silent, above it the rate grows with the drive: ReLU, or with noise softplus. A diode is
# the same without time. More in the notebook [nerve](nerve.ipynb).

# %%
drive = np.array([50.0, 99.0, 150.0, 300.0, 600.0]) * 1e-12
for flow, bare, noisy in zip(drive, NERVE.rate(drive), NERVE.noisy_rate(drive, 3e-3), strict=True):
    print(f"{flow * 1e12:4.0f} pA: {bare:5.1f} spikes a second, with noise {noisy:5.1f}")

# %% [markdown]
# ## Probability: a sigmoid is an ion channel
# A channel that opens at the rate e^(u/2) and shuts at e^(-u/2) is open with probability sigmoid(u). The equation of
# that probability is the one of a capacitor between two conductances, so the circuit computes it. More in
# [chance](chance.ipynb).

# %%
u = np.linspace(-4, 4, 9)
channels = chance.channels(u.size, number=1e4, rate=1e5, capacitance=1e-12)
found = chance.shares(channels, u[None], Settle(), interval=1e-3)[-1]
print(abs(found - 1 / (1 + np.exp(-u))).max())
assert abs(found - 1 / (1 + np.exp(-u))).max() < 1e-12

# %% [markdown]
# ## Circuits and fluids: an LSTM is a machine
# The same trained numbers as a circuit and as oil in tubes. Both answer what the digital LSTM says. More in
# [quick start](quick_start.ipynb) and [plumbing](plumbing.ipynb).

# %%
lstm = la.random_lstm(np.random.default_rng(0), inputs=2, hidden=3, scale=2.0)
x = np.random.default_rng(1).uniform(-1, 1, (12, 2))
for technology in (la.electrical.BEHAVIOURAL, la.hydraulic.OIL):
    machine = la.compile(lstm, technology, settling=24.0)
    run = machine.run(x)
    print(technology.name, abs(run.h - lstm(x).h).max())
    assert abs(run.h - lstm(x).h).max() < 1e-7

# %% [markdown]
# Shut the forget valve of one unit, as one would clamp a vessel, and see who notices.

# %%
la.show.what_if(run, machine.shut("forget", unit=1).run(x))

# %% [markdown]
# ## Mechanics: learning is a heavy ball
# Gradient descent with momentum rolls down the loss with friction: mass, friction and spring, here as coils,
# conductances and capacitors. More in [descent](descent.ipynb).

# %%
loss = Quadratic(hessian=np.array([[2.0, 1.0], [1.0, 5.0]]), pull=np.array([1.0, -2.0]))
start = np.array([-1.0, 1.0])
coils = descent(loss, start, friction=1.5, duration=6.0, pieces=60)
rolled = coils.weights(Integrate().run(coils.network, coils.schedule))
assert abs(rolled - damped_motion(loss, start, friction=1.5, time=coils.time)).max() < 1e-8
for number in (60, 600, 6000):
    h = 6.0 / number
    steps = heavy_ball(loss, start, rate=h * h, momentum=1.0 - 1.5 * h, steps=number)[:: number // 60]
    print(f"{number} steps of the optimiser: {abs(steps - rolled).max():.1e} from the circuit")

# %% [markdown]
# ## Anatomy: layers see more and more
# What each layer of a digits classifier tells, beside the way from V1 upward, and where that comparison fails:
# [what layers tell](what_layers_tell.ipynb).
#
# ## Exercise
# A diode rectifies at once, a nerve cell after some time. Take the rectifier below: at which input does the diode pass
# half of it? Compare that with ReLU, which passes all of it.
#
# ## Answer
# At 0.8 V: its knee is near 20 thermal voltages, 0.5 V. A softplus has the same soft knee, at zero.

# %%
from lstm_analog.analogies import rectifier
from lstm_analog.network.domain import ELECTRICAL
from lstm_analog.network.schedule import Imposed, Schedule

diode = Diodes(label="d", a=[1], b=[2], saturation=1e-12, slope=0.0258)
volts = np.linspace(0.0, 1.5, 7)
plan = Schedule(
    names=tuple(f"at{k}" for k in range(volts.size)),
    high=np.zeros((volts.size, 0), dtype=bool),
    durations=np.full(volts.size, 1e-3),
    imposed=(Imposed(label="drive", efforts=volts[:, None]),),
)
passed = Waveform().run(rectifier(diode, ELECTRICAL, 1e-5), plan)["out"][1:, 0]
for into, out in zip(volts, passed, strict=True):
    print(f"{into:.2f} V in, {out:.2f} V out")
