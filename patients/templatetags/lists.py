"""What the record list's template computes of a row."""

from __future__ import annotations

from functools import cache

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from patients.models import Patient
from patients.queries.lists import COUNTED

register = template.Library()


@register.filter
def form_counts(record: Patient) -> list[str]:
    """Numbers of live rows by form, in the order of the headings: texts, which nothing localizes."""
    return [str(getattr(record, f"{form}_count")) for form in COUNTED]


@register.filter
@cache
def eligible_badge(value: str | None) -> SafeString:
    """The badge of an eligibility, rendered once a process: a list has hundreds, of five kinds."""
    return render_to_string("patients/_eligible.html", {"value": value})


@register.simple_tag
def aria_sort(order: str, key: str, is_search: object = False) -> SafeString:
    """The attribute that tells which column orders the table; nothing for the others."""
    if is_search or order.removeprefix("-") != key:
        return mark_safe("")
    direction = "descending" if order.startswith("-") else "ascending"
    return mark_safe(f' aria-sort="{direction}"')  # noqa: S308 - two fixed words
