"""Makes the flax files: run with flax 0.12.8 and jax 0.10.2 from this folder: `python make_flax.py`.

`flax.npz` holds for each the inputs and flax's own answer, in float64.
"""

from pathlib import Path

import jax
import numpy as np
from flax import linen, serialization

HERE = Path(__file__).parent
KIND = {"param_dtype": np.float64, "dtype": np.float64}
CASES = {"flax_lstm": linen.OptimizedLSTMCell, "flax_gru": linen.GRUCell, "flax_mgu": linen.MGUCell}


class WithHead(linen.Module):
    """A cell over time and a linear read-out."""

    cell: linen.Module

    @linen.compact
    def __call__(self, x):
        return linen.Dense(2, **KIND)(linen.RNN(self.cell)(x))


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    found: dict[str, np.ndarray] = {}
    for number, (name, cell) in enumerate(CASES.items()):
        rng = np.random.default_rng(120 + number)
        x = rng.normal(size=(2, 5, 2))
        module = WithHead(cell(3, **KIND))
        leaves, shape = jax.tree_util.tree_flatten(module.init(jax.random.PRNGKey(0), x))
        tree = jax.tree_util.tree_unflatten(shape, [rng.normal(0.3, 0.7, leaf.shape) for leaf in leaves])
        (HERE / f"{name}.msgpack").write_bytes(serialization.to_bytes(tree))
        found |= {f"{name}.x": x, f"{name}.y": np.asarray(module.apply(tree, x))}
    np.savez_compressed(HERE / "flax.npz", **found)
