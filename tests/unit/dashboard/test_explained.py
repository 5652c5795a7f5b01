"""The explanation of one instance, ready to be drawn."""

import msgspec

from mlserve.dashboard.explained import explained


def explanation(classes: int) -> bytes:
    blocks = [{"name": f"c{n}", "margin": float(n), "bias": 0.0, "contributions": {"x": 1.0}} for n in range(classes)]
    return msgspec.json.encode({"method": "linear", "scale": "log-odds", "instances": [{"blocks": blocks}]})


def test_only_the_first_ten_classes_are_drawn() -> None:
    found = explained(explanation(12), 0, {"x": 1}, ["c0"])
    assert found is not None
    assert [block.name for block in found.blocks] == ["c0", *(f"c{n}" for n in range(11, 2, -1))]
    assert found.more == 2


def test_ten_classes_are_all_drawn() -> None:
    found = explained(explanation(10), 0, {"x": 1}, [])
    assert found is not None
    assert (len(found.blocks), found.more) == (10, 0)


def test_what_has_no_explanation_shows_none() -> None:
    assert explained(None, 0, {}, []) is None
