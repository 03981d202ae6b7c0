"""Tests that read the package: the house rules of CONTRIBUTING.md that a program can check.

A rule takes a module and yields its offences. Each is held against the package, and against a piece of code that breaks
it and one that keeps it, so that a rule that has gone blind is noticed.
"""

import ast
import builtins
import gc
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import lstm_analog
from lstm_analog.errors import LibraryMissingError

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "lstm_analog"
LONGEST_MODULE = 300
LONGEST_FUNCTION = 40
MAY_PRINT = "lstm_analog/cli.py"
FACADE = "lstm_analog/__init__.py"
DOORS = "lstm_analog/doors.py"
COMMAND_LINE = (MAY_PRINT, "lstm_analog/__main__.py")

Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = ast.Module | ast.ClassDef | Function
Offences = Iterator[tuple[int, str]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Module:
    """A module's path below the root, its text and its tree."""

    path: str
    text: str
    tree: ast.Module


@cache
def nodes(module: Module) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(module.tree))


def parse(path: str, text: str) -> Module:
    return Module(path=path, text=text, tree=ast.parse(text, filename=path))


@cache
def package() -> tuple[Module, ...]:
    """No search for garbage goes through the trees: neither while they grow, which takes longer, nor later."""
    files = sorted(PACKAGE.rglob("*.py"))
    gc.disable()
    try:
        return tuple(parse(str(file.relative_to(ROOT)), file.read_text(encoding="utf-8")) for file in files)
    finally:
        gc.freeze()
        gc.enable()


# What a module holds.


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module or class, those under `if`, `try` and `with` too."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If | ast.Try | ast.With):
            for field in ("body", "orelse", "finalbody"):
                yield from statements(getattr(statement, field, []))


def is_public(node: ast.ClassDef | Function) -> bool:
    return not node.name.startswith("_") or node.name in ("__call__", "__init__")


def public(module: Module) -> Iterator[tuple[ast.ClassDef | Function, ast.ClassDef | None]]:
    """Yield the public classes, functions and methods, each with the class it belongs to."""
    for node in statements(module.tree.body):
        if isinstance(node, ast.ClassDef | Function) and is_public(node):
            yield node, None
        if isinstance(node, ast.ClassDef) and is_public(node):
            methods = (m for m in statements(node.body) if isinstance(m, Function) and is_public(m))
            yield from ((method, node) for method in methods if "overload" not in map(name_of, method.decorator_list))


def name_of(node: ast.expr) -> str:
    """Return the last name of `a.b.c`, of `c(...)` or of `c[...]`."""
    if isinstance(node, ast.Call):
        return name_of(node.func)
    if isinstance(node, ast.Subscript):
        return name_of(node.value)
    return getattr(node, "attr", getattr(node, "id", ""))


def parameters(function: Function) -> list[str]:
    a = function.args
    names = [p.arg for p in (*a.posonlyargs, *a.args, a.vararg, *a.kwonlyargs) if p is not None]
    return [name for name in names if name not in ("self", "cls") and not name.startswith("_")]


def docstring_lines(node: Documented) -> int:
    if ast.get_docstring(node) is None:
        return 0
    first = node.body[0]
    return (first.end_lineno or first.lineno) - first.lineno + 1


def names_in(docstring: str) -> set[str]:
    """Return the words in backticks, those of `a.b[c]` each, and those that head a line of a numpydoc section."""
    quoted = " ".join(re.findall(r"`([^`]+)`", docstring))
    heads = " ".join(re.findall(r"^\s*\*{0,2}(\w+(?:, \w+)*) ?:", docstring, flags=re.MULTILINE))
    return set(re.findall(r"\w+", f"{quoted} {heads}"))


# The rules.


def long_modules(module: Module) -> Offences:
    length = len(module.text.splitlines())
    if length > LONGEST_MODULE:
        yield length, f"{length} lines, {LONGEST_MODULE} allowed"


def long_functions(module: Module) -> Offences:
    for node in nodes(module):
        if isinstance(node, Function):
            length = (node.end_lineno or node.lineno) - node.lineno + 1 - docstring_lines(node)
            if length > LONGEST_FUNCTION:
                yield node.lineno, f"{node.name} has {length} lines besides its docstring, {LONGEST_FUNCTION} allowed"


def swallowed_keywords(module: Module) -> Offences:
    for node, _ in public(module):
        if isinstance(node, Function) and node.args.kwarg:
            yield node.lineno, f"{node.name} takes **{node.args.kwarg.arg}"


