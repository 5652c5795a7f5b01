"""The verbs of a model's life against a running server, by its URL and a key: what they say and how they end."""

import json
import os
import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from mlserve_linear.family import LinearFamily

from mlserve.bundles import BundleStore, archive
from mlserve.cli import main
from mlserve.errors import BundleError
from mlserve.registry.bringing import pack_artefact
from mlserve.signature import Signature
from tests.factories import Served, linear_model, settings_of
from tests.functional.callers import guarded, make_key
from tests.functional.listening import listening
from tests.functional.registering import bundle


@dataclass
class Remote:
    """A server that asks for keys, and the commands of somebody who has one in a file."""

    app: Served
    url: str
    key_file: Path

    def __call__(self, verb: str, *arguments: object, status: int = 0, **options: Any) -> Result:
        return run(verb, self.url, *arguments, "--key-file", self.key_file, status=status, **options)

    def key(self, *roles: str, **how: Any) -> str:
        return make_key(self.app.application, *roles, name=f"{roles[0]}-only", **how)


def run(verb: str, *arguments: object, status: int = 0, **options: Any) -> Result:
    done = CliRunner().invoke(main, [verb, *map(str, arguments)], **options)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == status, done.output
    return done


@contextmanager
def remote(folder: Path, **settings: str) -> Iterator[Remote]:
    with guarded(folder, registry__interval="50ms", **settings) as app, listening(app.app) as url:
        path = folder / "key"
        path.write_text(make_key(app.application, "operate", name="deployer") + "\n")
        yield Remote(app, url, path)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Remote]:
    with remote(tmp_path) as server:
        yield server


def ini_of(folder: Path, **settings: str) -> Path:
    """The INI of the same server, for whoever sits on its host."""
    models = {"line": folder / "line.linear", "other": folder / "other.linear"}
    path = folder / "server.ini"
    keys = "\n".join(f"{key} = {value}" for key, value in settings_of(folder, models=models, **settings).items())
    path.write_text(f"[app:main]\nuse = egg:pyramid-mlserve\n{keys}\n")
    return path


def test_a_version_is_deployed_promoted_rolled_back_and_retired(server: Remote, tmp_path: Path) -> None:
    second = bundle(tmp_path, intercept=2.0, x=1.0, y=1.0)
    said = server("deploy", second, "--name", "line", "--alias", "challenger", "--reason", "summer").stdout
    assert re.fullmatch(
        r"line version 2 is registered: [0-9a-f]{64}\n"
        r"challenger of line names version 2 \(revision 1\)\.\n"
        r"challenger of line is answered by version 2\.\n",
        said,
    )
    said = server("promote", "line", 2, "--reason", "it is better").stdout
    answered = "champion of line is answered by version 2.\n"
    assert said == f"champion of line names version 2 (revision 2, was version 1).\n{answered}"
    assert server("promote", "line", 2).stdout == f"champion of line names version 2 already.\n{answered}"
    assert "is what challenger and champion name:" in server("retire", "line", 2, status=1).output
    said = server("rollback", "line", "--reason", "too warm").stdout
    assert said.endswith("names version 1 (revision 3, was version 2).\nchampion of line is answered by version 1.\n")
    assert "nothing further back than version 1" in server("rollback", "line", status=1).output
    told = server("history", "line").stdout
    assert re.search(r"champion moved back from version 2 to version 1 +key:deployer +too warm *\n", told)
    assert re.search(r"version 2 registered +key:deployer +summer *\n", told)
    assert len(server("history", "line", "--limit", 1).stdout.splitlines()) == 2
    assert re.search(r"champion +1 .*deployer +too warm", server("history", "line", "--at", "2100-01-01").stdout)
    assert "was registered before" in server("deploy", second, "--name", "line", "--register-only").stdout
    third = bundle(tmp_path, intercept=3.0, x=1.0, y=1.0)
    server("deploy", third, "--name", "line", "--register-only")
    assert server("retire", "line", 3).stdout == "line version 3 is retired.\n"
    assert server("retire", "line", 3).stdout == "line version 3 was retired before.\n"
    refused = server("deploy", third, "--name", "line", status=1).stderr
    assert "no alias can name it any more. Package it anew, for instance with another --meta, to get a" in refused
    assert "is registered" not in refused
    seen = server("unalias", "line", "challenger", "--revision", 7, status=1).stderr
    assert "The alias challenger of model line is at revision 1" in seen
    said = server("unalias", "line", "challenger", "--reason", "the trial is over").stdout
    assert said == "challenger of line is removed, was version 2 (revision 1).\n"
    told = server("history", "line", "--alias", "challenger", "--kind", "alias_removed").stdout
    assert re.search(r"\n.*challenger removed +key:deployer +the trial is over *\n\Z", told)


