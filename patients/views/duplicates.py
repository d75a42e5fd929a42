"""Duplicates across centers: pairs to assess, for data managers."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from centers.access import required_scope, requires
from centers.audit import EventKind, record_event
from centers.roles import Permission
from patients.actions.duplicates import VERDICTS, review_duplicate
from patients.forms.page import REASON_MAX_LENGTH, Problem
from patients.queries.duplicates import OPEN, STATES, Pair, duplicate_pairs, find_pair, first_cycles

PAGE_SIZE = 50
PLACE = {"section": "monitoring", "tab": "duplicate_list"}


@require_safe
@requires(Permission.VIEW_DUPLICATES)
def duplicate_list(request: HttpRequest) -> HttpResponse:
    """Pairs of one state; those to assess by default."""
    state = request.GET.get("state", OPEN)
    state = state if state in STATES else OPEN
    pairs = duplicate_pairs()
    shown = [pair for pair in pairs if pair.state == state]
    record_event(EventKind.READ, {"page": "duplicate_list", "pairs": len(shown)})
    page = Paginator(shown, PAGE_SIZE).get_page(request.GET.get("page"))
    states = [
        (name, _(words), sum(p.state == name for p in pairs)) for name, words in STATES.items()
    ]
    context = PLACE | {"page": page, "state": state, "states": states}
    return render(request, "patients/duplicate_list.html", context)


@require_http_methods(["GET", "POST"])
@requires(Permission.VIEW_DUPLICATES)
def duplicate_review(request: HttpRequest, first: uuid.UUID, second: uuid.UUID) -> HttpResponse:
    """One pair side by side, and what the data manager finds."""
    pair = find_pair(first, second)
    if pair is None:
        raise Http404
    if request.method != "POST":
        return _show(request, pair, {}, [], 200)
    verdict = request.POST.get("verdict", "")
    note = request.POST.get("note", "").strip()[:REASON_MAX_LENGTH]
    problems = [] if verdict in VERDICTS else [Problem(_("Choose what you found"), "#id_verdict_1")]
    problems += [] if note else [Problem(_("Say how you know"), "#id_note")]
    if problems:
        return _show(request, pair, {"verdict": verdict, "note": note}, problems, 422)
    review_duplicate(
        actor=required_scope(), first=pair.first, second=pair.second, verdict=verdict, note=note
    )
    messages.success(request, _("What you found is kept."))
    return redirect("duplicate_list")


def _show(
    request: HttpRequest, pair: Pair, sent: dict[str, str], problems: list[Problem], status: int
) -> HttpResponse:
    cycles = first_cycles(pair.first, pair.second)
    review = pair.review
    saved = {"verdict": review.verdict, "note": review.note} if review else {}
    context: dict[str, Any] = PLACE | {
        "pair": pair,
        "cycles": [cycles[pair.first.pk], cycles[pair.second.pk]],
        "verdicts": [(name, _(words)) for name, words in VERDICTS.items()],
        "sent": sent or saved,
        "problems": problems,
    }
    return render(request, "patients/duplicate_review.html", context, status=status)
