"""From a model's page to a kept prediction, as a person does it: with the keyboard only, and without scripts."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.browsing import Visit, api, run_in_bash

pytestmark = pytest.mark.slow

PREDICTION = re.compile(r"/predictions/[0-9a-f-]{36}$")
BARS = "#answer table.bars tbody tr"


def tab_to(page: Page, selector: str, most: int = 60) -> None:
    """Press Tab until that element has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.locator(f"{selector}:focus").count():
            return
    raise AssertionError(f"{selector} is not reached by the Tab key")


def kept(page: Page) -> Any:
    """The prediction that the page's answer is, as the API has it."""
    return api(page, "/api/v1/models/delay/predictions/" + page.locator("#made").get_attribute("href").split("/")[-1])


def assert_answered(page: Page, outputs: dict[str, Any]) -> None:
    expect(page.locator("#answer")).to_contain_text(outputs["label"])
    expect(page.locator("#answer")).to_contain_text(str(outputs["probability"]))
    expect(page.locator(BARS)).to_have_count(5)
    expect(page.locator(f"{BARS} svg rect")).to_have_count(5)


def test_with_the_keyboard_only(visit: Callable[..., Visit], tmp_path: Path) -> None:
    page = visit().page
    page.goto("/")
    tab_to(page, "main a[href='/models/delay']")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("delay")
    tab_to(page, "#f0")
    page.keyboard.type("UA")
    tab_to(page, "#f1")
    page.keyboard.type("BOS")
    tab_to(page, "#f2")
    page.keyboard.type("21")
    tab_to(page, "#f3")
    page.keyboard.type("true")
    tab_to(page, "#f4")
    page.keyboard.press("Delete")
    tab_to(page, "#try button[type=submit]")
    page.keyboard.press("Enter")
    expect(page.locator("#made")).to_be_visible()
    expect(page.locator("#answer-title")).to_be_focused()
    made = kept(page)
    assert made["inputs"] == [{"carrier": "UA", "dest": "BOS", "hour": 21, "holiday": True, "temp": None}]
    assert_answered(page, made["outputs"][0])
    assert run_in_bash(str(page.locator("#curl").text_content()), tmp_path)["outputs"] == made["outputs"]

    tab_to(page, "#made")
    page.keyboard.press("Enter")
    expect(page).to_have_url(PREDICTION)
    expect(page.locator("main")).to_contain_text(made["id"])
    expect(page.locator("main table.bars tbody tr")).to_have_count(5)


def test_the_answer_is_in_the_list_and_its_inputs_can_be_used_again(page: Page) -> None:
    page.goto("/models/delay")
    page.select_option("#f0", "AA")
    page.fill("#f1", "a place never seen")
    page.click("#try button[type=submit]")
    expect(page.locator("#made")).to_be_visible()
    address = str(page.locator("#made").get_attribute("href"))
    assert page.evaluate("performance.getEntriesByType('navigation').length") == 1
    expect(page.locator(f"#last a[href='{address}']")).to_be_visible()
    page.click("main a:text-is('Predictions')")
    page.click(f"main a[href='{address}']")
    expect(page.locator("main")).to_contain_text("a place never seen")
    page.click("text=Use these inputs again")
    expect(page.locator("#f0")).to_have_value("AA")
    expect(page.locator("#f1")).to_have_value("a place never seen")


def test_the_copy_button_copies_the_command(visit: Callable[..., Visit]) -> None:
    window = visit()
    window.context.grant_permissions(["clipboard-read", "clipboard-write"])
    window.page.goto("/models/delay")
    window.page.click("[data-copy=curl]")
    expect(window.page.locator("[data-copy=curl]")).to_have_text("Copied")
    assert window.page.evaluate("navigator.clipboard.readText()") == window.page.locator("#curl").text_content()


def test_without_scripts(visit: Callable[..., Visit], tmp_path: Path) -> None:
    page = visit(java_script_enabled=False).page
    page.goto("/")
    page.click("main a:text-is('delay')")
    expect(page.locator("[data-copy=curl]")).to_be_hidden()
    page.select_option("#f0", "B6")
    page.fill("#f2", "7")
    page.click("#try button[type=submit]")
    expect(page.locator("#answer-title")).to_be_focused()
    made = kept(page)
    assert_answered(page, made["outputs"][0])
    expect(page.locator("#f0")).to_have_value("B6")
    assert run_in_bash(str(page.locator("#curl").text_content()), tmp_path)["outputs"] == made["outputs"]
    page.click("#made")
    expect(page).to_have_url(PREDICTION)
    page.click("nav[aria-label=Site] >> text=Models")
    page.click("main a[aria-label='Predictions of delay']")
    page.click(f"main a[href='/predictions/{made['id']}']")
    expect(page.locator("main")).to_contain_text(made["id"])
