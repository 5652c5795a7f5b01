"""Pictures and files as a form sends them: to the API, by the page, and back from the log."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import validate
from PIL import Image
from webtest import Upload

from mlserve import testing
from tests.factories import Served, serving
from tests.functional.pages import HTML, answer_of, assert_sound
from tests.functional.typed import INPUTS, typed_model
from tests.unit.signature.pictures import base64_of, file_of, noise

URL = "/api/v1/models/all"
PICTURE = file_of(Image.new("RGB", (8, 5), (255, 255, 255)), "JPEG")
PLACES = {field.name: f"f{at}" for at, field in enumerate(INPUTS)}
EVIL = b"<!doctype html><script>alert(1)</script>"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("upload")
    models = {"all": typed_model(folder)}
    settings = testing.settings_of(folder, plugins="tests.functional.typed", models=models, limits__body="2MiB")
    with serving(settings) as served:
        yield served


def parts(**values: Any) -> list[tuple[str, Any]]:
    """The parts of one instance; a file's value is bytes."""
    texts = {
        "thumb": "",
        "files": json.dumps([base64_of(b"x")]),
        "note": "one\ntwo",
        "half": "0.1",
        "big": str(2**64 - 1),
        "small": "",
        "grid": "[[1, 2]]",
        "deep": "[[1, 2]]",
        "place": "Riga",
    }
    return list(({"photo": PICTURE, "file": b"abc\0"} | texts | values).items())


def post(app: Served, sent: list[tuple[str, Any]], *, to: str = URL, status: int = 200, **headers: str) -> Any:
    files = [(name, f"{name}.bin", value) for name, value in sent if isinstance(value, bytes)]
    texts = [(name, value) for name, value in sent if not isinstance(value, bytes)]
    content_type, body = app.encode_multipart(texts, files)
    named = {"Content-Type": content_type, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return app.post(f"{to}/predictions", body, headers=named, status=status)


@pytest.mark.parametrize("to", [URL, f"{URL}/aliases/champion", f"{URL}/versions/1"])
def test_it_is_answered_as_the_same_json_is(app: Served, to: str) -> None:
    answer = post(app, parts(), to=to)
    kept = app.get(answer.headers["Content-Location"]).json
    sent = {**kept["inputs"][0]}
    assert (sent["photo"], sent["file"]) == (base64_of(PICTURE), base64_of(b"abc\0"))
    assert (sent["note"], sent["thumb"]) == ("one\ntwo", None)
    assert answer.json["outputs"] == app.predict("all", [sent]).json["outputs"]


def test_several_instances_a_reference_and_line_breaks(app: Served) -> None:
    both = [*parts(), *parts(note="a\r\nb", thumb=file_of(noise(3, 3))), ("reference", "pair")]
    answer = post(app, both)
    kept = app.get(answer.headers["Content-Location"]).json
    assert (kept["instances"], kept["reference"]) == (2, "pair")
    assert kept["inputs"][1]["note"].splitlines() == ["a", "b"]


def test_its_problems_have_places(app: Served) -> None:
    wrong = parts(photo=EVIL, half="much", place="Rome", tail="1")
    errors = post(app, wrong, status=422).json["errors"]
    assert {(error["pointer"], error["code"]) for error in errors} == {
        ("/instances/0/half", "type"),
        ("/instances/0/place", "category"),
        ("/instances/0/tail", "unknown_field"),
    }
    (error,) = post(app, parts(photo=EVIL), status=422).json["errors"]
    assert (error["pointer"], error["instance"], error["field"], error["code"]) == (
        "/instances/0/photo",
        0,
        "photo",
        "image",
    )
    (error,) = post(app, [part for part in parts() if part[0] != "photo"], status=422).json["errors"]
    assert (error["field"], error["code"]) == ("photo", "required")
    (error,) = post(app, [*parts(), ("photo", PICTURE)], status=422).json["errors"][:1]
    assert error["code"] == "length"
    (error,) = post(app, [("reference", "x")], status=422).json["errors"]
    assert error["code"] == "empty"


def test_a_refused_form_counts_as_refused_and_is_not_kept(app: Served) -> None:
    before = len(app.get(f"{URL}/predictions").json["predictions"])
    post(app, parts(photo=EVIL), status=422)
    app.post(f"{URL}/predictions", b"--b\r\n", headers={"Content-Type": "multipart/form-data; boundary=b"}, status=400)
    assert len(app.get(f"{URL}/predictions").json["predictions"]) == before


def test_a_key_holds_whatever_the_boundary_is(app: Served) -> None:
    first = post(app, parts(), Idempotency_Key="form")
    assert post(app, parts(), Idempotency_Key="form").headers["Idempotency-Replayed"] == "true"
    assert post(app, parts(), Idempotency_Key="form").json == first.json
    assert post(app, parts(half="0.2"), Idempotency_Key="form", status=422).json["code"] == "idempotency_key_reused"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec_Fetch_Site": "cross-site"}, 415),
        ({"Origin": "http://elsewhere.example"}, 415),
        ({"Content_Encoding": "gzip"}, 415),
        ({"Content_Type": "multipart/form-data"}, 400),
        ({"Content_Type": "multipart/form-data; boundary="}, 400),
        ({"Content_Type": "multipart/form-data; boundary=other"}, 400),
        ({"Content_Type": "multipart/form-data; boundary=b; charset=utf-16"}, 415),
        ({"Content_Type": "multipart/mixed; boundary=b"}, 415),
    ],
)
def test_what_is_not_taken(app: Served, headers: dict[str, str], status: int) -> None:
    post(app, parts(), status=status, **headers)


