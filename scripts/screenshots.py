"""Photograph the pages of the demo model for the documentation, into docs/images/.

    make screenshots

Serves the demo model from a folder of its own, on a free port, makes a few predictions and drives a real Chromium.
Needs chromium on the machine, and pngquant where it is there to make the files smaller.
"""

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import Request, urlopen

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
MODEL = "flight-delay"
WIDE = {"width": 1280, "height": 800}
TALL = {"width": 1280, "height": 1000}
NARROW = {"width": 390, "height": 844}
LARGEST = 200_000  # bytes
FLIGHTS = (
    {"carrier": "UA", "origin": "EWR", "dest": "ORD", "month": 7, "day_of_week": 3, "hour": 18, "temp": 84.0},
    {"carrier": "DL", "origin": "LGA", "dest": "ATL", "month": 2, "day_of_week": 6, "hour": 7, "temp": 30.2},
    {"carrier": "B6", "origin": "JFK", "dest": "BOS", "month": 12, "day_of_week": 5, "hour": 21, "temp": 41.0},
)
INI = """
[app:main]
use = egg:pyramid-mlserve
mlserve.plugins = xgboost
mlserve.models.{model} = {artefact}
mlserve.var = {var}

[server:main]
use = egg:pyramid-mlserve#waitress
listen = 127.0.0.1:{port}
"""


def main() -> None:
    chromium = shutil.which("chromium") or sys.exit("There is no chromium on this machine: apt-get install chromium")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with serving() as origin, sync_playwright() as playwright:
        for number, flight in enumerate(FLIGHTS):
            predict(origin, {**flight, "minute": 30, "distance": 719}, f"2013-07-0{number + 1}/demo")
        arguments = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        photograph(browser, origin)
        browser.close()
    for path in sorted(IMAGES.glob("*.png")):
        print(f"{path.relative_to(ROOT)}  {path.stat().st_size:,} bytes")
        if path.stat().st_size > LARGEST:
            sys.exit(f"{path.name} is larger than {LARGEST:,} bytes")


def photograph(browser: Browser, origin: str) -> None:
    """All the images."""
    page = window(browser, origin, WIDE)
    page.goto("/")
    keep(page, "models", height=480)
    page.goto(f"/models/{MODEL}")
    begin_with(page.locator("section.panel").first)
    keep(page, "panels", height=640)
    answer(page := window(browser, origin, TALL))
    begin_with(page.locator("h1"))
    keep(page, "answer")
    page.goto(f"/models/{MODEL}/docs")
    predict_here = page.locator(".opblock-post", has=page.locator('[data-path$="/predictions"]'))
    predict_here.locator(".opblock-summary-control").click()
    expect(predict_here.locator("textarea").first).to_be_visible()
    predict_here.locator("textarea").first.evaluate("area => { area.style.height = '23rem' }")
    begin_with(predict_here.locator(".opblock-section-request-body"), margin=0)
    keep(page, "docs")
    answer(page := window(browser, origin, TALL, scheme="dark"))
    begin_with(page.locator("h1"))
    keep(page, "answer-dark")
    answer(page := window(browser, origin, NARROW))
    begin_with(page.locator("#answer"))
    keep(page, "answer-narrow")


def window(browser: Browser, origin: str, viewport: Any, scheme: Any = "light") -> Page:
    return browser.new_context(base_url=origin, viewport=viewport, color_scheme=scheme).new_page()


def answer(page: Page) -> None:
    """Fill the form in, send it, and wait for the answer."""
    page.goto(f"/models/{MODEL}")
    for field, value in {"carrier": "UA", "origin": "EWR"}.items():
        page.get_by_label(field, exact=False).first.select_option(value)
    for field, value in {"hour": "18", "temp": "84"}.items():
        page.get_by_label(field, exact=False).first.fill(value)
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#made")).to_be_visible()


def begin_with(shown: Locator, margin: int = 4) -> None:
    """Scroll until the window begins with that element, so that nothing above it is cut; `margin` in pixels."""
    shown.evaluate("(element, margin) => scrollTo(0, scrollY + element.getBoundingClientRect().top - margin)", margin)


def keep(page: Page, name: str, height: int | None = None) -> None:
    """Photograph what the window shows, or of a wide one its first pixels of that height."""
    path = IMAGES / f"{name}.png"
    page.evaluate("document.activeElement.blur()")
    clip: Any = {"x": 0, "y": 0, "width": WIDE["width"], "height": height} if height else None
    page.screenshot(path=path, animations="disabled", caret="hide", clip=clip)
    if quantise := shutil.which("pngquant"):
        subprocess.run([quantise, "--force", "--ext", ".png", "--strip", str(path)], check=True)


def predict(origin: str, instance: dict[str, Any], reference: str) -> None:
    body = json.dumps({"reference": reference, "instances": [instance]}).encode()
    address = f"{origin}/api/v1/models/{MODEL}/predictions"
    with urlopen(Request(address, body, {"Content-Type": "application/json"})) as response:  # noqa: S310
        response.read()


@contextmanager
def serving() -> Iterator[str]:
    """The demo model behind a real server; its origin."""
    artefact = ROOT / "examples" / "flight_delay" / "flight-delay.ubj"
    if not artefact.exists():
        sys.exit("The demo model is not built: make demo")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with TemporaryDirectory() as folder, Path(folder, "log").open("w+") as log:
        ini = Path(folder, "screenshots.ini")
        text = INI.format(model=MODEL, artefact=artefact, var=Path(folder, "var"), port=port)
        ini.write_text(text, encoding="utf-8")
        command = [str(Path(sys.executable).with_name("pserve")), str(ini)]
        server = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_for(f"http://127.0.0.1:{port}/health/live", server, Path(log.name))
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait()


def wait_for(address: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    """Return as soon as the server answers; end the program when it does not within a minute."""
    for _ in range(600):
        try:
            urlopen(address).close()  # noqa: S310
        except OSError:
            if server.poll() is not None:
                break
            time.sleep(0.1)
        else:
            return
    sys.exit("The server did not start:\n" + log.read_text())


if __name__ == "__main__":
    main()
