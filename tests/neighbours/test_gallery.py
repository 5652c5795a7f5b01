"""One server with the gallery's INI: four families, asked through four protocols by the neighbours' own clients."""

import base64
import io
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from plaster import get_settings
from waitress import create_server

from mlserve_client import Client
from tests.factories import serving
from tests.functional.servers import Server, served
from tests.neighbours.conftest import FLIGHTS, ROOT, Drive
from tests.tools import REQUIRED

GALLERY = ROOT / "examples" / "gallery"
DATA = GALLERY / "data"
FLIGHT_DELAY = ROOT / "examples" / "flight_delay" / "flight-delay.ubj"
MODELS = ("flight-delay", "penguin-species", "file-type", "hands")
PROTOCOLS = ("own", "oip", "v1", "scoring")
PENGUINS = [
    {"island": "Biscoe", "sex": "female", "bill_length_mm": 46.1, "bill_depth_mm": 13.2, "flipper_length_mm": 211.0},
    {"island": "Dream", "sex": "male", "bill_length_mm": 49.2, "bill_depth_mm": 18.2, "flipper_length_mm": None},
    {"island": "Torgersen", "sex": "female", "bill_length_mm": 39.1, "bill_depth_mm": 18.7, "flipper_length_mm": 181.0},
]
CONTENTS = [Path(__file__).read_bytes(), b"%PDF-1.7\n" + bytes(100), b'{"a": [1, 2]}']
PICTURES = ("china.jpg", "flower.jpg")

DRIVERS = {
    "oip": ("tritonclient", "gallery_triton.py"),
    "v1": ("kserve", "gallery_kserve.py"),
    "scoring": ("mlflow", "gallery_mlflow.py"),
}

Columns = dict[str, np.ndarray]
Ask = Callable[[str, str], tuple[str, str, Columns]]


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    """What the gallery's INI says; without its models the tests are skipped, or fail where none may be missing."""
    if not (DATA / "hands.tflite").exists():
        reason = "the gallery has no models: `make gallery` makes them"
        if os.environ.get("CI") or os.environ.get(REQUIRED) == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    said = get_settings(str(GALLERY / "gallery.ini"), "app:main")
    return {key: value for key, value in said.items() if key.startswith("mlserve.")}


@pytest.fixture(scope="module")
def server(settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`pserve` on the gallery's INI."""
    folder = tmp_path_factory.mktemp("gallery")
    with served(folder / "gallery.ini", settings | {"mlserve.var": str(folder / "var")}) as running:
        yield running


@pytest.fixture(scope="module")
def addresses(
    server: Server, settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """By model a server whose `/invocations` is that model's: MLflow's client knows no other address.

    For the model that the INI names that is the gallery itself; of each other one, the INI with that model alone.
    """
    found = {settings["mlserve.scoring.model"]: url_of(server)}
    with ExitStack() as stack:
        for model in MODELS:
            if model in found:
                continue
            others = {f"mlserve.models.{name}" for name in MODELS if name != model}
            own = {key: value for key, value in settings.items() if key not in others}
            own |= {"mlserve.scoring.model": model, "mlserve.var": str(tmp_path_factory.mktemp(model))}
            found[model] = stack.enter_context(listening(own))
        yield found


@contextmanager
def listening(settings: dict[str, str]) -> Iterator[str]:
    """An application of this process on a real socket; its address."""
    with serving(settings) as app:
        waitress = create_server(app.app, host="127.0.0.1", port=0)
        thread = threading.Thread(target=waitress.run)
        thread.start()
        yield f"http://127.0.0.1:{waitress.effective_port}"
        waitress.close()
        # Its loop looks up at least once a second.
        thread.join()


@pytest.fixture(scope="module")
def questions() -> dict[str, Any]:
    """By model its instances, in JSON, and which of their fields are files."""
    pictures = [{"input_1": encoded((DATA / name).read_bytes())} for name in PICTURES]
    rows = {
        "flight-delay": FLIGHTS,
        "penguin-species": [row | {"body_mass_g": 4000.0} for row in PENGUINS],
        "file-type": [{"content": encoded(content)} for content in CONTENTS],
        "hands": pictures,
    }
    return {model: {"instances": rows[model], "files": ["content", "input_1"]} for model in MODELS}


@pytest.fixture(scope="module")
def ask(
    addresses: dict[str, str],
    server: Server,
    questions: dict[str, Any],
    drive_to: Drive,
    tmp_path_factory: pytest.TempPathFactory,
) -> Ask:
    """`ask(protocol, model)`: the address that was asked, the prediction's id, and the answer by output."""
    file = tmp_path_factory.mktemp("questions") / "questions.json"
    told = {model: question | {"address": addresses[model]} for model, question in questions.items()}
    file.write_text(json.dumps(told), encoding="utf-8")
    answers: dict[str, Any] = {}

    def own() -> dict[str, Any]:
        with Client(url_of(server)) as client:
            return {model: client.predict(model, question["instances"]) for model, question in questions.items()}

    def asked(protocol: str, model: str) -> tuple[str, str, Columns]:
        if protocol not in answers:
            answers[protocol] = own() if protocol == "own" else drive_to(url_of(server), *DRIVERS[protocol], str(file))
        answer = answers[protocol][model]
        address = addresses[model] if protocol == "scoring" else url_of(server)
        if protocol == "own":
            return address, answer["id"], columns_of(answer["outputs"])
        if protocol == "oip":
            return address, answer["prediction_id"], {name: np.array(of) for name, of in answer["outputs"].items()}
        return address, answer["prediction_id"], columns_of(answer["predictions"])

    return asked


def url_of(server: Server) -> str:
    return "http://{}:{}".format(*server.address)


def columns_of(rows: list[dict[str, Any]]) -> Columns:
    """Scores by the name of their class become a list, in its order."""
    return {
        name: np.array([list(row[name].values()) if isinstance(row[name], dict) else row[name] for row in rows])
        for name in rows[0]
    }


def of_xgboost(server: Server) -> Columns:
    """The booster's own answers to the flights, as a data frame."""
    import xgboost

    fields = server.call("GET", "/api/v1/models/flight-delay").json["signature"]["inputs"]
    frame = pd.DataFrame(FLIGHTS).reindex(columns=[field["name"] for field in fields])
    for field in fields:
        if field["type"] == "category":
            frame[field["name"]] = pd.Categorical(frame[field["name"]], categories=field["categories"])
        else:
            frame[field["name"]] = frame[field["name"]].astype(np.float32)
    probability = xgboost.Booster(model_file=FLIGHT_DELAY).predict(xgboost.DMatrix(frame, enable_categorical=True))
    return {"probability": probability, "label": np.where(probability >= np.float32(0.26), "late", "on_time")}


def of_sklearn(server: Server) -> Columns:
    import skops.io

    path = DATA / "penguin-species.skops"
    model = skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))
    frame = pd.DataFrame([row | {"body_mass_g": 4000.0} for row in PENGUINS])
    return {"label": model.predict(frame), "probability": model.predict_proba(frame)}


