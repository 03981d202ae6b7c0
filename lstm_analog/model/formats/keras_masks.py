"""Remove mask operations, which a layer implies already, from the configuration of a functional Keras 3 model.

After an Embedding with `mask_zero` or a Masking layer, Keras 3 writes the comparison with the masked value as
operations of the graph (`NotEqual`, then `Any`), whose result is the argument `mask` of each later layer.
"""

from collections.abc import Mapping
from typing import Any


def without_masks(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `entries` of a configuration by name without such operations, and calls without their results.

    An operation that compares anything else stays; it is refused later because it makes a branch.
    """
    masked = [mask for mask in (_masked(entry) for entry in entries.values()) if mask is not None]
    compared = [name for name, entry in entries.items() if _is_comparison(entry, masked)]
    masks = {*compared, *(name for name, entry in entries.items() if _is_any_of(entry, compared))}
    return {name: _unmasked(entry, masks) for name, entry in entries.items() if name not in masks}


def _masked(entry: Mapping[str, Any]) -> tuple[Any, Any] | None:
    """Return the output that a layer masks and the masked value; None if it masks nothing."""
    match entry:
        case {"class_name": "Embedding", "config": {"mask_zero": True}, "inbound_nodes": [{"args": [source, *_]}]}:
            return _history(source), 0
        case {"class_name": "Masking", "config": {"mask_value": value}, "inbound_nodes": [{"args": [source, *_]}]}:
            return _history(source), value
    return None


def _is_comparison(entry: Mapping[str, Any], masked: list[tuple[Any, Any]]) -> bool:
    match entry:
        case {"class_name": "NotEqual", "inbound_nodes": [{"args": [source, value]}]}:
            return _history(source) is not None and (_history(source), value) in masked
    return False


def _is_any_of(entry: Mapping[str, Any], compared: list[str]) -> bool:
    match entry:
        case {"class_name": "Any", "config": {"axis": -1}, "inbound_nodes": [{"args": [source, *_]}]}:
            history = _history(source)
            return isinstance(history, list) and history[0] in compared
    return False


def _history(tensor: Any) -> Any:
    match tensor:
        case {"config": {"keras_history": [str(), int(), int()] as history}}:
            return history
    return None


def _unmasked(entry: Mapping[str, Any], masks: set[str]) -> dict[str, Any]:
    """Return `entry` without those arguments `mask` of its calls that are in `masks`."""
    nodes = entry.get("inbound_nodes")
    if not isinstance(nodes, list):
        return dict(entry)
    return {**entry, "inbound_nodes": [_call(node, masks) for node in nodes]}


def _call(node: Any, masks: set[str]) -> Any:
    match node:
        case {"kwargs": {"mask": mask, **others}}:
            history = _history(mask)
            return {**node, "kwargs": others} if isinstance(history, list) and history[0] in masks else node
    return node
