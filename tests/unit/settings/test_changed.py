"""Which settings of a family the lineage tells."""

from pathlib import Path

import pytest

from mlserve.settings import Setting, Settings, changed_settings

FAMILY = (
    Setting("mlserve.kind.decimals", "int", 3, ""),
    Setting("mlserve.kind.share", "float", 0.5, ""),
    Setting("mlserve.kind.fast", "bool", "false", ""),
    Setting("mlserve.kind.mode", "choice", "one", "", choices=("one", "two")),
    Setting("mlserve.kind.pause", "duration", "1s", ""),
    Setting("mlserve.kind.token", "str", "", ""),
    Setting("mlserve.kind.folder", "path", "%(here)s/tables", ""),
    Setting("mlserve.kind.words", "list", "", ""),
    Setting("mlserve.kind.threads", "int", 1, "", changes_answers=False),
    Setting("mlserve.kindred.other", "int", 1, ""),
)


def changed(**written: str) -> str:
    settings = Settings({f"mlserve.kind.{name}": text for name, text in written.items()}, {}, Path("/srv"))
    for setting in FAMILY:
        settings.add(setting)
    return changed_settings(settings, "mlserve.kind")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({}, ""),
        ({"decimals": "3", "pause": "1000ms", "folder": "/srv/tables", "threads": "4"}, ""),
        ({"decimals": "1", "mode": "two"}, "decimals=1, mode=two"),
        ({"fast": "yes", "share": ".25", "pause": "2m"}, "fast=true, pause=2m, share=0.25"),
    ],
)
def test_what_is_not_at_its_default_is_told(written: dict[str, str], told: str) -> None:
    assert changed(**written) == told


@pytest.mark.parametrize("name", ["token", "folder", "words"])
def test_of_texts_there_is_a_checksum_only(name: str) -> None:
    one, other = changed(**{name: "hush/hush"}), changed(**{name: "hush/loud"})
    assert one.startswith(f"{name}=#")
    assert "hush" not in one
    assert one != other
    assert one == changed(**{name: "hush/hush"})


def test_what_is_written_of_a_section_can_be_given_on() -> None:
    settings = Settings({"mlserve.kind.mode": "two"}, {"MLSERVE__KIND__SHARE": "1"}, Path("/srv"))
    for setting in FAMILY:
        settings.add(setting)
    assert settings.texts("mlserve.kind") == {"mlserve.kind.mode": "two", "mlserve.kind.share": "1"}
