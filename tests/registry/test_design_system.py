"""The stylesheet and the shared templates: size, contrast, strict CSP, and that they render."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from django.core.paginator import Paginator
from django.template.loader import render_to_string
from django.test import RequestFactory

from registry.templatetags.registry import whole_dates

ROOT = Path(__file__).resolve().parents[2]
CSS = ROOT / "registry" / "static" / "registry" / "registry.css"
TEMPLATES = sorted((ROOT / "templates").rglob("*.html")) + sorted(
    (ROOT / "templates").rglob("*.svg")
)
# Foreground, background, least contrast (WCAG 2.2: 1.4.3 text 4.5, 1.4.11 controls and graphics 3).
PAIRS = [
    *(("ink", ground, 4.5) for ground in ("page", "surface", "sunken")),
    *(("ink-soft", ground, 4.5) for ground in ("page", "surface", "sunken")),
    *(("accent", ground, 4.5) for ground in ("page", "surface", "sunken")),
    *(("accent-strong", ground, 4.5) for ground in ("page", "surface", "sunken")),
    ("on-accent", "accent", 4.5),
    ("on-accent", "accent-strong", 4.5),
    ("on-brand", "brand", 4.5),
    ("on-brand-soft", "brand", 4.5),
    *((tone, f"{tone}-bg", 4.5) for tone in ("good", "warn", "bad", "info", "neutral")),
    ("bad", "surface", 4.5),
    ("warn", "surface", 4.5),
    ("edge", "surface", 3),
    *((f"series-{n}", "surface", 3) for n in (1, 2, 3, 4)),
]


def tokens(scheme: str) -> dict[str, str]:
    layer = CSS.read_text().split("@layer tokens {")[1].split("@layer base {")[0]
    light, dark = layer.split("@media (prefers-color-scheme: dark)")
    found = dict(re.findall(r"--([a-z0-9-]+):\s*(#[0-9a-f]{3,6})", light))
    if scheme == "dark":
        found |= dict(re.findall(r"--([a-z0-9-]+):\s*(#[0-9a-f]{3,6})", dark))
    return found


def luminance(color: str) -> float:
    digits = color[1:] if len(color) == 7 else "".join(c * 2 for c in color[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("front", "ground", "least"), PAIRS)
def test_tokens_have_contrast(scheme: str, front: str, ground: str, least: float) -> None:
    colors = tokens(scheme)
    bright, dim = sorted((luminance(colors[front]), luminance(colors[ground])), reverse=True)
    assert (bright + 0.05) / (dim + 0.05) >= least


def test_stylesheet_stays_small() -> None:
    assert len(gzip.compress(CSS.read_bytes(), 9)) <= 8_192


def test_stylesheet_asks_no_other_host() -> None:
    assert not re.search(r"url\(|@import|https?:", CSS.read_text())


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_template_has_no_inline_style_or_script(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"\sstyle=|<style|\son[a-z]+=|javascript:|hx-on|[\"']js:", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))
    # Namespaces and links of the page's own example text aside, nothing names a host.
    assert not re.findall(r"(?:src|href|action)=\"https?:", text)


@pytest.mark.parametrize(
    "path",
    sorted((ROOT / "templates" / "components").glob("*.html")),
    ids=lambda path: path.stem,
)
def test_component_lists_its_inputs_first(path: Path) -> None:
    assert path.read_text().startswith("{% comment %}Inputs:")


@pytest.mark.parametrize("name", ["403.html", "404.html", "500.html"])
def test_error_page_renders_without_any_context(name: str) -> None:
    text = render_to_string(name)
    assert "<h1>" in text
    assert 'id="main"' in text
    assert "Synthetic" not in text


def test_error_summary_links_to_fields_and_is_silent_without_errors() -> None:
    errors = [
        {"href": "#id_date", "text": "Date must include a month"},
        {"text": "Not <b>saved</b>"},
    ]
    text = render_to_string("components/error_summary.html", {"errors": errors})
    assert '<a href="#id_date">Date must include a month</a>' in text
    assert "Not &lt;b&gt;saved&lt;/b&gt;" in text
    assert render_to_string("components/error_summary.html", {"errors": []}).strip() == ""


@pytest.mark.parametrize("tone", ["good", "warn", "bad", "info", "neutral", ""])
def test_badge_has_an_icon_and_text(tone: str) -> None:
    text = render_to_string("components/badge.html", {"label": "Eligible", "tone": tone})
    assert f'data-tone="{tone or "neutral"}"' in text
    assert "<svg" in text
    assert "Eligible" in text


@pytest.mark.parametrize(
    ("tone", "shown"),
    [
        ("success", "good"),
        ("warning", "warn"),
        ("error", "bad"),
        ("info", "info"),
        ("debug", "info"),
    ],
)
def test_message_shows_its_level(tone: str, shown: str) -> None:
    text = render_to_string("components/message.html", {"text": "Saved", "tone": tone})
    assert f'data-tone="{shown}"' in text


def test_table_has_headings_for_columns_and_rows() -> None:
    context = {
        "caption": "Records",
        "columns": [{"label": "Record"}, {"label": "Days", "numeric": True}],
        "rows": [[{"text": "A", "href": "/a"}, {"text": 5, "numeric": True}]],
    }
    text = render_to_string("components/table.html", context)
    assert '<th scope="row"><a href="/a">A</a></th><td class="num">5</td>' in text
    assert "Nothing to show" in render_to_string("components/table.html", context | {"rows": []})


def test_dates_in_a_sentence_stay_on_one_line_and_the_sentence_is_escaped() -> None:
    shown = whole_dates("<Follow-up> 16-May-2017, alive; Feb-2012")
    assert shown == (
        '&lt;Follow-up&gt; <span class="nowrap">16-May-2017</span>, alive;'
        ' <span class="nowrap">Feb-2012</span>'
    )


def test_description_list_says_not_entered() -> None:
    items = [{"term": "Sex", "value": None}, {"term": "Doses", "value": 0}]
    text = render_to_string("components/description_list.html", {"items": items})
    assert "not entered" in text
    assert "<dd>0</dd>" in text


def test_pagination_keeps_the_other_parameters() -> None:
    page = Paginator(range(30), 10).page(2)
    request = RequestFactory().get("/records/", {"disease": "melanoma", "page": "2"})
    text = render_to_string(
        "components/pagination.html", {"page": page, "noun": "records"}, request
    )
    assert "11-20 of 30 records" in text
    assert "?disease=melanoma&amp;page=3" in text
    assert 'rel="prev"' in text
