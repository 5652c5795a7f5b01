"""MLflowFolders: reads what `mlflow.<flavour>.save_model` and `log_model` write, without mlflow."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mlserve.errors import BundleError
from mlserve.inference import Imported
from mlserve_mlflow import mlmodel
from mlserve_mlflow.example import example_of
from mlserve_mlflow.signature import signature_of

# Of each flavour: the keys of its file, and which suffixes that has here by those that it may have there.
_FLAVOURS: Final[dict[str, tuple[tuple[str, ...], dict[str, str]]]] = {
    "sklearn": (("pickled_model",), {".pkl": ".pkl", ".pickle": ".pickle", ".skops": ".skops", ".joblib": ".joblib"}),
    "xgboost": (("data",), {".ubj": ".ubj", ".json": ".json", ".xgb": ".ubj"}),
    "lightgbm": (("data",), {".lgb": ".lgb", ".txt": ".txt", ".skops": ".skops", ".pkl": ".pkl"}),
    "onnx": (("data",), {".onnx": ".onnx"}),
}
# What is worth keeping of the file, for people.
_KEPT: Final = (
    "mlflow_version",
    "run_id",
    "model_uuid",
    "model_id",
    "artifact_path",
    "utc_time_created",
)


class MLflowFolders:
    """Folders with a file MLmodel, of the flavours sklearn, xgboost, lightgbm and onnx."""

    def reads(self, path: Path) -> bool:
        """Whether there is an MLmodel in it."""
        return (path / mlmodel.NAME).is_file()

    def read(self, path: Path, folder: Path) -> Imported:
        """The model file with the signature, the input example and the origin of the folder. Raises BundleError."""
        said = mlmodel.read(path)
        flavours: Mapping[str, Any] = said["flavors"]
        name = next((name for name in _FLAVOURS if isinstance(flavours.get(name), Mapping)), None)
        if name is None:
            raise BundleError(_refusal(path, flavours))
        flavour = flavours[name]
        artefact = _artefact(path, folder, name, flavour)
        served = flavours.get("python_function")
        method = served.get("predict_fn", "predict") if isinstance(served, Mapping) else "predict"
        signature = signature_of(said.get("signature"), str(method))
        return Imported(
            artefact,
            signature,
            example_of(path, said, signature),
            {
                "tool": "mlflow",
                "flavour": name,
                **{key: str(said[key]) for key in _KEPT if said.get(key) is not None},
                **{key: str(flavour[key]) for key in sorted(flavour) if key.endswith("_version") and flavour[key]},
            },
        )


def _artefact(path: Path, folder: Path, name: str, flavour: Mapping[str, Any]) -> Path:
    keys, suffixes = _FLAVOURS[name]
    given = next((flavour[key] for key in keys if flavour.get(key)), None)
    found = mlmodel.inside(path, given, "the model's file")
    suffix = suffixes.get(found.suffix.lower())
    if suffix is None:
        raise BundleError(
            f"{found} is a {found.suffix or 'file without a suffix'}, and not what flavour {name} writes."
        )
    if suffix == found.suffix:
        return found
    return Path(shutil.copyfile(found, folder / f"model{suffix}"))


def _refusal(path: Path, flavours: Mapping[str, Any]) -> str:
    others = [str(name) for name in flavours if name != "python_function"]
    served = flavours.get("python_function")
    if not others and isinstance(served, Mapping):
        return (
            f"{path} holds Python code of its own (flavour python_function), which needs mlflow to run: put the code "
            "into a package, and serve it with the family python."
        )
    return f"{path} is of flavour {', '.join(others) or 'none'}; those that can be packaged are {', '.join(_FLAVOURS)}."
