"""What `paste.server_runner` names: pserve's way to the workers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlserve.errors import ConfigurationError
from mlserve.server import workers


def test_it_is_not_begun_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where `mlserve serve`, which has taken the place of the process, came here."""
    ini = tmp_path / "w.ini"
    ini.write_text("[server:workers]\nuse = egg:pyramid-mlserve#workers\n")
    monkeypatch.setenv(workers._BEEN_HERE, str(os.getpid()))
    with pytest.raises(ConfigurationError, match=r"does not find in .*w\.ini the section"):
        workers.serve(None, {"__file__": str(ini)})


def test_the_section_that_pserve_has_read_is_found_by_what_it_says(tmp_path: Path) -> None:
    ini = tmp_path / "w.ini"
    ini.write_text(
        "[server:main]\nuse = egg:waitress#main\nport = 3\n"
        "[server:one]\nuse = egg:pyramid_mlserve#workers\nport = 2\n"
        "[server:two]\nuse = one\nport = 3\n"
    )
    assert workers._name_of(str(ini), {"port": "2"}) == "one"
    assert workers._name_of(str(ini), {"port": "3"}) == "two"


def test_pserve_says_in_a_sentence_that_granian_is_missing(tmp_path: Path) -> None:
    ini = tmp_path / "w.ini"
    ini.write_text("[server:workers]\nuse = egg:pyramid-mlserve#workers\n")
    script = f"""
import sys
sys.modules["granian"] = None
from mlserve.server.workers import serve
serve(None, {{"__file__": {str(ini)!r}}})
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("mlserve cannot start: [server:workers] needs granian, which is not installed: ")
    assert done.stderr.count("\n") == 1