def bare_excepts(module: Module) -> Offences:
    for node in nodes(module):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield node.lineno, "bare except"


def prints(module: Module) -> Offences:
    for node in nodes(module):
        if isinstance(node, ast.Name) and node.id == "print" and module.path != MAY_PRINT:
            yield node.lineno, "print outside cli.py"


def late_binding(module: Module) -> Offences:
    for node in nodes(module):
        may = ("setattr",) if module.path == DOORS else ()  # a class decorator, as `dataclass` is one
        if isinstance(node, ast.Name) and node.id in {"hasattr", "super", "setattr"}.difference(may):
            yield node.lineno, f"{node.id}: dispatch on the kind, or give the object what it needs"
        elif isinstance(node, Function) and re.fullmatch("__(get|set)attr(ibute)?__", node.name):
            if module.path != FACADE:
                yield node.lineno, f"{node.name}: only for lazy names in {FACADE}"
        elif isinstance(node, ast.ClassDef) and any(k.arg == "metaclass" for k in node.keywords):
            yield node.lineno, f"{node.name} has a metaclass"
        elif isinstance(node, ast.Global):
            yield node.lineno, f"global {', '.join(node.names)}"


def loose_dataclasses(module: Module) -> Offences:
    for node in nodes(module):
        if isinstance(node, ast.ClassDef):
            for decorator in node.decorator_list:
                if name_of(decorator) == "dataclass":
                    yield from ((node.lineno, f"dataclass {node.name} must say {s}") for s in lacking(node, decorator))


def lacking(node: ast.ClassDef, decorator: ast.expr) -> Iterator[str]:
    said = {ast.unparse(keyword) for keyword in getattr(decorator, "keywords", [])}
    yield from (option for option in ("frozen=True", "kw_only=True") if option not in said)
    annotations = [ast.unparse(field.annotation) for field in node.body if isinstance(field, ast.AnnAssign)]
    if any(re.search(r"\b(Floats|Indices|Array|NDArray)\b", text) for text in annotations) and "eq=False" not in said:
        yield "eq=False, for it holds arrays"


def subclasses_of_concrete(module: Module) -> Offences:
    for node in nodes(module):
        if isinstance(node, ast.ClassDef):
            for base in sorted(set(map(name_of, node.bases)) & concrete_classes(module)):
                yield node.lineno, f"{node.name} inherits from {base}, which is not abstract"


def concrete_classes(module: Module) -> set[str]:
    classes = dict(kinds_of_class(module)) | classes_of_package()
    return {name for name, abstract in classes.items() if not abstract}


@cache
def classes_of_package() -> dict[str, bool]:
    return dict(entry for each in package() for entry in kinds_of_class(each))


@cache
def kinds_of_class(module: Module) -> tuple[tuple[str, bool], ...]:
    """Return the name of each class of a module and whether it is abstract; errors do not count."""
    classes = [node for node in nodes(module) if isinstance(node, ast.ClassDef)]
    return tuple((node.name, is_abstract(node)) for node in classes if module.path != "lstm_analog/errors.py")


def is_abstract(node: ast.ClassDef) -> bool:
    """Return whether a class is abstract; an enumeration is if it can be inherited, for Python lets no other be so."""
    methods = (m for m in node.body if isinstance(m, Function))
    marks = {name_of(d) for m in methods for d in m.decorator_list}
    return bool(set(map(name_of, node.bases)) & {"ABC", "Protocol", "Enum", "IntEnum"}) or "abstractmethod" in marks


def undocumented(module: Module) -> Offences:
    if ast.get_docstring(module.tree) is None:
        yield 1, "the module has no docstring"
    for node, _ in public(module):
        if node.name != "__init__" and ast.get_docstring(node) is None:
            yield node.lineno, f"{node.name} has no docstring"


def unnamed_parameters(module: Module) -> Offences:
    """A parameter is named in backticks or under Parameters: by the function, by its class or by its module."""
    for node, owner in public(module):
        if isinstance(node, Function):
            texts = (ast.get_docstring(n) or "" for n in (node, owner, module.tree) if n is not None)
            known = set().union(*map(names_in, texts))
            for name in parameters(node):
                if name not in known:
                    yield node.lineno, f"{node.name} does not say what `{name}` is"


def mutable_globals(module: Module) -> Offences:
    displays = ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp
    makers = ("list", "dict", "set", "defaultdict", "OrderedDict", "Counter", "deque", "bytearray")
    for node in statements(module.tree.body):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            value = node.value
            mutable = isinstance(value, displays) or (isinstance(value, ast.Call) and name_of(value) in makers)
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                name = ast.unparse(target)
                if mutable and not name.isupper() and name != "__all__":
                    yield node.lineno, f"{name} is a global that can change"


