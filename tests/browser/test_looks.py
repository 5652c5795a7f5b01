"""Every page in both colour schemes and at the widths of a desk and of a hand: accessible, and nowhere too wide."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.browsing import NARROW, WIDE, Visit, axe_violations, overflow

FLAWLESS: dict[str, Any] = {"overflow": 0, "axe": []}
PATHS = (
    "/",
    "/models/delay",
    "/models/hostile",
    "/models/names",
    "/models/delay/predictions",
    "/models/line/predictions?reference=nothing",
    "/nothing",
)


@pytest.mark.parametrize(("scheme", "viewport"), [("light", WIDE), ("dark", NARROW)], ids=["light", "dark"])
def test_pages(visit: Callable[..., Visit], scheme: Any, viewport: dict[str, int]) -> None:
    window = visit(color_scheme=scheme, viewport=viewport, bypass_csp=True)
    window.expect_error("status of 404")
    page = window.page
    found: dict[str, Any] = {}

    def look(name: str) -> None:
        found[name] = {"overflow": overflow(page), "axe": axe_violations(page)}

    for path in PATHS:
        page.goto(path)
        look(path)
    page.goto("/models/delay")
    page.click("#try button[type=submit]")
    expect(page.locator("#made")).to_be_visible()
    look("the answer")
    # Bars of which a part is cut off would lie.
    assert page.locator("#answer .overflow").evaluate("table => table.scrollWidth - table.clientWidth") <= 0
    page.click("#made")
    expect(page.locator("#id")).to_be_visible()
    look("the prediction")
    assert {name: wrong for name, wrong in found.items() if wrong != FLAWLESS} == {}


def test_faults_are_accessible(visit: Callable[..., Visit]) -> None:
    window = visit(color_scheme="dark", bypass_csp=True)
    window.expect_error("status of 422")
    page = window.page
    page.goto("/models/delay")
    page.evaluate("document.getElementById('try').noValidate = true")
    page.fill("#f2", "99")
    page.click("#try button[type=submit]")
    expect(page.locator("#f2-fault")).to_be_visible()
    assert axe_violations(page) == []


def test_the_colours_follow_the_scheme(visit: Callable[..., Visit]) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        page = visit(color_scheme=scheme).page
        page.goto("/")
        grounds.append(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))
    assert grounds[0] != grounds[1]
