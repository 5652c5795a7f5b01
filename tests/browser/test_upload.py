"""Files in a real Chromium: chosen, shown, sent with and without scripts, refused at their field, seen again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from mlserve.testing import settings_of
from tests.browser.browsing import Visit, api, axe_violations, overflow, run_in_bash
from tests.functional.servers import served
from tests.functional.typed import INPUTS, typed_model
from tests.unit.signature.pictures import base64_of, file_of

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive]

PICTURE = file_of(Image.new("RGB", (80, 50), (200, 30, 30)), "JPEG")
EVIL = b"<!doctype html><script>window.attacked = 1</script>"
NAME = '"><img src=x onerror="window.attacked = 1">.jpg'
TEXTS = {"half": "0.5", "big": "7", "grid": "[[1, 2]]", "deep": "[[1, 2]]", "files": "[]"}
PLACES = {field.name: f"#f{at}" for at, field in enumerate(INPUTS)}


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("upload")
    settings = settings_of(folder, plugins="tests.functional.typed", models={"all": typed_model(folder)})
    with served(folder / "upload.ini", settings) as server:
        host, port = server.address
        yield f"http://{host}:{port}"


def fill(page: Page, photo: bytes = PICTURE, name: str = NAME) -> None:
    page.goto("/models/all")
    files: list[Any] = [{"name": name, "mimeType": "image/jpeg", "buffer": photo}]
    page.set_input_files(PLACES["photo"], files)
    page.set_input_files(PLACES["file"], [{"name": "a.html", "mimeType": "text/html", "buffer": EVIL}])
    for field, text in TEXTS.items():
        page.fill(PLACES[field], text)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_picture_is_sent_answered_and_seen_again(visit: Any, tmp_path: Path, scripts: bool) -> None:
    page = visit(java_script_enabled=scripts).page
    fill(page)
    if scripts:
        expect(page.locator("#try img.chosen")).to_have_attribute("src", f"data:image/jpeg;base64,{base64_of(PICTURE)}")
    page.click("#try button[type=submit]")
    expect(page.locator("#made")).to_be_visible()
    expect(page.locator("#try img.chosen")).to_be_visible()
    command = page.locator("#curl").text_content() or ""
    # What the form holds is sent again, without choosing it again.
    page.fill(PLACES["half"], "0.25")
    page.click("#try button[type=submit]")
    expect(page.locator("#curl")).to_contain_text("half=0.25")
    page.click("#made")
    picture = page.locator("img.chosen")
    expect(picture).to_be_visible()
    kept = api(page, page.url)
    assert (kept["inputs"][0]["photo"], kept["inputs"][0]["half"]) == (base64_of(PICTURE), 0.25)
    if scripts:
        assert picture.evaluate("image => [image.complete, image.naturalWidth]") == [True, 80]
        assert page.evaluate("window.attacked") is None
    (tmp_path / "picture.jpg").write_bytes(PICTURE)
    (tmp_path / "file.bin").write_bytes(EVIL)
    answer = run_in_bash(command, tmp_path)
    assert answer["outputs"][0]["size"] == [50, 80]


def test_a_page_that_says_it_is_a_picture_is_refused_at_its_field(visit: Any) -> None:
    window = visit(bypass_csp=True)
    window.expect_error("status of 422")
    page = window.page
    fill(page, EVIL, "cat.jpg")
    page.click("#try button[type=submit]")
    fault = page.locator("#f0-fault")
    expect(fault).to_contain_text("A picture: a JPEG")
    expect(page.locator("#f0")).to_have_attribute("aria-invalid", "true")
    assert axe_violations(page) == []


def test_its_pages_are_accessible_and_no_wider_than_a_hand(visit: Any) -> None:
    page = visit(bypass_csp=True, viewport={"width": 390, "height": 844}).page
    fill(page)
    page.click("#try button[type=submit]")
    expect(page.locator("#made")).to_be_visible()
    assert (axe_violations(page), overflow(page)) == ([], 0)
    page.click("#made")
    expect(page.locator("#id")).to_be_visible()
    assert (axe_violations(page), overflow(page)) == ([], 0)


def test_a_kept_file_is_saved_and_never_opened(visit: Any) -> None:
    page = visit().page
    fill(page)
    page.click("#try button[type=submit]")
    page.click("#made")
    with page.expect_download() as saved:
        page.click(f"text={len(EVIL)} bytes")
    assert saved.value.suggested_filename.endswith("-0-2.bin")
    assert Path(saved.value.path()).read_bytes() == EVIL
    address = saved.value.url
    # Typed into the address bar it is saved too: nothing in it ever runs.
    with page.expect_download():
        page.evaluate("address => { location = address; }", address)
    assert page.evaluate("window.attacked") is None


def test_a_page_of_another_site_sends_nothing(browser: Browser, origin: str) -> None:
    """The browser's own words about where a form comes from, as it sends them."""
    window = Visit(browser, origin)
    page = window.page
    page.goto("about:blank")
    page.set_content(
        f'<form method="post" enctype="multipart/form-data" action="{origin}/api/v1/models/all/predictions">'
        '<input name="half" value="1"><button>Send</button></form>'
    )
    with page.expect_response(lambda answer: "predictions" in answer.url) as answered:
        page.click("button")
    assert answered.value.status == 415
    window.close()
