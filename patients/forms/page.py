"""A page of entry: its rows, the reason for change, confirmations, and what was refused."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from patients.forms.boxes import Box
from patients.forms.entry import EntryForm
from patients.labels import finding_text
from patients.rules.checks import CATALOG
from patients.rules.record import Finding
from patients.rules.values import Value

REASON_PRESETS: Final = (
    gettext_noop("Transcription error"),
    gettext_noop("New source document"),
    gettext_noop("Answer to a query"),
    gettext_noop("Review of the chart"),
    gettext_noop("Other"),
)
CONFIRM_PREFIX: Final = "confirm."
REASON_MAX_LENGTH: Final = 500


@dataclass(frozen=True, slots=True)
class Problem:
    """One line of the error summary; `href` leads to the field, or to the row on the record page."""

    text: str
    href: str = ""


@dataclass(slots=True)
class Confirmation:
    """A soft finding: unlikely, saved when somebody says why it is right."""

    check: str
    messages: list[str]
    reason: str = ""
    error: str = ""

    @property
    def what(self) -> str:
        """What the check asks, in few words."""
        return _(CATALOG[self.check].what)

    @property
    def name(self) -> str:
        """Of the control."""
        return CONFIRM_PREFIX + self.check

    @property
    def id(self) -> str:
        """Of the control in the page."""
        return "id_" + re.sub(r"\W", "_", self.name)


@dataclass(slots=True)
class EntryPage:
    """What one form page holds between showing, reading, refusal and saving."""

    parts: list[EntryForm]
    asks_reason: bool = False
    version: int | None = None
    submission: str = field(default_factory=lambda: str(uuid.uuid4()))
    preset: str = ""
    details: str = ""
    reason_error: str = ""
    confirmed: dict[str, str] = field(default_factory=dict)
    confirmations: list[Confirmation] = field(default_factory=list)
    # Reasons given before in this record: shown, to be sent again if the check fires again.
    carried: list[Confirmation] = field(default_factory=list)
    others: list[Problem] = field(default_factory=list)
    is_conflict: bool = False
    # Meanwhile the row was retracted, or the record retired: there is nothing left to amend.
    gone: str = ""
    # An act without boxes (retract, withdraw): its button; then sending it is the change.
    act: str = ""

    @property
    def base(self) -> str:
        """The cells shown at first, as JSON, for the hidden field."""
        cells = {name: cell for part in self.parts for name, cell in part.base.items()}
        return json.dumps(cells, separators=(",", ":")) if self.asks_reason else ""

    @property
    def reason(self) -> str:
        """The reason for change as the audit trail keeps it."""
        if self.preset and self.preset != "Other":
            return f"{self.preset}: {self.details}" if self.details else self.preset
        return self.details

    @property
    def presets(self) -> list[tuple[str, bool]]:
        """Presets of the reason, with the chosen one."""
        return [(preset, preset == self.preset) for preset in REASON_PRESETS]

    @property
    def problems(self) -> list[Problem]:
        """The error summary, in the order of the page."""
        found = [
            Problem(box.error, f"#{box.focus_id}")
            for part in self.parts
            for section in part.sections
            for box in section.boxes
            if box.error
        ]
        found += self.others
        found += [Problem(c.error, f"#{c.id}") for c in self.confirmations if c.error]
        if self.reason_error:
            found.append(Problem(self.reason_error, "#id_reason"))
        return found

    @property
    def is_valid(self) -> bool:
        """Whether everything could be read and a change has its reason."""
        return not self.reason_error and all(part.is_valid for part in self.parts)

    @property
    def is_changed(self) -> bool:
        """Whether there is anything to save."""
        return bool(self.act) or any(part.changes or part.row_id is None for part in self.parts)

    @property
    def first_box(self) -> str:
        """Id of the control that takes the focus when the page opens: only that of a new row."""
        part = self.parts[0] if self.parts and self.parts[0].row_id is None else None
        section = next(iter(part.sections), None) if part else None
        return section.boxes[0].focus_id if section else ""

    @property
    def adds(self) -> bool:
        """Whether rows can be added here: every page but that of one saved row."""
        return not self.act and (len(self.parts) != 1 or self.parts[0].row_id is None)

    @property
    def amends(self) -> bool:
        """Whether a saved value changes: then it needs its reason."""
        return bool(self.act) or any(p.changes for p in self.parts if p.row_id is not None)

    @property
    def differing(self) -> list[Box]:
        """After a conflict: the boxes whose value somebody else changed."""
        return [box for part in self.parts for box in part.boxes.values() if box.theirs]

    def require_reason(self, is_sent: bool) -> None:
        """An act always needs its reason."""
        if is_sent and not self.reason:
            self.reason_error = _("Give the reason")

    def notes(self, kind: str) -> dict[str, str]:
        """Errors or warnings (`kind`: error, warning) by the id of their box."""
        boxes = (box for part in self.parts for box in part.boxes.values())
        return {box.id: text for box in boxes if (text := getattr(box, kind))}

    def carry(self, reasons: Mapping[str, str]) -> None:
        """Offer what was said before to the same checks."""
        self.carried = [Confirmation(check, [], reason) for check, reason in reasons.items()]

    def forget_errors(self) -> None:
        """The page shows a draft: what is not finished is no error yet."""
        self.reason_error = ""
        for part in self.parts:
            for box in part.boxes.values():
                box.error = ""

    def refuse(
        self, findings: Iterable[Finding], links: Mapping[tuple[str, int | None], str]
    ) -> None:
        """Put the action's findings on the page. `links`: where a row stands, by form and id."""
        soft: dict[str, Confirmation] = {}
        for finding in findings:
            hard, message = finding.severity == "hard", finding_text(finding)
            part = next((part for part in self.parts if part.is_of(finding.row)), None)
            box = part.note(finding.field, message, hard=hard) if part else None
            if hard and (box is None or box.error != message):
                href = links.get((finding.row.form, finding.row.id), "")
                self.others.append(Problem(message, href or _first_of(part)))
            elif not hard:
                entry = soft.setdefault(finding.check, Confirmation(finding.check, []))
                if message not in entry.messages:
                    entry.messages.append(message)
        self._ask(soft)

    def _ask(self, soft: Mapping[str, Confirmation]) -> None:
        for check, confirmation in soft.items():
            confirmation.reason = self.confirmed.get(check, "")
            if not confirmation.reason:
                confirmation.error = _("Say why this is right: %(finding)s") % {
                    "finding": confirmation.messages[0]
                }
        self.confirmations = list(soft.values())

    def merge(self, version: int, current: Mapping[str, Value]) -> None:
        """Another person saved the record: show both values; the next save starts from theirs."""
        self.is_conflict, self.version = True, version
        for part in self.parts:
            part.merge(current if part.current is None else part.current)


