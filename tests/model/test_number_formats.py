"""Every format of numbers in every file, written by the formats' own libraries: the same, or refused by name."""

from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import h5py
import ml_dtypes
import msgpack
import numpy as np
import onnx
import pytest
import safetensors.numpy

from lstm_analog.errors import FileFormatError, LstmAnalogError
from lstm_analog.model.formats.flax import read_flax
from lstm_analog.model.formats.hdf5 import read_hdf5
from lstm_analog.model.formats.loading import read_npz
from lstm_analog.model.formats.onnx_file import OnnxTensors
from lstm_analog.model.formats.safetensor import read_safetensors

HALVES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}
FLOATS = {**HALVES, "float32": np.float32, "float64": np.float64}
WHOLE = {f"{sign}int{bits}": np.dtype(f"{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)}
PLAIN = {**FLOATS, **WHOLE, "bool": np.dtype(bool)}
REFUSED = {
    "complex64": np.array([1 + 2j], np.complex64),
    "complex128": np.array([1 + 2j]),
    "longdouble": np.array([1], np.longdouble),
    "float8_e4m3fn": np.array([1.5], ml_dtypes.float8_e4m3fn),
    "float8_e5m2": np.array([1.5], ml_dtypes.float8_e5m2),
    "int4": np.array([3], ml_dtypes.int4),
    "compound": np.array([(1, 2.0)], [("a", "<i2"), ("b", "<f4")]),
    "text": np.array(["a"]),
    "date": np.array(["2026-01-01"], "datetime64[D]"),
    "bytes": np.array([b"ab"]),
    **{f"big-endian {kind}": np.array([1, 2], f">{kind}") for kind in ("f2", "f4", "f8", "i2", "u2", "i4", "u8")},
}


def array_of(kind):
    """Return numbers of a kind that tell it from every other: extremes, both signs, a matrix turned and mirrored."""
    if kind == "bool":
        return np.array([[True, False, False], [False, True, True]])[:, ::-1]
    if kind in WHOLE:
        limits = np.iinfo(WHOLE[kind])
        return np.array([[limits.min, limits.max, 1], [0, limits.max - 1, 40000 % (limits.max + 1)]], WHOLE[kind]).T[
            ::-1
        ]
    limits = ml_dtypes.finfo(FLOATS[kind])
    rows = [[limits.max, -limits.smallest_subnormal, 0.1], [limits.smallest_normal, -0.0, -1 / 3]]
    return np.array(rows).astype(FLOATS[kind]).T[::-1]


def by_h5py(array):
    stream = BytesIO()
    with h5py.File(stream, "w") as file:
        if array.dtype == ml_dtypes.bfloat16:  # as the library describes it when told how its bits lie
            kind = h5py.h5t.IEEE_F32LE.copy()
            kind.set_fields(15, 7, 8, 0, 7)
            kind.set_size(2)
            kind.set_precision(16)
            kind.set_ebias(127)
            space = h5py.h5s.create_simple(array.shape)
            made = h5py.h5d.create(file.id, b"w", kind, space)
            made.write(h5py.h5s.ALL, h5py.h5s.ALL, np.ascontiguousarray(array.astype(np.float32)))
        else:
            file["w"] = array
    return read_hdf5(stream.getvalue()).tensors["w"]


def by_numpy(array):
    stream = BytesIO()
    np.savez(stream, w=array)
    return read_npz(stream.getvalue())["w"]


def by_safetensors(array):
    return read_safetensors(safetensors.numpy.save({"w": np.ascontiguousarray(array)}))[0]["w"]


def by_msgpack(array):
    """As `flax.serialization` packs an array."""
    packed = msgpack.packb((array.shape, array.dtype.name, array.tobytes("C")), use_bin_type=True)
    return read_flax(msgpack.packb({"w": msgpack.ExtType(1, packed)}))["w"]


class Onnx:
    """An ONNX tensor, in raw bytes or listed number by number."""

    def __init__(self, raw):
        self.raw = raw

    def __call__(self, array):
        if self.raw:
            return OnnxTensors(Path()).tensor(onnx.numpy_helper.from_array(np.ascontiguousarray(array), "w"))
        kind = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
        return OnnxTensors(Path()).tensor(onnx.helper.make_tensor("w", kind, array.shape, array.ravel()))


WRITERS = {
    "hdf5": by_h5py,
    "npz": by_numpy,
    "safetensors": by_safetensors,
    "flax": by_msgpack,
    "onnx, raw": Onnx(raw=True),
    "onnx, listed": Onnx(raw=False),
}


@pytest.mark.parametrize("kind", PLAIN)
@pytest.mark.parametrize("writer", WRITERS)
def test_a_plain_number_is_the_same_number_in_every_file(writer, kind):
    array = array_of(kind)
    if (writer, kind) in {("npz", "bfloat16"), ("hdf5", "bool")}:  # bare bytes, and an enumeration
        with pytest.raises(LstmAnalogError, match=r"must hold little-endian numbers, got ('\|V2'|enum type)"):
            WRITERS[writer](array)
        return
    tensor = WRITERS[writer](array)
    assert tensor.kind == kind
    if kind in FLOATS:
        numbers = tensor.numbers()
        np.testing.assert_array_equal(numbers, array.astype(np.float64))
        np.testing.assert_array_equal(np.signbit(numbers), np.signbit(array.astype(np.float64)))
    else:
        assert tensor.stored.tolist() == array.tolist()


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("writer", [by_h5py, by_numpy, by_safetensors, by_msgpack, Onnx(raw=True)])
def test_any_other_number_is_refused_by_name(writer, kind):
    """By the library that writes it, or by this package; a big-endian array may be stored the other way round."""
    array = REFUSED[kind]
    try:
        writer(array)
    except LstmAnalogError:
        pass
    except (TypeError, ValueError, KeyError, AttributeError, safetensors.SafetensorError):
        return  # the library does not write it
    else:
        assert kind.startswith("big-endian")
        assert writer(array).stored.tolist() == array.tolist() or writer is by_msgpack  # which drops the order
        return
    with pytest.raises(LstmAnalogError, match=r"^(HDF5 object '/w'|array 'w'|entry 'w'|tensor 'w') must "):
        writer(array)


def test_an_integer_of_fewer_bits_than_its_bytes_is_refused():
    """HDF5 may hold 12 bits in 2 bytes, shifted: h5py's own reader shows what they mean, this one refuses them."""
    stream = BytesIO()
    with h5py.File(stream, "w") as file:
        kind = h5py.h5t.STD_U16LE.copy()
        kind.set_precision(12)
        kind.set_offset(4)
        made = h5py.h5d.create(file.id, b"w", kind, h5py.h5s.create_simple((3,)))
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array([1, 2, 4000], np.uint16))
        assert file["w"][:].tolist() == [1, 2, 4000]
    with pytest.raises(
        LstmAnalogError, match=r"^HDF5 object '/w' must hold little-endian numbers, got integer of an odd"
    ):
        read_hdf5(stream.getvalue())


def test_a_listed_number_that_does_not_fit_is_refused():
    entry = onnx.TensorProto(name="w", data_type=onnx.TensorProto.UINT8, dims=(2,), int32_data=[1, 300])
    with pytest.raises(LstmAnalogError, match=r"^tensor 'w' must fit its kind of number, got 300 of UINT8: export"):
        OnnxTensors(Path()).tensor(entry)


def test_a_shape_without_elements_that_numpy_does_not_hold_is_refused():
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': (0, {2**61}), }}".ljust(117) + "\n"
    array = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    stream = BytesIO()
    with ZipFile(stream, "w") as archive:
        archive.writestr("a.npy", array)
    with pytest.raises(FileFormatError, match=r"'a' must have at most 8 axes of whole sizes, got shape \(0, 2305"):
        read_npz(stream.getvalue())
