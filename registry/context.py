"""What every page knows."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from analytics.derivation.engine import current_cutoff
from centers.access import Scope, current_scope
from centers.models import Center
from centers.roles import Permission
from centers.session_limits import WARNING_SECONDS, told

# Sections of the main navigation: name, label, icon, pages (url name, label, permission).
# A section opens its first page that the reader may see; several pages make tabs.
Page = tuple[str, str, Permission]
SECTIONS: Final[tuple[tuple[str, str, str, tuple[Page, ...]], ...]] = (
    (
        "records",
        gettext_noop("Records"),
        "records",
        (
            ("record_list", gettext_noop("Records"), Permission.VIEW_RECORDS),
            ("work_list", gettext_noop("Work to do"), Permission.EDIT_RECORDS),
            ("due_list", gettext_noop("Follow-up"), Permission.EDIT_RECORDS),
        ),
    ),
    (
        "cohort",
        gettext_noop("Cohort"),
        "cohort",
        (
            ("cohort_overview", gettext_noop("Overview"), Permission.VIEW_COHORT),
            ("cohort_survival", gettext_noop("Survival"), Permission.VIEW_COHORT),
            ("cohort_progression", gettext_noop("Progression"), Permission.VIEW_COHORT),
            ("cohort_sensitivity", gettext_noop("Sensitivity"), Permission.VIEW_COHORT),
            ("cohort_description", gettext_noop("Description"), Permission.VIEW_COHORT),
            ("cohort_flow", gettext_noop("Flow"), Permission.VIEW_COHORT),
            ("cohort_swimmer", gettext_noop("Swimmer plot"), Permission.VIEW_COHORT),
            ("cohort_accrual", gettext_noop("Accrual"), Permission.VIEW_COHORT),
            ("cohort_quality", gettext_noop("Data quality"), Permission.VIEW_COHORT),
            ("cohort_report", gettext_noop("Report"), Permission.VIEW_COHORT),
            ("cut_list", gettext_noop("Data cuts"), Permission.CUT_DATA),
            ("view_list", gettext_noop("Saved views"), Permission.VIEW_COHORT),
        ),
    ),
    (
        "monitoring",
        gettext_noop("Monitoring"),
        "lock",
        (
            ("query_list", gettext_noop("Queries"), Permission.VIEW_RECORDS),
            ("lock_list", gettext_noop("Locks and signatures"), Permission.REVIEW_AUDIT),
            ("audit_review", gettext_noop("Audit review"), Permission.REVIEW_AUDIT),
            (
                "duplicate_list",
                gettext_noop("Duplicates across centers"),
                Permission.VIEW_DUPLICATES,
            ),
        ),
    ),
    (
        "exports",
        gettext_noop("Exports"),
        "download",
        (("export_list", gettext_noop("Exports"), Permission.REQUEST_EXPORTS),),
    ),
    (
        "administration",
        gettext_noop("Administration"),
        "partial",
        (
            ("center_list", gettext_noop("Centers"), Permission.MANAGE_CENTERS),
            ("user_list", gettext_noop("People"), Permission.MANAGE_USERS),
            ("project_list", gettext_noop("Projects"), Permission.MANAGE_PROJECTS),
            ("client_list", gettext_noop("API clients"), Permission.MANAGE_CLIENTS),
            ("access_log", gettext_noop("Access log"), Permission.MANAGE_USERS),
            ("operations", gettext_noop("Operations"), Permission.MANAGE_OPERATIONS),
        ),
    ),
)
TABS: Final = tuple(name for name, _, _, pages in SECTIONS if len(pages) > 1)


def pages_of(section: str, scope: Scope) -> list[tuple[str, str]]:
    """The pages of a section that the reader may open: (url name, label)."""
    pages = next(pages for name, _, _, pages in SECTIONS if name == section)
    return [(url, _(label)) for url, label, permission in pages if scope.may(permission)]


def navigation(scope: Scope) -> list[dict[str, str]]:
    """The sections with a page for the reader, each with its first page."""
    shown = []
    for name, label, icon, _pages in SECTIONS:
        if pages := pages_of(name, scope):
            icon = f"components/icons/{icon}.html"
            shown.append({"section": name, "label": _(label), "icon": icon, "url": pages[0][0]})
    return shown


def _session(request: HttpRequest) -> dict[str, int]:
    """Seconds: until the session ends, how long it may be idle, and before its end to warn."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    idle = settings.REGISTRY_IDLE_MINUTES * 60
    return {"seconds": told(request), "idle": idle, "warn": WARNING_SECONDS}


def registry(request: HttpRequest) -> dict[str, Any]:
    """`demo`, `version`, `cutoff` (date), `scope`, `scope_centers` (list of the reader's centers),
    `session` (seconds for its warning), `may` ({permission: bool}, held anywhere), `navigation` (sections), `tabs` ({section: pages}).
    """
    scope = current_scope()
    return {
        "demo": settings.DEMO,
        "version": settings.VERSION,
        "cutoff": current_cutoff(),
        "scope": scope,
        "may": {p.value: scope is not None and scope.may(p) for p in Permission},
        "session": _session(request),
        "navigation": navigation(scope) if scope else [],
        "tabs": {name: pages_of(name, scope) for name in TABS} if scope else {},
        "scope_centers": SimpleLazyObject(
            lambda: list(
                Center.objects.filter(id__in=scope.center_ids if scope else ()).order_by("code")
            )
        ),
    }
