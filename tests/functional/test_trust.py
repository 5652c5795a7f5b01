"""What is not taken on trust: an artefact that brings code, and what a plugin's predictor answers."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from mlserve_linear.family import LinearFamily, LinearPredictor
from pyramid.config import Configurator

from mlserve.cli import main
from mlserve.errors import ConfigurationError
from mlserve.predictions.resources import PredictionsResource
from mlserve.settings import Setting
from mlserve.signature import Batch, Signature
from tests.factories import linear_model, serving, settings_of

MLSERVE_API = (1, 0)  # This module is a plugin, too.

WRONG: dict[str, Any] = {
    "one row for any batch": lambda n: {"value": np.zeros(1)},
    "a row too many": lambda n: {"value": np.zeros(n + 1)},
    "a column": lambda n: {"value": np.zeros((n, 1))},
    "a scalar": lambda n: {"value": np.zeros(())},
    "nothing": lambda n: {},
    "another output": lambda n: {"score": np.zeros(n)},
    "one output more": lambda n: {"value": np.zeros(n), "score": np.zeros(n)},
}
loads: list[Path] = []


class CodeFamily(LinearFamily):
    """Linear models whose loading would run code of the file, and whose predictor can misbehave."""

    name = "code"
    formats = (".pickled",)
    runs_code = True

    def load(self, path: Path, signature: Signature, settings: Mapping[str, Any]) -> "OddPredictor":
        loads.append(path)
        return OddPredictor(super().load(path, signature, {"decimals": 3}), settings["wrong"])


class OddPredictor(LinearPredictor):
    def __init__(self, right: LinearPredictor, wrong: str | None) -> None:
        content = {"intercept": right.intercept, "coefficients": right.coefficients, "explanation": right.explanation}
        super().__init__(content, right.decimals)
        self.wrong = wrong

    def predict(self, batch: Batch) -> dict[str, np.ndarray]:
        if self.wrong is None:
            return super().predict(batch)
        answered: dict[str, np.ndarray] = WRONG[self.wrong](batch.n)
        return answered


class CodePredictions(PredictionsResource):
    family = "code"


def includeme(config: Configurator) -> None:
    config.add_setting(Setting("mlserve.code.wrong", "str", "", "How the predictor misbehaves."))
    config.add_model_family("code", CodeFamily)
    config.add_model_resource("predictions", CodePredictions)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A declared model that brings code."""
    monkeypatch.setitem(sys.modules, "code_of_tests", sys.modules[__name__])
    loads.clear()
    path = linear_model(tmp_path).rename(tmp_path / "line.PICKLED")  # The suffix is found in any case.
    return {**settings_of(tmp_path, models={"line": path}), "mlserve.plugins": "code_of_tests"}


def refusal(settings: dict[str, str]) -> str:
    with pytest.raises(ConfigurationError) as refused, serving(settings):
        pass
    return str(refused.value)


def digest_in(sentence: str) -> str:
    (digest,) = re.findall(r"add its digest ([0-9a-f]{64}) to mlserve\.trust\.digests\.$", sentence)
    return str(digest)


def test_a_file_that_brings_code_is_loaded_only_when_its_digest_is_listed(settings: dict[str, str]) -> None:
    sentence = refusal(settings)
    assert sentence.startswith("mlserve.models.line = ")
    assert "runs code" in sentence
    assert loads == []
    settings["mlserve.trust.digests"] = f"{'0' * 64}\n{digest_in(sentence)}"
    with serving(settings) as app:
        assert app.predict("line", [[1, 2]]).json["outputs"] == [{"value": 1.0}]
    assert len(loads) == 1


def test_another_file_at_the_same_path_is_not_trusted(settings: dict[str, str], tmp_path: Path) -> None:
    first = digest_in(refusal(settings))
    linear_model(tmp_path, intercept=5.0).rename(tmp_path / "line.PICKLED")
    settings["mlserve.trust.digests"] = first
    assert digest_in(refusal(settings)) != first
    assert loads == []


def test_check_refuses_it_with_the_sentence_of_the_start_and_keeps_nothing(
    settings: dict[str, str], tmp_path: Path
) -> None:
    ini = tmp_path / "server.ini"

    def check() -> Any:
        lines = "\n".join(f"{key} = {value}" for key, value in settings.items())
        server = "[server:main]\nuse = egg:pyramid-mlserve#waitress\nhost = 127.0.0.1\n"
        ini.write_text(f"[app:main]\nuse = egg:pyramid-mlserve\n{lines}\n{server}")
        return CliRunner().invoke(main, ["check", str(ini)])

    done = check()
    assert done.exit_code == 1
    assert loads == []
    assert not (tmp_path / "var").exists()
    settings["mlserve.trust.digests"] = digest_in(done.output.strip())
    assert done.output.strip() == f"mlserve cannot start: {refusal({**settings, 'mlserve.trust.digests': ''})}"
    assert check().exit_code == 0


@pytest.mark.parametrize("way", WRONG)
def test_an_answer_that_does_not_fit_the_signature_and_the_batch_is_a_500_and_not_kept(
    settings: dict[str, str], way: str
) -> None:
    settings["mlserve.trust.digests"] = digest_in(refusal(settings))
    with serving({**settings, "mlserve.code.wrong": way}) as app:
        problem = app.predict("line", [[1, 2], [3, 4]], status=500).json
        assert problem["code"] == "prediction_failed"
        with app.application.database.read() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM predictions").scalar_one() == 0
