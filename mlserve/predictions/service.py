"""Decode, predict, keep: the one way of a prediction, for our own resources and for every protocol plugin."""

import hashlib
import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from mlserve.errors import Busy, NotSupported, TooLarge
from mlserve.ids import Ids
from mlserve.inference import LoadedVersion
from mlserve.inference.loaded import Limits
from mlserve.names import CHAMPION
from mlserve.observability.metrics.measures import Measures, outcome_of
from mlserve.predictions import reading
from mlserve.predictions.explaining import Explaining
from mlserve.predictions.log import PredictionLog
from mlserve.predictions.multipart import Upload
from mlserve.predictions.record import BlockRecord, PredictionRecord
from mlserve.signature import Batch, Signature
from mlserve.turns import Turns


class Asked(msgspec.Struct, frozen=True, gc=False):
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
    leaves out what the signature does not keep. `arrays` are the predictor's own, by output, and
    `signature` is that of the version that has made them; None of a stored one.
    """

    record: PredictionRecord
    replayed: bool
    explanation: bytes | None = None
    arrays: Mapping[str, Any] | None = None
    signature: Signature | None = None


class PredictionService:
    """`request.serving`."""

    def __init__(
        self,
        log: PredictionLog,
        explaining: Explaining,
        limits: Limits,
        worker: str,
        metrics: Measures,
        *,
        block_from: int = 0,
        turns: Turns | None = None,
    ) -> None:
        """Inputs of `block_from` instances and more are kept as column blocks; 0: none are.

        Every prediction has its turn from where its body is decoded; `turns` says who waits for whom.
        """
        self.log = log
        self.explaining = explaining
        self.limits = limits
        self._metrics = metrics
        self._worker = worker
        self._block_from = block_from or math.inf
        self._new_id = Ids()
        self._turns = turns or Turns()

    def answer(self, loaded: LoadedVersion, body: bytes | Upload, asked: Asked) -> Answered:
        """Answer a JSON body, or a form; the prediction is durable when this returns.

        Raises Unreadable, Invalid, TooLarge, NotSupported, PredictionFailed, LogUnavailable, DatabaseUnavailable and,
        with an idempotency key, IdempotencyKeyReused. With a key that came before, the record is the stored one.
        """
        return self._measured(self._answer, loaded, asked, body)

    def answer_by(
        self, loaded: LoadedVersion, decode: Callable[[LoadedVersion], Batch], body: bytes, asked: Asked
    ) -> Answered:
        """Answer a body of another form, of which `decode` makes a Batch of the version that is to answer.

        Raises what `decode` raises, and what `answer` does.
        """
        return self._measured(self._answer_by, loaded, asked, decode, body)

    def serve(self, loaded: LoadedVersion, batch: Batch, asked: Asked) -> Answered:
        """Predict and keep a Batch that is already decoded."""
        return self._measured(self._serve, loaded, asked, batch)

    def _measured(self, way: Callable[..., Answered], loaded: LoadedVersion, asked: Asked, *sent: Any) -> Answered:
        with self._turns.taken():
            started = time.perf_counter_ns()
            try:
                answered = way(loaded, asked, started, *sent)
            except Exception as error:
                self._metrics.prediction(loaded.lineage, outcome_of(error), time.perf_counter_ns() - started)
                raise
        nanoseconds = time.perf_counter_ns() - started
        if answered.replayed:
            self._turns.leave()  # Nothing is left to compute, and an old version's signature may be looked for.
            self._metrics.prediction(loaded.lineage, "replayed", nanoseconds)
        else:
            self._metrics.prediction(loaded.lineage, "ok", nanoseconds, answered.record.n)
        return answered

    def _answer(self, loaded: LoadedVersion, asked: Asked, started: int, body: bytes | Upload) -> Answered:
        key = asked.idempotency_key
        if key is not None:
            asked, kept = self._keyed(loaded, asked, key, reading.identity_of(body))
            if kept is not None:
                explain = asked.explain or reading.asks_why(loaded, body, self.limits)
                return self._replayed(kept, explain=explain)
        envelope, batch = reading.read_batch(loaded, body, self.limits)
        if envelope.reference is not None:
            asked = replace(asked, reference=envelope.reference)
        if envelope.explain:
            asked = replace(asked, explain=True)
        return self._serve(loaded, asked, started, batch)

    def _answer_by(
        self, loaded: LoadedVersion, asked: Asked, started: int, decode: Callable[[LoadedVersion], Batch], body: bytes
    ) -> Answered:
        key = asked.idempotency_key
        if key is not None:
            asked, kept = self._keyed(loaded, asked, key, body)
            if kept is not None:
                return self._replayed(kept, explain=asked.explain)
        return self._serve(loaded, asked, started, decode(loaded))

    def _keyed(
        self, loaded: LoadedVersion, asked: Asked, key: str, identity: bytes
    ) -> tuple[Asked, PredictionRecord | None]:
        """What is asked, with the digest of its body, and the prediction that is stored under its `key`, if any.

        It is looked up before the body is read: the key, the body and the version that the address names are all that
        counts, even where a newer version would refuse the instances now. Through an alias a repeated request gets its
        answer wherever the alias leads by now. Raises IdempotencyKeyReused.
        """
        named = asked.asked.encode() if asked.alias is None else b""
        digest = hashlib.sha256(named + identity).hexdigest()
        with self._turns.aside():
            kept = self.log.keyed(asked.caller, loaded.lineage.model, key, digest)
        return replace(asked, body_digest=digest), kept

    def _serve(self, loaded: LoadedVersion, asked: Asked, started: int, batch: Batch) -> Answered:
        if asked.explain:  # What cannot be explained is refused before anything is predicted.
            self.explaining.require(loaded, batch.n)
        arrays = loaded.predict(batch)
        outputs, warnings = loaded.encode(arrays, batch.n)
        shown, explanation = self.explaining.of_answer(loaded, batch) if asked.explain else (None, None)
        record = self._record(loaded, batch, asked, outputs, warnings, explanation, started)
        if asked.idempotency_key is not None:
            kept = self.log.keep_once(record)
            if kept.id != record.id:
                return self._replayed(kept, explain=asked.explain)
        else:
            self.log.keep(record)
        return Answered(record, False, shown, arrays, loaded.signature)

    def _replayed(self, kept: PredictionRecord, *, explain: bool) -> Answered:
        """The stored answer. An explanation that was not stored is computed again, and left out where it cannot be: the
        answer is what the key promises.
        """
        if not explain:
            return Answered(kept, True)
        explanation: bytes | msgspec.Raw | None
        with self._turns.aside():
            explanation = self.log.explanation(kept)
        if explanation is None:
            with suppress(NotSupported, TooLarge, Busy):
                explanation = self.explaining.of_kept(kept)
        return Answered(kept, True, None if explanation is None else bytes(explanation))

    def _record(
        self,
        loaded: LoadedVersion,
        batch: Batch,
        asked: Asked,
        outputs: bytes,
        warnings: list[dict[str, Any]],
        explanation: bytes | None,
        started: int,
    ) -> PredictionRecord:
        lineage, stored = loaded.lineage, loaded.stored_inputs
        kind: type[PredictionRecord] = BlockRecord
        inputs: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
        block = stored.block(batch) if batch.n >= self._block_from else None
        if block is None:
            kind, inputs = PredictionRecord, msgspec.Raw(stored.encode(batch))
        return kind(
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
            inputs=inputs,
            inputs_block=None if block is None else block[0],
            encoding=None if block is None else block[1],
            outputs=msgspec.Raw(outputs),
            warnings=warnings or None,
            not_kept=stored.not_kept or None,
            idempotency_key=asked.idempotency_key,
            body_digest=asked.body_digest,
            worker=self._worker,
            explanation_text=msgspec.UNSET if explanation is None else msgspec.Raw(explanation),
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
