"""Blank forms on paper: every form of the dictionary, for one disease."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from centers.access import requires
from centers.roles import Permission
from patients.forms.paper import blank_sheets
from patients.rules.dictionary import DISEASES, MELANOMA


@require_safe
@requires(Permission.VIEW_RECORDS)
def blank_forms(request: HttpRequest) -> HttpResponse:
    """All forms, empty, to be filled in by hand; the address names the disease."""
    disease = request.GET.get("disease", MELANOMA)
    disease = disease if disease in DISEASES else MELANOMA
    context = {
        "section": "records",
        "disease": disease,
        "diseases": DISEASES,
        "sheets": blank_sheets(disease),
        "printed_at": timezone.now(),
    }
    return render(request, "patients/blank_forms.html", context)
