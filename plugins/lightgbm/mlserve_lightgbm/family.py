"""The family `lightgbm`: from a model file to a signature, and to a predictor that answers it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

from mlserve.errors import BundleError, SignatureError
from mlserve.inference import Explanation
from mlserve.signature import FLOATS, NUMBERS, Batch, Field, Signature
from mlserve.trees import ONNX, Artefact, Inputs, Outputs, TreesPredictor
from mlserve_lightgbm import library, making
from mlserve_lightgbm.engine import Engine
from mlserve_lightgbm.explanation import explainer_of
from mlserve_lightgbm.forest import Forest
from mlserve_lightgbm.matrix import Matrix
from mlserve_lightgbm.model_file import ModelFile, read
from mlserve_lightgbm.outputs import answer_of, outputs_of

NAME: Final = "lightgbm"

# What a signature may say of a field, by what the file says of it. Names may stand for numbers: their codes.
_TAKES: Final[dict[str, frozenset[str]]] = {
    "float64": NUMBERS | {"category"},
    "int64": NUMBERS - FLOATS | {"category"},
    "category": frozenset({"category"}),
}
_MOST_SHOWN: Final = 10  # names of a list, and lists
# Seconds of one core that a unit of `ModelFile.explaining_work` takes.
_STEP: Final = 20e-9


class LightGBMFamily:
    """Reads the text files of LightGBM; no code runs when one is loaded."""

    name = NAME
    formats = (".lgb", ".lightgbm", ".txt")
    runs_code = False

    def __init__(self, engines: Path | None = None) -> None:
        """`engines` is the folder in which converted models are kept; None for nowhere."""
        self._engines = engines

    def inspect(self, path: Path) -> Signature:
        """The signature that the file tells of, to be completed by a sidecar.

        A category of a data frame has its names; one that was trained on whole numbers is a field of such. Every field
        is nullable: trees take missing values, and the file does not say whether training had any.
        Raises BundleError or SignatureError.
        """
        file = read(path)
        return Signature(inputs=_inputs(file), outputs=outputs_of(file))

    def load(self, path: Path, signature: Signature, settings: Mapping[str, Any]) -> "LightGBMPredictor":
        """Load the file to answer `signature`. Raises BundleError or SignatureError, each one sentence."""
        file = read(path)
        outputs = Outputs(answer_of(file), signature)
        _require_inputs(file, signature)
        try:
            loaded = Engine(file, int(settings["threads"]))
        except library.LightGBMError as error:
            raise BundleError(f"LightGBM cannot load {path.name}: {str(error).rstrip('.')}.") from error
        # A linear leaf has no contributions, and paths of hundreds of splits take too long.
        kind = LightGBMPredictor if file.linear or file.deep else LightGBMExplainer
        predictor = kind(path, file, signature, outputs, loaded)
        if settings.get("engine") == ONNX:
            from mlserve_lightgbm import converting  # It needs the packages of an extra.

            predictor.answer_by(*converting.engine_of(path, file, self._engines))
        return predictor

    def libraries(self) -> dict[str, str]:
        """The library that computes the answers."""
        return {"lightgbm": library.version()}

    def category_lists(self, path: Path) -> tuple[tuple[str, ...], ...]:
        """The names of each categorical column of the data frame, whichever field it is. Raises BundleError."""
        return read(path).lists

    save = staticmethod(making.save)
    reference = staticmethod(making.reference)


class LightGBMPredictor(TreesPredictor):
    """A loaded LightGBM model; answers from many threads at once."""

    score_kinds = ("gain", "split")

    def __init__(self, path: Path, file: ModelFile, signature: Signature, outputs: Outputs, loaded: Engine) -> None:
        self._signature, self._engine = signature, loaded
        self._file = replace(file, raw=b"")  # The library has its own copy.
        info = {
            "objective": file.objective,
            "boosting": "rf" if file.average else file.parameters.get("boosting", "gbdt"),
            "linear_trees": file.linear,
            "rounds": file.rounds,
            "features": file.features,
        }
        super().__init__(Artefact(path, file.raw), Matrix(signature), loaded, outputs, info)

    def importance(self) -> dict[str, dict[str, float | list[float]]]:
        """gain and split by field name, as `Booster.feature_importance` has them."""
        scores, names = self._engine.scores(), self._signature.names
        return {kind: dict(zip(names, scores[kind].tolist(), strict=True)) for kind in self.score_kinds}

    def read_forest(self, raw: bytes) -> Forest:
        return Forest(raw, self._file, self._signature)


class LightGBMExplainer(LightGBMPredictor):
    """A loaded LightGBM model whose answers can be explained: any without linear leaves or hundreds of levels."""

    def __init__(self, path: Path, file: ModelFile, signature: Signature, outputs: Outputs, loaded: Engine) -> None:
        super().__init__(path, file, signature, outputs, loaded)
        self._explainer = explainer_of(file, signature, loaded, self._matrix)
        self.explain_seconds = _STEP * file.explaining_work

    def explain(self, batch: Batch) -> Explanation:
        """What each input adds to the margin, as `Booster.predict(…, pred_contrib=True)` gives it. Raises TooLarge."""
        return self._explainer(batch)


def _inputs(file: ModelFile) -> tuple[Field, ...]:
    """The fields that the file tells of. Raises SignatureError."""
    return tuple(
        Field(name, kind, nullable=True, categories=known or (), description=_open_lists(file, at, kind))
        for at, (name, known, kind) in enumerate(zip(file.names, file.categories, _types(file), strict=True))
    )


def _types(file: ModelFile) -> list[Literal["float64", "int64", "category"]]:
    return [
        "float64" if not by_category else "int64" if known is None else "category"
        for by_category, known in zip(file.by_category, file.categories, strict=True)
    ]


def _open_lists(file: ModelFile, at: int, kind: str) -> str:
    """What is told of a category whose names are perhaps in the file."""
    if kind != "int64" or not 0 < len(file.lists) <= _MOST_SHOWN:
        return ""
    lists = _lists_for(file, at)
    return f"category; the file lists names that may be its: {_shown(lists)}" if lists else ""


def _lists_for(file: ModelFile, at: int) -> list[tuple[str, ...]]:
    """The lists that have a name for each code of the feature."""
    return [names for names in file.lists if len(names) > file.highest_codes[at]]


def _require_inputs(file: ModelFile, signature: Signature) -> None:
    """Raises SignatureError where the file cannot answer the signature."""
    _require_lists(file, signature)
    counts = [None if known is None else len(known) for known in file.categories]
    Inputs(_inputs(file), True, _TAKES, counts, file.highest_codes).require(signature)


def _require_lists(file: ModelFile, signature: Signature) -> None:
    """Raises SignatureError where a field has names of a list of the file, and not that list in its order."""
    places, known = {name: at for at, name in enumerate(file.names)}, {*file.lists}
    for field in signature.inputs:
        # What the file proves itself is known: a file of very many lists must not take long.
        if not field.categories or field.categories in known or field.name not in places:
            continue
        given = {*field.categories}
        if lists := [names for names in _lists_for(file, places[field.name]) if not given.isdisjoint(names)]:
            raise SignatureError(
                f"The categories of the input {field.name!r} are not those of the file, in its order: {_shown(lists)}."
            )


def _shown(lists: Sequence[tuple[str, ...]]) -> str:
    cut = [[*names[:_MOST_SHOWN], *(["…"] if len(names) > _MOST_SHOWN else [])] for names in lists[:_MOST_SHOWN]]
    return " or ".join(", ".join(names) for names in cut)
