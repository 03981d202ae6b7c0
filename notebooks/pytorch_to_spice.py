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
# # From PyTorch to SPICE
# A trained module becomes a netlist; a weight is found again in it, changed, and the change is named.
#
# ## The weights
# With PyTorch: `la.from_torch(module)`, or `la.load("model.pt")` for what `torch.save(module.state_dict(),
# "model.pt")` has written.
# Neither PyTorch nor this package is needed to make such a file: it is arrays under PyTorch's names.

# %%
# %matplotlib inline
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

import lstm_analog as la

folder = Path(tempfile.mkdtemp())
rng = np.random.default_rng(7)
shapes = {"weight_ih_l0": (12, 2), "weight_hh_l0": (12, 3), "bias_ih_l0": (12,), "bias_hh_l0": (12,)}
save_file({f"lstm.{name}": rng.uniform(-1, 1, shape) for name, shape in shapes.items()}, folder / "model.safetensors")
lstm = la.load(folder / "model.safetensors")
print(lstm)

# %% [markdown]
# ## The netlist
# The circuit is run over the inputs, held against the LSTM, and written with a certificate.

# %%
x = np.sin(np.arange(8)[:, None] * np.array([0.6, 1.1]))
circuit = la.compile(lstm, la.electrical.BEHAVIOURAL, settling=20.0)
certificate = circuit.certify(lstm, x, folder / "lstm.cir")
print(certificate.error, certificate.tolerance)
deck = (folder / "lstm.cir").read_text()
print(len(deck.splitlines()), "lines")

# %% [markdown]
# ## A weight in it
# A weight w is a transconductance of w times 100 uS into its row. Weight 0 of the forget gate of unit 0 is row 3 of
# `weight_ih_l0`: PyTorch's
# order is input, forget, cell, output.

# %%
bank = next(part for part in la.read_spice(folder / "lstm.cir").network.parts if part.label == "l0_rows")
print(bank.transconductance[3, 0] / 100e-6, lstm.layers[0].forward.input[1, 0, 0])

# %% [markdown]
# ## Another simulator
# ngspice runs the file itself and shares no code with scipy.

# %%
theirs = circuit.run(x, engine=la.engines.Ngspice()).h
print(abs(theirs - circuit.run(x).h).max(), "ngspice against scipy")
print(abs(theirs - lstm(x).h).max(), "ngspice against the LSTM")

# %% [markdown]
# ## Exercises
# 1. Write the netlist for LTspice. What differs from ngspice's?
# 2. Make all loads of the rows 5 % larger in the text of `lstm.cir`, read it back and run it. How far is h off?
# 3. Does `la.verify` notice?
#
# ## Answers

# %%
circuit.write.spice(folder / "lt.cir", x, dialect=la.LTSPICE)
ours, lt = deck.splitlines(), (folder / "lt.cir").read_text().splitlines()
print(*[line for line in lt if line not in ours][:8], sep="\n")  # 1: how a switch is modelled, and the settings

# %%
changed = deck.replace(".param l0_rows_load_r=10000.0", ".param l0_rows_load_r=10500.0")
(folder / "lstm.cir").write_text(changed)
edited = la.read_spice(folder / "lstm.cir")
trajectory = la.engines.Integrate().run(edited.network, edited.schedule)
print(abs(trajectory["l0_h"][-1] - lstm(x).h[-1]).max())  # 2: every z is 5 % too large

# %%
print(*str(la.verify(folder / "lstm.cir", certificate)).splitlines()[:3], sep="\n")  # 3: yes, and it names the bank
