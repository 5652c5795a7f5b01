"""A model with fields of the newer types, on a real application: asked, refused, kept, read back, on its page."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from PIL import Image

from mlserve import testing
from mlserve.bundles import BundleStore
from mlserve.bundles.packaging import package
from mlserve.signature import Signature
from mlserve.testing import ContractSuite, instances_of
from tests.factories import Served, serving
from tests.functional.pages import HTML, answer_of, assert_sound
from tests.functional.typed import INPUTS, OUTPUTS, TypedFamily, typed_model
from tests.unit.signature.pictures import base64_of, file_of, noise

URL = "/api/v1/models/all"
PLUGIN = "tests.functional.typed"
SIGNATURE = Signature(INPUTS, OUTPUTS)


class TestTyped(ContractSuite):
    plugin = PLUGIN
    artefact = staticmethod(typed_model)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("typed")
    models = {"all": typed_model(folder)}
    with serving(testing.settings_of(folder, plugins=PLUGIN, models=models, limits__image_pixels="5000")) as served:
        yield served


def instance(**values: Any) -> dict[str, Any]:
    return {
        "photo": base64_of(file_of(Image.new("RGB", (8, 5), (255, 255, 255)), "JPEG")),
        "thumb": None,
        "file": base64_of(b"abc\0"),
        "files": [base64_of(b""), base64_of(b"x")],
        "note": "one\ntwo",
        "half": 0.1,
        "big": 2**64 - 1,
        "small": -128,
        "grid": [[1, 2], [0.5, 0]],
        "deep": [[1, 2, 3], [4, 5, 255.0]],
        "place": "Riga",
        **values,
    }


def test_it_is_answered_kept_and_read_back(app: Served) -> None:
    sent = [instance(), instance(note=None, grid=[], deep=[[]])]
    answer = app.predict("all", sent)
    assert answer.json["outputs"] == [
        {
            "mean": 1.0,
            "big": 2**64 - 1,
            "sums": [3.0, 0.5],
            "file": base64_of(b"\0cba"),
            "note": "ONE\nTWO",
            "size": [5, 8],
        },
        {"mean": 1.0, "big": 2**64 - 1, "sums": [], "file": base64_of(b"\0cba"), "note": "", "size": [5, 8]},
    ]
    address = answer.headers["Content-Location"]
    kept = app.get(address).json
    assert kept["inputs"] == sent
    assert app.post(f"{address}/reproduction").json["verdict"] == "bit_equal"
    actuals = {"actuals": {"file": ["AA==", None], "sums": [[1, 2], []], "note": ["x", None]}}
    app.put_json(f"{address}/actuals", actuals)
    assert app.get(address).json["actuals"]["actuals"] == {
        "file": ["AA==", None],
        "sums": [[1.0, 2.0], []],
        "note": ["x", None],
    }


@pytest.mark.parametrize(
    ("wrong", "pointer", "code"),
    [
        ({"photo": "bm8="}, "/instances/0/photo", "image"),
        ({"photo": "no!!"}, "/instances/0/photo", "base64"),
        ({"photo": base64_of(file_of(noise(100, 100), "PNG"))}, "/instances/0/photo", "pixels"),
        ({"photo": base64_of(file_of(noise(20, 20), "JPEG")[:300])}, "/instances/0/photo", "image"),
        ({"files": ["AA==", "AA="]}, "/instances/0/files/1", "base64"),
        ({"half": 70_000}, "/instances/0/half", "overflow"),
        ({"half": -1.5}, "/instances/0/half", "range"),
        ({"big": -1}, "/instances/0/big", "overflow"),
        ({"small": 128}, "/instances/0/small", "overflow"),
        ({"grid": [[1, 2], [3]]}, "/instances/0/grid/1", "shape"),
        ({"deep": [[1], [1, 2]]}, "/instances/0/deep/1", "shape"),
        ({"deep": [[1], 2]}, "/instances/0/deep/1", "type"),
        ({"deep": [[1], [256]]}, "/instances/0/deep/1/0", "overflow"),
        ({"note": 1}, "/instances/0/note", "type"),
    ],
)
def test_what_is_wrong_is_named(app: Served, wrong: dict[str, Any], pointer: str, code: str) -> None:
    (problem,) = app.predict("all", [instance(**wrong)], status=422).json["errors"]
    assert (problem["pointer"], problem["code"], problem["instance"]) == (pointer, code, 0)
    assert problem["field"] == next(iter(wrong))


def test_its_schema_takes_what_it_takes(app: Served) -> None:
    document = app.get(f"{URL}/openapi.json").json
    schemas = document["components"]["schemas"]
    (name,) = [name for name in schemas if name.lower().endswith("instance") and "kept" not in name.lower()]
    validator = OAS31Validator(schemas[name])
    assert [error.message for error in validator.iter_errors(instance())] == []
    assert schemas[name]["properties"]["photo"]["contentEncoding"] == "base64"
    for wrong in ({"photo": "no!"}, {"big": 2**64}, {"half": 65505}, {"grid": [[1]]}, {"deep": [256]}):
        assert not validator.is_valid(instance(**wrong)), wrong


def test_its_page_has_a_form_that_is_answered(app: Served) -> None:
    page = app.get("/models/all", headers={"Accept": HTML})
    assert_sound(page.html)
    assert "any × 2" in page.text
    form = page.forms["try"]
    places = {name: f"f{at}" for at, name in enumerate(SIGNATURE.names)}
    for name in ("files", "note", "grid"):
        assert page.html.find(id=places[name]).name == "textarea", name
    for name in ("photo", "thumb", "file"):
        assert page.html.find(id=places[name])["type"] == "file", name
    form[places["note"]] = "one\r\ntwo"
    form[places["photo"]] = instance()["photo"]
    form[places["file"]] = "YW\r\nJj"
    answered = form.submit(headers={"Accept": HTML})
    assert_sound(answered.html)
    assert answer_of(answered)["note"] == "ONE\nTWO"
    kept = app.get(answered.html.find(id="made")["href"], headers={"Accept": "application/json"}).json
    assert (kept["inputs"][0]["note"], kept["inputs"][0]["file"]) == ("one\ntwo", "YWJj")
    kept_page = app.get(answered.html.find(id="made")["href"], headers={"Accept": HTML})
    assert_sound(kept_page.html)
    form[places["photo"]] = "bm8="
    assert "A picture" in form.submit(headers={"Accept": HTML}, status="*").text


def test_it_is_packaged_from_rows_in_memory_and_replayed(tmp_path: Path) -> None:
    rows = [instance(half=at / 10, big=2**53 - at, deep=[[at]], grid=[[at, at]] * at) for at in range(12)]
    data: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in SIGNATURE.names}
    data["photo"] = [file_of(noise(5 + at, 4), "PNG") for at in range(12)]  # Bytes are as good as their base64.
    manifest = package(typed_model(tmp_path), data, family=TypedFamily(), name="all", store=BundleStore(tmp_path / "s"))
    baseline = manifest.content["baseline"]["inputs"]
    assert baseline["photo"]["elements"]["width"]["maximum"] == 16
    assert baseline["thumb"] == {"count": 0, "missing": 12}
    assert baseline["file"]["elements"]["length"]["minimum"] == 4
    assert baseline["grid"]["count"] == 12
    golden = manifest.content["golden"]
    assert len(golden["instances"]) == 12
    assert golden["instances"][0]["photo"] == base64.b64encode(data["photo"][0]).decode()
    shown = {field["name"]: field.get("example") for field in manifest.content["signature"]["inputs"]}
    assert shown["photo"] is None
    assert shown["note"] == "one\ntwo"


def test_instances_that_the_kit_makes_are_answered(app: Served) -> None:
    assert len(app.predict("all", instances_of(SIGNATURE, 20)).json["outputs"]) == 20
    json.dumps(instances_of(SIGNATURE, 2))
