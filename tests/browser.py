"""Pages opened in a browser, and all that they log or ask of the network."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "chromium"


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
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        yield started
        started.close()


@pytest.fixture
def open_page(browser, tmp_path) -> Iterator[Callable[..., Opened]]:
    """Opens HTML as a file, in a window of its own; all are closed after the test."""
    contexts = []
    names = (f"page-{k}.html" for k in itertools.count())

    def opened(
        html: str | Path, hash: str = "", width: int = 1280, **context: Any
    ) -> Opened:
        file = html if isinstance(html, Path) else tmp_path / next(names)
        if not isinstance(html, Path):
            file.write_text(html, encoding="utf-8")
        window = browser.new_context(
            viewport={"width": width, "height": 900}, **context
        )
        contexts.append(window)
        shown = Opened(window.new_page())
        shown.page.set_default_timeout(60_000)
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
