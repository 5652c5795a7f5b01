"""What an artefact may name, what its files may be, and what becomes of what the class does."""

import json
import stat
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import python_samples as samples

from mlserve.errors import BundleError, ConfigurationError
from mlserve.testing import serving, settings_of
from mlserve_python import Refused, artefact
from mlserve_python.allowed import Allowed
from mlserve_python.family import PythonFamily
from mlserve_python.unpacking import unpack


def family(folder: Path, *patterns: str, largest: int = 10_000) -> PythonFamily:
    return PythonFamily(Allowed(patterns or ("own_code.*",)), folder / "var" / "python", largest)


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def served(folder: Path, path: Path, **settings: str) -> Any:
    return serving(settings_of(folder, plugins="python", models={"own": path}, python__allow="own_code.*", **settings))


@pytest.mark.parametrize(
    ("pattern", "named", "allowed"),
    [
        ("a.b:C", "a.b:C", True),
        ("a.b:C", "a.b:CD", False),
        ("a.b:*", "a.b:C", True),
        ("a.b:*", "a.b.c:C", False),
        ("a.*", "a:C", True),
        ("a.*", "a.b.c:C", True),
        ("a.*", "ab:C", False),
        ("a.b.*", "a:C", False),
    ],
)
def test_a_pattern_allows_what_it_says(pattern: str, named: str, allowed: bool) -> None:
    assert Allowed([pattern]).allows(named) is allowed


@pytest.mark.parametrize("pattern", ["*", "a", "a.b", ":C", "a:", "a:b:c", "a*", "*.b", "a..b:C", "a/b:C"])
def test_what_is_no_pattern_is_refused_with_what_to_write(pattern: str) -> None:
    with pytest.raises(ConfigurationError, match=r"mlserve\.python\.allow has .*write package\.module:Class for one"):
        Allowed([pattern])


def test_nothing_is_allowed_by_default_and_nothing_is_imported(tmp_path: Path) -> None:
    (tmp_path / "never.py").write_text("raise AssertionError('it was imported')\n")
    path = samples.written(tmp_path, "never:Never")
    settings = settings_of(tmp_path, plugins="python", models={"own": path})
    told = r"not allowed here: write mlserve\.python\.allow = never:Never if"
    with pytest.raises(ConfigurationError, match=told), serving(settings):
        pass
    assert "never" not in sys.modules


