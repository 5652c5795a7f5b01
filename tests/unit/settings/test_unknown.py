"""A key or variable that nobody claims is never ignored: the sentence says what was probably meant."""

from pathlib import Path

import pytest

from mlserve.errors import ConfigurationError
from mlserve.settings import Setting, Settings

THREADS = Setting("mlserve.xgboost.threads", "int", 1, "Threads of one prediction.", minimum=1)
RENAMED = {"mlserve.body_limit": "mlserve.limits.body"}


def refusal(*keys: str, enabled: bool = False) -> str:
    """The sentence about keys (or variables: in upper case), with the plugin xgboost installed."""
    raw = {key: "1" for key in keys if not key.isupper()}
    environ = {key: "1" for key in keys if key.isupper()}
    settings = Settings(raw, environ, Path("/etc"), RENAMED)
    if enabled:
        settings.add(THREADS)
    with pytest.raises(ConfigurationError) as caught:
        settings.refuse_unknown({"xgboost": enabled})
    return caught.value.detail


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("mlserve.limits.bdy", "mlserve.limits.body"),
        ("mlserve.limit.body", "mlserve.limits.body"),
        ("mlserve.Limits.body", "mlserve.limits.body"),
        ("MLserve.limits.body", "mlserve.limits.body"),
        ("mlserve.spool.segment-size", "mlserve.spool.segment_size"),
        ("mlserve.pluginz", "mlserve.plugins"),
        ("mlserve.model.flight-delay", "mlserve.models.flight-delay"),
        ("mlserv.database.url", "mlserve.database.url"),
        ("mlserve_database_url", "mlserve.database.url"),
    ],
)
def test_a_misspelt_key(wrong: str, right: str) -> None:
    assert refusal(wrong) == f"{wrong} is not a setting: did you mean {right}?"


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("MLSERVE__LIMITS__BDY", "MLSERVE__LIMITS__BODY"),
        ("MLSERVE__LIMITS_BODY", "MLSERVE__LIMITS__BODY"),
        ("MLSERVE__MODEL__FLIGHT_DELAY", "MLSERVE__MODELS__FLIGHT_DELAY"),
    ],
)
def test_a_misspelt_variable(wrong: str, right: str) -> None:
    assert refusal(wrong) == f"The variable {wrong} is not a setting: did you mean {right}?"


def test_a_variable_with_single_underscores() -> None:
    assert refusal("MLSERVE_DATABASE_URL") == (
        "The variable MLSERVE_DATABASE_URL sets nothing: write MLSERVE__DATABASE__URL."
    )


def test_what_belongs_to_others_is_left_alone() -> None:
    raw = {"pyramid.includes": "", "sqlalchemy.url": "x", "mlserver.url": "x", "here": "/etc", "url": "x"}
    environ = {"MLSERVE_SERVICE_HOST": "10.0.0.1", "MLSERVE_PORT_6543_TCP": "x", "MLSERVER_URL": "x"}

    Settings(raw, environ, Path("/etc")).refuse_unknown({"xgboost": False})


def test_a_plugin_that_is_installed_but_not_enabled() -> None:
    ending = "belongs to the plugin xgboost, which is installed but not enabled: add xgboost to mlserve.plugins."

    assert refusal("mlserve.xgboost.threads") == f"mlserve.xgboost.threads {ending}"
    assert refusal("MLSERVE__XGBOOST__THREADS") == f"The variable MLSERVE__XGBOOST__THREADS {ending}"


def test_a_misspelt_key_of_an_enabled_plugin() -> None:
    assert refusal("mlserve.xgboost.thread", enabled=True) == (
        "mlserve.xgboost.thread is not a setting: did you mean mlserve.xgboost.threads?"
    )


def test_a_misspelt_plugin() -> None:
    assert refusal("mlserve.xgbost.engine") == (
        "mlserve.xgbost.engine is not a setting: did you mean mlserve.xgboost.engine?"
    )


def test_a_plugin_that_is_not_installed() -> None:
    assert refusal("mlserve.lightgbm.threads", enabled=True) == (
        "mlserve.lightgbm.threads is not a setting, and no plugin named lightgbm is installed: install that plugin, "
        "or remove it (mlserve.* is kept for the settings in docs/reference/settings.md)."
    )


def test_a_word_of_a_known_section_that_is_like_no_other() -> None:
    assert refusal("mlserve.health.colour") == (
        "mlserve.health.colour is not a setting: write one of mlserve.health.interval, mlserve.health.timeout, "
        "or remove it."
    )


@pytest.mark.parametrize("key", ["mlserve.models", "MLSERVE__MODELS"])
def test_models_without_a_name(key: str) -> None:
    subject, right = (f"The variable {key}", f"{key}__NAME") if key.isupper() else (key, f"{key}.NAME")

    assert refusal(key) == f"{subject} names no model: write {right}, such as mlserve.models.flight-delay."


def test_a_renamed_key() -> None:
    assert refusal("mlserve.body_limit") == "mlserve.body_limit was renamed: write mlserve.limits.body."
    assert (
        refusal("MLSERVE__BODY_LIMIT") == "The variable MLSERVE__BODY_LIMIT was renamed: write MLSERVE__LIMITS__BODY."
    )


def test_the_likeliest_mistake_comes_first() -> None:
    sentence = refusal("mlserve.onnx.threads", "mlserve.xgboost.threads", "mlserve.pluginz")

    assert sentence == "mlserve.pluginz is not a setting: did you mean mlserve.plugins?"
