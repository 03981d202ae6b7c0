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
# # Gradient descent is a ball that rolls
# Whoever has met mass, friction and spring has met momentum: SGD with momentum takes steps along the path of a heavy
# ball. Here the ball is built, of coils and of U-tubes, run by three simulators, and set beside the optimiser.
#
# [docs/descent.md](../docs/descent.md) has the figures, the sources, and where the analogy ends.

# %%
import numpy as np

import lstm_analog as la
from lstm_analog.analogies import UTUBES, OnlineSquares, Quadratic, damped_motion, descent, heavy_ball
from lstm_analog.engines import Integrate, Ngspice, Rumoca, Waveform
from lstm_analog.model import airline


def run(machine, engine):
    return engine.run(machine.network, machine.schedule)


# %% [markdown]
# ## One ball, three simulators
# A loss with two weights that pull at each other. A capacitor holds each weight, a coil moves it; a unit of time takes
# 1 ms.

# %%
loss = Quadratic(hessian=np.array([[2.0, 1.0], [1.0, 5.0]]), pull=np.array([1.0, -2.0]))
start, friction = np.array([-1.0, 1.0]), 1.5
coils = descent(loss, start, friction=friction, duration=6.0, pieces=60)
motion = damped_motion(loss, start, friction=friction, time=coils.time)
for engine in (Integrate(), Ngspice(), Rumoca()):
    print(f"{type(engine).__name__}: {abs(coils.weights(run(coils, engine)) - motion).max():.1e} from the closed form")

# %% [markdown]
# The same in glass: a weight is the level in one leg of a U-tube. Liquid, bore and friction give the unit of time.

# %%
apart = Quadratic(hessian=np.diag([1.0, 7.0]), pull=np.array([1.0, -2.0]))
tubes = descent(apart, start, friction=friction, duration=6.0, pieces=60, sizes=UTUBES)
levels = damped_motion(apart, start, friction=friction, time=tubes.time)
assert abs(tubes.weights(run(tubes, Integrate())) - levels).max() < 1e-8
print(f"a unit of time takes {tubes.unit:.2f} s")

# %% [markdown]
# ## The optimiser beside it
# A step of SGD with momentum takes sqrt(rate) of time, and momentum = 1 - friction sqrt(rate).

# %%
followed = run(coils, Integrate())


def steps(number):
    h = 6.0 / number
    return heavy_ball(loss, start, rate=h * h, momentum=1.0 - friction * h, steps=number)[:: number // 60]


la.show.descent(coils, followed, steps(120))

# %%
rates = [(6.0 / number) ** 2 for number in (240, 960, 3840)]
errors = [abs(steps(number) - motion).max() for number in (240, 960, 3840)]
exponent = np.polyfit(np.log(rates), np.log(errors), 1)[0]
assert abs(exponent - 0.5) < 0.025
print(f"the error falls with the power {exponent:.3f} of the rate")

# %% [markdown]
# ## A circuit that learns
# The head of the airline forecaster, its weights on capacitors, learned from the series: month after month h and the
# next month are imposed, and the circuit does the rest. numpy does the same, a step a month.

# %%
forecaster = airline.forecaster(4)
x = forecaster.encode(airline.series()[1])
features = np.column_stack((forecaster.lstm(x).h[12:107], np.ones(95)))
head, nothing, h, passes = OnlineSquares(features=features, targets=x[13:108, 0]), np.zeros(5), 0.05, 60
learner = descent(head, nothing, friction=0.5, duration=h * 95 * passes, pieces=95 * passes)
learned = learner.weights(run(learner, Waveform()))
numeric = heavy_ball(head, nothing, rate=h * h, momentum=1.0 - 0.5 * h, steps=95 * passes)
mine, theirs = head.mean(learned[-1]), head.mean(numeric[-1])
assert abs(mine / theirs - 1.0) < 0.01
print(f"loss {mine:.6f}, numpy {theirs:.6f}; RMSE {forecaster.scale * mine**0.5:.2f} thousand passengers")

# %% [markdown]
# ## Exercise
# Which friction brings the ball of `apart` (curvatures 1 and 7) to rest soonest in the long run? What momentum is that
# at a rate of 0.01? Guess from what you know of a car's shock absorber, then measure.
#
# ## Answer
# Critical damping of the slowest axis, 2 sqrt(1) = 2: with less it swings, with more it creeps. So momentum =
# (1 - 0.1)^2 = 0.81; 1 - 2 x 0.1 = 0.8 is that for small rates.

# %%
for tried in (1.0, 1.5, 2.0, 2.5, 3.0):
    ball = descent(apart, start, friction=tried, duration=20.0, pieces=20)
    away = abs(ball.weights(run(ball, Waveform(rtol=1e-9, atol=1e-11))) - apart.minimum).max(axis=1)
    print(f"friction {tried}: {away[15:].max():.1e} from the minimum after 15 units of time")
