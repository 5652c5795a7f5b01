"""Decode, predict, keep: the one way of a prediction, for our own resources and for every protocol plugin."""

import hashlib
import time
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import msgspec

from mlserve.errors import Invalid, MlserveError, Problem, Unreadable
from mlserve.inference import LoadedVersion
from mlserve.inference.loaded import Limits
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


class Answered(NamedTuple):
    """The prediction that answers; `replayed` when its idempotency key came before, and this is the stored one."""

    record: PredictionRecord
    replayed: bool


class PredictionService:
    """`request.serving`."""

    def __init__(self, log: PredictionLog, limits: Limits, worker: str) -> None:
        self.log = log
        self.limits = limits
        self._worker = worker
        self._new_id = PredictionIds()

    def answer(self, loaded: LoadedVersion, body: bytes, asked: Asked) -> Answered:
        """Answer a JSON body; the prediction is durable when this returns.

        Raises Unreadable, Invalid, TooLarge, PredictionFailed, LogUnavailable, DatabaseUnavailable and, with an
        idempotency key, IdempotencyKeyReused. With a key that came before, the record is the stored one.
        """
        started = time.perf_counter_ns()
        key = asked.idempotency_key
        if key is not None:
            # Looked up before the body is read: the key and the body are all that counts, even where a newer version
            # would refuse the instances now.
            asked = replace(asked, body_digest=hashlib.sha256(body).hexdigest())
            kept = self.log.keyed(asked.caller, loaded.lineage.model, key, asked.body_digest)
            if kept is not None:
                return Answered(kept, replayed=True)
        envelope, problems = read_envelope(body, self.limits.depth, self.limits.problems)
        if problems:
            raise self._all_problems(loaded, envelope, problems, body)
        batch = self.decode(loaded, envelope, body)
        if envelope.reference is not None:
            asked = replace(asked, reference=envelope.reference)
        return self.serve(loaded, batch, asked, started)

    def serve(self, loaded: LoadedVersion, batch: Batch, asked: Asked, started: int | None = None) -> Answered:
        """Predict and keep a Batch that is already decoded; `started` is `time.perf_counter_ns()` of its arrival."""
        started = time.perf_counter_ns() if started is None else started
        outputs, warnings = loaded.output_encoder.encode(loaded.predict(batch), batch.n)
        record = self._record(loaded, batch, asked, msgspec.Raw(outputs), warnings, started)
        if asked.idempotency_key is not None:
            kept = self.log.keep_once(record)
            return Answered(kept, replayed=kept.id != record.id)
        self.log.keep(record)
        return Answered(record, replayed=False)

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


def answer_json(record: PredictionRecord) -> bytes:
    """The body that answers a prediction: its id, the version that answered and one object for each instance."""
    head = (
        f'{{"id":"{record.id}","model":"{record.model}","version":{record.version},'
        f'"alias":{"null" if record.alias is None else chr(34) + record.alias + chr(34)},"outputs":'
    )
    tail = b"}" if not record.warnings else b',"warnings":' + msgspec.json.encode(record.warnings) + b"}"
    return head.encode() + bytes(record.outputs) + tail


def _raw(value: msgspec.Raw | msgspec.UnsetType) -> bytes | None:
    return None if value is msgspec.UNSET else bytes(value)
