"""The reference says all there is, and nothing that is not: settings, directives, codes, verbs, routes, columns …"""

import json
import re
from dataclasses import fields, replace
from pathlib import Path

import click
import pytest
from pyramid.interfaces import IRoutesMapper

from mlserve.api.problems import CODE_OF, STATUS_OF
from mlserve.api.resources import Resource
from mlserve.auth.tables import api_keys, users
from mlserve.bundles import canonical
from mlserve.cli import main
from mlserve.directives import DIRECTIVES
from mlserve.events import KINDS
from mlserve.events.tables import deliveries, events, webhooks
from mlserve.predictions.schemas import PredictionsQuery
from mlserve.predictions.tables import actuals, predictions, spool_positions
from mlserve.registry.tables import aliases, models, registry_revision, versions
from mlserve.server.workers.section import Section, read_section
from mlserve.settings import CORE
from mlserve.settings.reference import settings_markdown
from mlserve.signature import Batch, Field, OutputField, Signature, StoredInputs, complete
from mlserve.signature.faults import CODES
from mlserve.startup import build
from mlserve_xgboost.contributions import xgboost_contributions
from tests.docs.pages import PLUGINS, ROOT, blocks, prose, text_of

API = "docs/reference/http-api.md"
PACKAGES = [plugin / f"mlserve_{plugin.name}" for plugin in PLUGINS]
CODE = [path for folder in (ROOT / "mlserve", *PACKAGES) for path in folder.rglob("*.py")]
VERBS = ("get", "post", "put", "patch", "delete")


def section(page: str, title: str) -> str:
    """The text below a heading, up to the next one of its level or above."""
    found = re.search(rf"^(##+) {re.escape(title)}$(.*?)(?=^##? |\Z)", prose(page), re.MULTILINE | re.DOTALL)
    assert found is not None, f"{page} has no section {title!r}"
    return found[2]


def first_column(markdown: str) -> list[str]:
    """What stands between backquotes in the first column of the tables."""
    rows = [line for line in markdown.splitlines() if line.startswith("| `")]
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row.split(" | ")[0])]


@pytest.fixture(scope="module")
def application():
    config = build({"mlserve.plugins": "xgboost"}, here=None)
    config.make_wsgi_app()
    return config.registry


def test_the_settings_page_is_the_settings_table() -> None:
    names = [plugin.name for plugin in PLUGINS if plugin.name != "template"]
    table = build({"mlserve.plugins": " ".join(names)}, here=None).registry.mlserve.settings.table
    settings = {name: [setting for setting in table if setting.name.startswith(f"mlserve.{name}.")] for name in names}
    assert sum(map(len, settings.values())) == len(table) - len(CORE)
    assert text_of("docs/reference/settings.md") == settings_markdown(
        {name: of_plugin for name, of_plugin in settings.items() if of_plugin}
    )


def test_the_keys_of_the_workers_are_documented_with_their_defaults_and_no_others() -> None:
    text = section("docs/reference/settings.md", "`[server:workers]`")
    assert first_column(text) == [field.name for field in fields(Section)]
    defaults = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", text, re.MULTILINE))
    said = read_section("server:workers", {**defaults, "workers": "1", "trusted_proxy": "*"})
    assert said == replace(Section(), workers=1, trusted_proxy="*")
    empty = {field.name for field in fields(Section) if field.default == ""}
    assert {*first_column(text)} - {*defaults} == empty
    assert defaults["workers"] == str(Section.workers)


def test_every_directive_is_documented_and_no_other() -> None:
    titles = re.findall(r"^### `config\.(\w+)\(", prose("docs/reference/plugin-contract.md"), re.MULTILINE)
    assert titles == list(DIRECTIVES)


