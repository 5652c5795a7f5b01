"""Why answers are what they are: of new instances, of an answer that is being made, and of kept predictions."""

import time
from collections.abc import Callable, Container
from contextlib import AbstractContextManager, nullcontext

from mlserve.errors import NotSupported, TooLarge
from mlserve.inference import LoadedVersion
from mlserve.inference.explanation import explanation_json
from mlserve.inference.loaded import Limits, seconds_to_explain
from mlserve.observability.metrics.measures import Measures, outcome_of
from mlserve.predictions.one_at_a_time import OneAtATime
from mlserve.predictions.reading import read_batch
from mlserve.predictions.record import PredictionRecord
from mlserve.registry.past import Past
from mlserve.signature import Batch
from mlserve.turns import Turns

# Explanations that take about so many seconds and more are made one at a time.
LONG = 0.02


class Explaining:
    """`request.serving.explaining`. Every explanation is given as its JSON text."""

    def __init__(
        self,
        limits: Limits,
        metrics: Measures,
        *,
        tables: Container[str],
        using: Callable[[Past], AbstractContextManager[LoadedVersion]],
        turns: Turns | None = None,
    ) -> None:
        """`tables` holds the families whose explanations have a table, and so are kept; `using` lends a version, also
        one that does not answer any more. Each has its turn of `turns`."""
        self._limits = limits
        self._metrics = metrics
        self._tables = tables
        self._using = using
        self._turns = turns or Turns()
        self._one = OneAtATime("Other explanations are being computed; try again.", self._turns)

    def of_body(self, loaded: LoadedVersion, body: bytes) -> bytes:
        """Explain the instances of a JSON body, the same as that of a prediction, and keep nothing.

        Raises Unreadable, Invalid, TooLarge, NotSupported, PredictionFailed, Busy.
        """
        with self._turns.taken():
            started = time.perf_counter_ns()
            try:
                loaded.require_explainer()
                _, batch = read_batch(loaded, body, self._limits)
                explanation = self._of_batch(loaded, batch)
            except Exception as error:
                self._metrics.explanation(loaded.lineage, outcome_of(error), time.perf_counter_ns() - started)
                raise
        self._metrics.explanation(loaded.lineage, "ok", time.perf_counter_ns() - started)
        return explanation

    def of_answer(self, loaded: LoadedVersion, batch: Batch) -> tuple[bytes, bytes | None]:
        """What the caller of a prediction is shown, and what is kept: null for fields that the log does not keep whole,
        None where there is no table. Raises NotSupported, PredictionFailed, Busy.
        """
        with self._alone(loaded, batch.n):
            explanation = loaded.explain(batch)
            shown = explanation_json(explanation, loaded.signature)
            if loaded.lineage.family not in self._tables:
                return shown, None
            hidden = loaded.stored_inputs.not_kept
            return shown, explanation_json(explanation, loaded.signature, hidden) if hidden else shown

    def of_kept(self, record: PredictionRecord) -> bytes:
        """Explain a kept prediction now, by the bundle that answered it.

        Raises NotSupported where that bundle, its family or the inputs are not there any more, or the family cannot
        explain; TooLarge, ModelNotReady, PredictionFailed, Busy.
        """
        if record.not_kept:
            names = ", ".join(f"'{name}' ({keep})" for name, keep in record.not_kept.items())
            raise NotSupported(f"The inputs of this prediction were not kept whole: {names}.")
        past = Past(record.model, record.version, record.digest, record.family)
        with self._using(past) as loaded, self._turns.taken():
            loaded.require_explainer()
            return self._of_batch(loaded, loaded.stored_inputs.decode(bytes(record.inputs_text())))

    def require(self, loaded: LoadedVersion, n: int) -> None:
        """Raise NotSupported or TooLarge where `n` instances cannot be explained, before anything is predicted."""
        loaded.require_explainer()
        limit = self._limits.explained_of(loaded.signature, loaded.explain_seconds)
        if n > limit:
            raise TooLarge(
                f"{n:,} instances to explain; at most {limit:,} of this model at once (mlserve.limits.explained)."
            )

    def _of_batch(self, loaded: LoadedVersion, batch: Batch) -> bytes:
        self.require(loaded, batch.n)
        with self._alone(loaded, batch.n):
            return explanation_json(loaded.explain(batch), loaded.signature)

    def _alone(self, loaded: LoadedVersion, n: int) -> AbstractContextManager[None]:
        """What the explanation of `n` instances waits for. It holds a server's thread for as long as it takes."""
        long = n * seconds_to_explain(loaded.signature, loaded.explain_seconds) >= LONG
        return self._one.taken() if long else nullcontext()
