"""A loaded model of scikit-learn's, ready to answer."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any, Final, Literal

import numpy as np

from mlserve.errors import SignatureError
from mlserve.inference import Explanation
from mlserve.signature import NUMBERS, Batch, Field, Signature, example_instance
from mlserve_sklearn.alone import work_alone
from mlserve_sklearn.explanation import Linear, linear_of
from mlserve_sklearn.inputs import Inputs
from mlserve_sklearn.outputs import Outputs
from mlserve_sklearn.sound import objects_in
from mlserve_sklearn.structure import class_of, structure_of

ENGINE: Final = "exact"

# scikit-learn's Parallel, with one job too, empties the process's warning filters while it works, and puts back those
# that it found: two threads in it would leave each other's.
_filters = threading.Lock()
_PARALLEL: Final = frozenset({"compose", "ensemble", "multiclass", "multioutput", "pipeline"})


def predictor_of(model: Any, signature: Signature) -> "SklearnPredictor":
    """Raises SignatureError where the model cannot answer the signature, which it is asked once for."""
    work_alone(model)
    inputs, outputs = Inputs(model, signature), Outputs(model, signature)
    found = SklearnPredictor(model, inputs, outputs)
    with found.one_thread():
        _require_answer(inputs, outputs, signature)
    explained = linear_of(model, signature)
    return found if explained is None else SklearnExplainer(model, inputs, outputs, explained)


def _require_answer(inputs: Inputs, outputs: Outputs, signature: Signature) -> None:
    """Ask for the signature's example; where numbers of it are guesses, for another guess too.

    Where a text is a guess, what the library says of it counts for nothing: a model may know some words only.
    """
    guessed = [field for field in signature.inputs if field.example is None and field.type != "bool"]
    guessed = [field for field in guessed if not field.categories]
    others = tuple(replace(field, example=_other(field)) if field in guessed else field for field in signature.inputs)
    failed: Exception | None = None
    for asked in (signature, Signature(others, ())) if guessed else (signature,):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                outputs.require_fitting(inputs(one_of(asked)))
            return
        except SignatureError:
            raise
        except Exception as error:  # Of a hundred classes, each in its own way.
            failed = failed or error
    if all(field.type in NUMBERS for field in guessed):
        said = next(iter(str(failed).strip().splitlines()), "") or type(failed).__name__
        raise SignatureError(
            f"The model does not answer the example of its signature ({said.rstrip('.: ')}): look at the types of the "
            "inputs, or give each an example that it answers."
        ) from failed


def _other(field: Field) -> Any:
    """1 in place of 0, which has no logarithm and is no number of a category; None where it is out of bounds."""
    low, high = field.minimum, field.maximum
    fits = field.type in NUMBERS and not field.shape and (low is None or low <= 1) and (high is None or high >= 1)
    return 1 if fits else None


def one_of(signature: Signature) -> Batch:
    """A Batch of the signature's example."""
    row = example_instance(signature)
    return Batch.from_rows(signature, [tuple(row[name] for name in signature.names)])


def _uses_parallel(model: Any) -> bool:
    return any(
        not _PARALLEL.isdisjoint(type(found).__module__.split(".")[:2])
        for found in objects_in(model)
        if "n_jobs" in getattr(found, "__dict__", {})
    )


class SklearnPredictor:
    """Answers from many threads at once: `predict` of scikit-learn's estimators writes nothing into them."""

    concurrency: Literal["parallel"] = "parallel"
    engine: str = ENGINE

    def __init__(self, model: Any, inputs: Inputs, outputs: Outputs) -> None:
        from threadpoolctl import ThreadpoolController

        self._model = model
        self._inputs = inputs
        self._outputs = outputs
        # Each thread has its own limit of OpenMP, so that to set and reset it disturbs nobody.
        self._openmp = ThreadpoolController().select(user_api="openmp")
        self._turn = _filters if _uses_parallel(model) else nullcontext()

    def predict(self, batch: Batch) -> dict[str, np.ndarray]:
        """The library's answers, in its own types."""
        converted = self._inputs(batch)
        with self.one_thread():
            return self._outputs(converted)

    @contextmanager
    def one_thread(self) -> Iterator[None]:
        """What is computed inside uses no threads of its own."""
        with self._turn, self._openmp.limit(limits=1):
            yield

    def structure(self) -> dict[str, Any]:
        """The estimators that the model is made of, with their parameters."""
        return structure_of(self._model)

    def info(self) -> dict[str, Any]:
        """The class of the model, and how many features it was trained with."""
        return {"class": class_of(self._model), "features": getattr(self._model, "n_features_in_", None)}

    def close(self) -> None:
        """Give the model's memory back."""
        self._model = self._inputs = self._outputs = None  # type: ignore[assignment] # No predict comes any more.


class SklearnExplainer(SklearnPredictor):
    """A linear model: what each input adds to its answer is exact."""

    def __init__(self, model: Any, inputs: Inputs, outputs: Outputs, linear: Linear) -> None:
        super().__init__(model, inputs, outputs)
        self._linear = linear

    def explain(self, batch: Batch) -> Explanation:
        return self._linear.explain(self._inputs(batch))