def test_the_limits_of_a_body_hold(app: Served) -> None:
    assert post(app, parts(file=bytes(2**21)), status=413).json["code"] == "too_large"


def test_it_is_described(app: Served) -> None:
    document = app.get(f"{URL}/openapi.json").json
    validate(document)
    content = document["paths"][f"{URL}/predictions"]["post"]["requestBody"]["content"]
    form = content["multipart/form-data"]
    assert form["encoding"]["file"] == {"contentType": "application/octet-stream"}
    assert "image/webp" in form["encoding"]["photo"]["contentType"]
    schema = document["components"]["schemas"][form["schema"]["$ref"].rpartition("/")[2]]
    assert schema["properties"]["photo"] == {"type": "string", "format": "binary"}
    assert schema["properties"]["files"]["contentMediaType"] == "application/json"
    assert "photo" in schema["required"]


def fill(app: Served) -> Any:
    page = app.get("/models/all", headers={"Accept": HTML})
    assert_sound(page.html)
    form = page.forms["try"]
    form["f0.file"] = Upload('"><script>alert(1)</script>.jpg', PICTURE, "text/html")
    form["f2.file"] = Upload("../../etc/passwd", EVIL)
    for name, value in parts():
        if isinstance(value, str) and name != "thumb":
            form[PLACES[name]] = value
    return form


def test_the_page_takes_files_and_shows_the_kept_ones(app: Served) -> None:
    form = fill(app)
    assert (form.enctype, form["f0.file"].attrs["accept"]) == ("multipart/form-data", "image/*")
    answered = form.submit(headers={"Accept": HTML})
    assert_sound(answered.html)
    assert answer_of(answered)["note"] == "ONE\nTWO"
    assert answered.html.select_one("#try img.chosen")["src"].startswith("data:image/jpeg;base64,")
    assert "-F photo=@picture.jpg" in answered.html.find(id="curl").text
    assert "alert(1)" not in answered.text
    # The form holds the files, so that it can be sent again without choosing them again.
    again = answered.forms["try"]
    again["f8"] = "[]"
    again = again.submit(headers={"Accept": HTML})
    kept = app.get(again.html.find(id="made")["href"], headers={"Accept": "application/json"}).json
    assert (kept["inputs"][0]["photo"], kept["inputs"][0]["grid"]) == (base64_of(PICTURE), [])
    page = app.get(f"/predictions/{kept['id']}", headers={"Accept": HTML})
    assert_sound(page.html)
    (picture,) = page.html.select("img.chosen")
    shown = app.get(picture["src"], headers={"Accept": "image/avif,image/webp,*/*;q=0.8"})
    assert (shown.body, shown.content_type) == (PICTURE, "image/jpeg")
    evil = app.get(f"/predictions/{kept['id']}/inputs/0/2", headers={"Accept": HTML})
    assert (evil.body, evil.content_type) == (EVIL, "application/octet-stream")
    for answer in (shown, evil):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert len(answer.headers.getall("Content-Security-Policy")) == 1
    for nothing in ("0/1", "0/3", "0/99", "1/0", "999999999/0"):
        app.get(f"/predictions/{kept['id']}/inputs/{nothing}", headers={"Accept": HTML}, status=404)
    used = app.get(f"/models/all?from={kept['id']}", headers={"Accept": HTML})
    assert used.forms["try"]["f0"].value == base64_of(PICTURE)


def test_what_is_wrong_with_a_file_stands_beside_it(app: Served) -> None:
    form = fill(app)
    form["f0.file"] = Upload("cat.jpg", EVIL, "image/jpeg")
    refused = form.submit(headers={"Accept": HTML}, status=422)
    assert_sound(refused.html)
    assert "A picture" in refused.html.find(id="f0-fault").text
    assert refused.html.select("#try img.chosen") == []
    form["f0.file"] = ""
    refused = form.submit(headers={"Accept": HTML}, status=422)
    assert refused.html.find(id="f0-fault").text == "Please choose a file."


def test_a_large_file_must_be_chosen_again(app: Served) -> None:
    form = fill(app)
    form["f2.file"] = Upload("large", bytes(1_000_000))
    answered = form.submit(headers={"Accept": HTML})
    assert answer_of(answered)["note"] == "ONE\nTWO"
    assert "too large to be held here" in answered.text
    assert len(answered.body) < 500_000


@pytest.mark.parametrize("keep", ["hash", "omit"])
def test_a_file_that_is_not_kept_is_not_given(tmp_path_factory: pytest.TempPathFactory, keep: str) -> None:
    folder = tmp_path_factory.mktemp("hidden")
    path = typed_model(folder)
    signature = json.loads(path.read_bytes())
    signature["inputs"][0]["keep"] = keep
    path.write_text(json.dumps(signature))
    with serving(testing.settings_of(folder, plugins="tests.functional.typed", models={"all": path})) as app:
        made = post(app, parts()).json["id"]
        app.get(f"/predictions/{made}/inputs/0/0", status=404)
        assert app.get(f"/predictions/{made}/inputs/0/2").body == b"abc\0"
        assert app.get(f"/predictions/{made}", headers={"Accept": HTML}).html.select("img.chosen") == []


@pytest.mark.parametrize("content_type", ["image/png", "application/x-www-form-urlencoded"])
def test_a_file_as_the_body_is_told_how_a_form_brings_it(app: Served, content_type: str) -> None:
    refused = app.post(f"{URL}/predictions", PICTURE, headers={"Content-Type": content_type}, status=415)
    assert refused.json["detail"].endswith("Or send a form: -F photo=@FILE instead of --data-binary.")
