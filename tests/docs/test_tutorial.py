"""The tutorial of the plugin works for somebody outside: in an environment and a folder of their own, by its text."""

import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.docs.transcript import Transcript
from tests.docs.workplace import Workplace

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive, pytest.mark.timeout(600)]

PAGE = "docs/tutorial/write-a-plugin.md"


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workplace]:
    """An environment that sees what is installed here, and into which pip installs without a network."""
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    python = environment / "bin" / "python"
    libraries = sysconfig.get_path("purelib", vars={"base": str(environment)})
    here = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    (Path(libraries) / "here.pth").write_text(here, encoding="utf-8")
    for name, module in (("pip", "pip._internal.cli.main"), ("mlserve", "mlserve.cli")):
        program = environment / "bin" / name
        program.write_text(f"#!{python}\nfrom {module} import main\nraise SystemExit(main())\n", encoding="utf-8")
        program.chmod(0o755)
    for name, value in {"NO_DEPS": "1", "NO_INDEX": "1", "NO_BUILD_ISOLATION": "0"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    # The plugins of others start slowly, and do nothing here.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(sys, "prefix", str(environment))
    folder = tmp_path / "flights"
    folder.mkdir()
    yield (place := Workplace(folder))
    place.stop()


def test_a_stranger_succeeds_with_the_page_alone(outside: Workplace) -> None:
    assert Transcript(PAGE, outside).run() > 10
    with urlopen(f"http://127.0.0.1:{outside.port}/models/delays", timeout=30) as answer:
        page = answer.read().decode()
    assert "The mean is 12.5; what each category adds to it" in page
    assert outside.stop() == 0
    refused = outside.shell("mlserve check wrong.ini")
    assert "cannot be served: wrong.means is no model of means: Expected `float`, got `str` - at `$.mean`." in refused
    assert "pyramid-mlserve-means" in outside.shell("mlserve plugins means.ini")
