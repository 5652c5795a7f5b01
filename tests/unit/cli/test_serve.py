"""What `mlserve serve` says where it cannot serve: one sentence, and no traceback."""

import socket
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from mlserve.cli import main
from mlserve.cli.serve import serve
from mlserve.server.workers import listening

APP = "[app:main]\nuse = egg:pyramid-mlserve\n"
WORKERS = "[server:workers]\nuse = egg:pyramid-mlserve#workers\n"


def said(ini: Path, *arguments: str) -> str:
    result = CliRunner().invoke(serve, [str(ini), *arguments])
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    text = result.output if result.exception.code == 1 else str(result.exception.code)
    assert text.strip().count("\n") == 0
    return text


@pytest.mark.parametrize(
    ("text", "arguments", "says"),
    [
        (APP, (), "has no section [server:main]"),
        (APP, ("--server-name", "other"), "has no section [server:other]"),
        ("workers", (), "cannot be read as an INI"),
        (APP + "[server:main]\nhost = 127.0.0.1\n", (), "does not say which server"),
        (APP + "[server:main]\nuse = egg:no-such-package#main\n", (), "which is not installed here"),
        (APP + WORKERS + "workers = 0.5\n", (), "mlserve cannot start: workers of [server:workers] is '0.5'"),
        (APP + WORKERS + "threds = 1\n", (), "mlserve cannot start: [server:workers] has the key threds"),
        (APP + WORKERS + "host = 192.0.2.1\n", (), "mlserve cannot start: it cannot listen on 192.0.2.1:6543"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(text: str, arguments: tuple[str, ...], says: str, tmp_path: Path) -> None:
    ini = tmp_path / "w.ini"
    ini.write_text(text)
    assert says in said(ini, *arguments)


def test_a_port_that_is_in_use_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "PATIENCE", 0.0)
    ini = tmp_path / "w.ini"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        ini.write_text(f"{APP}{WORKERS}port = {place.partition(':')[2]}\n")
        assert f"mlserve cannot start: {place} is in use" in said(ini)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (WORKERS, "is well"),
        (WORKERS + "threds = 1\n", "[server:workers] has the key threds"),
        (WORKERS + "port = high\n", "port of [server:workers]"),
        (WORKERS + "host = 0.0.0.0\n", "[server:workers] listens on 0.0.0.0, where every host could call it"),
        (WORKERS + "[server:main]\nuse = egg:nothing#main\n", "[server:main] of"),
        ("[server:main]\nuse = egg:pyramid-mlserve#waitress\nhost = 127.0.0.1\nthreads = 3\n", "is well"),
        ("[server:main]\nuse = egg:pyramid-mlserve#waitress\nthreds = 3\n", "not for waitress: Unknown adjustment"),
        ("[server:main]\nuse = egg:waitress#main\nthreads = many\n", "[server:main] is not for waitress: "),
        ("", "has no section [server:main]"),
    ],
)
def test_check_looks_at_the_sections_of_servers(text: str, says: str, tmp_path: Path) -> None:
    ini = tmp_path / "w.ini"
    ini.write_text(f"{APP}mlserve.var = var\n{text}")
    result = CliRunner().invoke(main, ["check", str(ini)])
    assert says in (result.output + str(result.exception or ""))
    assert result.exit_code == (0 if says == "is well" else 1)


@pytest.mark.parametrize("verb", ["serve", "check"])
def test_workers_need_granian_installed(verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "granian", None)
    ini = tmp_path / "w.ini"
    ini.write_text(f"{APP}mlserve.var = var\n{WORKERS}")
    result = CliRunner().invoke(main, [verb, str(ini)])
    assert result.exit_code == 1
    assert "mlserve cannot start: [server:workers] needs granian, which is not installed" in result.output
