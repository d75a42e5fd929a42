"""Keeping a cohort page's address under a name, for oneself."""

from __future__ import annotations

import re
import uuid
from typing import Final
from urllib.parse import parse_qsl, urlencode

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from analytics.models import SavedView
from analytics.queries.filters import NAMES
from centers.access import Scope, acting
from centers.roles import Permission

# Pages that can be saved: name of the route, and what people call it.
PAGES: Final = {
    "cohort_overview": gettext_noop("Overview"),
    "cohort_survival": gettext_noop("Survival"),
    "cohort_progression": gettext_noop("Progression"),
    "cohort_sensitivity": gettext_noop("Sensitivity"),
    "cohort_description": gettext_noop("Description"),
    "cohort_flow": gettext_noop("Flow"),
    "cohort_swimmer": gettext_noop("Swimmer plot"),
    "cohort_accrual": gettext_noop("Accrual"),
    "cohort_quality": gettext_noop("Data quality"),
}
KNOWN: Final = frozenset(
    {*NAMES, "endpoint", "variant", "records", "by", "where", "cutoff", "years", "as_of", "cut"}
)
_VALUE: Final = re.compile(r"[\w:.+-]{1,40}")
MOST_VIEWS: Final = 200


def save_view(*, actor: Scope, name: str, page: str, query: str) -> SavedView:
    """Keep a page's address. What is no parameter of a cohort page is left out.

    Raises ValidationError: no such page, a name that is taken, too many views.
    """
    actor.require(Permission.VIEW_COHORT)
    if page not in PAGES:
        raise ValidationError(_("This page cannot be saved."))
    view = SavedView(owner_id=actor.actor_id, name=name.strip(), page=page, query=known(query))
    with acting(actor), transaction.atomic():
        mine = SavedView.objects.filter(owner_id=actor.actor_id)
        if mine.count() >= MOST_VIEWS:
            raise ValidationError(
                _("You have %(most_views)s views: remove one first.") % {"most_views": MOST_VIEWS}
            )
        if mine.filter(name=view.name).exists():
            raise ValidationError(_("You have a view of that name: choose another."))
        view.full_clean(exclude=["owner"])
        view.save(force_insert=True)
    return view


def remove_view(*, actor: Scope, public_id: uuid.UUID) -> bool:
    """Take away a view of one's own; False when there is none."""
    with acting(actor), transaction.atomic():
        views = SavedView.objects.filter(owner_id=actor.actor_id, public_id=public_id)
        return bool(views.delete()[0])


def known(query: str) -> str:
    """The parameters of a cohort page in a query string, and nothing else."""
    pairs = [
        (name, value)
        for name, value in parse_qsl(query, max_num_fields=60)
        if name in KNOWN and _VALUE.fullmatch(value)
    ]
    return urlencode(pairs)
