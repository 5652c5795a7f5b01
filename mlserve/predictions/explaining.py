"""Why answers are what they are: of new instances, of an answer that is being made, and of kept predictions."""

import time
from collections.abc import Callable, Container
from contextlib import AbstractContextManager, nullcontext

from mlserve.errors import NotSupported, TooLarge
from mlserve.inference import LoadedVersion
from mlserve.inference.explanation import explanation_json
from mlserve.inference.loaded import Limits, seconds_to_explain
from mlserve.observability.metrics.measures import Measures, outcome_of
from mlserve.predictions.reading import read_batch
from mlserve.predictions.record import PredictionRecord
from mlserve.predictions.turn import Turn
from mlserve.registry.past import Past
from mlserve.signature import Batch

# Explanations that take about so many seconds and more have to wait for their turn.
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
    ) -> None:
        """`tables` holds the families whose explanations have a table, and so are kept; `using` lends a version, also
        one that does not answer any more."""
        self._limits = limits
        self._metrics = metrics
        self._tables = tables
        self._using = using
        self._turn = Turn("Other explanations are being computed; try again.")

    def of_body(self, loaded: LoadedVersion, body: bytes) -> bytes:
        """Explain the instances of a JSON body, the same as that of a prediction, and keep nothing.

        Raises Unreadable, Invalid, TooLarge, NotSupported, PredictionFailed, Busy.
        """
        started = time.perf_counter_ns()
        try:
            loaded.require_explainer()
            _, batch = read_batch(loaded, body, self._limits)
            explanation = self.of_batch(loaded, batch)
        except Exception as error:
            self._metrics.explanation(loaded.lineage, outcome_of(error), time.perf_counter_ns() - started)
            raise
        self._metrics.explanation(loaded.lineage, "ok", time.perf_counter_ns() - started)
        return explanation

    def of_batch(self, loaded: LoadedVersion, batch: Batch) -> bytes:
        """Explain a Batch that is already decoded. Raises TooLarge, NotSupported, PredictionFailed, Busy."""
        self.require(loaded, batch.n)
        with self._turn_of(loaded, batch.n):
            return explanation_json(loaded.explain(batch), loaded.signature)

    def of_answer(self, loaded: LoadedVersion, batch: Batch) -> tuple[bytes, bytes | None]:
        """What the caller of a prediction is shown, and what is kept: null for fields that the log does not keep whole,
        None where there is no table. Raises NotSupported, PredictionFailed, Busy.
        """
        with self._turn_of(loaded, batch.n):
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
        with self._using(Past(record.model, record.version, record.digest, record.family)) as loaded:
            loaded.require_explainer()
            return self.of_batch(loaded, loaded.stored_inputs.decode(bytes(record.inputs_text)))

    def require(self, loaded: LoadedVersion, n: int) -> None:
        """Raise NotSupported or TooLarge where `n` instances cannot be explained, before anything is predicted."""
        loaded.require_explainer()
        limit = self._limits.explained_of(loaded.signature, loaded.explain_seconds)
        if n > limit:
            raise TooLarge(
                f"{n:,} instances to explain; at most {limit:,} of this model at once (mlserve.limits.explained)."
            )

    def _turn_of(self, loaded: LoadedVersion, n: int) -> AbstractContextManager[None]:
        """What the explanation of `n` instances waits for. It holds a server's thread for as long as it takes."""
        long = n * seconds_to_explain(loaded.signature, loaded.explain_seconds) >= LONG
        return self._turn.taken() if long else nullcontext()
