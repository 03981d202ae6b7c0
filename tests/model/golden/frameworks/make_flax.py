"""Makes the flax files, of linen and of nnx: `python make_flax.py` in this folder, with flax 0.12.8 and jax 0.10.2.

`flax.npz` holds for each the inputs, perhaps a state `h0, c0` or `lengths`, and flax's own answer, in float64.
"""

from pathlib import Path

import jax
import numpy as np
from flax import linen, nnx, serialization, traverse_util
from safetensors.numpy import save_file

HERE = Path(__file__).parent
KIND = {"param_dtype": np.float64, "dtype": np.float64}
LSTM = linen.OptimizedLSTMCell
CASES = {
    "flax_lstm": [LSTM(3, **KIND)],
    "flax_gru": [linen.GRUCell(3, **KIND)],
    "flax_mgu": [linen.MGUCell(3, **KIND)],
    "flax_stack": [LSTM(3, **KIND), LSTM(4, **KIND)],
    "flax_lengths": [LSTM(3, **KIND)],
    "flax_state": [LSTM(3, **KIND)],
    "flax_no_reset": [linen.MGUCell(3, reset_gate=False, **KIND)],
    "flax_rnn": [linen.SimpleCell(3, **KIND)],
    "flax_rnn_stack": [linen.SimpleCell(3, **KIND), linen.GRUCell(2, **KIND)],
}


class WithHead(linen.Module):
    """Cells over time, one on another, and a linear read-out."""

    cells: list[linen.Module]

    @linen.compact
    def __call__(self, x, **options):
        for cell in self.cells:
            x = linen.RNN(cell)(x, **options)
        return linen.Dense(2, **KIND)(x)


class Net(nnx.Module):
    """The same of nnx: `ways` holds what makes the cells of each layer, of one direction or of two."""

    def __init__(self, rngs, ways):
        self.layers, width = nnx.List([]), 2
        for cells in ways:
            made = [nnx.RNN(cell(width, 3, rngs=rngs, **KIND)) for cell in cells]
            self.layers.append(made[0] if len(made) == 1 else nnx.Bidirectional(*made))
            width = 3 * len(made)
        self.out = nnx.Linear(width, 2, rngs=rngs, **KIND)

    def __call__(self, x, **options):
        for layer in self.layers:
            x = layer(x, **options)
        return self.out(x)


NNX = {
    "nnx_lstm.msgpack": [[nnx.LSTMCell]],
    "nnx_optimized.npz": [[nnx.OptimizedLSTMCell]],
    "nnx_gru.safetensors": [[nnx.GRUCell]],
    "nnx_simple.msgpack": [[nnx.SimpleCell]],
    "nnx_bidirectional.msgpack": [[nnx.GRUCell, nnx.OptimizedLSTMCell], [nnx.LSTMCell, nnx.LSTMCell]],
}
"""Files and their layers; npz has paths with dots, safetensors with slashes."""


def saved(tree, path):
    """Save the arrays of an nnx module as people do: a tree in msgpack, or flat."""
    flat = {tuple(map(str, place)): np.asarray(array) for place, array in traverse_util.flatten_dict(tree).items()}
    if path.suffix == ".msgpack":
        path.write_bytes(serialization.msgpack_serialize(tree))
    elif path.suffix == ".npz":
        np.savez(path, **{".".join(place): array for place, array in flat.items()})
    else:
        save_file({"/".join(place): array for place, array in flat.items()}, path)


def nnx_cases(found):
    for number, (name, ways) in enumerate(NNX.items()):
        rng = np.random.default_rng(140 + number)
        module, x = Net(nnx.Rngs(0), ways), rng.normal(size=(2, 5, 2))
        graph, weights, others = nnx.split(module, nnx.Param, ...)
        weights = jax.tree.map(lambda leaf, rng=rng: rng.normal(0.3, 0.7, leaf.shape), weights)
        saved(nnx.to_pure_dict(weights), HERE / name)
        lengths = np.array([2, 5])
        y = nnx.merge(graph, weights, others)(x, seq_lengths=lengths)
        stem = name.split(".")[0]
        found |= {f"{stem}.x": x, f"{stem}.lengths": lengths, f"{stem}.y": np.asarray(y)}


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    found: dict[str, np.ndarray] = {}
    for number, (name, cells) in enumerate(CASES.items()):
        rng = np.random.default_rng(120 + number)
        x = rng.normal(size=(2, 5, 2))
        module = WithHead(cells)
        leaves, shape = jax.tree_util.tree_flatten(module.init(jax.random.PRNGKey(0), x))
        tree = jax.tree_util.tree_unflatten(shape, [rng.normal(0.3, 0.7, leaf.shape) for leaf in leaves])
        (HERE / f"{name}.msgpack").write_bytes(serialization.to_bytes(tree))
        noted, options = {"x": x}, {}
        if name == "flax_lengths":
            noted["lengths"] = np.array([2, 5])
            options = {"seq_lengths": noted["lengths"]}
        if name == "flax_state":
            noted |= {key: rng.normal(size=(2, 3)) for key in ("h0", "c0")}
            options = {"initial_carry": (noted["c0"], noted["h0"])}
        noted["y"] = np.asarray(module.apply(tree, x, **options))
        found |= {f"{name}.{key}": value for key, value in noted.items()}
    nnx_cases(found)
    np.savez_compressed(HERE / "flax.npz", **found)
