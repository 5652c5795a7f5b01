"""Where a server may listen without keys, and what else of access can stop a start."""

import re
from contextlib import nullcontext
from pathlib import Path

import pytest
from click.testing import CliRunner
from pyramid.paster import get_appsettings

from mlserve.auth.exposure import refuse_open_ini
from mlserve.cli import main
from mlserve.errors import ConfigurationError
from mlserve.settings import read_settings
from tests.factories import linear_model
from tests.functional import servers
from tests.functional.callers import guarded
from tests.functional.servers import Server

ROOT = Path(__file__).parents[2]
OURS, WAITRESS = "egg:pyramid-mlserve#waitress", "egg:waitress#main"


def launched(folder: Path, monkeypatch: pytest.MonkeyPatch, use: str, listen: str, **settings: str) -> Server:
    ini = servers._INI.replace(WAITRESS, use).replace("listen = 127.0.0.1:0", listen)
    monkeypatch.setattr(servers, "_INI", ini)
    keys = {"mlserve.plugins": "mlserve_linear", "mlserve.models.line": str(linear_model(folder)), **settings}
    return Server(folder / "server.ini", keys).launch()


@pytest.mark.parametrize("use", [OURS, WAITRESS])
@pytest.mark.parametrize("listen", ["listen = 0.0.0.0:0", "port = 0"])
def test_open_to_every_host_is_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: str, listen: str
) -> None:
    with launched(tmp_path, monkeypatch, use, listen) as server:
        assert server.ended() == 1
        (line,) = [line for line in server.lines if line.strip()]
        assert line.startswith("mlserve cannot start: [server:main] listens on ")
        assert "mlserve.auth.open = true" in line
        checked = CliRunner().invoke(main, ["check", str(server.ini)])
        assert (checked.exit_code, checked.output.strip()) == (1, line) or line in str(checked.exception)
    assert not (tmp_path / "var").exists()


def test_production_ini_asks_for_keys_and_does_not_start_without_elsewhere(tmp_path: Path) -> None:
    """As it is shipped, and with the two lines changed that would open it to everybody."""
    ini = tmp_path / "production.ini"
    shipped = (ROOT / "production.ini").read_text(encoding="utf-8")
    assert "\nmlserve.auth.enabled = true\n" in shipped
    assert "\nmlserve.auth.open = true" not in shipped
    there = re.sub(r"(?m)^(host|listen) = 127\.0\.0\.1", r"\1 = 0.0.0.0", shipped)
    assert there != shipped
    for text, refused in (
        (shipped, False),
        (there, False),
        (there.replace("mlserve.auth.enabled = true", "mlserve.auth.enabled = false"), True),
    ):
        ini.write_text(text, encoding="utf-8")
        settings = read_settings(get_appsettings(str(ini)), {}, tmp_path)
        with pytest.raises(ConfigurationError, match=r"mlserve\.auth\.open") if refused else nullcontext():
            refuse_open_ini(settings, {"__file__": str(ini), "here": str(tmp_path)})


@pytest.mark.parametrize("settings", [{"mlserve.auth.open": "true"}, {"mlserve.auth.enabled": "true"}])
def test_it_serves_there_where_that_is_meant_or_keys_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]
) -> None:
    with launched(tmp_path, monkeypatch, OURS, "listen = 0.0.0.0:0", **settings) as server:
        assert server.address[0] == "0.0.0.0"
        server._client = servers.Client(("127.0.0.1", server.address[1]))
        assert server.call("GET", "/api/v1/models").status == (401 if "mlserve.auth.enabled" in settings else 200)


def test_a_server_of_another_name_is_looked_at_when_it_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`pserve --server-name` serves by another section than the one that the start has seen."""
    from mlserve.server.runner import Server as Waitress
    from mlserve.startup import build

    app = build({"mlserve.var": str(tmp_path)}, here=None).make_wsgi_app()
    with pytest.raises(ConfigurationError, match=r"listens on 0\.0\.0\.0,"):
        Waitress(app, {"listen": "0.0.0.0:0"})


@pytest.mark.parametrize(("content", "sentence"), [(None, "cannot be read"), (b"short", "holds fewer than 32 bytes")])
def test_a_key_of_sessions_that_is_none_stops_the_start(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    path = tmp_path / "mine.key"
    if content is not None:
        path.write_bytes(content)
    said = f"mlserve.session.key is .*mine.key', which {sentence}"
    with pytest.raises(ConfigurationError, match=said), guarded(tmp_path, session__key=str(path)):
        pass