@pytest.mark.slow
def test_a_server_and_its_database_tell_the_same(server: Remote, tmp_path: Path) -> None:
    """The same commands, once by the URL and once by the INI."""
    server("deploy", bundle(tmp_path, intercept=2.0, x=1.0, y=1.0), "--name", "line")
    ini, admin = ini_of(tmp_path), {"MLSERVE_KEY": server.key("admin")}
    for arguments in (
        ("models",),
        ("history", "line"),
        ("history", "line", "--format", "json", "--alias", "champion", "--since", "2001-01-01"),
        ("history", "line", "--at", "2100-01-01"),
        ("events",),
        ("events", "--format", "json", "--model", "line", "--kind", "alias_moved", "--until", "2100-01-01"),
    ):
        verb, *others = arguments
        assert run(verb, server.url, *others, env=admin).stdout == run(verb, ini, *others).stdout, arguments
    for verb, *others in (["show", "line"], ["show", "line", "2"], ["models", "--format", "json"]):
        told, here = (
            [json.loads(one) for one in (done.stdout.splitlines() if verb == "models" else [done.stdout])]
            for done in (server(verb, *others), run(verb, ini, *others))
        )
        assert without(told, "state", "reason", "answers") == here
    for arguments in (("promote", "none", 1), ("retire", "line", 9)):
        verb, *others = arguments
        assert server(verb, *others, status=1).stderr == run(verb, ini, *others, status=1).stderr


def without(told: Any, *names: str) -> Any:
    if isinstance(told, dict):
        return {name: without(value, *names) for name, value in told.items() if name not in names}
    return [without(one, *names) for one in told] if isinstance(told, list) else told


def test_a_folder_is_sent_as_an_archive_and_a_model_file_is_not_sent(server: Remote, tmp_path: Path) -> None:
    store = BundleStore(tmp_path / "folders")
    folder = archive.read(bundle(tmp_path, intercept=5.0, x=1.0, y=1.0), store).folder
    assert "line version 2 is registered" in server("deploy", folder, "--name", "line", "--wait", 0).stdout
    refused = server("deploy", linear_model(tmp_path, "more"), "--name", "line", status=1)
    assert "only bundles are sent to a server: make one with `mlserve package`" in refused.stderr


def test_a_version_that_cannot_answer_ends_the_command_and_the_old_one_answers_on(
    server: Remote, tmp_path: Path
) -> None:
    class Credulous(LinearFamily):
        def inspect(self, path: Path) -> Signature:
            return super().inspect(linear_model(tmp_path, "right"))

    (tmp_path / "wrong.linear").write_text("{}")
    broken = packed(tmp_path, Credulous(), tmp_path / "wrong.linear")
    failed = server("deploy", broken, "--name", "line", status=1)
    assert "champion of line names version 2" in failed.stdout
    why = "Version 2 of line cannot answer: model.linear is not a linear model: KeyError('intercept')."
    assert f"{why} champion names it, and version 1 answers." in failed.stderr
    assert "names version 1" in server("rollback", "line").stdout
    failed = server("promote", "line", 2, status=1)
    assert f"{why} champion names it, and version 1 answers." in failed.stderr
    server("promote", "line", 1)
    assert "and version 1 answers" in server("rollback", "line", status=1).stderr
    assert "is answered" not in server("promote", "line", 1, "--wait", 0).stdout


def test_a_version_that_does_not_come_is_not_waited_for_for_ever(server: Remote, tmp_path: Path) -> None:
    """No process here has a family of that name; others on the database may."""

    class Elsewhere(LinearFamily):
        name = "elsewhere"

    far = packed(tmp_path, Elsewhere(), linear_model(tmp_path, "far"))
    arguments = ("deploy", far, "--name", "far", "--alias", "shadow", "--wait", 0.3)
    assert "is of family elsewhere, which no enabled plugin brings here" in server(*arguments, status=1).stderr
    late = server(*arguments[:-2], "--force", "--wait", 0.3, status=1).stderr
    assert "After 0.3 s shadow of far is answered by nothing, and version 1 is idle." in late
    server(*arguments[:-1], 0)


def packed(folder: Path, family: LinearFamily, model: Path) -> Path:
    """The archive of a model as that family sees it."""
    store = BundleStore(folder / "store")
    manifest = pack_artefact(family, model, store)
    archive.write(store.open(manifest.digest), path := folder / f"{model.stem}.mlbundle")
    return path


