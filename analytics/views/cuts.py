"""Data cuts: the list, a new one, one's page, its name and lock, whether it comes out again, two compared."""

from __future__ import annotations

import uuid
from typing import Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from analytics.actions.data_cuts import lock_cut, make_cut, rename_cut, reproduce
from analytics.derivation.engine import current_cutoff
from analytics.forms import CutForm, CutNameForm
from analytics.models import DataCut
from analytics.queries.asked import asked_cut
from analytics.queries.data_cuts import changed_records
from analytics.queries.disclosure import SMALLEST_CELL
from analytics.queries.patience import few_enough, too_many
from centers.access import acting, pooled, required_scope, requires
from centers.form_page import FormPage, refusing, sent, show_form
from centers.forms import ActForm
from centers.roles import Permission

MOST_SHOWN: Final = 200


@require_safe
@requires(Permission.CUT_DATA)
def cut_list(request: HttpRequest) -> HttpResponse:
    """All data cuts, newest first, with a form that compares two."""
    return _listed(request)


def _listed(request: HttpRequest) -> HttpResponse:
    cuts = DataCut.objects.select_related("made_by", "locked_by")
    context = {"section": "cohort", "tab": "cut_list", "cuts": list(cuts)}
    return render(request, "analytics/cut_list.html", context)


@require_http_methods(["GET", "POST"])
@requires(Permission.CUT_DATA, steady=True)
def cut_create(request: HttpRequest) -> HttpResponse:
    """Freeze what is committed now, at a cutoff, under a name."""
    form = CutForm(sent(request), initial={"cutoff": current_cutoff().isoformat()})
    with acting(pooled(required_scope())):
        enough = few_enough()
    if form.is_valid() and not enough:
        form.add_error(None, too_many())
    if form.is_valid():
        with refusing(form):
            cut = make_cut(actor=required_scope(), using="default", **form.cleaned_data)
            messages.success(
                request, _("The cut is made: %(records)s records.") % {"records": cut.records}
            )
            return redirect("cut_detail", cut.public_id)
    intro = _(
        "A cut keeps which records were known, what they gave at the cutoff, and a hash that shows"
        " it later. Nothing entered afterwards changes it."
    )
    page = FormPage(_("New data cut"), _("Make the cut"), _crumbs(), intro, section="cohort")
    return show_form(request, form, page)


@require_safe
@requires(Permission.CUT_DATA)
def cut_detail(request: HttpRequest, cut: uuid.UUID) -> HttpResponse:
    """What a cut is, and what can be done with it."""
    found = _find(cut)
    others = DataCut.objects.exclude(pk=found.pk)
    context = {"section": "cohort", "cut": found, "others": list(others), "crumbs": _crumbs()}
    return render(request, "analytics/cut_detail.html", context)


@require_http_methods(["GET", "POST"])
@requires(Permission.CUT_DATA)
def cut_rename(request: HttpRequest, cut: uuid.UUID) -> HttpResponse:
    """Another name, until the cut is locked."""
    found = _find(cut)
    form = CutNameForm(sent(request), initial={"name": found.name})
    if form.is_valid():
        with refusing(form):
            rename_cut(actor=required_scope(), cut=found, **form.cleaned_data)
            messages.success(request, _("The cut has another name."))
            return redirect("cut_detail", found.public_id)
    page = FormPage(_("Rename the data cut"), _("Rename"), _crumbs(found), section="cohort")
    return show_form(request, form, page)


@require_http_methods(["GET", "POST"])
@requires(Permission.CUT_DATA)
def cut_lock(request: HttpRequest, cut: uuid.UUID) -> HttpResponse:
    """Make the cut final."""
    found = _find(cut)
    form = ActForm(sent(request))
    if form.is_valid():
        with refusing(form):
            reason = form.cleaned_data["reason"]
            lock_cut(actor=required_scope(), cut=found, reason=reason)
            messages.success(request, _("The cut is locked."))
            return redirect("cut_detail", found.public_id)
    intro = _("“%(name)s” keeps its name from now on. This cannot be undone.") % {
        "name": found.name
    }
    page = FormPage(_("Lock the data cut"), _("Lock"), _crumbs(found), intro, section="cohort")
    return show_form(request, form, page)


@require_safe
@requires(Permission.CUT_DATA, steady=True)
def cut_reproduce(request: HttpRequest, cut: uuid.UUID) -> HttpResponse:
    """Derive the cut again and say whether the same rows come out."""
    found = _find(cut)
    with acting(pooled(required_scope())):
        enough = few_enough()
        wrong = reproduce(found, "default") if enough else [too_many()]
    context = {"section": "cohort", "cut": found, "wrong": wrong, "crumbs": _crumbs(found)}
    return render(request, "analytics/cut_reproduce.html", context)


@require_safe
@requires(Permission.CUT_DATA, steady=True)
def cut_compare(request: HttpRequest) -> HttpResponse:
    """Records that two cuts tell differently: one's own in detail, of all others their number."""
    first, second = (asked_cut(request.GET.get(name, "")) for name in ("first", "second"))
    if first is None or second is None:
        return _listed(request)
    own = required_scope()
    with acting(pooled(own)):
        everybody = changed_records(first, second) if few_enough() else None
    with acting(own):
        changed = changed_records(first, second) if everybody else []
    number = len(everybody or ())
    shown = pooled(own) is own or number == 0 or number >= SMALLEST_CELL
    context = {
        "section": "cohort",
        "first": first,
        "second": second,
        "both": (first, second),
        "problem": too_many() if everybody is None else "",
        "total": number if shown else None,
        "changed": changed[:MOST_SHOWN],
        "left": max(len(changed) - MOST_SHOWN, 0),
        "own": own.center_ids,
        "eligibility": sum(one.eligibility_changed for one in changed),
        "pfs": sum(one.pfs_changed for one in changed),
        "crumbs": _crumbs(),
    }
    return render(request, "analytics/cut_compare.html", context)


def _find(public_id: uuid.UUID) -> DataCut:
    cut = DataCut.objects.select_related("made_by", "locked_by").filter(public_id=public_id).first()
    if cut is None:
        raise Http404
    return cut


def _crumbs(cut: DataCut | None = None) -> list[tuple[str, str]]:
    found = [(reverse("cut_list"), _("Data cuts"))]
    if cut is not None:
        found.append((reverse("cut_detail", args=[cut.public_id]), cut.name))
    return found
