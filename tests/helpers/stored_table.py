"""What tests share that hold scripts of `benchmarks/` and the tables these made."""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@contextmanager
def script(name: str) -> Iterator[ModuleType]:
    """Import a script of `benchmarks/` for as long as the block runs."""
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(BENCHMARKS))  # it imports its neighbours
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(BENCHMARKS))
    yield module
    del sys.modules[name]


def cells(name: str) -> dict[str, dict[str, str]]:
    """Return the cells of the tables in a page of `benchmarks/` by row and column."""
    found: dict[str, dict[str, str]] = {}
    heads = None
    for line in (BENCHMARKS / name).read_text(encoding="utf-8").splitlines():
        words = [word.strip() for word in line.strip("|").split(" | ")] if line.startswith("|") else None
        if words is None:
            heads = None
        elif heads is None:
            heads = words
        elif words[0] != "---":
            assert len(words) == len(heads), line
            found.setdefault(words[0], {}).update(zip(heads[1:], words[1:], strict=True))
    return found
