"""Checks over HTTP: what a caller meets who asks, mistakes something, or reads back what was answered."""

import json
from typing import Any

import numpy as np
from openapi_spec_validator import OpenAPIV31SpecValidator

from mlserve.signature import Field
from mlserve.signature.batch import DTYPES
from mlserve.signature.fields import BINARY, TEXTS
from mlserve.testing.application import Served
from mlserve.testing.checks import Checks
from mlserve.testing.instances import wrong_instances
from mlserve.testing.subject import MODEL, Subject, answer_of, batch_of

ADDRESS = f"/api/v1/models/{MODEL}"
PREDICTIONS = f"{ADDRESS}/predictions"
# Bodies that no model can answer, with the status that says so.
_NO_PREDICTIONS: tuple[tuple[bytes, int], ...] = (
    (b"", 400),
    (b'{"instances": [', 400),
    (b'{"instances": []}', 422),
    (b'{"instances": 1}', 422),
    (b"[]", 422),
    (b"{}", 422),
)


class HttpChecks(Checks):
    """The artefact behind a real application, on the addresses that its plugin gives it."""

    def test_answers_are_the_predictor_s(self, subject: Subject, app: Served) -> None:
        loaded = app.application.live.get(MODEL).loaded()
        instances = self.instances(subject.signature, 20)
        answer = self._ask(app, instances).json
        batch = batch_of(loaded, instances)
        outputs, _ = loaded.output_encoder.encode(answer_of(loaded, batch), batch.n)
        assert answer.get("outputs") == json.loads(outputs), "POST predictions must answer what predict() answers."
        assert (answer.get("model"), answer.get("version")) == (MODEL, 1), "The answer must name model and version."

    def test_answers_are_kept_and_read_back(self, subject: Subject, app: Served) -> None:
        instances = self.instances(subject.signature, 5)
        answered = self._ask(app, instances)
        address = answered.headers.get("Content-Location")
        assert address, "An answer must say with Content-Location where it is kept: use request.serving to answer."
        kept = app.get(address, status="*")
        assert kept.status_int == 200, f"The prediction that was answered is not kept: {address} is {kept.status}."
        assert kept.json["outputs"] == answered.json["outputs"], "The outputs that are kept are not those answered."
        for sent, inputs in zip(instances, kept.json["inputs"], strict=True):
            for field in subject.signature.inputs:
                if field.keep == "full":
                    expected = sent.get(field.name)
                    assert _same(field, expected, inputs[field.name]), (
                        f"Field {field.name!r} was sent as {expected!r}, and kept as {inputs[field.name]!r}."
                    )
        lineage = kept.json["lineage"]
        assert lineage["family"] == subject.family.name, "The lineage must name the family."

    def test_wrong_instances_are_refused_with_code_and_pointer(self, subject: Subject, app: Served) -> None:
        for wrong in wrong_instances(subject.signature):
            what = f"{wrong.field!r} = {str(wrong.instance.get(wrong.field, 'nothing'))[:60]}"
            refused = app.predict(MODEL, [wrong.instance], status="*")
            assert refused.status_int == 422, f"{what} must be refused with 422, and is answered {refused.status}."
            pointer = f"/instances/0/{wrong.field.replace('~', '~0').replace('/', '~1')}"
            found = [(problem["pointer"], problem["code"]) for problem in refused.json["errors"]]
            assert (pointer, wrong.code) in found, f"{what} must be refused as {(pointer, wrong.code)}, not {found}."
        kept = app.get(PREDICTIONS).json["predictions"]
        assert kept == [], "What was refused must leave nothing in the log."

    def test_bodies_without_instances_are_refused(self, app: Served) -> None:
        for body, status in _NO_PREDICTIONS:
            refused = app.post(PREDICTIONS, body, {"Content-Type": "application/json"}, status="*")
            assert refused.status_int == status, f"The body {body!r} must be answered {status}, not {refused.status}."
            assert refused.content_type == "application/problem+json", "A refusal must be application/problem+json."

    def test_explanations_are_answered_or_refused(self, subject: Subject, app: Served) -> None:
        loaded = app.application.live.get(MODEL).loaded()
        body = {"instances": self.instances(subject.signature, 3)}
        answer = app.post_json(f"{ADDRESS}/explanations", body, status="*")
        if not loaded.explains:
            assert (answer.status_int, answer.json.get("code")) == (409, "not_supported"), (
                f"A family without explain() must answer 409 not_supported, not {answer.status}."
            )
            return
        assert answer.status_int == 200, f"A family with explain() must explain what it can predict: {answer.text}"
        blocks = [block for instance in answer.json["explanation"]["instances"] for block in instance["blocks"]]
        assert len(blocks) >= 3, "Every instance must have a block."
        for block in blocks:
            assert [*block["contributions"]] == [*subject.signature.names], "A block must name each field in its order."
        kept = self._ask(app, body["instances"], explain=True)
        assert "explanation" in kept.json, "A prediction with explain: true must bring its explanation."

    def test_the_model_describes_itself(self, subject: Subject, app: Served) -> None:
        model = app.get(ADDRESS, status="*")
        assert model.status_int == 200, f"The model's address must answer: {model.text}"
        assert model.json["state"] == "ready", f"The model is not ready: {model.json.get('reason')}"
        assert model.json["signature"] == json.loads(json.dumps(subject.signature.to_json())), (
            "The signature that the model shows must be the one that inspect() gave."
        )
        assert "predictions" in model.json["resources"], (
            "The family brings no predictions: config.add_model_resource('predictions', a PredictionsResource of it)."
        )

    def test_every_resource_of_the_model_can_be_read(self, app: Served) -> None:
        for name, address in app.get(ADDRESS).json["resources"].items():
            if "{" in name:
                continue  # Only its plugin knows what can stand there.
            answer = app.get(address, status="*")
            assert answer.status_int in (200, 405, 409), f"GET {address} answers {answer.status}: {answer.text[:200]}"

    def test_the_openapi_document_is_valid(self, app: Served) -> None:
        answer = app.get(f"{ADDRESS}/openapi.json", status="*")
        assert answer.status_int == 200, f"The model's OpenAPI document cannot be made: {answer.status}"
        problems = [error.message for error in OpenAPIV31SpecValidator(answer.json).iter_errors()]
        assert not problems, (
            f"The model's OpenAPI document is not valid: mend the operations of its resources: {problems[:3]}"
        )

    def _ask(self, app: Served, instances: Any, **envelope: Any) -> Any:
        answer = app.predict(MODEL, instances, status="*", **envelope)
        assert answer.status_int == 200, f"Instances that fit the signature are answered {answer.status}: {answer.text}"
        return answer


def _same(field: Field, sent: Any, kept: Any) -> bool:
    if sent is None or kept is None:
        return sent is kept
    if field.type in TEXTS | BINARY:
        return bool(sent == kept)
    return bool(np.array_equal(np.array(sent, DTYPES[field.type]), np.array(kept, DTYPES[field.type])))
