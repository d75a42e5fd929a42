"""Browser tests: Debian's Chromium against real processes (web, worker, beat) on the test database.

Every page a test opens is watched: a violation of the Content-Security-Policy, an error in the
console, or a request to another host fails the test.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests.processes import Registry, running_registry
from tests.universe import PASSWORD, Universe, build_universe

# Playwright's synchronous API runs an event loop in this thread, which Django takes for async code.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`CSP ${event.violatedDirective} ${event.blockedURI}`);
});
"""
# The browser says so itself when an answer is 4xx; tests of refusals ask for these answers.
EXPECTED = "Failed to load resource: the server responded with a status of 4"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first, so that two processes end together."""
    if all(item.path.parent.name == "e2e" for item in items):
        items.sort(key=lambda item: item.path.name not in ("test_page_matrix.py", "test_xss.py"))


@pytest.fixture(scope="session")
def registry() -> Iterator[Registry]:
    """The processes of the product, without the servers that the tests have already."""
    with running_registry() as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests."""
    path = shutil.which("chromium")
    assert path, "Chromium is missing: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def universe(database: None) -> Universe:
    """The named states of tests/universe.py, with outcomes."""
    return build_universe()


@dataclass
class Visitor:
    """One person's browser window, watched."""

    address: str
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Go to a page of the registry."""
        self.page.goto(self.address + path)
        return self.page

    def sign_in(self, username: str) -> Page:
        """Through the page, as a person does."""
        page = self.open("/sign-in/")
        page.locator("#id_username").fill(username)
        page.locator("#id_password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Sign out").wait_for()
        return page


Visit = Callable[..., Visitor]


@pytest.fixture
def visit(registry: Registry, chromium: Browser, universe: Universe) -> Iterator[Visit]:
    """Opens windows: visit("carla", width=1366, scheme="light", javascript=True)."""
    opened: list[Visitor] = []

    def start(
        username: str = "", width: int = 1366, scheme: str = "light", javascript: bool = True
    ) -> Visitor:
        context = chromium.new_context(
            viewport={"width": width, "height": 768},
            color_scheme="dark" if scheme == "dark" else "light",
            java_script_enabled=javascript,
        )
        context.add_init_script(REPORT_VIOLATIONS)
        visitor = Visitor(registry.address, context, context.new_page())
        context.set_default_timeout(20_000)
        watch(visitor)
        opened.append(visitor)
        if username:
            visitor.sign_in(username)
        return visitor

    yield start
    for visitor in opened:
        visitor.context.close()
    assert [complaint for visitor in opened for complaint in visitor.complaints] == []


def watch(visitor: Visitor) -> None:
    """Every complaint of the browser about what the window shows is kept."""
    visitor.page.on("console", lambda message: _hear(visitor, message))
    visitor.page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
    visitor.page.on("request", lambda request: _watch(visitor, request.url))


def _hear(visitor: Visitor, message: ConsoleMessage) -> None:
    if message.type == "error" and not message.text.startswith(EXPECTED):
        visitor.complaints.append(message.text)


def _watch(visitor: Visitor, url: str) -> None:
    if not url.startswith((visitor.address, "data:", "about:", "chrome-error:")):
        visitor.complaints.append(f"request to another host: {url}")
