"""ProtocolSuite: what is true of every protocol's plugin, as tests that a plugin's author subclasses.

class TestProtocol(ProtocolSuite):
    plugin = "mlserve_lines"
    prefix = "/lines"

    def question(self, model, rows):
        return Question("POST", f"/lines/{model}", json.dumps({"rows": rows}).encode())

    def require_failure(self, answer):
        assert answer.json.keys() == {"error"}
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mlserve.testing.application import Served, serving, settings_of

Row = Mapping[str, float]

ROWS: Sequence[Row] = ({"x": 1.5, "y": 2.0}, {"x": -0.25, "y": 4.0})
LARGEST = 64 << 10
ALTERED = 200
# A body of any protocol that is none of it.
_HOSTILE = {
    "an empty body": b"",
    "a body of zeros": bytes(512),
    "a body that is not UTF-8": b"\xff\xfe{}",
    "deeply nested JSON": b"[" * 20_000,
    "JSON null": b"null",
    "a JSON text": b'"rows"',
    "an empty JSON object": b"{}",
    "an empty JSON list": b"[]",
}


@dataclass(frozen=True)
class Question:
    """A request of the protocol: what is sent, to which address."""

    verb: str
    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


class ProtocolSuite:
    """The models that are asked are those of `mlserve.testing.sums`: `value` is the sum of `x` and `y`."""

    plugin: ClassVar[str]  # as in `mlserve.plugins`: the name of its entry point, or its dotted name
    prefix: ClassVar[str]  # one that the protocol claims, such as "/v2"
    settings: ClassVar[Mapping[str, str]] = {}  # further INI keys

    def question(self, model: str, rows: Sequence[Row]) -> Question:
        """A prediction of these rows, as this protocol asks for it."""
        raise NotImplementedError

    def require_failure(self, answer: Any) -> None:
        """Assert that the answer, WebTest's, has the shape of this protocol's failures."""
        raise NotImplementedError

    def malformed(self, model: str) -> Iterator[tuple[str, Question]]:
        """Requests that this protocol must refuse, each with a word for what is wrong with it."""
        asked = self.question(model, ROWS)
        for what, body in _HOSTILE.items():
            yield what, replace(asked, body=body)

    @pytest.fixture
    def app(self, tmp_path: Path) -> Iterator[Served]:
        """An application with the protocol and three models: `sum`, `failing`, whose predictor raises, and `other`."""
        models = {}
        for name, content in {"sum": "{}", "other": '{"plus": 10}', "failing": '{"fails": true}'}.items():
            models[name] = tmp_path / f"{name}.sum"
            models[name].write_text(content)
        plugins = f"mlserve.testing.sums {self.plugin}"
        keys = settings_of(
            tmp_path, plugins=plugins, models=models, limits__body=f"{LARGEST}B", limits__instances="100"
        )
        with serving({**keys, **self.settings}) as served:
            yield served

    def test_a_prediction_is_answered_kept_and_has_its_id_in_a_header(self, app: Served) -> None:
        answer = _ask(app, self.question("sum", ROWS))
        assert answer.status_int == 200, f"A sound request is answered {answer.status}: {answer.text[:500]}"
        kept = _kept(app, "sum")
        assert len(kept) == 1, f"One request must keep one prediction, not {len(kept)}: answer with protocols.predict."
        found = answer.headers.get("MLServe-Prediction-Id")
        assert found == kept[0]["id"], (
            f"The header MLServe-Prediction-Id is {found}, the prediction {kept[0]['id']}: answer with "
            "protocols.headers_of."
        )
        record = app.get(f"/api/v1/models/sum/predictions/{found}").json
        assert record["inputs"] == list(ROWS), f"{list(ROWS)} was asked, and {record['inputs']} is kept."

    def test_the_model_of_the_address_answers(self, app: Served) -> None:
        answer = _ask(app, self.question("other", ROWS))
        assert answer.status_int == 200, f"A sound request is answered {answer.status}: {answer.text[:500]}"
        assert (len(_kept(app, "other")), len(_kept(app, "sum"))) == (1, 0), "Another model answers than the one asked."

    def test_malformed_requests_are_refused_in_the_protocol_s_shape(self, app: Served) -> None:
        for what, asked in self.malformed("sum"):
            self._require_refusal(app, asked, what, range(400, 500))
        assert _kept(app, "sum") == [], "What was refused must leave nothing in the log."

    def test_no_altered_request_is_a_failure_of_the_server(self, app: Served) -> None:
        asked, chance = self.question("sum", ROWS), random.Random(3)
        for _ in range(ALTERED):
            at = chance.randrange(len(asked.body))
            cut, flipped = asked.body[:at], bytes([asked.body[at] ^ 1 << chance.randrange(8)])
            altered = replace(asked, body=chance.choice([cut, cut + flipped + asked.body[at + 1 :]]))
            answer = _ask(app, altered)
            assert answer.status_int < 500, f"{altered.body!r} is answered {answer.status}."
            if answer.status_int >= 400:
                self._require_shape(answer, repr(altered.body))

    def test_what_is_not_there_is_refused_in_the_protocol_s_shape(self, app: Served) -> None:
        self._require_refusal(app, self.question("nobody", ROWS), "a model that is not there", [404])
        nowhere = replace(self.question("sum", ROWS), path=f"{self.prefix}/no/such/address/here")
        self._require_refusal(app, nowhere, "an address that is not there", [404])
        wrong = replace(self.question("sum", ROWS), verb="DELETE", body=b"")
        self._require_refusal(app, wrong, "a verb that the address has not", [405])

    def test_what_is_too_large_is_refused_in_the_protocol_s_shape(self, app: Served) -> None:
        asked = self.question("sum", ROWS)
        self._require_refusal(app, replace(asked, body=asked.body + b" " * LARGEST), "a body that is too large", [413])
        self._require_refusal(app, self.question("sum", [*ROWS] * 51), "more instances than the limit", [413])

    def test_a_predictor_that_fails_is_told_in_the_protocol_s_shape(self, app: Served) -> None:
        self._require_refusal(app, self.question("failing", ROWS), "a predictor that raises", [500])

    def test_an_idempotency_key_gets_the_same_prediction(self, app: Served) -> None:
        asked = self.question("sum", ROWS)
        keyed = replace(asked, headers={**asked.headers, "Idempotency-Key": "once"})
        first, again = _ask(app, keyed), _ask(app, keyed)
        assert (first.status_int, again.status_int) == (200, 200), f"With an Idempotency-Key: {again.text[:500]}"
        ids = [answer.headers.get("MLServe-Prediction-Id") for answer in (first, again)]
        assert ids[0] == ids[1], f"One Idempotency-Key has made two predictions, {ids}."
        assert again.headers.get("Idempotency-Replayed") == "true", "A stored answer must say Idempotency-Replayed."
        assert again.body == first.body, f"The stored answer is another one: {again.text[:300]}"

    def _require_refusal(self, app: Served, asked: Question, what: str, statuses: Sequence[int]) -> None:
        answer = _ask(app, asked)
        wanted = f"{statuses[0]}" if len(statuses) == 1 else "4xx"
        assert answer.status_int in statuses, f"{what} must be answered {wanted}, and is {answer.status}."
        self._require_shape(answer, what)

    def _require_shape(self, answer: Any, what: str) -> None:
        try:
            self.require_failure(answer)
        except Exception as error:
            raise AssertionError(
                f"{what} is refused with {answer.status} in another shape than the protocol's: {answer.text[:300]!r}: "
                f"{error!r}"
            ) from error


def _ask(app: Served, asked: Question) -> Any:
    headers = {name: str(value) for name, value in asked.headers.items()}
    return app.request(asked.path, method=asked.verb, body=asked.body, headers=headers, expect_errors=True)


def _kept(app: Served, model: str) -> list[Any]:
    found: list[Any] = app.get(f"/api/v1/models/{model}/predictions").json["predictions"]
    return found