def test_who_has_seen_another_state_of_an_alias_moves_nothing(server: Remote, tmp_path: Path) -> None:
    ini = ini_of(tmp_path)
    second = bundle(tmp_path, intercept=2.0, x=1.0, y=1.0)
    for where in ([server.url, "--key-file", server.key_file], [ini]):
        refused = run("deploy", *where, second, "--name", "line", "--revision", 7, status=1).stderr
        assert "The alias champion of model line is at revision 1" in refused
        refused = run("promote", *where, "line", 1, "--revision", 0, status=1).stderr
        assert "The alias champion of model line is at revision 1" in refused
    assert [one["number"] for one in json.loads(server("show", "line").stdout)["versions"]] == [1, 2]
    assert "line version 2 is registered." in server(
        "deploy", second, "--name", "line", "--revision", 7, status=1
    ).stderr.replace("\n", " ")
    assert "(revision 2, was version 1)" in server("promote", "line", 2, "--revision", 1).stdout
    assert "(revision 3, was version 2)" in server("rollback", "line", "--revision", 2).stdout
    assert "(revision 1)" in run("promote", ini, "line", 2, "--alias", "shadow", "--revision", 0).stdout


def test_what_breaks_callers_stays_registered_and_moves_nothing(server: Remote, tmp_path: Path) -> None:
    narrow = bundle(tmp_path, x=1.0)
    refused = server("deploy", narrow, "--name", "line", status=1).stderr
    assert "would break callers of champion" in refused
    assert "Callers go on with an alias of its own, --alias NAME; --force lets it pass." in refused
    assert "input 'y' is gone" in refused
    assert "line version 2 is registered." in refused
    assert "--force lets it pass." in run("promote", ini_of(tmp_path), "line", 2, status=1).stderr
    assert "is answered by version 2" in server("deploy", narrow, "--name", "line", "--force").stdout


def test_a_prediction_is_reproduced_wherever_it_is_kept(server: Remote) -> None:
    body = {"instances": [[1, 2]]}
    key = {"Authorization": f"Bearer {server.key('predict')}"}
    made = server.app.post_json("/api/v1/models/other/predictions", body, headers=key).json["id"]
    assert "equal to the bit" in server("reproduce", made.upper()).stdout
    told = json.loads(server("reproduce", made, "--model", "other", "--format", "json").stdout)
    assert (told["verdict"], told["model"]) == ("bit_equal", "other")
    for arguments in ((made, "--model", "line"), ("no-such-id",)):
        assert "There is no kept prediction" in server("reproduce", *arguments, status=1).stderr


def test_who_may_not_is_told_so(server: Remote, tmp_path: Path) -> None:
    nobody = run("models", server.url, status=1)
    assert nobody.stderr == "Error: The server asks for a key: give it with --key-file FILE or in MLSERVE_KEY.\n"
    wrong = run("models", server.url, status=1, env={"MLSERVE_KEY": "mls_0123456789abcdef_" + "x" * 43})
    assert wrong.stderr.startswith("Error: ")
    observer = {"MLSERVE_KEY": server.key("observe")}
    assert "line" in run("models", server.url, env=observer).stdout
    refused = run("retire", server.url, "line", 1, status=1, env=observer)
    assert "operate" in refused.stderr
    for done in (nobody, wrong, refused):
        assert "mls_0" not in done.output
        assert len(done.stderr.splitlines()) == 1


