"""The family `xgboost`: from a model file to a signature, and to a predictor that answers it."""

import hashlib
import threading
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from mlserve.errors import BundleError, NotSupported, SignatureError
from mlserve.inference import Explanation
from mlserve.signature import Batch, Field, Signature
from mlserve_xgboost import engine, library, making
from mlserve_xgboost.engine import Engine
from mlserve_xgboost.explanation import Explainer
from mlserve_xgboost.forest import Forest
from mlserve_xgboost.model_file import ModelFile, read
from mlserve_xgboost.outputs import Outputs, outputs_of, width_of

NAME: Final = "xgboost"
THREADS: Final = "mlserve.xgboost.threads"

FieldType = Literal["bool", "int64", "float32", "category"]
# XGBoost's words for the type of a feature: `q` is a quantity, `i` an indicator, `c` a category.
_TYPES: Final[dict[str, FieldType]] = {
    "float": "float32",
    "q": "float32",
    "int": "int64",
    "i": "bool",
    "c": "category",
}
# What a signature may say of a field, by what the file says of it. Names may stand for numbers: their codes.
_NUMBERS: Final = frozenset({"bool", "int32", "int64", "float32", "float64"})
_TAKES: Final[dict[str, frozenset[str]]] = {
    "bool": _NUMBERS,
    "int64": _NUMBERS | {"category"},
    "float32": _NUMBERS | {"category"},
    "category": frozenset({"category"}),
}

# Seconds of one core that a unit of `ModelFile.explaining_work` takes: 6 ns were measured on the demo's trees, up to
# 70 on very deep ones.
_STEP: Final = 20e-9


class XGBoostFamily:
    """Reads `.ubj` and `.json` model files of XGBoost; no code runs when one is loaded."""

    name = NAME
    formats = (".ubj", ".json")
    runs_code = False

    def inspect(self, path: Path) -> Signature:
        """The signature that the file tells of, to be completed by a sidecar.

        A file without feature names gives the placeholders f0, f1 …; a category feature whose categories the file
        does not have comes without them. Every field is nullable: trees take missing values, and the file does not
        say whether training had any. Raises BundleError or SignatureError.
        """
        file = read(path)
        return Signature(inputs=_inputs(file), outputs=outputs_of(file))

    def load(self, path: Path, signature: Signature, settings: Mapping[str, Any]) -> "XGBoostPredictor":
        """Load the file to answer `signature`. Raises BundleError or SignatureError, each one sentence."""
        file = read(path)
        outputs = Outputs(file, signature)
        _require_inputs(file, signature)
        try:
            loaded = Engine(file, width_of(file), int(settings["threads"]))
        except library.XGBoostError as error:
            raise BundleError(f"XGBoost cannot load {path.name}: {_first_sentence(error)}") from error
        kind = XGBoostExplainer if loaded.explains else XGBoostPredictor
        return kind(path, file, signature, outputs, loaded)

    def libraries(self) -> dict[str, str]:
        """The library that computes the answers."""
        return {"xgboost": library.version()}

    def save(self, model: object, folder: Path) -> Path | None:
        """A live Booster, or a model of the scikit-learn interface, as a file; None for anything else."""
        return making.save(model, folder)

    def reference(self, path: Path, signature: Signature, batch: Batch) -> dict[str, np.ndarray]:
        """The answers of `Booster.predict`."""
        return making.reference(path, signature, batch)


class XGBoostPredictor:
    """A loaded XGBoost model; answers from many threads at once."""

    concurrency: Literal["parallel"] = "parallel"
    engine: str = engine.NAME

    def __init__(self, path: Path, file: ModelFile, signature: Signature, outputs: Outputs, loaded: Engine) -> None:
        self._signature = signature
        self._outputs = outputs
        self._engine = loaded
        self._file = replace(file, raw=b"")  # The library has its own copy.
        self._path, self._digest = path, digest_of(file.raw)
        self._reading = threading.Lock()
        self._forest: Forest | None = None
        self._info = {
            "objective": file.objective,
            "booster": file.booster,
            "rounds": file.rounds,
            "best_iteration": file.best_iteration,
            "features": file.features,
        }

    def predict(self, batch: Batch, outputs: Collection[str] | None = None) -> dict[str, np.ndarray]:
        """Answer the Batch; float32 as `Booster.predict` gives it, labels as the number of their class."""
        return self._outputs(self._engine.predict(batch.matrix()), outputs)

    @property
    def score_kinds(self) -> tuple[str, ...]:
        """What `importance` tells of: gain, weight and cover, or of a linear model weight only."""
        return self._engine.score_kinds

    def importance(self) -> dict[str, dict[str, float | list[float]]]:
        """gain, weight and cover by field name (a linear model: weight only), as `Booster.get_score` has them.

        A field that no split uses is 0. All trees count, also those after the best iteration.
        """
        kinds = {kind: self._engine.scores(kind) for kind in self.score_kinds}
        names = self._signature.names
        return {kind: {name: found.get(at, 0.0) for at, name in enumerate(names)} for kind, found in kinds.items()}

    @property
    def has_trees(self) -> bool:
        return self._file.booster != "gblinear"

    def forest(self) -> Forest:
        """The model's trees; read from its file when they are first asked for, since answering does not need them.

        Raises NotSupported for a linear model, BundleError where the file is gone or another than the one loaded.
        """
        if not self.has_trees:
            raise NotSupported("A linear model (gblinear) has no trees.")
        with self._reading:
            if self._forest is None:
                self._forest = Forest(self._checked_content(), self._file, self._signature)
            return self._forest

    def _checked_content(self) -> bytes:
        try:
            raw = self._path.read_bytes()
        except OSError as error:
            raise BundleError(f"The model file {self._path.name} cannot be read: {error.strerror}.") from error
        if digest_of(raw) != self._digest:
            raise BundleError(f"The model file {self._path.name} has changed since it was loaded.")
        return raw

    def info(self) -> dict[str, Any]:
        return dict(self._info)

    def close(self) -> None:
        self._engine.close()


