"""What the record list's template computes of a row."""

from __future__ import annotations

from django import template
from django.utils.safestring import SafeString, mark_safe

from patients.models import Patient
from patients.queries.lists import COUNTED

register = template.Library()


@register.filter
def form_counts(record: Patient) -> list[int]:
    """Numbers of live rows by form, in the order of the headings."""
    return [getattr(record, f"{form}_count") for form in COUNTED]


@register.simple_tag
def aria_sort(order: str, key: str, is_search: object = False) -> SafeString:
    """The attribute that tells which column orders the table; nothing for the others."""
    if is_search or order.removeprefix("-") != key:
        return mark_safe("")
    direction = "descending" if order.startswith("-") else "ascending"
    return mark_safe(f' aria-sort="{direction}"')  # noqa: S308 - two fixed words
