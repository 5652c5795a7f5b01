"""The templates and the stylesheet know the same classes."""

import re
from pathlib import Path

import mlserve

ROOT = Path(mlserve.__file__).parent
STYLES = "".join((ROOT / "static" / name).read_text() for name in ("mlserve.css", "vendor/pico.min.css"))
# For scripts and for whoever replaces the stylesheet; ours needs no rule for them.
BARE = {"panel", "revision"}


def test_every_class_of_a_template_has_a_rule() -> None:
    texts = (path.read_text() for path in sorted((ROOT / "dashboard" / "templates").iterdir()))
    named = {name for text in texts for found in re.findall(r'class="([^"{]+)"', text) for name in found.split()}
    assert {"overflow", "num"} < named
    assert {name for name in named - BARE if not re.search(rf"\.{name}\b", STYLES)} == set()
