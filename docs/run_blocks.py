"""Runs the blocks of code of a page, as a reader would who goes through it: `python docs/run_blocks.py docs/<page>.md`.

A block of Python is run in the namespace of those before it; of a block of commands, those that begin with
`lstm-analog`. What is printed stands in a block of text after it, if the page shows it.
"""

import contextlib
import io
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from lstm_analog.cli import main as lstm_analog


@dataclass(frozen=True, kw_only=True)
class Block:
    """A block of a page: its `language`, python or sh, its `code`, and the text that follows it, or None."""

    language: str
    code: str
    shown: str | None


def blocks(text: str) -> list[Block]:
    """Return the blocks of code of a page with that `text`."""
    found = re.findall(r"^```(python|sh)\n(.*?)^```$(?:\n+^```text\n(.*?)^```$)?", text, flags=re.MULTILINE | re.DOTALL)
    return [Block(language=language, code=code, shown=shown or None) for language, code, shown in found]


def run_block(block: Block, namespace: dict[str, object]) -> str:
    """Run a `block` in the folder where we are, its names into `namespace`, and return what it prints.

    Raises `RuntimeError` if a command does not end with exit code 0.
    """
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        if block.language == "python":
            exec(block.code, namespace)
        for line in block.code.splitlines() if block.language == "sh" else ():
            if line.startswith("lstm-analog ") and lstm_analog(shlex.split(line, comments=True)[1:]):
                raise RuntimeError(line)
    return printed.getvalue()


def run_page(text: str) -> None:
    """Run the blocks of a page with that `text`, and print what they print."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(text):
        print(f"{block.code}\n{run_block(block, namespace)}")


if __name__ == "__main__":
    run_page(Path(sys.argv[1]).read_text("utf-8"))
