"""Run a script as on a processor without AVX-512: `python benchmarks/as_avx2.py benchmarks/bench_waveform.py`.

Or the tests, `python benchmarks/as_avx2.py -m pytest tests/engines/test_native.py`. The kernel is compiled for
x86-64-v3, OpenBLAS takes its kernels for Haswell, numpy, torch and oneDNN theirs for AVX2. That is not such a
processor: the clock, the caches and the memory stay this one's, and it computes 256 bits as fast as it can.
"""

import os
import sys

from numpy._core._multiarray_umath import __cpu_dispatch__

from lstm_analog.engines.native.library import TARGET

BEYOND = ("AVX512", "X86_V4")
"""How numpy's names of what AVX2 processors lack begin."""


def main(words: list[str]) -> None:
    """Replace this process by Python with the `words`, in an environment that leaves AVX-512 out."""
    disabled = " ".join(name for name in __cpu_dispatch__ if name.startswith(BEYOND))
    limits = {
        TARGET: "x86_64_v3",
        "NPY_DISABLE_CPU_FEATURES": disabled,
        "OPENBLAS_CORETYPE": "Haswell",
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    }
    os.execve(sys.executable, [sys.executable, *words], os.environ | limits)


if __name__ == "__main__":
    main(sys.argv[1:])
