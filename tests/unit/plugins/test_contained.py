"""A plugin that fails alone: what its fault is called, and the line that it names."""

from pathlib import Path

import pytest

from mlserve.startup import build
from tests.factories import settings_of


def test_the_line_of_a_failure_is_the_plugin_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = """from mlserve.settings import Setting
MLSERVE_API = (1, 0)

def includeme(config):
    config.add_setting(Setting("mlserve.toy.size", "number", 3, "How large."))
"""
    (tmp_path / "mlserve_sized.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    settings = {**settings_of(tmp_path, models={}), "mlserve.plugins": "mlserve_sized"}
    (fault,) = build(settings, here=None).registry.mlserve.faults
    assert fault.reason.startswith("includeme fails: ValueError: ")
    assert fault.reason.endswith(f"({tmp_path}/mlserve_sized.py, line 5).")
    assert fault.told == "the plugin mlserve_sized has failed (includeme: ValueError)"


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("families", "model family"),
        ("resources", "model resource"),
        ("panels", "model panel"),
        ("health checks", "health check"),
        ("importers", "importer"),
        ("protocols", "protocol"),
        ("protocol resources", "protocol resource"),
    ],
)
def test_a_part_that_fails_is_named_as_it_was_registered(
    kind: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the introspectable that each directive registers with its action; other actions are the includeme's."""
    text = f"""MLSERVE_API = (1, 1)

def includeme(config):
    part = config.introspectable("mlserve {kind}", "broken", "broken", "{what}")
    config.action("broken", lambda: 1 / 0, introspectables=(part,))
"""
    name = f"mlserve_failing_{kind.replace(' ', '_')}"
    (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    (fault,) = build({**settings_of(tmp_path, models={}), "mlserve.plugins": name}, here=None).registry.mlserve.faults
    assert fault.told == f"the plugin {name} has failed ({what} broken: ZeroDivisionError)"
