"""`load` and `load_model`: read a model file of any format; npz, a zip of arrays, without pickles (`read_npz`)."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from lstm_analog.doors import checked
from lstm_analog.errors import (
    FileFormatError,
    InvalidTypeError,
    InvalidValueError,
    LstmAnalogError,
    UnsupportedError,
    explain,
)
from lstm_analog.model.formats.content import Format, format_of, read_model
from lstm_analog.model.formats.flax import flax_stack, stack_of_arrays
from lstm_analog.model.formats.own import WORD, own_stack
from lstm_analog.model.formats.own_model import WORD as MODEL_WORD
from lstm_analog.model.formats.own_model import own_model
from lstm_analog.model.formats.refusals import format_error
from lstm_analog.model.formats.safetensor import read_safetensors
from lstm_analog.model.formats.stacks import Only
from lstm_analog.model.formats.state_dict import stack_of
from lstm_analog.model.formats.tensor import DTYPES, Tensor, TensorMap, from_bytes
from lstm_analog.model.lstm import LSTM
from lstm_analog.model.whole import Model, model_of
from lstm_analog.npy import read_header
from lstm_analog.zips import open_archive


def read_npz(content: bytes) -> TensorMap:
    """Return the arrays of the npz file `content` by name, or raise `FileFormatError`."""
    archive = open_archive(content)
    names = {name.removesuffix(".npy"): name for name in archive.members}
    return {name: _array(name, archive.read(member)) for name, member in names.items()}


def _array(name: str, data: bytes) -> Tensor:
    shape, by_column, dtype, start = read_header(data, f"array {name[:80]!a}")
    if dtype.name not in DTYPES or dtype.newbyteorder("=") != np.dtype(dtype.name) or dtype.byteorder == ">":
        must, got = "hold little-endian numbers", ascii(str(dtype))[:80]
        raise format_error(f"array {name[:80]!a}", must, got, "convert it before saving")
    tensor = from_bytes(name, dtype.name, shape, memoryview(data)[start:])
    if not by_column:
        return tensor
    return Tensor(name=name, kind=tensor.kind, stored=tensor.stored.reshape(shape[::-1]).T)


@checked
def load(
    path: str | Path,
    *,
    only: Only = None,
    weights: Mapping[str, ArrayLike] | None = None,
    config: str | Path | None = None,
) -> LSTM:
    """Return the LSTM, GRU or stack of them in the model file at `path`, in float64.

    The format is found by the content: safetensors, PyTorch (`.pt`, `.pth`: a state dict), npz, ONNX, Keras (`.keras`,
    `.h5`, `.weights.h5`), flax msgpack. No framework is needed; ONNX and flax files need the small libraries that
    `pip install 'lstm_analog[onnx]'` and `[flax]` bring. Numbers of 16 and 32 bits are widened, not rounded.

    Parameters
    ----------
    path : str or Path
        The file. The name of the LSTM is the file's metadata `name`, or else made of the file name.
    only : str, sequence of str or None
        The modules to take, in the order in which they follow each other: `only="encoder.lstm"`, or
        `only=("lstm1", "lstm2", "fc")`. Other modules are left out. None takes the whole file: one recurrent module,
        with the linear layer that follows it.
    weights : mapping of str to array, or None
        The weights of an ONNX file that are inputs of its graph, by the names of these inputs.
    config : str, Path or None
        For a Keras file of weights alone, the JSON file of its configuration that `model.to_json()` makes.

    Raises
    ------
    FileAccessError
        If the file cannot be read.
    InvalidValueError
        If `only` or `weights` has a name that is not in the file.
    FileFormatError
        If it is damaged or hostile, or holds several modules or other content, which the message names.
    UnsupportedError
        If it holds an unsupported form.
    LibraryMissingError
        If the library that reads this format is missing.
    """
    content = read_model(path)
    beside = None if config is None else read_model(config)
    with errors_of_file(path):
        return _lstm(content, Path(path), only, _checked(weights, content), beside)


@checked
def load_model(path: str | Path, *, output: str | None = None, config: str | Path | None = None) -> Model:
    """Return the whole model in the file at `path`: a recurrent part, and the numeric steps before and after it.

    For a Keras or ONNX file these are an embedding, scaling, linear layers with their activations, normalisations and
    pooling, for a Keras file also masking and reshaping; linear steps between recurrent layers are folded into their
    weights. A file of `save_model` is read back unchanged; any other file that `load` reads is a model with a linear
    head or none. Inputs of an ONNX graph that are states and lengths become `state` and `lengths` of a call; x is
    (batch, time, features) or, before an embedding, (batch, time), even if the graph has another order of axes.

    Parameters
    ----------
    path : str or Path
        The file.
    output : str or None
        For an ONNX graph with several outputs, the name of that of the model.
    config : str, Path or None
        As in `load`.

    Raises
    ------
    FileAccessError, FileFormatError, UnsupportedError, LibraryMissingError
        As `load` does; an unsupported layer is named, with advice how to read the recurrent part alone.
    """
    content = read_model(path)
    beside = None if config is None else read_model(config)
    with errors_of_file(path):
        kind = format_of(content)
        if kind is Format.ONNX:
            from lstm_analog.model.formats.onnx_file import OnnxFile

            return OnnxFile(content, Path(path), {}).model(name_after(path), output)
        if output is not None:
            must, do = "be None but for ONNX, whose graphs may have several", "leave it out"
            raise InvalidValueError(explain("output", must=must, got=f"{output!a} for {kind.value}", do=do))
        if kind in (Format.KERAS, Format.HDF5):
            from lstm_analog.model.formats.keras_file import read_keras

            return read_keras(content, kind, beside).model(name_after(path))
        if kind is Format.SAFETENSORS:
            tensors, words = read_safetensors(content)
            if MODEL_WORD in words:
                return own_model(tensors, words, name_in(words, path))
        return model_of(_lstm(content, Path(path), None, {}, beside))


@contextmanager
def errors_of_file(path: str | Path) -> Iterator[None]:
    """Put the file at `path` before the message of an error that is raised inside."""
    try:
        yield
    except LstmAnalogError as error:
        raise type(error)(f"file {str(path)!r}: {error}") from error


def load_part(path: str | Path, only: Only, config: str | Path | None) -> tuple[LSTM, Model | None]:
    """Return the LSTM in the file at `path`, and the whole model if the file has further steps, else None.

    `only` and `config` are as in `load`; with `only` there is no whole model. Raises as `load` and `load_model` do.
    """
    try:
        return load(path, only=only, config=config), None
    except (FileFormatError, UnsupportedError):
        if only is not None:
            raise
    model = load_model(path, config=config)
    return model.lstm, model


def name_in(words: Mapping[str, str], path: str | Path) -> str:
    """Return the name in the metadata `words` of the file at `path`, or one made of its file name if there is none.

    What may not stand in the name of an LSTM is replaced.
    """
    return _valid(words.get("name", "")) or name_after(path)


def name_after(path: str | Path) -> str:
    """Return a name for an LSTM, made of the name of the file at `path`.

    >>> name_after("models/my model.safetensors")
    'my_model'
    """
    return _valid(Path(path).stem)


def _valid(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:64]


def _checked(weights: Mapping[str, ArrayLike] | None, content: bytes) -> Mapping[str, ArrayLike]:
    """Return `weights`, or {} for None; raise if they are no mapping, or `content` is of a format with its own."""
    if weights is None:
        return {}
    given: object = weights
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        do = "give arrays by the names of the graph's inputs"
        got = f"{type(given).__name__} {ascii(given)[:60]}"
        raise InvalidTypeError(explain("weights", must="be a mapping of names to arrays", got=got, do=do))
    kind = format_of(content)
    if kind is not Format.ONNX:
        must, do = "be None but for ONNX, whose graphs may take them as inputs", "leave them out"
        raise InvalidValueError(explain("weights", must=must, got=f"some for {kind.value}", do=do))
    return weights


def _lstm(content: bytes, path: Path, only: Only, weights: Mapping[str, ArrayLike], config: bytes | None) -> LSTM:
    kind, words = format_of(content), dict[str, str]()
    if config is not None and kind not in (Format.KERAS, Format.HDF5):
        must, do = "come with a Keras file of weights alone", "leave it out"
        raise InvalidValueError(explain("config", must=must, got=f"one beside a file in {kind.value}", do=do))
    match kind:
        case Format.SAFETENSORS:
            tensors, words = read_safetensors(content)
            if MODEL_WORD in words:
                do = "load_model(path), whose lstm is that"
                raise format_error("file", "hold a recurrent module alone", "a whole model", do)
            own = WORD in words and only is None
            stack = own_stack(tensors, words[WORD]) if own else stack_of_arrays(tensors, only)
        case Format.TORCH | Format.TORCH_LEGACY:
            from lstm_analog.model.formats.torch_file import read_stream, read_zip

            stack = stack_of(read_zip(content) if kind is Format.TORCH else read_stream(content), only)
        case Format.NPZ:
            stack = stack_of_arrays(read_npz(content), only)
        case Format.KERAS | Format.HDF5:
            from lstm_analog.model.formats.keras_file import read_keras

            stack = read_keras(content, kind, config).stack(only)
        case Format.ONNX:
            from lstm_analog.model.formats.onnx_file import OnnxFile

            stack = OnnxFile(content, path, weights).stack(only)
        case Format.FLAX:
            from lstm_analog.model.formats.flax import read_flax

            stack = flax_stack(read_flax(content), only)
    return stack.lstm(name_in(words, path))
