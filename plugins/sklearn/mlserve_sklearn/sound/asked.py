"""Parts whose answer to another part is written, or read, in a size that nobody looks at: they are asked.

They are asked for one instance and for three, since a wrong shape may show in one number of instances only.
"""

import warnings
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from mlserve_sklearn.sound.objects import features_of, has, require

_ASKED: Final = (1, 3)


def check_of(found: Any) -> Callable[[Any], None] | None:
    """The check of an object that has to be asked; None for all others."""
    kinds = {kind.__name__ for kind in type(found).__mro__ if kind.__module__.startswith("sklearn.")}
    if "BaseGradientBoosting" in kinds and has(found, "init_"):
        return _check_start
    if "OneVsRestClassifier" in kinds and has(found, "estimators_") and found.multilabel_:
        return _check_labels
    return None


def _check_start(model: Any) -> None:
    """The trees of all rounds add to what the first estimator answers."""
    for number in _ASKED:
        answer = _answer(model._raw_predict_init, np.zeros((number, features_of(model)), np.float32))
        require(
            getattr(answer, "shape", None) == (number, model.n_trees_per_iteration_),
            f"What the {type(model).__name__} in the model starts from does not answer {model.n_trees_per_iteration_} "
            "numbers for an instance.",
        )


def _check_labels(model: Any) -> None:
    """The labels of all instances become a sparse matrix."""
    for number in _ASKED:
        known = "n_features_in_" in vars(model)
        given = np.zeros((number, features_of(model))) if known else [""] * number
        for member in model.estimators_:
            answer = _answer(getattr(member, "decision_function", None) or member.predict_proba, given)
            require(
                getattr(answer, "shape", ())[:1] == (number,),
                "A part of the OneVsRestClassifier in the model cannot be asked for instances of numbers, or answers "
                "for another number of them: put what prepares the instances in front of it.",
            )


def _answer(method: Any, given: Any) -> Any:
    """None where it cannot answer."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return method(given)
    except Exception:  # Of a hundred classes, each in its own way.
        return None
