"""Layers of a Keras file to a stack with a linear head, or to a whole model with numeric steps beside the stack."""

from collections.abc import Callable, Sequence
from functools import partial

from lstm_analog.errors import FileFormatError, LstmAnalogError, explain
from lstm_analog.model.formats.keras_graph import RECURRENT
from lstm_analog.model.formats.keras_layers import LayerFile, check_options, recurrent_part, refused
from lstm_analog.model.formats.keras_steps import dense_of, inner_dense, steps_of
from lstm_analog.model.formats.stacks import SHOWN, Stack, listed
from lstm_analog.model.layers import Head
from lstm_analog.model.lstm import LSTM
from lstm_analog.model.steps import Embedding, Masking, Pooling, Step
from lstm_analog.model.whole import Model

SILENT = ("InputLayer", "Dropout", "SpatialDropout1D", "GaussianDropout", "GaussianNoise", "ActivityRegularization")
"""Layers that do nothing once trained."""


def keras_stack(files: Sequence[LayerFile]) -> Stack:
    """Return the layers that those in `files` make, one after the other, and the linear head after them.

    Raises `UnsupportedError` naming the first layer or option that is not offered.
    """
    before, recurrent, after = _divided(files)
    part = recurrent_part(recurrent)
    for file in (*before, *after[1:]):
        raise refused(
            file.config, f"be one of {', '.join(RECURRENT)}, or one linear Dense after them", file.config.kind
        )
    return Stack(layers=part.layers, head=_head(after[0], part.final) if after else None)


def keras_model(files: Sequence[LayerFile], name: str) -> Model:
    """Return the model that the layers in `files` make, one after the other; its recurrent part is called `name`.

    Raises `UnsupportedError` naming the first layer or option that is not offered.
    """
    before, recurrent, after = _divided(files)
    part = recurrent_part(recurrent)
    first = tuple(step for file in before for step in steps_of(file, sequence=True))
    if any(isinstance(step, Masking) or (isinstance(step, Embedding) and step.masked) for step in first):
        _check_masked([*before, *recurrent, *(() if part.final else after)])
    for file in before:
        if file.config.kind == "Embedding" and file is not before[0]:
            raise refused(file.config, "be the first layer", "a later one", "feed it the numbers of words")
    last: list[Step] = []
    sequence = not part.final
    for file in after:
        if file.config.kind in ("Embedding", "Masking"):
            raise refused(file.config, "stand before the recurrent part", "a place after it", "move it to the front")
        last += steps_of(file, sequence)
        sequence = sequence and not any(isinstance(step, Pooling) for step in last)
    lstm = LSTM(layers=part.layers, name=name)
    return Model(lstm=lstm, before=first, after=tuple(last), final=part.final, held=part.held)


def _divided(files: Sequence[LayerFile]) -> tuple[list[LayerFile], list[LayerFile], list[LayerFile]]:
    """Return the layers before the recurrent part, that part, and those after it; those that do nothing left out."""
    loud = [file for file in files if file.config.kind not in SILENT]
    places = [n for n, file in enumerate(loud) if file.config.kind in RECURRENT]
    if not places:
        must, got = (
            f"hold one of {', '.join(RECURRENT)}",
            ", ".join(file.config.label for file in loud[:SHOWN]) or "none",
        )
        raise FileFormatError(explain("model", must=must, got=got, do="save the model with its LSTM"))
    inside = loud[places[0] : places[-1] + 1]
    for file in inside:
        if file.config.kind not in RECURRENT:
            raise refused(file.config, "stand before or after the recurrent layers", "a place between them")
    return loud[: places[0]], inside, loud[places[-1] + 1 :]


def _check_masked(files: Sequence[LayerFile]) -> None:
    """Refuse what Keras does to a mask beside skipping steps: turn it not, zero the last h, weigh in a softmax."""
    for file in files:
        kind, options = file.config.kind, file.config.options
        if kind in RECURRENT and options.get("go_backwards") and options.get("return_sequences"):
            do = "use Bidirectional, which turns the mask as well"
            raise refused(file.config, "run forward, or return its last h, behind a mask", "go_backwards", do)
        if kind == "Softmax":
            do = "give the softmax as the activation of the Dense layer before it"
            raise refused(file.config, "follow no mask, which it takes as its own", "a mask", do)
        if kind in RECURRENT and options.get("zero_output_for_mask") and not options.get("return_sequences"):
            must, do = "return sequences", "build it without zero_output_for_mask"
            raise refused(file.config, must, "zero_output_for_mask without them", do)


def _head(file: LayerFile, final: bool) -> Head:
    dense = inner_dense(file)
    if dense.config.kind != "Dense":
        raise refused(file.config, "be a linear Dense layer", file.config.kind)
    check_options(dense.config)
    if dense.config.options.get("activation") not in (None, "linear"):
        raise refused(file.config, "be linear", dense.config.options["activation"], "take its activation out of it")
    made = dense_of(dense)
    return Head(weights=made.weights, bias=made.bias, final=final)


def ways_to_take(chain: Sequence[LayerFile], files: Sequence[LayerFile], call: str) -> str:
    """Return what to do with a file if not all of it can be a stack: each way was tried, none is "".

    The `chain` of its layers, empty if there is none, may be a whole model, or its recurrent layers a stack; else each
    recurrent one of its `files` may load on its own. `call` is what `load` is given beside `only`.
    """
    ways = []
    if _works(lambda: keras_model(chain, "tried")):
        ways.append(f"load_model({call}), which keeps the rest as numbers")
    if _works(lambda: keras_stack(_divided(chain)[1])):
        names = tuple(file.config.name[:80] for file in _divided(chain)[1])
        ways.append(f"load({call}, only={names if names[1:] else names[0]!a}) for the recurrent part alone")
    else:
        alone = [f.config.name for f in files if f.config.kind in RECURRENT and _works(partial(keras_stack, [f]))]
        others = f" (or {listed(alone[1:])})" if alone[1:] else ""
        ways += [f"load({call}, only={name[:80]!a}){others} for that layer alone" for name in alone[:1]]
    return ", or ".join(ways)


def _works(make: Callable[[], object]) -> bool:
    try:
        make()
    except LstmAnalogError:
        return False
    return True
