"""The pages of docs/: what is made of the package is what it says today, and all that is cited anywhere exists.

A place in a page is cited as `docs/<page>.md#<heading>`; links between pages and paths in them are held too.
"""

import ast
import re
import runpy
from functools import cache
from pathlib import Path

import pytest

from lstm_analog.network.parts import KINDS, Cells, law

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PACKAGE = ROOT / "lstm_analog"
CITING = ("lstm_analog", "tests", "notebooks", "benchmarks", "netlists", "docs")
PAGES = tuple(sorted(DOCS.glob("*.md")))
MARKDOWN = (*ROOT.glob("*.md"), *PAGES, *(ROOT / "benchmarks").glob("*.md"), *(ROOT / "netlists").glob("*.md"))
OF_OTHERS = ("LRM",)
"""Marks of a line that cites the section of a work that is not ours."""
NO_AUTHORS = ("Devices", "Interspeech", "Analysis", "Design", "Systems")
"""What stands before a year like an author and is none: a company, a conference, the end of a title."""


def cited(text: str) -> set[str]:
    """Return the names of pages in `text`, each with its heading if it gives one; addresses are left out."""
    return set(re.findall(r"(?<![\w/.:{*-])[\w./-]*\w\.md(?:#[\w-]+)?(?![\w-])", re.sub(r"https?://\S+", "", text)))


def by_section(text: str) -> list[str]:
    """Return the lines of `text` that cite a section by number: ours have names, which last longer."""
    lines = text.splitlines()
    return [
        line.strip() for line in lines if re.search(r"\bsections? \d", line) and not any(o in line for o in OF_OTHERS)
    ]


def authors(text: str) -> set[tuple[str, str]]:
    """Return the last author and the year of each work that `text` cites so."""
    found = re.findall(r"([A-Z][a-z]{2,})(?: et al\.)?,? \(?((?:1[6-9]|20)\d\d)\b(?! ?\d)", " ".join(text.split()))
    return {(name, year) for name, year in found if name not in NO_AUTHORS}


def linked(text: str) -> set[str]:
    """Return where the links of a page with that `text` lead, other sites left out."""
    return {link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link}


def named(text: str) -> set[str]:
    """Return the files, folders and functions of this project that stand in backticks in a page."""
    words = {word for quoted in re.findall(r"`([^`\n]+)`", text) for word in quoted.split()}
    roots = {*CITING, *(folder.name for folder in PACKAGE.iterdir() if folder.is_dir())}
    paths = {word for word in words if re.fullmatch(r"[\w./-]+(?::[\w.]+)?", word)}
    return {word for word in paths if (word.partition("/")[0] in roots and "/" in word) or re.search(r"\w\.py\b", word)}


