"""A real Chromium, and what it did while a test drove it: a request to anywhere but the server under test, an error in
the console (a breach of the pages' content security policy is one) or a dialog fails the test at its end.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request, expect, sync_playwright

from tests.tools import tool

WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 390, "height": 844}
PATIENCE = 15_000  # ms

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # Whatever a page asks for, nothing but this machine is ever found.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    """The machine's Chromium, started."""
    path = tool("chromium", "chromium-browser", "google-chrome")
    with sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE)
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield browser
        browser.close()


class Visit:
    """One visitor's browser window, with cookies of its own, and the record of what happened in it."""

    def __init__(self, browser: Browser, origin: str, **options: Any) -> None:
        self.origin = origin
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.dialogs: list[str] = []
        self._expected: list[str] = []
        self.context = browser.new_context(base_url=origin, **{"viewport": WIDE, **options})
        self.context.set_default_timeout(PATIENCE)
        self.context.on("request", self._requested)
        self.context.on("console", self._said)
        self.context.on("dialog", self._asked)
        self.context.on("weberror", lambda error: self.errors.append(str(error.error)))
        self.page: Page = self.context.new_page()

    def expect_error(self, words: str) -> None:
        """Let the console say this: a browser reports each answer of 400 and more there."""
        self._expected.append(words)

    def close(self) -> None:
        self.context.close()

    def assert_clean(self) -> None:
        assert self.requests
        origin = urlsplit(self.origin)[:2]
        assert [url for url in self.requests if url[:5] != "data:" and urlsplit(url)[:2] != origin] == []
        assert [text for text in self.errors if not any(words in text for words in self._expected)] == []
        assert self.dialogs == []

    def _requested(self, request: Request) -> None:
        self.requests.append(request.url)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(f"{message.text} ({message.location.get('url')})")

    def _asked(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()


def api(page: Page, path: str) -> Any:
    """What the API of the same server answers to GET."""
    answer = page.request.get(path, headers={"Accept": "application/json"})
    assert answer.ok, answer.text()
    return answer.json()


def run_in_bash(command: str, folder: Path) -> Any:
    """The JSON that a copied command answers, run as it stands."""
    environ = {**os.environ, "no_proxy": "127.0.0.1"}
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=environ, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def axe_violations(page: Page, context: Any = None) -> list[str]:
    """What axe-core finds wrong with the page, a line for each element."""
    found = Axe().run(page, context=context).response["violations"]
    return [f"{item['id']}: {node['target']} {node['failureSummary']}" for item in found for node in item["nodes"]]


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    pixels: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return pixels
