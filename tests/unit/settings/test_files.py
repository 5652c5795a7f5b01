"""Both INIs and docs/reference/settings.md say what the table of settings says, the bundled plugins' included.

`REWRITE=1 pytest tests/unit/settings/test_files.py` writes the reference page again after a change of the table.
"""

import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from logging.config import fileConfig
from pathlib import Path

import plaster
import pytest

from mlserve.observability.logging import ColumnsFormatter, JsonFormatter
from mlserve.settings import CORE, Setting, read_settings, settings_markdown
from mlserve.startup import build

ROOT = Path(__file__).parents[3]
# The client is no plugin, and the template is one that others copy.
BUNDLED = sorted({path.parent.name for path in (ROOT / "plugins").glob("*/mlserve_*")} - {"client", "template"})
ENABLED = "xgboost"  # in both INIs, which therefore list its settings
INIS = ("development.ini", "production.ini")
_KEY = re.compile(r"(# )?(mlserve\.\S+) =(?: (.*))?")


@dataclass(frozen=True)
class Line:
    """A setting in an INI: its value there, whether it is in force, and the comment above it."""

    key: str
    value: str
    active: bool
    comment: tuple[str, ...]


@pytest.fixture(scope="module")
def plugin_settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Setting]]:
    """The settings that each bundled plugin adds to a real application, of those that add some."""
    here = tmp_path_factory.mktemp("here")
    application = build({"mlserve.plugins": " ".join(BUNDLED)}, here=str(here)).registry.mlserve
    table = application.settings.table
    found = {plugin: [s for s in table if s.name.startswith(f"mlserve.{plugin}.")] for plugin in BUNDLED}
    return {plugin: settings for plugin, settings in found.items() if settings}


def lines_of(ini: str) -> list[Line]:
    lines: list[Line] = []
    comment: list[str] = []
    for text in (ROOT / ini).read_text(encoding="utf-8").splitlines():
        found = _KEY.fullmatch(text)
        if found:
            lines.append(Line(found[2], found[3] or "", not found[1], tuple(comment)))
        elif text.startswith("# "):
            comment.append(text.removeprefix("# "))
        else:
            comment = []
    return lines


@pytest.mark.parametrize("ini", INIS)
def test_an_ini_lists_every_setting_in_order(ini: str, plugin_settings: dict[str, list[Setting]]) -> None:
    table = [*CORE, *plugin_settings[ENABLED]]
    keys = [line.key for line in lines_of(ini) if line.key != "mlserve.models.flight-delay"]

    assert keys == [setting.name for setting in table]


@pytest.mark.parametrize("ini", INIS)
def test_an_ini_says_help_example_and_default(ini: str, plugin_settings: dict[str, list[Setting]]) -> None:
    table = {setting.name: setting for setting in [*CORE, *plugin_settings[ENABLED]]}
    for line in lines_of(ini):
        if setting := table.get(line.key):
            comment = [setting.help, *([f"For example: {setting.example}"] if setting.example else [])]
            if line.active:
                comment.append(f"Default: {setting.default_text or 'empty'}")
            else:
                assert line.value == setting.default_text, line.key
            assert list(line.comment)[-len(comment) :] == comment, line.key


@pytest.mark.parametrize("ini", INIS)
def test_the_server_takes_no_body_that_is_far_beyond_the_limit(ini: str) -> None:
    server = plaster.get_loader(str(ROOT / ini), protocols=["wsgi"]).get_settings("server:main")
    limit = read_settings({}, {}, None)["mlserve.limits.body"]

    assert limit < int(server["max_request_body_size"]) <= 8 * limit


def test_what_is_in_force() -> None:
    active = {ini: {line.key: line.value for line in lines_of(ini) if line.active} for ini in INIS}

    assert active["development.ini"] == {
        "mlserve.plugins": ENABLED,
        "mlserve.models.flight-delay": "%(here)s/examples/flight_delay/flight-delay.ubj",
        "mlserve.log.way": "sql",
    }
    assert active["production.ini"] == {
        "mlserve.plugins": ENABLED,
        "mlserve.log.way": "process",
        "mlserve.auth.enabled": "true",
    }


@pytest.mark.parametrize(("ini", "way"), [("development.ini", "sql"), ("production.ini", "process")])
def test_an_ini_is_read_without_complaint(ini: str, way: str, plugin_settings: dict[str, list[Setting]]) -> None:
    loader = plaster.get_loader(str(ROOT / ini), protocols=["wsgi"])
    settings = read_settings(loader.get_settings("app:main"), {}, ROOT)
    for setting in plugin_settings[ENABLED]:
        settings.add(setting)

    settings.refuse_unknown({ENABLED: True})
    assert settings["mlserve.log.way"] == way
    assert settings["mlserve.plugins"] == (ENABLED,)
    assert settings["mlserve.database.url"] == f"sqlite:///{ROOT}/var/mlserve.db"


@pytest.mark.parametrize("ini", INIS)
def test_the_server_is_waitress_on_the_loopback_address(ini: str) -> None:
    server = plaster.get_settings(str(ROOT / ini), "server:main")

    assert {key: server[key] for key in ("use", "host", "port", "threads")} == {
        "use": "egg:pyramid-mlserve#waitress",
        "host": "127.0.0.1",
        "port": "6543",
        "threads": "4",
    }


@pytest.fixture
def logging_restored() -> Iterator[None]:
    names = ["", "mlserve", "mlserve.access", "alembic", "waitress.queue"]
    loggers = [logging.getLogger(name) for name in names]
    before = [(logger.level, logger.propagate, list(logger.handlers)) for logger in loggers]
    yield
    for logger, (level, propagate, handlers) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.propagate = propagate
        logger.handlers[:] = handlers


@pytest.mark.usefixtures("logging_restored")
@pytest.mark.parametrize(
    ("ini", "formatter", "access"),
    [("development.ini", ColumnsFormatter, logging.INFO), ("production.ini", JsonFormatter, logging.WARNING)],
)
def test_an_ini_sets_up_our_logging(ini: str, formatter: type[logging.Formatter], access: int) -> None:
    fileConfig(ROOT / ini, defaults={"here": str(ROOT)}, disable_existing_loggers=False)

    assert [type(handler.formatter) for handler in logging.getLogger().handlers] == [formatter]
    assert logging.getLogger("mlserve.registry").isEnabledFor(logging.INFO)
    assert logging.getLogger("mlserve.access").getEffectiveLevel() == access
    assert not logging.getLogger("waitress.queue").isEnabledFor(logging.WARNING)


def test_the_reference_page_documents_every_setting(plugin_settings: dict[str, list[Setting]]) -> None:
    page = ROOT / "docs" / "reference" / "settings.md"
    expected = settings_markdown(plugin_settings)
    if os.environ.get("REWRITE"):
        page.write_text(expected, encoding="utf-8")

    assert page.read_text(encoding="utf-8") == expected, "the table of settings changed: see the top of this test"
    for setting in [*CORE, *(setting for settings in plugin_settings.values() for setting in settings)]:
        row = next(line for line in expected.splitlines() if line.startswith(f"| `{setting.name}` |"))
        assert setting.help in row
        assert f"`{setting.variable}`" in row
