"""Every edit check by its stable id: what it refuses or asks, and where it is enforced.

The ids are shown with the messages in forms, import reports and the API, and are kept in queries:
once used they never change their meaning. Source: data dictionary, "Checks".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from patients.rules.dictionary import FORMS
from patients.rules.record import Finding, Row, Severity


@dataclass(frozen=True, slots=True)
class Check:
    """One check: `what` for the documentation, `mend` for the person who has to put it right."""

    id: str
    severity: Severity
    what: str
    mend: str
    database: str = ""


def _hard(id: str, what: str, mend: str, database: str) -> Check:
    return Check(id, "hard", what, mend, database)


def _soft(id: str, what: str, mend: str = "confirm it with a reason or correct it") -> Check:
    return Check(id, "soft", what, mend)


_CHECKS: Final = (
    # Read while a cell or box is parsed (values.py); the database keeps the same limits.
    _hard(
        "value.partial_date", "is not a partial date", "write YYYY, YYYY-MM or YYYY-MM-DD", "domain"
    ),
    _hard("value.date", "is not a full date", "write YYYY-MM-DD", "type"),
    _hard("value.integer", "is not a whole number", "write digits only", "type"),
    _hard("value.number", "is not a number", "write digits with a point", "type"),
    _hard("value.range", "is outside its range", "correct it", "check"),
    _hard("value.text", "has characters that cannot be kept", "remove them", ""),
    _hard("value.length", "is too long", "shorten it", "check"),
    _hard("value.code", "is not one of the codes", "choose one of the codes", "check"),
    # One row.
    _hard("value.required", "is required", "enter a value", "check"),
    _hard(
        "value.missing_reason",
        "takes no coded reason in place of a value",
        "enter a value or leave it empty",
        "check",
    ),
    _hard(
        "disease.field",
        "belongs to another disease",
        "empty it (or use NA), or correct the disease",
        "check",
    ),
    _hard(
        "order.diagnosis",
        "is before the primary diagnosis",
        "correct one of the two dates, or shorten one to the part that is known",
        "check",
    ),
    _hard(
        "dose.planned",
        "is more than the doses planned (14 if empty)",
        "correct the doses given or planned",
        "check",
    ),
    # The whole record.
    _hard(
        "order.birth",
        "is not after the date of birth",
        "correct this date or the date of birth",
        "trigger",
    ),
    _hard(
        "order.after_death",
        "is after the date of death",
        "correct this date or the date of death; a contact then has vital status dead",
        "trigger",
    ),
    _hard(
        "order.cycles",
        "puts cycle 2 before cycle 1 of its course",
        "correct the dates or the cycle numbers",
        "trigger",
    ),
    _hard(
        "order.courses",
        "puts the course before the course with the number below",
        "correct the dates or the course numbers",
        "trigger",
    ),
    _hard(
        "course.numbers",
        "leaves a gap in the course numbers",
        "number the courses 1, 2, 3 without gaps",
        "trigger",
    ),
    _hard(
        "course.cycle_missing",
        "is a course without a cycle",
        "enter its first cycle together with the course, or retract the course",
        "trigger",
    ),
    _hard(
        "cycle.course_missing",
        "names a course that is not in the record",
        "enter the course first, or correct the course number",
        "trigger",
    ),
    _hard(
        "row.duplicate",
        "is there twice with the same number",
        "amend the row that is there, or correct the number",
        "unique key",
    ),
    _hard(
        "dose.course_total",
        "takes the doses of the course above 28",
        "correct the doses given",
        "check and unique key",
    ),
    _hard(
        "death.date_missing",
        "is dead, but the record has no date of death",
        "enter the date of death, at least its year; if not known set vital status unknown",
        "trigger",
    ),
    _hard(
        "attestation.none",
        "says none, but a systemic anticancer therapy lies between HD IL-2 and this contact",
        "correct the answer, or the therapy",
        "trigger",
    ),
    _hard("date.future", "is in the future", "correct the date", "trigger"),
    _hard(
        "local.before_il2",
        "is before the first HD IL-2",
        "enter it under prior therapies, or correct the date",
        "trigger",
    ),
    _hard(
        "systemic.before_il2",
        "is before the first HD IL-2",
        "enter it under prior therapies, or correct the date",
        "trigger",
    ),
    _hard(
        "prior.after_il2",
        "is after the first HD IL-2",
        "enter it under systemic or local therapies, or correct the date",
        "trigger",
    ),
    _hard(
        "follow_up.progression_undocumented",
        "is progressive disease, but no progression is documented up to this contact",
        "enter the assessment with PD, or the local therapy for the progressing or new lesion",
        "trigger",
    ),
    # More than one record.
    _hard(
        "record.duplicate",
        "is already used in this center",
        "amend the record that is there, or correct the record ID",
        "unique key",
    ),
    _hard(
        "person.link",
        "names no other record of this center",
        "enter the record ID of the same person's record of the other disease",
        "foreign key",
    ),
    _hard(
        "record.erased",
        "is that of a record whose identifiers were erased at the person's request",
        "leave the record out; give another person's record another ID",
        "",
    ),
    _hard(
        "person.erased",
        "was erased at the person's request",
        "leave it as it is",
        "erasure trigger",
    ),
    # The change itself.
    _hard(
        "record.locked",
        "is of a locked record and cannot be changed",
        "ask a monitor or data manager of the center to unlock the record first",
        "lock trigger",
    ),
    _hard(
        "row.retracted",
        "is retracted and can no longer be changed",
        "enter a new row",
        "",
    ),
    _hard(
        "row.key",
        "names the row and cannot be changed",
        "retract the row and enter a new one",
        "",
    ),
    _hard(
        "reason.required",
        "changes what is saved, and no reason was given",
        "give the reason for change",
        "audit trigger",
    ),
    _soft("age.range", "gives an age at the first HD IL-2 outside 18 to 90 years"),
    _soft("weight.range", "is outside 30 to 200 kg"),
    _soft("ldh.range", "is above 20 times the upper limit of normal"),
    _soft("breslow.range", "is above 20 mm"),
    _soft("dose.level", "is neither 600000 nor 720000 IU/kg"),
    _soft("person.vital_status", "differs from the linked record of the same person"),
    _soft("cycles.gap", "is not 5 to 9 days after cycle 1"),
    _soft("courses.gap", "is not 5 to 26 weeks after the course before"),
    _soft("t0.late", "is more than 365 days before the first HD IL-2 of a prospective record"),
    _soft("response.cr_after_pd", "is CR after PD without a therapy between"),
    _soft("weight.change", "differs by more than 20 % from the cycle before"),
    _soft("local.residual_after_pd", "is surgery for residual disease within 60 days after PD"),
    _soft("follow_up.gap", "is followed by more than 24 months without a contact"),
    _soft("duplicate.person", "and sex equal those of another record of this center"),
    _soft("duplicate.mrn", "equals that of another record of this center"),
)
CATALOG: Final = {check.id: check for check in _CHECKS}


def finding(check: str, row: Row, field: str) -> Finding:
    """A finding of the catalog at one field of a row, with its message."""
    entry = CATALOG[check]
    form = FORMS[row.form]
    known = form.by_name.get(field)
    label = known.label if known else "Record ID" if field == "record_id" else form.row_title
    message = f"{form.row_title}: {label} {entry.what}; {entry.mend}"
    return Finding(check, entry.severity, row.form, row, field, message)


def documentation_table() -> str:
    """The Markdown table of docs/checks.md, one line a check."""
    lines = ["| id | what | severity | database |", "|---|---|---|---|"]
    lines += [
        f"| `{check.id}` | {check.what}; {check.mend} | {check.severity} | {check.database or '-'} |"
        for check in _CHECKS
    ]
    return "\n".join(lines) + "\n"
