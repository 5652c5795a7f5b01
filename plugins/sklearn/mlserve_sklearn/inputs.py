"""What a model takes: the fields that its estimators tell of, and a Batch in the form that they were trained on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from mlserve.errors import SignatureError
from mlserve.signature import Batch, Field, Signature
from mlserve_sklearn.sound import objects_in

# The library refuses what is infinite, or becomes too large for the float32 that its trees compare in; a scaler in
# front of them may make that of a smaller number.
LARGEST: Final = 1e30
TEXT: Final = "text"
_TEXTS: Final = frozenset({"string", "category", "text"})
# Steps whose column i is their input's column i, so that what comes after them tells of it too.
_ALIGNED: Final = frozenset(
    {
        "SimpleImputer",
        "StandardScaler",
        "MinMaxScaler",
        "MaxAbsScaler",
        "RobustScaler",
        "QuantileTransformer",
        "PowerTransformer",
        "FunctionTransformer",
    }
)
_IMPUTERS: Final = frozenset({"SimpleImputer", "IterativeImputer", "KNNImputer"})
_ENCODERS: Final = frozenset({"OneHotEncoder", "OrdinalEncoder", "TargetEncoder"})
# Libraries whose estimators know a column of categories by its type in the data frame.
_BY_TYPE: Final = frozenset({"lightgbm", "xgboost"})


def inputs_of(model: Any) -> tuple[Field, ...] | None:
    """The fields, as far as the fitted estimators know them; None where they do not even say how many there are."""
    if takes_texts(model):
        return (Field(TEXT, "text"),)
    count = getattr(model, "n_features_in_", None)
    names = names_of(model)
    if count is None or (names is not None and len(names) != count):
        return None
    used = used_by(model) if names is not None else range(count)
    told = {at: _field(f"f{at}" if names is None else names[at], _chain(model, at)) for at in used}
    return tuple(told[at] for at in sorted(told))


def names_of(model: Any) -> list[str] | None:
    names = getattr(model, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def used_by(model: Any) -> list[int]:
    """The columns that the model looks at: a ColumnTransformer in front may drop some, which may then be absent."""
    first = next(iter(_steps(model)), model)
    places = getattr(first, "_transformer_to_input_indices", None)
    count = model.n_features_in_
    if places is None or getattr(first, "feature_names_in_", None) is None:
        return [*range(count)]
    dropped = {name for name, transformer, _ in first.transformers_ if isinstance(transformer, str)}
    passed = {name for name, transformer, _ in first.transformers_ if transformer == "passthrough"}
    return sorted({at for name, columns in places.items() if name not in dropped - passed for at in columns})


def takes_texts(model: Any) -> bool:
    """Whether an instance is one text: a vectorizer of texts comes first."""
    first = next(iter(_steps(model)), model)
    if hasattr(first, "transformer_list"):
        return any(takes_texts(transformer) for _, transformer in first.transformer_list)
    return _is_vectorizer(first)


class Inputs:
    """Gives a model the instances of a Batch as it was trained on them: a data frame, a matrix, or texts."""

    def __init__(self, model: Any, signature: Signature) -> None:
        fields = signature.inputs
        self._names: list[str] = [field.name for field in fields]
        self._types = {field.name: field.type for field in fields}
        self._none = _columns_with_none(model)
        self._categories: dict[str, list[str]] = {}
        self.convert: Callable[[Batch], Any]
        names, count = names_of(model), getattr(model, "n_features_in_", None)
        if len(fields) == 1 and not fields[0].shape and (takes_texts(model) or (count is None and names is None)):
            self.convert = self._texts if fields[0].type in _TEXTS else self._matrix
        elif len(fields) == 1 and fields[0].shape and names is None:
            _require_count(len(fields[0].shape) == 1 and fields[0].shape[0], count)
            self.convert = self._tensor
        elif any(field.shape for field in fields):
            raise SignatureError("A model of scikit-learn takes one value a field, or one field with all its numbers.")
        elif names is None and count is not None:
            _require_count(len(fields), count)
            self.convert = self._matrix
        else:
            if names is not None:
                self._names = _in_order(names, [names[at] for at in used_by(model)], self._names)
                self._categories = categories_by_type(model, names, fields)
            self.convert = self._frame

    def __call__(self, batch: Batch) -> Any:
        return self.convert(batch)

    def _texts(self, batch: Batch) -> Any:
        return batch.values(self._names[0])

    def _tensor(self, batch: Batch) -> Any:
        return batch.column(self._names[0])[0]

    def _matrix(self, batch: Batch) -> Any:
        columns = [_cells(batch, name, None in self._none) for name in self._names]
        return np.column_stack(columns)

    def _frame(self, batch: Batch) -> Any:
        import pandas

        # With a dtype of its own: pandas would make NaN of None, which some encoders tell apart.
        columns = {name: _cells(batch, name, name in self._none) for name in self._names}
        for name, categories in self._categories.items():
            columns[name] = pandas.Categorical(columns[name], categories=categories)
        return pandas.DataFrame(
            {
                name: pandas.Series(cells, dtype=object) if cells.dtype == object else cells
                for name, cells in columns.items()
            }
        )


def _cells(batch: Batch, name: str, keeps_none: bool) -> Any:
    """A column (n,) with NaN where a value is missing, or None where the model was trained with that."""
    array, missing = batch.column(name)
    if not missing.any():
        return array
    if array.dtype.kind in "iu":
        array = array.astype(np.float64)
    elif array.dtype.kind in "bO":
        array = array.astype(object)
    else:
        return array
    array[missing] = None if keeps_none and array.dtype == object else np.nan
    return array


@dataclass(frozen=True)
class _Link:
    """One estimator that a column goes through, and which of its input's columns it is."""

    estimator: Any
    at: int


