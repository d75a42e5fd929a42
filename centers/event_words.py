"""Audit events in words: who, when, what, old and new values; identifiers never.

What an event of another app's table says, that app knows (centers.slots.describers); everything
else is printed field by field, without keys, hashes and sealed bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from centers import slots
from centers.models import AuditEvent, Center, User
from centers.roles import Role
from centers.slots import Change, Described, RecordName

ACTIONS: Final = {
    "insert": gettext_noop("Entered"),
    "update": gettext_noop("Amended"),
    "delete": gettext_noop("Deleted"),
    "sign_in": gettext_noop("Signed in"),
    "sign_out": gettext_noop("Signed out"),
    "sign_in_failed": gettext_noop("Sign-in failed"),
    "locked_out": gettext_noop("Locked out"),
    "signing_refused": gettext_noop("Signing refused"),
    "mfa": gettext_noop("Second factor"),
    "read": gettext_noop("Identifiers read"),
    "reveal": gettext_noop("Identifiers revealed"),
    "search": gettext_noop("Searched"),
    "print": gettext_noop("Printed"),
    "download": gettext_noop("Downloaded"),
    "export": gettext_noop("Exported"),
    "import": gettext_noop("Imported"),
    "operation": gettext_noop("Operation"),
}
_TABLES: Final = {
    "centers_user": gettext_noop("Account"),
    "centers_membership": gettext_noop("Membership"),
    "centers_center": gettext_noop("Center"),
    "centers_audit_review": gettext_noop("Audit review"),
    "centers_openidentity": gettext_noop("OpenID account"),
    "mfa_authenticator": gettext_noop("Second factor"),
}
# Names of fields as `plain_changes` makes them of columns, for the catalogue.
FIELDS: Final = (
    gettext_noop("Activation date"),
    gettext_noop("City"),
    gettext_noop("Code"),
    gettext_noop("Country"),
    gettext_noop("Email"),
    gettext_noop("Ends on"),
    gettext_noop("Full name"),
    gettext_noop("Irb expiry"),
    gettext_noop("Irb number"),
    gettext_noop("Is active"),
    gettext_noop("Is demo"),
    gettext_noop("Name"),
    gettext_noop("Note"),
    gettext_noop("Role"),
    gettext_noop("Starts on"),
    gettext_noop("Status"),
    gettext_noop("Username"),
)
_PEOPLE_KEYS: Final = ("user_id", "owner_id", "account")
_ISO_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
# Keys, and what says when a row was made: the event says it better.
_TECHNICAL: Final = re.compile(r"id|.*_id|at|.*_at")


@dataclass(frozen=True, slots=True)
class EventLine:
    """One event as pages and files show it."""

    event: AuditEvent
    action: str
    what: str
    changes: tuple[Change, ...]
    href: str
    center: str
    record: RecordName | None

    @property
    def role(self) -> str:
        """The roles that the person acted in then."""
        return ", ".join(_(role.replace("_", " ")) for role in self.event.role.split(","))


def lines_of(events: Sequence[AuditEvent]) -> list[EventLine]:
    """The events in words; a fixed number of queries for any number of events."""
    records = _records({event.patient_id for event in events if event.patient_id})
    described: dict[int, Described] = {}
    for describe in slots.describers:
        described |= describe(events, records)
    rest = [event for event in events if event.pk not in described]
    described |= _describe_here(rest)
    centers = _codes(event.center_id for event in events)
    return [
        EventLine(
            event,
            told.action or _action(event.operation),
            told.what,
            told.changes,
            told.href,
            centers.get(event.center_id or 0, ""),
            records.get(event.patient_id or 0),
        )
        for event in events
        for told in [described[event.pk]]
    ]


def _action(operation: str) -> str:
    return _(ACTIONS[operation]) if operation in ACTIONS else operation.replace("_", " ")


def _records(patient_ids: set[int]) -> dict[int, RecordName]:
    names: dict[int, RecordName] = {}
    for find in slots.record_names:
        names |= find(patient_ids)
    return names


def _describe_here(events: Sequence[AuditEvent]) -> dict[int, Described]:
    """Events of centers' own tables, readings, and rows that nobody else describes."""
    rows = [row for event in events for row in (event.before, event.after) if row]
    people = _names(
        [e.row_id for e in events if e.table_name == "centers_user"]
        + [row[key] for row in rows for key in _PEOPLE_KEYS if isinstance(row.get(key), int)]
    )
    centers = _codes(row.get("center_id") for row in rows)
    return {event.pk: _describe(event, people, centers) for event in events}


def _describe(
    event: AuditEvent, people: Mapping[int, str], centers: Mapping[int, str]
) -> Described:
    row = event.after or event.before or {}
    person = next((people[row[key]] for key in _PEOPLE_KEYS if row.get(key) in people), "")
    if not event.table_name:
        told = reading_words(row)
        return Described(", ".join(part for part in (person, told) if part))
    titles = _TABLES | slots.access_tables
    name = titles.get(event.table_name)
    title = _(name) if name else _table_words(event.table_name)
    about = person
    if event.table_name == "centers_user":
        about = people.get(event.row_id or 0, "")
    elif event.table_name == "centers_center":
        about = str(row.get("code", ""))
    elif event.table_name == "centers_membership":
        place = centers.get(row.get("center_id") or 0)
        held = {"person": person, "role": _(Role(row["role"]).label), "center": place}
        at_center, wide = _("%(person)s, %(role)s at %(center)s"), _("%(person)s, %(role)s")
        about = (at_center if place else wide) % held
    return Described(f"{title}: {about}" if about else title, plain_changes(event))


def _table_words(table: str) -> str:
    """ "patients_record_lock" reads "Record lock"."""
    return table.split("_", 1)[-1].replace("_", " ").capitalize()


def plain_changes(event: AuditEvent) -> tuple[Change, ...]:
    """Every field that got another value, without keys, times of making, and bytes."""
    before, after = event.before or {}, event.after or {}
    return tuple(
        Change(_(name.replace("_", " ").capitalize()), _plain(before.get(name)), _plain(value))
        for name, value in after.items()
        if value != before.get(name)
        and not _TECHNICAL.fullmatch(name)
        and not _is_bytes(value)
        and not _is_bytes(before.get(name))
    )


def _is_bytes(value: object) -> bool:
    return isinstance(value, str) and value.startswith("\\x")


def _plain(value: Any) -> str:
    if value is None or value == "" or value == {}:
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(_plain(part) for part in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(part)}" for name, part in value.items())
    text = str(value)
    if _ISO_DAY.fullmatch(text):
        return f"{date.fromisoformat(text):%d-%b-%Y}"
    return text


def reading_words(detail: Mapping[str, Any]) -> str:
    """What a reading event's detail says; records of a list are counted, not named."""
    parts = []
    for name, value in detail.items():
        if name == "patient_ids":
            said = ngettext("%(number)s record", "%(number)s records", len(value))
            parts.append(said % {"number": len(value)})
        elif not _TECHNICAL.fullmatch(name) and name != "account":
            parts.append(f"{name.replace('_', ' ')} {_plain(value)}".replace("_", " "))
    return ", ".join(parts)


def _names(ids: Iterable[int | None]) -> dict[int, str]:
    wanted = {key for key in ids if key}
    return dict(User.objects.filter(id__in=wanted).values_list("id", "full_name")) if wanted else {}


def _codes(ids: Iterable[int | None]) -> dict[int, str]:
    wanted = {key for key in ids if key}
    return dict(Center.objects.filter(id__in=wanted).values_list("id", "code")) if wanted else {}
