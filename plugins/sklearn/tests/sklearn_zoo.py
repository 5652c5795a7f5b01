"""Models of every kind that scikit-learn has, each trained in a moment, with rows to ask it."""

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import skops.io
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.covariance import EllipticEnvelope
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingRegressor,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KernelDensity, KNeighborsClassifier, KNeighborsRegressor, LocalOutlierFactor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
)
from sklearn.svm import SVC, SVR, LinearSVC, OneClassSVM
from sklearn.tree import DecisionTreeClassifier

ROWS = 120
_TEXTS = ("late again", "on time", "very late and cold", "early bird", "time flies", "cold tea")


@dataclass(frozen=True)
class Animal:
    """A trained model, and what it can be asked: a data frame, an array or texts."""

    model: Any
    rows: Any
    bools: tuple[str, ...] = ()  # which columns are truth values, as the file cannot know

    @property
    def instances(self) -> list[dict[str, Any]]:
        """The rows as a caller sends them; None is missing."""
        if isinstance(self.rows, pd.DataFrame):
            plain = self.rows.astype(object)
            return plain.where(plain.notna(), None).to_dict("records")
        if isinstance(self.rows, list):
            return [{"text": text} for text in self.rows]
        return [
            {f"f{at}": None if value != value else value for at, value in enumerate(row)} for row in self.rows.tolist()
        ]

    def save(self, folder: Path, name: str = "model") -> Path:
        path = folder / f"{name}.skops"
        skops.io.dump(self.model, path)
        if self.bools:
            said = {"inputs": [{"name": column, "type": "bool"} for column in self.bools]}
            path.with_name(f"{path.name}.signature.json").write_text(json.dumps(said))
        return path


def numbers(classes: int = 3, missing: bool = False) -> tuple[Any, Any]:
    """Four numbers a row, and the class of each."""
    chance = np.random.default_rng(7)
    rows = chance.normal(size=(ROWS, 4)) * [1, 10, 0.1, 3] + [0, 5, 1, -2]
    classes_ = (np.abs(rows[:, 0] * 3 + rows[:, 1]).astype(int)) % classes
    if missing:
        rows[chance.random(rows.shape) < 0.1] = np.nan
    return rows, classes_


def frame(missing: bool = True) -> Any:
    """Flights: texts, categories, whole numbers, truth values, and cells that are missing."""
    chance = np.random.default_rng(3)
    found = pd.DataFrame(
        {
            "carrier": chance.choice(["AA", "UA", "WN"], ROWS),
            "origin": chance.choice(["JFK", "EWR", "Zürich"], ROWS),
            "hour": chance.integers(0, 24, ROWS),
            "distance": chance.normal(1000, 300, ROWS).round(1),
            "rain": chance.random(ROWS) < 0.3,
            "note": chance.choice(_TEXTS, ROWS),
            "unused": chance.normal(size=ROWS),
        }
    )
    if missing:
        found.loc[chance.random(ROWS) < 0.1, "distance"] = np.nan
        found.loc[chance.random(ROWS) < 0.1, "carrier"] = None
    return found


def target(rows: Any) -> Any:
    return np.where((rows["hour"] > 12) ^ (rows["origin"] == "JFK"), "late", "on time")


def columns() -> ColumnTransformer:
    """What people put in front of a model of flights; `unused` is dropped."""
    carrier = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    return ColumnTransformer(
        [
            ("carrier", carrier, ["carrier"]),
            ("origin", OneHotEncoder(), ["origin"]),
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["distance", "hour"]),
            ("rain", "passthrough", ["rain"]),
            ("note", TfidfVectorizer(), "note"),
        ]
    )


def _array(model: Any, classes: int = 3, **how: Any) -> Animal:
    rows, found = numbers(classes, **how)
    return Animal(model.fit(rows, found), rows)


def _named(model: Any, names: tuple[str, ...]) -> Animal:
    rows, found = numbers(len(names))
    return Animal(model.fit(rows, np.array(names)[found]), rows)


def _number(model: Any) -> Animal:
    rows, _ = numbers()
    return Animal(model.fit(rows, rows @ [1.0, 0.5, -2.0, 0.1] + 30), rows)


