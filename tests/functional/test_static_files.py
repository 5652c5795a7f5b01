"""The stylesheets and scripts of the pages: what may be asked for, and how long it is kept."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyramid.config import Configurator
from webtest import TestApp

import mlserve
from tests.factories import Served, linear_model, serving, settings_of

STATIC = Path(mlserve.__file__).parent / "static"
NAMES = sorted(path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("static")
    with serving(settings_of(folder, models={"line": linear_model(folder)})) as app:
        yield app


def address(app: Served, name: str) -> str:
    return f"/static/{app.application.static_files.version}/{name}"


@pytest.mark.parametrize("name", NAMES)
def test_each_file_is_answered_as_it_is_for_ever(app: Served, name: str) -> None:
    answer = app.get(address(app, name))
    assert answer.body == (STATIC / name).read_bytes()
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.content_type == {
        ".css": "text/css",
        ".js": "text/javascript",
        ".json": "application/json",
        ".svg": "image/svg+xml",
        ".txt": "text/plain",
    }.get(Path(name).suffix)


def test_whoever_has_a_file_is_not_sent_it_again(app: Served) -> None:
    first = app.get(address(app, "vendor/htmx.min.js"))
    again = app.get(address(app, "vendor/htmx.min.js"), headers={"If-None-Match": first.headers["ETag"]}, status=304)
    assert again.body == b""
    assert again.headers["Cache-Control"] == first.headers["Cache-Control"]
    app.get(address(app, "vendor/htmx.min.js"), headers={"If-None-Match": '"another"'}, status=200)


def test_head_tells_the_length_only(app: Served) -> None:
    answer = app.head(address(app, "vendor/htmx.min.js"))
    assert answer.body == b""
    assert int(answer.headers["Content-Length"]) == (STATIC / "vendor/htmx.min.js").stat().st_size


def test_a_page_of_another_version_gets_the_file_and_is_told_to_ask_again(app: Served) -> None:
    answer = app.get("/static/0123456789abcdef/vendor/htmx.min.js")
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.body == (STATIC / "vendor/htmx.min.js").read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        "vendor",
        "vendor/",
        "nothing.css",
        "../__init__.py",
        "%2e%2e/__init__.py",
        "..%2f__init__.py",
        "vendor/../vendor/htmx.min.js",
        "vendor/../../py.typed",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "vendor%5chtmx.min.js",
        "vendor/htmx.min.js%00",
    ],
)
def test_nothing_else_is_there(app: Served, name: str) -> None:
    assert app.get(address(app, name), status=404).json["code"] == "not_found"


def test_a_file_is_only_read(app: Served) -> None:
    answer = app.post(address(app, "vendor/htmx.min.js"), status=405)
    assert answer.json["code"] == "method_not_allowed"
    assert answer.headers["Allow"] == "GET, HEAD"


def test_the_version_is_of_the_contents(app: Served, tmp_path: Path) -> None:
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path)})
    with serving(settings) as same:
        assert same.application.static_files.version == app.application.static_files.version
    (tmp_path / "mine.css").write_text("body { color: red }")

    def override(config: Configurator) -> None:
        config.override_asset("mlserve:static/vendor/pico.min.css", str(tmp_path / "mine.css"))

    with serving(settings, override) as other:
        assert other.application.static_files.version != app.application.static_files.version
        assert other.get(address(other, "vendor/pico.min.css")).text == "body { color: red }"


def test_without_pages_there_are_no_files(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path)}, dashboard__enabled="false")
    with serving(settings) as bare:
        assert bare.get("/static/x/vendor/htmx.min.js", status=404).json["code"] == "not_found"
        assert bare.get("/docs", status=404).json["code"] == "not_found"


def test_inside_another_application_they_stand_below_the_prefix(tmp_path: Path) -> None:
    config = Configurator(settings=settings_of(tmp_path, models={"line": linear_model(tmp_path)}))
    config.include("mlserve", route_prefix="ml")
    wsgi = config.make_wsgi_app()
    held = wsgi.registry.mlserve.static_files
    app = TestApp(wsgi)
    try:
        answer = app.get(f"/ml/static/{held.version}/vendor/pico.min.css")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert (
            app.get(f"/static/{held.version}/vendor/pico.min.css", status=404).content_type
            != "application/problem+json"
        )
        page = app.get("/ml/docs", extra_environ={"SCRIPT_NAME": "/mount"})
        assert f"/mount/ml/static/{held.version}/vendor/swagger-ui-bundle.js" in page
        assert "/mount/ml/api/v1/openapi.json" in page
        assert "/mount/ml/api/v1/models/line/predictions" in page
    finally:
        wsgi.registry.mlserve.stop()
