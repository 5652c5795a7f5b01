"""Texts that try to be markup, script or shell: they are shown, sent and kept as the texts they are."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.browsing import Visit, api, run_in_bash
from tests.browser.models import ATTACKS

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive]


def assert_not_attacked(page: Page) -> None:
    """No text became a script or an element; dialogs and refused scripts fail the test by themselves."""
    assert page.evaluate("typeof window.attacked") == "undefined"
    markup = "main img[src=x], main svg[onload], main [onerror], main script, a[href^=javascript]"
    assert page.locator(markup).count() == 0


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_category_stays_a_text(visit: Callable[..., Visit], tmp_path: Path, attack: str) -> None:
    page = visit().page
    page.goto("/models/hostile")
    assert_not_attacked(page)
    if page.locator("select#f0").count():
        page.select_option("#f0", attack)
    else:
        page.fill("#f0", attack)
    page.click("#try button[type=submit]")
    expect(page.locator("#made")).to_be_visible()
    assert_not_attacked(page)
    expect(page.locator("#answer table.bars")).to_contain_text(attack)
    identity = str(page.locator("#made").get_attribute("href")).split("/")[-1]
    made = api(page, f"/api/v1/models/hostile/predictions/{identity}")
    assert made["inputs"][0]["attack"] == attack
    again = run_in_bash(str(page.locator("#curl").text_content()), tmp_path)
    assert again["outputs"] == made["outputs"]
    assert list(tmp_path.iterdir()) == []
    page.click("#made")
    expect(page.locator("main")).to_contain_text(attack)
    assert_not_attacked(page)


def test_names_of_fields_stay_texts(page: Page, tmp_path: Path) -> None:
    page.goto("/models/names")
    assert_not_attacked(page)
    for position in range(len(ATTACKS)):
        page.fill(f"#f{position}", str(position))
    page.click("#try button[type=submit]")
    expect(page.locator("#made")).to_be_visible()
    assert_not_attacked(page)
    identity = str(page.locator("#made").get_attribute("href")).split("/")[-1]
    made = api(page, f"/api/v1/models/names/predictions/{identity}")
    assert made["inputs"] == [{name: float(position) for position, name in enumerate(ATTACKS)}]
    assert run_in_bash(str(page.locator("#curl").text_content()), tmp_path)["outputs"] == made["outputs"]
    assert list(tmp_path.iterdir()) == []


def test_references_stay_texts_in_the_list(page: Page) -> None:
    for attack in ATTACKS:
        body = {"instances": [[1, 2]], "reference": attack}
        assert page.request.post("/api/v1/models/line/predictions", data=body).ok
    page.goto("/models/line/predictions")
    for attack in ATTACKS:
        expect(page.locator("main table.predictions")).to_contain_text(attack)
    assert_not_attacked(page)


@pytest.mark.parametrize("model", ["hostile", "names"])
def test_the_interactive_description_runs_nothing(page: Page, model: str) -> None:
    page.goto(f"/models/{model}/docs")
    predict = page.locator(".opblock-post").filter(
        has=page.locator(f'[data-path="/api/v1/models/{model}/predictions"]')
    )
    predict.locator(".opblock-summary-control").click()
    expect(predict.locator("textarea").first).to_be_visible()
    predict.get_by_role("tab", name="Schema").first.click()
    predict.get_by_role("button", name="Execute").click()
    expect(predict.locator(".live-responses-table tr.response").first).to_contain_text("200")
    assert page.evaluate("typeof window.attacked") == "undefined"
    assert page.locator("#api img[src=x], #api [onload], #api [onerror], #api script").count() == 0
