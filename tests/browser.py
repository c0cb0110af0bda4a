"""Pages opened in a browser, and all that they log or ask of the network.

`python -m tests.browser` sees to it that there is a browser: the system's, else
Playwright's own, else a package of Debian's where one may install it; else it says in one
sentence what is missing, and the tests that open pages fail with that sentence.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Page, Playwright, sync_playwright

SYSTEM = (
    "chromium-headless-shell",  # opens a page in a third of the time
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
)
"""Names that a system's own Chromium goes by."""

PACKAGES = (
    ("chromium-headless-shell", "fonts-dejavu", "fonts-liberation"),
    ("chromium",),
)
"""Debian's, the first that can be had. How wide a page is hangs on its letters too."""

MISSING = (
    "no browser for the tests of pages: install Chromium (apt-get install chromium, or "
    "playwright install --with-deps chromium), or name yours by the environment "
    "variable CHROMIUM"
)


def candidates() -> list[str | None]:
    """Executables to try, in order; None is the one that Playwright has fetched."""
    if named := os.environ.get("CHROMIUM"):
        return [named]
    return [*filter(None, map(shutil.which, SYSTEM)), None]


def launched(playwright: Playwright) -> Browser | None:
    """The first browser that starts."""
    for executable in candidates():
        try:
            return playwright.chromium.launch(
                executable_path=executable, args=["--no-sandbox"]
            )
        except Error:
            continue  # not there, or a stub, or it lacks a library
    return None


@dataclass
class Opened:
    """A page in the browser, what it logged, and what it asked for but the file itself."""

    page: Page
    logged: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def texts(self, selector: str) -> list[str]:
        return self.page.locator(selector).all_inner_texts()

    def found(self) -> int:
        """How many problems fit the filters, as the page says."""
        return int(
            self.page.locator(".count").inner_text().split(" ")[0].replace(",", "")
        )

    def numbers(self) -> list[int]:
        """The problems in the list."""
        shown = self.page.locator(".problems .number").all_text_contents()
        return [int(text) for text in shown]

    def problem(self) -> str:
        return self.page.locator(".problem h3").inner_text()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser | None]:
    """A browser, or None: what needs it fails, rather than every test in its setup."""
    with sync_playwright() as playwright:
        started = launched(playwright)
        yield started
        if started is not None:
            started.close()


@pytest.fixture
def open_page(browser, tmp_path) -> Iterator[Callable[..., Opened]]:
    """Opens HTML as a file, in a window of its own; all are closed after the test."""
    contexts = []
    names = (f"page-{k}.html" for k in itertools.count())

    def opened(
        html: str | Path, hash: str = "", width: int = 1280, **context: Any
    ) -> Opened:
        if browser is None:
            pytest.fail(MISSING)
        file = html if isinstance(html, Path) else tmp_path / next(names)
        if not isinstance(html, Path):
            file.write_text(html, encoding="utf-8")
        seen = {"viewport": {"width": width, "height": 900}}
        still = {"reduced_motion": "reduce"}  # nobody waits until a page has moved
        window = browser.new_context(**seen, **(still | context))
        contexts.append(window)
        shown = Opened(window.new_page())
        shown.page.set_default_timeout(300_000)
        shown.page.on("console", lambda message: shown.logged.append(message.text))
        shown.page.on("pageerror", lambda error: shown.logged.append(str(error)))
        address = file.as_uri()
        shown.page.on(
            "request",
            lambda request: (
                None
                if request.url.split("#")[0] == address
                else shown.requests.append(request.url)
            ),
        )
        shown.page.goto(address + hash)
        return shown

    yield opened
    for window in contexts:
        window.close()


# --- without pytest: is there a browser, and where can one be had? ------------------


def starts() -> bool:
    with sync_playwright() as playwright:
        return launched(playwright) is not None


def install_commands() -> Iterator[Sequence[str]]:
    """Commands that may bring a browser here, the ones that ask for least first."""
    if "CHROMIUM" in os.environ:
        return  # the user has said which one
    yield [sys.executable, "-m", "playwright", "install", "chromium"]
    if shutil.which("apt-get") and os.geteuid() == 0:
        yield ["apt-get", "update", "-qq"]
        for packages in PACKAGES:
            yield ["apt-get", "install", "-y", "-qq", *packages]


def main() -> str | None:
    """Install a browser where none starts; what is missing, if it cannot be done."""
    if starts():
        return None
    for command in install_commands():
        print(f"no browser yet: {' '.join(command)}", flush=True)
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode == 0 and starts():
            return None
    return MISSING


if __name__ == "__main__":
    sys.exit(main())
