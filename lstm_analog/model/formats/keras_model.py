"""Make a stack with a linear head of the layers of a Keras file, or a whole model with numeric steps."""

from collections.abc import Sequence
from functools import partial

from lstm_analog.model.formats.keras_graph import RECURRENT
from lstm_analog.model.formats.keras_layers import LayerFile, refused
from lstm_analog.model.formats.keras_recurrent import linearly_read, recurrent_part
from lstm_analog.model.formats.keras_steps import KerasShape, steps_of
from lstm_analog.model.formats.refusals import SHOWN, format_error, listed
from lstm_analog.model.formats.stacks import Stack, works
from lstm_analog.model.layers import Head
from lstm_analog.model.lstm import LSTM
from lstm_analog.model.steps import Embedding, Masking, ModelStep, Pooling, Reshape, width_after
from lstm_analog.model.whole import Model

INACTIVE = ("InputLayer", "Dropout", "SpatialDropout1D", "GaussianDropout", "GaussianNoise", "ActivityRegularization")
"""Layers that do nothing after training."""

_SHAPES = ("batch_shape", "batch_input_shape")
"""Options with the shape of a layer's inputs, in Keras 3 and in Keras 2."""


def keras_stack(files: Sequence[LayerFile]) -> Stack:
    """Return the layers and the linear head of the chain of layers `files`.

    Raises `UnsupportedError` naming the first layer or option that is not offered.
    """
    before, recurrent, after = _divided(files)
    part = recurrent_part(recurrent)
    for file in before:
        raise refused(file.config, f"be one of {', '.join(RECURRENT)}", file.config.kind)
    for file in after:
        part = linearly_read(part, file)
    head = None if part.read is None else Head(weights=part.read.weights, bias=part.read.bias, final=part.final)
    return Stack(layers=part.layers, head=head)


def keras_model(files: Sequence[LayerFile], name: str) -> Model:
    """Return the model of the chain of layers `files`; its recurrent part is called `name`.

    Raises `UnsupportedError` naming the first layer or option that is not offered.
    """
    before, recurrent, after = _divided(files)
    part = recurrent_part(recurrent)
    first, shape = _steps(before, _input_shape(files))
    if any(isinstance(step, Masking) or (isinstance(step, Embedding) and step.masked) for step in first):
        behind = () if part.final else after
        _check_masked([*before, *recurrent, *behind])
        _check_handed_on([*recurrent[1:], *behind])
    for file in before:
        if file.config.kind == "Embedding" and file is not before[0]:
            raise refused(file.config, "be the first layer", "a later one", "feed it the numbers of words")
    for file in after:
        if file.config.kind in ("Embedding", "Masking"):
            raise refused(file.config, "stand before the recurrent part", "a place after it", "move it to the front")
    last, _ = _steps(after, (part.width,) if part.final else (*shape[:-1], part.width))
    lstm = LSTM(layers=part.layers, name=name)
    read = () if part.read is None else (part.read,)
    return Model(lstm=lstm, before=first, after=(*read, *last), final=part.final, held=part.held)


def _steps(files: Sequence[LayerFile], shape: KerasShape) -> tuple[tuple[ModelStep, ...], KerasShape]:
    """Return the numeric steps of the layers `files` for signals of `shape`, and the shape after them."""
    steps: list[ModelStep] = []
    for file in files:
        made = steps_of(file, shape)
        steps += made
        for step in made:
            shape = _shape_after(step, shape)
    return tuple(steps), shape


def _shape_after(step: ModelStep, shape: KerasShape) -> KerasShape:
    match step:
        case Embedding():
            return (*shape, step.table.shape[1])
        case Reshape():
            return step.made
        case Pooling():
            return shape[-1:]
    return (*shape[:-1], width_after(step, shape[-1]))