@pytest.mark.parametrize("package", [*PACKAGES, ROOT / "tests/packages/mlserve_linear"], ids=lambda path: path.name)
def test_what_plugins_import_of_the_core_is_documented_as_public(package: Path) -> None:
    public = set(
        re.findall(r"`(mlserve\.[\w.]+)`", section("docs/reference/plugin-contract.md", "Names that plugins may use"))
    )
    for path in package.rglob("*.py"):
        found = re.findall(r"^(?:from|import) (mlserve\.[\w.]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert {*found} <= public, path.name


def test_every_problem_code_is_documented_with_its_status_and_no_other() -> None:
    page = prose("docs/reference/problem-codes.md").partition("## Codes of errors")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", page, re.MULTILINE))
    ours = {code: str(status) for code, status in STATUS_OF.items()}
    pyramid = {code: str(status) for status, code in CODE_OF.items()}
    assert rows == {**pyramid, **ours, "http_error": "4xx"}


def test_every_code_of_an_error_is_documented_and_no_other() -> None:
    said = first_column(section("docs/reference/problem-codes.md", "Codes of errors"))
    made = {
        code
        for path in CODE
        for code in re.findall(r"\b(?:Problem|Fault)\(\s*(?:code=)?\"(\w+)\"", path.read_text(encoding="utf-8"))
    }
    assert made <= {*said}
    assert set(CODES) <= {*said}
    assert {*said} <= made | set(CODES)


def commands(group: click.Group, prefix: str = "mlserve") -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            found |= commands(command, f"{prefix} {name}")
        else:
            found[f"{prefix} {name}"] = command
    return found


def test_every_verb_of_the_command_line_is_documented_and_no_other() -> None:
    page = prose("docs/reference/cli.md")
    titles = re.findall(r"^## `(mlserve [^`]+)`$", page, re.MULTILINE)
    assert sorted(titles) == sorted(commands(main))
    assert sorted(re.findall(r"^\| \[`(mlserve [^`]+)`\]", page, re.MULTILINE)) == sorted(commands(main))


@pytest.mark.parametrize("verb", commands(main))
def test_every_option_of_a_verb_is_documented_and_no_other(verb: str) -> None:
    options = {
        name for option in commands(main)[verb].params if isinstance(option, click.Option) for name in option.opts
    }
    said = section("docs/reference/cli.md", f"`{verb}`")
    assert set(first_column(said)) == options - {"-h", "--help"}


def resources() -> dict[str, type[Resource]]:
    """Every subclass of a resource by its full name, so that a verb that nobody wired is noticed too."""
    from mlserve.api.openapi.resources import ModelOpenApiResource, OpenApiResource
    from mlserve.auth.wiring import RESOURCES as CALLERS
    from mlserve.predictions.resources import PredictionsResource
    from mlserve.predictions.wiring import RESOURCES
    from mlserve.registry.resources import OneModelResource
    from mlserve.registry.wiring import OF_ALL
    from mlserve.registry.wiring import RESOURCES as REGISTRY

    both = [*RESOURCES.values(), *REGISTRY.values()]
    own: dict[str, type[Resource]] = {f"/api/v1/models/{{model}}{suffix}": it for suffix, it in both}
    return {
        "/api/v1/openapi.json": OpenApiResource,
        "/api/v1/models/{model}/openapi.json": ModelOpenApiResource,
        **{f"/api/v1{path}": it for path, it in [*OF_ALL.values(), *CALLERS.values()]},
        "/api/v1/models/{model}": OneModelResource,
        "/api/v1/models/{model}/predictions": PredictionsResource,
        **own,
    }


def test_every_core_route_is_documented_with_its_verbs_and_no_other(application) -> None:
    said = set(re.findall(r"^\| (GET|POST|PUT|PATCH|DELETE) \| \[`([^`]+)`\]", prose(API), re.MULTILINE))
    ours = {(verb.upper(), path) for path, it in resources().items() for verb in VERBS if hasattr(it, verb)}
    assert said == ours | {("GET", "/health/live"), ("GET", "/health/ready"), ("GET", "/metrics")}
    patterns = {route.pattern for route in application.getUtility(IRoutesMapper).get_routes()}
    plugins = {pattern for pattern in patterns if pattern.endswith("/importance") or "/trees/" in pattern}
    pages = set(first_column(section(API, "Pages")))
    assert patterns - plugins - pages - {"/api/v1/models/{model}/{rest:.*}"} == {path for _, path in said}
    assert pages < patterns
    assert all(pattern in text_of(API) for pattern in plugins)


def test_every_query_parameter_is_documented_and_no_other() -> None:
    assert first_column(section(API, "List predictions")) == [node.name for node in PredictionsQuery]


def test_every_attribute_of_a_field_is_documented_and_no_other() -> None:
    page = "docs/reference/signature.md"
    assert first_column(section(page, "Attributes of an input")) == [field.name for field in fields(Field)]
    assert first_column(section(page, "Attributes of an output")) == [field.name for field in fields(OutputField)]


def test_the_sidecar_of_the_reference_completes_a_signature() -> None:
    (block,) = blocks("docs/reference/signature.md", "json")
    file = Signature(
        (Field("month", "float32"), Field("temp", "float32"), Field("email", "string")),
        (OutputField("probability", "float32"),),
    )
    assert complete(file, json.loads(block.text)).inputs[2].keep == "hash"


def test_the_howto_on_personal_data_shows_what_is_kept() -> None:
    sidecar, kept = (
        json.loads(block.text) for block in blocks("docs/howto/keep-personal-data-out-of-the-log.md", "json")
    )
    file = Signature(
        (
            Field("origin", "category", categories=("EWR", "JFK", "LGA")),
            *(Field(name, "int64") for name in ("distance", "month", "hour")),
        ),
        (),
    )
    stored = StoredInputs(complete(file, sidecar))
    batch = Batch.from_rows(stored.signature, [("JFK", 2475, 7, 9)])
    assert kept == {"inputs": json.loads(stored.encode(batch)), "not_kept": stored.not_kept}


@pytest.mark.parametrize(
    ("title", "table"),
    [
        ("Table `predictions`", predictions),
        ("Table `events`", events),
        ("View `prediction_instances`", None),
        ("View `current_actuals`", None),
    ],
)
def test_the_columns_of_the_database_are_documented_and_no_others(
    title: str, table, tmp_path: Path, database_url_of_docs: str
) -> None:
    from sqlalchemy import create_engine, inspect

    said = set(first_column(section("docs/reference/database.md", title)))
    name = re.findall(r"`(\w+)`", title)[0]
    engine = create_engine(database_url_of_docs)
    assert said == {column["name"] for column in inspect(engine).get_columns(name)}
    engine.dispose()
    assert table is None or said == set(table.c.keys())


@pytest.mark.parametrize(
    "table",
    [
        actuals,
        models,
        versions,
        aliases,
        registry_revision,
        api_keys,
        users,
        webhooks,
        deliveries,
        spool_positions,
        xgboost_contributions,
    ],
    ids=lambda table: table.name,
)
def test_the_columns_of_the_smaller_tables_are_named(table) -> None:
    page = prose("docs/reference/database.md")
    assert all(f"`{name}`" in page for name in [table.name, *table.c.keys()])


@pytest.fixture(scope="module")
def database_url_of_docs(tmp_path_factory: pytest.TempPathFactory) -> str:
    from mlserve.db import migrate

    url = f"sqlite:///{tmp_path_factory.mktemp('docs') / 'mlserve.db'}"
    migrate.upgrade(url)
    return url


def test_every_kind_of_event_is_documented_and_no_other() -> None:
    rows = [line for line in section("docs/reference/database.md", "Table `events`").splitlines() if line[:3] == "- `"]
    said = [kind for row in rows for kind in re.findall(r"`(\w+)`", row.partition(":")[0])]
    assert sorted(said) == sorted(KINDS)
    literal = re.compile(r"\bkind=\"(\w+)\"")
    assert {kind for path in CODE for kind in literal.findall(path.read_text(encoding="utf-8"))} <= {*KINDS}


def test_every_log_event_is_documented_and_no_other() -> None:
    call = re.compile(r"\blog\.(?:log\(level,|\w+\()\s*\"(\w+)\"|access_log\.\w+\(\"(\w+)\"")
    found = {name for path in CODE for pair in call.findall(path.read_text(encoding="utf-8")) for name in pair if name}
    found -= {"event_name"}  # The example of a docstring.
    assert found == set(first_column(prose("docs/reference/log-events.md")))


def test_every_counter_is_documented_and_no_other() -> None:
    call = re.compile(r"(?:_count\(|counters\.add\()\"(\w+)\"")
    found = {name for path in CODE for name in call.findall(path.read_text(encoding="utf-8"))}
    assert found == set(first_column(section(API, "Counters")))


def test_the_performance_page_marks_the_figures_to_be_replaced() -> None:
    page = text_of("docs/explanation/performance.md")
    figures = page.partition("<!-- figures: begin -->")[2].partition("<!-- figures: end -->")[0]
    script = (ROOT / "benchmarks" / "request_cost.py").read_text(encoding="utf-8")
    assert first_column(figures) == []
    assert figures.count("| whole request, log `") == 3
    assert "whole request, log {way}" in script


def test_the_canonical_json_of_the_digest_is_the_one_named() -> None:
    assert canonical.canonical_json({"b": 1, "a": [1.0]}) == b'{"a":[1],"b":1}'


def test_the_architecture_page_has_every_module_at_the_top_and_every_decision() -> None:
    page, tops = "docs/explanation/architecture.md", (ROOT / "mlserve").iterdir()
    there = {path.stem for path in tops if path.suffix == ".py" or (path / "__init__.py").exists()} - {
        "__init__",
        "_version",
    }
    text = section(page, "Where things are")
    beside = set(re.findall(r"`(\w+)`", text.partition("small and everybody's")[2]))
    assert {name.removeprefix("mlserve.") for name in first_column(text)} - {"mlserve"} | beside == there
    decisions = {path.name for path in (ROOT / "docs" / "adr").glob("*.md")}
    for linking in (page, "docs/index.md"):
        assert set(re.findall(r"adr/([\w-]+\.md)\)", prose(linking))) == decisions
