"""Break the package on purpose, see which tests notice: `mutate.py [places] [seed] [seconds]`, hours in all.

First the tests run once, each watched for the functions it enters. Then `places` (170) are drawn, as many from each of
the compiler, the laws, the engines, the exports and the study: a sign turned, a factor doubled, an index or a limit
moved, a comparison turned, a check left out, a call dropped. At each the tests that enter the function run until one
fails, the quickest first, up to `seconds` (900) of them as they took when watched. What no test notices is printed: it
gets a test, or a reason why it is equivalent. All of it happens in a copy; what the tests entered is kept in the folder
named by MUTATE_FOLDER, if it is set.
"""

import ast
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("compiler", "network", "engines", "export", "study")
COPIED = ("lstm_analog", "tests", "benchmarks", "netlists", "notebooks", "docs")
PATIENCE = 4.0
"""A mutant that takes so many times its budget, and a minute, hangs."""
WORKERS = 2


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One place changed: characters `start` to `stop` of the file become `text`."""

    file: str
    function: str
    line: int
    start: int
    stop: int
    text: str
    was: str

    def applied(self, source: bytes) -> bytes:
        """Return the source with this place changed."""
        return source[: self.start] + self.text.encode() + source[self.stop :]

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.function}: `{self.was}` -> `{self.text}`"


# Which tests enter which functions: hooks of pytest, loaded by `-p mutate`.

ENTERED: set[CodeType] = set()
WATCHED: dict[str, tuple[float, list[str]]] = {}


def watch(frame: FrameType, _event: str, _arg: object) -> None:
    """Note the function that is entered."""
    ENTERED.add(frame.f_code)


def pytest_runtest_protocol() -> None:
    """Begin a test's record: setup counts as the test's own."""
    ENTERED.clear()
    threading.settrace(watch)
    sys.settrace(watch)


def pytest_runtest_logfinish(nodeid: str) -> None:
    """Keep what the test entered; called twice under xdist, the second time in the process that entered nothing."""
    sys.settrace(None)
    package = str(ROOT / "lstm_analog") + os.sep
    names = [f"{c.co_filename}:{c.co_firstlineno}" for c in list(ENTERED) if c.co_filename.startswith(package)]
    if names:
        WATCHED[nodeid] = (0.0, sorted(name.removeprefix(str(ROOT) + os.sep) for name in names))


def pytest_runtest_logreport(report: Any) -> None:
    """Add up how long a test takes."""
    DURATIONS[report.nodeid] += report.duration


DURATIONS: defaultdict[str, float] = defaultdict(float)


def pytest_sessionfinish() -> None:
    """Write what this process has seen."""
    record = {name: (DURATIONS[name], entered) for name, (_, entered) in WATCHED.items()}
    Path(os.environ["MUTATE_FOLDER"], f"entered-{os.getpid()}.json").write_text(json.dumps(record))


# Places.


def swapped(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Yield the part to change and its new text, for each way in which this node can be broken."""
    yield from in_statements(node)
    match node:
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS and not is_text(left) | is_text(right):
            yield node, f"({ast.unparse(left)}) {OPERATORS[type(op)]} ({ast.unparse(right)})"
        case ast.UnaryOp(op=ast.USub() | ast.Not(), operand=operand):
            yield node, f"({ast.unparse(operand)})"
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARISONS:
            for turned in COMPARISONS[type(op)]:
                yield node, f"({ast.unparse(left)}) {turned} ({ast.unparse(right)})"
        case ast.Constant(value=bool()):
            yield node, repr(not node.value)
        case ast.Constant(value=int() as value):
            yield node, repr(value + 1)
        case ast.Constant(value=float() as value) if value:
            yield node, repr(2 * value)
        case ast.BoolOp(op=ast.And() | ast.Or(), values=values):
            word = " or " if isinstance(node.op, ast.And) else " and "
            yield node, "(" + word.join(f"({ast.unparse(value)})" for value in values) + ")"


def in_statements(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Yield the same for checks, calls and limits."""
    match node:
        case ast.If(test=test, body=[ast.Raise()]):
            yield test, "False"
        case ast.Expr(value=ast.Call()):
            yield node, "pass"
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in LIMITS:
            yield node.func, ast.unparse(node.func).removesuffix(name) + LIMITS[name]


OPERATORS = {ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.FloorDiv: "*"}
COMPARISONS = {
    ast.Lt: ("<=", ">="),
    ast.LtE: ("<", ">"),
    ast.Gt: (">=", "<="),
    ast.GtE: (">", "<"),
    ast.Eq: ("!=",),
    ast.NotEq: ("==",),
    ast.In: ("not in",),
    ast.NotIn: ("in",),
    ast.Is: ("is not",),
    ast.IsNot: ("is",),
}
LIMITS = {"min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum", "all": "any", "any": "all"}


def is_text(node: ast.AST) -> bool:
    """Whether a sum of this would be one of texts."""
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def inner(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes below one; neither words of errors nor texts, annotations or documentation."""
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "exc", "keywords" if is_field(node) else ""}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not isinstance(child, ast.JoinedStr):
                yield child
                if not isinstance(child, ast.FunctionDef):
                    yield from inner(child)


