"""The documentation site: what it is made from is whole. `make docs` builds it and looks for faults."""

import importlib
from pathlib import Path

import jupytext
import pytest

import lstm_analog as la

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))


@pytest.fixture
def site(monkeypatch):
    """Return the script that builds the site, as a module."""
    monkeypatch.syspath_prepend(str(DOCS))
    return importlib.import_module("make_site")


@pytest.fixture
def reference(monkeypatch):
    """Return the script that makes the reference, as a module."""
    monkeypatch.syspath_prepend(str(DOCS))
    return importlib.import_module("make_reference")


def test_every_public_name_is_described_once(reference):
    found = reference.names()
    assert {name for module, name in found if module == "lstm_analog"} == set(la._HOMES)
    for name, home in la._MODULES.items():
        module = home if home == reference.TORCH else importlib.import_module(home)
        listed = getattr(module, "__all__", ())
        assert {(f"lstm_analog.{name}", each) for each in listed} <= set(found)
    pages = reference.pages()
    assert len(reference.places()) > 450
    for page, name in reference.places():
        own = {f":: {each}\n" for each in (name, name.removeprefix(f"{page}."))}
        assert sum(pages[page].count(line) for line in own) == 1, name


def test_what_public_names_hold_is_described_too(reference):
    assert "PassRun" in reference.held()["lstm_analog.study.run"]
    assert "CrossbarData" in reference.held()["lstm_analog.compiler.opamp_sizes"]


def test_a_page_begins_with_what_each_name_is(reference):
    pages = reference.pages()
    assert "Return a picture of the waveforms of `unit`" in pages["lstm_analog.show"]
    assert "`compare <lstm_analog.compare>`\n" in pages["lstm_analog.study"]  # described elsewhere, linked from here
    assert "\n     - \n" not in pages["lstm_analog"] + pages["lstm_analog.study"]  # a name without a sentence


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("the size of |z| is a*b", r"the size of \|z\| is a\*b"),
        ("* a point about `a*b`, and x_", r"* a point about `a*b`, and x\_"),
        ("lines of `.model` cards", "lines of ``.model`` cards"),
        ("see docs/physics.md#clocks", "see `docs/physics.md#clocks <../docs/physics.html#clocks>`__"),
    ],
)
def test_docstrings_are_plain_text_with_code_in_backticks(reference, line, said):
    assert reference.escaped(line) == said


def test_the_navigation_has_every_page_and_notebook(site):
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    links = {link for section in site.sections(index).values() for link in section}
    assert {path.stem for path in DOCS.glob("*.md")} - {"README"} == {link for link in links if "/" not in link}
    assert {f"../notebooks/{path.stem}" for path in NOTEBOOKS} <= links
    assert {f"../benchmarks/{path.stem}" for path in (ROOT / "benchmarks").glob("*.md")} <= links
    made = site.navigation(index, ["lstm_analog.show"])
    assert made.count("```{toctree}") == len(site.sections(index)) + 2
    assert "/docs/physics\n" in made
    assert "/notebooks/quick_start\n" in made
    assert "/reference/lstm_analog.show\n" in made


def test_faults_of_a_site_are_found(site, tmp_path):
    (tmp_path / "a.html").write_text(
        '<p id="here"><a href="#here"></a><a href="b.html#there"></a><a href="https://c.de">'
    )
    (tmp_path / "b.html").write_text('<i id="there"><a href="a.html#gone"></a><a href="c.html"></a>')
    assert list(site.faults(tmp_path)) == [
        "b.html leads to a place that is not there, a.html#gone",
        "b.html leads to c.html",
    ]
    (tmp_path / "b.html").write_text('<i id="there"><script src="https://c.de/x.js"></script><img src="data:,">')
    assert list(site.faults(tmp_path)) == ["b.html loads https://c.de/x.js"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_its_script(path):
    script, notebook = (jupytext.read(each).cells for each in (path, path.with_suffix(".ipynb")))
    assert [cell.source for cell in script] == [cell.source for cell in notebook]
    assert not [cell for cell in notebook if cell.get("outputs")]


def test_a_notebook_becomes_a_page(site):
    page = site.notebook_page((ROOT / "notebooks" / "quick_start.ipynb").read_text(encoding="utf-8"))
    assert page.startswith("# Quick start")
    assert "```python\nlstm = la.random_lstm(" in page


def test_the_readme_is_short_and_pictures_are_small():
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(readme) < 150
    first = "\n".join(readme[:12])
    assert "](docs/pictures/both.svg)" in first
    assert "make demo" in first
    assert all(path.stat().st_size < 100_000 for path in (DOCS / "pictures").iterdir())