def foreign_errors(module: Module) -> Offences:
    for node in nodes(module):
        if isinstance(node, ast.Raise) and node.exc is not None and module.path not in (FACADE, *COMMAND_LINE):
            kind = getattr(builtins, name_of(node.exc), None)
            if isinstance(kind, type) and issubclass(kind, BaseException):
                yield node.lineno, f"raises {kind.__name__}: take an error of errors.py"


def detours(module: Module) -> Offences:
    """The lazy names reach every layer, unseen by the import contract: only the command line may use them."""
    if module.path in COMMAND_LINE:
        return
    for node in nodes(module):
        if isinstance(node, ast.Import):
            roots = [a for a in node.names if a.name == "lstm_analog" or (whole(a.name) and a.asname is None)]
            yield from ((node.lineno, f"import {a.name}: name what is needed, from its module") for a in roots)
        elif isinstance(node, ast.ImportFrom) and node.module == "lstm_analog" and module.path != FACADE:
            names = [a.name for a in node.names if a.name != "__version__" and not is_module(a.name)]
            yield from ((node.lineno, f"from lstm_analog import {name}: import it from its module") for name in names)


def whole(name: str) -> bool:
    return name.startswith("lstm_analog.")


def is_module(name: str) -> bool:
    return (PACKAGE / name / "__init__.py").exists() or (PACKAGE / f"{name}.py").exists()


Rule = Callable[[Module], Offences]
EXAMPLES: tuple[tuple[Rule, str, str], ...] = (
    (long_modules, "\n" * 301, "\n" * 300),
    (
        long_functions,
        "def f():\n" + "    pass\n" * 40,
        'def f():\n    """Return.\n\n    Long.\n    """\n' + "    pass\n" * 39,
    ),
    (swallowed_keywords, "class A:\n    def f(self, **options): ...", "def _f(**options): ..."),
    (bare_excepts, "try:\n    f()\nexcept:\n    pass", "try:\n    f()\nexcept OSError:\n    pass"),
    (prints, "def f():\n    print(1)", "fingerprint(1)"),
    (late_binding, "hasattr(a, 'b')", "getattr(a, 'b')"),
    (late_binding, "class A(B):\n    def f(self): super().f()", "class A(B):\n    def f(self): B.f(self)"),
    (late_binding, "class A:\n    def __getattr__(self, name): ...", "class A:\n    def __getitem__(self, name): ..."),
    (late_binding, "class A(metaclass=M): ...", "class A(B): ..."),
    (late_binding, "def f():\n    global x", "def f():\n    nonlocal x"),
    (loose_dataclasses, "@dataclass\nclass A: ...", "@dataclass(frozen=True, kw_only=True)\nclass A: ..."),
    (loose_dataclasses, "@dataclass(frozen=True)\nclass A: ...", "class A: ..."),
    (loose_dataclasses, "@dataclasses.dataclass(kw_only=True)\nclass A: ...", "@other\nclass A: ..."),
    (
        loose_dataclasses,
        "@dataclass(frozen=True, kw_only=True)\nclass A:\n    x: Floats | None",
        "@dataclass(frozen=True, kw_only=True, eq=False)\nclass A:\n    x: Floats | None",
    ),
    (subclasses_of_concrete, "class A: ...\nclass B(A): ...", "class A(ABC): ...\nclass B(A): ..."),
    (undocumented, "def f(): ...", '"""A module."""\ndef _f(): ...'),
    (undocumented, '"""A module."""\nif x:\n    class A: ...', '"""A module."""\nclass A:\n    """A class."""'),
    (unnamed_parameters, 'def f(x):\n    """Return x."""', 'def f(x):\n    """Return `2 * x[0]`."""'),
    (
        unnamed_parameters,
        "def f(*, x): ...",
        'def f(*, x):\n    """F.\n\n    Parameters\n    ----------\n    x : int\n    """',
    ),
    (
        unnamed_parameters,
        "class A:\n    def f(self, x): ...",
        '"""The `x` of all."""\nclass A:\n    def f(self, x): ...',
    ),
    (unnamed_parameters, "def f(*values): ...", "def f(_unused): ..."),
    (mutable_globals, "if a:\n    cache = {}", "CACHE = {}\ndef f():\n    cache = {}"),
    (mutable_globals, "seen: set[str] = set()", "seen = frozenset()"),
    (foreign_errors, "raise ValueError('x')", "raise InvalidValueError('x')"),
    (foreign_errors, "raise KeyError", "raise"),
    (detours, "import lstm_analog as la", "import lstm_analog.errors as errors"),
    (detours, "from lstm_analog import compile", "from lstm_analog import __version__, errors"),
)


