from datetime import date
from pathlib import Path
from typing import Any

import pytest

from mlserve.bundles.card import card_of, read_card
from mlserve.bundles.parts import check_card
from mlserve.errors import BundleError


def test_a_card_is_a_table_of_texts() -> None:
    card = card_of("flight-delay", {"review-by": date(2027, 6, 30), "owner": "Ada", "audits": 3, "none": None})

    assert card == {"name": "flight-delay", "review_by": "2027-06-30", "owner": "Ada", "audits": "3"}
    check_card(card)


@pytest.mark.parametrize("name", ["", "Flight", "1a", "a_b", "a" * 64, "a b", "a\n"])
def test_a_name_that_is_none(name: str) -> None:
    with pytest.raises(BundleError, match=r"is no name of a model: write at most 63 characters a-z, 0-9 and -"):
        card_of(name, {})


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ({"Owner": "x"}, "'Owner' is no key of a model card"),
        ({"name": "other"}, "'name' is no key of a model card"),
        ({"use": ["a"]}, "'use' of the model card must be one text"),
    ],
)
def test_entries_that_are_none(metadata: dict[str, Any], why: str) -> None:
    with pytest.raises(BundleError, match=why):
        card_of("flight-delay", metadata)


def test_files(tmp_path: Path) -> None:
    (tmp_path / "card.toml").write_text('owner = "Ada"\nreview-by = 2027-06-30\n')
    (tmp_path / "card.json").write_text('{"owner": "Ada"}')
    assert card_of("x", read_card(tmp_path / "card.toml")) == {"name": "x", "owner": "Ada", "review_by": "2027-06-30"}
    assert read_card(tmp_path / "card.json") == {"owner": "Ada"}

    (tmp_path / "card.toml").write_text("owner = ")
    with pytest.raises(BundleError, match=r"card\.toml is not TOML: "):
        read_card(tmp_path / "card.toml")
    (tmp_path / "card.json").write_text("[]")
    with pytest.raises(BundleError, match=r"card\.json must hold a JSON object\.$"):
        read_card(tmp_path / "card.json")
    with pytest.raises(BundleError, match=r"none\.toml cannot be read: No such file or directory\.$"):
        read_card(tmp_path / "none.toml")
