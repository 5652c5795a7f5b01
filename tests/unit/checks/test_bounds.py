import pytest

from mlserve.checks import Bound, Tolerances, read_bound, read_tolerances


def test_a_bound_holds_its_limit_too() -> None:
    least, most = read_bound("AUC=0.70", least=True), read_bound("logloss = 5e-1", least=False)
    assert (least, most) == (Bound("auc", 0.7, True), Bound("log_loss", 0.5, False))
    assert [least.holds(found) for found in (0.69, 0.7, 0.71)] == [False, True, True]
    assert [most.holds(found) for found in (0.49, 0.5, 0.51)] == [True, True, False]
    assert (least.name, most.name) == ("min auc", "max log_loss")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("auc", "a score and a number, such as auc=0.7"),
        ("auk=1", "did you mean auc?"),
        ("=1", "one of auc, log_loss"),
        ("auc=", "a number such as 0.7"),
        ("auc=nan", "a number such as 0.7"),
        ("auc=inf", "a number such as 0.7"),
    ],
)
def test_what_is_no_bound(text: str, what: str) -> None:
    with pytest.raises(ValueError) as raised:
        read_bound(text, least=True)
    assert what in str(raised.value)


def test_tolerances_of_all_scores_and_of_one() -> None:
    found = read_tolerances(["0.01", "rmse=2"])
    assert (found.of("auc"), found.of("rmse")) == (0.01, 2)
    assert read_tolerances([]) == Tolerances()
    for text in ("-1", "auc=-1", "nan", "x=1"):
        with pytest.raises(ValueError):
            read_tolerances([text])


def test_a_score_that_a_threshold_trades_is_compared_only_with_a_tolerance_of_its_own() -> None:
    found = read_tolerances(["0.01", "recall=0.02"])
    assert [found.asks(score) for score in ("auc", "brier", "recall", "precision", "f1")] == [True] * 3 + [False] * 2


def test_other_names_of_scores() -> None:
    said = ["roc_auc=0", "LogLoss=0", "brier_score=0", "f1_score=0"]
    assert [read_bound(text, least=True).score for text in said] == ["auc", "log_loss", "brier", "f1"]


@pytest.mark.parametrize(("text", "meant"), [("acc=0.5", "accuracy"), ("ac=0.5", "accuracy"), ("auk=0.5", "auc")])
def test_the_score_that_was_meant_is_named(text: str, meant: str) -> None:
    with pytest.raises(ValueError, match=rf"\(did you mean {meant}\?\)"):
        read_bound(text, least=True)
