"""A version that is loaded: its predictor with everything derived from its signature, built once."""

import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mlserve.errors import MlserveError, PredictionFailed
from mlserve.inference.family import ModelFamily, Predictor
from mlserve.signature import Batch, Decoder, OutputEncoder, Signature, StoredInputs


@dataclass(frozen=True)
class Limits:
    """What one request may contain."""

    body: int
    instances: int
    problems: int
    depth: int


@dataclass(frozen=True)
class Lineage:
    """What answered: written into every prediction's record."""

    model: str
    version: int
    digest: str
    family: str
    engine: str
    plugin: str
    library: str


@dataclass(frozen=True, eq=False)
class LoadedVersion:
    """Immutable, shared by all threads of the process."""

    lineage: Lineage
    signature: Signature
    manifest: Mapping[str, Any]
    predictor: Predictor
    decoder: Decoder
    stored_inputs: StoredInputs
    output_encoder: OutputEncoder
    turn: AbstractContextManager[Any] = field(default_factory=nullcontext)

    def predict(self, batch: Batch) -> dict[str, np.ndarray]:
        """Answer the Batch; whatever the family raises becomes PredictionFailed, with the cause for the log."""
        try:
            with self.turn:
                return self.predictor.predict(batch)
        except MlserveError:
            raise
        except Exception as cause:
            name = f"{self.lineage.model} version {self.lineage.version}"
            raise PredictionFailed(
                f"The {self.lineage.family} predictor of {name} failed on a valid request."
            ) from cause


def load_version(
    family: ModelFamily,
    artefact: Path,
    *,
    identity: Mapping[str, Any],
    signature: Signature,
    manifest: Mapping[str, Any],
    settings: Mapping[str, Any],
    limits: Limits,
) -> LoadedVersion:
    """Load `artefact` off the hot path; `identity` holds the model, version, digest and plugin of the lineage."""
    predictor = family.load(artefact, signature, settings)
    library = ", ".join(f"{name} {version}" for name, version in sorted(family.libraries().items()))
    lineage = Lineage(family=family.name, engine=predictor.engine, library=library, **identity)
    return LoadedVersion(
        lineage=lineage,
        signature=signature,
        manifest=manifest,
        predictor=predictor,
        decoder=Decoder(signature, max_instances=limits.instances, max_problems=limits.problems),
        stored_inputs=StoredInputs(signature),
        output_encoder=OutputEncoder(signature),
        turn=threading.Lock() if predictor.concurrency == "serial" else nullcontext(),
    )
