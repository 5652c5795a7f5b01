"""A server whose pages are looked at, and what is true of every page."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup

from tests.factories import Served, linear_model, serving, settings_of
from tests.functional.hostile import flights_model

HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@contextmanager
def paged(folder: Path) -> Iterator[Served]:
    """A server of the models "line" and "flights", asked as browsers ask."""
    models = {"line": linear_model(folder), "flights": flights_model(folder)}
    with serving({**settings_of(folder, models=models), "mlserve.plugins": "mlserve_linear xgboost"}) as served:
        served.extra_environ = {"HTTP_ACCEPT": HTML}
        yield served


def answer_of(page: Any) -> dict[str, str]:
    """The outputs that a page shows, by name."""
    shown = page.html.select("#answer .outputs > div")
    return {item.dt.bdi.text: item.dd.text.strip() for item in shown}


def assert_sound(html: BeautifulSoup) -> None:
    """What is true of every page: one h1, a name for every control, unique ids, no inline code or style."""
    assert html.html["lang"] == "en"
    assert len(html.find_all("h1")) == 1
    assert html.title.text.endswith("mlserve")
    assert html.select("header nav")
    assert len(html.find_all("main")) == 1
    assert html.select_one("a.skip")["href"] == "#main"
    ids = [tag["id"] for tag in html.find_all(id=True)]
    assert len(ids) == len(set(ids))
    for control in html.select("main input:not([type=hidden]), main select, main textarea"):
        assert html.find("label", {"for": control.get("id")}) or control.find_parent("label"), control
    for tag in html.find_all(True):
        assert not [name for name in tag.attrs if name.startswith("on") or name in ("style", "srcdoc")], tag
        for name in ("aria-describedby", "aria-labelledby"):
            assert all(html.find(id=target) for target in tag.get(name, "").split()), tag
    assert all(script.get("src") and not script.text for script in html.find_all("script"))
    assert not html.find_all("style")
