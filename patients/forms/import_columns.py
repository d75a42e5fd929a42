"""The form that names unknown files and columns of an upload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from patients.forms.page import Problem
from patients.importing.columns import Columns, guess_column, guess_form
from patients.importing.tables import columns_of
from patients.rules.dictionary import FORMS, RECORD_FORMS


@dataclass(frozen=True, slots=True)
class Choice:
    """One unknown name and what it may be: `options` of (value, label), the `chosen` one or ""."""

    id: str
    name: str
    options: Sequence[tuple[str, str]]
    chosen: str
    error: str = ""


class ColumnsForm:
    """`unnamed` is what the worker found; `sent` what a person answers, None when they are asked."""

    def __init__(self, unnamed: Mapping[str, Any], sent: QueryDict | None) -> None:
        self._sent = sent
        self.problems: list[Problem] = []
        self._names: list[str] = list(unnamed.get("names", ()))
        self._headers: dict[str, list[str]] = dict(unnamed.get("headers", {}))
        forms = [(form.name, _(form.title)) for form in RECORD_FORMS]
        self.files = [
            Choice(f"id_file_{i}", name, forms, self._chosen(f"file_{i}", guess_form(name)))
            for i, name in enumerate(self._names)
        ]
        self.columns_by_form = [
            (FORMS[form], self._choices(form, headers)) for form, headers in self._headers.items()
        ]

    def _choices(self, form_name: str, headers: Sequence[str]) -> list[Choice]:
        form = FORMS[form_name]
        options = [(name, _(item.label)) for name, item in columns_of(form).items()]
        keys = [f"{form_name}_{i}" for i in range(len(headers))]
        chosen = [
            self._chosen(key, guess_column(form, header))
            for key, header in zip(keys, headers, strict=True)
        ]
        choices = []
        for key, header, value in zip(keys, headers, chosen, strict=True):
            error = ""
            if self._sent is not None and value and chosen.count(value) > 1:
                error = _("Two columns are given the same meaning. Leave one of them out.")
                self.problems.append(Problem(f"{_(form.title)}: {error}", f"#id_{key}"))
            choices.append(Choice(f"id_{key}", header, options, value, error))
        return choices

    def _chosen(self, key: str, guess: str) -> str:
        if self._sent is None:
            return guess
        return self._sent.get(key, "")

    def columns(self, remembered: Mapping[str, Any]) -> dict[str, Any]:
        """What is remembered, with these answers: a name that is left out stays so."""
        known = Columns(remembered.get("names", {}), remembered.get("headers", {}))
        allowed = {form.name for form in RECORD_FORMS}
        names = {c.name: c.chosen if c.chosen in allowed else "" for c in self.files}
        headers = {
            form.name: {c.name: c.chosen if c.chosen in columns_of(form) else "" for c in choices}
            for form, choices in self.columns_by_form
        }
        return known.with_answers(names, headers).as_json()