def is_field(node: ast.AST) -> bool:
    """Whether this is a call that says how a record's field behaves."""
    return isinstance(node, ast.Call) and ast.unparse(node.func) in {"field", "dataclass"}


def mutants(file: Path) -> Iterator[Mutant]:
    """Yield all that can be broken within the functions of a file."""
    source = file.read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef) or function.name == "__repr__":
            continue
        first = min([function.lineno, *(d.lineno for d in function.decorator_list)])
        for node in inner(function):
            for part, text in swapped(node):
                assert isinstance(part, ast.expr | ast.stmt)
                assert part.end_lineno is not None
                assert part.end_col_offset is not None
                start = starts[part.lineno - 1] + part.col_offset
                stop = starts[part.end_lineno - 1] + part.end_col_offset
                yield Mutant(
                    file=str(file.relative_to(ROOT)),
                    function=f"{function.name}:{first}",
                    line=part.lineno,
                    start=start,
                    stop=stop,
                    text=text,
                    was=" ".join(source[start:stop].decode().split()),
                )


def drawn(places: int, seed: int) -> list[Mutant]:
    """Draw the places, as many from each part of the package."""
    draw = random.Random(seed)
    chosen = []
    for part in PARTS:
        found = [m for file in sorted((ROOT / "lstm_analog" / part).rglob("*.py")) for m in mutants(file)]
        chosen += draw.sample(found, places // len(PARTS))
    return chosen


# Running.


def environment(root: Path, **more: str) -> dict[str, str]:
    """Return what a run of the tests of the tree at `root` needs."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    path = os.pathsep.join([str(root), str(root / "benchmarks")])
    return os.environ | threads | more | {"PYTHONPATH": path, "MPLBACKEND": "Agg", "PYTHONDONTWRITEBYTECODE": "1"}


def entered(folder: Path) -> dict[str, tuple[float, list[str]]]:
    """Return each test's seconds and the functions that it enters; the tests run if the folder has no record."""
    if not list(folder.glob("entered-*.json")):
        words = ["-p", "mutate", "-q", "-n", str(WORKERS), "--dist=worksteal", "tests", "lstm_analog"]
        run = [sys.executable, "-m", "pytest", *words]
        subprocess.run(run, cwd=ROOT, env=environment(ROOT, MUTATE_FOLDER=str(folder)), check=False)
    return {
        name: tuple(what)
        for file in folder.glob("entered-*.json")
        for name, what in json.loads(file.read_text()).items()
    }


def verdict(root: Path, tests: list[str], patience: float) -> str:
    """Return whether one of the tests fails in the tree at `root`, or hangs, or none."""
    run = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--no-header", *tests]
    try:
        done = subprocess.run(run, cwd=root, env=environment(root), check=False, capture_output=True, timeout=patience)
    except subprocess.TimeoutExpired:
        return "hangs"
    return "noticed" if done.returncode else "survived"


def fate(mutant: Mutant, root: Path, seen: dict[str, tuple[float, list[str]]], budget: float) -> str:
    """Return what came of a mutant in the copy of the tree at `root`."""
    place = f"{mutant.file}:{mutant.function.partition(':')[2]}"
    meant = sorted((took, test) for test, (took, names) in seen.items() if place in names)
    if not meant:
        return "no test enters the function"
    total, tests = 0.0, []
    for took, test in meant:
        total += took
        if total <= budget or not tests:
            tests.append(test)
    file = root / mutant.file
    source = file.read_bytes()
    file.write_bytes(mutant.applied(source))
    try:
        found = verdict(root, tests, 60.0 + PATIENCE * min(total, budget))
    finally:
        file.write_bytes(source)
    return found if found != "survived" else f"survived {len(tests)} of {len(meant)} tests"


def main(places: int = 170, seed: int = 20261129, budget: int = 900) -> None:
    """Draw the places, try each, print the survivors."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(os.environ.get("MUTATE_FOLDER", temporary))
        seen = entered(folder)
        roots = [Path(temporary, f"copy{k}") for k in range(WORKERS)]
        for root in roots:
            for name in COPIED:
                if (ROOT / name).exists():
                    shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
            for name in ("pyproject.toml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile", "LICENSE"):
                shutil.copy(ROOT / name, root)
        chosen, free = drawn(places, seed), list(roots)

        def tried(mutant: Mutant) -> str:
            root = free.pop()
            try:
                return fate(mutant, root, seen, budget)
            finally:
                free.append(root)

        with ThreadPoolExecutor(WORKERS) as pool:
            results = pool.map(tried, chosen)
            fates = []
            for mutant, result in zip(chosen, results, strict=True):
                print(f"{result:30} {mutant}", flush=True)
                fates.append(result)
    print(f"{fates.count('noticed')} of {len(fates)} noticed, seed {seed}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
