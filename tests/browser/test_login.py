"""Logging in with a real browser: by keyboard, with and without scripts, in both schemes, and out again."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from playwright.sync_api import Browser, expect

from mlserve.cli import main
from mlserve.testing import settings_of
from tests.browser.browsing import NARROW, WIDE, Visit, axe_violations, overflow
from tests.factories import linear_model
from tests.functional.servers import served

pytestmark = pytest.mark.slow

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that asks people to log in; `ada` may."""
    folder: Path = tmp_path_factory.mktemp("guarded")
    settings = settings_of(
        folder, plugins="mlserve_linear", models={"line": linear_model(folder)}, auth__enabled="true"
    )
    ini = folder / "guarded.ini"
    with served(ini, settings) as server:
        host, port = server.address
        for arguments in (["add", ini, "ada", "--role", "operate", "--password-stdin"],):
            done = CliRunner().invoke(main, ["users", *map(str, arguments)], input=PASSWORD)
            assert done.exit_code == 0, done.output
        yield f"http://{host}:{port}"


@pytest.fixture
def window(browser: Browser, guarded: str) -> Iterator[Callable[..., Visit]]:
    visits: list[Visit] = []

    def open_window(**options: Any) -> Visit:
        visits.append(Visit(browser, guarded, **options))
        return visits[-1]

    yield open_window
    for made in visits:
        made.close()
        made.assert_clean()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_in_by_keyboard_to_the_page_that_was_asked_for_and_out_again(
    window: Callable[..., Visit], scripts: bool
) -> None:
    page = window(java_script_enabled=scripts).page
    page.goto("/models/line")
    expect(page).to_have_url("/login?next=%2Fmodels%2Fline")
    page.get_by_label("Name").focus()
    page.keyboard.type("ada")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url("/models/line")
    expect(page.get_by_text("Logged in as ada")).to_be_visible()
    page.click("#try button[type=submit]")
    expect(page.locator("#made")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url("/login")
    page.goto("/models/line")
    expect(page).to_have_url("/login?next=%2Fmodels%2Fline")


@pytest.mark.parametrize(("scheme", "viewport"), [("light", WIDE), ("dark", NARROW)], ids=["light", "dark"])
def test_the_form_its_fault_and_the_way_out_are_accessible(
    window: Callable[..., Visit], scheme: Any, viewport: dict[str, int]
) -> None:
    visit = window(color_scheme=scheme, viewport=viewport, bypass_csp=True)
    visit.expect_error("status of 403")
    page = visit.page
    page.goto("/login")
    assert (axe_violations(page), overflow(page)) == ([], 0)
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#errors")).to_be_focused()
    assert (axe_violations(page), overflow(page)) == ([], 0)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("Logged in as ada")).to_be_visible()
    assert (axe_violations(page), overflow(page)) == ([], 0)


def test_a_session_that_ends_under_a_form_leads_to_the_login(window: Callable[..., Visit]) -> None:
    visit = window()
    visit.expect_error("status of 401")
    page = visit.page
    page.goto("/models/line")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#try")).to_be_visible()
    visit.context.clear_cookies(name="mlserve_session")
    page.click("#try button[type=submit]")
    expect(page).to_have_url("/login?next=%2Fmodels%2Fline")


def test_the_documentation_can_be_tried_with_a_session(window: Callable[..., Visit]) -> None:
    page = window().page
    page.goto("/models/line/docs")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url("/models/line/docs")
    answer = page.evaluate(
        """async () => (await fetch("/api/v1/models/line/predictions", {method: "POST",
        headers: {"Content-Type": "application/json"}, body: '{"instances": [{"x": 1, "y": 2}]}'})).status"""
    )
    assert answer == 200
