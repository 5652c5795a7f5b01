"""CatBoost's own files, `.cbm`: regression and classification on numbers and texts."""

from collections.abc import Collection, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mlserve.errors import BundleError, SignatureError
from mlserve.inference import Explanation
from mlserve.signature import Batch, Field, OutputField, Signature

NAME = "catboost"


class CatboostFamily:
    """Reads `.cbm` files; CatBoost is imported when the first is read."""

    name = NAME
    formats = (".cbm",)
    runs_code = False

    def inspect(self, path: Path) -> Signature:
        """A file knows the names of its features, and which are texts. Raises BundleError or SignatureError."""
        model = read(path)
        texts = set(model.get_cat_feature_indices())
        if model.get_text_feature_indices() or model.get_embedding_feature_indices():
            raise SignatureError("The model has text or embedding features, which this plugin does not serve.")
        if np.ndim(model.get_scale_and_bias()[1]) and not _loss(model).startswith("MultiClass"):
            raise SignatureError("The model answers many values at once, which this plugin does not serve.")
        inputs = tuple(
            Field(name, "string") if at in texts else Field(name, "float32", nullable=True)
            for at, name in enumerate(model.feature_names_)
        )
        classes = tuple(map(str, model.classes_))
        if not classes:
            return Signature(inputs, (OutputField("value", "float64"),))
        probability = OutputField("probability", "float64", shape=(len(classes),), categories=classes)
        return Signature(inputs, (OutputField("label", "category", categories=classes), probability))

    def load(self, path: Path, signature: Signature, settings: Mapping[str, Any]) -> "CatboostPredictor":
        """Raises BundleError, or SignatureError where a sidecar names other fields than the file."""
        own = self.inspect(path)
        for given, known in ((signature.inputs, own.inputs), (signature.outputs, own.outputs)):
            if [field.name for field in given] != [field.name for field in known]:  # type: ignore[attr-defined]
                raise SignatureError("The signature has other fields than the model file.")
        return CatboostPredictor(read(path), signature, settings["threads"])

    def libraries(self) -> dict[str, str]:
        return {"catboost": version("catboost")}


class CatboostPredictor:
    """A loaded model answers from many threads at once."""

    concurrency: Literal["parallel"] = "parallel"
    engine = "exact"

    def __init__(self, model: Any, signature: Signature, threads: int) -> None:
        self.model = model
        self._names = signature.names
        self._texts = model.get_cat_feature_indices()
        self._classes = tuple(map(str, model.classes_))
        self._threads = threads

    def predict(self, batch: Batch, outputs: Collection[str] | None = None) -> dict[str, np.ndarray]:
        rows = self._rows(batch)
        if not self._classes:
            return {"value": self.model.predict(rows, thread_count=self._threads)}
        found = self.model.predict(rows, prediction_type="Probability", thread_count=self._threads)
        label = self.model.predict(rows, prediction_type="Class", thread_count=self._threads)
        return {"label": np.array(list(map(str, label.ravel())), object), "probability": found}

    def explain(self, batch: Batch) -> Explanation:
        """CatBoost's SHAP values: what each feature adds, and last what is there without any."""
        from catboost import Pool

        rows = self._rows(batch)
        pool = Pool(rows, cat_features=self._texts, feature_names=list(self._names))
        found = self.model.get_feature_importance(pool, type="ShapValues", thread_count=self._threads)
        blocks = self._classes if found.ndim == 3 else (None,)
        margin = self.model.predict(rows, prediction_type="RawFormulaVal", thread_count=self._threads)
        found = found.reshape(batch.n, len(blocks), -1).astype(np.float32)
        return Explanation(
            method="shap",
            scale="log-odds" if self._classes else "value",
            blocks=blocks,
            contributions=found[..., :-1],
            bias=found[..., -1],
            margin=np.asarray(margin, np.float32).reshape(batch.n, len(blocks)),
        )

    def info(self) -> dict[str, Any]:
        return {"trees": self.model.tree_count_}

    def close(self) -> None:
        """There is nothing to give back but memory."""

    def _rows(self, batch: Batch) -> list[list[Any]]:
        """As CatBoost takes numbers and texts side by side; a missing number is NaN."""
        return [list(row) for row in zip(*(batch.column(name)[0].tolist() for name in self._names), strict=True)]


def _loss(model: Any) -> str:
    """Raises BundleError: CatBoost reads a model's parameters when they are asked for, not with its trees."""
    from catboost import CatBoostError

    try:
        return str(model.get_all_params().get("loss_function", ""))
    except (CatBoostError, ValueError) as error:
        raise BundleError(f"The model's parameters cannot be read: {str(error).splitlines()[0]}") from error


def read(path: Path) -> Any:
    """Raises BundleError."""
    from catboost import CatBoost, CatBoostError

    try:
        return CatBoost().load_model(str(path))
    except (OSError, CatBoostError) as error:
        raise BundleError(f"{path.name} is no model of CatBoost: {str(error).splitlines()[0]}") from error
