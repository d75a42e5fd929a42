"""Checks of therapies and contacts against the first HD IL-2 and against each other (hard)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from patients.rules.checks_catalog import finding
from patients.rules.record import Finding, History, disqualifies

IMPLIES_PROGRESSION: Final = frozenset(("progressing_lesion", "new_lesion"))


def check_around_t0(history: History) -> Iterator[Finding]:
    """local.before_il2, systemic.before_il2, prior.after_il2: certainly on the wrong side of T0."""
    if history.t0_lo is None or history.t0_hi is None:
        return
    for dated in history.local:
        if dated.date.hi < history.t0_lo:
            yield finding("local.before_il2", dated.row, dated.field)
    for dated in history.systemic:
        if dated.date.hi < history.t0_lo:
            yield finding("systemic.before_il2", dated.row, dated.field)
    for dated in history.prior:
        if dated.date.lo > history.t0_hi:
            yield finding("prior.after_il2", dated.row, dated.field)


def check_attestation(history: History) -> Iterator[Finding]:
    """attestation.none: a disqualifying therapy certainly after T0 and on or before the contact."""
    t0 = history.t0_hi
    if t0 is None or not history.systemic:
        return
    ends = [d.date.hi for d in history.systemic if d.date.lo > t0 and disqualifies(d.row)]
    if not ends:
        return
    first = min(ends)
    for dated in history.contacts:
        none = dated.row.values.get("systemic_therapy_since_il2") == "none"
        if none and first <= dated.date.lo:
            yield finding("attestation.none", dated.row, "systemic_therapy_since_il2")


def check_progression(history: History) -> Iterator[Finding]:
    """follow_up.progression_undocumented: no PD, nor therapy of a progressing or new lesion."""
    progressive = [
        d for d in history.contacts if d.row.values.get("disease_status") == "progressive_disease"
    ]
    if not progressive:
        return
    starts = [d.date.lo for d in history.assessments if d.row.values.get("response") == "PD"]
    starts += [
        d.date.lo for d in history.local if d.row.values.get("indication") in IMPLIES_PROGRESSION
    ]
    first = min(starts, default=None)
    for dated in progressive:
        if first is None or first > dated.date.hi:
            yield finding("follow_up.progression_undocumented", dated.row, "disease_status")
