"""The client's verbs on predictions: make them, read them, explain them, and report what really happened."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from mlserve_client.connection import Connection, time_text
from mlserve_client.instances import envelope_of, plain


class PredictionVerbs:
    """Each answer is the JSON value that the HTTP API describes."""

    _connection: Connection

    def predict(
        self,
        model: str,
        instances: Any,
        *,
        version: int | None = None,
        alias: str | None = None,
        reference: str | None = None,
        explain: bool = False,
        idempotency_key: str | bool = True,
    ) -> dict[str, Any]:
        """Make a prediction: `id`, `model`, `version`, `alias`, `outputs`, one for each instance, in order.

        `instances`: a list of dicts or lists, a dict of columns, a 2-D array with the signature's order of fields, or
        a DataFrame; a value of a `bytes` or `image` field is bytes, or a Path whose file is read. `version` or
        `alias`: who answers; else the champion. With `idempotency_key` true a new key is made, so that a retry is no
        second prediction; a text is the key; false sends none, and then nothing is sent twice. Raises InvalidError
        with all that does not fit the signature, and OSError for a file that cannot be read.
        """
        if version is not None and alias is not None:
            raise ValueError("Give `version` or `alias`, not both.")
        body = envelope_of(instances)
        if reference is not None:
            body["reference"] = reference
        if explain:
            body["explain"] = True
        asked = ("versions", version) if version is not None else ("aliases", alias) if alias is not None else ()
        key = uuid4().hex if idempotency_key is True else idempotency_key
        headers = {} if key is False else {"Idempotency-Key": key}
        path = ("models", model, *asked, "predictions")
        answer: dict[str, Any] = self._connection.call("POST", path, body, headers=headers)
        return answer

    def explain(self, model: str, instances: Any) -> dict[str, Any]:
        """Explain instances by the champion, and keep nothing. Raises NotSupportedError where the model cannot."""
        path = ("models", model, "explanations")
        answer: dict[str, Any] = self._connection.call("POST", path, envelope_of(instances))
        return answer

    def prediction(self, model: str, id: str) -> dict[str, Any]:  # noqa: A002
        """A kept prediction, with its inputs and its last actuals. Raises PredictionUnknownError."""
        answer: dict[str, Any] = self._connection.get("models", model, "predictions", id)
        return answer

    def explanation(self, model: str, id: str) -> dict[str, Any]:  # noqa: A002
        """Why a kept prediction is what it is."""
        answer: dict[str, Any] = self._connection.get("models", model, "predictions", id, "explanation")
        return answer

    def predictions(
        self,
        model: str,
        *,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        version: int | None = None,
        caller: str | None = None,
        reference: str | None = None,
        page: int = 100,
    ) -> Iterator[dict[str, Any]]:
        """The kept predictions, newest first; `page` (1 to 1000) are fetched at a time, when they are needed."""
        return self._connection.pages(
            "models",
            model,
            "predictions",
            member="predictions",
            since=None if since is None else time_text(since),
            until=None if until is None else time_text(until),
            version=version,
            caller=caller,
            reference=reference,
            limit=page,
        )

    def reproduce(self, model: str, id: str) -> dict[str, Any]:  # noqa: A002
        """Ask the very bundle that answered a kept prediction again, and keep nothing: `verdict`, `differences`."""
        path = ("models", model, "predictions", id, "reproduction")
        answer: dict[str, Any] = self._connection.call("POST", path)
        return answer

    def report(self, model: str, id: str, actuals: Mapping[str, Any]) -> dict[str, Any]:  # noqa: A002
        """Say what really happened: for each output a list with a value or None for each instance.

        The last report counts as a whole. A retry may store the same report twice, as two revisions.
        """
        path = ("models", model, "predictions", id, "actuals")
        answer: dict[str, Any] = self._connection.call("PUT", path, {"actuals": plain(actuals)})
        return answer

    def report_many(
        self, model: str, reports: Mapping[str, Mapping[str, Any]] | Iterable[tuple[str, Mapping[str, Any]]]
    ) -> dict[str, Any]:
        """Say it for many predictions, by id: `stored`, `refused`, `results` in order. A refused one raises nothing."""
        pairs = reports.items() if isinstance(reports, Mapping) else reports
        body = {"actuals": [{"id": id_, "actuals": plain(actuals)} for id_, actuals in pairs]}
        answer: dict[str, Any] = self._connection.call("POST", ("models", model, "actuals"), body)
        return answer

    def reports(self, model: str, id: str) -> list[dict[str, Any]]:  # noqa: A002
        """Every report on a prediction, the last one first."""
        return self._connection.listed("models", model, "predictions", id, "actuals", member="revisions")
