import shutil
import tempfile
from pathlib import Path

import pytest

from mlserve.server.workers.listening import LANE, listen_privately


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
