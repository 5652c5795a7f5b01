from pathlib import Path
from typing import Any

import pytest

from mlserve.settings import CORE, RENAMED, Setting
from mlserve.settings.values import parse


def test_no_two_settings_share_a_variable() -> None:
    assert len({setting.variable for setting in CORE}) == len(CORE)


@pytest.mark.parametrize("setting", CORE, ids=lambda setting: setting.name)
def test_every_row_is_whole(setting: Setting) -> None:
    parse(setting, setting.default_text, Path("/etc"))
    if setting.example:
        parse(setting, setting.example, Path("/etc"))
    assert setting.help.endswith(".")
    assert len(setting.help) <= 118  # One line of an INI's comment.


def test_a_renamed_key_leads_to_a_key() -> None:
    assert set(RENAMED.values()) <= {setting.name for setting in CORE}
    assert not set(RENAMED) & {setting.name for setting in CORE}


def test_the_variable_of_a_key() -> None:
    assert Setting("mlserve.spool.segment_size", "size", "", "x").variable == "MLSERVE__SPOOL__SEGMENT_SIZE"
    assert Setting("mlserve.my-plugin.x", "int", "", "x").variable == "MLSERVE__MY_PLUGIN__X"


@pytest.mark.parametrize(("default", "text"), [(1, "1"), (True, "true"), ("5s", "5s"), ("", "")])
def test_a_default_as_it_stands_in_an_ini(default: str | int, text: str) -> None:
    assert Setting("mlserve.x", "str", default, "x").default_text == text


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"type": "flaot"}, "of the type 'flaot', which is none of str, bool, int, float, duration, size, path, list"),
        ({"type": "str", "minimum": 0}, "of the type 'str', which has no minimum or maximum"),
        ({"type": "bool", "maximum": 1}, "of the type 'bool', which has no minimum or maximum"),
        ({"type": "duration", "minimum": "5s"}, "the bound '5s': write a number, in seconds or in bytes too"),
        ({"type": "choice"}, "a choice without choices"),
        ({"type": "int", "choices": ("1", "2")}, "of the type 'int', which has no choices"),
    ],
)
def test_what_a_setting_cannot_be(arguments: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=f"^mlserve.x.y (is|has) {why}"):
        Setting("mlserve.x.y", default="", help="x", **arguments)


@pytest.mark.parametrize("name", ["xgboost.threads", "mlserve", "mlserve.Threads", "mlserve.a..b", "mlserve.a__b"])
def test_a_name_that_is_no_key(name: str) -> None:
    with pytest.raises(ValueError, match="is not the name of a setting: write mlserve"):
        Setting(name, "int", 1, "x")
