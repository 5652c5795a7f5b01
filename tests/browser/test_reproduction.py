"""The button that asks a kept prediction again, in a real browser: with scripts, without, and when it fails."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.browsing import Visit, axe_violations, overflow

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive]

EQUAL = "answers this again, equal to the bit."


def made(page: Page, n: int = 2) -> str:
    """The address of the page of a new prediction."""
    body = {"instances": [{"x": number / 7, "y": 0.3} for number in range(n)]}
    answer = page.request.post("/api/v1/models/line/predictions", data=body)
    assert answer.ok, answer.text()
    return f"/predictions/{answer.json()['id']}?instance=1"


def test_with_scripts_the_answer_appears_in_its_place(page: Page) -> None:
    page.goto(made(page))
    assert axe_violations(page) == []
    page.click("text=Reproduce it")
    expect(page.locator("#reproduction [role=status]")).to_contain_text(EQUAL)
    expect(page.locator("#reproduction-title")).to_be_focused()
    expect(page.locator("#answer-title")).to_have_text("Answer to instance 1 of 2")
    assert page.evaluate("performance.getEntriesByType('navigation').length") == 1
    expect(page.locator("#reproduction")).to_have_count(1)
    assert axe_violations(page) == []


def test_without_scripts_the_page_comes_again(visit: Callable[..., Visit]) -> None:
    page = visit(java_script_enabled=False, viewport={"width": 390, "height": 844}).page
    address = made(page)
    page.goto(address)
    page.click("text=Reproduce it")
    expect(page.locator("#reproduction [role=status]")).to_contain_text(EQUAL)
    assert page.url.endswith(address)
    expect(page.locator("#answer-title")).to_have_text("Answer to instance 1 of 2")


def test_a_form_without_its_token_says_so_in_its_place(visit: Callable[..., Visit]) -> None:
    window = visit()
    window.expect_error("400")
    page = window.page
    page.goto(made(page))
    window.context.clear_cookies()
    page.click("text=Reproduce it")
    expect(page.locator("#reproduction .alert")).to_contain_text("does not carry this browser's token")
    expect(page.locator("#reproduction-title")).to_be_focused()
    assert overflow(page) == 0
