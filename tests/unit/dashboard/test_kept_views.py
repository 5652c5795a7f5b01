"""The page of one prediction reads its query whatever it answers, and adds up with one kind of sign."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.factories import Served, linear_model, serving, settings_of


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Served]:
    with serving(settings_of(tmp_path, models={"line": linear_model(tmp_path, intercept=-4.0)})) as served:
        yield served


@pytest.mark.parametrize("media_type", ["text/html", "application/json", "text/csv"])
@pytest.mark.parametrize("query", ["instance=x", "explain=maybe", "foo=1"])
def test_a_bad_query_is_refused_in_every_media_type(app: Served, media_type: str, query: str) -> None:
    address = f"/predictions/{app.predict('line', [[1, 2]]).json['id']}"
    headers = {"Accept": media_type}
    assert app.get(address, headers=headers).content_type == media_type
    refused = app.get(f"{address}?{query}", headers=headers, status=400)
    assert query.partition("=")[0] in refused.text


def test_the_sum_has_the_signs_of_the_bars(app: Served) -> None:
    identity = app.predict("line", [[1, 3]], explain=True).json["id"]
    html = app.get(f"/predictions/{identity}?explain=1", headers={"Accept": "text/html"}).html
    shown = [tag.text for tag in html.select(".sum strong, td.num")]
    assert all(text[0] in "+−" for text in shown)
    assert sorted(float(text.replace("−", "-")) for text in shown) == [-5, -4, -3, 2]
