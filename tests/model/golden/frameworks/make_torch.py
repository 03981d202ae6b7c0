"""Makes the PyTorch files: run with torch 2.13.0 (CPU) and safetensors, from this folder: `python make_torch.py`.

Each case is a module whose weights are drawn one by one, the gates with means of their own, run on a batch.
`torch.npz` holds for each case the inputs `x`, perhaps a state `h0, c0` and `lengths` (packed sequences), and what
PyTorch answered: `h`, and the states `hn, cn` after the last step.
"""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

HERE = Path(__file__).parent
BATCH, TIME, INPUTS, HIDDEN = 3, 6, 2, 3
CASES = {
    "lstm_f32": (nn.LSTM, {}, torch.float32, ".pt"),
    "lstm_f64": (nn.LSTM, {}, torch.float64, ".pt"),
    "lstm_legacy": (nn.LSTM, {"num_layers": 2}, torch.float32, ".pth"),
    "stacked_bidirectional": (nn.LSTM, {"num_layers": 2, "bidirectional": True}, torch.float64, ".pt"),
    "projection": (nn.LSTM, {"proj_size": 2, "bidirectional": True}, torch.float64, ".safetensors"),
    "projection_f32": (nn.LSTM, {"proj_size": 2, "num_layers": 2}, torch.float32, ".pt"),
    "no_bias": (nn.LSTM, {"bias": False}, torch.float64, ".npz"),
    "gru_f32": (nn.GRU, {"num_layers": 2}, torch.float32, ".pt"),
    "gru_f64": (nn.GRU, {"bidirectional": True}, torch.float64, ".safetensors"),
    "gru_no_bias": (nn.GRU, {"bias": False}, torch.float64, ".npz"),
    "half": (nn.LSTM, {}, torch.float16, ".pt"),
    "bfloat": (nn.LSTM, {}, torch.bfloat16, ".safetensors"),
    "lengths_lstm": (nn.LSTM, {"num_layers": 2, "bidirectional": True}, torch.float64, ".pt"),
    "lengths_gru": (nn.GRU, {"bidirectional": True}, torch.float64, ".pt"),
}


def drawn(module, generator):
    """Draw the weights of `module`: each gate with a mean of its own."""
    with torch.no_grad():
        for name, weights in module.named_parameters():
            gates = 3 if isinstance(module, nn.GRU | nn.GRUCell) else 4
            means = torch.repeat_interleave(torch.tensor([0.3, 0.7, -0.4, 0.1])[:gates], HIDDEN).to(weights.dtype)
            noise = 0.8 * torch.randn(weights.shape, generator=generator, dtype=torch.float64).to(weights.dtype)
            shift = 0.0 if "weight_hr" in name else means if weights.ndim == 1 else means[:, None]
            weights.copy_(noise + shift)
    return module


def save(state, name, ending):
    """Save `state` under `name`, in the format that the `ending` says."""
    path = HERE / f"{name}{ending}"
    if ending == ".safetensors":
        save_file(state, path)
    elif ending == ".npz":
        np.savez(path, **{key: value.numpy() for key, value in state.items()})
    else:
        torch.save(state, path, _use_new_zipfile_serialization=ending != ".pth")


def answer(module, x, case, answers, generator):
    """Note what `module` answers to `x`, from a state of its own where the case has one."""
    dtype = torch.float64 if x.dtype in (torch.float16, torch.bfloat16) else x.dtype
    module, x = module.to(dtype), x.to(dtype)
    layers, ways = module.num_layers, 1 + module.bidirectional
    sizes = (module.proj_size or HIDDEN, HIDDEN) if isinstance(module, nn.LSTM) else (HIDDEN,)
    state = [
        torch.randn(layers * ways, BATCH, size, generator=generator, dtype=torch.float64).to(dtype) for size in sizes
    ]
    start = tuple(state) if len(state) == 2 else state[0]
    noted = {"x": x, **dict(zip(("h0", "c0"), state, strict=False))}
    if case.startswith("lengths"):
        noted["lengths"] = torch.tensor([4, 6, 1])
        packed = pack_padded_sequence(x, noted["lengths"], batch_first=True, enforce_sorted=False)
        h, final = module(packed, start)
        h = pad_packed_sequence(h, batch_first=True, total_length=TIME)[0]
    else:
        h, final = module(x, start)
    final = final if isinstance(final, tuple) else (final,)
    noted |= {"h": h, **dict(zip(("hn", "cn"), final, strict=False))}
    answers.update({f"{case}.{key}": value.detach().numpy() for key, value in noted.items()})


def make_modules(answers):
    """Make the recurrent modules."""
    for number, (case, (kind, options, dtype, ending)) in enumerate(CASES.items()):
        generator = torch.Generator().manual_seed(40 + number)
        module = drawn(kind(INPUTS, HIDDEN, batch_first=True, dtype=dtype, **options), generator)
        x = torch.randn(BATCH, TIME, INPUTS, generator=generator, dtype=torch.float64).to(dtype)
        save(module.state_dict(), case, ending)
        answer(module, x, case, answers, generator)


def make_others(answers):
    """Make cells, a model with a head, and a checkpoint of several modules."""
    generator = torch.Generator().manual_seed(80)
    x = torch.randn(BATCH, TIME, INPUTS, generator=generator, dtype=torch.float64)
    for case, kind in (("lstm_cell", nn.LSTMCell), ("gru_cell", nn.GRUCell)):
        cell = drawn(kind(INPUTS, HIDDEN, dtype=torch.float64), generator)
        torch.save(cell.state_dict(), HERE / f"{case}.pt")
        state, outputs = None, []
        for t in range(TIME):
            state = cell(x[:, t], state)
            outputs.append(state[0] if isinstance(state, tuple) else state)
        answers.update({f"{case}.x": x.numpy(), f"{case}.h": torch.stack(outputs, dim=1).detach().numpy()})
    sequential = nn.Sequential(nn.LSTM(INPUTS, HIDDEN, batch_first=True), nn.Identity(), nn.Linear(HIDDEN, 2)).double()
    drawn(sequential[0], generator)
    torch.save(sequential.state_dict(), HERE / "sequential.pt")
    h = sequential[0](x)[0]
    answers.update({"sequential.x": x.numpy(), "sequential.h": h.detach().numpy()})
    answers["sequential.y"] = sequential[2](h).detach().numpy()
    encoder, decoder = (drawn(nn.LSTM(INPUTS, HIDDEN, batch_first=True).double(), generator) for _ in range(2))
    model = nn.ModuleDict({"encoder": nn.ModuleDict({"lstm": encoder}), "decoder": decoder, "norm": nn.BatchNorm1d(3)})
    optimizer = torch.optim.Adam(model.parameters()).state_dict()
    torch.save({"epoch": 3, "state_dict": model.state_dict(), "optimizer": optimizer}, HERE / "checkpoint.pt")
    answers.update({"checkpoint.x": x.numpy(), "checkpoint.h": decoder(x)[0].detach().numpy()})


if __name__ == "__main__":
    found: dict[str, np.ndarray] = {}
    make_modules(found)
    make_others(found)
    np.savez_compressed(HERE / "torch.npz", **found)
