"""Builds the kernel, `kernel.c`, once a machine, with the compiler that the package `ziglang` brings, and loads it.

The built library is kept in the user's cache directory. Its name is a digest of the sources, the flags, the compiler
and the processor. Products of matrices that the kernel is not faster at are done by scipy's BLAS.
"""

import ctypes
import logging
import os
import platform
import subprocess
import sys
import tempfile
import warnings
from functools import lru_cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from scipy.linalg import cython_blas

from lstm_analog.errors import LibraryMissingError, explain

COMPILER = "ziglang"
"""The package whose compiler builds the kernel."""
SWITCH = "LSTM_ANALOG_NATIVE"
"""Environment variable that, set to 0, leaves all work to numpy."""
TARGET = "LSTM_ANALOG_TARGET"
"""Environment variable with a processor to compile the kernel for, in the compiler's words; unset, it is this one."""
SOURCES = tuple(
    Path(__file__).with_name(name)
    for name in ("kernel.c", "operations.inc", "kernels.inc", "products.inc", "solving.inc")
)
_WIDE = ("-mprefer-vector-width=512",) if platform.machine() in ("x86_64", "AMD64") else ()
"""The flag for vectors as wide as AVX-512 has; by itself the compiler takes half of that. tanh is a quarter faster."""
_MATHEMATICS = ("-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast")
"""Flags that let loops become vectors, and a product and a sum one operation; NaN and infinity keep their meaning."""
_FLAGS = ("-O3", *_MATHEMATICS, *_WIDE, "-shared", "-fPIC")
_PRODUCTS = ("dgemm", "sgemm", "dgemv", "sgemv")
"""The functions of scipy's BLAS that the kernel is told of, in the order of its `bind`."""
_SECONDS = 120.0
"""Time after which a compiler that still runs is given up (s)."""


def kernel() -> ctypes.CDLL | None:
    """Return the loaded kernel, built if this machine has none; None without its compiler, or if `SWITCH` is 0.

    If the compiler fails, it is None too, with a `RuntimeWarning`; numpy does the work then.
    """
    return None if os.environ.get(SWITCH) == "0" else _loaded()


@lru_cache(maxsize=1)
def _loaded() -> ctypes.CDLL | None:
    try:
        with_version = f"{COMPILER} {version(COMPILER)}"
    except PackageNotFoundError:
        logging.getLogger("lstm_analog").info(
            "pip install 'lstm_analog[fast]' makes Waveform two to five times as fast"
        )
        return None
    try:
        return _bound(ctypes.CDLL(str(_built(with_version))))
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or error
        warnings.warn(f"the engines' kernel was not built, numpy does its work: {said}", RuntimeWarning, stacklevel=2)
        return None


def is_available() -> bool:
    """Return whether there is a kernel."""
    return kernel() is not None


def needed() -> ctypes.CDLL:
    """Return the kernel; raise `LibraryMissingError` if there is none."""
    found = kernel()
    if found is None:
        must, do = "be built", f"pip install 'lstm_analog[fast]', which brings {COMPILER}"
        raise LibraryMissingError(explain("the engines' kernel", must=must, got="no kernel", do=do))
    return found


def _built(compiler: str) -> Path:
    """Return the path of the library; build it if it is not there. `compiler` is the name and version of that."""
    flags = (f"-march={os.environ.get(TARGET, 'native')}", *_FLAGS)
    parts = [path.read_bytes() for path in SOURCES] + [text.encode() for text in (*flags, compiler, _processor())]
    name = f"kernel-{sha256(b'|'.join(parts)).hexdigest()[:16]}.so"
    path = _directory() / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as place:
            fresh = Path(place) / name
            command = [sys.executable, "-m", COMPILER, "cc", *flags, "-o", str(fresh), str(SOURCES[0])]
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=_SECONDS)
            fresh.replace(path)  # as a whole: another process may be doing the same
    return path


def _processor() -> str:
    """Return a description of the processor: a library built for another one may use instructions that it lacks."""
    known = Path("/proc/cpuinfo")
    lines = known.read_text(encoding="ascii", errors="replace").splitlines() if known.exists() else []
    features = next((line for line in lines if line.lower().startswith(("flags", "features"))), "")
    return f"{platform.system()} {platform.machine()} {platform.processor()} {features}"


def _directory() -> Path:
    """Return the directory of this package in the user's cache directory."""
    home = {"Darwin": Path.home() / "Library" / "Caches", "Windows": Path.home() / "AppData" / "Local"}
    other = home.get(platform.system(), Path.home() / ".cache")
    return Path(os.environ.get("XDG_CACHE_HOME") or other) / "lstm_analog"


def _bound(library: ctypes.CDLL) -> ctypes.CDLL:
    """Declare the arguments of the functions of `library`, tell it where scipy's BLAS is, and return it."""
    library.run.argtypes, library.run.restype = (ctypes.c_void_p, ctypes.c_long), ctypes.c_long
    library.run_rows.argtypes = (ctypes.c_void_p, ctypes.c_long, ctypes.c_long, ctypes.c_void_p)
    library.run_rows.restype = ctypes.c_long
    library.bind.argtypes, library.bind.restype = (ctypes.c_void_p,) * len(_PRODUCTS), None
    library.bind(*map(_address, _PRODUCTS))
    return library


def _address(name: str) -> int | None:
    """Return the address of the function `name` of scipy's BLAS, which Cython exports in a capsule."""
    capsule = ctypes.py_object(vars(cython_blas)["__pyx_capi__"][name])
    name_of, pointer_of = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    name_of.restype, name_of.argtypes = ctypes.c_char_p, (ctypes.py_object,)
    pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    found: int | None = pointer_of(capsule, name_of(capsule))
    return found