@pytest.mark.parametrize("rule", dict.fromkeys(rule for rule, _, _ in EXAMPLES), ids=lambda rule: rule.__name__)
def test_package_keeps(rule: Rule) -> None:
    offences = [f"{module.path}:{line}: {what}" for module in package() for line, what in rule(module)]
    assert not offences, "\n" + "\n".join(offences)


@pytest.mark.parametrize(("rule", "bad", "good"), EXAMPLES)
def test_rule_tells_good_from_bad(rule: Rule, bad: str, good: str) -> None:
    assert len(list(rule(parse("lstm_analog/bad.py", bad)))) >= 1
    assert list(rule(parse("lstm_analog/good.py", good))) == []


def test_every_folder_of_the_package_is_one() -> None:
    folders = {file.parent for file in PACKAGE.rglob("*.py")}
    missing = [str(folder.relative_to(ROOT)) for folder in sorted(folders) if not (folder / "__init__.py").exists()]
    assert not missing, f"no __init__.py in {missing}"


# A law stands once.
LAWS = ("lstm_analog/network/parts/", "lstm_analog/network/shapes.py")
CURVED = re.compile(r"\b(?:np|math)\.(?:tanh|log1p|expm1)\b|softplus|(?<!\w)tanh\(\{?v?\(?u")
MAY_CURVE = {"lstm_analog/engines/settle/solving.py": "how a storage fills, (1 - exp(-u))/u, which is no law of a part"}


def test_no_name_of_a_class_is_defined_twice() -> None:
    """Nor that of an alias of types; variables of types and private names stand for what their module says."""
    where: dict[str, list[str]] = {}
    for module in package():
        for node in module.tree.body:
            named = [node.name] if isinstance(node, ast.ClassDef) else _aliases(node)
            for name in named:
                where.setdefault(name, []).append(module.path)
    assert len(where) > 300
    assert not {name: files for name, files in where.items() if len(files) > 1}


def _aliases(node: ast.stmt) -> list[str]:
    """Return the public name in capitals and small letters that an assignment gives to something else."""
    if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)):
        return []
    name = node.targets[0].id
    return [name] if name[0].isupper() and not name.isupper() else []


def test_the_curves_of_a_part_stand_in_its_law_alone() -> None:
    """Engines, exports and imperfections take them from there; what else is curved is named here, with its reason."""
    rest = [file for file in package() if file.path.split("/")[1] in ("network", "engines", "export", "imperfections")]
    found = {file.path for file in rest if not file.path.startswith(LAWS) and CURVED.search(file.text)}
    assert found == set(MAY_CURVE)


# What no file may hold. The backslashes and brackets keep these patterns from matching themselves.
MACHINE = {
    "a path of one machine": r"(?<![\w.:/~-])/(work|root|home|Users)/\w",
    "a package registry": r"pypi\.org|pythonhosted\.org|npmjs\.(org|com)|deb\.debian|index[-]url|find[-]links",
}


