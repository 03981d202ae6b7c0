"""Read Keras files: `.keras` (a zip of configuration and HDF5 file), `.h5` (both in one), and weights alone.

The latter are `.weights.h5` of Keras 3, and files of `save_weights` of Keras 2. The configuration says what a layer
computes; `model.to_json()` writes it, too, and with it a file of weights is read like a whole one.

Without one, recurrent layers are recognised by the shapes of their weights: these show the kind of a layer, its
directions, its bias and how a GRU resets. Activations are assumed to be Keras' defaults, tanh and sigmoid, and a layer
of one direction to run forward. Information that no array has (layers in between, whether a Dense layer reads each h or
the last) is requested in an error.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from lstm_analog.errors import InvalidValueError, UnsupportedError, explain
from lstm_analog.model.formats.content import Format
from lstm_analog.model.formats.hdf5 import Tree, read_hdf5
from lstm_analog.model.formats.keras_graph import LayerConfig, all_layers, chain_of, chosen_layers
from lstm_analog.model.formats.keras_layers import GATES, LayerFile
from lstm_analog.model.formats.keras_model import keras_model, keras_stack, ways_to_take
from lstm_analog.model.formats.keras_recurrent import recurrent_part
from lstm_analog.model.formats.refusals import format_error, listed
from lstm_analog.model.formats.stacks import Only, Stack, works
from lstm_analog.model.formats.tensor import Tensor
from lstm_analog.model.whole import Model
from lstm_analog.zips import open_archive

_KINDS = MappingProxyType({GATES[kind]: kind for kind in ("LSTM", "GRU", "SimpleRNN")})
_ARRAYS = (2, 3)
"""Number of arrays of one direction, without and with a bias."""

_AXES = 2
"""Number of axes of a kernel."""

_UNKNOWN = "unknown"
"""The kind of a layer that is not recurrent by its arrays."""

_CONFIGURE = "give its configuration, which model.to_json() writes, as config='model.json'"


def recurrent_layer(name: str, arrays: tuple[Tensor, ...]) -> LayerFile:
    """Return the layer `name`, with the kind that the shapes of its `arrays` show, or the unknown kind."""
    ways = 2 if len(arrays) in [2 * count for count in _ARRAYS] else 1
    first = arrays[: len(arrays) // ways]
    flat = [len(each.shape) == _AXES for each in first]
    options: dict[str, Any] = {"name": name, "return_sequences": True, "use_bias": len(first) == max(_ARRAYS)}
    kind = _UNKNOWN
    if len(first) in _ARRAYS and all(flat[:2]) and "/cells/" not in first[0].name and first[1].shape[0]:
        kind = _KINDS.get(first[1].shape[1] // first[1].shape[0], _UNKNOWN)
        options["reset_after"] = len(first) == max(_ARRAYS) and flat[2]
    if ways > 1 and kind != _UNKNOWN:
        inner = [{"class_name": kind, "config": options | {"go_backwards": back}} for back in (False, True)]
        kind, options = "Bidirectional", {"name": name, "layer": inner[0], "backward_layer": inner[1]}
    return LayerFile(config=LayerConfig(kind=kind, name=name, options=options), arrays=arrays, old=False)


def weights_only(layers: Mapping[str, LayerFile], only: Only) -> list[LayerFile]:
    """Return the recurrent layers `only` among the `layers` of a file without a configuration.

    Raises `FileFormatError` if a name is not that of a recurrent layer, or the arrays do not determine a layer. The
    message says what works.
    """
    names = () if only is None else (only,) if isinstance(only, str) else tuple(only)
    working = [name for name, file in layers.items() if works(partial(_tried, file))]
    presets = f"; or take Keras' presets for a layer: load(path, only={min(working)[:80]!a})" if working else ""
    do = _CONFIGURE + presets
    if not names or set(names) - set(layers):
        must = "come with a configuration, which says what its layers compute"
        raise format_error("Keras file", must, f"weights alone, of {listed(layers)}", do)
    for name in names:
        _check_said(layers[name], do)
    return [layers[name] for name in names]


def _check_said(file: LayerFile, do: str) -> None:
    """Raise if the arrays of a layer do not determine what it computes."""
    if file.config.kind == _UNKNOWN:
        must = "be recurrent where weights come alone, which say neither what else computes nor what that reads"
        got = f"arrays of {len(file.arrays)} shapes: {listed(str(each.shape) for each in file.arrays)}"
        raise format_error(f"layer {file.config.name[:80]!a}", must, got, do)
    inner = file.config.options.get("layer", {"class_name": file.config.kind, "config": file.config.options})
    if inner["class_name"] == "GRU" and not inner["config"]["use_bias"]:
        must, got = "show by its bias whether it resets after the product", "a GRU without bias"
        raise format_error(f"layer {file.config.name[:80]!a}", must, got, _CONFIGURE)


def _tried(file: LayerFile) -> None:
    _check_said(file, "")
    recurrent_part([file])


_CONFIG, _WEIGHTS, _META = "config.json", "model.weights.h5", "metadata.json"
_ADVICE = "save it with model.save"
_LEGACY = "model_weights/"
_OLD, _NEW = "2", "3"
_MASK_ENDS = (3, 16)
"""The first version of Keras whose recurrent layers do not hand their masks on."""

_LONGEST = 6 * 2**20
"""Largest size of a configuration: a layer takes two thousand bytes, and parsing up to thirty times the size."""
_ORDER = {"forward_layer": "0", "backward_layer": "1"}
"""The order of the directions of a `Bidirectional` in a list of weights."""

KerasArrays = Mapping[str, list[Tensor]]
"""The arrays of each layer by its name, in Keras' own order."""


