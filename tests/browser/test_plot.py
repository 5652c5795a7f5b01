"""The plot of kept predictions: drawn where scripts run, in the colours of the scheme, as wide as there is room."""

import re
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import insert

from mlserve.db.engine import open_database
from mlserve.predictions.tables import predictions
from tests.browser.browsing import NARROW, Visit, axe_violations, overflow
from tests.browser.models import ATTACKS
from tests.functional.servers import Server
from tests.unit.predictions.factories import record, row

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive]

# The colours of versions 1 and 2 in the stylesheet.
COLOURS = {"light": [(22, 104, 184), (180, 84, 10)], "dark": [(108, 178, 245), (240, 163, 94)]}
HOSTILE = "".join(ATTACKS)
# Whether a colour is there; asked until it is.
PAINTED = """([red, green, blue]) => {
  const canvas = document.querySelector("#plot canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  for (let at = 0; at < data.length; at += 4)
    if (data[at] === red && data[at + 1] === green && data[at + 2] === blue && data[at + 3] === 255) return true;
  return false;
}"""


@pytest.fixture
def keep(server: Server) -> Callable[..., str]:
    """Keeps predictions of the model `names`, a second apart, and gives the address of a list of only these."""
    url = f"sqlite:///{server.ini.parent / 'var' / 'mlserve.db'}"

    def keep(reference: str, outputs: Sequence[dict[str, Any]], versions: int = 1) -> str:
        assert server.address  # Then it has made its tables.
        now = time.time_ns() // 1000
        database = open_database(url)
        records = [
            record(
                model="names",
                reference=reference,
                created_at=now - 1_000_000 * number,
                version=1 + number % versions,
                outputs=msgspec.Raw(msgspec.json.encode([values])),
            )
            for number, values in enumerate(outputs)
        ]
        with database.write() as connection:
            connection.execute(insert(predictions), [row(one) for one in records])
        database.close()
        return f"/models/names/predictions?reference={reference}"

    return keep


@pytest.fixture
def page(visit: Callable[..., Visit]) -> Page:
    """A wide, light window, of which pixels may be read."""
    window = visit(color_scheme="light")
    window.expect_error("willReadFrequently")
    return window.page


def assert_painted(page: Page, scheme: str, versions: int) -> None:
    for colour in COLOURS[scheme][:versions]:
        page.wait_for_function(PAINTED, arg=colour)
    for colour in COLOURS["light" if scheme == "dark" else "dark"]:
        assert not page.evaluate(PAINTED, colour)


def test_the_points_follow_the_scheme_the_window_and_the_choice(page: Page, keep: Callable[..., str]) -> None:
    page.goto(keep("two", [{HOSTILE: 0.5 + at / 100, "wait": at * 1_000_000} for at in range(30)], versions=2))
    expect(page.locator("#plot canvas")).to_have_count(1)
    assert_painted(page, "light", 2)
    page.emulate_media(color_scheme="dark")
    assert_painted(page, "dark", 2)

    expect(page.locator("#plot figcaption p:visible")).to_contain_text("median 0.645")
    page.get_by_label("Output").select_option("1")
    expect(page.locator("#plot figcaption p:visible")).to_have_text(
        "wait of 30 instances: minimum 0, median 14,500,000, maximum 29,000,000."
    )
    expect(page.locator("#plot canvas")).to_have_count(1)
    assert_painted(page, "dark", 2)

    before = page.locator("#plot canvas").bounding_box()
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function("document.querySelector('#plot canvas').clientWidth < 390")
    assert before is not None
    assert before["width"] > 600
    assert overflow(page) == 0
    assert page.evaluate("window.attacked") is None


def test_values_are_read_where_the_pointer_is(page: Page, keep: Callable[..., str]) -> None:
    page.goto(keep("read", [{"wait": 20}, {"wait": 20}]))
    legend = page.locator("#plot .u-legend")
    expect(legend).to_have_text("version 1", use_inner_text=True)
    page.locator("#plot .u-over").hover()
    expect(legend).to_contain_text(re.compile(r"UTC\s*\d{4}-.*version 1\s*20", re.DOTALL), use_inner_text=True)
    page.locator("h1").hover()
    expect(legend).to_have_text("version 1", use_inner_text=True)


@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 900}, NARROW], ids=["wide", "narrow"])
def test_the_plot_is_accessible(
    visit: Callable[..., Visit], keep: Callable[..., str], viewport: dict[str, int]
) -> None:
    page = visit(color_scheme="dark", viewport=viewport, bypass_csp=True).page
    page.goto(keep(f"axe{viewport['width']}", [{"value": at, "wait": -at} for at in range(3)]))
    expect(page.locator("#plot canvas")).to_be_visible()
    assert axe_violations(page) == []
    assert overflow(page) == 0


def test_without_scripts_the_caption_says_what_there_is(visit: Callable[..., Visit], keep: Callable[..., str]) -> None:
    page = visit(java_script_enabled=False).page
    page.goto(keep("plain", [{"value": 1, "wait": 5}, {"value": 2, "wait": 7}]))
    expect(page.locator("#plot figcaption p")).to_have_text(
        [
            "value of 2 instances: minimum 1, median 1.5, maximum 2.",
            "wait of 2 instances: minimum 5, median 6, maximum 7.",
        ]
    )
    expect(page.locator("#plot select")).to_be_hidden()
    expect(page.locator("#plot canvas")).to_have_count(0)
    expect(page.get_by_role("region", name="Predictions")).to_be_visible()


@pytest.mark.parametrize(
    "values",
    [(-1e300, 1e300), (1e-20, 2e-20), (1, 1), (0, 0), (2**63 - 1, -(2**63)), (1e16, 1e16 + 2)],
    ids=["huge", "tiny", "equal", "nothing", "whole", "close"],
)
def test_no_numbers_break_the_page(
    page: Page, keep: Callable[..., str], values: tuple[float, float], request: pytest.FixtureRequest
) -> None:
    page.goto(keep(request.node.callspec.id, [{"value": value} for value in values]))
    expect(page.locator("#plot canvas")).to_be_visible()
    assert_painted(page, "light", 1)


def test_numbers_too_small_to_be_drawn_leave_the_rest_of_the_page_alone(page: Page, keep: Callable[..., str]) -> None:
    page.goto(keep("denormal", [{"value": 5e-324, "wait": 1}, {"value": 1e-323, "wait": 2}]))
    expect(page.locator("#plot canvas")).to_be_visible()
    page.get_by_label("Output").select_option("1")
    assert_painted(page, "light", 1)
