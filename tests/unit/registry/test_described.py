"""Versions and aliases as their resources tell of them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from mlserve.inference import LiveModel
from mlserve.inference.live import VersionStatus
from mlserve.registry.aliases import Alias
from mlserve.registry.described import answering, describe_alias, describe_version
from mlserve.registry.registered import Known

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
HEARD, HEARD_OF_THE_END = Known("d", "linear"), Known("d", "linear", retired=True)
DRAINING = LiveModel("line", "linear", statuses={2: VersionStatus("draining")})
FAILED = LiveModel("line", "linear", statuses={2: VersionStatus("failed", "no room")})


def row(**changed: Any) -> dict[str, Any]:
    content = {"metrics": {"r2": 1.0}, "golden": None}
    return {
        "number": 2,
        "digest": "d",
        "family": "linear",
        "description": "",
        "tags": {},
        "created_at": NOW,
        "created_by": "ini",
        "retired_at": None,
        "signature": {"inputs": []},
        "manifest": {"content": content, "provenance": {"source": "/home/ada/line.linear", "platform": "linux"}},
        **changed,
    }


def alias(name: str, version: int) -> Alias:
    return Alias("line", name, version, 3, NOW, "user:ada")


@pytest.mark.parametrize(
    ("retired", "live", "known", "state"),
    [
        (False, None, None, "idle"),
        (False, None, HEARD, "idle"),
        (False, FAILED, HEARD, "failed"),
        # Who has not heard of the version looks into the database before it answers by its number.
        (True, None, None, "retired"),
        (True, None, HEARD_OF_THE_END, "retired"),
        # Who has not heard of its end answers by its number.
        (True, None, HEARD, "draining"),
        (True, DRAINING, HEARD_OF_THE_END, "draining"),
    ],
)
def test_the_state_is_that_of_this_process(
    retired: bool, live: LiveModel | None, known: Known | None, state: str
) -> None:
    told = describe_version(row(retired_at=NOW if retired else None), [], live, known=known)
    assert told["state"] == state
    assert told["reason"] == ("no room" if state == "failed" else "")
    assert told["retired_at"] == ("2026-11-01T12:00:00Z" if retired else None)


def test_a_version_is_told_with_its_aliases_and_only_whole_with_its_bundle() -> None:
    named = [alias("champion", 1), alias("next", 2), alias("shadow", 2)]
    told = describe_version(row(), named, None)
    assert (told["aliases"], told["created_at"]) == (["next", "shadow"], "2026-11-01T12:00:00Z")
    assert not {"metrics", "card", "provenance", "golden", "signature"} & {*told}
    whole = describe_version(row(), named, None, whole=True)
    assert {**whole, **told} == whole
    assert (whole["metrics"], whole["card"], whole["golden"]) == ({"r2": 1.0}, {}, 0)
    # Where the file lay stays in the registry.
    assert whole["provenance"] == {"platform": "linux"}


def test_an_alias_that_nothing_answers_for_here() -> None:
    assert describe_alias(alias("champion", 2), DRAINING, 1) == {
        "alias": "champion",
        "version": 2,
        "answers": None,
        "revision": 3,
        "moved_at": "2026-11-01T12:00:00Z",
        "moved_by": "user:ada",
        "before": 1,
    }
    assert answering(None, "champion") is None
