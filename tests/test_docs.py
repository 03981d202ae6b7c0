"""The pages of docs/ that are made of the package are what it says today."""

import runpy
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"


def test_the_page_of_the_parts_says_their_laws():
    made = runpy.run_path(str(DOCS / "make_parts.py"))
    assert (DOCS / "parts.md").read_text(encoding="utf-8") == made["page"](), "run python docs/make_parts.py"


def test_every_law_is_on_the_page():
    page = (DOCS / "parts.md").read_text(encoding="utf-8")
    for word in ("Conductors", "Switches", "Followers", "Pairs", "Ports", "OpAmps", "Inertances", "Spools", "Stops"):
        assert f"\n## {word}" in page
    assert page.count("```math") == 10
