"""What a person sees of a mistake: at its field, with the focus where the reading begins, and nothing typed is lost."""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.browsing import Visit

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive]


def without_the_browser_s_own_check(page: Page) -> None:
    page.evaluate("document.getElementById('try').noValidate = true")


def test_the_browser_itself_stops_what_cannot_be(page: Page) -> None:
    page.goto("/models/delay")
    page.fill("#f2", "99")
    page.click("#try button[type=submit]")
    expect(page.locator("#f2")).to_be_focused()
    assert page.evaluate("document.getElementById('f2').validity.rangeOverflow")
    expect(page.locator("#made")).to_have_count(0)


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_each_fault_is_told_at_its_field(visit: Callable[..., Visit], scripts: bool) -> None:
    window = visit(java_script_enabled=scripts)
    window.expect_error("status of 422")
    page = window.page
    page.goto("/models/delay")
    without_the_browser_s_own_check(page)
    page.fill("#f2", "99")
    page.fill("#f4", "1000")
    page.click("#try button[type=submit]")
    expect(page.locator("#errors")).to_be_focused()
    for control, typed in (("f2", "99"), ("f4", "1000")):
        field = page.locator(f"#{control}")
        expect(field).to_have_value(typed)
        expect(field).to_have_attribute("aria-invalid", "true")
        described = str(field.get_attribute("aria-describedby")).split()
        fault = page.locator(f"#{control}-fault")
        expect(fault).to_be_visible()
        assert f"{control}-fault" in described
    expect(page.locator("#f0")).not_to_have_attribute("aria-invalid", "true")
    page.click("#errors a[href='#f4']")
    expect(page.locator("#f4")).to_be_focused()

    page.fill("#f2", "9")
    page.fill("#f4", "50")
    page.click("#try button[type=submit]")
    expect(page.locator("#made")).to_be_visible()
    expect(page.locator("#errors")).to_have_count(0)


def test_a_page_that_is_not_there_says_so(visit: Callable[..., Visit]) -> None:
    window = visit()
    window.expect_error("status of 404")
    for path in ("/models/nothing", "/predictions/018f0000-0000-7000-8000-000000000000", "/nothing", "/models/no/docs"):
        answer = window.page.goto(path)
        assert answer is not None
        assert answer.status == 404
        expect(window.page.locator("h1")).to_have_text("Not Found")
        window.page.click("nav[aria-label=Site] >> text=Models")
        assert urlsplit(window.page.url).path == "/"


def test_a_form_of_another_browser_is_refused(visit: Callable[..., Visit]) -> None:
    window = visit(java_script_enabled=False)
    window.expect_error("status of 400")
    window.page.goto("/models/delay")
    window.context.clear_cookies()
    window.page.click("#try button[type=submit]")
    expect(window.page.locator("main")).to_contain_text("Load the page again")
