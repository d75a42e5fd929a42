"""Marks texts of the rules for translation (docs/adr/0063); the rules themselves know no framework."""

from __future__ import annotations


def gettext_noop(text: str) -> str:
    """The text as it is: it is data. Whoever shows it on a page translates it there."""
    return text
