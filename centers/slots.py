"""Named places that other apps fill in their AppConfig.ready(): centers knows none of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext

if TYPE_CHECKING:  # filled before any model is loaded
    from centers.models import AuditEvent


@dataclass(frozen=True, slots=True)
class Change:
    """One field of an event in words; `old` and `new` are empty where there was or is no value."""

    label: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Described:
    """An event in words: what was written (`what`), its fields, and where to read more (`href`).

    `action` stands in place of the operation's own word.
    """

    what: str
    changes: tuple[Change, ...] = ()
    href: str = ""
    action: str = ""


@dataclass(frozen=True, slots=True)
class RecordName:
    """How a record is called in public, and the address of its history."""

    label: str
    href: str


@dataclass(frozen=True, slots=True)
class Finder:
    """One rule of the audit review.

    `sql` selects the events that the rule flags: id, center_id, actor_id, at, patient_id. It takes
    `start` and `end` (moments), `centers`, and `parameters`. Whether an event is flagged must not
    change with the period asked for, as long as that holds the event's whole day.

    `label` and `rule` are English; `told` is the rule in the reader's language, with the values of
    `parameters` that it names ("%(days)s days").
    """

    kind: str
    label: str
    rule: str
    sql: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def told(self) -> str:
        """The rule in words."""
        return gettext(self.rule) % self.parameters


# Describe those events of a page that they know, by event id, with the names of their records.
Describer = Callable[["Sequence[AuditEvent]", Mapping[int, RecordName]], dict[int, Described]]
describers: Final[list[Describer]] = []
# Names of records that the reader may see, by patient id.
record_names: Final[list[Callable[[Collection[int]], dict[int, RecordName]]]] = []
# Tables whose events are about access, not about records, with what a row of them is called.
access_tables: Final[dict[str, str]] = {}
# Further rules of the audit review, beside those of centers.queries.review.
finders: Final[list[Finder]] = []
