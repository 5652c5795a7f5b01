import os
import re
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlserve.errors import ConfigurationError
from mlserve.server.workers import listening as module
from mlserve.server.workers.listening import LANE, end_listening, listen, listen_privately
from mlserve.server.workers.section import Section, section_of
from tests.docs.pages import blocks

LONGEST = 107 - len("/mlserve-lane-12345678/lane")  # letters of the folder for temporary files


def test_a_start_removes_what_killed_supervisors_have_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    dead, left = listen_privately()
    dead.close()
    (tmp_path / "mlserve-other").mkdir()
    with listen_privately()[0]:
        assert not left.exists()
        second, folder = listen_privately()
        second.close()
        shutil.rmtree(folder)
        assert len([*tmp_path.glob(f"mlserve-lane-*/{LANE}")]) == 1, "one in which somebody listens stays"
    assert (tmp_path / "mlserve-other").exists()


def test_the_folder_is_for_its_user_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    listening, folder = listen_privately()
    listening.close()
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.fixture
def short_path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp") as found:  # Others may have a long name.
        yield Path(found)


def _folder(path: Path, length: int) -> Path:
    """One whose whole name has so many letters."""
    folder = path / ("x" * (length - len(str(path)) - 1))
    folder.mkdir()
    return folder


def test_a_folder_whose_name_is_too_long_is_told_so_and_nothing_is_left(
    short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one whose name is too long only when the folder has its last name."""
    for length in (LONGEST + 1, LONGEST + 5, 200):
        folder = _folder(short_path, length)
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        with pytest.raises(ConfigurationError, match=r"slow_workers need a socket .*longer than 107 bytes"):
            listen_privately()
        assert [*folder.iterdir()] == []


def test_the_longest_folder_that_is_taken_can_be_reached(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _folder(short_path, LONGEST)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    listening, made = listen_privately()
    with listening, socket.socket(socket.AF_UNIX) as client:
        assert len(str(made / LANE)) == 107
        client.connect(str(made / LANE))


def test_a_missing_folder_is_told_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigurationError, match="TMPDIR"):
        listen_privately()


@pytest.mark.parametrize("permissions", [0o600, 0o660])
def test_a_socket_of_this_machine_is_for_whom_the_section_says(permissions: int, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with listen(Section(unix_socket=str(path), unix_socket_perms=permissions), "server:workers"):
        assert path.stat().st_mode & 0o777 == permissions


def test_a_proxy_of_the_group_connects_as_the_page_says(tmp_path: Path) -> None:
    """Whoever runs these tests as root sees it as the kernel does: another user, with the group and without."""
    page = "docs/howto/run-in-production.md"
    by_tag = {block.tag: block.text for block in blocks(page, "ini")}
    (path,) = re.findall("unix_socket = (.+)", by_tag["workers-proxy"])
    assert f"RuntimeDirectory={Path(path).parent.relative_to('/run')}\n" in by_tag["workers-systemd"]
    (folder_mode,) = re.findall("RuntimeDirectoryMode=(.+)", by_tag["workers-systemd"])
    with tempfile.TemporaryDirectory(dir="/tmp") as run:  # pytest's folders are for their user only.
        ini, place = tmp_path / "w.ini", Path(run) / "s"
        ini.write_text(by_tag["workers-proxy"].replace(path, str(place)))
        Path(run).chmod(int(folder_mode, 8))
        with listen(section_of(str(ini), "workers"), "server:workers"):
            assert place.stat().st_mode & 0o777 == 0o660
            if os.geteuid() == 0:
                assert _connects(place, place.stat().st_gid)
                assert not _connects(place)


def _connects(path: Path, *groups: int) -> bool:
    """Whether a user that is nobody and in these groups connects."""
    child = os.fork()
    if not child:
        os.setgroups(groups)
        os.setgid(65534)
        os.setuid(65534)
        with socket.socket(socket.AF_UNIX) as client:
            os._exit(0 if client.connect_ex(str(path)) == 0 else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("is_unix", [False, True])
def test_a_killed_server_that_still_answers_leaves_its_place_to_the_next(is_unix: bool, tmp_path: Path) -> None:
    keys = {"unix_socket": str(tmp_path / "s")} if is_unix else {"port": 0}
    with listen(Section(**keys), "server:workers") as left:
        keys = keys if is_unix else {"port": left.getsockname()[1]}
        leaving = threading.Timer(0.05, end_listening, [left.fileno()])
        leaving.start()
        with listen(Section(**keys), "server:workers") as following:
            leaving.join()
            with socket.socket(following.family) as client:
                client.connect(following.getsockname())
                following.accept()[0].close()


def test_a_place_that_somebody_keeps_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    with listen(Section(port=0), "server:workers") as kept:
        port = kept.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port} is in use: stop the other server"):
            listen(Section(port=port), "server:workers")
