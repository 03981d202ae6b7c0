"""Every format of numbers in the files of `torch.save`: what torch has, or refused by name. Run by `make torch`."""

from io import BytesIO

import pytest
import torch

from lstm_analog.errors import FileFormatError
from lstm_analog.model.formats.torch_file import read_stream, read_zip

PLAIN = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
PLAIN += (torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8, torch.bool)
OTHERS = (torch.uint16, torch.uint32, torch.uint64, torch.complex64, torch.complex128, torch.float8_e4m3fn)
READERS = {"zip": (read_zip, True), "stream": (read_stream, False)}


def saved(tensor, reader):
    read, as_zip = READERS[reader]
    stream = BytesIO()
    torch.save({"w": tensor}, stream, _use_new_zipfile_serialization=as_zip)
    return read(stream.getvalue())["w"]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("dtype", PLAIN, ids=str)
def test_a_plain_number_is_torchs(reader, dtype):
    """Extremes, in a matrix that lies turned in its storage."""
    if dtype.is_floating_point:
        limits = torch.finfo(dtype)
        rows = torch.tensor([[limits.max, -limits.tiny, 0.1], [limits.min, -0.0, -1 / 3]], dtype=torch.float64).to(
            dtype
        )
        found = saved(rows.T, reader)
        assert found.numbers().tolist() == rows.T.to(torch.float64).tolist()
    else:
        limits = (0, 1) if dtype is torch.bool else (torch.iinfo(dtype).min, torch.iinfo(dtype).max)
        rows = torch.tensor([[*limits, 1], [0, limits[1], limits[0]]], dtype=dtype)
        found = saved(rows.T, reader)
        assert found.stored.tolist() == rows.T.tolist()
    assert f"torch.{found.kind}" == str(dtype)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("dtype", OTHERS, ids=str)
def test_any_other_number_is_refused_by_name(reader, dtype):
    """When it is wanted; in a stream of before 1.6, where storages follow each other, at once if of unknown size."""
    with pytest.raises(
        FileFormatError, match=r"^(tensor 'w' must be float16,|storage must hold a kind of number known)"
    ):
        saved(torch.ones(3).to(dtype), reader).numbers()


@pytest.mark.parametrize("reader", READERS)
def test_a_number_that_is_turned_when_read_is_refused(reader):
    """The imaginary part of a conjugate: a view whose sign torch turns when it looks at it."""
    with pytest.raises(FileFormatError, match=r"^tensor 'w' must be float16, .* got (a tensor with marks|Complex)"):
        saved(torch.ones(3, dtype=torch.complex64).conj().imag, reader).numbers()
