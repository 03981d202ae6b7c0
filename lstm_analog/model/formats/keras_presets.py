"""Recognise recurrent Keras layers by the shapes of their weights, if there is no configuration.

The arrays show the kind of a recurrent layer, its directions, its bias and how a GRU resets. Activations are assumed to
be Keras' defaults, tanh and sigmoid, and a layer of one direction to run forward. Information that no array has (layers
in between, whether a Dense layer reads each h or the last) is requested in an error.
"""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from lstm_analog.errors import FileFormatError, explain
from lstm_analog.model.formats.keras_graph import LayerConfig
from lstm_analog.model.formats.keras_layers import GATES, LayerFile
from lstm_analog.model.formats.keras_recurrent import recurrent_part
from lstm_analog.model.formats.stacks import Only, listed, works
from lstm_analog.model.formats.tensor import Tensor

_KINDS = MappingProxyType({GATES[kind]: kind for kind in ("LSTM", "GRU", "SimpleRNN")})
_ARRAYS = (2, 3)
"""Number of arrays of one direction, without and with a bias."""

_AXES = 2
"""Number of axes of a kernel."""

_UNKNOWN = "unknown"
"""The kind of a layer that is not recurrent by its arrays."""

_CONFIG = "give its configuration, which model.to_json() writes, as config='model.json'"


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
    do = _CONFIG + presets
    if not names or set(names) - set(layers):
        must = "come with a configuration, which says what its layers compute"
        got = f"weights alone, of {listed(layers)}"
        raise FileFormatError(explain("Keras file", must=must, got=got, do=do))
    for name in names:
        _check_said(layers[name], do)
    return [layers[name] for name in names]


def _check_said(file: LayerFile, do: str) -> None:
    """Raise if the arrays of a layer do not determine what it computes."""
    if file.config.kind == _UNKNOWN:
        got = f"arrays of {len(file.arrays)} shapes: {listed(str(each.shape) for each in file.arrays)}"
        must = "be recurrent where weights come alone, which say neither what else computes nor what that reads"
        raise FileFormatError(explain(f"layer {file.config.name[:80]!a}", must=must, got=got, do=do))
    inner = file.config.options.get("layer", {"class_name": file.config.kind, "config": file.config.options})
    if inner["class_name"] == "GRU" and not inner["config"]["use_bias"]:
        must, got = "show by its bias whether it resets after the product", "a GRU without bias"
        raise FileFormatError(explain(f"layer {file.config.name[:80]!a}", must=must, got=got, do=_CONFIG))


def _tried(file: LayerFile) -> None:
    _check_said(file, "")
    recurrent_part([file])
