"""Marks texts for translation (docs/adr/0063) in modules that know no framework, and in those settings read.

Django's own mark asks the settings for the language: while they load, it would leave half of them in force.
"""

from __future__ import annotations


def gettext_noop(text: str) -> str:
    """The text as it is: it is data. Whoever shows it on a page translates it there."""
    return text
