"""A record as it was known at a moment of the past: to read, never to change."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from analytics.derivation.engine import current_cutoff
from analytics.queries.asked import AskedProblem, asked_moment
from analytics.queries.known import Seal, known_at, outcomes_at
from analytics.queries.panel import view_outcome
from centers.access import requires
from centers.roles import Permission
from patients.forms.baseline import HIDDEN, baseline_sections
from patients.models import Patient
from patients.queries.record_page import view_record
from patients.queries.timeline import timeline
from patients.views.shared import record_or_404


@require_safe
@requires(Permission.VIEW_RECORDS, steady=True)
def record_past(request: HttpRequest, record: uuid.UUID) -> HttpResponse:
    """Every form and the outcome as known at a seal; without a moment, the form that asks for one."""
    patient = record_or_404(record, retired=True)
    asked = request.GET.get("as_of", "")
    seal, problem = None, ""
    try:
        seal = asked_moment(asked, own_centers=True)
    except AskedProblem as error:
        problem = str(error)
    past = _past(patient, seal) if seal else {}
    context = {
        "section": "records",
        "patient": patient,
        "as_of": asked,
        "seal": seal,
        "problem": problem,
        **past,
    }
    return render(request, "analytics/record_past.html", context)


def _past(patient: Patient, seal: Seal) -> dict[str, Any]:
    """What was known of the record; `known` is false where it was not entered yet."""
    cutoff = current_cutoff()
    with known_at(seal, "default", [patient.pk]), outcomes_at(cutoff, "default", seal=seal):
        if not Patient.objects.filter(pk=patient.pk).exists():
            return {"known": False}
        view = view_record(patient, identifiers=False)
        return {
            "known": True,
            "view": view,
            "baseline": baseline_sections(view.state.patient, identifiers=False, mask=HIDDEN),
            "timeline": timeline(view),
            "data": {"view": view_outcome(patient.pk, view.links), "since": None, "cutoff": cutoff},
            "may_edit": False,
            "may_here": {},
        }