def _chain(model: Any, at: int) -> Iterator[_Link]:
    """The estimators that column `at` goes through, as long as it can be followed."""
    following = [*_steps(model)]
    while following:
        estimator = following.pop(0)
        inner = getattr(estimator, "_transformer_to_input_indices", None)
        if inner is not None:
            name = next((name for name, columns in inner.items() if at in columns), None)
            found = next((entry[1] for entry in estimator.transformers_ if entry[0] == name), None)
            if name is None or found is None or (isinstance(found, str) and found == "drop"):
                return
            at = list(inner[name]).index(at)
            if not isinstance(found, str):
                yield from _chain(found, at)
            if isinstance(found, str) or all(type(step).__name__ in _ALIGNED for step in _steps(found)):
                # Where it stands afterwards is not followed; that it is a number is what all others say too.
                yield from (_Link(step, -1) for step in following)
            return
        if hasattr(
            getattr(estimator, "_preprocessor", None), "transformers_"
        ):  # Of histogram boosting with categorical features.
            yield from (link for link in _chain(estimator._preprocessor, at) if hasattr(link.estimator, "categories_"))
        yield _Link(estimator, at)
        if type(estimator).__name__ not in _ALIGNED or getattr(estimator, "add_indicator", False):
            yield from (_Link(step, -1) for step in following)
            return


def categories_by_type(model: Any, names: Sequence[str], fields: Sequence[Field]) -> dict[str, list[str]]:
    """The categories of each field that reaches an estimator which wants them as pandas' type.

    Raises SignatureError where LightGBM, which takes unknown ones for missing, knows none of a field's.
    """
    found = {}
    for field in fields:
        chain = _chain(model, names.index(field.name)) if field.type == "category" else iter(())
        first = next((link for link in chain if type(link.estimator).__name__ != "FunctionTransformer"), None)
        if first is None:
            continue
        parts = [part for part in objects_in(first.estimator) if type(part).__module__.partition(".")[0] in _BY_TYPE]
        if not parts:
            continue
        found[field.name] = list(field.categories)
        trained = [
            value for part in parts for values in getattr(part, "pandas_categorical", None) or () for value in values
        ]
        if trained and {*trained}.isdisjoint(field.categories):
            raise SignatureError(
                f"The model knows none of the categories of the input {field.name!r}; it knows {trained[0]!r}."
            )
    return found


def _steps(model: Any) -> Iterator[Any]:
    """The estimators of a pipeline in their order, without those that do nothing; of others the model itself."""
    for name in ("best_estimator_", "estimator_", "regressor_"):
        inner = getattr(model, name, None)
        if inner is not None and hasattr(inner, "steps"):
            yield from _steps(inner)
            return
    if not hasattr(model, "steps"):
        yield model
        return
    for _, step in model.steps:
        if step is not None and not isinstance(step, str):
            yield from _steps(step)


