"""One HTML file that holds all it shows: no script, no style sheet, no picture from outside.

Text goes in through ``escape``; only the functions of this package make markup.  The
colours follow the reader's light or dark setting.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape

_STYLE = """
:root { color-scheme: light dark;
  --page: #ffffff; --text: #1d2330; --soft: #5d6778; --line: #d9dee7; --card: #f5f7fa;
  --accent: #0b62d6; --tint: 11, 98, 214; }
@media (prefers-color-scheme: dark) { :root {
  --page: #14171d; --text: #e6e9ef; --soft: #9aa5b5; --line: #333a46; --card: #1d222b;
  --accent: #6caeff; --tint: 108, 174, 255; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 72rem; background: var(--page);
  color: var(--text); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; }
p { margin: .4rem 0; max-width: 46rem; } .soft { color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .5rem 0; }
th, td { padding: .35rem .8rem; border-bottom: 1px solid var(--line); text-align: right; }
th { color: var(--soft); font-weight: 600; } th:first-child, td:first-child { text-align: left; }
td:first-child { overflow-wrap: anywhere; min-width: 8rem; max-width: 24rem; }
.numbers { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1rem 0; padding: 0; }
.numbers div { background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  padding: .6rem 1rem; min-width: 8rem; }
.numbers b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; }
.numbers span { color: var(--soft); font-size: .85rem; }
.pictures { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  overflow: hidden; } figure img { width: 100%; display: block; }
figcaption { padding: .6rem .8rem; font-size: .9rem; overflow-wrap: anywhere; }
figcaption ul { margin: .3rem 0 0; padding-left: 1.1rem; }
svg { max-width: 100%; height: auto; } svg text { fill: var(--text); font-size: 12px; }
svg .axis { stroke: var(--soft); } svg .grid { stroke: var(--line); }
svg .bar { fill: var(--accent); }
.charts { display: flex; flex-wrap: wrap; gap: 1.5rem; }
.legend span { display: inline-flex; align-items: center; gap: .4rem; margin-right: 1rem; }
.swatch { width: .9rem; height: .9rem; border-radius: .2rem; display: inline-block;
  border: 1px solid var(--line); }
.matrix td { text-align: center; min-width: 3.5rem; border: 1px solid var(--line); }
.matrix th { max-width: 10rem; overflow-wrap: anywhere; }
"""


def page(title: str, subtitle: str, body: Iterable[str]) -> str:
    """Return a whole HTML document.

    Args:
        title: Plain text.
        subtitle: Plain text, one line below it.
        body: Markup made by the functions of this package.
    """
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f'<h1>{escape(title)}</h1>\n<p class="soft">{escape(subtitle)}</p>\n'
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def heading(text: str) -> str:
    """Return a heading of a section."""
    return f"<h2>{escape(text)}</h2>"


def paragraph(text: str, *, soft: bool = False) -> str:
    """Return a paragraph of plain text."""
    return f'<p class="soft">{escape(text)}</p>' if soft else f"<p>{escape(text)}</p>"


def numbers(items: Iterable[tuple[str, str]]) -> str:
    """Return a row of big numbers: ``(value, what it is)``."""
    cards = "".join(f"<div><b>{escape(v)}</b><span>{escape(k)}</span></div>" for v, k in items)
    return f'<div class="numbers">{cards}</div>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; the first column is text, the others are numbers."""
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def picture(jpeg: bytes, caption: str, remarks: Sequence[str] = ()) -> str:
    """Return one picture of a gallery.

    Args:
        jpeg: The file's bytes; they become part of the page.
        caption: Plain text, also read aloud in place of the picture.
        remarks: Plain text, a list below the caption.
    """
    data = base64.b64encode(jpeg).decode()
    items = "".join(f"<li>{escape(remark)}</li>" for remark in remarks)
    listed = f"<ul>{items}</ul>" if items else ""
    text = escape(caption)
    return (
        f'<figure><img alt="{text}" src="data:image/jpeg;base64,{data}">'
        f"<figcaption>{text}{listed}</figcaption></figure>"
    )


def gallery(pictures: Iterable[str]) -> str:
    """Return pictures side by side."""
    return f'<div class="pictures">{"".join(pictures)}</div>'


def side_by_side(charts: Iterable[str]) -> str:
    """Return charts side by side."""
    return f'<div class="charts">{"".join(charts)}</div>'


def legend(entries: Iterable[tuple[str, tuple[int, int, int]]]) -> str:
    """Return the names of colours: ``(text, RGB)``."""
    items = "".join(
        f'<span><i class="swatch" style="background:rgb{rgb}"></i>{escape(text)}</span>'
        for text, rgb in entries
    )
    return f'<p class="legend">{items}</p>'


def matrix(
    names: Sequence[str],
    counts: Sequence[Sequence[int]],
    shares: Sequence[Sequence[float]],
    corner: str,
) -> str:
    """Return a square table of counts, tinted by shares.

    Args:
        names: Of rows and columns alike.
        counts: ``counts[row][column]``.
        shares: The same as shares in [0, 1].
        corner: Says what rows and columns are.
    """
    top = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    rows = []
    for name, row, tints in zip(names, counts, shares, strict=True):
        cells = "".join(
            f'<td style="background:rgba(var(--tint),{0.55 * tint:.2f})">{count}</td>'
            for count, tint in zip(row, tints, strict=True)
        )
        rows.append(f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>')
    return (
        f'<div class="scroll"><table class="matrix"><thead><tr><th>{escape(corner)}</th>{top}'
        f"</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )
