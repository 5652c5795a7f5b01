"""Every page at the widths of a desk and of a hand: nowhere too wide, and accessible.

What axe finds on every page in the light scheme it is asked in the dark one of two only, which have all the colours.
"""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.browsing import NARROW, WIDE, Visit, axe_violations, overflow

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive]

PATHS = (
    "/",
    "/models/delay",
    "/models/hostile",
    "/models/names",
    "/models/delay/predictions",
    "/models/line/predictions?reference=nothing",
    "/nothing",
)
IN_THE_DARK = ("the answer", "/models/delay/predictions")


@pytest.mark.parametrize(("scheme", "viewport"), [("light", WIDE), ("dark", NARROW)], ids=["light", "dark"])
def test_pages(visit: Callable[..., Visit], scheme: Any, viewport: dict[str, int]) -> None:
    window = visit(color_scheme=scheme, viewport=viewport, bypass_csp=True)
    window.expect_error("status of 404")
    page = window.page
    faults: dict[str, Any] = {}

    def look(name: str) -> None:
        wrong = axe_violations(page) if scheme == "light" or name in IN_THE_DARK else []
        if (wide := overflow(page)) > 0 or wrong:
            faults[name] = (wide, wrong)

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
    assert faults == {}


def test_a_signature_stands_in_a_hand(visit: Callable[..., Visit]) -> None:
    page = visit(viewport=NARROW).page
    page.goto("/models/delay")
    inputs, outputs = page.locator(".signature").all()
    expect(outputs).to_contain_text("late from a probability of 0.4")
    cells = inputs.locator("tbody tr").first.locator("th, td")
    name, kind, allowed, meaning = cells.evaluate_all("cells => cells.map(cell => cell.getBoundingClientRect())")
    assert name["y"] == pytest.approx(kind["y"], abs=2)
    assert name["bottom"] <= allowed["y"] < allowed["bottom"] <= meaning["y"]
    assert min(allowed["width"], meaning["width"]) > 300
    assert page.locator(".panel .overflow").first.evaluate("table => table.scrollWidth - table.clientWidth") <= 0


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