def _counts(model: Any) -> Animal:
    rows, found = numbers(6)
    return Animal(model.fit(rows, found), rows)


def _several(model: Any, texts: bool = False) -> Animal:
    rows, found = numbers()
    second = (rows[:, 1] > 5).astype(int)
    both = np.column_stack([found, second])
    return Animal(model.fit(rows, np.array([["a", "b"], ["c", "d"], ["e", "f"]])[found] if texts else both), rows)


def _flags(model: Any) -> Animal:
    rows, _ = numbers()
    return Animal(model.fit(rows, (rows[:, :2] > [0, 5]).astype(int)), rows)


def _targets(model: Any) -> Animal:
    rows, _ = numbers()
    return Animal(model.fit(rows, rows[:, :2] * 2 + 1), rows)


def _alone(model: Any) -> Animal:
    rows, _ = numbers()
    return Animal(model.fit(rows), rows)


def _flights(model: Any, missing: bool = True) -> Animal:
    rows = frame(missing)
    return Animal(make_pipeline(columns(), model).fit(rows, target(rows)), rows.drop(columns="unused"), ("rain",))


def _frame(model: Any, names: list[str], missing: bool = True) -> Animal:
    rows = frame(missing)
    return Animal(model.fit(rows[names], target(rows)), rows[names], ("rain",) if "rain" in names else ())


def _by_type(model: Any) -> Animal:
    rows = frame()[["distance", "carrier", "hour"]].astype({"carrier": "category"})
    return Animal(model.fit(rows, target(frame())), rows)


def _texts(model: Any) -> Animal:
    texts = [f"{one} {other}" for one in _TEXTS for other in _TEXTS]
    return Animal(model.fit(texts, ["late" if "late" in text else "fine" for text in texts]), texts)


