"""The commands of the pages print what the pages say, with real servers and the programs of the environment."""

import json
import os
import re
import shutil
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import click
import pytest

from mlserve.cli import main
from tests.docs.pages import ROOT, Block, blocks, pages, text_of
from tests.docs.transcript import CLOSE, Transcript, steps
from tests.docs.workplace import Workplace
from tests.tools import REQUIRED

# These pages speak of a clone in which `make serve` runs; the others build all that they need.
OF_THE_DEMO = {
    "README.md",
    "docs/howto/call-from-python.md",
    "docs/howto/customise-the-pages.md",
    "docs/howto/let-callers-in.md",
    "docs/howto/send-actuals.md",
    "docs/howto/send-many-rows.md",
    "docs/reference/cli.md",
    "docs/reference/http-api.md",
    "docs/tutorial/second-model.md",
    "examples/flight_delay/README.md",
}
# And these of one in which `make gallery` runs; they share one server, and change nothing that another would see.
OF_THE_GALLERY = {
    "docs/howto/call-with-other-clients.md",
    "docs/howto/serve-pictures.md",
    "docs/tutorial/one-server-many-families.md",
    "examples/file_type/README.md",
    "examples/gallery/README.md",
    "plugins/oip/README.md",
    "plugins/scoring/README.md",
    "plugins/v1/README.md",
}
# Long ones, of which a change seldom breaks one alone.
EXHAUSTIVE = (
    "docs/howto/",
    "docs/reference/",
    "docs/tutorial/second-model.md",
    "examples/file_type/README.md",
    "examples/flight_delay/README.md",
    "plugins/oip/README.md",
    "plugins/scoring/README.md",
    "plugins/v1/README.md",
)
# What a reader has already: a package that is installed, a folder of MLflow's.
OWN_CODE = "docs/howto/serve-your-own-code.md"
MLFLOW = "docs/howto/import-an-mlflow-model.md"
# This one installs a package: `test_tutorial.py` runs it in an environment of its own.
INSTALLS = "docs/tutorial/write-a-plugin.md"
WITH_COMMANDS = [page for page in pages() if blocks(page, "console") and page != INSTALLS]


def marked(found: Iterable[str]) -> list[Any]:
    return [pytest.param(page, marks=pytest.mark.exhaustive) if page.startswith(EXHAUSTIVE) else page for page in found]


@pytest.fixture
def workplace(tmp_path: Path) -> Iterator[Workplace]:
    place = Workplace(tmp_path)
    yield place
    place.stop()


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    """Without its models or a client's environment its pages are skipped, or fail where none may be missing."""
    place = Workplace(tmp_path_factory.mktemp("gallery"))
    place.gallery()
    for needed in ("examples/gallery/data/hands.tflite", "tritonclient/bin", "kserve/bin", "mlflow/bin"):
        if not (place.folder / needed).exists():
            reason = f"{needed} is not there: `make gallery` and `make neighbours` make what these pages need"
            if os.environ.get("CI") or os.environ.get(REQUIRED) == "1":
                pytest.fail(reason)
            pytest.skip(reason)
    place.serve("examples/gallery/gallery.ini")
    yield place
    place.stop()


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("page", marked(sorted(OF_THE_GALLERY)))
def test_the_commands_of_a_page_of_the_gallery_print_what_it_says(page: str, gallery: Workplace) -> None:
    assert Transcript(page, gallery).run() > 0


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("page", marked(page for page in WITH_COMMANDS if page not in OF_THE_GALLERY))
def test_the_commands_of_the_page_print_what_it_says(
    page: str, workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    if page == OWN_CODE:
        monkeypatch.syspath_prepend(workplace.folder / "languages")
    if page == MLFLOW:
        shutil.copytree(ROOT / "plugins/mlflow/tests/folders/sklearn-skops", workplace.folder / "arrival")
    if page in OF_THE_DEMO:
        workplace.clone()
        workplace.serve("development.ini")
    assert Transcript(page, workplace).run() > 0


def test_the_pages_that_a_newcomer_meets_first_have_commands() -> None:
    others = {"docs/tutorial/your-first-model.md", "docs/reference/plugin-contract.md", OWN_CODE, MLFLOW}
    assert OF_THE_DEMO | OF_THE_GALLERY | others <= {*WITH_COMMANDS}


@pytest.mark.parametrize(
    ("said", "difference"),
    [
        ('$ curl -s http://127.0.0.1:6543/health/live\n{"status": "no"}', "the page says 'no'"),
        ('$ curl -s http://127.0.0.1:6543/health/live\n{"status": "ok", "more": 1}', "the page has the keys"),
        ("$ echo 1.50 of 2\n1.60 of 2", "the page says   1.60 of 2"),
        ("$ echo one; echo two\none", "the command     two"),
        ("$ echo one\none\ntwo", "the page says   two"),
    ],
)
def test_what_a_page_says_wrongly_is_noticed(said: str, difference: str, tmp_path: Path, workplace: Workplace) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"```console\n{said}\n```\n", encoding="utf-8")
    workplace.clone()
    if "curl" in said:
        workplace.serve("development.ini")
    with pytest.raises(AssertionError, match=difference):
        Transcript(page, workplace, patience=0).run()


