"""Write and read whole models in files of this package: arrays of the recurrent part and steps, with metadata."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked
from lstm_analog.model.formats.own import described, errors_of_metadata, noted, own_stack, record_of
from lstm_analog.model.formats.safetensor import write_safetensors
from lstm_analog.model.formats.tensor import TensorMap
from lstm_analog.model.operations import Operation
from lstm_analog.model.steps import Formula, ModelStep, RowStep
from lstm_analog.model.whole import Model

WORD = "lstm_analog_model"
"""The key of the metadata with the steps, and how they read the recurrent part."""

_STEPS: Mapping[str, type[ModelStep]] = MappingProxyType({kind.__name__: kind for kind in get_args(ModelStep)})


@checked
def save_model(model: Model, path: str | Path) -> None:
    """Write `model` to `path` as `load_model` reads it: a safetensors file, in float64, whole or not at all."""
    words, arrays = written(model)
    write_safetensors(path, arrays, words)


def written(model: Model) -> tuple[dict[str, str], dict[str, Floats]]:
    """Return the metadata and the arrays of `model`."""
    arrays: dict[str, Floats] = {}
    word = described(model.lstm, arrays)
    steps = {
        place: [_noted(step, f"{place}.{number}", arrays) for number, step in enumerate(getattr(model, place))]
        for place in ("before", "after")
    }
    said = json.dumps({**steps, "final": model.final, "held": model.held})
    return {"name": model.lstm.name, "recurrent": word, WORD: said}, arrays


def own_model(tensors: TensorMap, words: Mapping[str, str], name: str) -> Model:
    """Return the model in `tensors` by the metadata `words` in the header, or raise `FileFormatError`.

    `name` is that of its recurrent part.
    """
    own = {key: tensor for key, tensor in tensors.items() if key.startswith(("before.", "after."))}
    stack = own_stack({key: tensors[key] for key in tensors if key not in own}, words.get("recurrent", ""))
    arrays = {key: tensor.numbers() for key, tensor in own.items()}
    with errors_of_metadata(WORD, "say what the steps are", "save it again with save_model", arrays):
        said = json.loads(words[WORD])
        before, after = (
            tuple(_step(f"{place}.{number}", dict(each), arrays) for number, each in enumerate(said[place]))
            for place in ("before", "after")
        )
        final, held = said["final"], said["held"]
    return Model(lstm=stack.lstm(name), before=before, after=after, final=final, held=held)


def _noted(step: ModelStep | RowStep, place: str, arrays: dict[str, Floats]) -> dict[str, Any]:
    """Return the kind and the options of `step`, and add its arrays to `arrays` by `place` and field."""
    if isinstance(step, Operation):
        return {"step": step.value}
    kind = {"step": type(step).__name__}
    if isinstance(step, Formula):
        lines = [_noted(line, f"{place}.{number}", arrays) for number, line in enumerate(step.steps)]
        return {**kind, "name": step.name, "steps": lines, "reads": step.reads}
    return kind | noted(step, place, arrays)


def _line(place: str, said: dict[str, Any], arrays: dict[str, Floats]) -> Any:
    """Return the line of a formula from its metadata `said`: a step, or an operation."""
    return _step(place, said, arrays) if said["step"] in _STEPS else Operation(said["step"])


def _step(place: str, said: dict[str, Any], arrays: dict[str, Floats]) -> ModelStep:
    kind = _STEPS[said.pop("step")]
    if kind is Formula:
        lines = tuple(_line(f"{place}.{number}", dict(each), arrays) for number, each in enumerate(said["steps"]))
        return Formula(name=str(said["name"]), steps=lines, reads=said["reads"])
    step: ModelStep = record_of(kind, place, said, arrays)
    return step
