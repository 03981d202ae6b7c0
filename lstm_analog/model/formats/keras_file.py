"""Keras files: `.keras` (a zip of a configuration and an HDF5 file), `.h5` (both in one) and `.weights.h5` (no words).

What a layer computes stands in the configuration; a file of weights alone does not say it, so the layers and their
order must then be named, and Keras' presets are taken: tanh, sigmoid, forward in time, sequences returned, a linear
Dense.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from lstm_analog.errors import FileFormatError, explain
from lstm_analog.model.formats.content import Format
from lstm_analog.model.formats.hdf5 import Tree, read_hdf5
from lstm_analog.model.formats.keras_graph import layers_in_order
from lstm_analog.model.formats.keras_layers import LayerFile, keras_stack
from lstm_analog.model.formats.stacks import Only, Stack, listed
from lstm_analog.model.formats.tensor import Tensor
from lstm_analog.zips import open_archive

_CONFIG, _WEIGHTS, _META = "config.json", "model.weights.h5", "metadata.json"
_ADVICE = "save it with model.save"
_LEGACY = "model_weights"
_ORDER = {"forward_layer": "0", "backward_layer": "1"}
"""Which direction of a `Bidirectional` comes first in a list of weights."""


def read_keras(content: bytes, kind: Format, only: Only) -> Stack:
    """Return the layers and the head in the Keras file `content` of that `kind`; `only` names its layers in order.

    Raises
    ------
    FileFormatError, UnsupportedError
        For damage, and for each layer or option that is not offered, by its name.
    """
    if kind is Format.KERAS:
        archive = open_archive(content)
        tree = read_hdf5(archive.read(_WEIGHTS))
        version = _parsed(archive.read(_META).decode(errors="replace")).get("keras_version", "3")
        return _stack(_parsed(archive.read(_CONFIG).decode(errors="replace")), str(version), _weights(tree), only)
    tree = read_hdf5(content)
    words = tree.words.get("", {})
    if "model_config" not in words:
        return _of_weights_alone(_weights(tree), only)
    config = _parsed(str(words["model_config"]))
    return _stack(config, str(words.get("keras_version", "2")), _legacy_weights(tree), only)


def _stack(config: Mapping[str, Any], version: str, weights: Mapping[str, list[Tensor]], only: Only) -> Stack:
    layers = layers_in_order(config, only)
    old = version.startswith(("1", "2"))
    return keras_stack(
        [LayerFile(config=layer, arrays=tuple(weights.get(layer.name, ())), old=old) for layer in layers]
    )


def _parsed(text: str) -> dict[str, Any]:
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileFormatError(
            explain("configuration", must="be JSON", got=ascii(str(error))[:80], do=_ADVICE)
        ) from error
    if not isinstance(parsed, dict):
        raise FileFormatError(explain("configuration", must="describe a model", got=type(parsed).__name__, do=_ADVICE))
    return parsed


def _weights(tree: Tree) -> dict[str, list[Tensor]]:
    """Return the arrays of each layer by its name, in Keras' own order: `layers/lstm_1/cell/vars/0`, `1`, `2`."""
    found: dict[str, list[tuple[list[str], Tensor]]] = {}
    for path, tensor in tree.tensors.items():
        root, _, rest = path.partition("/")
        key, _, inner = rest.partition("/")
        if root == "layers" and "seed_generator" not in inner:
            name = tree.words.get(f"layers/{key}/vars", {}).get("name", key)
            found.setdefault(str(name), []).append((_sortable(inner), tensor))
    return {
        name: [tensor for _, tensor in sorted(entries, key=lambda entry: entry[0])] for name, entries in found.items()
    }


def _sortable(path: str) -> list[str]:
    """Return a key that puts the forward direction first, and numbers in their order: cell, cell_1, ..., cell_10."""
    steps = (_ORDER.get(step, step) for step in path.split("/"))
    return [re.sub(r"[0-9]+", lambda digits: digits[0].zfill(8), step) for step in steps]


def _legacy_weights(tree: Tree) -> dict[str, list[Tensor]]:
    """Return the arrays of each layer by its name, in the order of the words `weight_names`."""
    found = {}
    for path, words in tree.words.items():
        root, _, name = path.partition("/")
        names = words.get("weight_names", ())
        if root == _LEGACY and "/" not in name and isinstance(names, tuple):
            missing = [each for each in names if f"{path}/{each}" not in tree.tensors]
            if missing:
                what = f"layer {name[:80]!a}"
                raise FileFormatError(explain(what, must="have its arrays", got=f"no {listed(missing)}", do=_ADVICE))
            found[name] = [tree.tensors[f"{path}/{each}"] for each in names if "seed_generator" not in each]
    return found


_LEAST = 2
"""Matrices that a recurrent layer has at least; a Dense layer, which has one and perhaps a row, comes last."""


def _of_weights_alone(weights: Mapping[str, Sequence[Tensor]], only: Only) -> Stack:
    names = () if only is None else (only,) if isinstance(only, str) else tuple(only)
    named = [name for name, arrays in weights.items() if arrays]
    if not names or set(names) - set(named):
        must = "come with a configuration, which says what its layers compute"
        got = f"weights alone, of {listed(named)}"
        chain = sorted(named, key=lambda name: sum(len(each.shape) > 1 for each in weights[name]) < _LEAST)[:2]
        do = f"save model.save('model.keras'), or name the layers in order and take Keras' presets: only={chain!a}"
        raise FileFormatError(explain("Keras file", must=must, got=got, do=do))
    return keras_stack([LayerFile.preset(name, tuple(weights[name])) for name in names])