@dataclass(frozen=True, kw_only=True, eq=False)
class KerasFile:
    """A Keras file: its `config`, None for weights alone, and its layers by name, in the order of the file.

    `call` has the arguments to read it, for messages: the path, and the configuration if it was given.
    """

    call: str
    config: Mapping[str, Any] | None
    layers: Mapping[str, LayerFile]

    def stack(self, only: Only) -> Stack:
        """Return its layers and head; `only` names its layers in order.

        Raises `FileFormatError` or `UnsupportedError` for an unsupported layer or option, with its name and advice how
        to read the rest.
        """
        if self.config is None:
            return keras_stack(weights_only(self.layers, only))
        try:
            names = chain_of(self.config) if only is None else chosen_layers(self.config, only)
            return keras_stack([self.layers[name] for name in names])
        except UnsupportedError as error:
            raise self._with_ways(error) from error

    def model(self, name: str) -> Model:
        """Return the whole model; its recurrent part is called `name`. Raises as `stack` does."""
        if self.config is None:
            weights_only(self.layers, None)
        try:
            return keras_model([self.layers[each] for each in chain_of(self.config or {})], name)
        except UnsupportedError as error:
            raise self._with_ways(error) from error

    def _with_ways(self, error: UnsupportedError) -> UnsupportedError:
        """Return `error` with those pieces of advice added that work for this file."""
        try:
            chain = [self.layers[name] for name in chain_of(self.config or {})]
        except UnsupportedError:
            chain = []
        ways = ways_to_take(chain, list(self.layers.values()), self.call)
        return UnsupportedError(f"{error}; or {ways}" if ways else str(error))


def read_keras(content: bytes, kind: Format, config: bytes | None = None) -> KerasFile:
    """Return the Keras file in `content`, of the format `kind`; `config` is the text of `model.to_json()`, if given.

    Raises `FileFormatError` if it is damaged, `InvalidValueError` if `config` is given and the file has a configuration
    already.
    """
    if kind is Format.KERAS:
        archive = open_archive(content)
        tree = read_hdf5(archive.read(_WEIGHTS))
        version = _parsed(archive.read(_META)).get("keras_version", _NEW)
        words = archive.read(_CONFIG)
    else:
        tree = read_hdf5(content)
        root = tree.words.get("", {})
        version, words = root.get("keras_version", _OLD), str(root.get("model_config", "")).encode()
    if config is not None and words:
        do = "leave config out"
        raise InvalidValueError(explain("config", must="come with weights alone", got="a whole model", do=do))
    if not words and config is None:
        return KerasFile(call="path", config=None, layers=_alone(tree))
    parsed = _parsed(words or config or b"")
    if not words:  # Keras 2 says its version in what to_json writes, Keras 3 does not
        version = parsed.get("keras_version", _NEW)
    old = str(version).startswith(("1", _OLD))
    layers = all_layers(parsed)
    arrays = _legacy_arrays(tree) if _is_legacy(tree) else _arrays(tree, layers)
    mask_ends = tuple(map(int, re.findall("[0-9]{1,9}", str(version))[:2])) >= _MASK_ENDS
    made = {
        each.name: LayerFile(config=each, arrays=tuple(arrays.get(each.name, ())), old=old, mask_ends=mask_ends)
        for each in layers
    }
    return KerasFile(call="path" if words else "path, config=config", config=parsed, layers=made)


