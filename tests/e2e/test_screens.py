"""Pictures of the main pages for docs/screens; written only when SCREENS=1 asks for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.e2e.conftest import Visit
from tests.e2e.test_accessibility import path_of
from tests.universe import Universe

FOLDER = Path(__file__).resolve().parent.parent.parent / "docs" / "screens"
PICTURES = {
    "list": "/records/",
    "record": "{survivor}",
    "unknown": "{waiting}",
    "baseline": "{survivor}baseline/",
    "course": "{survivor}courses/new/",
}


@pytest.mark.parametrize(("width", "height"), [(1366, 768), (360, 740)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_fills_the_window(
    visit: Visit, universe: Universe, width: int, height: int, scheme: str
) -> None:
    visitor = visit("carla", width=width, scheme=scheme)
    for name, path in PICTURES.items():
        page = visitor.open(path_of(universe, path))
        page.set_viewport_size({"width": width, "height": height})
        picture = page.screenshot(animations="disabled")
        assert len(picture) > 5_000
        if os.environ.get("SCREENS") == "1":
            FOLDER.mkdir(parents=True, exist_ok=True)
            (FOLDER / f"{name}-{width}-{scheme}.png").write_bytes(picture)
