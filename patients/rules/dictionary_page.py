"""The data dictionary as a page: docs/data-dictionary.md is this text, and a test keeps it so."""

from __future__ import annotations

from patients.rules.dictionary import FORMS, MISSING_REASONS, Field, Form

_KINDS = {
    "partial_date": "partial date (`YYYY`, `YYYY-MM` or `YYYY-MM-DD`)",
    "date": "date (`YYYY-MM-DD`)",
    "integer": "whole number",
    "number": "number",
    "text": "text",
    "code": "one of",
    "codes": "several of, `;` between them",
}
_CLASSES = {
    "I": "direct identifier",
    "Q": "quasi-identifier",
    "D": "date",
    "X": "clinical",
    "A": "administrative",
}
_INTRODUCTION = """# Data dictionary, version 1

The forms, their fields, and the columns of the import bundle, which have the same names. This page is made from
`patients/rules/dictionary.py`, which models, forms, import and checks read; a test keeps the two equal.

One CSV file a form (`patients.csv` and so on), UTF-8, with a header row; or one XLSX workbook with a sheet a form. Rows of a
record begin with `center` and `record_id`, the site's own number of the record. *Required* fields must have a value;
*complete* fields count for completeness and accept a coded reason instead of a value; *optional* ones may stay empty.
"""


def dictionary_page() -> str:
    """The whole page as Markdown."""
    reasons = ", ".join(f"`{code}` {label.lower()}" for code, label in MISSING_REASONS.items())
    parts = [_INTRODUCTION, f"Coded reasons: {reasons}.\n"]
    parts += [_form(form) for form in FORMS.values()]
    return "\n".join(parts)


def _form(form: Form) -> str:
    lines = [f"## {form.name}.csv: {form.title.lower()}\n"]
    if form.keys:
        lines.append(f"Rows of a record are told apart by {' and '.join(form.keys)}.\n")
    lines += ["| column | meaning | need | class | values |", "|---|---|---|---|---|"]
    lines += [_row(field) for field in form.fields]
    return "\n".join(lines) + "\n"


def _row(field: Field) -> str:
    meaning = field.label + (f" ({field.unit})" if field.unit else "")
    meaning += f". {field.help}" if field.help else ""
    meaning += f" [{field.disease.replace('_', ' ')} only]" if field.disease else ""
    return (
        f"| `{field.name}` | {meaning} | {field.need} | {_CLASSES[field.field_class]} |"
        f" {_values(field)} |"
    )


def _values(field: Field) -> str:
    kind = _KINDS[field.kind]
    if field.codes:
        return f"{kind} {', '.join(f'`{code}`' for code in field.codes)}"
    if field.minimum is not None:
        return f"{kind}, {field.minimum:g} to {field.maximum:g}"
    return f"{kind}, at most {field.max_length} characters" if field.kind == "text" else kind
