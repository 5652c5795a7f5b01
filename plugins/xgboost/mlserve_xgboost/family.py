"""The family `xgboost`: from a model file to a signature, and to a predictor that answers it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

from mlserve.errors import BundleError, NotSupported, SignatureError
from mlserve.inference import Explanation
from mlserve.signature import NUMBERS, Batch, Field, Signature
from mlserve.trees import ONNX, Artefact, Inputs, Outputs, TreesPredictor
from mlserve_xgboost import library, making
from mlserve_xgboost.engine import Engine
from mlserve_xgboost.explanation import explainer_of
from mlserve_xgboost.forest import Forest
from mlserve_xgboost.model_file import ModelFile, read
from mlserve_xgboost.outputs import answer_of, outputs_of, width_of

NAME: Final = "xgboost"

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
_TAKES: Final[dict[str, frozenset[str]]] = {
    "bool": NUMBERS,
    "int64": NUMBERS | {"category"},
    "float32": NUMBERS | {"category"},
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

    def __init__(self, engines: Path | None = None) -> None:
        """`engines` is the folder in which converted models are kept; None for nowhere."""
        self._engines = engines

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
        outputs = Outputs(answer_of(file), signature)
        own = _inputs(file)
        Inputs(own, file.names is not None, _TAKES, file.category_counts, file.highest_codes).require(signature)
        try:
            loaded = Engine(file, width_of(file), int(settings["threads"]))
        except library.XGBoostError as error:
            raise BundleError(f"XGBoost cannot load {path.name}: {_first_sentence(error)}") from error
        kind = XGBoostExplainer if loaded.explains else XGBoostPredictor
        predictor = kind(path, file, signature, outputs, loaded)
        if settings.get("engine") == ONNX:
            from mlserve_xgboost import converting  # It needs the packages of an extra.

            predictor.answer_by(*converting.engine_of(path, file, self._engines))
        return predictor

    def libraries(self) -> dict[str, str]:
        """The library that computes the answers."""
        return {"xgboost": library.version()}

    save = staticmethod(making.save)
    reference = staticmethod(making.reference)


class XGBoostPredictor(TreesPredictor):
    """A loaded XGBoost model; answers from many threads at once."""

    def __init__(self, path: Path, file: ModelFile, signature: Signature, outputs: Outputs, loaded: Engine) -> None:
        self._signature, self._engine = signature, loaded
        self._file = replace(file, raw=b"")  # The library has its own copy.
        info = {
            "objective": file.objective,
            "booster": file.booster,
            "rounds": file.rounds,
            "best_iteration": file.best_iteration,
            "features": file.features,
        }
        super().__init__(Artefact(path, file.raw), Batch.matrix, loaded, outputs, info)
        self.score_kinds = loaded.score_kinds
        self.has_trees = file.booster != "gblinear"

    def importance(self) -> dict[str, dict[str, float | list[float]]]:
        """gain, weight and cover by field name (a linear model: weight only), as `Booster.get_score` has them.

        A field that no split uses is 0. All trees count, also those after the best iteration.
        """
        kinds = {kind: self._engine.scores(kind) for kind in self.score_kinds}
        names = self._signature.names
        return {kind: {name: found.get(at, 0.0) for at, name in enumerate(names)} for kind, found in kinds.items()}

    def read_forest(self, raw: bytes) -> Forest:
        if not self.has_trees:
            raise NotSupported("A linear model (gblinear) has no trees.")
        return Forest(raw, self._file, self._signature)


class XGBoostExplainer(XGBoostPredictor):
    """A loaded XGBoost model whose answers can be explained: any without vector leaves or hundreds of levels."""

    def __init__(self, path: Path, file: ModelFile, signature: Signature, outputs: Outputs, loaded: Engine) -> None:
        super().__init__(path, file, signature, outputs, loaded)
        self._explainer = explainer_of(file, signature, loaded)
        # As many of the rounds as answer, at their average.
        self.explain_seconds = _STEP * file.explaining_work * file.used_rounds / max(1, file.rounds)

    def explain(self, batch: Batch) -> Explanation:
        """What each input adds to the margin, as `Booster.predict(…, pred_contribs=True)` gives it.

        Raises NotSupported for infinite inputs, and TooLarge.
        """
        return self._explainer(batch)


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


def _first_sentence(error: Exception) -> str:
    """Without the place in XGBoost's source and its further lines, which say nothing to an operator."""
    line = str(error).splitlines()[0] if str(error) else "it does not say why"
    return line.rstrip(".: ") + "."
