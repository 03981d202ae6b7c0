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
# # What each layer tells
# In the visual pathway each area reads the one before, from V1 up, and objects that the eye mixes up can be told apart
# in the end. Do layers of an LSTM do that, and what happens to them in bad parts? The classifier reads digits of 8 x 8
# pixels, a row a step, in two layers of both directions.
#
# ## Layer by layer
# A linear read-out is fitted to each layer and asked about the image that it has not seen, each image in turn.

# %%
# %matplotlib inline
import numpy as np

import lstm_analog as la
from lstm_analog.engines import Settle
from lstm_analog.imperfections import ProgrammingError, Streams
from lstm_analog.model.digits import classifier, unseen
from lstm_analog.study import DigitalRun, LayerReading, preferred_inputs, representation

lstm, (x, labels) = classifier(), unseen()
digital = DigitalRun(lstm=lstm, x=x)
representation(digital, labels)

# %% [markdown]
# The upper layer tells more than the pixels, in fewer dimensions. The lower one tells less, for it has forgotten by its
# last step. What the layer above is given are all its steps:

# %%
representation(digital, labels, reading=LayerReading.SEQUENCE)

# %% [markdown]
# ## Bad parts
# The same layers as circuits: ideal parts, and ten chips whose devices are off by 5 % of the largest.

# %%
machine = la.compile(lstm, la.electrical.BEHAVIOURAL, settling=16.0)


def chips(layer=None, number=10):
    error = ProgrammingError(sigma=0.05)
    hurt = machine.with_imperfection(error, Streams(seed=1, chips=number), layer=layer)
    return representation(hurt.run(x, engine=Settle(), keep=la.Keep.OUTPUTS), labels, reference=digital)


ideal = representation(machine.run(x, engine=Settle(), keep=la.Keep.OUTPUTS), labels, reference=digital)
bad = chips()
la.show.representation({"digital": representation(digital, labels, reference=digital), "ideal": ideal, "5 %": bad})

# %%
print(bad)

# %% [markdown]
# The upper layer is off by half of its size, yet a new read-out would still find most of the digits in it. The head of
# the chip, made for the layer as it was, finds fewer: errors move the code more than they destroy it.
#
# ## What drives a unit
# Climbing from the images that a unit likes most to one that it likes better. It is no digit any more.

# %%
found = preferred_inputs(lstm, layer=1, steps=8, units=tuple(range(8)), met=x, iterations=60)
la.show.preferred_inputs(found, run=digital)

# %% [markdown]
# There are no receptive fields to see, as in V1: a step is a whole row, and every unit reads all of it.
#
# ## Exercise
# Damage the layers one by one, `chips(layer=0)` and so on; 2 is the head. Which costs most? Do the departures of the
# upper layer add up to what it is off when all are damaged, and if not, how else?

# %% [markdown]
# ## Answer
# Layer 0 costs most, though its damage has shrunk on the way up. Independent small errors add up as squares; these are
# no longer small, and nearly do.

# %%
one_by_one = [chips(layer) for layer in (0, 1, 2)]
print(
    "labels right, %:", [f"{100 * each.accuracy.mean():.1f}" for each in one_by_one], f"{100 * bad.accuracy.mean():.1f}"
)
first, second, together = (np.sqrt(np.mean(each.departure[:, 2] ** 2)) for each in (*one_by_one[:2], bad))
print(f"layer 1 off: {first:.3f} and {second:.3f} make {np.hypot(first, second):.3f}; all at once: {together:.3f}")