def test_code_of_the_artefact_is_never_imported(tmp_path: Path) -> None:
    path = samples.archived(tmp_path, "brought_code:Brought", {"brought_code.py": b"class Brought: predict = print"})
    before = list(sys.path)
    with pytest.raises(BundleError, match="whose module cannot be imported: ModuleNotFoundError"):
        family(tmp_path, "brought_code:Brought").inspect(path)
    assert sys.path == before


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("own_code.classes:np.ndarray", "really numpy:ndarray, which is not allowed here"),
        ("own_code.classes:Path", "really pathlib:Path, which is not allowed here"),
        ("own_code.classes:TWO", "which is none"),
        ("own_code.classes:Nobody", "which is none"),
        ("own_code.faulty:NoPredictor", "neither predict nor predict_one"),
        ("own_code.nowhere:Class", "cannot be imported: ModuleNotFoundError"),
        ("own_code", "write package.module:Class"),
    ],
)
def test_what_is_no_class_of_its_own_is_refused(named: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(BundleError) as refused:
        family(tmp_path).inspect(samples.written(tmp_path, named))
    assert says in str(refused.value)


@pytest.mark.parametrize(
    "text", ["", "[]", "null", '{"class": 1}', '{"klass": "a:B"}', '{"class": "a:B", "arguments": [1]}', "[" * 100_000]
)
def test_other_json_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "own.python"
    path.write_text(text)
    with pytest.raises(BundleError, match=r"^own\.python names no class as"):
        artefact.read(path)


def hostile(folder: Path, fill: Callable[[zipfile.ZipFile], None]) -> Path:
    path = folder / "own.python"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("predictor.json", '{"class": "own_code.classes:Words", "arguments": {"file": "w"}}')
        fill(archive)
    return path


def link(archive: zipfile.ZipFile) -> None:
    member = zipfile.ZipInfo("link")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(member, "/etc/passwd")


NAMES = ["../out", "/etc/out", "a/../../out", "a\\out", "C:out", ".hidden", "a//b", "x/" * 30 + "y", "nul\x07"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_leads_out_of_the_folder_is_refused(name: str, tmp_path: Path) -> None:
    path = hostile(tmp_path, lambda archive: archive.writestr(zipfile.ZipInfo(name), "x"))
    (folder := tmp_path / "unpacked").mkdir()
    with pytest.raises(BundleError, match="no plain file below its folder"):
        unpack(path, folder, 10_000)
    assert not list(folder.iterdir())


def test_links_bombs_and_doubles_are_refused(tmp_path: Path) -> None:
    (folder := tmp_path / "unpacked").mkdir()
    with pytest.raises(BundleError, match="no plain file"):
        unpack(hostile(tmp_path, link), folder, 10_000)
    bomb = hostile(tmp_path, lambda archive: archive.writestr("zeros", bytes(10_000_000)))
    assert bomb.stat().st_size < 50_000
    with pytest.raises(BundleError, match=r"larger than mlserve\.python\.unpacked allows"):
        unpack(bomb, folder, 100_000)
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 2**20

    def twice(archive: zipfile.ZipFile) -> None:
        archive.writestr("one", "1")
        archive.writestr("ONE", "2")

    with pytest.raises(BundleError, match="'ONE' twice"):
        unpack(hostile(tmp_path, twice), folder, 100_000)


@pytest.mark.parametrize(("one", "other"), [("a", "a/b"), ("a/b", "A"), ("a/b/c", "a/b"), ("a", "a/")])
def test_a_name_that_is_a_file_and_a_folder_is_refused(one: str, other: str, tmp_path: Path) -> None:
    path = samples.archived(tmp_path, "own_code.classes:Words", {one: b"", other: b""}, file="a")
    found = family(tmp_path)
    signature = found.inspect(path)
    assert signature is not None
    with pytest.raises(BundleError, match=r"own\.python holds 'a(/b)?' as a file and as a folder"):
        found.load(path, signature, {})


@pytest.mark.parametrize("kept", [True, False])
def test_files_that_have_no_room_are_one_sentence(kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, found = samples.word_artefact(tmp_path), family(tmp_path)
    signature = found.inspect(path)
    assert signature is not None
    if kept:
        made(tmp_path / "var")
        (tmp_path / "var" / "python").write_text("in the way")
    else:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(BundleError, match=r"The files of own\.python cannot be unpacked: [A-Z]"):
        found.load(path, signature, {})


def test_files_are_unpacked_once_into_a_private_folder(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    path, made = samples.word_artefact(tmp_path), family(tmp_path)
    signature = made.inspect(path)
    assert signature is not None
    assert not (tmp_path / "var" / "python").exists()
    for _ in range(2):
        made.load(path, signature, {}).close()
    (folder,) = (tmp_path / "var" / "python").iterdir()
    found = folder / "lists" / "words.txt"
    assert found.read_text() == "red green"
    modes = [stat.S_IMODE(one.stat().st_mode) for one in (folder.parent, folder, found.parent, found)]
    assert modes == [0o700, 0o700, 0o700, 0o600]
    assert not (folder / "predictor.json").exists()


def test_a_bomb_leaves_no_folder(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    path = samples.archived(tmp_path, "own_code.classes:Words", {"w": bytes(100_000)}, file="w")
    made = family(tmp_path)
    signature = made.inspect(path)
    assert signature is not None
    with pytest.raises(BundleError, match="larger than"):
        made.load(path, signature, {})
    assert not list((tmp_path / "var" / "python").iterdir())


def test_rows_steps_and_sidecars_are_answered(tmp_path: Path) -> None:
    (tmp_path / "words").mkdir()
    with served(tmp_path, samples.word_artefact(tmp_path / "words")) as app:
        answer = app.predict("own", [{"text": "red or green", "twice": True}, {"text": "blue", "twice": None}])
        assert answer.json["outputs"] == [{"known": 4, "first": "red"}, {"known": 0, "first": "blue"}]
        lineage = app.get(answer.headers["Content-Location"]).json["lineage"]
        assert (lineage["engine"], lineage["library"]) == ("python", "own_code unpackaged")
        shown = app.get("/api/v1/models/own/predictor").json
        assert (shown["class"], shown["arguments"]) == ("own_code.classes:Words", ["file"])
        assert shown["description"] == "Knows the words of a file, by rows; inherits nothing."
        assert "own_code.classes:Words" in app.get("/models/own").text
    (tmp_path / "steps").mkdir()
    with served(tmp_path / "steps", samples.step_artefact(tmp_path / "steps")) as app:
        outputs = app.predict("own", [[1, 2], [-1, 0]]).json["outputs"]
        assert outputs == [{"label": "above", "sum": 3.0}, {"label": "below", "sum": -1.0}]


def test_what_a_class_refuses_is_a_422_that_names_field_and_instance(tmp_path: Path) -> None:
    with served(tmp_path, samples.word_artefact(tmp_path)) as app:
        refused = app.predict("own", [{"text": "", "twice": None}], status=422).json
        (problem,) = refused["errors"]
        assert (problem["code"], problem["field"], problem["instance"]) == ("refused", "text", 0)
        assert problem["expected"] == "a text with a word in it"
        assert app.get("/api/v1/models/own/predictions").json["predictions"] == []
    assert str(Refused("x", 3, "more")) == "Instance 3 has a x that the model cannot take: more"


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ("nothing", "the shape () for the output 'value', and not (2,)"),
        ("a word", "the shape () for the output 'value', and not (2,)"),
        ("another output", "the outputs ['values'], and the signature names ['value']"),
        ("one row too many", "the shape (3,) for the output 'value', and not (2,)"),
        ("a column", "the shape (2, 1) for the output 'value', and not (2,)"),
        ("words for numbers", "<U3 for the output 'value', whose type is float64"),
        ("objects", "object for the output 'value', whose type is float64"),
        ("lists of different sizes", "no array for the output 'value'"),
    ],
)
def test_an_answer_that_does_not_fit_says_how(answers: str, says: str, tmp_path: Path) -> None:
    with served(tmp_path, samples.written(tmp_path, "own_code.faulty:Faulty", answers=answers)) as app:
        failed = app.predict("own", [[1.0], [2.0]], status=500).json
        assert failed["code"] == "prediction_failed"
        assert failed["detail"].startswith(
            "The python predictor of own version 1 failed: own_code.faulty:Faulty answered "
        )
        assert says in failed["detail"]


@pytest.mark.parametrize("raised", ["KeyError", "SystemExit", "KeyboardInterrupt", "MemoryError", "RecursionError"])
def test_what_a_class_raises_is_a_500_and_its_line_is_in_the_log(
    raised: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    answers: list[Any] = []
    path = samples.written(tmp_path, "own_code.faulty:Faulty", raises=raised)
    with served(tmp_path, path) as app:
        asking = threading.Thread(target=lambda: answers.append(app.predict("own", [[1.0]], status="*")))
        asking.start()
        asking.join()
    assert [(answer.status_int, answer.json["code"]) for answer in answers] == [(500, "prediction_failed")]
    assert "The python predictor of own version 1" in answers[0].json["detail"]
    assert "own_code/faulty.py" in caplog.text


@pytest.mark.parametrize("raised", ["KeyError", "SystemExit", "MemoryError"])
def test_what_a_class_raises_at_load_is_one_sentence_with_its_line(raised: str, tmp_path: Path) -> None:
    path = samples.written(tmp_path, "own_code.faulty:Faulty", raises=raised, at="load")
    with (
        pytest.raises(
            ConfigurationError, match=rf"own_code\.faulty:Faulty cannot be loaded: {raised}.*faulty\.py, line"
        ),
        served(tmp_path, path),
    ):
        pass
    path = samples.written(tmp_path, "own_code.faulty:Faulty", nonsense=1)
    with pytest.raises(ConfigurationError, match=r"cannot be loaded: TypeError: .*'nonsense'"), served(tmp_path, path):
        pass


@pytest.mark.parametrize("kind", ["Scaled", "Words"])
def test_a_live_instance_is_packaged(kind: str, tmp_path: Path) -> None:
    from own_code import classes

    model = {"Scaled": lambda: classes.Scaled(3.0), "Words": lambda: classes.Words(["red"])}[kind]()
    folders = [made(tmp_path / name) for name in ("one", "two")]
    paths = [family(tmp_path).save(model, folder) for folder in folders]
    assert paths[0] is not None
    assert paths[1] is not None
    assert paths[0].read_bytes() == paths[1].read_bytes()
    found = family(tmp_path)
    signature = found.inspect(paths[0])
    assert signature is not None
    predictor = found.load(paths[0], signature, {})
    assert predictor.info()["class"] == f"own_code.classes:{kind}"
    predictor.close()
    assert found.save(object(), folders[0]) is None


def test_whoever_derives_from_predictor_is_made_as_everybody_else(tmp_path: Path) -> None:
    path = samples.archived(tmp_path, "own_code.classes:Shifted", {"by.txt": b"2.5"}, k=3)
    with served(tmp_path, path) as app:
        assert app.predict("own", [[1.0, 0.0]]).json["outputs"] == [{"value": 6.5}]


def test_the_library_s_own_answers_are_the_server_s(tmp_path: Path) -> None:
    path = samples.contract_artefact(tmp_path)
    instances = [{"x": 0.1 * at, "y": None if at % 3 == 0 else at / 7} for at in range(50)]
    own = samples.library_answers(path, [{**row, "y": np.nan if row["y"] is None else row["y"]} for row in instances])
    with served(tmp_path, path) as app:
        assert [row["value"] for row in app.predict("own", instances).json["outputs"]] == own["value"].tolist()
        (explained,) = app.post_json("/api/v1/models/own/explanations", {"instances": [[3, 6]]}).json["explanation"][
            "instances"
        ]
        assert explained["blocks"][0]["contributions"] == {"x": 1.0, "y": 2.0}


def test_a_nullable_whole_number_is_always_an_object(tmp_path: Path) -> None:
    from mlserve.signature import Batch, Field, OutputField, Signature
    from mlserve_python.arrays import inputs_of

    signature = Signature((Field("n", "int64", nullable=True), Field("m", "int64")), (OutputField("o", "float64"),))
    for rows, expected in (([(1, 2)], [1]), ([(None, 2)], [None])):
        inputs = inputs_of(Batch.from_rows(signature, rows))
        assert inputs["n"].dtype == object
        assert inputs["n"].tolist() == expected
        assert inputs["m"].dtype == np.int64


def test_an_artefact_s_own_signature_counts(tmp_path: Path) -> None:
    path = tmp_path / "own.python"
    signature = {"inputs": [{"name": "a", "type": "float32"}], "outputs": [{"name": "value", "type": "float32"}]}
    path.write_text(json.dumps({"class": "own_code.classes:Scaled", "signature": signature}))
    found = family(tmp_path).inspect(path)
    assert found is not None
    assert found.to_json() == signature