def test_a_key_never_leaves_this_host_in_clear_text_unless_it_is_said(tmp_path: Path) -> None:
    with_key = {"MLSERVE_KEY": "mls_secret"}
    for url in ("http://models.example.com", "http://10.0.0.7:6543", "http://[2001:db8::1]:6543"):
        refused = run("models", url, status=2, env=with_key).stderr
        assert "the key could be read on its way" in " ".join(refused.split())
        assert "--insecure-http" in refused
    # Nothing listens there: what is told now is that, and no more that the key would be seen.
    for url, options in (
        ("http://127.9.9.9:9", []),
        ("http://[::1]:9", []),
        ("http://127.0.0.1.:9", ["--insecure-http"]),
    ):
        assert "did not answer" in run("models", url, *options, status=1, env=with_key).stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["models", "ftp://host"], "is no URL of a server"),
        (["models", "http://host:port"], "is no URL of a server"),
        (["models", "http://host/?key=1"], "is no URL of a server"),
        (["models", "https://user:hidden@host"], "must not hold a password"),
        (["models", "nowhere.ini"], "does not exist"),
        (["models", "127.0.0.1:6588"], "There is no file '127.0.0.1:6588'; for a server write http://127.0.0.1:6588."),
        (["models", "ml.example:80/x"], "for a server write http://ml.example:80/x."),
        (["keys", "list", "http://127.0.0.1:9"], "this verb takes the INI of a server, on its host, and no URL"),
        (["bundles", "gc", "http://127.0.0.1:9"], "this verb takes the INI of a server"),
        (["models", "{ini}", "--insecure-http"], "are for the URL of a server"),
        (["models", "{ini}", "--key-file", "{ini}"], "are for the URL of a server"),
        (["deploy", "{ini}", "{ini}", "--wait", "5"], "--wait is for the URL of a server"),
        (["promote", "{ini}", "line", "1", "--wait", "5"], "--wait is for the URL of a server"),
        (["rollback", "{ini}", "line", "--wait", "5"], "--wait is for the URL of a server"),
        (["models", "http://127.0.0.1:9", "--key-file", "{empty}"], "The key is empty"),
        (["models", "http://127.0.0.1:9", "--key-file", "{binary}"], "cannot be read as a file that holds a key"),
    ],
)
def test_what_is_asked_wrongly_is_told(arguments: list[str], words: str, tmp_path: Path) -> None:
    linear_model(tmp_path), linear_model(tmp_path, "other")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    paths = {"ini": ini_of(tmp_path), "empty": tmp_path / "empty", "binary": tmp_path / "binary"}
    said = run(*(one.format(**paths) for one in arguments), status=2).stderr
    assert words in " ".join(said.replace("│", " ").split())
    assert "hidden" not in said


def test_what_is_no_bundle_or_too_large_is_told(tmp_path: Path) -> None:
    with remote(tmp_path, limits__bundle="1KiB") as server:
        good = bundle(tmp_path, intercept=2.0)
        large, broken = bundle(tmp_path, **{f"x{n}": 1.0 for n in range(50)}), tmp_path / "broken.mlbundle"
        broken.write_bytes(good.read_bytes()[:-5])
        strange, nested = tmp_path / "strange.mlbundle", tmp_path / "nested.mlbundle"
        with zipfile.ZipFile(strange, "w") as file:
            file.writestr("letter.txt", "Dear Ada")
        with zipfile.ZipFile(nested, "w") as file:
            file.writestr("model/", "")
        for arguments, words in (
            ([large, "--name", "line"], "more than 1,024 bytes (mlserve.limits.bundle)"),
            ([good], "does not say the model's name: say --name NAME"),
            ([good, "--name", "No"], "'No' cannot name a model"),
            ([good, "--name", "line", "--alias", "no!"], "'no!' cannot name an alias"),
            ([broken], str(archive_error(broken, tmp_path))),
            ([broken, "--name", "line"], str(archive_error(broken, tmp_path))),
            ([strange, "--name", "line"], str(archive_error(strange, tmp_path))),
            ([nested], "'model/' is no ordinary file"),
            ([tmp_path, "--name", "line"], "is no bundle"),
        ):
            said = server("deploy", *arguments, status=1).stderr
            assert words in said
            assert len(said.splitlines()) == 1


def archive_error(path: Path, folder: Path) -> BundleError:
    """What `mlserve verify` says of it."""
    with pytest.raises(BundleError) as caught:
        archive.read(path, BundleStore(folder / "unpacked"))
    return caught.value


def test_a_name_that_is_none_is_told(server: Remote) -> None:
    for arguments in (["show", ""], ["history", ".."], ["retire", "no!", 1]):
        verb, *others = arguments
        assert f"{others[0]!r} cannot name a model" in server(verb, *others, status=1).stderr
    assert "'' cannot name an alias" in server("rollback", "line", "--alias", "", status=1).stderr
    for prediction in ("", ".."):
        assert "There is no kept prediction" in server("reproduce", prediction, status=1).stderr


def test_who_may_not_see_events_of_keys_is_told_who_may(server: Remote) -> None:
    server.key("observe")
    told = server("events", "--kind", "key_created").stderr
    assert told == "No events.\nOf keys, users and refused calls the server tells those with the role admin.\n"
    assert server("events", "--kind", "version_retired").stderr == "No events.\n"


