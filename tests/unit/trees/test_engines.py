"""The settings of a family's engines, and files that are read with a sentence."""

from pathlib import Path
from typing import NoReturn

import pytest

from mlserve.errors import BundleError, ConfigurationError
from mlserve.trees import UNSOUND, engine_settings, engines, read_model, require_engine


def test_a_family_has_threads_and_an_engine() -> None:
    threads, engine = engine_settings("oak", "Oak")
    assert (threads.name, threads.default, threads.minimum) == ("mlserve.oak.threads", 1, 1)
    assert "How many threads Oak uses" in threads.help
    assert (engine.name, engine.default, engine.choices) == ("mlserve.oak.engine", "exact", ("exact", "onnx"))


def test_an_engine_that_is_not_installed_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_PACKAGES", ("json", "no_such_package"))
    require_engine("oak", "exact")
    with pytest.raises(ConfigurationError, match=r"oak\.engine = onnx needs no_such_package, .*mlserve-oak\[onnx\]"):
        require_engine("oak", "onnx")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("it is odd."), "it is odd"),
        (KeyError("trees"), "it has no trees"),
        (TypeError("int"), "a part of it has the wrong type"),
        (AttributeError("get"), "a part of it has the wrong type"),
        (RecursionError("deep"), "it is nested too deep"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), "it is not text in UTF-8"),
    ],
)
def test_an_unsound_file_is_a_sentence(error: Exception, reason: str, tmp_path: Path) -> None:
    def parse(raw: bytes) -> NoReturn:
        raise error

    assert isinstance(error, UNSOUND)
    (tmp_path / "model.oak").write_bytes(b"")
    with pytest.raises(BundleError) as caught:
        read_model(tmp_path / "model.oak", parse, "oak")
    assert str(caught.value) == f"model.oak is not a sound oak: {reason}."


def test_a_file_is_what_parse_makes_of_it_or_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "model.oak").write_bytes(b"trees")
    assert read_model(tmp_path / "model.oak", len, "oak") == 5
    with pytest.raises(BundleError, match=r"The model file gone\.oak cannot be read: No such file"):
        read_model(tmp_path / "gone.oak", len, "oak")
