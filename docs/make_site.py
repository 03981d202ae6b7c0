"""Builds the documentation site into `build/docs` and checks it: `python docs/make_site.py`, or `make docs`.

The pages are those of the repository as they are; the tables of `docs/README.md` say which there are, and its headings
group them. Made here: the front page from the `README.md` at the top, pages of the notebooks, and the reference
(`make_reference.py`). The site loads nothing from outside, so it can be read from disk.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from make_reference import pages, places

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
SOURCE, SITE = ROOT / "build" / "docs-source", ROOT / "build" / "docs"
FOLDERS = ("docs", "benchmarks", "netlists", "notebooks")
REFERENCE = "Reference, from the docstrings"


def sections(index: str) -> dict[str, list[str]]:
    """Return the pages that the tables of `docs/README.md`, whose text is `index`, link to, by the heading above."""
    found = {}
    for part in re.split(r"^## ", index, flags=re.MULTILINE)[1:]:
        links = re.findall(r"^\| \[[^\]]*\]\(([^)#:]+)\.(?:md|ipynb)\)", part, flags=re.MULTILINE)
        if links:
            found[part.partition("\n")[0]] = links
    return found


def navigation(index: str, reference: Iterable[str]) -> str:
    """Return the directives that make the navigation from the `index`, and pages of the `reference` by name."""
    named = {
        title: [f"/docs/{link}".replace("/docs/../", "/") for link in links] for title, links in sections(index).items()
    }
    groups = {"Documentation": ["/docs/README"], **named, REFERENCE: [f"/reference/{name}" for name in reference]}
    return "\n".join(
        "\n".join(["```{toctree}", ":hidden:", ":maxdepth: 1", f":caption: {title}", "", *links, "```", ""])
        for title, links in groups.items()
    )


def notebook_page(text: str) -> str:
    """Return the page of a notebook with that `text` in JSON: its words, and its code in blocks."""
    cells = json.loads(text)["cells"]
    shown = [("".join(cell["source"]), cell["cell_type"] == "code") for cell in cells]
    return "\n\n".join(f"```python\n{words}\n```" if code else words for words, code in shown) + "\n"


def lay_out() -> None:
    """Write the sources of the site to `SOURCE`, anew."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, SOURCE / folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for path in (*ROOT.glob("*.md"), ROOT / "LICENSE"):
        shutil.copy(path, SOURCE)
    for path in SOURCE.glob("notebooks/*.ipynb"):
        path.with_suffix(".md").write_text(notebook_page(path.read_text("utf-8")), "utf-8")
    for path in SOURCE.rglob("*.md"):
        path.write_text(re.sub(r"\.ipynb(?=\))", ".md", path.read_text("utf-8")), "utf-8")
    (SOURCE / "reference").mkdir()
    reference = pages()
    for name, text in reference.items():
        (SOURCE / "reference" / f"{name}.rst").write_text(text, "utf-8")
    front = (SOURCE / "README.md").rename((SOURCE / "index").with_suffix(".md"))
    index = (SOURCE / "docs" / "README.md").read_text("utf-8")
    front.write_text(f"{front.read_text('utf-8')}\n{navigation(index, reference)}", "utf-8")


class Page(HTMLParser):
    """A page of the site: the places in it, where it leads, and what a browser loads for it."""

    def __init__(self, text: str) -> None:
        """Read the HTML `text`."""
        HTMLParser.__init__(self)
        self.places: set[str] = set()
        self.links: set[str] = set()
        self.loads: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a start tag says."""
        said = {name: value or "" for name, value in attrs}
        self.places.add(said.get("id", ""))
        if tag == "a":
            self.links.add(said.get("href", ""))
        elif tag == "link" and said.get("rel") in ("stylesheet", "preload", "icon", "search"):
            self.loads.add(said.get("href", ""))
        self.loads |= {said[name] for name in ("src", "srcset", "poster", "data") if name in said and tag != "a"}


def faults(site: Path) -> Iterator[str]:
    """Yield the links of a `site` that lead nowhere, and what it loads from outside."""
    found = {path: Page(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}
    for path, page in found.items():
        for address in sorted(page.loads | page.links):
            parts = urlsplit(address)
            target = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
            if parts.scheme or parts.netloc:
                if address in page.loads and parts.scheme != "data":
                    yield f"{path.relative_to(site)} loads {address}"
            elif not target.exists():
                yield f"{path.relative_to(site)} leads to {address}"
            elif parts.fragment and target in found and unquote(parts.fragment) not in found[target].places:
                yield f"{path.relative_to(site)} leads to a place that is not there, {address}"


def missing(site: Path) -> Iterator[str]:
    """Yield the public names that the reference of a `site` does not describe."""
    for page, name in places():
        if f'id="{name}"' not in (site / "reference" / f"{page}.html").read_text("utf-8"):
            yield f"{name} is not on its page"


def main() -> int:
    """Build the site, print what is wrong with it and return the exit code."""
    lay_out()
    shutil.rmtree(SITE, ignore_errors=True)
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-W",
        "--keep-going",
        "-j",
        "auto",
        "-c",
        str(DOCS),
        "-d",
        str(SITE) + "-doctrees",
    ]
    if subprocess.run([*command, str(SOURCE), str(SITE)], check=False).returncode:
        return 1
    wrong = [*faults(SITE), *missing(SITE)]
    print(*wrong, f"{len(list(SITE.rglob('*.html')))} pages in {SITE.relative_to(ROOT)}/index.html", sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
