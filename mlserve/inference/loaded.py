"""A version that is loaded: its predictor with everything derived from its signature, built once."""

import logging
import math
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np

from mlserve.errors import MlserveError, NotSupported, PredictionFailed
from mlserve.faults import ends_process
from mlserve.inference.explanation import Explanation
from mlserve.inference.family import Concurrency, Explainer, ModelFamily, Predictor
from mlserve.inference.users import Users
from mlserve.signature import Batch, Decoder, OutputEncoder, Signature, StoredInputs
from mlserve.signature.fields import least_size

log = logging.getLogger("mlserve.inference")

# How long a closing version waits for the predictions that run in it.
PATIENCE = 5.0

# About how many seconds one request's explanations may take, and one contribution with its text: some 50 MB of JSON.
_EXPLAINING = 3.0
_CONTRIBUTION = 0.5e-6


@dataclass(frozen=True)
class Limits:
    """What one request may contain."""

    body: int
    instances: int
    problems: int
    depth: int
    explained: int
    image_pixels: int

    def instances_of(self, signature: Signature) -> int:
        """The most instances of one prediction of this model.

        A value takes two bytes at least, so no body that spells all of them out has more. But fields that may be absent
        take none: without this bound, 40 kB of empty objects could become gigabytes of missing values. A tensor whose
        sizes may be any is as large as it is spelled out, and missing it is nothing.

        A picture of one pixel can become one of thousands: what they are brought to counts as pixels too.
        """
        values = sum(1 if field.varies else least_size(field.nesting) for field in signature.inputs)
        pixels = sum(math.prod(field.shape[:2]) for field in signature.inputs if field.type == "image" and field.shape)
        return max(1, min(self.instances, self.body // (2 * max(values, 1)), self.image_pixels // max(pixels, 1)))

    def explained_of(self, signature: Signature, seconds: float = 0.0) -> int:
        """The most instances of this model that are explained at once, by `seconds_to_explain` of each."""
        return max(1, min(self.explained, int(_EXPLAINING / seconds_to_explain(signature, seconds))))


def seconds_to_explain(signature: Signature, seconds: float) -> float:
    """About how long the explanation of one instance takes, of which `seconds` in the predictor.

    One explanation has fields × classes numbers, each of which becomes text.
    """
    classes = max((least_size(field.shape) for field in signature.outputs), default=1)
    return seconds + _CONTRIBUTION * max(1, len(signature.inputs) * classes)


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
    """Immutable, shared by all threads of the process.

    Whoever calls the predictor other than by `predict` does so `with loaded.users:`: it is not closed meanwhile.
    """

    lineage: Lineage
    signature: Signature
    manifest: Mapping[str, Any]
    predictor: Predictor
    decoder: Decoder
    stored_inputs: StoredInputs
    output_encoder: OutputEncoder
    turn: AbstractContextManager[Any] = field(default_factory=nullcontext)
    users: Users = field(default_factory=Users)

    def __repr__(self) -> str:
        lineage = self.lineage
        return f"<LoadedVersion {lineage.model} version {lineage.version}: {lineage.family}, {lineage.engine}>"

    def predict(self, batch: Batch) -> dict[str, np.ndarray]:
        """Answer the Batch; whatever the family raises becomes PredictionFailed, with the cause for the log.

        Raises ModelNotReady once the version is closed.
        """
        try:
            with self.users, self.turn:
                return self.predictor.predict(batch)
        except PredictionFailed as wrong:
            raise PredictionFailed(f"{self._named} failed: {wrong.detail}") from wrong
        except MlserveError:
            raise
        except BaseException as cause:  # A predictor that calls sys.exit() ends no server.
            if ends_process(cause):
                raise
            raise PredictionFailed(f"{self._named} failed on a valid request.") from cause

    def encode(self, outputs: dict[str, Any], n: int) -> tuple[bytes, list[dict[str, Any]]]:
        """The JSON of an answer, and its warnings. Raises PredictionFailed for what no predictor should answer."""
        try:
            return self.output_encoder.encode(outputs, n)
        except PredictionFailed as wrong:
            raise PredictionFailed(f"{self._named} answered wrongly: {wrong.detail}") from wrong
        except Exception as cause:
            raise PredictionFailed(f"{self._named} answered what is no array for each of its outputs.") from cause

    @property
    def explains(self) -> bool:
        """Whether the predictor can explain its answers."""
        return callable(getattr(self.predictor, "explain", None))

    @property
    def explain_seconds(self) -> float:
        """About how many seconds the predictor takes to explain one instance; 0 where it does not say."""
        return float(getattr(self.predictor, "explain_seconds", 0.0))

    def require_explainer(self) -> None:
        """Raise NotSupported where the predictor cannot explain its answers."""
        if not self.explains:
            raise NotSupported(f"{self._named} cannot explain its predictions.")

    def explain(self, batch: Batch) -> Explanation:
        """Explain the answers to a Batch; what the family raises, or gives in other shapes, is a PredictionFailed.

        Raises NotSupported where the family cannot, and ModelNotReady once the version is closed.
        """
        self.require_explainer()
        try:
            with self.users, self.turn:
                explanation = cast(Explainer, self.predictor).explain(batch)
            wrong = explanation.misshapen(batch.n, len(self.signature.inputs))
        except MlserveError:
            raise
        except BaseException as cause:
            if ends_process(cause):
                raise
            raise PredictionFailed(f"{self._named} failed to explain a valid request.") from cause
        if wrong is not None:
            raise PredictionFailed(f"{self._named} gave an explanation that does not fit the request: {wrong}.")
        return explanation

    @property
    def _named(self) -> str:
        lineage = self.lineage
        return f"The {lineage.family} predictor of {lineage.model} version {lineage.version}"

    def close(self, patience: float = PATIENCE) -> bool:
        """Let no prediction begin any more, wait `patience` seconds for those that run, and close the predictor.

        Whether it is closed. A predictor that still runs then stays open until another call finds it idle: to free its
        memory under it would kill the process.
        """
        first = self.users.refuse_new()
        left = self.users.wait(patience)
        if not left:
            if self.users.take_over():
                self._close_predictor()
            return True
        if first:
            fields = {"model": self.lineage.model, "version": self.lineage.version, "predictions": left}
            log.warning("predictor_left_open", extra={"fields": fields})
        return False

    def _close_predictor(self) -> None:
        """Whatever it raises, those that close versions go on to the next."""
        try:
            self.predictor.close()
        except BaseException as error:
            if ends_process(error):
                raise
            fields = {"model": self.lineage.model, "version": self.lineage.version}
            log.error("close_failed", extra={"fields": fields}, exc_info=error)


def load_version(
    family: ModelFamily,
    artefact: Path,
    *,
    identity: Mapping[str, Any],
    signature: Signature,
    manifest: Mapping[str, Any],
    settings: Mapping[str, Any],
    limits: Limits,
    changed: str = "",
    count_fallback: Callable[[], None] | None = None,
) -> LoadedVersion:
    """Load `artefact` off the hot path; `identity` holds the model, version, digest and plugin of the lineage.

    `changed` says which of the family's settings may give other answers than its defaults would: the engine of the
    lineage is named with it. `count_fallback` is called for each request that only the slow decoder accepts.

    Raises BundleError, SignatureError, or NotSupported for a predictor that does not say how it may be called; no
    predictor is left open then.
    """
    decoder = Decoder(
        signature,
        max_instances=limits.instances_of(signature),
        max_problems=limits.problems,
        max_pixels=limits.image_pixels,
        count_fallback=count_fallback,
    )
    stored_inputs, output_encoder = StoredInputs(signature), OutputEncoder(signature)
    libraries = family.libraries()
    predictor = family.load(artefact, signature, settings)  # Last: what fails before it has nothing to close.
    _require_concurrency(family, predictor)
    libraries = {**libraries, **getattr(predictor, "libraries", {})}
    library = ", ".join(f"{name} {version}" for name, version in sorted(libraries.items()))
    engine = f"{predictor.engine} ({changed})" if changed else predictor.engine
    lineage = Lineage(family=family.name, engine=engine, library=library, **identity)
    return LoadedVersion(
        lineage=lineage,
        signature=signature,
        manifest=manifest,
        predictor=predictor,
        decoder=decoder,
        stored_inputs=stored_inputs,
        output_encoder=output_encoder,
        turn=threading.Lock() if predictor.concurrency == "serial" else nullcontext(),
    )


def _require_concurrency(family: ModelFamily, predictor: Predictor) -> None:
    said = getattr(predictor, "concurrency", None)
    if said not in get_args(Concurrency):
        predictor.close()
        raise NotSupported(
            f"The predictor of the family {family.name!r} has concurrency = {said!r}: it must be "
            f"{' or '.join(map(repr, get_args(Concurrency)))}."
        )
