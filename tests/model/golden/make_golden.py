"""Makes the golden files: run once with torch 2.13.0 (CPU), from this folder: `python make_golden.py`.

Each case is a `torch.nn.LSTM` in float64 whose weights are asymmetric (each drawn on its own, the gates with different
means and widths), run over a batch from a non-zero state. `NAME.safetensors` holds its state_dict under PyTorch's own
names, `NAME.npz` the inputs and what PyTorch answered. c inside a sequence is PyTorch's final c of every shorter one.
"""

from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
CASES = {"one_layer": (1, True), "one_layer_no_bias": (1, False), "two_layers": (2, True), "two_no_bias": (2, False)}
BATCH, TIME, INPUTS, HIDDEN = 2, 6, 2, 3


def make(name: str, layers: int, bias: bool, seed: int) -> None:
    import torch  # here, so that tests may collect this file without it
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    lstm = torch.nn.LSTM(INPUTS, HIDDEN, layers, bias=bias, batch_first=True, dtype=torch.float64)
    means = torch.repeat_interleave(torch.tensor([0.3, 0.7, -0.4, 0.1], dtype=torch.float64), HIDDEN)
    with torch.no_grad():
        for weights in lstm.parameters():
            shift = means if weights.ndim == 1 else means[:, None]
            weights.copy_(0.8 * draw(*weights.shape) + shift)
        x, h0, c0 = draw(BATCH, TIME, INPUTS), draw(layers, BATCH, HIDDEN), draw(layers, BATCH, HIDDEN)
        h, (hn, cn) = lstm(x, (h0, c0))
        c = torch.stack([lstm(x[:, : t + 1], (h0, c0))[1][1][-1] for t in range(TIME)], dim=1)
    save_file(lstm.state_dict(), HERE / f"{name}.safetensors")
    answers = {"x": x, "h0": h0, "c0": c0, "h": h, "c": c, "hn": hn, "cn": cn}
    np.savez(HERE / f"{name}.npz", torch=torch.__version__, **{key: value.numpy() for key, value in answers.items()})


if __name__ == "__main__":
    for number, (case, (layers, bias)) in enumerate(CASES.items()):
        make(case, layers, bias, seed=20 + number)
