"""Trains the demo's models: will a flight arrive 15 minutes late or more, as known at its scheduled departure?

Writes three files: the artefact `flight-delay.ubj`, its signature and its metrics; with `--rows` also the flights of
the later months, with what happened. The same data and library versions give the same bytes.

The split is by time. The number of trees and the label's threshold are chosen on June by a model that saw January to
May; the model that is kept is then trained on January to June; July to December are looked at once, for the metrics.
`--until 9` trains a second model in the same way on January to September.
"""

import argparse
import json
from calendar import month_name
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost
from numpy.typing import NDArray

from flight_data import CATEGORIES, FEATURES, load
from scores import auc, brier, decisions, log_loss
from sidecar import signature

LAST_TRAINING_MONTH = 6
MOST_TREES = 400
PARAMETERS: dict[str, Any] = {
    "objective": "binary:logistic",
    "eval_metric": "logloss",
    "tree_method": "hist",
    "max_depth": 6,
    "eta": 0.1,
    "min_child_weight": 20,
    "subsample": 0.8,
    "colsample_bytree": 0.6,
    # Origin has three values: it is split one against the rest, the carriers and destinations into sets.
    "max_cat_to_onehot": 4,
    "seed": 1,
    # A fixed number, because sums of floats depend on how the rows are divided among threads.
    "nthread": 2,
}
Categories = dict[str, list[str]]


def training_frame(rows: pd.DataFrame, categories: Categories) -> pd.DataFrame:
    """The features with pandas categories, from which XGBoost stores the category names in the model's file."""
    return rows[list(FEATURES)].assign(
        **{name: pd.Categorical(rows[name], categories=known) for name, known in categories.items()}
    )


def serving_matrix(rows: pd.DataFrame, categories: Categories) -> NDArray[np.float32]:
    """The features (n, 17) as a server hands them to the model: a category that training never saw has the code
    after the last known one, which is not the same as a missing value."""
    columns = []
    for name in FEATURES:
        if name in CATEGORIES:
            codes = pd.Index(categories[name]).get_indexer(rows[name])
            columns.append(np.where(codes < 0, len(categories[name]), codes))
        else:
            columns.append(rows[name].to_numpy(dtype=np.float64))
    return np.column_stack(columns).astype(np.float32)


def fit(rows: pd.DataFrame, categories: Categories, trees: int, check: pd.DataFrame | None = None) -> xgboost.Booster:
    """A model of `trees` trees, or of as many as lower the loss on the flights of `check`."""
    data = xgboost.DMatrix(training_frame(rows, categories), rows["late"], enable_categorical=True)
    if check is None:
        return xgboost.train(PARAMETERS, data, trees)
    held_out = xgboost.DMatrix(training_frame(check, categories), check["late"], enable_categorical=True)
    return xgboost.train(
        PARAMETERS, data, trees, evals=[(held_out, "check")], early_stopping_rounds=30, verbose_eval=False
    )


def predict(model: xgboost.Booster, rows: pd.DataFrame, categories: Categories) -> NDArray[np.float32]:
    matrix = serving_matrix(rows, categories)
    names, types = model.feature_names, model.feature_types
    data = xgboost.DMatrix(matrix, feature_names=names, feature_types=types, enable_categorical=True)
    trees = getattr(model, "best_iteration", model.num_boosted_rounds() - 1) + 1
    return np.asarray(model.predict(data, iteration_range=(0, trees)))


def choose(rows: pd.DataFrame, categories: Categories) -> tuple[int, float]:
    """The number of trees with the lowest loss in the last training month, and the threshold with the best F1 there."""
    last = rows["month"] == rows["month"].max()
    early, check = rows[~last], rows[last & rows["dest"].isin(rows.loc[~last, "dest"])]
    known = {name: sorted(early[name].unique()) for name in CATEGORIES}
    model = fit(early, known, MOST_TREES, check)
    probabilities = predict(model, check, known)
    thresholds = [hundredths / 100 for hundredths in range(10, 61)]
    best = max(thresholds, key=lambda threshold: decisions(check["late"], probabilities, threshold)["f1"])
    return model.best_iteration + 1, best