class XGBoostExplainer(XGBoostPredictor):
    """A loaded XGBoost model whose answers can be explained: any without vector leaves or hundreds of levels."""

    def __init__(self, path: Path, file: ModelFile, signature: Signature, outputs: Outputs, loaded: Engine) -> None:
        super().__init__(path, file, signature, outputs, loaded)
        self._explainer = Explainer(file, signature, loaded)
        # As many of the rounds as answer, at their average.
        self.explain_seconds = _STEP * file.explaining_work * file.used_rounds / max(1, file.rounds)

    def explain(self, batch: Batch) -> Explanation:
        """What each input adds to the margin, as `Booster.predict(…, pred_contribs=True)` gives it.

        Raises NotSupported for infinite inputs, and TooLarge.
        """
        return self._explainer(batch)


def digest_of(raw: bytes) -> bytes:
    return hashlib.sha256(raw).digest()


def _inputs(file: ModelFile) -> tuple[Field, ...]:
    names = file.names or [f"f{position}" for position in range(file.features)]
    types = [_type(file, position) for position in range(file.features)]
    return tuple(
        Field(name, kind, nullable=True, categories=(known or ()) if kind == "category" else ())
        for name, kind, known in zip(names, types, file.categories, strict=True)
    )


def _type(file: ModelFile, position: int) -> FieldType:
    if file.types is None:
        by_category = file.highest_codes[position] >= 0 or file.categories[position] is not None
        return "category" if by_category else "float32"
    kind = _TYPES.get(file.types[position])
    if kind is None:
        raise SignatureError(
            f"The feature type {file.types[position]!r} is not supported; XGBoost has float, int, i, q, c."
        )
    return kind


def _require_inputs(file: ModelFile, signature: Signature) -> None:
    """The signature must be one that this file can answer. Raises SignatureError."""
    if len(signature.inputs) != file.features:
        raise SignatureError(f"The signature has {len(signature.inputs)} inputs, and the model has {file.features}.")
    if file.names is not None and signature.names != file.names:
        at = next(at for at, pair in enumerate(zip(signature.names, file.names, strict=True)) if pair[0] != pair[1])
        raise SignatureError(
            f"Input {at} of the signature is {signature.names[at]!r}, and the model's is {file.names[at]!r}."
        )
    signature.require_categories()
    for position, (field, own) in enumerate(zip(signature.inputs, _inputs(file), strict=True)):
        if field.shape or field.type not in _TAKES[own.type]:
            raise SignatureError(f"The input {field.name!r} is {_named(field)}, and the model takes it as {own.type}.")
        if own.type == "category":
            _require_categories(file, position, field, own)
        elif field.type == "category" and field.unknown == "native":
            raise SignatureError(
                f"The model splits on the input {field.name!r} as a number, so that an unknown category has no meaning "
                f"for it: remove 'unknown' from its .signature.json."
            )


def _require_categories(file: ModelFile, position: int, field: Field, own: Field) -> None:
    if own.categories and field.categories != own.categories:
        raise SignatureError(f"The categories of the input {field.name!r} are not the model's, in the model's order.")
    given, known, least = len(field.categories), file.category_counts[position], file.highest_codes[position] + 1
    if given != (known or given) or given < least:
        number = f"{known}" if known else f"at least {least}"
        raise SignatureError(
            f"The signature gives the input {field.name!r} {given} categories, and the model knows {number}."
        )


def _named(field: Field) -> str:
    return "a tensor" if field.shape else field.type


def _first_sentence(error: Exception) -> str:
    """Without the place in XGBoost's source and its further lines, which say nothing to an operator."""
    line = str(error).splitlines()[0] if str(error) else "it does not say why"
    return line.rstrip(".: ") + "."
