"""Forms of acts on a whole record: a reason from a list or in words, and what was refused."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from patients.contact_models import CHANNELS, OUTCOMES
from patients.forms.dates import normalise_date
from patients.forms.page import REASON_MAX_LENGTH, Problem

OTHER: Final = gettext_noop("Other")
REVEAL_REASONS: Final = (
    gettext_noop("Comparison with source documents"),
    gettext_noop("Query to the site"),
    gettext_noop("Possible duplicate"),
    gettext_noop("Safety of the person"),
    gettext_noop("Request of the person"),
    OTHER,
)
RETIRE_REASONS: Final = (
    gettext_noop("Entered twice"),
    gettext_noop("Entered for the wrong person"),
    gettext_noop("Never treated at this center"),
    gettext_noop("Test entry"),
    OTHER,
)
RESTORE_REASONS: Final = (
    gettext_noop("Retired by mistake"),
    gettext_noop("New source document"),
    OTHER,
)
ERASE_REASONS: Final = (
    gettext_noop("Letter of the person"),
    gettext_noop("Request through a relative or guardian"),
    OTHER,
)


@dataclass(slots=True)
class ActForm:
    """What the page of an act shows again when it was refused; names as in _entry_reason.html."""

    words: tuple[str, ...]
    act: str
    version: int | None = None
    preset: str = ""
    details: str = ""
    reason_error: str = ""
    others: list[Problem] = field(default_factory=list)
    is_conflict: bool = False

    @property
    def presets(self) -> list[tuple[str, bool]]:
        """The reasons to choose from, with the chosen one."""
        return [(word, word == self.preset) for word in self.words]

    @property
    def reason(self) -> str:
        """The reason as the audit trail keeps it; empty when there is none."""
        if self.preset and self.preset != OTHER:
            return f"{self.preset}: {self.details}" if self.details else self.preset
        return self.details

    @property
    def problems(self) -> list[Problem]:
        """The error summary."""
        reason = [Problem(self.reason_error, "#id_reason")] if self.reason_error else []
        return self.others + reason

    @property
    def is_valid(self) -> bool:
        """Whether nothing is refused."""
        return not self.problems


def read_act(post: QueryDict, words: tuple[str, ...], act: str) -> ActForm:
    """What was sent with an act; it always needs its reason."""
    preset = post.get("reason_preset", "")
    version = post.get("version", "")
    form = ActForm(
        words,
        act,
        int(version) if version.isascii() and version.isdigit() and len(version) < 19 else None,
        preset if preset in words else "",
        post.get("reason", "").strip()[:REASON_MAX_LENGTH],
    )
    if not form.reason:
        form.reason_error = _("Give the reason")
    return form


@dataclass(slots=True)
class ErasureForm:
    """The boxes of an erasure beside its reason: day of the request, number typed as a safety."""

    day: str = ""
    number: str = ""
    requested_on: date | None = None
    day_error: str = ""
    number_error: str = ""

    @property
    def problems(self) -> list[Problem]:
        """Lines for the error summary."""
        found = ((self.day_error, "#id_requested_on"), (self.number_error, "#id_number"))
        return [Problem(text, href) for text, href in found if text]


def read_erasure(post: QueryDict, registry_number: str, today: date) -> ErasureForm:
    """Read the boxes; a request of a day to come, or another number, is refused."""
    form = ErasureForm(post.get("requested_on", "").strip()[:40], post.get("number", "").strip())
    try:
        form.requested_on = date.fromisoformat(normalise_date(form.day))
    except ValueError:
        form.day_error = _("Enter the day of the request, such as 24-Mar-2019")
    if form.requested_on and form.requested_on > today:
        form.day_error = _("The day of the request is in the future")
    if form.number.upper() != registry_number:
        form.number_error = _("Type the registry number of this record")
    return form


@dataclass(slots=True)
class AttemptForm:
    """The boxes of an attempt to reach a patient, as typed and as read."""

    day: str = ""
    channel: str = ""
    outcome: str = ""
    submission: uuid.UUID = field(default_factory=uuid.uuid4)
    attempted_on: date | None = None
    day_error: str = ""
    channel_error: str = ""
    outcome_error: str = ""

    @property
    def problems(self) -> list[Problem]:
        """Lines for the error summary."""
        found = (
            (self.day_error, "#id_attempted_on"),
            (self.channel_error, "#id_channel"),
            (self.outcome_error, "#id_outcome"),
        )
        return [Problem(text, href) for text, href in found if text]

    @property
    def is_valid(self) -> bool:
        """Whether nothing is refused."""
        return not self.problems


def read_attempt(post: QueryDict | None, today: date) -> AttemptForm:
    """What was sent; None for a page that is opened: it starts with today."""
    if post is None:
        return AttemptForm(f"{today:%d-%b-%Y}")
    form = AttemptForm(
        post.get("attempted_on", "").strip()[:40],
        post.get("channel", ""),
        post.get("outcome", ""),
    )
    try:
        form.submission = uuid.UUID(post.get("submission", ""))
    except ValueError:
        form.submission = uuid.uuid4()
    try:
        form.attempted_on = date.fromisoformat(normalise_date(form.day))
    except ValueError:
        form.day_error = _("Enter the day of the attempt, such as 24-Mar-2019")
    if form.attempted_on and form.attempted_on > today:
        form.day_error = _("The day of the attempt is in the future")
    form.channel_error = "" if form.channel in CHANNELS else _("Choose how you tried")
    form.outcome_error = "" if form.outcome in OUTCOMES else _("Choose what came of it")
    return form