def measure(rows: pd.DataFrame, probabilities: NDArray[np.float32], threshold: float) -> dict[str, float]:
    outcomes = rows["late"].to_numpy()
    found = {
        "rows": len(rows),
        "base_rate": float(outcomes.mean()),
        "auc": auc(outcomes, probabilities),
        "log_loss": log_loss(outcomes, probabilities),
        "brier": brier(outcomes, probabilities),
        **decisions(outcomes, probabilities, threshold),
    }
    return {name: round(value, 6) for name, value in found.items()}


def metrics(
    train: pd.DataFrame, test: pd.DataFrame, model: xgboost.Booster, known: Categories, threshold: float
) -> Any:
    """What goes beside the artefact: scores on months that training never saw, beside those of a constant guess."""
    probabilities = predict(model, test, known)
    last = train["month"].max()
    constant = np.full(len(test), train["late"].mean(), dtype=np.float32)
    return {
        "split": {
            "train": f"2013-01 to 2013-{last:02}",
            "choices": f"2013-{last:02}",
            "test": f"2013-{last + 1:02} to 2013-12",
        },
        "trees": model.num_boosted_rounds(),
        "threshold": threshold,
        "train": measure(train, predict(model, train, known), threshold),
        "test": measure(test, probabilities, threshold),
        "test_by_month": {
            f"2013-{month:02}": measure(part, probabilities[(test["month"] == month).to_numpy()], threshold)
            for month, part in test.groupby("month")
        },
        "constant_guess": {
            "log_loss": round(log_loss(test["late"], constant), 6),
            "brier": round(brier(test["late"], constant), 6),
        },
        "unseen_destinations": sorted(set(test["dest"]) - set(known["dest"])),
    }


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_rows(folder: Path, rows: pd.DataFrame) -> None:
    """A CSV for each month, with `late` (0 or 1) beside the features, to package a model with and to test it on."""
    folder.mkdir(parents=True, exist_ok=True)
    for month, part in rows[[*FEATURES, "late"]].astype({"late": int}).groupby("month"):
        part.to_csv(folder / f"2013-{month:02}.csv", index=False)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train the flight delay model.")
    parser.add_argument("--to", type=Path, default=Path(__file__).with_name("flight-delay.ubj"), help="the artefact")
    parser.add_argument(
        "--until",
        type=int,
        choices=range(2, 12),
        default=LAST_TRAINING_MONTH,
        metavar="MONTH",
        help="the last month to train on (%(default)s)",
    )
    parser.add_argument("--rows", type=Path, metavar="FOLDER", help="write the flights of the later months there")
    return parser.parse_args()


def main() -> None:
    asked = options()
    artefact: Path = asked.to

    print("Reading the flights and the weather of 2013 ...", flush=True)
    arrived = load().dropna(subset=["late"])
    train = arrived[arrived["month"] <= asked.until]
    test = arrived[arrived["month"] > asked.until]
    known = {name: sorted(train[name].unique()) for name in CATEGORIES}

    print(f"Training on {len(train):,} flights of January to {month_name[asked.until]} ...", flush=True)
    trees, threshold = choose(train, known)
    model = fit(train, known, trees)
    found = metrics(train, test, model, known, threshold)

    # The artefact comes last: where it exists, the others are whole.
    if asked.rows is not None:
        write_rows(asked.rows, test)
    write_json(artefact.with_name(artefact.name + ".metrics.json"), found)
    write_json(artefact.with_name(artefact.name + ".signature.json"), signature(known, test, threshold))
    model.save_model(artefact)
    scores = found["test"]
    months = " to ".join(dict.fromkeys(month_name[month] for month in (asked.until + 1, 12)))
    print(f"Wrote {artefact.name}: {trees} trees, {artefact.stat().st_size / 1000:.0f} kB")
    print(
        f"{months}, {scores['rows']:,} flights, {scores['base_rate']:.1%} late: AUC {scores['auc']:.3f},"
        f" log loss {scores['log_loss']:.3f} (constant guess {found['constant_guess']['log_loss']:.3f}),"
        f" Brier {scores['brier']:.3f} ({found['constant_guess']['brier']:.3f})"
    )


if __name__ == "__main__":
    main()
