"""Every edit check by its stable id: what it refuses or asks, and where it is enforced.

The ids are shown with the messages in forms, import reports and the API, and are kept in queries:
once used they never change their meaning. Source: data dictionary, "Checks".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from centers.marks import gettext_noop as _
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


def _soft(id: str, what: str, mend: str = _("confirm it with a reason or correct it")) -> Check:
    return Check(id, "soft", what, mend)


_CHECKS: Final = (
    # Read while a cell or box is parsed (values.py); the database keeps the same limits.
    _hard(
        "value.partial_date",
        _("is not a partial date"),
        _("write YYYY, YYYY-MM or YYYY-MM-DD"),
        "domain",
    ),
    _hard("value.date", _("is not a full date"), _("write YYYY-MM-DD"), "type"),
    _hard("value.integer", _("is not a whole number"), _("write digits only"), "type"),
    _hard("value.number", _("is not a number"), _("write digits with a point"), "type"),
    _hard("value.range", _("is outside its range"), _("correct it"), "check"),
    _hard("value.text", _("has characters that cannot be kept"), _("remove them"), ""),
    _hard("value.length", _("is too long"), _("shorten it"), "check"),
    _hard("value.code", _("is not one of the codes"), _("choose one of the codes"), "check"),
    # One row.
    _hard("value.required", _("is required"), _("enter a value"), "check"),
    _hard(
        "value.missing_reason",
        _("takes no coded reason in place of a value"),
        _("enter a value or leave it empty"),
        "check",
    ),
    _hard(
        "disease.field",
        _("belongs to another disease"),
        _("empty it (or use NA), or correct the disease"),
        "check",
    ),
    _hard(
        "order.diagnosis",
        _("is before the primary diagnosis"),
        _("correct one of the two dates, or shorten one to the part that is known"),
        "check",
    ),
    _hard(
        "dose.planned",
        _("is more than the doses planned (14 if empty)"),
        _("correct the doses given or planned"),
        "check",
    ),
    # The whole record.
    _hard(
        "order.birth",
        _("is not after the date of birth"),
        _("correct this date or the date of birth"),
        "trigger",
    ),
    _hard(
        "order.after_death",
        _("is after the date of death"),
        _("correct this date or the date of death; a contact then has vital status dead"),
        "trigger",
    ),
    _hard(
        "order.cycles",
        _("puts cycle 2 before cycle 1 of its course"),
        _("correct the dates or the cycle numbers"),
        "trigger",
    ),
    _hard(
        "order.courses",
        _("puts the course before the course with the number below"),
        _("correct the dates or the course numbers"),
        "trigger",
    ),
    _hard(
        "course.numbers",
        _("leaves a gap in the course numbers"),
        _("number the courses 1, 2, 3 without gaps"),
        "trigger",
    ),
    _hard(
        "course.cycle_missing",
        _("is a course without a cycle"),
        _("enter its first cycle together with the course, or retract the course"),
        "trigger",
    ),
    _hard(
        "cycle.course_missing",
        _("names a course that is not in the record"),
        _("enter the course first, or correct the course number"),
        "trigger",
    ),
    _hard(
        "row.duplicate",
        _("is there twice with the same number"),
        _("amend the row that is there, or correct the number"),
        "unique key",
    ),
    _hard(
        "dose.course_total",
        _("takes the doses of the course above 28"),
        _("correct the doses given"),
        "check and unique key",
    ),
    _hard(
        "death.date_missing",
        _("is dead, but the record has no date of death"),
        _("enter the date of death, at least its year; if not known set vital status unknown"),
        "trigger",
    ),
    _hard(
        "attestation.none",
        _("says none, but a systemic anticancer therapy lies between HD IL-2 and this contact"),
        _("correct the answer, or the therapy"),
        "trigger",
    ),
    _hard("date.future", _("is in the future"), _("correct the date"), "trigger"),
    _hard(
        "local.before_il2",
        _("is before the first HD IL-2"),
        _("enter it under prior therapies, or correct the date"),
        "trigger",
    ),
    _hard(
        "systemic.before_il2",
        _("is before the first HD IL-2"),
        _("enter it under prior therapies, or correct the date"),
        "trigger",
    ),
    _hard(
        "prior.after_il2",
        _("is after the first HD IL-2"),
        _("enter it under systemic or local therapies, or correct the date"),
        "trigger",
    ),
    _hard(
        "follow_up.progression_undocumented",
        _("is progressive disease, but no progression is documented up to this contact"),
        _("enter the assessment with PD, or the local therapy for the progressing or new lesion"),
        "trigger",
    ),
    # More than one record.
    _hard(
        "record.duplicate",
        _("is already used in this center"),
        _("amend the record that is there, or correct the record ID"),
        "unique key",
    ),
    _hard(
        "person.link",
        _("names no other record of this center"),
        _("enter the record ID of the same person's record of the other disease"),
        "foreign key",
    ),
    _hard(
        "record.erased",
        _("is that of a record whose identifiers were erased at the person's request"),
        _("leave the record out; give another person's record another ID"),
        "",
    ),
    _hard(
        "person.erased",
        _("was erased at the person's request"),
        _("leave it as it is"),
        "erasure trigger",
    ),
    # The change itself.
    _hard(
        "record.locked",
        _("is of a locked record and cannot be changed"),
        _("ask a monitor or data manager of the center to unlock the record first"),
        "lock trigger",
    ),
    _hard(
        "row.retracted",
        _("is retracted and can no longer be changed"),
        _("enter a new row"),
        "",
    ),
    _hard(
        "row.key",
        _("names the row and cannot be changed"),
        _("retract the row and enter a new one"),
        "",
    ),
    _hard(
        "reason.required",
        _("changes what is saved, and no reason was given"),
        _("give the reason for change"),
        "audit trigger",
    ),
    _soft("age.range", _("gives an age at the first HD IL-2 outside 18 to 90 years")),
    _soft("weight.range", _("is outside 30 to 200 kg")),
    _soft("ldh.range", _("is above 20 times the upper limit of normal")),
    _soft("breslow.range", _("is above 20 mm")),
    _soft("dose.level", _("is neither 600000 nor 720000 IU/kg")),
    _soft("person.vital_status", _("differs from the linked record of the same person")),
    _soft("cycles.gap", _("is not 5 to 9 days after cycle 1")),
    _soft("courses.gap", _("is not 5 to 26 weeks after the course before")),
    _soft("t0.late", _("is more than 365 days before the first HD IL-2 of a prospective record")),
    _soft("response.cr_after_pd", _("is CR after PD without a therapy between")),
    _soft("weight.change", _("differs by more than 20 % from the cycle before")),
    _soft("local.residual_after_pd", _("is surgery for residual disease within 60 days after PD")),
    _soft("follow_up.gap", _("is followed by more than 24 months without a contact")),
    _soft("duplicate.person", _("and sex equal those of another record of this center")),
    _soft("duplicate.mrn", _("equals that of another record of this center")),
)
MESSAGE: Final = _("%(row)s: %(field)s %(what)s; %(mend)s")
_RECORD_ID: Final = _("Record ID")
CATALOG: Final = {check.id: check for check in _CHECKS}


def finding(check: str, row: Row, field: str) -> Finding:
    """A finding of the catalog at one field of a row, with its message."""
    message = MESSAGE % message_parts(check, row.form, field)
    return Finding(check, CATALOG[check].severity, row.form, row, field, message)


def message_parts(check: str, form_name: str, field: str) -> dict[str, str]:
    """What MESSAGE is made of: the row, its field, what is wrong with it and how to mend it."""
    form = FORMS[form_name]
    known = form.by_name.get(field)
    label = known.label if known else _RECORD_ID if field == "record_id" else form.row_title
    entry = CATALOG[check]
    return {"row": form.row_title, "field": label, "what": entry.what, "mend": entry.mend}


def documentation_table() -> str:
    """The Markdown table of docs/checks.md, one line a check."""
    lines = ["| id | what | severity | database |", "|---|---|---|---|"]
    lines += [
        f"| `{check.id}` | {check.what}; {check.mend} | {check.severity} | {check.database or '-'} |"
        for check in _CHECKS
    ]
    return "\n".join(lines) + "\n"