def of_magika(server: Server) -> Columns:
    from magika import Magika

    found = [Magika().identify_bytes(content) for content in CONTENTS]
    return {
        "label": np.array([str(one.output.label) for one in found]),
        "score": np.array([one.score for one in found]),
    }


def of_tflite(server: Server) -> Columns:
    """An interpreter's own answers to the pictures, and what their scores say."""
    from ai_edge_litert.interpreter import Interpreter
    from PIL import Image

    interpreter = Interpreter(str(DATA / "hands.tflite"), num_threads=1)
    interpreter.allocate_tensors()
    outputs = interpreter.get_output_details()
    rows = []
    for name in PICTURES:
        picture = Image.open(io.BytesIO((DATA / name).read_bytes())).resize((224, 224), Image.Resampling.BILINEAR)
        pixels = np.asarray(picture, np.float32)[None] / np.float32(255)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pixels)
        interpreter.invoke()
        rows.append([interpreter.get_tensor(output["index"])[0] for output in outputs])
    columns = {output["name"]: np.stack(got) for output, got in zip(outputs, zip(*rows, strict=True), strict=True)}
    present, right = columns["Identity_1"][:, 0] >= 0.5, columns["Identity_2"][:, 0] >= 0.5
    return columns | {
        "Identity_1.label": np.where(present, "hand", "no hand"),
        "Identity_2.label": np.where(right, "Right", "Left"),
    }


LIBRARIES = dict(zip(MODELS, (of_xgboost, of_sklearn, of_magika, of_tflite), strict=True))


@pytest.fixture(scope="module")
def library(server: Server) -> Callable[[str], Columns]:
    """`library(model)`: what the model's library answers by itself."""
    known: dict[str, Columns] = {}

    def answers(model: str) -> Columns:
        if model not in known:
            known[model] = LIBRARIES[model](server)
        return known[model]

    return answers


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("model", MODELS)
def test_every_protocol_gives_the_library_s_own_answer_and_keeps_it(
    model: str,
    protocol: str,
    ask: Ask,
    library: Callable[[str], Columns],
    questions: dict[str, Any],
) -> None:
    expected = library(model)
    address, identity, told = ask(protocol, model)
    with Client(address) as client:
        kept = client.prediction(model, identity)
    assert kept["instances"] == len(questions[model]["instances"])
    for answers in (told, columns_of(kept["outputs"])):
        assert answers.keys() == expected.keys()
        for name, values in expected.items():
            same = answers[name].astype(values.dtype)
            assert same.tolist() == values.tolist(), (name, protocol)


FAMILIES = dict(zip(MODELS, ("xgboost", "sklearn", "python", "tflite"), strict=True))
# What only a family of these has, and what it says of the model.
SPECIAL = {
    "flight-delay": ("importance", "carrier"),
    "penguin-species": ("structure", "OneHotEncoder"),
    "file-type": ("predictor", "file_type"),
    "hands": ("tensors", "input_1"),
}


@pytest.mark.parametrize("model", MODELS)
def test_every_model_has_its_resource_page_and_documentation(model: str, server: Server) -> None:
    address = f"/api/v1/models/{model}"
    resource = server.call("GET", address).json
    assert (resource["family"], resource["state"], resource["version"]) == (FAMILIES[model], "ready", 1)
    name, word = SPECIAL[model]
    assert word in server.call("GET", resource["resources"][name]).body.decode()

    document = server.call("GET", f"{address}/openapi.json").json
    assert {f"{address}/predictions", f"{address}/{name}"} <= document["paths"].keys()
    page = server.call("GET", f"/models/{model}", headers={"Accept": "text/html"})
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    for field in (*resource["signature"]["inputs"], *resource["signature"]["outputs"]):
        assert field["name"] in page.body.decode()
    assert server.call("GET", f"/models/{model}/docs", headers={"Accept": "text/html"}).status == 200
