"""The families `sklearn`, of .skops files, and `sklearn-pickle`, of pickles that the operator trusts one by one."""

import warnings
from collections.abc import Collection, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

from mlserve.errors import BundleError, MlserveError, SignatureError
from mlserve.signature import Batch, Signature
from mlserve_sklearn import making
from mlserve_sklearn.inputs import Inputs, inputs_of
from mlserve_sklearn.outputs import methods_of, outputs_of
from mlserve_sklearn.predictor import SklearnPredictor, one_of, predictor_of
from mlserve_sklearn.skops_file import read

NAME: Final = "sklearn"
PICKLE: Final = "sklearn-pickle"


class SklearnFamily:
    """Reads `.skops` files: no code of the file runs, and only types that are trusted by name are made.

    `trusted` are types beside ours, `wanted` the outputs of `mlserve.sklearn.outputs`.
    """

    name = NAME
    formats = (".skops",)
    runs_code = False

    def __init__(self, trusted: Collection[str] = (), wanted: Collection[str] = ()) -> None:
        self._trusted = tuple(trusted)
        self._wanted = tuple(wanted)

    def inspect(self, path: Path) -> Signature | None:
        """The signature that the fitted estimators tell of; None where they do not say what they take.

        Outputs have the types and shapes of the answer to one instance. Raises BundleError or SignatureError.
        """
        model = read(path, self._trusted)
        _require_answers(path, model)
        inputs = inputs_of(model)
        if inputs is None:
            return None
        try:
            asked = Signature(inputs, ())
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                outputs = outputs_of(model, Inputs(model, asked)(one_of(asked)), self._wanted)
        except MlserveError:
            raise
        except Exception:  # It takes other types than numbers, or other texts: a sidecar has to say which.
            return None
        return Signature(inputs, outputs)

    def load(self, path: Path, signature: Signature, settings: Mapping[str, Any]) -> SklearnPredictor:
        """Load the file to answer `signature`. Raises BundleError or SignatureError, each one sentence."""
        model = read(path, settings["trusted"])
        _require_answers(path, model)
        return predictor_of(model, signature)

    def libraries(self) -> dict[str, str]:
        """The libraries that compute the answers."""
        return {"scikit-learn": version("scikit-learn"), "numpy": version("numpy"), "scipy": version("scipy")}

    def save(self, model: object, folder: Path) -> Path | None:
        """A live estimator or pipeline as a file; None for anything else."""
        return making.save(model, folder)

    def reference(self, path: Path, signature: Signature, batch: Batch) -> dict[str, np.ndarray]:
        """The answers of the estimator's own methods."""
        return making.reference(read(path, self._trusted), signature, batch)


class SklearnPickleFamily:
    """Reads pickles, which run code when they are loaded; what they take and answer stands in a sidecar."""

    name = PICKLE
    formats = (".pkl", ".pickle", ".joblib")
    runs_code = True

    def inspect(self, path: Path) -> None:
        """A pickle says nothing before it is loaded: the sidecar's signature counts whole."""

    def load(self, path: Path, signature: Signature, settings: Mapping[str, Any]) -> SklearnPredictor:
        """Load the pickle, which the caller has found to be trusted. Raises BundleError or SignatureError."""
        import joblib

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = joblib.load(path)
        except ModuleNotFoundError as error:
            raise BundleError(f"{path.name} needs the module {error.name}: install its package here.") from error
        except Exception as error:  # A pickle raises whatever it likes.
            said = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
            of_script = isinstance(error, AttributeError) and "__main__" in said
            advice = ": define it in an installed module, and save the model again" if of_script else ""
            raise BundleError(f"{path.name} cannot be unpickled here: {said.rstrip('.: ')}{advice}.") from error
        _require_answers(path, model)
        return predictor_of(model, signature)

    def libraries(self) -> dict[str, str]:
        """The libraries that compute the answers."""
        return {"scikit-learn": version("scikit-learn"), "numpy": version("numpy"), "scipy": version("scipy")}


def _require_answers(path: Path, model: Any) -> None:
    """Raises SignatureError for what is no fitted model, or answers nothing for new instances."""
    try:
        methods = methods_of(model)
    except Exception as error:
        raise BundleError(f"{path.name} holds a {type(model).__name__}, which is no model of scikit-learn.") from error
    if not methods:
        raise SignatureError(
            f"{path.name} holds a {type(model).__name__}, which answers nothing for new instances: it has no predict."
        )
