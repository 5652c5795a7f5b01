"""Every page is reachable, its links lead somewhere, and what it quotes is real: names, settings, INI, JSON, SQL."""

import configparser
import json
import re
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name

import pytest
from sqlalchemy import text

from mlserve.db import migrate
from mlserve.db.engine import Database, open_database
from mlserve.settings import read_settings
from mlserve.startup import build
from mlserve.webhooks.declared import declared
from tests.docs.pages import PLUGINS, ROOT, anchors, blocks, images, links, pages, prose, text_of

PAGES = pages()
IN_DOCS = [page for page in PAGES if page.startswith("docs/")]
# Not names of ours but of the pages' own examples: the plugins of two pages, placeholders, two files, a misspelt key.
OF_EXAMPLES = re.compile(r"mlserve\.((means|ruler)\.|db(\.migrate\.lock)?$|plugin$|models\.|webhooks\.|[A-Z]+\b)")
_LOGGER = re.compile(r"getLogger\(\"([\w.]+)\"\)")
SOURCES = [ROOT / "mlserve", *(plugin / f"mlserve_{plugin.name}" for plugin in PLUGINS)]
LOGGERS = {
    name for folder in SOURCES for path in folder.rglob("*.py") for name in _LOGGER.findall(path.read_text("utf-8"))
}
_DOTTED = re.compile(r"(?<![\w./])mlserve(?:\.[A-Za-z_]\w*)+")


@pytest.fixture(scope="module")
def known() -> set[str]:
    """Every setting of the core and of the bundled plugins."""
    names = " ".join(plugin.name for plugin in PLUGINS)
    return {setting.name for setting in build({"mlserve.plugins": names}, here=None).registry.mlserve.settings.table}


def test_the_units_of_systemd_can_be_installed_as_they_stand() -> None:
    units = [block for block in blocks("docs/howto/run-in-production.md", "ini") if "systemd" in block.tag]
    assert [unit.tag for unit in units] == ["systemd", "workers-systemd"]
    for unit in units:
        read = configparser.RawConfigParser()
        read.read_string(unit.text)
        assert read.sections() == ["Unit", "Service", "Install"]
        assert read["Install"]["WantedBy"]


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    for link in links(page):
        if re.match(r"https?:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), f"{page} links to {link}"
        if anchor:
            assert anchor in anchors(target), f"{page} links to {link}"


def test_every_picture_is_there_is_put_in_words_and_every_one_kept_is_shown() -> None:
    shown = set()
    for page in PAGES:
        for address, words in images(page).items():
            assert words.strip(), f"{page} shows {address} and does not say what is on it"
            shown.add(((ROOT / page).parent / address).resolve())
        shown |= {((ROOT / page).parent / link).resolve() for link in links(page) if link.endswith(".png")}
    assert shown == set((ROOT / "docs" / "images").iterdir())


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), ["README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        local = [link.partition("#")[0] for link in links(page) if not link.startswith("http")]
        targets = [((ROOT / page).parent / path).resolve() for path in local if path]
        targets += [target / "README.md" for target in targets if target.is_dir()]
        waiting += [str(target.relative_to(ROOT)) for target in targets if target.suffix == ".md"]
    assert set(PAGES) <= reached


@pytest.mark.parametrize("page", PAGES)
def test_every_name_of_ours_that_a_page_names_exists(page: str, known: set[str]) -> None:
    for name in set(_DOTTED.findall(text_of(page))):
        if name in known | LOGGERS or OF_EXAMPLES.match(name) or any(key.startswith(name + ".") for key in known):
            continue
        try:
            resolve_name(name)
        except (ImportError, AttributeError):
            pytest.fail(f"{page} names {name}, which is neither a setting nor a name in the code")


@pytest.mark.parametrize("page", PAGES)
def test_every_environment_variable_is_one_of_a_setting(page: str, known: set[str]) -> None:
    variables = {name.upper().replace(".", "__") for name in known}
    said = set(re.findall(r"MLSERVE__\w+", text_of(page)))
    assert {name for name in said if not OF_EXAMPLES.match(name.lower().replace("__", "."))} <= variables


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "ini")])
def test_ini_blocks_hold_settings_that_a_server_takes(page: str, tmp_path: Path, known: set[str]) -> None:
    for block in blocks(page, "ini"):
        parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
        parser.optionxform = str  # type: ignore[assignment]
        parser.read_string(block.text if block.text.lstrip().startswith("[") else f"[app:main]\n{block.text}")
        if not parser.has_section("app:main"):
            continue
        keys = {key: value for key, value in parser["app:main"].items() if key.startswith("mlserve.")}
        settings = read_settings({key: value for key, value in keys.items() if ".models." not in key}, {}, tmp_path)
        unknown = [
            key
            for key in keys
            if key not in {*settings, *known}
            and not key.startswith(("mlserve.models.", "mlserve.webhooks.", "mlserve.ruler.", "mlserve.means."))
        ]
        declared(settings)
        assert not unknown, f"{page}: {unknown}"


def servers(text: str) -> set[str]:
    """What the `[server:main]` of an INI's text uses; nothing where it has none."""
    return set(re.findall(r"^\[server:main\]\n(?:#.*\n)*use = (\S+)$", text, re.MULTILINE))


def test_every_server_of_a_page_is_the_one_of_our_inis() -> None:
    ours = servers(text_of("development.ini"))
    assert len(ours) == 1
    assert servers(text_of("production.ini")) == ours
    of_pages = {page: set().union(*(servers(block.text) for block in blocks(page, "ini"))) for page in PAGES}
    assert {page: used for page, used in of_pages.items() if used not in (set(), ours)} == {}
    assert sum(map(len, of_pages.values())) >= 5


@pytest.mark.parametrize("page", PAGES)
def test_json_and_python_blocks_can_be_read(page: str) -> None:
    for block in blocks(page, "json"):
        json.loads(block.text)
    for block in blocks(page, "python"):
        compile(block.text, page, "exec")


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path_factory.mktemp('sql') / 'mlserve.db'}"
    migrate.upgrade(url)
    database = open_database(url)
    yield database
    database.close()


def sql_blocks(tag: str, pages: list[str]) -> list[str]:
    found = [block for page in pages for block in blocks(page, "sql") if block.tag == tag]
    return [statement for block in found for statement in block.text.split(";") if statement.strip()]


@pytest.mark.parametrize("statement", sql_blocks("", PAGES))
def test_sql_runs_on_sqlite(statement: str, sqlite: Database) -> None:
    with sqlite.read() as connection:
        connection.execute(text(f"EXPLAIN {statement}".replace(":", r"\:")))


@pytest.mark.parametrize("statement", sql_blocks("", IN_DOCS) + sql_blocks("postgresql", IN_DOCS))
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_sql_runs_on_postgresql(statement: str, database: Database) -> None:
    with database.read() as connection:
        connection.execute(text(f"EXPLAIN {statement}".replace(":", r"\:")))


def test_the_readme_says_which_pythons_are_supported() -> None:
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    assert 'python_requires=">=3.11"' in setup
    tested = set(re.findall(r"Python :: (3\.\d+)", setup))
    assert tested == set(re.findall(r"with Python (3\.\d+)", prose("README.md")))
