"""What the contract suite looks at: one family of a plugin, with one artefact of it."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mlserve.application import Application
from mlserve.bundles import BundleStore
from mlserve.errors import BundleError, MlserveError, PredictionFailed, SignatureError
from mlserve.inference import LoadedVersion, ModelFamily
from mlserve.inference.loaded import load_version
from mlserve.registry import bringing
from mlserve.signature import Batch, Signature
from mlserve.signature.outputs import rows_of
from mlserve.startup import build
from mlserve.testing.application import settings_of

MODEL = "subject"


@dataclass(frozen=True)
class Subject:
    """`family` is the plugin's that reads `artefact`; `signature` is the file's, completed by its sidecar."""

    plugin: str
    artefact: Path
    application: Application = field(repr=False)  # built with the plugin, never started
    family: ModelFamily
    signature: Signature
    more: Mapping[str, str]

    @classmethod
    def of(cls, plugin: str, artefact: Path, more: Mapping[str, str]) -> "Subject":
        """Raises ConfigurationError, BundleError or SignatureError, as a server's start does."""
        config = build({**settings_of(artefact.parent, plugins=plugin, models={}), **more}, here=None)
        application: Application = config.registry.mlserve
        family = application.families.reading(artefact.suffix, f"mlserve.models.{MODEL}")
        return cls(plugin, artefact, application, family, bringing.inspect(family, artefact), more)

    def settings(self, folder: Path, artefact: Path | None = None) -> dict[str, str]:
        """INI keys that serve the artefact as the model `subject`, trusted where it must be."""
        return settings_serving(self.plugin, self.family, artefact or self.artefact, folder, self.more)

    def load(self) -> LoadedVersion:
        """A version of its own, loaded as a server loads it. Raises AssertionError where the family fails."""
        try:
            return load_version(
                self.family,
                self.artefact,
                identity={"model": MODEL, "version": 1, "digest": "", "plugin": self.plugin},
                signature=self.signature,
                manifest={},
                settings=self.application.settings.section(f"mlserve.{self.family.name}"),
                limits=self.application.limits,
            )
        except MlserveError as error:
            raise AssertionError(f"load() refuses the artefact that the suite was given: {error}") from error
        except Exception as error:
            raise AssertionError(
                f"load() must raise BundleError or SignatureError with a sentence, and nothing else: {error!r}"
            ) from error


def settings_serving(
    plugin: str, family: ModelFamily, artefact: Path, folder: Path, more: Mapping[str, str]
) -> dict[str, str]:
    """INI keys that serve an artefact of this family as the model `subject`, trusted where it must be."""
    keys = settings_of(folder, plugins=plugin, models={MODEL: artefact})
    if family.runs_code:
        with suppress(BundleError, SignatureError):  # A damaged artefact has no digest that could be trusted.
            manifest = bringing.pack_artefact(family, artefact, BundleStore(folder / "trusted"))
            keys["mlserve.trust.digests"] = manifest.digest
    return {**keys, **more}


def batch_of(loaded: LoadedVersion, instances: Sequence[Any]) -> Batch:
    """The instances as a server decodes them."""
    try:
        return loaded.decoder.decode(json.dumps(list(instances)).encode(), None)
    except MlserveError as error:
        said = "; ".join(f"{problem.pointer} is {problem.got}, not {problem.expected}" for problem in error.problems)
        raise AssertionError(f"The suite's instances do not fit the signature: {said or error}") from error


def answer_of(loaded: LoadedVersion, batch: Batch) -> dict[str, np.ndarray]:
    """What the predictor answers, with object arrays where sizes may differ. Raises AssertionError where it fails."""
    varying = {output.name: output for output in loaded.signature.outputs if output.varies}
    try:
        answered = loaded.predict(batch)
        return {name: rows_of(varying[name], got) if name in varying else got for name, got in answered.items()}
    except PredictionFailed as error:
        raise AssertionError(
            f"predict() must answer every Batch that fits the signature, and raised {error.__cause__!r}; narrow the "
            "signature by what the model cannot take."
        ) from error


def difference(one: Mapping[str, Any], other: Mapping[str, Any], tolerance: float = 0.0) -> str | None:
    """The first output in which two answers differ, with the place; None where they are equal (NaN to NaN)."""
    for name in one:
        left, right = np.asarray(one[name]), np.asarray(other[name])
        if left.shape != right.shape:
            return f"output {name!r} has the shape {left.shape} here and {right.shape} there"
        if left.dtype.kind == "O" and any(isinstance(value, np.ndarray) for value in left):
            pairs = zip(left, right, strict=True)
            apart = (difference({name: a}, {name: b}, tolerance) for a, b in pairs)
            if found := next(filter(None, apart), None):
                return f"{found} (within an instance)"
            continue
        if left.dtype.kind == "f":
            same = np.isclose(left, right, rtol=tolerance, atol=0.0, equal_nan=True)
        else:
            same = np.asarray(left == right)
        if not same.all():
            at = tuple(int(axis[0]) for axis in np.nonzero(~same))
            return f"output {name!r} of instance {at[0]} is {left[at]!r} here and {right[at]!r} there"
    return None
