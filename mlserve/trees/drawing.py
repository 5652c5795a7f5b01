"""Draws a tree as SVG: the root at the left, a column a level, a row a leaf, `yes` above `no`.

No styles and no scripts, so that the strictest content security policy shows it. The colours are the system's own,
which a browser turns around in a dark page, the background with them.
"""

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from unicodedata import east_asian_width

from mlserve.errors import NotSupported
from mlserve.trees.tree import Node, Tree

MAX_NODES: Final = 1_000
MEDIA_TYPE: Final = "image/svg+xml"

_COLUMN, _ROW, _MARGIN = 290, 34, 12  # pixels of the grid
_WIDTH, _INNER, _LEAF = 200, 36, 24  # pixels of a box: its width, and its height with two lines of text and with one
_LETTERS: Final = 22  # that fit into a box
_LONGEST: Final = 500  # characters of a tooltip
_SIGNS: Final = {"below": "<", "at_most": "≤"}
# XML cannot hold most control characters, not even escaped, and marks of direction would turn a whole label around.
_UNDRAWABLE: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


@dataclass(frozen=True)
class _Box:
    """A node and where it stands: the left and the middle of its box."""

    node: Node
    x: int
    y: float
    below: tuple["_Box", ...] = ()


class _Layout:
    """Gives each leaf a row of its own, in order, and each inner node the middle between its two."""

    def __init__(self, root: Node) -> None:
        self.boxes: list[_Box] = []
        self.leaves = 0
        self._place(root, 0)

    def _place(self, node: Node, level: int) -> _Box:  # As deep as the tree, which is told up to 100 levels only.
        below: tuple[_Box, ...] = ()
        if "leaf" in node:
            y = _MARGIN + self.leaves * _ROW + _ROW / 2
            self.leaves += 1
        else:
            below = self._place(node["yes"], level + 1), self._place(node["no"], level + 1)
            y = (below[0].y + below[1].y) / 2
        box = _Box(node, _MARGIN + level * _COLUMN, y, below)
        self.boxes.append(box)
        return box


def drawing(tree: Tree, root: Node, title: str) -> str:
    """The SVG document of a tree whose nodes `root` holds. Raises NotSupported for more than MAX_NODES nodes."""
    levels = [level.size for level in tree.levels()]
    if (nodes := sum(levels)) > MAX_NODES:
        raise NotSupported(
            f"Tree {tree.number} has {nodes:,} nodes, and a drawing at most {MAX_NODES:,}: ask for application/json."
        )
    layout = _Layout(root)
    width = 2 * _MARGIN + (len(levels) - 1) * _COLUMN + _WIDTH
    height = 2 * _MARGIN + layout.leaves * _ROW
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        ' role="img" font-family="system-ui, sans-serif" font-size="13" fill="CanvasText">',
        f"<title>{_text(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="Canvas"/>',
        *map(_edges, layout.boxes),
        *map(_box, layout.boxes),
        "</svg>\n",
    ]
    return "\n".join(parts)


def condition_of(node: Node) -> str:
    """An inner node's question in words, such as `distance < 390.613` or `city in Oslo, Riga`."""
    for question, sign in _SIGNS.items():
        if question in node:
            return f"{node['field']} {sign} {node[question]:.6g}"
    return f"{node['field']} in {', '.join(node['among'])}"


def _edges(box: _Box) -> str:
    return "".join(_edge(box, child, way) for child, way in zip(box.below, ("yes", "no"), strict=False))


def _edge(box: _Box, child: _Box, way: str) -> str:
    start, end = box.x + _WIDTH, child.x
    middle = (start + end) / 2
    label = f"{way}, missing" if box.node["missing"] == way else way
    return (
        f'<path d="M{start} {box.y:g}C{middle:g} {box.y:g} {middle:g} {child.y:g} {end} {child.y:g}"'
        ' fill="none" stroke="CanvasText" stroke-opacity="0.5"/>'
        f'<text x="{end - 5}" y="{child.y + (-5 if way == "yes" else 13):g}" text-anchor="end" font-size="11">'
        f"{label}</text>"
    )


def _box(box: _Box) -> str:
    node = box.node
    if "leaf" in node:
        values = node["leaf"] if isinstance(node["leaf"], list) else [node["leaf"]]
        what = ", ".join(f"{value:+.6g}" for value in values)
        line = _line(box, 4, 'font-weight="600"', _cut(what))
        return _frame(box, _LEAF, f"{what}, cover {node['cover']:.6g}", 'stroke-opacity="0.4"', [line])
    what, numbers = condition_of(node), f"gain {node['gain']:.6g}, cover {node['cover']:.6g}"
    lines = [_line(box, -3, 'font-weight="600"', _text(_cut(what))), _line(box, 11, 'font-size="11"', numbers)]
    return _frame(box, _INNER, f"{what}, {numbers}", 'stroke-width="1.5"', lines)


def _frame(box: _Box, height: int, title: str, stroke: str, lines: Iterable[str]) -> str:
    rect = f'<rect x="{box.x}" y="{box.y - height / 2:g}" width="{_WIDTH}" height="{height}" rx="5"'
    return f'<g><title>{_text(title)}</title>{rect} fill="Canvas" stroke="CanvasText" {stroke}/>{"".join(lines)}</g>'


def _line(box: _Box, below: int, font: str, text: str) -> str:
    """A line of text whose foot is so far below the middle of its box."""
    return f'<text x="{box.x + 8}" y="{box.y + below:g}" {font}>{text}</text>'


def _cut(text: str) -> str:
    """As much of a text as fits into a box; wide letters count twice."""
    left = _LETTERS
    for at, letter in enumerate(text):
        left -= 2 if east_asian_width(letter) in "WF" else 1
        if left < 0:
            return f"{text[: max(at - 1, 0)]}…"
    return text


def _text(text: str) -> str:
    short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return html.escape(_UNDRAWABLE.sub("\N{REPLACEMENT CHARACTER}", short))
