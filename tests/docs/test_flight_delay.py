"""The demo says of itself what is true: its data, its signature and its scores."""

import calendar
import itertools
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import flight_data
import scores
import sidecar
import train
from mlserve.signature import Decoder, Signature, complete
from mlserve_xgboost.family import XGBoostFamily

DEMO = Path(__file__).parents[2] / "examples" / "flight_delay"
ARTEFACT = DEMO / "flight-delay.ubj"
SECOND = DEMO / "flight-delay-september.ubj"


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    return flight_data.load()


@pytest.fixture(scope="module")
def test_months(flights: pd.DataFrame) -> pd.DataFrame:
    return flights[flights["late"].notna() & (flights["month"] > train.LAST_TRAINING_MONTH)]


@pytest.fixture(scope="module")
def written() -> Mapping[str, Any]:
    assert ARTEFACT.exists(), "`make demo` builds the demo's model."
    return {
        kind: json.loads(ARTEFACT.with_name(f"{ARTEFACT.name}.{kind}.json").read_text(encoding="utf-8"))
        for kind in ("signature", "metrics")
    }


@pytest.fixture(scope="module")
def signature(written: Mapping[str, Any]) -> Signature:
    """As the server has it: the file's own, completed by the sidecar."""
    return complete(XGBoostFamily().inspect(ARTEFACT), written["signature"])


def test_the_data_is_whole_and_each_flight_has_a_name_of_its_own(flights: pd.DataFrame) -> None:
    assert len(flights) == 336_776
    assert flights["flight_key"].is_unique
    assert flights["date"].is_monotonic_increasing
    assert list(flights.columns[: len(flight_data.FEATURES)]) == list(flight_data.FEATURES)


def test_a_flight_that_never_arrived_is_neither_late_nor_on_time(flights: pd.DataFrame) -> None:
    assert int(flights["late"].isna().sum()) == 9_430
    assert set(flights["late"].dropna()) == {0.0, 1.0}


def test_five_destinations_appear_only_after_training(flights: pd.DataFrame) -> None:
    training = flights["month"] <= train.LAST_TRAINING_MONTH
    assert len(set(flights["dest"]) - set(flights.loc[training, "dest"])) == 5


def test_every_number_of_the_year_is_within_the_signature(flights: pd.DataFrame) -> None:
    for name, (minimum, maximum) in sidecar.RANGES.items():
        assert flights[name].min() >= minimum, name
        assert flights[name].max() <= maximum, name


def test_the_examples_of_the_signature_are_one_flight(signature: Signature) -> None:
    assert signature.names == flight_data.FEATURES
    example = {field.name: field.example for field in signature.inputs}
    batch = Decoder(signature, max_instances=1, max_problems=1).decode(json.dumps([example]).encode(), None)
    assert not np.isnan(batch.matrix()).any()


def test_only_the_weather_may_be_missing(signature: Signature) -> None:
    assert {field.name for field in signature.inputs if field.nullable} == set(flight_data.WEATHER)


@pytest.mark.exhaustive
def test_what_is_served_scores_as_the_metrics_say(
    test_months: pd.DataFrame, signature: Signature, written: Mapping[str, Any]
) -> None:
    """Through the decoder and the family's predictor: every later flight, unseen destinations included."""
    body = json.dumps(flight_data.instances(test_months)).encode()
    decoder = Decoder(signature, max_instances=len(test_months), max_problems=1)
    predictor = XGBoostFamily().load(ARTEFACT, signature, {"threads": 1})
    try:
        answer = predictor.predict(decoder.decode(body, None))
    finally:
        predictor.close()
    metrics = written["metrics"]
    assert train.measure(test_months, answer["probability"], metrics["threshold"]) == metrics["test"]
    late = answer["probability"] >= np.float32(metrics["threshold"])
    assert np.array_equal(np.asarray(answer["label"]) == 1, late)


def test_the_model_is_better_than_a_constant_guess(written: Mapping[str, Any]) -> None:
    test, constant = written["metrics"]["test"], written["metrics"]["constant_guess"]
    assert test["auc"] > 0.7
    assert test["log_loss"] < constant["log_loss"]
    assert test["brier"] < constant["brier"]


def test_the_readme_shows_the_scores_of_the_metrics(written: Mapping[str, Any]) -> None:
    text = (DEMO / "README.md").read_text(encoding="utf-8")
    test, constant = written["metrics"]["test"], written["metrics"]["constant_guess"]
    assert f"{test['rows']:,} flights, {test['base_rate']:.1%} late".replace("%", " %") in text
    assert f"| AUC | {test['auc']:.3f} | 0.5 |" in text
    assert f"| log loss | {test['log_loss']:.3f} | {constant['log_loss']:.3f} |" in text
    assert f"| Brier score | {test['brier']:.3f} | {constant['brier']:.3f} |" in text
    assert f"reaches {written['metrics']['threshold']}." in text
    assert f"{written['metrics']['trees']} trees" in text


def test_the_readme_compares_both_models_by_month() -> None:
    text = (DEMO / "README.md").read_text(encoding="utf-8")
    assert SECOND.exists(), "`make second` builds the demo's second model."
    first, second = (json.loads(Path(f"{it}.metrics.json").read_text(encoding="utf-8")) for it in (ARTEFACT, SECOND))
    assert f"{second['trees']} trees, and a `label` from {second['threshold']} on" in text
    for month in (10, 11, 12):
        one, other = (it["test_by_month"][f"2013-{month}"] for it in (first, second))
        pairs = " | ".join(f"{one[score]:.3f}, {other[score]:.3f}" for score in ("auc", "log_loss", "recall"))
        late = f"{one['base_rate']:.1%}".replace("%", " %")
        assert f"| {calendar.month_name[month]} | {one['rows']:,} | {late} | {pairs} |" in text


def test_the_rows_to_test_on_are_the_later_flights_that_arrived(flights: pd.DataFrame, tmp_path: Path) -> None:
    later = flights[flights["late"].notna() & (flights["month"] > 11)]
    train.write_rows(tmp_path, later)
    assert [path.name for path in tmp_path.iterdir()] == ["2013-12.csv"]
    rows = pd.read_csv(tmp_path / "2013-12.csv")
    assert list(rows.columns) == [*flight_data.FEATURES, "late"]
    assert rows["late"].sum() == later["late"].sum()
    expected = later[list(flight_data.FEATURES)].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows[list(flight_data.FEATURES)], expected, check_dtype=False)


def test_auc_is_the_share_of_pairs_in_the_right_order() -> None:
    random = np.random.default_rng(7)
    outcomes = random.integers(0, 2, 60).astype(float)
    probabilities = random.integers(0, 8, 60) / 8
    late, punctual = probabilities[outcomes == 1], probabilities[outcomes == 0]
    pairs = [float(a > b) + 0.5 * float(a == b) for a, b in itertools.product(late, punctual)]
    assert scores.auc(outcomes, probabilities) == pytest.approx(sum(pairs) / len(pairs))
    assert math.isnan(scores.auc([1.0, 1.0], [0.2, 0.3]))
