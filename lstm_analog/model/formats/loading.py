"""`load`: a file of any format to an `LSTM`."""

import re
from pathlib import Path

from lstm_analog.doors import checked
from lstm_analog.errors import LstmAnalogError
from lstm_analog.model.formats.content import Format, format_of, read_model
from lstm_analog.model.formats.own import WORD, own_stack
from lstm_analog.model.formats.safetensor import read_safetensors
from lstm_analog.model.formats.stacks import Only, Stack
from lstm_analog.model.formats.state_dict import stack_of
from lstm_analog.model.lstm import LSTM


@checked
def load(path: str | Path, *, only: Only = None) -> LSTM:
    """Return the LSTM, GRU or stack of them in the model file at `path`, in float64.

    The format is told by the content: safetensors, PyTorch (`.pt`, `.pth`: a state dict), npz, ONNX, Keras (`.keras`,
    `.h5`, `.weights.h5`), flax msgpack. No framework is needed; ONNX and flax files need the small libraries that
    `pip install 'lstm_analog[onnx]'` and `[flax]` bring. Numbers of 16 and 32 bits are widened, not rounded.

    Parameters
    ----------
    path : str or Path
        The file. The LSTM is named after the file's own word `name`, else after the file.
    only : str, sequence of str or None
        The modules to take, in the order in which they follow each other: `only="encoder.lstm"`, or
        `only=("lstm1", "lstm2", "fc")`. What is not named is left out. None takes the file as a whole: one recurrent
        module, with the linear read-out that follows it.

    Raises
    ------
    FileAccessError
        If the file cannot be read.
    FileFormatError
        If it is damaged, hostile, or holds several modules or anything else beside; the message names it.
    UnsupportedError
        If it holds a form that is understood and not offered.
    LibraryMissingError
        If the library that reads this format is missing.
    """
    content = read_model(path)
    try:
        words, stack = _stack(content, Path(path), only)
        return LSTM(layers=stack.layers, head=stack.head, name=words.get("name", name_after(path)))
    except LstmAnalogError as error:
        raise type(error)(f"file {str(path)!r}: {error}") from error


def name_after(path: str | Path) -> str:
    """Return a name for an LSTM made of that of the file at `path`.

    >>> name_after("models/my model.safetensors")
    'my_model'
    """
    return re.sub(r"[^A-Za-z0-9_.-]", "_", Path(path).stem)[:64]


def _stack(content: bytes, path: Path, only: Only) -> tuple[dict[str, str], Stack]:
    match format_of(content):
        case Format.SAFETENSORS:
            tensors, words = read_safetensors(content)
            made = own_stack(tensors, words[WORD]) if WORD in words and only is None else stack_of(tensors, only)
            return dict(words), made
        case Format.TORCH:
            from lstm_analog.model.formats.torch_file import read_zip

            return {}, stack_of(read_zip(content), only)
        case Format.TORCH_LEGACY:
            from lstm_analog.model.formats.torch_file import read_stream

            return {}, stack_of(read_stream(content), only)
        case Format.NPZ:
            from lstm_analog.model.formats.npz import read_npz

            return {}, stack_of(read_npz(content), only)
        case Format.KERAS | Format.HDF5 as kind:
            from lstm_analog.model.formats.keras_file import read_keras

            return {}, read_keras(content, kind, only)
        case Format.ONNX:
            from lstm_analog.model.formats.onnx_file import read_onnx

            return {}, read_onnx(content, path, only)
        case Format.FLAX:
            from lstm_analog.model.formats.flax import read_flax
            from lstm_analog.model.formats.flax_cells import flax_stack

            return {}, flax_stack(read_flax(content), only)
