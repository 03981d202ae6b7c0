"""Make HTML in which every text is escaped: names of models, files and technologies are no markup."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape
from io import BytesIO

from matplotlib.figure import Figure

from lstm_analog.show.style import drawing

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1c1c; --soft: #5a5a5a; --paper: #fdfdfc; --card: #f1f3f5; --line: #d5d9dd;
  --good: #00704f; --bad: #b04a00; --code: #f1f3f5; }
@media (prefers-color-scheme: dark) { :root { --ink: #ececec; --soft: #adb3b8; --paper: #15181b; --card: #20252a;
  --line: #3a4148; --good: #4cc9a0; --bad: #f0a060; --code: #20252a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1.2rem 4rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .4rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid var(--line); padding-bottom: .2rem; }
p { margin: .5rem 0; } .soft { color: var(--soft); }
.verdict { display: flex; gap: .8rem; align-items: baseline; padding: .8rem 1rem; margin: 1rem 0; border-radius: .5rem;
  background: var(--card); border-left: .45rem solid var(--bad); } .verdict.good { border-color: var(--good); }
.verdict strong { font-size: 1.15rem; color: var(--bad); white-space: nowrap; } .good strong { color: var(--good); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .93rem; }
th, td { text-align: left; padding: .28rem .8rem .28rem 0; border-bottom: 1px solid var(--line); vertical-align: top;
  overflow-wrap: break-word; } td:last-child, th:last-child { padding-right: 0; }
td.number, th.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
figure { margin: 1.2rem 0; } figure img { max-width: 100%; height: auto; display: block; background: white;
  border-radius: .4rem; padding: .5rem; border: 1px solid var(--line); } figcaption { color: var(--soft);
  font-size: .9rem; margin-top: .3rem; }
pre { background: var(--code); padding: .8rem 1rem; border-radius: .4rem; overflow-x: auto; font-size: .88rem; }
@media print { body { max-width: none; font-size: 11pt; } figure, table, .verdict, pre { break-inside: avoid; }
  pre { white-space: pre-wrap; } }
"""
_HEAD = (
    '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    '<meta http-equiv="Content-Security-Policy" '
    """content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">"""
)
_DPI = 110.0


def page(title: str, parts: Iterable[str]) -> str:
    """Return a whole page with a `title` (text) and `parts` (HTML); it loads nothing and runs no script."""
    body = "\n".join(parts)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head>{_HEAD}<title>{escape(title)}</title><style>{_STYLE}</style></head>\n'
        f"<body><main>\n{body}\n</main></body></html>\n"
    )


def heading(text: str, level: int = 2) -> str:
    """Return a heading with `text` of a `level`."""
    return f"<h{level}>{escape(text)}</h{level}>"


def paragraph(text: str, *, soft: bool = False) -> str:
    """Return a paragraph with `text`, in a `soft` colour or not."""
    kind = ' class="soft"' if soft else ""
    return f"<p{kind}>{escape(text)}</p>"


def verdict(word: str, text: str, *, good: bool) -> str:
    """Return the box with the `word` of a judgement, `good` or not, and its `text`."""
    kind = "verdict good" if good else "verdict"
    return f'<div class="{kind}" role="status"><strong>{escape(word)}</strong><span>{escape(text)}</span></div>'


def pairs(rows: Iterable[tuple[str, str]]) -> str:
    """Return a table of names and values, one of `rows` a line."""
    lines = (f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in rows)
    return f'<div class="scroll"><table>{"".join(lines)}</table></div>'


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: int) -> str:
    """Return a table under `heads`; the columns of `rows` from number `numbers` on are figures."""
    kinds = [' class="number"' if column >= numbers else "" for column in range(len(heads))]
    top = "".join(f'<th scope="col"{kind}>{escape(head)}</th>' for head, kind in zip(heads, kinds, strict=True))
    lines = ("".join(f"<td{kind}>{escape(text)}</td>" for text, kind in zip(row, kinds, strict=True)) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def picture(figure: Figure, caption: str) -> str:
    """Return `figure` as an image within the page, with its `caption`."""
    stream = BytesIO()
    with drawing():
        figure.savefig(stream, format="png", dpi=_DPI, metadata={"Software": None})
    data = b64encode(stream.getvalue()).decode()
    said = escape(caption)
    return f'<figure><img alt="{said}" src="data:image/png;base64,{data}"><figcaption>{said}</figcaption></figure>'


def code(text: str) -> str:
    """Return `text` as lines of code."""
    return f"<pre><code>{escape(text)}</code></pre>"
