"""A plain view at an address of our own: claimed, only read, and described."""

from pathlib import Path

from webtest import TestApp

from mlserve.api.operations import Operation
from mlserve.api.views import CATEGORY, add_read_view
from mlserve.startup import build
from tests.factories import settings_of


def test_a_view_is_read_at_its_address_and_described(tmp_path: Path) -> None:
    config = build(settings_of(tmp_path, models={}), here=None)
    told = Operation("Told", answer={})
    add_read_view(config, "told", "/told", lambda request: {"it": 1}, told, renderer="mlserve")
    app = TestApp(config.make_wsgi_app())
    assert app.get("/told").json == {"it": 1}
    assert app.post("/told", status=405).headers["Allow"] == "GET, HEAD"
    assert config.introspector.get(CATEGORY, "told")["operation"] is told
