"""Drafts of form pages: kept while somebody types, offered when the page is opened again, listed.

A form page carries a signed note of what it is (`draft_page`): the draft is kept for exactly that
page, whatever else is sent. The note names its reader, and nothing that identifies a patient.
"""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import SuspiciousOperation
from django.core.signing import BadSignature, Signer
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from centers.access import required_scope, requires
from centers.roles import Permission
from patients.actions.drafts import DraftPage, DraftTooLong, discard_draft, save_draft
from patients.models import Draft, Patient
from patients.queries.drafts import DraftView, find_draft, own_drafts

RESTORE: Final = "draft"
PAGE_NOTE: Final = "draft_page"
# Sent with a form that leaves an offered draft alone.
KEEP: Final = "keep_draft"
_OF_THE_PAGE: Final = frozenset(
    {"csrfmiddlewaretoken", "submission", "again", "onward", PAGE_NOTE, KEEP}
)
_signer: Final = Signer(salt="patients.draft")


@dataclass(frozen=True, slots=True)
class Offer:
    """What a form page says of drafts. `note` is its signed note; `waiting` and `restored` a draft."""

    note: str
    waiting: DraftView | None = None
    restored: DraftView | None = None


def address_of(request: HttpRequest, query: str = "") -> str:
    """The page that a draft is of: its path, and what tells two new records apart."""
    return f"{request.path}?{query}" if query else request.path


def sent_form(request: HttpRequest, center_id: int, query: str = "") -> QueryDict | None:
    """What stands in the boxes: what was sent, a draft's (the address asks for it), or None."""
    if request.method == "POST":
        return request.POST
    if RESTORE not in request.GET:
        return None
    found = find_draft(required_scope().actor_id, center_id, address_of(request, query))
    if found is None or found.boxes is None:
        return None
    boxes = QueryDict(mutable=True)
    for name, values in found.boxes.items():
        boxes.setlist(name, values)
    return boxes


def offer_of(request: HttpRequest, page: DraftPage) -> Offer:
    """For a form page: its note, and the draft that waits or was restored."""
    actor_id = required_scope().actor_id
    values = asdict(page) | {"record": page.record and str(page.record), "user": actor_id}
    note = _signer.sign_object(values)
    if request.method == "POST":
        return Offer(note)
    found = find_draft(actor_id, page.center_id, page.address)
    if RESTORE in request.GET:
        return Offer(note, restored=found)
    return Offer(note, waiting=found)


def _noted_page(request: HttpRequest) -> DraftPage:
    try:
        values: dict[str, Any] = _signer.unsign_object(request.POST.get(PAGE_NOTE, ""))
    except BadSignature:
        raise SuspiciousOperation("A draft came without the note of its page.") from None
    if values.pop("user") != required_scope().actor_id:
        raise Http404
    record = values.pop("record")
    return DraftPage(**values, record=uuid.UUID(record) if record else None)


@require_POST
@requires(Permission.EDIT_RECORDS)
def draft_save(request: HttpRequest) -> HttpResponse:
    """Keeps what stands in the boxes. Scripts get a line of text, people the list of drafts."""
    boxes = {n: values for n, values in request.POST.lists() if n not in _OF_THE_PAGE}
    try:
        saved_at = save_draft(actor=required_scope(), page=_noted_page(request), boxes=boxes)
    except DraftTooLong:
        text = _("Too long for a draft")
        return HttpResponse(text, content_type="text/plain; charset=utf-8", status=413)
    except Patient.DoesNotExist:
        raise Http404 from None
    if not request.accepts("text/html"):
        text = _("Draft saved %(time)s UTC") % {"time": f"{saved_at:%H:%M}"}
        return HttpResponse(text, content_type="text/plain; charset=utf-8")
    messages.success(
        request, _("What you typed is kept as a draft. It is not saved in the record.")
    )
    return redirect("draft_list")


@require_safe
@requires(Permission.EDIT_RECORDS)
def draft_list(request: HttpRequest) -> HttpResponse:
    """The reader's own drafts."""
    context = {"section": "records", "drafts": own_drafts()}
    return render(request, "patients/draft_list.html", context)


@require_POST
@requires(Permission.EDIT_RECORDS)
def draft_discard(request: HttpRequest, draft: uuid.UUID) -> HttpResponse:
    """Throws one of the reader's own drafts away; then back to its form, or to the list."""
    found = Draft.objects.filter(public_id=draft).first()
    if found is None:
        raise Http404
    discard_draft(actor=required_scope(), draft=found)
    messages.info(request, _("The draft was discarded."))
    wanted = request.POST.get("next", "")
    is_form = wanted == found.address and url_has_allowed_host_and_scheme(wanted, None)
    return redirect(found.address if is_form else "draft_list")