@cache
def headings(page: Path) -> frozenset[str]:
    """Return the anchors of the headings of a `page`, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in found)


def exists(citation: str, beside: Path) -> bool:
    """Return whether there is the page that a file in the folder `beside` calls so, with that heading."""
    name, _, heading = citation.partition("#")
    folders = (beside, ROOT, ROOT / "benchmarks", ROOT / "netlists", *([] if heading else [DOCS]))
    page = next((folder / name for folder in folders if (folder / name).is_file()), None)
    return page is not None and (not heading or heading in headings(page))


def has(path: str) -> bool:
    """Return whether this project has the file or folder `path`, and in it what stands behind the colon."""
    name, _, what = path.partition(":")
    file = next((root / name for root in (ROOT, PACKAGE, DOCS, ROOT / "benchmarks") if (root / name).exists()), None)
    return file is not None and (not what or what in defined(file))


@cache
def defined(file: Path) -> frozenset[str]:
    """Return the classes, functions, methods and module constants in `file`, methods as `Class.method`."""
    found = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)}
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.add(node.name)
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {ast.unparse(target) for target in targets}
    return frozenset(found)


@cache
def files() -> tuple[Path, ...]:
    """Return all that may cite a page: code, tests, notebooks, decks and pages, this test left out."""
    folders = (ROOT / folder for folder in CITING)
    found = [
        path for folder in folders for path in folder.rglob("*") if path.suffix in (".py", ".md", ".cir", ".ipynb")
    ]
    return (*(path for path in found if path != Path(__file__).resolve()), *ROOT.glob("*.md"))


def test_every_page_that_is_cited_exists_with_its_heading():
    lost = [
        f"{path.relative_to(ROOT)}: {citation}"
        for path in files()
        for citation in sorted(cited(path.read_text(encoding="utf-8")))
        if "#" in citation or "/" in citation or path.suffix != ".md"
        if not exists(citation, path.parent)
    ]
    assert not lost, "\n" + "\n".join(lost)


def test_nothing_is_cited_by_the_number_of_a_section():
    found = [f"{path.relative_to(ROOT)}: {line}" for path in files() for line in by_section(path.read_text("utf-8"))]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    lost = []
    for link in linked(page.read_text(encoding="utf-8")):
        name, _, heading = link.partition("#")
        target = page if not name else page.parent / name
        if not target.exists() or (heading and heading not in headings(target.resolve())):
            lost.append(link)
    assert not lost


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_of_the_project_exists(page):
    lost = sorted(path for path in named(page.read_text(encoding="utf-8")) if not has(path))
    assert not lost


def test_every_work_that_the_package_cites_is_listed():
    listed = (DOCS / "sources.md").read_text(encoding="utf-8")
    texts = [path.read_text(encoding="utf-8") for path in (*PACKAGE.rglob("*.py"), *PAGES) if path.name != "sources.md"]
    lost = {f"{name} {year}" for text in texts for name, year in authors(text)}
    assert not sorted(work for work in lost if f"\n| {work} |" not in listed)


def test_every_page_is_in_the_index_and_the_readme_leads_there():
    index = linked((DOCS / "README.md").read_text(encoding="utf-8"))
    assert {page.name for page in PAGES} - {"README.md"} <= index
    assert "docs/README.md" in linked((ROOT / "README.md").read_text(encoding="utf-8"))


GONE = "docs/hydraulics" + ".md#no-such-heading"
"""Written so that it is not found in this file."""


@pytest.mark.parametrize(
    ("look", "bad", "good"),
    [
        (cited, f"as in `{GONE}`", "as in parts.py"),
        (cited, "papers/hydraulic" + ".md A3", "https://keepachangelog.com/a.md"),
        (by_section, "exact (section " + "5)", "LRM 2.2, section " + "5.3"),
        (authors, "(Gilbert 1968)", "(Analog Devices 2025)"),
        (linked, "[a](b.md)", "[a](https://b.md)"),
        (named, "`engines/no.py:gone`", "`w/R` and `4/3 rho`"),
    ],
)
def test_the_search_tells_what_is_cited_from_what_is_not(look, bad, good):
    assert look(bad)
    assert not look(good)


def test_what_is_gone_is_missed():
    assert not exists(GONE, ROOT)
    assert not exists("docs/nothing" + ".md", ROOT)
    assert not has("engines/base.py:Machine")
    assert has("engines/base.py:Engine.run")
    assert "what-each-refuses" in headings(DOCS / "engines.md")


def test_the_picture_of_the_layers_is_the_import_contract():
    made = runpy.run_path(str(DOCS / "make_layers.py"))
    assert (DOCS / "layers.svg").read_text(encoding="utf-8") == made["picture"](), "run python docs/make_layers.py"


def test_the_map_of_the_studies_has_every_module_once():
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    table = text.partition("| for | modules of `study` |")[2].partition("\n\n")[0]
    listed = re.findall(r"`(\w+)`", table)
    known = {path.stem for path in (ROOT / "lstm_analog" / "study").glob("[!_]*.py")}
    assert sorted(listed) == sorted(known)


def test_the_walk_of_a_run_is_printed(capsys):
    runpy.run_path(str(DOCS / "trace_run.py"))["main"]("settle", "3")
    printed = capsys.readouterr().out
    assert printed.count("files entered") == 3
    assert "machine/running.py:run_passes" in printed


def test_the_page_of_the_parts_says_their_laws():
    made = runpy.run_path(str(DOCS / "make_parts.py"))
    assert (DOCS / "parts.md").read_text(encoding="utf-8") == made["page"](), "run python docs/make_parts.py"


def test_the_page_of_the_constants_says_their_values():
    made = runpy.run_path(str(DOCS / "make_constants.py"))
    assert (DOCS / "constants.md").read_text(encoding="utf-8") == made["page"](), "run python docs/make_constants.py"


def test_every_constant_of_the_engines_says_what_it_is_and_whether_it_is_safe_to_touch():
    made = runpy.run_path(str(DOCS / "make_constants.py"))
    found = {constant.key: constant.meaning for constant in made["constants"]()}
    assert set(found) == set(made["JUDGED"]), "give each a row in JUDGED of docs/make_constants.py"
    assert not [key for key, meaning in found.items() if not meaning], "give each a docstring"
    assert all(re.match(r"(yes|care|no)\b", safe) for _, safe in made["JUDGED"].values())


def test_a_constant_is_found_with_its_docstring():
    made = runpy.run_path(str(DOCS / "make_constants.py"))
    found = {constant.key: constant for constant in made["constants"]()}
    assert len(found) > 70
    assert found["phase/structure.py:LARGEST"].value == 24
    assert found["phase/structure.py:LARGEST"].meaning.startswith("Unknowns up to which a component")


def test_every_law_is_on_the_page():
    page = (DOCS / "parts.md").read_text(encoding="utf-8")
    declared = [kind.__name__ for kind in KINDS if kind in law.registry and kind is not Cells]
    for kind in (*declared, "A tube of Crossbars"):
        assert f"\n## {kind}" in page
    assert page.count("```math") == len(declared) + 1
