"""Run comparisons and write what they print into README.md: `python benchmarks/retable.py [script [words ...]]`.

Without a name, all `bench_*.py` are run, as `make bench` does. A table replaces that of the same heads in the section
of its script; of several with the same heads, the first replaces the first. The line of conditions is written above
the section's tables. A table that the section does not show is an error: then nothing is written. Words behind the
name are given to the script; its tables are then shown on the terminal only, for they are of other sizes.
"""

import re
import subprocess
import sys
from itertools import groupby
from pathlib import Path

HERE = Path(__file__).resolve().parent
README = HERE / "README.md"
RUN = "Last run: "
"""Beginning of the line that says under which conditions the tables of a section were made."""


def tables(text: str) -> list[list[str]]:
    """Return the tables of `text`, lines that begin with a bar."""
    groups = groupby(text.splitlines(), lambda line: line.startswith("|"))
    return [list(lines) for bars, lines in groups if bars]


def section(text: str, script: str) -> tuple[int, int]:
    """Return where the section of `text` about `script` begins and ends."""
    found = re.search(rf"^## [^\n]*`{re.escape(script)}`.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if not found:
        sys.exit(f"README.md must have a section about {script}: write one with the heads of its tables")
    return found.span()


def retabled(text: str, script: str, output: str) -> str:
    """Return the README `text` with the `output` of `script`: its first line, the conditions, and its tables."""
    start, end = section(text, script)
    shown, fresh = text[start:end], tables(output)
    old, done = tables(shown), 0
    for made in fresh:
        place = next((k for k, known in enumerate(old) if known and known[0] == made[0]), None)
        if place is None:
            sys.exit(
                f"{script} must print tables that README.md shows, got {made[0]}: write the heads into its section"
            )
        at = shown.index("\n".join(old[place]), done)
        shown = shown[:at] + "\n".join(made) + shown[at + len("\n".join(old[place])) :]
        done, old[place] = at + len("\n".join(made)), []
    conditions = RUN + output.splitlines()[0] + "."
    if re.search(rf"^{RUN}", shown, re.MULTILINE):
        shown = re.sub(rf"^{RUN}[^\n]*", lambda _: conditions, shown, count=1, flags=re.MULTILINE)
    else:
        shown = re.sub(r"^\|", lambda _: f"{conditions}\n\n|", shown, count=1, flags=re.MULTILINE)
    return text[:start] + shown + text[end:]


def main(words: list[str]) -> None:
    """Run the script that the first of `words` names, or all, and write their tables."""
    given = words[1:]
    names = [words[0].removesuffix(".py")] if words else sorted(path.stem for path in HERE.glob("bench_*.py"))
    for name in names:
        print(f"== {name}", flush=True)
        command = [sys.executable, str(HERE / f"{name}.py"), *given]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        print(output, flush=True)
        if not given:
            fresh = retabled(README.read_text(encoding="utf-8"), f"{name}.py", output)
            README.write_text(fresh, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
