"""A model's life by the command line, on the database itself; a running server follows."""

import json
import os
import re
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mlserve.application import Application
from mlserve.cli import main, on_database
from mlserve.db.engine import Database
from tests.factories import linear_model, serving, settings_of, until
from tests.functional.registering import MODEL, bundle, until_answers


def run(verb: str, *arguments: object, status: int = 0) -> Result:
    done = CliRunner().invoke(main, [verb, *map(str, arguments)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == status, done.output
    return done


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    model = linear_model(tmp_path, intercept=1.0, x=1.0, y=1.0)
    return settings_of(tmp_path, models={"line": model}, registry__interval="50ms")


@pytest.fixture
def ini(tmp_path: Path, settings: dict[str, str]) -> Path:
    path = tmp_path / "server.ini"
    keys = "\n".join(f"{key} = {value}" for key, value in settings.items())
    path.write_text(
        f"[app:main]\nuse = egg:pyramid-mlserve\n{keys}\n[server:main]\nuse = egg:pyramid-mlserve#waitress\n"
    )
    return path


def test_a_second_version_is_deployed_promoted_rolled_back_and_retired_while_a_server_runs(
    ini: Path, settings: dict[str, str], tmp_path: Path
) -> None:
    second = bundle(tmp_path, intercept=2.0, x=1.0, y=1.0)
    with serving(settings) as app:
        said = run("deploy", ini, second, "--name", "line", "--alias", "challenger", "--reason", "summer").stdout
        assert re.search(r"line version 2 is registered: [0-9a-f]{64}\nchallenger of line names version 2", said)
        until_answers(app, 2, "challenger")
        assert app.predict("line", [[1, 1]]).json["version"] == 1
        said = run("promote", ini, "line", "2", "--reason", "it is better").stdout
        assert said == "champion of line names version 2 (revision 2, was version 1).\n"
        until_answers(app, 2)
        assert run("promote", ini, "line", "2").stdout == "champion of line names version 2 already.\n"
        until(lambda: "3.0" not in str(app.predict("line", [[1, 1]]).json["outputs"]))
        refused = run("retire", ini, "line", "2", status=1).output
        assert "is what challenger and champion name:" in refused
        assert "names version 1" in run("rollback", ini, "line", "--reason", "too warm").stdout
        until_answers(app, 1)
        assert "nothing further back than version 1" in run("rollback", ini, "line", status=1).output
        told = run("history", ini, "line").stdout
        assert re.search(r"champion moved back from version 2 to version 1 +cli:\w+ +too warm *\n", told)
        assert re.search(r"champion moved from version 1 to version 2 +cli:\w+ +it is better *\n", told)
        assert re.search(r"version 2 registered +cli:\w+ +summer", told)
        assert re.search(r"champion +1 ", run("history", ini, "line", "--at", "2100-01-01").stdout)
        assert len(run("history", ini, "line", "--at", "2001-01-01").stdout.splitlines()) == 1
        assert app.get(f"{MODEL}/history").json["events"][0]["actor"].startswith("cli:")


def test_what_is_registered_is_shown(ini: Path, tmp_path: Path) -> None:
    run("deploy", ini, bundle(tmp_path, intercept=2.0), "--name", "line")
    run("deploy", ini, bundle(tmp_path, intercept=3.0), "--name", "line", "--register-only")
    run("retire", ini, "line", 2, "--reason", "worse")
    assert "was retired before" in run("retire", ini, "line", 2).stdout
    (told,) = run("models", ini, "--format", "json").stdout.splitlines()
    assert [(one["number"], one["aliases"]) for one in json.loads(told)["versions"]] == [(1, ["champion"]), (2, [])]
    lines = run("models", ini).stdout.splitlines()
    assert re.match(r"line +1 +linear .* champion *$", lines[1])
    assert re.match(r"line +2 +linear .* \(retired\) *$", lines[2])
    told = json.loads(run("show", ini, "line").stdout)
    assert [(one["alias"], one["version"]) for one in told["aliases"]] == [("champion", 1)]
    assert [one["number"] for one in told["versions"]] == [1, 2]
    assert json.loads(run("show", ini, "line", 2).stdout)["signature"]["inputs"][0]["name"] == "x"
    for verb, arguments in (("show", ["none"]), ("history", ["none"]), ("promote", ["none", 1])):
        assert "There is no model 'none'" in run(verb, ini, *arguments, status=1).output
    assert "has no version 7" in run("retire", ini, "line", 7, status=1).output


def test_a_model_file_and_a_folder_are_deployed_as_an_archive_is(ini: Path, tmp_path: Path) -> None:
    run("deploy", ini, linear_model(tmp_path, "other", intercept=2.0), "--name", "line")
    (folder,) = (tmp_path / "var" / "bundles").iterdir()
    assert "line version 1 was registered before" in run("deploy", ini, folder, "--name", "line").stdout


def test_what_became_of_a_model_is_narrowed_down(ini: Path, tmp_path: Path) -> None:
    run("deploy", ini, bundle(tmp_path, intercept=2.0), "--name", "line", "--alias", "shadow", "--reason", "a look")
    run("promote", ini, "line", 1)

    def kinds(*arguments: object) -> list[str]:
        lines = run("history", ini, "line", *arguments, "--format", "json").stdout.splitlines()
        return [json.loads(line)["kind"] for line in lines]

    assert kinds() == ["alias_moved", "alias_moved", "version_registered"]
    assert kinds("--alias", "shadow") == kinds("--kind", "alias_moved", "--limit", 1) == ["alias_moved"]
    assert kinds("--since", "2100-01-01") == kinds("--until", "2001-01-01") == []
    assert "No events." in run("history", ini, "line", "--since", "2100-01-01").stderr
    shadows = run("events", ini, "--alias", "shadow", "--format", "json").stdout.splitlines()
    assert [json.loads(line)["reason"] for line in shadows] == ["a look"]
    live = run("history", ini, "line", "--at", "2100-01-01", "--format", "json").stdout.splitlines()
    assert [(one["alias"], one["version"]) for one in map(json.loads, live)] == [("champion", 1), ("shadow", 1)]
    refused = run("history", ini, "line", "--at", "2100-01-01", "--kind", "alias_moved", status=2).stderr
    assert "with --at none are listed" in " ".join(refused.split())


def test_an_alias_is_removed_so_that_its_version_can_be_retired(ini: Path, tmp_path: Path) -> None:
    run("deploy", ini, bundle(tmp_path, intercept=2.0), "--name", "line", "--alias", "shadow")
    assert "move or remove the alias first" in run("retire", ini, "line", 1, status=1).output
    seen = run("unalias", ini, "line", "shadow", "--revision", 7, status=1).output
    assert "The alias shadow of model line is at revision 1" in seen
    said = run("unalias", ini, "line", "shadow", "--revision", 1, "--reason", "the trial is over").stdout
    assert said == "shadow of line is removed, was version 1 (revision 1).\n"
    assert json.loads(run("show", ini, "line").stdout)["aliases"] == []
    assert "is retired" in run("retire", ini, "line", 1).stdout
    assert re.search(r"shadow removed +cli:\w+ +the trial is over", run("history", ini, "line").stdout)
    assert "has no alias 'shadow'" in run("unalias", ini, "line", "shadow", status=1).output
    assert "'no!' cannot name an alias" in run("unalias", ini, "line", "no!", status=1).output


@pytest.mark.exhaustive
def test_a_bundle_that_is_collected_while_it_is_deployed_becomes_no_version(
    ini: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("deploy", ini, bundle(tmp_path, intercept=2.0), "--name", "line")
    second, opened = bundle(tmp_path, intercept=3.0), on_database._upgraded

    def collected_before(application: Application) -> AbstractContextManager[Database]:
        for put in (tmp_path / "var" / "bundles").iterdir():
            os.utime(put, (0, 0))
        assert "1 bundle that no version uses" in run("bundles", "gc", ini).stdout
        return opened(application)

    with monkeypatch.context() as late:
        late.setattr(on_database, "_upgraded", collected_before)
        refused = run("deploy", ini, second, "--name", "line", status=1).output
    assert "was removed from the store while it was registered: try again." in refused
    assert [one["number"] for one in json.loads(run("show", ini, "line").stdout)["versions"]] == [1]
    assert "line version 2 is registered" in run("deploy", ini, second, "--name", "line").stdout


def test_a_bundle_that_breaks_callers_leaves_nothing_registered(ini: Path, tmp_path: Path) -> None:
    run("deploy", ini, bundle(tmp_path, x=1.0, y=1.0), "--name", "line")
    narrow = bundle(tmp_path, x=1.0)
    refused = run("deploy", ini, narrow, "--name", "line", status=1).output
    assert "would break callers of champion" in refused
    assert "input 'y' is gone" in refused
    assert len(json.loads(run("show", ini, "line").stdout)["versions"]) == 1
    assert "names version 2" in run("deploy", ini, narrow, "--name", "line", "--force").stdout


def test_what_cannot_be_deployed_is_told_in_one_sentence(ini: Path, tmp_path: Path) -> None:
    good, broken = bundle(tmp_path, intercept=2.0), tmp_path / "broken.mlbundle"
    broken.write_bytes(good.read_bytes()[:-5])
    for arguments, words in (
        ([good], "does not say the model's name: say --name NAME"),
        ([good, "--name", "No"], "'No' cannot name a model"),
        ([good, "--name", "line", "--alias", "no!"], "'no!' cannot name an alias"),
        ([broken, "--name", "line"], "not the archive of a bundle"),
        ([tmp_path / "server.ini", "--name", "line"], "which no plugin of mlserve.plugins reads"),
    ):
        assert words in run("deploy", ini, *arguments, status=1).output


def test_a_bundle_may_be_declared_as_a_model_file_is(tmp_path: Path) -> None:
    archive = bundle(tmp_path, intercept=7.0, x=1.0, y=1.0)
    with serving(settings_of(tmp_path, models={"line": archive})) as app:
        assert app.predict("line", [[1, 1]]).json["outputs"] == [{"value": 9.0}]
    (folder,) = (tmp_path / "var" / "bundles").iterdir()
    with serving(settings_of(tmp_path / "b", models={"line": folder})) as app:
        assert app.predict("line", [[1, 1]]).json["outputs"] == [{"value": 9.0}]
