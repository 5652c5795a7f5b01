"""Asking a kept prediction again, of the very bundle that answered it. Nothing of it is kept."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import msgspec

from mlserve.errors import NotSupported, TooLarge
from mlserve.inference import LoadedVersion
from mlserve.predictions.one_at_a_time import OneAtATime
from mlserve.predictions.record import PredictionRecord
from mlserve.predictions.reproduced_explanation import ReproducedExplanation, compared_explanations
from mlserve.predictions.reproduction import Making, Reproduction, compared, unknown
from mlserve.registry.past import Past
from mlserve.turns import Turns

# Predictions of more instances are asked again one at a time: one holds a server's thread for a second or more.
LARGE = 2000


class Reproducing:
    """`application.reproducing`."""

    def __init__(
        self,
        using: Callable[[Past], AbstractContextManager[LoadedVersion]],
        *,
        stored: Callable[[PredictionRecord], bytes | msgspec.Raw | None],
        explain: Callable[[PredictionRecord], bytes],
        turns: Turns | None = None,
    ) -> None:
        """`using` lends a version, also one that does not answer any more.

        `stored` finds the explanation that was stored with a prediction; `explain` is `Explaining.of_kept`.
        """
        self._using = using
        self._stored = stored
        self._explain = explain
        self._turns = turns or Turns()
        self._one = OneAtATime("Other large predictions are being reproduced; try again.", self._turns)

    def of_kept(self, record: PredictionRecord) -> Reproduction:
        """Predict the stored inputs once more, and compare; explain them once more where an explanation was stored.

        Raises NotSupported where the bundle or its family is not there any more; ModelNotReady, PredictionFailed, Busy,
        DatabaseUnavailable.
        """
        if record.not_kept:
            return unknown(record)
        return replace(self._asked_again(record), explanation=self._explained_again(record))

    def _asked_again(self, record: PredictionRecord) -> Reproduction:
        with self._one.taken() if record.n > LARGE else nullcontext():
            past = Past(record.model, record.version, record.digest, record.family)
            with self._using(past) as loaded, self._turns.taken():
                batch = loaded.stored_inputs.decode(bytes(record.inputs_text()))
                outputs, warnings = loaded.output_encoder.encode(loaded.predict(batch), batch.n)
                lineage = loaded.lineage
            return compared(record, Making(lineage.engine, lineage.plugin, lineage.library), outputs, warnings)

    def _explained_again(self, record: PredictionRecord) -> ReproducedExplanation | None:
        stored = self._stored(record)
        if stored is None:
            return None
        try:
            return compared_explanations(bytes(stored), self._explain(record))
        except (NotSupported, TooLarge) as error:
            return ReproducedExplanation("unknown", reason=error.detail)