def _field(name: str, chain: Iterator[_Link]) -> Field:
    links = [*chain]
    nullable = _takes_missing(links)
    number = Field(name, "float64", nullable=nullable, minimum=-LARGEST, maximum=LARGEST)
    imputed = False
    for link in links:
        kind = type(link.estimator).__name__
        if _is_vectorizer(link.estimator):
            return Field(name, "text")
        if kind in _ENCODERS and link.at >= 0:
            return _encoded(number, link.estimator, link.estimator.categories_[link.at], imputed)
        if kind == "SimpleImputer" and np.asarray(link.estimator.statistics_).dtype == object:
            number = Field(name, "string", nullable=nullable)
        imputed = imputed or kind in _IMPUTERS
    return number


def _encoded(field: Field, encoder: Any, found: Any, imputed: bool) -> Field:
    """A field whose values an encoder has listed."""
    values = [value for value in found.tolist() if value is not None and value == value]
    takes_unknown = getattr(encoder, "handle_unknown", "ignore") not in ("error",)
    nullable = imputed or takes_unknown or len(values) < len(found)
    if values and all(isinstance(value, str) for value in values):
        known: dict[str, Any] = {"categories": tuple(values), "unknown": "native" if takes_unknown else "refuse"}
        return replace(field, type="category", minimum=None, maximum=None, nullable=nullable, **known)
    if values and all(isinstance(value, bool) for value in values):
        return replace(field, type="bool", minimum=None, maximum=None, nullable=nullable)
    ends = {} if takes_unknown or not values else {"minimum": min(values), "maximum": max(values)}
    whole = all(isinstance(value, int) for value in values)
    if not whole and all(float(value).is_integer() for value in values):  # Missing values made floats of them.
        whole, ends = True, {key: int(value) for key, value in ends.items()}
    if whole:
        return replace(field, type="int64", nullable=nullable, **({"minimum": None, "maximum": None} | ends))
    return replace(field, nullable=nullable, **ends)


def _takes_missing(links: Sequence[_Link]) -> bool:
    """Whether a missing value finds an imputer, or an estimator at the end that knows what to do with it."""
    for link in links:
        if type(link.estimator).__name__ in _IMPUTERS:
            return True
        if not _allows_nan(link.estimator):
            return False
    return bool(links)


def _allows_nan(estimator: Any) -> bool:
    from sklearn.utils import get_tags

    try:
        return bool(get_tags(estimator).input_tags.allow_nan)
    except Exception:  # The tags of somebody else's estimator, which is only asked whether it takes more.
        return False


def _is_vectorizer(estimator: Any) -> bool:
    return hasattr(estimator, "token_pattern") and hasattr(estimator, "ngram_range")


def _columns_with_none(model: Any) -> frozenset[str | None]:
    """The names of the columns whose missing values were None in training; None among them: of a matrix."""
    found: set[str | None] = set()
    names = names_of(model)
    for at in range(getattr(model, "n_features_in_", None) or 0):
        for link in _chain(model, at):
            kind = type(link.estimator).__name__
            if link.at < 0:
                break
            imputes = kind == "SimpleImputer" and link.estimator.missing_values is None
            if imputes or (kind in _ENCODERS and None in link.estimator.categories_[link.at].tolist()):
                found.add(None if names is None else names[at])
    return frozenset(found)


def _require_count(given: Any, count: int | None) -> None:
    if count is not None and given != count:
        raise SignatureError(f"The signature has {int(given)} inputs, and the model takes {count}.")


def _in_order(known: Sequence[str], used: Sequence[str], given: Sequence[str]) -> list[str]:
    """The given names in the model's order. Raises SignatureError where one is unknown, or lacking."""
    if strange := [name for name in given if name not in known]:
        raise SignatureError(
            f"The input {strange[0]!r} of the signature is none of the model's: {', '.join(known[:5])}."
        )
    if lacking := [name for name in used if name not in given]:
        raise SignatureError(f"The model takes an input {lacking[0]!r}, which the signature does not name.")
    return [name for name in known if name in given]