def test_what_differs_from_run_to_run_is_recognised(tmp_path: Path, workplace: Workplace) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```console\n"
        "$ echo 01a2055f-0000-7f45-8895-e65cf5d5843d 2020-01-01 00:00:00Z 0.5001 and more\n"
        "01a2055f-ff9d-7f45-8895-e65cf5d5843d 2026-11-22 22:28:27Z 0.5 and …\n"
        "$ echo 01a2055f-ff9d-7f45-8895-e65cf5d5843d\n"
        "01a2055f-ff9d-7f45-8895-e65cf5d5843d\n"
        "```\n",
        encoding="utf-8",
    )
    assert len(list(steps(page))) == 2
    assert Transcript(page, workplace).run() == 2


def test_the_make_targets_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    lines = [line.split() for block in blocks("README.md", "sh") for line in block.text.splitlines()]
    targets = {words[1] for words in lines if words[0] == "make"}
    assert targets == {"serve", "second", "test"}
    assert all(f"\n{target}:" in makefile for target in targets)
    assert "/predictions -H 'Content-Type: application/json'" in makefile
    assert "make serve" in text_of("README.md")


def test_the_application_of_the_embedding_page_serves(workplace: Workplace) -> None:
    workplace.clone()
    for block in blocks("docs/howto/embed-in-a-pyramid-application.md", "python"):
        port = f"port={workplace.port or workplace.choose_port()}"
        workplace.save(Block(block.language, block.tag, block.text.replace("port=6543", port)))
    workplace.start("serve.py", live="/ml/health/live")
    with urlopen(f"http://127.0.0.1:{workplace.port}/ml/api/v1/models/flight-delay", timeout=30) as answer:
        assert json.load(answer)["resources"]["predictions"] == "/ml/api/v1/models/flight-delay/predictions"
    with urlopen(f"http://127.0.0.1:{workplace.port}/", timeout=30) as answer:
        assert answer.read() == b"my own page"
    with pytest.raises(ConnectionRefusedError):  # It listens on 127.0.0.1 only.
        socket.create_connection(("127.0.0.2", workplace.port), timeout=5)
    assert workplace.stop() == 0


FRUIT = """
import numpy, xgboost
sizes = numpy.random.default_rng(1).normal(size=(600, 2)).astype("float32")
data = xgboost.DMatrix(sizes, numpy.digitize(sizes.sum(axis=1), [-1, 1]))
xgboost.train({"objective": "multi:softprob", "num_class": 3, "max_depth": 3}, data, 20).save_model("x.ubj")
"""


@pytest.mark.exhaustive
def test_the_class_names_of_the_xgboost_page_give_its_answer(workplace: Workplace) -> None:
    said = [block.text for block in blocks("plugins/xgboost/README.md", "json") if "banana" in block.text]
    workplace.save(Block("python", "fruit.py", FRUIT))
    workplace.save(Block("json", "x.ubj.signature.json", said[0]))
    server = "[server:main]\nuse = egg:pyramid-mlserve#waitress\n"
    model = "[app:main]\nuse = egg:pyramid-mlserve\nmlserve.plugins = xgboost\nmlserve.models.x = %(here)s/x.ubj\n"
    workplace.save(Block("ini", "x.ini", model + server))
    printed = workplace.shell("python fruit.py && echo '[[0.5, 1.25]]' | mlserve predict x.ini x")
    answer = json.loads(printed)
    expected = json.loads(said[1])
    assert answer["label"] == expected["label"]
    assert answer["probability"] == pytest.approx(expected["probability"], rel=CLOSE)


@pytest.mark.parametrize("page", pages())
def test_every_mlserve_command_of_a_page_exists(page: str) -> None:
    lines = [line for block in blocks(page, "sh", "ini") for line in block.text.splitlines()]
    for line in lines:
        found = re.search(r"(?:^|=|/)mlserve ((?:[a-z]+ )+)[\w/.-]+\.ini(.*)", line)
        if found is None:
            continue
        command: click.Command = main
        for word in found[1].split():
            assert isinstance(command, click.Group), line
            next_one = command.get_command(click.Context(command), word)
            assert next_one is not None, line
            command = next_one
        options = {name for option in command.params for name in option.opts}
        assert set(re.findall(r"--[a-z-]+", found[2])) <= options, line
