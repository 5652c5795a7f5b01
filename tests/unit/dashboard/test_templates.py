"""The templates and the stylesheet know the same classes."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlserve
from mlserve.dashboard.page import TEMPLATES, templates
from mlserve.dashboard.present import Output

ROOT = Path(mlserve.__file__).parent
STYLES = "".join((ROOT / "static" / name).read_text() for name in ("mlserve.css", "vendor/pico.min.css"))
# For scripts and for whoever replaces the stylesheet; ours needs no rule for them.
BARE = {"panel", "revision"}


def test_every_class_of_a_template_has_a_rule() -> None:
    texts = (path.read_text() for path in sorted((ROOT / "dashboard" / "templates").iterdir()))
    named = {name for text in texts for found in re.findall(r'class="([^"{]+)"', text) for name in found.split()}
    assert {"overflow", "num"} < named
    assert {name for name in named - BARE if not re.search(rf"\.{name}\b", STYLES)} == set()


def test_of_a_label_that_a_threshold_decides_the_answer_tells_the_rule_alone() -> None:
    macros: Any = templates(reload=False).get_template(f"{TEMPLATES}macros.jinja2").module
    told = Output("label", "late", "", description="late or not", rule="late from a probability of 0.26")
    assert "late from a probability of 0.26" in macros.outputs([told])
    assert "late or not" not in macros.outputs([told])
    assert "late or not" in macros.outputs([replace(told, rule="")])