def _alone(tree: Tree) -> dict[str, LayerFile]:
    arrays = _legacy_arrays(tree) if _is_legacy(tree) else _arrays(tree, ())
    return {name: recurrent_layer(name, tuple(each)) for name, each in arrays.items() if each}


def _parsed(text: bytes) -> dict[str, Any]:
    if len(text) > _LONGEST:
        raise format_error("configuration", f"have at most {_LONGEST} bytes", f"{len(text)} bytes", _ADVICE)
    try:
        parsed = json.loads(text.decode(errors="replace"))
    except (ValueError, RecursionError) as error:
        raise format_error("configuration", "be JSON", ascii(str(error))[:80], _ADVICE) from error
    if not isinstance(parsed, dict):
        raise format_error("configuration", "describe a model", type(parsed).__name__, _ADVICE)
    return parsed


def _is_legacy(tree: Tree) -> bool:
    """Return whether text attributes list the arrays, as in `.h5` files other than `.weights.h5` of Keras 3."""
    return any("weight_names" in words for words in tree.words.values())


def _arrays(tree: Tree, layers: tuple[LayerConfig, ...] | list[LayerConfig]) -> KerasArrays:
    """Return the arrays in `layers/lstm_1/cell/vars/0`, `1`, `2`: there is a folder for each layer.

    Folders have names of classes with a number. The layers' own names are text attributes; without these, they are
    those of the model's `layers` in order.
    """
    folders = _folders(layers)
    found: dict[str, list[tuple[list[str], Tensor]]] = {}
    for path, tensor in tree.tensors.items():
        root, _, rest = path.partition("/")
        key, _, inner = rest.partition("/")
        if root == "layers" and "seed_generator" not in inner:
            name = tree.words.get(f"layers/{key}/vars", {}).get("name", folders.get(key, key))
            found.setdefault(str(name), []).append((_sortable(inner), tensor))
    return {
        name: [tensor for _, tensor in sorted(entries, key=lambda entry: entry[0])] for name, entries in found.items()
    }


def _folders(layers: tuple[LayerConfig, ...] | list[LayerConfig]) -> dict[str, str]:
    """Return the name of the layer by its folder: `lstm` has the first LSTM, `lstm_1` the second."""
    found, counts = dict[str, str](), dict[str, int]()
    for layer in layers:
        words = re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", layer.kind)).lower()
        number = counts[words] = counts.get(words, -1) + 1
        found[f"{words}_{number}" if number else words] = layer.name
    return found


def _sortable(path: str) -> list[str]:
    """Return a sorting key with the forward direction first and numbers in order: cell, cell_1, ..., cell_10."""
    steps = (_ORDER.get(step, step) for step in path.split("/"))
    return [re.sub(r"[0-9]+", lambda digits: digits[0].zfill(8), step) for step in steps]


def _legacy_arrays(tree: Tree) -> KerasArrays:
    """Return the arrays of each layer in the order of its text attribute `weight_names`."""
    found = {}
    for path, words in tree.words.items():
        name = path.removeprefix(_LEGACY)
        names = words.get("weight_names", ())
        if path and "/" not in name and isinstance(names, tuple):
            missing = [each for each in names if f"{path}/{each}" not in tree.tensors]
            if missing:
                raise format_error(f"layer {name[:80]!a}", "have its arrays", f"no {listed(missing)}", _ADVICE)
            found[name] = [tree.tensors[f"{path}/{each}"] for each in names if "seed_generator" not in each]
    return found
