"""Makes the flax files: run with flax 0.12.8 and jax 0.10.2 from this folder: `python make_flax.py`.

`flax.npz` holds for each the inputs, perhaps a state `h0, c0` or `lengths`, and flax's own answer, in float64.
"""

from pathlib import Path

import jax
import numpy as np
from flax import linen, serialization

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
    np.savez_compressed(HERE / "flax.npz", **found)
