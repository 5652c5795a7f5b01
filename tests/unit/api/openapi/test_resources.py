"""Documents are kept for as long as the live models stay the same."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from mlserve.api.openapi.resources import Documents
from mlserve.inference import LiveModel, LiveModels
from mlserve.startup import build
from tests.factories import settings_of


@pytest.fixture
def registry(tmp_path: Path) -> Any:
    return build(settings_of(tmp_path, models={}), here=None).registry


def family_in(documents: Documents, model: LiveModel | None) -> list[str]:
    """What the document says of its models, by their tags."""
    tags = msgspec.json.decode(documents.get(model, "/").content)["tags"]
    return [tag["description"].split()[4].rstrip(";") for tag in tags if tag["name"] != "Server"]


def test_a_document_is_made_once_for_each_place_that_it_is_seen_from(registry: Any) -> None:
    registry.mlserve.live.put(LiveModel("line", "linear"))
    documents = Documents(registry)
    here = documents.get(None, "/here")
    assert documents.get(None, "/here") is here
    there = documents.get(None, "/there")
    assert (msgspec.json.decode(there.content)["servers"], there.etag != here.etag) == ([{"url": "/there"}], True)


def test_a_change_of_the_models_is_a_new_document(registry: Any) -> None:
    live: LiveModels = registry.mlserve.live
    documents = Documents(registry)
    live.put(LiveModel("line", "linear"))
    assert family_in(documents, None) == ["linear"]
    live.put(LiveModel("line", "other"))
    assert family_in(documents, None) == ["other"]


def test_a_request_that_was_overtaken_by_a_change_leaves_nothing_stale(registry: Any) -> None:
    live: LiveModels = registry.mlserve.live
    documents = Documents(registry)
    overtaken, now = LiveModel("line", "linear"), LiveModel("line", "other")
    live.put(overtaken)
    live.put(now)
    assert family_in(documents, overtaken) == ["linear"]
    assert family_in(documents, now) == ["other"]


def test_however_many_places_it_is_seen_from_few_documents_are_kept(registry: Any) -> None:
    live = LiveModel("line", "linear")
    registry.mlserve.live.put(live)
    documents = Documents(registry)
    first = documents.get(live, "/0")
    for number in range(1, 200):
        documents.get(live, f"/{number}")
    assert documents.get(live, "/0") is first
    for number in range(200, 300):
        documents.get(live, f"/{number}")
    assert documents.get(live, "/0") is not first
