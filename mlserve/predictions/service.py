"""Decode, predict, keep: the one way of a prediction, for our own resources and for every protocol plugin."""

import hashlib
import time
from collections.abc import Callable, Container
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import msgspec

from mlserve.errors import Invalid, MlserveError, Problem, TooLarge, Unreadable
from mlserve.inference import Explanation, LoadedVersion
from mlserve.inference.explanation import explanation_json
from mlserve.inference.loaded import Limits
from mlserve.observability.metrics.measures import Measures, outcome_of
from mlserve.predictions.envelope import Envelope, read_envelope, refuse_depth
from mlserve.predictions.ids import PredictionIds
from mlserve.predictions.log import PredictionLog
from mlserve.predictions.record import PredictionRecord
from mlserve.signature import Batch

CHAMPION = "champion"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request says beside its instances."""

    alias: str | None = CHAMPION
    asked: str = f"alias:{CHAMPION}"
    caller: str = ""
    reference: str | None = None
    request_id: str | None = None
    idempotency_key: str | None = None
    body_digest: str | None = None
    explain: bool = False


class Answered(NamedTuple):
    """The prediction that answers; `replayed` when its idempotency key came before, and this is the stored one.

    `explanation` is the JSON text of the answer's explanation, if one was asked for: whole, where the record's own
    leaves out what the signature does not keep.
    """

    record: PredictionRecord
    replayed: bool
    explanation: bytes | None = None


class PredictionService:
    """`request.serving`."""

    def __init__(
        self,
        log: PredictionLog,
        limits: Limits,
        worker: str,
        metrics: Measures | None = None,
        *,
        tables: Container[str] = frozenset(),
    ) -> None:
        """`tables` holds the families whose explanations have a table, and so are kept."""
        self.log = log
        self.limits = limits
        self._tables = tables
        self._metrics = Measures() if metrics is None else metrics
        self._worker = worker
        self._new_id = PredictionIds()

    def answer(self, loaded: LoadedVersion, body: bytes, asked: Asked) -> Answered:
        """Answer a JSON body; the prediction is durable when this returns.

        Raises Unreadable, Invalid, TooLarge, NotSupported, PredictionFailed, LogUnavailable, DatabaseUnavailable and,
        with an idempotency key, IdempotencyKeyReused. With a key that came before, the record is the stored one.
        """
        return self._measured(self._answer, loaded, body, asked, time.perf_counter_ns())

    def _answer(self, loaded: LoadedVersion, body: bytes, asked: Asked, started: int) -> Answered:
        key = asked.idempotency_key
        if key is not None:
            # Looked up before the body is read: the key and the body are all that counts, even where a newer version
            # would refuse the instances now.
            asked = replace(asked, body_digest=hashlib.sha256(body).hexdigest())
            kept = self.log.keyed(asked.caller, loaded.lineage.model, key, asked.body_digest)
            if kept is not None:
                return _replayed(kept)
        envelope, problems = read_envelope(body, self.limits.depth, self.limits.problems)
        if problems:
            raise self._all_problems(loaded, envelope, problems, body)
        batch = self.decode(loaded, envelope, body)
        if envelope.reference is not None:
            asked = replace(asked, reference=envelope.reference)
        if envelope.explain:
            asked = replace(asked, explain=True)
        return self._serve(loaded, batch, asked, started)

    def serve(self, loaded: LoadedVersion, batch: Batch, asked: Asked, started: int | None = None) -> Answered:
        """Predict and keep a Batch that is already decoded; `started` is `time.perf_counter_ns()` of its arrival."""
        return self._measured(self._serve, loaded, batch, asked, time.perf_counter_ns() if started is None else started)

    def _measured(
        self, way: Callable[..., Answered], loaded: LoadedVersion, sent: bytes | Batch, asked: Asked, started: int
    ) -> Answered:
        try:
            answered = way(loaded, sent, asked, started)
        except Exception as error:
            self._metrics.prediction(loaded.lineage, outcome_of(error), time.perf_counter_ns() - started)
            raise
        nanoseconds = time.perf_counter_ns() - started
        if answered.replayed:
            self._metrics.prediction(loaded.lineage, "replayed", nanoseconds)
        else:
            self._metrics.prediction(loaded.lineage, "ok", nanoseconds, answered.record.n)
        return answered

    def _serve(self, loaded: LoadedVersion, batch: Batch, asked: Asked, started: int) -> Answered:
        if asked.explain:  # What cannot be explained is refused before anything is predicted.
            self._require_explainable(loaded, batch.n)
        outputs, warnings = loaded.output_encoder.encode(loaded.predict(batch), batch.n)
        explanation = loaded.explain(batch) if asked.explain else None
        record = self._record(loaded, batch, asked, msgspec.Raw(outputs), warnings, started)
        shown = None if explanation is None else self._shown(loaded, explanation, record)
        if asked.idempotency_key is not None:
            kept = self.log.keep_once(record)
            return Answered(record, False, shown) if kept.id == record.id else _replayed(kept)
        self.log.keep(record)
        return Answered(record, False, shown)

    def explain(self, loaded: LoadedVersion, body: bytes) -> bytes:
        """Explain the instances of a JSON body, the same as that of a prediction, and keep nothing; a JSON text.

        Raises Unreadable, Invalid, TooLarge, NotSupported, PredictionFailed.
        """
        started = time.perf_counter_ns()
        try:
            explanation = self._explain(loaded, body)
        except Exception as error:
            self._metrics.explanation(loaded.lineage, outcome_of(error), time.perf_counter_ns() - started)
            raise
        self._metrics.explanation(loaded.lineage, "ok", time.perf_counter_ns() - started)
        return explanation

    def _explain(self, loaded: LoadedVersion, body: bytes) -> bytes:
        loaded.require_explainer()
        envelope, problems = read_envelope(body, self.limits.depth, self.limits.problems)
        if problems:
            raise self._all_problems(loaded, envelope, problems, body)
        return self.explain_batch(loaded, self.decode(loaded, envelope, body))

    def explain_batch(self, loaded: LoadedVersion, batch: Batch) -> bytes:
        """Explain a Batch that is already decoded; a JSON text. Raises TooLarge, NotSupported, PredictionFailed."""
        self._require_explainable(loaded, batch.n)
        return explanation_json(loaded.explain(batch), loaded.signature)

    def _require_explainable(self, loaded: LoadedVersion, n: int) -> None:
        loaded.require_explainer()
        limit = self.limits.explained_of(loaded.signature)
        if n > limit:
            raise TooLarge(
                f"{n:,} instances to explain; at most {limit:,} of this model at once (mlserve.limits.explained)."
            )

    def _shown(self, loaded: LoadedVersion, explanation: Explanation, record: PredictionRecord) -> bytes:
        """The explanation that the caller is shown; the record is given the one to keep, where there is a table."""
        shown = explanation_json(explanation, loaded.signature)
        if record.family in self._tables:
            hidden = loaded.stored_inputs.not_kept
            record.explanation_text = msgspec.Raw(
                explanation_json(explanation, loaded.signature, hidden) if hidden else shown
            )
        return shown

    def decode(self, loaded: LoadedVersion, envelope: Envelope, body: bytes = b"") -> Batch:
        """Check the instances against the version's own signature. Raises Invalid, TooLarge, Unreadable."""
        try:
            return loaded.decoder.decode(_raw(envelope.instances), _raw(envelope.columns))
        except (Invalid, Unreadable):
            refuse_depth(body, self.limits.depth)
            raise

    def _record(
        self,
        loaded: LoadedVersion,
        batch: Batch,
        asked: Asked,
        outputs: msgspec.Raw,
        warnings: list[dict[str, Any]],
        started: int,
    ) -> PredictionRecord:
        lineage = loaded.lineage
        return PredictionRecord(
            id=self._new_id(),
            model=lineage.model,
            version=lineage.version,
            digest=lineage.digest,
            family=lineage.family,
            engine=lineage.engine,
            plugin=lineage.plugin,
            library=lineage.library,
            asked=asked.asked,
            alias=asked.alias,
            caller=asked.caller,
            reference=asked.reference,
            request_id=asked.request_id,
            created_at=time.time_ns() // 1000,
            duration_us=(time.perf_counter_ns() - started) // 1000,
            n=batch.n,
            inputs=msgspec.Raw(loaded.stored_inputs.encode(batch)),
            outputs=outputs,
            warnings=warnings or None,
            not_kept=loaded.stored_inputs.not_kept or None,
            idempotency_key=asked.idempotency_key,
            body_digest=asked.body_digest,
            worker=self._worker,
        )

    def _all_problems(
        self, loaded: LoadedVersion, envelope: Envelope, problems: list[Problem], body: bytes
    ) -> MlserveError:
        refuse_depth(body, self.limits.depth)
        more = False
        if (envelope.instances is msgspec.UNSET) != (envelope.columns is msgspec.UNSET):
            try:
                self.decode(loaded, envelope, body)
            except Invalid as error:
                problems, more = problems + list(error.problems), error.more
            except MlserveError as error:
                return error
        limit = self.limits.problems
        return Invalid(
            "The request breaks the envelope of a prediction.",
            problems=problems[:limit],
            more=more or len(problems) > limit,
        )


def answer_json(record: PredictionRecord, explanation: bytes | None = None) -> bytes:
    """The body that answers a prediction: its id, the version that answered and one object for each instance."""
    head = (
        f'{{"id":"{record.id}","model":"{record.model}","version":{record.version},'
        f'"alias":{"null" if record.alias is None else chr(34) + record.alias + chr(34)},"outputs":'
    )
    tail = b"}" if not record.warnings else b',"warnings":' + msgspec.json.encode(record.warnings) + b"}"
    if explanation is not None:
        tail = b',"explanation":' + explanation + tail
    return head.encode() + bytes(record.outputs) + tail


def _replayed(kept: PredictionRecord) -> Answered:
    return Answered(kept, True, None if kept.explanation is None else bytes(kept.explanation))


def _raw(value: msgspec.Raw | msgspec.UnsetType) -> bytes | None:
    return None if value is msgspec.UNSET else bytes(value)