def _input_shape(files: Sequence[LayerFile]) -> KerasShape:
    """Return the shape of the inputs of the first layer in `files`, with any number of steps if it does not say."""
    options = files[0].config.options
    build = options.get("build_config")
    for said in (
        *(options.get(name) for name in _SHAPES),
        build.get("input_shape") if isinstance(build, dict) else None,
    ):
        match said:
            case [_, *sizes] if sizes and all(size is None or isinstance(size, int) for size in sizes):
                return tuple(sizes)
    return (None,) if files[0].config.kind == "Embedding" else (None, None)


def _divided(files: Sequence[LayerFile]) -> tuple[list[LayerFile], list[LayerFile], list[LayerFile]]:
    """Return the layers before the first recurrent one, from it to the last, and after that; not `INACTIVE` ones."""
    active = [file for file in files if file.config.kind not in INACTIVE]
    places = [n for n, file in enumerate(active) if file.config.kind in RECURRENT]
    if not places:
        got = ", ".join(file.config.label for file in active[:SHOWN]) or "none"
        raise format_error("model", f"hold one of {', '.join(RECURRENT)}", got, "save the model with its LSTM")
    return active[: places[0]], active[places[0] : places[-1] + 1], active[places[-1] + 1 :]


def _check_masked(files: Sequence[LayerFile]) -> None:
    """Raise if Keras uses a mask other than to skip steps: a mask not reversed, last h zeroed, weights in a softmax.

    Keras does not reshape a mask with its sequence, either.
    """
    for file in files:
        kind, options = file.config.kind, file.config.options
        if kind in RECURRENT and options.get("go_backwards") and options.get("return_sequences"):
            do = "use Bidirectional, which turns the mask as well"
            raise refused(file.config, "run forward, or return its last h, behind a mask", "go_backwards", do)
        if kind == "Softmax":
            do = "give the softmax as the activation of the Dense layer before it"
            raise refused(file.config, "follow no mask, which it takes as its own", "a mask", do)
        target = options.get("target_shape")
        if kind == "Reshape" and isinstance(target, list) and len(target) > 1:
            do = "mask behind it, or build the model without it"
            raise refused(file.config, "follow no mask, whose shape it leaves", "a mask", do)
        if kind in RECURRENT and options.get("zero_output_for_mask") and not options.get("return_sequences"):
            must, do = "return sequences", "build it without zero_output_for_mask"
            raise refused(file.config, must, "zero_output_for_mask without them", do)


def _check_handed_on(files: Sequence[LayerFile]) -> None:
    """Raise if a layer in `files`, all behind a recurrent one, uses a mask, and their Keras does not hand it on."""
    for file in files:
        if file.mask_ends and file.config.kind in (*RECURRENT, "GlobalAveragePooling1D"):
            must, do = "follow no mask, which Keras from 3.16 on does not hand on to it", "save it with Keras 3.15"
            raise refused(file.config, must, "a mask before a recurrent layer", do)


def ways_to_take(chain: Sequence[LayerFile], files: Sequence[LayerFile], call: str) -> str:
    """Return advice how to read a file that is no stack, of the ways that work for it; "" if none does.

    These are: the `chain` of its layers, empty if there is none, as a whole model; its recurrent layers as a stack; or
    each recurrent one of its `files` alone. `call` has the other arguments of `load`.
    """
    ways = []
    if works(lambda: keras_model(chain, "tried")):
        ways.append(f"load_model({call}), which keeps the rest as numbers")
    if works(lambda: keras_stack(_divided(chain)[1])):
        names = tuple(file.config.name[:80] for file in _divided(chain)[1])
        ways.append(f"load({call}, only={names if names[1:] else names[0]!a}) for the recurrent part alone")
    else:
        alone = [f.config.name for f in files if f.config.kind in RECURRENT and works(partial(keras_stack, [f]))]
        others = f" (or {listed(alone[1:])})" if alone[1:] else ""
        ways += [f"load({call}, only={name[:80]!a}){others} for that layer alone" for name in alone[:1]]
    return ", or ".join(ways)
