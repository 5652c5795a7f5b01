"""What a plugin implements to bring a model family: two protocols, nothing to inherit."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from mlserve.inference.explanation import Explanation
from mlserve.signature import Batch, Signature

Concurrency = Literal["parallel", "serial"]


class Predictor(Protocol):
    """A loaded version, ready to answer.

    `predict` is called from many threads at once unless `concurrency` is "serial"; then the core calls it from one
    thread at a time.
    """

    concurrency: Concurrency
    engine: str

    def predict(self, batch: Batch) -> dict[str, np.ndarray]:
        """Answer the whole Batch: one array (batch.n, *shape) for each output of the signature, and no other."""

    def info(self) -> dict[str, Any]:
        """Describe the predictor in JSON values, for people."""

    def close(self) -> None:
        """Give memory and handles back; no `predict` and no `explain` runs any more."""


class Explainer(Protocol):
    """What a predictor that can explain its answers has besides; one that cannot has no `explain` at all.

    It is called as `predict` is: from many threads at once, or from one where `concurrency` is "serial". An explainer
    that takes long may have an attribute `explain_seconds`: about how many seconds of one core one instance takes. It
    bounds how many one request may ask for, and one request of such work runs at a time.
    """

    def explain(self, batch: Batch) -> Explanation:
        """Explain the answer to each instance. Raises NotSupported, with a sentence, for a Batch that it cannot."""


class ModelFamily(Protocol):
    """A kind of model that one plugin knows how to inspect, load and run."""

    name: str
    formats: tuple[str, ...]  # file suffixes, with the dot
    runs_code: bool  # True: loading an artefact can run code that the artefact brings

    def inspect(self, path: Path) -> Signature | None:
        """Read the signature out of an artefact, and never run code of it: it may not be trusted yet.

        None where the artefact does not say what it takes and answers: the sidecar's signature then counts whole.
        Raises BundleError or SignatureError.
        """

    def load(self, path: Path, signature: Signature, settings: Mapping[str, Any]) -> Predictor:
        """Load an artefact that answers `signature`. Raises BundleError or SignatureError."""

    def libraries(self) -> dict[str, str]:
        """Name and version of the libraries that compute the answer: part of each prediction's lineage."""


@runtime_checkable
class ListsCategories(Protocol):
    """What a family has besides whose artefacts list categories without proving which field has them.

    Packaging takes a list for a field where the data declares the same one.
    """

    def category_lists(self, path: Path) -> Sequence[tuple[str, ...]]:
        """The names of each list, in the order of their codes. Raises BundleError."""


@runtime_checkable
class Maker(Protocol):
    """What a family has besides where it can ask the library that makes its models: packaging uses it."""

    def save(self, model: object, folder: Path) -> Path | None:
        """Write a live model of the library into `folder`, the same bytes each time; None for anything else."""

    def reference(self, path: Path, signature: Signature, batch: Batch) -> dict[str, np.ndarray]:
        """The library's own answers to `batch`, as `Predictor.predict` gives them, with as little of ours as can be."""