@contextmanager
def telling(body: str, status: int = 200) -> Iterator[str]:
    """The URL of a server that answers all with this."""

    def answer(_: Any, start: Any) -> Sequence[bytes]:
        start(f"{status} So", [("Content-Type", "application/json")])
        return [body.encode()]

    with listening(answer) as url:
        yield url


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        (["models"], "[" * 200_000),
        (["models"], '{"models": [1]}'),
        (["models"], '{"models": [{}]}'),
        (["models"], '{"models": [{"name": {}}], "versions": [{"number": 1}]}'),
        (["models"], '{"models": [{"name": "\\ud800"}], "versions": [{"number": 1}]}'),
        (["models"], '{"models": [{"name": "m"}], "versions": [{"number": 1}], "next": "1"}'),
        (["models"], '{"models": [{"name": ""}]}'),
        (["show", "line", "1"], '{"number": "\\ud800"}'),
        (["show", "line"], '{"aliases": [], "versions": [1], "next": null}'),
        (["events"], '{"events": [{"at": "yesterday"}], "next": null}'),
        (["history", "line"], '{"events": [{}], "next": null}'),
        (["history", "line", "--at", "2026-01-01"], '{"aliases": [{"alias": 1}]}'),
        (["promote", "line", "2"], '{"revision": "x"}'),
        (["retire", "line", "2"], "{}"),
        (["unalias", "line", "shadow"], '{"revision": 7}'),
        (["reproduce", "7", "--model", "line"], '{"verdict": 1}'),
    ],
)
def test_a_server_that_is_no_mlserve_is_told_in_one_sentence(verb: list[str], body: str) -> None:
    with telling(body) as url:
        told = run(verb[0], url, *verb[1:], status=1).stderr
    assert "is the URL right?" in told
    assert len(told.splitlines()) == 1


ESCAPES = "\x1b]0;owned\x07\x1b[2K\u202e"


def test_a_server_does_not_command_the_terminal() -> None:
    with telling(json.dumps({"code": "forbidden", "detail": f"No.{ESCAPES}", "errors": [1]}), 403) as url:
        refused = run("models", url, status=1).stderr
    assert (
        refused == "Error: No.\N{REPLACEMENT CHARACTER}]0;owned\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}[2K"
        "\N{REPLACEMENT CHARACTER}\n"
    )
    moved = {"alias": f"champion{ESCAPES}", "version": 2, "revision": 2}
    with telling(json.dumps(moved)) as url:
        said = run("promote", url, "line", 2, "--wait", 0).stdout
        assert "\x1b" not in said
        assert "names version 2" in said
        assert json.loads(run("show", url, "line", 2).stdout) == moved


def test_a_reason_does_not_command_the_terminal_of_who_reads_it(server: Remote, tmp_path: Path) -> None:
    server("promote", "line", 1, "--alias", "shadow", "--reason", f"fine{ESCAPES}\nnothing else")
    for where in ([server.url, "--key-file", server.key_file], [ini_of(tmp_path)]):
        told = run("history", *where, "line").stdout
        assert re.search("fine\N{REPLACEMENT CHARACTER}]0;owned.* nothing else *\n", told)
        for form in ("table", "json"):
            told = run("history", *where, "line", "--format", form).stdout
            assert not {*ESCAPES} - {*"]0;owned[2K"} & {*told}
        assert json.loads(told.splitlines()[0])["reason"].startswith(f"fine{ESCAPES}")


def test_whoever_is_not_the_owner_of_var_deploys_nothing_there(
    server: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their files would be theirs alone, and the servers could not read them."""
    ini, second = ini_of(tmp_path), bundle(tmp_path, intercept=2.0, x=1.0, y=1.0)
    me = os.geteuid()
    with monkeypatch.context() as other:
        other.setattr(os, "geteuid", lambda: me + 1)
        refused = run("deploy", ini, second, "--name", "line", status=1).stderr
    assert re.search(r"mlserve\.var, .*, belongs to \S+, whose servers could not read the bundle: run this as", refused)
    assert len(run("models", ini).stdout.splitlines()) == 3
    assert "line version 2 is registered" in run("deploy", ini, second, "--name", "line").stdout


def test_check_names_the_models_that_came_by_deploy(server: Remote, tmp_path: Path) -> None:
    ini = ini_of(tmp_path)
    run("deploy", ini, bundle(tmp_path, intercept=2.0, x=1.0), "--name", "late")
    served = "[server:main]\nuse = egg:pyramid-mlserve#waitress\nhost = 127.0.0.1\n"
    ini.write_text(f"{ini.read_text()}{served}")
    assert run("check", ini).stdout.endswith("models line, other; of the registry late.\n")
    kept = [line for line in ini.read_text().splitlines() if "models." not in line]
    ini.write_text("\n".join(kept))
    assert run("check", ini).stdout.endswith("no model is declared; of the registry late, line, other.\n")
