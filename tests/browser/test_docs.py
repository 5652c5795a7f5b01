"""The interactive description of the API, in a real browser."""

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.browsing import NARROW, Visit, axe_violations, overflow

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive]


def operation(page: Page, verb: str, path: str) -> Locator:
    """One operation as Swagger UI shows it."""
    return page.locator(f".opblock-{verb}").filter(has=page.locator(f'[data-path="{path}"]'))


def test_the_page_of_all_models_lists_each(page: Page) -> None:
    page.goto("/docs")
    for model in ("delay", "hostile", "line", "names"):
        expect(page.locator(".opblock-tag", has_text=model).first).to_be_visible()
    expect(page.locator("#operations")).to_be_hidden()


def test_the_page_of_a_model_shows_its_fields_and_really_predicts(page: Page) -> None:
    page.goto("/models/delay/docs")
    predict = operation(page, "post", "/api/v1/models/delay/predictions")
    predict.locator(".opblock-summary-control").click()
    example = json.loads(predict.locator("textarea").first.input_value())
    assert set(example["instances"][0]) == {"carrier", "dest", "hour", "holiday", "temp"}
    with page.expect_response(lambda answer: answer.request.method == "POST") as info:
        predict.get_by_role("button", name="Execute").click()
    assert info.value.status == 200
    answer = info.value.json()
    expect(predict.locator(".live-responses-table tr.response .response-col_status").first).to_contain_text("200")
    kept = page.request.get(f"/api/v1/models/delay/predictions/{answer['id']}").json()
    assert kept["outputs"] == answer["outputs"]


def test_a_tree_is_drawn_as_it_stands(page: Page) -> None:
    page.goto("/models/delay/docs")
    drawing = operation(page, "get", "/api/v1/models/delay/trees/{number}/drawing")
    drawing.locator(".opblock-summary-control").click()
    expect(drawing.locator(".responses-table").first).to_contain_text("<svg>")
    expect(drawing).not_to_contain_text("cannot be generated")
    with page.expect_response(lambda answer: "/trees/" in answer.url) as info:
        drawing.get_by_role("button", name="Execute").click()
    assert info.value.status == 200
    assert info.value.url.endswith("/trees/0/drawing")


def test_without_scripts_the_operations_are_listed(visit: Callable[..., Visit]) -> None:
    page = visit(java_script_enabled=False).page
    page.goto("/models/delay/docs")
    row = page.locator("#operations tr", has_text="/api/v1/models/delay/predictions").first
    expect(row).to_be_visible()
    expect(page.locator("#operations td", has_text="POST").first).to_be_visible()
    link = page.locator("main a", has_text="openapi.json")
    document = page.request.get(str(link.get_attribute("href"))).json()
    assert document["openapi"] == "3.1.0"


@pytest.mark.parametrize(
    ("scheme", "path", "opened"),
    [
        ("light", "/models/delay/docs", [("post", "predictions"), ("get", "trees/{number}")]),
        ("dark", "/docs", []),
    ],
    ids=["light", "dark"],
)
def test_it_is_accessible_and_fits_a_narrow_window(
    visit: Callable[..., Visit], scheme: str, path: str, opened: list[tuple[str, str]]
) -> None:
    page = visit(color_scheme=scheme, viewport=NARROW, bypass_csp=True).page
    page.goto(path)
    expect(page.locator(".opblock-tag").first).to_be_visible()
    assert overflow(page) <= 0
    assert axe_violations(page) == []
    for verb, tail in opened:
        one = operation(page, verb, f"/api/v1/models/delay/{tail}")
        one.locator(".opblock-summary-control").click()
        expect(one.locator(".responses-table").first).to_be_visible()
        assert overflow(page) <= 0
        one.locator(".opblock-summary-control").click()
