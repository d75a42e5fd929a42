"""An import in numbers and words, for its page and the list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from patients.import_jobs import ImportState
from patients.models import ImportJob
from patients.queries.import_jobs import (
    CONFLICTS,
    FINDINGS,
    UNDO,
    has_content,
    read_all,
    read_listing,
)
from patients.rules.dictionary import RECORD_FORMS

KINDS: Final = ("new", "changed", "retracted", "unchanged")
TONES: Final = {
    ImportState.CHECKING: "info",
    ImportState.COMMITTING: "info",
    ImportState.UNDOING: "info",
    ImportState.COLUMNS: "warn",
    ImportState.OUTDATED: "warn",
    ImportState.REFUSED: "bad",
    ImportState.FAILED: "bad",
    ImportState.READY: "good",
    ImportState.COMMITTED: "good",
}
ELIGIBLE: Final = ("yes", "no", "unknown")
_WORDS: Final = {
    "yes": _("eligible"),
    "no": _("not eligible"),
    "unknown": _("unknown"),
    "new": _("new record"),
    "left out": _("left out"),
}
PROBLEMS: Final = {
    "rights": _("Whoever asked for this may no longer import for the center. Nothing was written."),
    "attempts": _(
        "The worker could not finish this. Nothing was written. Check the file again; if it stops"
        " again, split the bundle."
    ),
    "changed": _(
        "Nothing was undone: records were changed after the import. Correct these one by one."
    ),
    "refused": _("Nothing was undone: a check stands against it."),
}
_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Move:
    """So many records go from one eligibility to another."""

    before: str
    after: str
    number: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What the pages of one import show. Numbers are of all rows, also of those that are not listed."""

    tone: str
    problem: str
    progress: str
    records: Mapping[str, int]
    rows: Sequence[tuple[str, list[int]]]
    hard: int
    soft: int
    moves: Sequence[Move]
    eligible: tuple[int, int]
    pfs_changed: int
    found: Mapping[str, int]
    listed: Mapping[str, int]

    @property
    def has_effect(self) -> bool:
        """Whether anything is known of the effect."""
        return bool(self.moves)


def summarize(job: ImportJob) -> Summary:
    """The import in numbers; a few queries only where its state asks for them."""
    counts: dict[str, Any] = job.counts
    rows = counts.get("rows", {})
    effect = counts.get("effect", {})
    moves = [_move(key, number) for key, number in effect.get("moves", {}).items()]
    run = getattr(job, "run", None)
    return Summary(
        tone=TONES.get(ImportState(job.state), "neutral"),
        problem=gettext(PROBLEMS.get(job.problem, "")),
        progress=run.progress if run else "",
        records={
            kind: counts.get("records", {}).get(kind, 0) for kind in KINDS if kind != "retracted"
        },
        rows=[
            (gettext(form.title), [rows[form.name].get(kind, 0) for kind in KINDS])
            for form in RECORD_FORMS
            if form.name in rows
        ],
        hard=counts.get("hard", 0),
        soft=counts.get("soft", 0),
        moves=sorted(moves, key=lambda move: (move.before == move.after, -move.number)),
        eligible=_eligible(effect.get("moves", {})),
        pfs_changed=effect.get("pfs_changed", 0),
        found=counts.get("found", {}),
        listed=counts.get("listed", {}),
    )


def detail_of(job: ImportJob) -> dict[str, Any]:
    """What the page of the import shows beside its numbers."""
    can_undo = job.state == ImportState.COMMITTED and _has(job, UNDO)
    return {
        "findings": read_listing(job, (FINDINGS,), 1).items[:_SHOWN],
        "conflicts": list(read_all(job, CONFLICTS)),
        "can_check": job.is_open and has_content(job),
        "can_undo": can_undo,
    }


def _has(job: ImportJob, stream: str) -> bool:
    return next(read_all(job, stream), None) is not None


def _move(key: str, number: int) -> Move:
    before, __, after = key.partition(">")
    return Move(gettext(_WORDS.get(before, before)), gettext(_WORDS.get(after, after)), number)


def _eligible(moves: Mapping[str, int]) -> tuple[int, int]:
    """Eligible records among those touched, before and after."""
    before = sum(n for key, n in moves.items() if key.startswith("yes>"))
    after = sum(n for key, n in moves.items() if key.endswith(">yes"))
    return before, after
