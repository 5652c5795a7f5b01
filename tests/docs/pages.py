"""The documentation as data: its pages, their fenced blocks, links and headings."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
# The folders of the bundled plugins; the client, which stands beside them, is none.
PLUGINS = sorted(path.parent for path in (ROOT / "plugins").glob("*/setup.py") if path.parent.name != "client")
_FENCE = re.compile(r"^( *)```(\w+)?(?: ([^\n]+))?\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block; `tag` is the word behind its language, which is a file's name where it has a dot."""

    language: str
    tag: str
    text: str

    @property
    def file(self) -> str:
        """The name of the file that a reader is told to save the block as."""
        return self.tag if "." in self.tag else ""


def pages() -> list[str]:
    """Every page, by its path from the root."""
    top = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")]
    found = [
        *top,
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "plugins").rglob("*.md"),
        *(ROOT / "examples").rglob("*.md"),
    ]
    return sorted(str(path.relative_to(ROOT)) for path in found)


def text_of(page: str | Path) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str | Path, *languages: str) -> list[Block]:
    parts = _FENCE.findall(text_of(page))
    found = [
        Block(language, tag, text.replace(f"\n{indent}", "\n").removeprefix(indent))
        for indent, language, tag, text in parts
    ]
    return [block for block in found if not languages or block.language in languages]


def prose(page: str | Path) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", text_of(page))


def links(page: str | Path) -> list[str]:
    return _LINK.findall(prose(page))


def images(page: str | Path) -> dict[str, str]:
    """The pictures that the page shows: what each is said to show, by its address."""
    return {address: words for words, address in _IMAGE.findall(prose(page))}


def anchors(page: str | Path) -> set[str]:
    """The names under which a page's headings can be linked to, as a forge makes them."""
    titles = (re.sub(r"[`*]", "", title).strip().lower() for title in _HEADING.findall(prose(page)))
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}
