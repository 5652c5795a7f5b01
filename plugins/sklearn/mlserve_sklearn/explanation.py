"""Linear models explain themselves: a coefficient times a value is what that input adds, and the intercept is the bias.

In front of the model may stand scalers, whose shift and factor become part of both.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mlserve.errors import NotSupported
from mlserve.inference import Explanation
from mlserve.signature import TEXTS, Signature
from mlserve_sklearn.inputs import names_of
from mlserve_sklearn.outputs import classes_of, numbers_of

_SCALERS: Final = frozenset({"StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler"})
_SECOND: Final = "the second class"
# Linear classifiers whose decision is a log-odds; for others it is a number that grows with it.
_LOG_ODDS: Final = frozenset({"LogisticRegression", "LogisticRegressionCV"})


@dataclass(frozen=True)
class Linear:
    """weights (blocks, columns) and bias (blocks): the margin of an instance is weights · x + bias.

    Columns are the model's; `order` says which of them each field of the signature is.
    """

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    order: tuple[int, ...]
    blocks: tuple[str | None, ...]
    scale: str

    def explain(self, converted: Any) -> Explanation:
        """Raises NotSupported where a value is missing."""
        rows = np.asarray(converted, np.float64)
        if np.isnan(rows).any():
            raise NotSupported("A linear model cannot explain an instance with a missing value.")
        contributions = rows[:, None, :] * self.weights[None, :, :]
        return Explanation(
            method="linear",
            scale=self.scale,
            blocks=self.blocks,
            contributions=contributions[:, :, self.order].astype(np.float32),
            bias=np.broadcast_to(self.bias, (len(rows), len(self.bias))).astype(np.float32),
            margin=(contributions.sum(axis=2) + self.bias).astype(np.float32),
        )


def linear_of(model: Any, signature: Signature) -> Linear | None:
    """How a linear model explains itself; None for every other one, and where an input is not one number."""
    if any(field.shape or field.type in TEXTS for field in signature.inputs):
        return None
    *scalers, last = [step for _, step in model.steps] if hasattr(model, "steps") else [model]
    scalers = [scaler for scaler in scalers if scaler is not None and scaler != "passthrough"]
    if any(type(scaler).__name__ not in _SCALERS or getattr(scaler, "clip", False) for scaler in scalers):
        return None
    scale = _scale_of(last)
    if scale is None or len(signature.inputs) != model.n_features_in_:
        return None
    weights = np.atleast_2d(_dense(last.coef_)).astype(np.float64)
    bias = np.broadcast_to(np.asarray(last.intercept_, np.float64), (len(weights),))
    shift, factor = np.zeros(weights.shape[1]), np.ones(weights.shape[1])
    for scaler in scalers:  # Each is x -> factor · x + shift, as 0 and 1 tell.
        zero, one = (np.asarray(_plain(scaler, np.full((1, shift.size), at)))[0] for at in (0.0, 1.0))
        shift, factor = (one - zero) * shift + zero, (one - zero) * factor
    return Linear(
        weights=weights * factor,
        bias=bias + weights @ shift,
        order=_order(model, signature),
        blocks=_blocks(last, len(weights), signature),
        scale=scale,
    )


def _order(model: Any, signature: Signature) -> tuple[int, ...]:
    """The model's column of each field: a data frame is put into the order that the model was trained in."""
    names = names_of(model)
    return tuple(range(len(signature.inputs))) if names is None else tuple(map(names.index, signature.names))


def _plain(scaler: Any, rows: Any) -> Any:
    """A scaler's answer to rows without names, though it was trained with some."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return scaler.transform(rows)


def _dense(weights: Any) -> Any:
    return np.asarray(weights.toarray() if hasattr(weights, "toarray") else weights)


def _scale_of(model: Any) -> str | None:
    from sklearn.linear_model._base import LinearClassifierMixin, LinearModel
    from sklearn.linear_model._glm.glm import GammaRegressor, PoissonRegressor

    if not type(model).__module__.startswith("sklearn.") or not hasattr(model, "coef_"):
        return None
    if isinstance(model, LinearClassifierMixin):
        classes = classes_of(model)
        if classes is None:
            return None
        second = str(classes[1]) if len(classes) == 2 else "the class"
        if type(model).__name__ not in _LOG_ODDS:
            return f"decision for {second}"
        return f"log-odds of {second}" if len(classes) == 2 else "log of the class's probability, up to a shared number"
    if isinstance(model, PoissonRegressor | GammaRegressor):
        return "log of the value"
    return "value" if isinstance(model, LinearModel) else None


def _blocks(model: Any, count: int, signature: Signature) -> tuple[str | None, ...]:
    if count == 1:
        return (None,)
    classes = classes_of(model)
    if classes is None or len(classes) != count:
        return tuple(map(str, range(count)))
    for output in signature.outputs:
        if len(output.categories) == count:
            return tuple(output.categories[number] for number in numbers_of(output, classes))
    return tuple(map(str, classes))
