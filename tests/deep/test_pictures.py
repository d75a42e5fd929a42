"""Figures as PNG and PDF: a process of its own draws them (docs/adr/0028)."""

from __future__ import annotations

import pytest
from django.urls import reverse

from tests.analytics.conftest import Readers, readers, signed_in

__all__ = ["readers"]


def test_drawing_as_picture_and_as_pdf(readers: Readers) -> None:
    client = signed_in(readers.investigator)
    png = client.get(reverse("cohort_file", args=["survival", "png"])).content
    assert png.startswith(b"\x89PNG")
    width = int.from_bytes(png[16:20])
    assert width == 760 * 300 // 72 or width == -(-760 * 300 // 72)
    place = png.index(b"pHYs") + 4
    # Dots a metre: 300 an inch.
    assert int.from_bytes(png[place : place + 4]) == 11811
    pdf = client.get(reverse("cohort_file", args=["survival", "pdf"])).content
    assert pdf.startswith(b"%PDF-1.7")
    assert pdf == client.get(reverse("cohort_file", args=["survival", "pdf"])).content


def test_picture_that_cannot_be_drawn_is_refused_in_words(
    readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analytics.rendering.SECONDS", 0.001)
    response = signed_in(readers.investigator).get(reverse("cohort_file", args=["survival", "pdf"]))
    assert response.status_code == 503
    assert b"take the SVG" in response.content