ZOO: dict[str, Callable[[], Animal]] = {
    "logistic": lambda: _array(LogisticRegression()),
    "logistic-two-names": lambda: _named(LogisticRegression(), ("early", "late")),
    "logistic-names": lambda: _named(make_pipeline(StandardScaler(), LogisticRegression()), ("a", "b", "ü")),
    "linear": lambda: _number(LinearRegression()),
    "ridge-scaled": lambda: _number(make_pipeline(StandardScaler(), MinMaxScaler(), Ridge())),
    "elastic-net": lambda: _number(ElasticNet()),
    "poisson": lambda: _counts(PoissonRegressor()),
    "ridge-classifier": lambda: _array(RidgeClassifier()),
    "sgd": lambda: _array(SGDClassifier(random_state=1)),
    "tree": lambda: _named(DecisionTreeClassifier(max_depth=4), ("x", "y", "z")),
    "forest": lambda: _named(RandomForestClassifier(10, random_state=1, n_jobs=2), ("x", "y", "z")),
    "forest-values": lambda: _number(RandomForestRegressor(10, random_state=1)),
    "extra-trees": lambda: _number(ExtraTreesRegressor(5, random_state=1)),
    "boosting": lambda: _array(GradientBoostingClassifier(n_estimators=5, random_state=1)),
    "hist-boosting": lambda: _array(HistGradientBoostingClassifier(max_iter=5), missing=True),
    "hist-boosting-values": lambda: _number(HistGradientBoostingRegressor(max_iter=5)),
    "ada-boost": lambda: _array(AdaBoostClassifier(n_estimators=5, random_state=1)),
    "bagging": lambda: _number(BaggingRegressor(n_estimators=5, random_state=1, max_features=0.5)),
    "isolation-forest": lambda: _alone(IsolationForest(n_estimators=10, random_state=1)),
    "one-class": lambda: _alone(OneClassSVM()),
    "outlier-factor": lambda: _alone(LocalOutlierFactor(novelty=True)),
    "svc": lambda: _array(SVC()),
    "svr": lambda: _number(SVR()),
    "linear-svc": lambda: _named(LinearSVC(), ("n", "y")),
    "neighbours": lambda: _array(KNeighborsClassifier()),
    "neighbours-values": lambda: _number(KNeighborsRegressor(algorithm="ball_tree")),
    "bayes": lambda: _array(GaussianNB()),
    "gaussian-process": lambda: _number(GaussianProcessRegressor()),
    "network": lambda: _array(MLPClassifier((5,), max_iter=20, random_state=1)),
    "calibrated": lambda: _array(CalibratedClassifierCV(GaussianNB())),
    "voting": lambda: _array(VotingClassifier([("a", GaussianNB()), ("b", LogisticRegression())], voting="soft")),
    "stacking": lambda: _array(StackingClassifier([("a", GaussianNB()), ("b", DecisionTreeClassifier(max_depth=2))])),
    "target": lambda: _number(TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1)),
    "grid": lambda: _array(GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]})),
    "polynomial": lambda: _number(make_pipeline(PolynomialFeatures(2), Ridge())),
    "density": lambda: _alone(KernelDensity()),
    "chain": lambda: _flags(ClassifierChain(DecisionTreeClassifier(max_depth=2))),
    "several-one-vs-rest": lambda: _flags(OneVsRestClassifier(LogisticRegression())),
    "select": lambda: _array(make_pipeline(SelectKBest(k=2), RandomForestClassifier(3, random_state=1))),
    "neighbours-brute": lambda: _array(KNeighborsClassifier(algorithm="brute")),
    "elliptic": lambda: _alone(EllipticEnvelope(random_state=1)),
    "boosting-tree": lambda: _array(
        GradientBoostingClassifier(n_estimators=3, init=DecisionTreeClassifier(max_depth=1), random_state=1)
    ),
    "k-means": lambda: _alone(KMeans(3, n_init=1, random_state=1)),
    "mini-batch": lambda: _alone(MiniBatchKMeans(3, n_init=1, random_state=1)),
    "mixture": lambda: _alone(GaussianMixture(2, random_state=1)),
    "pca": lambda: _alone(make_pipeline(StandardScaler(), PCA(2))),
    "several-values": lambda: _targets(Ridge()),
    "several-labels": lambda: _several(RandomForestClassifier(5, random_state=1)),
    "several-names": lambda: _several(MultiOutputClassifier(LogisticRegression()), texts=True),
    "flights": lambda: _flights(LogisticRegression()),
    "flights-forest": lambda: _flights(RandomForestClassifier(5, random_state=1)),
    "frame-numbers": lambda: _frame(
        make_pipeline(SimpleImputer(), LogisticRegression(max_iter=2000)), ["distance", "hour"]
    ),
    "frame-hist": lambda: _frame(HistGradientBoostingClassifier(max_iter=3), ["distance", "hour", "rain"]),
    "frame-hist-categories": lambda: _by_type(HistGradientBoostingClassifier(max_iter=3)),
    "frame-ordinal": lambda: _frame(
        make_pipeline(
            ColumnTransformer(
                [
                    ("o", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["carrier", "origin"]),
                    ("n", FunctionTransformer(np.abs), ["hour"]),
                ],
                remainder=StandardScaler(),
            ),
            DecisionTreeClassifier(max_depth=3),
        ),
        ["carrier", "origin", "hour", "unused"],
    ),
    "frame-selector": lambda: _frame(
        make_pipeline(
            ColumnTransformer(
                [
                    ("t", OneHotEncoder(), make_column_selector(dtype_include=["str", object])),
                    ("n", StandardScaler(), make_column_selector(dtype_include="number")),
                ]
            ),
            LogisticRegression(),
        ),
        ["origin", "hour", "unused"],
    ),
    "frame-rare": lambda: _frame(
        make_pipeline(
            OneHotEncoder(min_frequency=0.3, handle_unknown="infrequent_if_exist", drop="first"), LogisticRegression()
        ),
        ["carrier", "origin"],
    ),
    "texts": lambda: _texts(make_pipeline(TfidfVectorizer(), LogisticRegression())),
    "texts-hashed": lambda: _texts(make_pipeline(HashingVectorizer(n_features=64), LogisticRegression())),
    "texts-union": lambda: _texts(
        Pipeline(
            [
                (
                    "words",
                    FeatureUnion(
                        [("w", CountVectorizer()), ("c", CountVectorizer(analyzer="char", ngram_range=(2, 2)))]
                    ),
                ),
                ("bayes", MultinomialNB()),
            ]
        )
    ),
}


@cache
def animal(name: str) -> Animal:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ZOO[name]()
