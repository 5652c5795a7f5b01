"""The routes of the pages."""

from pathlib import Path

from tests.factories import serving, settings_of


def test_no_page_asks_for_the_host_s_token(tmp_path: Path) -> None:
    """A host may require its own for every view; the pages' one form brings another."""
    with serving(settings_of(tmp_path, models={})) as served:
        views = [entry["introspectable"] for entry in served.app.registry.introspector.get_category("views")]
    pages = [view for view in views if (view["route_name"] or "").startswith("dashboard.")]
    assert len(pages) >= 14
    assert [view["route_name"] for view in pages if view.get("require_csrf") is not False] == []