def project_files() -> list[Path]:
    """Return the files that git knows or would add; without git, those of the source archive."""
    if (ROOT / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
        files = [ROOT / name for name in names if name]
    else:
        folders = ("lstm_analog", "tests", "netlists", "notebooks", "benchmarks", "docs", ".ci")
        files = [*ROOT.glob("*"), *(file for folder in folders for file in (ROOT / folder).rglob("*"))]
    return [file for file in files if file.is_file() and file.suffix != ".pyc"]


def test_no_file_knows_a_machine_or_a_registry() -> None:
    offences = []
    for file in project_files():
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            offences += [
                f"{file.relative_to(ROOT)}:{number}: {what}" for what, p in MACHINE.items() if re.search(p, line)
            ]
    assert not offences, "\n" + "\n".join(offences)


@pytest.mark.parametrize(("what", "line"), [("a path of one machine", " /{}/me"), ("a package registry", "--{}-url x")])
def test_machine_patterns_match(what: str, line: str) -> None:
    assert re.search(MACHINE[what], line.format("home" if "path" in what else "index"))


# The import contract.


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    assert command, "import-linter must be installed beside this Python, got none: pip install 'lstm_analog[test]'"
    return subprocess.run([command, "--no-cache"], cwd=folder, check=False, capture_output=True, text=True, timeout=120)


def test_imports_flow_one_way() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture
def skeleton(tmp_path: Path) -> Path:
    """Return a folder with an empty package of every layer under this project's import contract."""
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    folder = tmp_path / "lstm_analog"
    for name in ("cli", "torch", "machine", "show", "study", "engines", "export", "compiler", "imperfections"):
        (folder / name).mkdir(parents=True)
    for name in (
        "model",
        "network",
        "records",
        "tables",
        "zips",
        "files",
        "npy",
        "interruption",
        "summaries",
        "doors",
        "arrays",
        "frames",
        "errors",
    ):
        (folder / name).mkdir()
    for place in (folder, *folder.iterdir()):
        (place / "__init__.py").touch()
    (folder / "__init__.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from . import machine\n"
    )
    (folder / "show" / "page.py").write_text("import matplotlib.pyplot\nfrom lstm_analog import __version__\n")
    (folder / "cli" / "run.py").write_text("from lstm_analog import machine\nfrom lstm_analog.show import page\n")
    return tmp_path


def test_import_contract_allows_what_is_planned(skeleton: Path) -> None:
    result = lint_imports(skeleton)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "statement", "broken"),
    [
        ("network", "from lstm_analog.compiler import x", "imports flow one way BROKEN"),
        ("network", "from lstm_analog.model import x", "imports flow one way BROKEN"),
        ("errors", "import lstm_analog.arrays", "imports flow one way BROKEN"),
        ("surprise", "", "imports flow one way BROKEN"),
        ("engines", "from lstm_analog.model import x", "know networks, not LSTMs BROKEN"),
        ("imperfections", "from lstm_analog.model import x", "know networks, not LSTMs BROKEN"),
        ("study", "from matplotlib import pyplot", "only show draws BROKEN"),
        ("model", "def load():\n    import torch", "only lstm_analog.torch needs torch BROKEN"),
    ],
)
def test_import_contract_refuses(skeleton: Path, module: str, statement: str, broken: str) -> None:
    (skeleton / "lstm_analog" / module).mkdir(exist_ok=True)
    (skeleton / "lstm_analog" / module / "__init__.py").write_text(statement + "\n")
    result = lint_imports(skeleton)
    assert result.returncode == 1, result.stdout + result.stderr
    assert broken in result.stdout


# The public names.


def loaded_after(code: str) -> set[str]:
    """Return the modules that a fresh Python has loaded once it has run `code`."""
    script = f"import sys\n{textwrap.dedent(code)}\nprint(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True)
    return set(result.stdout.split())


def test_import_is_light() -> None:
    loaded = loaded_after("import lstm_analog")
    assert "lstm_analog" in loaded
    assert not loaded & {"torch", "matplotlib", "networkx", "numpy", "scipy", "scipy.integrate"}


def test_compiling_comparing_and_the_command_line_need_neither_torch_nor_matplotlib() -> None:
    loaded = loaded_after(
        """
        import numpy as np
        import lstm_analog as la

        lstm = la.random_lstm(np.random.default_rng(0), 1, 1)
        run = la.compile(lstm, la.electrical.BEHAVIOURAL).run(np.ones((1, 1)))
        assert la.compare(run, lstm).holds
        import lstm_analog.cli
        """
    )
    assert not loaded & {"torch", "matplotlib"}


def test_every_public_name_leads_somewhere() -> None:
    assert dir(lstm_analog) == sorted(dir(lstm_analog))
    lost = []
    for name in dir(lstm_analog):
        try:
            getattr(lstm_analog, name)
        except LibraryMissingError as error:
            lost += [] if name in ("torch", "from_torch", "model_from_torch") else [f"{name}: {error}"]
        except (AttributeError, ImportError) as error:
            lost.append(f"{name}: {error}")
    assert not lost, "\n" + "\n".join(lost)


def test_type_checkers_see_the_public_names() -> None:
    (facade,) = (module for module in package() if module.path == FACADE)
    (block,) = (s for s in facade.tree.body if isinstance(s, ast.If) and ast.unparse(s.test) == "TYPE_CHECKING")
    seen = {alias.asname for s in block.body if isinstance(s, ast.ImportFrom) for alias in s.names}
    assert seen == set(dir(lstm_analog)) - {"__version__"}


def test_unknown_name_is_refused() -> None:
    with pytest.raises(AttributeError, match=r"^module 'lstm_analog' has no attribute 'lod'$"):
        lstm_analog.lod  # noqa: B018