def read_page(post: QueryDict, parts: list[EntryForm], *, asks_reason: bool = False) -> EntryPage:
    """What was sent with a page of these rows."""
    page = EntryPage(
        parts,
        asks_reason,
        version=_version(post.get("version", ""), asked=asks_reason),
        submission=_uuid_text(post.get("submission", "")),
        preset=post.get("reason_preset", ""),
        details=post.get("reason", "").strip()[:REASON_MAX_LENGTH],
    )
    if page.preset not in REASON_PRESETS:
        page.preset = ""
    page.confirmed = {
        name.removeprefix(CONFIRM_PREFIX): text.strip()[:REASON_MAX_LENGTH]
        for name, text in post.items()
        if name.startswith(CONFIRM_PREFIX) and isinstance(text, str) and text.strip()
    }
    if asks_reason and page.amends and not page.reason:
        page.reason_error = _("Give the reason for the change")
    return page


def _first_of(part: EntryForm | None) -> str:
    """Where a finding of a row leads whose field has no box."""
    box = next(iter(part.boxes.values()), None) if part else None
    return f"#{box.focus_id}" if box else ""


def _version(text: str, *, asked: bool) -> int | None:
    """The version that the page showed. A page about a saved row must send one: without it, 0.

    No record has version 0, so leaving it out is a conflict and not a way around one.
    """
    given = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
    return 0 if asked and given is None else given


def _uuid_text(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return str(uuid.uuid4())
