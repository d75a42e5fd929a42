"""A person at the keyboard: every press is counted, and nothing is done by mouse."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from playwright.sync_api import Locator, Page

MOST_TABS = 120


@dataclass
class Keyboard:
    """Types, presses and walks by Tab. `presses` counts keys, one for each letter typed."""

    page: Page
    presses: int = 0
    started: float = field(default_factory=time.monotonic)

    def press(self, *keys: str) -> None:
        """One press each; a chord counts as one."""
        for key in keys:
            self.page.keyboard.press(key)
            self.presses += 1

    def type(self, text: str) -> None:
        """Letter by letter."""
        self.page.keyboard.type(text)
        self.presses += len(text)

    def tab_to(self, target: Locator) -> None:
        """Tab until the control has the focus."""
        target.wait_for()
        for _ in range(MOST_TABS):
            if target.evaluate("element => element === document.activeElement"):
                return
            self.press("Tab")
        raise AssertionError(f"not reached by Tab: {target}")

    def fill(self, values: dict[str, str]) -> None:
        """Go to each control by its id and type; a select takes the beginning of its word."""
        for name, text in values.items():
            self.tab_to(self.page.locator(f"#id_{name}"))
            self.type(text)

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self.started
