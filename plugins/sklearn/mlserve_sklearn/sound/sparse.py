"""Sparse matrices, and what estimators make them of: SciPy follows their indices without looking."""

from typing import Any, Final

import numpy as np

from mlserve.errors import BundleError
from mlserve_sklearn.sound.objects import has, numbers_in, require

# The hash of a word becomes an int32.
_MOST: Final = 2**31 - 1


def _check_matrix(matrix: Any) -> None:
    try:
        require(matrix.format in ("csr", "csc"), f"The model holds a sparse matrix in the form {matrix.format}.")
        matrix.check_format(full_check=True)
    except ValueError as error:
        raise BundleError("A sparse matrix in the model has entries outside of it.") from error


def _check_vocabulary(model: Any) -> None:
    """The number of a word is the column that it is counted in."""
    if has(model, "vocabulary_"):
        numbers = [*model.vocabulary_.values()]
        require(
            all(isinstance(number, int | np.integer) for number in numbers) and numbers_in(numbers, len(numbers)),
            "The vocabulary of the model counts words in columns that it does not have.",
        )


def _check_hashes(model: Any) -> None:
    count = model.n_features
    require(
        isinstance(count, int | np.integer) and 1 <= count <= _MOST,
        f"The {type(model).__name__} in the model hashes into {count} columns.",
    )


def _check_one_hot(model: Any) -> None:
    """The number of a category is the column of its 1; the encoder itself says how many columns there are."""
    if not has(model, "categories_"):
        return
    widths = [*model._n_features_outs]
    sound = len(widths) == len(model.categories_) == getattr(model, "n_features_in_", None)
    for at, categories in enumerate(model.categories_ if sound else ()):
        numbers = _numbers(model, at, np.asarray(categories))
        if numbers is None:
            sound = False
            break
        count, dropped = int(numbers.max(initial=-1)) + 1, None
        if vars(model).get("_drop_idx_after_grouping") is not None:
            dropped = model._drop_idx_after_grouping[at]
        sound = sound and (dropped is None or (numbers_in([dropped], count)))
        sound = sound and widths[at] == count - (dropped is not None)
    require(sound, "The categories of an encoder in the model do not fit its columns.")


def _numbers(model: Any, at: int, categories: Any) -> Any:
    """The numbers that the categories of a feature get, before one is dropped; None where they make no sense."""
    if categories.ndim != 1:
        return None
    if categories.dtype.kind not in "OUS":  # They are searched for, which finds those in order only.
        known = categories[~np.isnan(categories)] if categories.dtype.kind == "f" else categories
        if (known[1:] < known[:-1]).any() or not np.array_equal(known, categories[: known.size]):
            return None
    if not getattr(model, "_infrequent_enabled", False):
        return np.arange(categories.size)
    rare, grouped = model._infrequent_indices[at], model._default_to_infrequent_mappings[at]
    if rare is None and grouped is None:
        return np.arange(categories.size)
    if rare is None or grouped is None or not np.size(rare) or not numbers_in(rare, categories.size):
        return None
    grouped = np.asarray(grouped)
    return grouped if grouped.shape == categories.shape and numbers_in(grouped, categories.size) else None


CHECKS: Final = {
    **dict.fromkeys(("_spbase", "spmatrix", "sparray"), _check_matrix),
    "CountVectorizer": _check_vocabulary,
    "DictVectorizer": _check_vocabulary,
    "HashingVectorizer": _check_hashes,
    "FeatureHasher": _check_hashes,
    "OneHotEncoder": _check_one_hot,
}
