"""The reference of the site, one page for each public module, from `__all__` and the docstrings: see `make_site.py`.

A name that several modules export, such as `la.compare` and `la.study.compare`, is described where it comes first and
linked from the other pages.
"""

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import lstm_analog as la

PACKAGE = Path(la.__file__).parent
CITATION = r"(?<![\w`])docs/([\w-]+)\.md(#[\w-]+)?"
"""A page, and a place in it, as docstrings cite them."""
HELD = "other-classes"
"""The page of what is `held`."""
TORCH = "lstm_analog.torch"
"""Read as text: PyTorch need not be there. Sphinx imports it with a stand-in."""


def escaped(line: str) -> str:
    """Return a `line` of a docstring as reStructuredText: outside backticks no character is a mark, as in |z| or a*b.

    In backticks stands code, which becomes a link if it names something; `.model` would name any attribute called so.
    """
    start = re.match(r"\s*(?:\*\s)?", line)
    begin = start.end() if start else 0
    pieces = re.split(r"(`+[^`]*`+)", line[begin:])
    pieces[::2] = [re.sub(r"([|*\\]|(?<=\w)_(?!\w))", r"\\\1", piece) for piece in pieces[::2]]
    pieces[1::2] = [f"`{piece}`" if piece.startswith("`.") else piece for piece in pieces[1::2]]
    return line[:begin] + re.sub(CITATION, r"`\g<0> <../docs/\1.html\2>`__", "".join(pieces))


@cache
def all_modules() -> dict[str, bool]:
    """Return by name every module of the package, and whether it is a package of its own."""
    walked = pkgutil.walk_packages([str(PACKAGE)], "lstm_analog.", onerror=lambda _: None)
    return {each.name: each.ispkg for each in walked}


@cache
def modules() -> dict[str, str]:
    """Return the home of each public module by its public name.

    These are `lstm_analog`, the modules that it names, all packages with an `__all__` and the modules of `network`.
    """
    named = {f"lstm_analog.{name}": home for name, home in la._MODULES.items()}  # noqa: SLF001 - the only list there is
    others = [
        name
        for name, package in all_modules().items()
        if (name.startswith("lstm_analog.network.") or (package and "\n__all__ =" in source(name)))
        and not shadowed(name)
    ]
    return {
        "lstm_analog": "lstm_analog",
        **named,
        **{name: name for name in sorted(others) if name not in named.values()},
    }


def shadowed(module: str) -> bool:
    """Return whether the package around a `module` exports something else by its name, as `network.laws.noise`."""
    package, _, name = module.rpartition(".")
    return name in listed(package)


