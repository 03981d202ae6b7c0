"""Read the configuration of a Keras model as a chain of layers, and refuse any other graph.

After an Embedding with `mask_zero` or a Masking layer, Keras 3 writes the comparison with the masked value as
operations of the graph (`NotEqual`, then `Any`), whose result is the argument `mask` of each later layer. A layer
implies them already: they are taken out first.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lstm_analog.model.formats.refusals import format_error, listed, unsupported
from lstm_analog.model.formats.stacks import chosen


def without_masks(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `entries` of a configuration by name without the operations that compare with a masked value.

    Their results are no longer arguments of calls. An operation that compares anything else stays; it is refused later
    because it makes a branch.
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


MOST_LAYERS = 1000
RECURRENT = ("LSTM", "GRU", "SimpleRNN", "Bidirectional", "RNN", "CuDNNLSTM", "CuDNNGRU")
KNOWN = frozenset(
    """
    name trainable dtype batch_input_shape batch_shape units activation recurrent_activation use_bias
    unit_forget_bias return_sequences return_state go_backwards stateful unroll seed zero_output_for_mask
    implementation reset_after layer backward_layer merge_mode cell cells input_dim input_length build_config
    enable_caching_device
    """.split()  # noqa: SIM905 - thirty names are read better as words
)
"""Options that are understood here or change no output; others that are set are refused by name."""
_ADVICE = "save it with model.save"
_DEEPEST = 12


@dataclass(frozen=True, kw_only=True)
class LayerConfig:
    """A layer of a model: its class, its name and its options."""

    kind: str
    name: str
    options: Mapping[str, Any]

    @property
    def label(self) -> str:
        """Its name in messages."""
        return f"layer {self.name[:80]!a} ({self.kind[:40]!a})"


def all_layers(config: Mapping[str, Any]) -> tuple[LayerConfig, ...]:
    """Return the layers of the model in `config`, in its order; raise `FileFormatError` if it describes no model."""
    return tuple(layer_of(entry) for entry in _entries(config))


def chain_of(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the layers of the model in `config`, in the order of its chain.

    Raises `UnsupportedError` if the layers are no chain, with the layer at which they branch.
    """
    entries = {layer_of(entry).name: entry for entry in _entries(config)}
    if config.get("class_name") == "Sequential":
        return tuple(entries)
    names = _chain(without_masks(entries))
    steps = {name for name in names if layer_of(entries[name]).kind not in RECURRENT}
    _check_answer(names[-1], config.get("config"), steps)
    return names


def chosen_layers(config: Mapping[str, Any], only: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names `only` if they are layers of the model in `config`, at least one of them recurrent."""
    layers = all_layers(config)
    recurrent = [layer.name for layer in layers if layer.kind in RECURRENT]
    return chosen(recurrent, [layer.name for layer in layers], only)


def _entries(config: Mapping[str, Any]) -> list[Any]:
    inner = config.get("config")
    entries = inner.get("layers") if isinstance(inner, dict) else inner
    if not isinstance(entries, list) or len(entries) > MOST_LAYERS:
        must = f"describe a model of at most {MOST_LAYERS} layers"
        raise format_error("configuration", must, type(entries).__name__, _ADVICE)
    if len({layer_of(entry).name for entry in entries}) < len(entries):
        raise format_error("layers", "have names of their own", "one twice", _ADVICE)
    return entries


def layer_of(entry: Any) -> LayerConfig:
    """Return the layer that `entry` of a configuration describes."""
    match entry:
        case {"class_name": str(kind), "config": dict(options)} if isinstance(options.get("name", ""), str):
            return LayerConfig(kind=kind, name=options.get("name", kind), options=options)
        case _:
            raise format_error("layer", "have a class and options", type(entry).__name__, _ADVICE)


def _chain(entries: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of a functional model's layers in order of a chain."""
    sources = {name: _sources(name, entry, entries) for name, entry in entries.items()}
    starts = [name for name, source in sources.items() if not source]
    after = {source[0]: name for name, source in sources.items() if len(source) == 1}
    branching = [name for name, source in sources.items() if len(source) > 1]
    if len(starts) != 1 or branching or len(after) != len(entries) - 1:
        got = f"inputs {listed(starts)}, joins {listed(branching)}, {len(entries) - 1 - len(after)} more branches"
        raise unsupported("layers", "follow each other in one chain", got, "save a model that is a chain")
    names = [starts[0]]
    while names[-1] in after and len(names) <= len(entries):
        names.append(after[names[-1]])
    if len(names) != len(entries):
        raise format_error("layers", "all be reached", listed(set(entries) - set(names)), _ADVICE)
    return tuple(names)


def _check_answer(last: str, model: Any, steps: set[str]) -> None:
    """Raise if the outputs of its `last` layer are not among the outputs of a functional model, or are not alone.

    Beside them there may be outputs of recurrent layers, which are signals of the LSTM, but not of the numeric `steps`.
    """
    answers = list(_references(model.get("output_layers"), _DEEPEST)) if isinstance(model, dict) else []
    if answers and (last, 0) not in answers:
        names = ", ".join(f"output {output} of {name[:40]!a}" for name, output in answers[:4])
        must, do = f"be what {last[:40]!a} puts out", "let it answer with h; c is in the state that a call returns"
        raise unsupported("the model's answer", must, names, do)
    several = {name for name, _ in answers} & steps
    if len(several) > 1:
        raise unsupported("the model's answers", "be one", listed(several), "save a model with one of them")


def _sources(name: str, entry: Mapping[str, Any], entries: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the layers whose outputs a layer reads at its only call."""
    nodes = entry.get("inbound_nodes", [])
    if _told_training(nodes, _DEEPEST):
        must, do = "compute as after training", "build the model without it"
        raise unsupported(f"layer {name[:80]!a}", must, "a call with training=True", do)
    found = tuple(_references(nodes, _DEEPEST))
    unknown = [source for source, _ in found if source not in entries]
    if unknown or (isinstance(nodes, list) and len(nodes) > 1):
        must, got = "be called once, on layers of the model", f"{len(nodes)} calls, unknown {listed(unknown)}"
        raise unsupported(f"layer {name[:80]!a}", must, got, "save a model that is a chain")
    states = [source for source, output in found if output]
    if states:
        must, got = "take outputs, not states", f"a state of {listed(states)}"
        raise unsupported(f"layer {name[:80]!a}", must, got, "save a model that is a chain")
    return tuple(source for source, _ in found)


def _told_training(node: Any, deepest: int) -> bool:
    """Return whether a call says `training=True`, by name or by its place among the arguments."""
    match node:
        case {"training": True}:
            return True
        case {"args": [_, *more]} if any(each is True for each in more):
            return True
        case dict() | list() if deepest:
            inner = node.values() if isinstance(node, dict) else node
            return any(_told_training(part, deepest - 1) for part in inner)
    return False


def _references(node: Any, deepest: int) -> Iterator[tuple[str, int]]:
    """Yield layer and output for each tensor that a call refers to, as Keras 3 or Keras 2 write it."""
    match node:
        case {"keras_history": [str(source), int(), int(output)]}:
            yield source, output
        case [str(source), int(), int(output), *_]:
            yield source, output
        case dict() | list() if deepest:
            inner: Sequence[Any] = list(node.values()) if isinstance(node, dict) else node
            for part in inner:
                yield from _references(part, deepest - 1)
        case _:
            return
