"""Asking a kept prediction again, of the very bundle that answered it. Nothing of it is kept."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from mlserve.inference import LoadedVersion
from mlserve.predictions.record import PredictionRecord
from mlserve.predictions.reproduction import Making, Reproduction, compared, unknown
from mlserve.predictions.turn import Turn
from mlserve.registry.past import Past

# Predictions of more instances wait for their turn: one holds a server's thread for a second or more.
LARGE = 2000


class Reproducing:
    """`application.reproducing`."""

    def __init__(self, using: Callable[[Past], AbstractContextManager[LoadedVersion]]) -> None:
        """`using` lends a version, also one that does not answer any more."""
        self._using = using
        self._turn = Turn("Other large predictions are being reproduced; try again.")

    def of_kept(self, record: PredictionRecord) -> Reproduction:
        """Predict the stored inputs once more, and compare.

        Raises NotSupported where the bundle or its family is not there any more; ModelNotReady, PredictionFailed, Busy.
        """
        if record.not_kept:
            return unknown(record)
        with self._turn.taken() if record.n > LARGE else nullcontext():
            past = Past(record.model, record.version, record.digest, record.family)
            with self._using(past) as loaded:
                batch = loaded.stored_inputs.decode(bytes(record.inputs))
                outputs, warnings = loaded.output_encoder.encode(loaded.predict(batch), batch.n)
                lineage = loaded.lineage
            return compared(record, Making(lineage.engine, lineage.plugin, lineage.library), outputs, warnings)