@cache
def source(module: str) -> str:
    """Return the text of a `module`, which is not imported for that."""
    path = PACKAGE.parent.joinpath(*module.split("."))
    return (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8")


@cache
def listed(home: str) -> tuple[str, ...]:
    """Return the public names of the module `home`: those in its `__all__`, or else those that it defines."""
    if home == "lstm_analog":
        return tuple(la._HOMES)  # noqa: SLF001
    body = ast.parse(source(home)).body
    for node in body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return tuple(ast.literal_eval(node.value))
    defined = [node.name for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    return tuple(name for name in (*defined, *constants(home)) if not name.startswith("_"))


@cache
def constants(home: str) -> dict[str, str]:
    """Return the docstrings of the constants of the module `home`, by name."""
    body = ast.parse(source(home)).body
    found = {}
    for node, after in pairwise(body):
        said = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        if said and isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets[0] if isinstance(node, ast.Assign) else node.target
            found |= {name: inspect.cleandoc(after.value.value) for name in re.findall(r"\w+", ast.unparse(targets))}
    return found


def definition(home: str, name: str) -> tuple[str, str]:
    """Return the module that defines what `home` calls `name`, and its docstring; of a preset where it is from."""
    if home == TORCH:
        return definition_in_text(home, name)
    value = getattr(importlib.import_module(home), name)
    if inspect.isroutine(value) or inspect.isclass(value):
        return value.__module__, inspect.getdoc(value) or ""
    homes = [each for each in all_modules() if name in constants(each) and not each.startswith(TORCH)]
    below = [each for each in homes if getattr(importlib.import_module(each), name) is value]
    return (below[0], constants(below[0])[name]) if below else (home, str(getattr(value, "provenance", "")))


def definition_in_text(home: str, name: str) -> tuple[str, str]:
    """Return what `definition` does, without importing anything: for functions and classes that `home` imports."""
    place = next(
        node.module
        for node in ast.parse(source(home)).body
        if isinstance(node, ast.ImportFrom) and node.module and name in [alias.name for alias in node.names]
    )
    body = ast.parse(source(place)).body
    node = next(each for each in body if isinstance(each, ast.ClassDef | ast.FunctionDef) and each.name == name)
    return place, ast.get_docstring(node) or ""


@cache
def names() -> dict[tuple[str, str], tuple[str, str]]:
    """Return by module and public name where the name is described: the first module and name of the same object.

    Left out are modules that an `__all__` names: they have pages of their own, or are not for users.
    """
    first: dict[tuple[str, str], tuple[str, str]] = {}
    found = {}
    for module, home in modules().items():
        for name in listed(home):
            at = la._HOMES[name] if home == "lstm_analog" else home  # noqa: SLF001
            if at != TORCH and inspect.ismodule(getattr(importlib.import_module(at), name)):
                continue
            place, _ = definition(at, name)
            found[module, name] = first.setdefault((place, name), (module, name))
    return found


def annotations(value: object) -> Iterator[object]:
    """Yield the annotations of a function, or of the fields, properties and methods of a class."""
    inner = [value, *vars(value).values()] if inspect.isclass(value) else [value]
    for each in inner:
        yield from getattr(getattr(each, "fget", each), "__annotations__", {}).values()


@cache
def held() -> dict[str, tuple[str, ...]]:
    """Return by module the classes that public ones hold, take or return, and that no public module lists."""
    waiting = [
        getattr(importlib.import_module(modules()[module]), name)
        for module, name in {*names().values()}
        if TORCH not in (modules()[module], la._HOMES.get(name))  # noqa: SLF001
    ]
    seen, found = {f"{each.__module__}.{each.__qualname__}" for each in waiting if inspect.isclass(each)}, {}
    while waiting:
        text = " ".join(
            f"{each.__module__}.{each.__qualname__}" if inspect.isclass(each) else repr(each)
            for each in annotations(waiting.pop())
        )
        for full in sorted(set(re.findall(r"lstm_analog(?:\.\w+)*\.[A-Z]\w+", text)) - seen):
            seen.add(full)
            module, _, name = full.rpartition(".")
            value = getattr(importlib.import_module(module), name, None)
            if inspect.isclass(value):
                waiting.append(value)
                found.setdefault(module, []).append(name)
    return {module: tuple(sorted(found[module])) for module in sorted(found)}


def entry(module: str, name: str) -> Iterator[str]:
    """Yield the lines that describe what `module` calls `name`."""
    full, home = f"{module}.{name}", modules()[module]
    if TORCH in (home, la._HOMES.get(name) if home == "lstm_analog" else None):  # noqa: SLF001
        yield from (f".. auto{'class' if name[0].isupper() else 'function'}:: {full}", "")
        return
    value = getattr(importlib.import_module(home), name)
    if inspect.isclass(value) or inspect.isroutine(value):
        yield from (f".. auto{'class' if inspect.isclass(value) else 'function'}:: {full}", "")
        return
    place, text = definition(home, name)
    yield from (f".. py:data:: {name}", f"   :canonical: {place}.{name}", "")
    yield from (f"   {escaped(line)}" for line in (*text.splitlines(), ""))
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if kind.startswith("lstm_analog."):
        yield from (f"   A `~{kind}`.", "")


def summary(module: str, name: str) -> Iterator[str]:
    """Yield the row of the table of `module` for `name`: a link, and the first sentence of the docstring."""
    home = modules()[module]
    at = la._HOMES[name] if home == "lstm_analog" else home  # noqa: SLF001
    text = " ".join(definition(at, name)[1].partition("\n\n")[0].split())
    sentence = re.match(r"(.*?\.)(?:\s+[A-Z`]|$)", text)
    yield f"   * - :py:obj:`{name} <{'.'.join(names()[module, name])}>`"
    yield f"     - {escaped(sentence[1] if sentence else text)}"


def page(module: str) -> str:
    """Return the page of the public `module`, in reStructuredText."""
    home = modules()[module]
    about = ast.get_docstring(ast.parse(source(home))) or ""
    lines = [module, "=" * len(module), "", f".. py:module:: {module}", "", *map(escaped, about.splitlines()), ""]
    known = [name for name in listed(home) if (module, name) in names()]
    if known:
        rows = [line for name in known for line in summary(module, name)]
        lines += [".. list-table::", "   :widths: 30 70", "", *rows, ""]
    for name in known:
        if names()[module, name] == (module, name):
            lines += entry(module, name)
    return "\n".join(lines) + "\n"


def held_page() -> str:
    """Return the page of all that is `held`, in reStructuredText."""
    about = "What public functions take or return and public records hold, and no public module lists."
    lines = ["Other classes", "=============", "", about, ""]
    for module, classes in held().items():
        lines += [module, "-" * len(module), "", *(f".. autoclass:: {module}.{name}\n" for name in classes)]
    return "\n".join(lines) + "\n"


def pages() -> dict[str, str]:
    """Return the text of every page by its name."""
    return {**{module: page(module) for module in modules()}, HELD: held_page()}


def places() -> list[tuple[str, str]]:
    """Return each page with each full name that it describes."""
    public = [(module, f"{module}.{name}") for module, name in {*names().values()}]
    return sorted(public) + [(HELD, f"{module}.{name}") for module, classes in held().items() for name in classes]
